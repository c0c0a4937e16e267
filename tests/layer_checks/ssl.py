"""Speech networks beside files of references, and what training does to them.

`test_ssl.py` runs the checks in its own process and, for the other backends, in one process each:

    KERAS_BACKEND=jax python -m tests.layer_checks.ssl [folder of references]
"""

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from keras import ops

from serkeras.ssl import backbone, weights
from serkeras.ssl.config import SSLConfig
from serkeras.ssl.convolutions import ChannelNorm
from serkeras.ssl.masking import SpanMasking, draw_spans
from serkeras.ssl.randomness import dropout
from serkeras.training.fit import seed_dropout
from tests.layer_checks.tools import array, run_checks, saved_and_loaded

SMALL = {
    "hidden_size": 24,
    "num_hidden_layers": 3,
    "num_attention_heads": 3,
    "intermediate_size": 40,
    "conv_dim": (12, 16, 20),
    "conv_kernel": (10, 3, 2),
    "conv_stride": (5, 2, 2),
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 4,
    "num_buckets": 16,
    "max_bucket_distance": 20,
}
LARGE = {"feat_extract_norm": "layer", "conv_bias": True, "do_stable_layer_norm": True}
RATES = ("hidden_dropout", "activation_dropout", "attention_dropout", "feat_proj_dropout")
QUIET = {**dict.fromkeys((*RATES, "layerdrop", "mask_time_prob"), 0.0), "mask_feature_prob": 0.0}
FAMILIES = ("wav2vec2", "hubert", "wavlm")
LENGTHS = np.array([800, 433, 177])
FRAMES = [39, 21, 8]  # counted by hand from kernels and steps


def config(family, **settings):
    of_wavlm = ("num_buckets", "max_bucket_distance")
    small = {key: SMALL[key] for key in SMALL if family == "wavlm" or key not in of_wavlm}
    return SSLConfig.from_dict({"model_type": family, **small, **settings})


def waves(seed=0):
    """Return three clips, zero beyond their lengths."""
    x = np.random.default_rng(seed).normal(size=(3, 800)).astype("f4")
    return np.where(np.arange(800) < LENGTHS[:, None], x, 0).astype("f4")


def network(family, seed=0, remat=False, **settings):
    """Return a network whose weights differ from their first values, norms and biases too."""
    keras.utils.set_random_seed(seed)
    model = backbone.build(config(family, **settings), remat=remat)
    rng = np.random.default_rng(seed)
    for each in model.weights:
        each.assign(array(each) + 0.1 * rng.normal(size=each.shape).astype("f4"))
    return model


def load(model, tensors):
    """Give a network the tensors of a checkpoint that is in memory."""
    shapes = {name: each.shape for name, each in tensors.items()}
    held = SimpleNamespace(folder="memory", shapes=shapes, read=tensors.__getitem__)
    weights.load(model, held)


def states(model, inputs, training=False):
    """Return the hidden states as one array."""
    found = model(inputs, training=training)
    return np.stack([array(each) for each in found["hidden_states"]])


def assert_equals_reference(folder):
    """Hold a network with the weights of a reference to its hidden states."""
    settings = json.loads((folder / "config.json").read_text())
    stored = {path.stem: np.load(path) for path in folder.glob("*.npz")}
    model = backbone.build(SSLConfig.from_dict(settings))
    load(model, dict(stored["tensors"]))
    assert model.count_params() == sum(each.size for each in stored["tensors"].values())
    x, lengths = stored["inputs"]["waveform"], stored["inputs"]["lengths"]
    for name, inputs in (("alone", x), ("padded", {"waveform": x, "lengths": lengths})):
        found = model(inputs, training=False)
        every = np.stack([array(each) for each in found["hidden_states"]])
        np.testing.assert_allclose(every, stored[name]["states"], rtol=0, atol=1e-5)
        last = array(found["last_hidden_state"])
        np.testing.assert_allclose(last, stored[name]["last"], rtol=0, atol=1e-5)
        expected = FRAMES if name == "padded" else [39, 39, 39]
        assert array(found["frames_mask"]).sum(axis=1).tolist() == expected


def check_a_clip_alone_equals_the_clip_in_a_padded_batch():
    x = waves()
    for family in FAMILIES:
        for large in ({}, LARGE):
            model = network(family, **large)
            batch = states(model, {"waveform": x, "lengths": LENGTHS})
            for index in (0, 1):
                length, count = LENGTHS[index], FRAMES[index]
                alone = states(model, x[index : index + 1, :length])
                assert alone.shape[2] == count
                far = np.abs(batch[:, index, :count] - alone[:, 0]).max()
                if large or index == 0:
                    assert far < 1e-5, (family, index, far)
                else:  # the norm averages over the padding
                    assert far > 0.01, (family, index, far)


