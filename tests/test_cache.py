import dataclasses
import errno
import hashlib
import os
import shutil
import signal
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import soundfile

from serkeras import _files, audio, augment
from serkeras import features as features_package
from serkeras.config import AudioConfig, AugmentConfig, FeatureConfig
from serkeras.features import _fill, _fill_rows, cache, registry

AUDIO = AudioConfig(duration_s=0.4)
FEATURES = FeatureConfig(n_mfcc=13, n_mels=20, n_fft=512, hop_length=256)
FRAMES = 26
CLIPS = 10


def awgn(low, high):
    return ({"name": "awgn", "snr_db": [low, high]},)


def write_clips(folder, count=CLIPS):
    folder.mkdir(exist_ok=True)
    rows = []
    for index in range(count):
        path = folder / f"{index:02d}.wav"
        wave = np.random.default_rng(index).standard_normal(4000 + 500 * index) * 0.1
        soundfile.write(path, wave, 16000)
        rows.append((str(path), f"made/{index:02d}", ["angry", "sad"][index % 2]))
    return pd.DataFrame(rows, columns=["path", "clip", "emotion"])


@pytest.fixture
def clips(tmp_path, monkeypatch):
    monkeypatch.setattr(_fill, "_CHUNK_CLIPS", 2)
    # Waiting for the disk guards against loss of power, which no test brings about.
    monkeypatch.setattr(os, "fsync", lambda file: None)
    return write_clips(tmp_path / "clips")


@pytest.fixture
def decoded(monkeypatch):
    """Paths of the recordings decoded since the test began."""
    paths = []

    def counting(path, config, load=audio.load_clip):
        paths.append(str(path))
        return load(path, config)

    monkeypatch.setattr(_fill_rows, "load_clip", counting)
    return paths


def extract(clips, root, **changes):
    settings = {"audio": AUDIO, "features": FEATURES, "n_jobs": 2, "progress": False}
    return cache.extract(clips, cache_root=root, **{**settings, **changes})


def entries(root):
    """Published entries of a cache."""
    return sorted(path for path in (root / "features").iterdir() if path.suffix == "")


def expected_images(clips):
    waves = np.stack([audio.load_clip(path, AUDIO) for path in clips["path"]])
    return features_package.compute(waves, FEATURES, AUDIO.sample_rate)


def test_rows_are_the_clips_in_order(clips, tmp_path):
    shuffled = clips.iloc[::-1]
    found = extract(shuffled, tmp_path)
    assert isinstance(found.x, np.memmap)
    assert found.x.dtype == np.float32
    assert found.x.shape == (CLIPS, 13, FRAMES)
    assert not found.x.flags.writeable
    np.testing.assert_array_equal(found.x, expected_images(shuffled))
    assert list(found.rows.columns) == ["clip", "emotion", "copy", "frames"]
    assert list(found.rows["clip"]) == list(shuffled["clip"])
    assert list(found.rows["emotion"]) == list(shuffled["emotion"])
    assert (found.rows["copy"] == 0).all()
    assert list(found.failed.columns) == ["path", "reason"]
    assert found.failed.empty


def test_noisy_copies_follow_their_clip(clips, tmp_path):
    noise = AugmentConfig(2, awgn(10.0, 20.0))
    found = extract(clips, tmp_path, augment=noise, seed=5)
    assert list(found.rows["copy"]) == [0, 1, 2] * CLIPS
    assert list(found.rows["clip"][::3]) == list(clips["clip"])
    np.testing.assert_array_equal(found.x[::3], expected_images(clips))
    wave = audio.load_clip(clips["path"][7], AUDIO)
    noisy = augment.make_copies(wave, 16000, clips["clip"][7], noise, 5)
    images = features_package.compute(noisy, FEATURES, 16000)
    np.testing.assert_array_equal(found.x[22:24], images)


