"""What augmentation layers do to a clip, and when."""

import keras
import numpy as np
import pytest
from keras import ops

from serkeras.features import layers
from serkeras.training.fit import seed_dropout
from tests.layer_checks.tools import array, clips, saved_and_loaded


def assert_snr(clean, noisy, expected):
    clean = clean.astype("f8")
    noise = noisy - clean
    for index in range(len(clean)):
        if not clean[index].any():
            assert not noisy[index].any()
            continue
        ratio = 10 * np.log10(np.mean(clean[index] ** 2) / np.mean(noise[index] ** 2))
        assert abs(ratio - expected) < 1e-3, (index, ratio)


def augmentations():
    waves, images = clips(0.2), np.random.default_rng(3).random((6, 8, 30, 2)).astype("f4")
    return [
        (layers.AWGN((0, 20), seed=1), waves),
        (layers.AWGN((0, 20), seed=1), waves[..., None]),
        (layers.Gain((-6, 6), seed=1), waves),
        (layers.TimeShift(0.5, seed=1), waves),
        (layers.TimeShift(0.5, seed=1), waves[..., None]),
        (layers.TimeShift(0.5, seed=1), images),
        (layers.SpecAugment(time_width=9, frequency_width=3, seed=1), images),
        (layers.SpectrogramWarp(seed=1), images),
        *((layer, x) for x in (images, 255 * images[..., :1]) for layer in pictures()),
    ]


def pictures(seed=1):
    """Return a layer of each kind that Keras has for pictures."""
    return [
        layers.RandomFlip(seed=seed),
        layers.RandomRotation(seed=seed),
        layers.RandomZoom((-0.3, 0.3), 0.2, seed=seed),
        layers.RandomTranslation([-0.3, 0.3], 0.3, seed=seed),
    ]


def check_augmentation_acts_in_training_only():
    for layer, x in augmentations():
        np.testing.assert_array_equal(array(layer(x)), x)
        np.testing.assert_array_equal(array(layer(x, training=False)), x)
        changed = array(layer(x, training=True))
        assert changed.shape == x.shape
        assert not np.array_equal(changed, x), layer.name
        assert not np.array_equal(changed, array(layer(x, training=True)))


def check_augmentation_does_nothing_in_predict():
    waves = clips(0.2)
    layers_of_waves = [layer for layer, x in augmentations() if x.ndim == 2]
    chain = keras.Sequential([keras.Input(waves.shape[1:]), *layers_of_waves])
    np.testing.assert_array_equal(chain.predict(waves, verbose=0), waves)


def check_augmentation_keeps_the_type():
    for layer, x in augmentations():
        for kind in ("float16", "bfloat16", "float32"):
            for training in (False, True):
                out = layer(ops.cast(x, kind), training=training)
                assert keras.backend.standardize_dtype(out.dtype) == kind


def check_augmentation_follows_its_seed():
    for layer, x in augmentations():
        twin = type(layer).from_config(layer.get_config())
        assert twin.get_config() == layer.get_config()
        other = type(layer).from_config({**layer.get_config(), "seed": 2})
        changed = array(layer(x, training=True))
        np.testing.assert_array_equal(array(twin(x, training=True)), changed)
        assert not np.array_equal(array(other(x, training=True)), changed)


def check_awgn_is_exact_and_differs_by_clip():
    waves = clips()
    for snr_db in (-5, 0, 15.0):
        assert_snr(waves, array(layers.AWGN(snr_db)(waves, training=True)), snr_db)
    same = np.repeat(waves[:1], 50, axis=0)
    noise = array(layers.AWGN((10, 20), seed=0)(same, training=True)) - same
    ratios = 10 * np.log10((same**2).mean(axis=1) / (noise**2).mean(axis=1))
    assert ratios.min() > 9.99
    assert ratios.max() < 20.01
    assert np.ptp(ratios) > 5
    assert np.abs(np.corrcoef(noise) - np.eye(50)).max() < 0.1


def check_gain_differs_by_clip():
    waves = np.repeat(clips()[:1], 50, axis=0)
    out = array(layers.Gain((-6, 3), seed=0)(waves, training=True))
    gains = out[:, 1000] / waves[:, 1000]
    np.testing.assert_allclose(out, waves * gains[:, None], rtol=1e-5)
    decibels = 20 * np.log10(gains)
    assert -6.01 < decibels.min() < -4
    assert 1 < decibels.max() < 3.01


