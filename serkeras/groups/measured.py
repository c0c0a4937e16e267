"""The groups of a run and the gaps between them, as dictionaries."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from serkeras.evaluation import intervals
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

    Only classes that both groups have are compared, each speaker with itself where most speakers
    are in both groups. Otherwise a speaker counts in the group of most of its clips. A statement is
    compared with the others of its corpus. Groups without a common class: see `not_compared`.

    Args and table as in `values`.

    Returns:
        List of dictionaries: by, first, second, design ("between" or "within" speakers), unit
        ("speaker" or "clip"), units (those that count, as [first, second] between them), left_out
        (classes), clips_left_out (of the other classes: those of speakers in one group only, or in
        the group of fewer of their clips), uar and accuracy (see `serkeras.groups.gaps.between`,
        with `p_holm`, corrected over all p of the list).
    """
    found = []
    for names, part, is_first in _comparisons(table):
        design = _design(part, is_first, labels)
        if design is not None:
            found.append({**names, **_gap(design, labels, n_boot, seed)})
    _correct([gap[name] for gap in found for name in gaps.MEASURES])
    return found


def not_compared(table, labels):
    """Return a sentence for each two groups that `differences` leaves out.

    Args and table as in `values`.
    """
    return [
        f"{names['by']}: {names['first']} and {names['second']} are not compared, for no class has "
        "clips in both (a speaker of both groups counts where most of its clips are)."
        for names, part, is_first in _comparisons(table)
        if _design(part, is_first, labels) is None
    ]


def _comparisons(table):
    """Yield the names of each two groups, their clips, and which of these are of the first."""
    for column in [name for name in COLUMNS if name != "speaker"]:
        known = table[table[column].notna()]
        # What is said differs from corpus to corpus: a statement's others are those of its own.
        parts = [part for _, part in known.groupby("corpus")] if column == "statement" else [known]
        for part in parts:
            part = part.reset_index(drop=True)
            for first, second in _pairs(sorted(part[column].unique())):
                names = {"by": column, "first": first, "second": second}
                yield names, part, (part[column] == first).to_numpy()


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


@dataclass(frozen=True)
class _Design:
    """How two groups are compared.

    Attributes:
        codes: int array `(clips,)`, the unit of each clip.
        truth, right: int and bool array `(clips,)`.
        sides: two bool arrays `(clips,)`, the clips that count of either group.
        about: dictionary of design, unit, left_out and clips_left_out.
    """

    codes: np.ndarray
    truth: np.ndarray
    right: np.ndarray
    sides: tuple
    about: dict


def _design(part, is_first, labels):
    """Return the `_Design` of two groups, None where no class has clips in both."""
    truth, said = coded(part, labels)
    codes, method = intervals.units(part["speaker"])
    kept = _common(truth, is_first, np.ones(len(part), bool))
    if not kept.any():
        return None
    first, second = (
        gaps.tally(codes, truth, kept, len(labels), mask)[0]
        for mask in (is_first & kept, ~is_first & kept)
    )
    both = (first > 0) & (second > 0)
    units = (first + second > 0).any(axis=1).sum()
    within = 2 * both.any(axis=1).sum() > units
    if within:
        counted = kept & both[codes, truth]
    else:
        # A unit of both groups cannot be dealt out: it counts where most of its clips are.
        mostly = first.sum(axis=1) >= second.sum(axis=1)
        counted = _common(truth, is_first, kept & (is_first == mostly[codes]))
    if not counted.any():
        return None
    about = {
        "design": "within" if within else "between",
        "unit": "speaker" if method == intervals.BY_SPEAKER else "clip",
        "left_out": [labels[index] for index in np.setdiff1d(truth, truth[counted])],
        "clips_left_out": int((kept & ~counted).sum()),
    }
    sides = (is_first & counted, ~is_first & counted)
    return _Design(codes, truth, truth == said, sides, about)


def _common(truth, is_first, kept):
    """Return which of the kept clips are of classes that both groups have among them."""
    return kept & np.isin(truth, np.intersect1d(truth[is_first & kept], truth[~is_first & kept]))


def _gap(design, labels, n_boot, seed):
    sides = [
        gaps.tally(design.codes, design.truth, design.right, len(labels), mask)
        for mask in design.sides
    ]
    owned = [clips.sum(axis=1) > 0 for clips, _ in sides]
    settings = {"n_boot": n_boot, "seed": seed}
    if design.about["design"] == "within":
        results = {name: gaps.within(*sides, name, **settings) for name in gaps.MEASURES}
        return {**design.about, "units": int((owned[0] & owned[1]).sum()), **results}
    # Units whose clips are all left out have nothing to say.
    some = owned[0] | owned[1]
    clips, hits = (a[some] + b[some] for a, b in zip(*sides, strict=True))
    first = owned[0][some]
    results = {name: gaps.between(clips, hits, first, name, **settings) for name in gaps.MEASURES}
    return {**design.about, "units": [int(first.sum()), int((~first).sum())], **results}
