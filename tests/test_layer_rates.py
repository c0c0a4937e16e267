"""Layer-wise rates and gradual unfreezing: by hand, in a fit, and after an interruption."""

import signal
import subprocess
import sys
import time

import keras
import numpy as np
import pandas as pd
import pytest

from serkeras import models
from serkeras.config import Experiment, TrainingConfig
from serkeras.models import backbones
from serkeras.models.backbones import freezing
from serkeras.models.parts import classifier
from serkeras.training import layer_rates
from serkeras.training.batches import Batches
from serkeras.training.compiling import compile_model, make_repeatable, schedule
from serkeras.training.fit import Fit
from serkeras.training.network import builder, precision
from serkeras.training.sides import Side

NAME = "squeezenet1.1"
HEAD = {"pooling": "average", "units": ()}


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ({"head": 0.1}, "backbone: a number above 0.*Received: .*'head'"),
        ({"backbone": 0}, "above 0.*'backbone': 0"),
        ({"backbone": "slow"}, "slow"),
        ({"decay": 1.5}, "at most 1.*1.5"),
        ({"decay": True}, "True"),
        ({"thaw_every": 0}, "whole epochs, 1 or more.*'thaw_every': 0"),
        ({"thaw_every": 1.5}, "1.5"),
    ],
)
def test_bad_rules_are_named(rules, words):
    with pytest.raises(ValueError, match=words):
        layer_rates.check(rules)


def test_shares_by_hand():
    rules = {"backbone": 0.5, "decay": 0.1, "thaw_every": 2}
    seen = [layer_rates.shares(rules, 3, epoch) for epoch in range(8)]
    rows = [[1, 0, 0, 0], [1, 0.5, 0, 0], [1, 0.5, 0.05, 0], [1, 0.5, 0.05, 0.005]]
    np.testing.assert_allclose(seen, np.repeat(rows, 2, axis=0))
    assert [layer_rates.thawed(rules, 3, epoch) for epoch in (0, 2, 7, 99)] == [0, 1, 3, 3]
    assert layer_rates.shares({"decay": 0.5}, 2, 0) == [1, 1, 0.5]


def depths_by_name(model, rules):
    """Return {depth: names of the layers} of the weights that learn."""
    found = {}
    for weight, depth in zip(
        model.trainable_variables, layer_rates.depths(model, rules), strict=True
    ):
        found.setdefault(depth, set()).add(weight.path.split("/")[-2])
    return found


def fire(index):
    return {f"features_{index}_{part}" for part in ("squeeze", "expand1x1", "expand3x3")}


def test_depths_of_a_transfer_model():
    model = models.build("transfer", (32, 32, 3), 2, backbone=NAME, blocks=2, **HEAD)
    found = depths_by_name(model, {"decay": 0.5})
    assert found == {0: {"logits"}, 1: fire(12), 2: fire(11)}
    free = models.build("transfer", (32, 32, 3), 2, backbone=NAME, **HEAD)
    found = depths_by_name(free, {"decay": 0.5})
    assert found[1] == fire(12)
    assert found[len(backbones.card(NAME).blocks)] == {"features_0"}


def test_a_stem_before_the_first_block_is_one_more(monkeypatch):
    # As if the card named no block for the first convolution.
    blocks = backbones.block_layers
    monkeypatch.setattr(backbones, "block_layers", lambda backbone: blocks(backbone)[1:])
    model = models.build("transfer", (32, 32, 3), 2, backbone=NAME, **HEAD)
    found = depths_by_name(model, {"decay": 0.5})
    count = len(backbones.card(NAME).blocks)
    assert found[count] == {"features_0"}
    assert len(found[count - 1]) == 3


def test_several_backbones_count_their_own_blocks():
    branches = [{"backbone": NAME, "outputs": 4}, {"backbone": "alexnet", "outputs": 4}]
    model = models.build("multinet", (64, 64, 3), 2, branches=branches, scaling="none", blocks=2)
    found = depths_by_name(model, {"decay": 0.5})
    assert found[0] == {"output1", "output2", "logits"}
    assert found[1] == fire(12) | {"features_10"}
    assert found[2] == fire(11) | {"features_8"}


