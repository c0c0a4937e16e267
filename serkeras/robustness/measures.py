"""UAR and accuracy over levels of damage, with intervals that draw whole speakers."""

from functools import cached_property

import numpy as np

from serkeras.evaluation import intervals, resampling
from serkeras.evaluation.intervals import LEVEL

MEASURES = ("uar", "accuracy")
_TAIL = ((1 - LEVEL) / 2, (1 + LEVEL) / 2)


class Resamples:
    """The same resamples of speakers for everything that is measured on some clips.

    So differences between two levels, two damages or two runs are paired: each resample hears
    the same speakers everywhere. A resample that misses a class takes its mean over the others.

    Args:
        truth: int array `(clips,)` of class indices.
        speakers: `(clips,)` names; where one is missing, or there is one only, clips are drawn.
        n_boot: resamples.
        seed: of the resampling.

    Source:
        Davison & Hinkley (1997), Bootstrap Methods, section 3.8 (whole clusters drawn).
    """

    def __init__(self, truth, speakers, n_boot=2000, seed=0):
        self.truth = np.asarray(truth)
        self.units, method = intervals.units(speakers)
        self.count = int(self.units.max()) + 1
        rng = np.random.default_rng(seed)
        drawn = rng.multinomial(self.count, np.full(self.count, 1 / self.count), size=n_boot)
        # The first row is the sample itself.
        self._weights = np.vstack([np.ones(self.count), drawn])
        self._support = self._weights @ self._by_unit(np.ones((1, len(self.truth))))[:, 0]
        self.described = {
            "level": LEVEL, "method": method, "n_boot": n_boot, "seed": seed,
            "clusters": self.count,
        }  # fmt: skip

    @cached_property
    def chance(self):
        """UAR of always giving the same answer."""
        return 1 / len(np.unique(self.truth))

    def of(self, right):
        """Measure some rows of answers.

        Args:
            right: bool array `(rows, clips)`, whether each answer is right.

        Returns:
            Dictionary from "uar" and "accuracy" to float array `(1 + n_boot, rows)`: the value,
            then those of the resamples.
        """
        shape = (len(self._weights), len(right), -1)
        tally = self._by_unit(np.asarray(right, float))
        hits = (self._weights @ tally.reshape(self.count, -1)).reshape(shape)
        support = self._support[:, None]
        present = support > 0
        recalls = np.where(present, hits / np.maximum(support, 1), 0)
        return {
            "uar": recalls.sum(axis=-1) / present.sum(axis=-1),
            "accuracy": hits.sum(axis=-1) / support.sum(axis=-1),
        }

    def _by_unit(self, values):
        """Return sums `(units, rows, classes)` of values `(rows, clips)`."""
        sums = np.zeros((self.count, int(self.truth.max()) + 1, len(values)))
        np.add.at(sums, (self.units, self.truth), values.T)
        return sums.swapaxes(1, 2)


def interval(samples):
    """Return `{"value", "low", "high"}` of a value and its resamples `(1 + n_boot,)`."""
    return resampling.measured(samples[0], samples[1:])


def half_position(curves, clean, chance):
    """Return where half of what is above chance is lost, in steps of the levels.

    Args:
        curves: float array `(rows, levels)` of UAR, the harmless level first.
        clean: float array `(rows,)`, UAR of the undamaged recordings.
        chance: UAR of no skill.

    Returns:
        float array `(rows,)`: 0 is the first level, 1.5 halfway between the second and the
        third; the first place where the curve falls to the half. Infinite where it never does;
        0 where there is nothing to lose.
    """
    half = (chance + clean) / 2
    below = curves <= half[:, None]
    first = below.argmax(axis=1)
    rows, before = np.arange(len(curves)), np.maximum(first - 1, 0)
    high, low = curves[rows, before], curves[rows, first]
    share = np.divide(high - half, high - low, out=np.zeros_like(half), where=high > low)
    place = np.where(first > 0, before + share, 0.0)
    place = np.where(below.any(axis=1), place, np.inf)
    return np.where(clean <= chance, 0.0, place)


def half_level(curves, clean, chance, levels):
    """Return the level at which half of the gain over chance is lost, with its interval.

    Args:
        curves, clean, chance: see `half_position`, the value's row first.
        levels: the numbers of the levels.

    Returns:
        `{"value", "early", "late"}`, levels between two by straight lines; None is beyond the
        severest level. `early` is the end of the interval on the harmless side.
    """
    places = half_position(curves, clean, chance)
    # Not between two of them: one may be infinite.
    ends = np.quantile(places[1:], _TAIL, method="inverted_cdf")
    steps = np.arange(len(levels))
    return {
        name: None if np.isinf(place) else float(np.interp(place, steps, levels))
        for name, place in zip(("value", "early", "late"), (places[0], *ends), strict=True)
    }


def measure(resamples, right, right_clean, levels):
    """Measure one damage.

    Args:
        resamples: `Resamples`.
        right: bool array `(levels, clips)`.
        right_clean: bool array `(clips,)`, of the undamaged recordings.
        levels: the numbers of the levels.

    Returns:
        Dictionary, and the resamples of the area, of UAR, `(1 + n_boot,)`. The dictionary has
        "levels", a list of `{"level", "uar", "accuracy", "uar_lost", "accuracy_lost"}` (lost:
        clean minus damaged, paired), "area" and "area_lost" of either measure (the mean over the
        levels), and "half_level".
    """
    curves, clean = resamples.of(right), resamples.of(right_clean[None])
    rows = []
    for index, level in enumerate(levels):
        row = {"level": level}
        for name in MEASURES:
            row[name] = interval(curves[name][:, index])
            row[f"{name}_lost"] = interval(clean[name][:, 0] - curves[name][:, index])
        rows.append(row)
    areas = {name: curves[name].mean(axis=1) for name in MEASURES}
    found = {
        "levels": rows,
        "area": {name: interval(areas[name]) for name in MEASURES},
        "area_lost": {name: interval(clean[name][:, 0] - areas[name]) for name in MEASURES},
        "half_level": half_level(curves["uar"], clean["uar"][:, 0], resamples.chance, levels),
    }
    return found, areas["uar"]
