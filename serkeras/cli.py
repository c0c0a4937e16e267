"""The command line: what can be asked. `serkeras.commands` does it."""

import argparse
import errno
import json
import os
import sys
import textwrap
import warnings

from serkeras import __version__, commands

_DATA_HELP = (
    "corpus: synthetic, ravdess, savee, tess, cremad, emodb, NAME=DIR, a CSV file (path, emotion "
    "and, where known, speaker) or a folder with one folder per emotion; give it again for more"
)
_SPLIT_HELP = (
    "speaker (default: no speaker on two sides), random, kfold:1/10, speaker-kfold:1/5, "
    "loso:SPEAKER, emobox:1, folds5:1, tfds or lists:FILE"
)


def main(argv=None):
    """Run the command line.

    Args:
        argv: list of words; None takes those of the process.

    Returns:
        Exit code: 0 all well; 1 done, but with findings or files left out; 2 not done, one
        message says why; 130 interrupted.
    """
    # TensorFlow greets with a page of notices unless told otherwise before its first import.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    arguments = _parser().parse_args(argv)
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning
            return arguments.run(arguments) or 0
    except (ValueError, OSError, RuntimeError, ImportError) as error:
        if arguments.traceback:
            raise
        print(f"serkeras: {_explain(error)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        goes_on = arguments.run in (commands.train, commands.features, commands.demo)
        hint = " The same command goes on from here." if goes_on else ""
        print(f"serkeras: interrupted.{hint}", file=sys.stderr)
        return 130


def _explain(error):
    """Return an error's text; the system's bare "No space left on device" gets a remedy."""
    if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT) and error.strerror:
        return (
            f"The disk must have room for the run. Received: {error}. Free some and give the "
            "same command again: what was finished is kept, and it goes on from there."
        )
    return error


def _show_warning(message, category, filename, lineno, file=None, line=None):
    """Print a warning as one line, without the place in the code."""
    print(f"serkeras: warning: {message}", file=sys.stderr)


