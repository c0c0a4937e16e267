"""The figure of campaign.py: UAR against the number of parameters."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.isotonic import IsotonicRegression

from serkeras.evaluation.plots import BLUE, GREY, ORANGE, new_figure, reach
from serkeras.protocols.figure import PEOPLE

COLUMNS = ["recipe", "protocol", "speakers", "parameters", "uar", "low", "high"]
_FONT = 8  # points
_LINE = 2.7  # percent that a label beside a horizontal line takes
_COLUMN = 0.024  # of the width that a recipe takes, a line of text standing upright
_STYLES = {"people": "-", "new": "--", "known": ":"}
_CHANCE = 12.5


@dataclass(frozen=True)
class Level:
    """A horizontal line, with a mark at the size of its network.

    Attributes:
        name: of who reached it.
        value: percent.
        speakers: key of `_STYLES`, who was tested.
        division: of the clips.
        source: where the figure is from.
        parameters: of the network, as its source has it; None where it is none or unknown.
    """

    name: str
    value: float
    speakers: str
    division: str
    source: str
    parameters: int | None = None

    @property
    def words(self):
        """Name, figure and division."""
        return f"{self.name} {self.value:.1f} ({self.division})"


_EMOBOX = "Ma et al. 2024, EmoBox; size of the whole network as its makers have it"
_RESLSTM = "Krasnoproshin & Vashkevich 2026, arXiv:2606.03359"
_ZENKOV = "a parallel CNN and transformer in PyTorch, clips divided 80/10/10"
LEVELS = (
    Level("wav2vec 2.0 base, frozen", 54.3, "new", "EmoBox folds", _EMOBOX, 95_000_000),
    Level("people", PEOPLE, "people", "clips named right", "as the field cites it"),
    Level("ResLSTM-SA", 62.3, "new", "folds5", _RESLSTM, 46_800),
    Level("HuBERT large, frozen", 70.0, "new", "EmoBox folds", _EMOBOX, 317_000_000),
    Level("Whisper large v3, frozen", 75.3, "new", "EmoBox folds", _EMOBOX, 1_550_000_000),
    Level("Zenkov", 80.4, "known", "accuracy, random", _ZENKOV),
    Level("TIM-Net", 90.0, "known", "random 10-fold", "Ye et al. 2023, arXiv:2211.08233"),
)


def published():
    """Return the horizontal lines as rows of the figure's table."""
    rows = [(e.name, e.division, e.speakers, e.parameters, e.value, None, None) for e in LEVELS]
    return pd.DataFrame(rows, columns=COLUMNS).astype({"parameters": "Int64"})


