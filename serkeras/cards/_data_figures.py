"""Figures of a data card."""

import numpy as np

from serkeras.evaluation import plots

_SEXES = (("female", plots.ORANGE), ("male", plots.BLUE), (None, plots.GREY))


def balance(clips):
    """Draw how many clips of each emotion there are, by sex, a panel a corpus.

    Args:
        clips: manifest.

    Returns:
        `matplotlib.figure.Figure`.
    """
    corpora, emotions = sorted(set(clips["corpus"])), sorted(set(clips["emotion"]))
    figure = plots.new_figure(0.9 + 0.32 * len(emotions))
    axes = figure.subplots(1, len(corpora), sharey=True, squeeze=False)[0]
    for axis, corpus in zip(axes, corpora, strict=True):
        own, left = clips[clips["corpus"] == corpus], np.zeros(len(emotions))
        for sex, colour in _SEXES:
            some = own[own["sex"].isna() if sex is None else own["sex"] == sex]
            counts = some["emotion"].value_counts().reindex(emotions, fill_value=0).to_numpy()
            if counts.any():
                axis.barh(emotions, counts, left=left, color=colour, label=sex or "sex unknown")
            left = left + counts
        axis.set(title=corpus, xlabel="clips")
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].invert_yaxis()
    handles = {
        label: handle
        for axis in axes
        for handle, label in zip(*axis.get_legend_handles_labels(), strict=True)
    }
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=3)
    return figure


def durations(clips, found):
    """Draw how long clips are: a histogram a corpus.

    Args:
        clips: manifest.
        found: DataFrame of `serkeras.cards._recordings.measure`.

    Returns:
        `matplotlib.figure.Figure`.
    """
    figure = plots.new_figure(3.2)
    axis = figure.subplots()
    edges = np.linspace(0, float(np.nanquantile(found["duration_s"], 0.995)), 50)
    styles = [plots.BLUE, plots.VERMILION, plots.GREEN, plots.ORANGE, plots.GREY, "black"]
    for place, corpus in enumerate(sorted(set(clips["corpus"]))):
        values = found.loc[clips["corpus"] == corpus, "duration_s"].dropna()
        axis.hist(
            values.clip(upper=edges[-1]), bins=edges, histtype="step", linewidth=1.6,
            color=styles[place % len(styles)], linestyle=("-", "--")[place // len(styles) % 2],
            label=corpus,
        )  # fmt: skip
    axis.set(title="How long the recordings are", ylabel="clips")
    axis.set_xlabel("duration (s); the last bin holds longer ones too")
    axis.legend()
    axis.spines[["top", "right"]].set_visible(False)
    return figure


def loudness(clips, found):
    """Draw the level of clips by emotion and by corpus, as boxes.

    Args:
        clips: manifest.
        found: DataFrame of `serkeras.cards._recordings.measure`.

    Returns:
        `matplotlib.figure.Figure`; whiskers reach from the 5th to the 95th percentile.
    """
    figure = plots.new_figure(3.4)
    counts = [clips["emotion"].nunique(), clips["corpus"].nunique()]
    axes = figure.subplots(1, 2, sharey=True, width_ratios=[counts[0], max(2, counts[1])])
    for axis, by in zip(axes, ("emotion", "corpus"), strict=True):
        names = sorted(set(clips[by]))
        values = [found.loc[clips[by] == name, "rms_db"].dropna() for name in names]
        boxes = axis.boxplot(
            values, tick_labels=names, whis=(5, 95), showfliers=False, patch_artist=True
        )
        for box in boxes["boxes"]:
            box.set_facecolor("#BBD7EA")
        for line in boxes["medians"]:
            line.set_color("black")
        axis.set(title=f"Level by {by}")
        axis.tick_params("x", rotation=40)
        axis.grid(axis="y", alpha=0.3)
    axes[0].set_ylabel("RMS level (dB of full scale)")
    return figure
