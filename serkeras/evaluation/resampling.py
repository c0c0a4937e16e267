"""Bootstrap by speaker of any figure of a set of clips.

`serkeras.evaluation.intervals` does the same for accuracy, UAR and F1, faster.
"""

import warnings

import numpy as np

from serkeras.evaluation.intervals import BY_SPEAKER, FEW_SPEAKERS, LEVEL, units


def samples(statistic, speakers, n_boot=2000, seed=0):
    """Return a statistic of resamples in which whole speakers are drawn with replacement.

    Args:
        statistic: function from int array of rows (each as often as it was drawn) to a float or
            an array of them.
        speakers: `(clips,)` names, see `serkeras.evaluation.intervals.units`.
        n_boot: resamples.
        seed: of the drawing.

    Returns:
        float array `(n_boot, ...)`, and a dictionary that describes the method: `level`,
        `method`, `n_boot`, `seed` and `clusters` (speakers or clips drawn from).

    Source:
        Davison & Hinkley (1997), Bootstrap Methods, section 3.8.
    """
    codes, method = units(speakers)
    order = np.argsort(codes, kind="stable")
    rows = np.split(order, np.cumsum(np.bincount(codes))[:-1])
    rng, count = np.random.default_rng(seed), len(rows)
    drawn = [
        statistic(np.concatenate([rows[unit] for unit in rng.integers(count, size=count)]))
        for _ in range(n_boot)
    ]
    described = {"level": LEVEL, "method": method, "n_boot": int(n_boot), "seed": int(seed)}
    return np.asarray(drawn, dtype=float), {**described, "clusters": count}


def percentile(drawn):
    """Return the limits of the middle 95 % of resamples `(n_boot, ...)`; undefined ones left out.

    Returns:
        Two arrays `(...)`, or two floats.
    """
    tail = (1 - LEVEL) / 2
    with warnings.catch_warnings():  # what no resample defines has no limits
        warnings.filterwarnings("ignore", "All-NaN", RuntimeWarning)
        return np.nanquantile(drawn, tail, axis=0), np.nanquantile(drawn, 1 - tail, axis=0)


def measured(value, drawn):
    """Return `{"value", "low", "high"}` of a figure and its resamples, as plain floats."""
    low, high = percentile(drawn)
    return {"value": float(value), "low": float(low), "high": float(high)}


def figures(statistic, speakers, n_boot=2000, seed=0):
    """Return several figures with intervals.

    Args:
        statistic: function from rows to a dictionary of floats, always with the same names.
        speakers, n_boot, seed: as in `samples`.

    Returns:
        Dictionary from name to `{"value", "low", "high"}`, and the description of `samples`.
    """
    values = statistic(np.arange(len(speakers)))
    names = list(values)

    def numbers(rows):
        found = statistic(rows)
        return [found[name] for name in names]

    drawn, described = samples(numbers, speakers, n_boot, seed)
    found = {name: measured(values[name], drawn[:, i]) for i, name in enumerate(names)}
    return found, described


def sentence(described):
    """Return what a reader must know of intervals, see `samples`."""
    by_speaker = described["method"] == BY_SPEAKER
    unit = "speakers" if by_speaker else "clips"
    text = (
        f"Intervals hold the middle 95 % of {described['n_boot']} resamples of "
        f"{described['clusters']} {unit}."
    )
    if not by_speaker:
        return text + (
            " Speakers are unknown, or there is only one: for new speakers they are too narrow."
        )
    if described["clusters"] < FEW_SPEAKERS:
        text += (
            f" With fewer than {FEW_SPEAKERS} speakers they are **rough**, and rather too narrow."
        )
    return text
