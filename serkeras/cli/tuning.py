"""The command `tune`: a search for settings."""

import argparse
import json

from serkeras._files import read_json
from serkeras.cli import options


def add_tune(subparsers):
    """Add the command `tune`."""
    command = options.add_command(
        subparsers,
        "tune",
        tune,
        "search for the settings of a recipe; the test side is not read",
        """
        python -m serkeras tune cnn --data ravdess
        python -m serkeras tune cnn --data ravdess --workers 2 --confirm 3
        python -m serkeras tune cnn2 --data ravdess --tuner random --max-trials 30 --folds 5 \\
            --tune 'training.learning_rate={"min": 1e-5, "max": 1e-2, "log": true}' \\
            --tune 'features.n_mfcc={"values": [32, 64, 128]}'
        Again: goes on where it stopped. Another space, budget or data is another search.
        """,
    )
    command.add_argument("recipe", metavar="RECIPE", help="name of a recipe or a JSON file")
    options.add_data(command)
    command.add_argument("--split", metavar="KIND", help=options.SPLIT_HELP)
    command.add_argument("--seed", type=int, help="of the split and the first weights (0)")
    options.add_scheme(command)
    _add_space(command)
    _add_budget(command)
    options.add_set(command, "training.batch_size=64", "change a setting of every trial")
    command.add_argument("--out", metavar="FOLDER", help="where the search is kept")
    command.add_argument("--quiet", action="store_true", help="no progress bar")


def _add_space(command):
    command.add_argument("--space", metavar="FILE", help="JSON file with the space")
    command.add_argument(
        "--tune",
        action="append",
        default=[],
        type=_entry,
        metavar="NAME=ENTRY",
        help="one setting and what it may be, JSON; give it again for more",
    )


def _entry(text):
    name, equals, value = text.partition("=")
    try:
        return name, json.loads(value)
    except json.JSONDecodeError:
        raise argparse.ArgumentTypeError(
            f"""must be NAME=ENTRY with JSON such as {{"values": [1, 2]}}, received {text!r}"""
        ) from None


def _add_budget(command):
    command.add_argument("--tuner", help="hyperband (default), random, bayesian or grid")
    command.add_argument(
        "--objective", help="val_uar (default), val_accuracy, val_macro_f1 or val_loss"
    )
    whole = {
        "--max-trials": "trials of all tuners but hyperband (20)",
        "--max-epochs": "most epochs of a trial (30)",
        "--min-epochs": "of hyperband: epochs of the shortest trials (1)",
        "--factor": "of hyperband: 1 in so many goes on with so many times the epochs (3)",
        "--iterations": "of hyperband: how many times all of it (1)",
        "--folds": "judge trials on so many folds instead of the validation side",
        "--repeats": "fits a trial, with other first weights (1)",
    }
    for name, words in whole.items():
        command.add_argument(name, type=int, metavar="N", help=words)
    command.add_argument(
        "--workers", type=int, default=1, metavar="N", help="processes on this machine (1)"
    )
    command.add_argument(
        "--confirm",
        type=int,
        default=0,
        metavar="N",
        help="fit the N best choices again beside the recipe as it is, with intervals (0)",
    )


_FIELDS = (
    "tuner", "objective", "max_trials", "max_epochs", "min_epochs", "factor", "iterations", "folds",
    "repeats",
)  # fmt: skip


def tune(arguments):
    """Search, then print the best trials and where everything is."""
    import serkeras
    from serkeras.tuning import beginnings

    beginnings.take_terms_for_interrupts()
    asked = {name: getattr(arguments, name) for name in _FIELDS}
    space = {**(read_json(arguments.space) if arguments.space else {}), **dict(arguments.tune)}
    search = serkeras.tune(
        arguments.recipe,
        data=arguments.data,
        split=arguments.split,
        seed=arguments.seed,
        label_scheme=arguments.label_scheme,
        settings=dict(arguments.settings),
        space=space or None,
        out=arguments.out,
        workers=arguments.workers,
        confirm=arguments.confirm,
        progress=not arguments.quiet,
        **{name: value for name, value in asked.items() if value is not None},
    )
    columns = ["trial", search.plan.objective, "budget", *search.plan.space]
    print(search.table[columns].head(10).to_string(index=False))
    written = [name for name in ("report.md", "table.csv") if (search.folder / name).is_file()]
    print(f"\n{search.folder}: {', '.join(written) or 'no report yet, others may be at work'}")
    return int(not search.best())
