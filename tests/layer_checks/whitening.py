"""Whitening beside NumPy."""

import keras
import numpy as np

from serkeras import features
from serkeras.config import FeatureConfig
from serkeras.features import layers
from serkeras.features.whitening import fit, whiten
from tests.layer_checks.tools import (
    RATE,
    array,
    assert_close,
    clips,
    model_of,
    run,
    saved_and_loaded,
)

# Directions far smaller than the largest, as in a click, need the float64 that only TensorFlow
# has everywhere.
LIMIT = 1e-4 if keras.backend.backend() == "tensorflow" else 1e-2


def check_whitening_clip_by_clip():
    x = features.log_mel(clips(), RATE)[:4]
    x = np.concatenate([x, np.full_like(x[:1], -63.1234)])
    found = model_of(layers.Whitening(), 128, None).predict(x, verbose=0)
    assert_close(found, whiten(x), LIMIT)
    assert_close(found[[0, 2]], whiten(x[[0, 2]]), 1e-4)
    assert not found[-1].any()
    channels = np.stack([x, x[:, ::-1] ** 2], axis=-1)
    assert_close(run(layers.Whitening(epsilon=0.1), channels), whiten(channels, 0.1), LIMIT)


def fitted(bins, channels=None):
    """Return a mean and a matrix; not symmetric, so that no mistake of order hides."""
    rng = np.random.default_rng(1)
    apart = () if channels is None else (channels,)
    return rng.standard_normal((*apart, bins)), rng.standard_normal((*apart, bins, bins))


def check_whitening_fitted():
    x = np.random.default_rng(2).standard_normal((4, 12, 7, 2)).astype("f4")
    mean, matrix = fitted(12)
    reference = (matrix @ (x[..., 0] - mean[:, None])).astype("f4")
    model = model_of(layers.Whitening(mean, matrix), 12, 7)
    assert_close(model.predict(x[..., 0], verbose=0), reference)
    assert not model.trainable_weights
    loaded = saved_and_loaded(model)
    np.testing.assert_array_equal(
        loaded.predict(x[..., 0], verbose=0), model.predict(x[..., 0], verbose=0)
    )
    mean, matrix = fitted(12, channels=2)
    both = np.einsum("cij,bjtc->bitc", matrix, x - mean.T[:, None]).astype("f4")
    assert_close(run(layers.Whitening(mean, matrix), x), both)


def check_whitening_a_stack_of_unlike_units():
    speech = clips()[[0, 2]]
    config = FeatureConfig("mel+mfcc+chroma", n_mels=30, n_mfcc=13, n_fft=1024)
    stack = features.compute(speech, config, RATE)
    assert_close(run(layers.Whitening(), stack), whiten(stack))
    frames = np.concatenate(list(stack), axis=1).astype("f8")
    mean, matrix = frames.mean(axis=1), fit(np.cov(frames))
    reference = (matrix @ (stack - mean[:, None])).astype("f4")
    assert_close(run(layers.Whitening(mean, matrix), stack), reference)


def check_gradients_pass_the_fitted_whitening():
    x = np.random.default_rng(2).standard_normal((4, 6, 7)).astype("f4")
    inputs = keras.Input((6, 7))
    gain = keras.layers.EinsumDense("bft,tu->bfu", output_shape=(6, 7))
    whitened = layers.Whitening(*fitted(6))(gain(inputs))
    model = keras.Model(inputs, keras.layers.Dense(1)(keras.layers.Flatten()(whitened)))
    model.compile("sgd", "mse")
    before = array(gain.kernel)
    model.train_on_batch(x, np.ones((4, 1), "f4"))
    change = np.abs(array(gain.kernel) - before)
    assert np.isfinite(change).all()
    assert change.max() > 0
