"""Gradients of several batches averaged into one update: by hand, in fits, after interruptions.

The checks run in this process and, for the other backends, in one process each:

    KERAS_BACKEND=jax python -m tests.test_accumulation
"""

import importlib.util
import os
import subprocess
import sys

import keras
import numpy as np
import pytest
from keras import ops

import serkeras
from serkeras import recipes
from serkeras.config import TrainingConfig
from serkeras.training import layer_rates, optimizers
from serkeras.training.accumulation import Accumulating
from serkeras.training.batches import Batches
from serkeras.training.compiling import compile_model, make_repeatable, schedule
from serkeras.training.fit import Fit
from serkeras.training.sides import Side
from tests.layer_checks.tools import array, run_checks
from tests.recordings import SMALL

OTHERS = sorted({"jax", "tensorflow", "torch"} - {keras.backend.backend()})
OPTIMIZERS = ("adam", "adamw", "rmsprop", "sgd")
RULES = {"backbone": 0.5, "decay": 0.2, "thaw_every": 1}
START = [np.array(w, np.float32) for w in ([1.0, -2.0], [3.0, 0.5], [-1.0, 4.0])]


def gradients(epochs, batches):
    return np.random.default_rng(0).normal(size=(epochs, batches, 3, 2)).astype("f4")


def stepper(made, weights):
    """Return a function that gives an optimiser gradients, as a fit does."""
    if keras.backend.backend() != "jax":
        return lambda grads: made.apply([ops.convert_to_tensor(grad) for grad in grads], weights)
    import jax

    compiled = jax.jit(made.stateless_apply)

    def step(grads):
        states = [[v.value for v in variables] for variables in (made.variables, weights)]
        found, state = compiled(states[0], list(grads), states[1])
        for variable, value in zip((*weights, *made.variables), (*found, *state), strict=True):
            variable.assign(value)

    return step


def applied(name, epochs, accumulate=1, batches=None, depths=(0, 1, 2)):
    """Return the weights after each epoch, given gradients of its batches, and the optimiser."""
    weights = [keras.Variable(value) for value in START]
    rules = RULES if depths else None
    made = optimizers.make(
        name, 0.01, 0.1, (), weights, depths, rules, accumulate=accumulate, batches=batches
    )
    made.build(weights)
    seen, step = [], stepper(made, weights)
    for epoch, grads in enumerate(epochs):
        layer_rates.begin_epoch(made, epoch)
        for grad in grads:
            step(grad)
        seen.append([array(weight) for weight in weights])
    return np.array(seen), made


def check_decay_and_rates_act_once_in_an_update():
    """Ten batches by fours are updates of four, four and two; each epoch for itself."""
    given = gradients(3, 10)
    means = [[grads[i : i + 4].mean(axis=0) for i in (0, 4, 8)] for grads in given]
    for name in OPTIMIZERS:
        for depths in (None, (0, 1, 2)):
            found, one = applied(name, given, 4, 10, depths)
            expected, other = applied(name, means, depths=depths)
            np.testing.assert_allclose(found, expected, atol=1e-6, err_msg=name)
            assert int(one.iterations) == int(other.iterations) == 9
            if depths:  # waits in the first two epochs
                np.testing.assert_array_equal(found[:2, 2], [START[2]] * 2)
                assert not np.array_equal(found[2, 2], START[2])


def check_what_keras_alone_leaves_over():
    """Its way: where this changes, ours may go."""
    given = gradients(2, 5)
    found, made = applied("sgd", given, 2, None, None)
    left = [array(each) for each in made._accumulated_gradients]
    assert int(made.iterations) == 5
    assert not np.array(left).any()
    first, made = applied("sgd", given[:1], 2, None, None)
    np.testing.assert_array_equal(first[0], found[0])
    penalised = given[0, 4, 1] + 0.1 * first[0][1]
    np.testing.assert_allclose(array(made._accumulated_gradients[1]), penalised, atol=1e-6)
    pairs = np.concatenate(given).reshape(1, 5, 2, 3, 2).mean(axis=2)
    np.testing.assert_allclose(found[1], applied("sgd", pairs, depths=None)[0][0], atol=1e-6)


