"""A figure of a timeline: what was named when, how sure it was, how loud the sound was."""

import itertools
import math

import numpy as np

from serkeras.evaluation.plots import new_figure
from serkeras.serving.stream import GAP, SILENCE

# The Okabe-Ito set, which stays distinct with any colour vision; words and the order of the
# legend say the same again.
COLOURS = {
    "angry": "#D55E00",
    "boredom": "#7F5539",
    "calm": "#E69F00",
    "disgust": "#009E73",
    "fear": "#56B4E9",
    "happy": "#F0E442",
    "neutral": "#B8B8B8",
    "sad": "#0072B2",
    "surprise": "#CC79A7",
}
_OTHERS = ("#E69F00", "#7F5539", "#56B4E9", "#CC79A7", "#F0E442", "#0072B2", "#009E73", "#D55E00")
_DARK = ("#D55E00", "#7F5539", "#009E73", "#0072B2")  # words on them are white
_ROWS = 6
_ROW_S = (15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400)
_TICK_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600)
_SHORT_S = 120  # up to here one row will do
_LEGEND_COLUMNS = 8
_POINTS = 900  # of a row: about the pixels it has
_STRIP = 1.04, 0.16  # where the names stand, above the probabilities
_LETTER = 0.0075  # width of one in a row
_SILENT = {"facecolor": "#EEEEEE", "edgecolor": "none", "linewidth": 0, "zorder": 0}
_MISSING = {"facecolor": "white", "edgecolor": "#8C8C8C", "hatch": "xxx", "linewidth": 0}


def colours(labels):
    """Return a dictionary from each emotion to its colour, the same in every figure."""
    taken = {COLOURS.get(label) for label in labels}
    free = itertools.cycle([each for each in _OTHERS if each not in taken] or _OTHERS)
    return {label: COLOURS.get(label) or next(free) for label in labels}


def timeline_figure(timeline):
    """Draw a `serkeras.serving.Timeline`, a long one in several rows.

    Each row has the name of each stretch on top, the smoothed probabilities stacked in the order
    of the legend, and the level of the sound; silence is grey, gaps are hatched.

    Returns:
        `matplotlib.figure.Figure`.
    """
    times = timeline.spans
    first, last = (times["start_s"].min(), times["end_s"].max()) if len(times) else (0.0, 1.0)
    row_s = _row_length(last - first)
    rows = max(math.ceil((last - first) / row_s), 1)
    row_s = row_s if rows > 1 else max(last - first, 1e-3)
    figure = new_figure(1.0 + 2.1 * rows)
    panels = figure.subplots(2 * rows, 1, height_ratios=[3, 1] * rows, squeeze=False)[:, 0]
    palette = colours(timeline.labels)
    for number in range(rows):
        edges = first + number * row_s, first + (number + 1) * row_s
        _row(panels[2 * number : 2 * number + 2], timeline, times, edges, palette)
    panels[-1].set_xlabel("time (minutes:seconds)")
    _legend(figure, timeline, palette)
    figure.suptitle(f"{timeline.name}, heard by {timeline.model}")
    return figure


def _row_length(seconds):
    if seconds <= _SHORT_S:
        return _SHORT_S
    return next((each for each in _ROW_S if _ROWS * each >= seconds), seconds / _ROWS)


def _row(panels, timeline, times, edges, palette):
    """Draw one stretch of time on an axis for probabilities and one for the level."""
    upper, lower = panels
    _stack(upper, timeline, times, edges, palette)
    _names(upper, timeline.segments, edges, palette)
    _level(lower, timeline.table, edges)
    for axis in panels:
        _shade(axis, timeline.segments, edges)
        axis.set(xlim=edges, xticks=_ticks(*edges))
        axis.xaxis.set_major_formatter(_clock)
        axis.spines[["top", "right"]].set_visible(False)
    upper.set(ylim=(0, sum(_STRIP)), yticks=(0, 0.5, 1), ylabel="probability")
    upper.tick_params(labelbottom=False)
    lower.set(ylim=(-70, 0), yticks=(-60, -30, 0), ylabel="dBFS")


def _ticks(first, last):
    """Return round times between two, at most eleven."""
    step = next((each for each in _TICK_S if (last - first) / each <= 10), (last - first) / 10)
    return np.arange(math.ceil(first / step), math.floor(last / step) + 1) * step


def _thin(columns, keep):
    """Average rows until a row of a figure can show them; of `at` keep the "first" or "last"."""
    step = math.ceil(len(columns) / _POINTS)
    groups = columns.astype(float).groupby(np.arange(len(columns)) // max(step, 1))
    return groups.mean().assign(at=groups["at"].agg(keep))


def _stack(axis, timeline, times, edges, palette):
    """Draw the probabilities as areas upon one another, with breaks at silence."""
    here = ((times["end_s"] > edges[0]) & (times["start_s"] < edges[1])).to_numpy()
    if not here.any():
        return
    said = _thin(timeline.table.loc[here, timeline.labels].assign(at=times["start_s"]), "first")
    places = np.append(said["at"], times.loc[here, "end_s"].iloc[-1])
    shares = np.nan_to_num(said[timeline.labels].to_numpy().T)
    axis.stackplot(
        places, np.hstack([shares, shares[:, -1:]]), linewidth=0, step="post",
        colors=[palette[label] for label in timeline.labels],
    )  # fmt: skip


def _names(axis, segments, edges, palette):
    """Draw the label of each stretch as a bar, with its name where there is room."""
    bottom, height = _STRIP
    for row in segments.itertuples():
        start, end = max(row.start_s, edges[0]), min(row.end_s, edges[1])
        if row.label not in palette or end <= start:
            continue
        axis.broken_barh(
            [(start, end - start)], (bottom, height), facecolors=palette[row.label],
            edgecolors="white", linewidth=0.5,
        )  # fmt: skip
        if (end - start) / (edges[1] - edges[0]) > _LETTER * (len(row.label) + 1):
            dark = palette[row.label] in _DARK
            axis.text(
                (start + end) / 2, bottom + height / 2, row.label, ha="center", va="center",
                fontsize=7, color="white" if dark else "black", clip_on=True,
            )  # fmt: skip


def _level(axis, table, edges):
    """Draw the level, which is that of the newest sound of each window."""
    here = (table["end_s"] > edges[0]) & (table["end_s"].shift(fill_value=-1) < edges[1])
    shown = _thin(table.loc[here, ["level_db"]].assign(at=table["end_s"]), "last")
    axis.fill_between(
        shown["at"], -200, shown["level_db"], step="pre", color="#555555", linewidth=0
    )


def _shade(axis, segments, edges):
    for row in segments.itertuples():
        if row.label in (SILENCE, GAP) and row.end_s > edges[0] and row.start_s < edges[1]:
            style = _SILENT if row.label == SILENCE else _MISSING
            axis.axvspan(max(row.start_s, edges[0]), min(row.end_s, edges[1]), **style)


def _clock(seconds, _position=None):
    """Return seconds as minutes:seconds, from an hour on hours:minutes:seconds."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def _legend(figure, timeline, palette):
    from matplotlib.patches import Patch

    patches = [Patch(facecolor=palette[label], label=label) for label in timeline.labels]
    patches.append(Patch(**_SILENT | {"edgecolor": "#CCCCCC", "linewidth": 0.5}, label=SILENCE))
    if (timeline.table["label"] == GAP).any():
        patches.append(Patch(**_MISSING, label=GAP))
    columns = math.ceil(len(patches) / math.ceil(len(patches) / _LEGEND_COLUMNS))
    figure.legend(handles=patches, loc="outside lower center", ncols=columns, frameon=False)
