"""The figure of the leak laboratory."""

from textwrap import fill

from serkeras import datasets
from serkeras.evaluation import plots
from serkeras.leaks import registry

PEOPLE = 0.67  # accuracy of listeners on the eight emotions of RAVDESS
_HEIGHT = 0.27


def people(result):
    """Whether people's figure may stand beside these: RAVDESS alone, with all its emotions."""
    names = [datasets.name_of(spec) for spec in result["data"]]
    return names == ["ravdess"] and len(result["labels"]) == 8


def draw(result, rows):
    """Draw one pair of bars a leak: its claim, and what it must be compared with.

    Args:
        result: dictionary, see `serkeras.leaks.laboratory.measure_leaks`.
        rows: names of leaks, from above.

    Returns:
        `matplotlib.figure.Figure`.
    """
    figure = plots.new_figure(2.0 + 0.85 * len(rows), width=10.0)
    axis = figure.subplots()
    for place, name in enumerate(rows):
        _pair(axis, place, result["leaks"][name], registry.LEAKS[name])
    axis.set_yticks(range(len(rows)), [_label(registry.LEAKS[name]) for name in rows])
    axis.tick_params(axis="y", labelsize=8)
    axis.set_ylim(len(rows) - 0.4, -0.6)
    _lines(axis, result)
    axis.set(
        title="Claims of leaky protocols (hatched: no results), with 95 % intervals",
        xlabel="UAR (%), mean over the seeds",
        xlim=(0, 102),
    )
    axis.grid(axis="x", alpha=0.3)
    axis.set_axisbelow(True)
    _legend(figure, axis)
    return figure


def _label(leak):
    return f"{leak.name}\n{fill(f'against {leak.reference}', 34)}"


def _pair(axis, place, found, leak):
    known = leak.speakers == registry.KNOWN
    honest = "without this leak, but speakers known" if known else "honest: new speakers"
    _bar(axis, place - 0.26, found["claim"]["uar"], "white", plots.VERMILION, "////", "claim")
    colour = plots.GREY if known else plots.BLUE
    _bar(axis, place + 0.03, found["reference"]["uar"], colour, "white", "", honest)
    if found["truth"]:
        value, errors = _with_errors(found["truth"]["uar"])
        axis.errorbar(
            value, place + 0.28, xerr=errors, fmt="D", color=plots.ORANGE, capsize=3,
            markeredgecolor="black", ecolor="black", markersize=6,
            label="truth of the very model that claims",
        )  # fmt: skip
    cost = round(100 * found["cost"]["uar"]["value"], 1) + 0.0
    shown = {"va": "center", "fontsize": 8, "bbox": {"color": "white", "alpha": 0.8, "pad": 1}}
    axis.text(1, place - 0.26, f"{cost:+.1f} points", **shown)


def _bar(axis, place, measured, colour, edge, hatch, label):
    value, errors = _with_errors(measured)
    axis.barh(
        place, value, _HEIGHT, xerr=errors, color=colour, edgecolor=edge, hatch=hatch,
        ecolor="black", capsize=3, label=label,
    )  # fmt: skip


def _with_errors(measured):
    value, low, high = (100 * measured[key] for key in ("value", "low", "high"))
    return value, plots.reach(value, low, high)


def _lines(axis, result):
    chance = 100 / len(result["labels"])
    axis.axvline(chance, color="black", linestyle=":", label=f"chance, {chance:.1f} %")
    if people(result):
        axis.axvline(
            100 * PEOPLE, color=plots.GREEN, linestyle="--", label="people, 67 % (accuracy)"
        )


def _legend(figure, axis):
    handles, labels = axis.get_legend_handles_labels()
    unique = dict(zip(labels, handles, strict=True))
    figure.legend(unique.values(), unique.keys(), loc="outside lower center", ncols=3, fontsize=8)
