"""Paired tests between rows of a study, on the clips that both were tested on."""

import itertools
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

from serkeras._files import atomic_write
from serkeras.evaluation import plots
from serkeras.evaluation._markdown import points
from serkeras.evaluation.intervals import FEW_SPEAKERS
from serkeras.runs import Run
from serkeras.studies import differences, paired
from serkeras.studies import folder as folders
from serkeras.studies.cells import expand
from serkeras.studies.measured import MEASURES, judge, measure
from serkeras.studies.study import load

_TOLD = 20  # pairs that a message names


class _OtherClips(ValueError):
    """Two rows have other test clips; `reason` says in which run, and how."""

    def __init__(self, a, b, place, what):
        self.reason = f"at {place[0]}, seed {place[1]}, {what}"
        super().__init__(
            "Rows must have the same test clips to be compared. Received: "
            f"{a!r} and {b!r} at {place[0]}, seed {place[1]}, with {what}. They were trained on "
            "other data, or left out clips that could not be read: train one of them again."
        )


def compare(study, a, b, split=None, out=None, n_boot=2000, seed=0):
    """Test two rows of a study against each other, over the runs that both have finished.

    Args:
        study: `Study`, name or path, see `serkeras.studies.load`.
        a, b: rows as `RECIPE/FEATURES` (labels, features "own" for the recipe's own), or the
            recipe alone where the study has one kind of features.
        split: label of a split; None is the study's first.
        out: folder of the study; None is `artifacts/studies/NAME`.
        n_boot: resamples of the intervals.
        seed: of the resampling.

    Returns:
        Dictionary: `a`, `b`, `split`; `uar` and `accuracy`, each with `a`, `b` (means over the
        runs), `difference`, `low`, `high`, `p` (`exact` says how it was counted); `mcnemar` with
        `only_a`, `only_b`, `p`; `runs` (list of [fold, seed]), `clips`, `unit` ("speaker" or
        "clip"), `units`, `smallest_p`; `same_speakers` (whether test speakers are known from
        training, None where unknown).

    Raises:
        ValueError: a row or split is unknown, the rows have no finished run in common, or their
            test clips differ.
    """
    study = load(study)
    split = _split(study, split)
    rows = _rows(study, out, split)
    return _pair(_named(rows, a), _named(rows, b), rows, split, n_boot, seed)


def compare_pairs(study, split=None, out=None, n_boot=2000, seed=0, by_corpus=False):
    """Test every two rows of a split that have a finished run in common.

    Args:
        study, split, out, n_boot, seed: as in `compare`.
        by_corpus: resample the speakers of each corpus apart, so that every resample has as many
            of each as there are.

    Returns:
        List of dictionaries, see `compare`; empty where no two rows have a common run. And a
        dictionary from the pairs (a, b) whose test clips differ, which are left out, to where.

    Raises:
        ValueError: a split is unknown.
    """
    study = load(study)
    split = _split(study, split)
    rows = _rows(study, out, split)
    return _pairs(itertools.combinations(rows, 2), rows, split, n_boot, seed, by_corpus)


def compare_all(study, split=None, out=None, n_boot=2000, seed=0):
    """Test every two rows of a split, with Holm's correction over all pairs.

    Args:
        study, split, out, n_boot, seed: as in `compare`.

    Returns:
        DataFrame with one row a pair, the smallest p first: a, b, runs, clips, units, unit,
        uar_a, uar_b, uar_difference, uar_low, uar_high, uar_p, uar_p_holm, the same of accuracy
        and mcnemar_p. Written to `compare-SPLIT.csv` in the folder of the study too. Pairs
        without a common run are left out.

    Raises:
        ValueError: a split is unknown, there are fewer than two rows with a finished run, or no
            two rows have the same test clips.

    Warns:
        UserWarning: the test clips of two rows differ; the pair is left out.
    """
    study = load(study)
    split = _split(study, split)
    table = _tested(*compare_pairs(study, split, out, n_boot, seed), split)
    table = table.sort_values(["uar_p", "a", "b"], kind="stable", ignore_index=True)
    _write(table, study, out, f"compare-{slug(split)}")
    return table


