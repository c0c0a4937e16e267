"""The model `mmfusion`: geometry and counts of the source, branches, training; tiny networks."""

import importlib.util
import itertools
import os
import subprocess
import sys
from dataclasses import dataclass
from typing import ClassVar

import keras
import numpy as np
import pandas as pd
import pytest
from keras import ops

import serkeras
from serkeras import audio, models, recipes
from serkeras._files import read_json, sha256
from serkeras.models import backbones
from serkeras.models.fusion import branches as table
from serkeras.models.fusion.base import Branch
from serkeras.models.fusion.listening import by_branch
from serkeras.ssl import SSLConfig, backbone, presets
from serkeras.training import fit, layer_rates
from serkeras.training.network import precision

SAMPLES = 8192
SPEECH = {
    "model_type": "hubert", "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2,
    "intermediate_size": 24, "conv_dim": [8, 8, 8], "conv_kernel": [10, 3, 2],
    "conv_stride": [5, 4, 4], "num_conv_pos_embeddings": 8, "num_conv_pos_embedding_groups": 4,
    "mask_time_length": 2,
}  # fmt: skip
TINY = {
    "backbone": "squeezenet1.1", "lstm_units": 4, "n_fft": 256, "hop_length": 128, "n_mels": 32,
    "n_mfcc": 8, "width": 12, "gate_units": 4, "units": 8,
}  # fmt: skip
# By hand: 32 x 65 through SqueezeNet, 8192 / 128 + 1 frames, 8192 samples through 10/5, 3/4, 2/4.
STEPS = {"mel": 1 * 4, "mfcc": 65, "waveform": 102}
NAMES = tuple(STEPS)
BACKENDS = {"jax", "tensorflow", "torch"}
RECIPES = [name for name in recipes.names() if recipes.load(name).model.name == "mmfusion"]


def build(seed=0, samples=SAMPLES, **settings):
    keras.utils.set_random_seed(seed)
    if "preset" not in settings:
        settings = {"config": SPEECH, **settings}
    return models.build("mmfusion", (samples, 1), 3, **{**TINY, **settings})


def waves(count=3, seed=0):
    return np.random.default_rng(seed).normal(size=(count, SAMPLES, 1)).astype(np.float32)


def steps_of(model):
    return {
        layer.name.removeprefix("embed_"): layer.output.shape[1]
        for layer in model.layers
        if layer.name.startswith("embed_")
    }


@pytest.fixture
def shallow(monkeypatch):
    """ConvNeXt-Base with one narrow block a stage, and its own width in the last."""
    from keras.src.applications import convnext

    sizes = {"depths": [1, 1, 1, 1], "projection_dims": [8, 8, 8, 1024], "default_size": 224}
    monkeypatch.setitem(convnext.MODEL_CONFIGS, "base", sizes)


# A block by hand: queries, keys, values and result; gates of each head; feed-forward part.
ATTENTION = 4 * (144 * 144 + 144) + 3 * (2 * (48 * 48 + 48) + 48 * 2 + 2)
BLOCK = ATTENTION + (144 * 576 + 576) + (576 * 144 + 144)
NORMS = {"channels": 2 * 144, "clip": 2 * 598 * 144}
LSTM = 2 * 4 * 256 * (40 + 256 + 1) + 2 * 4 * 256 * (512 + 256 + 1)
EMBEDDED = (1024 + 512 + 768 + 3) * 144
HEAD = (144 * 128 + 128) + (128 * 7 + 7)


