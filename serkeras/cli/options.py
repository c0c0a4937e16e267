"""Options that several commands share."""

import argparse
import json
import sys
import textwrap
from pathlib import Path

from serkeras._files import atomic_write

DATA_HELP = (
    "corpus: synthetic, ravdess, savee, tess, cremad, emodb, NAME=DIR, a CSV file (path, emotion "
    "and, where known, speaker) or a folder with one folder per emotion; give it again for more"
)

SPLIT_HELP = (
    "speaker (default: no speaker on two sides), random, kfold:1/10, speaker-kfold:1/5, "
    "loso:SPEAKER, statement:NAME, statement-kfold:1/5, speaker-statement:NAME, corpus:NAME (train "
    "on the others), emobox:1, folds5:1, tfds or lists:FILE"
)


def add_command(subparsers, name, run, about, examples):
    """Add a command with its examples; `run(arguments)` does it."""
    command = subparsers.add_parser(
        name,
        help=about,
        description=about[0].upper() + about[1:] + ".",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="examples:\n" + textwrap.indent(textwrap.dedent(examples).strip(), "  "),
    )
    command.set_defaults(run=run)
    return command


def add_data(command, default=None):
    """Add `--data`."""
    command.add_argument(
        "--data", action="append", default=default, metavar="CORPUS", help=DATA_HELP
    )


def add_scheme(command):
    """Add `--label-scheme`."""
    command.add_argument(
        "--label-scheme",
        choices=("own", "seven", "four"),
        help="emotions: the corpus's own; seven (calm counts as neutral, boredom is dropped); "
        "four (angry, happy, neutral, sad)",
    )


def add_work(command):
    """Add the options of long work."""
    command.add_argument("--jobs", type=int, metavar="N", help="threads for features (all cores)")
    command.add_argument(
        "--skip-broken",
        action="store_true",
        help="leave out clips that cannot be read, and list them, instead of stopping",
    )
    command.add_argument("--quiet", action="store_true", help="no progress bars")


def add_run_and_paths(command):
    """Add `[RUN] PATH...`; `run_and_paths` tells them apart."""
    command.add_argument(
        "words",
        nargs="+",
        metavar="[RUN] PATH",
        help="folder of a finished run, an exported file or hf://OWNER/NAME (the model in the box "
        "where there is none), then recordings or folders of them",
    )


def run_and_paths(words):
    """Return the run that a command names, None where it names none, and the recordings.

    Args:
        words: list of str; the first one is a run if it has the files of one, is an exported
            model, or an address on the hub; or if there are more, and it is neither there nor
            called like a recording: a run that is looked for in vain is named as one.

    Raises:
        ValueError: no recording is left.
    """
    from serkeras.datasets import ENDINGS
    from serkeras.serving.recogniser import is_model

    first = Path(words[0])
    sought = len(words) > 1 and not first.exists() and first.suffix.lower() not in ENDINGS
    named = is_model(words[0]) or sought
    run, paths = (words[0], words[1:]) if named else (None, words)
    if not paths:
        raise ValueError(
            f"At least one recording must be named. Received: the model {run} alone. Put a "
            "recording, or a folder of them, behind it."
        )
    return run, paths


def add_devices(command):
    """Add `--devices`."""
    command.add_argument(
        "--devices",
        type=_devices,
        metavar="all|N",
        help="share each batch out among so many devices of this machine (1; JAX, TensorFlow)",
    )


def _devices(text):
    """Parse "all" or a number."""
    if text == "all":
        return text
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be a number or 'all', received {text!r}") from None


def add_set(command, example, about):
    """Add `--set NAME=VALUE`."""
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


def write_csv(path, table):
    """Write a table and say so."""
    with atomic_write(path) as file:
        table.to_csv(file, index=False)
    print(f"{len(table)} rows in {path}")


def name_failed(failed):
    """Print (path, reason) pairs to stderr; return exit code 1 if there are any."""
    code = 0
    for _, reason in failed:
        print(f"left out: {reason}", file=sys.stderr)
        code = 1
    return code
