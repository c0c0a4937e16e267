"""The contract that every registered model keeps, and the counts of the source report."""

import select
import subprocess
import sys

import keras
import numpy as np
import pytest

from serkeras import models

CLASSES = 7
SHAPE = (128, 94, 1)
# Those that other networks want; the second is the smallest that learns eight clips quickly.
SHAPES = {
    "cnn-lstm": [(128, 128, 1), (128, 128, 1)],
    "cnn5": [(20, 40, 1), (18, 18, 1)],
    "fcn-attention-1d": [(259, 1), (163, 1)],
    "fcn-attention-2d": [(64, 94, 1), (48, 48, 1)],
    "issa": [(40, 1), (24, 1)],
    "mmfusion": [(4096, 1), (2048, 1)],
    "ssl": [(1600, 1), (1600, 1)],
}
# What a model cannot be built without; drop and mask would keep eight clips from being learnt.
NEEDED = {
    "ssl": {
        "config": {
            "model_type": "wav2vec2", "hidden_size": 16, "num_hidden_layers": 1,
            "num_attention_heads": 2, "intermediate_size": 24, "conv_dim": [16, 16],
            "conv_kernel": [10, 4], "conv_stride": [5, 4], "num_conv_pos_embeddings": 8,
            "num_conv_pos_embedding_groups": 2, "layerdrop": 0.0, "apply_spec_augment": False,
            "hidden_dropout": 0.0, "attention_dropout": 0.0, "activation_dropout": 0.0,
        }
    }
}  # fmt: skip
NEEDED["mmfusion"] = {
    **NEEDED["ssl"], "backbone": "squeezenet1.1", "lstm_units": 4, "n_fft": 256,
    "hop_length": 128, "n_mels": 32, "n_mfcc": 8, "width": 12, "gate_units": 4, "units": 8,
}  # fmt: skip
# Narrower than in the papers, and ResNets with a block a stage: eight clips are learnt in seconds.
_BRANCH = {"backbone": "resnet18", "outputs": 8}
SMALL = {
    "fcn-attention-2d": {"width": 0.1},
    "multinet": {"branches": [_BRANCH, _BRANCH], "scaling": "none"},
    "transfer": {"backbone": "resnet18", "scaling": "none", "pooling": "average", "units": ()},
}


@pytest.fixture(scope="module", params=models.names())
def model(request):
    keras.utils.set_random_seed(0)
    shape = SHAPES.get(request.param, [SHAPE])[0]
    settings = NEEDED.get(request.param, {})
    return models.build(request.param, input_shape=shape, num_classes=CLASSES, **settings)


def clips_for(model, count=5, seed=0):
    """Return what a model is given, of a model's own shape; all frames are valid."""
    rng = np.random.default_rng(seed)
    if not isinstance(model.input, dict):
        return rng.normal(size=(count, *model.input.shape[1:])).astype(np.float32)
    shape = (count, *model.input["features"].shape[1:])
    x = rng.normal(size=shape).astype(np.float32)
    return {"features": x, "mask": np.ones((count, shape[-2]), bool)}


def some(clips, rows):
    """Return some rows of what `clips_for` returned."""
    return {k: v[rows] for k, v in clips.items()} if isinstance(clips, dict) else clips[rows]


@pytest.fixture(scope="module")
def clips(model):
    return clips_for(model)


def test_output_is_probabilities(model, clips):
    out = model.predict(clips, verbose=0)
    assert out.shape == (5, CLASSES)
    np.testing.assert_allclose(out.sum(axis=1), 1.0, atol=1e-5)
    assert (out >= 0).all()


def test_model_is_uncompiled_and_functional(model):
    assert isinstance(model, keras.Model)
    assert not model.compiled
    assert len(model.outputs) == 1
    assert len(model.inputs) == 1 or set(model.input) == {"features", "mask"}


def test_a_clip_alone_equals_the_clip_in_a_batch(model, clips):
    together = model.predict(clips, verbose=0)
    alone = model.predict(some(clips, slice(2, 3)), verbose=0)
    np.testing.assert_allclose(alone[0], together[2], atol=1e-5)


