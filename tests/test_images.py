"""Pictures on disk are the pictures in memory, and Keras reads them by side and emotion."""

import os
from pathlib import Path

import keras
import numpy as np
import pytest
import soundfile

from serkeras import audio, datasets, features, splits
from serkeras.cli import main
from serkeras.config import AudioConfig, FeatureConfig
from serkeras.features import image_folder
from tests.recordings import write_corpus

AUDIO = AudioConfig(duration_s=0.5)
PICTURE = FeatureConfig(name="mel_image", n_mels=32, n_fft=512, hop_length=256, image_size=24)


@pytest.fixture
def split(tmp_path):
    clips = datasets.load_own(write_corpus(tmp_path, seconds=0.5))
    return splits.make(clips, "speaker", seed=0)


def write(split, folder, **changes):
    settings = {"audio": AUDIO, "features": PICTURE, "n_jobs": 2, "progress": False}
    return image_folder.write(split.sides, folder, **{**settings, **changes})


def files(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.png"))


def test_keras_reads_what_is_in_memory(split, tmp_path):
    folder = tmp_path / "pictures"
    assert write(split, folder).empty
    for side, clips in split.sides.items():
        found = keras.utils.image_dataset_from_directory(
            folder / side, image_size=(24, 24), shuffle=False, batch_size=None, verbose=False
        )
        assert found.class_names == sorted(set(clips["emotion"]))
        ordered = clips.sort_values(["emotion", "clip"])
        waves = np.stack([audio.load_clip(path, AUDIO) for path in ordered["path"]])
        expected = features.compute(waves, PICTURE, 16000)
        images, labels = zip(*found, strict=True)
        np.testing.assert_array_equal(np.stack(images), expected)
        names = [found.class_names[int(label)] for label in labels]
        assert names == ordered["emotion"].tolist()


def test_goes_on_where_it_was_stopped(split, tmp_path, monkeypatch):
    folder = tmp_path / "pictures"
    write(split, folder)
    before = files(folder)
    (folder / before[3]).unlink()
    read = []
    monkeypatch.setattr(
        image_folder,
        "load_clip",
        lambda path, config: read.append(path) or audio.load_clip(path, config),
    )
    write(split, folder)
    assert files(folder) == before
    assert len(read) == 1


@pytest.mark.parametrize("cut_off", [False, True])
def test_a_recording_that_changed_gets_a_new_picture(cut_off, split, tmp_path, monkeypatch):
    folder = tmp_path / "pictures"
    write(split, folder)
    before = {name: (folder / name).read_bytes() for name in files(folder)}
    path, state = split.train["path"].iloc[2], os.stat(split.train["path"].iloc[2])
    wave, rate = soundfile.read(path)
    soundfile.write(path, wave[::-1] ** 3, rate)
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    if cut_off:
        with monkeypatch.context() as patch:
            patch.setattr(image_folder, "_write_one", stop)
            with pytest.raises(KeyboardInterrupt):
                write(split, folder)
    write(split, folder)
    changed = [name for name in files(folder) if (folder / name).read_bytes() != before[name]]
    assert len(changed) == 1
    pixels = features.compute(audio.load_clip(path, AUDIO)[None], PICTURE, 16000)[0]
    np.testing.assert_array_equal(keras.utils.load_img(folder / changed[0]), pixels)


def stop(*arguments):
    raise KeyboardInterrupt


def test_a_recording_that_was_repaired_gets_its_picture(split, tmp_path):
    path = split.train["path"].iloc[2]
    good = Path(path).read_bytes()
    Path(path).write_bytes(b"no sound")
    write(split, tmp_path / "x", on_error="skip")
    Path(path).write_bytes(good)
    assert write(split, tmp_path / "x").empty
    assert len(files(tmp_path / "x")) == sum(map(len, split.sides.values()))


@pytest.mark.parametrize("change", ["settings", "audio", "split"])
def test_other_pictures_are_not_mixed_in(split, tmp_path, change):
    folder = tmp_path / "pictures"
    write(split, folder)
    changes = {"settings": {"features": PICTURE.replace(colormap="viridis")}}
    changes["audio"] = {"audio": AudioConfig(duration_s=0.4)}
    if change == "split":
        clips = datasets.load_own(tmp_path / "own.csv")
        split = splits.make(clips, "speaker", seed=1)
    with pytest.raises(FileExistsError, match="which has others"):
        write(split, folder, **changes.get(change, {}))


def test_a_broken_clip_is_named_and_the_others_are_written(split, tmp_path):
    broken = split.train["path"].iloc[2]
    with open(broken, "wb") as file:
        file.write(b"no sound")
    folder = tmp_path / "pictures"
    with pytest.raises(audio.AudioError, match=r"1 that are not:\n.*own|1 that are not:\n.*wav"):
        write(split, folder)
    total = sum(map(len, split.sides.values()))
    assert len(files(folder)) == total - 1
    failed = write(split, folder, on_error="skip")
    assert failed["path"].tolist() == [broken]


def test_a_wrong_setting_leaves_the_folder_free(split, tmp_path):
    with pytest.raises(ValueError, match="Received: 'mud'"):
        write(split, tmp_path / "x", features=PICTURE.replace(colormap="mud"))
    assert write(split, tmp_path / "x").empty


def test_clips_of_another_emotion_are_other_pictures(split, tmp_path):
    write(split, tmp_path / "x")
    split.train.loc[0, "emotion"] = "calm"
    with pytest.raises(FileExistsError):
        write(split, tmp_path / "x")


def test_only_pictures(split, tmp_path):
    with pytest.raises(ValueError, match="Received: 'mfcc'"):
        write(split, tmp_path / "x", features=FeatureConfig())


def test_ids_that_would_share_a_name(split, tmp_path):
    split.train.loc[0, "clip"] = "a/b"
    split.train.loc[1, ["clip", "emotion"]] = ["a_b", split.train["emotion"][0]]
    with pytest.raises(ValueError, match="differ in letters"):
        write(split, tmp_path / "x")


def test_by_the_command_line(split, tmp_path, capsys):
    words = ["images", "--data", str(tmp_path / "own.csv"), "--out", str(tmp_path / "p"), "--quiet"]
    settings = ["--set", "image_size=16", "--set", "n_mels=32", "--set", "audio.duration_s=0.5"]
    assert main([*words, *settings]) == 0
    assert len(files(tmp_path / "p")) == sum(map(len, split.sides.values()))
    assert main([*words, "--set", "image_size=17"]) == 2
    assert "Name another folder" in capsys.readouterr().err
