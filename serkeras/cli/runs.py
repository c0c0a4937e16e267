"""The commands about systems and runs: recipes, train, evaluate, predict, demo."""

import json
import sys

from serkeras._files import write_json
from serkeras.cli import options


def add_recipes(subparsers):
    """Add the command `recipes`."""
    command = options.add_command(
        subparsers,
        "recipes",
        recipes,
        "list the published systems that can be trained, or show one",
        """
        python -m serkeras recipes
        python -m serkeras recipes cnn2-transformer
        """,
    )
    command.add_argument("recipe", nargs="?", help="name of a recipe, or a recipe file")


def recipes(arguments):
    """List the recipes, or print one whole."""
    from serkeras import recipes as shelf

    if arguments.recipe is None:
        for name in shelf.names():
            print(f"{name}\n    {shelf.describe(name)['about']}.")
        return 0
    facts = shelf.describe(arguments.recipe)
    experiment = shelf.load(arguments.recipe).to_dict()
    print(json.dumps({**facts, "experiment": experiment}, indent=2))
    return 0


def add_train(subparsers):
    """Add the command `train`."""
    command = options.add_command(
        subparsers,
        "train",
        train,
        "train a recipe, evaluate it once on the test side, write a run folder with a report",
        """
        python -m serkeras train cnn2-transformer
        python -m serkeras train cnn2-transformer --data ravdess --split speaker --seed 1
        python -m serkeras train cnn --data my.csv --set training.batch_size=16
        python -m serkeras train cnn2 --data ravdess --data tess --label-scheme seven
        An interrupted run goes on from its last epoch when the command is given again.
        """,
    )
    command.add_argument("recipe", help="one of `python -m serkeras recipes`, or a recipe file")
    options.add_data(command)
    command.add_argument("--split", metavar="KIND", help=options.SPLIT_HELP)
    command.add_argument("--seed", type=int, help="of split, noise, weights and order (0)")
    command.add_argument("--epochs", type=int, help="at most so many epochs (of a network)")
    options.add_devices(command)
    command.add_argument("--out", metavar="DIR", help="run folder (artifacts/runs/...)")
    command.add_argument(
        "--overwrite", action="store_true", help="replace a finished or other run in --out"
    )
    options.add_set(command, "augment.copies=2", "any setting of the experiment")
    options.add_scheme(command)
    options.add_work(command)


def train(arguments):
    """Train a recipe."""
    import serkeras

    settings = dict(arguments.settings)
    if arguments.epochs is not None:
        settings["training.epochs"] = arguments.epochs
    if arguments.devices is not None:
        settings["training.devices"] = arguments.devices
    run = serkeras.train(
        arguments.recipe,
        data=arguments.data,
        split=arguments.split,
        seed=arguments.seed,
        out=arguments.out,
        label_scheme=arguments.label_scheme,
        settings=settings,
        overwrite=arguments.overwrite,
        on_error="skip" if arguments.skip_broken else "raise",
        n_jobs=arguments.jobs,
        progress=not arguments.quiet,
    )
    print_figures(run.metrics)
    print(f"report: {run.folder / 'report.md'}")
    return 1 if (run.folder / "failed.csv").is_file() else 0


def print_figures(metrics):
    """Print the figures of metrics.json with their intervals."""
    names = {"uar": "UAR", "accuracy": "accuracy", "macro_f1": "macro F1", "top2": "top-2"}
    for key, name in names.items():
        figure = metrics[key]
        print(f"{name:<9} {figure['value']:.3f}  [{figure['low']:.3f}, {figure['high']:.3f}]")
    print(f"95 % intervals: {metrics['intervals']['method']}")


def add_evaluate(subparsers):
    """Add the command `evaluate`."""
    command = options.add_command(
        subparsers,
        "evaluate",
        evaluate,
        "show a run's figures and write its report again, or measure it on another corpus",
        """
        python -m serkeras evaluate artifacts/runs/NAME
        python -m serkeras evaluate artifacts/runs/NAME --data emodb --json emodb.json
        """,
    )
    command.add_argument("run_folder", metavar="RUN", help="folder of a finished run")
    options.add_data(command)
    command.add_argument("--json", metavar="FILE", help="write the figures")
    options.add_work(command)


