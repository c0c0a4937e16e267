"""Speech networks against transformers, their configurations, names of tensors and files."""

import importlib.util
import json
import os
import subprocess
import sys
import warnings

import keras
import numpy as np
import pytest

from serkeras.ssl import SSLConfig, backbone, weights
from serkeras.ssl.attention import kinds_of_distance
from tests.layer_checks import ssl as checks

OTHERS = sorted({"jax", "tensorflow", "torch"} - {keras.backend.backend()})
# JAX: the graphs run once, so compiling them well would be lost time.
SETTINGS = {"XLA_FLAGS": "--xla_backend_optimization_level=0"}
CLASSES = {"wav2vec2": "Wav2Vec2", "hubert": "Hubert", "wavlm": "WavLM"}
UNUSUAL = {"num_conv_pos_embeddings": 15, "num_conv_pos_embedding_groups": 3}
NETWORKS = {
    **{f"{family} base": (family, {}) for family in CLASSES},
    **{f"{family} large": (family, checks.LARGE) for family in CLASSES},
    "hubert unusual": ("hubert", {**UNUSUAL, "feat_proj_layer_norm": False, "conv_bias": True}),
    "wavlm unusual": ("wavlm", {**UNUSUAL, "do_stable_layer_norm": True, "mask_time_prob": 0.0}),
}


def theirs(transformers, name):
    """Return transformers' network, its weights and norms moved from their first values."""
    import torch

    family, settings = NETWORKS[name]
    of_wavlm = ("num_buckets", "max_bucket_distance")
    small = {k: v for k, v in checks.SMALL.items() if family == "wavlm" or k not in of_wavlm}
    made = getattr(transformers, f"{CLASSES[family]}Config")(**{**small, **settings})
    torch.manual_seed(1)
    model = getattr(transformers, f"{CLASSES[family]}Model")(made).eval()
    with torch.no_grad():
        for each in model.parameters():
            each.add_(0.1 * torch.randn_like(each))
    return model


def tensors(model):
    return {name: each.numpy() for name, each in model.state_dict().items()}


@pytest.fixture(scope="session")
def references(transformers, tmp_path_factory):
    """Folder with a folder for each network: what it is, its tensors and its hidden states."""
    import torch

    root, x = tmp_path_factory.mktemp("references"), checks.waves()
    valid = torch.tensor(np.arange(x.shape[1]) < checks.LENGTHS[:, None]).int()
    for name in NETWORKS:
        folder, model = root / name, theirs(transformers, name)
        folder.mkdir()
        (folder / "config.json").write_text(json.dumps(model.config.to_dict()))
        np.savez(folder / "tensors.npz", **tensors(model))
        np.savez(folder / "inputs.npz", waveform=x, lengths=checks.LENGTHS)
        for case, mask in (("alone", None), ("padded", valid)):
            with torch.no_grad(), warnings.catch_warnings():
                warnings.filterwarnings("ignore", "Support for mismatched key_padding_mask")
                out = model(torch.tensor(x), attention_mask=mask, output_hidden_states=True)
            kept = {"states": torch.stack(out.hidden_states), "last": out.last_hidden_state}
            np.savez(folder / case, **{key: value.numpy() for key, value in kept.items()})
    return root


@pytest.mark.parametrize("name", NETWORKS)
def test_equals_transformers(references, name):
    checks.assert_equals_reference(references / name)


@pytest.mark.parametrize("name", checks.CHECKS)
def test_on_this_backend(name):
    checks.CHECKS[name]()


@pytest.mark.parametrize("backend", OTHERS)
def test_on_other_backends(repo, references, backend):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"the package {backend} is not installed")
    said = run(repo, backend, "-m", "tests.layer_checks.ssl", references)
    assert f"{backend}: {len(checks.CHECKS) + len(NETWORKS)} passed" in said


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


LOADING = """
import sys
import numpy as np
import serkeras._keras_hook
import keras
model = keras.models.load_model(sys.argv[1], safe_mode=True)
stored = np.load(sys.argv[2])
found = model.predict({name: stored[name] for name in ("waveform", "lengths")}, verbose=0)
np.testing.assert_array_equal(found["last_hidden_state"], stored["found"])
"""


