"""Training from end to end on a tiny corpus: what a run holds, and what it survives."""

import errno
import os
import random
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest

import serkeras
from serkeras import runs, splits
from serkeras._files import read_json, write_json
from serkeras.training import inherited, provenance
from serkeras.training.batches import Batches
from serkeras.training.fit import Fit, best_epoch, is_over
from serkeras.training.network import phase_seed
from serkeras.training.sides import Side, bin_statistics, extract
from tests.recordings import SMALL


@pytest.fixture
def run(small_run):
    return small_run


def test_run_folder_is_complete(run):
    names = {path.name for path in run.folder.iterdir()}
    assert names >= {
        *("experiment.json", "split.json", "history.csv", "predictions.csv", "validation.csv"),
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
        assert 0 <= figure["low"] <= figure["high"] <= 1
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
    assert set(provenance.read(run.folder)["speakers"]).isdisjoint(split.test["speaker"])


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


def _wait_for(process, path, seconds=120):
    deadline = time.monotonic() + seconds
    while not path.exists():
        assert process.poll() is None, "the training ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_killed_training_goes_on_and_ends_with_the_same_figures(run, own_csv, tmp_path):
    out = tmp_path / "killed"
    first = _train_in_a_process(own_csv, out)
    _wait_for(first, out / "checkpoints" / "search-0002.keras")
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


def _side(x, y=None):
    index = np.arange(len(x))
    return Side(x, index, index.astype(np.int32) if y is None else y, index.astype(str))


def test_batches_meet_every_clip_once_in_an_order_of_seed_and_epoch():
    x = np.arange(10.0, dtype=np.float32).reshape(10, 1, 1)
    orders = {}
    for epoch in (0, 1):
        batches = Batches(_side(x), batch_size=4, seed=3)
        batches.begin_epoch(epoch)
        seen = [batches[index] for index in range(len(batches))]
        assert [len(targets) for _, targets in seen] == [4, 4, 2]
        orders[epoch] = np.concatenate([targets for _, targets in seen]).tolist()
        assert np.concatenate([f.ravel() for f, _ in seen]).tolist() == orders[epoch]
        assert sorted(orders[epoch]) == list(range(10))
    assert orders[0] != orders[1]
    batches.begin_epoch(0)
    assert np.concatenate([batches[i][1] for i in range(3)]).tolist() == orders[0]


def test_batches_take_only_the_rows_of_their_side():
    x = np.arange(10.0, dtype=np.float32).reshape(10, 1, 1)
    index = np.array([7, 2, 5])
    side = Side(x, index, np.array([1, 0, 1], np.int32), np.array(["a", "b", "c"]))
    features, targets = Batches(side, batch_size=8)[0]
    assert features.ravel().tolist() == [7, 2, 5]
    assert targets.tolist() == [1, 0, 1]


def test_normalisation_is_that_of_the_side_s_rows_alone():
    x = np.random.default_rng(0).normal(5, 2, size=(900, 3, 4)).astype(np.float32)
    x[600:] = 1e6
    index = np.arange(600)
    side = Side(x, index, np.zeros(600, np.int32), index.astype(str))
    mean, variance = bin_statistics(side, chunk=7)
    np.testing.assert_allclose(mean, x[:600].mean(axis=(0, 2)), rtol=1e-5)
    np.testing.assert_allclose(variance, x[:600].var(axis=(0, 2)), rtol=1e-4)


def test_the_saved_model_normalises_with_the_training_side(run, own_csv):
    clips = serkeras.datasets.load_many([str(own_csv)])
    split = splits.Split.from_dict(read_json(run.folder / "split.json"), clips)
    sides = extract(split, run.labels, run.experiment, "raise", 1, False)
    assert len(sides.train.index) == 2 * len(split.train)
    assert len(sides.test.index) == len(split.test)
    mean, variance = bin_statistics(sides.train)
    scale = run.model.get_layer("scale")
    np.testing.assert_allclose(np.ravel(scale.scale), variance**-0.5, rtol=1e-6)
    np.testing.assert_allclose(-np.ravel(scale.offset) / np.ravel(scale.scale), mean, rtol=1e-6)


def test_sides_hold_the_right_clips_and_targets(own_csv):
    clips = serkeras.datasets.load_many([str(own_csv)])
    split = splits.make(clips, "speaker", seed=1)
    experiment = serkeras.Experiment().with_settings(SMALL)
    sides = extract(split, ["happy", "sad"], experiment, "raise", 1, False)
    for name, wanted in split.sides.items():
        side = getattr(sides, name)
        assert set(side.clips) == set(wanted["clip"])
        assert [("happy", "sad")[y] for y in side.y] == [
            clip.split("_")[1] for clip in side.clips
        ], name
        audio = experiment.audio
        first = wanted.set_index("clip")["path"][side.clips[0]]
        wave = serkeras.audio.load_clip(first, audio)[None]
        expected = serkeras.features.compute(wave, experiment.features, audio.sample_rate)[0]
        np.testing.assert_array_equal(side.x[side.index[0]], expected)


def test_the_features_command_and_other_splits_fill_one_cache(own_csv, monkeypatch):
    from serkeras.features import _fill, cache

    clips = serkeras.datasets.load_many([str(own_csv)])
    experiment = serkeras.Experiment().with_settings({**SMALL, "augment.copies": 0})
    cache.extract(clips, audio=experiment.audio, features=experiment.features, progress=False)

    def refuse(*arguments):
        raise AssertionError("features were computed again")

    monkeypatch.setattr(_fill, "fill", refuse)
    for kind, seed in (("speaker", 0), ("speaker", 1), ("random", 2)):
        split = splits.make(clips, kind, seed=seed)
        extract(split, ["happy", "sad"], experiment, "raise", 1, False)


def test_interrupted_run_refuses_changed_data(own_csv, tmp_path):
    shutil.copytree(own_csv.parent, tmp_path / "data")
    csv = tmp_path / "data" / "own.csv"
    out = tmp_path / "run"
    first = _train_in_a_process(csv, out)
    _wait_for(first, out / "checkpoints" / "search-0001.keras")
    first.kill()
    first.wait()
    original = csv.read_text()
    csv.write_text(original.replace(",happy,", ",surprise,"))
    with pytest.raises(ValueError, match="goes on with the data that it began with"):
        serkeras.train("cnn", data=[str(csv)], out=out, settings=SMALL, progress=False)
    changed = serkeras.train(
        "cnn", data=[str(csv)], out=tmp_path / "other", settings=SMALL, progress=False
    )
    shutil.copytree(out, tmp_path / "begun")
    again = serkeras.train(
        "cnn", data=[str(csv)], out=tmp_path / "begun", settings=SMALL, overwrite=True,
        progress=False,
    )  # fmt: skip
    pd.testing.assert_frame_equal(again.predictions, changed.predictions)
    csv.write_text(original)
    # --overwrite does not throw away what an interrupted run of the same experiment has done.
    began = (out / "history.csv").read_text().splitlines()[1]
    run = serkeras.train(
        "cnn", data=[str(csv)], out=out, settings=SMALL, overwrite=True, progress=False
    )
    assert (run.folder / "history.csv").read_text().splitlines()[1] == began


def test_failed_report_is_written_by_the_same_command(own_csv, tmp_path, monkeypatch):
    from serkeras.training import pipeline

    options = {"data": [own_csv], "out": tmp_path / "run", "settings": SMALL, "progress": False}

    def full(folder):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(pipeline, "_report", full)
        with pytest.raises(OSError, match="No space"):
            serkeras.train("cnn", **options)
    history = pd.read_csv(tmp_path / "run" / "history.csv")
    run = serkeras.train("cnn", **options)
    assert (run.folder / "report.md").is_file()
    pd.testing.assert_frame_equal(run.history, history)


def test_published_fault_is_measured_clip_by_clip_and_in_batches(own_csv, tmp_path):
    settings = {
        **SMALL,
        "training.epochs": 1,
        "training.retrain": False,
        "model.settings.attention_axis": "batch",
        "model.settings.num_layers": 1,
    }
    run = serkeras.train(
        "cnn2-transformer", data=[own_csv], out=tmp_path, settings=settings, progress=False
    )
    assert set(run.metrics["in_batches_by_name"]) == {"accuracy", "uar", "macro_f1"}
    assert "in batches" in (run.folder / "report.md").read_text()
    table = serkeras.predict(run, list(run.predictions["path"]))
    np.testing.assert_allclose(table["happy"], run.predictions["p_happy"], atol=1e-5)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"model.settings.dropot": 0.1}, r"must be among .*Received: \['dropot'\]"),
        ({"features.name": "mffc"}, "mffc"),
        ({"model.name": "cnn9"}, "A model must be one of"),
        ({"audio.duration_s": 0.3}, "at least 32 bins and 32 frames"),
    ],
)
def test_a_bad_setting_leaves_no_run_behind(own_csv, tmp_path, settings, words):
    out = tmp_path / "run"
    with pytest.raises(ValueError, match=words):
        serkeras.train(
            "cnn", data=[own_csv], out=out, settings={**SMALL, **settings}, progress=False
        )
    assert not out.exists()


