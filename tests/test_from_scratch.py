"""Networks of reports S0, S2, S3 and of papers: hand arithmetic, masks, attention."""

import keras
import numpy as np
import pytest

from serkeras import models
from serkeras.models.attention import AttentionWeights, AveragedSelfAttention

# Parameters of the layers in order, counted by hand: a convolution has kernel x channels in x
# channels out + channels out, a normalisation 4 a channel, an LSTM 4 ((in + units) units + units).
COUNTS = {
    # 301 x 8 + 8
    ("logistic", (301, 1), 8): {"logits": 2_416},
    # 16 x 32 + 32, then 16 x 32 x 32 + 32; each border takes 3 of 301 x 250: 286 x 235 x 32 x 8 + 8
    ("cnn5", (301, 250, 1), 8): {
        "conv1": 544, "conv2": 16_416, "conv3": 16_416, "conv4": 16_416, "conv5": 16_416,
        "norm2": 128, "norm3": 128, "norm4": 128, "norm5": 128, "logits": 17_205_768,
    },
    # 5 x 256 + 256, 5 x 256 x 128 + 128, 5 x 128 x 128 + 128; 24 x 128 x 8 + 8
    ("issa", (193, 1), 8): {
        "conv1": 1_536, "norm1": 1_024, "conv2": 163_968, "norm2": 512, "conv3": 82_048,
        "conv4": 82_048, "conv5": 82_048, "norm5": 512, "conv6": 82_048, "logits": 24_584,
        "norm_logits": 32,
    },
    # 4 ((256 + 256) 256 + 256) each LSTM
    ("cnn-lstm", (128, 313, 1), 7): {
        "conv1": 320, "conv2": 13_872, "conv3": 27_712, "conv4": 73_856, "conv5": 295_168,
        "norm1": 128, "norm2": 192, "norm3": 256, "norm4": 512, "norm5": 1_024,
        "lstm1": 525_312, "lstm2": 525_312, "logits": 1_799,
    },
    # 9 x 32 + 32 (twice), 11 x 32 + 32; 9 x 96 x 64 + 64 and so on
    ("fc-mfcc", (40, 313, 1), 7): {
        "square_conv": 320, "tall_conv": 320, "wide_conv": 384,
        "square_norm": 128, "tall_norm": 128, "wide_norm": 128,
        "block1_conv": 55_360, "block2_conv": 55_392, "block3_conv": 110_720,
        "block4_conv": 184_480, "block5_conv": 461_120,
        "block1_norm": 256, "block2_norm": 384, "block3_norm": 512, "block4_norm": 640,
        "block5_norm": 1_280, "logits": 2_247,
    },
    # 33 x 8 + 8, 27 x 8 + 8; attention 3 x 80 x (3 x 128), without biases
    ("cnn-attention", (40, None, 1), 7): {
        "tall_conv": 272, "wide_conv": 224, "tall_norm": 32, "wide_norm": 32,
        "block1_conv": 4_640, "block2_conv": 13_872, "block3_conv": 27_712,
        "block4_conv": 46_160, "block1_norm": 128, "block2_norm": 192, "block3_norm": 256,
        "block4_norm": 320, "attention": 92_160, "norm": 256, "logits": 903,
    },
    # attention: 30 x 4 + 4, and a vector of 4
    ("fcn-attention-1d", (259, 1), 4): {
        "conv1": 60, "conv2": 260, "conv3": 620, "conv4": 1_830, "attention": 128,
        "logits": 124,
    },
    # 4 ((46 + 46) 46 + 46), 4 ((46 + 64) 64 + 64); attention: a vector of 64; 64 x 8 + 8
    ("reslstm", (46, None, 1), 8): {
        "lstm1": 17_112, "norm1": 184, "lstm2": 28_416, "attention": 64, "norm2": 256,
        "logits": 520,
    },
    # AlexNet's 96, 256, 384, 384, 256 in one tower; attention: 256 x 256 + 256, a vector of 256
    ("fcn-attention-2d", (200, None, 1), 4): {
        "conv1": 11_712, "conv2": 614_656, "conv3": 885_120, "conv4": 1_327_488,
        "conv5": 884_992, "attention": 66_048, "logits": 1_028,
    },
}  # fmt: skip

