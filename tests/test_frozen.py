"""The frozen part of a network: where it ends, what is kept of it, and that no figure moves."""

import errno
import logging
import os
import shutil
import subprocess
import sys
import threading
from dataclasses import replace
from types import SimpleNamespace

import keras
import numpy as np
import pandas as pd
import pytest

import serkeras
from serkeras import _files
from serkeras.config import Experiment
from serkeras.features import layers
from serkeras.training import frozen, frozen_fit, frozen_maps, phases
from serkeras.training.batches import with_channels
from serkeras.training.compiling import compile_model
from serkeras.training.fit import Fit
from serkeras.training.history import read_history
from serkeras.training.network import builder
from serkeras.training.on_the_fly import OnTheFly
from serkeras.training.sides import Side, Sides
from tests.recordings import SMALL

SIZE = 32
SQUEEZENET = {"backbone": "squeezenet1.1", "blocks": 0, "pooling": "average", "units": [8]}
VGG16 = {"backbone": "vgg16", "layers": 1, "units": [16, 8]}


@pytest.fixture(autouse=True)
def own_maps(tmp_path, monkeypatch):
    """Keep the maps of each test apart."""
    monkeypatch.setenv("SERKERAS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "maps"


def entry(folder, x):
    """Write features as an entry of their cache; return the memory map."""
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "x.npy", x)
    return np.load(folder / "x.npy", mmap_mode="r")


def side_of(x, index):
    return Side(x, index, (index % 2).astype(np.int32), index.astype(str).astype(object))


def pictures(count, size=SIZE, seed=0):
    """Pictures that are darker the one class and brighter the other."""
    x = np.random.default_rng(seed).integers(0, 200, (count, size, size, 3))
    return (x + 50 * (np.arange(count) % 2)[:, None, None, None]).astype(np.uint8)


@pytest.fixture
def sides(tmp_path):
    x = entry(tmp_path / "features" / "clips", pictures(48))
    parts = np.split(np.random.default_rng(0).permutation(48), [28, 40])
    return Sides(*(side_of(x, np.sort(part)) for part in parts), pd.DataFrame(), "", {})


def experiment(settings, **training):
    training = {"epochs": 2, "batch_size": 8, "learning_rate": 1e-3, **training}
    return Experiment().with_settings(
        {
            "features.name": "mel_image",
            "augment.copies": 0,
            "model.name": "transfer",
            "model.normalize": "none",
            "model.settings": settings,
            **{f"training.{name}": value for name, value in training.items()},
        }
    )


def fit(folder, sides, settings=None, frozen_seed=None, **training):
    """Fit as a run does; return the model and the history without what the clock says.

    Without settings of the model "transfer" it is a tiny network.
    """
    folder.mkdir(exist_ok=True)
    asked = experiment(settings or {}, **training)
    if settings:
        model = phases.prepare(sides, ["a", "b"], asked)(folder, 1, False)
    else:
        build = tiny(sides, asked, frozen_seed)
        model = phases._fit(sides, ["a", "b"], build, asked, folder, 1, False)
    return model, pd.DataFrame(read_history(folder)).drop(columns="seconds")


def tiny(sides, asked, frozen_seed=None):
    """Return a builder of a network whose first layer is frozen."""

    def build(seed):
        keras.utils.set_random_seed(seed)
        start = keras.initializers.RandomNormal(seed=seed if frozen_seed is None else frozen_seed)
        inputs = keras.Input(sides.train.shape, name="features")
        x = keras.layers.Rescaling(1 / 255)(inputs)
        dtype = asked.training.precision
        first = keras.layers.Conv2D(4, 3, 2, kernel_initializer=start, dtype=dtype, name="first")
        first.trainable = False
        second = keras.layers.Conv2D(4, 3, 2, activation="relu", dtype=dtype, name="second")
        x = second(first(x))
        x = keras.layers.Dropout(0.3)(keras.layers.Flatten()(x))
        model = keras.Model(inputs, keras.layers.Dense(2, activation="softmax")(x), name="tiny")
        compile_model(model, asked.training, sides.train.y, 2)
        return model

    return build


def whole_of(settings, shape=(SIZE, SIZE, 3), **training):
    side = side_of(np.zeros((2, *shape), np.float32), np.arange(2))
    return builder(side, ["a", "b"], experiment(settings, **training))(0)


def random_states(model):
    return [id(each) for each in model.variables if each.name == "seed_generator_state"]


