"""Studies: their form, cells, work shared by processes, tables, figures and paired tests."""

import itertools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import types
import zlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy import stats

from serkeras import datasets, recipes, runs, splits, studies
from serkeras._files import read_json, write_json
from serkeras.cli import main
from serkeras.studies import crew, differences, paired, report, rows, work
from serkeras.studies import folder as folders
from serkeras.training import by_speaker, reading
from tests.recordings import SMALL

REPO = Path(__file__).resolve().parents[1]
LABELS = ["happy", "neutral", "sad"]
SPEAKERS = [f"own-{number}" for number in range(8)]


def form(**changes):
    """A small study that is sound."""
    return {
        "name": "tiny",
        "recipes": ["cnn", {"recipe": "cnn2", "settings": {"training.epochs": 7}}],
        "features": ["mfcc", "mel+chroma"],
        "seeds": [0, 1],
        "splits": ["speaker", "random"],
        **changes,
    }


def study(**changes):
    return studies.Study.from_dict(form(**changes))


NO_CLIPS = pd.DataFrame(columns=["clip", "corpus", "speaker", "emotion", "path"])


def fake_train(experiment, out, on_error, n_jobs, progress):
    """Write a finished run folder as `serkeras.train` would, in no time."""
    with open(Path(os.environ["FAKE_LOG"]), "a", encoding="utf-8") as file:
        file.write(f"{Path(out).name}\n")
    time.sleep(float(os.environ.get("FAKE_SECONDS", 0)))
    with runs.locked(out):
        runs.check_free(out, experiment)
        runs.prepare(out, experiment)
        if f"seed{experiment.seed}" in os.environ.get("FAKE_FAULT", ""):
            if "kill" in os.environ["FAKE_FAULT"]:
                os.kill(os.getpid(), signal.SIGKILL)
            raise ValueError("The shape must fit.\nReceived: (6, 94).")
        _write_run(Path(out), experiment)


def _write_run(out, experiment):
    seed, disjoint = experiment.seed, experiment.split == "speaker"
    clips = pd.DataFrame(
        itertools.product(SPEAKERS[4 * (seed % 2) :][:4] if disjoint else SPEAKERS, LABELS, "ab"),
        columns=["speaker", "emotion", "take"],
    )
    clips["clip"] = clips["speaker"] + clips["emotion"] + clips["take"]
    clips = clips.assign(path="x.wav", corpus="own", sex="female")
    truth = clips["emotion"].map(LABELS.index).to_numpy()
    name = f"{experiment.recipe} {experiment.features.name} {experiment.split}"
    rng = np.random.default_rng([seed, zlib.crc32(name.encode())])
    scores = rng.dirichlet(np.ones(3), len(truth)) + np.eye(3)[truth] * rng.uniform(0, 0.6)
    scores /= scores.sum(axis=1, keepdims=True)
    said = [LABELS[index] for index in scores.argmax(axis=1)]
    columns = list(runs.PREDICTION_COLUMNS)
    clips.assign(predicted=said)[columns].to_csv(out / "predictions.csv", index=False)
    write_json(out / "split.json", {"speaker_disjoint": disjoint})
    history = {"phase": ["search"] * 3, "val_loss": [3, 1, 2], "val_accuracy": [0.1, 0.5, 0.9]}
    pd.DataFrame(history).to_csv(out / "history.csv", index=False)
    facts = {"epochs": {"search": 3, "final": 0}, "parameters": 10, "seconds": 36.0}
    facts |= {"device": "a machine", "commit": None}
    right = truth == scores.argmax(axis=1)
    values = {"accuracy": right.mean(), "macro_f1": 0.5}
    values["uar"] = np.mean([right[truth == label].mean() for label in range(3)])
    measured = {key: {"value": v, "low": v - 0.1, "high": v + 0.1} for key, v in values.items()}
    matrix = pd.crosstab(truth, scores.argmax(axis=1)).to_numpy().tolist()
    measured |= {"labels": LABELS, "confusion_matrix": matrix}
    write_json(out / "metrics.json", {**measured, "run": facts})


def faked(patch, log):
    """Train with `fake_train`, on data that are not looked at, and leave Keras alone."""
    patch.setattr("serkeras.training.pipeline.train", fake_train)
    patch.setattr("serkeras.studies.runner._check", lambda *_: NO_CLIPS)
    patch.setattr("serkeras.studies.work._forget", lambda: None)
    patch.setenv("FAKE_LOG", str(log))
    return log


@pytest.fixture
def fake(monkeypatch, tmp_path):
    """Let studies train with `fake_train`; returns the file that names what was trained."""
    return faked(monkeypatch, tmp_path / "trained.txt")


