"""What networks listened to: weights, their places, the figure and the command."""

import keras
import numpy as np
import pytest

import serkeras
from serkeras import models
from serkeras.cli import main
from serkeras.evaluation.attention import Attention, attention
from serkeras.evaluation.attention_figure import attention_figure
from tests.recordings import SMALL


def wrapped(name, shape, **settings):
    """Return a network as it stands in a run's model: inside another, behind its scaling."""
    keras.utils.set_random_seed(0)
    network = models.build(name, shape, 3, **settings)
    features = keras.Input(shape, name="features")
    scaled = keras.layers.Rescaling(0.5, 0.1)(features)
    if len(network.inputs) == 1:
        return keras.Model(features, network(scaled))
    mask = keras.Input((None,), dtype="bool", name="mask")
    inputs = {"features": features, "mask": mask}
    return keras.Model(inputs, network({"features": scaled, "mask": mask}))


def clip(shape, seed=0):
    """What a model of a network that takes a mask is given."""
    x = np.random.default_rng(seed).normal(size=(1, *shape)).astype(np.float32)
    return x if len(shape) == 2 else {"features": x, "mask": np.ones((1, shape[1]), bool)}


# Places by hand: half a convolution's width (less the padding before it) at the step so far.
PLACES = [
    # 2 x 2 averages twice: 0..3 is one place, and 48..51 is none
    ("cnn-attention", (40, 50, 1), 3, (1.5, 4, 10), (1.5, 4, 12)),
    # borders of half a kernel everywhere: the first place stands on 0; strides 4, 2, 2, 2
    ("fcn-attention-2d", (64, 96, 1), 2, (0, 32, 2), (0, 32, 3)),
    # four encoders, in which a frame is one place with all of its bins
    ("cnn2-transformer", (40, 50, 1), 4, (19.5, 40, 1), (0, 1, 50)),
    # a frame is one place, with all of its bins
    ("reslstm", (40, 50, 1), 1, (19.5, 40, 1), (0, 1, 50)),
    # three stages halve the frames; a place has all bins
    ("residual-attention", (64, 96, 1), 4, (31.5, 64, 1), (3.5, 8, 12)),
    ("residual-attention", (64, 49, 1), 4, (31.5, 64, 1), (3.5, 8, 7)),
    # 5 + 1 x 4 + 2 x 8 + 1 x 8 + (1 + 1 + 1) x 16
    ("fcn-attention-1d", (259, 1), 1, (81, 32, 4), (0, 1, 1)),
]


@pytest.mark.parametrize(("name", "shape", "heads", "bins", "frames"), PLACES)
def test_weights_sum_to_one_and_stand_where_the_network_looks(name, shape, heads, bins, frames):
    own = name in ("cnn-attention", "reslstm", "cnn2-transformer")
    settings = {} if own else {"heads": heads}
    if name == "fcn-attention-2d":
        settings["width"] = 0.1
    model, x = wrapped(name, shape, **settings), clip(shape)
    found = attention(model, x["features"] if name == "cnn2-transformer" else x)
    assert found.weights.shape == (bins[2], frames[2], heads)
    np.testing.assert_allclose(found.weights.sum(axis=(0, 1)), 1.0, atol=1e-5)
    for places, (first, step, count) in ((found.bins, bins), (found.frames, frames)):
        if len(shape) == 3 or places is found.bins:
            np.testing.assert_allclose(places, first + step * np.arange(count))


def test_frames_of_a_residual_network_stand_where_it_looks():
    shape = (64, 176, 1)
    model = wrapped("residual-attention", shape)
    network = next(layer for layer in model.layers if isinstance(layer, keras.Model))
    look = keras.Model(network.input, network.get_layer("by_frames").output)
    still = np.zeros((1, *shape), np.float32)
    loud = still.copy()
    loud[:, :, 80:88] = 30.0
    seen = [np.asarray(keras.ops.convert_to_numpy(look(x))) for x in (still, loud)]
    changed = np.abs(seen[1] - seen[0]).sum(axis=(2, 3))[0]
    found = attention(model, still)
    assert abs(np.average(found.frames, weights=changed) - 83.5) < found.frame_step / 2


@pytest.mark.parametrize("name", ["cnn-attention", "fcn-attention-2d"])
def test_a_change_in_a_clip_shows_at_its_place(name):
    shape, settings = (64, 320, 1), {"width": 0.1} if name == "fcn-attention-2d" else {}
    model = wrapped(name, shape, **settings)
    network = next(layer for layer in model.layers if isinstance(layer, keras.Model))
    look = keras.Model(network.inputs, network.get_layer("positions").output)
    still, loud = clip(shape), clip(shape)
    loud["features"][:, :, 160:164] += 30.0
    order = [tensor.name for tensor in network.inputs]
    seen = [look([x[key] for key in order]) for x in (still, loud)]
    changed = np.abs(np.asarray(seen[1]) - np.asarray(seen[0])).sum(axis=-1)[0]
    found = attention(model, still)
    over_time = changed.reshape(len(found.bins), -1).sum(axis=0)
    centre = np.average(found.frames, weights=over_time)
    assert abs(centre - 161.5) < found.frame_step / 2


