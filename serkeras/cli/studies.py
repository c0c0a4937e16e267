"""The command `study`: list, show, run, status, report, compare."""

import json
import textwrap
from pathlib import Path

from serkeras._files import write_json
from serkeras.cli import options

_STUDY_HELP = "one of `study list`, a JSON file, or the folder of a study"
_SHOWN = 40  # pairs on the screen; the file has all


def add_study(subparsers):
    """Add the command `study` with its actions."""
    command = options.add_command(
        subparsers,
        "study",
        _list,
        "run many recipes, features, splits and seeds; make a table, heat maps and paired tests",
        """
        python -m serkeras study list                          the studies that ship with the kit
        python -m serkeras study show s0-features > my.json    a form to start an own study from
        python -m serkeras study run s0-features --jobs 2      again: goes on where it stopped
        python -m serkeras study status s0-features            from anywhere, at any time
        python -m serkeras study compare s0-features issa/mfcc cnn5/mfcc
        Give `run` in several terminals, or on machines that share the folder: they share the work.
        """,
    )
    actions = command.add_subparsers(
        title="actions", required=True, dest="action", metavar="ACTION"
    )
    _add_list(actions)
    _add_run(actions)
    _add_status(actions)
    _add_report(actions)
    _add_compare(actions)


def _add_list(actions):
    options.add_command(
        actions,
        "list",
        _list,
        "list the studies that ship with the kit",
        "python -m serkeras study list",
    )
    show = options.add_command(
        actions, "show", _show, "print a study as JSON", "python -m serkeras study show s0-features"
    )
    show.add_argument("study", help=_STUDY_HELP)


def _list(arguments):
    """Print the names of the studies, each with what it is about."""
    from serkeras import studies

    for name in studies.names():
        about = studies.load(name).about.split(". ")[0].rstrip(".")
        print(name, *textwrap.wrap(f"{about}.", 90), sep="\n    ")
    return 0


def _show(arguments):
    """Print the form of a study."""
    from serkeras import studies

    print(json.dumps(studies.load(arguments.study).form, indent=2, ensure_ascii=False))
    return 0


def _add_run(actions):
    command = options.add_command(
        actions,
        "run",
        _run,
        "train what is left of a study, then write its table, heat maps and report",
        """
        python -m serkeras study run s0-features
        python -m serkeras study run my.json --jobs 4
        python -m serkeras study run s0-features --only "*/mel+mfcc/random/*" --max-runs 3
        Exit code 1: some runs failed; the same command tries them again.
        """,
    )
    _add_place(command)
    command.add_argument(
        "--jobs", type=int, default=1, metavar="N", help="processes that train side by side (1)"
    )
    command.add_argument(
        "--only",
        action="append",
        metavar="PATTERN",
        help='runs whose name in `study status --all` matches, such as "cnn5/*/seed0"; again for '
        "more",
    )
    command.add_argument("--max-runs", type=int, metavar="N", help="stop after so many trainings")
    command.add_argument("--shuffle", action="store_true", help="take the runs in random order")
    command.add_argument(
        "--skip-broken", action="store_true", help="leave out clips that cannot be read"
    )
    command.add_argument("--quiet", action="store_true", help="no progress bar")


def _add_place(command):
    command.add_argument("study", help=_STUDY_HELP)
    command.add_argument(
        "--out", metavar="DIR", help="folder of the study (artifacts/studies/NAME)"
    )


def _place(arguments):
    """Return the study and its folder; a study named by its folder lives there."""
    from serkeras import studies

    study = studies.load(arguments.study)
    if arguments.out:
        return study, Path(arguments.out)
    return study, _own_folder(arguments.study) or studies.default_folder(study)


def _own_folder(name):
    path = Path(name)
    return path if (path / "study.json").is_file() else None


def _run(arguments):
    """Run a study."""
    from serkeras import studies

    study, out = _place(arguments)
    states = studies.run(
        study,
        out,
        jobs=arguments.jobs,
        only=arguments.only,
        max_runs=arguments.max_runs,
        shuffle=arguments.shuffle,
        on_error="skip" if arguments.skip_broken else "raise",
        progress=not arguments.quiet,
    )
    _print_counts(states)
    _print_troubles(states)
    print(f"report: {out / 'report.md'}")
    return int(any(state.kind in ("failed", "other experiment") for state in states))


def _print_counts(states):
    kinds = [state.kind for state in states]
    counts = ", ".join(f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds))
    print(f"{len(states)} runs: {counts}")