def trained(log):
    return log.read_text().split() if log.is_file() else []


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Folder of the small study, finished; not to be changed."""
    folder = tmp_path_factory.mktemp("studies")
    with pytest.MonkeyPatch.context() as patch:
        faked(patch, folder / "trained.txt")
        studies.run(study(), folder / "done", progress=False)
    return folder / "done"


@pytest.fixture
def done(finished, tmp_path):
    """A copy of the small study, finished."""
    return Path(shutil.copytree(finished, tmp_path / "done"))


# The form.


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"recepies": ["cnn"]}, "recepies"),
        ({"name": "a/b"}, "a/b"),
        ({"recipes": []}, "must not be empty"),
        ({"recipes": "cnn"}, "must be a list"),
        ({"recipes": ["cnnn"]}, "cnnn"),
        ({"recipes": ["cnn", "cnn"]}, "more than once"),
        ({"recipes": [{"recipe": "cnn", "setings": {}}]}, "setings"),
        ({"recipes": [{"settings": {}}]}, "name a recipe"),
        ({"recipes": [{"recipe": "cnn", "label": " "}]}, "label"),
        ({"features": []}, "must not be empty"),
        ({"features": ["mffc"]}, "mffc"),
        ({"features": [3]}, "Received: 3"),
        ({"features": ["mfcc", {"features.name": "mfcc"}]}, "more than once"),
        ({"seeds": []}, "must not be empty"),
        ({"seeds": [0, -1]}, "-1"),
        ({"seeds": [True]}, "True"),
        ({"seeds": [1, 1]}, "more than once"),
        ({"splits": []}, "must not be empty"),
        ({"splits": [{"label": "5-fold"}]}, "folds"),
        ({"data": "ravdess"}, "must be a list"),
        ({"settings": {"training.epoch": 3}}, "epoch"),
        ({"settings": {"training.epochs": "many"}}, "many"),
        ({"settings": {"seed": 3}}, "seed"),
        ({"settings": ["x"]}, "dotted settings"),
        ({"where": [{"recipe": "cnn9", "skip": "no"}]}, "cnn9"),
        ({"where": [{"recipe": "cnn"}]}, "either `settings` or `skip`"),
        ({"where": [{"recipe": "cnn", "skip": True}]}, "why"),
        ({"where": [{"skip": "none of them"}]}, "leave out all"),
        ({"published": {"measure": "accuracy"}}, "columns"),
        (
            {"published": {"measure": "a", "columns": ["cnn"], "rows": {"mfcc": [1, 2]}}},
            "a percentage or null",
        ),
        (
            {"published": {"measure": "a", "columns": ["cnn"], "rows": {"mfccs": [1]}}},
            "mfccs",
        ),
        (
            {"published": {"measure": "a", "columns": ["x"], "rows": {"mfcc": [1]}, "split": "s"}},
            "Received: ['s']",
        ),
        ({"recipes": [{"recipe": "cnn"}, {"recipe": "cnn", "label": "x"}]}, "own experiment"),
        ({"recipes": ["cnn", {"recipe": "cnn2", "label": "CNN"}]}, "own folder"),
    ],
)
def test_a_malformed_study_gets_one_clear_error(changes, words):
    with pytest.raises(ValueError, match=re.escape(words)) as error:
        studies.expand(study(**changes))
    assert "Received: " in str(error.value)


def test_cells_are_recipes_by_features_by_splits_by_seeds():
    cells = studies.expand(study())
    assert len(cells) == len({cell.id for cell in cells}) == 2 * 2 * 2 * 2
    assert [cell.seed for cell in cells] == [0] * 8 + [1] * 8
    last = cells[-1]
    assert last.id == "cnn2 epochs=7/mel+chroma/random/seed1"
    expected = recipes.load("cnn2").with_settings(
        {"features.name": "mel+chroma", "training.epochs": 7, "split": "random", "seed": 1}
    )
    assert last.experiment == expected
    assert studies.expand(study(features=[None]))[0].experiment == recipes.load("cnn")


def test_the_nearest_setting_counts_and_single_cells_can_differ_or_be_left_out():
    cells = studies.expand(
        study(
            settings={"training.epochs": 3, "training.patience": 4},
            where=[
                {"recipe": "cnn", "features": ["mfcc"], "settings": {"training.epochs": 9}},
                {"recipe": "cnn2 epochs=7", "split": "random", "skip": "too slow"},
            ],
        )
    )
    training = {cell.id: cell.experiment.training for cell in cells}
    assert training["cnn/mfcc/speaker/seed0"].epochs == 9
    assert training["cnn/mel+chroma/speaker/seed0"].epochs == 3
    assert training["cnn2 epochs=7/mfcc/speaker/seed0"].epochs == 7
    assert {values.patience for values in training.values()} == {4}
    assert len(cells) == 12
    assert not any(cell.recipe.startswith("cnn2") and cell.split == "random" for cell in cells)


def test_folder_names_are_valid_everywhere_and_tell_all_cells_apart():
    odd = ["a:b", "a/b", "a b", "a\\b", "a?b", "con.x", "é", "x" * 90, "x" * 91]
    entries = [
        {"recipe": "cnn", "label": label, "settings": {"training.epochs": 2 + number}}
        for number, label in enumerate(odd)
    ]
    folds = [{"label": "folds", "folds": ["kfold:1/5", "kfold:2/5"]}]
    cells = studies.expand(study(recipes=entries, splits=folds, seeds=[0]))
    names = [cell.folder for cell in cells]
    assert len(set(names)) == len(names) == 9 * 2 * 2
    assert all(re.fullmatch(r"[A-Za-z0-9_+=-]{1,200}", name) for name in names)
    assert names[0].endswith("__mfcc__kfold1of5__seed0")
    assert {cell.split for cell in cells} == {"folds"}


@pytest.mark.parametrize("name", studies.names())
def test_shipped_studies_are_sound(name):
    shipped = studies.load(name)
    assert shipped.name == name
    assert shipped.about
    assert shipped.source
    # No run is refused for its settings, which a study would tell when the others are done.
    asked = {cell.recipe + cell.features: cell.experiment for cell in studies.expand(shipped)}
    assert asked
    for experiment in asked.values():
        reading.check(experiment)
        by_speaker.check(experiment)


@pytest.mark.corpus
def test_shipped_studies_name_splits_that_there_are():
    shipped = [studies.load(name) for name in studies.names()]
    on_ravdess = [one for one in shipped if list(one.data) == ["ravdess"]]
    assert len(on_ravdess) > 2
    clips = datasets.load_many(["ravdess"])
    for fold in {cell.fold for one in on_ravdess for cell in studies.expand(one)}:
        assert len(splits.make(clips, fold).test)


def test_the_study_of_report_s0():
    s0 = studies.load("s0-features")
    cells = studies.expand(s0)
    assert len(s0.features) == 19
    # 19 combinations, six recipes, two splits, three seeds; eight cells the source lacks too.
    assert len(cells) == (19 * 6 - 2 - 6) * 2 * 3
    by_id = {cell.id: cell.experiment for cell in cells}
    assert by_id["cnn5/tonnetz/random/seed0"].model.settings == {"padding": "same"}
    assert by_id["cnn5/mfcc/random/seed0"].model.settings == {}
    assert by_id["cnn5/mfcc/random/seed0"].features.frames == 250
    assert by_id["issa/mfcc/speaker/seed2"].features.average == "time"
    table_1 = {"logistic": (1e-2, 1e-3, 32, 100), "cnn5": (1e-4, 1e-3, 32, 80)}
    table_1["issa"] = (1e-5, 1e-6, 16, 700)
    table_1["resnet50"] = (1e-4, 1e-3, 32, 40)
    table_1["vit-b16"] = (5e-5, 0, 32, 400)
    for name, numbers in table_1.items():
        t = by_id[f"{name}/mfcc/random/seed0"].training
        assert (t.learning_rate, t.weight_decay, t.batch_size, t.epochs) == numbers
    published = s0.published.values
    assert published["cnn5", "mel+mfcc+spectral_contrast"] == 65.28
    assert published["issa", "mel+mfcc+chroma+spectral_contrast+tonnetz"] == 73.61
    counts = pd.Series([recipe for recipe, _ in published]).value_counts().to_dict()
    assert counts == {
        "logistic": 7, "cnn5": 16, "issa": 15, "vit-b16": 5, "resnet50": 10, "densenet201": 5,
    }  # fmt: skip


def test_looking_at_a_study_needs_no_tensorflow(done):
    code = (
        "import sys\nfrom serkeras.cli import main\n"
        f"assert main(['study', 'status', {str(done)!r}]) == 0\n"
        f"assert main(['study', 'report', {str(done)!r}]) == 0\n"
        "heavy = {'tensorflow', 'keras', 'librosa'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60, cwd=REPO)


# The work.


def test_a_run_goes_on_where_it_stopped(fake, tmp_path):
    some = studies.run(study(), tmp_path / "s", max_runs=3, progress=False)
    assert [state.kind for state in some].count("finished") == len(trained(fake)) == 3
    one = studies.run(study(), tmp_path / "s", only="cnn/mel*/random/seed1", progress=False)
    assert [state.kind for state in one] == ["finished"]
    every = studies.run(study(), tmp_path / "s", shuffle=True, progress=False)
    assert {state.kind for state in every} == {"finished"}
    assert sorted(trained(fake)) == sorted(cell.folder for cell in studies.expand(study()))
    with pytest.raises(ValueError, match="must match a cell"):
        studies.run(study(), tmp_path / "s", only="cnn/mfcc", progress=False)
    with pytest.raises(ValueError, match="1 or more"):
        studies.run(study(), tmp_path / "s", jobs=0, progress=False)


def start(out, **environment):
    """Start a process of its own that runs the small study with `fake_train`."""
    code = (
        "import serkeras.training.pipeline as p, serkeras.studies.runner as r\n"
        "from tests import test_studies as t\n"
        "p.train, r._check = t.fake_train, lambda *_: t.NO_CLIPS\n"
        f"t.studies.run(t.study(), {str(out)!r}, progress=False)\n"
    )
    return subprocess.Popen(
        [sys.executable, "-c", code], cwd=REPO, env={**os.environ, **environment}
    )


def test_two_processes_at_once_train_each_cell_once(fake, tmp_path):
    processes = [start(tmp_path / "s", FAKE_SECONDS="0.08") for _ in range(2)]
    assert [process.wait(60) for process in processes] == [0, 0]
    names = sorted(cell.folder for cell in studies.expand(study()))
    assert sorted(trained(fake)) == names
    assert len(pd.read_csv(tmp_path / "s" / "rows.csv")) == len(names)


def test_a_cell_that_another_process_holds_is_left_to_it_and_shown_as_running(
    fake, tmp_path, monkeypatch
):
    first = studies.expand(study())[0]
    asked = []

    def wait(_):
        asked.append([s.kind for s in studies.states(study(), tmp_path)[0]].count("running"))
        holder.release()

    (tmp_path / "cells").mkdir()
    holder = folders.filelock.FileLock(tmp_path / "cells" / f"{first.folder}.lock")
    holder.acquire()
    write_json(tmp_path / "study.json", form())
    monkeypatch.setattr("serkeras.studies.work.time", types.SimpleNamespace(sleep=wait))
    states = studies.run(study(), tmp_path, progress=False)
    assert {state.kind for state in states} == {"finished"}
    assert asked == [1]
    assert trained(fake)[-1] == first.folder


def test_a_failing_cell_is_recorded_and_tried_again_by_the_next_call(
    fake, tmp_path, monkeypatch, capsys
):
    (tmp_path / "study.json").write_text(json.dumps(form()))
    words = ["study", "run", str(tmp_path / "study.json"), "--out", str(tmp_path / "s")]
    monkeypatch.setenv("FAKE_FAULT", "seed1")
    assert main([*words, "--quiet"]) == 1
    out = capsys.readouterr().out
    assert "16 runs: 8 finished, 8 failed" in out
    assert "failed: cnn/mfcc/speaker/seed1: ValueError: The shape must fit. Received" in out
    assert "ValueError: The shape must fit." in (tmp_path / "s" / "report.md").read_text()
    assert main(["study", "status", str(tmp_path / "s")]) == 1
    assert "left: about 0.1 hours of training, one run at a time\n" in capsys.readouterr().out
    states, _ = studies.states(study(), tmp_path / "s")
    assert studies.hours_left(states) == (8 * 36 / 3600, [])
    assert studies.hours_left(states[:8][::2] + states[8:]) == (4 * 36 / 3600, ["cnn2 epochs=7"])
    monkeypatch.delenv("FAKE_FAULT")
    assert main([*words, "--quiet"]) == 0
    assert main(["study", "status", str(tmp_path / "s")]) == 0
    assert "16 runs: 16 finished" in capsys.readouterr().out
    assert not list((tmp_path / "s" / "cells").glob("*.json"))


def test_a_full_disk_stops_the_study(fake, tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("serkeras.training.pipeline.train", full)
    with pytest.raises(OSError, match="No space"):
        studies.run(study(), tmp_path / "s", progress=False)
    kinds = [state.kind for state in studies.states(study(), tmp_path / "s")[0]]
    assert (kinds.count("interrupted"), kinds.count("left")) == (1, 15)


def test_a_changed_study_keeps_what_still_belongs(done, fake):
    # A new label, a seed less, a feature more, and other settings for one recipe.
    changed = study(
        recipes=[{"recipe": "cnn", "label": "one block"}, "cnn2"],
        features=["mfcc", "mel+chroma", "mel"],
        seeds=[0],
    )
    states, strangers = studies.states(changed, done)
    kinds = {state.cell.id: state.kind for state in states}
    assert kinds["one block/mfcc/speaker/seed0"] == "finished"
    assert kinds["one block/mel/speaker/seed0"] == "left"
    assert kinds["cnn2/mfcc/speaker/seed0"] == "left"
    assert len(strangers) == 16 - 4
    again = study(recipes=[{"recipe": "cnn", "settings": {"training.epochs": 9}, "label": "cnn"}])
    old = (done / "runs" / "cnn__mfcc__speaker__seed0" / "experiment.json").read_bytes()
    result = studies.run(again, done, progress=False)
    assert {state.kind for state in result} == {"other experiment"}
    assert "other settings" in result[0].note
    assert (done / "runs" / "cnn__mfcc__speaker__seed0" / "experiment.json").read_bytes() == old
    assert trained(fake) == []
    assert "other experiment" in (done / "report.md").read_text()


def test_a_study_keeps_to_its_own_folder(done, fake, tmp_path):
    with pytest.raises(FileExistsError, match="holds the study 'tiny'"):
        studies.run(study(name="other"), done, progress=False)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="other files"):
        studies.run(study(), tmp_path / "full", progress=False)
    with pytest.raises(FileNotFoundError, match="study.json"):
        studies.write_report(study(), tmp_path / "none")


@pytest.fixture
def workers(fake, monkeypatch):
    """Let workers train with `fake_train`, and the watch look often; returns what `fake` does."""
    code = (
        f"import runpy, sys\nsys.path.insert(0, {str(REPO)!r})\n"
        "import serkeras.training.pipeline as p\nfrom tests import test_studies as t\n"
        "p.train = t.fake_train\n"
        "runpy.run_module('serkeras.studies.worker', run_name='__main__')"
    )
    monkeypatch.setattr(crew, "_COMMAND", (sys.executable, "-c", code))
    monkeypatch.setattr(crew, "_POLL_S", 0.05)
    return fake


def test_workers_share_the_cells_and_a_killed_one_costs_its_cell_alone(
    workers, tmp_path, monkeypatch
):
    monkeypatch.setenv("FAKE_FAULT", "kill seed1")
    few = {"recipes": ["cnn"], "features": ["mfcc"], "splits": ["speaker"], "seeds": [0, 1, 2]}
    states = studies.run(study(**few), tmp_path / "s", jobs=2, progress=False)
    assert [state.kind for state in states] == ["finished", "failed", "finished"]
    assert "as if killed or crashed" in states[1].note
    times = [trained(workers).count(state.cell.folder) for state in states]
    # The other worker may have tried the deadly cell before the watch saw it.
    assert times in ([1, 1, 1], [1, 2, 1])


def test_a_worker_is_replaced_before_its_memory_is_full(workers, tmp_path, monkeypatch):
    monkeypatch.setattr(crew, "RUNS_A_PROCESS", 2)
    few = study(recipes=["cnn"], features=["mfcc"], splits=["speaker"], seeds=[0, 1, 2, 3, 4, 5])
    studies.run(few, tmp_path / "s", max_runs=3, progress=False)
    assert len(trained(workers)) == 3
    assert len(list((tmp_path / "s" / "logs").iterdir())) == 2
    states = studies.run(few, tmp_path / "s", progress=False)
    assert {state.kind for state in states} == {"finished"}
    assert len(trained(workers)) == 6


def test_a_study_of_thousands_of_cells_starts_its_workers(workers, tmp_path):
    """Linux allows 128 KiB in an argument; the names alone of these cells are longer."""
    recipe = {"recipe": "cnn", "label": "-".join(["a name of many words"] * 8)}
    large = study(recipes=[recipe], features=["mfcc"], splits=["speaker"], seeds=list(range(900)))
    cells = studies.expand(large)
    assert len(json.dumps([cell.id for cell in cells])) > 128 * 1024
    crew.supervise(tmp_path, cells, 1, {"since": 0}, max_runs=1)
    assert trained(workers) == [cells[0].folder]


def test_workers_keep_to_their_cells_where_another_command_changes_the_form(workers, tmp_path):
    own, other = study(features=["mfcc"], seeds=[0]), study(recipes=["svm"], features=[None])
    folders.begin(other, tmp_path)
    cells = studies.expand(own)
    crew.supervise(tmp_path, cells, 2, {"since": 0})
    assert sorted(trained(workers)) == sorted(cell.folder for cell in cells)
    states, _ = folders.look(cells, tmp_path)
    assert {state.kind for state in states} == {"finished"}
    assert [runs.Run(state.folder).experiment for state in states] == [
        cell.experiment for cell in cells
    ]


def test_a_cell_that_costs_two_processes_is_left_alone(fake, tmp_path):
    """A killed process's cell is taken over by another one, but not for ever."""
    folders.begin(study(), tmp_path)
    cell = studies.expand(study())[0]

    def take_over(deaths):
        folders.write_record(tmp_path, cell, "running", deaths=deaths)
        return [kind for _, kind in work.work([cell], tmp_path, since=0)]

    assert take_over(1) == ["failed"]
    assert folders.CRASHED in studies.states(study(), tmp_path)[0][0].note
    assert take_over(0) == ["finished"]


