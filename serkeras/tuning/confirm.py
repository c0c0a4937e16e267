"""The best trials once more, with other first weights, beside the recipe as it was."""

import pandas as pd

from serkeras._files import read_csv, read_json, write_json
from serkeras.runs import PREDICTION_COLUMNS
from serkeras.studies import paired
from serkeras.studies.measured import judge, measure
from serkeras.tuning import trials

FILE = "confirmed.json"
_UNTUNED = "untuned"
# Numbers of repeats that no trial has.
_FIRST = 1000


def confirm(search, development, count=3, repeats=3, progress=True):
    """Fit the best choices and the recipe's own anew, with all epochs, and compare them.

    The trial that looks best among many is partly the luckiest one: its own figure flatters. The
    same clips judge again, so what is left is the luck of having chosen by these clips.

    Args:
        search: `serkeras.tuning.Search`.
        development: `serkeras.tuning.development.Development` of it.
        count: int, choices.
        repeats: int, fits of each on each part.
        progress: show a bar for each fit.

    Returns:
        List of dictionaries, the best first: "choice" ("untuned", or "best 1" and so on by the
        search), "values", the objectives, and "gain" over the untuned recipe, see
        `serkeras.studies.measured.measure` (None of the untuned one), with intervals and p by
        speaker. It is written to confirmed.json.
    """
    plan = search.plan.replace(repeats=repeats)
    choices = {f"best {n}": values for n, values in enumerate(search.best(count), start=1)}
    choices[_UNTUNED] = {}
    rows, said = [], {}
    for name, values in choices.items():
        own = search.folder / "confirmed" / name.replace(" ", "-")
        found = trials.run(
            plan,
            development,
            values,
            own,
            plan.max_epochs,
            first=_FIRST,
            progress=progress,
        )
        said[name] = _said(own)
        rows.append({"choice": name, "values": values, **found})
    for row in rows:
        row["gain"] = None if row["choice"] == _UNTUNED else _gain(said, row["choice"])
    sign = -1 if plan.direction == "max" else 1
    rows.sort(key=lambda row: sign * row[plan.objective])
    write_json(search.folder / FILE, rows)
    return rows


def read(search):
    """Return what `confirm` wrote, an empty list where it was not called."""
    path = search.folder / FILE
    return read_json(path) if path.is_file() else []


def _said(folder):
    """Return the answers of all fits of a choice."""
    tables = []
    for path in sorted(folder.glob(f"part*/{trials.VALIDATION}")):
        table = read_csv(path, PREDICTION_COLUMNS)[["clip", "speaker", "emotion", "predicted"]]
        tables.append(table.assign(run=path.parent.name))
    return pd.concat(tables, ignore_index=True)


def _gain(said, name):
    """Return the gain in UAR over the untuned recipe, with its interval by speaker."""
    keys = ["run", "clip", "speaker", "emotion"]
    both = said[name].merge(said[_UNTUNED], on=keys, suffixes=("_a", "_b"))
    judged, _ = judge(both.rename(columns={"predicted_a": "a", "predicted_b": "b"}))
    return measure(judged, "uar", paired.bootstrap(judged)["uar"])