def said(model, x):
    return keras.ops.convert_to_numpy(model(with_channels(x), training=False))


# The name of the layer at the cut. An efficientnet drops whole blocks at random from its third on,
# frozen or not, so the cut lies before; vit-b16 is saved as one layer, so the cut is not inside.
CUTS = {
    "vgg16, 1 layer": (VGG16, "block5_conv2"),
    "vgg16, 2 layers": ({**VGG16, "layers": 2}, "block5_conv1"),
    "vgg16, 3 layers": ({**VGG16, "layers": 3}, "block4_pool"),
    "vgg16, frozen": ({"backbone": "vgg16", "blocks": 0}, "flat"),
    "squeezenet, frozen": (SQUEEZENET, "average"),
    "squeezenet, 1 block": ({**SQUEEZENET, "blocks": 1}, "features_11_joined"),
    "resnet18, 1 block": ({"backbone": "resnet18", "blocks": 1}, "layer3_1_relu"),
    "resnet18, 1 layer": ({"backbone": "resnet18", "layers": 1}, "layer4_0_relu"),
    "efficientnet-b0, frozen": ({"backbone": "efficientnet-b0", "blocks": 0}, "block2a_project_bn"),
    "vit-b16, frozen": ({"backbone": "vit-b16", "blocks": 0, "pooling": None}, "vit_b16"),
    "vgg16, learning": ({"backbone": "vgg16"}, None),
}


@pytest.mark.parametrize("name", CUTS)
def test_both_parts_together_are_the_whole(name):
    settings, layer = CUTS[name]
    whole = whole_of(settings)
    parts = frozen.split(whole)
    if layer is None:
        assert parts is None
        return
    assert parts.layer == layer
    x = pictures(3)
    np.testing.assert_allclose(said(parts.rest, said(parts.frozen, x)), said(whole, x), atol=1e-6)
    assert not parts.frozen.trainable_weights
    assert not random_states(parts.frozen)
    # In the same order, or dropout would drop other units.
    assert random_states(parts.rest) == random_states(whole) != []
    learning = [id(weight) for weight in whole.trainable_weights]
    assert [id(weight) for weight in parts.rest.trainable_weights] == learning


def graph(make, shape=(8, 8, 3)):
    """A model of a frozen layer, what `make` lays, and a layer that learns."""
    inputs = keras.Input(shape, name="features")
    x = keras.layers.Conv2D(4, 3, padding="same", name="first", trainable=False)(inputs)
    x = keras.layers.GlobalAveragePooling2D(name="pool")(make(x))
    return keras.Model(inputs, keras.layers.Dense(2, name="logits")(x))


def frozen_batch_norm(x):
    layer = keras.layers.BatchNormalization(name="norm")
    layer.trainable = False
    return layer(x)


def still(rate):
    return lambda x: keras.layers.Dropout(rate, name="drop")(x)


def two_ways(x):
    left = keras.layers.Conv2D(4, 1, name="left", trainable=False)(x)
    right = keras.layers.Conv2D(4, 1, name="right")(x)
    return keras.layers.Add(name="sum")([left, right])


def two_frozen_ways(x):
    left = keras.layers.Conv2D(4, 1, name="left", trainable=False)(x)
    return keras.layers.Add(name="sum")([left, x])


def inner():
    inputs = keras.Input((8, 8, 4))
    x = keras.layers.Conv2D(4, 1, name="second", trainable=False)(inputs)
    return keras.Model(inputs, keras.layers.Conv2D(4, 1, name="third")(x), name="inner")


class AsOneLayer(keras.Model):
    """A functional model that is saved by its own settings, as those of keras_hub are."""

    def __init__(self):
        inputs = keras.Input((8, 8, 4))
        x = keras.layers.Conv2D(4, 1, trainable=False)(inputs)
        super().__init__(inputs, keras.layers.Conv2D(4, 1)(x), name="as_one_layer")


def beside(x):
    return keras.layers.Add(name="sum")([inner()(x), x])


def twice(x):
    model = inner()
    return model(model(x))


def layer_twice(x):
    layer = keras.layers.Conv2D(4, 1, name="again", trainable=False)
    return layer(keras.layers.Conv2D(4, 1, name="between")(layer(x)))


