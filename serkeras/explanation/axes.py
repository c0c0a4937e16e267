"""What the axes of a map mean: seconds, hertz or numbers of coefficients."""

from dataclasses import dataclass

import numpy as np

_ON_MEL_BANDS = ("mel", "log_mel", "multi_resolution", "mel_image")
_CEPSTRAL = ("mfcc", "mfcc_delta", "mfcc_delta2")
_HERTZ = (500, 1000, 2000, 4000, 8000)


@dataclass(frozen=True)
class Axes:
    """The axes of a run's maps.

    Attributes:
        kind: "image" `(bins, frames)`, "time" `(frames,)` or `(samples,)`, or "bins" `(bins,)`.
        bins: label of the axis of bins, with its unit.
        unit: of the places of bins, "Hz" or "".
        places: float array `(bins,)`, the hertz or the number of each bin; None for "time".
        ticks: dictionary from the index of a bin to what stands there.
        step_s: seconds from frame to frame (from sample to sample); None for "bins".
        start_s: place of the first frame.
        downwards: whether the first bin is the highest, as in pictures.
    """

    kind: str
    bins: str
    unit: str
    places: np.ndarray | None
    ticks: dict
    step_s: float | None
    start_s: float = 0.0
    downwards: bool = False

    def seconds(self, frames):
        """Return the left and the right edge of so many frames."""
        left = self.start_s - self.step_s / 2
        return left, left + frames * self.step_s


def axes(experiment, shape):
    """Return the `Axes` of the maps of a run.

    Args:
        experiment: `serkeras.config.Experiment`.
        shape: of a map, `(bins, frames)` or `(numbers,)`.
    """
    settings, rate = experiment.features, experiment.audio.sample_rate
    if settings.in_graph or settings.name == "waveform":
        return Axes("time", "", "", None, {}, 1 / rate)
    step = settings.hop_length / rate
    if settings.average == "frequency":
        return Axes("time", "", "", None, {}, step)
    bins = _bins(settings, rate, shape[0])
    if settings.average == "time":
        return Axes("bins", *bins, None)
    if settings.name in ("mel_image", "multi_resolution", "spectrogram_mfcc_delta"):
        # Resized to a width: the columns share the clip.
        step = experiment.audio.duration_s / shape[1]
        return Axes("image", *bins, step, step / 2, settings.name == "mel_image")
    return Axes("image", *bins, step)


def _bins(settings, rate, count):
    """Return label, unit, places and ticks of the axis of bins."""
    import librosa

    numbers = np.arange(count, dtype=float)
    if settings.whiten or settings.name not in _ON_MEL_BANDS:
        cepstral = settings.name in _CEPSTRAL and not settings.whiten
        label = "coefficient" if cepstral else "bin"
        ticks = np.unique(np.linspace(0, count - 1, 5).astype(int))
        return label, "", numbers, {int(tick): str(tick) for tick in ticks}
    if settings.name == "mel_image":
        numbers = (count - numbers - 0.5) / count * settings.n_mels - 0.5
    low, high = librosa.hz_to_mel(np.array([settings.fmin, settings.fmax or rate / 2]))
    # Band i has its centre at (i + 1) / (bands + 1) of the mel axis.
    mel = low + (high - low) * (numbers + 1) / (settings.n_mels + 1)
    hertz = librosa.mel_to_hz(mel)
    inside = [value for value in _HERTZ if hertz.min() < value < hertz.max()]
    ticks = {int(np.argmin(np.abs(hertz - value))): f"{value / 1000:g}" for value in inside}
    return "kHz (mel)", "Hz", hertz, ticks
