"""Low-rank adapters of speech networks: numbers, what learns, files, transformers, fits.

The checks run in this process and, for the other backends, in one process each:

    KERAS_BACKEND=jax python -m tests.test_ssl_lora
"""

import importlib.util
import json
import os
import subprocess
import sys

import keras
import numpy as np
import pytest
from keras import ops

from serkeras import models, recipes
from serkeras.config import TrainingConfig
from serkeras.models import backbones
from serkeras.ssl import backbone, lora, presets, weights
from serkeras.training import frozen, layer_rates
from serkeras.training.batches import Batches
from serkeras.training.compiling import compile_model, make_repeatable, schedule
from serkeras.training.fit import Fit, seed_dropout
from serkeras.training.network import precision
from serkeras.training.sides import Side
from tests.layer_checks import ssl as checks
from tests.layer_checks.ssl import FAMILIES, LARGE, QUIET, RATES, states, waves
from tests.layer_checks.tools import array, run_checks, saved_and_loaded

OTHERS = sorted({"jax", "tensorflow", "torch"} - {keras.backend.backend()})
SETTINGS = {"XLA_FLAGS": "--xla_backend_optimization_level=0"}
ALL = {"rank": 3, "alpha": 5, "targets": list(lora.TARGETS)}
WIDE, INNER, BLOCKS = 24, 40, 2  # of the networks here
# JAX compiles for long.
IS_JAX = keras.backend.backend() == "jax"
TRIED = FAMILIES[-1:] if IS_JAX else FAMILIES
# Numbers of weights by hand: a rank times what goes in and what comes out.
COUNTS = {
    ("query", "value"): BLOCKS * 2 * 8 * (WIDE + WIDE),
    ("out",): BLOCKS * 8 * (WIDE + WIDE),
    ("inner", "outer"): BLOCKS * 2 * 8 * (WIDE + INNER),
    lora.TARGETS: BLOCKS * 8 * (4 * (WIDE + WIDE) + 2 * (WIDE + INNER)),
}


def network(family, **settings):
    return checks.network(family, **{"num_hidden_layers": BLOCKS, **settings})


def learned(model, seed=3):
    """Give adapters numbers, as if they had learned."""
    rng = np.random.default_rng(seed)
    for layer in lora.inside(model):
        for each in layer.low_rank.weights:
            each.assign(0.1 * rng.normal(size=each.shape).astype("f4"))
    return model


def adapted(family, settings=ALL, remat=False, **changes):
    return lora.adapted(network(family, remat=remat, **changes), settings)


def parameters(rank=3):
    rng = np.random.default_rng(0)
    shapes = {"x": (2, 7, 5), "w": (5, 4), "bias": (4,), "a": (5, rank), "b": (rank, 4)}
    return {name: rng.normal(size=shape).astype("f4") for name, shape in shapes.items()}


def made(given, alpha):
    layer = lora.AdaptedDense(4, given["a"].shape[1], alpha)
    layer.build(given["x"].shape)
    for variable, name in (
        (layer.kernel, "w"),
        (layer.bias, "bias"),
        (layer.low_rank.a, "a"),
        (layer.low_rank.b, "b"),
    ):
        variable.assign(given[name])
    return layer


def check_the_formula():
    given = parameters()
    layer = made(given, alpha=7.0)
    x, w, bias, a, b = (given[name].astype("f8") for name in ("x", "w", "bias", "a", "b"))
    expected = x @ w + bias + 7.0 / 3 * (x @ a @ b)
    np.testing.assert_allclose(array(layer(given["x"])), expected, atol=1e-5)
    np.testing.assert_allclose(layer.low_rank.product(), 7.0 / 3 * (a @ b), atol=1e-6)
    assert layer.compute_output_shape((2, 7, 5)) == (2, 7, 4)


def check_equals_adapters_of_keras():
    given = parameters()
    theirs = keras.layers.Dense(4)
    theirs.build(given["x"].shape)
    theirs.set_weights([given["w"], given["bias"]])
    theirs.enable_lora(3, lora_alpha=7.0)
    theirs.lora_kernel_a.assign(given["a"])
    theirs.lora_kernel_b.assign(given["b"])
    ours = made(given, alpha=7.0)
    np.testing.assert_allclose(array(ours(given["x"])), array(theirs(given["x"])), atol=1e-5)


def check_fresh_adapters_change_nothing():
    for family in TRIED:
        plain = network(family, **LARGE)
        model = lora.adapted(plain, ALL)
        np.testing.assert_array_equal(states(model, waves()), states(plain, waves()))
        assert not np.allclose(states(learned(model), waves()), states(plain, waves()), atol=1e-3)
        spread = array(adapted(family).blocks[0].attention.query.low_rank.a).std()
        assert 0.6 / np.sqrt(WIDE) < spread < 1.4 / np.sqrt(WIDE)