def test_noise_depends_neither_on_order_nor_on_workers(clips, tmp_path):
    noise = AugmentConfig(1)
    one = extract(clips, tmp_path / "a", augment=noise, n_jobs=1)
    other = extract(clips.iloc[::-1], tmp_path / "b", augment=noise, n_jobs=3)
    for index, row in one.rows.iterrows():
        same = (other.rows["clip"] == row["clip"]) & (other.rows["copy"] == row["copy"])
        np.testing.assert_array_equal(one.x[index], other.x[np.flatnonzero(same)[0]])


def test_second_call_decodes_nothing(clips, tmp_path, decoded):
    first = extract(clips, tmp_path)
    assert len(decoded) == CLIPS
    again = extract(clips.assign(emotion="calm"), tmp_path)
    assert len(decoded) == CLIPS
    np.testing.assert_array_equal(first.x, again.x)
    assert set(again.rows["emotion"]) == {"calm"}


def test_moved_recordings_are_a_hit(clips, tmp_path, decoded):
    extract(clips, tmp_path)
    shutil.move(tmp_path / "clips", tmp_path / "elsewhere")
    moved = clips.assign(path=clips["path"].str.replace("/clips/", "/elsewhere/"))
    extract(moved, tmp_path)
    assert len(decoded) == CLIPS


HITS = {
    "seed without noise": {"seed": 1},
    "no noise in words": {"augment": AugmentConfig(0, awgn(1.0, 2.0))},
    "changed elsewhere": {"augment": AugmentConfig(on_the_fly=True)},
    "threads": {"n_jobs": 1},
}
MISSES = {
    "duration": {"audio": AUDIO.replace(duration_s=0.3)},
    "trim": {"audio": AUDIO.replace(trim_silence=True)},
    "trim of the start": {"audio": AUDIO.replace(trim_silence=True, trim_start=True)},
    "feature": {"features": FEATURES.replace(name="log_mel")},
    "coefficients": {"features": FEATURES.replace(n_mfcc=12)},
    "noise": {"augment": AugmentConfig(1)},
}


@pytest.mark.parametrize("change", HITS)
def test_what_changes_nothing_is_a_hit(change, clips, tmp_path, decoded):
    extract(clips, tmp_path)
    extract(clips, tmp_path, **HITS[change])
    assert len(decoded) == CLIPS


@pytest.mark.parametrize("change", MISSES)
def test_another_setting_is_another_entry(change, clips, tmp_path, decoded):
    extract(clips, tmp_path)
    extract(clips, tmp_path, **MISSES[change])
    assert len(decoded) == 2 * CLIPS
    assert len(entries(tmp_path)) == 2


LOG_MEL = FEATURES.replace(name="log_mel")
SAME = {
    "coefficients of log-Mel": ({"features": LOG_MEL}, {"features": LOG_MEL.replace(n_mfcc=9)}),
    "top of the mel bank": ({}, {"features": FEATURES.replace(fmax=8000.0)}),
    "window": ({}, {"features": FEATURES.replace(win_length=512)}),
    "colours": ({}, {"features": FEATURES.replace(colormap="viridis")}),
    "in the graph": ({}, {"features": FEATURES.replace(in_graph=True)}),
    "decibels of no trimming": ({}, {"audio": AUDIO.replace(trim_db=30.0)}),
    "same samples": ({}, {"audio": AUDIO.replace(duration_s=0.40001)}),
    "whole numbers": ({}, {"features": dataclasses.replace(FEATURES, fmin=0)}),
}
OTHER = {
    "window": {"features": FEATURES.replace(win_length=400)},
    "floor": {"features": FEATURES.replace(name="log_mel", floor_db=-50.0)},
    "another floor": {"features": FEATURES.replace(name="log_mel", floor_db=-40.0)},
    "decibels of trimming": {"audio": AUDIO.replace(trim_silence=True, trim_db=30.0)},
    "level": {"audio": AUDIO.replace(level="peak")},
    "rate": {"audio": AUDIO.replace(sample_rate=15000)},
    "white": {"features": FEATURES.replace(whiten=True)},
    "average": {"features": FEATURES.replace(average="time")},
    "frames": {"features": FEATURES.replace(frames=9)},
}