def network(config, clips=10, dropout=0.0):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((6,))
    x = keras.layers.Dense(8, activation="tanh", dtype=config.precision)(inputs)
    # With a seed of its own: without, PyTorch draws from its global state.
    x = keras.layers.Dropout(dropout, seed=1)(x)
    outputs = keras.layers.Dense(3, activation="softmax", dtype="float32")(x)
    model = keras.Model(inputs, outputs)
    compile_model(model, config, np.zeros(clips, int), 3)
    return model


def fitted(clips, size, accumulate, **settings):
    """Return the weights after three epochs, and how many updates there were."""
    config = TrainingConfig(
        learning_rate=0.01, weight_decay=0.1, batch_size=size, accumulate=accumulate, **settings
    )
    model, side = network(config, clips), Side(*some(clips))
    model.fit(side.x, side.y, batch_size=size, epochs=3, shuffle=False, verbose=0)
    inner = getattr(model.optimizer, "inner_optimizer", model.optimizer)
    return np.concatenate([array(w).ravel() for w in model.weights]), int(inner.iterations)


def some(clips, scale=1.0):
    rng, index = np.random.default_rng(0), np.arange(clips)
    y = (index % 3).astype(np.int32)
    x = rng.normal(size=(clips, 6)).astype(np.float32) + y[:, None]
    return scale * x, index, y, index.astype(str)


def check_small_batches_learn_as_a_large_one():
    """Groups of four: whole, with two batches left over, and an epoch of less than one group."""
    for name in ("adamw", "sgd"):
        for clips, updates in ((32, 6), (40, 9), (8, 3)):
            found, count = fitted(clips, 4, 4, optimizer=name)
            expected, other = fitted(clips, 16, 1, optimizer=name)
            assert count == other == updates, (name, clips)
            np.testing.assert_allclose(found, expected, atol=1e-5, err_msg=name)


def check_loss_scale_and_several_steps_an_execution():
    executions = 1 if keras.backend.backend() == "torch" else 5
    both = {"optimizer": "adamw", "precision": "mixed_float16"}
    expected, _ = fitted(40, 16, 1, **both)
    found, count = fitted(40, 4, 4, steps_per_execution=executions, **both)
    np.testing.assert_allclose(found, expected, atol=1e-3)
    assert count == 9
    plain, _ = fitted(40, 4, 1, **both)
    assert np.abs(plain - expected).max() > 0.01


def check_batches_left_out_by_the_loss_scale():
    """By hand: three batches an epoch in pairs, the second one of the first epoch overflows."""
    weight = keras.Variable(np.zeros(2, np.float32))
    inner = optimizers.make("sgd", 1.0, 0.0, (), [weight], accumulate=2, batches=3)
    scaled = keras.optimizers.LossScaleOptimizer(inner, initial_scale=1.0)
    scaled.build([weight])
    step = stepper(scaled, [weight])

    def give(value):
        # The scale is halved where a batch overflows.
        step([np.full(2, value, np.float32) * array(scaled.dynamic_scale)])
        return array(weight)[0]

    layer_rates.begin_epoch(scaled, 0)
    assert [give(value) for value in (1.0, np.inf, 3.0)] == [0, 0, -2]
    layer_rates.begin_epoch(scaled, 1)
    assert [give(value) for value in (5.0, 7.0, 11.0)] == [-2, -8, -19]
    layer_rates.begin_epoch(scaled, 2)
    assert [give(value) for value in (2.0, 4.0, np.inf)] == [-19, -22, -22]
    layer_rates.begin_epoch(scaled, 3)
    assert [give(value) for value in (np.inf, 4.0, 8.0)] == [-22, -22, -28]
    # One of a pair is left over, and joins the next epoch.
    layer_rates.begin_epoch(scaled, 4)
    assert [give(value) for value in (2.0, np.inf, np.inf)] == [-28, -28, -28]
    layer_rates.begin_epoch(scaled, 5)
    assert [give(value) for value in (4.0, 6.0, 8.0)] == [-31, -31, -38]


