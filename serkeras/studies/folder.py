"""The folder of a study: which cells are finished, running, failed or left."""

import contextlib
import os
import platform
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

import filelock

from serkeras._files import read_json, write_json
from serkeras.runs import Run
from serkeras.studies.cells import expand, fingerprint
from serkeras.training import inherited

FINISHED, RUNNING, FAILED, STOPPED, LEFT, FOREIGN = (
    "finished", "running", "failed", "interrupted", "left", "other experiment",
)  # fmt: skip
CRASHED = "its process ended without a word, as if killed or crashed"


@dataclass(frozen=True)
class State:
    """How far one cell is.

    Attributes:
        cell: `serkeras.studies.Cell`.
        kind: "finished", "running", "failed", "interrupted", "left", or "other experiment":
            its folder holds a run with other settings, which stays as it is.
        folder: `pathlib.Path` of its run.
        note: why it failed, how far it is, or empty.
    """

    cell: object
    kind: str
    folder: Path
    note: str = ""


def default_folder(study):
    """Return where a study goes when nobody says: `artifacts/studies/NAME`."""
    return Path("artifacts/studies") / study.name


def begin(study, out):
    """Make the folder of a study and keep its form there.

    Raises:
        FileExistsError: see `check_free`.
    """
    with alone(out):
        _check_free(study, Path(out))
        write_json(Path(out) / "study.json", study.form)


def check_free(study, out):
    """Refuse a folder that a study must not be run in.

    Raises:
        FileExistsError: the folder holds another study or other files.
    """
    with alone(out):
        _check_free(study, Path(out))


def alone(out):
    """Hold the lock of a study: what another process has half made looks like somebody else's."""
    out = Path(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    return filelock.FileLock(out.parent / f".{out.name}.lock")


def _check_free(study, out):
    path = out / "study.json"
    if path.is_file():
        name = read_json(path).get("name")
        if name != study.name:
            raise FileExistsError(
                "A study needs its own folder. Received: "
                f"{out}, which holds the study {name!r}. Choose another folder with --out."
            )
    elif out.is_dir() and any(out.iterdir()):
        raise FileExistsError(
            "A study needs an empty folder, or its own. Received: "
            f"{out}, which holds other files. Choose another folder with --out."
        )


def states(study, out=None):
    """Return how far a study is.

    A cell is finished if any folder under `OUT/runs` holds a finished run of just its experiment,
    so that a new label or place in the study costs no run.

    Args:
        study: `Study`.
        out: folder of the study; None is `default_folder`.

    Returns:
        List of `State` in the order of `serkeras.studies.expand`, and the list of folders under
        `OUT/runs` that belong to no cell of the study (as it is now).
    """
    out = Path(out or default_folder(study))
    return look(expand(study), out)


def look(cells, out):
    """Like `states` for cells at hand."""
    found = _runs(out / "runs")
    ended = [run for run in found.values() if run and run.finished]
    finished = {fingerprint(run.experiment): run.folder for run in ended}
    result = [_state(cell, out, found, finished) for cell in cells]
    ours = {state.folder.name for state in result} | {cell.folder for cell in cells}
    return result, [out / "runs" / name for name in found if name not in ours]


def _runs(folder):
    """Return the runs under a folder by name; None for what cannot be read as one."""
    found = {}
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path.is_dir():
            found[path.name] = None
            with contextlib.suppress(ValueError, OSError, TypeError):
                found[path.name] = Run(path)
    return found


def _state(cell, out, found, finished):
    own, experiment = out / "runs" / cell.folder, inherited.named(cell.experiment)
    place = finished.get(fingerprint(experiment))
    if place:
        return State(cell, FINISHED, place)
    if is_held(out, cell):
        return State(cell, RUNNING, own, _epochs(own, cell.experiment))
    if not is_free(own, found.get(cell.folder), experiment):
        return State(cell, FOREIGN, own, f"{own} holds a run with other settings")
    past = record(out, cell)
    if past and past["state"] == FAILED:
        return State(cell, FAILED, own, past["reason"])
    if past or own.is_dir():
        return State(cell, STOPPED, own, _epochs(own, cell.experiment))
    return State(cell, LEFT, own)


def is_free(own, run, experiment):
    """Whether a cell may be trained in a folder: it is empty or holds this experiment.

    Args:
        own: `pathlib.Path` of the cell's run.
        run: `serkeras.runs.Run` that is there, or None.
        experiment: of the cell as its run keeps it, see `serkeras.training.inherited.named`.
    """
    if run is not None:
        return run.experiment == experiment
    return not own.is_dir() or not any(own.iterdir())


def _epochs(folder, experiment):
    """Say how many epochs are written, empty when there are none."""
    try:
        lines = (folder / "history.csv").read_text(encoding="utf-8").splitlines()[1:]
    except OSError:
        return ""
    last = lines[-1].split(",")[0] if lines else ""
    count = sum(line.startswith(f"{last},") for line in lines)
    most = experiment.training.epochs
    if last not in ("search", "final"):
        return f"{count} fits" if lines else ""
    return f"epoch {count} of the {last} fit, at most {most}"


@contextlib.contextmanager
def held(out, cell):
    """Hold a cell for this process; yields False at once where another process has it."""
    path = _cells(out, cell, ".lock")
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(path)
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        yield False
        return
    try:
        yield True
    finally:
        lock.release()


def is_held(out, cell):
    """Whether a process is at work on a cell; a killed one holds nothing."""
    if not _cells(out, cell, ".lock").is_file():
        return False
    with held(out, cell) as mine:
        return not mine


def record(out, cell):
    """Return what the last process wrote about a cell, or None."""
    with contextlib.suppress(FileNotFoundError):
        return read_json(_cells(out, cell, ".json"))
    return None


def write_record(out, cell, state, **facts):
    """Write who does what to a cell, for `states` and for whoever comes next."""
    who = {"process": os.getpid(), "machine": platform.node(), "time": time.time()}
    write_json(_cells(out, cell, ".json"), {"cell": cell.id, "state": state, **facts, **who})


def clear_record(out, cell):
    """Remove what was written about a cell: it is finished."""
    _cells(out, cell, ".json").unlink(missing_ok=True)


def _cells(out, cell, suffix):
    return Path(out) / "cells" / f"{cell.folder}{suffix}"


def hours_left(states):
    """Estimate the hours of training that a study has left, one run at a time.

    Args:
        states: list of `State`.

    Returns:
        Hours, from the mean of the finished runs of each recipe, and the sorted recipes that are
        left out of them for lack of a finished run.
    """
    seconds, waiting = {}, []
    for state in states:
        if state.kind == FINISHED:
            took = read_json(state.folder / "metrics.json")["run"]["seconds"]
            seconds.setdefault(state.cell.recipe, []).append(took)
        elif state.kind != FOREIGN:
            waiting.append(state.cell.recipe)
    known = sum(mean(seconds[recipe]) for recipe in waiting if recipe in seconds)
    return known / 3600, sorted(set(waiting) - set(seconds))