def test_a_saved_network_loads_in_a_fresh_process(repo, tmp_path):
    model = checks.network("wavlm", **checks.LARGE)
    x = {"waveform": checks.waves(), "lengths": checks.LENGTHS}
    model.save(tmp_path / "model.keras")
    found = model.predict(x, verbose=0)["last_hidden_state"]
    np.savez(tmp_path / "stored.npz", found=found, **x)
    files = (tmp_path / "model.keras", tmp_path / "stored.npz")
    run(repo, keras.backend.backend(), "-c", LOADING, *files)


@pytest.mark.parametrize("name", NETWORKS)
def test_weights_go_back_to_transformers(transformers, name):
    import torch

    source, family = theirs(transformers, name), NETWORKS[name][0]
    model = backbone.build(SSLConfig.from_dict(source.config.to_dict()))
    checks.load(model, tensors(source))
    written = weights.tensors_of(model)
    expected = tensors(source)
    assert set(written) == set(expected)
    for key, array in written.items():
        assert array.dtype == np.float32
        assert array.flags.c_contiguous
        np.testing.assert_array_equal(array, expected[key], err_msg=key)
    config = getattr(transformers, f"{CLASSES[family]}Config")(**model.config.to_dict())
    again = getattr(transformers, f"{CLASSES[family]}Model")(config)
    again.load_state_dict({key: torch.tensor(array) for key, array in written.items()})
    assert model.count_params() == source.num_parameters()


@pytest.mark.parametrize("family", CLASSES)
def test_old_names_prefixes_and_heads(family):
    model, other = checks.network(family), checks.network(family, seed=1)
    moved = {f"{family}.{name}": array for name, array in weights.tensors_of(model).items()}
    place = f"{family}.encoder.pos_conv_embed.conv."
    for old, new in (("weight_g", "original0"), ("weight_v", "original1")):
        moved[place + old] = moved.pop(f"{place}parametrizations.weight.{new}")
    heads = {"lm_head.weight": np.ones((3, 24)), "quantizer.codevectors": np.ones(2)}
    checks.load(other, {**moved, **heads})
    for name, array in weights.tensors_of(model).items():
        np.testing.assert_array_equal(weights.tensors_of(other)[name], array)


def test_the_vector_of_masked_frames_may_be_missing_or_too_much():
    model, still = checks.network("hubert"), checks.network("hubert", mask_time_prob=0.0)
    kept = weights.tensors_of(model)["masked_spec_embed"]
    without = weights.tensors_of(still)
    assert "masked_spec_embed" not in without
    checks.load(model, without)
    np.testing.assert_array_equal(weights.tensors_of(model)["masked_spec_embed"], kept)
    checks.load(still, weights.tensors_of(model))


def test_tensors_of_another_network_are_refused():
    model = checks.network("wavlm")
    before = weights.tensors_of(model)
    good = {name: array + 1 for name, array in before.items()}
    name = "encoder.layers.2.attention.k_proj.weight"
    without = {key: array for key, array in good.items() if key != name}
    faults = {
        r"1 missing \(.*2.attention.k_proj.weight": without,
        r"1 unknown \(.*3.attention.k_proj.weight": {**good, name.replace("2", "3"): good[name]},
        r"1 of another shape \(.*k_proj.weight": {**good, name: good[name][:, 1:]},
    }
    for words, given in faults.items():
        with pytest.raises(ValueError, match=words):
            checks.load(model, given)
        for key, array in weights.tensors_of(model).items():
            np.testing.assert_array_equal(array, before[key])


