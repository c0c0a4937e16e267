"""Front ends and whole models."""

import keras
import numpy as np
import pytest

from serkeras import features
from serkeras.config import FeatureConfig
from serkeras.features import layers, registry
from serkeras.features.delta import delta
from tests.layer_checks.tools import RATE, SMALL, assert_close, clips, saved_and_loaded, speech_like


def check_front_end_equals_compute():
    waves = clips()
    cases = [
        *({"name": name} for name in layers.front._FEATURES),
        {"name": "mel+mfcc+mfcc_delta2"},
        {"name": "log_mel+mfcc_delta", "average": "time"},
        {"name": "log_mel", "average": "frequency"},
        {"name": "mfcc", "average": "frequency", "frames": 30},
        {"name": "mfcc", "frames": 250},
        {"name": "mfcc", "frames": 10, "fmin": 50.0, "fmax": 7000.0, "win_length": 400},
    ]
    configs = [FeatureConfig(**{**SMALL, "width": 50, **case}) for case in cases]
    for config, shape, found in zip(configs, *run_front_ends(configs, waves), strict=True):
        reference = registry.compute(waves, config, RATE)
        assert shape == (None, *registry.model_shape(reference.shape[1:])), config.name
        floor = 1.0 if "delta" in config.name else 1e-10
        assert_close(found, reference.reshape(found.shape), floor=floor)


def run_front_ends(configs, waves):
    """Return output shapes and outputs of several front ends, run in one graph."""
    inputs = keras.Input(waves.shape[1:])
    ends = [
        layers.front_end(config, RATE, waves.shape[1], name=f"end_{number}")
        for number, config in enumerate(configs)
    ]
    found = keras.Model(inputs, [end(inputs) for end in ends]).predict(waves, verbose=0)
    return [end.output_shape for end in ends], found


def check_front_end_whitens():
    waves = np.stack([speech_like(1.0, seed) for seed in range(3)])
    cases = ({"frames": 120}, {"average": "frequency"}, {"name": "multi_resolution"})
    small = {"name": "mel+log_mel", **SMALL, "width": 50, "whiten": True}
    configs = [FeatureConfig(**{**small, **case}) for case in cases]
    for config, found in zip(configs, run_front_ends(configs, waves)[1], strict=True):
        assert_close(found, registry.compute(waves, config, RATE).reshape(found.shape), 5e-4)


def check_a_clip_alone_is_the_clip_in_a_batch():
    waves = clips()
    for name in ("mel+mfcc_delta", "multi_resolution"):
        config = FeatureConfig(name, **SMALL, width=50, whiten=name != "mel+mfcc_delta")
        model = layers.front_end(config, RATE, waves.shape[1])
        together = model.predict(waves, verbose=0)
        alone = model.predict(waves, batch_size=1, verbose=0)
        assert_close(alone, together, 2e-3 if config.whiten else 1e-5)


def whole_model(waves):
    config = FeatureConfig("log_mel+mfcc", **SMALL)
    inputs = keras.Input((waves.shape[1],))
    x = layers.TimeShift(0.1, seed=3)(layers.Gain(seed=2)(layers.AWGN(seed=1)(inputs)))
    x = layers.front_end(config, RATE, waves.shape[1])(x)
    x = layers.SpecAugment(time_width=5, frequency_width=5, seed=4)(x)
    x = layers.Whitening(np.full(37, -30.0), 0.1 * np.eye(37))(x)
    x = keras.layers.Conv2D(4, 3, strides=2, activation="relu")(x)
    x = keras.layers.Dense(3, activation="softmax")(keras.layers.GlobalAveragePooling2D()(x))
    return keras.Model(inputs, x)


def check_a_model_trains_saves_and_loads():
    waves, labels = clips(), np.array([0, 1, 2, 0, 1, 2])
    model = whole_model(waves)
    model.compile("adam", "sparse_categorical_crossentropy")
    history = model.fit(waves, labels, batch_size=3, epochs=1, verbose=0)
    assert np.isfinite(history.history["loss"]).all()
    found = model.predict(waves, batch_size=3, verbose=0)
    np.testing.assert_array_equal(
        saved_and_loaded(model).predict(waves, batch_size=3, verbose=0), found
    )


def check_a_model_of_waveforms_refuses_what_it_was_not_made_for():
    """Also after a right call, and after wrong ones; this network would hide NaN."""
    right = clips(0.1)
    inputs = keras.Input(right.shape[1:])
    x = layers.front_end(FeatureConfig("log_mel", **SMALL), RATE, right.shape[1])(inputs)
    x = keras.ops.where(x > -60.0, x, -60.0)
    x = keras.layers.Dense(2, activation="softmax")(keras.layers.GlobalMaxPooling2D()(x))
    made = layers.WaveformModel(inputs, x)
    for model in (made, saved_and_loaded(made)):
        for wrong, words in (
            (right[:, :-1], "shape=.6, (1599|None).. Cut or pad"),
            (np.pad(right, [(0, 0), (0, 900)]), "Cut or pad"),
            (right[0], "shape=.1600"),
            ((right * 32767).clip(-32768, 32767).astype("i2"), "int16. Divide"),
        ):
            for call in (model.predict, model.predict_on_batch, model):
                with pytest.raises(ValueError, match=words):
                    call(wrong)
            found = model.predict(right, verbose=0)
            assert_close(model.predict(right, batch_size=4, verbose=0), found)
        spoilt = right.copy()
        spoilt[0, 3], spoilt[2, 9] = np.nan, np.inf
        partly = model.predict(spoilt, verbose=0)
        assert np.isnan(partly[[0, 2]]).all()
        assert_close(partly[[1, 3, 4, 5]], found[[1, 3, 4, 5]])


def check_compiled_by_xla():
    if keras.backend.backend() != "tensorflow":  # JAX always compiles, PyTorch on request
        return
    waves = clips()
    model = layers.front_end(FeatureConfig("mfcc_delta", **SMALL), RATE, waves.shape[1])
    model.compile(jit_compile=True)
    reference = delta(features.mfcc(waves, RATE, **SMALL))[..., None]
    assert_close(model.predict(waves, verbose=0), reference, floor=1.0)