def test_one_emotion_is_refused_before_anything_is_computed(own_csv, tmp_path):
    frame = pd.read_csv(own_csv).assign(path=lambda t: str(own_csv.parent) + os.sep + t["path"])
    frame = frame[frame["emotion"] == "sad"]
    with pytest.raises(ValueError, match="must carry two emotions or more"):
        serkeras.train("cnn", data=frame, out=tmp_path / "run", progress=False)
    assert not (tmp_path / "run").exists()


def test_emotions_that_no_side_has_are_no_answers(own_csv, tmp_path):
    frame = pd.read_csv(own_csv).assign(path=lambda t: str(own_csv.parent) + os.sep + t["path"])
    frame.loc[frame.index[::3], "emotion"] = "angry"
    frame.to_csv(tmp_path / "own.csv", index=False)
    clips = serkeras.datasets.load_many([str(tmp_path / "own.csv")])
    angry = set(clips.loc[clips["emotion"] == "angry", "clip"])
    lists = splits.make(clips, "speaker").to_dict()
    for side in ("train", "validation", "test"):
        lists[side] = [clip for clip in lists[side] if clip not in angry]
    write_json(tmp_path / "split.json", lists)
    run = serkeras.train(
        "logistic-sklearn",
        data=[str(tmp_path / "own.csv")],
        split=f"lists:{tmp_path / 'split.json'}",
        settings={"audio.duration_s": 1.1},
        out=tmp_path / "run",
        progress=False,
    )
    assert run.labels == sorted(set(frame["emotion"]) - {"angry"})


