"""Entries of the feature cache: found whole, or filled by one process while others wait."""

import contextlib
import errno
import sys

import filelock

from serkeras import _files
from serkeras.features import _fill, _fill_rows


def find_or_fill(job, folder, n_jobs, progress):
    """Return what is noted of a whole entry, and {path: reason} of the clips it leaves out.

    An entry that leaves out a clip which can be used today is filled anew.

    Args:
        job: `serkeras.features._fill.Job`.
        folder: `pathlib.Path` of the entry.
        n_jobs: int, workers; -1 for all there are.
        progress: bool, show a bar.

    Raises:
        OSError: the disk is full, or a recording can be read at times only.
        RuntimeError: a recording was changed meanwhile.
    """
    outdated = None
    for _ in range(2):
        meta = _noted(folder)
        if meta is None or meta == outdated:
            meta = _fill_alone(job, folder, n_jobs, progress, outdated)
        left_out = set(meta["failed"])
        again = [source for source in job.sources if source.clip in left_out]
        damaged = _fill_rows.failures(job.plan, again)
        readable = [source.path for source in again if source.path not in damaged]
        if not readable:
            return meta, damaged
        outdated = meta
    raise OSError(
        "A recording must stay readable while its features are computed. "
        f"Received: {readable[0]}, which can be read at times only. Check its disk or drive."
    )


def _noted(folder):
    """Return meta.json of a published entry, None where its array is not there or cut off."""
    try:
        meta = _files.read_json(folder / "meta.json")
        return meta if (folder / "x.npy").stat().st_size == meta["bytes"] else None
    except FileNotFoundError:
        return None


def _fill_alone(job, folder, n_jobs, progress, outdated):
    """Fill an entry under its lock; whoever had to wait for the lock finds it filled."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with locked(folder.with_name(folder.name + ".lock"), progress):
            if _noted(folder) in (None, outdated):
                _fill.fill(job, folder, n_jobs, progress)
            return _noted(folder)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        needed = len(job.sources) * job.plan.clip_bytes / 1e6
        at_most = "at most " if job.plan.varies else ""
        raise OSError(
            "The disk must have room for the features. Received: no space left in "
            f"{folder.parent}, where they take {at_most}{needed:.0f} MB. "
            "Free some, or point SERKERAS_CACHE to another disk. Finished parts are kept: "
            "the same call goes on from there."
        ) from error


@contextlib.contextmanager
def locked(path, progress):
    """Hold a lock of the operating system on a file; wait for the process that holds it."""
    lock = filelock.FileLock(path)
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        if progress:
            print("Waiting for the process that computes these features ...", file=sys.stderr)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()
