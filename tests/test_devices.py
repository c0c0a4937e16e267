"""Fits on several devices beside fits on one, on virtual processors in a process a backend.

KERAS_BACKEND=jax XLA_FLAGS=--xla_force_host_platform_device_count=3 python -m tests.test_devices
"""

import argparse
import importlib.util
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import keras
import numpy as np
import pytest

import serkeras
from serkeras import recipes
from serkeras.cli import options
from serkeras.config import Experiment, TrainingConfig
from serkeras.training import devices, optimizers, phases, provenance
from serkeras.training.batches import Batches
from serkeras.training.compiling import compile_model
from serkeras.training.fit import Fit
from serkeras.training.sides import Side
from tests.layer_checks.tools import array, run_checks
from tests.recordings import SMALL, write_corpus

# TensorFlow traces a step for each device.
DEVICES = 2 if keras.backend.backend() == "tensorflow" else 3
VIRTUAL = 3
EXPERIMENT = Experiment.from_dict({})
NORMAL = keras.layers.BatchNormalization


def some(clips, seed, folder=None):
    """Return a side of clips of six numbers; in a folder as a file, as those of features are."""
    rng, index = np.random.default_rng(seed), np.arange(clips)
    y = (index % 3).astype(np.int32)
    x = rng.normal(size=(clips, 6)).astype(np.float32) + y[:, None]
    if folder is not None:
        file = folder / f"entry{seed}" / "x.npy"
        file.parent.mkdir(parents=True)
        np.save(file, x)
        x = np.load(file, mmap_mode="r")
    return Side(x, index, y, index.astype(str))


def of_lengths(clips, seed):
    """Return a side of clips of 3 to 9 frames of two bands."""
    rng, index = np.random.default_rng(seed), np.arange(clips)
    frames, y = rng.integers(3, 10, clips), (index % 3).astype(np.int32)
    x = rng.normal(size=(clips, 2, 9)).astype(np.float32) + y[:, None, None]
    return Side(x, index, y, index.astype(str), frames, 1, True)


def network(config, side, middle=(), frozen=False, depths=None):
    """Return a small network of what `Batches` give, compiled as those of runs are."""
    inputs = keras.Input((6, 1), name="features")
    x = keras.layers.Flatten()(inputs)
    x = keras.layers.Dense(8, activation="tanh", trainable=not frozen)(x)
    for layer in middle:
        x = layer()(x)
    x = keras.layers.Dense(3, dtype=config.precision)(x)
    model = keras.Model(inputs, keras.layers.Activation("softmax", dtype="float32")(x))
    compile_model(model, config, side.y, 3)
    if depths:
        made = optimizers.make(
            config.optimizer, config.learning_rate, config.weight_decay, (),
            model.trainable_variables, depths, {"decay": 0.5},
        )  # fmt: skip
        made.build(model.trainable_variables)
        made.shares.assign([1.0, 0.5])
        model.compile(made, loss=model.loss, metrics=["accuracy"])
    return model


def of_masks(config, side):
    """Return a network that averages the frames of a clip."""
    inputs = keras.Input((2, None, 1), name="features")
    mask = keras.Input((None,), dtype="bool", name="mask")
    x = keras.ops.transpose(keras.ops.squeeze(inputs, -1), (0, 2, 1))
    x = keras.layers.Dense(4, activation="tanh")(x)
    x = keras.layers.GlobalAveragePooling1D()(x, mask=mask)
    outputs = keras.layers.Dense(3, activation="softmax")(x)
    model = keras.Model({"features": inputs, "mask": mask}, outputs)
    compile_model(model, config, side.y, 3)
    return model


def fitted(folder, number, settings, sides=None, make=network, epochs=2, **layers):
    """Return weights and figures of a search on so many devices, and the model."""
    config = TrainingConfig(batch_size=12, learning_rate=0.05).replace(
        devices=number, epochs=epochs, **settings
    )
    experiment = EXPERIMENT.replace(training=config.to_dict())
    train, validation = sides or (some(29, 0), some(5, 1))

    def build(seed):
        keras.utils.set_random_seed(seed)
        return make(config, train, **layers)

    fit, learner, model = phases._phase(
        Path(folder), experiment, False, "search", [train, validation], build, epochs
    )
    keys = ("loss", "accuracy", "val_loss", "val_accuracy")
    rows = np.array([[row[key] for key in keys] for row in fit.rows])
    state = [array(each) for each in (*learner.variables, *learner.optimizer.variables)]
    model = phases._on_one_device(model, build, config)
    return state, rows, model


def both(settings, number=DEVICES, atol=1e-5, **others):
    """Compare a fit on several devices with one on one, in weights, optimiser and figures."""
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as many:
        expected, told, _ = fitted(one, 1, settings, **others)
        found, rows, _ = fitted(many, number, settings, **others)
    np.testing.assert_allclose(rows, told, atol=atol)
    for mine, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(mine, theirs, atol=atol)


def is_tensorflow():
    return keras.backend.backend() == "tensorflow"