def test_workers_that_cannot_begin_stop_the_study(workers, tmp_path, monkeypatch):
    begin = crew._start

    def broken(options, log, threads):
        return begin({**options, "since": None, "nonsense": 1}, log, threads)

    monkeypatch.setattr(crew, "_start", broken)
    with pytest.raises(RuntimeError, match=r"exit code 1 and .*nonsense"):
        studies.run(study(seeds=[0]), tmp_path / "s", jobs=2, progress=False)


def test_a_killed_study_goes_on_and_gives_the_same_rows(own_csv, tmp_path, monkeypatch):
    monkeypatch.setattr("serkeras.evaluation.report.write", lambda folder: None)  # takes longest
    settings = {**SMALL, "training.epochs": 8, "training.patience": 8, "training.retrain": False}
    own = form(
        data=[str(own_csv)], recipes=["cnn"], features=["mfcc"], seeds=[0], splits=["speaker"],
        settings=settings,
    )  # fmt: skip
    path, out = tmp_path / "tiny.json", tmp_path / "killed"
    write_json(path, own)
    command = [sys.executable, "-m", "serkeras", "study", "run", str(path), "--out", str(out)]
    process = subprocess.Popen([*command, "--quiet"], cwd=REPO, stderr=subprocess.DEVNULL)
    history = out / "runs" / "cnn__mfcc__speaker__seed0" / "history.csv"
    while not history.is_file() or len(history.read_text().splitlines()) < 3:
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    (state,), _ = studies.states(studies.load(path), out)
    assert (state.kind, state.note[:6]) == ("interrupted", "epoch ")
    for folder in (out, tmp_path / "whole"):
        assert main(["study", "run", str(path), "--out", str(folder), "--quiet"]) == 0
    resumed, whole = (
        pd.read_csv(folder / "rows.csv").drop(columns="seconds")
        for folder in (out, tmp_path / "whole")
    )
    pd.testing.assert_frame_equal(resumed, whole)
    rows_of = [
        pd.read_csv(folder / "runs" / "cnn__mfcc__speaker__seed0" / "predictions.csv")
        for folder in (out, tmp_path / "whole")
    ]
    pd.testing.assert_frame_equal(*rows_of)


