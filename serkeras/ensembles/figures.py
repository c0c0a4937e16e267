"""Figures of an ensemble: its members beside it, and how they differ."""

import numpy as np

from serkeras.evaluation.plots import BLUE, GREY, ORANGE, VERMILION, WIDTH, new_figure, reach

_LONGEST = 34  # letters of a name


def members(names, measured, joined):
    """Draw the UAR of each member and of the ensemble, with 95 % intervals.

    Args:
        names: list of str, one a member.
        measured: list of UARs `{"value", "low", "high"}`, one a member.
        joined: that of the ensemble.

    Returns:
        `matplotlib.figure.Figure`.
    """
    figure = new_figure(1.8 + 0.42 * (len(names) + 1))
    axis = figure.subplots()
    for place, row in enumerate(measured):
        _dot(axis, place, row, BLUE, "o", "member" if place == 0 else None)
    _dot(axis, len(names), joined, VERMILION, "D", "ensemble")
    mean = 100 * np.mean([row["value"] for row in measured])
    axis.axvline(mean, color=GREY, linestyle=":", label="mean of the members")
    axis.set_yticks(range(len(names) + 1), [*map(short, names), "ensemble"])
    axis.get_yticklabels()[-1].set_fontweight("bold")
    axis.axhline(len(names) - 0.5, color=GREY, linewidth=0.6)
    axis.set_ylim(len(names) + 0.5, -0.7)
    axis.set(title="Members and ensemble, with 95 % intervals", xlabel="UAR (%)")
    axis.grid(axis="x", alpha=0.3)
    axis.set_axisbelow(True)
    figure.legend(loc="outside lower center", ncols=3)
    return figure


def _dot(axis, place, row, colour, marker, label):
    value, low, high = (100 * row[name] for name in ("value", "low", "high"))
    axis.errorbar(
        [value], [place], xerr=reach(value, low, high), color=colour, marker=marker, markersize=7,
        linestyle="", capsize=3, label=label,
    )  # fmt: skip
    axis.annotate(
        f"{value:.1f}", (value, place), (0, 6), textcoords="offset points", ha="center", fontsize=8
    )


def diversity(names, found, joined_right):
    """Draw on what share of the clips members differ, and how many have a clip right.

    Args:
        names: list of str, one a member.
        found: result of `serkeras.ensembles.diversity.describe`.
        joined_right: list of int, of the clips that so many members have right (from 0) those
            that the ensemble has right.

    Returns:
        `matplotlib.figure.Figure` with two panels.
    """
    count = len(names)
    figure = new_figure(max(3.6, 1.4 + 0.42 * count), width=max(WIDTH, 6.5 + 0.7 * count))
    left, right = figure.subplots(1, 2)
    _heatmap(left, list(map(short, names)), 100 * np.array(found["disagreement"]))
    clips = np.array(found["right"])
    by_all = 100 * np.stack([joined_right, clips - joined_right]) / clips.sum()
    places = np.arange(count + 1)
    right.bar(places, by_all[0], color=BLUE, edgecolor="white", label="ensemble right")
    right.bar(
        places, by_all[1], bottom=by_all[0], color=ORANGE, hatch="//", edgecolor="white",
        label="ensemble wrong",
    )  # fmt: skip
    for place, share in zip(places, by_all.sum(axis=0), strict=True):
        right.annotate(f"{share:.0f}", (place, share), (0, 3), textcoords="offset points",
                       ha="center", fontsize=8)  # fmt: skip
    right.set_xticks(places)
    right.set(
        title=f"At least one right: {100 * found['oracle']:.1f} %",
        xlabel="members that have the clip right", ylabel="share of the clips (%)",
    )  # fmt: skip
    right.set_ylim(0, 1.12 * by_all.sum(axis=0).max())
    right.grid(axis="y", alpha=0.3)
    right.set_axisbelow(True)
    right.legend(fontsize=8)
    return figure


def _heatmap(axis, names, percent):
    import seaborn

    # Names stand once, with a number: below each column they would take more room than it has.
    numbers = range(1, len(names) + 1)
    seaborn.heatmap(
        percent, mask=np.eye(len(names), dtype=bool), ax=axis, annot=True, fmt=".0f", vmin=0,
        cmap="Blues", cbar=False, linewidths=0.5, linecolor="white", xticklabels=numbers,
        yticklabels=[f"{name} ({number})" for name, number in zip(names, numbers, strict=True)],
    )  # fmt: skip
    axis.set(title="Clips on which two members differ (%)", xlabel="number of the member")
    axis.tick_params(axis="y", rotation=0)


def short(name):
    """Return a name that fits beside an axis: of a long one its beginning and end."""
    half = _LONGEST // 2 - 1
    return name if len(name) <= _LONGEST else f"{name[:half]}...{name[-half:]}"
