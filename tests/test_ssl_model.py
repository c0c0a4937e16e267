"""The model `ssl`: speech networks pooled over time, with tiny configurations."""

import keras
import numpy as np
import pytest

import serkeras
from serkeras import models, recipes
from serkeras.models import backbones
from serkeras.training import frozen, layer_rates
from tests.recordings import SMALL

TINY = {
    "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24,
    "conv_dim": [8, 8, 8], "conv_kernel": [10, 3, 2], "conv_stride": [5, 4, 4],
    "num_conv_pos_embeddings": 8, "num_conv_pos_embedding_groups": 4, "mask_time_length": 2,
}  # fmt: skip
LAYER_NORM = {**TINY, "feat_extract_norm": "layer", "do_stable_layer_norm": True, "conv_bias": True}
NAMES = [name for name in recipes.names() if recipes.load(name).model.name == "ssl"]
FAMILIES = ("wav2vec2", "hubert", "wavlm")


def build(family="wav2vec2", samples=4000, base=LAYER_NORM, **settings):
    keras.utils.set_random_seed(0)
    config = {"model_type": family, **base}
    return models.build("ssl", (samples, 1), 3, config=config, **settings)


def waves(count=3, samples=4000, seed=0):
    return np.random.default_rng(seed).normal(size=(count, samples, 1)).astype(np.float32)


@pytest.mark.parametrize(
    ("family", "settings"),
    [
        ("wav2vec2", {"states": "last"}),
        ("hubert", {"states": "weighted"}),
        ("wavlm", {"states": "weighted", "projection": 6}),
        ("wav2vec2", {"states": "last", "pooling": "attention"}),
        ("hubert", {"states": "weighted", "pooling": "attention", "projection": 6}),
    ],
)
def test_level_does_not_matter_and_a_saved_model_is_the_same(family, settings, tmp_path):
    model, x = build(family, units=(32,), dropout=0.5, **settings), waves()
    said = model.predict(x, verbose=0)
    np.testing.assert_allclose(said.sum(axis=1), 1, atol=1e-6)
    assert np.abs(said[0] - said[1]).max() > 1e-4
    np.testing.assert_allclose(model.predict(7 * x + 3, verbose=0), said, atol=1e-5)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(loaded.predict(x, verbose=0), said, atol=1e-6)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("states", ["last", "weighted"])
@pytest.mark.parametrize("pooling", ["mean", "attention"])
def test_a_clip_alone_is_the_clip_in_a_padded_batch(family, states, pooling):
    model, x = build(family, samples=None, states=states, pooling=pooling, projection=6), waves(2)
    x[1, 2500:] = 99.0
    mask = np.arange(4000) < np.array([[4000], [2500]])
    together = model.predict({"features": x, "mask": mask}, verbose=0)
    alone = model.predict({"features": x[1:, :2500], "mask": mask[1:, :2500]}, verbose=0)
    np.testing.assert_allclose(together[1:], alone, atol=1e-5)
    unmasked = model.predict({"features": x, "mask": mask | True}, verbose=0)
    assert np.abs(together[1] - unmasked[1]).max() > 1e-4


@pytest.mark.parametrize("states", ["last", "weighted"])
def test_the_projection_is_on_frames(states):
    """A mean of projected frames is one projected mean, which is what is computed."""
    model, x = build(states=states, projection=6), waves()
    (base,) = backbones.inside(model)
    level = keras.Model(model.input, model.get_layer("level").output).predict(x, verbose=0)
    found = base(level, training=False)
    every = found["hidden_states"] if states == "weighted" else [found["last_hidden_state"]]
    frames = np.mean([keras.ops.convert_to_numpy(each) for each in every], axis=0)
    kernel, bias = model.get_layer("projection").get_weights()
    bias += 0.5
    model.get_layer("projection").set_weights([kernel, bias])
    projected = keras.Model(model.input, model.get_layer("projection").output)
    expected = (frames @ kernel + bias).mean(axis=1)
    np.testing.assert_allclose(projected.predict(x, verbose=0), expected, atol=1e-5)


def test_attention_sees_projected_frames():
    model = build(states="weighted", pooling="attention", projection=6)
    assert model.get_layer("layer_weights").output.shape == (None, 50, 16)
    assert model.get_layer("projection").output.shape == (None, 50, 6)
    assert model.get_layer("attention_pooling").output.shape == (None, 6)


def test_equal_weights_of_states_are_their_mean():
    model = build(states="weighted")
    mean = keras.Model(model.input, model.get_layer("mean").output).predict(waves(), verbose=0)
    assert mean.shape == (3, 3, 16)
    found = model.get_layer("layer_weights")(mean)
    np.testing.assert_allclose(found, mean.mean(axis=1), atol=1e-6)


