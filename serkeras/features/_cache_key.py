"""What names an entry of the feature cache: contents and settings of its rows."""

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

import joblib

from serkeras import _files, augment, datasets
from serkeras.features import _fill_rows, registry

# Part of every key: raise it when the same inputs begin to give other features.
_FORMAT = 2
# What audiomentations takes for audio, and what we do.
_ENDINGS = (*datasets.ENDINGS, ".aac", ".m4a", ".mp3", ".mp4")


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
    """Return the name of a job's entry, 32 hexadecimal digits.

    What decides no number is left out: jobs that give the same rows have one key.
    """
    plan = job.plan
    described = {
        "format": _FORMAT,
        "audio": _decisive_audio(plan.audio),
        "features": registry.decisive(plan.features, plan.audio.sample_rate),
        "augment": plan.augment
        and {"copies": plan.augment.copies, "transforms": with_contents(plan.augment.transforms)},
        "seed": plan.seed,
        "clips": [(source.clip, source.digest) for source in job.sources],
    }
    text = json.dumps(described, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _decisive_audio(audio):
    kept = audio.replace().to_dict()  # makes 60 and 60.0 one
    del kept["duration_s"]
    if not audio.trim_silence:
        del kept["trim_db"]
    if not audio.trim_start:  # as if the setting had never been
        del kept["trim_start"]
    return {**kept, "samples": audio.samples}


def with_contents(transforms):
    """Return transforms with what is in the files that they read.

    Recordings of noise are settings of a transform: other noise under the same name is another
    entry, the same noise in another place is the same one.

    Args:
        transforms: sequence of dictionaries, see `serkeras.config.AugmentConfig`.

    Returns:
        List of dictionaries: the paths of recorded noise are hashes of the recordings; beside
        every text of another transform that names a file or folder stands
        `[[name, SHA-256], ...]`, of the audio in it.
    """
    return [_with_contents(item) for item in transforms]


def _with_contents(item):
    if item["name"] == "recorded_noise":
        files = augment.files([item])
        hashes = hash_files(files)
        return {**item, "paths": [hashes[file].digest for file in files]}
    # The name of a transform is no file, whatever lies in the present folder.
    return {name: value if name == "name" else _texts(value) for name, value in item.items()}


def _texts(value):
    if isinstance(value, dict):
        return {name: _texts(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_texts(item) for item in value]
    if isinstance(value, str) and os.path.exists(value):
        return [value, _contents(Path(value))]
    return value


def _contents(path):
    below = (each for each in path.rglob("*") if each.name.lower().endswith(_ENDINGS))
    files = [path] if path.is_file() else sorted(each for each in below if each.is_file())
    hashes = hash_files(files)
    return [[file.relative_to(path).as_posix(), hashes[file].digest] for file in files]