def check_a_table_of_which_rows_are_taken():
    """TensorFlow gives gradients of rows alone."""

    class Bias(keras.layers.Layer):
        def build(self, shape):
            self.table = self.add_weight(shape=(5, 6), initializer="ones", name="table")

        def call(self, x):
            return x * ops.sum(ops.take(self.table, np.array([0, 1, 1]), axis=0), axis=0)

    found = []
    for size, accumulate in ((10, 1), (5, 2)):
        config = TrainingConfig(optimizer="sgd", accumulate=accumulate, batch_size=size)
        keras.utils.set_random_seed(0)
        inputs = keras.Input((6,))
        outputs = keras.layers.Dense(3, activation="softmax")(Bias()(inputs))
        model = keras.Model(inputs, outputs)
        compile_model(model, config.replace(learning_rate=0.1), np.zeros(30), 3)
        x, _, y, _ = some(30)
        model.fit(x, y, batch_size=size, shuffle=False, verbose=0)
        found.append(array(model.weights[0]))
    np.testing.assert_allclose(*found, atol=1e-6)
    assert (found[0][:2] != 1).any()


CHECKS = {name: check for name, check in vars().items() if name.startswith("check_")}


@pytest.mark.parametrize("name", CHECKS)
def test_on_this_backend(name):
    CHECKS[name]()


@pytest.mark.parametrize("backend", OTHERS)
def test_on_other_backends(repo, backend):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"the package {backend} is not installed")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "tests.test_accumulation"],
        env={**os.environ, "KERAS_BACKEND": backend, "PYTHONPATH": str(repo)},
        cwd=repo,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{backend}: {len(CHECKS)} passed" in done.stdout


def fit(folder, config, scale=1.0, stop_after=None):
    """Fit 4 epochs of 5 batches; `stop_after` so many the process ends, as far as files know."""
    make_repeatable(config)
    side = Side(*some(18, scale))
    batches = [Batches(side, 4, seed) for seed in (0, None)]
    fitting = Fit(folder, "search", *batches, 4, schedule(config, 4))
    keep, left = fitting.keep, []

    def keep_and_stop(model, row):
        keep(model, row)
        inner = getattr(model.optimizer, "inner_optimizer", model.optimizer)
        left.append(max(np.abs(array(each)).max() for each in inner._accumulated_gradients))
        if len(fitting.rows) == stop_after:
            raise KeyboardInterrupt

    fitting.keep = keep_and_stop
    model = fitting.run(lambda: with_channel(config, side, dropout=0.3), progress=False)
    rows = [{k: v for k, v in row.items() if k != "seconds"} for row in fitting.rows]
    state = [array(each) for each in (*model.variables, *model.optimizer.variables)]
    return state, rows, left


def with_channel(config, side, dropout=0.0):
    """Return a network of what `Batches` give: features have an axis for channels."""
    inputs = keras.Input((6, 1))
    inner = network(config, len(side.y), dropout)
    model = keras.Model(inputs, inner(keras.layers.Flatten()(inputs)))
    compile_model(model, config, side.y, 3)
    return model


