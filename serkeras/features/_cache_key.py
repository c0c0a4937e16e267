"""What names an entry of the feature cache: contents and settings of its rows."""

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

import joblib

from serkeras import _files
from serkeras.features import _fill_rows

# Part of every key: raise it when the same inputs begin to give other features.
_FORMAT = 1


@dataclass(frozen=True)
class FileHash:
    """What a file held.

    Attributes:
        digest: SHA-256 of its bytes in hexadecimal digits, "" if it cannot be read.
        state: (bytes, time of change in ns) when it was hashed.
        reason: why it cannot be read, None if it can.
    """

    digest: str
    state: tuple[int, int]
    reason: str | None = None


def hash_files(paths, n_jobs=None):
    """Hash recordings, so that several calls of `extract` need not do it each.

    Args:
        paths: sequence of file names.
        n_jobs: int, threads; None is one a core.

    Returns:
        Dictionary from path to `FileHash`.
    """
    paths = list(dict.fromkeys(paths))
    # On this machine even where a cluster computes: the disk is the limit, not the processor.
    found = joblib.Parallel(n_jobs=-1 if n_jobs is None else n_jobs, backend="threading")(
        joblib.delayed(_hash_file)(path) for path in paths
    )
    return dict(zip(paths, found, strict=True))


def _hash_file(path):
    try:
        state = _fill_rows.file_state(path)
        return FileHash(_files.sha256(path), state)
    except OSError as error:
        reason = f"A recording must be a readable file. Received: {path} ({error.strerror})."
        return FileHash("", (0, 0), reason)


def key(job):
    """Return the name of a job's entry, 32 hexadecimal digits."""
    plan = job.plan
    described = {
        "format": _FORMAT,
        "audio": plan.audio.to_dict(),
        "features": plan.features.to_dict(),
        "augment": plan.augment
        and {"copies": plan.augment.copies, "transforms": with_contents(plan.augment.transforms)},
        "seed": plan.seed,
        "clips": [(source.clip, source.digest) for source in job.sources],
    }
    text = json.dumps(described, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def with_contents(value):
    """Return settings in which every text that names a file or folder has its content beside it.

    Recordings of noise are settings of a transform: other noise under the same name is another
    entry.

    Args:
        value: number, text, or sequences and dictionaries of them.

    Returns:
        Value of the same form; a text that names a file is `[text, [[name, SHA-256], ...]]`.
    """
    if isinstance(value, dict):
        # The name of a transform is no file, whatever lies in the present folder.
        return {k: item if k == "name" else with_contents(item) for k, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [with_contents(item) for item in value]
    if isinstance(value, str) and os.path.exists(value):
        return [value, _contents(Path(value))]
    return value


def _contents(path):
    files = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())
    hashes = hash_files(files)
    return [[file.relative_to(path).as_posix(), hashes[file].digest] for file in files]