def test_training_leaves_the_callers_random_state_alone(own_csv, tmp_path):
    random.seed(5)
    np.random.seed(5)  # noqa: NPY002
    settings = {**SMALL, "training.epochs": 1, "training.retrain": False}
    serkeras.train("cnn", data=[own_csv], out=tmp_path, settings=settings, progress=False)
    after = random.random(), np.random.random()  # noqa: NPY002
    random.seed(5)
    np.random.seed(5)  # noqa: NPY002
    assert after == (random.random(), np.random.random())  # noqa: NPY002


def test_a_run_can_be_made_again_from_its_experiment(run):
    from serkeras import recipes

    assert recipes.load(run.folder / "experiment.json") == run.experiment


def test_commit_of_another_repository_is_not_taken(tmp_path, monkeypatch):
    package = tmp_path / "site-packages" / "serkeras" / "training"
    package.mkdir(parents=True)
    (package.parent / "__init__.py").touch()
    for words in (["init", "-q"], ["commit", "-q", "--allow-empty", "-m", "theirs"]):
        identity = ["-c", "user.name=x", "-c", "user.email=x@example.com"]
        subprocess.run(["git", "-C", tmp_path, *identity, *words], check=True)
    monkeypatch.setattr(provenance, "__file__", str(package / "provenance.py"))
    assert provenance.commit() is None


def test_sessions_of_a_resumed_run_are_all_told(tmp_path, monkeypatch):
    clip = {"speaker": "a", "path": "nowhere.wav", "corpus": "own", "clip": "own/nowhere"}
    clips = pd.DataFrame([clip, clip | {"clip": "own/elsewhere"}, clip | {"clip": "own/there"}])
    split = splits.Split(
        clips[:1], clips[1:2], clips[2:], kind="x", seed=0, allowed=("speaker", "clip"), notes=()
    )
    monkeypatch.setattr(provenance, "device", lambda: "a device")
    for commit in ("1", "1", "2"):
        monkeypatch.setattr(provenance, "commit", lambda commit=commit: commit)
        provenance.begin(tmp_path, "digest", split, {"nowhere.wav": ""}, inherited.Inherited())
    assert provenance.joined(tmp_path, "commit") == "1 then 2"
    assert provenance.joined(tmp_path, "device") == "a device"


