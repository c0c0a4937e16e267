"""Figures of robustness: a panel a damage, a table in colours, differences of two runs."""

import numpy as np

from serkeras.evaluation.plots import BLUE, GREEN, GREY, ORANGE, VERMILION, new_figure
from serkeras.robustness.comparing import CLEAN, MEAN

_COLOURS = (BLUE, VERMILION, GREEN, ORANGE)
_MARKERS = "osD^"
_STYLES = ("-", "--", "-.", ":")
_COLUMNS = 4


def curves(result):
    """Draw UAR against severity, one panel a damage, one line a run, with intervals.

    Args:
        result: dictionary of `serkeras.robustness.measure_robustness`.

    Returns:
        `matplotlib.figure.Figure`. Levels stand at equal distances, as the area counts them.
    """
    names = list(result["damages"])
    columns = min(_COLUMNS, len(names))
    lines = -(-len(names) // columns)
    figure = new_figure(1.0 + 2.3 * lines, width=max(5.5, 3.1 * columns))
    grid = figure.subplots(lines, columns, sharey=True, squeeze=False)
    top = _top(result)
    for axis, damage in zip(grid.flat, names, strict=False):
        _panel(axis, result, result["damages"][damage])
        axis.set_ylim(0, top)
    for axis in grid.flat[len(names) :]:
        axis.remove()
    for row in grid:
        row[0].set_ylabel("UAR (%)")
    handles, labels = grid.flat[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=min(4, len(labels)))
    return figure


def _top(result):
    highest = [row["uar"]["high"] for row in _all_levels(result)]
    return min(
        102, 100 * max(highest + [each["uar"]["high"] for each in result["clean"].values()]) + 5
    )


def _all_levels(result):
    for told in result["damages"].values():
        for found in told["runs"].values():
            yield from found["levels"]


def _panel(axis, result, told):
    for number, (name, found) in enumerate(told["runs"].items()):
        colour = _COLOURS[number % len(_COLOURS)]
        places = np.arange(len(found["levels"]))
        value, low, high = (
            np.array([100 * row["uar"][key] for row in found["levels"]])
            for key in ("value", "low", "high")
        )
        axis.fill_between(places, low, high, color=colour, alpha=0.18, linewidth=0)
        axis.plot(
            places, value, _STYLES[number % 4], color=colour, marker=_MARKERS[number % 4],
            markersize=3.5, linewidth=1.4, label=f"{name}, 95 % interval",
        )  # fmt: skip
        axis.axhline(
            100 * result["clean"][name]["uar"]["value"], color=colour, linewidth=0.8,
            linestyle=(0, (1, 2)), label=f"{name}, undamaged",
        )  # fmt: skip
    axis.axhline(100 * result["chance"], color=GREY, linewidth=1.2, linestyle="--", label="chance")
    axis.set_xticks(places, [f"{row['level']:g}" for row in found["levels"]], fontsize=7)
    axis.set_title(told["title"], fontsize=10)
    axis.set_xlabel(told["axis"], fontsize=8)
    axis.tick_params(axis="y", labelsize=8)
    axis.grid(alpha=0.25)


def table(result):
    """Draw a table in colours: damages down, levels across; of several runs the areas.

    Args, returns as in `curves`.
    """
    return _levels_table(result) if len(result["runs"]) == 1 else _areas_table(result)


def _levels_table(result):
    (name,) = result["runs"]
    told = result["damages"]
    width = max(len(each["runs"][name]["levels"]) for each in told.values())
    values = np.full((len(told), width), np.nan)
    words = np.full(values.shape, "", dtype=object)
    for row, each in enumerate(told.values()):
        for column, level in enumerate(each["runs"][name]["levels"]):
            values[row, column] = 100 * level["uar"]["value"]
            words[row, column] = f"{values[row, column]:.0f}\n({level['level']:g})"
    labels = [f"{each['title']}: {each['axis']}" for each in told.values()]
    figure = new_figure(1.2 + 0.42 * len(told), width=3.8 + 0.72 * width)
    axis = _heat(figure, result, values, words, [str(step + 1) for step in range(width)], labels)
    axis.set(xlabel="level, the harmless one first (its value in brackets)")
    return figure


def _areas_table(result):
    told, names = result["damages"], list(result["runs"])
    rows = [
        [100 * each["runs"][name]["area"]["uar"]["value"] for name in names]
        for each in told.values()
    ]
    rows = [
        [100 * result["clean"][name]["uar"]["value"] for name in names],
        *rows,
        [100 * result["mean"][name]["area"]["value"] for name in names],
    ]
    values = np.array(rows)
    words = np.vectorize("{:.1f}".format)(values).astype(object)
    labels = ["Undamaged", *(each["title"] for each in told.values()), "Mean of all damages"]
    figure = new_figure(1.4 + 0.32 * len(labels), width=3.6 + 1.7 * len(names))
    axis = _heat(figure, result, values, words, names, labels)
    axis.tick_params(axis="x", labelsize=8)
    return figure


def _heat(figure, result, values, words, columns, labels):
    import seaborn

    axis = figure.subplots()
    low = 100 * result["chance"]
    seaborn.heatmap(
        values, mask=np.isnan(values), annot=words, fmt="", cmap="viridis", ax=axis, vmin=low,
        vmax=max(low + 1, float(np.nanmax(values))), linewidths=0.5, linecolor="white",
        annot_kws={"fontsize": 7.5}, cbar_kws={"label": "UAR (%), from chance up"},
        xticklabels=columns, yticklabels=labels,
    )  # fmt: skip
    axis.tick_params(axis="y", rotation=0, labelsize=8.5)
    axis.tick_params(axis="x", rotation=0)
    return axis


def differences(result):
    """Draw the differences of the areas of every two runs, with intervals.

    Args, returns as in `curves`; one panel a pair, filled where p after Holm is below 0.05.
    """
    pairs = list(dict.fromkeys((row["a"], row["b"]) for row in result["comparisons"]))
    count = len(result["damages"]) + 2
    figure = new_figure(1.2 + 0.27 * count, width=4.2 + 3.2 * len(pairs))
    grid = figure.subplots(1, len(pairs), sharey=True, squeeze=False)[0]
    for axis, pair in zip(grid, pairs, strict=True):
        rows = [row for row in result["comparisons"] if (row["a"], row["b"]) == pair]
        _difference_panel(axis, result, rows)
    return figure


def _difference_panel(axis, result, rows):
    places = np.arange(len(rows))
    value, low, high = (
        np.array([100 * row["difference"][key] for row in rows]) for key in ("value", "low", "high")
    )
    axis.axvline(0, color=GREY, linewidth=1)
    axis.hlines(places, low, high, color=BLUE, linewidth=1.6)
    sure = np.array([row.get("p_holm", 1.0) < 0.05 for row in rows])
    axis.plot(value[~sure], places[~sure], "o", color=BLUE, markerfacecolor="white", markersize=5)
    axis.plot(value[sure], places[sure], "o", color=BLUE, markersize=5)
    titles = {name: told["title"] for name, told in result["damages"].items()}
    titles |= {CLEAN: "Undamaged", MEAN: "Mean of all damages"}
    axis.set_yticks(places, [titles[row["damage"]] for row in rows])
    axis.set_ylim(len(rows) - 0.5, -0.5)
    axis.set_title(f"{rows[0]['a']} minus\n{rows[0]['b']}", fontsize=10)
    axis.set_xlabel("difference of mean UAR over the levels (points)")
    axis.grid(axis="x", alpha=0.25)