def test_a_part_of_a_model_has_the_depths_that_it_has_in_the_whole():
    whole = models.build("transfer", (32, 32, 3), 2, backbone=NAME, blocks=1, **HEAD)
    network = whole.layers[1].get_layer("network")
    first = network.get_layer("features_12_squeeze")
    x = inputs = keras.Input(first.input.shape[1:])
    squeezed = first(x)
    parts = [
        network.get_layer(f"features_12_{part}")(squeezed) for part in ("expand1x1", "expand3x3")
    ]
    x = network.get_layer("features_12_joined")(parts)
    for layer in whole.layers[2:]:
        x = layer(x)
    part = keras.Model(inputs, x, name="rest")
    config = TrainingConfig(layer_rates={"backbone": 0.1})
    with pytest.raises(ValueError, match="with a pretrained backbone.*'rest'"):
        compile_model(part, config, np.arange(2), 2)
    compile_model(part, config, np.arange(2), 2, whole)
    assert part.optimizer.depths == (1,) * 6 + (0,) * 2


@pytest.mark.parametrize("name", ["cnn2", "logistic"])
def test_a_model_without_a_backbone_is_refused(name):
    model = models.build(name, (128, 94, 1), 2)
    with pytest.raises(ValueError, match=f"need a network with a pretrained backbone.*{name}"):
        layer_rates.depths(model, {"decay": 0.5})
    assert layer_rates.depths(model, {}) is None


def test_blocks_do_not_wait_with_normalisations_that_follow_the_batches():
    model = models.build("transfer", (32, 32, 3), 2, backbone="resnet18", **HEAD)
    with pytest.raises(
        ValueError, match=r"normalisations that learn\. Set model\.settings\.blocks"
    ):
        layer_rates.depths(model, {"thaw_every": 1})
    assert layer_rates.depths(model, {"decay": 0.5})
    freezing.unfreeze(model.layers[1], blocks=4)
    assert layer_rates.depths(model, {"thaw_every": 1})


def tiny_vit(blocks):
    """A keras_hub ViT of two blocks, nested and named as `backbones.build` nests its own."""
    import keras_hub

    settings = {"patch_size": 16, "num_heads": 2, "hidden_dim": 8, "mlp_dim": 8, "num_layers": 2}
    backbone = keras_hub.models.ViTBackbone(
        image_shape=(32, 32, 3), name="vit_backbone", **settings
    )
    pixels, inputs = keras.Input((32, 32, 3)), keras.Input((32, 32, 3))
    network = keras.Model(pixels, backbone(pixels)[:, 0], name="network")
    base = keras.Model(inputs, network(inputs), name="vit_b16")
    if blocks is not None:
        freezing.unfreeze(base, blocks=blocks)
    return keras.Model(inputs, classifier(base(inputs), 2))


def test_depths_of_blocks_within_nested_layers():
    model = tiny_vit(None)
    depths = layer_rates.depths(model, {"decay": 0.5})
    names = {}
    for weight, depth in zip(model.trainable_variables, depths, strict=True):
        names.setdefault(depth, []).append(weight.path)
    assert sorted(names) == [0, 1, 2, 3, 4]
    assert {path.split("/")[0] for path in names[0]} == {"logits"}
    assert all("ln" in path for path in names[1])
    assert all("transformer_block_2" in path for path in names[2])
    assert all("transformer_block_1" in path for path in names[3])
    assert all("patching" in path for path in names[4])


def side(clips=12):
    rng = np.random.default_rng(0)
    index = np.arange(clips)
    y = (index % 2).astype(np.int32)
    x = rng.normal(size=(clips, 32, 32, 3)).astype(np.float32) + y[:, None, None, None]
    return Side(x, index, y, index.astype(str))


def fit(folder, build, config, epochs=3, stop_after=None):
    """Fit; `stop_after` so many epochs the process is interrupted, as far as the disk knows."""
    make_repeatable(config)
    batches = [Batches(side(), 8, seed) for seed in (0, None)]
    fitting = Fit(folder, "search", *batches, epochs, schedule(config, epochs))
    keep = fitting.keep

    def keep_and_stop(model, row):
        keep(model, row)
        if len(fitting.rows) == stop_after:
            raise KeyboardInterrupt

    fitting.keep = keep_and_stop
    model = fitting.run(build, progress=False)
    rows = [{k: v for k, v in row.items() if k != "seconds"} for row in fitting.rows]
    return [keras.ops.convert_to_numpy(weight) for weight in model.variables], rows


