"""Figures over the answers of all runs of a protocol, resampled by speaker within each corpus."""

import numpy as np
import pandas as pd

from serkeras._files import read_json
from serkeras.evaluation import intervals
from serkeras.runs import Run
from serkeras.studies import paired

_AT_ONCE = 500  # resamples in memory
_MEASURES = {"uar": intervals.uar, "accuracy": intervals.accuracy}
_COLUMNS = [
    "recipe",
    "protocol",
    "fold",
    "seed",
    "clip",
    "corpus",
    "speaker",
    "emotion",
    "predicted",
]


def answers(states):
    """Return what finished runs said of their test clips.

    Args:
        states: list of `serkeras.studies.State`, all finished.

    Returns:
        DataFrame with one row an answer: clip, corpus, speaker, emotion (the truth), predicted,
        recipe, protocol, fold, seed.
    """
    found = [
        Run(state.folder)
        .predictions[_COLUMNS[4:]]
        .assign(
            recipe=state.cell.recipe,
            protocol=state.cell.split,
            fold=state.cell.fold,
            seed=state.cell.seed,
        )
        for state in states
    ]
    return pd.concat(found, ignore_index=True)


def new_on_test(states, clips):
    """Return what of the test side neither training nor validation has, in all of some runs.

    Args:
        states: list of `serkeras.studies.State`, all finished.
        clips: manifest of their data.

    Returns:
        Tuple of "speakers", "statements" and "corpora" (where there are several) that are new.
        Unknown ones are not; statements of another corpus are, as in `serkeras.splits`.
    """
    rows = _keyed(clips).set_index("clip")
    columns = {"speakers": "speaker", "statements": "statement"}
    if clips["corpus"].nunique() > 1:
        columns["corpora"] = "corpus"
    columns = {name: column for name, column in columns.items() if column in rows}
    found = {name: rows[column].notna().all() for name, column in columns.items()}
    for state in states:
        split = read_json(state.folder / "split.json")
        seen, tested = rows.loc[split["train"] + split["validation"]], rows.loc[split["test"]]
        for name, column in columns.items():
            found[name] &= not set(seen[column]) & set(tested[column])
        found["speakers"] &= split["speaker_disjoint"] is not None  # weights may know them
    return tuple(name for name, new in found.items() if new)


def _keyed(clips):
    """Return clips whose statements carry their corpus: codes mean other words elsewhere."""
    if "statement" not in clips:
        return clips
    keys = clips["corpus"].astype(str) + "-" + clips["statement"].astype(str)
    return clips.assign(statement=keys.where(clips["statement"].notna()))


def measure(table, labels, n_boot=2000, seed=0):
    """Return pooled figures of answers, with 95 % intervals.

    Whole speakers are drawn with all their clips in all runs, from each corpus as many as it has:
    the interval answers "what if other speakers had been recorded?" for the networks trained here.

    Args:
        table: rows of `answers`, of one recipe and protocol.
        labels: list of the classes.
        n_boot: resamples.
        seed: of the resampling.

    Returns:
        Dictionary of `uar` and `accuracy` (each `{"value", "low", "high"}`), `unit` ("speaker" or
        "clip"), `units`, `fewest` (units of the smallest corpus), `clips` (different ones) and
        `answers`.

    Source:
        As of `serkeras.evaluation.intervals.bootstrap`, which this equals for one corpus.
    """
    whole, drawn, strata, unit = samples(table, labels, n_boot, seed)
    return {
        **{name: limited(whole[name], drawn[name]) for name in _MEASURES},
        "unit": unit,
        "units": len(strata),
        "fewest": int(np.bincount(strata).min()),
        "clips": int(table["clip"].nunique()),
        "answers": len(table),
    }


def samples(table, labels, n_boot, seed):
    """Return UAR and accuracy of answers, and of resamples of them.

    Args:
        table, labels, n_boot, seed: as of `measure`.

    Returns:
        Two dictionaries of `uar` and `accuracy`: floats, and float arrays `(n_boot,)`. Int array
        `(units,)`, the corpus of each unit that is drawn; and what is drawn, "speaker" or "clip".
    """
    units, strata, unit = _units(table)
    counts = _count(table, units, len(strata), labels)
    drawn, whole = _resample(strata, [counts], n_boot, seed)[0], counts.sum(axis=0)
    figures = ({name: of(each) for name, of in _MEASURES.items()} for each in (whole, drawn))
    return *figures, strata, unit