@pytest.mark.parametrize("change", SAME)
def test_settings_that_decide_nothing_are_a_hit(change, clips, tmp_path, decoded):
    first, second = SAME[change]
    expected = extract(clips, tmp_path, **first)
    np.testing.assert_array_equal(extract(clips, tmp_path, **second).x, expected.x)
    assert len(decoded) == CLIPS


def test_every_other_setting_is_another_entry(clips, tmp_path):
    changes = [{}, *OTHER.values(), {"audio": AUDIO.replace(trim_silence=True)}]
    for change in changes:
        extract(clips[:1], tmp_path, **change)
    assert len(entries(tmp_path)) == len(changes)


def test_another_librosa_counts_where_it_computes(clips, tmp_path, decoded, monkeypatch):
    for version in ("1", "2"):
        monkeypatch.setattr(registry.importlib.metadata, "version", lambda _, v=version: v)
        extract(clips, tmp_path)
        extract(clips, tmp_path, features=FEATURES.replace(name="mfcc+rms"))
    assert len(decoded) == 3 * CLIPS


@pytest.mark.parametrize("change", [{"seed": 1}, {"augment": AugmentConfig(1, awgn(3.0, 5.0))}])
def test_other_noise_is_another_entry(change, clips, tmp_path):
    one = extract(clips, tmp_path, augment=AugmentConfig(1))
    other = extract(clips, tmp_path, **{"augment": AugmentConfig(1), **change})
    np.testing.assert_array_equal(one.x[::2], other.x[::2])
    assert not np.array_equal(one.x[1::2], other.x[1::2])


def test_layers_of_the_network_change_no_copy(clips, tmp_path, decoded):
    for layers in ((), ({"name": "spec_augment"},)):
        extract(clips, tmp_path, augment=AugmentConfig(1, layers=layers))
    assert len(decoded) == CLIPS


def test_other_noise_in_the_same_file_is_another_entry(clips, tmp_path, decoded):
    folder = tmp_path / "noises"
    folder.mkdir()
    rng = np.random.default_rng(0)
    counts = []
    noise = AugmentConfig(1, ({"name": "recorded_noise", "paths": str(folder), "snr_db": 3.0},))
    for _ in range(2):
        soundfile.write(folder / "hum.wav", rng.standard_normal(9000) * 0.1, 16000)
        for _ in range(2):
            extract(clips, tmp_path, augment=noise)
            counts.append(len(decoded) // CLIPS)
    assert counts == [1, 1, 2, 2]


def test_only_the_noise_itself_counts(clips, tmp_path, decoded, monkeypatch):
    folder = tmp_path / "noises" / "deep"
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)

    def count(paths):
        noise = AugmentConfig(1, ({"name": "recorded_noise", "paths": paths, "snr_db": 3.0},))
        extract(clips, tmp_path, augment=noise)
        return len(decoded) // CLIPS

    soundfile.write(folder / "hum.wav", rng.standard_normal(9000) * 0.1, 16000)
    assert count(str(tmp_path / "noises")) == 1
    (folder / "README.txt").write_text("where the noises come from")
    assert count(str(tmp_path / "noises")) == 1
    monkeypatch.chdir(tmp_path)
    assert count("noises") == 1
    assert count(["noises/deep/hum.wav"]) == 1
    shutil.copytree("noises", "elsewhere")
    assert count("elsewhere") == 1
    soundfile.write(folder / "wind.wav", rng.standard_normal(9000) * 0.1, 16000)
    assert count("noises") == 2


def test_files_of_other_transforms_count_by_name_and_content(tmp_path):
    sounds = tmp_path / "sounds"
    sounds.mkdir()
    (sounds / "a.wav").write_bytes(b"1")
    item = {"name": "audiomentations", "settings": {"sounds_path": str(sounds), "more": ["x", 2]}}

    def told():
        return cache.with_contents([item])

    before = told()
    (sounds / "notes.txt").write_text("no sound")
    assert told() == before
    (sounds / "b.m4a").write_bytes(b"2")
    assert told() != before