def compare_with(study, base, split=None, out=None, n_boot=2000, seed=0):
    """Test every other row of a split against one, with Holm's correction over these tests.

    For an ablation, or for many systems beside one baseline: fewer questions than every two rows
    ask, so a difference is sooner known.

    Args:
        study, split, out, n_boot, seed: as in `compare`.
        base: the one row, named as in `compare`.

    Returns:
        DataFrame as `compare_all` gives it, `b` always the base, in the order of the study, with
        the column split.
        Written to `compare-SPLIT-with-BASE.csv` in the folder of the study, and drawn beside it.

    Raises:
        ValueError: a row or split is unknown, no other row has a finished run in common with the
            base, or none has the same test clips.

    Warns:
        UserWarning: the test clips of a row are not those of the base; the row is left out.
    """
    study = load(study)
    split = _split(study, split)
    rows = _rows(study, out, split)
    base = _named(rows, base)
    others = [(row, base) for row in rows if row != base]
    table = _tested(*_pairs(others, rows, split, n_boot, seed), split)
    table.insert(2, "split", split)
    path = _write(table, study, out, f"compare-{slug(split)}-with-{slug(base)}")
    plots.save(differences.draw(table), path.with_suffix(".png"))
    return table


def _pairs(pairs, rows, split, n_boot, seed, by_corpus=False):
    """Test pairs of rows that have a common run; returns what `compare_pairs` does."""
    found, left_out = [], {}
    for a, b in pairs:
        if not set(rows[a]) & set(rows[b]):
            continue
        try:
            found.append(_pair(a, b, rows, split, n_boot, seed, by_corpus))
        except _OtherClips as error:  # one such row must not cost the others theirs
            left_out[a, b] = error.reason
    return found, left_out


def _tested(found, left_out, split):
    """Return results of `compare` as a table, corrected for their number."""
    if left_out and not found:
        raise ValueError(
            "Rows must have the same test clips to be compared. Received: other ones in every "
            f"pair of split {split!r}: {told(left_out)}. They were trained on other data, or left "
            "out clips that could not be read: train some of them again."
        )
    if left_out:
        warnings.warn(
            f"Not compared, since their test clips differ: {told(left_out)}.",
            UserWarning,
            stacklevel=3,
        )
    if not found:
        raise ValueError(
            "Two rows with finished runs of one seed must be there to be compared. Received: "
            f"none in split {split!r}. Run more of the study first."
        )
    return corrected(found)


def told(left_out):
    """Return what `compare_pairs` left out as one phrase, which names 20 pairs at most."""
    parts = [f"{a!r} and {b!r} ({reason})" for (a, b), reason in left_out.items()]
    more = [f"and {len(parts) - _TOLD} more"] if len(parts) > _TOLD else []
    return "; ".join(parts[:_TOLD] + more)


def _write(table, study, out, name):
    path = Path(out or folders.default_folder(study)) / f"{name}.csv"
    with atomic_write(path) as file:
        table.to_csv(file, index=False)
    return path


def corrected(results):
    """Return results of `compare` as a table, one row each, with Holm's correction over all.

    Args:
        results: list of one dictionary or more.

    Returns:
        DataFrame with the columns that `compare_all` names, in the order of `results`.
    """
    table = pd.DataFrame([_flat(result) for result in results])
    for name in MEASURES:
        place = table.columns.get_loc(f"{name}_p") + 1
        table.insert(place, f"{name}_p_holm", paired.holm(table[f"{name}_p"]))
    return table


def slug(label):
    """Return a label of a split or row as a part of a file name."""
    return "".join(letter if letter.isalnum() else "-" for letter in label).lower()


def _split(study, split):
    known = [entry.label for entry in study.splits]
    if split is not None and split not in known:
        raise ValueError(
            f"`split` must be one of the study's, {known}. Received: {split!r}. Correct the name."
        )
    return split or known[0]


def _rows(study, out, split):
    """Return {row name: {(fold, seed): `Run`}} of the finished runs of a split."""
    cells = [cell for cell in expand(study) if cell.split == split]
    rows = {f"{cell.recipe}/{cell.features}": {} for cell in cells}
    states, _ = folders.look(cells, Path(out or folders.default_folder(study)))
    for state in states:
        if state.kind == folders.FINISHED:
            cell = state.cell
            rows[f"{cell.recipe}/{cell.features}"][cell.fold, cell.seed] = Run(state.folder)
    return rows


def _named(rows, name):
    """Return the one row that a name means."""
    found = [row for row in rows if row == name]
    found = found or [row for row in rows if row.rpartition("/")[0] == name]
    if len(found) != 1:
        raise ValueError(
            f"A row must be named as RECIPE/FEATURES, one of {list(rows)}. Received: {name!r}. "
            "Correct it; `study status` shows all cells."
        )
    return found[0]