def test_weights_of_an_encoder_are_those_of_its_attention():
    """By hand from the kernels of the first encoder: softmax of q k / sqrt(d), averaged."""
    shape = (40, 33, 1)
    model = wrapped("cnn2-transformer", shape, num_layers=2)
    x = clip(shape)["features"]
    found = attention(model, x)
    assert found.word == "encoder"
    network = next(layer for layer in model.layers if isinstance(layer, keras.Model))
    layer = network.get_layer("encoder1")._self_attention_layer
    frames = 0.5 * x[0, :, :, 0].T + 0.1
    query, key = (
        np.einsum("tc,chd->htd", frames, dense.kernel.numpy()) + dense.bias.numpy()[:, None]
        for dense in (layer._query_dense, layer._key_dense)
    )
    scores = np.einsum("hqd,hkd->hqk", query, key) / np.sqrt(query.shape[-1])
    scores = np.exp(scores - scores.max(axis=-1, keepdims=True))
    scores /= scores.sum(axis=-1, keepdims=True)
    np.testing.assert_allclose(found.weights[0, :, 0], scores.mean(axis=(0, 1)), atol=1e-5)


def test_encoders_over_the_batch_show_nothing_of_a_clip():
    with pytest.raises(ValueError, match="attention layer"):
        attention(wrapped("cnn2-transformer", (40, 33, 1), attention_axis="batch"), None)


def test_weights_without_lambda_by_hand():
    weights = np.array([0.5, 0.25, 0.25]).reshape(3, 1, 1)
    found = Attention(weights, np.arange(3), np.zeros(1), 1, 1, scale=0.5)
    # A lambda of one half has taken square roots: 4 : 1 : 1.
    np.testing.assert_allclose(found.plain.ravel(), [4 / 6, 1 / 6, 1 / 6])


def test_a_network_without_attention_is_refused():
    with pytest.raises(ValueError, match=r"attention layer.*Received.*Train cnn-attention"):
        attention(wrapped("cnn", (32, 32, 1)), clip((32, 32, 1)))


def test_a_classical_run_is_refused_before_its_recording_is_read(own_csv, tmp_path):
    run = serkeras.train("logistic-sklearn", data=[own_csv], out=tmp_path / "run", progress=False)
    with pytest.raises(ValueError, match=r"attention layer.*Received: logistic-sklearn"):
        serkeras.show_attention(run, tmp_path / "nowhere.wav")


def test_averages_over_frequency_stand_in_time():
    found = Attention(np.full((4, 1, 1), 0.25), 10.0 + 20 * np.arange(4), np.zeros(1), 20, 1, 0.8)
    drawn = attention_figure(np.zeros(16000), 16000, np.zeros(80), 200, found, "", "frequency")
    assert drawn.axes[1].get_xlabel() == "seconds"
    np.testing.assert_allclose(drawn.axes[2].patches[0].get_data().edges, np.linspace(0, 1, 5))


@pytest.mark.parametrize("scale", [None, 1.0, 0.3])
@pytest.mark.parametrize("over_time", [True, False])
def test_figure_shows_what_it_is_given(scale, over_time):
    frames = 4 if over_time else 1
    weights = np.arange(1, 1 + 3 * frames, dtype=float).reshape(3, frames, 1)
    places = [10.0 + 20 * np.arange(3), 5.0 + 10 * np.arange(frames)]
    found = Attention(weights / weights.sum(), *places, 20, 10, scale)
    features = np.random.default_rng(0).normal(size=(60, 40) if over_time else 60)
    drawn = attention_figure(np.zeros(16000), 16000, features, 400, found, "a title")
    assert drawn.get_suptitle() == "a title"
    lines = [axis for axis in drawn.axes if axis.get_ylabel() == "times the equal weight"]
    texts = [text.get_text() for text in lines[0].get_legend().get_texts()]
    assert any("thin" in text for text in texts) == (scale == 0.3)
    # Frames 5, 15, 25, 35 of 25 ms each, and half a step on both sides.
    stairs = lines[0].patches[0].get_data()
    expected = np.linspace(0, 1, 5) if over_time else np.array([0, 20, 40, 60])
    np.testing.assert_allclose(stairs.edges, expected)
    summed = weights.sum(axis=0 if over_time else 1).ravel() / weights.sum()
    np.testing.assert_allclose(stairs.values, summed * len(summed))


def test_command_draws_a_run_on_recordings(own_csv, tmp_path, capsys):
    settings = {**SMALL, "audio.fit": "keep", "training.epochs": 1, "training.retrain": False}
    run = serkeras.train(
        "cnn-attention", data=[own_csv], out=tmp_path / "run", settings=settings, progress=False
    )
    clips = [path for path in run.predictions["path"][:2]]
    broken = tmp_path / "broken.wav"
    broken.write_text("this is text")
    words = ["attention", str(run.folder), clips[0], str(broken), clips[1]]
    assert main([*words, "--out", str(tmp_path / "figures")]) == 1
    printed = capsys.readouterr()
    assert "broken.wav" in printed.err
    written = sorted(path.name for path in (tmp_path / "figures").iterdir())
    assert [name[:4] for name in written] == ["001-", "003-"]
    assert all(name in printed.out for name in written)
