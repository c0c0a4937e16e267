"""Every kind of fault is planted once and must be found; sound clips must pass."""

import shutil
import struct

import numpy as np
import pandas as pd
import pytest
import soundfile

from serkeras import _sound, audio, datasets
from serkeras.datasets import auditing

RATE = 16000


def noise(path, seconds=1.0, rate=RATE, channels=1, peak=0.5, **settings):
    """Write noise that no other path has; returns the path."""
    rng = np.random.default_rng(sum(str(path).encode()))
    wave = rng.uniform(-peak, peak, (int(seconds * rate), channels)).astype("float32")
    soundfile.write(path, wave, rate, **settings)
    return path


def table(*paths, **columns):
    """A manifest of files."""
    clips = pd.DataFrame({"path": [str(path) for path in paths]})
    clips["clip"] = [f"own/{path.name}" for path in paths]
    clips["corpus"] = "own"
    return clips.assign(**columns)


def found(*paths, **columns):
    """Audit files; returns the set of (finding, file name)."""
    findings = datasets.audit(table(*paths, **columns), n_jobs=1, progress=False)
    return {(row.finding, row.clip.removeprefix("own/")) for row in findings.itertuples()}


def detail(path):
    """Audit one file with one finding; returns (finding, detail)."""
    findings = datasets.audit(table(path), n_jobs=1, progress=False)
    assert len(findings) == 1, findings
    return findings.loc[0, "finding"], findings.loc[0, "detail"]


def test_sound_clips_pass(tmp_path):
    paths = [noise(tmp_path / name) for name in ("a.wav", "b.flac", "c.mp3", "d.aiff", "e.ogg")]
    findings = datasets.audit(table(*paths), progress=False)
    assert findings.empty
    assert list(findings.columns) == ["finding", "clip", "path", "detail"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "No such file"),
        (b"", "empty .0 bytes"),
        (b"hello, this is text", "no audio"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 3\n", "git lfs pull"),
    ],
)
def test_unreadable(content, words, tmp_path):
    path = tmp_path / "x.wav"
    if content is not None:
        path.write_bytes(content)
    finding, text = detail(path)
    assert finding == "unreadable"
    assert words.replace(".", "(") in text


@pytest.mark.parametrize("name", ["x.wav", "x.flac", "x.aiff", "x.mp3"])
def test_truncated(name, tmp_path):
    path = noise(tmp_path / name)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    findings = datasets.audit(table(path), progress=False)
    assert "truncated" in set(findings["finding"])
    assert "promise" in findings.loc[findings["finding"] == "truncated", "detail"].iloc[0]


@pytest.mark.parametrize("keep", [1.0, 0.99, 0.98, 0.97, 0.95, 0.9, 0.5, 0.01])
@pytest.mark.parametrize("name", ["x.wav", "x.flac", "x.aiff", "x.mp3", "x.ogg", "x.au"])
def test_what_the_reader_refuses_is_found_and_nothing_else(name, keep, tmp_path):
    path = noise(tmp_path / name, seconds=3.0)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * keep)])
    refused = False
    try:
        audio.read(path, RATE)
    except audio.AudioError:
        refused = True
    broken = {finding for finding, _ in found(path)} & {"unreadable", "truncated"}
    assert bool(broken) == refused
    if keep == 1.0:
        assert not refused
    elif name not in ("x.ogg", "x.au") and keep < 0.98:
        assert refused


def test_mp3_read_only_by_half_is_found(tmp_path):
    wave = np.sin(np.arange(3 * RATE) / 10) / 4
    wave[RATE:] += np.random.default_rng(0).normal(0, 0.2, 2 * RATE)
    path = tmp_path / "x.mp3"
    soundfile.write(path, wave, RATE, bitrate_mode="VARIABLE", compression_level=0.5)
    assert found(path) == set()
    data = path.read_bytes()
    path.write_bytes(data[_sound._frame(data, 0)[0] :])
    finding, text = detail(path)
    assert finding == "truncated"
    assert "varying bit rate" in text


def test_headerless_file_is_unreadable(tmp_path):
    path = tmp_path / "x.raw"
    path.write_bytes(bytes(1000))
    assert detail(path)[0] == "unreadable"


def test_wav_of_unknown_length_is_not_truncated(tmp_path):
    path = noise(tmp_path / "pipe.wav")
    data = bytearray(path.read_bytes())
    place = data.index(b"data") + 4
    data[place : place + 4] = struct.pack("<I", 0xFFFFFFFF)
    path.write_bytes(data)
    assert found(path) == set()


def test_silent_short_clipped_and_not_finite(tmp_path):
    silent, edge = tmp_path / "silent.wav", tmp_path / "edge.wav"
    soundfile.write(silent, np.zeros(RATE), RATE)
    soundfile.write(edge, np.full(RATE, 0.0012), RATE)
    short = noise(tmp_path / "short.wav", seconds=0.49)
    none = noise(tmp_path / "none.wav", seconds=0.0)
    wave = 3.0 * np.sin(np.arange(RATE) / 20)
    clipped = tmp_path / "clipped.wav"
    soundfile.write(clipped, np.clip(wave, -1, 1), RATE)
    full = tmp_path / "full.wav"
    # One peak at full scale is normalisation, not clipping.
    soundfile.write(full, np.r_[1.0, wave[1:] / 4], RATE)
    strange = tmp_path / "nan.wav"
    soundfile.write(strange, np.r_[np.nan, np.inf, wave[2:] / 4], RATE, subtype="FLOAT")
    paths = [silent, edge, short, none, clipped, full, strange]
    assert found(*paths) == {
        ("silent", "silent.wav"),
        ("too short", "short.wav"),
        ("unreadable", "none.wav"),
        ("clipped", "clipped.wav"),
        ("not finite", "nan.wav"),
    }
    assert detail(strange)[1].startswith("2 samples")
    assert detail(clipped)[1].endswith("% of the samples at full scale")


