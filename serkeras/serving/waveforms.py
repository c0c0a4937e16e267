"""From waveforms to what a run's network takes, outside of the model or inside it."""

import warnings

import numpy as np

from serkeras import features
from serkeras.config import FeatureConfig


def clip_features(wave, experiment, name):
    """Return what a run's model takes of one clip, without axes for the batch and channels.

    Args:
        wave: float32 array `(samples,)`, brought to level and length (`serkeras.audio.fit`).
        experiment: the run's `serkeras.config.Experiment`.
        name: of the clip, for errors.

    Returns:
        Array `(bins, frames)` and so on; `(samples,)` where features are computed in the graph.

    Raises:
        serkeras.audio.AudioError: the clip is too short for the feature.
    """
    settings = experiment.features
    if settings.in_graph:
        settings = FeatureConfig(name="waveform")
    return features.compute_alone(wave, settings, experiment.audio.sample_rate, name)


def network_inputs(found, masked=False):
    """Put the features of some clips into a batch for a run's model.

    Args:
        found: list of arrays as `clip_features` returns them.
        masked: whether the model takes a mask beside the features.

    Returns:
        float32 array `(clips, bins, frames, 1)` and so on; with a mask the dictionary that
        `serkeras.training.batches.pad` returns.
    """
    from serkeras.training.batches import pad, with_channels

    if not masked:
        return with_channels(np.stack(found))
    return pad(found, longest=max(each.shape[-1] for each in found))


def inside(clips, experiment):
    """Return what a run's network takes, computed in the graph.

    Args:
        clips: Keras tensor `(batch, samples)` of clips brought to level and length.
        experiment: the run's `serkeras.config.Experiment`; its features have layers.
    """
    import keras

    from serkeras.features import layers

    audio, settings = experiment.audio, experiment.features
    if settings.in_graph:
        return keras.layers.Reshape((audio.samples, 1), name="channel")(clips)
    return layers.front_end(settings, audio.sample_rate, audio.samples)(clips)


def waveform_model(run):
    """Return a run's model with its feature extraction inside.

    Save it with `.save("my.keras")`: where `serkeras` is imported,
    `keras.saving.load_model("my.keras")` needs nothing else.

    Args:
        run: `serkeras.Run`.

    Returns:
        `serkeras.features.layers.WaveformModel` from waveforms `(batch, samples)`, floats of
        full scale 1.0 at the run's sample rate, to probabilities `(batch, classes)`.
        `serkeras.audio.load_clip` with the run's settings makes such clips. Another number of
        samples and integers are refused; a clip with NaN has NaN for probabilities.

    Warns:
        UserWarning: the run normalises by speaker. The model takes all clips for clips of one
            average speaker, and is worse than the run's figures.

    Raises:
        ValueError: a feature of the run has no layer, or its clips keep their own length.
    """
    import keras

    from serkeras.features import layers
    from serkeras.training import by_speaker

    audio = run.experiment.audio
    if audio.fit == "keep":
        raise ValueError(
            "A model of waveforms needs clips of one length. Received: a run with "
            "audio.fit='keep'. Use serkeras.predict, which computes the features outside."
        )
    if by_speaker.layer(run.model) is not None:
        warnings.warn(
            "The run was measured with the statistics of each speaker; a model of waveforms knows "
            "those of its training clips alone. Use serkeras.predict with one_speaker=True for "
            "the run's own accuracy.",
            stacklevel=2,
        )
    waves = keras.Input((audio.samples,), name="waveform")
    x = inside(waves, run.experiment)
    return layers.WaveformModel(waves, run.model(x), name=f"{run.model.name}_of_waveforms")
