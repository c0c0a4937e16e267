"""Batches: orders, masks, clips changed on the fly; the same numbers whatever computes them."""

import copy
import dataclasses
import os
import pickle
import random
import subprocess
import sys
import threading

import numpy as np
import pandas as pd
import pytest
import soundfile

import serkeras
from serkeras import audio, augment, features, splits
from serkeras.config import AudioConfig, Experiment, FeatureConfig
from serkeras.features import cache
from serkeras.training import batches as batches_module
from serkeras.training import on_the_fly, reading
from serkeras.training.batches import Batches, pad
from serkeras.training.on_the_fly import OnTheFly, epoch_rng
from serkeras.training.sides import Side, bin_covariance, bin_statistics, extract
from tests.recordings import SMALL

RATE = 16000
FEATURES = FeatureConfig(n_mfcc=13, n_mels=20, n_fft=512, hop_length=256)
NOISE = ({"name": "awgn", "snr_db": [5.0, 20.0]},)
PAD, KEEP = AudioConfig(duration_s=0.3), AudioConfig(duration_s=0.5, fit="keep")


def side_of(x, **fields):
    """A side that holds all rows of `x`; the target of a row is its number."""
    index = np.arange(len(x))
    return Side(x, index, index.astype(np.int32), index.astype(str).astype(object), **fields)


