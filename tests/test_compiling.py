"""Losses, rates, optimisers and precision, against hand arithmetic and other libraries."""

import os
import subprocess
import sys

import keras
import numpy as np
import pytest

from serkeras import models
from serkeras.config import Experiment, TrainingConfig
from serkeras.training import layer_rates, optimizers
from serkeras.training.batches import Batches
from serkeras.training.compiling import (
    balanced_weights,
    compile_model,
    make_repeatable,
    schedule,
)
from serkeras.training.fit import Fit
from serkeras.training.losses import ClassLoss
from serkeras.training.network import builder, precision
from serkeras.training.schedules import Schedule
from serkeras.training.sides import Side
from tests.test_models import NEEDED, SHAPE, SHAPES, SMALL

P = np.array([[0.7, 0.2, 0.1], [0.25, 0.25, 0.5]], np.float32)
Y = np.array([0, 1], np.int32)


def losses(**settings):
    return keras.ops.convert_to_numpy(ClassLoss(**settings).call(Y, P))


def test_cross_entropy_is_minus_the_logarithm():
    np.testing.assert_allclose(losses(), [-np.log(0.7), -np.log(0.25)], rtol=1e-6)


def test_label_smoothing_equals_that_of_keras():
    expected = keras.losses.CategoricalCrossentropy(label_smoothing=0.1, reduction="none")
    theirs = expected(np.eye(3, dtype=np.float32)[Y], P)
    np.testing.assert_allclose(losses(label_smoothing=0.1), theirs, rtol=1e-5)


def test_focal_loss_by_hand():
    expected = [-(0.3**2) * np.log(0.7), -(0.75**2) * np.log(0.25)]
    np.testing.assert_allclose(losses(kind="focal"), expected, rtol=1e-5)
    np.testing.assert_allclose(losses(kind="focal", gamma=0.0), losses(), rtol=1e-6)


def test_hinge_loss_by_hand():
    # Differences of logits are those of log-probabilities: ln(.7/.2) = 1.253 is enough for the
    # first clip, whose other margins hold too; the second lacks 1 - ln(1) and 1 - ln(.25/.5).
    expected = [0.0, (1.0 + 1.0 + np.log(2.0)) / 2]
    np.testing.assert_allclose(losses(kind="hinge"), expected, rtol=1e-5)


def test_class_weights_multiply_the_loss_of_a_class():
    weighted = losses(class_weights=[2.0, 0.5, 1.0])
    np.testing.assert_allclose(weighted, losses() * [2.0, 0.5], rtol=1e-6)


def test_balanced_weights_equal_those_of_scikit_learn():
    from sklearn.utils.class_weight import compute_class_weight

    targets = np.array([0] * 6 + [1] * 3 + [2])
    theirs = compute_class_weight("balanced", classes=np.arange(3), y=targets)
    np.testing.assert_allclose(balanced_weights(targets, 3), theirs)
    assert balanced_weights(np.array([0, 0, 2]), 3) == [0.75, 0.0, 1.5]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"kind": "square"}, "one of .*'focal'.*kind='square'"),
        ({"label_smoothing": 1.0}, "label_smoothing=1.0"),
        ({"kind": "hinge", "label_smoothing": 0.1}, "0 for hinge"),
        ({"kind": "focal", "gamma": -1.0}, "gamma=-1.0"),
    ],
)
def test_bad_losses_are_named(settings, words):
    with pytest.raises(ValueError, match=words):
        ClassLoss(**settings)


# Rates of the epochs 0, 1, ... for a rate of 1, and validation losses where they count.
FLAT = [1.0, 0.9, 0.9, 0.95, 0.8, 0.8, 0.8, 0.8]
RULES = [
    ({}, None, [1, 1, 1]),
    ({"name": "step", "factor": 0.1, "every": 2}, None, [1, 1, 0.1, 0.1, 0.01]),
    # Better at 0, 1 and 4; two flat epochs after each: divided behind epochs 3 and 6, not 7.
    (
        {"name": "plateau", "factor": 0.5, "patience": 2},
        FLAT,
        [1, 1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25],
    ),
    ({"name": "triangular", "low": 0.5, "half_cycle": 2}, None, [0.5, 0.75, 1, 0.75, 0.5, 0.75]),
    ({"name": "cosine"}, None, [1, 0.75 + 0.1035533905932737, 0.5]),
    ({"name": "cosine", "warmup": 1, "epochs": 3}, None, [0, 1, 0.5, 0]),
    # A third of a half wave is a quarter of its height, two thirds are three: of 0.8 above 0.2.
    (
        {"name": "cosine_restarts", "every": 3, "low": 0.2},
        None,
        [1, 0.8, 0.4, 1, 0.8, 0.4, 1],
    ),
]