def check_time_shift_rolls():
    x = np.arange(1, 101, dtype="f4")
    batch = np.repeat(x[None], 200, axis=0)
    out = array(layers.TimeShift(0.2, seed=0)(batch, training=True))
    shifts = [int(np.flatnonzero(row == 1)[0] + 50) % 100 - 50 for row in out]
    np.testing.assert_array_equal(out, [np.roll(x, shift) for shift in shifts])
    assert min(shifts) < -15
    assert max(shifts) > 15
    assert max(map(abs, shifts)) <= 20
    images = np.broadcast_to(batch[:, None, :, None], (200, 3, 100, 2))
    moved = array(layers.TimeShift(0.2, seed=0)(images, training=True))
    np.testing.assert_array_equal(moved, np.broadcast_to(out[:, None, :, None], images.shape))


def masked_bands(row):
    """Return lengths of the runs of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], row.astype(int), [0]])))
    return edges[1::2] - edges[::2]


def check_spec_augment():
    x = np.random.default_rng(4).random((300, 20, 30, 2)).astype("f4") + 1
    for masks, axis in (({"time_masks": 1, "frequency_masks": 0}, 2), ({"time_masks": 0}, 1)):
        layer = layers.SpecAugment(**masks, time_width=6, frequency_width=4, fill="zero", seed=0)
        out = array(layer(x, training=True))
        covered = out == 0
        np.testing.assert_array_equal(out[~covered], x[~covered])
        lines = covered.any(axis=(3 - axis, 3))
        whole = np.expand_dims(lines, (3 - axis, 3))
        np.testing.assert_array_equal(covered, np.broadcast_to(whole, x.shape))
        if axis == 2:
            widths = lines.sum(axis=1)
            assert set(widths) == set(range(7))
            assert max(len(masked_bands(line)) for line in lines) == 1
        else:
            assert lines.sum(axis=1).max() in (7, 8)
            assert max(len(masked_bands(line)) for line in lines) == 2
        assert lines[:, 0].any()
        assert lines[:, -1].any()
    out = array(layers.SpecAugment(time_width=100, frequency_masks=0, seed=0)(x, training=True))
    mean = np.broadcast_to(x.mean(axis=(1, 2), keepdims=True), x.shape)
    changed = out != x
    np.testing.assert_allclose(out[changed], mean[changed], rtol=1e-5)


def check_spectrogram_warp():
    """A ramp shows the places that were read; each setting moves its own axis, clip by clip."""
    frames = np.broadcast_to(np.arange(41, dtype="f4")[:, None], (200, 7, 41, 1))
    bins = np.broadcast_to(np.arange(21, dtype="f4")[:, None, None], (200, 21, 5, 1))
    still = {"tempo": 0.0, "tract": 0.0, "shift": 0.0}

    def warped(x, **settings):
        layer = layers.SpectrogramWarp(**{**still, **settings}, seed=0)
        return array(layer(x, training=True))

    np.testing.assert_allclose(warped(frames), frames, atol=1e-4)
    tempo = warped(frames, tempo=0.2)
    np.testing.assert_allclose(tempo[:, :, 0], 0, atol=1e-4)
    slopes = tempo[:, 0, 20, 0] / 20
    assert np.exp(-0.2) - 1e-4 < slopes.min() < 0.85
    assert 1.17 < slopes.max() < np.exp(0.2) + 1e-4
    delays = 20 - warped(frames, shift=0.1)[:, 0, 20, 0]
    assert 0 <= delays.min() < 0.5
    assert 3.6 < delays.max() < 4.1 + 1e-4
    both = warped(frames, shift=0.1, tempo=0.2)
    assert (both[:, :, 0] == 0).all()
    tract = warped(bins, tract=0.1)
    np.testing.assert_allclose(tract[:, 0], 0, atol=1e-4)
    factors = tract[:, 10, 0, 0] / 10
    assert np.exp(-0.1) - 1e-4 < factors.min() < 0.93
    assert 1.07 < factors.max() < np.exp(0.1) + 1e-4
    np.testing.assert_allclose(tract[:, :, :1], tract[:, :, 1:2])
    assert tract.max() <= 20 + 1e-4
    # Between two values, and between two frames only.
    step = np.zeros((50, 3, 9, 2), "f4")
    step[:, :, 5:] = 1
    assert set(np.unique(warped(step, tempo=0.2) % 1 != 0)) == {False, True}


def check_pictures_move_as_their_docstrings_say():
    x = np.random.default_rng(5).uniform(100, 255, (60, 8, 8, 3)).astype("f4")

    def moved(layer):
        return array(layer(x, training=True))

    def same(found, expected):
        np.testing.assert_allclose(found, expected, rtol=0, atol=2e-3)

    for mode, axis in (("horizontal", 2), ("vertical", 1)):
        out = moved(layers.RandomFlip(mode, seed=0))
        turned = [not np.array_equal(new, old) for new, old in zip(out, x, strict=True)]
        np.testing.assert_array_equal(out[turned], np.flip(x, axis)[turned])
        assert 15 < sum(turned) < 45
    same(moved(layers.RandomRotation((0.25, 0.25))), np.rot90(x, axes=(1, 2)))
    lowest = np.broadcast_to(x.min(axis=(1, 2), keepdims=True), x.shape)
    down = moved(layers.RandomTranslation((0.25, 0.25), (0, 0)))
    same(down, np.concatenate([lowest[:, :2], x[:, :6]], axis=1))
    right = moved(layers.RandomTranslation((0, 0), (0.25, 0.25), fill_value=7))
    same(right, np.concatenate([np.full_like(x[:, :, :2], 7), x[:, :, :6]], axis=2))
    wrapped = moved(layers.RandomTranslation((0, 0), (0.25, 0.25), fill_mode="wrap"))
    same(wrapped, np.roll(x, 2, axis=2))
    smaller = moved(layers.RandomZoom((1, 1)))
    same(smaller[:, [0, 1, 6, 7]], lowest[:, [0, 1, 6, 7]])
    same(smaller[:, 2:6, 2:6], x.reshape(60, 4, 2, 4, 2, 3).mean(axis=(2, 4)))
    larger = moved(layers.RandomZoom((0, 0), (-0.5, -0.5)))
    same(larger[:, :, 0], 0.75 * x[:, :, 2] + 0.25 * x[:, :, 1])


def check_pictures_move_each_clip_by_itself():
    one = np.random.default_rng(6).normal(size=(1, 9, 12, 1)).astype("f4")
    for layer in pictures()[1:]:
        out = array(layer(np.repeat(one, 40, axis=0), training=True))
        assert len(np.unique(out.reshape(40, -1), axis=0)) == 40, layer.name
        assert out.min() >= one.min() - 1e-5
        assert out.max() <= one.max() + 1e-5


def picture_model():
    inputs = keras.Input((8, 10, 3))
    x = inputs
    for layer in pictures(seed=None):
        x = layer(x)
    x = keras.layers.Rescaling(1 / 255)(x)
    return keras.Model(inputs, keras.layers.Dense(2)(keras.layers.Flatten()(x)))


def check_a_model_of_moved_pictures_is_reproducible_and_survives_its_file():
    """What `seed_dropout` sets decides all draws, also after loading."""
    x = np.random.default_rng(7).uniform(0, 255, (8, 8, 10, 3)).astype("f4")
    model = picture_model()
    model.compile("sgd", "mse")
    assert model.jit_compile == (keras.backend.backend() == "jax")
    model.fit(x, np.zeros((8, 2)), batch_size=4, verbose=0)
    loaded = saved_and_loaded(model)
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), model.predict(x, verbose=0))

    def drawn(model, epoch):
        seed_dropout(model, 3, epoch)
        return array(model(x, training=True))

    assert len([v for v in model.variables if v.name == "seed_generator_state"]) == 4
    np.testing.assert_array_equal(drawn(loaded, 1), drawn(model, 1))
    assert not np.allclose(drawn(model, 1), drawn(model, 2))


def check_mix_up():
    labels = np.eye(20, dtype="f4")
    for shape in ((20, 50), (20, 50, 1), (20, 4, 6, 1)):
        x = np.zeros(shape, "f4") + np.arange(20).reshape(-1, *(1,) * (len(shape) - 1))
        layer = layers.MixUp(alpha=1.0, seed=0)
        for each, given in zip(layer((x, labels)), (x, labels), strict=True):
            np.testing.assert_array_equal(array(each), given)
        mixed, targets = (array(each) for each in layer((x, labels), training=True))
        np.testing.assert_allclose(targets.sum(axis=1), 1, rtol=1e-5)
        weights = targets @ np.arange(20)  # clip k holds the number k
        np.testing.assert_allclose(mixed.reshape(20, -1).T, np.tile(weights, (x[0].size, 1)), 1e-4)
        own = np.diag(targets)
        assert (own < 0.99).sum() > 10
        assert np.ptp(own) > 0.3
    for wrong in (np.arange(20), np.eye(20, dtype=int)):
        with pytest.raises(ValueError, match="one_hot"):
            layers.MixUp()((x, wrong))


def check_mix_up_of_keras_takes_images_only():
    """What `MixUp` says of `keras.layers.MixUp`: where this changes, ours may go."""
    mixer, labels = keras.layers.MixUp(1.0, seed=0), np.eye(8, dtype="f4")

    def mixes(x):
        data = {"images": ops.convert_to_tensor(x), "labels": ops.convert_to_tensor(labels)}
        return not np.allclose(array(mixer(data, training=True)["images"]), x)

    assert mixes(np.random.default_rng(0).random((8, 6, 7, 1)).astype("f4"))
    waves = np.random.default_rng(0).random((8, 50)).astype("f4")
    assert not mixes(waves[..., None])
    with pytest.raises(ValueError, match="rank"):
        mixes(waves)