def check_how_much_learns():
    for family in TRIED:
        whole = network(family).count_params()
        for targets, count in COUNTS.items():
            model = adapted(family, {"targets": list(targets)})
            assert backbones.counts(model) == (count, whole), (family, targets)
            assert {w.path.split("/")[-1] for w in model.trainable_weights} == {"a", "b"}


def classifier(family, settings=ALL, remat=False, dtype=None, **changes):
    with precision(dtype or "float32"):
        base = adapted(family, settings, remat, **changes)
    inputs = keras.Input((None,), name="waveform")
    x = base(inputs)["last_hidden_state"]
    x = keras.layers.GlobalAveragePooling1D(dtype="float32")(x)
    return keras.Model(inputs, keras.layers.Dense(2, name="scores")(x))


def trained(family, remat=False, dtype=None, **changes):
    """Return names and weights before and after two steps."""
    model = classifier(family, remat=remat, dtype=dtype, **changes)
    model.compile(keras.optimizers.SGD(0.1), "mse")
    seed_dropout(model, 5, 0)
    before = [array(each) for each in model.weights]
    model.fit(waves(), np.eye(3, 2, dtype="f4"), batch_size=3, epochs=2, verbose=0)
    return [each.path for each in model.weights], before, [array(each) for each in model.weights]


def moved(paths, before, after):
    pairs = zip(paths, before, after, strict=True)
    return {path for path, old, new in pairs if not np.array_equal(old, new)}


def check_adapters_and_the_head_move_and_nothing_else():
    """By mixed precision too, where weights stay float32."""
    loud = {**dict.fromkeys(RATES, 0.1), "mask_feature_prob": 0.2, "mask_feature_length": 3}
    for dtype in ("mixed_bfloat16",) if IS_JAX else (None, "mixed_bfloat16"):
        paths, before, after = trained("wavlm", dtype=dtype, mask_time_length=3, **loud)
        ours = {path for path in paths if "/low_rank/" in path or "scores" in path}
        assert len(ours) == 2 * len(lora.TARGETS) * BLOCKS + 2
        assert moved(paths, before, after) == ours
        assert all(np.isfinite(each).all() for each in after)
        assert {each.dtype for each in after} == {np.dtype("float32")}


def check_remat_gives_the_same_steps():
    rates = {**dict.fromkeys(RATES, 0.2), "layerdrop": 0.2, "mask_time_length": 3}
    _, _, plain = trained("wavlm", **rates)
    _, _, again = trained("wavlm", remat=True, **rates)
    for one, two in zip(plain, again, strict=True):
        np.testing.assert_allclose(one, two, atol=2e-6)


def check_an_adapted_network_is_in_training():
    """What is drawn: masks and layers that are left out, though the convolutions are frozen."""
    for change in ({"layerdrop": 1.0}, {"mask_time_prob": 0.5, "mask_time_length": 3}):
        model = adapted("hubert", **{**QUIET, **change})
        assert not np.allclose(
            states(model, waves(), training=True), states(model, waves()), atol=1e-3
        )
    model.trainable = False
    np.testing.assert_array_equal(states(model, waves(), training=True), states(model, waves()))


def check_mixed_precision_is_near():
    if IS_JAX:
        return
    model = learned(adapted("wavlm", **LARGE))
    expected = states(model, waves())[-1]
    half = backbone.SSLBackbone(model.config, lora=model.lora, dtype="mixed_bfloat16")
    half.set_weights(model.get_weights())
    found = half(waves(), training=False)["hidden_states"][-1]
    assert keras.backend.standardize_dtype(found.dtype) == "bfloat16"
    assert np.abs(array(ops.cast(found, "float32")) - expected).mean() < 0.1


def check_a_file_keeps_the_matrices():
    """Those of Keras come back as zeros: where this changes, ours may go."""
    model = learned(adapted("wavlm", remat=True))
    twin = saved_and_loaded(model)
    assert twin.lora == ALL
    assert twin.remat
    for ours, theirs in zip(model.weights, twin.weights, strict=True):
        np.testing.assert_array_equal(array(ours), array(theirs))
        assert ours.trainable == theirs.trainable
    inputs = keras.Input((4,))
    layer = keras.layers.Dense(3)
    of_keras = keras.Model(inputs, layer(inputs))
    layer.enable_lora(2)
    layer.lora_kernel_b.assign(np.ones((2, 3), "f4"))
    loaded = saved_and_loaded(of_keras).get_layer(layer.name)
    assert loaded.lora_enabled
    assert not array(loaded.lora_kernel_b).any()


def check_published_tensors_go_into_it():
    for family in TRIED:
        source, model = network(family, seed=1), adapted(family)
        assert set(weights.variables(model)) == set(weights.variables(source))
        checks.load(model, weights.tensors_of(source))
        np.testing.assert_array_equal(states(model, waves()), states(source, waves()))