@pytest.mark.parametrize(("rule", "losses", "rates"), RULES, ids=lambda rule: str(rule)[:30])
def test_learning_rate_rules_by_hand(rule, losses, rates):
    found = Schedule(rule, 1.0, 4)
    seen = [found.rate(epoch, (losses or [])[:epoch]) for epoch in range(len(rates))]
    np.testing.assert_allclose(seen, rates, atol=1e-12)


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({"name": "linear"}, "must be one of .*'plateau'.*'linear'"),
        ({"name": "step", "gamma": 0.1}, "'step' must be among .*'every'.*gamma"),
        ({"name": "step", "every": 0}, "numbers above 0.*'every': 0"),
        ({"name": "cosine_restarts", "every": 2.5}, "whole epochs.*2.5"),
        ({"name": "cosine_restarts", "epochs": 5}, "must be among .*'every'.*epochs"),
        ({"name": "plateau", "factor": "half"}, "numbers above 0.*half"),
        ({"name": "plateau", "patience": 2.5}, "whole epochs.*2.5"),
        ({"name": "step", "factor": 10}, "factor below 1.*10"),
        ({"name": "triangular", "low": 2}, "low at most 1.*2"),
    ],
)
def test_bad_rules_are_named_before_the_first_epoch(rule, words):
    with pytest.raises(ValueError, match=words):
        schedule(TrainingConfig(schedule=rule))


def small_model():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((4,))
    x = keras.layers.Dense(3, name="block")(inputs)
    outputs = keras.layers.Dense(2, activation="softmax", name="logits")(x)
    return keras.Model(inputs, outputs)


def step(optimizer, weights, grads):
    optimizer.apply([keras.ops.convert_to_tensor(grad) for grad in grads], weights)
    return [keras.ops.convert_to_numpy(weight) for weight in weights]


def test_l2_in_the_gradient_and_decay_beside_it_are_those_of_pytorch():
    torch = pytest.importorskip("torch")
    start = np.array([1.0, -2.0, 5.0], np.float32)
    grads = [np.array(g, np.float32) for g in ([0.1, 0.2, -0.3], [0.0, -0.1, 0.2])]
    pairs = {
        "adam": torch.optim.Adam,
        "adamw": torch.optim.AdamW,
        "rmsprop": lambda w, **kw: torch.optim.RMSprop(w, alpha=0.9, **kw),
        "sgd": torch.optim.SGD,
    }
    for name, theirs in pairs.items():
        tensor = torch.tensor(start, requires_grad=True)
        reference = theirs([tensor], lr=0.01, weight_decay=0.1)
        weight = keras.Variable(start)
        ours = optimizers.make(name, 0.01, 0.1, (), [weight])
        for grad in grads:
            tensor.grad = torch.tensor(grad)
            reference.step()
            step(ours, [weight], [grad])
        np.testing.assert_allclose(
            keras.ops.convert_to_numpy(weight), tensor.detach().numpy(), atol=2e-5, err_msg=name
        )


@pytest.fixture(params=["adam", "adamw", "rmsprop", "sgd"])
def fitted(request):
    """A model that one batch has taught, whose layer "block" alone decays."""
    model = small_model()
    settings = {"optimizer": request.param, "weight_decay": 0.5, "decay_only": ["block"]}
    compile_model(model, TrainingConfig(learning_rate=0.01, **settings), np.array([0, 1]), 2)
    teach(model)
    return model


def teach(model):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(8, 4)).astype(np.float32), np.arange(8) % 2
    model.fit(x, y, verbose=0)
    return [keras.ops.convert_to_numpy(weight) for weight in model.weights]


def test_only_named_parts_decay(fitted):
    before = {weight.path: keras.ops.convert_to_numpy(weight) for weight in fitted.weights}
    # A fresh optimiser without a gradient: only the decay is left to move a weight.
    optimizer = type(fitted.optimizer).from_config(fitted.optimizer.get_config())
    step(optimizer, fitted.weights, [np.zeros(weight.shape) for weight in fitted.weights])
    moved = {
        weight.path
        for weight in fitted.weights
        if not np.array_equal(before[weight.path], keras.ops.convert_to_numpy(weight))
    }
    assert moved == {"block/kernel", "block/bias"}