def _pair(a, b, rows, split, n_boot, seed, by_corpus=False):
    common = [place for place in rows[a] if place in rows[b]]
    if a == b or not common:
        raise ValueError(
            "Two different rows must have a finished run of one seed in common. Received: "
            f"{a!r} with {len(rows[a])} and {b!r} with {len(rows[b])} finished runs, "
            f"{len(common)} in common. Choose two rows, or run the study further."
        )
    clips = pd.concat([_aligned(a, b, rows, place) for place in common], ignore_index=True)
    judged, unit = judge(clips)
    limits = paired.bootstrap(judged, n_boot, seed, _corpora(judged, clips) if by_corpus else None)
    only_a, only_b, p = paired.mcnemar(judged)
    units = int(judged.units.max()) + 1
    return {
        "a": a,
        "b": b,
        "split": split,
        **{name: measure(judged, name, limits[name], seed) for name in MEASURES},
        "mcnemar": {"only_a": only_a, "only_b": only_b, "p": p},
        "runs": [list(place) for place in common],
        "clips": len(clips),
        "unit": unit,
        "units": units,
        "smallest_p": min(1.0, 2.0 ** (1 - units)),
        "same_speakers": _same_speakers(rows[a][place] for place in common),
    }


def _aligned(a, b, rows, place):
    """Return the test clips of one run of both rows, with what each said."""
    columns = ["clip", "corpus", "speaker", "emotion", "predicted"]
    left, right = (rows[row][place].predictions[columns].set_index("clip") for row in (a, b))
    apart = sorted(set(left.index) ^ set(right.index))
    same = not apart and left["emotion"].equals(right["emotion"].reindex(left.index))
    if not same:
        count = f"{len(apart)} clip{'' if len(apart) == 1 else 's'}"
        what = f"{count} in one of them only, such as {apart[:3]}" if apart else ""
        raise _OtherClips(a, b, place, what or "other emotions for the same clips")
    said = right["predicted"].reindex(left.index)
    return left.rename(columns={"predicted": "a"}).assign(b=said, run=str(place)).reset_index()


def _corpora(judged, clips):
    """Return int array `(units,)`, the corpus of each unit, from 0."""
    first = np.unique(judged.units, return_index=True)[1]
    return pd.factorize(clips["corpus"].iloc[first].astype(str))[0]


def _same_speakers(runs):
    found = {run.speaker_disjoint for run in runs}
    return True if False in found else None if None in found else False


def _flat(result):
    """Return a result as one row of a table."""
    row = {"a": result["a"], "b": result["b"], "runs": len(result["runs"])}
    row.update({name: result[name] for name in ("clips", "units", "unit")})
    for name in MEASURES:
        keys = ("a", "b", "difference", "low", "high", "p")
        row.update({f"{name}_{key}": result[name][key] for key in keys})
    return {**row, "mcnemar_p": result["mcnemar"]["p"]}


def describe(result):
    """Return a result of `compare` as text, with what it stands on."""
    lines = [f"A: {result['a']}", f"B: {result['b']}", f"split {result['split']}", ""]
    for name, word in (("uar", "UAR"), ("accuracy", "accuracy")):
        row = result[name]
        lines.append(
            f"{word:<9} A {100 * row['a']:.1f}, B {100 * row['b']:.1f}, difference "
            f"{points(row, 'difference')}, p = {row['p']:.4g}"
        )
    mcnemar = result["mcnemar"]
    lines.append(
        f"McNemar   only A right {mcnemar['only_a']}, only B right {mcnemar['only_b']}, "
        f"p = {mcnemar['p']:.4g} (takes clips as independent: rather too small)"
    )
    return "\n".join([*lines, "", *conditions(result)])


def conditions(result):
    """Return sentences on what a result stands on, the cautions included."""
    unit, units, count = result["unit"], result["units"], len(result["runs"])
    how = "all exchanges counted" if result["uar"]["exact"] else "100,000 random exchanges"
    lines = [
        f"{result['clips']} answers of {units} {unit}s in {count} run(s); a {unit} is resampled "
        "(95 % interval) and exchanged (p) with all of its clips in all runs.",
        f"p is that of the exchange of the two systems' answers {unit} by {unit} ({how}).",
        f"It is conditional on the {count} pair(s) of networks trained here: it asks whether they "
        f"would differ for other {unit}s, not whether training again with other seeds would "
        "bring the same order.",
    ]
    if units < FEW_SPEAKERS:
        lines.append(
            f"With {units} {unit}s p cannot be below {result['smallest_p']:.2g}, and the interval "
            "is rough, rather too narrow."
        )
    if unit == "clip":
        lines.append("Speakers are unknown or one: for new speakers all of this is too sure.")
    elif result["same_speakers"]:
        lines.append("The test speakers stand in training too: it says nothing of new speakers.")
    return lines
