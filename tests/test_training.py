"""Training from end to end on a tiny corpus: what a run holds, and what it survives."""

import errno
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest

import serkeras
from serkeras import runs, splits
from serkeras._files import read_json
from serkeras.training.batches import Batches
from serkeras.training.fit import best_epoch, is_over
from serkeras.training.pipeline import bin_statistics, phase_seed
from tests.recordings import SMALL


@pytest.fixture
def run(small_run):
    return small_run


def test_run_folder_is_complete(run):
    names = {path.name for path in run.folder.iterdir()}
    assert names >= {
        *("experiment.json", "split.json", "history.csv", "predictions.csv"),
        *("model.keras", "metrics.json", "report.md", "figures", "tensorboard"),
    }
    assert "checkpoints" not in names
    assert len(list((run.folder / "figures").glob("*.png"))) >= 4
    assert list((run.folder / "tensorboard" / "search").rglob("events.out.tfevents.*"))


def test_metrics_say_what_the_run_was(run):
    facts = run.metrics["run"]
    assert facts["recipe"] == "cnn"
    assert facts["split"] == "speaker"
    assert facts["seed"] == 0
    assert facts["parameters"] == run.model.count_params()
    assert facts["epochs"]["search"] == sum(run.history["phase"] == "search")
    assert facts["epochs"]["final"] == best_epoch(
        run.history[run.history["phase"] == "search"].to_dict("records")
    )
    assert "backend" in facts["device"]
    assert facts["versions"]["keras"]
    for name in ("accuracy", "uar", "macro_f1"):
        figure = run.metrics[name]
        assert figure["low"] <= figure["value"] <= figure["high"]
    assert run.metrics["labels"] == ["happy", "sad"]


def test_metrics_equal_the_saved_predictions(run):
    table = run.predictions
    assert run.metrics["accuracy"]["value"] == (table["emotion"] == table["predicted"]).mean()


def test_predictions_are_those_of_the_saved_model(run):
    table = serkeras.predict(run, list(run.predictions["path"]))
    np.testing.assert_allclose(table["happy"], run.predictions["p_happy"], atol=1e-5)
    assert table["label"].tolist() == run.predictions["predicted"].tolist()


def test_only_the_test_side_is_predicted_and_speakers_are_disjoint(run, own_csv):
    split = splits.Split.from_dict(
        read_json(run.folder / "split.json"), serkeras.datasets.load_many([str(own_csv)])
    )
    assert sorted(run.predictions["clip"]) == sorted(split.test["clip"])
    assert split.speaker_disjoint
    assert set(run.metrics["run"]["learned_speakers"]).isdisjoint(split.test["speaker"])


def test_the_network_learns(run):
    losses = run.history.query("phase == 'search'")["loss"]
    assert losses.iloc[-1] < losses.iloc[0]


def test_same_seed_gives_the_same_figures(run, own_csv, tmp_path):
    again = serkeras.train("cnn", data=[own_csv], out=tmp_path, settings=SMALL, progress=False)
    pd.testing.assert_frame_equal(
        again.history.drop(columns="seconds"), run.history.drop(columns="seconds")
    )
    pd.testing.assert_frame_equal(again.predictions, run.predictions)


def test_a_table_is_data_too(own_csv, tmp_path):
    frame = pd.read_csv(own_csv).assign(path=lambda t: str(own_csv.parent) + os.sep + t["path"])
    run = serkeras.train(
        "cnn",
        data=frame,
        out=tmp_path,
        settings={**SMALL, "training.epochs": 1, "training.retrain": False},
        progress=False,
    )
    assert set(run.history["phase"]) == {"search"}
    assert len(run.predictions)


def test_finished_run_is_not_replaced_silently(run, own_csv):
    with pytest.raises(FileExistsError, match="never replaced silently.*--overwrite"):
        serkeras.train("cnn", data=[own_csv], out=run.folder, settings=SMALL, progress=False)
    with pytest.raises(FileExistsError, match="holds one experiment"):
        serkeras.train("cnn", data=[own_csv], out=run.folder, seed=1, progress=False)
    assert run.finished


