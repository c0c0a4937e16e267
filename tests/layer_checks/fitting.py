"""Rates by depth, precision and steps an execution."""

import importlib.util

import keras
import numpy as np
import pytest

from serkeras.config import TrainingConfig
from serkeras.training import layer_rates, optimizers
from serkeras.training.compiling import compile_model
from tests.layer_checks.tools import array

RULES = {"backbone": 0.5, "decay": 0.2, "thaw_every": 1}
OPTIMIZERS = ("adam", "adamw", "rmsprop", "sgd")


def check_rates_by_depth_are_those_of_parameter_groups():
    if importlib.util.find_spec("torch") is None:
        return
    start = [np.array(w, np.float32) for w in ([1.0, -2.0], [3.0, 0.5], [-1.0, 4.0])]
    rng = np.random.default_rng(0)
    steps = rng.normal(size=(6, 3, 2)).astype(np.float32)
    for name in OPTIMIZERS:
        weights = [keras.Variable(value) for value in start]
        ours = optimizers.make(name, 0.01, 0.1, (), weights, (0, 1, 2), RULES)
        ours.build(weights)
        theirs = _OfTorch(name, start)
        for number, grads in enumerate(steps):
            layer_rates.begin_epoch(ours, number // 2)
            ours.apply([keras.ops.convert_to_tensor(grad) for grad in grads], weights)
            theirs(grads, layer_rates.shares(RULES, 2, number // 2))
        for mine, reference in zip(weights, theirs.tensors, strict=True):
            expected = reference.detach().cpu().numpy()
            np.testing.assert_allclose(array(mine), expected, atol=5e-5, err_msg=name)
            assert not np.array_equal(array(mine), start[2]), name


class _OfTorch:
    """PyTorch's optimiser with one group a weight, whose rates are set before every step."""

    def __init__(self, name, start):
        import torch

        makers = {
            "adam": torch.optim.Adam,
            "adamw": torch.optim.AdamW,
            "rmsprop": lambda groups, **kw: torch.optim.RMSprop(groups, alpha=0.9, **kw),
            "sgd": torch.optim.SGD,
        }
        self._torch = torch
        self.tensors = [torch.tensor(value, device="cpu", requires_grad=True) for value in start]
        groups = [{"params": [tensor]} for tensor in self.tensors]
        self._optimizer = makers[name](groups, lr=0.01, weight_decay=0.1)

    def __call__(self, grads, shares):
        groups = self._optimizer.param_groups
        for tensor, group, grad, share in zip(self.tensors, groups, grads, shares, strict=True):
            tensor.grad = self._torch.tensor(grad, device="cpu")
            group["lr"] = 0.01 * share
        self._optimizer.step()


def _network(precision="float32"):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((4,))
    x = keras.layers.Dense(3, "relu", dtype=precision)(inputs)
    x = keras.layers.Dense(3, "relu", dtype=precision)(x)
    logits = keras.layers.Dense(2, dtype=precision)(x)
    return keras.Model(inputs, keras.layers.Softmax(dtype="float32")(logits))


def _data(clips=18):
    x = np.random.default_rng(0).normal(size=(clips, 4)).astype(np.float32)
    return x, (x[:, 0] > 0).astype(np.int32)


def check_a_waiting_block_does_not_move_by_a_bit():
    x, y = _data()
    for name in ("adamw", "sgd"):
        model = _network()
        weights = model.trainable_variables
        optimizer = optimizers.make(name, 0.01, 0.5, (), weights, (2, 2, 1, 1, 0, 0), RULES)
        optimizer.build(weights)
        model.compile(optimizer, "sparse_categorical_crossentropy")
        for epoch in range(3):
            layer_rates.begin_epoch(optimizer, epoch)
            before = model.get_weights()
            model.fit(x, y, batch_size=4, verbose=0)
            pairs = zip(before, model.get_weights(), strict=True)
            moved = [not np.array_equal(a, b) for a, b in pairs][::2]
            assert moved == [epoch >= 2, epoch >= 1, True], (name, epoch, moved)


def check_float16_learns_under_loss_scaling():
    x, y = _data()
    model = _network("mixed_float16")
    config = TrainingConfig(learning_rate=0.01, precision="mixed_float16")
    compile_model(model, config, y, 2)
    losses = model.fit(x, y, batch_size=4, epochs=8, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    assert int(model.optimizer.iterations) >= 30  # steps that overflowed do not count
    assert model.predict(x, verbose=0).dtype == np.float32


def check_steps_of_one_execution_change_no_number():
    x, y = _data()
    if keras.backend.backend() == "torch":
        with pytest.raises(ValueError, match="steps_per_execution must be left alone"):
            compile_model(_network(), TrainingConfig(steps_per_execution=4), y, 2)
        return
    fitted = []
    for steps in (1, 4):
        model = _network()
        compile_model(model, TrainingConfig(learning_rate=0.01, steps_per_execution=steps), y, 2)
        # Five batches, of which the last holds two clips: neither is a multiple of anything.
        options = {"batch_size": 4, "epochs": 2, "shuffle": False, "verbose": 0}
        history = model.fit(x, y, validation_data=(x, y), **options).history
        assert int(model.optimizer.iterations) == 10
        fitted.append([*model.get_weights(), history["loss"], history["val_loss"]])
    for one, four in zip(*fitted, strict=True):
        np.testing.assert_allclose(four, one, rtol=1e-5, atol=1e-7)