def evaluate(arguments):
    """Show a run again, or measure it on other data."""
    import serkeras
    from serkeras import ensembles
    from serkeras.evaluation import report

    run = ensembles.open_run(arguments.run_folder)
    joined = isinstance(run, serkeras.Ensemble)
    if not arguments.data:
        metrics, code = run.metrics, 0
        if not joined:  # an ensemble's is written when it is joined
            report.write(run.folder)
        print(f"report: {run.folder / 'report.md'}")
    else:
        metrics = serkeras.evaluate(
            run,
            arguments.data,
            on_error="skip" if arguments.skip_broken else "raise",
            n_jobs=arguments.jobs,
            progress=not arguments.quiet,
        )
        code = _print_left_out(metrics["left_out"])
    print_figures(metrics)
    if arguments.json:
        write_json(arguments.json, metrics)
    return code


def _print_left_out(left_out):
    """Name what was not judged; return exit code 1 if recordings could not be read."""
    for emotion, count in left_out["unknown_emotions"].items():
        print(f"left out: {count} clips of {emotion}, unknown to the model", file=sys.stderr)
    for path in left_out["unreadable"]:
        print(f"left out: {path}, unreadable", file=sys.stderr)
    return int(bool(left_out["unreadable"]))


def add_predict(subparsers):
    """Add the command `predict`."""
    command = options.add_command(
        subparsers,
        "predict",
        predict,
        "say what emotion recordings carry",
        """
        python -m serkeras predict clip.wav                         by the model in the box
        python -m serkeras predict artifacts/runs/NAME clip.wav
        python -m serkeras predict artifacts/runs/NAME recordings/ --json
        A recording is cut as a clip in training; one of two clip lengths or more is heard in
        windows that overlap by half, whose probabilities are averaged.
        Recordings that cannot be read are named and left out; the exit code is then 1.
        """,
    )
    options.add_run_and_paths(command)
    command.add_argument("--json", action="store_true", help="print JSON instead of a table")
    command.add_argument(
        "--one-speaker",
        action="store_true",
        help="all recordings are of one speaker: a run that normalises by speaker takes theirs",
    )
    command.add_argument("--quiet", action="store_true", help="no progress bar")


def predict(arguments):
    """Print a table or JSON of what the model says."""
    import serkeras

    run, paths = options.run_and_paths(arguments.words)
    table = serkeras.predict(
        run,
        paths,
        on_error="skip",
        progress=not arguments.quiet,
        one_speaker=arguments.one_speaker,
    )
    if arguments.json:
        print(json.dumps(table.to_dict("records"), indent=2))
    elif len(table):
        print(table.to_string(index=False, float_format=lambda value: f"{value:.3f}"))
    return options.name_failed(table.attrs["failed"])


def add_demo(subparsers):
    """Add the command `demo`."""
    command = options.add_command(
        subparsers,
        "demo",
        demo,
        "train and evaluate on the built-in corpus: a model, figures and a report in minutes",
        """
        python -m serkeras demo
        python -m serkeras demo --out /tmp/demo --overwrite
        """,
    )
    command.add_argument("--out", default="artifacts/runs/demo", metavar="DIR", help="run folder")
    command.add_argument("--overwrite", action="store_true", help="train again")
    command.add_argument("--quiet", action="store_true", help="no progress bars")


def demo(arguments):
    """Train on the built-in corpus and show what came out."""
    import serkeras
    from serkeras.runs import Run

    try:
        run = Run(arguments.out)
    except FileNotFoundError:
        run = None
    if run is None or not run.finished or arguments.overwrite:
        run = serkeras.train(
            "cnn2-transformer",
            out=arguments.out,
            settings={"training.epochs": 40, "training.patience": 10, "training.retrain": False},
            overwrite=arguments.overwrite,
            progress=not arguments.quiet,
        )
    print_figures(run.metrics)
    some = run.predictions["path"].iloc[:: max(1, len(run.predictions) // 5)].head(5)
    table = serkeras.predict(run, list(some))
    print(table.to_string(index=False, float_format=lambda value: f"{value:.2f}"))
    print(f"model:   {run.folder / 'model.keras'}")
    print(f"figures: {run.folder / 'figures'}")
    print(f"report:  {run.folder / 'report.md'}")
    return 0