def check_merged_kernels_give_the_same():
    for family in TRIED:
        model = learned(adapted(family))
        plain = network(family, seed=1)
        before = [array(each) for each in model.weights]
        checks.load(plain, weights.tensors_of(model))
        found, expected = states(plain, waves()), states(model, waves())
        np.testing.assert_allclose(found, expected, atol=2e-5, rtol=2e-5)
        for each, kept in zip(model.weights, before, strict=True):
            np.testing.assert_array_equal(array(each), kept)


CHECKS = {name: check for name, check in vars().items() if name.startswith("check_")}


@pytest.mark.parametrize("name", CHECKS)
def test_on_this_backend(name):
    CHECKS[name]()


def run(repo, backend, *arguments):
    done = subprocess.run(
        [sys.executable, "-W", "ignore", *map(str, arguments)],
        env={**os.environ, **SETTINGS, "KERAS_BACKEND": backend, "PYTHONPATH": str(repo)},
        cwd=repo,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("backend", OTHERS)
def test_on_other_backends(repo, backend):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"the package {backend} is not installed")
    said = run(repo, backend, "-m", "tests.test_ssl_lora")
    assert f"{backend}: {len(CHECKS)} passed" in said


LOADING = """
import sys
import numpy as np
import serkeras._keras_hook
import keras
model = keras.models.load_model(sys.argv[1], safe_mode=True)
stored = np.load(sys.argv[2])
found = model.predict(stored["x"], verbose=0)
np.testing.assert_array_equal(found, stored["found"])
count = sum(np.prod(weight.shape) for weight in model.trainable_weights)
assert count == stored["count"], count
"""


def test_a_saved_model_loads_in_a_fresh_process(repo, tmp_path):
    model = classifier("wavlm")
    learned(model.layers[1])
    model.save(tmp_path / "model.keras")
    count = sum(np.prod(weight.shape) for weight in model.trainable_weights)
    found = model.predict(waves(), verbose=0)
    np.savez(tmp_path / "stored.npz", x=waves(), found=found, count=count)
    files = (tmp_path / "model.keras", tmp_path / "stored.npz")
    run(repo, keras.backend.backend(), "-c", LOADING, *files)


