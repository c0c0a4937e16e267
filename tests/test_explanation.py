"""Explanation: gradients, maps that must point at what counts, and the checks of maps."""

import os
import shutil
import subprocess
import sys
from types import SimpleNamespace

import keras
import librosa
import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

import serkeras
from serkeras import explanation, models
from serkeras._files import read_json
from serkeras.cli import main
from serkeras.config import Experiment
from serkeras.explanation import (
    checks,
    clip_figures,
    emotions,
    faithfulness,
    figures,
    grad_cam,
    inputs,
    layers,
    maps,
    means,
    methods,
    occlusion,
    randomisation,
    work,
)
from serkeras.explanation.axes import axes
from serkeras.explanation.listener import Listener
from serkeras.explanation.reference import Reference, reference, statistics
from serkeras.models import classical
from serkeras.models.speaker_norm import SpeakerNormalization

SHAPE = (12, 16, 1)
PLAIN = Reference(np.zeros((1, 1, 1), np.float32), np.ones((1, 1, 1), np.float32), "zero")
# Bins and frames that alone decide in the networks below.
REGION = (slice(3, 6), slice(8, 12))


def small(shape=SHAPE, classes=3):
    """Return a network with convolutions as it stands in a run: behind its scaling."""
    keras.utils.set_random_seed(3)
    features = keras.Input(shape, name="features")
    inner = keras.Input(shape)
    x = keras.layers.Conv2D(4, 3, padding="same", activation="tanh", name="first")(inner)
    x = keras.layers.Conv2D(5, 3, strides=2, padding="same", name="second")(x)
    x = keras.layers.Activation("tanh", name="behind")(x)
    x = keras.layers.Dropout(0.5)(keras.layers.Flatten()(x))
    logits = keras.layers.Dense(classes, name="logits")(x)
    network = keras.Model(inner, keras.layers.Softmax(name="probabilities")(logits))
    scaled = keras.layers.Rescaling(0.5, 0.1, name="scale")(features)
    return keras.Model(features, network(scaled))


def by_place():
    """Return a network that hears nothing but REGION."""
    features = keras.Input(SHAPE)
    x = keras.layers.Conv2D(1, 1, use_bias=False, kernel_initializer="ones")(features)
    said = keras.layers.Dense(2, use_bias=False, name="logits", activation="softmax")
    model = keras.Model(features, said(keras.layers.Flatten()(x)))
    weights = np.zeros((*SHAPE[:2], 2), np.float32)
    weights[(*REGION, 0)] = 0.3
    said.set_weights([weights.reshape(-1, 2)])
    return model


def by_sign():
    """Return a network that hears nothing but positive values, wherever they stand."""
    features = keras.Input(SHAPE)
    x = keras.layers.Conv2D(2, 1, use_bias=False, name="pair")(features)
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.ReLU()(x))
    said = keras.layers.Dense(2, use_bias=False, activation="softmax")
    model = keras.Model(features, said(x))
    model.get_layer("pair").set_weights([np.array([1.0, -1.0]).reshape(1, 1, 1, 2)])
    said.set_weights([np.array([[9.0, 0.0], [0.0, 0.0]])])
    return model


def clips(count=2, seed=0, shape=SHAPE):
    return np.random.default_rng(seed).normal(size=(count, *shape)).astype(np.float32)


def rng():
    return np.random.default_rng(0)


# Scores and gradients.


def test_scores_are_what_goes_into_the_softmax():
    model, x = small(), clips(3)
    listener = Listener(model)
    inner = model.layers[-1]
    hidden = keras.Model(inner.input, inner.get_layer("logits").output)
    np.testing.assert_allclose(
        listener.scores(x), hidden(x * 0.5 + 0.1, training=False), rtol=1e-5, atol=1e-6
    )
    assert listener.score == "logit"
    said = model.predict(x, verbose=0)
    np.testing.assert_allclose(listener.probabilities(x), said, atol=1e-6)
    # The model itself is as it was.
    np.testing.assert_allclose(model.predict(x, verbose=0).sum(axis=1), 1.0, atol=1e-6)


def test_scores_are_logarithms_where_no_softmax_can_be_reached():
    features = keras.Input(SHAPE)
    x = keras.layers.Dense(2)(keras.layers.Flatten()(features))
    model = keras.Model(features, keras.ops.softmax(x))
    listener = Listener(model)
    assert listener.score == "log-probability"
    np.testing.assert_allclose(
        listener.scores(clips()), np.log(model.predict(clips(), verbose=0)), atol=1e-5
    )


@pytest.mark.parametrize("at_once", [1, 32])
def test_gradients_agree_with_finite_differences(at_once):
    listener, x, step = Listener(small(), at_once=at_once), clips(3), 0.01
    classes = np.array([0, 2, 1])
    found = listener.gradient(x, classes)
    for row, bin_, frame in [(0, 3, 5), (1, 0, 0), (2, 11, 15), (2, 6, 7)]:
        moved = np.repeat(x[row : row + 1], 2, axis=0)
        moved[:, bin_, frame, 0] += [step, -step]
        high, low = listener.scores(moved)[:, classes[row]]
        assert found[row, bin_, frame, 0] == pytest.approx((high - low) / (2 * step), abs=2e-4)


def test_the_softmax_is_back_after_an_error():
    model = by_place()
    context, last = layers.without_softmax(model), model.layers[-1]
    with context():
        assert last.activation is keras.activations.linear
    with pytest.raises(AttributeError), context():
        _ = last.nothing
    assert last.activation is keras.activations.softmax
    softmax = small().layers[-1].get_layer("probabilities")
    with layers.replaced(softmax, "call", None):
        pass
    assert "call" not in vars(softmax)


def masked():
    keras.utils.set_random_seed(0)
    network = models.build("cnn-attention", (40, None, 1), 3)
    named = {
        "features": keras.Input((40, None, 1), name="features"),
        "mask": keras.Input((None,), dtype="bool", name="mask"),
    }
    return keras.Model(named, network(named))


def test_clips_of_any_length_have_maps_of_their_own_length():
    model, x = masked(), clips(2, shape=(40, 47, 1))
    listener = Listener(model, longest=320)  # padded to 50 frames
    alone = Listener(model, longest=47)  # to 48, cut to 47: not padded
    classes = np.array([0, 1])
    found = listener.gradient(x, classes)
    assert found.shape == x.shape
    np.testing.assert_allclose(found, alone.gradient(x, classes), atol=1e-6)
    maps = grad_cam.run(listener, x, classes)
    assert maps.shape == (2, 40, 47)
    assert maps.any()


@pytest.mark.parametrize("config", ["in_graph", "waveform"])
def test_waveforms_have_gradients_over_their_samples(config):
    from serkeras.features import layers as features

    settings = serkeras.config.FeatureConfig(name="log_mel", n_mels=16, in_graph=True)
    waves = keras.Input((4000, 1), name="features")
    x = keras.layers.Reshape((4000,))(waves)
    if config == "in_graph":
        x = features.front_end(settings, 16000, 4000)(x)
        x = keras.layers.Conv2D(3, 3, activation="relu")(x)
    x = keras.layers.Dense(2)(keras.layers.Flatten()(x))
    listener = Listener(keras.Model(waves, keras.layers.Softmax()(x)))
    wave = 0.1 * clips(2, shape=(4000, 1))
    quiet = Reference(np.zeros((1, 1), np.float32), np.full((1, 1), 0.1, np.float32), "silence")
    found = methods.saliency(listener, wave, np.array([0, 1]), quiet)
    assert found.shape == (2, 4000)
    assert np.isfinite(found).all()
    lost = occlusion.time(listener, wave, np.array([0, 1]), quiet)
    assert len(np.unique(lost[0])) > occlusion.WINDOWS / 2
    suitable = methods.suitable(listener, "time")
    assert ("grad-cam" in suitable) == (config == "in_graph")
    assert set(suitable) - {"grad-cam"} == {
        "saliency", "smoothgrad", "integrated-gradients", "occlusion-time"
    }  # fmt: skip
    if config == "in_graph":
        assert grad_cam.run(listener, wave, np.array([0, 1])).shape == (2, 4000)


PROGRAM = """
import sys
import keras
import numpy as np
import serkeras
from serkeras.explanation import grad_cam, methods
from serkeras.explanation.listener import Listener
from tests.test_explanation import PLAIN

model = keras.models.load_model(sys.argv[1], safe_mode=True)
x = np.load(sys.argv[2])
classes = np.arange(len(x)) % 3
listener = Listener(model)
found = {
    name: method.run(listener, x, classes, PLAIN, np.random.default_rng(0))
    for name, method in methods.METHODS.items()
}
np.savez(sys.argv[3], scores=listener.scores(x), **found)
print(keras.backend.backend())
"""


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_all_backends_give_the_same_maps(backend, repo, tmp_path):
    pytest.importorskip(backend)
    model, x, classes = small(), clips(2), np.arange(2)
    model.save(tmp_path / "model.keras")
    np.save(tmp_path / "x.npy", x)
    more = {
        "KERAS_BACKEND": backend,
        "PYTHONPATH": str(repo),
        "XLA_FLAGS": "--xla_backend_optimization_level=0",
    }
    names = [tmp_path / name for name in ("model.keras", "x.npy", "found.npz")]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *map(str, names)],
        env={**os.environ, **more},
        cwd=repo,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.split()[-1] == backend
    found, listener = np.load(tmp_path / "found.npz"), Listener(model)
    np.testing.assert_allclose(found["scores"], listener.scores(x), atol=1e-5)
    for name, method in methods.METHODS.items():
        here = method.run(listener, x, classes, PLAIN, rng())
        np.testing.assert_allclose(found[name], here, atol=2e-5, err_msg=name)


# Methods, over the registry.


def share_inside(values, name):
    """Return how much of a map lies in REGION, along the axes on which the method can tell."""
    inside = np.zeros(SHAPE[:2], bool)
    bins, frames = REGION
    bins = slice(None) if name == "occlusion-time" else bins
    frames = slice(None) if name == "occlusion-frequency" else frames
    inside[bins, frames] = True
    return np.abs(values)[inside].sum() / np.abs(values).sum()


def clip_for(name):
    """Return a network, and a clip of which only REGION counts for it."""
    if name != "grad-cam":  # whose weights are means over all places
        return by_place(), clips(1) + 2.0
    x = np.full((1, *SHAPE), -5.0, np.float32)
    x[(0, *REGION)] = 3.0
    return by_sign(), x


@pytest.mark.parametrize("name", methods.names())
def test_every_method_points_at_what_alone_counts(name):
    model, x = clip_for(name)
    listener = Listener(model)
    outside = x - np.abs(clips(1, seed=5))
    outside[(0, *REGION)] = x[(0, *REGION)]
    np.testing.assert_allclose(listener.scores(x), listener.scores(outside), atol=1e-5)
    run = methods.METHODS[name].run
    found = run(listener, x, np.array([0]), PLAIN, rng())
    assert found.shape == x.shape[:-1]
    assert share_inside(found[0], name) > 0.99
    # The measure can say no: turned around, the map points elsewhere.
    assert share_inside(found[0, ::-1, ::-1], name) < 0.35
    if methods.METHODS[name].signed:
        assert found.max() > 0
    else:
        assert found.min() >= 0


@pytest.mark.parametrize("name", methods.names())
def test_a_clip_has_the_map_that_it_has_among_others(name):
    listener, x = Listener(small()), clips(3)
    classes = np.array([0, 1, 2])
    run = methods.METHODS[name].run
    together = run(listener, x, classes, PLAIN, rng())
    alone = run(listener, x[:1], classes[:1], PLAIN, rng())
    np.testing.assert_allclose(together[:1], alone, atol=1e-5)


def test_saliency_counts_in_deviations_of_each_bin():
    deviation = np.arange(1.0, 13.0, dtype=np.float32).reshape(12, 1, 1)
    listener, x = Listener(small()), clips(1)
    found = methods.saliency(listener, x, np.array([1]), Reference(PLAIN.baseline, deviation, ""))
    plain = methods.saliency(listener, x, np.array([1]), PLAIN)
    np.testing.assert_allclose(found, plain * deviation[..., 0], rtol=1e-5)


def test_integrated_gradients_sum_to_the_difference_of_scores():
    listener, x, classes = Listener(small()), clips(3), np.array([0, 1, 2])
    silent = Reference(np.full((12, 1, 1), -0.5, np.float32), PLAIN.deviation, "")
    found = methods.integrated_gradients(listener, x, classes, silent)
    total, wanted = methods.completeness(listener, x, classes, silent, found)
    scores = listener.scores(np.concatenate([x, np.full((1, *SHAPE), -0.5, np.float32)]))
    np.testing.assert_allclose(wanted, scores[np.arange(3), classes] - scores[3, classes])
    np.testing.assert_allclose(total, wanted, rtol=0.01, atol=1e-3)
    # Gradient times change at the clip alone does not add up: the network is curved.
    single = (listener.gradient(x, classes) * (x + 0.5)).sum(axis=(1, 2, 3))
    assert np.abs(single - wanted).max() > 0.05


def test_smoothgrad_without_noise_is_saliency():
    listener, x, classes = Listener(small()), clips(2), np.array([0, 1])
    found = methods.smoothgrad(listener, x, classes, PLAIN, rng(), samples=2, noise=0.0)
    np.testing.assert_allclose(found, methods.saliency(listener, x, classes, PLAIN), atol=1e-6)
    noisy = methods.smoothgrad(listener, x, classes, PLAIN, rng())
    again = methods.smoothgrad(listener, x, classes, PLAIN, rng())
    np.testing.assert_array_equal(noisy, again)
    assert np.abs(noisy - found).max() > 1e-3


def test_grad_cam_by_hand():
    model, x = by_sign(), clips(1)
    found = grad_cam.run(Listener(model), x, np.array([0]))
    # The score is 9 times the mean of what is above 0; that channel's weight is 9 / places.
    np.testing.assert_allclose(found[0], np.maximum(x[0, ..., 0], 0) * 9 / x[0].size, rtol=1e-4)
    # What speaks against the class is left out, not shown by its size.
    model.layers[-1].set_weights([np.array([[9.0, 0.0], [-4.0, 0.0]])])
    again = grad_cam.run(Listener(model), x, np.array([0]))
    np.testing.assert_allclose(again, found, rtol=1e-5)


def test_grad_cam_finds_the_last_convolutions():
    assert [one.name for one in layers.last_convolutions(small())] == ["behind"]
    pair = layers.last_convolutions(models.build("cnn2", (32, 32, 1), 3))
    assert pair[0] is not pair[-1]
    paths = layers.last_convolutions(models.build("cnn2-transformer", (64, 64, 1), 3))
    assert sorted(one.name for one in paths) == ["block1_relu3", "block2_relu3"]
    assert len(layers.last_convolutions(models.build("issa", (40, 1), 3))) == 1
    assert layers.last_convolutions(small(), "first")[0].name == "first"
    with pytest.raises(ValueError, match=r"Received: 'third'. Choose among \['first', 'second'"):
        layers.last_convolutions(small(), "third")
    features = keras.Input(SHAPE)
    x = keras.layers.Conv1D(3, 3)(keras.layers.Reshape(SHAPE[:2])(features))
    flat = keras.Model(features, keras.layers.Dense(2)(keras.layers.Flatten()(x)))
    with pytest.raises(ValueError, match="a map of 1 for features of 2"):
        grad_cam.convolutions(Listener(flat))
    with pytest.raises(ValueError, match="needs a network with a convolution"):
        layers.last_convolutions(models.build("logistic", (32, 32, 1), 3))