def test_what_would_fail_everywhere_is_refused_before_the_first_run(own_csv, tmp_path):
    data = [str(own_csv)]
    for changes, error, words in (
        ({"data": ["no/such.csv"]}, (OSError, ValueError), "no/such"),
        ({"splits": ["kfold:9/3"]}, ValueError, "9/3"),
        ({"settings": {"model.settings.paddding": "same"}}, ValueError, "paddding"),
    ):
        with pytest.raises(error, match=words):
            studies.run(study(**{"data": data, **changes}), tmp_path / "s", progress=False)
        assert not (tmp_path / "s").exists()


# What comes out.


def test_rows_and_table_hold_the_figures_of_the_runs(done):
    found = pd.read_csv(done / "rows.csv")
    assert len(found) == 16
    first = found.iloc[0]
    measured = read_json(done / "runs" / first["folder"] / "metrics.json")
    assert (first["uar"], first["uar_low"]) == (measured["uar"]["value"], measured["uar"]["low"])
    assert (first["validation_accuracy"], first["epochs"], first["test_clips"]) == (0.5, 3, 24)
    table = pd.read_csv(done / "table.csv")
    assert list(table["speakers"]) == ["new"] * 4 + ["the same"] * 4
    row = table.iloc[5]
    two = found[(found[["recipe", "features", "split"]] == row[["recipe", "features", "split"]])
                .all(axis=1)]["uar"].to_numpy()  # fmt: skip
    assert row["uar_mean"] == pytest.approx((two[0] + two[1]) / 2)
    assert row["uar_sd"] == pytest.approx(abs(two[0] - two[1]) / 2**0.5)
    assert (row["runs"], row["of"]) == (2, 2)