# What is laid between, and the layer behind which it can be cut.
GRAPHS = {
    "nothing": (lambda x: x, "pool"),
    "normalisation at rest": (frozen_batch_norm, "pool"),
    "normalisation that follows": (
        keras.layers.BatchNormalization(scale=False, center=False),
        "first",
    ),
    "dropout": (still(0.1), "first"),
    "dropout of nothing": (still(0.0), "pool"),
    "noise": (keras.layers.GaussianNoise(0.1), "first"),
    "a branch that learns": (two_ways, "first"),
    "branches at rest": (two_frozen_ways, "pool"),
    "a model": (lambda x: inner()(x), "second"),
    "a model saved as one layer": (lambda x: AsOneLayer()(x), "first"),
    "a model beside a branch": (beside, "first"),
    "a model twice": (twice, "first"),
    "a layer twice": (layer_twice, "first"),
    "a model with an argument": (lambda x: inner()(x, training=False), "first"),
}


@pytest.mark.parametrize("name", GRAPHS)
def test_the_cut_lies_behind_what_rests_and_before_what_changes(name):
    make, layer = GRAPHS[name]
    whole = graph(make)
    parts = frozen.split(whole)
    assert parts.layer == layer
    x = np.random.default_rng(0).normal(size=(4, 8, 8, 3)).astype(np.float32)
    np.testing.assert_allclose(said(parts.rest, said(parts.frozen, x)), said(whole, x), atol=1e-6)
    before = said(parts.frozen, x)
    whole.compile("sgd", "mse")
    whole.fit(x, np.ones((4, 2)), verbose=0)
    np.testing.assert_array_equal(said(parts.frozen, x), before)


@pytest.mark.parametrize(
    ("name", "shape"),
    [("gain", (SIZE, 1)), ("spec_augment", (8, 8, 3)), ("random_flip", (8, 8, 3))],
)
def test_nothing_is_kept_behind_augmentation(name, shape):
    inputs = keras.Input(shape, name="features")
    x = layers.make({"name": name})(inputs)
    x = keras.layers.Dense(2, trainable=False)(keras.layers.Flatten()(x))
    assert frozen.split(keras.Model(inputs, keras.layers.Dense(2)(x))) is None


def test_scaling_alone_is_not_kept():
    inputs = keras.Input((4, 1), name="features")
    x = keras.layers.Flatten()(keras.layers.Rescaling(2.0)(inputs))
    assert frozen.split(keras.Model(inputs, keras.layers.Dense(2)(x))) is None


def test_a_model_with_a_mask_is_left_whole():
    x, mask = keras.Input((4, 1), name="features"), keras.Input((4, 1), name="mask")
    y = keras.layers.Dense(2, trainable=False)(keras.layers.Flatten()(x * mask))
    model = keras.Model({"features": x, "mask": mask}, keras.layers.Dense(2)(y))
    assert frozen.split(model) is None


def small(stride=1, bias=0.5, skip=False, dtype="float32", spare_names=0):
    """A frozen model with weights that are the same everywhere."""
    for _ in range(spare_names):
        keras.layers.Conv2D(1, 1)
    inputs = keras.Input((8, 8, 1))
    x = keras.layers.Conv2D(2, 3, strides=stride, padding="same", dtype=dtype)(inputs)
    y = keras.layers.Conv2D(2, 1, dtype=dtype)(x)
    model = keras.Model(inputs, keras.layers.Add(dtype=dtype)([x if skip else y, y]))
    values = [np.linspace(-1, 1, int(np.prod(w.shape))).reshape(w.shape) for w in model.weights]
    model.set_weights([*values[:-1], np.full(2, bias)])
    return model


def test_the_key_is_made_of_what_decides_numbers():
    known = frozen_maps.digest(small())
    assert frozen_maps.digest(small(spare_names=3)) == known
    others = [small(stride=2), small(bias=0.6), small(skip=True), small(dtype="mixed_bfloat16")]
    assert len({known, *map(frozen_maps.digest, others)}) == 5


def maps_of(tmp_path, count=70, name="clips"):
    x = entry(tmp_path / "features" / name, np.random.default_rng(3).normal(size=(count, 8, 8)))
    return frozen_maps.of_sides(small(), [side_of(x, np.arange(count))])[0]


