"""The mel filter bank, whole and cut into the dense blocks that make its product quick."""

import functools

import numpy as np

# Mel bands multiplied together: enough for BLAS, few enough to skip the bank's zeros.
_BAND_GROUP = 8


def mel_bank(sample_rate, n_fft, n_mels, fmin=0.0, fmax=None):
    """Triangular filters of equal area on Slaney's mel scale.

    Args:
        sample_rate: int, hertz.
        n_fft: int, samples of the Fourier window.
        n_mels: int, filters.
        fmin: float, hertz, lower edge of the first filter.
        fmax: float, hertz, upper edge of the last one; None is half the sample rate.

    Returns:
        float32 array `(n_mels, 1 + n_fft // 2)`, equal to `librosa.filters.mel`.

    Source:
        Slaney 1998, Auditory Toolbox: 200/3 Hz a mel below 1 kHz; above, 27 mels multiply the
        frequency by 6.4.
    """
    fmax = sample_rate / 2 if fmax is None else fmax
    edges = _mel_to_hz(np.linspace(_hz_to_mel(fmin), _hz_to_mel(fmax), n_mels + 2))
    bins = np.fft.rfftfreq(n_fft, 1 / sample_rate)
    ramps = edges[:, None] - bins
    widths = np.diff(edges)[:, None]
    triangles = np.minimum(-ramps[:-2] / widths[:-1], ramps[2:] / widths[1:])
    # librosa rounds to float32 before it scales by area; so the last bit agrees.
    bank = np.maximum(0, triangles).astype(np.float32)
    bank *= 2.0 / (edges[2:] - edges[:-2])[:, None]
    return bank


def _hz_to_mel(hertz):
    linear = 3 * hertz / 200
    return 15 + 27 * np.log(hertz / 1000) / np.log(6.4) if hertz >= 1000 else linear


def _mel_to_hz(mels):
    return np.where(mels >= 15, 1000 * np.exp(np.log(6.4) / 27 * (mels - 15)), 200 * mels / 3)


@functools.lru_cache(maxsize=16)
def band_groups(sample_rate, n_fft, n_mels, fmin, fmax):
    """Cut the mel bank into dense blocks: (bands, bins, weights) of some neighbouring bands."""
    bank = mel_bank(sample_rate, n_fft, n_mels, fmin, fmax)
    groups = []
    for start in range(0, n_mels, _BAND_GROUP):
        block = bank[start : start + _BAND_GROUP]
        used = np.flatnonzero(block.any(axis=0))
        bins = slice(used[0], used[-1] + 1) if used.size else slice(0, 1)
        bands = slice(start, start + len(block))
        groups.append((bands, bins, np.ascontiguousarray(block[:, bins].T)))
    return groups
