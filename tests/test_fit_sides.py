"""What a model learns from whose validation clips are learned too."""

import numpy as np
import pandas as pd
import pytest

import serkeras
from serkeras import datasets, recipes, splits
from serkeras._files import write_json
from serkeras.confidence import measure_confidence
from serkeras.config import TrainingConfig
from serkeras.leaks import laboratory
from serkeras.training import provenance
from serkeras.training.sides import extract
from serkeras.tuning.plan import Plan
from tests.recordings import SMALL

BOTH = {"training.fit_sides": "train+validation"}
AT_ONCE = {**SMALL, **BOTH, "training.retrain": False}


@pytest.fixture(scope="module")
def split(own_csv):
    return splits.make(datasets.load_many([str(own_csv)], progress=False), "speaker")


def sides_of(split, **settings):
    experiment = recipes.load("cnn").with_settings({**SMALL, **BOTH, **settings})
    return extract(split, ["happy", "sad"], experiment, "raise", 1, False)


@pytest.fixture(scope="module")
def at_once(own_csv, tmp_path_factory):
    out = tmp_path_factory.mktemp("fit-sides") / "run"
    return serkeras.train("cnn", data=[own_csv], out=out, settings=AT_ONCE, progress=False)


CHANGES = {
    "plain": {"augment.copies": 0},
    "copies": {"augment.copies": 2},
    "on the fly": {"augment.copies": 0, "augment.on_the_fly": True},
    "in the graph": {"augment.copies": 0, "features.in_graph": True},
    "soft labels": {"training.mixup": 0.2},
}


@pytest.mark.parametrize("name", CHANGES)
def test_both_sides_are_learned_and_changed_alike(name, split):
    found = sides_of(split, **CHANGES[name])
    known = pd.concat([split.train, split.validation])
    assert set(found.both.clips) == set(known["clip"])
    assert set(found.train.clips) == set(split.train["clip"])
    counts = pd.Series(found.both.clips).value_counts()
    assert set(counts) == {CHANGES[name].get("augment.copies", SMALL["augment.copies"]) + 1}
    emotion = known.set_index("clip")["emotion"].loc[found.both.clips]
    np.testing.assert_array_equal(found.both.y, (emotion == "sad").astype(int))
    if name == "soft labels":
        np.testing.assert_array_equal(found.both.shares.argmax(axis=1), found.both.y)
    assert (found.both.prepare is None) == (found.train.prepare is None)
    # Scaling is fitted with all that is learned.
    statistics = found.both.statistics
    assert (statistics is None) == (found.train.statistics is None)
    assert statistics is None or set(statistics.clips) == set(known["clip"])


def test_by_default_the_training_side_is_learned(split):
    found = sides_of(split, **{"training.fit_sides": "train"})
    assert found.both is None


def test_without_a_search_all_epochs_are_made_and_nothing_is_validated(at_once):
    history = at_once.history
    assert history["phase"].tolist() == ["final"] * SMALL["training.epochs"]
    assert history[["val_loss", "val_accuracy"]].isna().all(axis=None)
    assert at_once.metrics["run"]["epochs"] == {"search": 0, "final": SMALL["training.epochs"]}
    assert not (at_once.folder / "validation.csv").exists()
    with pytest.raises(FileNotFoundError, match=r"learned from it too.*fit_sides=train"):
        _ = at_once.validation
    text = (at_once.folder / "report.md").read_text()
    assert "has learned from the validation clips too" in text
    assert "best epoch" not in text


def test_the_fits_are_given_these_sides(own_csv, split, tmp_path, monkeypatch):
    from serkeras.training import phases

    given = {}

    class Listening(phases.Fit):
        def __init__(self, folder, phase, train, validation, *rest, **more):
            given[phase] = set(train._side.clips), validation
            super().__init__(folder, phase, train, validation, *rest, **more)

    monkeypatch.setattr(phases, "Fit", Listening)
    settings = {**SMALL, **BOTH, "training.epochs": 1}
    serkeras.train("cnn", data=[own_csv], out=tmp_path, settings=settings, progress=False)
    own, known = set(split.train["clip"]), set(split.validation["clip"])
    assert given["search"][0] == own
    assert set(given["search"][1]._side.clips) == known
    assert given["final"] == (own | known, None)


def test_with_a_search_a_fresh_network_learns_both_for_the_best_number_of_epochs(
    own_csv, small_run, tmp_path
):
    run = serkeras.train(
        "cnn", data=[own_csv], out=tmp_path / "run", settings={**SMALL, **BOTH}, progress=False
    )
    search = run.history[run.history["phase"] == "search"]
    plain = small_run.history[small_run.history["phase"] == "search"]
    pd.testing.assert_frame_equal(search.drop(columns="seconds"), plain.drop(columns="seconds"))
    final = run.history[run.history["phase"] == "final"]
    assert len(final) == small_run.metrics["run"]["epochs"]["final"]
    assert final["val_loss"].isna().all()
    other = small_run.history[small_run.history["phase"] == "final"]
    assert (final["loss"].to_numpy() != other["loss"].to_numpy()).all()


