"""From a configuration to what computes its features inside the model."""

import keras
from keras import ops

from serkeras.features import registry
from serkeras.features.layers.base import FeatureLayer
from serkeras.features.layers.delta import Delta
from serkeras.features.layers.masking import SpecAugment
from serkeras.features.layers.mel import MFCC, LogMel, Mel
from serkeras.features.layers.multi import MultiResolution, SpectrogramMFCCDelta
from serkeras.features.layers.pictures import (
    RandomFlip,
    RandomRotation,
    RandomTranslation,
    RandomZoom,
)
from serkeras.features.layers.warping import SpectrogramWarp
from serkeras.features.layers.waveform import AWGN, Gain, TimeShift
from serkeras.features.layers.whitening import Whitening

# Name of a feature -> its layer, which takes of the configuration what its constructor names.
_FEATURES = {
    "log_mel": LogMel,
    "mel": Mel,
    "mfcc": MFCC,
    "mfcc_delta": MFCC,
    "mfcc_delta2": MFCC,
    "multi_resolution": MultiResolution,
    "spectrogram_mfcc_delta": SpectrogramMFCCDelta,
    "waveform": None,
}
_DELTA_ORDERS = {"mfcc_delta": 1, "mfcc_delta2": 2}
_AUGMENTATIONS = {
    "awgn": AWGN,
    "gain": Gain,
    "random_flip": RandomFlip,
    "random_rotation": RandomRotation,
    "random_translation": RandomTranslation,
    "random_zoom": RandomZoom,
    "spec_augment": SpecAugment,
    "spectrogram_warp": SpectrogramWarp,
    "time_shift": TimeShift,
}


@keras.saving.register_keras_serializable("serkeras")
class FitFrames(FeatureLayer):
    """Cut the last axis to a number of frames, or pad it with zeros.

    Args:
        frames: int >= 1.
        name: str, of the layer.
    """

    settings = ("frames",)

    def __init__(self, frames, name=None):
        super().__init__(name=name)
        self.frames = frames

    def call(self, x):
        """Return the batch with `frames` places on its last axis."""
        widths = [(0, 0)] * (len(x.shape) - 1) + [(0, self.frames)]
        return ops.pad(x, widths)[..., : self.frames]

    def compute_output_shape(self, input_shape):
        """Return the input's shape with `frames` last."""
        return (*input_shape[:-1], self.frames)


def has_layer(config):
    """Return whether every feature of a configuration can be computed inside a model.

    Args:
        config: `serkeras.config.FeatureConfig`.

    Raises:
        ValueError: a name does not exist, or a setting does not suit the feature.
    """
    return all(name in _FEATURES for name in registry.parts(config))


def require_layers(config):
    """Refuse a configuration that `front_end` cannot follow.

    Args:
        config: `serkeras.config.FeatureConfig`.

    Raises:
        ValueError: a feature has no layer, or see `has_layer`.
    """
    if not has_layer(config):
        raise ValueError(
            f"Inside a model the feature must be one of {sorted(_FEATURES)}, or several joined "
            f"with '+'. Received: {config.name!r}. Set features.in_graph to false."
        )


def front_end(config, sample_rate, samples=None, name="front_end"):
    """Return a model from waveforms to what the network sees.

    It computes what `serkeras.features.compute` does, with the shape that
    `serkeras.features.registry.model_shape` tells: stack, whiten, average, fit to frames.

    Args:
        config: `serkeras.config.FeatureConfig`.
        sample_rate: int, hertz.
        samples: int, length of the waveforms; None where it may vary, which features of three
            channels do not allow.
        name: str, of the model; two front ends in one model need two names.

    Returns:
        Functional `keras.Model` without trainable weights, `(batch, samples)` to
        `(batch, bins, frames, channels)`; `(batch, bins, 1)` averaged over time, `(batch,
        frames, 1)` over frequency, `(batch, samples, 1)` for "waveform".

    Raises:
        ValueError: a feature has no layer, or see its layer and `serkeras.features.compute`.
    """
    require_layers(config)
    waves = keras.Input((samples,), name="waveform")
    images = [_one(part, waves, config, sample_rate) for part in registry.parts(config)]
    x = images[0] if len(images) == 1 else keras.layers.Concatenate(axis=1)(images)
    if config.whiten:
        x = Whitening()(x)
    if config.average != "none":
        x = ops.mean(x, axis=2 if config.average == "time" else 1)
    if config.frames is not None:
        x = FitFrames(config.frames)(x)
    if len(x.shape) < 4:
        x = ops.expand_dims(x, -1)
    return keras.Model(waves, x, name=name)


def _one(name, x, config, sample_rate):
    layer = _FEATURES[name]
    if layer is None:
        return x
    given = {**config.to_dict(), "sample_rate": sample_rate}
    x = layer(**{setting: given[setting] for setting in layer.settings})(x)
    return Delta(_DELTA_ORDERS[name])(x) if name in _DELTA_ORDERS else x


def make(item, seed=None):
    """Return the augmentation layer that an entry of `AugmentConfig.layers` describes.

    Args:
        item: dictionary such as `{"name": "spec_augment", "time_masks": 2}`; names are awgn,
            gain, random_flip, random_rotation, random_translation, random_zoom, spec_augment,
            spectrogram_warp and time_shift, settings those of `AWGN`, `Gain`, `RandomFlip`,
            `RandomRotation`, `RandomTranslation`, `RandomZoom`, `SpecAugment`, `SpectrogramWarp`
            and `TimeShift`.
        seed: int, decides the layer's draws; None takes one from `keras.utils.set_random_seed`.

    Returns:
        Layer; its `on_waveforms` tells whether it can stand in front of the features.

    Raises:
        ValueError: the name or a setting is unknown, or a value does not suit.
    """
    settings = {key: value for key, value in item.items() if key != "name"}
    if item["name"] not in _AUGMENTATIONS:
        raise ValueError(
            f"An augmentation layer must be one of {sorted(_AUGMENTATIONS)}. "
            f"Received: {item['name']!r}. Correct the name."
        )
    layer = _AUGMENTATIONS[item["name"]]
    unknown = sorted(set(settings) - set(layer.settings))
    if unknown:
        raise ValueError(
            f"Settings of the layer {item['name']!r} must be among {sorted(layer.settings)}. "
            f"Received: {unknown}. Correct the spelling or remove them."
        )
    try:
        return layer(**settings, seed=seed)
    except TypeError as error:
        raise ValueError(
            f"Settings of the layer {item['name']!r} must be numbers where it takes numbers. "
            f"Received: {item} ({error}). Correct the values."
        ) from error