def test_a_folder_with_other_files_is_refused(tmp_path):
    (tmp_path / "thesis.doc").write_text("precious")
    with pytest.raises(FileExistsError, match="needs an empty folder"):
        runs.prepare(tmp_path, serkeras.Experiment(), overwrite=True)
    assert (tmp_path / "thesis.doc").read_text() == "precious"


def test_two_processes_do_not_share_a_run_folder(tmp_path):
    with (
        runs.locked(tmp_path / "run"),
        pytest.raises(RuntimeError, match="One process trains in a run folder"),
        runs.locked(tmp_path / "run"),
    ):
        pass


def _train_in_a_process(csv, out):
    words = [sys.executable, "-m", "serkeras", "train", "cnn", "--data", str(csv)]
    words += ["--out", str(out), "--quiet"]
    for name, value in SMALL.items():
        words += ["--set", f"{name}={value}"]
    return subprocess.Popen(words)


def test_killed_training_goes_on_and_ends_with_the_same_figures(run, own_csv, tmp_path):
    out = tmp_path / "killed"
    first = _train_in_a_process(own_csv, out)
    deadline = time.monotonic() + 120
    while not list((out / "checkpoints").glob("search-0002.keras")):
        assert first.poll() is None, "the training ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.02)
    first.send_signal(signal.SIGKILL)
    first.wait()
    assert not runs.Run(out).finished
    with pytest.raises(FileNotFoundError, match="interrupted.*goes on where it stopped"):
        _ = runs.Run(out).metrics
    assert _train_in_a_process(own_csv, out).wait(timeout=240) == 0
    resumed = runs.Run(out)
    pd.testing.assert_frame_equal(
        resumed.history.drop(columns="seconds"), run.history.drop(columns="seconds")
    )
    pd.testing.assert_frame_equal(resumed.predictions, run.predictions)


def test_full_disk_loses_nothing(run, own_csv, tmp_path, monkeypatch, capsys):
    from serkeras import _files
    from serkeras.cli import main

    replace = os.replace

    def full_at_the_second_checkpoint(source, target):
        if str(target).endswith("search-0002.keras"):
            raise OSError(errno.ENOSPC, "No space left on device", str(target))
        replace(source, target)

    out = tmp_path / "run"
    words = ["train", "cnn", "--data", str(own_csv), "--out", str(out), "--quiet"]
    words += [word for name, value in SMALL.items() for word in ("--set", f"{name}={value}")]
    monkeypatch.setattr(_files.os, "replace", full_at_the_second_checkpoint)
    assert main(words) == 2
    assert "The disk must have room for the run" in capsys.readouterr().err
    assert not runs.Run(out).finished
    assert not [path for path in out.rglob("*") if path.name.startswith(".tmp-")]
    monkeypatch.undo()
    assert main(words) == 0
    pd.testing.assert_frame_equal(
        runs.Run(out).history.drop(columns="seconds"), run.history.drop(columns="seconds")
    )


def test_corrupt_clip_stops_or_is_left_out_as_asked(own_csv, tmp_path):
    clips = pd.read_csv(own_csv)
    clips["path"] = [str(own_csv.parent / name) for name in clips["path"]]
    (tmp_path / "broken.wav").write_text("this is text")
    clips.loc[0, "path"] = str(tmp_path / "broken.wav")
    clips.to_csv(tmp_path / "own.csv", index=False)
    options = {"data": [tmp_path / "own.csv"], "settings": SMALL, "progress": False}
    with pytest.raises(serkeras.audio.AudioError, match=r"broken\.wav"):
        serkeras.train("cnn", out=tmp_path / "run", **options)
    run = serkeras.train("cnn", out=tmp_path / "run", on_error="skip", **options)
    failed = pd.read_csv(run.folder / "failed.csv")
    assert failed["path"].tolist() == [str(tmp_path / "broken.wav")]