# Output shapes of the stages, by hand.
STAGES = {
    ("cnn5", (301, 250, 1), 8): {
        "conv1": (298, 247, 32), "conv5": (286, 235, 32), "flat": (2_150_720,),
    },
    ("issa", (193, 1), 8): {
        "conv1": (193, 256), "conv2": (193, 128), "pool": (24, 128), "conv6": (24, 128),
        "flat": (3072,),
    },
    ("cnn-lstm", (128, 313, 1), 7): {
        "pool1": (64, 156, 32), "pool2": (32, 78, 48), "pool3": (16, 39, 64),
        "pool4": (4, 9, 128), "pool5": (1, 2, 256), "sequence": (2, 256), "lstm1": (2, 256),
        "lstm2": (256,),
    },
    ("fc-mfcc", (40, 313, 1), 7): {
        "joined": (20, 156, 96), "block1_pool": (10, 78, 64), "block2_pool": (5, 39, 96),
        "block3_pool": (2, 39, 128), "block4_pool": (1, 39, 160), "block5_pool": (320,),
    },
    # Three masked frames stand behind the clip.
    ("cnn-attention", (40, 251, 1), 7): {
        "joined": (40, 254, 16), "block1_pool": (20, 127, 32), "block2_pool": (10, 63, 48),
        "positions": (630, 80), "attention": (630, 128), "norm": (128,),
    },
    ("reslstm", (46, 88, 1), 8): {
        "positions": (88, 46), "past": (88, 46), "lstm2": (88, 64), "attention": (88, 1),
        "clip": (64,),
    },
    ("fcn-attention-1d", (259, 1), 4): {
        "conv1": (63, 5), "pool1": (31, 5), "conv2": (27, 10), "pool2": (13, 10),
        "conv3": (11, 20), "conv4": (9, 30), "pool4": (4, 30), "attention": (4, 1),
        "clip": (30,),
    },
    ("fcn-attention-2d", (200, 300, 1), 4): {
        "conv1": (50, 75, 96), "pool1": (25, 38, 96), "conv2": (25, 38, 256),
        "pool2": (13, 19, 256), "conv5": (13, 19, 256), "pool5": (7, 10, 256),
        "positions": (70, 256), "attention": (70, 1), "clip": (256,),
    },
}  # fmt: skip


@pytest.mark.parametrize("which", COUNTS, ids=lambda which: which[0])
def test_parameters_layer_by_layer(which):
    model = models.build(*which)
    counts = {layer.name: layer.count_params() for layer in model.layers if layer.count_params()}
    assert counts == COUNTS[which]


@pytest.mark.parametrize("which", STAGES, ids=lambda which: which[0])
def test_output_shapes_of_the_stages(which):
    model = models.build(*which)
    shapes = {name: model.get_layer(name).output.shape[1:] for name in STAGES[which]}
    assert shapes == STAGES[which]


def test_total_parameters_named_in_the_docstrings():
    assert models.build("issa", (193, 1), 8).count_params() == 520_360
    assert models.build("cnn5", (301, 250, 1), 8).count_params() == 17_272_488


def test_heads_have_vectors_of_their_own():
    model = models.build("fcn-attention-2d", (200, None, 1), 4, heads=4)
    assert model.get_layer("attention").count_params() == 65_792 + 4 * 256
    assert model.get_layer("logits").count_params() == 4 * 256 * 4 + 4


@pytest.mark.parametrize("bins", [6, 7, 12])
def test_cnn5_takes_the_few_bins_of_the_source_with_padding(bins):
    model = models.build("cnn5", (bins, 250, 1), 8, padding="same")
    assert model.get_layer("conv5").output.shape[1:] == (bins, 250, 32)


def masked(name, shape=(40, None, 1), **settings):
    """Return a masked model whose normalisations have seen padded clips in training."""
    keras.utils.set_random_seed(0)
    model = models.build(name, shape, 3, **settings)
    model.compile("adam", "sparse_categorical_crossentropy")
    clips = batch([60, 45, 30, 21], junk=0.0)
    model.fit(clips, np.array([0, 1, 2, 0]), epochs=3, verbose=0)
    return model


def batch(lengths, junk, longest=None, seed=0):
    """Return clips of 40 bins, each the same whatever its mates, with `junk` behind its end."""
    frames = longest or max(lengths)
    x = np.full((len(lengths), 40, frames, 1), junk, np.float32)
    for row, length in enumerate(lengths):
        rng = np.random.default_rng([seed, length])
        x[row, :, :length, 0] = rng.normal(size=(length, 40)).T + 0.5
    return {"features": x, "mask": np.arange(frames) < np.array(lengths)[:, None]}


MASKED = [
    ("cnn-attention", {}),
    ("fcn-attention-2d", {"width": 0.1, "heads": 2}),
    ("reslstm", {"units": 16}),
]


@pytest.fixture(scope="module", params=MASKED, ids=lambda item: item[0])
def trained(request):
    name, settings = request.param
    return masked(name, **settings)


@pytest.mark.parametrize("length", [1, 3, 4, 21, 22, 23, 24, 37, 60])
def test_padding_never_changes_a_prediction(trained, length):
    alone = trained.predict(batch([length], 0.0), verbose=0)[0]
    for longest in (61, 64, 90):
        padded = trained.predict(batch([length, longest], 0.0), verbose=0)[0]
        np.testing.assert_allclose(padded, alone, atol=2e-6)


def test_what_stands_in_the_padding_does_not_matter(trained):
    zeros = trained.predict(batch([30, 60], 0.0), verbose=0)
    junk = trained.predict(batch([30, 60], 1e3), verbose=0)
    np.testing.assert_allclose(junk, zeros, atol=2e-6)


def test_the_clip_itself_does_matter(trained):
    first = trained.predict(batch([30], 0.0), verbose=0)
    other = trained.predict(batch([30], 0.0, seed=1), verbose=0)
    assert np.abs(first - other).max() > 1e-3


