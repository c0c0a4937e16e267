"""The picture of a page: a dot and an interval for each protocol and recipe."""

import numpy as np

from serkeras.evaluation.plots import BLUE, GREEN, GREY, ORANGE, VERMILION, WIDTH, new_figure, reach
from serkeras.studies.rows import NEW

PEOPLE = 67  # percent of RAVDESS's clips, eight emotions, that listeners name right
_COLOURS, _MARKERS = (BLUE, ORANGE, GREEN, VERMILION, "black"), "osD^v"


def draw(found):
    """Draw the pooled UAR of all protocols and recipes, those with new speakers on top.

    Args:
        found: `serkeras.protocols.findings.Findings`.

    Returns:
        `matplotlib.figure.Figure`.
    """
    table = found.table[found.table["runs"] > 0]
    protocols, recipes = (list(dict.fromkeys(table[name])) for name in ("protocol", "recipe"))
    step = max(0.6, 0.2 * len(recipes) + 0.25)
    figure = new_figure(1.6 + step * len(protocols) + 0.06 * len(recipes), width=WIDTH)
    axis = figure.subplots()
    offsets = np.linspace(-0.3, 0.3, len(recipes)) if len(recipes) > 1 else [0.0]
    for number, recipe in enumerate(recipes):
        rows = table[table["recipe"] == recipe]
        places = [protocols.index(name) + offsets[number] for name in rows["protocol"]]
        _dots(axis, places, rows, recipe, number)
    _mark_known(axis, table, protocols)
    _levels(axis, found)
    axis.set_yticks(range(len(protocols)), [_label(table, name) for name in protocols])
    axis.set(
        title="Pooled UAR of each protocol, with 95 % intervals", xlabel="UAR (%)", xlim=(0, 100),
        ylim=(len(protocols) - 0.5, -0.5),
    )  # fmt: skip
    axis.grid(axis="x", alpha=0.3)
    figure.legend(loc="outside lower center", ncols=4, fontsize=9)
    return figure


def _dots(axis, places, rows, recipe, number):
    value, low, high = (100 * rows[f"uar_{end}"].to_numpy() for end in ("value", "low", "high"))
    turn = number + number // len(_COLOURS)  # no two of 25 are alike in both
    axis.errorbar(
        value, places, xerr=reach(value, low, high), fmt=_MARKERS[turn % len(_MARKERS)],
        capsize=3, markersize=6, color=_COLOURS[number % len(_COLOURS)], label=recipe,
    )  # fmt: skip


def _label(table, name):
    row = table[table["protocol"] == name].iloc[0]
    return f"{name}\n{newness(row)}"


def newness(row):
    """Return what is new on the test side of a row of the table, in a few words."""
    names = row["new"].split()
    if "speakers" in names or row["speakers"] == NEW:
        return "new " + ", ".join(["speakers", *(name for name in names if name != "speakers")])
    known = "known speakers" if row["speakers"] == "the same" else "speakers perhaps known"
    return f"new {', '.join(names)}; {known}" if names else known


def _mark_known(axis, table, protocols):
    """Shade the protocols whose speakers are not new, and name the bounds among them.

    They are the last. A figure is an upper bound where nothing on the test side is new; where
    statements or corpora are, the line beside the row says what it asks.
    """
    first = table.drop_duplicates("protocol").set_index("protocol")
    known = [place for place, name in enumerate(protocols) if first["speakers"][name] != NEW]
    if known:
        axis.axhspan(known[0] - 0.5, known[-1] + 0.5, color=GREY, alpha=0.15, linewidth=0)
    bounds = [place for place in known if is_bound(first.loc[protocols[place]])]
    for run in np.split(bounds, np.flatnonzero(np.diff(bounds) > 1) + 1) if bounds else []:
        axis.text(
            1.01, run.mean(), "upper\nbound", fontsize=9, va="center",
            transform=axis.get_yaxis_transform(),
        )  # fmt: skip


def is_bound(row):
    """Whether a figure is an upper bound for new speakers: nothing on its test side is new."""
    return row["speakers"] != NEW and not row["new"]


def _levels(axis, found):
    chance = 100 / len(found.labels)
    axis.axvline(chance, color=GREY, linestyle=":", label=f"chance, {chance:.1f} %")
    if has_people(found):
        axis.axvline(PEOPLE, color=GREY, linestyle="--", label=f"people, {PEOPLE} %")


def has_people(found):
    """Whether the figure that people reach is known for these clips: RAVDESS, all its emotions."""
    return set(found.plan.clips["corpus"]) == {"ravdess"} and len(found.labels) == 8
