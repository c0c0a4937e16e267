"""Paired statistics of two systems that judged the same clips; arrays only.

Clips of one speaker resemble each other, and over several seeds one clip is judged more than
once. So the unit that is drawn or exchanged is the speaker, with all of its clips in all runs.
"""

from dataclasses import dataclass

import numpy as np

from serkeras.evaluation.intervals import LEVEL

EXACT_UNITS = 30  # all 2^30 exchanges are counted within a second
_NOISE = 1e-11
_AT_ONCE = 4_000_000  # numbers in memory


@dataclass(frozen=True)
class Judged:
    """What two systems said of the same clips.

    Attributes:
        truth: int array `(clips,)` of class indices; a clip of two runs comes twice.
        a, b: int arrays `(clips,)`, what each system said.
        runs: int array `(clips,)`, the run (seed and fold) of each clip, from 0.
        units: int array `(clips,)`, the speaker of each clip, from 0 (the clip itself where
            speakers are unknown).
    """

    truth: np.ndarray
    a: np.ndarray
    b: np.ndarray
    runs: np.ndarray
    units: np.ndarray

    @property
    def gain(self):
        """Int array `(clips,)`: 1 where only `a` is right, -1 where only `b` is."""
        right_a, right_b = self.a == self.truth, self.b == self.truth
        return right_a.astype(int) - right_b.astype(int)

    def weights(self, measure):
        """Return what a right answer adds to the mean over the runs of "uar" or "accuracy"."""
        cells = self.runs if measure == "accuracy" else self.runs * self._classes + self.truth
        _, cell, count = np.unique(cells, return_inverse=True, return_counts=True)
        # Of each run: its clips for accuracy, its classes times the clips of the class for UAR.
        share = 1 / count[cell]
        if measure == "uar":
            pairs = np.unique(np.stack([self.runs, self.truth]), axis=1)[0]
            share = share / np.bincount(pairs)[self.runs]
        return share / len(np.unique(self.runs))

    @property
    def _classes(self):
        return int(self.truth.max()) + 1

    def counts(self):
        """Return support and gain `(units, runs, classes)`, float."""
        shape = (int(self.units.max()) + 1, int(self.runs.max()) + 1, self._classes)
        flat = np.ravel_multi_index((self.units, self.runs, self.truth), shape)
        size = int(np.prod(shape))
        support = np.bincount(flat, minlength=size).reshape(shape)
        gain = np.bincount(flat, weights=self.gain, minlength=size).reshape(shape)
        return support.astype(float), gain


def contributions(judged, measure):
    """Return what each unit adds to the difference a - b of the mean over the runs.

    The supports of the classes are the same for both systems, so UAR, like accuracy, is a sum
    over clips, and exchanging the answers for a unit turns the sign of its part.

    Args:
        judged: `Judged`.
        measure: "uar" or "accuracy".

    Returns:
        Float array `(units,)`; its sum is the difference.
    """
    return np.bincount(judged.units, weights=judged.gain * judged.weights(measure))


def draw(strata, size, rng):
    """Draw units with replacement, from each stratum as many as it has.

    Args:
        strata: int array `(units,)`, from 0: what a resample must have as much of as there is, such
            as corpora.
        size: resamples.
        rng: `numpy.random.Generator`.

    Returns:
        Float array `(size, units)`, how often each unit is drawn.
    """
    drawn = np.zeros((size, len(strata)))
    for stratum in range(strata.max() + 1):
        inside = np.flatnonzero(strata == stratum)
        chances = np.full(len(inside), 1 / len(inside))
        drawn[:, inside] = rng.multinomial(len(inside), chances, size=size)
    return drawn


