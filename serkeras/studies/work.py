"""One process at work on the cells of a study, beside any number of others."""

import contextlib
import errno
import gc
import logging
import sys
import time
import traceback

from serkeras.runs import Run
from serkeras.studies import folder as folders
from serkeras.training import inherited

_DEATHS = 2  # processes that a cell may cost in one call
_PAUSE_S = 2.0  # before cells that other processes hold are looked at again


def work(cells, out, since, max_runs=None, on_error="raise", n_jobs=None, announce=None):
    """Train every cell that is not finished and that nobody else holds.

    Cells that other processes hold are looked at again at the end, until they are finished or
    free: a killed process holds nothing.

    Args:
        cells: list of `Cell`.
        out: folder of the study, `pathlib.Path`.
        since: seconds since the epoch; what failed after that is not tried again.
        max_runs: int, trainings at most; None is all.
        on_error, n_jobs: as in `serkeras.train`.
        announce: function called with each cell before it is trained.

    Yields:
        Pairs of a cell and "finished", "failed" or "other experiment".

    Raises:
        OSError: the disk is full; the other cells would only fail too.
    """
    pending, trained = list(cells), 0
    while pending and trained != max_runs:
        busy = []
        for cell in pending:
            if trained == max_runs:
                return
            with folders.held(out, cell) as mine:
                kind = _standing(out, cell, since) if mine else folders.RUNNING
                if kind == folders.LEFT:
                    if announce:
                        announce(cell)
                    kind = _train(out, cell, since, on_error, n_jobs)
                    trained += 1
            if kind == folders.RUNNING:
                busy.append(cell)
            else:
                yield cell, kind
        pending = busy
        if pending and trained != max_runs:
            time.sleep(_PAUSE_S)


def _standing(out, cell, since):
    """Return the kind of a cell that this process holds; "left" if it is to be trained."""
    own, run = out / "runs" / cell.folder, None
    with contextlib.suppress(ValueError, OSError, TypeError):
        run = Run(own)
    if not folders.is_free(own, run, inherited.named(cell.experiment)):
        return folders.FOREIGN
    if run and run.finished:
        folders.clear_record(out, cell)
        return folders.FINISHED
    past = folders.record(out, cell)
    if past and past["state"] == folders.FAILED and past["time"] >= since:
        return folders.FAILED
    if _deaths(out, cell, since) >= _DEATHS:
        folders.write_record(out, cell, folders.FAILED, reason=folders.CRASHED)
        return folders.FAILED
    return folders.LEFT


def _deaths(out, cell, since):
    """Return how many processes ended while they trained a cell, one after another."""
    past = folders.record(out, cell)
    died = past and past["state"] == folders.RUNNING and past["time"] >= since
    return past["deaths"] + 1 if died else 0


def _train(out, cell, since, on_error, n_jobs):
    """Train a cell; what goes wrong is recorded, for the study goes on."""
    from serkeras.training import train

    folders.write_record(out, cell, folders.RUNNING, deaths=_deaths(out, cell, since))
    own = out / "runs" / cell.folder
    try:
        with _without_advice():
            train(cell.experiment, out=own, on_error=on_error, n_jobs=n_jobs, progress=False)
    except Exception as error:  # whatever it is: one cell must not stop a study of hundreds
        if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
            raise
        reason = f"{type(error).__name__}: {error}"
        folders.write_record(
            out, cell, folders.FAILED, reason=reason, traceback=traceback.format_exc()
        )
        return folders.FAILED
    finally:
        _forget()
    folders.clear_record(out, cell)
    return folders.FINISHED


@contextlib.contextmanager
def _without_advice():
    """Keep TensorFlow from advising against many networks in one process: it is our task."""
    logger = logging.getLogger("tensorflow")

    def keep(record):
        return "triggered tf.function retracing" not in record.getMessage()

    logger.addFilter(keep)
    try:
        yield
    finally:
        logger.removeFilter(keep)


def _forget():
    """Let go of the networks of a run: Keras and its backend keep them otherwise."""
    if "keras" in sys.modules:
        sys.modules["keras"].utils.clear_session()  # which collects garbage too
    else:
        gc.collect()
