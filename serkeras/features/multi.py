"""Spectrograms of three channels, made like the colours of a picture (report S1)."""

import numpy as np

from serkeras.features import spectral
from serkeras.features.delta import delta


def multi_resolution(
    waves,
    sample_rate=16000,
    n_mels=128,
    n_fft=4096,
    windows=(1024, 2048, 4096),
    width=256,
    fmin=0.0,
    fmax=None,
    n_jobs=1,
):
    """Log-Mel spectrograms of three window lengths, one a channel.

    Short windows show when something happens, long ones at which frequency. Each hop is a
    quarter of its window; the power is resized to `width` frames and then turned into decibels,
    as the source does.

    Args:
        waves: float array `(clips, samples)`, full scale 1.0.
        sample_rate: int, hertz.
        n_mels: int, mel bands.
        n_fft: int, samples of the Fourier transform of all channels; the longest window where
            that is more.
        windows: three ints, samples of the periodic Hann windows.
        width: int, frames of the result.
        fmin, fmax: hertz, edges of the mel bank; `fmax=None` is half the sample rate.
        n_jobs: int, threads that share the clips; -1 for all cores.

    Returns:
        float32 array `(clips, n_mels, width, 3)`, decibels, floored 80 dB below the largest of
        each clip and channel.

    Raises:
        ValueError: see `serkeras.features.mel`.

    Source:
        Report S1, section III.
    """
    channels = []
    n_fft = max(n_fft, *windows)
    for window in windows:
        power = spectral.mel(
            waves, sample_rate, n_mels, n_fft, max(window // 4, 1), fmin, fmax, window, n_jobs
        )
        resized = power @ resize_matrix(power.shape[2], width)
        channels.append(_each_to_decibels(resized))
    return np.stack(channels, axis=-1)


def spectrogram_mfcc_delta(
    waves,
    sample_rate=16000,
    n_mels=128,
    n_fft=2048,
    hop_length=512,
    width=256,
    fmin=0.0,
    fmax=None,
    win_length=None,
    n_jobs=1,
):
    """Log-Mel spectrogram, its MFCC and their slopes, one a channel.

    As many coefficients as bands, so that the channels have one height; each channel is resized
    to `width` frames.

    Args:
        waves: float array `(clips, samples)`, full scale 1.0.
        sample_rate: int, hertz.
        n_mels: int, mel bands and coefficients.
        n_fft, hop_length, win_length: samples, see `serkeras.features.mel`.
        width: int, frames of the result.
        fmin, fmax: hertz, edges of the mel bank; `fmax=None` is half the sample rate.
        n_jobs: int, threads that share the clips; -1 for all cores.

    Returns:
        float32 array `(clips, n_mels, width, 3)`.

    Raises:
        ValueError: see `serkeras.features.mel` and `serkeras.features.delta.delta`.

    Source:
        Report S1, section III.
    """
    decibels = spectral.log_mel(
        waves, sample_rate, n_mels, n_fft, hop_length, fmin, fmax, win_length, n_jobs=n_jobs
    )
    coefficients = spectral.cepstrum(decibels, axis=1)
    channels = np.stack([decibels, coefficients, delta(coefficients)], axis=1)
    resized = channels @ resize_matrix(channels.shape[3], width)
    return np.ascontiguousarray(np.moveaxis(resized, 1, 3))


def resize_matrix(frames, width):
    """Return the matrix that resizes rows of frames to another number of frames.

    Bilinear, pixel centres at halves, edges repeated, no smoothing before shrinking.

    Args:
        frames: int, frames before.
        width: int, frames after.

    Returns:
        float32 array `(frames, width)`; `x @ matrix` is the resized `x`.
    """
    places = np.clip((np.arange(width) + 0.5) * frames / width - 0.5, 0, frames - 1)
    left = np.minimum(places.astype(int), max(frames - 2, 0))
    share = places - left
    matrix = np.zeros((frames, width), np.float32)
    matrix[left, np.arange(width)] = 1 - share
    if frames > 1:
        matrix[left + 1, np.arange(width)] = share
    return matrix


def _each_to_decibels(power):
    for clip in power:
        spectral.to_decibels(clip)
    return power