def test_maps_are_those_of_each_row_alone(tmp_path, own_maps):
    maps = maps_of(tmp_path)
    assert maps.missing_bytes == maps.bytes == 70 * 8 * 8 * 2 * 4
    found = maps.load(False)
    assert found.shape == maps.shape == (70, 8, 8, 2)
    assert found.dtype == np.float32
    for row in (0, 31, 32, 69):
        np.testing.assert_allclose(found[row], said(maps.frozen, maps.x[[row]])[0], atol=1e-6)
    assert maps.missing_bytes == 0
    assert (maps.folder / "x.npy").stat().st_size == found.offset + maps.bytes
    assert {path.name for path in maps.folder.iterdir()} == {"x.npy", "meta.json"}
    assert {path.suffix for path in own_maps.iterdir()} == {"", ".lock"}


def counting(monkeypatch, fail_after=None):
    """Count the batches that are computed; break off after so many."""
    batches, real = [], frozen_maps.Maps._of

    def compute(maps, rows):
        if len(batches) == fail_after:
            raise KeyboardInterrupt
        batches.append(len(rows))
        return real(maps, rows)

    monkeypatch.setattr(frozen_maps.Maps, "_of", compute)
    return batches


def test_an_interrupted_filling_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr(frozen_maps, "_CHUNK", 32)
    maps = maps_of(tmp_path, 150)
    with monkeypatch.context() as patch:
        assert counting(patch, fail_after=3) == []
        with pytest.raises(KeyboardInterrupt):
            maps.load(False)
    assert maps.missing_bytes == maps.bytes * (150 - 96) // 150
    batches = counting(monkeypatch)
    found = maps.load(False)
    assert batches == [32, 22]
    np.testing.assert_allclose(found, said(maps.frozen, maps.x), atol=1e-6)
    assert maps_of(tmp_path, 150).load(False).filename == found.filename
    assert batches == [32, 22]


def test_rows_that_were_lost_are_computed_again(tmp_path, monkeypatch):
    monkeypatch.setattr(frozen_maps, "_CHUNK", 32)
    maps = maps_of(tmp_path, 150)
    with monkeypatch.context() as patch:
        counting(patch, fail_after=3)
        with pytest.raises(KeyboardInterrupt):
            maps.load(False)
    part = maps.folder.with_name(maps.folder.name + ".partial")
    np.load(part / "x.npy", mmap_mode="r+")[40, 3, 3, 0] += 1
    batches = counting(monkeypatch)
    np.testing.assert_allclose(maps.load(False), said(maps.frozen, maps.x), atol=1e-6)
    assert len(batches) == 5
    os.truncate(maps.folder / "x.npy", 1000)
    np.testing.assert_allclose(maps.load(False), said(maps.frozen, maps.x), atol=1e-6)
    assert len(batches) == 10


def test_one_computes_while_another_waits(tmp_path, monkeypatch):
    batches, real = [], frozen_maps.Maps._of
    begun, go_on = threading.Event(), threading.Event()

    def compute(maps, rows):
        batches.append(len(rows))
        begun.set()
        assert go_on.wait(60)
        return real(maps, rows)

    monkeypatch.setattr(frozen_maps.Maps, "_of", compute)
    maps, found = maps_of(tmp_path), []
    threads = [threading.Thread(target=lambda: found.append(maps.load(False))) for _ in "ab"]
    threads[0].start()
    assert begun.wait(60)
    threads[1].start()
    threads[1].join(0.3)
    assert threads[1].is_alive()
    go_on.set()
    for thread in threads:
        thread.join(60)
    assert batches == [32, 32, 6]
    np.testing.assert_array_equal(*found)


def test_sides_of_one_entry_share_their_maps(tmp_path):
    x, copies = (entry(tmp_path / "features" / name, pictures(4, 8)[..., 0]) for name in "ab")
    index = np.arange(4)
    given = [side_of(copies, index), side_of(x, index[:2]), side_of(x, index[2:])]
    one, two, three = frozen_maps.of_sides(small(), given)
    assert two is three
    assert one.folder != two.folder


def assert_same_fit(found, expected, x):
    (model, history), (other, wanted) = found, expected
    pd.testing.assert_frame_equal(history, wanted, atol=2e-5, rtol=2e-5)
    np.testing.assert_allclose(said(model, x), said(other, x), atol=2e-5)
    for weight, same in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(weight, same, atol=2e-4)


def stop_after(monkeypatch, epochs, phase="search"):
    keep = Fit.keep

    def keep_and_stop(fit, model, row):
        keep(fit, model, row)
        if fit.phase == phase and len(fit.rows) == epochs:
            raise KeyboardInterrupt

    monkeypatch.setattr(Fit, "keep", keep_and_stop)


