"""Loudness, overload, cuts, delays and speed: what becomes of the waveform itself."""

import numpy as np
import soxr

from serkeras import augment
from serkeras.robustness.noises import at_power_of


def gain(wave, sample_rate, level, rng):
    """Make a recording louder or quieter; it is not clipped.

    Args:
        wave: float32 array `(samples,)`, mono, full scale 1.0.
        sample_rate: int, hertz.
        level: decibels.
        rng: not used.

    Returns:
        float32 array `(samples,)`.
    """
    return augment.gain(wave, level)


def clip(wave, sample_rate, level, rng):
    """Cut off the largest samples, as an overloaded microphone does, and keep the power.

    Args:
        wave, sample_rate, rng: as in `gain`.
        level: percent of the samples that are cut, among those that are not zero.

    Returns:
        float32 array `(samples,)`; loudness is a damage of its own.
    """
    sizes = np.abs(wave[wave != 0])
    if not level or not sizes.size:
        return wave
    most = np.quantile(sizes, 1 - level / 100)
    return at_power_of(wave, np.clip(wave, -most, most))


def truncate(wave, sample_rate, level, rng):
    """Keep the beginning of a recording.

    Args:
        wave, sample_rate, rng: as in `gain`.
        level: percent that are kept.

    Returns:
        float32 array `(kept,)`, one sample or more.
    """
    return wave[: max(1, round(len(wave) * level / 100))]


def delay(wave, sample_rate, level, rng):
    """Put silence before a recording, which becomes longer by it.

    Args:
        wave, sample_rate, rng: as in `gain`.
        level: seconds.

    Returns:
        float32 array `(samples + delay,)`.
    """
    return np.pad(wave, (round(level * sample_rate), 0))


def speed(wave, sample_rate, level, rng):
    """Play faster or slower by resampling: pitch and formants move too.

    Args:
        wave, sample_rate, rng: as in `gain`.
        level: factor, above 1 is faster.

    Returns:
        float32 array, about `(samples / level,)`.
    """
    # A recording of a few samples may become none.
    changed = wave if level == 1 else soxr.resample(wave, level, 1.0, quality="HQ")
    return changed if len(changed) else wave


def tempo(wave, sample_rate, level, rng):
    """Speak faster or slower at the same pitch, by a phase vocoder, which blurs a little.

    Args, returns as in `speed`.
    """
    return wave if level == 1 else augment.time_stretch(wave, sample_rate, level)