def noise(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def varying(count=90, bins=3, longest=70):
    """A side of rows of 5 to `longest` frames, with garbage for padding."""
    x = noise(count, bins, longest)
    lengths = np.random.default_rng(1).integers(5, longest + 1, count)
    return side_of(x, frames=lengths, varies=True)


def changing(settings, count=18):
    """A side of waveforms that are changed on the fly."""
    x = noise(count, settings.samples) * 0.1
    keeps = settings.fit == "keep"
    longest = features.compute(np.zeros((1, settings.samples)), FEATURES, RATE).shape[1:]
    return side_of(
        x,
        frames=np.linspace(3000, settings.samples, count).astype(int) if keeps else None,
        varies=keeps,
        prepare=OnTheFly(settings, FEATURES, NOISE),
        row_shape=longest,
    )


def flat(batch):
    """All arrays of one batch."""
    x, y = batch
    return [*([x["features"], x["mask"]] if isinstance(x, dict) else [x]), y]


def epoch_of(batches, number):
    batches.begin_epoch(number)
    return [flat(batches[index]) for index in range(len(batches))]


def assert_same(found, expected):
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert len(one) == len(other)
        for a, b in zip(one, other, strict=True):
            np.testing.assert_array_equal(a, b)


def assert_other(found, expected):
    """The targets, or the features of the same clip, differ."""
    first, second = (
        {y: x.tobytes() for xs, *_, ys in each for x, y in zip(xs, ys, strict=True)}
        for each in (found, expected)
    )
    assert first.keys() == second.keys()
    assert all(first[y] != second[y] for y in first)


@pytest.mark.parametrize("settings", [PAD, KEEP], ids=["pad", "keep"])
def test_workers_decide_no_number(settings):
    side = changing(settings)
    expected = {epoch: epoch_of(Batches(side, 4, 7, workers=0), epoch) for epoch in (0, 3)}
    assert_other(expected[0], expected[3])
    for workers in (1, 2, 4):
        found = Batches(side, 4, 7, workers=workers)
        found.begin_epoch(9)
        _ = found[0]  # what was prepared for one epoch is not given to another
        for epoch in (3, 0):
            assert_same(epoch_of(found, epoch), expected[epoch])
    for workers in (0, 2):
        found = Batches(side, 4, 7, workers=workers)
        dataset = found.for_keras()
        for epoch in (0, 3):
            found.begin_epoch(epoch)
            assert_same([flat(batch) for batch in dataset.as_numpy_iterator()], expected[epoch])
    assert_other(epoch_of(Batches(side, 4, 8, workers=0), 0), expected[0])


def test_a_clip_s_change_is_decided_by_seed_epoch_and_id_alone():
    side = changing(PAD)
    few = np.array([11, 5, 2])
    part = Side(side.x, few, few.astype(np.int32), side.clips[few], prepare=side.prepare)
    found = epoch_of(Batches(part, 2, seed=7), 4)
    for xs, ys in found:
        for x, y in zip(xs, ys, strict=True):
            wave = augment.apply(side.x[y], RATE, NOISE, epoch_rng(7, 4, str(y)))
            alone = features.compute(wave[None], FEATURES, RATE)[0]
            np.testing.assert_array_equal(x[..., 0], alone)


def test_generators_of_clips_are_apart_and_the_same_everywhere():
    keys = [(0, 0, "a"), (1, 0, "a"), (0, 1, "a"), (0, 0, "b"), (1, 1, "b")]
    drawn = [int(epoch_rng(*key).integers(2**32)) for key in keys]
    assert len(set(drawn)) == len(keys)
    assert drawn[0] == 3815235438


def test_without_a_seed_clips_stay_as_they_are():
    for settings in (PAD, KEEP):
        side = changing(settings)
        found = epoch_of(Batches(side, 5), 2)
        assert np.concatenate([batch[-1] for batch in found]).tolist() == list(range(18))
        for x, *mask, y in found:
            for row, number in enumerate(y):
                samples = side.frames[number] if mask else settings.samples
                wave = side.x[number, :samples]
                alone = features.compute(wave[None], FEATURES, RATE)[0]
                inside = mask[0][row] if mask else slice(None)
                np.testing.assert_array_equal(x[row, :, inside, 0], alone.T if mask else alone)


def test_next_batches_are_computed_meanwhile(monkeypatch):
    """A batch that is not asked for yet is under way while the one before it is in use."""
    side, begun = changing(PAD), [threading.Event() for _ in range(5)]
    real = Side.features

    def noting(self, rows, *rest):
        begun[rows[0] // 4].set()
        return real(self, rows, *rest)

    monkeypatch.setattr(Side, "features", noting)
    ahead = Batches(side, 4, workers=1)
    _ = ahead[0]
    assert begun[1].wait(20)
    assert begun[2].wait(20)
    ahead._pool.submit(int).result()  # the one worker has done all that it was given
    assert not begun[4].is_set()  # no more than two for each worker are held in memory


@pytest.mark.parametrize("twin", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_batches_at_work_can_be_copied(twin):
    side = changing(PAD)
    expected = epoch_of(Batches(side, 4, 7, workers=0), 3)
    batches = Batches(side, 4, 7, workers=2)
    batches.begin_epoch(3)
    first = flat(batches[0])
    other = twin(batches)
    assert_same([flat(other[index]) for index in range(len(other))], expected)
    rest = [flat(batches[index]) for index in range(1, len(batches))]
    assert_same([first, *rest], expected)
    other.begin_epoch(4)
    assert_same(epoch_of(batches, 3), expected)
    if twin is copy.deepcopy:
        assert other._side is side  # a memory map of a corpus is not read into memory


def test_error_of_a_worker_reaches_the_reader(monkeypatch):
    side = changing(PAD)
    side.x[5] = np.nan
    with pytest.raises(ValueError, match="finite"):
        epoch_of(Batches(side, 4, workers=2), 0)


def test_batches_of_any_length_hold_every_clip_once_and_masks_are_right():
    side = varying()
    found = epoch_of(Batches(side, 8, seed=0), 0)
    assert sorted(np.concatenate([y for *_, y in found])) == list(range(90))
    for x, mask, y in found:
        assert x.dtype == np.float32
        assert mask.dtype == bool
        assert x.shape == (len(y), 3, mask.shape[1], 1)
        np.testing.assert_array_equal(mask.sum(axis=1), side.frames[y])
        assert mask.shape[1] <= side.frames[y].max() + 2  # rounded up to a multiple of 3
        for row, number in enumerate(y):
            valid = side.frames[number]
            np.testing.assert_array_equal(x[row, :, :valid, 0], side.x[number, :, :valid])
            assert not x[row, :, valid:].any()


def test_order_is_decided_by_seed_and_epoch_alone():
    side = varying()
    batches = Batches(side, 8, seed=0)
    orders = [[y.tolist() for *_, y in epoch_of(batches, epoch)] for epoch in (0, 1, 0)]
    assert orders[0] == orders[2]
    assert {tuple(sorted(y)) for y in orders[0]}.isdisjoint(tuple(sorted(y)) for y in orders[1])
    other = [y.tolist() for *_, y in epoch_of(Batches(side, 8, seed=1), 0)]
    assert other != orders[0]
    kept = [y for *_, y in epoch_of(Batches(side, 8), 5)]
    assert np.concatenate(kept).tolist() == list(range(90))


def test_clips_of_like_length_share_a_batch():
    side = varying(count=2000)
    found = epoch_of(Batches(side, 8, seed=0), 0)
    padding = 1 - np.concatenate([mask.ravel() for _, mask, _ in found]).mean()
    shuffled = np.random.default_rng(0).permutation(side.frames).reshape(-1, 8)
    assert padding < 0.06 < 0.3 < 1 - (shuffled / shuffled.max(axis=1, keepdims=True)).mean()
    longest = [mask.shape[1] for _, mask, _ in found]
    assert abs(np.corrcoef(longest, np.arange(len(longest)))[0, 1]) < 0.3  # not short to long


@pytest.mark.parametrize("longest", [1, 31, 32, 33, 94, 1000])
def test_padding_takes_few_lengths_and_is_never_too_long(longest):
    lengths = set()
    for frames in range(1, longest + 1):
        padded = pad([np.ones((2, frames)), np.ones((2, 1))], longest)
        length = padded["mask"].shape[1]
        assert frames <= length <= longest
        assert padded["features"].shape == (2, 2, length, 1)
        assert padded["features"].sum() == 2 * (frames + 1)
        lengths.add(length)
    assert len(lengths) <= 32


@pytest.mark.parametrize(
    ("rows", "shape", "given"),
    [
        ((5, 4), {}, (5, 4, 1)),
        ((6,), {"frame_axis": None}, (6, 1)),
        ((6,), {"frame_axis": 0}, (6, 1)),
        ((5, 4, 3), {}, (5, 4, 3)),
    ],
)
def test_batches_of_every_shape(rows, shape, given):
    x = np.random.default_rng(0).integers(0, 255, (7, *rows)).astype(np.uint8)
    side = side_of(x, **shape)
    assert side.shape == given
    batches = Batches(side, 4)
    assert batches[1][0].dtype == np.float32
    np.testing.assert_array_equal(batches[1][0], x[4:].reshape(3, *given))
    (_, last) = batches.for_keras().as_numpy_iterator()
    np.testing.assert_array_equal(last[0], batches[1][0])


def valid_frames(side):
    """All valid frames of a side `(frames, bins)`, or with channels `(frames, bins, channels)`."""
    rows = [side.x[i].astype(np.float64) for i in side.index]
    if side.varies:
        rows = [row[..., :valid] for row, valid in zip(rows, side.frames, strict=True)]
    return np.concatenate([np.moveaxis(row, 1, 0) for row in rows])


SIDES = {
    "(bins, frames)": side_of(noise(30, 4, 6)),
    "lengths vary": varying(30),
    "three channels": side_of(noise(30, 4, 6, 3)),
}


@pytest.mark.parametrize("name", SIDES)
def test_statistics_of_bins(name):
    side = SIDES[name]
    frames = valid_frames(side)
    mean, variance = bin_statistics(side, chunk=7)
    np.testing.assert_allclose(mean, frames.mean(axis=0))
    np.testing.assert_allclose(variance, frames.var(axis=0))
    center, covariance = bin_covariance(side, chunk=7)
    channels = frames[..., None] if frames.ndim == 2 else frames
    for channel, each in enumerate(np.moveaxis(channels, -1, 0)):
        expected = np.cov(each, rowvar=False, bias=True)
        found = covariance[channel] if frames.ndim == 3 else covariance
        np.testing.assert_allclose(found, expected, atol=1e-12)
        found = center[channel] if frames.ndim == 3 else center
        np.testing.assert_allclose(found, each.mean(axis=0))


@pytest.mark.parametrize("channels", [(), (2,)])
def test_bins_that_never_change_have_no_covariance(channels):
    x = noise(30, 4, 6, *channels)
    x[:, 1] = -80.1
    x[:, 2] = -80 + 1e-5 * noise(30, 6, *channels)
    x[:, 3] = 1e-6 * (1 + x[:, 3])  # small, but no rounding error
    _, covariance = bin_covariance(side_of(x))
    for each in covariance if channels else [covariance]:
        assert not each[1:3].any()
        assert not each[:, 1:3].any()
        assert (np.abs(np.diag(each)) > 0).tolist() == [True, False, False, True]


def test_statistics_of_averages_and_waveforms():
    averaged = side_of(noise(30, 4), frame_axis=None)
    mean, variance = bin_statistics(averaged, chunk=7)
    np.testing.assert_allclose(mean, averaged.x.mean(axis=0, dtype=np.float64))
    np.testing.assert_allclose(variance, averaged.x.var(axis=0, dtype=np.float64))
    _, covariance = bin_covariance(averaged, chunk=7)
    expected = np.cov(averaged.x.astype(np.float64), rowvar=False, bias=True)
    np.testing.assert_allclose(covariance, expected)
    waves = side_of(noise(30, 50), frame_axis=0, frames=np.arange(1, 31), varies=True)
    heard = np.concatenate([row[:n] for row, n in zip(waves.x, waves.frames, strict=True)])
    mean, variance = bin_statistics(waves, chunk=7)
    np.testing.assert_allclose([mean, variance], [heard.mean(), heard.var()], rtol=1e-5)
    with pytest.raises(ValueError, match="must have bins"):
        bin_covariance(waves)


def test_a_change_that_leaves_too_little_is_left_out(monkeypatch):
    settings = FEATURES.replace(name="mfcc_delta")
    monkeypatch.setattr(on_the_fly.augment, "apply", lambda wave, *rest: wave[: len(wave) // 4])
    prepare = OnTheFly(KEEP, settings, NOISE)
    short, long = noise(2600), noise(8000)
    found = prepare([short, long], ["a", "b"], 0, 0)
    np.testing.assert_array_equal(found[0], features.compute(short[None], settings, RATE)[0])
    # 2000 samples are 8 frames, 2200 would be 9.
    np.testing.assert_array_equal(found[1], features.compute(long[None], settings, RATE)[0])
    (found,) = prepare([noise(8800)], ["c"], 0, 0)
    assert found.shape == (13, 9)


@pytest.fixture
def split(tmp_path):
    """A split of clips of 0.2 to 0.55 s, one of them too short for a delta."""
    rows = []
    for index in range(24):
        path = tmp_path / f"{index:02d}.wav"
        samples = 1000 if index == 0 else 3200 + 240 * index
        soundfile.write(path, noise(samples, seed=index) * 0.1, RATE)
        rows.append((str(path), f"{index:02d}", ["happy", "sad"][index % 2], f"s{index // 4}", "c"))
    clips = pd.DataFrame(rows, columns=["path", "clip", "emotion", "speaker", "corpus"])
    return splits.Split(clips[:16], clips[16:20], clips[20:], "speaker", 0)


def sides_of(split, on_error="raise", **settings):
    audio_settings = settings.pop("audio", KEEP)
    experiment = Experiment(audio=audio_settings, features=FEATURES).with_settings(settings)
    return extract(split, ["happy", "sad"], experiment, on_error, 1, False)


@pytest.mark.parametrize("settings", [PAD, KEEP], ids=["pad", "keep"])
def test_only_the_training_side_is_changed_on_the_fly(settings, split):
    clean = sides_of(split, audio=settings)
    found = sides_of(split, audio=settings, **{"augment.on_the_fly": True})
    assert found.digest != clean.digest
    for name in ("validation", "test"):
        before, now = (epoch_of(Batches(getattr(each, name), 4), 0) for each in (clean, found))
        assert_same(now, before)
    assert found.train.shape == clean.train.shape
    assert found.train.varies == clean.train.varies == (settings is KEEP)
    np.testing.assert_array_equal(bin_statistics(found.train), bin_statistics(clean.train))
    np.testing.assert_array_equal(bin_covariance(found.train)[1], bin_covariance(clean.train)[1])
    assert_same(epoch_of(Batches(found.train, 4), 0), epoch_of(Batches(clean.train, 4), 0))
    changed = epoch_of(Batches(found.train, 4, 0), 0)
    assert_other(changed, epoch_of(Batches(found.train, 4, 0), 1))


def test_networks_with_features_inside_are_given_waveforms(split):
    clean = sides_of(split, audio=PAD)
    for changes in ({}, {"augment.on_the_fly": True}, {"augment.copies": 1}):
        found = sides_of(split, audio=PAD, **{"features.in_graph": True}, **changes)
        assert found.train.shape == found.test.shape == (PAD.samples, 1)
        wave = audio.load_clip(split.test["path"].iloc[0], PAD)
        first = list(found.test.clips).index(split.test["clip"].iloc[0])
        np.testing.assert_array_equal(Batches(found.test, 1)[first][0][0, :, 0], wave)
        if "augment.copies" not in changes:
            np.testing.assert_array_equal(bin_statistics(found.train), bin_statistics(clean.train))
        else:
            copied = sides_of(split, audio=PAD, **changes)
            np.testing.assert_array_equal(bin_statistics(found.train), bin_statistics(copied.train))


@pytest.mark.parametrize("on_the_fly", [False, True])
def test_clip_too_short_for_its_feature_is_on_no_side(on_the_fly, split):
    settings = {"features.name": "mfcc_delta", "augment.on_the_fly": on_the_fly}
    with pytest.raises(audio.AudioError, match="1 of 24"):
        sides_of(split, **settings)
    found = sides_of(split, "skip", **settings)
    assert found.failed["path"].tolist() == [split.train["path"][0]]
    assert "00" not in found.train.clips
    assert len(found.train.y) == 15
    assert np.concatenate([y for *_, y in epoch_of(Batches(found.train, 4, 0), 0)]).size == 15


def test_clip_whose_copy_is_too_short_is_told_too(split):
    settings = {
        "features.name": "mfcc_delta",
        "augment.copies": 1,
        "augment.transforms": [{"name": "time_stretch", "rate": 1.7}],
    }
    found = sides_of(split, "skip", **settings)
    assert found.failed["path"].tolist() == split.train["path"][:2].tolist()
    assert list(found.train.clips) == [clip for clip in split.train["clip"][2:] for _ in "ab"]


def test_a_recording_is_hashed_once(split, monkeypatch):
    from serkeras import _files

    hashed = []

    def noting(path, real=_files.sha256):
        hashed.append(path)
        return real(path)

    monkeypatch.setattr(_files, "sha256", noting)
    found = sides_of(split, audio=PAD, **{"augment.copies": 1})
    assert len(hashed) == 24
    assert found.files == {path: _files.sha256(path) for path in split.train["path"]} | {
        path: _files.sha256(path)
        for side in (split.validation, split.test)
        for path in side["path"]
    }


FAULTS = {
    "transform": (
        {"augment.on_the_fly": True, "augment.transforms": [{"name": "awngn"}]},
        "A transform must be one of",
    ),
    "transform of copies": (
        {"augment.copies": 1, "augment.transforms": [{"name": "awngn"}]},
        "A transform must be one of",
    ),
    "layer": ({"augment.layers": [{"name": "fog"}]}, "Received: 'fog'"),
    "setting of a layer": ({"augment.layers": [{"name": "gain", "db": 3}]}, "gain_db"),
    "value of a layer": (
        {"augment.layers": [{"name": "spec_augment", "time_masks": 2.5}]},
        "whole numbers",
    ),
    "feature without a layer": (
        {"features.in_graph": True, "features.name": "chroma"},
        "Inside a model",
    ),
    "lengths in the graph": ({"features.in_graph": True, "audio": KEEP}, "clips of one length"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_cannot_be_is_known_before_a_recording_is_read(fault, split, monkeypatch):
    settings, words = FAULTS[fault]
    monkeypatch.setattr(reading.cache, "hash_files", None)
    state = random.getstate()
    with pytest.raises(ValueError, match=words):
        sides_of(split, **{"audio": PAD, **settings})
    assert random.getstate() == state


@pytest.mark.parametrize("normalize", ["bins", "none"])
@pytest.mark.parametrize("copies", [0, 1])
def test_only_features_that_somebody_reads_are_computed(copies, normalize, split, monkeypatch):
    """Of networks with features inside: what scaling is fitted with, and no test clip's copies."""
    read, real = [], cache.extract

    def noting(clips, *, features, augment, **rest):
        read.append((features.name, len(clips), augment is not None))
        return real(clips, features=features, augment=augment, **rest)

    monkeypatch.setattr(cache, "extract", noting)
    settings = {"augment.copies": copies, "model.normalize": normalize, "features.in_graph": True}
    sides_of(split, audio=PAD, **settings)
    expected = {("waveform", 24, False)}
    if copies:
        expected.add(("waveform", 16, True))
    if normalize == "bins":
        expected.add(("mfcc", 16, True) if copies else ("mfcc", 24, False))
    assert len(read) == len(expected)
    assert set(read) == expected


def test_noises_are_found_from_another_folder(split, tmp_path, monkeypatch):
    soundfile.write(tmp_path / "hum.wav", noise(9000) * 0.1, RATE)
    monkeypatch.chdir(tmp_path)
    transforms = [{"name": "recorded_noise", "paths": "hum.wav", "snr_db": 3.0}]
    settings = {"augment.on_the_fly": True, "augment.transforms": transforms}
    found = sides_of(split, audio=PAD, **settings)
    expected = epoch_of(Batches(found.train, 4, 0), 0)
    monkeypatch.chdir("/")
    assert_same(epoch_of(Batches(found.train, 4, 0), 0), expected)


def test_training_with_changing_clips_is_the_same_on_any_machine(own_csv, tmp_path, monkeypatch):
    settings = {
        **SMALL,
        "augment.copies": 0,
        "augment.on_the_fly": True,
        "training.epochs": 2,
        "training.retrain": False,
    }
    losses = []
    for cores in (1, 4):
        monkeypatch.setattr(batches_module.os, "cpu_count", lambda cores=cores: cores)
        run = serkeras.train(
            "cnn", data=[own_csv], out=tmp_path / str(cores), settings=settings, progress=False
        )
        losses.append(run.history["loss"].tolist())
    assert losses[0] == losses[1]


# A network without start values of its own; that it ends with the same weights shows that it met
# the same batches in the same order.
PROGRAM = """
import keras, numpy as np
from serkeras.training import batches
from serkeras.training.batches import Batches
from tests.test_batches import KEEP, changing

batches._LENGTHS = 2  # JAX compiles for each of them

def fit(batches):
    x = keras.Input((13, None, 1), name="features")
    mask = keras.Input((None,), name="mask", dtype="bool")
    heard = x[..., 0] * keras.ops.cast(mask[:, None], "float32")
    y = keras.layers.Dense(18, kernel_initializer="zeros")(keras.ops.sum(heard, 2) / 9999)
    model = keras.Model({"features": x, "mask": mask}, y)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.1), loss)
    class Begin(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            batches.begin_epoch(epoch)
    data = batches.for_keras()
    model.fit(data, epochs=5, initial_epoch=2, verbose=0, shuffle=False, callbacks=[Begin()])
    return model

def by_hand(batches):
    weights, bias = np.zeros((13, 18)), np.zeros(18)
    for epoch in (2, 3, 4):
        batches.begin_epoch(epoch)
        for index in range(len(batches)):
            inputs, y = batches[index]
            x = (inputs["features"][..., 0] * inputs["mask"][:, None]).sum(2) / 9999
            p = np.exp(x @ weights + bias)
            slope = (p / p.sum(1, keepdims=True) - np.eye(18)[y]) / len(y)
            weights, bias = weights - 0.1 * x.T @ slope, bias - 0.1 * slope.sum(0)
    return weights

side = changing(KEEP)
expected = by_hand(Batches(side, 4, 7, workers=0))
models = [fit(Batches(side, 4, 7, workers=workers)) for workers in (0, 2)]
for model in models:
    np.testing.assert_allclose(model.get_weights()[0], expected, rtol=1e-3, atol=1e-5)
np.testing.assert_array_equal(models[0].get_weights()[0], models[1].get_weights()[0])
plain = models[0].predict(Batches(side, 5).for_keras(), verbose=0)
alone = models[0].predict(Batches(side, 1).for_keras(), verbose=0)
np.testing.assert_allclose(plain, alone, atol=1e-6)
assert plain.shape == (18, 18)
"""


def test_keras_meets_the_same_batches():
    exec(PROGRAM, {})


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_keras_meets_the_same_batches_on_other_backends(backend, repo):
    pytest.importorskip(backend)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={**os.environ, "KERAS_BACKEND": backend},
        cwd=repo,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]


# Clips mixed with others of their batch.


def mixing(count=40, **given):
    side = side_of(noise(count, 3, 5))
    side = dataclasses.replace(side, shares=np.eye(count, dtype=np.float32))
    return side, Batches(side, 8, **{"seed": 0, "mixup": 0.4, **given})


def test_mixup_mixes_clips_and_labels_by_one_share():
    side, batches = mixing()
    x, targets = batches[0]
    np.testing.assert_allclose(targets.sum(axis=1), 1.0, rtol=1e-6)
    expected = np.tensordot(targets, side.x, axes=1)[..., None]
    np.testing.assert_allclose(x, expected, rtol=1e-5, atol=1e-6)
    assert 1 < (targets > 0).sum(axis=1).max() <= 2
    assert len(np.unique(targets.max(axis=1).round(4))) > 4  # a share for each clip


def test_mixup_follows_seed_and_epoch_whatever_computes_it():
    first, again, threaded = (mixing(**given)[1] for given in ({}, {}, {"workers": 3}))
    for one, same, other in zip(first, again, threaded, strict=True):
        for left, right, third in zip(one, same, other, strict=True):
            np.testing.assert_array_equal(left, right)
            np.testing.assert_array_equal(left, third)
    before = first[0][1]
    first.begin_epoch(1)
    assert not np.array_equal(before, first[0][1])


def test_mixup_meets_every_clip_once_and_leaves_the_sides_alone():
    side, batches = mixing(mixup=1e-6)  # shares of next to 0 or 1
    kept = side.x.copy()
    met = np.concatenate([targets for _, targets in batches])
    assert set(np.unique(met.round(3))) == {0.0, 1.0}
    assert len(met) == len(side.x)
    np.testing.assert_array_equal(side.x, kept)


def test_mixup_is_refused_where_it_cannot_be():
    with pytest.raises(ValueError, match="0 for hinge"):
        Experiment().with_settings({"training.mixup": 0.2, "training.loss": "hinge"})
    with pytest.raises(ValueError, match="without mixup where audio.fit='keep'"):
        Experiment().with_settings({"training.mixup": 0.2, "audio.fit": "keep"})


def test_a_network_learns_from_mixed_clips(own_csv, tmp_path, monkeypatch):
    mixes, plain = [], Batches.__init__

    def noticed(self, side, batch_size=32, seed=None, workers=None, shares=1, mixup=0.0):
        plain(self, side, batch_size, seed, workers, shares, mixup)
        mixes.append((seed, mixup))

    monkeypatch.setattr(Batches, "__init__", noticed)
    run = serkeras.train(
        "cnn",
        data=[own_csv],
        out=tmp_path / "run",
        settings={**SMALL, "training.mixup": 0.3},
        progress=False,
    )
    assert np.isfinite(run.history[["loss", "val_loss", "accuracy", "val_accuracy"]]).all(axis=None)
    assert {mixup for _, mixup in mixes} == {0.0, 0.3}
    assert all(mixup == 0.3 * (seed is not None) for seed, mixup in mixes)
