"""Waveform augmentation on NumPy; every function takes its random generator."""

import hashlib

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


def noisy_copies(wave, clip, config, seed):
    """Return the noisy copies of one training clip.

    Each copy has a generator of its own, seeded by `seed`, the clip's id and the copy's
    number: the noise depends neither on the order of clips nor on the number of workers.

    Args:
        wave: float array `(samples,)`, not silent.
        clip: str, the clip's id in the manifest.
        config: `serkeras.config.AugmentConfig`; SNR is drawn uniformly from its range.
        seed: int >= 0.

    Returns:
        float32 array `(config.awgn_copies, samples)`.

    Raises:
        ValueError: see `add_awgn`.
    """
    low, high = config.snr_db
    copies = np.empty((config.awgn_copies, len(wave)), np.float32)
    for number in range(config.awgn_copies):
        rng = clip_rng(seed, clip, number + 1)
        copies[number] = add_awgn(wave, rng.uniform(low, high), rng)
    return copies


def clip_rng(seed, clip, copy):
    """Return the generator of one copy of one clip, the same on every machine and run.

    Args:
        seed: int >= 0, of the run.
        clip: str, the clip's id.
        copy: int >= 0, number of the copy.

    Returns:
        `numpy.random.Generator`.
    """
    # Python's own hash() of a string changes with every process.
    digest = hashlib.sha256(clip.encode()).digest()
    return np.random.default_rng([seed, int.from_bytes(digest[:8], "little"), copy])
