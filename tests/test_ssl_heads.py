"""Classifiers out of published checkpoints against transformers, and what is refused."""

import importlib.util
import json
import shutil
import subprocess
import sys
import warnings

import keras
import numpy as np
import pytest

from serkeras.ssl import classifier_from_preset, save_to
from serkeras.ssl.backbone import build
from tests.layer_checks import ssl as networks
from tests.layer_checks import ssl_heads as checks
from tests.test_ssl import CLASSES, OTHERS, run

WEIGHTED = {"use_weighted_layer_sum": True}
# Settings, whether waveforms are normalised, and whether padding is left out.
HEADS = {
    f"{family} {norm}{kind}": (family, {**settings, **more}, True, True)
    for family in CLASSES
    for norm, settings in (("group", {}), ("layer", networks.LARGE))
    for kind, more in (("", {}), (" weighted", WEIGHTED))
}
HEADS["wav2vec2 padding seen"] = ("wav2vec2", {}, True, False)
HEADS["wavlm as it is"] = ("wavlm", {}, False, True)
# As transformers 4 had it: the last of the states is the one behind the last norm.
HEADS["hubert of before"] = ("hubert", {**networks.LARGE, **WEIGHTED}, True, True)


def theirs(package, name):
    """Return transformers' classifier, its weights moved from their first values."""
    import torch

    family, settings, *_ = HEADS[name]
    of_wavlm = ("num_buckets", "max_bucket_distance")
    small = {k: v for k, v in networks.SMALL.items() if family == "wavlm" or k not in of_wavlm}
    small |= {"num_hidden_layers": 2, "classifier_proj_size": 10}
    config = getattr(package, f"{CLASSES[family]}Config")(
        **{**small, **settings},
        id2label=dict(enumerate(checks.LABELS)),
        label2id={label: index for index, label in enumerate(checks.LABELS)},
    )
    config.tie_last_hidden_states = True if name.endswith("before") else None
    torch.manual_seed(1)
    model = getattr(package, f"{CLASSES[family]}ForSequenceClassification")(config).eval()
    with torch.no_grad():
        for each in model.parameters():
            each.add_(0.2 * torch.randn_like(each))
    return model


def write(package, name, folder):
    """Write a checkpoint, and what transformers makes of clips of several lengths."""
    import torch

    model, (*_, normalised, masked) = theirs(package, name), HEADS[name]
    model.save_pretrained(folder)
    if name.endswith("before"):
        path = folder / "config.json"
        values = json.loads(path.read_text())
        del values["tie_last_hidden_states"]
        path.write_text(json.dumps({**values, "transformers_version": "4.12.0.dev0"}))
    extractor = package.Wav2Vec2FeatureExtractor(
        do_normalize=normalised, return_attention_mask=masked
    )
    extractor.save_pretrained(folder)
    rng = np.random.default_rng(0)
    clips = [3 * rng.normal(size=length).astype("f4") + 1 for length in checks.LENGTHS]
    stored = {
        "waveform": np.stack([np.pad(x, (0, 800 - len(x)), constant_values=9) for x in clips])
    }
    for case, given in (("padded", clips), ("alone", clips[:1])):
        inputs = extractor(given, sampling_rate=16000, padding=True, return_tensors="pt")
        assert ("attention_mask" in inputs) == masked
        with torch.no_grad(), warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Support for mismatched key_padding_mask")
            stored[case] = model(**inputs).logits.log_softmax(-1).numpy()
    np.savez(folder / "expected.npz", **stored)


@pytest.fixture(scope="session")
def heads(transformers, tmp_path_factory):
    """Folder with a folder for each classifier: its checkpoint, clips and log-probabilities."""
    root = tmp_path_factory.mktemp("heads")
    for name in HEADS:
        write(transformers, name, root / name)
    return root


@pytest.mark.parametrize("name", HEADS)
def test_equals_transformers(heads, name):
    checks.assert_equals_reference(heads / name)


@pytest.mark.parametrize("name", checks.CHECKS)
def test_on_this_backend(name):
    checks.CHECKS[name]()


@pytest.mark.parametrize("backend", OTHERS)
def test_on_other_backends(repo, heads, backend):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"the package {backend} is not installed")
    said = run(repo, backend, "-m", "tests.layer_checks.ssl_heads", heads)
    assert f"{backend}: {len(checks.CHECKS) + len(HEADS)} passed" in said


LOADING = """
import sys
import numpy as np
import serkeras._keras_hook
import keras
model = keras.models.load_model(sys.argv[1], safe_mode=True)
stored = np.load(sys.argv[2])
found = model.predict({name: stored[name] for name in ("waveform", "lengths")}, verbose=0)
np.testing.assert_array_equal(found, stored["found"])
"""


