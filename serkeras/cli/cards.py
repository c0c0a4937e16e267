"""The commands that write cards and the one page of a run: card, report."""

from serkeras.cli import options


def add_card(subparsers):
    """Add the command `card`."""
    command = options.add_command(
        subparsers,
        "card",
        card,
        "describe a run and its recordings: a model card for hubs and a card of its data",
        """
        python -m serkeras card artifacts/runs/NAME
        python -m serkeras card --data ravdess --data tess --label-scheme seven
        """,
    )
    command.add_argument("run_folder", metavar="RUN", nargs="?", help="folder of a finished run")
    options.add_data(command)
    options.add_scheme(command)
    command.add_argument("--out", metavar="DIR", help="folder of the card of data")
    command.add_argument("--jobs", type=int, metavar="N", help="threads (all cores)")
    command.add_argument("--quiet", action="store_true", help="no progress bar")


def card(arguments):
    """Write the cards."""
    from serkeras import cards
    from serkeras.ensembles import open_run

    given = {"n_jobs": arguments.jobs, "progress": not arguments.quiet, "out": arguments.out}
    if bool(arguments.run_folder) == bool(arguments.data):
        raise ValueError(
            "A card must be of a run or of data. Received: "
            f"{'both' if arguments.data else 'neither'}. Give a run's folder, or --data."
        )
    if arguments.data:
        print(
            cards.data_card(arguments.data, label_scheme=arguments.label_scheme or "own", **given)
        )
        return 0
    run, left_out = open_run(arguments.run_folder), []
    try:
        print(cards.model_card(run))
    except ValueError as error:
        left_out.append(("model card", str(error)))
    print(cards.data_card(run, **given))
    return options.name_failed(left_out)


def add_report(subparsers):
    """Add the command `report`."""
    command = options.add_command(
        subparsers,
        "report",
        report,
        "gather a run's report, analyses and cards into one HTML page",
        """
        python -m serkeras report artifacts/runs/NAME
        python -m serkeras report artifacts/runs/NAME --all     makes what is missing first
        """,
    )
    command.add_argument("folder", metavar="RUN", help="folder of a run, or of an analysis")
    command.add_argument("--out", metavar="FILE", help="default: report.html in the folder")
    command.add_argument(
        "--all",
        action="store_true",
        help="first make the cards and all analyses that the run does not have yet",
    )
    command.add_argument("--quiet", action="store_true", help="no progress bars")


def report(arguments):
    """Write the page."""
    from serkeras import cards

    left_out = {}
    if arguments.all:
        left_out = cards.analyse(arguments.folder, progress=not arguments.quiet)
    print(cards.write_page(arguments.folder, arguments.out))
    return options.name_failed(left_out.items())