def vit_build(config):
    def build():
        keras.utils.set_random_seed(0)
        with precision(config.precision):
            model = tiny_vit(blocks=2)
        compile_model(model, config, side().y, 2)
        return model

    return build


def transfer_build(config):
    given = {"name": "transfer", "normalize": "none"}
    settings = {**HEAD, "backbone": NAME, "blocks": 2, "dropout": 0.3}
    experiment = Experiment.from_dict({"model": {**given, "settings": settings}})
    build = builder(side(), ["a", "b"], experiment.replace(training=config))
    return lambda: build(0)


CASES = {
    "thaw": (
        transfer_build,
        {"layer_rates": {"backbone": 0.5, "decay": 0.5, "thaw_every": 1}, "optimizer": "adamw"},
    ),
    "vit": (
        vit_build,
        {
            "layer_rates": {"thaw_every": 2},
            "precision": "mixed_float16",
            "schedule": {"name": "triangular", "half_cycle": 1.5},
        },
    ),
}


def settings_of(case):
    make, settings = CASES[case]
    config = TrainingConfig.from_dict({"weight_decay": 0.1, "learning_rate": 1e-3, **settings})
    return make(config), config


def interrupt(case, build, config, folder):
    with pytest.raises(KeyboardInterrupt):
        fit(folder, build, config, stop_after=2)


def kill(case, build, config, folder):
    """Fit in a process of its own, which gets no chance to do anything at its end."""
    code = "import sys\nfrom tests.test_layer_rates import fit, settings_of\n"
    code += "build, config = settings_of(sys.argv[1])\nfit(sys.argv[2], build, config, 999)\n"
    process = subprocess.Popen([sys.executable, "-c", code, case, folder])
    deadline = time.monotonic() + 120
    while not (folder / "checkpoints" / "search-0002.keras").exists():
        assert process.poll() is None, "the fit ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()


@pytest.mark.parametrize(("case", "stop"), [("thaw", kill), ("vit", interrupt)])
def test_an_interrupted_fit_ends_bit_for_bit_as_a_whole_one(tmp_path, case, stop):
    build, config = settings_of(case)
    whole, rows = fit(tmp_path / "whole", build, config)
    stop(case, build, config, tmp_path / "parts")
    done = sorted((tmp_path / "parts" / "checkpoints").glob("search-*.keras"))
    epochs = max(3, int(done[-1].stem.rsplit("-", 1)[1]))
    if epochs > 3:  # the process was quicker than the signal
        whole, rows = fit(tmp_path / "longer", build, config, epochs)
    parts, resumed = fit(tmp_path / "parts", build, config, epochs)
    assert resumed == rows
    for ours, theirs in zip(parts, whole, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_what_waits_does_not_move_and_history_tells_how_much_learns(tmp_path):
    build, config = settings_of("thaw")
    seen = []

    class Recorder(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen.append([keras.ops.convert_to_numpy(w) for w in self.model.trainable_variables])

    model = build()
    before = [keras.ops.convert_to_numpy(weight) for weight in model.trainable_variables]
    depths = np.array(model.optimizer.depths)
    fitting = Fit(tmp_path, "search", *[Batches(side(), 8)] * 2, 4, schedule(config, 4))
    fitting.run(build, [Recorder()], progress=False)
    for number, now in enumerate(seen):
        moved = [not np.array_equal(a, b) for a, b in zip(before, now, strict=True)]
        assert moved == (depths <= number).tolist()
        before = now
    assert pd.read_csv(tmp_path / "history.csv")["thawed"].tolist() == [0, 1, 2, 2]


def test_without_thawing_nothing_is_told_of_it():
    model = models.build("transfer", (32, 32, 3), 2, backbone=NAME, blocks=1, **HEAD)
    for rules in ({}, {"decay": 0.5}):
        compile_model(model, TrainingConfig(layer_rates=rules), side().y, 2)
        assert layer_rates.begin_epoch(model.optimizer, 5) == {}
