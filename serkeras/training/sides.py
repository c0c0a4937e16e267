"""Features and targets of the three sides of a split."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from serkeras.features import cache


@dataclass(frozen=True)
class Side:
    """What a network is given of one side.

    Attributes:
        x: float32 memory map `(all rows, bins, frames)`, shared by the sides.
        index: int array `(rows,)`, the rows of `x` that belong to this side; noisy copies are
            rows too.
        y: int32 array `(rows,)`, class indices.
        clips: array `(rows,)` of clip ids.
    """

    x: np.ndarray
    index: np.ndarray
    y: np.ndarray
    clips: np.ndarray

    @property
    def shape(self):
        """Shape of one clip's features, `(bins, frames, 1)`."""
        return (*self.x.shape[1:], 1)


@dataclass(frozen=True)
class Sides:
    """The three sides of a run.

    Attributes:
        train, validation, test: `Side`; only `train` holds noisy copies.
        failed: DataFrame of clips that were left out: path, reason.
        digest: hash of all that the sides hold, to know changed data by.
    """

    train: Side
    validation: Side
    test: Side
    failed: pd.DataFrame
    digest: str


def extract(split, labels, experiment, on_error, n_jobs, progress):
    """Compute or read the features of a split.

    All clips together make one cache entry, so that every split and seed finds it, and the
    `features` command too. Only noisy training clips are an entry of their own.

    Args:
        split: `serkeras.splits.Split`.
        labels: list of str, the classes in order.
        experiment: `serkeras.config.Experiment`.
        on_error, n_jobs, progress: as in `serkeras.train`.

    Returns:
        `Sides`.
    """
    options = {
        "audio": experiment.audio,
        "features": experiment.features,
        "seed": experiment.seed,
        "n_jobs": n_jobs,
        "on_error": on_error,
        "progress": progress,
    }
    clips = pd.concat(split.sides.values()).drop_duplicates("clip")
    clips = clips.sort_values("clip", ignore_index=True)
    whole = cache.extract(clips, **options)
    sources = dict.fromkeys(split.sides, whole)
    if experiment.augment.copies:
        sources["train"] = cache.extract(split.train, augment=experiment.augment, **options)
    found = {name: _side(source, split.sides[name], labels) for name, source in sources.items()}
    return Sides(**found, failed=whole.failed, digest=_digest(found, labels))


def extract_all(clips, labels, experiment, on_error, n_jobs, progress):
    """Compute or read the features of clips that no training has seen.

    Args:
        clips: manifest; every emotion is among `labels`.
        labels, experiment, on_error, n_jobs, progress: as in `extract`.

    Returns:
        `Side`, and a DataFrame of clips that were left out: path, reason.
    """
    whole = cache.extract(
        clips,
        audio=experiment.audio,
        features=experiment.features,
        n_jobs=n_jobs,
        on_error=on_error,
        progress=progress,
    )
    return _side(whole, clips, labels), whole.failed


def _side(source, clips, labels):
    index = np.flatnonzero(source.rows["clip"].isin(clips["clip"]))
    rows = source.rows.iloc[index]
    y = pd.Categorical(rows["emotion"], categories=labels).codes.astype(np.int32)
    return Side(source.x, index, y, rows["clip"].to_numpy(dtype=object))


def _digest(sides, labels):
    """Hash the sides; a cache entry's name already stands for contents and settings."""
    told = [
        [Path(side.x.filename).parent.name, side.clips.tolist(), side.y.tolist()]
        for side in sides.values()
    ]
    return hashlib.sha256(json.dumps([labels, told]).encode()).hexdigest()


def bin_statistics(side, chunk=256):
    """Return mean and variance of each bin over rows and frames, two float64 arrays `(bins,)`.

    Args:
        side: `Side`.
        chunk: rows read at once.
    """
    total, squares = 0.0, 0.0
    for start in range(0, len(side.index), chunk):
        part = side.x[side.index[start : start + chunk]].astype(np.float64)
        total = total + part.sum(axis=(0, 2))
        squares = squares + (part**2).sum(axis=(0, 2))
    count = len(side.index) * side.x.shape[2]
    mean = total / count
    return mean, np.maximum(squares / count - mean**2, 0.0)