def check_optimisers_do_as_on_one_device():
    """Batches of 12, 12 and 5 clips: of the last one, devices have two, two and one, or three."""
    focal = {"class_weights": "balanced", "loss": "focal"}
    both({"optimizer": "sgd", "weight_decay": 0.1, **focal}, middle=(NORMAL,))
    rising = {"name": "cosine", "warmup": 1}
    both({"optimizer": "adamw", "weight_decay": 0.1, "schedule": rising}, depths=(1, 1, 0, 0))


def check_one_batch_an_epoch():
    """The first batch, whose shape Keras wants to know, has shares of unequal sizes."""
    both({"optimizer": "adamw", "weight_decay": 0.1}, sides=(some(11, 0), some(4, 1)))


def check_clips_of_several_lengths():
    both({}, sides=(of_lengths(29, 0), of_lengths(5, 1)), make=of_masks)


def check_what_jax_alone_can_do():
    if not is_tensorflow():
        several = {"accumulate": 2, "steps_per_execution": 2, "weight_decay": 0.1}
        both({**several, "optimizer": "sgd", "precision": "mixed_float16"}, atol=1e-3)


def check_what_is_frozen_is_computed_once():
    with tempfile.TemporaryDirectory() as folder:
        os.environ["SERKERAS_CACHE"] = folder
        first, second = Path(folder, "one"), Path(folder, "two")
        sides = some(29, 0, Path(folder)), some(5, 1, Path(folder))
        still = {"frozen": True, "middle": (lambda: NORMAL(trainable=False),)}
        expected, told, _ = fitted(first, 1, {}, sides, **still)
        maps = {path: path.read_bytes() for path in Path(folder, "maps").glob("*/x.npy")}
        for path in maps:
            path.unlink()
        found, rows, model = fitted(second, DEVICES, {}, sides, **still)
        assert (second / "checkpoints" / "frozen-search.npz").is_file()
        assert len(maps) == 2
        for path, content in maps.items():
            again = np.frombuffer(path.read_bytes()[128:], np.float32)
            np.testing.assert_allclose(again, np.frombuffer(content[128:], np.float32), atol=1e-6)
    np.testing.assert_allclose(rows, told, atol=1e-5)
    for mine, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-5)
    assert len(model.weights) == 8


def check_an_interrupted_fit_ends_bit_for_bit_as_a_whole_one():
    layers = (lambda: keras.layers.Dropout(0.5, seed=1), NORMAL)
    given = {"optimizer": "adamw", "weight_decay": 0.1}
    keep = Fit.keep

    def keep_and_stop(fit, model, row):
        keep(fit, model, row)
        if len(fit.rows) == 1:
            raise KeyboardInterrupt

    with tempfile.TemporaryDirectory() as whole, tempfile.TemporaryDirectory() as parts:
        expected, told, _ = fitted(whole, DEVICES, given, middle=layers)
        Fit.keep = keep_and_stop
        with pytest.raises(KeyboardInterrupt):
            fitted(parts, DEVICES, given, middle=layers)
        Fit.keep = keep
        found, rows, model = fitted(parts, DEVICES, given, middle=layers)
        np.testing.assert_array_equal(rows, told)
        for mine, theirs in zip(found, expected, strict=True):
            np.testing.assert_array_equal(mine, theirs)
        # It goes on where there is one device too.
        _, rows, _ = fitted(parts, 1, given, middle=layers, epochs=3)
        np.testing.assert_array_equal(rows[:2], told)
    assert model.predict_on_batch(np.zeros((5, 6, 1))).shape == (5, 3)
    with tempfile.TemporaryDirectory() as one:
        _, alone, _ = fitted(one, 1, given, middle=layers)
    # What is dropped is the same on all devices of TensorFlow.
    apart = np.abs(alone - told).max()
    assert apart > 1e-3 if is_tensorflow() else apart < 1e-5


def check_a_run():
    with tempfile.TemporaryDirectory() as folder:
        os.environ["SERKERAS_CACHE"] = f"{folder}/cache"
        csv = write_corpus(Path(folder))
        settings = SMALL | {"training.epochs": 1, "training.retrain": False}
        settings |= {"training.devices": "all", "training.batch_size": 6}
        run = serkeras.train(
            "logistic", [csv], out=f"{folder}/run", settings=settings, progress=False
        )
        named = f"{DEVICES} x {provenance.device()}"
        assert run.metrics["run"]["device"] == named
        assert f"| device | {named} |" in (run.folder / "report.md").read_text()
        assert "training.devices=all" in (run.folder / "report.md").read_text()
        found = serkeras.predict(run, list(run.predictions["path"][:5]), progress=False)
        columns = [name for name in found if name.startswith("p_")]
        expected = run.predictions[columns].to_numpy()[:5]
        np.testing.assert_allclose(found[columns], expected, atol=1e-5)


CHECKS = {name: check for name, check in vars().items() if name.startswith("check_")}


