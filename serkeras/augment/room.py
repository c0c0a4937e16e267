"""Reverberation by a synthetic room."""

import numpy as np

from serkeras.augment import _checks

# The response is cut where it has fallen by 90 dB, below what 16 bits or an ear would notice.
_LENGTH = 1.5


def reverb(wave, sample_rate, rt60_s, drr_db, rng):
    """Put a clip into a room: the direct sound, followed by exponentially decaying noise.

    The impulse response is h[0] = 1 and, from the next sample on, Gaussian noise times
    10**(-3 t / rt60_s), whose energy falls by 60 dB in `rt60_s` seconds. The noise is scaled
    so that the ratio of direct to reverberant energy, -10 log10(sum of h[n]**2, n > 0), is
    exactly `drr_db`. The response ends at 1.5 `rt60_s`, where it has fallen by 90 dB.

    The direct sound keeps its time and its level; the reverberation is added to it, so that
    a clip becomes louder, on average by 10 log10(1 + 10**(-drr_db / 10)) dB. What rings on
    after the clip's end is cut off.

    Args:
        wave: float array `(samples,)`, mono, full scale 1.0.
        sample_rate: int, hertz.
        rt60_s: float from 0.01 to 20, seconds in which the reverberation falls by 60 dB.
        drr_db: float from -60 to 60, direct-to-reverberant ratio; larger is drier.
        rng: `numpy.random.Generator`, one per clip; it draws the room's noise.

    Returns:
        float32 array `(samples,)`. Not clipped: peaks may pass 1.0.

    Raises:
        ValueError: `wave` is not 1-D or not finite, or a setting is outside its range.

    Source:
        Moorer, About this reverberation business, Computer Music Journal 3(2), 1979.
    """
    from scipy.signal import fftconvolve

    wave = _checks.mono(wave)
    _checks.setting("rt60_s", rt60_s)
    _checks.setting("drr_db", drr_db)
    time_s = np.arange(1, 2 + int(_LENGTH * rt60_s * sample_rate)) / sample_rate
    tail = rng.standard_normal(time_s.size) * 10 ** (-3 * time_s / rt60_s)
    tail *= np.sqrt(10 ** (-drr_db / 10) / np.sum(np.square(tail)))
    changed = wave.astype(np.float64)
    # What comes after the clip is cut off, so the end of a long response is not needed.
    changed[1:] += fftconvolve(wave, tail[: wave.size])[: wave.size - 1]
    return changed.astype(np.float32)
