"""Figures of groups: dots with intervals; see `serkeras.evaluation.plots` for their colours."""

import numpy as np

from serkeras.evaluation.plots import BLUE, GREY, ORANGE, VERMILION, new_figure, reach

_LOOKS = {"uar": ("UAR", BLUE, "o", -0.15), "accuracy": ("accuracy", ORANGE, "s", 0.15)}
_LINE = 0.42  # inches a group


def limits(rows):
    """Return the distances `(2, rows)` from values down to low and up to high, 0 or more."""
    values, low, high = (np.array([row[name] for row in rows]) for name in ("value", "low", "high"))
    return reach(values, low, high)


def dots(rows, title):
    """Draw UAR and accuracy of groups, one line each.

    Args:
        rows: of `serkeras.groups.measured.values`, in the order of the lines.
        title: of the figure.

    Returns:
        `matplotlib.figure.Figure`.
    """
    figure = new_figure(1.3 + _LINE * len(rows))
    axis = figure.subplots()
    places = np.arange(len(rows))
    for name, (word, colour, marker, offset) in _LOOKS.items():
        found = [row[name] for row in rows]
        axis.errorbar(
            [each["value"] for each in found], places + offset, xerr=limits(found), fmt=marker,
            color=colour, capsize=2, markersize=5, label=word,
        )  # fmt: skip
    axis.set_yticks(places, [_name(row) for row in rows])
    for place in range(1, len(rows)):
        if rows[place]["by"] != rows[place - 1]["by"]:
            axis.axhline(place - 0.5, color=GREY, linewidth=0.8)
    axis.set(xlim=(-0.02, 1.02), xlabel="value (0 to 1), 95 % interval", title=title)
    axis.set_ylim(len(rows) - 0.5, -0.5)
    axis.grid(axis="x", alpha=0.3)
    figure.legend(loc="outside lower center", ncols=2)
    return figure


def _name(row):
    if row["by"] == "speaker":
        sex = f"{row['sex']}, " if row.get("sex") else ""
        return f"{row['group']} ({sex}{row['clips']} clips)"
    size = f"{row['clips']} clips"
    if row["speakers"]:
        size += f", {row['speakers']} speaker{'s' if row['speakers'] > 1 else ''}"
    word = "all" if row["by"] == "all" else f"{row['by']}: {row['group']}"
    return f"{word} ({size})"


def models_by_sex(rows):
    """Draw the accuracy of several models for women and men.

    Args:
        rows: `models` of the result of `serkeras.compare_groups`.

    Returns:
        `matplotlib.figure.Figure`.
    """
    figure = new_figure(1.4 + 0.5 * len(rows))
    axis = figure.subplots()
    places = np.arange(len(rows))
    looks = (("female", VERMILION, "o", -0.15, "women"), ("male", BLUE, "s", 0.15, "men"))
    for sex, colour, marker, offset, word in looks:
        found = [row["accuracy_by_sex"][sex] for row in rows]
        axis.errorbar(
            [each["value"] for each in found], places + offset, xerr=limits(found), fmt=marker,
            color=colour, capsize=2, markersize=6, label=word,
        )  # fmt: skip
    axis.set_yticks(places, [row["model"] for row in rows])
    axis.set(xlim=(0, 1.02), xlabel="accuracy (0 to 1), 95 % interval", title="Women and men")
    axis.set_ylim(len(rows) - 0.5, -0.5)
    axis.grid(axis="x", alpha=0.3)
    figure.legend(loc="outside lower center", ncols=2)
    return figure


def against_size(rows, name, title, label):
    """Draw a figure of each model against its parameters.

    Args:
        rows: as of `models_by_sex`, with parameters.
        name: "gap" or "accuracy".
        title, label: of the figure and of its vertical axis, in points.

    Returns:
        `matplotlib.figure.Figure`.
    """
    figure = new_figure(4.6, width=7.5)
    axis = figure.subplots()
    sizes = np.array([row["parameters"] for row in rows], float)
    found = [row[name] for row in rows]
    values = 100 * np.array([each["value"] for each in found])
    drawn = [each for each in found if each["low"] is not None]
    bars = 100 * limits(found) if len(drawn) == len(found) else None
    axis.errorbar(sizes, values, yerr=bars, fmt="o", color=BLUE, capsize=3)
    for size, value, row in zip(sizes, values, rows, strict=True):
        axis.annotate(row["model"], (size, value), xytext=(6, 4), textcoords="offset points",
                      fontsize=8)  # fmt: skip
    if name == "gap":
        axis.axhline(0, color=GREY, linestyle=":")
    axis.set_xscale("log")
    axis.margins(x=0.25)
    axis.set(title=title, xlabel="parameters of the model", ylabel=label)
    axis.grid(alpha=0.3)
    return figure
