"""Noise at an exact signal-to-noise ratio."""

import numpy as np


def add_awgn(wave, snr_db, rng):
    """Add white Gaussian noise at an exact signal-to-noise ratio.

    The drawn noise is scaled by its own power, so that the ratio holds for this very clip and
    not only on average.

    Args:
        wave: float array `(samples,)`, mono, full scale 1.0.
        snr_db: float, target SNR in decibels; larger is cleaner.
        rng: `numpy.random.Generator`, one per clip.

    Returns:
        float32 array `(samples,)`. Not clipped: peaks may pass 1.0.

    Raises:
        ValueError: `wave` is not 1-D, or is silent or NaN (its SNR is undefined), or `snr_db`
            is not a finite number.

    Source:
        SNR = 10 log10(P_signal / P_noise), P = mean(x**2).
    """
    wave = np.asarray(wave)
    if wave.ndim != 1:
        raise ValueError(
            f"`wave` must be 1-D mono audio. Received: shape={wave.shape}. "
            "Average the channels first: wave.mean(axis=-1)."
        )
    if not np.isfinite(snr_db):
        raise ValueError(
            f"`snr_db` must be a finite number of decibels. Received: {snr_db!r}. "
            "Leave the clip as it is where no noise is wanted."
        )
    signal_power = np.mean(np.square(wave, dtype=np.float64)) if wave.size else 0.0
    if not signal_power > 0:
        raise ValueError(
            "`wave` must carry a signal: the signal-to-noise ratio of silence is undefined. "
            f"Received: {wave.size} samples of mean power {signal_power}. "
            "Leave silent clips without noise and remove NaN."
        )
    noise = rng.standard_normal(wave.size)
    noise_power = signal_power / 10 ** (snr_db / 10)
    noise *= np.sqrt(noise_power / np.mean(np.square(noise)))
    return (wave + noise).astype(np.float32)