def test_a_saved_classifier_loads_in_a_fresh_process(repo, heads, tmp_path):
    model, _ = classifier_from_preset(heads / "wavlm layer weighted", padded=True, remat=True)
    x = {
        "waveform": np.load(heads / "wavlm layer weighted" / "expected.npz")["waveform"],
        "lengths": np.array(checks.LENGTHS, "int32"),
    }
    model.save(tmp_path / "model.keras")
    np.savez(tmp_path / "stored.npz", found=model.predict(x, verbose=0), **x)
    files = (tmp_path / "model.keras", tmp_path / "stored.npz")
    run(repo, keras.backend.backend(), "-c", LOADING, *files)


def test_importing_it_leaves_keras_alone():
    code = (
        "import sys, serkeras.ssl as s; s.classifier_from_preset; assert 'keras' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# What is refused


def tensors(projection=10, classes=4):
    rng = np.random.default_rng(0)
    shapes = {"projector.weight": (projection, 24), "projector.bias": (projection,)}
    shapes |= {"classifier.weight": (classes, projection), "classifier.bias": (classes,)}
    return {name: rng.normal(size=shape).astype("f4") for name, shape in shapes.items()}


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    """Folder of a network without a head, written here."""
    return save_to(build(networks.config("wav2vec2")), tmp_path_factory.mktemp("network") / "x")


def with_head(network, folder, head, **settings):
    """Copy a network and give it tensors of a head and settings."""
    numpy = pytest.importorskip("safetensors.numpy")
    shutil.copytree(network, folder)
    state = numpy.load_file(folder / "model.safetensors")
    numpy.save_file({**state, **head}, folder / "model.safetensors", {"format": "pt"})
    path = folder / "config.json"
    named = {"id2label": {str(index): label for index, label in enumerate(checks.LABELS)}}
    path.write_text(json.dumps({**json.loads(path.read_text()), **named, **settings}))
    return folder


def without(name):
    return {key: value for key, value in tensors().items() if key != name}


CTC = {"lm_head.weight": np.ones((5, 24), "f4"), "lm_head.bias": np.ones(5, "f4")}
REGRESSION = {f"classifier.{part}.weight": np.ones((3, 24), "f4") for part in ("dense", "out_proj")}
VECTORS = {**tensors(), "tdnn.0.kernel.weight": np.ones((5, 24), "f4")}
PRETRAINED = {"quantizer.codevectors": np.ones((1, 8, 4), "f4")}


@pytest.mark.parametrize(
    ("head", "settings", "words"),
    [
        ({}, {}, "must have the tensors.*with a network alone.*from_preset"),
        (PRETRAINED, {}, "with a network alone"),
        (CTC, {}, r"with 2 tensors of a head \(lm_head.bias, lm_head.weight\), architectures"),
        (REGRESSION, {}, r"2 tensors of a head \(classifier.dense.weight, classifier.out_proj"),
        (VECTORS, {}, "5 tensors of a head"),
        (without("projector.bias"), {}, "3 tensors of a head"),
        (tensors(), {"problem_type": "regression"}, "problem type 'regression'"),
        (tensors(), {"id2label": None}, "must name its 4 classes.*with None"),
        (tensors(), {"id2label": {"0": "a", "1": "b"}}, "must name its 4 classes.*'b'"),
        (tensors(), WEIGHTED, r"1 missing \(layer_weights\)"),
        ({**tensors(), "layer_weights": np.ones(3, "f4")}, WEIGHTED, r"1 of another shape \(layer"),
        ({**tensors(), "projector.bias": np.full(10, np.nan, "f4")}, {}, "1 not finite.*projector"),
        ({**tensors(), "projector.weight": np.ones((10, 23), "f4")}, {}, "1 of another shape"),
    ],
)
def test_faults_of_a_checkpoint(head, settings, words, network, tmp_path):
    folder = with_head(network, tmp_path / "x", head, **settings)
    with pytest.raises(ValueError, match=words):
        classifier_from_preset(folder)


def test_weights_of_states_without_their_setting_are_left(network, tmp_path):
    plain = with_head(network, tmp_path / "x", tensors())
    more = with_head(network, tmp_path / "y", {**tensors(), "layer_weights": np.ones(4, "f4")})
    x = networks.waves()
    found = [classifier_from_preset(folder)[0].predict(x, verbose=0) for folder in (plain, more)]
    np.testing.assert_array_equal(*found)
    np.testing.assert_allclose(found[0].sum(axis=1), 1, atol=1e-5)