def check_group_norm_of_a_long_clip():
    """Most of it padding: where frames are summed one by one, the sum drifts."""
    x = np.zeros((1, 20000, 2), "f4")
    x[:, :7000] = np.random.default_rng(0).normal(size=(1, 7000, 2)) + 0.3
    wide = x.astype("f8")
    expected = (wide - wide.mean(axis=1)) / np.sqrt(wide.var(axis=1) + 1e-5)
    np.testing.assert_allclose(array(ChannelNorm()(x)), expected, rtol=2e-6, atol=3e-6)
    for frames in (1, 127, 128, 129):
        part = wide[:, :frames]
        expected = (part - part.mean(axis=1)) / np.sqrt(part.var(axis=1) + 1e-5)
        found = array(ChannelNorm()(x[:, :frames]))
        np.testing.assert_allclose(found, expected, rtol=2e-6, atol=3e-6)


def check_any_number_of_samples_and_lengths_beyond_them():
    model = network("wavlm", **LARGE)
    for samples in (backbone.least_samples(model.config), 800):
        x = waves()[:1, :samples]
        found = model.predict(x, verbose=0)
        assert found["last_hidden_state"].shape[1] == backbone.frames(model.config, samples)
        beyond = {"waveform": x, "lengths": np.array([5000])}
        again = model.predict(beyond, verbose=0)
        np.testing.assert_allclose(
            again["last_hidden_state"], found["last_hidden_state"], atol=1e-6
        )
    nothing = model({"waveform": waves(), "lengths": np.array([0, 3, 800])})
    assert array(nothing["frames_mask"]).sum(axis=1).tolist() == [1, 1, 39]
    assert np.isfinite(array(nothing["last_hidden_state"])).all()


def check_wrong_inputs_are_refused():
    model = network("wav2vec2")
    for inputs, words in (
        (waves()[0], "clips, samples"),
        (waves()[:, :29], "at least 30 samples"),
        ({"waveform": waves(), "length": LENGTHS}, "length"),
        ({"lengths": LENGTHS}, "waveform"),
    ):
        with pytest.raises(ValueError, match=words):
            model(inputs)
    with pytest.raises(ValueError, match="at least 30 samples"):
        backbone.build(config("wav2vec2"), samples=29)


def check_inference_draws_nothing():
    loud = {**dict.fromkeys(RATES, 0.5), "layerdrop": 1.0, "mask_feature_prob": 0.5}
    for family in FAMILIES:
        model = network(family, mask_feature_length=3, mask_time_length=3, **loud)
        still = network(family, **QUIET)
        load(still, weights.tensors_of(model))
        expected = states(still, waves())
        np.testing.assert_array_equal(states(model, waves()), expected)
        np.testing.assert_array_equal(states(still, waves(), training=True), expected)
        drawn = [states(model, waves(), training=True) for _ in range(2)]
        assert not np.allclose(drawn[0], drawn[1], atol=1e-3)


def check_each_rate_acts_in_training():
    for rate in RATES:
        model = network("hubert", **{**QUIET, rate: 0.3})
        still, moved = states(model, waves()), states(model, waves(), training=True)
        enters = {"hidden_dropout", "feat_proj_dropout"}
        assert np.allclose(still[0], moved[0], atol=1e-6) == (rate not in enters), rate
        assert not np.allclose(still[1], moved[1], atol=1e-3), rate


def check_dropout_keeps_the_mean():
    seed, other = (keras.random.SeedGenerator(each).next() for each in (1, 2))
    x = ops.ones((200, 200))
    found = array(dropout(x, 0.25, seed))
    assert abs((found == 0).mean() - 0.25) < 0.01
    np.testing.assert_allclose(found[found != 0], 1 / 0.75, rtol=1e-6)
    np.testing.assert_array_equal(array(dropout(x, 0.25, seed)), found)
    assert not np.array_equal(array(dropout(x, 0.25, other)), found)
    assert not array(dropout(x, 1.0, seed)).any()
    assert dropout(x, 0.25, None) is x