def test_the_report_says_what_a_reader_needs(done, fake):
    published = {
        "measure": "validation accuracy",
        "columns": ["cnn", "vit-b16"],
        "rows": {"mfcc": [61.25, 50.0]},
    }
    skip = [{"recipe": "cnn", "features": "mel+chroma", "skip": "it is *too* small"}]
    shown = study(published=published, where=skip, about="Which is best?", source="Report S9")
    studies.run(shown, done, progress=False)
    text = (done / "report.md").read_text()
    for words in (
        "Which is best?", "Report S9", "`speaker`, `random`", "unknown (no git checkout) (12 runs)",
        "a machine (12 runs)", "published: validation accuracy", "61.2", "vit-b16 wait",
        "**the same speakers**", "12 finished", "belong to no cell", "it is *too* small",
        "study run study.json", "heatmap-speaker.png",
    ):  # fmt: skip
        assert words in text
    lines = (done / "table.md").read_text().splitlines()
    assert lines[2].startswith("| mfcc | cnn | `speaker` | new speakers | 2 of 2 |")
    assert lines[2].endswith("| 61.2 |")
    shown = study(published={**published, "split": "random"}, where=skip)
    studies.write_report(shown, done)
    table = pd.read_csv(done / "table.csv")
    assert list(table[table["published"].notna()]["split"]) == ["random"]
    for name in ("heatmap-speaker.png", "heatmap-random.png"):
        with Image.open(done / name) as image:
            assert image.width > 400