def bootstrap(judged, n_boot=2000, seed=0, strata=None):
    """Percentile interval of the difference a - b; both systems see the same resampled units.

    A run of which a resample holds no clip, and a class of which a run holds none, do not count
    in that resample's mean.

    Args:
        judged: `Judged`.
        n_boot: resamples.
        seed: of the resampling.
        strata: int array `(units,)`, see `draw`; None is one stratum.

    Returns:
        Dictionary from "uar" and "accuracy" to (low, high).

    Source:
        Bisani & Ney (2004), Bootstrap estimates for confidence intervals in ASR performance
        evaluation, ICASSP (paired resampling); drawing of whole clusters: Davison & Hinkley
        (1997), Bootstrap Methods, section 3.8.
    """
    support, gain = judged.counts()
    units, shape = len(support), support.shape[1:]
    rng = np.random.default_rng(seed)
    strata = np.zeros(units, int) if strata is None else strata
    samples = {"uar": [], "accuracy": []}
    step = max(1, _AT_ONCE // max(units, support[0].size))
    for start in range(0, n_boot, step):
        size = min(step, n_boot - start)
        drawn = draw(strata, size, rng)
        n = (drawn @ support.reshape(units, -1)).reshape(size, *shape)
        d = (drawn @ gain.reshape(units, -1)).reshape(size, *shape)
        samples["uar"].append(_mean(_mean(_ratio(d, n))))
        samples["accuracy"].append(_mean(_ratio(d.sum(axis=-1), n.sum(axis=-1))))
    tail = [(1 - LEVEL) / 2, (1 + LEVEL) / 2]
    limits = {name: np.quantile(np.concatenate(s), tail) for name, s in samples.items()}
    return {name: (float(low), float(high)) for name, (low, high) in limits.items()}


def _ratio(d, n):
    return np.where(n > 0, d / np.maximum(n, 1), np.nan)


def _mean(values):
    """Return the mean over the last axis of what is defined, NaN where nothing is."""
    known = ~np.isnan(values)
    return _ratio(np.where(known, values, 0).sum(axis=-1), known.sum(axis=-1))


def sign_flip(parts, n_random=100_000, seed=0):
    """Two-sided p-value of a sum under all exchanges of the two systems, unit by unit.

    If it made no difference which system judged a speaker, each part could as well have the
    other sign. p is the share of the 2^units sign patterns whose sum is as far from 0 as the one
    seen: counted exactly for up to 30 units that differ (sums of two halves, sorted), otherwise
    of random patterns, with the pattern seen among them.

    Args:
        parts: float array `(units,)`, see `contributions`.
        n_random: random patterns where there are too many for an exact count.
        seed: of the random patterns.

    Returns:
        p, and whether it is exact.

    Source:
        Fisher (1935), The Design of Experiments, section 21; Noreen (1989), Computer-Intensive
        Methods for Testing Hypotheses (exchange of two systems' answers); whole clusters
        exchanged: Winkler et al. (2015), NeuroImage 123; p of random patterns: Phipson & Smyth
        (2010), Statistical Applications in Genetics and Molecular Biology 9.
    """
    sizes = np.abs(parts)
    # Sums that are equal, or 0, may differ in their last bits; true parts are far larger.
    sizes = sizes[sizes > _NOISE]
    bound = abs(parts.sum()) - _NOISE
    if bound <= 0:
        return 1.0, True
    if len(sizes) <= EXACT_UNITS:
        return _exact(sizes, bound), True
    rng, beyond = np.random.default_rng(seed), 0
    step = max(1, _AT_ONCE // len(sizes))
    for start in range(0, n_random, step):
        signs = rng.integers(0, 2, size=(min(step, n_random - start), len(sizes))) * 2 - 1
        beyond += int((np.abs(signs @ sizes) >= bound).sum())
    return (beyond + 1) / (n_random + 1), False


def _exact(sizes, bound):
    half = len(sizes) // 2
    left, right = _all_sums(sizes[:half]), np.sort(_all_sums(sizes[half:]))
    above = len(right) - np.searchsorted(right, bound - left, side="left")
    return 2 * int(above.sum()) / 2 ** len(sizes)


def _all_sums(sizes):
    sums = np.zeros(1)
    for size in sizes:
        sums = np.concatenate([sums - size, sums + size])
    return sums


def mcnemar(judged):
    """Exact test of whether clips that only one system got right are as often those of either.

    It takes every clip of every run as independent, which clips of one speaker are not: its p is
    rather too small.

    Returns:
        Clips that only `a` got right, clips that only `b` got right, p.

    Source:
        McNemar (1947), Psychometrika 12; for classifiers Dietterich (1998), Approximate
        Statistical Tests, Neural Computation 10.
    """
    from scipy.stats import binomtest

    only_a, only_b = int((judged.gain > 0).sum()), int((judged.gain < 0).sum())
    if only_a + only_b == 0:
        return 0, 0, 1.0
    return only_a, only_b, float(binomtest(only_a, only_a + only_b).pvalue)


def holm(p_values):
    """Adjust p-values of several tests so that the chance of any false finding stays bounded.

    Args:
        p_values: float array `(tests,)`.

    Returns:
        Float array `(tests,)`, at least as large.

    Source:
        Holm (1979), Scandinavian Journal of Statistics 6.
    """
    p_values = np.asarray(p_values, dtype=float)
    order = np.argsort(p_values, kind="stable")
    steps = p_values[order] * np.arange(len(p_values), 0, -1)
    adjusted = np.empty_like(p_values)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted
