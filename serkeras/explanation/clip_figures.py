"""Figures of explanation: clips with their features and maps."""

import numpy as np

from serkeras.evaluation.plots import BLUE, GREY, new_figure
from serkeras.explanation import faithfulness

_MOST_SAMPLES = 4000


def examples(heard, made, rows, signed):
    """Draw clips with their features and the maps of all methods.

    Args:
        heard: `serkeras.explanation.maps.Heard`.
        made: maps, see `serkeras.explanation.maps.make`.
        rows: indices of the clips, one column each.
        signed: names of the methods whose maps have signs.

    Returns:
        `matplotlib.figure.Figure`.
    """
    lines = 2 + len(made)
    figure = new_figure(0.9 + 1.15 * lines, width=max(4.5, 1.2 + 3.0 * len(rows)))
    panels = figure.subplots(lines, len(rows), squeeze=False, sharex="col")
    for column, row in enumerate(rows):
        axes = panels[:, column]
        _wave(axes[0], heard, row)
        axes[0].set_title(_title(heard, row), fontsize=8.5, loc="left")
        _features(axes[1], heard, row)
        for axis, name in zip(axes[2:], made, strict=True):
            _map(axis, heard, row, made[name][row], name in signed)
        axes[-1].set_xlabel("time (s)" if heard.axes.kind != "bins" else heard.axes.bins)
    for axis, name in zip(panels[:, 0], ("wave", "features", *made), strict=True):
        unit = heard.axes.bins if heard.axes.kind == "image" and name != "wave" else ""
        axis.set_ylabel(f"{name}\n{unit}".strip().replace("occlusion-", "occlusion\n"), fontsize=8)
    for axis in panels.ravel():
        axis.tick_params(labelsize=7)
        axis.margins(x=0)
    return figure


def _title(heard, row):
    clip, labels = heard.clips.iloc[row], heard.run.labels
    said, label = heard.probabilities[row], heard.classes[row]
    words = f"explained: {labels[label]} ({100 * said[label]:.0f} %)"
    truth = clip.get("emotion")
    if isinstance(truth, str):
        words += "\nRIGHT" if truth == labels[said.argmax()] else f"\nWRONG: it is {truth}"
    name = str(clip.get("clip", clip["path"])).rsplit("/", 1)[-1]
    return f"{words}\n{name[:34]}"


def _wave(axis, heard, row):
    wave, rate = heard.waves[row], heard.run.experiment.audio.sample_rate
    seconds = np.arange(len(wave)) / rate
    if heard.axes.kind == "bins":
        # The columns below count bins, and share their axis.
        seconds = seconds / max(seconds[-1], 1e-9) * (len(heard.axes.places) - 1)
    step = max(1, len(wave) // _MOST_SAMPLES)
    axis.plot(seconds[::step], wave[::step], color=GREY, linewidth=0.4)
    axis.set_yticks([])


def _extent(axes, shape):
    low, high = -0.5, shape[0] - 0.5
    return (*axes.seconds(shape[1]), *((high, low) if axes.downwards else (low, high)))


def _features(axis, heard, row):
    x, axes = heard.x[row], heard.axes
    if axes.kind == "image" and x.shape[-1] == 3:
        low, high = np.percentile(x, (1, 99), axis=(0, 1))
        shown = np.clip((x - low) / np.maximum(high - low, 1e-6), 0, 1)
        image(axis, axes, shown)
    elif axes.kind == "image":
        # The first of MFCC would leave the others one colour.
        low, high = np.percentile(x, (5, 95))
        image(axis, axes, x[..., 0], cmap="magma", vmin=low, vmax=high)
    elif axes.step_s is not None and len(x) == len(heard.waves[row]):
        _spectrogram(axis, heard, row)
    else:
        places = np.arange(len(x)) * (axes.step_s or 1)
        axis.plot(places, x[:, 0], color=BLUE, linewidth=0.7)


def _spectrogram(axis, heard, row):
    """Draw what can be seen of a waveform that the network takes as it is."""
    from serkeras import features

    rate = heard.run.experiment.audio.sample_rate
    shown = features.log_mel(heard.waves[row][None], sample_rate=rate)[0]
    axis.imshow(
        shown, origin="lower", aspect="auto", cmap="magma", vmin=shown.max() - 60,
        vmax=shown.max(), extent=(0, len(heard.waves[row]) / rate, 0, len(shown)),
    )  # fmt: skip
    axis.set_yticks([])


def image(axis, axes, values, **colours):
    """Draw values `(bins, frames)`, or colours, in the units of their axes."""
    axis.imshow(
        values, aspect="auto", interpolation="nearest", extent=_extent(axes, values.shape),
        origin="upper" if axes.downwards else "lower", **colours,
    )  # fmt: skip
    axis.set_yticks(list(axes.ticks), list(axes.ticks.values()))


def _map(axis, heard, row, values, signed):
    # A few cells far above the others would leave those without a colour.
    top = max(float(np.percentile(np.abs(values), 99.5)), 1e-30)
    if heard.axes.kind == "image":
        low, colours = (-top, "RdBu_r") if signed else (0.0, "viridis")
        image(axis, heard.axes, values, cmap=colours, vmin=low, vmax=top)
        return
    blocks = values
    if len(values) > faithfulness.CELLS:
        number = faithfulness.cells(values.shape)
        blocks = np.bincount(number, weights=values) / np.bincount(number)
    step = (heard.axes.step_s or 1) * len(values) / len(blocks)
    edges = (np.arange(len(blocks) + 1) - 0.5 * (len(blocks) == len(values))) * step
    axis.stairs(blocks, edges, color=BLUE, fill=True)
    axis.axhline(0, color="black", linewidth=0.5)
    axis.set_yticks([0])
