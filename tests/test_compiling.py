"""Losses, learning-rate rules and optimisers, against hand arithmetic and other libraries."""

import keras
import numpy as np
import pytest

from serkeras.config import TrainingConfig
from serkeras.training import optimizers
from serkeras.training.compiling import balanced_weights, compile_model, schedule
from serkeras.training.losses import ClassLoss
from serkeras.training.schedules import Schedule

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