def test_wrong_transform_is_known_before_a_recording_is_read(clips, tmp_path, decoded):
    spoil(clips, 3)
    with pytest.raises(ValueError, match="A transform must be one of"):
        extract(clips, tmp_path, augment=AugmentConfig(1, ({"name": "awngn"},)))
    assert not (tmp_path / "features").exists()


def test_hashes_made_before_are_used(clips, tmp_path, monkeypatch):
    hashes = cache.hash_files(clips["path"])
    monkeypatch.setattr(_files, "sha256", None)
    found = extract(clips, tmp_path, hashes=hashes)
    np.testing.assert_array_equal(found.x, expected_images(clips))


SHAPES = {
    "average over time": (FEATURES.replace(average="time"), (13,), 1),
    "average over frequency": (FEATURES.replace(average="frequency"), (FRAMES,), FRAMES),
    "frames": (FEATURES.replace(frames=40), (13, 40), 40),
    "three channels": (
        FEATURES.replace(name="spectrogram_mfcc_delta", width=16),
        (20, 16, 3),
        16,
    ),
    "picture": (FEATURES.replace(name="mel_image", image_size=24), (24, 24, 3), 24),
    "waveform": (FeatureConfig("waveform"), (6400,), 6400),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_rows_of_every_shape(shape, clips, tmp_path):
    features, row, frames = SHAPES[shape]
    found = extract(clips, tmp_path, features=features, augment=AugmentConfig(1))
    waves = np.stack([audio.load_clip(path, AUDIO) for path in clips["path"]])
    expected = features_package.compute(waves, features, 16000)
    assert found.x.shape == (2 * CLIPS, *row)
    assert found.x.dtype == expected.dtype
    np.testing.assert_array_equal(found.x[::2], expected)
    assert (found.rows["frames"] == frames).all()
    assert not found.varies


# Clips of 0.25 to 0.53 s, of which those over 0.5 s are cut.
KEEP = AudioConfig(duration_s=0.5, fit="keep")


@pytest.mark.parametrize(
    "features",
    [
        FEATURES,
        FEATURES.replace(name="log_mel+chroma"),
        FEATURES.replace(average="frequency"),
        FeatureConfig("waveform"),
    ],
    ids=["mfcc", "stacked", "average over frequency", "waveform"],
)
@pytest.mark.parametrize("broken", [[], [2, 3]])
def test_clips_that_keep_their_length(features, broken, clips, tmp_path):
    spoil(clips, *broken)
    stretch = ({"name": "time_stretch", "rate": [0.7, 1.4]},)
    copies = AugmentConfig(1, stretch)
    found = extract(clips, tmp_path, audio=KEEP, features=features, augment=copies, on_error="skip")
    assert found.varies
    good = clips.drop(broken)
    assert len(found.x) == 2 * len(good)
    lengths = []
    for number, row in enumerate(good.itertuples()):
        wave = audio.load_clip(row.path, KEEP)
        (copy,) = augment.make_copies(wave, 16000, row.clip, copies, 0)
        for index, each in ((2 * number, wave), (2 * number + 1, copy[: KEEP.samples])):
            alone = features_package.compute(each[None], features, 16000)[0]
            frames = found.rows["frames"][index]
            assert frames == alone.shape[-1]
            np.testing.assert_array_equal(found.x[index][..., :frames], alone)
            assert not found.x[index][..., frames:].any()
            lengths.append(frames)
    assert len(set(lengths)) > 5
    longest = features_package.compute(np.zeros((1, KEEP.samples)), features, 16000)
    assert found.x.shape[1:] == longest.shape[1:]
    assert max(lengths) <= longest.shape[-1]


@pytest.mark.parametrize("change", [{"average": "time"}, {"frames": 20}])
def test_features_of_one_size_are_those_of_the_clip_s_own_length(change, clips, tmp_path):
    features = FEATURES.replace(**change)
    found = extract(clips, tmp_path, audio=KEEP, features=features)
    assert not found.varies
    for row, path in zip(found.x, clips["path"], strict=True):
        wave = audio.load_clip(path, KEEP)
        np.testing.assert_array_equal(row, features_package.compute(wave[None], features, 16000)[0])


def test_padding_takes_no_room_on_disk(clips, tmp_path):
    longest = AudioConfig(duration_s=100.0, fit="keep")
    for root, broken in (("a", []), ("b", [3])):
        spoil(clips, *broken)
        found = extract(
            clips,
            tmp_path / root,
            audio=longest,
            features=FeatureConfig("waveform"),
            on_error="skip",
        )
        taken = os.stat(found.x.filename).st_blocks * 512
        assert found.x.nbytes > 50_000_000
        assert taken < 1_000_000


def test_clip_too_short_for_its_feature_is_named_once_and_for_all(clips, tmp_path, decoded):
    delta = FEATURES.replace(name="mfcc_delta")  # needs nine frames, 2048 samples here
    soundfile.write(clips["path"][4], np.full(1500, 0.1), 16000)
    with pytest.raises(audio.AudioError, match="1 of 10") as caught:
        extract(clips, tmp_path, audio=KEEP, features=delta)
    assert f"{clips['path'][4]}, 1500 samples" in str(caught.value)
    decoded.clear()
    found = extract(clips, tmp_path, audio=KEEP, features=delta, on_error="skip")
    assert decoded == [clips["path"][4]]
    assert list(found.failed["path"]) == [clips["path"][4]]
    assert list(found.rows["clip"]) == list(clips.drop(4)["clip"])
    assert extract(clips, tmp_path, audio=AUDIO, features=delta).failed.empty


def test_changed_content_of_the_same_size_and_time_misses(clips, tmp_path, decoded):
    first = extract(clips, tmp_path)
    path = clips["path"][4]
    state = os.stat(path)
    with open(path, "r+b") as file:
        file.seek(1000)
        file.write(bytes(200))
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert os.stat(path).st_size == state.st_size
    second = extract(clips, tmp_path)
    assert len(decoded) == 2 * CLIPS
    assert not np.array_equal(first.x[4], second.x[4])


def test_entry_cut_off_afterwards_is_made_again(clips, tmp_path):
    expected = np.array(extract(clips, tmp_path).x)
    (entry,) = entries(tmp_path)
    os.truncate(entry / "x.npy", 500)
    np.testing.assert_array_equal(extract(clips, tmp_path).x, expected)


def spoil(clips, *indices):
    for index in indices:
        with open(clips["path"][index], "wb") as file:
            file.write(b"not a sound " * 20)


def test_corrupt_clips_are_all_named(clips, tmp_path):
    spoil(clips, 3, 8)
    with pytest.raises(audio.AudioError, match="2 of 10") as caught:
        extract(clips, tmp_path)
    assert clips["path"][3] in str(caught.value)
    assert clips["path"][8] in str(caught.value)
    assert "on_error='skip'" in str(caught.value)


@pytest.mark.parametrize("copies", [0, 2])
def test_skipped_clips_are_listed(copies, clips, tmp_path, decoded):
    spoil(clips, 3, 8)
    os.remove(clips["path"][5])
    with pytest.raises(audio.AudioError, match="1 of 10"):  # a missing file needs no decoding
        extract(clips, tmp_path)
    assert not decoded
    noise = AugmentConfig(copies)
    for _ in range(2):
        found = extract(clips, tmp_path, augment=noise, on_error="skip")
        good = clips.drop([3, 5, 8])
        assert list(found.rows["clip"]) == list(good["clip"].repeat(1 + copies))
        assert found.x.shape == (7 * (1 + copies), 13, FRAMES)
        np.testing.assert_array_equal(found.x[:: 1 + copies], expected_images(good))
        assert list(found.failed["path"]) == [clips["path"][index] for index in (3, 5, 8)]
        assert found.failed["reason"].str.contains("Received: ").all()
    # Once each, and those two that failed again with each call.
    assert len(decoded) == 9 + 2 * 2


def test_known_failures_raise_without_decoding_the_others_again(clips, tmp_path, decoded):
    spoil(clips, 3)
    extract(clips, tmp_path, on_error="skip")
    decoded.clear()
    with pytest.raises(audio.AudioError, match="1 of 10"):
        extract(clips, tmp_path)
    assert decoded == [clips["path"][3]]


def test_reason_names_the_file_where_it_lies_now(clips, tmp_path):
    spoil(clips, 3)
    extract(clips, tmp_path, on_error="skip")
    shutil.move(tmp_path / "clips", tmp_path / "elsewhere")
    moved = clips.assign(path=clips["path"].str.replace("/clips/", "/elsewhere/"))
    found = extract(moved, tmp_path, on_error="skip")
    assert moved["path"][3] in found.failed["reason"][0]
    assert "/clips/" not in found.failed["reason"][0]


def failing(monkeypatch, path, error, times):
    """Let decoding one recording fail some times, as a disk or mounted drive does."""
    left = [times]

    def load(name, config, real=_fill_rows.load_clip):
        if name == path and left[0]:
            left[0] -= 1
            raise error
        return real(name, config)

    monkeypatch.setattr(_fill_rows, "load_clip", load)


def test_failing_disk_stops_the_work_and_leaves_no_verdict(clips, tmp_path, decoded, monkeypatch):
    failing(monkeypatch, clips["path"][5], audio.AudioFileError("Received: ESTALE"), 1)
    with pytest.raises(OSError, match="ESTALE"):
        extract(clips, tmp_path, on_error="skip", n_jobs=1)
    assert not entries(tmp_path)
    decoded.clear()
    found = extract(clips, tmp_path)
    np.testing.assert_array_equal(found.x, expected_images(clips))
    assert sorted(decoded) == list(clips["path"][4:])


@pytest.mark.parametrize("times", [1, 2])
def test_failure_that_passes_is_no_property_of_the_clip(times, clips, tmp_path, monkeypatch):
    failing(monkeypatch, clips["path"][5], audio.AudioError("cut off"), times)
    if times == 2:
        found = extract(clips, tmp_path, on_error="skip")
        assert list(found.failed["path"]) == [clips["path"][5]]
    found = extract(clips, tmp_path)
    np.testing.assert_array_equal(found.x, expected_images(clips))
    assert found.failed.empty


def test_clip_that_fails_now_and_then_is_an_error_with_an_end(clips, tmp_path, monkeypatch):
    turns = []

    def load(name, config, real=_fill_rows.load_clip):
        if name == clips["path"][5]:
            turns.append(name)
            if len(turns) % 2:
                raise audio.AudioError("cut off")
        return real(name, config)

    monkeypatch.setattr(_fill_rows, "load_clip", load)
    with pytest.raises(OSError, match="05.wav, which can be read at times only"):
        extract(clips, tmp_path, on_error="skip")
    assert len(turns) == 4


def test_nothing_usable_is_an_error_even_when_skipping(clips, tmp_path):
    spoil(clips, *range(CLIPS))
    for _ in range(2):
        with pytest.raises(audio.AudioError, match="10 of 10"):
            extract(clips, tmp_path, on_error="skip")


def test_silent_clips_keep_silent_copies_and_are_reported(clips, tmp_path):
    soundfile.write(clips["path"][2], np.zeros(5000), 16000)
    for _ in range(2):  # the warning comes from the cache as well
        with pytest.warns(UserWarning, match="stay silent. Found: 1, .*02.wav"):
            found = extract(clips, tmp_path, augment=AugmentConfig(2))
    assert np.isfinite(found.x).all()
    np.testing.assert_array_equal(found.x[6], found.x[7])
    np.testing.assert_array_equal(found.x[6], found.x[8])
    assert not np.array_equal(found.x[3], found.x[4])


ARGUMENTS = {
    "no clips": (lambda clips: clips.iloc[:0], {}, "at least one clip"),
    "no ids": (lambda clips: clips.drop(columns="clip"), {}, "no clip"),
    "an id twice": (lambda clips: clips.assign(clip="same"), {}, "'same' more than once"),
    "a wrong word": (lambda clips: clips, {"on_error": "ignore"}, "'ignore'"),
    "unknown feature": (lambda clips: clips, {"features": FeatureConfig("mffc")}, "mffc"),
}


@pytest.mark.parametrize("fault", ARGUMENTS)
def test_faulty_arguments(fault, clips, tmp_path):
    change, settings, reason = ARGUMENTS[fault]
    with pytest.raises(ValueError, match=reason):
        extract(change(clips), tmp_path, **settings)
    assert not (tmp_path / "features").exists()


def test_recording_changed_meanwhile_does_not_get_into_the_cache(clips, tmp_path, monkeypatch):
    def rewriting(path, config, load=audio.load_clip):
        soundfile.write(path, np.ones(4321) * 0.1, 16000)
        return load(path, config)

    monkeypatch.setattr(_fill_rows, "load_clip", rewriting)
    with pytest.raises(RuntimeError, match="changed meanwhile"):
        extract(clips, tmp_path)
    assert not entries(tmp_path)


def full_after(writes):
    """A stand-in for `_write_rows` on a disk that takes only some writes."""
    left = [writes]

    def write(array, position, rows, lengths=None, real=_fill._write_rows):
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(array, position, rows, lengths)

    return write


@pytest.mark.parametrize("writes", [0, 2, 4])
def test_disk_full_while_writing(writes, clips, tmp_path, decoded):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_fill, "_write_rows", full_after(writes))
        with pytest.raises(OSError, match="must have room.*SERKERAS_CACHE.*goes on from there"):
            extract(clips, tmp_path, n_jobs=1)
    assert not entries(tmp_path)
    decoded.clear()
    np.testing.assert_array_equal(extract(clips, tmp_path).x, expected_images(clips))
    assert len(decoded) == CLIPS - 2 * writes


