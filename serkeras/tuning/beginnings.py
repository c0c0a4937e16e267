"""How often a trial was begun without an end, so that one which ends its process is given up."""

import contextlib
import os
import platform
import signal
import threading

from serkeras._files import read_json, write_json
from serkeras.tuning.trials import RESULT

FILE = "begun.json"
_DEATHS = 2  # processes that a trial may cost, one after another, without getting further


@contextlib.contextmanager
def counted(own, before=None):
    """Count a beginning of a trial until the block ends, well or with an exception.

    What the system ends (for want of memory, above all) leaves its beginning behind; Ctrl-C does
    not. An epoch or a fit that is new since the last beginning starts the count anew: a trial that
    gets further each time comes to its end.

    Args:
        own: `pathlib.Path` of the trial.
        before: folder of the trial that it goes on from, or None.

    Raises:
        RuntimeError: the trial has ended so many processes that it is not begun again.
    """
    path, done = own / FILE, _done(own, before)
    past = read_json(path) if path.is_file() else {"done": None}
    deaths = past["times"] if past["done"] == done else 0
    if deaths >= _DEATHS:
        raise RuntimeError(
            f"A trial must not end its process. Received: this one did so {deaths} times without "
            "getting further, probably for want of memory. Take what needs so much out of the "
            "space (large batches, wide layers, long clips), or search with more memory in "
            "another folder (--out)."
        )
    begun = {"times": deaths + 1, "done": done, "process": os.getpid(), "node": platform.node()}
    write_json(path, begun)
    try:
        yield
    finally:
        _take_back(path, begun)


def take_terms_for_interrupts():
    """Let SIGTERM, by which queues and shutdowns end a process, end a trial as Ctrl-C does."""
    if threading.current_thread() is not threading.main_thread():
        return  # where Python allows no other handlers
    for name in ("SIGTERM", "SIGHUP"):
        if hasattr(signal, name):  # Windows knows one of them
            signal.signal(getattr(signal, name), signal.default_int_handler)


def pardon(folder, process):
    """Take back what a process had begun that was ended from outside, not by its trial.

    Args:
        folder: `pathlib.Path` of the search.
        process: int, its number in the system.
    """
    for path in folder.glob(f"trials/*/{FILE}"):
        with contextlib.suppress(FileNotFoundError):  # another process has just ended its trial
            begun = read_json(path)
            if (begun["process"], begun["node"]) == (process, platform.node()):
                _take_back(path, begun)


def _take_back(path, begun):
    if begun["times"] == 1:
        path.unlink(missing_ok=True)
    else:
        write_json(path, {**begun, "times": begun["times"] - 1, "process": None})


def _done(own, before):
    """Return what a trial has finished by itself, fits and epochs, as names of files."""
    epochs = "part*/checkpoints/search-*.keras"
    # Its first checkpoint is a copy of the one that it goes on from.
    copied = _names(before, epochs) if before else set()
    return sorted(_names(own, f"part*/{RESULT}") | (_names(own, epochs) - copied))


def _names(folder, pattern):
    return {path.relative_to(folder).as_posix() for path in folder.glob(pattern)}
