"""The picture of `compare_with`: each row's difference from one, with its interval."""

import numpy as np

from serkeras.evaluation.plots import BLUE, GREY, ORANGE, new_figure, reach


def draw(table):
    """Draw the differences in UAR of some rows from one row.

    Args:
        table: DataFrame of `serkeras.studies.compare_with`.

    Returns:
        `matplotlib.figure.Figure`.
    """
    value, low, high = (
        100 * table[f"uar_{end}"].to_numpy() for end in ("difference", "low", "high")
    )
    places = np.arange(len(table))
    figure = new_figure(1.6 + 0.42 * len(table))
    axis = figure.subplots()
    axis.axvline(0, color=GREY, linewidth=1)
    known = table["uar_p_holm"].to_numpy() < 0.05
    for here, colour, marker, word in (
        (known, ORANGE, "D", "Holm p below 0.05"),
        (~known, BLUE, "o", "not known to differ"),
    ):
        if here.any():
            axis.errorbar(
                value[here], places[here], xerr=reach(value, low, high)[:, here], fmt=marker,
                color=colour, capsize=3, label=word,
            )  # fmt: skip
    for place, row in zip(places, table.itertuples(), strict=True):
        axis.text(
            1.01, place, f"{value[place]:+.1f}  p {row.uar_p_holm:.2g}", va="center", fontsize=9,
            transform=axis.get_yaxis_transform(),
        )  # fmt: skip
    base = short(table["b"].iloc[0])
    axis.set_yticks(places, [short(name) for name in table["a"]])
    axis.set(
        title=f"UAR compared with '{base}' on the same clips, split {table['split'].iloc[0]}",
        xlabel=f"difference in UAR (points), 95 % interval over {_units(table)}; "
        + (f"p corrected for {len(table)} tests" if len(table) > 1 else "p of one test"),
        ylim=(len(table) - 0.5, -0.5),
    )
    axis.grid(axis="x", alpha=0.3)
    figure.legend(loc="outside lower center", ncols=2, fontsize=9)
    return figure


def _units(table):
    least, most = table["units"].min(), table["units"].max()
    count = f"{most}" if least == most else f"{least} to {most}"
    return f"{count} {'s and '.join(table['unit'].unique())}s"


def short(name):
    """Return a row's name without the features that are the recipe's own."""
    return name.removesuffix("/own")
