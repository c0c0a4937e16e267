"""Changes of level, place in time and shape of the waveform."""

import numpy as np

from serkeras.augment import _checks

FILLS = ("zero", "circular")


def gain(wave, gain_db):
    """Multiply by 10**(gain_db / 20).

    Args:
        wave: float array `(samples,)`, mono, full scale 1.0.
        gain_db: float from -120 to 120, decibels.

    Returns:
        float32 array `(samples,)`. Not clipped: peaks may pass 1.0.

    Raises:
        ValueError: `wave` is not 1-D or not finite, or `gain_db` is outside its range.

    Source:
        Level in decibels is 20 log10 of amplitude.
    """
    wave = _checks.mono(wave)
    _checks.setting("gain_db", gain_db)
    return (wave * 10 ** (gain_db / 20)).astype(np.float32)


def time_shift(wave, sample_rate, shift_s, fill="zero"):
    """Move a clip in time within its length.

    Args:
        wave: float array `(samples,)`, mono, full scale 1.0.
        sample_rate: int, hertz.
        shift_s: float, seconds, rounded to samples; above 0 is later.
        fill: "zero" puts zeros where nothing is, and what passes the end is lost; "circular"
            lets it come in again at the other end.

    Returns:
        float32 array `(samples,)`.

    Raises:
        ValueError: `wave` is not 1-D or not finite, `shift_s` is not a finite number, or `fill`
            is no known word; with "zero" also a shift as long as the clip.

    Source:
        y[n] = x[n - round(shift_s * sample_rate)].
    """
    wave = _checks.mono(wave)
    _checks.setting("shift_s", shift_s)
    check_fill(fill)
    shift = round(shift_s * sample_rate)
    shifted = np.roll(wave, shift).astype(np.float32)
    if fill == "circular":
        return shifted
    if abs(shift) >= wave.size:
        raise ValueError(
            "`shift_s` must be less than the clip, or nothing of it is left. Received: "
            f"{shift_s!r} for a clip of {wave.size / sample_rate:g} s. Shift by less, or with "
            "fill='circular'."
        )
    shifted[slice(0, shift) if shift >= 0 else slice(shift, None)] = 0.0
    return shifted


def check_fill(fill="zero"):
    """Refuse a word that `time_shift` does not know.

    Raises:
        ValueError: `fill` is not one of `FILLS`.
    """
    if fill not in FILLS:
        raise ValueError(f"`fill` must be one of {FILLS}. Received: {fill!r}. Correct the word.")


def tanh_distortion(wave, drive):
    """Bend the waveform by tanh, as an overdriven amplifier does, and keep the level.

    y = g tanh(drive x), with g such that the RMS of y is that of x. A tone gets odd harmonics
    only, since tanh is odd; tones together, as those of a voice, also get sums and differences.
    The effect depends on the level of the clip: full scale is 1.0.

    Args:
        wave: float array `(samples,)`, mono, full scale 1.0.
        drive: float from 0.01 to 1000; larger is harsher.

    Returns:
        float32 array `(samples,)`. Not clipped: peaks may pass 1.0.

    Raises:
        ValueError: `wave` is not 1-D or not finite, or `drive` is outside its range.

    Source:
        Smith, Physical audio signal processing, 2010, soft clipping.
    """
    wave = _checks.mono(wave)
    _checks.setting("drive", drive)
    bent = np.tanh(drive * wave.astype(np.float64))
    power = _checks.power(bent)
    scale = np.sqrt(_checks.power(wave) / power) if power > 0 else 1.0
    return (scale * bent).astype(np.float32)