BY_BATCH = {"name": "cosine", "warmup": 1.5}
CASES = {
    "adamw": ({"optimizer": "adamw", "weight_decay": 0.1, "schedule": BY_BATCH}, 1.0),
    # So loud that the first scales overflow: batches are left out, and others left over.
    "float16": ({"precision": "mixed_float16"}, 20.0),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("epoch", [1, 2])
def test_an_interrupted_fit_ends_bit_for_bit_as_a_whole_one(tmp_path, case, epoch):
    settings, scale = CASES[case]
    config = TrainingConfig(accumulate=3, batch_size=4, learning_rate=0.01, **settings)
    whole, rows, left = fit(tmp_path / "whole", config, scale)
    with pytest.raises(KeyboardInterrupt):
        fit(tmp_path / "parts", config, scale, stop_after=epoch)
    parts, resumed, _ = fit(tmp_path / "parts", config, scale)
    assert resumed == rows
    for ours, theirs in zip(parts, whole, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    # What an epoch leaves over goes through the checkpoint where there is something.
    if keras.backend.backend() == "tensorflow":
        assert (left[epoch - 1] > 0) == (case == "float16")


def test_a_saved_model_goes_on_within_a_group(tmp_path):
    config = TrainingConfig(accumulate=3, batch_size=5, optimizer="adamw", weight_decay=0.1)
    model, (x, _, y, _) = network(config, clips=20), some(20)
    model.fit(x[:10], y[:10], batch_size=5, shuffle=False, verbose=0)
    before = [array(weight) for weight in network(config).weights]
    for ours, first in zip(model.weights, before, strict=True):
        np.testing.assert_array_equal(array(ours), first)  # two batches of three: no update yet
    model.save(tmp_path / "model.keras")
    other = keras.saving.load_model(tmp_path / "model.keras")
    for each in (model, other):
        each.fit(x[10:], y[10:], batch_size=5, shuffle=False, verbose=0)
        assert int(each.optimizer.iterations) == 2
    for ours, theirs in zip(model.weights, other.weights, strict=True):
        np.testing.assert_array_equal(array(ours), array(theirs))
    assert not np.array_equal(array(model.weights[0]), before[0])


def test_an_update_has_the_rate_of_its_last_batch(tmp_path):
    config = TrainingConfig(
        optimizer="sgd", accumulate=2, batch_size=4, schedule=BY_BATCH, learning_rate=0.5
    )
    side = Side(*some(16))
    rule = schedule(config, 4)
    rates = [rule.rate(progress, []) for progress in (0.25, 0.75, 1.25, 1.75)]

    class Rates(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            self.model.optimizer.learning_rate = rates.pop(0)

    expected = with_channel(config.replace(batch_size=8, accumulate=1), side)
    plain = Batches(side, 8).for_keras()
    expected.fit(plain, epochs=2, shuffle=False, verbose=0, callbacks=[Rates()])
    batches = [Batches(side, 4)] * 2
    fitting = Fit(tmp_path, "search", *batches, 2, rule)
    found = fitting.run(lambda: with_channel(config, side), progress=False)
    assert rates == []
    for ours, theirs in zip(found.weights, expected.weights, strict=True):
        np.testing.assert_allclose(array(ours), array(theirs), atol=1e-6)


def test_one_batch_an_update_is_the_optimiser_as_it_was():
    model = network(TrainingConfig())
    assert not isinstance(model.optimizer, Accumulating)
    assert network(TrainingConfig(optimizer="adamw")).optimizer.gradient_accumulation_steps is None


def test_a_run_says_how_many_batches_an_update_has(own_csv, tmp_path):
    settings = {**SMALL, "training.accumulate": 3, "training.batch_size": 2}
    run = serkeras.train("cnn", [own_csv], out=tmp_path, settings=settings, progress=False)
    text = (run.folder / "report.md").read_text(encoding="utf-8")
    assert "| batch | 2 x 3 clips |" in text
    assert recipes.load("cnn").training.accumulate == 1


@pytest.mark.parametrize("value", [0, -1, 1.5, True])
def test_bad_numbers_are_named(value):
    with pytest.raises(ValueError, match="`accumulate` .*Received: "):
        TrainingConfig.from_dict({"accumulate": value})


if __name__ == "__main__":
    sys.exit(run_checks(CHECKS))