@pytest.mark.parametrize("norm", NORMS)
def test_steps_and_parameters_are_those_of_the_source(shallow, norm):
    base = {**SPEECH, "hidden_size": 768, "num_hidden_layers": 1}
    timing = {key: getattr(SSLConfig(), key) for key in ("conv_kernel", "conv_stride")}
    config = {**base, "conv_dim": [8] * 7, **{key: list(each) for key, each in timing.items()}}
    settings = {**recipes.load("mmfusion").model.settings, "preset": None, "weights": None}
    settings |= {"config": config, "norm": norm}
    model = models.build("mmfusion", (80000, 1), 7, **settings)
    given = {name: model.get_layer(f"embed_{name}").input.shape[1:] for name in NAMES}
    assert given == {"mel": (36, 1024), "mfcc": (313, 512), "waveform": (249, 768)}
    assert model.get_layer("unified").output.shape == (None, 598, 144)
    assert model.get_layer("convnext_base").output.shape == (None, 4, 9, 1024)
    spectrum = {"sample_rate": 16000, "n_mels": 128, "n_fft": 1024, "hop_length": 256}
    assert spectrum.items() <= model.get_layer("mel_decibels").get_config().items()
    assert {**spectrum, "n_mfcc": 40}.items() <= model.get_layer("mfcc").get_config().items()
    pretrained = sum(each.count_params() for each in backbones.inside(model))
    own = LSTM + 2 * 40 + EMBEDDED + 2 * (BLOCK + 2 * NORMS[norm]) + HEAD
    assert model.count_params() - pretrained == own
    # Published counts of the two networks; the source says "around 185 millions".
    total = own + 94_371_712 + backbones.card("convnext-base").parameters_without_top
    assert total == {"channels": 185_003_315, "clip": 185_691_059}[norm]


def test_the_default_speech_network_is_hubert_base(monkeypatch):
    asked = []
    monkeypatch.setattr(backbone, "build", lambda config, remat: asked.append(config) or 1 / 0)
    with pytest.raises(ZeroDivisionError):
        models.build("mmfusion", (80000, 1), 7, branches=["waveform"])
    assert asked == [SSLConfig(model_type="hubert")]


@pytest.mark.parametrize("count", [1, 2, 3])
def test_any_branches_in_any_order(count):
    for names in itertools.combinations(NAMES, count):
        said = []
        for order in (names, names[::-1]):
            model = build(branches=list(order))
            assert steps_of(model) == {name: STEPS[name] for name in names}
            assert model.get_layer("block1_attention").output.shape[1] == sum(
                STEPS[name] for name in names
            )
            said.append(ops.convert_to_numpy(model(waves())))
        np.testing.assert_array_equal(*said)


@pytest.mark.parametrize("name", NAMES)
def test_every_branch_hears_the_waveform(name):
    sounds = waves()
    sounds[1, :, 0] = np.sin(np.arange(SAMPLES) / 3)
    sounds[2, :, 0] = np.sin(np.arange(SAMPLES) / 30)
    model = build(branches=[name])
    heard = keras.Model(model.input, model.get_layer(f"embed_{name}").output)
    found = ops.convert_to_numpy(heard(sounds))
    # A SqueezeNet of random weights leaves little of what it is given.
    assert min(np.abs(a - b).max() for a, b in itertools.combinations(found, 2)) > 1e-5


@pytest.fixture
def eager():
    """Steps as TensorFlow takes them one by one: tracing takes longer than a few steps."""
    if keras.backend.backend() != "tensorflow":
        yield
        return
    import tensorflow as tf

    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@dataclass(frozen=True)
class RMSBranch(Branch):
    """Level of each frame, as a user would add it."""

    name: ClassVar[str] = "rms"

    hop_length: int
    power: float = 0.5

    def __call__(self, waveform):
        frames = keras.layers.Reshape((-1, self.hop_length), name="rms_frames")(waveform)
        return ops.mean(ops.square(frames), axis=-1, keepdims=True) ** self.power


def test_a_modality_is_one_class_in_one_table(monkeypatch, tmp_path, eager):
    x = waves() * np.array([1.0, 2.0, 3.0])[:, None, None].astype(np.float32)
    with monkeypatch.context() as context:
        context.setitem(table.BRANCHES, "rms", RMSBranch)
        model = build(branches=["rms", "mfcc"])
        assert build(branches=[*NAMES, "rms"]).get_layer("unified").output.shape[1] == 64 + sum(
            STEPS.values()
        )
        assert by_branch(model, x)["branch"].tolist() == ["mfcc", "rms"] * 6
        assert models.first_weights("mmfusion", {"branches": ["rms"]}) == []
    rms = keras.Model(model.input, model.get_layer("embed_rms").input).predict(x, verbose=0)
    expected = np.sqrt(np.square(x.reshape(3, 64, 128)).mean(axis=-1, keepdims=True))
    np.testing.assert_allclose(rms, expected, rtol=1e-5)
    model.compile("adam", "sparse_categorical_crossentropy")
    assert np.isfinite(model.fit(x, np.arange(3), verbose=0).history["loss"]).all()
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(loaded.predict(x, verbose=0), model.predict(x, verbose=0), atol=1e-6)


