"""The groups of a run and the gaps between them, as dictionaries."""

import numpy as np
import pandas as pd

from serkeras.evaluation import intervals, resampling
from serkeras.groups import gaps
from serkeras.groups.known import COLUMNS
from serkeras.studies.paired import holm

# The first of two groups; others go by the alphabet.
_FIRST = ("female", "strong", "high")


def coded(table, labels):
    """Return truth and answers of a table as int arrays of indices into `labels`."""
    return tuple(
        pd.Categorical(table[name], categories=labels).codes.astype(int)
        for name in ("emotion", "predicted")
    )


def values(table, labels, n_boot=2000, seed=0):
    """Measure every group.

    Args:
        table: result of `serkeras.groups.known.test_clips`.
        labels: names of the classes.
        n_boot, seed: of the resampling.

    Returns:
        List of dictionaries: by (column), group, clips, speakers (None where unknown), classes,
        uar and accuracy (`{"value", "low", "high"}`), intervals. All clips come first; a column
        with one group is left out. Speakers come worst first.
    """
    found = [_group("all", "clips", table, labels, n_boot, seed)]
    for column in COLUMNS:
        if table[column].nunique() < 2 and column != "speaker":
            continue
        rows = [
            _group(column, name, part, labels, n_boot, seed)
            for name, part in table.groupby(column, sort=True)
        ]
        if column == "speaker":
            rows.sort(key=lambda row: row["uar"]["value"])
        found += rows
    return found


def _group(column, name, part, labels, n_boot, seed):
    truth, said = coded(part, labels)
    limits, described = intervals.bootstrap(
        truth, said, truth == said, len(labels), part["speaker"], n_boot, seed
    )
    clips, hits = gaps.tally(np.zeros(len(truth), int), truth, truth == said, len(labels))
    measured = {
        name: {
            "value": float(gaps.measure(clips, hits, name)[0]),
            "low": limits[name][0],
            "high": limits[name][1],
        }
        for name in gaps.MEASURES
    }
    unknown = part["speaker"].isna().any()
    return {
        "by": column,
        "group": str(name),
        "clips": len(part),
        "speakers": None if unknown else int(part["speaker"].nunique()),
        "classes": int((clips[0] > 0).sum()),
        **measured,
        "intervals": described,
    }


def differences(table, labels, n_boot=2000, seed=0):
    """Test all gaps of a page: two groups against each other, of more each against the rest.

    Only classes that both groups have are compared.

    Args and table as in `values`.

    Returns:
        List of dictionaries: by, first, second, design ("between" or "within" speakers), unit
        ("speaker" or "clip"), units (those that count, as [first, second] between them), left_out
        (classes), uar and accuracy (see `serkeras.groups.gaps.between`, with `p_holm`, corrected
        over all p of the list).
    """
    found = []
    for column in [name for name in COLUMNS if name != "speaker"]:
        part = table[table[column].notna()].reset_index(drop=True)
        for first, second in _pairs(sorted(part[column].unique())):
            is_first = (part[column] == first).to_numpy()
            gap = _gap(part, is_first, labels, n_boot, seed)
            found.append({"by": column, "first": first, "second": second, **gap})
    _correct([gap[name] for gap in found for name in gaps.MEASURES])
    return found


def _pairs(names):
    if len(names) < 2:
        return []
    if len(names) > 2:
        return [(name, "the others") for name in names]
    return [sorted(names, key=lambda name: (name not in _FIRST, name))]


def _correct(results):
    """Add `p_holm` to results of `gaps`, over all that have a p."""
    tested = [each for each in results if each["p"] is not None]
    for each, p in zip(tested, holm([each["p"] for each in tested]), strict=True):
        each["p_holm"] = float(p)
    for each in results:
        each.setdefault("p_holm", None)


def _gap(part, is_first, labels, n_boot, seed):
    truth, said = coded(part, labels)
    codes, method = resampling.units(part["speaker"])
    common = np.intersect1d(truth[is_first], truth[~is_first])
    kept = np.isin(truth, common)
    left_out = [labels[index] for index in np.setdiff1d(truth, common)]
    head = {
        "unit": "speaker" if method == intervals.BY_SPEAKER else "clip",
        "left_out": left_out,
    }
    sides = [
        gaps.tally(codes, truth, truth == said, len(labels), mask)
        for mask in (is_first & kept, ~is_first & kept)
    ]
    owned = [clips.sum(axis=1) > 0 for clips, _ in sides]
    settings = {"n_boot": n_boot, "seed": seed}
    if (owned[0] & owned[1]).any():
        results = {name: gaps.within(*sides, name, **settings) for name in gaps.MEASURES}
        return {**head, "design": "within", "units": int((owned[0] & owned[1]).sum()), **results}
    # Units whose clips are all of classes that are not common have nothing to say.
    some = owned[0] | owned[1]
    clips, hits = (a[some] + b[some] for a, b in zip(*sides, strict=True))
    first = owned[0][some]
    results = {name: gaps.between(clips, hits, first, name, **settings) for name in gaps.MEASURES}
    return {
        **head, "design": "between", "units": [int(first.sum()), int((~first).sum())], **results,
    }  # fmt: skip
