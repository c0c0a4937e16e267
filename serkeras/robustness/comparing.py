"""Runs against each other on the same damaged recordings."""

import itertools

import numpy as np

from serkeras.robustness.measures import interval
from serkeras.studies import paired

CLEAN, MEAN = "clean", "mean of all damages"


def compare(resamples, named):
    """Test every two runs: the area under the curve of UAR, damage by damage.

    Args:
        resamples: `serkeras.robustness.measures.Resamples` of their clips.
        named: dictionary from run to a dictionary from damage (and "clean") to the classes
            named, int array `(levels, clips)`.

    Returns:
        List of dictionaries, one a pair and damage, the clean recordings and the mean of all
        damages among them: a, b, damage, uar_a, uar_b, difference (`{"value", "low", "high"}`),
        lost (how much less `a` loses of its own clean UAR, likewise), p, exact, p_holm (over
        all rows of damages; clean and mean stand alone and have none).
    """
    rows = []
    for a, b in itertools.combinations(named, 2):
        rows += _pair(resamples, a, b, named[a], named[b])
    tests = [row for row in rows if row["damage"] not in (CLEAN, MEAN)]
    for row, p in zip(tests, paired.holm([row["p"] for row in tests]), strict=True):
        row["p_holm"] = float(p)
    return rows


def _pair(resamples, name_a, name_b, a, b):
    areas, parts = {}, {}
    for damage in a:
        areas[damage] = [_area(resamples, each[damage]) for each in (a, b)]
        parts[damage] = _parts(resamples, a[damage], b[damage])
    damages = [damage for damage in a if damage != CLEAN]
    areas[MEAN] = list(np.mean([areas[damage] for damage in damages], axis=0))
    parts[MEAN] = np.mean([parts[damage] for damage in damages], axis=0)
    return [_row(name_a, name_b, each, areas, parts) for each in (CLEAN, *damages, MEAN)]


def _area(resamples, named):
    return resamples.of(named == resamples.truth)["uar"].mean(axis=1)


def _parts(resamples, a, b):
    """Return what each speaker adds to the difference of the areas, see `paired`."""
    levels, clips = a.shape
    judged = paired.Judged(
        truth=np.tile(resamples.truth, levels),
        a=a.ravel(),
        b=b.ravel(),
        runs=np.repeat(np.arange(levels), clips),
        units=np.tile(resamples.units, levels),
    )
    return paired.contributions(judged, "uar")


def _row(name_a, name_b, damage, areas, parts):
    of_a, of_b = areas[damage]
    clean_a, clean_b = areas[CLEAN]
    p, exact = paired.sign_flip(parts[damage])
    return {
        "a": name_a,
        "b": name_b,
        "damage": damage,
        "uar_a": float(of_a[0]),
        "uar_b": float(of_b[0]),
        "difference": interval(of_a - of_b),
        "lost": interval((clean_b - of_b) - (clean_a - of_a)),
        "p": float(p),
        "exact": exact,
    }