def draw(points):
    """Draw a dot a recipe and protocol, those of a recipe joined.

    Args:
        points: DataFrame with `COLUMNS`, see `campaign.points`.

    Returns:
        `matplotlib.figure.Figure`.
    """
    sized, others = (points[points["parameters"].notna() == known] for known in (True, False))
    columns = {name: place for place, name in enumerate(dict.fromkeys(others["recipe"]))}
    figure = new_figure(6.4, width=11.0)
    ratios = (0.6 + 0.3 * len(columns), 8)
    strip, main = figure.subplots(1, 2, sharey=True, width_ratios=ratios)
    places = side_by_side(sized.drop_duplicates("recipe").set_index("recipe")["parameters"])
    _dots(strip, others, columns)
    _dots(main, sized, places)
    _frame(strip, main, len(columns), places.values())
    _levels(strip, main)
    figure.legend(*main.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    figure.draw_without_rendering()  # the layout is known from here on, so is the room for names
    _names(strip, others, columns)
    _names(main, sized, places)
    return figure


def side_by_side(sizes):
    """Return a dictionary from recipe to the place of its dots, near its number of parameters."""
    if sizes.empty:
        return {}
    logs = np.log10(sizes.to_numpy(float))
    moved = 10 ** apart(logs, _COLUMN * np.ptp(_ends(sizes)))
    return dict(zip(sizes.index, moved, strict=True))


def _ends(sizes):
    """Return the powers of ten at which the axis ends, with room for all published ones too."""
    known = [level.parameters for level in LEVELS if level.parameters]
    logs = np.log10([min([*known, *sizes]), max([*known, *sizes])])
    room = 0.25 + 0.1 * np.ptp(logs)
    return logs + [-room, room]


def apart(values, gap):
    """Return values moved as little as it takes for neighbours to be `gap` apart, in their order.

    Source:
        Least squares under y[i + 1] - y[i] >= gap is isotonic regression of y[i] - i gap.
    """
    values = np.asarray(values, float)
    order, numbers = np.argsort(values, kind="stable"), np.arange(len(values))
    moved, steps = np.empty_like(values), gap * numbers
    moved[order] = IsotonicRegression().fit_transform(numbers, values[order] - steps) + steps
    return moved


def _dots(axis, points, places):
    for name, place in places.items():
        own = points[points["recipe"] == name]
        if len(own) > 1:
            axis.plot([place] * len(own), own["uar"], color=GREY, linewidth=0.8, zorder=1)
        for row in own.itertuples():
            if row.speakers == "new":
                bars = reach(row.uar, row.low, row.high)
                axis.errorbar(place, row.uar, bars, fmt="o", color=BLUE, capsize=3, markersize=6)
            else:
                axis.plot(place, row.uar, "o", mfc="white", mec=ORANGE, mew=1.5, markersize=6)


def _frame(strip, main, count, places):
    strip.set(xlim=(-0.8, max(count, 1) - 0.2), xticks=[], xlabel="no network", ylabel="UAR (%)")
    main.set(xscale="log", xlim=10 ** _ends(places), ylim=(0, 100),
             xlabel="parameters of the network")  # fmt: skip
    main.tick_params(left=False)
    for axis in (strip, main):
        axis.grid(axis="y", alpha=0.3)
        axis.axhspan(0, _CHANCE, color=GREY, alpha=0.15, linewidth=0)
    main.text(1.025, _CHANCE, f"chance {_CHANCE}", transform=main.get_yaxis_transform(),
              va="center", fontsize=_FONT)  # fmt: skip
    main.figure.suptitle("RAVDESS, eight emotions: pooled UAR against size")
    main.plot([], [], "o", color=BLUE, label="new speakers: folds5, with 95 % interval")
    main.plot([], [], "o", mfc="white", mec=ORANGE, mew=1.5,
              label="known speakers: clips divided at random, an upper bound")  # fmt: skip


def _levels(strip, main):
    for speakers in ("new", "known"):
        label = f"published, {speakers} speakers"
        main.plot([], [], _STYLES[speakers], color=GREY, label=label)
    main.plot([], [], "D", color=GREY, markersize=5, label="published, at the size of the network")
    beside = apart([level.value for level in LEVELS], _LINE)
    for level, place in zip(LEVELS, beside, strict=True):
        for axis in (strip, main):
            axis.axhline(level.value, color=GREY, linestyle=_STYLES[level.speakers], zorder=0)
        if level.parameters:
            main.plot(level.parameters, level.value, "D", color=GREY, markersize=5)
        main.annotate(
            level.words, (1, level.value), (1.025, place), va="center", fontsize=_FONT,
            xycoords=("axes fraction", "data"), textcoords=("axes fraction", "data"),
            arrowprops={"arrowstyle": "-", "color": GREY, "linewidth": 0.6},
        )  # fmt: skip


def _names(axis, points, places):
    """Write the recipes upright below their dots, or above where there is no room below.

    Every recipe has a column of its own, see `side_by_side`, so that no name meets another one.
    """
    bottom = axis.get_window_extent().y0
    for name, place in places.items():
        own = points[points["recipe"] == name]
        lowest = own["low"].where(own["speakers"] == "new", own["uar"]).min()
        text = _upright(axis, name, (place, lowest), "top")
        if text.get_window_extent().y0 < bottom:
            text.remove()
            text = _upright(axis, name, (place, own["uar"].max()), "bottom")
        text.set_in_layout(False)  # which is done, and measured


def _upright(axis, name, dot, end):
    away = -6 if end == "top" else 6
    return axis.annotate(
        name, dot, (0, away), textcoords="offset points", rotation=90, ha="center", va=end,
        fontsize=_FONT, bbox={"facecolor": "white", "linewidth": 0, "pad": 0.5}, zorder=0.5,
    )  # fmt: skip
