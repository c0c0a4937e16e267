"""Pictures of the page: a clip with what counted in it, and the strip of the newest minute."""

import io

import numpy as np

from serkeras.evaluation.plots import BLUE, GREY, VERMILION, new_figure

_MOST_POINTS = 3000
_SILENT, _EMPTY = (205, 205, 205), (255, 255, 255)
_DECIBELS = 60
_NEIGHBOURS = 5


def png(figure):
    """Return a `matplotlib.figure.Figure` as bytes of a PNG file."""
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=figure.dpi, metadata={"Software": None})
    return file.getvalue()


def clip(wave, rate, found=None):
    """Draw a recording's waveform, its spectrogram and what counted in it.

    Where the model takes Mel bands the map lies over them; otherwise, say of MFCC, its mean over
    the bins stands below the spectrogram, since a coefficient is no place on it.

    Args:
        wave: float array `(samples,)`.
        rate: hertz.
        found: `serkeras.app.saliency.Map`, or None.

    Returns:
        `matplotlib.figure.Figure`, narrow enough for a phone.
    """
    over = found is not None and found.axes.unit == "Hz" and found.axes.kind == "image"
    below = found is not None and not over
    heights = (1, 2, 0.8) if below else (1, 2)
    figure = new_figure(5.0 if below else 4.2, width=6.2)
    panels = figure.subplots(len(heights), 1, sharex=True, height_ratios=heights)
    _wave(panels[0], wave, rate)
    if over:
        _bands(panels[1], found)
    else:
        _spectrogram(panels[1], wave, rate)
    if below:
        _profile(panels[2], found)
    for panel in panels:
        panel.tick_params(labelsize=10)
    panels[-1].set_xlabel("time (s)")
    panels[0].set_xlim(0, len(wave) / rate)
    return figure


def _wave(axis, wave, rate):
    """Draw the range of the samples in as many steps as can be seen."""
    step = max(1, len(wave) // _MOST_POINTS)
    padded = np.pad(wave, (0, -len(wave) % step), mode="edge").reshape(-1, step)
    seconds = np.arange(len(padded)) * step / rate
    axis.fill_between(seconds, padded.min(axis=1), padded.max(axis=1), color=GREY, linewidth=0.6)
    axis.set_yticks([])
    axis.set_ylabel("wave")


def _spectrogram(axis, wave, rate):
    from serkeras import features

    shown = features.log_mel(wave[None], sample_rate=rate)[0]
    hertz = _mel_places(len(shown), rate)
    axis.imshow(
        shown, origin="lower", aspect="auto", cmap="Greys", vmin=shown.max() - _DECIBELS,
        vmax=shown.max(), extent=(0, len(wave) / rate, -0.5, len(shown) - 0.5),
    )  # fmt: skip
    ticks = [tick for tick in (500, 1000, 2000, 4000) if tick < rate / 2]
    places = np.interp(ticks, hertz, np.arange(len(hertz)))
    axis.set_yticks(places, [f"{tick / 1000:g}" for tick in ticks])
    axis.set_ylabel("Mel band (kHz)")


def _mel_places(bins, rate):
    import librosa

    return librosa.mel_frequencies(n_mels=bins + 2, fmin=0, fmax=rate / 2)[1:-1]


def _bands(axis, found):
    """Draw the bands in grey and what counted over them in colour."""
    from serkeras.explanation.clip_figures import image

    shown = found.features
    image(axis, found.axes, shown, cmap="Greys", vmin=np.percentile(shown, 5), vmax=shown.max())
    image(axis, found.axes, _veil(found.values))
    axis.set_ylabel(found.axes.bins)
    axis.set_title("orange: where the score of the answer reacts most", fontsize=11, loc="left")


def _veil(values):
    """Return colours `(bins, frames, 4)`: one hue, the more opaque the more counted."""
    from matplotlib.colors import to_rgba
    from scipy.ndimage import uniform_filter

    # From cell to cell gradients jump; their mean over a neighbourhood is what an eye can follow.
    values = uniform_filter(values, _NEIGHBOURS, mode="nearest")
    veil = np.empty((*values.shape, 4))
    veil[:] = to_rgba(VERMILION)
    # A few cells far above the others would leave those without a colour.
    low, high = np.percentile(values, (50, 99.5))
    veil[..., 3] = 0.85 * np.clip((values - low) / max(high - low, 1e-30), 0, 1)
    return veil


def _profile(axis, found):
    values = found.values.mean(axis=0) if found.values.ndim == 2 else found.values
    if len(values) > _MOST_POINTS:
        step = len(values) // 200
        values = values[: len(values) // step * step].reshape(-1, step).mean(axis=1)
    left, right = found.axes.seconds(len(found.features.T))
    edges = np.linspace(left, right, len(values) + 1)
    axis.stairs(values, edges, color=BLUE, fill=True)
    axis.set(yticks=[0], ylim=(0, None))
    axis.set_ylabel("reacts")
    axis.set_title("where the score of the answer reacts most", fontsize=11, loc="left")


def strip(shares, kinds):
    """Draw probabilities over time, one pixel each, for the page to stretch.

    Args:
        shares: float array `(classes, columns)`, 0 to 1; NaN for none.
        kinds: strings `(columns,)`: "speech", "silence", "gap" or "".

    Returns:
        PNG bytes: dark blue is 0 and yellow is 1 (cividis), grey is silence, white is nothing.
    """
    import matplotlib
    from PIL import Image

    coloured = matplotlib.colormaps["cividis"](np.nan_to_num(shares), bytes=True)[..., :3]
    coloured[:, kinds == "silence"] = _SILENT
    coloured[:, (kinds == "gap") | (kinds == "")] = _EMPTY
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(coloured)).save(file, "PNG")
    return file.getvalue()