@pytest.mark.parametrize(
    ("frozen_parts", "first"), [(0, "convolution_0"), (1, "projection"), (3, "block_1")]
)
def test_what_is_frozen_is_counted_from_the_waveform(frozen_parts, first):
    (base,) = backbones.inside(build(frozen=frozen_parts))
    learns = [layer.name for part in base.parts() for layer in part if layer.trainable_weights]
    assert learns[0] == first
    every = {id(weight) for part in base.parts() for layer in part for weight in layer.weights}
    assert {id(weight) for weight in base.weights} == every


@pytest.mark.parametrize(
    ("settings", "shape"),
    [
        ({}, (16,)),
        ({"states": "weighted"}, (3, 16)),
        ({"pooling": "attention"}, (50, 16)),
        ({"pooling": "attention", "states": "weighted"}, (3, 50, 16)),
    ],
)
def test_a_frozen_network_is_computed_once_and_never_masked(settings, shape):
    model = build(frozen=None, **settings)
    parts = frozen.split(model)
    assert parts.frozen.output.shape[1:] == shape
    x = waves()
    np.testing.assert_allclose(model(x, training=True), model(x, training=False), atol=1e-6)
    maps = parts.frozen(x)
    maps = maps if len(shape) == 3 else maps[..., None]
    np.testing.assert_allclose(parts.rest(maps), model(x), atol=1e-5)
    assert frozen.split(build(frozen=1)) is None
    assert np.abs(build(frozen=1)(x, training=True) - build(frozen=1)(x)).max() > 1e-5


def test_rates_count_the_blocks_of_the_encoder():
    model = build(frozen=0)
    found = layer_rates.depths(model, {"decay": 0.5})
    assert sorted(set(found)) == [0, 1, 2, 3, 4]
    by_name = {
        weight.path: depth for weight, depth in zip(model.trainable_weights, found, strict=True)
    }
    assert {depth for path, depth in by_name.items() if "block_1" in path} == {1}
    assert {depth for path, depth in by_name.items() if "convolution_0" in path} == {4}
    assert {depth for path, depth in by_name.items() if "logits" in path} == {0}


@pytest.mark.parametrize("name", NAMES)
def test_recipe_trains(name, speech_csv, learning, tmp_path):
    experiment = recipes.load(name)
    norm = LAYER_NORM if experiment.audio.fit == "keep" else TINY
    config = {"model_type": name.split("-")[0], **norm}
    settings = {
        **{key: value for key, value in SMALL.items() if not key.startswith("features.")},
        # A clip of RAVDESS has less than two windows, so it is predicted as it was tested.
        "audio.duration_s": 2.3,
        "augment.copies": 0,
        "training.epochs": 2,
        "training.batch_size": 2,
        "model.settings.preset": None,
        "model.settings.config": config,
    }
    run = serkeras.train(name, data=[speech_csv], out=tmp_path, settings=settings, progress=False)
    assert run.metrics["run"]["epochs"]["search"] == 2
    assert np.isfinite(run.history["loss"]).all()
    assert np.abs(np.subtract(*learning[:2])).max() > 1e-6
    said = serkeras.predict(run, list(run.predictions["path"][:2]))
    np.testing.assert_allclose(
        said[run.labels], run.predictions.filter(like="p_").iloc[:2], atol=1e-4
    )


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"frozen": 9}, "None or from 0 to 4, the parts"),
        ({"states": "first"}, "`states` of.*one of.*'weighted'.*'first'"),
        ({"pooling": "max"}, "`pooling` of.*one of.*'attention'.*'max'"),
        ({"projection": 0}, "`projection` of.*None or a width.*0"),
        ({"preset": "facebook/wav2vec2-base"}, "either `preset` or `config`"),
        ({"base": TINY, "samples": None}, "layer norm: with group norm"),
    ],
)
def test_bad_settings_are_named(settings, words):
    with pytest.raises(ValueError, match=words):
        build(**settings)


def test_features_must_be_waveforms():
    with pytest.raises(ValueError, match="features.name=waveform"):
        models.build("ssl", (128, 94, 1), 3, config={"model_type": "hubert", **TINY})


def test_speech_networks_hear_16_khz(own_csv, tmp_path):
    with pytest.raises(ValueError, match="16000 Hz"):
        serkeras.train(
            "wav2vec2-base", data=[own_csv], out=tmp_path, settings={"audio.sample_rate": 8000}
        )
