"""ResLSTM-SA: against PyTorch, against the source's counts, and its front end against librosa."""

import json

import keras
import librosa
import numpy as np
import pytest
import soundfile

import serkeras
from serkeras import audio, features, models, recipes
from serkeras.models.reslstm import ForgetBias
from serkeras.training.schedules import Schedule
from tests.recordings import SMALL
from tests.test_from_scratch import batch

BINS, CLASSES = 40, 8
LENGTHS = [1, 2, 17, 60, 31]


def build(units=12, seed=0):
    keras.utils.set_random_seed(seed)
    return models.build("reslstm", (BINS, None, 1), CLASSES, units=units)


def shaken(model):
    """Move all weights away from where they start: zeros and ones would hide what is left out."""
    rng = np.random.default_rng(1)
    for weight in model.weights:
        # Variances stay above zero.
        change = np.abs if "moving_variance" in weight.path else np.asarray
        value = keras.ops.convert_to_numpy(weight)
        weight.assign(value + change(0.3 * rng.normal(size=value.shape)))
    return model


def in_torch(model, clips):
    """Return what PyTorch answers with a model's weights to a batch of packed clips."""
    torch = pytest.importorskip("torch")
    nn = torch.nn

    def numbers(name):
        return [torch.tensor(keras.ops.convert_to_numpy(w)) for w in model.get_layer(name).weights]

    def lstm(name):
        kernel, recurrent, bias = numbers(name)
        layer = nn.LSTM(len(kernel), len(recurrent), batch_first=True)
        # Two vectors in PyTorch, whose sum counts.
        given = (kernel.T, recurrent.T, 0.25 * bias, 0.75 * bias)
        for parameter, value in zip(layer.parameters(), given, strict=True):
            parameter.data = value.contiguous()
        return layer

    def norm(name):
        gamma, beta, mean, variance = numbers(name)
        layer = nn.BatchNorm1d(len(gamma))
        state = {"weight": gamma, "bias": beta, "running_mean": mean, "running_var": variance}
        layer.load_state_dict(state, strict=False)
        return layer.eval()

    def run(layer, x, lengths):
        kept = {"batch_first": True, "enforce_sorted": False}
        packed = nn.utils.rnn.pack_padded_sequence(x, lengths, **kept)
        return nn.utils.rnn.pad_packed_sequence(layer(packed)[0], batch_first=True)[0]

    with torch.no_grad():
        x = torch.tensor(clips["features"][..., 0]).transpose(1, 2)
        lengths = torch.tensor(clips["mask"].sum(axis=1))
        x = x + run(lstm("lstm1"), x, lengths)
        x = norm("norm1")(x.transpose(1, 2)).transpose(1, 2)
        x = run(lstm("lstm2"), x, lengths)
        scores = (x @ numbers("attention")[0])[..., 0]
        scores[~torch.tensor(clips["mask"])] = -torch.inf
        pooled = (scores.softmax(dim=1)[..., None] * x).sum(dim=1)
        kernel, bias = numbers("logits")
        return (norm("norm2")(pooled) @ kernel + bias).softmax(dim=1).numpy()


def test_equal_to_pytorch_on_clips_of_different_lengths():
    model, clips = shaken(build()), batch(LENGTHS, 0.0)
    found = model.predict(clips, verbose=0)
    assert np.ptp(found, axis=0).max() > 0.1  # else any answer would do
    np.testing.assert_allclose(found, in_torch(model, clips), atol=1e-5)


@pytest.mark.parametrize(("row", "length"), list(enumerate(LENGTHS)))
def test_a_clip_does_not_depend_on_its_mates(row, length):
    model = shaken(build())
    together = model.predict(batch(LENGTHS, 1e3), verbose=0)
    alone = model.predict(batch([length], 0.0), verbose=0)
    np.testing.assert_allclose(alone[0], together[row], atol=2e-6)


@pytest.mark.parametrize(("units", "published"), [(32, 27_988), (64, 46_772), (128, 108_916)])
def test_parameters_are_those_of_the_source_but_for_the_second_biases(units, published):
    model = models.build("reslstm", (46, None, 1), 8, units=units)
    learned = sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)
    assert learned + 4 * 46 + 4 * units == published


def test_weights_start_as_in_the_source():
    model = build(units=200)
    for name, fan_in in (("lstm1", BINS), ("lstm2", BINS)):
        kernel, recurrent, bias = map(keras.ops.convert_to_numpy, model.get_layer(name).weights)
        units = len(recurrent)
        gates = bias.reshape(4, units)
        np.testing.assert_array_equal(gates, np.array([[0], [2], [0], [0]]) * np.ones(units))
        np.testing.assert_allclose(recurrent @ recurrent.T, np.eye(units), atol=1e-4)
        assert kernel.std() == pytest.approx((2 / (fan_in + 4 * units)) ** 0.5, rel=0.03)
        # A uniform distribution of this deviation ends at 1.73 of it.
        assert np.abs(kernel).max() > 1.9 * kernel.std()


def test_biases_survive_a_file():
    config = json.loads(json.dumps(keras.saving.serialize_keras_object(ForgetBias(1.5))))
    again = keras.saving.deserialize_keras_object(config)
    np.testing.assert_array_equal(again((8,), "float32"), [0, 0, 1.5, 1.5, 0, 0, 0, 0])


def test_recipe_falls_along_cosines_to_a_hundredth():
    config = recipes.load("reslstm").training
    rule = Schedule(config.schedule, config.learning_rate, config.epochs)
    assert rule.rate(0, []) == rule.rate(10, []) == rule.rate(90, []) == 1e-3
    assert rule.rate(5, []) == rule.rate(15, []) == pytest.approx(5.05e-4)
    assert rule.rate(9.999, []) == pytest.approx(1e-5, rel=0.01)


@pytest.mark.filterwarnings("ignore:Trying to estimate tuning:UserWarning")
def test_front_end_is_that_of_librosa_on_the_whole_clip(tmp_path):
    config = recipes.load("reslstm")
    rng = np.random.default_rng(0)
    seconds = np.arange(round(3.3 * 48000)) / 48000
    wave = 0.1 * np.sin(2 * np.pi * 440 * seconds) + 0.01 * rng.normal(size=seconds.size)
    soundfile.write(tmp_path / "a.wav", wave, 48000)
    heard = audio.load_clip(tmp_path / "a.wav", config.audio)
    sizes = {"sr": 48000, "n_fft": 4096, "hop_length": 2048}
    expected = np.concatenate(
        [
            librosa.feature.mfcc(y=heard, n_mfcc=34, **sizes),
            librosa.feature.chroma_stft(y=heard, **sizes),
        ]
    )
    found = features.compute(heard[None], config.features, config.audio.sample_rate)[0]
    assert found.shape == expected.shape == (46, 1 + len(heard) // 2048)
    assert len(heard) == len(wave)
    np.testing.assert_allclose(found, expected, atol=2e-3)


def test_recipe_trains_on_clips_of_their_own_length(own_csv, tmp_path):
    settings = {
        "audio.sample_rate": 16000,
        "features.n_fft": 1024,
        "features.hop_length": 512,
        "training.batch_size": SMALL["training.batch_size"],
        "training.epochs": 2,
        "training.patience": 2,
    }
    run = serkeras.train(
        "reslstm", data=[own_csv], out=tmp_path / "run", settings=settings, progress=False
    )
    assert set(run.predictions["clip"]) == set(run.clips("test"))
    assert run.model.input["features"].shape[1:] == (46, None, 1)