def test_disk_too_small_is_known_before_the_work(clips, tmp_path, decoded, monkeypatch):
    usage = shutil.disk_usage(tmp_path)
    small = CLIPS * 13 * FRAMES * 4 - 1
    monkeypatch.setattr(_fill.shutil, "disk_usage", lambda path: usage._replace(free=small))
    with pytest.raises(OSError, match="must have room"):
        extract(clips, tmp_path)
    assert not decoded
    monkeypatch.setattr(_fill.shutil, "disk_usage", lambda path: usage._replace(free=small + 1))
    assert len(extract(clips, tmp_path).x) == CLIPS


@pytest.mark.parametrize("stage", ["_summarise", "_copy_rows", "os.replace"])
def test_killed_between_computing_and_publishing(stage, clips, tmp_path, decoded, monkeypatch):
    spoil(clips, 6)

    def stop(*args):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        if stage == "os.replace":
            patch.setattr(_fill.os, "replace", replace_until_published)
        else:
            patch.setattr(_fill, stage, stop)
        with pytest.raises(KeyboardInterrupt):
            extract(clips, tmp_path, on_error="skip")
    assert not entries(tmp_path)
    assert len(decoded) == CLIPS
    decoded.clear()
    found = extract(clips, tmp_path, on_error="skip")
    assert decoded == [clips["path"][6]]
    np.testing.assert_array_equal(found.x, expected_images(clips.drop(6)))