def test_the_heat_map_says_means_and_what_is_missing(fake, tmp_path):
    part = study(where=[{"recipe": "cnn", "features": "mfcc", "skip": "too small"}])
    studies.run(part, tmp_path, only=["cnn2*", "cnn/mel*/seed0"], progress=False)
    states, _ = studies.states(part, tmp_path)
    table = rows.table(part, studies.expand(part), rows.runs_table(states))
    figure = report.heatmap.draw(part, "random", table, report.left_out(part), (0, 100))
    axis = figure.axes[0]
    title, words = axis.get_title(), [text.get_text() for text in axis.texts]
    assert "THE SAME SPEAKERS" in title
    assert "hatched: left out" in title
    row = table[(table["split"] == "random") & (table["recipe"] == "cnn2 epochs=7")].iloc[0]
    assert f"{100 * row.uar_mean:.1f} ± {100 * row.uar_sd:.1f}" in words
    assert sum("1 of 2 runs" in word for word in words) == 1
    assert [patch.get_hatch() for patch in axis.patches] == ["///"]
    assert [label.get_text() for label in axis.get_yticklabels()] == ["mfcc", "mel + chroma"]


def test_the_report_names_the_command_of_a_shipped_study(monkeypatch):
    assert "study run s0-features\n" in report._again(studies.load("s0-features"))
    own = studies.Study.from_dict({**studies.load("s0-features").form, "seeds": [5]})
    assert "study run study.json --out again" in report._again(own)


def test_folds_are_one_row(fake, tmp_path):
    folds = [{"label": "2-fold", "folds": ["speaker", "random"]}]
    kept = studies.run(study(splits=folds), tmp_path, progress=False)
    assert len(kept) == 16
    table = pd.read_csv(tmp_path / "table.csv")
    assert (len(table), set(table["runs"]), set(table["speakers"])) == (4, {4}, {"the same"})
    assert (tmp_path / "heatmap-2-fold.png").is_file()
    result = studies.compare(study(splits=folds), "cnn/mfcc", "cnn/mel+chroma", out=tmp_path)
    assert len(result["runs"]) == 4


# Paired tests.


def judged(n=60, seed=0, units=5, n_runs=2):
    rng = np.random.default_rng(seed)
    truth, a, b = rng.integers(0, 3, size=(3, n))
    a = np.where(rng.random(n) < 0.4, truth, a)
    return paired.Judged(truth, a, b, np.arange(n) % n_runs, rng.permutation(np.arange(n) % units))


def mean_of_runs(measure, truth, said, run):
    """The measure by its definition, run by run."""
    values = []
    for number in np.unique(run):
        t, right = truth[run == number], (truth == said)[run == number]
        recalls = [right[t == label].mean() for label in np.unique(t)]
        values.append(right.mean() if measure == "accuracy" else np.mean(recalls))
    return np.mean(values)


@pytest.mark.parametrize("measure", ["uar", "accuracy"])
def test_contributions_sum_to_the_difference_and_an_exchange_turns_a_sign(measure):
    j = judged()
    parts = paired.contributions(j, measure)
    seen = [mean_of_runs(measure, j.truth, said, j.runs) for said in (j.a, j.b)]
    assert parts.sum() == pytest.approx(seen[0] - seen[1])
    swap = j.units == 2
    a, b = np.where(swap, j.b, j.a), np.where(swap, j.a, j.b)
    seen = [mean_of_runs(measure, j.truth, said, j.runs) for said in (a, b)]
    assert parts.sum() - 2 * parts[2] == pytest.approx(seen[0] - seen[1])


@pytest.mark.parametrize("units", [1, 2, 5, 12])
def test_exact_p_is_that_of_full_enumeration_and_of_scipy(units):
    for seed in range(8):
        rng = np.random.default_rng([seed, units])
        # Whole numbers make ties, which count as just as far from 0.
        parts = rng.integers(-3, 4, size=units) / 7
        signs = np.array(list(itertools.product([-1, 1], repeat=units)))
        sums = np.abs(signs @ parts)
        p, exact = paired.sign_flip(parts)
        assert exact
        assert p == np.mean(sums >= abs(parts.sum()) - 1e-12)
        if units > 2:
            test = stats.permutation_test(
                (parts,), np.sum, permutation_type="samples", n_resamples=np.inf
            )
            assert p == pytest.approx(test.pvalue)


def test_p_by_hand():
    # +3 +2 +1: of eight sign patterns only +++ and --- reach 6.
    assert paired.sign_flip(np.array([3.0, 2.0, 1.0])) == (0.25, True)
    # +3 +2 -1: sums 6 4 2 0 and their opposites; 4 is reached by 6 and 4, four of eight.
    assert paired.sign_flip(np.array([3.0, 2.0, -1.0])) == (0.5, True)
    # Parts that are only rounding are no difference.
    assert paired.sign_flip(np.array([1e-17, 1e-17])) == (1.0, True)
    assert paired.sign_flip(np.zeros(3)) == (1.0, True)


def test_p_of_random_patterns_is_near_the_exact_one():
    parts = np.random.default_rng(4).normal(0.2, 1, size=40)
    p, exact = paired.sign_flip(parts)
    assert not exact
    # Of 40 parts the sum is near normal with the variance of their squares.
    assert p == pytest.approx(
        2 * stats.norm.sf(abs(parts.sum()) / np.sqrt((parts**2).sum())), abs=0.01
    )
    few, _ = paired.sign_flip(np.ones(40), n_random=999)
    assert few == 1 / 1000  # never 0


def test_the_bootstrap_is_that_of_whole_speakers_drawn_one_by_one():
    j = judged(n=90)
    limits = paired.bootstrap(j, n_boot=4000)
    rng = np.random.default_rng(1)
    samples = {"uar": [], "accuracy": []}
    for _ in range(1500):
        index = np.concatenate([np.flatnonzero(j.units == u) for u in rng.integers(0, 5, size=5)])
        truth, run = j.truth[index], j.runs[index]
        for measure, values in samples.items():
            values.append(
                mean_of_runs(measure, truth, j.a[index], run)
                - mean_of_runs(measure, truth, j.b[index], run)
            )
    for measure, values in samples.items():
        assert limits[measure] == pytest.approx(np.quantile(values, [0.025, 0.975]), abs=0.02)