def test_a_killed_fit_goes_on(at_once, own_csv, tmp_path, monkeypatch):
    from serkeras.training.fit import Fit

    keep = Fit.keep

    def die_after_two(self, model, row):
        keep(self, model, row)
        if len(self.rows) == 2:
            raise KeyboardInterrupt

    words = {"data": [own_csv], "out": tmp_path / "run", "settings": AT_ONCE, "progress": False}
    monkeypatch.setattr(Fit, "keep", die_after_two)
    with pytest.raises(KeyboardInterrupt):
        serkeras.train("cnn", **words)
    monkeypatch.undo()
    run = serkeras.train("cnn", **words)
    pd.testing.assert_frame_equal(
        run.history.drop(columns="seconds"), at_once.history.drop(columns="seconds")
    )
    pd.testing.assert_frame_equal(run.predictions, at_once.predictions)


@pytest.mark.parametrize(
    "settings",
    [{"fit_sides": "test"}, {"fit_sides": "train+validation", "schedule": {"name": "plateau"}}],
)
def test_settings_that_cannot_be(settings):
    with pytest.raises(ValueError, match=r"`fit_sides` of TrainingConfig must be"):
        TrainingConfig(**settings)


def test_a_classical_model_learns_its_training_side(own_csv, tmp_path):
    with pytest.raises(ValueError, match=r"training\.fit_sides changed"):
        serkeras.train("svm", data=[own_csv], out=tmp_path / "run", settings=BOTH)


def test_a_temperature_cannot_be_fitted(at_once):
    with pytest.raises(FileNotFoundError, match="learned from it too"):
        measure_confidence(at_once)


def test_weights_cannot_be_fitted_for_an_ensemble():
    with pytest.raises(ValueError, match="no clips are left to fit weights with"):
        recipes.load("cnn").with_settings({**BOTH, "members": 2, "combine": "weighted"})


def test_a_split_that_shares_clips_is_refused(own_csv, tmp_path):
    rows = datasets.load_many([str(own_csv)], progress=False)
    parts = np.array_split(rows["clip"].to_numpy(), 3)
    sides = dict(
        zip(("train", "validation", "test"), (part.tolist() for part in parts), strict=True)
    )
    sides["validation"] = sides["test"]
    write_json(tmp_path / "lists.json", {**sides, "allowed": ["clip", "speaker"]})
    kind = f"lists:{tmp_path / 'lists.json'}"
    with pytest.raises(ValueError, match=r"must stand on no other side.*allows clip"):
        serkeras.train("cnn", data=[own_csv], split=kind, out=tmp_path / "run", settings=AT_ONCE)
    assert not (tmp_path / "run").exists()


def test_what_starts_from_such_a_run_knows_that_it_learned_validation(at_once, small_run):
    for run, sides in ((at_once, ["train", "validation"]), (small_run, ["train"])):
        told = provenance.read(run.folder)
        known = {clip for side in sides for clip in run.clips(side)}
        clips = datasets.load_many(run.experiment.data, progress=False)
        speakers = clips[clips["clip"].isin(known)]["speaker"]
        assert told["trained_speakers"] == sorted(set(speakers))


def test_votes_of_validation_clips_are_learned(split, monkeypatch):
    asked = []

    def heard(clips, labels, scheme):
        asked.append(set(clips["clip"]))
        return np.tile([0.25, 0.75], (len(clips), 1))

    monkeypatch.setattr("serkeras.training.sides.votes.distributions", heard)
    found = sides_of(split, **{"training.targets": "votes"})
    assert asked[-1] == set(found.both.clips)
    np.testing.assert_array_equal(found.both.shares, np.tile([0.25, 0.75], (len(found.both.y), 1)))
    assert set(found.validation.shares.ravel()) == {0.0, 1.0}


def test_trials_of_a_search_are_judged_on_a_side_that_nothing_learns():
    plan = Plan(
        recipes.load("cnn").with_settings(BOTH), {"training.learning_rate": {"values": [0.1]}}
    )
    assert not plan.trial({"training.learning_rate": 0.1}).training.learns_validation


def test_leaks_are_measured_with_a_side_that_nothing_learns():
    experiment, notes = laboratory._experiment("cnn", ["synthetic"], None, BOTH)
    assert not experiment.training.learns_validation
    assert "learns from its validation side" in notes[0]
