"""Every way from a recording into a network, from end to end on a tiny corpus."""

import subprocess
import sys

import keras
import numpy as np
import pytest
from keras import ops

import serkeras
from serkeras import audio, models
from tests.recordings import SMALL

ONE_EPOCH = {**SMALL, "training.epochs": 1, "training.retrain": False, "augment.copies": 0}
AWGN = {"name": "awgn", "snr_db": [10.0, 20.0]}
SPEC_AUGMENT = {"name": "spec_augment", "time_width": 5, "frequency_width": 5}


def tiny(input_shape, num_classes):
    """Global mean of whatever comes, and a dense layer."""
    inputs = keras.Input(input_shape)
    x = keras.layers.Flatten()(inputs)
    outputs = keras.layers.Dense(num_classes, activation="softmax")(x)
    return keras.Model(inputs, outputs, name="tiny")


def masked(input_shape, num_classes):
    """Mean over the valid frames alone, and a dense layer."""
    features = keras.Input(input_shape, name="features")
    mask = keras.Input((None,), dtype="bool", name="mask")
    valid = ops.cast(mask, "float32")[:, None, :, None]
    x = ops.sum(features * valid, axis=(2, 3)) / ops.sum(valid, axis=(2, 3))
    outputs = keras.layers.Dense(num_classes, activation="softmax")(x)
    return keras.Model({"features": features, "mask": mask}, outputs, name="masked")


@pytest.fixture
def train(own_csv, tmp_path, monkeypatch):
    for builder in (tiny, masked):
        monkeypatch.setitem(models._BUILDERS, builder.__name__, (__name__, builder.__name__))

    def run(settings, name="run"):
        return serkeras.train(
            "cnn",
            data=[own_csv],
            out=tmp_path / name,
            settings={**ONE_EPOCH, "model.name": "tiny", **settings},
            progress=False,
        )

    return run


WAYS = {
    "stack to a number of frames": {"features.name": "mel+mfcc+rms", "features.frames": 50},
    "averaged over time": {"features.name": "mfcc+chroma", "features.average": "time"},
    "averaged over frequency": {"features.name": "mel", "features.average": "frequency"},
    "three resolutions, white": {
        "features.name": "multi_resolution", "features.width": 40, "features.whiten": True,
        "audio.fit": "stretch", "audio.level": "standard", "model.normalize": "none",
    },
    "pictures": {
        "features.name": "mel_image", "features.image_size": 32, "model.normalize": "none",
    },
    "waveform": {"features.name": "waveform", "augment.layers": [AWGN]},
    "whitened by the training side": {"model.normalize": "whiten"},
    "channels whitened by the training side": {
        "features.name": "spectrogram_mfcc_delta", "features.width": 40,
        "model.normalize": "whiten",
    },
    "masks over features": {"augment.layers": [SPEC_AUGMENT]},
    "changed on the fly": {"augment.on_the_fly": True},
    "in the graph": {"features.in_graph": True, "augment.layers": [AWGN, SPEC_AUGMENT]},
    "in the graph, changed on the fly": {
        "features.in_graph": True, "augment.on_the_fly": True, "model.normalize": "none",
    },
    "each its own length": {"audio.fit": "keep", "model.name": "masked"},
    "each its own length, changed on the fly": {
        "audio.fit": "keep", "model.name": "masked", "augment.on_the_fly": True,
        "augment.transforms": [{"name": "awgn", "snr_db": 10.0}],
    },
    "a mask over clips of one length": {"model.name": "masked"},
}  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
def test_predictions_are_those_of_the_evaluation(way, train):
    run = train(WAYS[way])
    expected = run.predictions.set_index("path")
    found = serkeras.predict(run, list(expected.index)).set_index("path")
    columns = [f"p_{label}" for label in run.labels]
    np.testing.assert_allclose(
        found[run.labels].to_numpy(), expected.loc[found.index, columns].to_numpy(), atol=1e-4
    )


@pytest.mark.parametrize("way", ["in the graph", "stack in the graph", "outside"])
def test_one_file_from_waveform_to_probabilities(way, train, tmp_path):
    settings = {
        "in the graph": WAYS["in the graph"],
        "stack in the graph": {"features.name": "log_mel+mfcc_delta", "features.in_graph": True},
        "outside": {"features.name": "mfcc+mel"},
    }
    run = train(settings[way])
    model = serkeras.waveform_model(run)
    path = tmp_path / "whole.keras"
    model.save(path)
    rows = run.predictions
    waves = np.stack([audio.load_clip(clip, run.experiment.audio) for clip in rows["path"]])
    expected = rows[[f"p_{label}" for label in run.labels]].to_numpy()
    np.testing.assert_allclose(model.predict(waves, verbose=0), expected, atol=1e-4)
    np.save(tmp_path / "waves.npy", waves)
    program = (
        "import serkeras, keras, numpy as np\n"
        f"model = keras.saving.load_model({str(path)!r}, safe_mode=True)\n"
        f"waves = np.load({str(tmp_path / 'waves.npy')!r})\n"
        f"np.save({str(tmp_path / 'found.npy')!r}, model.predict(waves, verbose=0))\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)
    np.testing.assert_allclose(np.load(tmp_path / "found.npy"), expected, atol=1e-4)


REFUSED = {
    "no layer": ({"features.in_graph": True, "features.name": "chroma"}, "Inside a model"),
    "one length": ({"audio.fit": "keep"}, "a network that takes a mask"),
    "lengths in the graph": (
        {"audio.fit": "keep", "features.in_graph": True, "model.name": "masked"},
        "clips of one length",
    ),
    "layers on padding": (
        {"audio.fit": "keep", "model.name": "masked", "augment.layers": [SPEC_AUGMENT]},
        "clips of one length",
    ),
    "rolled averages": (
        {"features.average": "time", "augment.layers": [{"name": "time_shift"}]},
        "frames or samples",
    ),
    "noise on features": ({"augment.layers": [AWGN]}, "AWGN takes waveforms"),
    "no such layer": ({"augment.layers": [{"name": "fog"}]}, "Received: 'fog'"),
    "no such transform": (
        {"augment.copies": 1, "augment.transforms": [{"name": "fog"}]}, "Received: 'fog'",
    ),
    "white waveforms": (
        {"features.name": "waveform", "model.normalize": "whiten"}, "must have bins",
    ),
}  # fmt: skip


@pytest.mark.parametrize("fault", REFUSED)
def test_refused_before_anything_is_made(fault, train, tmp_path):
    settings, words = REFUSED[fault]
    with pytest.raises(ValueError, match=words):
        train(settings)
    assert not (tmp_path / "run").exists()


def test_own_lengths_have_no_model_of_waveforms(train):
    run = train(WAYS["each its own length"])
    with pytest.raises(ValueError, match="clips of one length"):
        serkeras.waveform_model(run)