@pytest.mark.parametrize(("buckets", "farthest"), [(320, 800), (16, 20), (32, 128), (64, 500)])
def test_kinds_of_distance(transformers, buckets, farthest):
    import torch
    from transformers.models.wavlm.modeling_wavlm import WavLMAttention

    layer = WavLMAttention(8, 2, num_buckets=buckets, max_distance=farthest)
    kinds = kinds_of_distance(buckets, farthest)
    expected = layer._relative_positions_bucket(torch.arange(0, -4 * farthest, -1)).numpy()
    np.testing.assert_array_equal(kinds, expected[: farthest + 1])
    assert (expected[farthest:] == kinds[-1]).all()


def test_a_base_network_has_the_published_size():
    config = SSLConfig()
    assert backbone.build(config, samples=48000).count_params() == 94_371_712
    assert backbone.frames(config, 48000) == 149
    assert backbone.least_samples(config) == 400
    assert backbone.frames(config, 399) == backbone.frames(config, 400) == 1


def test_shapes_are_known_without_computing():
    model = checks.network("hubert")
    found = model(keras.Input((800,), batch_size=3))
    assert found["last_hidden_state"].shape == (3, 39, 24)
    assert [each.shape for each in found["hidden_states"]] == 4 * [(3, 39, 24)]
    assert found["frames_mask"].shape == (3, 39)
    assert found["frames_mask"].dtype == "bool"
    assert model(keras.Input((None,)))["last_hidden_state"].shape == (None, None, 24)


@pytest.mark.parametrize("family", CLASSES)
def test_config_travels(family):
    values = {"model_type": family, "hidden_dropout": 0, "vocab_size": 32, "tdnn_dim": [5, 4]}
    config = SSLConfig.from_dict(values)
    assert config.other == {"vocab_size": 32, "tdnn_dim": [5, 4]}
    written = json.loads(json.dumps(config.to_dict()))
    assert SSLConfig.from_dict(written) == config
    assert {key: written[key] for key in values} == values
    assert ("num_buckets" in written) == (family == "wavlm")
    assert ("feat_proj_layer_norm" in written) == (family == "hubert")
    changed = config.replace(layerdrop=0)
    assert changed.layerdrop == 0
    assert changed.other == config.other


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({}, "model_type"),
        ({"model_type": "unispeech"}, "'unispeech'"),
        ({"hidden_act": "relu"}, "hidden_act.*'relu'"),
        ({"feat_extract_activation": "relu"}, "feat_extract_activation.*'relu'"),
        ({"feat_extract_norm": "batch"}, "feat_extract_norm.*'batch'"),
        ({"model_type": "hubert", "conv_pos_batch_norm": True}, "conv_pos_batch_norm.*True"),
        ({"feat_proj_layer_norm": False}, "feat_proj_layer_norm.*False"),
        ({"add_adapter": True}, "add_adapter.*True"),
        ({"adapter_attn_dim": 16}, "adapter_attn_dim.*16"),
        ({"conv_dim": [512, 512]}, "conv_kernel.*one length"),
        ({"conv_stride": [5, 2, 2, 2, 2, 2, 0]}, "conv_stride.*each 1 or more"),
        ({"num_attention_heads": 7}, "num_attention_heads.*divisor"),
        ({"num_conv_pos_embedding_groups": 5}, "num_conv_pos_embedding_groups.*divisor"),
        ({"hidden_dropout": 1.5}, "hidden_dropout.*from 0 to 1"),
        ({"layer_norm_eps": 0}, "layer_norm_eps.*more than 0"),
        ({"mask_time_length": 0}, "mask_time_length.*1 or more"),
        ({"mask_time_min_masks": -1}, "mask_time_min_masks.*0 or more"),
        ({"num_buckets": 2}, "num_buckets.*4 or more"),
        ({"max_bucket_distance": 80}, "max_bucket_distance.*quarter"),
        ({"hidden_size": "768"}, "hidden_size.*'768'"),
        ({"conv_bias": None}, "conv_bias.*None"),
    ],
)
def test_config_refuses(values, words):
    with pytest.raises(ValueError, match=words):
        SSLConfig.from_dict({"model_type": "wav2vec2", **values} if values else values)


def test_replace_takes_fields_only():
    with pytest.raises(ValueError, match="layer_drop"):
        SSLConfig().replace(layer_drop=0.0)
