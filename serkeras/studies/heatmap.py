"""The heat map of a study: features down, recipes across, mean UAR with its deviation."""

from textwrap import fill

import numpy as np

from serkeras.evaluation.plots import DPI, GREY
from serkeras.studies.rows import NEW, SAME


def draw(study, split, table, left_out, limits):
    """Draw the mean UAR of all cells of one split.

    Args:
        study: `Study`; its recipes and features give the order.
        split: label of the split.
        table: result of `serkeras.studies.rows.table`.
        left_out: dictionary from row to reason; those cells are hatched.
        limits: (low, high) percent that the colours span, so that figures can be compared.

    Returns:
        `matplotlib.figure.Figure`. Cells without a finished run are blank.
    """
    import seaborn
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    rows = [entry.label for entry in study.features]
    columns = [entry.label for entry in study.recipes]
    values, words = _grid(table[table["split"] == split], rows, columns)
    width = 2.2 + 0.065 * min(44, max(map(len, rows))) + 1.15 * len(columns)
    figure = Figure(
        (max(5.0, width), 2.0 + 0.42 * len(rows)), dpi=DPI, layout="constrained", facecolor="white"
    )
    FigureCanvasAgg(figure)  # seaborn measures its tick labels on the canvas
    axis = figure.subplots()
    seaborn.heatmap(
        values, mask=np.isnan(values), annot=words, fmt="", cmap="viridis", ax=axis,
        vmin=limits[0], vmax=limits[1], linewidths=0.5, linecolor="white",
        cbar_kws={"label": "mean UAR (%)"}, annot_kws={"fontsize": 8.5},
        xticklabels=[fill(name, 14) for name in columns],
        yticklabels=[fill(name.replace("+", " + "), 44) for name in rows],
    )  # fmt: skip
    for (recipe, features, where), _ in left_out.items():
        if where == split:
            _hatch(axis, columns.index(recipe), rows.index(features))
    axis.tick_params(axis="y", rotation=0)
    axis.tick_params(axis="x", rotation=0)
    axis.set(xlabel="recipe", ylabel="features")
    axis.set_title(_title(study, split, table, left_out), fontsize=10)
    return figure


def _grid(table, rows, columns):
    """Return percent `(features, recipes)`, NaN where missing, and the words of each cell."""
    values = np.full((len(rows), len(columns)), np.nan)
    words = np.full(values.shape, "", dtype=object)
    for row in table[table["runs"] > 0].itertuples():
        place = rows.index(row.features), columns.index(row.recipe)
        values[place] = 100 * row.uar_mean
        spread = "" if np.isnan(row.uar_sd) else f" ± {100 * row.uar_sd:.1f}"
        partial = "" if row.runs == row.of else f"\n{row.runs} of {row.of} runs"
        words[place] = f"{values[place]:.1f}{spread}{partial}"
    return values, words


def _hatch(axis, column, row):
    from matplotlib.patches import Rectangle

    axis.add_patch(
        Rectangle((column, row), 1, 1, fill=False, hatch="///", edgecolor=GREY, linewidth=0)
    )


def _title(study, split, table, left_out):
    part = table[table["split"] == split]
    whose = {NEW: "new speakers", SAME: "THE SAME SPEAKERS as in training"}
    speakers = whose.get(part["speakers"].iloc[0], "speakers not all known")
    most = int(part["of"].max())
    what = f"mean ± standard deviation of up to {most} runs" if most > 1 else "one run"
    legend = ["blank: no run yet"] if (part["runs"] == 0).any() else []
    legend += ["hatched: left out"] if any(row[2] == split for row in left_out) else []
    lines = [f"{study.name}, split {split}: {speakers}", f"UAR in percent, {what}"]
    return "\n".join([*lines, *(["; ".join(legend)] if legend else [])])