@pytest.mark.parametrize("family", FAMILIES)
def test_transformers_computes_the_same_with_the_merged_kernels(family, tmp_path):
    from tests.references import import_transformers

    transformers, torch = import_transformers(), pytest.importorskip("torch")
    pytest.importorskip("safetensors")
    model = learned(adapted(family, **LARGE))
    folder = presets.save_to(model, tmp_path / "merged")
    theirs, report = transformers.AutoModel.from_pretrained(folder, output_loading_info=True)
    assert not any(report[key] for key in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    with torch.no_grad():
        found = theirs.eval()(torch.tensor(waves()), output_hidden_states=True)
    expected = np.stack([each.numpy() for each in found.hidden_states])
    np.testing.assert_allclose(states(model, waves()), expected, atol=2e-5, rtol=2e-5)
    assert "lora" not in json.loads((folder / "config.json").read_text())
    again = lora.adapted(presets.from_preset(folder), ALL)
    np.testing.assert_allclose(states(again, waves()), expected, atol=2e-5, rtol=2e-5)


def build(family="wav2vec2", settings=ALL, changes=None, **given):
    """Return the model `ssl` of a tiny network."""
    keras.utils.set_random_seed(0)
    values = {"num_hidden_layers": BLOCKS, "mask_time_length": 3, **LARGE, **(changes or {})}
    values = checks.config(family, **values).to_dict()
    return models.build("ssl", (800, 1), 2, config=values, lora=settings, **given)


@pytest.mark.parametrize("family", FAMILIES)
def test_what_learns_in_the_model(family):
    head = 2 * WIDE + 2
    model = build(family, {"rank": 8, "alpha": 16, "targets": ["query", "value"]}, frozen=2)
    assert backbones.counts(model)[0] == COUNTS["query", "value"] + head
    assert frozen.split(model) is None
    found = layer_rates.depths(model, {"decay": 0.5})
    paths = [weight.path for weight in model.trainable_weights]
    blocks = [f"block_{BLOCKS - depth}" if depth else "logits" for depth in found]
    assert all(path.startswith(block) for path, block in zip(paths, blocks, strict=True))
    assert set(found) == {0, 1, 2}
    part = build(family, frozen=3)  # one block of two stays as it is
    (base,) = backbones.inside(part)
    assert {weight.path.split("/")[0] for weight in base.trainable_weights} == {"block_1"}


def test_a_preset_is_adapted(tmp_path):
    pytest.importorskip("safetensors")
    source = network("wav2vec2", **LARGE)
    folder = presets.save_to(source, tmp_path / "preset")
    given = {"preset": str(folder), "lora": {"rank": 2}}
    (base,) = backbones.inside(models.build("ssl", (800, 1), 2, **given))
    assert base.lora == {"rank": 2, "alpha": 16, "targets": ["query", "value"]}
    np.testing.assert_array_equal(states(base, waves()), states(source, waves()))


def fit(folder, training, blocks, stop_after=None):
    """Fit 3 epochs; `stop_after` so many the process ends, as far as files know."""
    make_repeatable(training)
    index = np.arange(6)
    x = np.concatenate([waves(seed) for seed in (0, 1)])
    side = Side(x, index, (index % 2).astype(np.int32), index.astype(str))

    def made():
        with precision(training.precision):
            model = build(changes={"num_hidden_layers": blocks}, frozen=2)
        compile_model(model, training, side.y, 2)
        return model

    fitting = Fit(folder, "search", *[Batches(side, 2, 0)] * 2, 3, schedule(training, 3))
    keep = fitting.keep

    def keep_and_stop(model, row):
        keep(model, row)
        if len(fitting.rows) == stop_after:
            raise KeyboardInterrupt

    fitting.keep = keep_and_stop
    model = fitting.run(made, progress=False)
    found = [*model.variables, *model.optimizer.variables]
    return {f"{number} {each.path}": array(each) for number, each in enumerate(found)}


CASES = {
    1: {},
    2: {
        "optimizer": "adamw",
        "weight_decay": 0.1,
        "accumulate": 2,
        "layer_rates": {"backbone": 0.5, "decay": 0.5, "thaw_every": 1},
        "precision": "mixed_bfloat16",
    },
}


@pytest.mark.parametrize("blocks", CASES)
def test_an_interrupted_fit_ends_bit_for_bit_as_a_whole_one(tmp_path, blocks):
    training = TrainingConfig.from_dict({"learning_rate": 0.01, "batch_size": 2, **CASES[blocks]})
    whole = fit(tmp_path / "whole", training, blocks)
    with pytest.raises(KeyboardInterrupt):
        fit(tmp_path / "parts", training, blocks, stop_after=2)
    (checkpoint,) = (tmp_path / "parts").glob("checkpoints/*.keras")
    kept = keras.saving.load_model(checkpoint)
    parts = fit(tmp_path / "parts", training, blocks)
    assert len(parts) == len(whole)
    for path, ours, theirs in zip(whole, parts.values(), whole.values(), strict=True):
        np.testing.assert_array_equal(ours, theirs, err_msg=path)
    # In the last epoch, behind the checkpoint, all that learns moved, and nothing else.
    last = {path.split(" ")[1]: value for path, value in whole.items()}
    for weight in kept.weights:
        learns = "logits" in weight.path or "low_rank" in weight.path
        assert learns != np.array_equal(array(weight), last[weight.path]), weight.path
        if weight.path.startswith("block_0") and weight.path.endswith("/b"):
            assert array(weight).any() != ("thaw_every" in training.layer_rates)


@pytest.mark.parametrize(
    "settings",
    [
        {"rank": 0}, {"rank": 2.5}, {"rank": True}, {"alpha": 0}, {"alpha": "16"}, {"alpha": True},
        {"alpha": float("inf")}, {"targets": []}, {"targets": ["dense"]}, {"targets": "query"},
        {"targets": ["key", "key"]}, {"r": 8}, ["query"], 8,
    ],
)  # fmt: skip
def test_bad_settings_are_named(settings):
    with pytest.raises(ValueError, match=r"`lora` must be None or .*Received: .*model.settings"):
        build(settings=settings)


@pytest.mark.parametrize("given", [0, 4, None])
def test_frozen_and_adapters_must_agree(given):
    with pytest.raises(ValueError, match="`frozen` .* from 1 to 3 with `lora`.*Received: "):
        build(frozen=given)


def test_defaults_and_a_second_adaptation():
    assert lora.check(None) is None
    assert lora.check({}) == {"rank": 8, "alpha": 16, "targets": ["query", "value"]}
    assert lora.check({"targets": ("out",), "alpha": 0.5})["targets"] == ["out"]
    with pytest.raises(ValueError, match="adapted once"):
        lora.adapted(adapted("hubert"), ALL)


def test_the_recipe_says_how_much_learns():
    """12 blocks of 768 units, by hand."""
    recipe = recipes.describe("wav2vec2-base-lora")
    settings = lora.check(recipes.load("wav2vec2-base-lora").model.settings["lora"])
    count = 12 * len(settings["targets"]) * settings["rank"] * (768 + 768)
    assert f"{count:,} weights" in recipe["decisions"][0]


if __name__ == "__main__":
    sys.exit(run_checks(CHECKS))
