"""Noise and rooms: what is added to a recording by the place where it is made."""

import numpy as np

from serkeras import augment
from serkeras.augment import recordings

VOICES = 5
# A talker one metre away in a living room.
_ROOM_M3, _DISTANCE_M = 60.0, 1.0


def white(wave, sample_rate, level, rng):
    """Add white Gaussian noise at an exact SNR over the whole recording.

    Args:
        wave: float32 array `(samples,)`, mono, full scale 1.0.
        sample_rate: int, hertz.
        level: SNR, decibels.
        rng: `numpy.random.Generator`.

    Returns:
        float32 array `(samples,)`; a silent recording stays silent.
    """
    return augment.add_awgn(wave, level, rng) if wave.any() else wave


def pink(wave, sample_rate, level, rng):
    """Add Gaussian noise that falls by 3 dB an octave at an exact SNR; see `white`."""
    return augment.add_colored_noise(wave, 1.0, level, rng) if wave.any() else wave


def babble(wave, sample_rate, level, rng, voices):
    """Add several talkers at once at an exact SNR; see `white`.

    Each of `VOICES` recordings (fewer where there are no more) is looped or cut from a random
    place, brought to the same power and added up.

    Args:
        wave, sample_rate, level, rng: as in `white`.
        voices: list of float arrays `(any,)`, recordings of others, none of them silent.

    Returns:
        float32 array `(samples,)`; a silent recording stays silent.

    Raises:
        ValueError: there are no voices.
    """
    if not wave.any():
        return wave
    if not len(voices):
        raise ValueError(
            "`voices` must hold recordings that are not silent. Received: none. Give recordings "
            "of other speakers."
        )
    chosen = rng.choice(len(voices), size=min(VOICES, len(voices)), replace=False)
    crowd = np.zeros(len(wave))
    for number in chosen:
        one = recordings.stretch(voices[number], len(wave), sample_rate, rng)
        crowd += one / np.sqrt(np.mean(np.square(one)))
    wanted = np.mean(np.square(wave, dtype=np.float64)) / 10 ** (level / 10)
    crowd *= np.sqrt(wanted / np.mean(np.square(crowd)))
    return (wave + crowd).astype(np.float32)


def reverberation(wave, sample_rate, level, rng):
    """Put a recording into a living room of 60 cubic metres, the talker one metre away.

    The room is `serkeras.augment.reverb`; the ratio of direct to reverberant sound follows from
    the reverberation time T by the critical distance, r = 0.057 sqrt(V / T) metres. The power
    of the recording is kept: loudness is a damage of its own.

    Args:
        wave, sample_rate, rng: as in `white`.
        level: RT60, seconds; 0 is no room.

    Returns:
        float32 array `(samples,)`.

    Source:
        Kuttruff, Room Acoustics, 2009, section 5.5 (critical distance).
    """
    if not level:
        return wave
    critical_m = 0.057 * np.sqrt(_ROOM_M3 / level)
    drr_db = 20 * np.log10(critical_m / _DISTANCE_M)
    return at_power_of(wave, augment.reverb(wave, sample_rate, level, drr_db, rng))


def at_power_of(wave, changed):
    """Return `changed`, scaled to the mean power of `wave`, float32; silence stays silence."""
    wanted, found = (np.mean(np.square(each, dtype=np.float64)) for each in (wave, changed))
    scale = np.sqrt(wanted / found) if found > 0 else 1.0
    return (changed * scale).astype(np.float32)