@pytest.mark.parametrize(
    ("frozen", "learns"), [(0, "convolution_0"), (1, "projection"), (3, "block_1"), (None, None)]
)
def test_what_is_frozen_is_counted_from_the_waveform(frozen, learns):
    model = build(frozen=frozen, blocks=2, remat=True)
    pictures, speech = backbones.inside(model)
    first = [layer.name for part in speech.parts() for layer in part if layer.trainable_weights]
    assert first[:1] == ([learns] if learns else [])
    assert speech.remat
    blocks = backbones.block_layers(pictures)
    found = [any(layer.trainable_weights for layer in block) for block in blocks]
    assert found == [False] * (len(blocks) - 2) + [True] * 2


def test_the_recipe_has_the_settings_of_the_source():
    found = recipes.load("mmfusion")
    assert found.training.optimizer == "adamw"
    assert found.training.learning_rate == 1e-5
    assert found.training.layer_rates == {"backbone": 0.1}
    assert found.training.weight_decay == 1e-6
    assert found.training.schedule == {"name": "plateau", "factor": 0.1, "patience": 5}
    assert (found.training.batch_size, found.training.epochs) == (16, 30)
    assert found.audio.trim_silence
    assert found.audio.samples == 80000
    named = [found.model.settings[name] for name in ("preset", "weights", "norm")]
    assert named == ["facebook/hubert-base-ls960", "imagenet", "clip"]


def test_rates_of_two_backbones_and_the_head():
    model = build(frozen=0)
    assert [each.name for each in backbones.inside(model)] == ["squeezenet1_1", "hubert"]
    found = {}
    weights = model.trainable_variables
    for weight, depth in zip(weights, layer_rates.depths(model, {"backbone": 0.1}), strict=True):
        found.setdefault(depth, set()).add(weight.path)
    head = {path.split("/")[0] for path in found[0]}
    inside = [each for base in backbones.inside(model) for each in base.trainable_variables]
    assert sum(len(paths) for paths in found.values()) - len(found[0]) == len(inside)
    assert {"mfcc_lstm1", "mfcc_lstm2", "embed_mel", "block1_norm1", "dense1"} <= head
    assert any("features_12" in path for path in found[1])
    assert any("block_1" in path for path in found[1])
    assert max(found) == len(backbones.card("squeezenet1.1").blocks)
    assert layer_rates.shares({"backbone": 0.1}, 2, 0) == [1, 0.1, 0.1]


def test_precision_is_of_the_network_and_not_of_its_features():
    x, whole = waves(), build()
    with precision("mixed_bfloat16"):
        half = build()
    half.set_weights(whole.get_weights())
    types = {layer.name: layer.compute_dtype for layer in half.layers}
    exact = ("mel_decibels", "mfcc", "mfcc_norm", "waveform_level", "mean_of_steps")
    assert {types[name] for name in exact} == {"float32"}
    rough = ("embed_mel", "embed_waveform", "mfcc_lstm1", "block2_attention", "hubert", "logits")
    assert {types[name] for name in rough} == {"bfloat16"}
    for name in ("mel_picture", "mfcc_norm"):
        assert half.get_layer(name).output.dtype == "float32"
    assert half.output.dtype == "float32"
    said, exact = (ops.convert_to_numpy(model(x)) for model in (half, whole))
    assert 0 < np.abs(said - exact).max() < 0.02


