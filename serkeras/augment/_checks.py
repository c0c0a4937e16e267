"""What every transform asks of its wave and of its settings."""

import math

import numpy as np

# name -> (lowest, highest, what the setting must be, remedy). A name means the same in every
# transform that has it, and only settings named here may be given as a range (low, high).
RULES = {
    "snr_db": (
        -300,
        300,
        "a finite number of decibels from -300 to 300",
        "Leave the clip as it is where no noise is wanted.",
    ),
    "exponent": (-4, 4, "a number from -4 to 4", "White is 0, pink 1, brown 2, blue -1."),
    "rate": (0.25, 4, "a speed from 0.25 to 4", "0.9 is slower, 1.1 faster."),
    "semitones": (-24, 24, "a number from -24 to 24", "12 semitones are an octave."),
    "alpha": (0.5, 2, "a factor from 0.5 to 2", "Usual are 0.9 to 1.1."),
    "cutoff_hz": (1, math.inf, "1 Hz or more", "Usual is 4800."),
    "gain_db": (-120, 120, "a number of decibels from -120 to 120", "6 doubles the amplitude."),
    "shift_s": (-math.inf, math.inf, "a finite number of seconds", "Above 0 is later."),
    "drive": (0.01, 1000, "a factor from 0.01 to 1000", "1 is mild for speech, 10 is strong."),
    "rt60_s": (0.01, 20, "seconds from 0.01 to 20", "A living room has 0.4, a church 3."),
    "drr_db": (-60, 60, "a number of decibels from -60 to 60", "Close speech has about 10."),
    "probability": (0, 1, "a number from 0 to 1", "Leave it out to change every copy."),
}


def mono(wave):
    """Return the wave as an array, or refuse it.

    Args:
        wave: float array `(samples,)`.

    Returns:
        Float array `(samples,)` of the type it came with; not a copy.

    Raises:
        ValueError: `wave` is not 1-D, has no samples, holds no floats, or holds NaN or
            infinite numbers.
    """
    wave = np.asarray(wave)
    if wave.ndim != 1:
        raise ValueError(
            f"`wave` must be 1-D mono audio. Received: shape={wave.shape}. "
            "Average the channels first: wave.mean(axis=-1)."
        )
    if not wave.size or not np.issubdtype(wave.dtype, np.floating):
        raise ValueError(
            "`wave` must hold samples as floats with full scale 1.0. "
            f"Received: {wave.size} samples of {wave.dtype}. Read it with serkeras.audio.read, "
            "or divide 16-bit integers by 32768."
        )
    if not np.isfinite(wave).all():
        raise ValueError(
            "`wave` must hold finite numbers. Received: "
            f"{np.count_nonzero(~np.isfinite(wave))} of {wave.size} samples are NaN or infinite. "
            "Remove or repair them first."
        )
    return wave


def setting(name, value):
    """Refuse a number outside the range that `RULES` gives the setting of this name.

    Raises:
        ValueError: `value` is not a finite number in that range.
    """
    low, high, words, remedy = RULES[name]
    number = isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
    if not number or not math.isfinite(value) or not low <= value <= high:
        raise ValueError(f"`{name}` must be {words}. Received: {value!r}. {remedy}")


def power(wave):
    """Return the mean square, float64."""
    return np.mean(np.square(wave, dtype=np.float64))