def check_spans():
    lengths = np.tile([60, 33, 10, 4], 500)
    for share, span, least in ((0.3, 10, 2), (0.5, 5, 0), (0.0, 3, 1), (1.0, 1, 0)):
        seeds = [keras.random.SeedGenerator(each).next() for each in (1, 2)]
        found = array(draw_spans(ops.convert_to_tensor(lengths), 60, share, span, least, seeds))
        assert found.shape == (2000, 60)
        assert not found[np.arange(60) >= lengths[:, None]].any()
        covered = found.sum(axis=1)
        fitting = lengths // span
        expected = share * lengths / span
        most = np.minimum(np.maximum(np.ceil(expected), least), fitting)
        fewest = np.minimum(np.maximum(np.floor(expected), least), fitting)
        assert (covered <= most * span).all()
        assert (covered >= np.where(fewest > 0, span, 0)).all()
        for length in (60, 33):
            rows = found[lengths == length][:, :length]
            assert rows.any(axis=0).all()
            inner = np.diff(rows.astype(int), axis=1)
            begins = np.argwhere(inner == 1)
            assert all(rows[clip, i + 1 : i + 1 + span].all() for clip, i in begins)
            assert span == 1 or len(np.unique(rows, axis=0)) > 10


def check_the_mean_number_of_spans():
    """Spans of one position never overlap, so those covered are those drawn."""
    lengths = ops.full((4000,), 25, dtype="int32")
    seeds = [keras.random.SeedGenerator(each).next() for each in (3, 4)]
    found = array(draw_spans(lengths, 30, 0.1, 1, 0, seeds)).sum(axis=1)
    assert set(found) == {2, 3}
    assert abs(found.mean() - 2.5) < 0.05


def check_masking_replaces_whole_frames_and_features():
    x = np.random.default_rng(0).normal(size=(6, 50, 12)).astype("f4")
    counts = ops.convert_to_tensor(np.array([50, 50, 40, 30, 20, 10]))
    layer = SpanMasking(0.4, 5, 1, 0.3, 2, 1)
    out = array(layer(x, counts, training=True))
    vector = array(layer.embedding)
    hidden = (np.abs(out) < 1e-12).all(axis=1)
    assert hidden.any(axis=1).all()
    rest = ~hidden[:, None]
    same = np.isclose(out, np.broadcast_to(vector, x.shape)) | ~rest
    frames = same.all(axis=2)
    assert frames.any(axis=1).all()
    kept = ~frames[:, :, None] & rest
    np.testing.assert_array_equal(out[kept], x[kept])
    assert kept.any(axis=(1, 2)).all()
    np.testing.assert_array_equal(array(layer(x, counts)), x)
    np.testing.assert_array_equal(array(SpanMasking(active=False)(x, counts, training=True)), x)


def check_masked_frames_forget_the_waveform():
    masked = {**QUIET, "mask_time_prob": 1.0, "mask_time_length": 1}
    for family in FAMILIES:
        model = network(family, **masked)
        first, second = (states(model, waves(seed), training=True) for seed in (0, 1))
        np.testing.assert_allclose(first, second, atol=1e-6)
        assert not np.allclose(states(model, waves(0)), states(model, waves(1)), atol=1e-2)
    model = network("hubert", **masked, apply_spec_augment=False)
    np.testing.assert_array_equal(states(model, waves(), training=True), states(model, waves()))


def check_a_dropped_layer_is_the_identity():
    for family in FAMILIES:
        for large in ({}, LARGE):
            model = network(family, **{**QUIET, **large, "layerdrop": 1.0})
            found, whole = states(model, waves(), training=True), states(model, waves())
            stays = 1 if family == "wavlm" else 0  # its first block is never dropped
            np.testing.assert_array_equal(found[: stays + 1], whole[: stays + 1])
            np.testing.assert_array_equal(found[stays:], found[[stays] * (4 - stays)])
            assert not np.allclose(whole[stays], whole[stays + 1], atol=1e-2)


def check_layers_drop_by_chance_and_each_by_itself():
    model = network("wav2vec2", **{**QUIET, "layerdrop": 0.3})
    x = waves()[:1, :100]
    runs = [states(model, x, training=True) for _ in range(60)]
    dropped = np.array([[np.array_equal(r[i], r[i + 1]) for i in range(3)] for r in runs])
    assert 0.15 < dropped.mean() < 0.45
    assert len(np.unique(dropped, axis=0)) >= 4