def draw_other_weights(monkeypatch):
    """Draw other initial weights, as another version of Keras might: kept ones must count."""
    real = keras.utils.set_random_seed
    monkeypatch.setattr(keras.utils, "set_random_seed", lambda seed: real(seed + 1))


# Settings, training, layer at the cut, and the epoch after which the run is interrupted.
RUNS = {
    "tiny": (None, {"retrain": True, "patience": 2}, "first", ("final", 1)),
    "vgg16": (VGG16, {"retrain": False}, "block5_conv2", ("search", 1)),
    "squeezenet": (SQUEEZENET, {"retrain": False}, "average", ("search", 1)),
    "rates by layer": (
        {**SQUEEZENET, "blocks": 1},
        {"retrain": False, "layer_rates": {"backbone": 0.5, "thaw_every": 1}},
        "features_11_joined",
        ("search", 1),
    ),
    "bfloat16": (None, {"retrain": False, "precision": "mixed_bfloat16"}, "first", None),
}


@pytest.mark.parametrize("name", RUNS)
def test_an_interrupted_run_on_maps_has_the_figures_of_a_plain_one(
    name, sides, tmp_path, monkeypatch
):
    settings, training, layer, stop = RUNS[name]
    expected = fit(tmp_path / "plain", sides, settings, cache_frozen=False, **training)
    assert frozen_fit.layer(tmp_path / "plain") is None
    if stop:
        with monkeypatch.context() as patch:
            stop_after(patch, stop[1], stop[0])
            with pytest.raises(KeyboardInterrupt):
                fit(tmp_path / "run", sides, settings, **training)
        draw_other_weights(monkeypatch)
        batches = counting(monkeypatch)
    found = fit(tmp_path / "run", sides, settings, **training)
    assert not stop or batches == []
    assert frozen_fit.layer(tmp_path / "run") == layer
    x = sides.test.x[sides.test.index]
    assert_same_fit(found, expected, x)
    losses = found[1].query("phase == 'search'")["loss"]
    assert losses.nunique() == len(losses)  # it moves, so there is something to compare
    saved = keras.saving.load_model(tmp_path / "run" / "model.keras")
    np.testing.assert_allclose(said(saved, x), said(found[0], x), atol=1e-6)


def test_the_model_is_that_of_the_best_epoch(sides, tmp_path):
    model, history = fit(tmp_path / "run", sides, retrain=False, epochs=6, learning_rate=0.1)
    losses = history["val_loss"].tolist()
    assert min(losses) < losses[-1]
    x, y = sides.validation.x[sides.validation.index], sides.validation.y
    loss = -np.log(said(model, x)[np.arange(len(y)), y]).mean()
    np.testing.assert_allclose(loss, min(losses), rtol=1e-4)


def test_random_frozen_weights_are_told(sides, tmp_path, own_maps, caplog):
    expected = fit(tmp_path / "plain", sides, epochs=2, cache_frozen=False)
    found = fit(tmp_path / "run", sides, epochs=2)
    assert_same_fit(found, expected, sides.test.x)
    assert len(list(own_maps.glob("*/x.npy"))) == 2
    assert "drawn anew for this phase" in caplog.text


def test_the_same_weights_are_found_by_every_split_and_seed(sides, tmp_path, monkeypatch, caplog):
    batches = counting(monkeypatch)
    with caplog.at_level(logging.INFO):
        fit(tmp_path / "first", sides, frozen_seed=1, epochs=1)
    assert sum(batches) == 48
    assert "'first' is frozen" in caplog.text
    other = Sides(sides.test, sides.train, sides.validation, sides.failed, "", {})
    fit(tmp_path / "second", other, frozen_seed=1, epochs=1, member=1, retrain=False)
    assert sum(batches) == 48
    assert "drawn anew" not in caplog.text
    fit(tmp_path / "third", sides, frozen_seed=2, epochs=1, retrain=False)
    assert sum(batches) == 96


def test_copies_are_rows_like_others(sides, tmp_path, monkeypatch):
    changed = entry(tmp_path / "features" / "copies", pictures(20, seed=1))
    train = side_of(changed, np.arange(20))
    both = Sides(train, sides.validation, sides.test, sides.failed, "", {})
    batches = counting(monkeypatch)
    found = fit(tmp_path / "run", both, epochs=2, retrain=False)
    assert sum(batches) == 48 + 20
    expected = fit(tmp_path / "plain", both, epochs=2, retrain=False, cache_frozen=False)
    assert_same_fit(found, expected, changed)


