"""Ensembles: how probabilities are joined, what is refused, and folders that predict."""

import importlib
import json
import re
import shutil

import numpy as np
import pandas as pd
import pytest

import serkeras
from serkeras import ensembles, runs, studies
from serkeras._files import read_json, write_json
from serkeras.cli import main
from serkeras.config import COMBINATIONS, Experiment
from serkeras.ensembles import diversity, figures, gain
from serkeras.ensembles.combining import cross_entropy
from serkeras.serving import clip_features
from serkeras.training import pipeline
from serkeras.training.network import phase_seed
from tests.recordings import SMALL, write_corpus

CLASSICAL = {name: value for name, value in SMALL.items() if not name.startswith("training.")}
FOREST = {**CLASSICAL, "model.settings": {"n_estimators": 3, "max_depth": 1}}


# Arrays.


def some(seed=0, models=3, clips=40, classes=4):
    """Return probabilities `(models, clips, classes)` and the truth they lean to."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, classes, clips)
    logits = rng.normal(size=(models, clips, classes))
    logits[:, np.arange(clips), truth] += rng.uniform(0, 2, size=(models, 1))
    return np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True), truth


@pytest.mark.parametrize("combine", COMBINATIONS)
def test_every_join_gives_probabilities_and_leaves_equal_members_as_they_are(combine):
    said, _ = some()
    joined = ensembles.join(said, combine, [0.2, 0.3, 0.5])
    np.testing.assert_allclose(joined.sum(axis=-1), 1.0)
    same = ensembles.join(np.stack([said[0]] * 3), combine, [0.2, 0.3, 0.5])
    np.testing.assert_allclose(same, said[0])


def test_joins_by_hand():
    said = np.array([[[0.8, 0.2]], [[0.2, 0.8]], [[0.5, 0.5]]])
    np.testing.assert_allclose(ensembles.join(said[:2], "mean"), [[0.5, 0.5]])
    np.testing.assert_allclose(ensembles.join(said, "weighted", [1, 0, 0]), [[0.8, 0.2]])
    # sqrt(0.8 * 0.5) : sqrt(0.2 * 0.5) = 2 : 1
    np.testing.assert_allclose(ensembles.join(said[[0, 2]], "geometric"), [[2 / 3, 1 / 3]])


def test_the_geometric_mean_survives_zeros():
    said = np.array([[[1.0, 0.0, 0.0]], [[0.0, 1.0, 0.0]]])
    np.testing.assert_allclose(ensembles.join(said, "geometric"), [[0.5, 0.5, 0.0]], atol=1e-15)
    several = ensembles.join(np.repeat(said, 50, axis=0), "geometric")
    assert np.isfinite(several).all()


def test_bad_arrays_and_unknown_ways_are_named():
    with pytest.raises(ValueError, match=r"shape \(models, clips, classes\). Received: shape=\(4"):
        ensembles.join(np.ones((4, 2)))
    with pytest.raises(ValueError, match="one of .*Received: 'median'"):
        ensembles.join(some()[0], "median")


def test_weights_reach_the_minimum_of_the_cross_entropy():
    from scipy.optimize import minimize

    for seed in range(5):
        said, truth = some(seed)
        weights = ensembles.fit_weights(said, truth)
        assert weights.min() >= 0
        assert weights.sum() == pytest.approx(1)
        found = minimize(
            lambda w, said=said, truth=truth: cross_entropy(
                ensembles.join(said, "weighted", np.exp(w) / np.exp(w).sum()), truth
            ),
            np.zeros(3),
        )
        reached = cross_entropy(ensembles.join(said, "weighted", weights), truth)
        assert reached == pytest.approx(found.fun, abs=1e-5)


def test_weights_leave_out_who_only_guesses_and_bear_zeros():
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, 50)
    knows = np.where(np.eye(2)[truth] == 1, 0.9, 0.1)
    guesses = np.full((50, 2), 0.5)
    weights = ensembles.fit_weights(np.stack([knows, guesses]), truth)
    np.testing.assert_allclose(weights, [1, 0], atol=1e-3)
    never = np.eye(2)[1 - truth]
    np.testing.assert_allclose(ensembles.fit_weights(np.stack([never, never]), truth), 0.5)
    weights = ensembles.fit_weights(np.stack([never, knows]), truth)
    np.testing.assert_allclose(weights, [0, 1], atol=1e-3)


def test_diversity_by_hand():
    from sklearn.metrics import cohen_kappa_score

    truth = np.array([0, 0, 1, 1, 2])
    said = np.array([[0, 0, 1, 0, 0], [0, 1, 1, 0, 1], [0, 0, 2, 1, 1]])
    found = diversity.describe(truth, said, 3)
    np.testing.assert_allclose(found["disagreement"], [[0, 0.4, 0.6], [0.4, 0, 0.6], [0.6, 0.6, 0]])
    assert found["mean_disagreement"] == pytest.approx(1.6 / 3)
    assert found["right"] == [1, 1, 2, 1]
    assert (found["oracle"], found["all_right"], found["all_wrong"]) == (0.8, 0.2, 0.2)
    pairs = [(0, 1), (0, 2), (1, 2)]
    kappas = [cohen_kappa_score(said[i], said[j]) for i, j in pairs]
    assert found["mean_kappa"] == pytest.approx(np.mean(kappas))
    assert diversity.kappa(np.ones(4, int), np.ones(4, int), 2) == 1.0


def test_gain_is_the_difference_and_pairs_speakers():
    said, truth = some(models=2, clips=60)
    answers = said.argmax(axis=-1)
    speakers = np.repeat(["a", "b", "c", "d", "e", "f"], 10)
    found = gain.over(truth, truth, answers, speakers)
    expected = 1 - (answers == truth).mean()
    assert found["accuracy"]["value"] == pytest.approx(expected)
    assert found["accuracy"]["low"] <= expected <= found["accuracy"]["high"]
    assert (found["unit"], found["units"]) == ("speaker", 6)
    # All exchanges that turn six parts of one sign: two of 2^6.
    assert found["accuracy"]["p"] == pytest.approx(2 / 2**6)
    nobody = gain.over(truth, truth, answers, [None] * 60)
    assert (nobody["unit"], nobody["units"]) == ("clip", 60)
    same = gain.over(truth, answers[0], answers[:1], speakers)["uar"]
    assert (same["value"], same["low"], same["high"], same["p"]) == (0, 0, 0, 1)


def test_members_have_seeds_of_their_own_and_member_0_that_of_before():
    known = int(np.random.default_rng([7, *b"search"]).integers(2**31))
    assert phase_seed(7, "search") == phase_seed(7, "search", 0) == known
    seeds = {phase_seed(7, phase, m) for phase in ("search", "final") for m in range(5)}
    assert len(seeds) == 10


def test_members_of_an_experiment_differ_in_their_number_alone(tmp_path):
    experiment = Experiment().with_settings({"members": 3, "training.member": 2})
    found = runs.members(tmp_path, experiment)
    assert [path.name for path in found] == ["member-2", "member-3", "member-4"]
    alone = [each.with_settings({"training.member": 0}) for each in found.values()]
    assert alone == [Experiment()] * 3


# Folders.


@pytest.fixture(scope="module")
def forests(own_csv, tmp_path_factory):
    """Two finished runs of a small forest that differ, and one of an SVM."""
    root = tmp_path_factory.mktemp("forests")
    common = {"data": [own_csv], "progress": False, "n_jobs": 1}
    made = [
        serkeras.train(
            "random-forest",
            out=root / f"forest{member}",
            settings={**FOREST, "training.member": member},
            **common,
        )
        for member in range(2)
    ]
    svm = serkeras.train("svm", out=root / "svm", settings=CLASSICAL, **common)
    return [*made, svm]


@pytest.fixture(scope="module")
def joined(forests, tmp_path_factory):
    return serkeras.ensemble(forests, tmp_path_factory.mktemp("joined") / "three")


@pytest.fixture
def copies(forests, tmp_path):
    """Return copies of the runs, to be spoiled."""
    return [
        runs.Run(shutil.copytree(run.folder, tmp_path / "copies" / run.folder.name))
        for run in forests
    ]


def change_csv(path, change):
    table = pd.read_csv(path)
    change(table).to_csv(path, index=False)


def change_json(path, **changes):
    write_json(path, {**read_json(path), **changes})


def test_every_run_keeps_what_it_said_of_the_validation_side(forests, small_run):
    for run in (*forests, small_run):
        table, split = run.validation, read_json(run.folder / "split.json")
        assert sorted(table["clip"]) == sorted(split["validation"])
        assert table.columns.tolist() == run.predictions.columns.tolist()
        said = serkeras.predict(run, list(table["path"]))
        np.testing.assert_allclose(said["happy"], table["p_happy"], atol=1e-5)


def test_an_older_run_without_it_still_joins_by_the_mean(copies, tmp_path):
    (copies[1].folder / "validation.csv").unlink()
    made = serkeras.ensemble(copies, tmp_path / "out")
    assert "validation clips" not in (made.folder / "report.md").read_text()
    with pytest.raises(FileNotFoundError, match=r"hold validation.csv.*forest1.*Train it again"):
        serkeras.ensemble(copies, tmp_path / "other", combine="weighted")
    assert not (tmp_path / "other").exists()


def test_the_folder_is_whole_and_agrees_with_itself(joined, forests):
    assert {path.name for path in joined.folder.iterdir()} == {
        *("ensemble.json", "predictions.csv", "metrics.json", "report.md", "figures"),
    }
    names = {path.stem for path in (joined.folder / "figures").iterdir()}
    assert names == {"members", "diversity", "confusion"}
    table = joined.predictions
    assert set(joined.metrics) == set(forests[0].metrics)
    assert set(joined.metrics["run"]) >= set(forests[0].metrics["run"])
    assert joined.metrics["accuracy"]["value"] == (table["emotion"] == table["predicted"]).mean()
    mean = np.mean([run.predictions["p_happy"] for run in forests], axis=0)
    np.testing.assert_allclose(table["p_happy"], mean, atol=1e-6)
    rows = read_json(joined.folder / "ensemble.json")["members"]
    assert [row["commit"] for row in rows] == [run.metrics["run"]["commit"] for run in forests]
    uars = [run.metrics["uar"]["value"] for run in forests]
    value = joined.metrics["uar"]["value"] - np.mean(uars)
    assert joined.gain["uar"]["value"] == pytest.approx(value)


def test_the_report_names_members_and_shows_its_figures(joined):
    text = (joined.folder / "report.md").read_text()
    for name in ("forest0", "forest1", "svm", "**mean of the members**", "**ensemble**"):
        assert f"| {name} |" in text
    for link in re.findall(r"\]\((figures/[a-z_]+\.png)\)", text):
        assert (joined.folder / link).stat().st_size > 10_000
    assert text.count("](figures/") == 3
    assert "speaker-disjoint" in text


@pytest.mark.parametrize("combine", COMBINATIONS)
def test_predict_gives_what_the_evaluation_had(forests, tmp_path, combine):
    made = serkeras.ensemble(forests, combine=combine, out=tmp_path / "out")
    table = serkeras.predict(made.folder, list(made.predictions["path"]))
    np.testing.assert_allclose(table["happy"], made.predictions["p_happy"], atol=1e-5)
    assert table["label"].tolist() == made.predictions["predicted"].tolist()
    assert sum(made.weights) == pytest.approx(1)
    if combine == "weighted":
        validation = read_json(made.folder / "ensemble.json")["validation"]
        assert validation["ensemble"] <= min(validation["members"]) + 1e-4


def test_members_of_any_kind_and_order_of_clips_join(small_run, copies, tmp_path):
    change_csv(copies[0].folder / "predictions.csv", lambda table: table.iloc[::-1])
    made = serkeras.ensemble([small_run, copies[0]], tmp_path / "out", combine="weighted")
    by_clip = [run.predictions.set_index("clip")["p_sad"] for run in (small_run, copies[0])]
    expected = made.weights[0] * by_clip[0] + made.weights[1] * by_clip[1]
    said = made.predictions.set_index("clip")["p_sad"]
    np.testing.assert_allclose(said, expected[said.index], atol=1e-6)


def test_only_two_different_finished_runs_or_more_join(forests, copies, tmp_path):
    out = tmp_path / "out"
    with pytest.raises(ValueError, match=r"two different runs or more. Received: \['.*forest0'\]"):
        serkeras.ensemble(forests[:1], out)
    with pytest.raises(ValueError, match="two different runs or more"):
        serkeras.ensemble([forests[0], forests[0].folder], out)
    (copies[1].folder / "metrics.json").unlink()
    with pytest.raises(FileNotFoundError, match="must be finished.*forest1"):
        serkeras.ensemble(copies, out)
    assert not out.exists()


def spoil_labels(run):
    change_json(run.folder / "metrics.json", labels=["angry", "sad"])


def spoil_clips(run):
    change_csv(run.folder / "predictions.csv", lambda table: table.iloc[1:])


def spoil_truth(run):
    swap = {"happy": "sad", "sad": "happy"}
    change_csv(
        run.folder / "predictions.csv", lambda t: t.assign(emotion=t["emotion"].replace(swap))
    )


def spoil_speakers(run):
    learned = read_json(run.folder / "provenance.json")["speakers"]
    speaker = str(run.predictions["speaker"].iloc[0])
    change_json(run.folder / "provenance.json", speakers=[*learned, speaker])


def spoil_files(run):
    digest = serkeras.training.provenance.file_digest(run.predictions["path"].iloc[0])
    change_json(run.folder / "provenance.json", files=[digest])


def spoil_lists(run):
    change_json(run.folder / "split.json", train=[run.predictions["clip"].iloc[0]])


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (
            spoil_labels,
            r"same labels. Received: \['happy', 'sad'\].*\['angry', 'sad'\] of .*forest1",
        ),
        (spoil_clips, r"same test clips.*forest1, with 1 clips in one of them only, such as \['"),
        (spoil_truth, "same test clips.*forest1, with other emotions for the same clips"),
        (spoil_speakers, "the speakers of its test side. Received: .*forest1.* test clips"),
        (spoil_files, "the recordings of its test side. Received: .*forest1.* 1 test clips"),
        (spoil_lists, "the recordings of its test side. Received: .*forest1.* 1 test clips"),
    ],
)
def test_runs_that_do_not_belong_together_are_refused(copies, tmp_path, spoil, words):
    spoil(copies[1])
    with pytest.raises(ValueError, match=words):
        serkeras.ensemble([run.folder for run in copies], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_speakers_may_be_known_where_every_split_says_so(copies, tmp_path):
    for run in copies:
        spoil_speakers(run)
        change_json(run.folder / "split.json", allowed=["speaker"], speaker_disjoint=False)
    made = serkeras.ensemble(copies, tmp_path / "out")
    assert "speakers that stand in training too" in (made.folder / "report.md").read_text()
    change_json(copies[0].folder / "split.json", allowed=[], speaker_disjoint=True)
    with pytest.raises(ValueError, match="the speakers of its test side"):
        serkeras.ensemble(copies, tmp_path / "other")


def test_weights_need_common_validation_clips(copies, tmp_path):
    change_csv(copies[1].folder / "validation.csv", lambda table: table.iloc[1:])
    with pytest.raises(ValueError, match="same validation clips.*1 clips in one of them only"):
        serkeras.ensemble(copies, tmp_path / "out", combine="weighted")
    assert serkeras.ensemble(copies, tmp_path / "out").combine == "mean"


def test_a_folder_is_never_replaced_silently(forests, tmp_path):
    out = tmp_path / "out"
    serkeras.ensemble(forests, out)
    with pytest.raises(FileExistsError, match="never replaced silently"):
        serkeras.ensemble(forests, out, combine="geometric")
    made = serkeras.ensemble(forests[:2], out, combine="geometric", overwrite=True)
    assert (made.combine, len(made.members)) == ("geometric", 2)
    (out / "notes.txt").touch()
    with pytest.raises(FileExistsError, match=r"which holds \['notes.txt'\]"):
        serkeras.ensemble(forests, out, overwrite=True)
    with pytest.raises(FileExistsError, match="needs an empty folder"):
        serkeras.ensemble(forests[1:], forests[0].folder, overwrite=True)
    assert forests[0].finished


def test_a_failure_leaves_the_old_folder_as_it_was(forests, tmp_path, monkeypatch):
    out = tmp_path / "out"
    before = serkeras.ensemble(forests, out).predictions

    def full(*_):
        raise OSError("No space left on device")

    monkeypatch.setattr("serkeras.ensembles.report.write", full)
    with pytest.raises(OSError, match="No space"):
        serkeras.ensemble(forests[:2], out, overwrite=True)
    with pytest.raises(OSError, match="No space"):
        serkeras.ensemble(forests[:2], tmp_path / "new")
    pd.testing.assert_frame_equal(ensembles.load(out).predictions, before)
    left = {path.name for path in tmp_path.iterdir() if path.suffix != ".lock"}
    assert left == {"out"}


def test_a_folder_with_its_members_can_be_moved(copies, tmp_path):
    made = serkeras.ensemble(copies, tmp_path / "copies")
    clips = list(made.predictions["path"][:2])
    before = serkeras.predict(made, clips)
    moved = ensembles.load((tmp_path / "copies").rename(tmp_path / "elsewhere"))
    pd.testing.assert_frame_equal(serkeras.predict(moved.folder, clips), before)
    shutil.rmtree(moved.folder / "svm")
    with pytest.raises(FileNotFoundError, match="no run in .*svm. Put it back"):
        serkeras.predict(moved.folder, clips)


def test_a_member_that_was_trained_again_is_noticed(copies, tmp_path):
    made = serkeras.ensemble(copies, tmp_path / "out")
    change_csv(copies[0].folder / "predictions.csv", lambda table: table.iloc[::-1])
    with pytest.raises(ValueError, match="forest0, which has been trained again since"):
        serkeras.predict(made.folder, made.predictions["path"][0])


def test_a_recording_that_a_member_cannot_read_is_left_out(joined, tmp_path):
    (tmp_path / "text.wav").write_text("no sound")
    good = joined.predictions["path"][0]
    table = serkeras.predict(joined, [tmp_path / "text.wav", good, good], on_error="skip")
    assert table["path"].tolist() == [good, good]
    assert [path for path, _ in table.attrs["failed"]] == [str(tmp_path / "text.wav")]
    with pytest.raises(serkeras.audio.AudioError, match=r"text\.wav"):
        serkeras.predict(joined, [tmp_path / "text.wav", good])


def test_what_one_member_cannot_hear_is_left_out_for_all(joined, monkeypatch):
    module = importlib.import_module("serkeras.serving.predict")
    first, second = joined.predictions["path"][:2]

    def deaf(wave, experiment, name):
        if experiment.model.name == "svm" and name == first:
            raise serkeras.audio.AudioError("too short for the SVM")
        return clip_features(wave, experiment, name)

    monkeypatch.setattr(module, "clip_features", deaf)
    table = serkeras.predict(joined, [first, second], on_error="skip")
    assert table["path"].tolist() == [second]
    assert table.attrs["failed"] == [(first, "too short for the SVM")]


def test_other_corpora_are_judged_by_all_members(joined, tmp_path):
    csv = write_corpus(tmp_path, speakers=2, seed=1)
    csv.write_text(csv.read_text().replace(",0,", ",new0,").replace(",1,", ",new1,"))
    (tmp_path / "s1_sad_2.wav").write_text("no sound")
    found = serkeras.evaluate(joined.folder, csv, on_error="skip", n_jobs=1, progress=False)
    assert [path.split("/")[-1] for path in found["left_out"]["unreadable"]] == ["s1_sad_2.wav"]
    table = serkeras.predict(joined, sorted(tmp_path.glob("*.wav")), on_error="skip")
    right = [f"_{row.label}_" in row.path for row in table.itertuples()]
    assert found["accuracy"]["value"] == pytest.approx(np.mean(right))
    assert sum(map(sum, found["confusion_matrix"])) == len(table) == 11
    with pytest.raises(ValueError, match="speakers that it has not learned from"):
        serkeras.evaluate(joined, list(joined.metrics["run"]["data"]), progress=False)


def test_an_ensemble_is_no_member(joined, forests, tmp_path):
    with pytest.raises(ValueError, match="must be runs. Received: .*three, an ensemble"):
        serkeras.ensemble([forests[0], joined.folder], tmp_path / "out")


def test_no_ensemble_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"folder with ensemble\.json in it"):
        ensembles.load(tmp_path)


def test_figures_stay_readable_with_long_names_and_many_members():
    assert figures.short("a" * 20 + "b" * 40) == "a" * 16 + "..." + "b" * 16
    said, truth = some(models=12)
    answers = said.argmax(axis=-1)
    found = diversity.describe(truth, answers, 4)
    names = [f"cnn2-transformer-mel-awgn-ravdess-speaker-seed{n}" for n in range(12)]
    figure = figures.diversity(names, found, np.array(found["right"]) // 2)
    figure.canvas.draw()
    width, height = figure.get_size_inches() * figure.dpi
    for axis in figure.axes:
        box = axis.get_tightbbox()
        assert box.x0 >= 0 <= box.y0
        assert box.x1 <= width
        assert box.y1 <= height


def test_the_command_joins_prints_and_predicts(forests, tmp_path, capsys):
    out = tmp_path / "out"
    words = ["ensemble", *(str(run.folder) for run in forests), "--out", str(out)]
    assert main([*words, "--combine", "geometric"]) == 0
    printed = capsys.readouterr().out
    assert "UAR " in printed
    assert "] points" in printed
    assert f"report: {out / 'report.md'}" in printed
    assert main(words) == 2
    assert "never replaced silently" in capsys.readouterr().err
    report = (out / "report.md").read_text()
    assert main(["evaluate", str(out), "--json", str(tmp_path / "figures.json")]) == 0
    assert read_json(tmp_path / "figures.json") == ensembles.load(out).metrics
    assert (out / "report.md").read_text() == report
    assert "UAR " in capsys.readouterr().out
    clip = forests[0].predictions["path"][0]
    assert main(["predict", str(out), clip, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["label"] in ("happy", "sad")


# Training.

MEMBERS = {**FOREST, "members": 3, "combine": "weighted"}


@pytest.fixture
def no_report(monkeypatch):
    """Leave out the reports of the members: other tests read those."""
    monkeypatch.setattr(pipeline, "_report", lambda folder: None)


def train(own_csv, out, **changes):
    settings = changes.pop("settings", MEMBERS)
    return serkeras.train(
        "random-forest", data=[own_csv], out=out, settings=settings, progress=False, **changes
    )


@pytest.mark.usefixtures("no_report")
def test_members_are_trained_and_joined(own_csv, forests, tmp_path):
    made = train(own_csv, tmp_path / "out")
    assert [run.folder.name for run in made.members] == ["member-0", "member-1", "member-2"]
    assert made.combine == "weighted"
    assert all(run.finished for run in made.members)
    splits = [read_json(run.folder / "split.json") for run in made.members]
    assert splits == [read_json(made.folder / "split.json")] * 3
    # A member is the run that its own experiment gives, in whatever company.
    for alone, member in zip(forests[:2], made.members, strict=False):
        pd.testing.assert_frame_equal(alone.predictions, member.predictions)
    said = [tuple(run.predictions["p_sad"]) for run in made.members]
    assert len(set(said)) == 3
    run = serkeras.Run(made.folder)
    assert run.finished
    assert run.metrics == made.metrics
    with pytest.raises(ValueError, match="must have one model. Received: .*an ensemble"):
        _ = run.model
    with pytest.raises(FileExistsError, match="finished run is never replaced silently"):
        train(own_csv, made.folder)
    with pytest.raises(FileExistsError, match="with other settings"):
        train(own_csv, made.folder, settings={**MEMBERS, "members": 2})
    moved = made.folder.rename(tmp_path / "moved")
    assert len(ensembles.load(moved).members) == 3
    again = train(own_csv, moved, settings={**MEMBERS, "members": 2}, overwrite=True)
    assert {path.name for path in again.folder.glob("member-*")} == {"member-0", "member-1"}


@pytest.mark.usefixtures("no_report")
def test_an_interrupted_ensemble_goes_on_and_keeps_what_is_finished(own_csv, tmp_path, monkeypatch):
    out, complete = tmp_path / "out", pipeline._complete

    def stop_half_way(aside, out):
        (aside / "metrics.json").rename(out / "metrics.json")
        raise ZeroDivisionError

    def train_until(name):
        def completed(folder, *arguments):
            if folder.name == name:
                (folder / "checkpoints").mkdir()
                raise KeyboardInterrupt
            complete(folder, *arguments)

        with monkeypatch.context() as patch:
            patch.setattr(pipeline, "_complete", completed)
            with pytest.raises(KeyboardInterrupt):
                train(own_csv, out)

    train_until("member-1")
    assert not serkeras.Run(out).finished
    assert not ensembles.is_ensemble(out)
    with pytest.raises(FileNotFoundError, match="must be finished to have metrics"):
        serkeras.predict(out, own_csv.parent)
    stamp = (out / "member-0" / "metrics.json").stat().st_mtime_ns
    train_until("member-2")
    with monkeypatch.context() as patch:
        patch.setattr("serkeras.ensembles.folder._install", stop_half_way)
        with pytest.raises(ZeroDivisionError):
            train(own_csv, out)
    assert not serkeras.Run(out).finished
    assert len(train(own_csv, out).members) == 3
    assert (out / "member-0" / "metrics.json").stat().st_mtime_ns == stamp
    assert not [path for path in tmp_path.glob(".out-*") if path.is_dir()]


@pytest.mark.usefixtures("no_report")
def test_a_study_may_hold_ensembles(own_csv, tmp_path):
    study = studies.Study.from_dict(
        {
            "name": "joined",
            "about": "An ensemble beside a run.",
            "source": "none",
            "data": [str(own_csv)],
            "recipes": [
                "random-forest",
                {"recipe": "random-forest", "label": "two", "settings": {"members": 2}},
            ],
            "seeds": [0],
            "splits": ["speaker"],
            "settings": FOREST,
        }
    )
    states = studies.run(study, tmp_path / "study", progress=False)
    assert [state.kind for state in states] == ["finished"] * 2
    rows = pd.read_csv(tmp_path / "study" / "rows.csv").set_index("recipe")
    assert rows["validation_accuracy"].isna().to_dict() == {"random-forest": False, "two": True}


def test_a_bad_setting_leaves_nothing_behind(own_csv, tmp_path):
    with pytest.raises(ValueError, match="must be among"):
        train(own_csv, tmp_path / "out", settings={**MEMBERS, "model.settings": {"trees": 1}})
    assert not (tmp_path / "out").exists()


def test_networks_train_as_members_by_the_command(own_csv, tmp_path, capsys):
    out = tmp_path / "out"
    words = ["train", "logistic", "--data", str(own_csv), "--out", str(out), "--quiet"]
    settings = {**SMALL, "members": 2, "training.epochs": 1, "training.retrain": False}
    for name, value in settings.items():
        words += ["--set", f"{name}={json.dumps(value)}"]
    assert main(words) == 0
    assert f"report: {out / 'report.md'}" in capsys.readouterr().out
    first, second = ensembles.load(out).members
    assert not np.allclose(first.predictions["p_sad"], second.predictions["p_sad"])
    text = (out / "report.md").read_text()
    assert "--set members=2" in text
    assert "training.member" not in text