@pytest.mark.parametrize(
    ("name", "settings"), [("cnn-attention", {}), ("reslstm", {"dropout": 0.0})]
)
def test_padding_moves_no_training_statistic(name, settings):
    found = []
    for longest in (30, 60):
        keras.utils.set_random_seed(0)
        model = models.build(name, (40, None, 1), 3, **settings)
        model.compile(keras.optimizers.SGD(0.0), "sparse_categorical_crossentropy")
        model.fit(batch([30, 24], 5.0, longest), np.array([0, 1]), verbose=0)
        found.append([keras.ops.convert_to_numpy(w) for w in model.non_trainable_weights])
    for short, long in zip(*found, strict=True):
        np.testing.assert_allclose(long, short, rtol=1e-4, atol=1e-6)


def softmax(scores):
    shifted = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return shifted / shifted.sum(axis=-1, keepdims=True)


@pytest.mark.parametrize("scale", [0.3, 0.8, 1.0])
def test_attention_weights_are_the_formula_of_the_paper(scale):
    keras.utils.set_random_seed(0)
    layer = AttentionWeights(units=5, scale=scale, heads=2)
    x = np.random.default_rng(0).normal(size=(3, 7, 4)).astype(np.float32)
    found = keras.ops.convert_to_numpy(layer(x))
    kernel, bias, vectors = (keras.ops.convert_to_numpy(weight) for weight in layer.weights)
    scores = np.tanh(x @ kernel + bias) @ vectors
    expected = np.moveaxis(softmax(scale * np.moveaxis(scores, 1, 2)), 2, 1)
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_a_smaller_lambda_spreads_the_weights():
    x = np.random.default_rng(0).normal(size=(1, 20, 4)).astype(np.float32)
    largest = []
    for scale in (0.1, 0.3, 0.8, 1.0, 5.0):
        keras.utils.set_random_seed(0)
        weights = AttentionWeights(units=5, scale=scale)(x)
        largest.append(float(keras.ops.max(weights)))
    assert largest == sorted(largest)
    assert largest[-1] > 2 * largest[0]


def test_attention_without_a_hidden_layer_is_one_vector():
    layer = AttentionWeights(units=None, heads=2)
    x = np.random.default_rng(0).normal(size=(3, 7, 4)).astype(np.float32)
    found = keras.ops.convert_to_numpy(layer(x))
    (vectors,) = (keras.ops.convert_to_numpy(weight) for weight in layer.weights)
    expected = np.moveaxis(softmax(np.moveaxis(x @ vectors, 1, 2)), 2, 1)
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_padding_has_no_attention():
    x = np.random.default_rng(0).normal(size=(2, 6, 4)).astype(np.float32)
    valid = (np.arange(6) < np.array([[4], [6]])).astype(np.float32)[..., None]
    weights = keras.ops.convert_to_numpy(AttentionWeights(5)(x, valid=valid))
    assert (weights[0, 4:] == 0).all()
    np.testing.assert_allclose(weights.sum(axis=1), 1.0, atol=1e-6)


def test_averaged_heads_are_the_formula_of_the_report():
    keras.utils.set_random_seed(0)
    layer = AveragedSelfAttention(units=3, heads=2)
    x = np.random.default_rng(0).normal(size=(2, 5, 4)).astype(np.float32)
    found = keras.ops.convert_to_numpy(layer(x))
    query, key, value = (keras.ops.convert_to_numpy(weight) for weight in layer.weights)
    heads, attended = [], []
    for part in (slice(0, 3), slice(3, 6)):
        scores = (x @ query[:, part]) @ np.swapaxes(x @ key[:, part], 1, 2) / np.sqrt(4)
        heads.append(softmax(scores) @ (x @ value[:, part]))
        attended.append(softmax(scores).mean(axis=1))
    np.testing.assert_allclose(found, np.mean(heads, axis=0), atol=1e-5)
    seen = keras.ops.convert_to_numpy(layer.attended(x))
    np.testing.assert_allclose(seen, np.stack(attended, axis=-1), atol=1e-6)


def test_logistic_finds_what_scikit_learn_finds():
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(0)
    y = np.arange(300) % 3
    x = (rng.normal(size=(300, 5)) + 1.5 * np.eye(3, 5)[y]).astype(np.float32)
    # scikit-learn's penalty is |w|^2 / (2 C) over the sum of losses: of their mean, 1 / (2 C n).
    reference = LogisticRegression(C=1.0, tol=1e-8, max_iter=1000).fit(x, y)
    keras.utils.set_random_seed(0)
    model = models.build("logistic", (5, 1), 3)
    model.get_layer("logits").kernel_regularizer = keras.regularizers.L2(0.5 / 300)
    model = keras.Model.from_config(model.get_config())
    model.compile(keras.optimizers.Adam(0.1), "sparse_categorical_crossentropy")
    model.fit(x[..., None], y, batch_size=300, epochs=120, verbose=0)
    np.testing.assert_allclose(
        model.predict(x[..., None], verbose=0), reference.predict_proba(x), atol=0.01
    )