@pytest.mark.parametrize("change", [{"prepare": OnTheFly(None, None, ())}, {"varies": True}])
def test_clips_that_change_or_vary_are_not_kept(change, sides, tmp_path):
    asked = experiment({})
    whole, given = tiny(sides, asked)(0), [replace(sides.train, **change), sides.validation]
    learner, left = frozen_fit.prepare(tmp_path, "search", whole, given, asked.training, False)
    assert learner is whole
    assert left is given


def no_room(monkeypatch):
    monkeypatch.setattr(
        frozen_fit.shutil, "disk_usage", lambda path: SimpleNamespace(free=1_000_000_100)
    )


def test_without_room_every_epoch_computes_it(sides, tmp_path, monkeypatch, caplog):
    expected = fit(tmp_path / "plain", sides, retrain=False, cache_frozen=False)
    with monkeypatch.context() as patch:
        no_room(patch)
        stop_after(patch, 1)
        with pytest.raises(KeyboardInterrupt):
            fit(tmp_path / "run", sides, retrain=False)
    assert "has 1.0 GB free" in caplog.text
    # It ends as it began, although there is room now.
    found = fit(tmp_path / "run", sides, retrain=False)
    assert frozen_fit.layer(tmp_path / "run") is None
    assert_same_fit(found, expected, sides.test.x)


def test_a_run_on_maps_cannot_go_on_without_them(sides, tmp_path, own_maps, monkeypatch):
    with monkeypatch.context() as patch:
        stop_after(patch, 1)
        with pytest.raises(KeyboardInterrupt):
            fit(tmp_path / "run", sides, retrain=False)
    with monkeypatch.context() as patch:
        no_room(patch)
        shutil.copytree(tmp_path / "run", tmp_path / "copy")
        fit(tmp_path / "copy", sides, retrain=False)  # the maps are there
        shutil.rmtree(own_maps)
        with pytest.raises(OSError, match="No space left") as caught:
            fit(tmp_path / "run", sides, retrain=False)
    assert caught.value.errno == errno.ENOSPC
    found = fit(tmp_path / "run", sides, retrain=False)
    assert found[1]["epoch"].tolist() == [1, 2]


def test_a_run_tells_what_was_kept(own_csv, tmp_path, monkeypatch):
    monkeypatch.setenv("SERKERAS_CACHE", str(tmp_path / "cache"))
    settings = {
        **SMALL,
        "features.name": "mel_image",
        "features.image_size": SIZE,
        "model.name": "transfer",
        "model.normalize": "none",
        "model.settings": SQUEEZENET,
        "training.epochs": 1,
        "training.retrain": False,
    }
    run = serkeras.train(
        "cnn", data=[own_csv], out=tmp_path / "run", settings=settings, progress=False
    )
    assert run.metrics["run"]["frozen_cached"] == "average"
    assert "computed once, up to `average`" in (run.folder / "report.md").read_text()
    table = serkeras.predict(run, list(run.predictions["path"]))
    np.testing.assert_allclose(table["happy"], run.predictions["p_happy"], atol=1e-5)


PROGRAM = """
import sys
from pathlib import Path
import numpy as np
from tests import test_frozen as t

folder = Path(sys.argv[1])
x = t.entry(folder / "features" / "clips", t.pictures(48, 12))
index = np.arange(48)
given = t.Sides(t.side_of(x, index[:32]), t.side_of(x, index[32:]), None, None, "", {})
plain = t.fit(folder / "plain", given, epochs=2, retrain=False, cache_frozen=False)
found = t.fit(folder / "run", given, epochs=2, retrain=False)
assert t.frozen_fit.layer(folder / "run") == "first"
t.assert_same_fit(found, plain, x)
print(t.frozen_maps.digest(t.small()))
"""


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_maps_on_other_backends(backend, repo, tmp_path):
    pytest.importorskip(backend)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path)],
        # JAX: compiling them well would be lost time.
        env={
            **os.environ,
            "KERAS_BACKEND": backend,
            "XLA_FLAGS": "--xla_backend_optimization_level=0",
        },
        cwd=repo,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.split()[-1] == frozen_maps.digest(small())
    assert len(list((_files.cache_dir() / "maps").glob("*/x.npy"))) == 1
