import importlib.util
import inspect
import os
import subprocess
import sys

import keras
import numpy as np
import pytest

from serkeras.config import FeatureConfig
from serkeras.features import layers
from tests import layer_checks
from tests.layer_checks.models import whole_model
from tests.layer_checks.tools import clips

# Keras' word for a backend -> the package that it needs.
BACKENDS = {"tensorflow": "tensorflow", "jax": "jax", "torch": "torch"}
OTHERS = sorted(set(BACKENDS) - {keras.backend.backend()})
# librosa says so for clips of 0.1 s; its result is right.
pytestmark = pytest.mark.filterwarnings("ignore:n_fft=:UserWarning")

LOADING = """
import sys
import numpy as np
{imports}
model = keras.models.load_model(sys.argv[1], safe_mode=True)
np.testing.assert_array_equal(
    model.predict(np.load(sys.argv[2]), batch_size=3, verbose=0), np.load(sys.argv[3])
)
"""
ORDERS = {
    "serkeras first": "import serkeras._keras_hook\n"
    "assert 'keras' not in sys.modules\n"
    "assert 'serkeras.features' not in sys.modules\n"
    "import keras",
    "keras first": "import keras\nimport serkeras._keras_hook",
}


def start(repo, backend, *arguments):
    environment = {**os.environ, "KERAS_BACKEND": backend, "PYTHONPATH": str(repo)}
    return subprocess.Popen(
        [sys.executable, *map(str, arguments)],
        env=environment,
        cwd=repo,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.mark.parametrize("name", layer_checks.CHECKS)
def test_on_this_backend(name):
    layer_checks.CHECKS[name]()


@pytest.mark.parametrize("backend", OTHERS)
def test_on_other_backends(repo, backend):
    if importlib.util.find_spec(BACKENDS[backend]) is None:
        pytest.skip(f"the package {BACKENDS[backend]} is not installed")
    process = start(repo, backend, "-W", "ignore", "-m", "tests.layer_checks")
    said, _ = process.communicate()
    assert process.returncode == 0, said
    assert f"{backend}: {len(layer_checks.CHECKS)} passed" in said


@pytest.mark.parametrize("order", ORDERS)
def test_a_saved_model_loads_in_a_fresh_process(repo, tmp_path, order):
    waves = clips()
    model = whole_model(waves)
    model.save(tmp_path / "model.keras")
    np.save(tmp_path / "waves.npy", waves)
    np.save(tmp_path / "found.npy", model.predict(waves, batch_size=3, verbose=0))
    files = [tmp_path / name for name in ("model.keras", "waves.npy", "found.npy")]
    process = start(
        repo, keras.backend.backend(), "-c", LOADING.format(imports=ORDERS[order]), *files
    )
    said, _ = process.communicate()
    assert process.returncode == 0, said


CLASSES = {name: getattr(layers, name) for name in layers.__all__ if name[0].isupper()}
LAYERS = sorted(name for name, kind in CLASSES.items() if not issubclass(kind, keras.Model))


@pytest.mark.parametrize("name", LAYERS)
def test_every_layer_is_registered_and_tells_its_settings(name):
    kind = getattr(layers, name)
    assert keras.saving.get_registered_object(f"serkeras>{name}") is kind
    wanted = {"FitFrames": {"frames": 7}, "Prepare": {"samples": 800}}
    layer = kind(**wanted.get(name, {}))
    arguments = set(inspect.signature(kind).parameters) - {"mean", "matrix"}
    assert set(layer.get_config()) == arguments
    assert kind.from_config(layer.get_config()).get_config() == layer.get_config()


def built(layer, *shape):
    return layer(keras.Input(shape[1:]))


WRONG = {
    "n_mfcc": (lambda: layers.MFCC(n_mfcc=41, n_mels=40), "between 1 and `n_mels`"),
    "win_length": (lambda: layers.Mel(n_fft=256, win_length=400), "win_length"),
    "fmax": (lambda: layers.LogMel(8000, fmax=5000.0), "fmax"),
    "floor": (lambda: layers.LogMel(floor_db=float("nan")), "number of decibels from"),
    "images to Mel": (lambda: built(layers.Mel(), None, 8, 100), "batch, samples"),
    "delta width": (lambda: layers.Delta(width=4), "odd"),
    "delta order": (lambda: layers.Delta(order=0), "order"),
    "few frames": (lambda: built(layers.Delta(), None, 20, 8), "8 frames"),
    "few frames to stack": (
        lambda: built(layers.SpectrogramMFCCDelta(), None, 1600),
        "4 frames",
    ),
    "unknown length": (lambda: built(layers.MultiResolution(), None, None), "known number"),
    "mean alone": (lambda: layers.Whitening(mean=np.zeros(3)), "together"),
    "matrix of other bins": (
        lambda: layers.Whitening(np.zeros(3), np.zeros((4, 4))),
        "for 3 bins",
    ),
    "input of other bins": (
        lambda: built(layers.Whitening(np.zeros(3), np.eye(3)), None, 4, 9),
        "4 bins",
    ),
    "epsilon": (lambda: layers.Whitening(epsilon=0), "positive"),
    "range": (lambda: layers.AWGN((30, 10)), "lower number first"),
    "range of words": (lambda: layers.Gain("loud"), "gain_db"),
    "noise on images": (lambda: built(layers.AWGN(), None, 8, 9, 1), "batch, samples"),
    "gain on features": (lambda: built(layers.Gain(), None, 8, 9), "batch, samples"),
    "shift of features": (lambda: built(layers.TimeShift(), None, 8, 9), "channels"),
    "shift": (lambda: layers.TimeShift(1.5), "fraction"),
    "masks": (lambda: layers.SpecAugment(time_masks=-1), "0 or more"),
    "half a mask": (lambda: layers.SpecAugment(time_masks=2.5), "whole numbers"),
    "masks in words": (
        lambda: layers.make({"name": "spec_augment", "time_width": "wide"}),
        "whole numbers",
    ),
    "fill": (lambda: layers.SpecAugment(fill="max"), "mean"),
    "masks on waves": (lambda: built(layers.SpecAugment(), None, 100), "batch, bins, frames"),
    "tempo": (lambda: layers.SpectrogramWarp(tempo=-0.1), "0 or more"),
    "far shift": (lambda: layers.SpectrogramWarp(shift=1.5), "from 0 to 1"),
    "warp of waves": (lambda: built(layers.SpectrogramWarp(), None, 100), "batch, bins, frames"),
    "mode": (lambda: layers.RandomFlip("both"), "horizontal"),
    "whole turns": (lambda: layers.RandomRotation(90), "between -1 and 1"),
    "turns backwards": (lambda: layers.RandomRotation((0.2, -0.2)), "lower number first"),
    "turns in words": (lambda: layers.RandomRotation("far"), "`factor`"),
    "zoom to a point": (lambda: layers.RandomZoom((-1, 0)), "above -1"),
    "zoom of nothing": (lambda: layers.RandomZoom(None), "`height_factor`"),
    "translation": (lambda: layers.RandomTranslation(0.1, 1.5), "`width_factor`"),
    "fill mode": (lambda: layers.RandomZoom(fill_mode="mirror"), "reflect"),
    "fill value": (
        lambda: layers.RandomRotation(fill_mode="nearest", fill_value=0.0),
        "None where",
    ),
    "fill value in words": (
        lambda: layers.make({"name": "random_zoom", "fill_value": "silence"}),
        "numbers where",
    ),
    "waves turned round": (lambda: built(layers.RandomFlip(), None, 100), "height, width"),
    "alpha": (lambda: layers.MixUp(alpha=0), "above 0"),
    "layer": (lambda: layers.make({"name": "echo"}), "spec_augment"),
    "setting": (lambda: layers.make({"name": "gain", "gain": 3}), "gain_db"),
    "seed in a setting": (lambda: layers.make({"name": "gain", "seed": 3}), "seed"),
    "value": (lambda: layers.make({"name": "time_shift", "max_shift": "far"}), "max_shift"),
    "no layer": (lambda: layers.front_end(FeatureConfig("mfcc+chroma"), 16000), "log_mel"),
    "no feature": (lambda: layers.has_layer(FeatureConfig("mffc")), "mffc"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_use_is_refused(case):
    call, words = WRONG[case]
    with pytest.raises(ValueError, match=words) as caught:
        call()
    assert "Received" in str(caught.value)


def test_has_layer():
    assert layers.has_layer(FeatureConfig("mel+mfcc_delta2"))
    assert not layers.has_layer(FeatureConfig("mel+chroma"))


def test_make_takes_settings_as_json_gives_them():
    layer = layers.make({"name": "awgn", "snr_db": [10, 20]}, seed=5)
    assert isinstance(layer, layers.AWGN)
    assert layer.snr_db == (10.0, 20.0)
    assert layer.seed == 5
    assert layer.on_waveforms
    assert not layers.make({"name": "spec_augment", "time_masks": 1}).on_waveforms
    turned = layers.make({"name": "random_rotation", "factor": [-0.1, 0.2]}, seed=5)
    assert not turned.on_waveforms
    assert turned.get_config()["factor"] == [-0.1, 0.2]
    assert layers.make({"name": "random_flip", "mode": "vertical"}).mode == "vertical"


def test_whitening_learns_nothing_from_its_file_but_the_weights():
    layer = layers.Whitening(np.zeros(3), np.eye(3))
    assert layer.get_config() == {"name": layer.name, "epsilon": 1e-3, "fitted": True}