def check_seeds_decide_all_draws():
    settings = {"mask_feature_prob": 0.3, "mask_feature_length": 3, "mask_time_length": 3}
    model = network("wavlm", **settings)
    generators = [v for v in model.variables if v.name == "seed_generator_state"]
    assert len(generators) == 3 + 1 + 1  # blocks, masking, what lies before the blocks
    found = []
    for epoch in (1, 2, 1):
        seed_dropout(model, 0, epoch)
        found.append(states(model, waves(), training=True))
    np.testing.assert_array_equal(found[0], found[2])
    assert not np.allclose(found[0], found[1], atol=1e-3)
    twin = saved_and_loaded(model)
    seed_dropout(twin, 0, 1)
    np.testing.assert_array_equal(states(twin, waves(), training=True), found[0])


def classifier(family, remat=False, **settings):
    model = network(family, remat=remat, **settings)
    inputs = {
        "waveform": keras.Input((None,), name="waveform"),
        "lengths": keras.Input((), dtype="int32", name="lengths"),
    }
    found = model(inputs)
    x = ops.stack(found["hidden_states"], axis=-1)
    x = ops.mean(x, axis=-1) + found["last_hidden_state"]
    x = keras.layers.GlobalAveragePooling1D()(x, mask=found["frames_mask"])
    return keras.Model(inputs, keras.layers.Dense(2, name="scores")(x))


def trained(family, remat):
    """Return the weights after two steps with all that is random switched on."""
    rates = {**dict.fromkeys(RATES, 0.2), "layerdrop": 0.2, "mask_feature_prob": 0.2}
    spans = {"mask_time_length": 3, "mask_feature_length": 3, "num_hidden_layers": 2}
    model = classifier(family, remat, **spans, **rates)
    model.compile(keras.optimizers.SGD(0.01), "mse")
    seed_dropout(model, 5, 0)
    x = {"waveform": waves(), "lengths": LENGTHS}
    before = [array(each) for each in model.weights]
    model.fit(x, np.eye(3, 2, dtype="f4"), batch_size=3, epochs=2, verbose=0)
    return before, [array(each) for each in model.weights], [each.path for each in model.weights]


def check_remat_gives_the_same_gradients():
    used, remat = [], keras.remat
    # JAX compiles for long.
    for family in ("wavlm",) if keras.backend.backend() == "jax" else ("wavlm", "hubert"):
        before, plain, paths = trained(family, False)
        keras.remat = lambda f: (used.append(f), remat(f))[1]
        try:
            _, again, _ = trained(family, True)
        finally:
            keras.remat = remat
        assert len(used) >= 2, family
        used.clear()
        for path, one, two in zip(paths, plain, again, strict=True):
            np.testing.assert_allclose(one, two, atol=2e-6, err_msg=path)
        moved = [
            path for path, old, new in zip(paths, before, plain, strict=True) if (old != new).any()
        ]
        for part in ("block_", "convolution_0", "masking"):
            assert any(part in path for path in moved), (part, moved)


def check_a_model_of_it_survives_its_file():
    model = classifier("wavlm", remat=True)
    x = {"waveform": waves(), "lengths": LENGTHS}
    loaded = saved_and_loaded(model)
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), model.predict(x, verbose=0))
    inner = loaded.get_layer("wavlm")
    assert inner.config == model.get_layer("wavlm").config
    assert inner.remat


def check_mixed_precision_is_near():
    model, inputs = network("wavlm", **LARGE), {"waveform": waves(), "lengths": LENGTHS}
    expected = array(model(inputs, training=False)["last_hidden_state"])
    # JAX compiles for long.
    for kind in ("float16",) if keras.backend.backend() == "jax" else ("float16", "bfloat16"):
        half = backbone.SSLBackbone(model.config, dtype=f"mixed_{kind}")
        load(half, weights.tensors_of(model))
        found = half(inputs, training=False)["last_hidden_state"]
        assert keras.backend.standardize_dtype(found.dtype) == kind
        assert np.abs(array(ops.cast(found, "float32")) - expected).mean() < 0.05, kind
        drawn = half(inputs, training=True)["last_hidden_state"]
        assert np.isfinite(array(ops.cast(drawn, "float32"))).all()


CHECKS = {name: check for name, check in vars().items() if name.startswith("check_")}


def main(folder=None):
    """Run all checks on the backend that the environment names."""
    references = sorted(Path(folder).iterdir()) if folder else []
    todo = {
        **CHECKS,
        **{each.name: lambda each=each: assert_equals_reference(each) for each in references},
    }
    return run_checks(todo)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