def test_diverged_training_is_named():
    rows = [{"val_loss": np.nan}, {"val_loss": np.inf}]
    with pytest.raises(ValueError, match=r"diverged. Lower training\.learning_rate"):
        best_epoch(rows)


def test_stopping_rule():
    rows = [{"val_loss": loss} for loss in (3.0, 1.0, 2.0, 1.0, 2.0)]
    assert best_epoch(rows) == 2
    assert is_over(rows, epochs=5)
    assert is_over(rows, epochs=9, patience=3)
    assert not is_over(rows, epochs=9, patience=4)
    assert not is_over(rows, epochs=9)
    assert not is_over([], epochs=1, patience=1)


def test_the_best_epoch_may_be_the_most_accurate_one():
    rows = [
        {"val_loss": 1.0, "val_accuracy": 0.4},
        {"val_loss": 2.0, "val_accuracy": 0.6},
        {"val_loss": np.nan, "val_accuracy": 0.9},
        {"val_loss": 3.0, "val_accuracy": 0.6},
    ]
    assert best_epoch(rows, "val_loss") == 1
    assert best_epoch(rows, "val_accuracy") == 2
    assert is_over(rows, 9, patience=3)
    assert not is_over(rows, 9, patience=3, monitor="val_accuracy")


def test_batches_meet_every_clip_once_in_an_order_of_seed_and_epoch():
    x, y = np.arange(10.0, dtype=np.float32).reshape(10, 1, 1), np.arange(10)
    orders = {}
    for epoch in (0, 1):
        batches = Batches(x, y, batch_size=4, seed=3)
        batches.begin_epoch(epoch)
        seen = [batches[index] for index in range(len(batches))]
        assert [len(targets) for _, targets in seen] == [4, 4, 2]
        orders[epoch] = np.concatenate([targets for _, targets in seen]).tolist()
        assert np.concatenate([f.ravel() for f, _ in seen]).tolist() == orders[epoch]
        assert sorted(orders[epoch]) == list(range(10))
    assert orders[0] != orders[1]
    batches.begin_epoch(0)
    assert np.concatenate([batches[i][1] for i in range(3)]).tolist() == orders[0]


def test_normalisation_is_that_of_the_training_rows_alone():
    x = np.random.default_rng(0).normal(5, 2, size=(600, 3, 4)).astype(np.float32)
    mean, variance = bin_statistics(x, chunk=7)
    np.testing.assert_allclose(mean, x.mean(axis=(0, 2)), rtol=1e-5)
    np.testing.assert_allclose(variance, x.var(axis=(0, 2)), rtol=1e-4)


def test_the_saved_model_normalises_with_the_training_side(run, own_csv):
    from serkeras.features import cache

    clips = serkeras.datasets.load_many([str(own_csv)])
    split = splits.Split.from_dict(read_json(run.folder / "split.json"), clips)
    experiment = run.experiment
    training = cache.extract(
        split.train,
        audio=experiment.audio,
        features=experiment.features,
        augment=experiment.augment,
        progress=False,
    )
    assert len(training.x) == 2 * len(split.train)
    mean, variance = bin_statistics(training.x)
    scale = run.model.get_layer("scale")
    np.testing.assert_allclose(np.ravel(scale.scale), variance**-0.5, rtol=1e-6)
    np.testing.assert_allclose(-np.ravel(scale.offset) / np.ravel(scale.scale), mean, rtol=1e-6)


def test_phases_draw_their_own_weights():
    assert phase_seed(0, "search") != phase_seed(0, "final")
    assert phase_seed(0, "search") != phase_seed(1, "search")


def test_run_refuses_a_folder_without_a_run(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"experiment\.json"):
        runs.Run(tmp_path)
