"""Predictions for new recordings, and figures of a run on other corpora."""

import json

import numpy as np
import pandas as pd
import pytest
import soundfile

import serkeras
from serkeras.serving.predict import find_recordings, windows
from tests.recordings import RATE, write_corpus


def test_table_has_path_label_and_one_probability_a_class(small_run, own_csv):
    table = serkeras.predict(small_run, own_csv.parent)
    assert table.columns.tolist() == ["path", "label", "happy", "sad"]
    assert len(table) == len(list(own_csv.parent.glob("*.wav")))
    np.testing.assert_allclose(table[["happy", "sad"]].sum(axis=1), 1.0, atol=1e-5)
    best = table[["happy", "sad"]].idxmax(axis=1)
    assert best.tolist() == table["label"].tolist()


@pytest.mark.parametrize("rate", [8000, 22050, 96000])
@pytest.mark.parametrize("channels", [1, 2])
def test_any_rate_and_number_of_channels(small_run, tmp_path, rate, channels):
    time = np.arange(2 * rate) / rate
    wave = 0.3 * np.sin(2 * np.pi * 400 * time)
    soundfile.write(tmp_path / "tone.wav", np.stack([wave] * channels, axis=1), rate)
    assert len(serkeras.predict(small_run, tmp_path)) == 1


@pytest.mark.parametrize("seconds", [0.05, 1.1, 65.0])
def test_any_length(small_run, tmp_path, seconds):
    wave = 0.1 * np.random.default_rng(0).normal(size=round(seconds * RATE))
    soundfile.write(tmp_path / "noise.flac", wave, RATE)
    table = serkeras.predict(small_run, tmp_path / "noise.flac", batch_size=16)
    np.testing.assert_allclose(table[["happy", "sad"]].sum(axis=1), 1.0, atol=1e-5)


def test_a_long_recording_is_the_mean_of_its_windows(small_run, tmp_path):
    samples = small_run.experiment.audio.samples
    wave = (0.1 * np.random.default_rng(0).normal(size=3 * samples)).astype(np.float32)
    wave[samples:] *= np.sin(np.arange(2 * samples) / 20)
    cut = windows(wave, samples)
    assert len(cut) == 5
    soundfile.write(tmp_path / "long.wav", wave, RATE, subtype="FLOAT")
    for index, piece in enumerate(cut):
        soundfile.write(tmp_path / f"piece{index}.wav", piece, RATE, subtype="FLOAT")
    table = serkeras.predict(small_run, tmp_path)
    whole, pieces = table.iloc[0], table.iloc[1:]
    assert whole["path"].endswith("long.wav")
    assert whole["happy"] == pytest.approx(pieces["happy"].mean(), abs=1e-5)


@pytest.mark.parametrize(
    ("length", "starts"), [(3, [0]), (10, [0]), (19, [0]), (20, [0, 5, 10]), (23, [0, 5, 10, 13])]
)
def test_windows_cover_the_wave_to_its_end(length, starts):
    wave = np.arange(1, length + 1, dtype=np.float32)
    cut = np.stack(windows(wave, 10))
    assert cut.shape == (len(starts), 10)
    assert [int(row[0]) - 1 for row in cut] == starts
    if length >= 20:
        assert cut[-1, -1] == length


def test_unreadable_recordings_stop_or_are_listed(small_run, tmp_path):
    (tmp_path / "text.wav").write_text("not audio")
    (tmp_path / "empty.wav").touch()
    soundfile.write(tmp_path / "good.wav", 0.1 * np.ones(RATE), RATE)
    with pytest.raises(serkeras.audio.AudioError, match=r"empty\.wav"):
        serkeras.predict(small_run, tmp_path)
    table = serkeras.predict(small_run, tmp_path, on_error="skip")
    assert [path.split("/")[-1] for path in table["path"]] == ["good.wav"]
    names = [path.split("/")[-1] for path, _ in table.attrs["failed"]]
    assert names == ["empty.wav", "text.wav"]


def test_missing_path_and_empty_folder_are_named(small_run, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"must be a recording or a folder.*nowhere"):
        serkeras.predict(small_run, tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match="must be a recording or a folder"):
        find_recordings([tmp_path])


def test_evaluate_on_other_speakers(small_run, tmp_path):
    csv = write_corpus(tmp_path, speakers=2, seed=1)
    table = csv.read_text().replace(",0,", ",new0,").replace(",1,", ",new1,")
    csv.write_text(table)
    clips = serkeras.datasets.load_own(csv, name="other")
    metrics = serkeras.evaluate(small_run, [clips], progress=False)
    assert metrics["labels"] == small_run.labels
    assert sum(map(sum, metrics["confusion_matrix"])) == len(clips)
    json.dumps(metrics)


def test_evaluate_refuses_what_the_run_has_learned_from(small_run, own_csv):
    with pytest.raises(ValueError, match="speakers that it has not learned from"):
        serkeras.evaluate(small_run, [str(own_csv)], progress=False)


def test_evaluate_knows_learned_files_under_other_names(small_run, own_csv):
    frame = pd.read_csv(own_csv).assign(path=lambda t: str(own_csv.parent) + "/" + t["path"])
    frame["speaker"] = "renamed" + frame["speaker"].astype(str)
    with pytest.raises(ValueError, match="files among those learned, in a table"):
        serkeras.evaluate(small_run, frame, progress=False)


def test_evaluate_warns_where_speakers_are_unknown(small_run, tmp_path):
    frame = pd.read_csv(write_corpus(tmp_path, speakers=2, seed=1)).drop(columns="speaker")
    frame["path"] = str(tmp_path) + "/" + frame["path"]
    with pytest.warns(UserWarning, match="peakers"):
        metrics = serkeras.evaluate(small_run, frame, progress=False)
    assert "by clip" in metrics["intervals"]["method"]


def test_evaluate_refuses_emotions_that_the_model_does_not_know(small_run, tmp_path):
    csv = write_corpus(tmp_path)
    csv.write_text(csv.read_text().replace(",happy,", ",calm,").replace(",sad,", ",angry,"))
    with pytest.raises(ValueError, match="emotions that the model knows"):
        serkeras.evaluate(small_run, [str(csv)], progress=False)