def test_occlusion_by_hand():
    listener, x = Listener(by_place()), clips(1) + 2.0
    found = occlusion.frequency(listener, x, np.array([0]), PLAIN, windows=4)
    weighted = 0.3 * x[0, :, REGION[1], 0].sum(axis=1)
    # Bands of three bins: the second is just REGION's.
    np.testing.assert_allclose(found[0, 3:6], weighted[3:6].sum(), rtol=1e-5)
    np.testing.assert_allclose(found[0, 6:], 0, atol=1e-5)
    found = occlusion.patches(listener, x, np.array([0]), PLAIN, windows=(4, 4))
    inside = 0.3 * x[(0, *REGION)].sum()
    np.testing.assert_allclose(found[(0, *REGION)], inside, rtol=1e-5)
    assert np.abs(found).sum() == pytest.approx(12 * inside, rel=1e-4)


def test_parts_cover_everything_once():
    number = occlusion.numbered([occlusion.edges(13, 5), occlusion.edges(7, 20)])
    assert number.shape == (13, 7)
    assert len(np.unique(number)) == 5 * 7
    assert np.bincount(number.ravel()).max() <= 3


def listening_svm():
    """Return a classical model for which only the third of six bins tells the classes apart."""
    random, y = np.random.default_rng(0), np.arange(80) % 2
    x = random.normal(size=(80, 6, 20, 1)).astype(np.float32)
    x[:, 2] += 4.0 * y[:, None, None]
    pipeline = classical.build("svm").fit(x, y)
    return classical.ClassicalModel("svm", pipeline, 2), x[1::2]


def test_occlusion_explains_a_classical_model():
    model, x = listening_svm()
    listener = Listener(model)
    assert methods.suitable(listener, "image") == [
        "occlusion-time", "occlusion-frequency", "occlusion-patches"
    ]  # fmt: skip
    found = occlusion.frequency(listener, x[:4], np.ones(4, int), PLAIN)
    assert (found[:, :, 0].argmax(axis=1) == 2).all()
    with pytest.raises(ValueError, match="needs a network, and 'svm' is a classical model"):
        methods.check(["saliency"], listener, "image")
    with pytest.raises(ValueError, match=r"Gradients must be those of a network.*Received.*'svm'"):
        listener.gradient(x[:1], np.array([0]))


def test_methods_are_refused_where_they_cannot_be_used():
    listener = Listener(small())
    with pytest.raises(ValueError, match="must be one of .*Received: 'magic'"):
        methods.check(["magic"], listener, "image")
    with pytest.raises(ValueError, match="have no such axis, only time"):
        methods.check(["occlusion-frequency"], listener, "time")
    with pytest.raises(ValueError, match="two axes, and these have one"):
        methods.check(["occlusion-patches"], listener, "bins")
    model = models.build("logistic", (32, 32, 1), 3)
    assert "grad-cam" not in methods.suitable(Listener(model), "image")
    with pytest.raises(ValueError, match=r"'grad-cam'; Grad-CAM needs a network with a conv"):
        methods.check(["grad-cam"], Listener(model), "image")
    assert [one.name for one in methods.check(["saliency"] * 2, listener, "image")] == ["saliency"]


# Checks of maps.


class Summing:
    """A listener whose probability of the class is a share of what can be heard."""

    has_gradient, score = False, "probability"

    def probabilities(self, x):
        total = np.clip(x.sum(axis=(1, 2, 3)) / 1000, 0, 1)
        return np.stack([total, 1 - total], axis=1)


def test_curves_agree_with_a_naive_loop():
    clip, base = np.abs(clips(1)[0]), np.full(SHAPE, 0.05, np.float32)
    number = faithfulness.cells(SHAPE[:2], grid=(3, 4))
    orders = [faithfulness.order(clip[..., 0], number, rng()), np.arange(12)]
    shares = [0.0, 0.25, 0.5, 1.0]
    quiet = Reference(base, PLAIN.deviation, "")
    found = faithfulness.curves(Summing(), clip, 0, orders, number, quiet, shares)
    for one, order in zip(found, orders, strict=True):
        for place, share in enumerate(shares):
            deleted, inserted = clip.copy(), base.copy()
            for cell in order[: round(share * 12)]:
                deleted[number == cell] = 0.05
                inserted[number == cell] = clip[number == cell]
            said = Summing().probabilities(np.stack([deleted, inserted]))[:, 0]
            np.testing.assert_allclose(one[:, place], said, rtol=1e-5)
    # What counts most goes first in the first order: faster down, faster up.
    assert found[0, 0, 1] < found[1, 0, 1]
    assert found[0, 1, 1] > found[1, 1, 1]


