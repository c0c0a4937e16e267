"""Searches: the space, what a search may see, resuming, several processes, what comes out."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import keras_tuner
import numpy as np
import pandas as pd
import pytest

import serkeras
from serkeras import cli, datasets, models, recipes, splits, tuning
from serkeras._files import write_json
from serkeras.tuning import (
    beginnings,
    confirm,
    development,
    fleet,
    oracles,
    search,
    space,
    trials,
)
from serkeras.tuning.plan import Plan
from tests import test_models
from tests.recordings import SMALL

RATES = {"training.learning_rate": {"values": [0.01, 0.001, 0.0001]}}
NETWORK = {
    **{name: value for name, value in SMALL.items() if name.startswith(("audio", "features"))},
    "training.batch_size": 8,
    "augment.copies": 0,
}
CLASSICAL = {"audio.duration_s": 1.1}
STRENGTH = {"model.settings.C": {"min": 0.01, "max": 100.0, "log": True}}


def quick(own_csv, out, **changed):
    """Search with a model that is fitted in milliseconds."""
    given = {"tuner": "random", "max_trials": 3, "space": STRENGTH, **changed}
    return serkeras.tune(
        "logistic-sklearn",
        data=[str(own_csv)],
        settings=CLASSICAL,
        out=out,
        progress=False,
        **given,
    )


def of_networks(own_csv, out, **changed):
    given = {"space": RATES, "max_epochs": 4, "min_epochs": 1, "factor": 2, **changed}
    return serkeras.tune(
        "cnn", data=[str(own_csv)], settings=NETWORK, out=out, progress=False, **given
    )


def values_of(found):
    """Return what decides a search: settings and objective of each trial."""
    return [(r["trial"], r["values"], r["budget"], r["val_uar"]) for r in found.records]


# The space


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"values": []}, "list of one value or more"),
        ({"values": [1], "min": 0, "max": 1}, "either `values`, or"),
        ({"low": 1}, "a dictionary with keys out of"),
        ({"min": 2, "max": 1}, "`min` below `max`"),
        ({"min": 0, "max": 1, "log": True}, "above 0 with `log`"),
        ({"min": 1, "max": 9, "step": 0}, "`step` above 0"),
        ({"values": [1, 2], "step": 1}, "`step` and `log` with `min`"),
        ({"values": [1, 2], "when": {"other": [1]}}, "`when` about a setting"),
        ({"values": [1, 2], "when": {"model.name": ["none"]}}, "and some of them"),
        ([1, 2], "a dictionary with keys"),
    ],
)
def test_an_entry_that_is_none_is_refused(entry, words):
    with pytest.raises(ValueError, match=words):
        space.check({"x": entry, "model.name": {"values": ["cnn", "cnn2"]}})


def test_conditions_in_a_circle_and_an_empty_space_are_refused():
    one = {"values": [1, 2], "when": {"b": [1]}}
    two = {"values": [1, 2], "when": {"a": [1]}}
    with pytest.raises(ValueError, match="circle"):
        space.check({"a": one, "b": two})
    with pytest.raises(ValueError, match="one setting or more"):
        space.check({})


def test_values_are_drawn_within_ranges_and_under_their_conditions():
    given = {
        "rate": {"min": 1e-4, "max": 1e-1, "log": True, "when": {"kind": ["b"]}},
        "kind": {"values": ["a", "b"]},
        "units": {"values": [[8], [16, 8], None]},
        "count": {"min": 2, "max": 8, "step": 3},
    }
    hp = keras_tuner.HyperParameters()
    space.declare(hp, given)
    seen = set()
    for seed in range(40):
        trial = hp.copy()
        trial.values = {each.name: each.random_sample(seed) for each in hp.space}
        found = space.declare(trial, given)
        assert ("rate" in found) == (found["kind"] == "b")
        assert 1e-4 <= found.get("rate", 1e-3) <= 1e-1
        assert found["units"] in ([8], [16, 8], None)
        seen.add(found["count"])
    assert seen == {2, 5, 8}


def test_a_place_in_a_list_is_changed_alone():
    experiment = recipes.load("vgg16-exp0")
    found = space.settings(
        {"model.settings.units.0": 64, "model.settings.units.1": 32, "training.epochs": 3},
        experiment,
    )
    assert found == {"model.settings.units": [64, 32], "training.epochs": 3}
    with pytest.raises(ValueError, match="only where the experiment has such a list"):
        space.settings({"model.settings.units.2": 8}, experiment)


def test_edges_are_those_of_numbers():
    given = {"a": {"min": 0.0, "max": 1.0}, "b": {"values": [1, 2, 3]}, "c": {"values": ["x", "y"]}}
    assert space.on_edges({"a": 1.0, "b": 2, "c": "x"}, given) == {"a": "highest"}
    assert space.on_edges({"a": 0.5, "b": 1, "c": "y"}, given) == {"b": "lowest"}


SEARCHES = [name for name in recipes.names() if "search" in recipes.describe(name)]


def test_the_searches_of_the_sources_ship():
    assert {"cnn", "vgg16-exp0", "resnet50-stitched", "densenet201-stitched"} <= set(SEARCHES)


@pytest.mark.parametrize("name", SEARCHES)
def test_a_recipe_with_a_search_is_a_plan(name):
    plan = Plan.from_dict({**recipes.describe(name)["search"], "experiment": recipes.load(name)})
    hp = keras_tuner.HyperParameters()
    for values in (space.declare(hp, plan.space), space.declare(hp, plan.space)):
        assert plan.trial(values).training.epochs == plan.max_epochs


@pytest.mark.parametrize(
    ("least", "budgets"), [(1, [1, 3, 9, 27]), (3, [3, 9, 27]), (9, [9, 27]), (27, [27])]
)
def test_the_shortest_trials_have_so_many_epochs(least, budgets):
    plan = Plan.from_dict({"experiment": recipes.load("cnn"), "space": RATES, "max_epochs": 27})
    oracle = oracles.make(plan.replace(min_epochs=least))
    first = oracle._get_num_brackets() - 1
    assert [oracle._get_epochs(first, number) for number in range(first + 1)] == budgets


# What a search may see


def plan_of(own_csv, split="speaker", **more):
    experiment = recipes.load("logistic-sklearn").with_settings(
        {**CLASSICAL, "data": [str(own_csv)], "split": split}
    )
    return Plan.from_dict({"experiment": experiment, "space": STRENGTH, "tuner": "random", **more})


@pytest.mark.parametrize("split", ["speaker", "random"])
@pytest.mark.parametrize("folds", [0, 3])
def test_the_test_side_is_out_of_reach(own_csv, split, folds):
    plan = plan_of(own_csv, split, folds=folds)
    found = development.prepare(plan, progress=False)
    clips = datasets.load_many([str(own_csv)], "own")
    whole = splits.make(clips, split, seed=0)
    assert not set(found.clips["clip"]) & set(whole.test["clip"])
    assert len(found.parts) == (folds or 1)
    for part in found.parts:
        assert part.test.empty
        named = set(part.train["clip"]) | set(part.validation["clip"])
        assert named == set(found.clips["clip"])
        assert not set(part.train["clip"]) & set(part.validation["clip"])
        if split == "speaker":
            assert not set(part.train["speaker"]) & set(part.validation["speaker"])
    if folds:
        judged = pd.concat([part.validation for part in found.parts])
        assert sorted(judged["clip"]) == sorted(found.clips["clip"])


def test_a_search_reads_no_recording_of_the_test_side(own_csv, tmp_path):
    rows = pd.read_csv(own_csv)
    rows["path"] = [str(Path(own_csv).parent / path) for path in rows["path"]]
    rows.to_csv(tmp_path / "own.csv", index=False)
    test = splits.make(datasets.load_many([str(tmp_path / "own.csv")], "own"), "speaker", seed=0)
    gone = set(test.test["path"])
    lost = tmp_path / "gone.wav"
    lost.write_bytes(b"no recording")
    rows.loc[rows["path"].isin(gone), "path"] = str(lost)
    assert gone
    for number, row in rows[rows["path"] == str(lost)].iterrows():
        own = tmp_path / f"gone{number}.wav"
        own.write_bytes(f"no recording {row['speaker']} {number}".encode())
        rows.loc[number, "path"] = str(own)
    rows.to_csv(tmp_path / "own.csv", index=False)
    found = quick(tmp_path / "own.csv", tmp_path / "search")
    assert len(found.best(3)) == 3


def test_more_folds_than_speakers_are_refused(own_csv):
    with pytest.raises(ValueError, match="as many speakers"):
        development.prepare(plan_of(own_csv, folds=6), progress=False)


# What first weights know

PICTURES = {
    "audio.duration_s": 1.1,
    "features.name": "mel_image",
    "features.image_size": 32,
    "augment.copies": 0,
    "model.name": "transfer",
    "model.normalize": "none",
    "model.settings": {"backbone": "squeezenet1.1", "pooling": "average", "units": []},
    "training.epochs": 1,
    "training.retrain": False,
}
WEIGHTS = "model.settings.weights"


@pytest.fixture(scope="module")
def learned(own_csv, tmp_path_factory):
    """Folder of a run of a small picture network on the corpus of all searches here."""
    out = tmp_path_factory.mktemp("learned") / "run"
    settings = json.loads(json.dumps(PICTURES))
    return serkeras.train("cnn", [str(own_csv)], out=out, settings=settings, progress=False).folder


def plan_from(own_csv, weights, values=RATES, seed=0, **more):
    experiment = recipes.load("cnn").with_settings(
        {**json.loads(json.dumps(PICTURES)), WEIGHTS: weights, "data": [str(own_csv)], "seed": seed}
    )
    return Plan.from_dict({"experiment": experiment, "space": values, "tuner": "grid", **more})


def test_folds_are_not_judged_by_clips_that_the_weights_know(own_csv, learned):
    with pytest.raises(ValueError, match="Folds must not be judged by clips.*without folds"):
        development.prepare(plan_from(own_csv, str(learned), folds=3), progress=False)
    # The same split's validation side: what the run has not been fitted to judges.
    assert development.prepare(plan_from(own_csv, str(learned)), progress=False).parts


def test_weights_that_know_the_test_side_are_refused_before_a_search(own_csv, learned, tmp_path):
    given = {"space": RATES, "tuner": "grid", "seed": 1, "out": tmp_path / "s", "progress": False}
    settings = {**json.loads(json.dumps(PICTURES)), WEIGHTS: str(learned)}
    with pytest.raises(ValueError, match="weights that have learned from its test side"):
        serkeras.tune("cnn", [str(own_csv)], settings=settings, **given)
    assert not (tmp_path / "s").exists()


@pytest.mark.parametrize("name", [WEIGHTS, "model.settings"])
def test_weights_that_a_space_names_are_checked_too(own_csv, learned, name):
    settings = {**PICTURES["model.settings"], "weights": str(learned)}
    value = settings if name == "model.settings" else str(learned)
    given = plan_from(own_csv, None, {name: {"values": [value]}, **RATES}, seed=1)
    with pytest.raises(ValueError, match="weights that have learned from its test side"):
        development.prepare(given, progress=False)


def test_weights_trained_on_the_validation_side_are_warned_of(own_csv, learned, tmp_path):
    sides = json.loads((learned / "split.json").read_text())
    lists = {**sides, "train": sides["validation"], "validation": sides["train"]}
    write_json(tmp_path / "lists.json", lists)
    given = plan_from(own_csv, str(learned))
    split = f"lists:{tmp_path / 'lists.json'}"
    given = given.replace(experiment=given.experiment.replace(split=split))
    with pytest.warns(UserWarning, match="were trained on .* validation clips"):
        development.prepare(given, progress=False)


def test_weights_out_of_a_run_of_a_recipe_are_found(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError, match="Run first: python -m serkeras train densenet121"):
        serkeras.tune("multinet-d3r3a3", space=RATES, tuner="grid", progress=False)
    folders = [f"artifacts/runs/{name}-synthetic-speaker-seed0" for name in ("densenet121", "cnn")]
    for folder, name in zip(folders, ("densenet121", "cnn"), strict=True):
        (tmp_path / folder).mkdir(parents=True)
        write_json(tmp_path / folder / "experiment.json", recipes.load(name).to_dict())
        write_json(tmp_path / folder / "metrics.json", {})
    settings = {WEIGHTS: ["run:densenet121", None]}
    plan = search._plan(
        "multinet-d3r3a3", (None, None, None, None, settings), RATES, {"tuner": "grid"}
    )
    assert plan.experiment.model.settings["weights"] == [folders[0], None]
    # And one that the space names.
    assert plan.trial({f"{WEIGHTS}.1": "run:cnn"}).model.settings["weights"] == folders


# Searches


def test_a_search_is_found_again_and_changes_are_other_searches(own_csv, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    first = quick(own_csv, None)
    stamps = {path: path.stat().st_mtime_ns for path in first.folder.glob("trials/*/*/result.json")}
    assert len(stamps) == 3
    again = quick(own_csv, None)
    assert again.folder == first.folder
    assert {path: path.stat().st_mtime_ns for path in stamps} == stamps
    others = [quick(own_csv, None, max_trials=2), quick(own_csv, None, repeats=2)]
    wider = {"model.settings.C": {"min": 0.01, "max": 10.0, "log": True}}
    others += [quick(own_csv, None, space=wider), quick(own_csv, None, seed=1)]
    assert len({each.folder for each in others} | {first.folder}) == 5
    with pytest.raises(FileExistsError, match="holds another one"):
        quick(own_csv, first.folder, max_trials=2)


def test_other_recordings_are_another_search(own_csv, tmp_path):
    import shutil

    shutil.copytree(own_csv.parent, tmp_path / "copy")
    csv = tmp_path / "copy" / own_csv.name
    before = development.prepare(plan_of(csv), progress=False)
    clip = before.clips["path"].iloc[0]
    Path(clip).write_bytes(Path(clip).read_bytes() + b"\0\0")
    assert development.prepare(plan_of(csv), progress=False).digest != before.digest


def test_an_equal_search_elsewhere_tries_the_same(own_csv, tmp_path):
    one, two = quick(own_csv, tmp_path / "a"), quick(own_csv, tmp_path / "b")
    assert values_of(one) == values_of(two)
    assert values_of(quick(own_csv, tmp_path / "c", seed=3)) != values_of(one)


@pytest.mark.parametrize("tuner", ["random", "bayesian", "grid"])
def test_a_search_that_stopped_between_trials_goes_on(own_csv, tmp_path, monkeypatch, tuner):
    given = {**STRENGTH, "model.settings.max_iter": {"values": [100, 200]}}
    given["model.settings.C"] = {"values": [0.01, 1.0]}
    asked = {"tuner": tuner, "max_trials": 4, "space": given}
    whole = quick(own_csv, tmp_path / "whole", **asked)
    fit, fitted = trials.run, []

    def interrupted(*arguments):
        fitted.append(1)
        if len(fitted) == 3:
            raise KeyboardInterrupt
        return fit(*arguments)

    monkeypatch.setattr(trials, "run", interrupted)
    with pytest.raises(KeyboardInterrupt):
        quick(own_csv, tmp_path / "parts", **asked)
    monkeypatch.undo()
    assert values_of(quick(own_csv, tmp_path / "parts", **asked)) == values_of(whole)
    assert len(whole.records) == 4


@pytest.mark.parametrize("tuner", ["random", "bayesian", "grid"])
def test_tuners_try_different_settings(own_csv, tmp_path, tuner):
    given = {"model.settings.C": {"values": [0.01, 1.0, 100.0]}}
    found = quick(own_csv, tmp_path, tuner=tuner, space=given, max_trials=3)
    tried = {record["values"]["model.settings.C"] for record in found.records}
    assert tried == {0.01, 1.0, 100.0}


def test_what_a_kill_leaves_is_taken_up(own_csv, tmp_path):
    whole = quick(own_csv, tmp_path / "whole")
    found = quick(own_csv, tmp_path / "killed", max_trials=3)
    oracle = found.folder / "oracle"
    state = json.loads((oracle / "oracle.json").read_text())
    # As after a kill between the file of a trial and that of the state: nobody knows trial 2.
    state["start_order"], state["end_order"] = state["start_order"][:2], state["end_order"][:2]
    trial = json.loads((oracle / "trial_2" / "trial.json").read_text())
    trial["status"] = "RUNNING"
    (oracle / "trial_2" / "trial.json").write_text(json.dumps(trial))
    state["id_to_hash"].pop("2")
    state["tried_so_far"] = list(state["id_to_hash"].values())
    state["seed_state"] -= 1
    (oracle / "oracle.json").write_text(json.dumps(state))
    again = quick(own_csv, tmp_path / "killed", max_trials=3)
    assert values_of(again) == values_of(whole)


def test_hyperband_goes_on_from_what_a_trial_has_learned(own_csv, tmp_path, monkeypatch):
    monkeypatch.setattr(trials, "tidy", lambda folder: None)
    found = of_networks(own_csv, tmp_path / "search")
    promoted = [record for record in found.records if record["from"]]
    # Three choices, where the first round has four places: all rounds are gone through.
    assert [record["budget"] for record in found.records] == [1, 1, 1, 2, 2, 4]
    assert promoted
    for record in promoted:
        own, earlier = (
            pd.read_csv(found.folder / "trials" / name / "part0-repeat0" / "history.csv")
            for name in (record["trial"], record["from"])
        )
        assert len(own) == record["budget"] > len(earlier)
        pd.testing.assert_frame_equal(own.iloc[: len(earlier)], earlier)
    # The same as a fit that was never interrupted, bit for bit.
    last = max(promoted, key=lambda record: record["budget"])
    data = development.prepare(found.plan, progress=False)
    trials.run(found.plan, data, last["values"], tmp_path / "alone", last["budget"])
    history = [
        pd.read_csv(path / "part0-repeat0" / "history.csv").drop(columns="seconds")
        for path in (tmp_path / "alone", found.folder / "trials" / last["trial"])
    ]
    pd.testing.assert_frame_equal(*history)


def test_a_killed_search_goes_on_as_if_nothing_had_been(own_csv, tmp_path):
    whole = of_networks(own_csv, tmp_path / "whole", tuner="random", max_trials=2)
    words = ["tune", "cnn", "--data", str(own_csv), "--tuner", "random", "--max-trials", "2"]
    words += [
        "--max-epochs",
        "4",
        "--min-epochs",
        "1",
        "--factor",
        "2",
        "--out",
        str(tmp_path / "killed"),
        "--quiet",
    ]
    words += ["--tune", f"training.learning_rate={json.dumps(RATES['training.learning_rate'])}"]
    for name, value in NETWORK.items():
        words += ["--set", f"{name}={value}"]
    process = subprocess.Popen([sys.executable, "-m", "serkeras", *words])
    histories = (tmp_path / "killed").glob
    until = time.monotonic() + 120
    while not list(histories("trials/*/*/history.csv")) and time.monotonic() < until:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert list(histories("trials/*/*/history.csv"))
    found = of_networks(own_csv, tmp_path / "killed", tuner="random", max_trials=2)
    assert values_of(found) == values_of(whole)


def test_a_trial_that_ended_is_not_tried_again(own_csv, tmp_path):
    experiment = recipes.load("logistic-sklearn").with_settings({"data": [str(own_csv)]})
    plan = Plan(experiment, STRENGTH, tuner="random", max_trials=3)

    def reopened():
        found = oracles.make(plan)
        found._set_project_dir(tmp_path, "oracle")
        if (tmp_path / "oracle" / "oracle.json").is_file():
            found.reload()
        return found

    def end(oracle, trial):
        oracle.update_trial(trial.trial_id, {"val_uar": 0.5})
        trial.status = "COMPLETED"
        oracle.end_trial(trial)

    chief = reopened()
    first, second = chief.create_trial("worker0"), chief.create_trial("worker1")
    end(chief, first)
    chief = reopened()
    # Who had the second one has not noticed; another one takes it up.
    again = chief.create_trial("worker0")
    assert again.trial_id == second.trial_id
    end(chief, second)
    end(chief, again)
    assert chief.end_order == [first.trial_id, second.trial_id]
    assert not reopened().ongoing_trials
    assert reopened().create_trial("worker0").trial_id not in chief.end_order


def test_a_kill_between_plan_and_origin_is_taken_up(own_csv, tmp_path):
    found = quick(own_csv, tmp_path)
    (tmp_path / "about.json").unlink()
    (tmp_path / ".tmp-left.json").write_text("{")
    assert quick(own_csv, tmp_path).about["versions"] == found.about["versions"]
    assert values_of(quick(own_csv, tmp_path)) == values_of(found)


def test_several_processes_try_what_one_tries(own_csv, tmp_path, monkeypatch):
    """A worker and the chief are killed meanwhile, and come back; the chief ends by itself."""
    given = {"model.settings.C": {"values": [0.01, 0.1, 1.0, 10.0, 100.0, 1000.0]}}
    alone = quick(own_csv, tmp_path / "alone", tuner="grid", space=given, max_trials=6)
    started, start = [], fleet._start

    def kill(folder, process):
        until = time.monotonic() + 120
        while not list(folder.glob("trials/*/trial.json")) and time.monotonic() < until:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)

    def killing(folder, name, more, log):
        process = start(folder, name, more, log)
        started.append(name)
        if name in ("worker0", "chief") and started.count(name) == 1:
            threading.Thread(target=kill, args=(folder, process)).start()
        return process

    monkeypatch.setattr(fleet, "_start", killing)
    found = quick(own_csv, tmp_path / "fleet", tuner="grid", space=given, max_trials=6, workers=2)
    assert started.count("chief") == 2
    assert started.count("worker0") >= 2
    by_value = [
        sorted((r["values"]["model.settings.C"], r["val_uar"]) for r in each.records)
        for each in (alone, found)
    ]
    assert by_value[0] == by_value[1]


def test_a_fleet_of_failing_trials_says_why(own_csv, tmp_path):
    given = {"model.settings.penalty": {"values": ["a", "b", "c", "d"]}}
    with pytest.raises(RuntimeError, match="consecutive failures.*the last failed trial said"):
        quick(own_csv, tmp_path, tuner="grid", space=given, workers=2, max_trials=4)


def test_a_fleet_that_cannot_go_on_says_why(own_csv, tmp_path, monkeypatch):
    monkeypatch.setattr(
        fleet, "words", lambda folder: [sys.executable, "-c", "raise ValueError(7)"]
    )
    with pytest.raises(RuntimeError, match=r"ended 6 times, at last with 'ValueError: 7'"):
        quick(own_csv, tmp_path, workers=2)


def test_a_worker_refuses_other_data(own_csv, tmp_path):
    found = quick(own_csv, tmp_path / "search")
    told = json.loads((found.folder / "plan.json").read_text())
    (found.folder / "plan.json").write_text(json.dumps({**told, "data": "other"}))
    done = subprocess.run(
        [sys.executable, "-m", "serkeras.tuning.worker", str(found.folder)],
        capture_output=True,
        text=True,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    assert done.returncode
    assert "must see the data that it was begun with" in done.stderr


def test_a_failed_trial_is_told_and_three_stop_the_search(own_csv, tmp_path):
    given = {"features.n_mfcc": {"values": [8, 32]}}
    found = of_networks(
        own_csv, tmp_path / "one", space=given, tuner="grid", max_trials=2, max_epochs=1
    )
    states = {record["values"]["features.n_mfcc"]: record for record in found.records}
    assert states[32]["state"] == "finished"
    assert states[8]["state"] == "failed"
    assert "at least 32 bins" in states[8]["reason"]
    assert found.best(2) == [{"features.n_mfcc": 32}]
    given = {"features.n_mfcc": {"values": [8, 9, 10, 32]}}
    with pytest.raises(RuntimeError, match="three failures.*at least 32 bins"):
        of_networks(own_csv, tmp_path / "two", space=given, tuner="grid", max_epochs=1)


def test_hyperband_goes_on_as_far_where_a_choice_cannot_be_fitted(own_csv, tmp_path):
    given = {"training.learning_rate": {"values": [0.01, -1.0, 0.001, 0.0001]}}
    found = of_networks(own_csv, tmp_path, space=given, tuner="hyperband")
    failed = [record for record in found.records if record["state"] == "failed"]
    assert [record["values"]["training.learning_rate"] for record in failed] == [-1.0]
    budgets = [record["budget"] for record in found.records if record["state"] == "finished"]
    # Half of three go on, and half of these: of four that are counted only one would.
    assert [budgets.count(epochs) for epochs in (1, 2, 4)] == [3, 2, 1]


def test_settings_of_features_and_of_the_model_together(own_csv, tmp_path):
    given = {
        "features.n_mels": {"values": [32, 40]},
        "model.normalize": {"values": ["bins", "none"]},
    }
    found = of_networks(
        own_csv, tmp_path, space=given, tuner="grid", max_trials=4, max_epochs=1, confirm=1
    )
    assert len({json.dumps(record["values"]) for record in found.records}) == 4
    rows = confirm.read(found)
    assert {row["choice"] for row in rows} == {"best 1", "untuned"}
    gain = next(row["gain"] for row in rows if row["choice"] == "best 1")
    by_choice = {row["choice"]: row["val_uar"] for row in rows}
    assert gain["difference"] == pytest.approx(by_choice["best 1"] - by_choice["untuned"])
    assert gain["low"] - 1e-9 <= gain["difference"] <= gain["high"] + 1e-9
    text = (found.folder / "report.md").read_text()
    assert "Fitted again" in text
    assert "The test side was not read" in text
    assert (found.folder / "figures" / "trials.png").is_file()
    assert not list(found.folder.glob("*/*/*/checkpoints"))


# Trials that end their process

# A worker, or the command, in which the network of some settings takes more memory than there is.
KILLING = """
import os, signal, sys
from serkeras.tuning import trials
fit = trials._run_part
def run_part(experiment, *more):
    if experiment.model.settings["C"] in (0.1, 10.0):
        os.kill(os.getpid(), signal.SIGKILL)
    return fit(experiment, *more)
