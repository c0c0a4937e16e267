"""Classifiers of speech beside files of references, and pooling.

`test_ssl_heads.py` runs the checks in its own process and, for the other backends, in one process
each:

    KERAS_BACKEND=jax python -m tests.layer_checks.ssl_heads [folder of references]
"""

import sys
from pathlib import Path

import keras
import numpy as np

from serkeras.ssl import classifier_from_preset, pooling
from tests.layer_checks.tools import array, run_checks, saved_and_loaded

LENGTHS = (800, 433, 177)
LABELS = ("neutral", "happy", "angry", "sad")


def assert_equals_reference(folder):
    """Hold a classifier to the log-probabilities that transformers gave."""
    stored = np.load(folder / "expected.npz")
    padded, labels = classifier_from_preset(folder, padded=True)
    assert labels == LABELS
    inputs = {"waveform": stored["waveform"], "lengths": np.array(LENGTHS, "int32")}
    assert_near(padded(inputs), stored["padded"])
    single, _ = classifier_from_preset(folder)
    assert_near(single(stored["waveform"][:1, : LENGTHS[0]]), stored["alone"])


def assert_near(found, expected):
    assert np.abs(expected[:, 1:] - expected[:, :1]).min() > 1e-3, "the classes differ"
    np.testing.assert_allclose(np.log(array(found)), expected, rtol=0, atol=1e-4)


def frames(seed=0):
    """Return frames of three clips and which of them are valid."""
    x = np.random.default_rng(seed).normal(size=(3, 12, 6)).astype("f4")
    return x, np.arange(12) < np.array([[12], [7], [1]])


def check_attention_pooling_by_hand():
    x, valid = frames()
    layer = pooling.AttentionPooling(5)
    found = array(layer(x, valid))
    hidden, importance = (
        array(each.kernel) for each in (layer.attention.hidden, layer.attention.importance)
    )
    for index, count in enumerate(valid.sum(axis=1)):
        clip = x[index, :count].astype("f8")
        scores = np.exp(np.tanh(clip @ hidden) @ importance)
        np.testing.assert_allclose(found[index], (clip * scores).sum(0) / scores.sum(), atol=1e-5)
    assert np.abs(found[0] - x[0].mean(axis=0)).max() > 0.01


def check_padding_has_no_part_in_either_pooling():
    x, valid = frames()
    other = np.where(valid[..., None], x, 1000.0).astype("f4")
    attention, mean = pooling.AttentionPooling(5), pooling.MeanOfStates()
    for one, two in (
        (attention(x, valid), attention(other, valid)),
        (mean([x], valid), mean([other], valid)),
        (attention(x[1:2, :7]), attention(other, valid)[1:2]),
        (mean([x[1:2, :7]]), mean([other], valid)[1:2]),
    ):
        np.testing.assert_allclose(array(one), array(two), atol=1e-5)


def check_states_are_weighted_then_pooled():
    x, _ = frames()
    states = np.stack([x, 2 * x, x**2], axis=1)
    layer = pooling.LayerWeights()
    found = array(layer(states))
    np.testing.assert_allclose(found, states.mean(axis=1), atol=1e-5)
    layer.scores.assign([0.0, np.log(2.0), np.log(5.0)])
    expected = (states * np.array([1, 2, 5]).reshape(1, 3, 1, 1) / 8).sum(axis=1)
    np.testing.assert_allclose(array(layer(states)), expected, atol=1e-5)


def check_attention_pooling_survives_its_file():
    x, valid = frames()
    inputs = [keras.Input((None, 6)), keras.Input((None,), dtype="bool")]
    model = keras.Model(inputs, pooling.AttentionPooling(5)(*inputs))
    expected = model.predict([x, valid], verbose=0)
    found = saved_and_loaded(model).predict([x, valid], verbose=0)
    np.testing.assert_array_equal(found, expected)


CHECKS = {name: check for name, check in vars().items() if name.startswith("check_")}


def main(folder=None):
    """Run all checks on the backend that the environment names."""
    references = sorted(Path(folder).iterdir()) if folder else []
    todo = {each.name: lambda each=each: assert_equals_reference(each) for each in references}
    return run_checks({**CHECKS, **todo})


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