def test_cells_are_ordered_by_their_mean():
    number = np.array([[0, 0, 1, 1], [2, 2, 3, 3]])
    values = np.array([[1.0, 2.0, 9.0, -9.0], [5.0, 5.0, -1.0, -2.0]])
    assert faithfulness.order(values, number, rng()).tolist() == [2, 0, 1, 3]


def test_a_map_without_an_opinion_is_a_random_order():
    number, random = np.arange(50).reshape(5, 10), rng()
    orders = [faithfulness.order(np.zeros((5, 10)), number, random) for _ in range(300)]
    assert all(sorted(one) == list(range(50)) for one in orders)
    first = np.bincount([one[0] for one in orders], minlength=50)
    assert (first > 0).sum() > 45
    # Tiny differences are what arithmetic leaves, not an opinion.
    noisy = 1.0 + 1e-13 * np.arange(50).reshape(5, 10)
    assert faithfulness.order(noisy, number, rng()).tolist() != list(range(49, -1, -1))


def test_area_of_a_straight_line_is_one_half():
    assert faithfulness.area(np.linspace(0, 1, 11)) == pytest.approx(0.5)
    assert faithfulness.area([1.0, 0.0, 0.0]) == pytest.approx(0.25)


def heard_by(model, x, classes=None):
    listener = Listener(model)
    said = listener.probabilities(x)
    table = pd.DataFrame(
        {
            "clip": [f"c{i}" for i in range(len(x))],
            "speaker": [f"s{i % 3}" for i in range(len(x))],
            "emotion": ["a"] * len(x),
        }
    )
    places = axes(Experiment().with_settings({"features.n_mfcc": 12}), x[0].shape[:-1])
    chosen = said.argmax(axis=1) if classes is None else classes
    run = SimpleNamespace(model=model, labels=["a", "b", "c"])
    return maps.Heard(run, listener, PLAIN, places, table, list(x), list(x), said, chosen)


def test_a_true_map_beats_random_order_and_a_false_one_does_not():
    x = np.abs(clips(12)) + 1.0
    heard = heard_by(by_place(), x, np.zeros(12, int))
    heard.clips["speaker"] = [f"s{i}" for i in range(12)]
    true = np.zeros(SHAPE[:2])
    true[REGION] = 1.0
    made = {"true": [true] * 12, "none": [np.zeros(SHAPE[:2])] * 12, "false": [-true] * 12}
    found = checks.faithful(heard, made)
    assert list(found) == ["true", "none", "false", checks.RANDOM]
    assert checks.verdict(found["true"]) == "better than random"
    assert checks.verdict(found["false"]) == "worse than random"
    assert abs(found["none"]["gap"]["value"]) < 0.1 < found["true"]["gap"]["value"]
    assert checks.verdict({"gap": {"low": -0.1, "high": 0.1}}) == "no better than random"
    assert abs(found[checks.RANDOM]["gap"]["value"]) < 1e-6
    curve = found["true"]["deletion_curve"]["value"]
    assert curve[0] == pytest.approx(heard.probabilities[:, 0].mean(), abs=1e-6)
    assert curve[1] == pytest.approx(0.5, abs=1e-6)  # two classes, nothing heard