def test_a_loaded_optimiser_goes_on_as_it_would_have(fitted, tmp_path):
    fitted.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    for ours, theirs in zip(teach(fitted), teach(loaded), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_a_part_that_no_weight_has_is_named():
    config = TrainingConfig(weight_decay=0.1, decay_only=["blokc"])
    with pytest.raises(ValueError, match=r"`decay_only` must.*\['blokc'\].*block/kernel"):
        compile_model(small_model(), config, np.array([0, 1]), 2)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"decay_only": ["block"]}, "`decay_only` .* empty where weight_decay is 0"),
        ({"label_smoothing": 1.0}, r"`label_smoothing` .* in \[0, 1\)"),
        ({"loss": "hinge", "label_smoothing": 0.1}, "0 for hinge"),
        ({"focal_gamma": -1.0}, "`focal_gamma` .* 0 or more"),
        ({"loss": "square"}, "`loss` .* one of"),
        ({"optimizer": "adagrad"}, "`optimizer` .* one of"),
        ({"class_weights": "rare"}, "`class_weights` .* one of"),
    ],
)
def test_settings_outside_their_range_are_named(settings, words):
    with pytest.raises(ValueError, match=words):
        TrainingConfig(**settings)


def test_defaults_are_plain_adam_and_the_loss_of_keras():
    model = small_model()
    compile_model(model, TrainingConfig(), np.array([0, 1]), 2)
    assert type(model.optimizer) is keras.optimizers.Adam
    assert model.loss == "sparse_categorical_crossentropy"


def test_by_depth_with_shares_of_one_is_the_optimiser_itself():
    rng = np.random.default_rng(0)
    start = rng.normal(size=(3, 4)).astype(np.float32)
    for name in ("adam", "adamw", "rmsprop", "sgd"):
        plain, grouped = [[keras.Variable(value) for value in start] for _ in range(2)]
        settings = (name, 0.01, 0.1, ())
        ours = optimizers.make(*settings, grouped, (0, 1, 2), {"backbone": 1.0})
        ours.build(grouped)
        layer_rates.begin_epoch(ours, 0)
        theirs = optimizers.make(*settings, plain)
        for grads in rng.normal(size=(5, 3, 4)).astype(np.float32):
            step(ours, grouped, grads)
            step(theirs, plain, grads)
        for one, other in zip(grouped, plain, strict=True):
            np.testing.assert_array_equal(one, other, err_msg=name)


def tiny_side(clips=10):
    rng = np.random.default_rng(0)
    index = np.arange(clips)
    x = rng.normal(size=(clips, 32, 32)).astype(np.float32)
    return Side(x, index, (index % 2).astype(np.int32), index.astype(str))


def tiny_build(policy, **model):
    model = {"name": "cnn", **model}
    experiment = Experiment.from_dict({"model": model})
    training = experiment.training.replace(precision=policy, batch_size=4)
    return builder(tiny_side(), ["a", "b"], experiment.replace(training=training))


@pytest.fixture
def callers_policy():
    """A policy that the caller has set, which is none of the experiment's business."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    yield keras.config.dtype_policy()
    keras.config.set_dtype_policy(before)


@pytest.mark.parametrize("policy", ["float32", "mixed_float16"])
def test_precision_is_that_of_the_network_alone(policy, callers_policy):
    model = tiny_build(policy)(0)
    assert keras.config.dtype_policy() == callers_policy
    *front, network = model.layers
    assert {layer.compute_dtype for layer in front} == {"float32"}
    assert network.get_layer("logits").dtype_policy.name == policy
    assert {weight.dtype for weight in model.trainable_weights} == {"float32"}
    assert network.get_layer("probabilities").compute_dtype == "float32"
    is_scaled = isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
    assert is_scaled == (policy == "mixed_float16")
    with pytest.raises(ValueError, match="must be among"):
        tiny_build(policy, settings={"dpeth": 1})(0)
    assert keras.config.dtype_policy() == callers_policy


@pytest.mark.parametrize("name", models.names())
def test_probabilities_of_every_model_are_float32(name):
    with precision("mixed_float16"):
        shape = SHAPES.get(name, [None, SHAPE])[1]
        model = models.build(name, shape, 3, **SMALL.get(name, NEEDED.get(name, {})))
    assert model.output.dtype == "float32"
    last = model.layers[-1]
    assert isinstance(last, keras.layers.Softmax)
    assert last.compute_dtype == "float32"
    assert model.get_layer("logits").compute_dtype == "float16"


LOADING = """
import sys
import keras
import numpy as np
import serkeras
for policy in ("mixed_bfloat16", "mixed_float16"):
    model = keras.saving.load_model(f"{sys.argv[1]}/{policy}.keras", safe_mode=True)
    kept = np.load(f"{sys.argv[1]}/{policy}.npz")
    np.testing.assert_array_equal(model.predict(kept["x"], verbose=0), kept["found"])
    assert model.layers[-1].get_layer("logits").dtype_policy.name == policy
