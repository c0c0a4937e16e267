"""Mel spectrograms as colour pictures, in memory and as folders of files (report S4)."""

import numpy as np

from serkeras.features import spectral
from serkeras.features.multi import resize_matrix


def mel_image(
    waves,
    sample_rate=16000,
    n_mels=128,
    n_fft=2048,
    hop_length=512,
    fmin=0.0,
    fmax=None,
    win_length=None,
    image_size=224,
    image_range_db=(-80.0, 30.0),
    colormap="magma",
    n_jobs=1,
):
    """Log-Mel spectrogram as a square picture, without axes or legend.

    One colour is one level in decibels in every picture. Frequency rises upwards.

    Args:
        waves: float array `(clips, samples)`, full scale 1.0.
        sample_rate: int, hertz.
        n_mels, n_fft, hop_length, fmin, fmax, win_length: see `serkeras.features.log_mel`.
        image_size: int, pixels of a side.
        image_range_db: (low, high) decibels that the colours span; what lies outside has the
            colour of the nearer end.
        colormap: name of a matplotlib colour map.
        n_jobs: int, threads that share the clips; -1 for all cores.

    Returns:
        uint8 array `(clips, image_size, image_size, 3)`, red, green, blue.

    Raises:
        ValueError: see `serkeras.features.mel`, or matplotlib knows no such colour map.

    Source:
        Report S4, section 5.1.
    """
    colors = _palette(colormap)
    decibels = spectral.log_mel(
        waves, sample_rate, n_mels, n_fft, hop_length, fmin, fmax, win_length, n_jobs=n_jobs
    )
    low, high = image_range_db
    rows = resize_matrix(n_mels, image_size).T[::-1]
    columns = resize_matrix(decibels.shape[2], image_size)
    levels = (rows @ decibels @ columns - low) / (high - low)
    return colors[np.rint(255 * np.clip(levels, 0, 1)).astype(np.uint8)]


def _palette(name):
    """Return the 256 colours of a colour map, uint8 `(256, 3)`."""
    import matplotlib

    try:
        return matplotlib.colormaps[name](np.arange(256), bytes=True)[:, :3]
    except KeyError as error:
        raise ValueError(
            f"`colormap` must be a name that matplotlib knows. Received: {name!r}. "
            "Use for instance 'magma' or 'viridis'."
        ) from error
