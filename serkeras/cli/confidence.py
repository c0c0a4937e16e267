"""The command that says how far a run's probabilities can be trusted."""

from serkeras.cli import options


def add_confidence(subparsers):
    """Add the command `confidence`."""
    command = options.add_command(
        subparsers,
        "confidence",
        confidence,
        "say how far a run's probabilities can be trusted",
        """
        python -m serkeras confidence artifacts/runs/NAME
        Calibration and its temperature, top-k accuracy, what is left wrong when doubtful answers
        are withheld, sets of emotions that hold the truth as often as asked for, listeners.
        """,
    )
    command.add_argument("run_folder", metavar="RUN", help="folder of a finished run")


def confidence(arguments):
    """Write the analysis and print the figures that matter most."""
    from serkeras.confidence import measure_confidence
    from serkeras.ensembles import open_run
    from serkeras.evaluation import analysis

    run = open_run(arguments.run_folder)
    result = measure_confidence(run)
    found = result["calibration"]
    degree = found["temperature"]
    print(f"temperature  {_line(degree)}")
    for name, word in (("ece_width", "ECE"), ("log_loss", "log loss")):
        print(f"{word:<11}  {_line(found['before'][name])} -> {_line(found['after'][name])}")
    print(f"AURC         {_line(result['selective']['aurc'])}")
    print(f"page: {analysis.place(run, 'confidence') / analysis.PAGE}")


def _line(row):
    return f"{row['value']:.3f} [{row['low']:.3f}, {row['high']:.3f}]"
