"""Means over clips with intervals that know that clips of one speaker belong together."""

import numpy as np

from serkeras.evaluation import intervals, resampling
from serkeras.evaluation.intervals import LEVEL


def mean(values, speakers, n_boot=2000, seed=0):
    """Return the mean of one number a clip, with a percentile interval.

    Whole speakers are drawn with replacement; clips where speakers are unknown or only one.

    Args:
        values: float array `(clips,)`, or `(clips, numbers)` for several means at once.
        speakers: `(clips,)` names; missing values mean unknown.
        n_boot: resamples.
        seed: of the resampling.

    Returns:
        Dictionary of value, low and high: floats, or lists of `numbers`.

    Source:
        Davison & Hinkley (1997), Bootstrap Methods, section 3.8.
    """
    values = np.asarray(values, float)
    unit, _ = intervals.units(speakers)
    count = np.bincount(unit).astype(float)
    flat = values.reshape(len(values), -1)
    sums = np.stack([np.bincount(unit, weights=column) for column in flat.T], axis=1)
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(len(count), np.full(len(count), 1 / len(count)), n_boot).astype(float)
    means = (drawn @ sums) / (drawn @ count)[:, None]
    low, high = resampling.percentile(means)
    found = {"value": flat.mean(axis=0), "low": low, "high": high}
    return {
        name: numbers.tolist() if values.ndim > 1 else float(numbers[0])
        for name, numbers in found.items()
    }


def method(speakers, n_boot=2000, seed=0):
    """Return how `mean` finds its intervals, as `serkeras.evaluation.resampling.samples` tells."""
    unit, name = intervals.units(speakers)
    described = {"level": LEVEL, "method": name, "n_boot": n_boot, "seed": seed}
    return {**described, "clusters": int(unit.max()) + 1}