def test_a_run_that_a_resample_misses_does_not_count():
    # Two runs with one speaker each: drawn alone, either gives its own difference.
    truth = np.array([0, 1, 0, 1])
    j = paired.Judged(truth, truth, np.array([0, 1, 1, 1]), np.array([0, 0, 1, 1]),
                      np.array([0, 0, 1, 1]))  # fmt: skip
    assert paired.bootstrap(j) == {"uar": (0.0, 0.5), "accuracy": (0.0, 0.5)}


def test_mcnemar_by_hand():
    truth = np.zeros(12, int)
    a, b = np.array([0] * 8 + [1] * 4), np.array([1] * 7 + [0] * 2 + [1] * 3)
    j = paired.Judged(truth, a, b, truth, truth)
    # 7 against 1: 2 * (1 + 8) / 2^8.
    assert paired.mcnemar(j) == (7, 1, pytest.approx(18 / 256))
    assert paired.mcnemar(paired.Judged(truth, a, a, truth, truth)) == (0, 0, 1.0)


@pytest.mark.parametrize("seed", range(5))
def test_mcnemar_and_holm_are_those_of_statsmodels(seed):
    from statsmodels.stats.contingency_tables import mcnemar
    from statsmodels.stats.multitest import multipletests

    rng = np.random.default_rng(seed)
    truth, a, b = rng.integers(0, 3, (3, 200))
    none = np.zeros(200, int)
    only_a, only_b, p = paired.mcnemar(paired.Judged(truth, a, b, none, none))
    right = [
        [((a == truth) == x) & ((b == truth) == y) for y in (True, False)] for x in (True, False)
    ]
    counts = np.array([[cell.sum() for cell in row] for row in right])
    assert (only_a, only_b) == (counts[0, 1], counts[1, 0])
    assert p == pytest.approx(mcnemar(counts, exact=True).pvalue)
    p_values = np.round(rng.random(12) ** 4, 3)  # with ties
    adjusted = multipletests(p_values, method="holm")[1]
    assert paired.holm(p_values) == pytest.approx(adjusted)


def test_holm_by_hand():
    # Holm's rule: 4 x .005, 3 x .01, then 2 x .03 = .06 is not undercut by 1 x .04.
    assert paired.holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert paired.holm([0.5, 0.9]) == pytest.approx([1.0, 1.0])


def test_p_is_fair_where_systems_do_not_differ():
    """Of many pairs of equal systems about 5 % may have p of 5 % or less."""
    p = []
    for seed in range(400):
        rng = np.random.default_rng(seed)
        truth = np.repeat([0, 1], 60)
        speakers = np.tile(np.arange(12), 10)
        hard = rng.random(12)[speakers]  # clips of one speaker resemble each other
        a, b = (np.where(rng.random(120) < hard, truth, 1 - truth) for _ in range(2))
        j = paired.Judged(truth, a, b, np.zeros(120, int), speakers)
        p.append(paired.sign_flip(paired.contributions(j, "uar"))[0])
    assert 0.02 < np.mean(np.array(p) <= 0.05) < 0.08


def test_compare_reads_the_runs_that_both_finished(done, capsys):
    result = studies.compare(study(), "cnn/mfcc", "cnn2 epochs=7/mfcc", out=done)
    assert result["runs"] == [["speaker", 0], ["speaker", 1]]
    assert (result["clips"], result["unit"], result["units"]) == (48, "speaker", 8)
    table = pd.read_csv(done / "table.csv").set_index(["recipe", "features", "split"])["uar_mean"]
    assert result["uar"]["a"] == pytest.approx(table["cnn", "mfcc", "speaker"])
    assert result["uar"]["b"] == pytest.approx(table["cnn2 epochs=7", "mfcc", "speaker"])
    assert result["uar"]["low"] <= result["uar"]["difference"] <= result["uar"]["high"]
    assert result["smallest_p"] == 2 / 2**8
    words = ["study", "compare", str(done), "cnn/mfcc", "cnn2 epochs=7/mfcc"]
    assert main([*words, "--split", "random", "--json", str(done / "c.json")]) == 0
    out = capsys.readouterr().out
    for words in ("conditional on the 2 pair(s)", "cannot be below 0.0078", "nothing of new"):
        assert words in out
    assert read_json(done / "c.json")["same_speakers"] is True


def test_compare_all_corrects_for_the_number_of_pairs(done, capsys):
    assert main(["study", "compare", str(done)]) == 0
    assert "6 pairs" in capsys.readouterr().out
    table = pd.read_csv(done / "compare-speaker.csv")
    assert table["uar_p"].is_monotonic_increasing
    assert table["uar_p_holm"].to_numpy() == pytest.approx(paired.holm(table["uar_p"]))
    one = studies.compare(study(), table["a"][0], table["b"][0], out=done)
    assert one["uar"]["p"] == table["uar_p"][0]
    assert one["accuracy"]["high"] == table["accuracy_high"][0]


def test_compare_with_asks_only_about_one_row(done, capsys):
    base = "cnn2 epochs=7/mfcc"
    assert main(["study", "compare", str(done), "--with", base]) == 0
    assert "3 pairs" in capsys.readouterr().out
    name = done / "compare-speaker-with-cnn2-epochs-7-mfcc"
    table = pd.read_csv(name.with_suffix(".csv"))
    rows = dict.fromkeys(f"{cell.recipe}/{cell.features}" for cell in studies.expand(study()))
    assert table["a"].tolist() == [row for row in rows if row != base]
    assert set(table["b"]) == {base}
    assert table["uar_p_holm"].to_numpy() == pytest.approx(paired.holm(table["uar_p"]))
    one = studies.compare(study(), table["a"][2], base, out=done)
    assert one["uar"]["difference"] == pytest.approx(table["uar_difference"][2])
    assert name.with_suffix(".png").stat().st_size > 10_000


