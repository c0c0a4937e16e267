"""Where the figures of a page come from: every run with its size, its time, its device and code."""

import json
import re

import pandas as pd

from serkeras.evaluation._markdown import duration
from serkeras.evaluation._markdown import table as markdown
from serkeras.runs import Run

_COMMIT = re.compile(r"\b([0-9a-f]{7})[0-9a-f]{33}\b")
_FACTS = ("parameters", "epochs", "seconds", "device", "commit")


def runs(states):
    """Return what finished runs say of themselves; no path is among it.

    Args:
        states: list of `serkeras.studies.State`, all finished.

    Returns:
        DataFrame with one row a run: recipe, protocol, fold, seed, uar and accuracy (shares),
        parameters (missing for classical models), epochs (dictionary by phase, empty where there
        are none), seconds (of training), device, commit.
    """
    found = []
    for state in states:
        cell, metrics = state.cell, Run(state.folder).metrics
        row = {"recipe": cell.recipe, "protocol": cell.split, "fold": cell.fold, "seed": cell.seed}
        row |= {name: metrics[name]["value"] for name in ("uar", "accuracy")}
        found.append(row | {name: metrics["run"][name] for name in _FACTS})
    # Of a column with gaps, pandas would make numbers with a point.
    return pd.DataFrame(found).astype({"parameters": "Int64"})


def flat(table):
    """Return the rows of `runs` for a CSV file: the epochs as JSON."""
    return table.assign(epochs=table["epochs"].map(json.dumps))


def devices(table):
    """Return the devices of all runs as one text, None where none is known."""
    return "; ".join(table["device"].dropna().unique()) or None


def section(table):
    """Return the section that says what each recipe cost and what computed it.

    Args:
        table: DataFrame of `runs`.
    """
    rows = [(recipe, *_line(own)) for recipe, own in table.groupby("recipe", sort=False)]
    head = ("recipe", "runs", "parameters", "training time a run", "device", "commit")
    return (
        "## Size, time and origin\n\nThe time is the median of the runs, of training alone, with "
        "the shortest and the longest; what is computed once and kept, as features, is not in it. "
        "Times of different devices cannot be compared. runs.csv has every run.\n\n"
        + markdown(head, rows)
    )


def _line(own):
    sizes = [f"{size:,}" for size in sorted(own["parameters"].dropna().unique())]
    commits = own["commit"].dropna().unique()
    return (
        len(own), " or ".join(sizes) or "-", spread(own["seconds"]), devices(own) or "not known",
        ", ".join(short(commit) for commit in commits) or "not known",
    )  # fmt: skip


def spread(seconds):
    """Return the median of some times in words, with the limits where there are several."""
    middle, low, high = (duration(of(seconds)) for of in (pd.Series.median, min, max))
    return middle if low == high else f"{middle} ({low} to {high})"


def short(commit):
    """Return a commit, or several in a text, with seven digits each."""
    return _COMMIT.sub(r"\1", commit)
