"""The rows of a feature atlas: numbers, scale and words; see `serkeras.evaluation.atlas`."""

from typing import NamedTuple

import numpy as np

from serkeras.config import FeatureConfig
from serkeras.features import registry
from serkeras.features.spectral import TOP_DB


class Look(NamedTuple):
    """What a feature shows, the unit of its numbers, and how they spread.

    Attributes:
        about: in a few words.
        unit: "" where there is none.
        spread: "signed", "positive", "decibels", or "voiced", in which 0 means no voice.
    """

    about: str
    unit: str
    spread: str


# In the order of the page.
LOOKS = {
    "waveform": Look("what the microphone heard", "full scale is 1", "signed"),
    "rms": Look("loudness", "full scale is 1", "positive"),
    "zero_crossing_rate": Look("hiss against voice", "share of samples", "positive"),
    "spectral_centroid": Look("brightness", "Hz", "positive"),
    "pitch": Look("melody; gaps are unvoiced", "Hz", "voiced"),
    "mel": Look("energy of mel bands (kHz)", "power", "positive"),
    "log_mel": Look("the same in decibels (kHz)", "dB", "decibels"),
    "mfcc": Look("shape of each spectrum, from coarse (0) to fine", "dB", "signed"),
    "mfcc_delta": Look("slope of the MFCC over time", "dB a frame", "signed"),
    "mfcc_delta2": Look("bend of the MFCC over time", "dB a frame²", "signed"),
    "chroma": Look("energy of the pitch classes", "share of the strongest", "positive"),
    "spectral_contrast": Look("peaks above valleys, octave by octave", "dB", "positive"),
    "tonnetz": Look("balance of fifths and thirds", "no unit", "signed"),
    "multi_resolution": Look("three windows as three colours (kHz)", "", "decibels"),
    "spectrogram_mfcc_delta": Look("three features as three colours", "", "signed"),
    "mel_image": Look("picture for image networks (kHz)", "dB", "decibels"),
}


class Row(NamedTuple):
    """A feature of all columns.

    Attributes:
        config: of the feature.
        look: `Look`.
        arrays: of each column what is drawn: `(numbers,)` lines, `(bins, frames)` images,
            `(height, width, 3)` colours.
        starts: of each column the place of the first frame, seconds (of bins: 0).
        steps: of each column from frame to frame, seconds (of bins: 1).
        limits: (low, high) of the colours, or of the axis of lines.
    """

    config: FeatureConfig
    look: Look
    arrays: list
    starts: list
    steps: list
    limits: tuple

    @property
    def is_line(self):
        """Whether it is drawn as lines."""
        return self.arrays[0].ndim == 1

    @property
    def over_bins(self):
        """Whether the horizontal axis counts bins instead of seconds."""
        return self.config.average == "time"

    def extent(self, column):
        """Return the left and the right edge of a column's data."""
        array = self.arrays[column]
        left = self.starts[column] - self.steps[column] / 2
        return left, left + array.shape[0 if array.ndim == 1 else 1] * self.steps[column]


def make(config, waves, sample_rate):
    """Compute a row, clip by clip: clips may have lengths of their own.

    Args:
        config: `serkeras.config.FeatureConfig`.
        waves: list of float arrays `(samples,)`, one a column.
        sample_rate: int, hertz.

    Returns:
        `Row`.

    Raises:
        ValueError: see `serkeras.features.compute`.
    """
    look = _look(config)
    found = [registry.compute(wave[None], config, sample_rate)[0] for wave in waves]
    steps = [_step(config, x, wave, sample_rate) for x, wave in zip(found, waves, strict=True)]
    # What is resized to a width fills the clip; frames are centred on its first sample.
    starts = [step / 2 if found[0].ndim == 3 else 0.0 for step in steps]
    if "+" in config.name:
        found = _standardise(found)
    if config.name == "mel_image":
        limits = config.image_range_db
    elif found[0].ndim == 3:
        found, limits = _as_colours(found), (0.0, 1.0)
    else:
        found = [x[0] if x.shape[0] == 1 else x for x in found]
        limits = _limits(found, look.spread)
    if look.spread == "voiced":
        found = [np.where(x > 0, x, np.nan) for x in found]
    return Row(config, look, found, starts, steps, limits)


def _look(config):
    look = LOOKS.get(config.name, Look("one above the other", "", "signed"))
    words = [look.about]
    if config.whiten:
        words = ["bins decorrelated in each clip"]
    if config.average != "none":
        words.append(f"mean over {config.average}")
    look = look._replace(about="; ".join(words))
    if "+" in config.name or config.whiten:
        return look._replace(unit="deviations", spread="signed")
    return look


def _step(config, x, wave, sample_rate):
    if config.average == "time":
        return 1.0
    if config.name == "waveform":
        return 1 / sample_rate
    return len(wave) / x.shape[1] / sample_rate if x.ndim == 3 else config.hop_length / sample_rate


def _standardise(arrays):
    """Give each bin mean 0 and deviation 1 over all columns (averages over time: each number)."""
    every = np.concatenate([x.reshape(len(x), -1) for x in arrays], axis=1)
    mean, deviation = every.mean(axis=1), np.maximum(every.std(axis=1), 1e-6)
    return [((x.T - mean) / deviation).T for x in arrays]


def _as_colours(arrays):
    """Stretch each of three channels over most of its range in all columns."""
    low, high = np.percentile(np.concatenate([x.reshape(-1, 3) for x in arrays]), (20, 99), axis=0)
    return [np.clip((x - low) / np.maximum(high - low, 1e-6), 0, 1) for x in arrays]


def _limits(arrays, spread):
    """Return the ends of the colours, which outliers may pass, or of the axis of lines."""
    values = np.concatenate([x.ravel() for x in arrays])
    if arrays[0].ndim == 1:
        return _line_limits(values, spread)
    if spread == "decibels":
        return float(values.max()) - TOP_DB, float(values.max())
    share = 94 if spread == "signed" else 99
    top = max(float(np.percentile(np.abs(values), share)), 1e-6)
    return (-top if spread == "signed" else 0.0), top


def _line_limits(values, spread):
    if spread == "voiced":
        values = values[values > 0] if np.any(values > 0) else np.array(1.0)
    size = max(1.08 * float(np.abs(values).max()), 1e-6)
    if spread == "signed":
        return -size, size
    if spread == "positive":
        return 0.0, size
    margin = 0.08 * float(np.ptp(values)) + 1e-6
    return float(values.min()) - margin, float(values.max()) + margin