def test_random_weights_leave_what_stands_in_front():
    model = small()
    before, state = [np.array(one) for one in model.get_weights()], np.random.get_state()[1].copy()  # noqa: NPY002
    changed = randomisation.with_random_weights(model, seed=1)
    np.testing.assert_array_equal(np.random.get_state()[1], state)  # noqa: NPY002
    again = randomisation.with_random_weights(model, seed=1)
    for old, kept, new, same in zip(
        before, model.get_weights(), changed.get_weights(), again.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(old, kept)
        np.testing.assert_array_equal(new, same)
        if old.ndim > 1:
            assert np.abs(new - old).max() > 0.01
    assert changed.get_layer("scale").scale == 0.5


def test_similarity_is_spearmans():
    a, b = (list(clips(3, seed=seed)[..., 0]) for seed in (0, 1))
    wanted = [spearmanr(one.ravel(), two.ravel())[0] for one, two in zip(a, b, strict=True)]
    np.testing.assert_allclose(randomisation.similarity(a, b, signs=True), wanted)
    turned = [-one for one in a]
    np.testing.assert_allclose(randomisation.similarity(a, turned, signs=True), -1)
    np.testing.assert_allclose(randomisation.similarity(a, turned), 1)
    assert randomisation.similarity([np.ones(4)], [np.arange(4.0)]).tolist() == [0]


def test_sanity_tells_maps_of_the_model_from_maps_of_the_clip(monkeypatch):
    heard = heard_by(small(), clips(6))
    loud = methods.Method(
        "loud", "", lambda listener, x, classes, reference, rng: np.abs(x[..., 0]), False
    )
    monkeypatch.setitem(methods.METHODS, "loud", loud)
    made = maps.make(heard, ["saliency", "integrated-gradients", "loud"])
    found = checks.sane(heard, made)
    assert found["loud"]["sizes"]["value"] == pytest.approx(1.0)
    assert abs(found["saliency"]["sizes"]["value"]) < 0.5
    assert set(found["integrated-gradients"]) == {"sizes", "signs"}
    # Weights that stay change nothing.
    monkeypatch.setattr(randomisation, "with_random_weights", lambda model, seed: model)
    assert checks.sane(heard, made)["saliency"]["sizes"]["value"] == pytest.approx(1.0)
    heard.listener.has_gradient = False
    assert checks.sane(heard, made) is None


def test_completeness_notes_maps_that_do_not_add_up():
    heard = heard_by(small(), clips(3))
    made = maps.make(heard, ["integrated-gradients"])
    assert checks.complete(heard, made)["overall"] < 0.02
    made["integrated-gradients"] = [2 * one for one in made["integrated-gradients"]]
    doubled = checks.complete(heard, made)
    assert (doubled["median"], doubled["overall"]) == pytest.approx((1.0, 1.0), abs=0.02)
    assert checks.complete(heard, {"saliency": []}) is None


def test_intervals_draw_whole_speakers():
    values = np.repeat([0.0, 1.0, 2.0, 3.0], 50)
    by_clip = means.mean(values, [None] * 200)
    by_speaker = means.mean(values, np.repeat(list("abcd"), 50))
    assert by_clip["value"] == by_speaker["value"] == 1.5
    assert by_speaker["high"] - by_speaker["low"] > 4 * (by_clip["high"] - by_clip["low"])
    both = means.mean(np.stack([values, 2 * values], axis=1), np.repeat(list("abcd"), 50))
    assert both["value"] == [1.5, 3.0]
    assert both["low"][0] == by_speaker["low"]
    assert means.method(np.repeat(list("abcd"), 50))["clusters"] == 4


# What is explained, and in which units.


def test_clips_are_spread_over_emotions_and_speakers():
    rows = [
        {"clip": f"{e}{s}{t}", "emotion": e, "speaker": s}
        for e in "abc" for s in "xyzw" for t in range(5 if e == "a" else 2)
    ]  # fmt: skip
    chosen = inputs.choose(pd.DataFrame(rows), 12)
    assert chosen.groupby(["emotion", "speaker"]).size().tolist() == [1] * 12
    for each in (1, 2, 3):
        few = inputs.choose(pd.DataFrame(rows), 3 * each)
        assert few.groupby("emotion")["speaker"].nunique().tolist() == [each] * 3
    assert len(inputs.choose(pd.DataFrame(rows), 100)) == len(rows)
    again = inputs.choose(pd.DataFrame(rows[::-1]), 12)
    assert chosen["clip"].tolist() == again["clip"].tolist()


def test_groups_hold_clips_of_one_shape():
    x = [np.zeros((2, n)) for n in (3, 3, 3, 4, 3)]
    assert list(inputs.alike(x, 2)) == [[0, 1], [2], [3], [4]]


def test_statistics_by_hand():
    x = list(clips(3, shape=(4, 5, 1)))
    mean, deviation = statistics(x)
    assert mean.shape == deviation.shape == (4, 1, 1)
    stacked = np.concatenate(x, axis=1)[..., 0]
    np.testing.assert_allclose(mean[:, 0, 0], stacked.mean(axis=1), rtol=1e-5)
    np.testing.assert_allclose(deviation[:, 0, 0], stacked.std(axis=1), rtol=1e-5)
    vectors = list(clips(3, shape=(4, 1)))
    np.testing.assert_allclose(statistics(vectors, by_bin=True)[0], np.mean(vectors, axis=0))
    assert statistics(vectors)[0].shape == (1, 1)
    pictures = list(clips(2, shape=(4, 4, 3)))
    assert statistics(pictures)[0].shape == (4, 1, 3)


def test_the_baseline_is_what_the_scaling_takes_for_zero(small_run):
    found = reference(small_run)
    mean = np.broadcast_to(found.baseline, (1, 32, 35, 1))
    scaled = small_run.model.get_layer("scale")(mean)
    np.testing.assert_allclose(scaled, 0, atol=1e-4)
    moved = small_run.model.get_layer("scale")(mean + found.deviation)
    np.testing.assert_allclose(moved, 1, atol=1e-3)
    silent = reference(small_run, "silence")
    assert silent.baseline.shape == (32, 1, 1)
    assert silent.baseline[0, 0, 0] < found.baseline[0, 0, 0]
    with pytest.raises(ValueError, match="`baseline` must be one of"):
        reference(small_run, "noise")


def test_a_model_that_takes_speakers_statistics_is_refused():
    features = keras.Input((4, 3))
    said = keras.layers.Dense(2, activation="softmax")(SpeakerNormalization()(features))
    model = keras.Model(features, keras.layers.Flatten()(said))
    run = SimpleNamespace(folder="some-run", model=model, experiment=Experiment())
    with pytest.raises(ValueError, match="each clip alone.*Received: some-run.*speaker_norm"):
        Listener.of(run)


def test_axes_are_in_hertz_and_seconds():
    experiment = Experiment().with_settings({"features.name": "log_mel", "features.fmax": 6000.0})
    found = axes(experiment, (128, 94))
    hertz = librosa.mel_frequencies(130, fmin=0, fmax=6000)[1:-1]
    np.testing.assert_allclose(found.places, hertz, rtol=1e-6)
    assert found.unit == "Hz"
    left, right = found.seconds(94)
    assert (left, right) == pytest.approx((-0.016, 94 * 0.032 - 0.016))
    cepstral = axes(Experiment(), (128, 94))
    assert (cepstral.bins, cepstral.unit, cepstral.places[5]) == ("coefficient", "", 5)
    picture = axes(experiment.with_settings({"features.name": "mel_image"}), (224, 224))
    assert picture.downwards
    assert picture.places[0] > picture.places[-1]
    assert picture.places[112] == pytest.approx(hertz[63], rel=0.02)
    assert picture.seconds(224) == pytest.approx((0, 3))
    averaged = Experiment().with_settings({"features.average": "time"})
    assert axes(averaged, (128,)).kind == "bins"
    wave = axes(Experiment().with_settings({"features.name": "waveform"}), (48000,))
    assert (wave.kind, wave.step_s) == ("time", 1 / 16000)


def test_mean_maps_count_every_clip_alike(monkeypatch):
    heard = heard_by(by_place(), clips(4))
    heard.clips["emotion"] = ["sad", "sad", "happy", "happy"]
    made = [np.zeros(SHAPE[:2]) for _ in range(4)]
    for one, place, size in zip(made, [(2, 3), (4, 3), (7, 1), (7, 1)], (5, -1, 1, 1), strict=True):
        one[place] = size
    monkeypatch.setattr(maps, "make", lambda *given: {"saliency": made})
    happy, sad = emotions.mean_maps(heard, "saliency")
    assert (happy.emotion, happy.clips, sad.emotion, sad.speakers) == ("happy", 2, "sad", 2)
    assert (sad.map[2, 3], sad.map[4, 3]) == (0.5, 0.5)
    assert sad.centre["value"] == pytest.approx(3.0)
    assert happy.profile["value"][7] == pytest.approx(1.0)
    assert happy.edges == list(range(13))
    assert sad.seconds == pytest.approx(16 * 0.032)


KINDS = {
    "image": ({"features.name": "log_mel", "features.n_mels": 20}, (20, 94, 1)),
    "picture": ({"features.name": "mel_image"}, (32, 32, 3)),
    "bins": ({"features.average": "time"}, (20, 1)),
    "samples": ({"features.name": "waveform"}, (48000, 1)),
    "frames": ({"features.average": "frequency"}, (94, 1)),
}


@pytest.mark.parametrize("kind", KINDS)
def test_figures_are_in_the_units_of_the_features(kind):
    settings, shape = KINDS[kind]
    experiment = Experiment().with_settings(settings)
    table = pd.DataFrame({"path": ["a/b.wav"] * 2, "emotion": ["sad", None], "speaker": ["x", "y"]})
    run = SimpleNamespace(experiment=experiment, labels=["happy", "sad"])
    x, waves = list(clips(2, shape=shape)), list(0.1 * clips(2, shape=(48000,)))
    said = np.array([[0.2, 0.8], [0.6, 0.4]])
    places = axes(experiment, shape[:-1])
    heard = maps.Heard(run, None, PLAIN, places, table, waves, x, said, np.array([1, 1]))
    made = {
        "saliency": [np.abs(one[..., 0]) for one in x],
        "occlusion-time": [o[..., 0] for o in x],
    }
    drawn = clip_figures.examples(heard, made, [0, 1], ["occlusion-time"])
    grid = np.array(drawn.axes).reshape(4, 2)
    assert "RIGHT" in grid[0, 0].get_title(loc="left")
    assert "RIGHT" not in grid[0, 1].get_title(loc="left")
    assert grid[-1, 0].get_xlabel() == ("coefficient" if kind == "bins" else "time (s)")
    end = {"bins": 19.5}.get(kind, 3.0)
    assert grid[-1, 0].get_xlim()[1] == pytest.approx(end, abs=0.2)
    if kind in ("image", "picture"):
        bottom, top = grid[2, 0].get_ylim()
        assert (bottom > top) == (kind == "picture")
        assert grid[2, 0].get_yticklabels()[0].get_text() == "0.5"
    mean = emotions.MeanMap(
        "sad", 2, 2, made["saliency"][0], {k: [0.5, 0.5] for k in ("value", "low", "high")},
        [0, 10, 20], None if kind == "bins" else 3.0, {"value": 1.0, "low": 0.0, "high": 2.0},
    )  # fmt: skip
    drawn = figures.emotions([mean, mean], places)
    assert drawn.axes[0].get_ylabel().startswith("sad\n2 clips")


# A whole run.


@pytest.fixture(scope="module")
def explained(small_run, tmp_path_factory):
    folder = tmp_path_factory.mktemp("explained") / "run"
    shutil.copytree(small_run.folder, folder)
    assert main(["explain", str(folder), "--clips", "6", "--quiet"]) == 0
    return serkeras.Run(folder)


def test_the_page_ranks_the_methods_and_names_the_protocol(explained):
    folder = explained.folder / "analyses" / "explanation"
    text, result = (folder / "page.md").read_text(), read_json(folder / "result.json")
    assert text.startswith(
        "# What counts for the model: cnn on own.csv, split speaker (new speakers)"
    )
    ranked = [name for name in result["faithful"] if name != checks.RANDOM]
    assert sorted(ranked) == sorted(methods.names())
    gaps = [result["faithful"][name]["gap"]["value"] for name in ranked]
    assert gaps == sorted(gaps, reverse=True)
    assert text.index(f"| {ranked[0]} |") < text.index(f"| {ranked[-1]} |")
    assert set(result["sanity"]) == set(ranked)
    assert result["made_by"]["device"].endswith("tensorflow backend")
    assert len(result["clips"]) == 6
    assert {one["emotion"] for one in result["emotions"]} <= {"happy", "sad"}
    names = {path.stem for path in (folder / "figures").iterdir()}
    assert names >= {"ranking", "curves", "examples"}
    assert ("emotions" in names) == bool(result["emotions"])
    assert str(explained.folder) not in text


@pytest.fixture
def copy(small_run, tmp_path):
    """A copy of a finished run, to change."""
    return serkeras.Run(shutil.copytree(small_run.folder, tmp_path / "run"))


def test_recordings_that_moved_are_found_in_the_corpus(copy, monkeypatch):
    table = copy.predictions.assign(path="/nowhere/x.wav")
    table.to_csv(copy.folder / "predictions.csv", index=False)
    run = serkeras.Run(copy.folder)
    page = explanation.explain(run, ["saliency"], clips=2, progress=False)
    assert page.is_file()

    def gone(*_, **__):
        raise FileNotFoundError("the corpus is gone")

    monkeypatch.setattr(serkeras.datasets, "load_many", gone)
    with pytest.raises(FileNotFoundError, match=r"must be reachable.*the corpus is gone"):
        explanation.explain(run, ["saliency"], clips=2, progress=False)


def test_answers_that_are_not_the_runs_own_are_refused(copy):
    table = copy.predictions
    columns = [f"p_{label}" for label in copy.labels]
    table.loc[1, columns] = table.loc[1, columns].to_numpy()[::-1] + 0.002
    table.to_csv(copy.folder / "predictions.csv", index=False)
    with pytest.raises(ValueError, match=rf"own predictions.*1 of {len(table)} clips"):
        explanation.explain(serkeras.Run(copy.folder), ["saliency"], progress=False)
    assert not (copy.folder / "analyses").exists()


def test_every_method_may_give_the_mean_maps():
    assert sorted(work._FOR_EMOTIONS) == sorted(methods.names())


def test_a_method_no_better_than_random_is_named():
    from serkeras.explanation import page

    numbers = {"value": 0.0, "low": -0.1, "high": 0.1}
    good = {"gap": {"value": 0.3, "low": 0.2, "high": 0.4}}
    said = page._verdicts({"a": good, "b": {"gap": numbers}, checks.RANDOM: {}})
    assert said.startswith("`a` is better than random. **`b` is no better than random: do not")
    high, low = {"value": 0.9, "low": 0.8, "high": 1.0}, numbers
    text = page._unchanged({"a": {"sizes": high}, "b": {"sizes": high, "signs": low}})
    assert "maps of `a` (" in text
    assert "Of `b` the sizes" in text


def test_recordings_are_drawn_for_an_emotion(explained, tmp_path, capsys):
    path = explained.predictions["path"].iloc[0]
    words = ["explain", str(explained.folder), path, "--method", "occlusion-time"]
    assert main([*words, "--emotion", "sad", "--out", str(tmp_path), "--quiet"]) == 0
    written = capsys.readouterr().out.split()
    assert [p.endswith(".png") for p in written] == [True]
    heard = explanation.hear(explained, [path], "sad")
    assert heard.classes.tolist() == [explained.labels.index("sad")]
    assert main([*words, "--emotion", "bored"]) == 2
    assert "must be one that the run knows" in capsys.readouterr().err
    assert main(["explain", str(explained.folder), "--emotion", "bored"]) == 2
    assert "Choose among" in capsys.readouterr().err


def test_a_classical_run_is_explained_by_occlusion(own_csv, tmp_path):
    run = serkeras.train("logistic-sklearn", data=[own_csv], out=tmp_path / "run", progress=False)
    page = explanation.explain(run, ["occlusion-frequency"], clips=4, progress=False)
    assert "no weights to draw at random" in page.read_text()
    result = read_json(page.parent / "result.json")
    assert result["score"] == "log-probability"
    assert result["sanity"] is None
    assert result["made_by"]["device"] is None


def test_silence_keeps_its_bins_where_features_are_averages_over_time(own_csv, tmp_path):
    run = serkeras.train(
        "logistic-sklearn", data=[own_csv], out=tmp_path / "run",
        settings={"features.average": "time"}, progress=False,
    )  # fmt: skip
    silent = reference(run, "silence").baseline
    np.testing.assert_array_equal(silent, inputs.silence(run.experiment))
    assert np.unique(silent).size > 1