def replace_until_published(source, target, real=os.replace):
    if str(source).endswith(".partial"):
        raise KeyboardInterrupt
    real(source, target)


PROGRAM = """
import os, signal, sys, time
import pandas as pd
from serkeras import audio
from serkeras.config import AudioConfig, FeatureConfig
from serkeras.features import _fill, _fill_rows, cache, registry

root, log, table, die_at, pause = sys.argv[1:6]
_fill._CHUNK_CLIPS = 2

def logged(path, config):
    with open(log, "a") as file:
        file.write(path + "\\n")
    if sum(1 for _ in open(log)) == int(die_at):
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(float(pause))
    return audio.load_clip(path, config)

_fill_rows.load_clip = logged
found = cache.extract(
    pd.read_csv(table),
    audio=AudioConfig(duration_s=0.4),
    features=FeatureConfig(n_mfcc=13, n_mels=20, n_fft=512, hop_length=256),
    cache_root=root,
    n_jobs=1,
)
print(found.x.shape, found.x.sum())
"""


def start(clips, tmp_path, die_at=0, pause=0.0):
    clips.to_csv(tmp_path / "clips.csv", index=False)
    arguments = [tmp_path, tmp_path / "log", tmp_path / "clips.csv", die_at, pause]
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_kill_9_loses_only_the_unfinished_chunk(clips, tmp_path, decoded):
    process = start(clips, tmp_path, die_at=8)
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    assert not entries(tmp_path)
    assert len(list((tmp_path / "features").glob("*.partial/chunks/*.json"))) == 3
    found = extract(clips, tmp_path)
    assert sorted(decoded) == list(clips["path"][6:])
    np.testing.assert_array_equal(found.x, expected_images(clips))


