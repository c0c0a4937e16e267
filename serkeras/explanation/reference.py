"""What stands for "nothing to be heard", and how far features spread."""

from dataclasses import dataclass

import numpy as np

from serkeras import datasets
from serkeras.explanation import inputs

BASELINES = ("mean", "silence")
_MOST = 256


@dataclass(frozen=True)
class Reference:
    """The baseline that replaces parts of a clip, and the unit of changes.

    Attributes:
        baseline: float array that broadcasts to features `(bins, frames, 1)`: `(bins, 1, 1)`.
        deviation: float array like it, of the training clips; 0 for a bin that never changes.
        about: what the baseline is, in words.
    """

    baseline: np.ndarray
    deviation: np.ndarray
    about: str


def reference(run, baseline="mean", seed=0, progress=False):
    """Return the `Reference` of a run.

    Statistics are those that the model scales its features with, where it does so, else those of
    at most 256 of the training clips.

    Args:
        run: `serkeras.Run`.
        baseline: "mean", the mean of each bin over the training clips; or "silence", the
            feature of a clip of zeros. The mean of waveforms is silence.
        seed: of the choice of training clips.
        progress: show a bar.

    Raises:
        ValueError: another baseline.
        FileNotFoundError: the training clips are needed and not at hand.
    """
    if baseline not in BASELINES:
        raise ValueError(
            f"`baseline` must be one of {BASELINES}. Received: {baseline!r}. Correct it."
        )
    settings = run.experiment.features
    found = None if settings.in_graph else _scaling(run)
    mean, deviation, told = found or _of_clips(run, seed, progress)
    if settings.in_graph or settings.name == "waveform":
        return Reference(np.zeros_like(mean), deviation, "silence (samples of 0)")
    if baseline == "mean":
        return Reference(mean, deviation, f"the mean of each bin over {told}")
    silent = inputs.silence(run.experiment)
    if settings.average == "time":  # no axis of time is left
        return Reference(silent, deviation, "the feature of a clip of zeros")
    silent = silent.mean(axis=-2, keepdims=True)
    return Reference(silent, deviation, "the feature of a clip of zeros, its mean over time")


def _scaling(run):
    """Return mean and deviation of the layer that scales features, or None."""
    if run.experiment.model.normalize != "bins" or not hasattr(run.model, "layers"):
        return None
    layer = run.model.get_layer("scale")
    scale, offset = (np.asarray(each, np.float32) for each in (layer.scale, layer.offset))
    return -offset / scale, 1 / scale, "the training clips"


def _of_clips(run, seed, progress):
    experiment = run.experiment
    manifest = datasets.load_many(experiment.data, experiment.label_scheme, progress=progress)
    trained = manifest[manifest["clip"].isin(run.clips("train"))]
    chosen = inputs.choose(trained, _MOST, seed)
    _, found = inputs.features(run, chosen["path"], progress)
    mean, deviation = statistics(found, by_bin=experiment.features.average == "time")
    return mean, deviation, f"{len(found)} training clips"


def statistics(found, by_bin=False):
    """Return mean and deviation of each bin (and channel) over clips and frames.

    Args:
        found: list of arrays `(bins, frames, channels)` or `(numbers, 1)`.
        by_bin: whether the numbers of `(numbers, 1)` are bins; else they are frames or samples.

    Returns:
        Two float32 arrays that broadcast to one clip. Of `(samples, 1)`, as of averages over
        frequency, they are one number.
    """
    if found[0].ndim == 3:
        stacked = np.concatenate(found, axis=1)
    elif by_bin:
        stacked = np.concatenate(found, axis=1)
    else:
        stacked = np.concatenate(found)[None]
    mean = stacked.mean(axis=1, keepdims=True, dtype=np.float64)
    deviation = stacked.std(axis=1, keepdims=True, dtype=np.float64)
    shape = mean.shape if found[0].ndim == 3 else (-1, 1)
    return mean.reshape(shape).astype(np.float32), deviation.reshape(shape).astype(np.float32)