def test_differences_are_drawn_where_they_are():
    table = pd.DataFrame({
        "a": ["better/own", "worse/own", "like it/own"], "b": "as it is/own", "units": 17,
        "unit": "speaker", "split": "folds5", "uar_difference": [0.05, -0.04, 0.01],
        "uar_low": [0.02, -0.06, -0.03], "uar_high": [0.08, -0.02, 0.04],
        "uar_p_holm": [0.01, 0.004, 0.7],
    })  # fmt: skip
    (axis,) = differences.draw(table).axes
    drawn = {bars.get_label(): bars for bars in axis.containers}
    known = drawn["Holm p below 0.05"].lines[0]
    np.testing.assert_allclose(known.get_xydata(), [[5, 0], [-4, 1]])
    (reach,) = drawn["not known to differ"].lines[2]
    np.testing.assert_allclose(reach.get_segments(), [[[-3, 2], [4, 2]]])
    labels = [label.get_text() for label in axis.get_yticklabels()]
    assert labels == ["better", "worse", "like it"]
    assert "over 17 speakers;" in axis.get_xlabel()
    (axis,) = differences.draw(table.assign(units=[5, 17, 12])).axes
    assert "over 5 to 17 speakers;" in axis.get_xlabel()
    assert axis.get_title() == "UAR compared with 'as it is' on the same clips, split folds5"


def test_rows_with_other_test_clips_are_refused(done):
    path = done / "runs" / "cnn__mfcc__speaker__seed1" / "predictions.csv"
    table = pd.read_csv(path)
    table.iloc[1:].to_csv(path, index=False)
    with pytest.raises(ValueError, match=r"same test clips.*'cnn/mfcc'.*seed 1.*own-4happya"):
        studies.compare(study(), "cnn/mfcc", "cnn/mel+chroma", out=done)
    table.loc[0, "emotion"] = "sad"
    table.to_csv(path, index=False)
    with pytest.raises(ValueError, match="other emotions"):
        studies.compare(study(), "cnn/mfcc", "cnn/mel+chroma", out=done)


def leave_out_a_clip(done, row="cnn__mfcc"):
    path = done / "runs" / f"{row}__speaker__seed1" / "predictions.csv"
    pd.read_csv(path).iloc[1:].to_csv(path, index=False)


def test_a_row_with_other_test_clips_costs_the_others_nothing(done):
    whole = studies.compare_all(study(), out=done)
    leave_out_a_clip(done)
    words = r"'cnn/mfcc' and '[^']*' \(at speaker, seed 1, 1 clip in one of them only, such as"
    with pytest.warns(UserWarning, match=f"^Not compared.*: {words}") as warned:
        table = studies.compare_all(study(), out=done)
    assert len(warned) == 1
    assert str(warned[0].message).count("'cnn/mfcc' and ") == 3
    kept = whole[(whole["a"] != "cnn/mfcc") & (whole["b"] != "cnn/mfcc")].reset_index(drop=True)
    corrected = [name for name in kept if name.endswith("_holm")]
    assert len(table) == 3
    pd.testing.assert_frame_equal(table.drop(columns=corrected), kept.drop(columns=corrected))
    assert table["uar_p_holm"].to_numpy() == pytest.approx(paired.holm(table["uar_p"]))
    assert len(pd.read_csv(done / "compare-speaker.csv")) == 3
    with pytest.warns(UserWarning, match=r"'cnn/mfcc' and 'cnn/mel\+chroma'"):
        table = studies.compare_with(study(), "cnn/mel+chroma", out=done)
    assert table["a"].tolist() == ["cnn2 epochs=7/mfcc", "cnn2 epochs=7/mel+chroma"]


def test_no_pair_with_the_same_test_clips_is_an_error_that_says_where(done):
    leave_out_a_clip(done)
    words = "(?s)same test clips.*every pair.*'cnn/mfcc'.*at speaker, seed 1, 1 clip .*own-4happya"
    with pytest.raises(ValueError, match=words):
        studies.compare_with(study(), "cnn/mfcc", out=done)
    with pytest.raises(ValueError, match=words):
        studies.compare_all(study(recipes=["cnn"]), out=done)


def test_clips_are_the_unit_where_speakers_are_unknown(done):
    for path in (done / "runs").glob("*/predictions.csv"):
        table = pd.read_csv(path)
        table["speaker"] = None
        table.to_csv(path, index=False)
    result = studies.compare(study(), "cnn/mfcc", "cnn/mel+chroma", split="random", out=done)
    assert (result["unit"], result["units"], result["clips"]) == ("clip", 48, 96)


@pytest.mark.parametrize(
    ("a", "b", "changes", "words"),
    [
        ("cnn/mffc", "cnn/mfcc", {}, "cnn/mffc"),
        ("cnn", "cnn/mfcc", {}, "must be named"),
        ("cnn/mfcc", "cnn/mfcc", {}, "two rows"),
        ("cnn/mfcc", "cnn/mel+chroma", {"split": "loso"}, "loso"),
    ],
)
def test_unknown_rows_are_refused(done, a, b, changes, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        studies.compare(study(), a, b, out=done, **changes)


def test_the_command_lists_and_shows_studies(capsys):
    assert main(["study", "list"]) == 0
    assert set(studies.names()) <= set(capsys.readouterr().out.split("\n"))
    assert main(["study", "show", "s0-features"]) == 0
    assert json.loads(capsys.readouterr().out) == studies.load("s0-features").form
    assert main(["study", "status", "no-such"]) == 2
    assert "s0-features" in capsys.readouterr().err
    for words in (["cnn5/mfcc"], ["cnn5/mfcc", "issa/mfcc", "--with", "svm/mfcc"]):
        assert main(["study", "compare", "s0-features", *words]) == 2
        assert "takes two rows" in capsys.readouterr().err
