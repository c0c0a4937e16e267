"""The figures of a study: one row a run, and one row a cell over its seeds and folds."""

import numpy as np
import pandas as pd

from serkeras._files import read_json
from serkeras.studies import folder as folders
from serkeras.training.history import best_epoch

MEASURES = ("uar", "accuracy", "macro_f1")
ROW = ["recipe", "features", "split"]
# What a split says of its test speakers, in the order of the tables.
NEW, UNKNOWN, SAME = "new", "unknown", "the same"
_SPEAKERS = {True: NEW, None: UNKNOWN, False: SAME}


def runs_table(states):
    """Return the figures of all finished runs.

    Args:
        states: list of `serkeras.studies.State`.

    Returns:
        DataFrame with recipe, features, split, fold, seed, speakers (of the test side: "new", "the
        same" as in training, or "unknown"), each of `uar`, `accuracy`, `macro_f1` with `_low` and
        `_high` (shares), validation_accuracy (of the best epoch), test_clips, labels, epochs
        (search), epochs_final, parameters, seconds, device, commit, folder.
    """
    found = [_run_row(state) for state in states if state.kind == folders.FINISHED]
    return pd.DataFrame(found, columns=_columns())


def _columns():
    figures = [f"{name}{end}" for name in MEASURES for end in ("", "_low", "_high")]
    facts = ["validation_accuracy", "test_clips", "labels", "epochs", "epochs_final"]
    return [*ROW, "fold", "seed", "speakers", *figures, *facts, *_FACTS, "folder"]


_FACTS = ("parameters", "seconds", "device", "commit")


def _run_row(state):
    cell = state.cell
    metrics = read_json(state.folder / "metrics.json")
    facts = metrics["run"]
    row = {name: getattr(cell, name) for name in (*ROW, "fold", "seed")}
    row["speakers"] = _SPEAKERS[read_json(state.folder / "split.json")["speaker_disjoint"]]
    for name in MEASURES:
        row[name] = metrics[name]["value"]
        row[f"{name}_low"], row[f"{name}_high"] = metrics[name]["low"], metrics[name]["high"]
    return {
        **row,
        "validation_accuracy": _validation(state.folder, cell.experiment.training.monitor),
        "test_clips": int(np.sum(metrics["confusion_matrix"])),
        "labels": len(metrics["labels"]),
        "epochs": facts["epochs"].get("search"),
        "epochs_final": facts["epochs"].get("final"),
        **{name: facts[name] for name in _FACTS},
        "folder": state.folder.name,
    }


def _validation(folder, monitor):
    """Return the validation accuracy of the best epoch or fit, NaN without one."""
    if not (folder / "history.csv").is_file():
        return float("nan")
    history = pd.read_csv(folder / "history.csv")
    if "val_loss" not in history.columns:  # a classical model has fits instead of epochs
        return float(history.loc[history["val_uar"].idxmax(), "val_accuracy"])
    search = history[history["phase"] == "search"].to_dict("records")
    if not search:  # the validation clips were learned
        return float("nan")
    return float(search[best_epoch(search, monitor) - 1]["val_accuracy"])


def table(study, cells, runs):
    """Return mean and standard deviation of each row over its seeds and folds.

    Args:
        study: `Study`.
        cells: list of `Cell`, all of the study.
        runs: result of `runs_table`.

    Returns:
        DataFrame with recipe, features, split, speakers, runs (finished), of (planned), each of
        `uar`, `accuracy`, `macro_f1` and `validation_accuracy` as `_mean` and `_sd` (shares; the
        deviation of a sample, missing for one run), and published (percent). Rows whose test
        speakers are new come first, then in the order of the study.
    """
    planned = pd.Series([cell.row for cell in cells]).value_counts(sort=False)
    groups = dict(list(runs.groupby(ROW, sort=False)))
    found = [_table_row(study, row, groups.get(row), count) for row, count in planned.items()]
    result = pd.DataFrame(found)
    order = {entry.label: place for place, entry in enumerate(study.splits)}
    trust = {NEW: 0, UNKNOWN: 1, SAME: 2, "": 3}
    known = speakers_of(runs)
    speakers = pd.Series([known.get(split, "") for split in result["split"]])
    result.insert(3, "speakers", speakers)
    keys = speakers.map(trust) * len(order) + result["split"].map(order)
    return result.iloc[np.argsort(keys, kind="stable")].reset_index(drop=True)


def speakers_of(runs):
    """Return a dictionary from split to its worst case of "new", "unknown", "the same"."""
    worst = (SAME, UNKNOWN, NEW)
    return {
        split: next(word for word in worst if word in set(group))
        for split, group in runs.groupby("split", sort=False)["speakers"]
    }


def _table_row(study, row, runs, planned):
    found = dict(zip(ROW, row, strict=True))
    found["runs"], found["of"] = 0 if runs is None else len(runs), planned
    for name in (*MEASURES, "validation_accuracy"):
        values = pd.Series(dtype=float) if runs is None else runs[name]
        found[f"{name}_mean"], found[f"{name}_sd"] = values.mean(), values.std(ddof=1)
    published = study.published
    beside = published.split in (None, row[2])
    found["published"] = published.values.get(row[:2], np.nan) if beside else np.nan
    return found