LOADING = """
import sys
import numpy as np
import serkeras._keras_hook
import keras
model = keras.models.load_model(sys.argv[1], safe_mode=True)
stored = np.load(sys.argv[2])
np.testing.assert_allclose(model.predict(stored["x"], verbose=0), stored["said"], atol=2e-5)
"""


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Path of a saved network whose norms of MFCC have run, and of what it says."""
    folder = tmp_path_factory.mktemp("saved")
    model = build(norm="clip")
    layer = model.get_layer("mfcc_norm")
    rng = np.random.default_rng(0)
    layer.set_weights([20 * rng.normal(size=8), 100 + 50 * rng.uniform(size=8)])
    model.save(folder / "model.keras")
    np.savez(folder / "stored.npz", x=waves(), said=model.predict(waves(), verbose=0))
    return folder


@pytest.mark.parametrize("backend", sorted(BACKENDS))
def test_a_saved_network_says_the_same_in_a_fresh_process(repo, saved, backend):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"the package {backend} is not installed")
    more = {"KERAS_BACKEND": backend, "PYTHONPATH": str(repo)}
    # JAX: the graph runs once, so compiling it well would be lost time.
    more["XLA_FLAGS"] = "--xla_backend_optimization_level=0"
    files = [saved / name for name in ("model.keras", "stored.npz")]
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", LOADING, *map(str, files)],
        env={**os.environ, **more},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_where_attention_goes_is_told_by_branch():
    model = build(depth=1)
    attention = model.get_layer("block1_attention")
    for name in NAMES:
        kernel, bias = model.get_layer(f"embed_{name}").get_weights()
        bias = bias + (3.0 if name == "mfcc" else 0.0)
        model.get_layer(f"embed_{name}").set_weights([0 * kernel, bias])
    attention.query.set_weights([np.zeros((12, 12)), np.ones(12)])
    attention.key.set_weights([np.eye(12), np.zeros(12)])
    attention.gate.set_weights([np.zeros((3, 4, 2)), np.tile([0.0, 60.0], (3, 1))])
    found = by_branch(model, waves()).set_index(["head", "branch"])
    assert len(found) == 9
    # Scores of 3 x 4 / sqrt(4), halved by the mask of the queries.
    steps = np.array([STEPS[name] for name in NAMES])
    weights = steps * np.exp([0, 3, 0])
    for head in (1, 2, 3):
        rows = found.loc[head].loc[list(NAMES)]
        assert rows["steps"].tolist() == list(steps)
        np.testing.assert_allclose(rows["attended"], weights / weights.sum(), rtol=1e-4)
        expected = np.exp([0, 3, 0]) * steps.sum() / weights.sum()
        np.testing.assert_allclose(rows["times_equal"], expected, rtol=1e-4)
        np.testing.assert_allclose(rows["query_mask"], 0.5, rtol=1e-5)
        np.testing.assert_allclose(rows["key_mask"], 1.0, rtol=1e-5)


def settings(**own):
    none = {"preset": None, "weights": None, "remat": False}
    small = {**TINY, "hop_length": 256, "config": SPEECH, **none, **own}
    return {
        "audio.duration_s": 0.4,
        "training.epochs": 2,
        "training.batch_size": 2,
        "training.learning_rate": 1e-3,
        **{f"model.settings.{name}": value for name, value in small.items()},
    }


def train(data, out, name="mmfusion", **own):
    given = {"data": [data], "settings": settings(**own), "progress": False}
    return serkeras.train(name, out=out, **given)


def arrays(run):
    return [ops.convert_to_numpy(weight) for weight in run.model.weights]


@pytest.mark.parametrize("name", RECIPES)
def test_an_interrupted_run_of_a_recipe_ends_bit_for_bit_as_a_whole_one(
    name, speech_csv, tmp_path, monkeypatch, learning, eager
):
    whole = train(speech_csv, tmp_path / "whole", name)
    assert np.isfinite(whole.history["loss"]).all()
    assert np.abs(np.subtract(*learning[:2])).max() > 1e-6
    keep = fit.Fit.keep

    def keep_and_stop(self, model, row):
        keep(self, model, row)
        if len(self.rows) == 1:
            raise KeyboardInterrupt

    with monkeypatch.context() as context:
        context.setattr(fit.Fit, "keep", keep_and_stop)
        with pytest.raises(KeyboardInterrupt):
            train(speech_csv, tmp_path / "parts", name)
    parts = train(speech_csv, tmp_path / "parts", name)
    histories = [run.history.drop(columns="seconds") for run in (parts, whole)]
    pd.testing.assert_frame_equal(*histories)
    assert len(histories[0]) == 2
    pd.testing.assert_frame_equal(parts.predictions, whole.predictions)
    for ours, theirs in zip(arrays(parts), arrays(whole), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    heard = [audio.load_clip(path, whole.experiment.audio) for path in parts.predictions["path"]]
    heard = np.stack(heard)[..., None]
    said = parts.model.predict(heard, verbose=0)
    np.testing.assert_allclose(said, parts.predictions.filter(like="p_"), atol=1e-5)
    listened = by_branch(parts.model.get_layer("mmfusion"), heard)
    np.testing.assert_allclose(listened.groupby(["block", "head"])["attended"].sum(), 1, rtol=1e-5)


@pytest.fixture
def files(tmp_path, monkeypatch):
    """A preset "own/tiny" on this machine and a file of weights, of tiny networks."""
    pytest.importorskip("safetensors")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    folder = tmp_path / "hub" / "models--own--tiny" / "snapshots" / "main"
    keras.utils.set_random_seed(5)
    speech = backbone.build(SSLConfig.from_dict(SPEECH))
    presets.save_to(speech, folder)
    pictures = backbones.build("squeezenet1.1", (32, 63, 1))
    pictures.get_layer("network").save_weights(tmp_path / "pictures.weights.h5")
    return speech, pictures, folder / "model.safetensors", tmp_path / "pictures.weights.h5"


def test_first_weights_are_loaded_kept_frozen_and_told(speech_csv, files, tmp_path, eager):
    speech, pictures, tensors, file = files
    given = {"preset": "own/tiny", "config": None, "weights": str(file)}
    run = train(speech_csv, tmp_path / "run", frozen=None, blocks=0, **given)
    kept = {each.name: each for each in backbones.inside(run.model)}
    for before in (speech, pictures):
        assert not kept[before.name].trainable_weights
        for ours, theirs in zip(kept[before.name].get_weights(), before.get_weights(), strict=True):
            np.testing.assert_array_equal(ours, theirs)
    told = read_json(run.folder / "provenance.json")["weights"]
    assert told == [
        {"weights": str(file), "file": file.name, "sha256": sha256(file)},
        {"weights": "own/tiny", "file": tensors.name, "sha256": sha256(tensors)},
    ]
    dropped = {**TINY, **given, "branches": ["mfcc", "waveform"]}
    assert models.first_weights("mmfusion", dropped) == [("own/tiny", tensors)]
    assert models.first_weights("mmfusion", {}) == []


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"branches": []}, "one or more of .*'mel', 'mfcc', 'waveform'.*each once"),
        ({"branches": ["mel", "text"]}, "one or more of.*'text'"),
        ({"branches": ["mel", "mel"]}, "each once.*'mel', 'mel'"),
        ({"branches": "mel"}, "one or more of.*Received: 'mel'"),
        ({"branches": [{"name": "mel"}]}, "one or more of"),
        ({"preset": "facebook/hubert-base-ls960", "config": SPEECH}, "either `preset` or `config`"),
        ({"frozen": 5}, "None or from 0 to 4.*Received: 5"),
        ({"heads": 5}, r"divisor of `width` \(12\).*Received: 5"),
        ({"norm": "batch"}, r"\['channels', 'clip'\].*'batch'"),
        ({"depth": 0}, "`depth`.*1 or more"),
        ({"samples": None}, r"waveforms of one length.*\(None, 1\).*audio.fit=pad"),
        ({"blocks": 99}, "squeezenet1_1 has .* to unfreeze"),
        ({"units_of": 3}, "must be among"),
    ],
)
def test_bad_settings_are_named(settings, words):
    with pytest.raises(ValueError, match=words):
        build(**settings)


def test_features_must_be_waveforms():
    with pytest.raises(ValueError, match=r"\(128, 94, 1\).*features.name=waveform"):
        models.build("mmfusion", (128, 94, 1), 3)