trials._run_part = run_part
"""
COSTLY = {"model.settings.C": {"values": [0.1, 1.0, 10.0, 100.0]}}


def states(folder):
    found = tuning.Search(folder).records
    return {record["values"]["model.settings.C"]: record["state"] for record in found}


def test_a_trial_that_ends_its_process_is_given_up(own_csv, tmp_path):
    words = ["tune", "logistic-sklearn", "--data", str(own_csv), "--tuner", "grid", "--quiet"]
    words += ["--set", "audio.duration_s=1.1", "--max-trials", "2", "--out", str(tmp_path / "s")]
    words += ["--tune", f"model.settings.C={json.dumps(COSTLY['model.settings.C'])}"]
    code = f"{KILLING}\nfrom serkeras import cli\nsys.exit(cli.main(sys.argv[1:]))"
    ended = [
        subprocess.run([sys.executable, "-c", code, *words], timeout=300).returncode
        for _ in range(3)
    ]
    assert ended == [-signal.SIGKILL, -signal.SIGKILL, 0]
    assert states(tmp_path / "s") == {0.1: "failed", 1.0: "finished"}
    (failed,) = [r for r in tuning.Search(tmp_path / "s").records if r["state"] == "failed"]
    assert "did so 2 times" in failed["reason"]
    assert "more memory" in failed["reason"]


def test_a_fleet_goes_on_without_trials_that_end_their_process(own_csv, tmp_path, monkeypatch):
    plan = plan_of(own_csv, tuner="grid", max_trials=4).replace(space=COSTLY)
    search.begin(tmp_path / "s", plan, development.prepare(plan, progress=False))
    code = f"{KILLING}\nfrom serkeras.tuning import worker\nworker.main(sys.argv[1])"
    monkeypatch.setattr(fleet, "words", lambda folder: [sys.executable, "-c", code, str(folder)])
    # Deaths count between two trials that end: each of the two costs as many as there may be.
    monkeypatch.setattr(fleet, "_RESTARTS", 2)
    fleet.supervise(tmp_path / "s", 1, progress=False)
    assert states(tmp_path / "s") == {
        0.1: "failed", 1.0: "finished", 10.0: "failed", 100.0: "finished",
    }  # fmt: skip


@pytest.fixture
def killed():
    """Function that begins a trial as a process does that the system ends."""
    begun = []  # one that is let go would end as a process that lives

    def begin(own, before=None):
        begun.append(beginnings.counted(own, before))
        begun[-1].__enter__()

    return begin


def test_an_interrupted_trial_is_not_given_up(tmp_path, killed):
    killed(tmp_path)
    for _ in range(3):
        with pytest.raises(KeyboardInterrupt), beginnings.counted(tmp_path):
            raise KeyboardInterrupt
    killed(tmp_path)
    with pytest.raises(RuntimeError, match="must not end its process"):
        killed(tmp_path)
    with pytest.raises(RuntimeError, match="did so 2 times"):
        killed(tmp_path)


@pytest.fixture
def terms():
    """SIGTERM as a search takes it, for the length of a test."""
    names = [name for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {getattr(signal, name): signal.getsignal(getattr(signal, name)) for name in names}
    beginnings.take_terms_for_interrupts()
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def test_a_trial_that_a_queue_ends_is_not_given_up(tmp_path, terms):
    with pytest.raises(KeyboardInterrupt), beginnings.counted(tmp_path):
        signal.raise_signal(signal.SIGTERM)
    assert not (tmp_path / beginnings.FILE).exists()


def test_first_weights_are_looked_at_where_a_space_takes_them():
    space = {
        "model.settings.backbone": {"values": ["squeezenet1.1", "alexnet"]},
        "model.settings.weights": {
            "values": [None, "x.pth"], "when": {"model.settings.backbone": ["squeezenet1.1"]},
        },
    }  # fmt: skip
    plan = Plan.from_dict({"experiment": recipes.load("squeezenet"), "space": space})
    plan = plan.replace(experiment=plan.experiment.with_settings({"model.settings.weights": None}))
    found = [each.model.settings for each in development._starts(plan)]
    assert [(each["backbone"], each["weights"]) for each in found] == [
        ("squeezenet1.1", None), ("alexnet", None), ("squeezenet1.1", "x.pth"),
    ]  # fmt: skip


def test_a_trial_that_gets_further_is_not_given_up(tmp_path, killed):
    own, before = tmp_path / "1", tmp_path / "0"
    last = "part0-repeat0/checkpoints/search-{:04d}.keras"

    def learn(folder, epoch):
        path = folder / last.format(epoch)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")

    learn(before, 1)
    killed(own, before)
    for epoch in range(2, 6):
        learn(own, epoch)
        killed(own, before)
    (own / "part0-repeat0" / trials.RESULT).write_text("{}")
    killed(own, before)
    killed(own, before)
    with pytest.raises(RuntimeError, match="did so 2 times"):
        killed(own, before)
    # What is only copied from another trial is no way that it has gone.
    killed(tmp_path / "2", before)
    learn(tmp_path / "2", 1)
    killed(tmp_path / "2", before)
    with pytest.raises(RuntimeError, match="did so 2 times"):
        killed(tmp_path / "2", before)


def test_what_a_fleet_ends_itself_does_not_count(tmp_path, killed):
    path = tmp_path / "trials" / "0" / beginnings.FILE

    def begin():
        process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        killed(path.parent)
        write_json(path, {**json.loads(path.read_text()), "process": process.pid})
        return process

    for _ in range(3):
        fleet._end(tmp_path, begin())
        assert not path.exists()
    process = begin()
    process.kill()
    process.wait()
    fleet._end(tmp_path, process)
    assert path.exists()


# What comes out


def test_report_table_and_hparams(own_csv, tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    given = {"model.settings.C": {"values": [0.001, 0.01, 0.1, 1, 10, 100, 1000, 10000]}}
    found = quick(own_csv, tmp_path, tuner="grid", space=given, max_trials=8)
    table = pd.read_csv(tmp_path / "table.csv")
    assert table["val_uar"].is_monotonic_decreasing
    assert len(table) == 8
    best = found.best()[0]["model.settings.C"]
    assert table["model.settings.C"].iloc[0] == best
    assert found.settings == {"model.settings.C": best}
    for trial in table.itertuples():
        events = EventAccumulator(str(tmp_path / "tensorboard" / f"{trial.trial}")).Reload()
        (point,) = events.Scalars("val_uar")
        np.testing.assert_allclose(point.value, trial.val_uar, rtol=1e-6)
    text = (tmp_path / "report.md").read_text()
    assert f"--set model.settings.C={best}" in text


def test_the_best_on_an_edge_is_warned_of(own_csv, tmp_path, caplog):
    given = {"model.settings.C": {"values": [1e-9, 1e-8, 1.0]}}
    found = quick(own_csv, tmp_path, tuner="grid", space=given, max_trials=3)
    # On this corpus all are as good as the first.
    assert found.edges == {"model.settings.C": "lowest"}
    assert "lowest model.settings.C of its range" in caplog.text
    assert "Widen it" in (tmp_path / "report.md").read_text()


def test_the_command(own_csv, tmp_path, capsys):
    words = ["tune", "svm", "--data", str(own_csv), "--tuner", "grid", "--out", str(tmp_path / "s")]
    words += ["--set", "audio.duration_s=1.1", "--quiet", "--max-trials", "2"]
    words += ["--tune", 'model.settings.C={"values": [0.1, 10]}']
    assert cli.main(words) == 0
    assert "report.md" in capsys.readouterr().out
    assert cli.main(["tune", "svm", "--data", str(own_csv), "--quiet"]) == 2
    assert "must have a space" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        cli.main(["tune", "svm", "--tune", "x=[1"])


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"tuner": "best"}, "`tuner` of Plan must be one of"),
        ({"tuner": "hyperband"}, "neither epochs nor a loss"),
        ({"objective": "val_loss"}, "neither epochs nor a loss"),
        ({"folds": 1}, "`folds` of Plan must be 0, or 2"),
        ({"objective": "accuracy"}, "`objective` of Plan must be one of"),
    ],
)
def test_a_plan_that_is_none_is_refused(own_csv, tmp_path, changed, words):
    with pytest.raises(ValueError, match=words):
        quick(own_csv, tmp_path / "s", **changed)
    assert not (tmp_path / "s").exists()


@pytest.mark.parametrize(
    ("name", "values", "remedy"),
    [
        ("training.epochs", [5, 50], "Give max_epochs"),
        ("training.retrain", [True, False], "keep their best epoch"),
        ("training.fit_sides", ["train", "train+validation"], "keep their best epoch"),
        ("training.member", [0, 1], "Give repeats"),
        ("split", ["speaker", "random"], "cut before the first one"),
        ("seed", [0, 1], "cut before the first one"),
        ("data", [["synthetic"]], "cut before the first one"),
        ("data.0", ["synthetic"], "cut before the first one"),
        ("label_scheme", ["own", "four"], "cut before the first one"),
        ("members", [1, 2], "a trial is one run"),
        ("combine", ["mean", "geometric"], "a trial is one run"),
    ],
)
def test_settings_that_no_trial_follows_are_refused(name, values, remedy, tmp_path):
    given = {**RATES, name: {"values": values}}
    with pytest.raises(ValueError, match=f"differ from trial to trial.*{name!r}.*{remedy}"):
        serkeras.tune("cnn", space=given, out=tmp_path / "s", progress=False)
    assert not (tmp_path / "s").exists()
    # A search that was begun before this was refused can be opened.
    Plan.from_dict({"experiment": recipes.load("cnn"), "space": given})


def test_the_shortest_trials_of_hyperband_bind_no_other_tuner():
    given = {"experiment": recipes.load("cnn"), "space": RATES, "min_epochs": 3, "max_epochs": 2}
    assert Plan.from_dict({**given, "tuner": "grid"}).max_epochs == 2
    with pytest.raises(ValueError, match="from 1 to max_epochs"):
        Plan.from_dict({**given, "tuner": "hyperband"})


def test_a_folder_without_a_search_is_no_search(tmp_path):
    with pytest.raises(FileNotFoundError, match="must be a folder with plan.json"):
        search.load_plan(tmp_path)


# keras-tuner's own tuners


@pytest.mark.parametrize("name", models.names())
def test_every_network_is_a_hypermodel(name):
    settings = {**test_models.NEEDED.get(name, {}), **test_models.SMALL.get(name, {})}
    experiment = serkeras.Experiment().with_settings(
        {"model.name": name, "model.settings": settings}
    )
    shape = test_models.SHAPES.get(name, [(64, 64, 1)])[-1]
    made = tuning.HyperModel(experiment, RATES, shape, np.arange(6) % 3)
    hp = keras_tuner.HyperParameters()
    made.build(hp)
    assert hp.get("training.learning_rate") == 0.01
    hp.values["training.learning_rate"] = 0.0001
    assert float(made.build(hp).optimizer.learning_rate) == pytest.approx(0.0001)


def test_a_hypermodel_serves_a_tuner_of_keras_tuner(tmp_path):
    experiment = serkeras.Experiment().with_settings({"model.name": "cnn"})
    made = tuning.HyperModel(experiment, RATES, (32, 32, 1), np.arange(8) % 2)
    tuner = keras_tuner.RandomSearch(
        made, "val_loss", max_trials=2, directory=str(tmp_path), seed=1
    )
    x = np.random.default_rng(0).normal(size=(8, 32, 32, 1)).astype("f4")
    tuner.search(x, np.arange(8) % 2, validation_data=(x, np.arange(8) % 2), verbose=0)
    assert tuner.get_best_hyperparameters()[0].get("training.learning_rate") in (0.01, 0.001, 1e-4)
    with pytest.raises(ValueError, match="settings of model and training only"):
        tuning.HyperModel(experiment, {"features.n_mfcc": {"values": [1]}}, (32, 32, 1), [0, 1])