LOADING = """
import sys, traceback
import serkeras, keras, numpy as np
for line in sys.stdin:
    folder = line.strip()
    try:
        model = keras.saving.load_model(folder + '/model.keras', safe_mode=True)
        clips = dict(np.load(folder + '/clips.npz'))
        np.save(folder + '/out.npy', model.predict(clips.get('x', clips), verbose=0))
        print('loaded', flush=True)
    except Exception:
        print(traceback.format_exc().replace(chr(10), ' | '), flush=True)
"""


@pytest.fixture(scope="module")
def fresh():
    """A process that has built no model: it loads and asks those in the folders it is told."""
    with subprocess.Popen(
        [sys.executable, "-c", LOADING], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield process
        process.stdin.close()


def test_saved_model_loads_in_a_fresh_process_with_safe_mode_on(model, clips, fresh, tmp_path):
    model.save(tmp_path / "model.keras")
    np.savez(tmp_path / "clips.npz", **(clips if isinstance(clips, dict) else {"x": clips}))
    print(tmp_path, file=fresh.stdin, flush=True)
    assert select.select([fresh.stdout], [], [], 120)[0], "no answer within two minutes"
    assert fresh.stdout.readline() == "loaded\n"
    np.testing.assert_allclose(
        np.load(tmp_path / "out.npy"), model.predict(clips, verbose=0), atol=1e-6
    )


@pytest.mark.parametrize("name", models.names())
def test_model_overfits_eight_clips(name, shallow):
    shallow()
    keras.utils.set_random_seed(1)
    shape = SHAPES.get(name, [None, (32, 32, 1)])[1]
    model = models.build(name, shape, 4, **SMALL.get(name, NEEDED.get(name, {})))
    x = clips_for(model, 8, seed=1)
    y = np.arange(8) % 4
    model.compile(
        keras.optimizers.Adam(3e-3), "sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    for _ in range(30):
        model.fit(x, y, batch_size=8, epochs=10, verbose=0)
        if model.evaluate(x, y, verbose=0)[1] == 1.0:
            return
    pytest.fail(f"{name} did not learn eight clips in 300 steps")


# Counted by hand: convolutions 3*3*in*out + out, batch normalisation 4 a channel (or 4 a frame,
# as published), encoder 198,272 a layer as in the source's summary, dense 1,152 * 7 + 7.
CONVOLUTIONS = [160, 4640, 18496]


@pytest.mark.parametrize(
    ("axis", "norms", "total"),
    [("channel", [64, 128, 256], 848_647), ("time", [376, 188, 44], 848_967)],
)
def test_parameters_of_the_parallel_model_layer_by_layer(axis, norms, total):
    model = models.build("cnn2-transformer", SHAPE, CLASSES, batch_norm_axis=axis)
    count = {layer.name: layer.count_params() for layer in model.layers}
    for block in ("block1", "block2"):
        assert [count[f"{block}_conv{i}"] for i in (1, 2, 3)] == CONVOLUTIONS
        assert [count[f"{block}_norm{i}"] for i in (1, 2, 3)] == norms
    assert [count[f"encoder{i}"] for i in (1, 2, 3, 4)] == [198_272] * 4
    assert count["logits"] == 8071
    assert model.count_params() == total


@pytest.mark.parametrize(
    ("name", "axis", "total"),
    [
        ("cnn", "channel", 160 + 64 + 4640 + 128 + 18496 + 256 + 3591),
        ("cnn", "time", 160 + 376 + 4640 + 188 + 18496 + 44 + 3591),
        ("cnn2", "channel", 2 * (160 + 64 + 4640 + 128 + 18496 + 256) + 1024 * 7 + 7),
        ("cnn2", "time", 2 * (160 + 376 + 4640 + 188 + 18496 + 44) + 1024 * 7 + 7),
    ],
)
def test_parameters_of_the_convolutional_models(name, axis, total):
    assert models.build(name, SHAPE, CLASSES, batch_norm_axis=axis).count_params() == total


def test_shapes_of_a_block_follow_the_source():
    model = models.build("cnn", SHAPE, CLASSES)
    shapes = {layer.name: layer.output.shape[1:] for layer in model.layers}
    assert shapes["block_pool1"] == (64, 47, 16)
    assert shapes["block_pool2"] == (16, 11, 32)
    assert shapes["block_pool3"] == (4, 2, 64)
    assert shapes["block_flat"] == (512,)


def momenta(model):
    """Return the momentum of each batch normalisation of a model, in their order."""
    kinds = keras.layers.BatchNormalization
    return [layer.momentum for layer in model.layers if isinstance(layer, kinds)]


@pytest.mark.parametrize(("name", "count"), [("cnn", 3), ("cnn2", 6), ("cnn2-transformer", 6)])
def test_momentum_of_batch_normalisation_is_a_setting(name, count):
    """The default is Keras's, which the source left as it was: published recipes keep it."""
    assert momenta(models.build(name, SHAPE, CLASSES)) == [0.99] * count
    faster = models.build(name, SHAPE, CLASSES, batch_norm_momentum=0.9)
    assert momenta(faster) == [0.9] * count
    assert momenta(keras.Model.from_config(faster.get_config())) == [0.9] * count


def test_published_attention_fault_makes_a_clip_depend_on_its_batch():
    keras.utils.set_random_seed(0)
    model = models.build("cnn2-transformer", SHAPE, CLASSES, attention_axis="batch")
    clips = clips_for(model)
    together = model.predict(clips, verbose=0)
    alone = model.predict(clips[2:3], verbose=0)
    assert np.abs(alone[0] - together[2]).max() > 1e-3


@pytest.mark.parametrize(
    ("name", "shape", "settings", "words"),
    [
        ("cnn3", SHAPE, {}, "must be one of .*'cnn'.*Received: 'cnn3'"),
        ("cnn", SHAPE, {"depth": 3}, r"must be among .*'dropout'.*Received: \['depth'\]"),
        ("cnn", (128, 20, 1), {}, r"at least 32 bins and 32 frames.*\(128, 20, 1\)"),
        ("cnn", (128, 94), {}, r"must be \(bins, frames, 1\).*\(128, 94\)"),
        ("cnn2", SHAPE, {"batch_norm_axis": "frame"}, "`batch_norm_axis` must be .*'frame'"),
        ("cnn", SHAPE, {"batch_norm_momentum": 1}, "at least 0 and below 1.*Received: 1. Use 0.99"),
        ("cnn2", SHAPE, {"batch_norm_momentum": -0.1}, "`batch_norm_momentum` must.*: -0.1"),
        ("cnn2-transformer", SHAPE, {"attention_axis": "clip"}, "`attention_axis` must.*'clip'"),
        ("cnn2-transformer", (126, 94, 1), {}, "divisible by `num_heads`.*126"),
        ("cnn5", (15, 94, 1), {}, r"more than 15 bins.*\(15, 94, 1\).*padding='same'"),
        ("cnn-lstm", (128, 94, 1), {}, r"at least 128 bins and frames.*\(128, 94, 1\)"),
        ("cnn-attention", (3, None, 1), {}, r"at least 4 bins.*\(3, None, 1\)"),
        ("fc-mfcc", (20, 94, 1), {}, r"at least 32 bins and 8 frames.*\(20, 94, 1\)"),
        ("fcn-attention-1d", (162, 1), {}, r"163 numbers or more.*\(162, 1\).*more bands"),
        ("fcn-attention-2d", (128, 1), {}, r"\(bins, frames or None, 1\).*\(128, 1\)"),
        ("issa", (7, 1), {}, r"8 numbers or more.*\(7, 1\)"),
        ("reslstm", (40, 1), {}, r"\(bins, frames or None, 1\).*\(40, 1\)"),
        ("reslstm", (None, 94, 1), {}, r"\(bins, frames or None, 1\).*\(None, 94, 1\)"),
        ("reslstm", (128, 94, 3), {}, r"one step of an LSTM is one frame.*\(128, 94, 3\)"),
        ("logistic", (20, None, 1), {}, r"must be known.*\(20, None, 1\)"),
    ],
)
def test_bad_requests_are_named(name, shape, settings, words):
    with pytest.raises(ValueError, match=words):
        models.build(name, shape, CLASSES, **settings)
