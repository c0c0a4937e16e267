"""A clip before and after a change, as one figure."""

import numpy as np

from serkeras.augment import _checks

_BLUE = "#0072B2"  # Okabe-Ito, as in the other figures
_WIDTH, _HEIGHT, _DPI = 9.0, 4.2, 110
_RANGE_DB = 70.0
_TICKS_HZ = (250, 500, 1000, 2000, 4000, 8000)


def before_after(wave, changed, sample_rate, title):
    """Draw waveforms above log-Mel spectrograms, before at the left, after at the right.

    All panels of a row share their axes, and both spectrograms one colour scale: 70 dB below
    the loudest point of the two. 0 dB is a full-scale tone in its own band.

    Args:
        wave: float array `(samples,)`, mono, full scale 1.0.
        changed: float array `(any,)`; may be longer or shorter.
        sample_rate: int, hertz of both.
        title: str, above the figure.

    Returns:
        `matplotlib.figure.Figure`, made without pyplot.

    Raises:
        ValueError: a wave is not 1-D or not finite.
    """
    from matplotlib.figure import Figure

    waves = [_checks.mono(wave), _checks.mono(changed)]
    figure = Figure((_WIDTH, _HEIGHT), dpi=_DPI, layout="constrained", facecolor="white")
    figure.suptitle(title)
    upper, lower = figure.subplots(
        2, 2, sharex=True, sharey="row", height_ratios=(1, 1.8), squeeze=False
    )
    for axis, one, name in zip(upper, waves, ("before", "after"), strict=True):
        axis.plot(np.arange(one.size) / sample_rate, one, color=_BLUE, linewidth=0.4)
        axis.set_title(name, fontsize=10)
        axis.grid(alpha=0.3)
    upper[0].set_ylabel("amplitude\n(full scale 1)")
    image = _draw_spectrograms(lower, waves, sample_rate)
    figure.colorbar(image, ax=lower, label="level (dB)", pad=0.01)
    lower[0].set_ylabel("frequency (kHz)")
    for axis in lower:
        axis.set_xlabel("time (s)")
    lower[0].set_xlim(0, max(one.size for one in waves) / sample_rate)
    return figure


def _draw_spectrograms(axes, waves, sample_rate):
    levels = [_log_mel(wave, sample_rate) for wave in waves]
    top = max(float(level.max()) for level in levels)
    for axis, wave, level in zip(axes, waves, levels, strict=True):
        image = axis.imshow(
            level, origin="lower", aspect="auto", cmap="magma", vmin=top - _RANGE_DB, vmax=top,
            extent=(0, wave.size / sample_rate, 0, len(level)),
        )  # fmt: skip
        axis.set_facecolor("#BBBBBB")  # beyond the end of the shorter wave
    _name_bands(axes[0], len(level), sample_rate)
    return image


def _log_mel(wave, sample_rate):
    """Return decibels `(bands, frames)`."""
    import librosa

    n_fft = 2 ** round(np.log2(0.032 * sample_rate))
    padded = np.pad(wave.astype(np.float32), (0, max(0, n_fft - wave.size)))
    mel = librosa.feature.melspectrogram(
        y=padded, sr=sample_rate, n_fft=n_fft, hop_length=n_fft // 4, n_mels=64, norm=None
    )
    # A full-scale tone has the magnitude n_fft / 4 in its bin under a Hann window.
    return 10 * np.log10(np.maximum(mel / (n_fft / 4) ** 2, 1e-12))


def _name_bands(axis, bands, sample_rate):
    import librosa

    ticks = np.array([hertz for hertz in _TICKS_HZ if hertz < sample_rate / 2])
    # Band i has its centre at (i + 1) / (bands + 1) of the mel axis and is drawn at i + 0.5.
    share = librosa.hz_to_mel(ticks) / librosa.hz_to_mel(sample_rate / 2)
    axis.set_yticks(share * (bands + 1) - 0.5, [f"{hertz / 1000:g}" for hertz in ticks])
