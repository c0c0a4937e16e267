"""A figure of what a network listened to: weights over the waveform, and where in frequency."""

import numpy as np

from serkeras.evaluation.plots import BLUE, GREEN, GREY, ORANGE, VERMILION, new_figure

_HEADS = (BLUE, ORANGE, GREEN, VERMILION)
_STYLES = ("-", "--", "-.", ":")


def attention_figure(wave, sample_rate, features, hop_length, found, title, averaged="none"):
    """Draw a clip and the weights of its parts.

    A weight is shown as a multiple of what it would be if all parts counted alike: 1 is no
    preference. Where the softmax has a lambda other than 1, thin lines show the weights without.

    Args:
        wave: float array `(samples,)`, as the network heard it.
        sample_rate: int, hertz.
        features: float array `(bins, frames)`; `(bins,)` or `(frames,)` for averages.
        hop_length: samples between frames.
        found: `serkeras.evaluation.attention.Attention`.
        title: str.
        averaged: what the features were averaged over, "none", "time" or "frequency".

    Returns:
        `matplotlib.figure.Figure`.
    """
    over_time = features.ndim == 2
    drawn = new_figure(7.5 if over_time else 5.5)
    axes = drawn.subplots(3 if over_time else 2, 1, sharex=over_time)
    drawn.suptitle(title)
    seconds = np.arange(len(wave)) / sample_rate
    axes[0].plot(seconds, wave, color=GREY, linewidth=0.5)
    axes[0].set(ylabel="amplitude", xlim=(0, seconds[-1]))
    step = hop_length / sample_rate
    if averaged == "frequency":
        axes[0].set_xlabel("seconds")
        _draw_vector(axes[1], features, found, step, "seconds")
        axes[1].set_xlim(axes[0].get_xlim())
    elif not over_time:
        axes[0].set_xlabel("seconds (averaged away before the network)")
        _draw_vector(axes[1], features, found, 1, "number of the averaged feature")
    if not over_time:
        return drawn
    twin = axes[0].twinx()
    _lines(twin, found.frames * step, found.frame_step * step, found, summed=0)
    # The first of MFCC would leave the others one colour.
    low, high = np.percentile(features, (2, 98))
    axes[1].imshow(
        features, origin="lower", aspect="auto", cmap="magma", interpolation="nearest",
        vmin=low, vmax=high,
        extent=(-step / 2, (features.shape[1] - 0.5) * step, -0.5, len(features) - 0.5),
    )  # fmt: skip
    axes[1].set_ylabel("bin of the feature")
    _draw_map(drawn, axes[2], found, step, len(features))
    axes[2].set(ylabel="bin of the feature", xlabel="seconds")
    return drawn


def _lines(axis, places, width, found, summed):
    """Draw one line a head: its weights summed along an axis, over what equal ones would be."""
    edges = np.append(places - width / 2, places[-1] + width / 2)
    heads = found.weights.shape[-1]
    for head in range(heads):
        colour, style = _HEADS[head % 4], _STYLES[head % 4]
        label = f"{found.word} {head + 1}" if heads > 1 else "weight"
        label += "" if found.scale is None else f", lambda {found.scale:g}"
        axis.stairs(
            _relative(found.weights, head, summed), edges, baseline=None,
            color=colour, linestyle=style, linewidth=1.8, label=label,
        )  # fmt: skip
        if found.scale not in (None, 1.0):
            axis.stairs(
                _relative(found.plain, head, summed), edges, baseline=None, color=colour,
                linewidth=0.6, label="thin: lambda 1" if head == 0 else None,
            )  # fmt: skip
    axis.axhline(1, color="black", linewidth=0.8, linestyle=":")
    axis.set_ylabel("times the equal weight")
    axis.margins(y=0.1)
    axis.legend(
        loc="lower right", bbox_to_anchor=(1, 1), ncols=5, fontsize="x-small", frameon=False
    )


def _relative(weights, head, axis):
    summed = weights[:, :, head].sum(axis=axis)
    return summed * len(summed)


def _draw_map(drawn, axis, found, step, bins):
    """Draw the weights, mean over heads, in the places that they belong to."""
    mean = found.weights.mean(axis=-1)
    times = found.frames * step
    half = found.frame_step * step / 2
    low, high = found.bins[0] - found.bin_step / 2, found.bins[-1] + found.bin_step / 2
    reach = max(np.abs(mean * mean.size - 1).max(), 1e-3)
    image = axis.imshow(
        mean * mean.size, origin="lower", aspect="auto", cmap="RdBu_r", interpolation="nearest",
        extent=(times[0] - half, times[-1] + half, low, high), vmin=1 - reach, vmax=1 + reach,
    )  # fmt: skip
    axis.set_ylim(-0.5, bins - 0.5)
    drawn.colorbar(image, ax=axis, label="times the equal weight", location="bottom", aspect=50)


def _draw_vector(axis, features, found, step, label):
    """Draw averages, `step` apart, and the weights over them."""
    axis.plot(np.arange(len(features)) * step, features, color=GREY, linewidth=0.8)
    axis.set(ylabel="average", xlabel=label, xlim=(0, len(features) * step))
    _lines(axis.twinx(), found.bins * step, found.bin_step * step, found, summed=1)
