"""What a leak claims, beside what it must be compared with; arrays and tables only."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from serkeras.evaluation import intervals
from serkeras.studies.paired import draw

# Of two speakers only three resamples exist, and one of them is the sample itself.
LEAST_SPEAKERS = 3
_AT_ONCE = 250


@dataclass(frozen=True)
class Outcome:
    """What the fits of one leak said, over all seeds.

    Attributes:
        claim: table of answers (see `serkeras.leaks.bench.answers`), what would be published.
        reference: the same of the protocol without this leak.
        truth: the same of the leaky models on clips that they do not know; None if there are none.
        notes: sentences for the page.
    """

    claim: pd.DataFrame
    reference: pd.DataFrame
    truth: pd.DataFrame | None = None
    notes: tuple[str, ...] = field(default=())


def measure(outcome, n_boot=2000, seed=0):
    """Return UAR and accuracy of an outcome's tables, and what the leak costs.

    Each is the mean over the runs of a table. Resamples draw speakers, with all of their clips in
    all runs and tables at once, as many of each corpus as there are; where there are fewer than
    three speakers, clips (with their copies). A run of which a resample holds no clip, and a
    class of which a run holds none, do not count in that resample's mean.

    Args:
        outcome: `Outcome`.
        n_boot: resamples.
        seed: of the resampling.

    Returns:
        Dictionary: `claim`, `reference`, `truth` (None where there is none), `cost` (claim minus
        reference) and `cost_of_model` (claim minus truth), each a dictionary from "uar" and
        "accuracy" to `{"value", "low", "high"}`; `by_run` (the same names to lists of
        `{"run", "clips", "uar", "accuracy"}`); `intervals` (unit, units, level, n_boot, seed).
    """
    tables = {"claim": outcome.claim, "reference": outcome.reference}
    if outcome.truth is not None:
        tables["truth"] = outcome.truth
    units, strata, unit = _units(tables)
    labels = sorted(set().union(*(table["emotion"] for table in tables.values())))
    counts = {
        name: _counts(table, units[name], len(strata), labels) for name, table in tables.items()
    }
    samples = _resampled(counts, strata, n_boot, np.random.default_rng(seed))
    exact = {name: _values(np.ones((1, len(strata))), *each) for name, each in counts.items()}
    found = {name: _with_limits(exact[name], samples[name]) for name in tables}
    differences = {"cost": "reference", "cost_of_model": "truth"}
    for name, other in differences.items():
        found[name] = _difference(exact, samples, other) if other in tables else None
    return {
        "truth": None,
        **found,
        "by_run": {name: _by_run(table) for name, table in tables.items()},
        "intervals": {
            "unit": unit,
            "units": len(strata),
            "level": intervals.LEVEL,
            "n_boot": n_boot,
            "seed": seed,
        },
    }


def _units(tables):
    """Return {table: unit of each row, from 0}, the stratum of each unit, and what a unit is."""
    rows = pd.concat(tables.values(), keys=tables.keys())
    by_speaker = rows["speaker"].notna().all() and rows["speaker"].nunique() >= LEAST_SPEAKERS
    # Copies of a clip are named after it.
    keys = rows["speaker"] if by_speaker else rows["clip"].str.partition("~")[0]
    codes, names = pd.factorize(keys)
    strata = np.zeros(len(names), int)
    if by_speaker:
        strata[codes] = pd.factorize(rows["corpus"])[0]
    sizes = np.cumsum([len(table) for table in tables.values()])[:-1]
    parts = dict(zip(tables, np.split(codes, sizes), strict=True))
    return parts, strata, "speaker" if by_speaker else "clip"


def _counts(table, units, total, labels):
    """Return clips and right answers, each `(units, runs, classes)`."""
    truth = pd.Categorical(table["emotion"], categories=labels).codes
    runs, names = pd.factorize(table["run"])
    shape = (total, len(names), len(labels))
    flat = np.ravel_multi_index((units, runs, truth), shape)
    right = (table["emotion"] == table["predicted"]).to_numpy(float)
    size = int(np.prod(shape))
    support = np.bincount(flat, minlength=size).reshape(shape)
    return support.astype(float), np.bincount(flat, right, size).reshape(shape)


def _values(drawn, support, right):
    """Return {measure: `(resamples,)`} for counts of drawn units `(resamples, units)`."""
    shape = (len(drawn), *support.shape[1:])
    n = (drawn @ support.reshape(len(support), -1)).reshape(shape)
    k = (drawn @ right.reshape(len(right), -1)).reshape(shape)
    recalls, shares = _ratio(k, n), _ratio(k.sum(axis=-1), n.sum(axis=-1))
    return {"uar": _mean(_mean(recalls)), "accuracy": _mean(shares)}


def _resampled(counts, strata, n_boot, rng):
    parts = {name: [] for name in counts}
    for start in range(0, n_boot, _AT_ONCE):
        drawn = draw(strata, min(_AT_ONCE, n_boot - start), rng)
        for name, each in counts.items():
            parts[name].append(_values(drawn, *each))
    return {
        name: {key: np.concatenate([part[key] for part in found]) for key in found[0]}
        for name, found in parts.items()
    }


def _with_limits(exact, samples):
    tail = [(1 - intervals.LEVEL) / 2, (1 + intervals.LEVEL) / 2]
    found = {}
    for name, values in samples.items():
        low, high = np.nanquantile(values, tail)
        found[name] = {"value": float(exact[name][0]), "low": float(low), "high": float(high)}
    return found


def _difference(exact, samples, other):
    def less(values):
        return {name: values["claim"][name] - values[other][name] for name in values["claim"]}

    return _with_limits(less(exact), less(samples))


def _by_run(table):
    rows = []
    for run, part in table.groupby("run", sort=False):
        right = part["emotion"] == part["predicted"]
        rows.append(
            {
                "run": run,
                "clips": len(part),
                "uar": float(right.groupby(part["emotion"]).mean().mean()),
                "accuracy": float(right.mean()),
            }
        )
    return rows


def _ratio(k, n):
    return np.where(n > 0, k / np.maximum(n, 1), np.nan)


def _mean(values):
    known = ~np.isnan(values)
    return _ratio(np.where(known, values, 0).sum(axis=-1), known.sum(axis=-1))