@pytest.mark.parametrize("backend", ["jax", "tensorflow"])
def test_on_virtual_devices(repo, backend):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"the package {backend} is not installed")
    # Compiling takes most of the time.
    quickly = "--xla_backend_optimization_level=0"
    virtual = f"--xla_force_host_platform_device_count={VIRTUAL} {quickly}"
    own = {"KERAS_BACKEND": backend, "XLA_FLAGS": virtual, "PYTHONPATH": str(repo)}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "tests.test_devices"],
        env={**os.environ, **own, "CUDA_VISIBLE_DEVICES": "", "JAX_PLATFORMS": "cpu"},
        cwd=repo,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{backend}: {len(CHECKS)} passed" in done.stdout


@pytest.fixture
def four(monkeypatch):
    """Four devices, and a way to check settings on a backend."""
    monkeypatch.setattr(devices, "found", lambda: ["a:0", "a:1", "a:2", "a:3"])

    def check(backend, **settings):
        monkeypatch.setattr(keras.backend, "backend", lambda: backend)
        settings = {f"training.{name}": value for name, value in settings.items()}
        devices.check(recipes.load("cnn").with_settings({"training.batch_size": 16, **settings}))

    return check


@pytest.mark.parametrize(
    ("backend", "settings", "words"),
    [
        ("torch", {"devices": "all"}, "JAX and TensorFlow.*'all' on PyTorch"),
        ("jax", {"devices": 5}, "devices=5, where jax finds 4: a:0, a:1, a:2, a:3"),
        ("jax", {"devices": 3}, "batch_size=16 for 3 devices"),
        ("tensorflow", {"devices": 4, "batch_size": 4}, "2 or more.*batch_size=4 for 4"),
        ("tensorflow", {"devices": 2, "accumulate": 2}, "training.accumulate with"),
        ("tensorflow", {"devices": "all", "precision": "mixed_float16"}, "mixed_float16"),
        ("tensorflow", {"devices": 2, "jit_compile": True}, "jit_compile"),
        ("tensorflow", {"devices": 2, "steps_per_execution": 2}, "steps_per_execution"),
    ],
)
def test_what_cannot_be_shared_out_is_refused(four, backend, settings, words):
    with pytest.raises(ValueError, match=words):
        four(backend, **settings)


@pytest.mark.parametrize("backend", ["jax", "tensorflow", "torch"])
def test_one_device_does_all_of_it(four, backend):
    four(backend, devices=1, accumulate=2, precision="mixed_float16", batch_size=1)


def test_what_can_be_shared_out_is_not_refused(four):
    four("jax", devices="all", accumulate=2, precision="mixed_float16", batch_size=4)
    four("tensorflow", devices="all", precision="mixed_bfloat16", batch_size=8)


def test_a_model_whose_clips_see_each_other_is_refused(four, monkeypatch):
    monkeypatch.setattr(type(recipes.load("cnn").model), "mixes_clips", True)
    four("jax", devices=2)
    with pytest.raises(ValueError, match="clips see each other"):
        four("tensorflow", devices=2)


def test_settings_are_refused_before_features_are_computed(own_csv, tmp_path):
    settings = {"training.devices": 1000, "training.batch_size": 1000}
    with pytest.raises(ValueError, match=r"devices=1000|PyTorch"):
        serkeras.train("cnn", [own_csv], out=tmp_path / "run", settings=settings, progress=False)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("clips", [24, 25, 27, 40, 47])
@pytest.mark.parametrize("make", [some, of_lengths])
def test_every_clip_is_met_once(monkeypatch, clips, make):
    monkeypatch.setattr(keras.backend, "backend", lambda: "tensorflow")
    for seed in (0, None):
        shared, alone = (Batches(make(clips, 0), 8, seed, shares=n) for n in (4, 1))
        assert sorted(np.concatenate(shared._batches)) == list(range(clips))
        assert len(shared) == len(alone)
        assert min(map(len, shared._batches)) >= 4
        assert max(map(len, shared._batches)) <= 8
        if clips % 8 in (0, 7):
            np.testing.assert_equal(shared._batches, alone._batches)


def test_fewer_clips_than_devices_are_refused(monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "tensorflow")
    with pytest.raises(ValueError, match="3 clips for 4 devices"):
        Batches(some(3, 0), 8, shares=4)


@pytest.mark.parametrize("wrong", [0, -1, "some", "2", True, 1.5])
def test_settings_of_other_kinds_are_refused(wrong):
    with pytest.raises(ValueError, match="devices"):
        TrainingConfig.from_dict({"devices": wrong})


def test_the_option_of_the_command():
    parser = argparse.ArgumentParser(exit_on_error=False)
    options.add_devices(parser)
    assert parser.parse_args(["--devices", "all"]).devices == "all"
    assert parser.parse_args(["--devices", "4"]).devices == 4
    assert parser.parse_args([]).devices is None
    with pytest.raises(argparse.ArgumentError, match="a number or 'all', received 'some'"):
        parser.parse_args(["--devices", "some"])


if __name__ == "__main__":
    if is_tensorflow():
        import tensorflow as tf

        tf.config.set_logical_device_configuration(
            tf.config.list_physical_devices("CPU")[0],
            [tf.config.LogicalDeviceConfiguration()] * DEVICES,
        )
    sys.exit(run_checks(CHECKS))
