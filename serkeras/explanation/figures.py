"""Figures of explanation: mean maps of emotions, curves and checks."""

import numpy as np

from serkeras.evaluation.plots import BLUE, GREEN, GREY, ORANGE, VERMILION, new_figure
from serkeras.explanation import faithfulness
from serkeras.explanation.checks import RANDOM
from serkeras.explanation.clip_figures import image

_LOOKS = (
    (BLUE, "-", "o"),
    (ORANGE, "--", "s"),
    (GREEN, "-.", "^"),
    (VERMILION, ":", "D"),
    ("#CC79A7", "-", "v"),
    ("#56B4E9", "--", "P"),
    ("#000000", "-.", "X"),
)


def emotions(found, axes):
    """Draw the mean map of each emotion, a row each, and its profile with 95 % intervals.

    Args:
        found: list of `serkeras.explanation.emotions.MeanMap`.
        axes: `serkeras.explanation.axes.Axes`.

    Returns:
        `matplotlib.figure.Figure`.
    """
    wide = found[0].map.ndim == 2
    figure = new_figure(0.7 + 1.25 * len(found))
    panels = figure.subplots(
        len(found), 2 if wide else 1, squeeze=False, sharex="col", sharey="row" if wide else "all",
        width_ratios=(2.4, 1) if wide else None,
    )  # fmt: skip
    top = np.percentile(np.stack([one.map for one in found]), 99.5)
    for line, one in zip(panels, found, strict=True):
        name = f"{one.emotion}\n{one.clips} clips"
        if wide:
            cells = one.map.size
            image(line[0], axes, one.map * cells, cmap="viridis", vmin=0, vmax=top * cells)
            _profile_beside(line[1], one)
        else:
            _profile_below(line[0], one, axes)
        line[0].set_ylabel(f"{name}\n{axes.bins}" if wide else name, fontsize=8)
    # The axes are shared: a limit set on the way would cut the later rows.
    panels[-1, -1].set(**{"xlim" if wide else "ylim": (0, 1.05 * max(map(_highest, found)))})
    for axis in panels.ravel():
        axis.tick_params(labelsize=7)
    panels[-1, 0].set_xlabel("time (s)" if axes.kind != "bins" else axes.bins)
    if not wide:
        figure.supylabel("times the equal share", fontsize="medium")
    else:
        panels[-1, 1].set_xlabel("times the equal share")
        figure.colorbar(
            panels[0, 0].images[0], ax=panels[:, 0], location="bottom", aspect=80, pad=0.01,
            label="times the equal share", extend="max",
        )  # fmt: skip
    return figure


def _times_equal(one):
    """Return the profile and its limits as multiples of what equal shares would be."""
    widths = np.diff(one.edges) / one.edges[-1]
    return [np.array(one.profile[key]) / widths for key in ("value", "low", "high")]


def _highest(one):
    return max(1.0, _times_equal(one)[2].max())


def _profile_beside(axis, one):
    value, low, high = _times_equal(one)
    edges = np.array(one.edges) - 0.5
    axis.stairs(
        high, edges, baseline=low, fill=True, color=BLUE, alpha=0.3, orientation="horizontal"
    )
    axis.stairs(value, edges, baseline=None, color=BLUE, orientation="horizontal")
    axis.axvline(1, color="black", linewidth=0.8, linestyle=":")


def _profile_below(axis, one, axes):
    value, low, high = _times_equal(one)
    edges = np.array(one.edges, float)
    edges = edges - 0.5 if axes.kind == "bins" else edges / edges[-1] * one.seconds
    axis.stairs(high, edges, baseline=low, fill=True, color=BLUE, alpha=0.3)
    axis.stairs(value, edges, baseline=None, color=BLUE)
    axis.axhline(1, color="black", linewidth=0.8, linestyle=":")


def curves(found, shares=faithfulness.SHARES):
    """Draw the mean curves of deletion and insertion.

    Args:
        found: see `serkeras.explanation.checks.faithful`.
        shares: of cells, see `serkeras.explanation.faithfulness.curves`.

    Returns:
        `matplotlib.figure.Figure` with two panels.
    """
    figure = new_figure(4.2)
    panels = figure.subplots(1, 2, sharey=True)
    words = {"deletion": "replaced by the baseline", "insertion": "restored from the baseline"}
    for axis, (kind, about) in zip(panels, words.items(), strict=True):
        for (name, one), look in zip(found.items(), _looks(found), strict=True):
            colour, style, marker = look
            curve = one[f"{kind}_curve"]
            axis.plot(
                shares, curve["value"], color=colour, linestyle=style, marker=marker,
                markersize=3.5, linewidth=1.4, label=name,
            )  # fmt: skip
            if name == RANDOM:
                axis.fill_between(shares, curve["low"], curve["high"], color=GREY, alpha=0.25)
        axis.set(title=kind.capitalize(), xlabel=f"share of cells {about}", xlim=(0, 1))
        axis.grid(alpha=0.3)
    panels[0].set(ylabel="mean probability of the class", ylim=(0, 1.02))
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return figure


def _looks(found):
    """Return a look for each method that does not depend on the ranking; grey for random."""
    names = sorted(name for name in found if name != RANDOM)
    looks = {name: _LOOKS[index % len(_LOOKS)] for index, name in enumerate(names)}
    return [looks.get(name, (GREY, "-", "")) for name in found]


def ranking(found, sanity):
    """Draw what each method gains over random order, and how it changes with random weights.

    Args:
        found: see `serkeras.explanation.checks.faithful`.
        sanity: see `serkeras.explanation.checks.sane`; None leaves that panel out.

    Returns:
        `matplotlib.figure.Figure`.
    """
    names = [name for name in found if name != RANDOM]
    figure = new_figure(1.3 + 0.42 * len(names))
    panels = np.atleast_1d(figure.subplots(1, 2 if sanity else 1, sharey=True))
    places = np.arange(len(names))
    _points(panels[0], places, [found[name]["gap"] for name in names], BLUE, "o")
    panels[0].set_xlabel("gap of the areas (random order: 0)")
    panels[0].set_title("Faithful? More is better", fontsize=10)
    if sanity:
        _sanity(panels[1], [sanity[name] for name in names])
    panels[0].set_yticks(range(len(names)), names)
    panels[0].invert_yaxis()
    for axis in panels:
        axis.axvline(0, color="black", linewidth=0.8, linestyle=":")
        axis.grid(axis="x", alpha=0.3)
    return figure


def _sanity(axis, measured):
    """Draw correlations of sizes, and below them those with signs."""
    places = np.arange(len(measured))
    _points(axis, places - 0.12, [one["sizes"] for one in measured], BLUE, "o", "sizes")
    signed = [place for place in places if "signs" in measured[place]]
    if signed:
        values = [measured[place]["signs"] for place in signed]
        _points(axis, np.array(signed) + 0.12, values, VERMILION, "s", "with signs")
    axis.set(xlim=(-1.02, 1.02), xlabel="rank correlation with maps of random weights")
    axis.set_title("Depends on what was learned? Near 0 is better", fontsize=10)
    axis.legend(fontsize="x-small", loc="lower left")


def _points(axis, places, measured, colour, marker, label=None):
    for place, one in zip(places, measured, strict=True):
        axis.plot((one["low"], one["high"]), (place, place), color=colour, linewidth=2)
    values = [one["value"] for one in measured]
    axis.plot(values, places, marker, color=colour, label=label)