def test_rows_that_were_lost_with_the_power_are_computed_again(clips, tmp_path, decoded):
    process = start(clips, tmp_path, die_at=8)
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    (part,) = (tmp_path / "features").glob("*.partial")
    done = sorted((part / "chunks").glob("*.json"))
    assert len(done) == 3
    rows = np.load(part / "x.npy", mmap_mode="r+")
    rows[0] = 0.0
    rows.flush()
    done[1].write_text("")
    found = extract(clips, tmp_path)
    np.testing.assert_array_equal(found.x, expected_images(clips))
    assert sorted(decoded) == [*clips["path"][:4], *clips["path"][6:]]


def test_two_processes_share_the_work_of_one(clips, tmp_path):
    processes = [start(clips, tmp_path, pause=0.2) for _ in range(2)]
    outcomes = [process.communicate(timeout=60) for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert outcomes[0][0] == outcomes[1][0]
    assert outcomes[0][0].startswith("(10, 13, 26)")
    assert len((tmp_path / "log").read_text().splitlines()) == CLIPS
    assert sum("Waiting for the process" in errors for _, errors in outcomes) == 1


def test_progress_bar_counts_clips(clips, tmp_path, capsys):
    extract(clips, tmp_path, progress=True)
    shown = capsys.readouterr().err
    assert "features: 100%" in shown
    assert "10/10" in shown
    assert "clip/s" in shown
    extract(clips, tmp_path / "quiet", progress=False)
    assert capsys.readouterr().err == ""


def test_chunks_hold_a_bounded_amount_of_sound():
    for clips, seconds, copies, size in [
        (1600, 3.0, 0, 96), (1600, 3.0, 2, 41), (320, 3.0, 0, 20), (50, 3.0, 0, 8),
        (100, 600.0, 0, 1), (100, 60.0, 3, 1),
    ]:  # fmt: skip
        sources = tuple(_fill_rows.Source("p", str(index), "d", (0, 0)) for index in range(clips))
        noise = AugmentConfig(copies) if copies else None
        plan = _fill_rows.plan(AudioConfig(duration_s=seconds), FEATURES, noise, 0)
        chunks = _fill.Job(sources, plan).chunks()
        assert max(len(chunk) for chunk in chunks) == size
        assert sum(chunks, ()) == sources


@pytest.mark.corpus
def test_real_recordings(corpora, tmp_path):
    paths = sorted((corpora / "originals").rglob("*.wav"))
    table = pd.DataFrame({"path": map(str, paths)})
    table = table.assign(clip=[path.stem for path in paths], emotion="sad")
    found = extract(table, tmp_path, augment=AugmentConfig(1), audio=AudioConfig())
    assert found.x.shape == (32, 13, 188)
    assert np.isfinite(found.x).all()
    digests = [hashlib.sha256(found.x[row].tobytes()).hexdigest() for row in range(0, 32, 2)]
    assert len(set(digests)) == 15  # Actor_07 recorded one sentence twice, byte for byte