def difference(table, other, n_boot=2000, seed=0):
    """Return how far one protocol lies above another, on the clips that both were tested on.

    Each answer is set against the share of right answers that the other protocol gave of the same
    clip, so that easy clips and voices leave the difference. Speakers are drawn as in `measure`.

    Args:
        table, other: rows of `answers` of the two.
        n_boot, seed: as of `measure`.

    Returns:
        Dictionary of `uar` and `accuracy` (each `{"value", "low", "high"}`), `unit`, `units` and
        `clips` (that both were tested on); None where there is no such clip.
    """
    share = (other["predicted"] == other["emotion"]).groupby(other["clip"]).mean()
    both = table[table["clip"].isin(share.index)]
    if both.empty:
        return None
    gain = (both["predicted"] == both["emotion"]) - both["clip"].map(share)
    units, strata, unit = _units(both)
    classes = pd.factorize(both["emotion"])[0]
    counts = [np.zeros((len(strata), classes.max() + 1)) for _ in range(2)]
    for each, values in zip(counts, (1.0, gain.to_numpy()), strict=True):
        np.add.at(each, (units, classes), values)
    drawn, whole = _resample(strata, counts, n_boot, seed), [each.sum(axis=0) for each in counts]
    return {
        **{name: limited(of(*whole), of(*drawn)) for name, of in _GAINS.items()},
        "unit": unit,
        "units": len(strata),
        "clips": int(both["clip"].nunique()),
    }


def _gain_of_uar(support, gain):
    """Return the mean over the classes that occur of `gain / support`, last axis."""
    present = support > 0
    return (gain / np.where(present, support, 1)).sum(axis=-1) / present.sum(axis=-1)


def _gain_of_accuracy(support, gain):
    return gain.sum(axis=-1) / support.sum(axis=-1)


_GAINS = {"uar": _gain_of_uar, "accuracy": _gain_of_accuracy}


def _units(table):
    """Return who is drawn.

    Returns:
        Int array `(answers,)`, the unit of each; int array `(units,)`, the corpus of each; and
        "speaker", or "clip" where a speaker is unknown or there is one only.
    """
    known = table["speaker"].notna().all() and table["speaker"].nunique() > 1
    unit = "speaker" if known else "clip"
    units = pd.factorize(table[unit])[0]
    first = np.unique(units, return_index=True)[1]
    return units, pd.factorize(table["corpus"].iloc[first].astype(str))[0], unit


def _count(table, units, number, labels):
    """Return float array `(number, classes, classes)`: answers of each unit, rows the truth."""
    strange = {*table["emotion"], *table["predicted"]} - set(labels)
    if strange:
        raise ValueError(
            "Runs must have the emotions of the clips at hand. Received: answers of "
            f"{sorted(strange)}, which no clip has now. Restore the data, or choose another folder "
            "with --out."
        )
    places = {label: place for place, label in enumerate(labels)}
    truth, said = (table[name].map(places).to_numpy() for name in ("emotion", "predicted"))
    counts = np.zeros((number, len(labels), len(labels)))
    np.add.at(counts, (units, truth, said), 1)
    return counts


def _resample(strata, counts, n_boot, seed):
    """Return sums `(n_boot, ...)` over drawn units of each of `counts`, drawn together."""
    rng, drawn = np.random.default_rng(seed), [[] for _ in counts]
    for start in range(0, n_boot, _AT_ONCE):
        weights = paired.draw(strata, min(_AT_ONCE, n_boot - start), rng)
        for samples, each in zip(drawn, counts, strict=True):
            samples.append(np.tensordot(weights, each, axes=1))
    return [np.concatenate(samples) for samples in drawn]


def flat(measured, names=tuple(_MEASURES)):
    """Return figures `{name: {"value", "low", "high"}}` as `{"NAME_value": ...}`, for a table."""
    ends = ("value", "low", "high")
    return {f"{name}_{end}": measured[name][end] for name in names for end in ends}


def limited(value, samples):
    """Return a value with the 95 % interval of its resamples."""
    tail = (1 - intervals.LEVEL) / 2
    low, high = np.quantile(samples, [tail, 1 - tail])
    return {"value": float(value), "low": float(low), "high": float(high)}
