"""The command line; each command stands beside what it does."""

import argparse
import errno
import os
import sys
import textwrap
import warnings

from serkeras import __version__
from serkeras.cli import (
    app,
    attention,
    batch_size,
    cards,
    confidence,
    corpora_help,
    data,
    enrolment,
    ensembles,
    explain,
    export,
    groups,
    leaks,
    listening,
    protocols,
    robustness,
    runs,
    sharing,
    studies,
    tuning,
)

_COMMANDS = (
    data.add_data,
    data.add_audit,
    data.add_features,
    data.add_images,
    runs.add_recipes,
    runs.add_train,
    runs.add_evaluate,
    runs.add_predict,
    listening.add_timeline,
    listening.add_listen,
    export.add_export,
    sharing.add_share,
    sharing.add_box,
    ensembles.add_ensemble,
    attention.add_attention,
    explain.add_explain,
    batch_size.add_batch_size,
    tuning.add_tune,
    runs.add_demo,
    studies.add_study,
    groups.add_groups,
    confidence.add_confidence,
    corpora_help.add_corpora_help,
    robustness.add_robustness,
    enrolment.add_enrolment,
    protocols.add_protocols,
    leaks.add_leaks,
    cards.add_card,
    cards.add_report,
    app.add_app,
)
# Commands that go on from what an interrupted one has finished.
_RESUMING = (
    "corpora-help",
    "features",
    "images",
    "leaks",
    "box",
    "train",
    "demo",
    "study",
    "tune",
    "protocols",
    "robustness",
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
    except BrokenPipeError:  # whoever read our output has had enough, as `head` has
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (ValueError, OSError, RuntimeError, ImportError) as error:
        if arguments.traceback:
            raise
        print(f"serkeras: {_explain(error)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        goes_on = arguments.command in _RESUMING
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
    subparsers = parser.add_subparsers(
        title="commands", required=True, dest="command", metavar="COMMAND"
    )
    for add in _COMMANDS:
        add(subparsers)
    return parser