def _parser():
    parser = argparse.ArgumentParser(
        prog="python -m serkeras",
        description="Speech emotion recognition in Keras, measured honestly.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=textwrap.dedent("""\
            first steps:
              python -m serkeras demo                      train on the built-in corpus
              python -m serkeras recipes                   what can be trained
              python -m serkeras train cnn2-transformer --data ravdess=~/RAVDESS
              python -m serkeras predict artifacts/runs/NAME my.wav
            every command has its own --help with examples.
            """),
    )
    parser.add_argument("--version", action="version", version=f"serkeras {__version__}")
    parser.add_argument(
        "--traceback", action="store_true", help="show where an error came from, for bug reports"
    )
    subparsers = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for add in (_data, _audit, _features, _recipes, _train, _evaluate, _predict, _demo):
        add(subparsers)
    return parser


def _command(subparsers, name, run, about, examples):
    command = subparsers.add_parser(
        name,
        help=about,
        description=about[0].upper() + about[1:] + ".",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="examples:\n" + textwrap.indent(textwrap.dedent(examples).strip(), "  "),
    )
    command.set_defaults(run=run)
    return command


def _add_data(command, default=None):
    command.add_argument(
        "--data", action="append", default=default, metavar="CORPUS", help=_DATA_HELP
    )


def _add_scheme(command):
    command.add_argument(
        "--label-scheme",
        choices=("own", "seven", "four"),
        help="emotions: the corpus's own; seven (calm counts as neutral, boredom is dropped); "
        "four (angry, happy, neutral, sad)",
    )


def _add_work(command):
    command.add_argument("--jobs", type=int, metavar="N", help="threads for features (all cores)")
    command.add_argument(
        "--skip-broken",
        action="store_true",
        help="leave out clips that cannot be read, and list them, instead of stopping",
    )
    command.add_argument("--quiet", action="store_true", help="no progress bars")


def _data(subparsers):
    command = _command(
        subparsers,
        "data",
        commands.data,
        "list the corpora, or show, download or tabulate one",
        """
        python -m serkeras data                        all corpora, and which are at hand
        python -m serkeras data ravdess                licence, counts, where to get it
        python -m serkeras data ravdess --download     fetch it, where that is allowed
        python -m serkeras data my.csv --csv clips.csv write the table of clips
        """,
    )
    command.add_argument("corpus", nargs="?", help=_DATA_HELP.split(";")[0])
    command.add_argument("--download", action="store_true", help="fetch and unpack the corpus")
    command.add_argument("--csv", metavar="FILE", help="write the manifest, one row a clip")
    _add_scheme(command)


def _audit(subparsers):
    command = _command(
        subparsers,
        "audit",
        commands.audit,
        "look for broken, silent, clipped, doubled and contradictory files",
        """
        python -m serkeras audit --data ravdess
        python -m serkeras audit --data my_folder --csv findings.csv
        """,
    )
    _add_data(command)
    command.add_argument("--csv", metavar="FILE", help="write the findings")
    command.add_argument("--quiet", action="store_true", help="no progress bar")


def _features(subparsers):
    command = _command(
        subparsers,
        "features",
        commands.features,
        "compute features into the cache, so that later runs start at once",
        """
        python -m serkeras features --data ravdess --feature mfcc
        python -m serkeras features --data tess --feature log_mel --set hop_length=256
        """,
    )
    _add_data(command)
    command.add_argument("--feature", default="mfcc", help="mfcc (default) or log_mel")
    _add_set(command, "hop_length=256", "a setting of the feature")
    _add_work(command)


def _add_set(command, example, about):
    command.add_argument(
        "--set",
        action="append",
        default=[],
        dest="settings",
        type=_assignment,
        metavar="NAME=VALUE",
        help=f"{about}, for instance {example}; give it again for more",
    )


def _assignment(text):
    """Parse "training.epochs=5" into ("training.epochs", 5); values are JSON or plain words."""
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise argparse.ArgumentTypeError(f"must be NAME=VALUE, received {text!r}")
    try:
        return name, json.loads(value)
    except json.JSONDecodeError:
        return name, value


def _recipes(subparsers):
    command = _command(
        subparsers,
        "recipes",
        commands.recipes,
        "list the published systems that can be trained, or show one",
        """
        python -m serkeras recipes
        python -m serkeras recipes cnn2-transformer
        """,
    )
    command.add_argument("recipe", nargs="?", help="name of a recipe, or a recipe file")


def _train(subparsers):
    command = _command(
        subparsers,
        "train",
        commands.train,
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
    _add_data(command)
    command.add_argument("--split", metavar="KIND", help=_SPLIT_HELP)
    command.add_argument("--seed", type=int, help="of split, noise, weights and order (0)")
    command.add_argument("--epochs", type=int, help="at most so many epochs")
    command.add_argument("--out", metavar="DIR", help="run folder (artifacts/runs/...)")
    command.add_argument(
        "--overwrite", action="store_true", help="replace a finished or other run in --out"
    )
    _add_set(command, "augment.copies=2", "any setting of the experiment")
    _add_scheme(command)
    _add_work(command)


def _evaluate(subparsers):
    command = _command(
        subparsers,
        "evaluate",
        commands.evaluate,
        "show a run's figures and write its report again, or measure it on another corpus",
        """
        python -m serkeras evaluate artifacts/runs/NAME
        python -m serkeras evaluate artifacts/runs/NAME --data emodb --json emodb.json
        """,
    )
    command.add_argument("run_folder", metavar="RUN", help="folder of a finished run")
    _add_data(command)
    command.add_argument("--json", metavar="FILE", help="write the figures")
    _add_work(command)


def _predict(subparsers):
    command = _command(
        subparsers,
        "predict",
        commands.predict,
        "say what emotion recordings carry",
        """
        python -m serkeras predict artifacts/runs/NAME clip.wav
        python -m serkeras predict artifacts/runs/NAME recordings/ --json
        Recordings that cannot be read are named and left out; the exit code is then 1.
        """,
    )
    command.add_argument("run_folder", metavar="RUN", help="folder of a finished run")
    command.add_argument("paths", nargs="+", metavar="PATH", help="recordings or folders of them")
    command.add_argument("--json", action="store_true", help="print JSON instead of a table")
    command.add_argument("--quiet", action="store_true", help="no progress bar")


def _demo(subparsers):
    command = _command(
        subparsers,
        "demo",
        commands.demo,
        "train and evaluate on the built-in corpus: a model, figures and a report in minutes",
        """
        python -m serkeras demo
        python -m serkeras demo --out /tmp/demo --overwrite
        """,
    )
    command.add_argument("--out", default="artifacts/runs/demo", metavar="DIR", help="run folder")
    command.add_argument("--overwrite", action="store_true", help="train again")
    command.add_argument("--quiet", action="store_true", help="no progress bars")