def _print_troubles(states):
    for state in states:
        if state.kind in ("failed", "other experiment"):
            print(f"  {state.kind}: {state.cell.id}: {' '.join(state.note.split())}")


def _add_status(actions):
    command = options.add_command(
        actions,
        "status",
        _status,
        "say what of a study is finished, running, failed and left",
        """
        python -m serkeras study status s0-features
        python -m serkeras study status artifacts/studies/s0-features --all
        """,
    )
    _add_place(command)
    command.add_argument("--all", action="store_true", help="name every run, not only the counts")


def _status(arguments):
    """Print how far a study is."""
    from serkeras import studies

    study, out = _place(arguments)
    states, strangers = studies.states(study, out)
    _print_counts(states)
    for state in states:
        if arguments.all or state.kind in ("running", "interrupted"):
            print(f"  {state.kind}: {state.cell.id}{state.note and ': '}{_line(state.note)}")
    if not arguments.all:
        _print_troubles(states)
    hours, unknown = studies.hours_left(states)
    if hours:
        more = f", and those of {', '.join(unknown)}" if unknown else ""
        print(f"left: about {hours:.1f} hours of training, one run at a time{more}")
    for path in strangers:
        print(f"of no run of the study as it is now: {path}")
    return int(any(state.kind in ("failed", "other experiment") for state in states))


def _line(text):
    return " ".join(text.split())


def _add_report(actions):
    command = options.add_command(
        actions,
        "report",
        _report,
        "write table, heat maps and report of what is finished",
        "python -m serkeras study report s0-features",
    )
    _add_place(command)


def _report(arguments):
    """Write the report."""
    from serkeras import studies

    study, out = _place(arguments)
    print(f"report: {studies.write_report(study, out)}")
    return 0


def _add_compare(actions):
    command = options.add_command(
        actions,
        "compare",
        _compare,
        "test two rows of a study, or every two, on the clips that both were tested on",
        """
        python -m serkeras study compare s0-features issa/mfcc cnn5/mfcc
        python -m serkeras study compare s0-features --split random    every two, Holm's correction
        python -m serkeras study compare s0-features --with svm/mfcc   every other row with this one
        """,
    )
    _add_place(command)
    command.add_argument("rows", nargs="*", metavar="ROW", help="two rows as RECIPE/FEATURES")
    command.add_argument("--split", help="label of a split (the study's first)")
    command.add_argument(
        "--with", dest="base", metavar="ROW", help="test every other row with this one, and draw it"
    )
    command.add_argument("--json", metavar="FILE", help="write the figures of two rows")


def _compare(arguments):
    """Test two rows, or all."""
    from serkeras import studies
    from serkeras.studies.comparison import describe

    asked = (len(arguments.rows), bool(arguments.base), bool(arguments.json))
    if asked not in ((2, False, False), (2, False, True), (0, False, False), (0, True, False)):
        raise ValueError(
            "`study compare` takes two rows, one after --with, or none for every two; --json goes "
            f"with two. Received: {len(arguments.rows)} rows, --with {arguments.base}, --json "
            f"{arguments.json}. Name rows as RECIPE/FEATURES."
        )
    study, out = _place(arguments)
    if arguments.base:
        _print_pairs(studies.compare_with(study, arguments.base, arguments.split, out))
        return 0
    if not arguments.rows:
        _print_pairs(studies.compare_all(study, arguments.split, out))
        return 0
    result = studies.compare(study, *arguments.rows, split=arguments.split, out=out)
    print(describe(result))
    if arguments.json:
        write_json(arguments.json, result)
    return 0


def _print_pairs(table):
    from serkeras.evaluation._markdown import limited

    shown = table[["a", "b", "runs", "units"]].copy()
    for name, word in (("uar", "UAR"), ("accuracy", "acc.")):
        shown[f"{word} a - b"] = [
            limited(row, name, "+", "difference") for _, row in table.iterrows()
        ]
        shown[f"p {word}"] = table[f"{name}_p"]
        shown[f"Holm {word}"] = table[f"{name}_p_holm"]
    print(shown.head(_SHOWN).to_string(index=False, float_format=lambda value: f"{value:.3g}"))
    print(f"\n{len(table)} pairs; Holm: corrected for {len(table)} tests of one measure.")
    print("p is of the exchange of two systems' answers speaker by speaker (clip by clip where")
    print("speakers are unknown), conditional on the networks trained here.")