def test_wrong_ending(tmp_path):
    path = noise(tmp_path / "x.wav", format="AIFF")
    assert detail(path) == ("wrong ending", "the file holds AIFF, its name says .wav")


def test_mixed_rates_and_channels(tmp_path):
    paths = [noise(tmp_path / f"{number}.wav") for number in range(3)]
    paths.append(noise(tmp_path / "fast.wav", rate=96000))
    paths.append(noise(tmp_path / "stereo.wav", channels=2))
    assert found(*paths) == {("mixed rates", "fast.wav"), ("mixed channels", "stereo.wav")}
    findings = datasets.audit(
        table(*paths[:4], corpus=["a", "a", "a", "b"]), n_jobs=1, progress=False
    )
    assert findings["detail"].to_list() == ["the corpora differ: a 16000 Hz, b 96000 Hz"]
    assert findings[["clip", "path"]].isna().all(axis=None)


def test_identical_bytes_and_contradicting_names(tmp_path):
    first = noise(tmp_path / "first.wav")
    copy = shutil.copy(first, tmp_path / "copy.wav")
    other = noise(tmp_path / "other.wav")
    labels = {"emotion": ["sad", "angry", "sad"], "repetition": [1, 1, 2], "speaker": [pd.NA] * 3}
    findings = datasets.audit(table(first, copy, other, **labels), n_jobs=1, progress=False)
    assert list(findings["finding"]) == ["identical bytes"] * 2 + ["contradicting names"]
    assert findings["detail"].to_list() == [
        "as own/first.wav",
        "as own/copy.wav",
        "emotion: sad (own/first.wav) or angry (own/copy.wav)",
    ]
    assert found(first, copy, other, emotion="sad", repetition=1) == {
        ("identical bytes", "first.wav"),
        ("identical bytes", "copy.wav"),
    }


def test_same_samples_in_another_container(tmp_path):
    first = noise(tmp_path / "first.wav")
    wave, rate = soundfile.read(first)
    soundfile.write(tmp_path / "again.flac", wave, rate)
    # The same numbers at another rate are another sound.
    soundfile.write(tmp_path / "slow.wav", wave, rate // 2)
    paths = first, tmp_path / "again.flac", tmp_path / "slow.wav"
    assert found(*paths, emotion=["sad", "happy", "fear"]) == {
        ("same samples", "first.wav"),
        ("same samples", "again.flac"),
        ("contradicting names", "first.wav"),
        ("mixed rates", "slow.wav"),
    }


def test_silence_is_not_the_same_sound(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.zeros(RATE), RATE)
    soundfile.write(tmp_path / "b.flac", np.zeros(RATE), RATE)
    assert {f for f, _ in found(tmp_path / "a.wav", tmp_path / "b.flac")} == {"silent"}


def test_number_of_threads_changes_nothing_and_the_manifest_stays(tmp_path):
    paths = [noise(tmp_path / f"{n}.wav", seconds=0.1 + n / 10) for n in range(8)]
    clips = table(*paths)
    before = clips.copy()
    one = datasets.audit(clips, n_jobs=1, progress=False)
    pd.testing.assert_frame_equal(one, datasets.audit(clips, n_jobs=3, progress=False))
    pd.testing.assert_frame_equal(clips, before)
    assert list(one["finding"]) == ["too short"] * 4
    assert set(one["finding"]) <= set(auditing.FINDINGS)


def test_progress_bar(tmp_path, capsys):
    datasets.audit(table(noise(tmp_path / "a.wav")), n_jobs=1)
    assert "audit" in capsys.readouterr().err
    datasets.audit(table(tmp_path / "a.wav"), n_jobs=1, progress=False)
    assert capsys.readouterr().err == ""


def test_manifest_without_paths():
    with pytest.raises(ValueError, match="without path. Make it"):
        datasets.audit(pd.DataFrame({"clip": ["a"]}))


@pytest.mark.corpus
@pytest.mark.filterwarnings("ignore:.*names that are not the corpus's")
def test_originals(corpora):
    root = corpora / "originals"
    clips = datasets.load_many([f"{name}={root}" for name in ("ravdess", "tess", "emodb")])
    assert len(clips) == sum(1 for path in root.rglob("*") if path.is_file()) == 16
    findings = datasets.audit(clips, progress=False)
    assert not set(findings["finding"]) & {"unreadable", "truncated", "silent", "not finite"}
    by_finding = findings.groupby("finding")["clip"].apply(lambda c: set(c.dropna())).to_dict()
    pair = {"ravdess/03-01-03-01-02-01-07", "ravdess/03-01-03-01-02-02-07"}
    assert by_finding["identical bytes"] == pair
    assert by_finding["contradicting names"] == {min(pair)}
    assert by_finding["wrong ending"] == {"tess/YAF_germ_angry", "tess/YAF_neat_fear"}
    assert by_finding["mixed rates"] == {"tess/OAF_food_fear"}
    assert len(by_finding["mixed channels"]) == 4
    said = findings.set_index("finding").loc["contradicting names", "detail"]
    assert said.startswith("repetition: 1 ")


@pytest.mark.corpus
def test_ravdess_pair_survives_another_format(corpora):
    clips = datasets.load("ravdess", corpora / "ravdess")
    clips = clips[clips["speaker"] == "ravdess-07"]
    findings = datasets.audit(clips, progress=False)
    assert list(findings["finding"]) == ["identical bytes"] * 2 + ["contradicting names"]