def test_phases_draw_their_own_weights():
    assert phase_seed(0, "search") != phase_seed(0, "final")
    assert phase_seed(0, "search") != phase_seed(1, "search")


def test_run_refuses_a_folder_without_a_run(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"experiment\.json"):
        runs.Run(tmp_path)


@pytest.mark.corpus
def test_three_real_corpora_from_end_to_end(tmp_path):
    specs = ["ravdess", "tess", "emodb"]
    clips = serkeras.datasets.load_many(specs, "seven")
    few = clips.groupby(["corpus", "speaker", "emotion"]).head(2)
    with pytest.warns(UserWarning, match="tess"):  # its two speakers stand on the training side
        run = serkeras.train("cnn", data=few, out=tmp_path, settings=SMALL, progress=False)
    assert run.labels == ["angry", "disgust", "fear", "happy", "neutral", "sad", "surprise"]
    assert set(run.metrics["groups"]["corpus"]) == {"ravdess", "emodb"}
    assert set(run.metrics["groups"]["sex"]) == {"female", "male"}
    learned = provenance.read(run.folder)["speakers"]
    assert {"tess-OAF", "tess-YAF"} <= set(learned)
    assert set(learned).isdisjoint(run.predictions["speaker"])
    assert (run.folder / "figures" / "clips.png").is_file()


def test_rate_loss_and_decay_are_the_same_after_an_interruption(own_csv, tmp_path, monkeypatch):
    settings = {
        **SMALL,
        "training.epochs": 4,
        "training.retrain": False,
        "training.optimizer": "adamw",
        "training.weight_decay": 0.1,
        "training.decay_only": ["conv"],
        "training.schedule": {"name": "triangular", "half_cycle": 1.5},
        "training.loss": "focal",
        "training.label_smoothing": 0.1,
        "training.class_weights": "balanced",
    }
    options = {"data": [own_csv], "settings": settings, "progress": False}
    whole = serkeras.train("cnn", out=tmp_path / "whole", **options)
    keep = Fit.keep

    def keep_and_stop(fit, model, row):
        keep(fit, model, row)
        if len(fit.rows) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(Fit, "keep", keep_and_stop)
    with pytest.raises(KeyboardInterrupt):
        serkeras.train("cnn", out=tmp_path / "parts", **options)
    monkeypatch.undo()
    parts = serkeras.train("cnn", out=tmp_path / "parts", **options)
    columns = [name for name in whole.history if name != "seconds"]
    pd.testing.assert_frame_equal(parts.history[columns], whole.history[columns])
    assert whole.history["learning_rate"].nunique() > 2
    np.testing.assert_array_equal(parts.predictions["p_sad"], whole.predictions["p_sad"])


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("schedule", {"name": "linear"}, "one of .*'plateau'"),
        ("decay_only", ["blokc"], "`decay_only` must"),
        ("focal_gamma", -1.0, "`focal_gamma` of"),
    ],
)
def test_unusable_training_settings_leave_no_folder(own_csv, tmp_path, name, value, words):
    settings = {**SMALL, "training.weight_decay": 0.1, f"training.{name}": value}
    with pytest.raises(ValueError, match=words):
        serkeras.train(
            "cnn", data=[own_csv], out=tmp_path / "run", settings=settings, progress=False
        )
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("recipe", "settings", "words"),
    [
        ("cnn", {"model.name": "cnnn"}, "A model must be one of"),
        ("cnn", {"training.schedule": {"name": "platoo"}}, "rule must be one of"),
        ("issa", {"features.name": "tonnetz"}, r"8 numbers or more.*\(6, 1\)"),
        ("cnn5", {"features.name": "tonnetz", "audio.fit": "pad"}, "more than 15 bins"),
        ("cnn", {"model.settings.depth": 2}, "must be among"),
    ],
)
def test_what_cannot_be_built_is_refused_before_features_are_computed(
    own_csv, tmp_path, monkeypatch, recipe, settings, words
):
    from serkeras.features import cache

    def computed(*_, **__):
        raise AssertionError("features were computed")

    monkeypatch.setattr(cache, "extract", computed)
    with pytest.raises(ValueError, match=words):
        serkeras.train(
            recipe, data=[own_csv], out=tmp_path / "run", settings=settings, progress=False
        )