assert keras.config.dtype_policy().name == "float32"
"""


def test_mixed_models_learn_and_load_in_a_fresh_process(tmp_path, repo):
    side = tiny_side()
    x = side.x[..., None]
    # Convolutions in float16 are slow without a GPU.
    for policy, name in (("mixed_bfloat16", "cnn"), ("mixed_float16", "logistic")):
        model = tiny_build(policy, name=name)(0)
        batches = Batches(side, 5).for_keras()
        losses = model.fit(batches, epochs=4, shuffle=False, verbose=0).history["loss"]
        assert losses[-1] < losses[0], policy
        found = model.predict(x, verbose=0)
        assert found.dtype == np.float32
        model.save(tmp_path / f"{policy}.keras")
        np.savez(tmp_path / f"{policy}.npz", x=x, found=found)
    environment = {**os.environ, "PYTHONPATH": str(repo)}
    words = [sys.executable, "-c", LOADING, str(tmp_path)]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("asked", [None, False, True])
def test_jit_is_passed_on(asked, monkeypatch):
    seen = {}

    def remember(self, optimizer, **given):
        seen.update(given)
        self.jit_compile = bool(asked)

    monkeypatch.setattr(keras.Model, "compile", remember)
    monkeypatch.setattr(keras.Model, "jit_compile", None)
    compile_model(small_model(), TrainingConfig(jit_compile=asked), np.arange(2), 2)
    assert seen["jit_compile"] == ("auto" if asked is None else asked)
    assert seen["steps_per_execution"] == 1


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="TensorFlow's rule")
def test_jit_that_would_be_left_out_is_refused():
    make_repeatable(TrainingConfig())
    with pytest.raises(ValueError, match="an earlier fit of this one has asked for"):
        compile_model(small_model(), TrainingConfig(jit_compile=True), np.arange(2), 2)


def test_steps_of_one_execution_share_a_rate(tmp_path, monkeypatch):
    progress = []
    monkeypatch.setattr(Schedule, "rate", lambda self, at, losses: progress.append(at) or 0.01)
    side = tiny_side()
    config = TrainingConfig(schedule={"name": "cosine"}, steps_per_execution=2)

    def build():
        inputs = keras.Input((32, 32, 1))
        x = keras.layers.Flatten()(inputs)
        model = keras.Model(inputs, keras.layers.Dense(2, activation="softmax")(x))
        compile_model(model, config, side.y, 2)
        return model

    batches = [Batches(side, 2, seed) for seed in (0, None)]
    Fit(tmp_path, "search", *batches, 1, schedule(config, 1)).run(build, progress=False)
    # Once as the epoch begins, then once for the batches 1 and 2, 3 and 4, and 5.
    assert progress == [0, 0.0, 0.4, 0.8]


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="others trace otherwise")
@pytest.mark.parametrize("shares", [False, True])
@pytest.mark.parametrize("kind", ["float32", "mixed_float16"])
def test_a_step_is_traced_once(monkeypatch, kind, shares):
    """Keras makes variables in the first step, and has TensorFlow trace it again for them."""
    traced, call = [], ClassLoss.call
    monkeypatch.setattr(
        ClassLoss, "call", lambda self, *given: traced.append(1) or call(self, *given)
    )
    config = TrainingConfig(optimizer="adamw", loss="focal", weight_decay=0.1, precision=kind)
    inputs = keras.Input((3,))
    model = keras.Model(inputs, keras.layers.Dense(3, activation="softmax")(inputs))
    compile_model(model, config, Y, 3, shares=shares)
    y = np.eye(3, dtype=np.float32)[Y] if shares else Y
    found = model.fit(P, y, batch_size=2, epochs=3, verbose=0)
    assert len(traced) == 1
    assert len(set(found.history["loss"])) == 3
