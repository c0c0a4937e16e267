"""Differences between two groups of clips, tested as the recordings allow; arrays only.

Women and men are different speakers: whole speakers are drawn within each group, and exchanged
between the groups. Both statements are said by the same speakers: each is compared with itself.
"""

import math
from itertools import combinations

import numpy as np

from serkeras.evaluation.intervals import LEVEL
from serkeras.studies.paired import sign_flip

EXACT = 20_000  # ways to deal out speakers that are all counted
_RANDOM = 10_000
_NOISE = 1e-11
MEASURES = ("uar", "accuracy")


def tally(units, truth, right, classes, kept=None):
    """Count clips and right answers of each unit and class.

    Args:
        units: int array `(clips,)` from 0, speakers or clips.
        truth: int array `(clips,)`.
        right: bool or float array `(clips,)`.
        classes: int.
        kept: bool array `(clips,)`, which clips count; None is all.

    Returns:
        Two float arrays `(units, classes)`: clips, right answers.
    """
    flat, size = units * classes + truth, (int(units.max()) + 1) * classes
    counted = np.ones(len(flat)) if kept is None else kept.astype(float)
    return tuple(
        np.bincount(flat, weights=weights, minlength=size).reshape(-1, classes)
        for weights in (counted, counted * right)
    )


def measure(clips, hits, name):
    """Return UAR or accuracy of counts.

    Args:
        clips, hits: float arrays `(..., classes)`.
        name: "uar" (the mean recall of the classes that there are) or "accuracy".

    Returns:
        float array `(...)`, NaN where there is no clip.
    """
    if name == "accuracy":
        return _ratio(hits.sum(axis=-1), clips.sum(axis=-1))
    recalls, present = hits / np.maximum(clips, 1), clips > 0
    return _ratio(np.where(present, recalls, 0).sum(axis=-1), present.sum(axis=-1))


def _ratio(above, below):
    return np.where(below > 0, above / np.maximum(below, 1), np.nan)


def between(clips, hits, first, name, n_boot=2000, seed=0):
    """Test two groups of different units (speakers).

    Args:
        clips, hits: float arrays `(units, classes)`, see `tally`; hits may be means over models.
        first: bool array `(units,)`, who belongs to the first group.
        name: "uar" or "accuracy".
        n_boot, seed: of the resampling.

    Returns:
        Dictionary of `value` (first minus second), `low`, `high`, `p`, `exact`, `smallest_p`. With
        one unit in a group there is no interval and no p: they are None.

    Source:
        Davison & Hinkley (1997), Bootstrap Methods, sections 3.2 (samples drawn apart) and 4.3
        (permutation); p of random permutations: Phipson & Smyth (2010), Statistical Applications
        in Genetics and Molecular Biology 9.
    """
    difference = _Difference(clips, hits, name)
    value = difference(first[None].astype(float), (~first)[None].astype(float))[0]
    if min(first.sum(), (~first).sum()) < 2:
        return {"value": float(value), **dict.fromkeys(("low", "high", "p", "exact", "smallest_p"))}
    rng = np.random.default_rng(seed)
    drawn = difference(_draw(first, n_boot, rng), _draw(~first, n_boot, rng))
    low, high = np.nanquantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    p, exact, smallest = _permutation(difference, first, value, rng)
    return {
        "value": float(value), "low": float(low), "high": float(high), "p": p, "exact": exact,
        "smallest_p": smallest,
    }  # fmt: skip


class _Difference:
    """The difference of a measure of two groups, given how often each unit is in either."""

    def __init__(self, clips, hits, name):
        self._clips, self._hits, self._name = clips, hits, name

    def __call__(self, first, second):
        a, b = (
            measure(weights @ self._clips, weights @ self._hits, self._name)
            for weights in (first, second)
        )
        return a - b


def _draw(members, n_boot, rng):
    """Return how often each unit of a group is drawn, `(n_boot, units)`."""
    count = int(members.sum())
    return rng.multinomial(count, members / count, size=n_boot).astype(float)


def _permutation(difference, first, value, rng):
    units, size = len(first), int(first.sum())
    ways = math.comb(units, size)
    exact = ways <= EXACT
    if exact:
        chosen = np.array(list(combinations(range(units), size)))
    else:
        chosen = np.argsort(rng.random((_RANDOM, units)), axis=1)[:, :size]
    dealt = np.zeros((len(chosen), units))
    np.put_along_axis(dealt, chosen, 1.0, axis=1)
    beyond = int((np.abs(difference(dealt, 1 - dealt)) >= abs(value) - _NOISE).sum())
    if not exact:
        return (beyond + 1) / (_RANDOM + 1), False, 1 / (_RANDOM + 1)
    # Groups of one size can change places, which turns the sign and no more.
    return beyond / ways, True, (2 if 2 * size == units else 1) / ways


def within(first, second, name, n_boot=2000, seed=0):
    """Test two groups of clips of the same units (speakers), each unit against itself.

    Args:
        first, second: pairs of float arrays `(units, classes)`, see `tally`. A unit counts if it
            has clips of one class in both; of each unit only such classes count.
        name: "uar" or "accuracy".
        n_boot, seed: of the resampling.

    Returns:
        Dictionary as of `between`; `value` is the mean over the units.
    """
    both = (first[0] > 0) & (second[0] > 0)
    a, b = (measure(clips * both, hits * both, name) for clips, hits in (first, second))
    parts = (a - b)[both.any(axis=1)]
    if len(parts) < 2:
        value = float(parts.mean()) if len(parts) else None
        return {"value": value, **dict.fromkeys(("low", "high", "p", "exact", "smallest_p"))}
    rng = np.random.default_rng(seed)
    drawn = parts[rng.integers(len(parts), size=(n_boot, len(parts)))].mean(axis=1)
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    p, exact = sign_flip(parts, seed=seed)
    return {
        "value": float(parts.mean()), "low": float(low), "high": float(high), "p": float(p),
        "exact": exact, "smallest_p": min(1.0, 2.0 ** (1 - len(parts))),
    }  # fmt: skip
