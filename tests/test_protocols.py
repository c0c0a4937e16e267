"""Protocols: their folds, the pooled figures, paired tests, the page and the command."""

import dataclasses
import itertools
import json
import re
import shlex
import types
import zlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.metrics import recall_score

import serkeras
from serkeras import protocols, runs, splits
from serkeras._files import read_json, write_json
from serkeras.cli import main
from serkeras.evaluation import intervals
from serkeras.protocols import corpora, figure, findings, origin, page, planning, pooled
from serkeras.protocols import named as named_protocols
from serkeras.studies import comparison, paired
from tests.test_splits import manifest

LABELS = ["angry", "happy", "neutral", "sad"]


def clips_of(*specs):
    """A manifest of corpora without files, from (name, speakers, statements)."""
    tables = [manifest(name, speakers, takes) for name, speakers, takes in specs]
    return pd.concat(tables, ignore_index=True)


# Folds.


@pytest.mark.parametrize(
    ("name", "count", "first"),
    [
        ("speaker", 1, "speaker"),
        ("speaker-kfold", 5, "speaker-kfold:1/5"),
        ("folds5", 5, "folds5:1"),
        ("emobox", 6, "emobox:1"),
        ("loso", 24, "loso:ravdess-01"),
        ("speaker-statement", 2, "speaker-statement:ravdess-1"),
        ("statement", 2, "statement:ravdess-1"),
        ("kfold", 5, "kfold:1/5"),
        ("kfold10", 10, "kfold:1/10"),
        ("random", 1, "random"),
    ],
)
def test_the_folds_of_a_protocol_are_kinds_of_split(name, count, first):
    clips = clips_of(("ravdess", 24, 2))
    kinds = protocols.folds(name, clips)
    assert (len(kinds), kinds[0]) == (count, first)
    tested = [set(splits.make(clips, kind).test["clip"]) for kind in kinds]
    if count > 1 and name != "speaker-statement":
        assert sorted(itertools.chain(*tested)) == sorted(clips["clip"])
    assert set(protocols.names()) >= {name}


def test_every_corpus_is_tested_once():
    clips = clips_of(("ravdess", 6, 2), ("emodb", 10, 10), ("tess", 2, 8))
    assert protocols.folds("corpus", clips) == ["corpus:emodb", "corpus:ravdess", "corpus:tess"]
    assert protocols.folds("statement", clips)[-1] == "statement-kfold:5/5"
    assert len(protocols.folds("speaker-kfold", clips_of(("savee", 4, 3)))) == 4


def test_speaker_folds_count_the_speakers_that_can_be_tested():
    clips = clips_of(("savee", 4, 3), ("tess", 2, 3))
    kinds = protocols.folds("speaker-kfold", clips)
    assert kinds == [f"speaker-kfold:{number}/4" for number in (1, 2, 3, 4)]
    with pytest.warns(UserWarning, match="tess has 2 speaker"):
        tested = [splits.make(clips, kind).test["speaker"].unique().tolist() for kind in kinds]
    assert sorted(sum(tested, [])) == [f"savee-0{number}" for number in (1, 2, 3, 4)]
    # Where nobody can be tested, the split itself says why.
    assert len(protocols.folds("speaker-kfold", clips_of(("tess", 2, 3)))) == 2


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("speakers", r"(?s)Received: 'speakers'.*speaker-kfold.*loso"),
        ("corpus", r"two corpora or more. Received: \['emodb'\]"),
        ("folds5", r"of \['ravdess'\]. Received: \['emodb'\]"),
        ("speaker-statement", "Received: 10 statements.*speaker-statement:emodb-1"),
    ],
)
def test_a_protocol_that_the_clips_do_not_allow_is_refused(name, words):
    with pytest.raises(ValueError, match=words):
        protocols.folds(name, clips_of(("emodb", 10, 10)))
    with pytest.raises(ValueError, match="published for one corpus"):
        protocols.folds("emobox", clips_of(("emodb", 10, 2), ("ravdess", 6, 2)))
    with pytest.raises(ValueError, match="needs two or more. Received.*emodb-1"):
        protocols.folds("statement", clips_of(("emodb", 10, 1)))


# Figures over all answers.


def answers(seed=0, speakers=8, each=6, seeds=2, corpus="own"):
    """Random answers: speakers differ in how hard they are, and every seed judges each clip."""
    rng = np.random.default_rng(seed)
    rows = []
    for speaker, ease in enumerate(rng.uniform(0.2, 0.9, speakers)):
        for take, label, run in itertools.product(range(each), LABELS, range(seeds)):
            said = label if rng.random() < ease else LABELS[rng.integers(4)]
            clip = f"{corpus}/{speaker}-{label}-{take}"
            rows.append((clip, corpus, f"{corpus}-{speaker}", label, said, "speaker", run))
    columns = ["clip", "corpus", "speaker", "emotion", "predicted", "fold", "seed"]
    return pd.DataFrame(rows, columns=columns)


@pytest.mark.parametrize("seed", range(3))
def test_of_one_corpus_the_interval_is_that_of_a_run(seed):
    table = answers(seed)
    truth, said = (table[name].map(LABELS.index).to_numpy() for name in ("emotion", "predicted"))
    limits, about = intervals.bootstrap(truth, said, truth == said, 4, table["speaker"])
    found = pooled.measure(table, LABELS)
    for name in ("uar", "accuracy"):
        assert (found[name]["low"], found[name]["high"]) == pytest.approx(limits[name])
    expected = recall_score(table["emotion"], table["predicted"], average="macro")
    assert found["uar"]["value"] == pytest.approx(expected)
    assert (found["unit"], found["units"], found["fewest"]) == ("speaker", about["clusters"], 8)
    assert (found["clips"], found["answers"]) == (8 * 24, 2 * 8 * 24)


def test_the_interval_is_that_of_scipy_over_speakers():
    """With as many clips of each speaker, accuracy is the mean of the speakers' accuracies."""
    table = answers(speakers=14)
    right = (table["emotion"] == table["predicted"]).groupby(table["speaker"]).mean()
    reference = stats.bootstrap(
        (right.to_numpy(),), np.mean, n_resamples=20_000, method="percentile", rng=1
    ).confidence_interval
    found = pooled.measure(table, LABELS, n_boot=20_000)["accuracy"]
    assert (found["low"], found["high"]) == pytest.approx(tuple(reference), abs=0.005)
    # Clips drawn one by one would give about half the width: the bound above can tell.
    alone = pooled.measure(table.assign(speaker=None), LABELS)["accuracy"]
    assert alone["high"] - alone["low"] < 0.7 * (found["high"] - found["low"])


def test_intervals_hold_the_truth_as_often_as_they_say():
    """Of many sets of speakers about 95 % of the intervals hold what all speakers give."""
    held = []
    for seed in range(300):
        rng = np.random.default_rng([9, seed])
        ease = rng.beta(4, 4, size=24).repeat(12)  # 24 speakers, on average 0.5
        right = rng.random(len(ease)) < ease
        emotion = np.tile(LABELS, len(ease) // 4)
        other = np.roll(LABELS, 1)[[LABELS.index(word) for word in emotion]]
        table = pd.DataFrame(
            {"emotion": emotion, "predicted": np.where(right, emotion, other), "corpus": "own",
             "speaker": np.arange(24).repeat(12).astype(str), "clip": np.arange(288).astype(str)}
        )  # fmt: skip
        found = pooled.measure(table, LABELS, n_boot=400)["uar"]
        held.append(found["low"] <= 0.5 <= found["high"])
    assert 0.89 < np.mean(held) < 0.98


def test_a_clip_of_unknown_speaker_is_one_clip_however_often_it_is_judged():
    once = answers(seeds=1).assign(speaker=None)
    twice = pd.concat([once, once.assign(seed=1)], ignore_index=True)
    a, b = (pooled.measure(table, LABELS) for table in (once, twice))
    assert a["unit"] == b["unit"] == "clip"
    assert a["units"] == b["units"] == b["answers"] // 2
    assert a["uar"] == pytest.approx(b["uar"])


def test_every_resample_has_as_many_speakers_of_each_corpus():
    strata = np.array([0, 1, 0, 0, 1, 2, 2, 0])
    drawn = paired.draw(strata, 500, np.random.default_rng(0))
    for stratum, count in enumerate((4, 2, 2)):
        assert (drawn[:, strata == stratum].sum(axis=1) == count).all()
    assert drawn.mean(axis=0) == pytest.approx(np.ones(8), abs=0.15)
    assert drawn.std(axis=0).min() > 0.5


def test_corpora_keep_their_weight_in_an_interval():
    """An easy corpus and a hard one: drawn together, their shares alone would move the figure."""
    easy, hard = answers(1, speakers=5, corpus="a"), answers(2, speakers=5, corpus="b")
    easy["predicted"] = easy["emotion"]
    hard["predicted"] = "sad"
    found = pooled.measure(pd.concat([easy, hard]), LABELS)
    assert found["accuracy"]["low"] == found["accuracy"]["high"] == pytest.approx(0.5 + 0.125)
    together = pooled.measure(pd.concat([easy, hard]).assign(corpus="ab"), LABELS)
    assert together["accuracy"]["high"] - together["accuracy"]["low"] > 0.2
    assert (found["units"], found["fewest"]) == (10, 5)


def test_a_protocol_does_not_lie_above_itself():
    table = answers(seeds=1)
    found = pooled.difference(table, table)
    assert found["uar"] == found["accuracy"] == {"value": 0.0, "low": 0.0, "high": 0.0}
    assert (found["units"], found["clips"]) == (8, 192)
    assert pooled.difference(table, table.assign(clip="other")) is None


def test_protocols_are_compared_on_the_clips_of_both_by_speaker():
    table, other = answers(3, speakers=18), answers(4, speakers=18, seeds=3)
    table = table[(table["speaker"] > "own-11") & (table["clip"].str[-1] != "4")]
    table = table[~table["clip"].str.endswith("sad-1")]  # so that UAR is not accuracy
    other = other[other["clip"].str[-1] != "0"]
    found = pooled.difference(table, other, n_boot=6000)
    both = table[table["clip"].isin(other["clip"])].copy()
    assert (found["units"], found["clips"]) == (14, both["clip"].nunique()) == (14, 14 * 15)
    share = (other["predicted"] == other["emotion"]).groupby(other["clip"]).mean()
    both["gain"] = (both["predicted"] == both["emotion"]) - share[both["clip"]].to_numpy()
    assert found["uar"]["value"] == pytest.approx(both.groupby("emotion")["gain"].mean().mean())
    assert found["accuracy"]["value"] == pytest.approx(both["gain"].mean())
    # As many clips of each speaker: the mean over speakers, which scipy can resample.
    means = both.groupby("speaker")["gain"].mean().to_numpy()
    reference = stats.bootstrap(
        (means,), np.mean, n_resamples=20_000, method="percentile", rng=1
    ).confidence_interval
    limits = (found["accuracy"]["low"], found["accuracy"]["high"])
    assert limits == pytest.approx(tuple(reference), abs=0.01)


def test_a_class_that_the_drawn_speakers_lack_does_not_count():
    table = answers(1, speakers=2, seeds=1)
    one_class = (table["speaker"] == "own-0") & (table["emotion"] != "sad")
    table = table[~one_class]
    found = pooled.difference(table, table.assign(predicted="none"))["uar"]

    def uar(rows):
        return recall_score(rows["emotion"], rows["predicted"], average="macro", zero_division=0)

    alone = (table[table["speaker"] == "own-1"], table[table["speaker"] == "own-0"])
    only_sad = (alone[1]["predicted"] == "sad").mean()
    values = [uar(table), uar(alone[0]), only_sad]  # of the three resamples that there are
    assert found["value"] == pytest.approx(values[0])
    assert (found["low"], found["high"]) == pytest.approx((min(values), max(values)))


@pytest.mark.parametrize("seed", range(5))
def test_holm_is_the_closed_test(seed):
    """A hypothesis is rejected if every intersection with it is, by Bonferroni's rule."""
    p = np.random.default_rng(seed).uniform(0, 0.2, size=6).round(2)
    subsets = [s for n in range(1, 7) for s in itertools.combinations(range(6), n)]
    expected = [max(min(1, len(s) * p[list(s)].min()) for s in subsets if i in s) for i in range(6)]
    assert paired.holm(p) == pytest.approx(expected)


# The whole way, with a `train` that writes a run in no time.


FACTS = {
    "svm": {"parameters": None, "epochs": {}, "device": "2 processor cores", "commit": None},
    "logistic-sklearn": {
        "parameters": 874120, "epochs": {"search": 9, "final": 4}, "device": "a GPU",
        "commit": "0123456789" * 4 + "+changes",
    },
}  # fmt: skip


def fake_train(experiment, out, on_error, n_jobs, progress):
    """Write a finished run whose answers are better where the speaker is known."""
    clips = serkeras.datasets.load_many(experiment.data, experiment.label_scheme)
    if experiment.seed == 13:
        raise ValueError("The kernel must fit.\nReceived: 13.")
    split = splits.make(clips, experiment.split, seed=experiment.seed)
    runs.prepare(out, experiment)
    rng = np.random.default_rng([experiment.seed, zlib.crc32(experiment.split.encode())])
    test = split.test
    known = test["speaker"].isin(split.train["speaker"]) | test["speaker"].isna()
    ease = {"svm": 0.4, "logistic-sklearn": 0.25}[experiment.recipe] + 0.3 * known
    right = rng.random(len(test)) < ease.to_numpy()
    wrong = test["emotion"].map(dict(zip(LABELS, np.roll(LABELS, 1), strict=True)))
    said = test["emotion"].where(right, wrong)
    answers = pd.get_dummies(said).reindex(columns=LABELS, fill_value=False).to_numpy()
    sure = rng.uniform(0.5, 1.0, len(test))[:, None]
    probabilities = np.where(answers, sure, (1 - sure) / (len(LABELS) - 1))
    table = runs.predictions_table(test, probabilities, LABELS)
    table.to_csv(out / "predictions.csv", index=False)
    write_json(out / "split.json", split.to_dict())
    pd.DataFrame({"phase": ["search"], "val_uar": [0.5], "val_accuracy": [0.5]}).to_csv(
        out / "history.csv", index=False
    )
    uar = recall_score(test["emotion"], said, average="macro")
    values = {"uar": uar, "accuracy": (said == test["emotion"]).mean(), "macro_f1": 0.5}
    measured = {name: {"value": v, "low": v - 0.1, "high": v + 0.1} for name, v in values.items()}
    facts = FACTS[experiment.recipe] | {"seconds": 1.0 + experiment.seed, "folder": str(out)}
    matrix = pd.crosstab(test["emotion"], said).reindex(index=LABELS, columns=LABELS, fill_value=0)
    measured |= {"labels": LABELS, "confusion_matrix": matrix.to_numpy().tolist(), "run": facts}
    write_json(out / "metrics.json", measured)
    fake_train.trained.append(Path(out).name)


@pytest.fixture
def fake(monkeypatch):
    """Let studies train with `fake_train` on a manifest; returns what decides the clips."""
    chosen = types.SimpleNamespace(clips=clips_of(("ravdess", 12, 2)), trained=[])
    fake_train.trained = chosen.trained
    monkeypatch.setattr("serkeras.training.pipeline.train", fake_train)
    monkeypatch.setattr("serkeras.studies.work._forget", lambda: None)
    monkeypatch.setattr("serkeras.datasets.load_many", lambda *_, **__: chosen.clips)
    return chosen


RECIPES = ["svm", "logistic-sklearn"]


def evaluate(out, **changes):
    settings = {"recipes": RECIPES, "data": ["ravdess"], "progress": False, "n_boot": 200}
    return serkeras.evaluate_protocols(out=out, **{**settings, **changes})


def test_a_page_has_new_speakers_first_and_says_what_the_others_are(fake, tmp_path):
    table = evaluate(tmp_path / "p")
    assert len(fake.trained) == 2 * (1 + 5 + 2 + 1)
    assert list(dict.fromkeys(table["protocol"])) == [
        "speaker", "speaker-kfold", "statement", "random",
    ]  # fmt: skip
    row = table.set_index(["recipe", "protocol"]).T.to_dict()
    assert row["svm", "speaker-kfold"]["new"] == "speakers"
    assert row["svm", "statement"]["new"] == "statements"
    assert row["svm", "random"]["new"] == ""
    assert row["svm", "random"]["speakers"] == "the same"
    text = Path(table.attrs["page"]).read_text()
    assert text.startswith("# svm, logistic-sklearn on ravdess, under 4 protocols\n")
    assert "| svm | `speaker-kfold` | new speakers | 5 of 5 |" in text
    assert "| svm | `random` | **known speakers** | 1 of 1 |" in text
    assert "| svm | `statement` | **new statements; known speakers** | 2 of 2 |" in text
    assert "correction is over all 4 tests of this page" in text
    assert "## Protocols against `speaker-kfold`" in text
    assert (tmp_path / "p" / "figures" / "protocols.png").stat().st_size > 5000
    headings = [line for line in text.splitlines() if line.startswith("# ")]
    assert len(headings) == 1


def test_the_figures_are_those_of_the_runs(fake, tmp_path):
    table = evaluate(tmp_path / "p", seeds=[0, 3], protocols=["kfold"], recipes="svm")
    folders = sorted((tmp_path / "p" / "study" / "runs").iterdir())
    assert len(folders) == 10
    said = [pd.read_csv(folder / "predictions.csv") for folder in folders]
    uars = [recall_score(t["emotion"], t["predicted"], average="macro") for t in said]
    whole = pd.concat(said)
    row = table.iloc[0]
    assert (row["uar_mean"], row["uar_sd"]) == pytest.approx((np.mean(uars), np.std(uars, ddof=1)))
    expected = recall_score(whole["emotion"], whole["predicted"], average="macro")
    assert row["uar_value"] == pytest.approx(expected)
    assert row["accuracy_value"] == pytest.approx((whole["emotion"] == whole["predicted"]).mean())
    assert (row["folds"], row["seeds"], row["runs"], row["of"]) == (5, 2, 10, 10)
    assert (row["clips"], row["answers"], row["units"]) == (96, 192, 12)
    result = read_json(tmp_path / "p" / "result.json")
    assert result["table"][0]["uar_low"] == pytest.approx(row["uar_low"], abs=1e-12)
    assert result["recipes"] == result["protocols"] == []
    assert result["reference"] is None
    assert {"commit", "device", "versions"} == set(result["made_by"])
    on_disk = pd.read_csv(tmp_path / "p" / "table.csv")
    assert on_disk["uar_high"][0] == row["uar_high"]
    assert not (tmp_path / "p" / "recipes.csv").exists()


def test_the_seeds_of_a_fold_are_joined_by_their_mean_probability(fake, tmp_path):
    fake.clips = clips_of(("ravdess", 4, 2))
    protocols = ["loso", "random"]
    evaluate(tmp_path / "p", seeds=[0, 3, 4], protocols=protocols, recipes="svm")
    result = read_json(tmp_path / "p" / "result.json")
    # Of `random` other seeds test other clips.
    assert [row["protocol"] for row in result["joined"]] == ["loso"]
    row = result["joined"][0]
    assert (row["recipe"], row["members"]) == ("svm", 3)
    told = {}
    for folder in (tmp_path / "p" / "study" / "runs").glob("*loso*"):
        told.setdefault(folder.name.rpartition("__")[0], []).append(
            pd.read_csv(folder / "predictions.csv").set_index("clip").sort_index()
        )
    assert {len(tables) for tables in told.values()} == {3}
    columns = [f"p_{label}" for label in LABELS]
    truth, said = [], []
    for tables in told.values():
        mean = np.mean([table[columns].to_numpy() for table in tables], axis=0)
        truth += tables[0]["emotion"].tolist()
        said += np.array(LABELS)[mean.argmax(axis=1)].tolist()
    expected = recall_score(truth, said, average="macro")
    assert row["uar_value"] == pytest.approx(expected)
    assert row["accuracy_value"] == pytest.approx(np.mean(np.array(said) == np.array(truth)))
    pooled_alone = pd.concat([table for tables in told.values() for table in tables])
    single = recall_score(pooled_alone["emotion"], pooled_alone["predicted"], average="macro")
    assert row["single_uar"] == pytest.approx(single)
    assert row["gain_uar_value"] == pytest.approx(expected - single)
    assert row["gain_uar_low"] < row["gain_uar_value"] < row["gain_uar_high"]
    text = (tmp_path / "p" / "page.md").read_text()
    assert f"| svm | `loso` | 3 | {100 * single:.1f} | {100 * expected:.1f} [" in text


def test_answers_of_other_data_are_refused(fake, tmp_path):
    """Of the same clips with another emotion, the finished runs know nothing."""
    evaluate(tmp_path / "p", protocols=["speaker"])
    page = (tmp_path / "p" / "page.md").read_text()
    fake.clips = fake.clips.assign(emotion=fake.clips["emotion"].replace("sad", "bored"))
    with pytest.raises(FileExistsError, match="same clips, emotions, speakers and recordings"):
        evaluate(tmp_path / "p", protocols=["speaker"])
    assert (tmp_path / "p" / "page.md").read_text() == page
    said = answers().replace("sad", "bored")
    with pytest.raises(ValueError, match=r"answers of \['bored'\]"):
        pooled.measure(said, LABELS)


def test_speakers_on_whom_settings_were_chosen_are_told_apart(fake, tmp_path, monkeypatch):
    fake.clips = clips_of(("ravdess", 10, 2))
    describe = serkeras.recipes.describe
    chosen_on = {"svm": ["ravdess-02", "ravdess-05", "ravdess-09", "emodb-03"]}
    monkeypatch.setattr(
        "serkeras.recipes.describe",
        lambda name: describe(name) | {"chosen_on": chosen_on.get(name, [])},
    )
    evaluate(tmp_path / "p", protocols=["loso", "random"])
    rows = read_json(tmp_path / "p" / "result.json")["chosen"]  # under `random` none is new
    assert [(row["recipe"], row["chosen_on"]) for row in rows] == [("svm", False), ("svm", True)]
    assert [(row["units"], row["clips"]) for row in rows] == [(7, 7 * 8), (3, 3 * 8)]
    runs_of_svm = (tmp_path / "p" / "study" / "runs").glob("svm__*loso*")
    said = pd.concat([pd.read_csv(folder / "predictions.csv") for folder in runs_of_svm])
    for row in rows:
        part = said[said["speaker"].isin(chosen_on["svm"]) == row["chosen_on"]]
        expected = recall_score(part["emotion"], part["predicted"], average="macro")
        assert row["uar_value"] == pytest.approx(expected)
        assert row["uar_low"] < expected < row["uar_high"]
    text = (tmp_path / "p" / "page.md").read_text()
    assert text.startswith(
        "# svm, logistic-sklearn on ravdess, under loso (new speakers), random (known speakers)\n"
    )
    (line,) = [line for line in text.splitlines() if "| svm | `loso` | had none |" in line]
    assert f"| had none | 56 | {100 * rows[0]['uar_value']:.1f} [" in line
    assert line.endswith("| 7 speakers |")
    chosen_on["svm"] = ["emodb-03"]
    evaluate(tmp_path / "p", protocols=["loso", "random"])
    assert read_json(tmp_path / "p" / "result.json")["chosen"] == []
    assert "settings were chosen" not in (tmp_path / "p" / "page.md").read_text()
    assert not (tmp_path / "p" / "chosen.csv").exists()


@pytest.mark.parametrize("name", ["serkeras-small", "serkeras-small-enrolled"])
def test_the_speakers_that_a_recipe_names_are_those_who_validate_it(name):
    """The rule of artifacts/results/campaign.md: the inner sides of folds 1 and 2, seed 0."""
    clips = clips_of(("ravdess", 24, 2))
    sides = [splits.make(clips, f"folds5:{fold}", seed=0).validation for fold in (1, 2)]
    named = serkeras.recipes.describe(name)["chosen_on"]
    assert named == sorted(set(pd.concat(sides)["speaker"]))


def test_one_seed_and_missing_ones_are_joined_to_nothing(fake, tmp_path):
    for seeds in ([0], [0, 13]):
        evaluate(tmp_path / str(len(seeds)), seeds=seeds, protocols=["loso"], recipes="svm")
        result = read_json(tmp_path / str(len(seeds)) / "result.json")
        assert result["joined"] == []
        assert "joined" not in (tmp_path / str(len(seeds)) / "page.md").read_text()


def test_every_finished_run_is_listed_with_its_size_time_and_origin(fake, tmp_path):
    evaluate(tmp_path / "p", seeds=[0, 3, 13], protocols=["speaker", "statement"])
    text = (tmp_path / "p" / "result.json").read_text()
    assert str(tmp_path) not in text
    result = json.loads(text)
    listed = {(r["recipe"], r["protocol"], r["fold"], r["seed"]): r for r in result["runs"]}
    folds = [("speaker", "speaker")]
    folds += [("statement", f"statement:ravdess-{number}") for number in (1, 2)]
    expected = itertools.product(RECIPES, folds, (0, 3))  # seed 13 fails
    assert set(listed) == {(recipe, *fold, seed) for recipe, fold, seed in expected}
    assert len(listed) == len(result["runs"]) == 12
    row = listed["logistic-sklearn", "statement", "statement:ravdess-2", 3]
    folder = "logistic-sklearn__own__statementravdess-2__seed3"
    metrics = read_json(tmp_path / "p" / "study" / "runs" / folder / "metrics.json")
    assert (row["uar"], row["accuracy"]) == pytest.approx(
        (metrics["uar"]["value"], metrics["accuracy"]["value"])
    )
    facts = {**FACTS["logistic-sklearn"], "seconds": 4.0}
    assert {name: row[name] for name in facts} == facts
    assert listed["svm", "speaker", "speaker", 0]["parameters"] is None
    assert result["made_by"]["device"] == "2 processor cores; a GPU"
    table = pd.read_csv(tmp_path / "p" / "runs.csv")
    assert list(table) == list(result["runs"][0])
    assert set(table["epochs"].map(len)) == {2, len('{"search": 9, "final": 4}')}
    assert "874120," in (tmp_path / "p" / "runs.csv").read_text()


def test_the_page_says_what_each_recipe_cost(fake, tmp_path):
    evaluate(tmp_path / "p", seeds=[0, 3, 5], protocols="random")
    text = (tmp_path / "p" / "page.md").read_text()
    assert "| svm | 3 | - | 4.0 s (1.0 s to 6.0 s) | 2 processor cores | not known |" in text
    line = "| logistic-sklearn | 3 | 874,120 | 4.0 s (1.0 s to 6.0 s) | a GPU | 0123456+changes |"
    assert line in text


def test_runs_of_several_machines_are_told_together():
    first = {"recipe": "svm", "seconds": 90.0, "device": "A", "commit": "a" * 40, "parameters": 5}
    rows = [first, {**first, "device": "B", "commit": f"{'b' * 40} then {'c' * 40}"}]
    table = pd.DataFrame(rows).astype({"parameters": "Int64"})
    line = f"| svm | 2 | 5 | 1.5 min | A; B | {'a' * 7}, {'b' * 7} then {'c' * 7} |"
    assert line in origin.section(table)
    assert origin.devices(table.assign(device=None)) is None


def test_the_same_call_trains_nothing_twice_and_a_longer_one_what_is_new(fake, tmp_path):
    first = evaluate(tmp_path / "p", recipes=["svm"], protocols="random")
    pd.testing.assert_frame_equal(
        evaluate(tmp_path / "p", recipes=["svm"], protocols="random"), first
    )
    assert len(fake.trained) == 1
    evaluate(tmp_path / "p", protocols=["random", "statement"])
    assert len(fake.trained) == 1 + 1 + 2 * 2
    with pytest.raises(FileExistsError, match="holds the study 'protocols-ravdess'"):
        evaluate(tmp_path / "p", data=["ravdess", "emodb"])


def test_recipes_are_tested_by_speaker_with_one_correction_for_the_page(fake, tmp_path):
    evaluate(tmp_path / "p", seeds=1, protocols=["speaker-kfold", "statement"])
    table = pd.read_csv(tmp_path / "p" / "recipes.csv")
    assert table["protocol"].tolist() == ["speaker-kfold", "statement"]
    assert table[["a", "b"]].to_numpy().tolist() == [RECIPES] * 2
    for _, row in table.iterrows():
        parts = contributions(tmp_path / "p" / "study" / "runs", row["protocol"])
        reference = stats.permutation_test(
            (parts,), np.sum, permutation_type="samples", n_resamples=np.inf
        )
        assert parts.sum() == pytest.approx(row["uar_difference"])
        assert row["uar_p"] == pytest.approx(reference.pvalue)
    worst, best = table["uar_p"].max(), table["uar_p"].min()
    expected = [
        min(1, max(worst, 2 * best)) if p == worst else min(1, 2 * p) for p in table["uar_p"]
    ]
    assert table["uar_p_holm"].tolist() == pytest.approx(expected)


def test_what_a_small_p_says_depends_on_who_is_new_and_drawn(fake, tmp_path):
    table = evaluate(tmp_path / "p", protocols=["speaker-kfold", "random"])
    text = Path(table.attrs["page"]).read_text()
    assert "under `speaker-kfold`: the order of A and B can be believed for other speakers" in text
    assert "under `random`: it holds among voices known, or perhaps known" in text
    fake.clips = fake.clips.assign(speaker=None)
    table = evaluate(tmp_path / "q", protocols=["random"])
    text = Path(table.attrs["page"]).read_text()
    assert "`random`: it holds for other clips of the same voices only" in text
    assert "can be believed for other speakers" not in text


def contributions(folder, protocol):
    """What each speaker adds to svm's mean UAR over the runs less that of the other."""
    runs_of = sorted(path.name for path in folder.glob(f"svm__own__{protocol}*"))
    found = []
    for name in runs_of:
        a, b = (
            pd.read_csv(folder / run / "predictions.csv").set_index("clip")
            for run in (name, name.replace("svm", "logistic-sklearn", 1))
        )
        right = [(t["predicted"] == t["emotion"]).astype(float) for t in (a, b.loc[a.index])]
        support = a.groupby("emotion")["emotion"].transform("size")
        weight = 1 / support / a["emotion"].nunique() / len(runs_of)
        found.append(((right[0] - right[1]) * weight).groupby(a["speaker"]).sum())
    return pd.concat(found).groupby(level=0).sum().to_numpy()


def test_a_protocol_is_compared_with_one_whose_speakers_are_new(fake, tmp_path):
    evaluate(tmp_path / "p", protocols=["random", "kfold", "speaker"], recipes=["svm"])
    table = pd.read_csv(tmp_path / "p" / "protocols.csv")
    assert set(table["minus"]) == {"speaker"}
    assert list(table["protocol"]) == ["kfold"]  # random has no clip in common with speaker here
    row = table.set_index("protocol").loc["kfold"]
    assert row["uar_low"] <= row["uar_value"] <= row["uar_high"]
    assert (row["units"], row["clips"]) == (2, 16)
    folder, right = tmp_path / "p" / "study" / "runs", {}
    for name in ("kfold", "speaker__"):
        said = [pd.read_csv(run / "predictions.csv") for run in folder.glob(f"svm__own__{name}*")]
        right[name] = pd.concat(said).set_index("clip").eval("predicted == emotion")
    expected = right["kfold"][right["speaker__"].index].mean() - right["speaker__"].mean()
    assert row["accuracy_value"] == pytest.approx(expected)


@pytest.mark.parametrize(("speakers", "expected"), [("new", "emobox"), ("the same", None)])
def test_folds_that_share_speakers_are_no_reference(speakers, expected):
    rows = {"protocol": ["emobox", "random"], "runs": 1, "speakers": [speakers, "the same"]}
    assert findings._reference(pd.DataFrame(rows)) == expected


def test_corpora_are_shown_one_by_one(fake, tmp_path):
    fake.clips = clips_of(("ravdess", 6, 2), ("emodb", 10, 2), ("tess", 2, 2))
    names = ["ravdess", "emodb", "tess"]
    out = tmp_path / "p"
    table = evaluate(out, data=names, protocols=["corpus", "random"], label_scheme="seven")
    assert table["new"].tolist()[:2] == ["speakers statements corpora"] * 2
    text = (out / "page.md").read_text()
    assert "on ravdess + emodb + tess, label scheme seven, under corpus (new speakers," in text
    assert "| new speakers, statements, corpora | 3 of 3 |" in text
    assert (
        "resampled with all of their clips in all runs (clips where speakers are unknown), within"
        in text
    )
    assert "Fewer than 10 speakers (of one corpus) stand behind `corpus`, `random`" in text
    single = pd.read_csv(out / "by_fold.csv").set_index(["fold", "recipe"])
    assert sorted(set(single.index.get_level_values("fold"))) == [
        "corpus:emodb", "corpus:ravdess", "corpus:tess",
    ]  # fmt: skip
    own = out / "study" / "runs" / "svm__own__corpustess__seed0" / "metrics.json"
    assert single.loc[("corpus:tess", "svm"), "uar_value"] == pytest.approx(
        read_json(own)["uar"]["value"]
    )
    assert "people" not in text
    # The page resamples the speakers of each corpus apart.
    study = serkeras.studies.load(out / "study")
    limits = [
        [pair["uar"]["low"] for pair in comparison.compare_pairs(
            study, "corpus", out / "study", n_boot=200, by_corpus=apart)[0]]
        for apart in (True, False)
    ]  # fmt: skip
    table = pd.read_csv(out / "recipes.csv").set_index("protocol")
    assert [table.loc["corpus", "uar_low"]] == pytest.approx(limits[0])
    assert limits[0] != limits[1]


def test_a_large_corpus_does_not_hide_the_others(fake, tmp_path):
    fake.clips = clips_of(("ravdess", 6, 2), ("emodb", 10, 8), ("tess", 1, 2))
    names = ["ravdess", "emodb", "tess"]
    out = tmp_path / "p"
    evaluate(
        out, data=names, protocols=["kfold", "corpus"], recipes="svm", label_scheme="seven",
        seeds=[0, 3], n_boot=400,
    )  # fmt: skip
    said = pd.concat(pd.read_csv(p) for p in (out / "study" / "runs").glob("*kfold*/pred*.csv"))
    expected = {
        name: recall_score(part["emotion"], part["predicted"], average="macro")
        for name, part in said.groupby("corpus")
    }
    rows = read_json(out / "result.json")["corpora"]
    assert {row["protocol"] for row in rows} == {"kfold"}  # `corpus` has them by_fold
    found = {row["corpus"]: row for row in rows}
    assert list(found) == [*sorted(names), corpora.MEAN]
    for name, value in expected.items():
        assert found[name]["uar_value"] == pytest.approx(value)
    mean = found[corpora.MEAN]
    assert mean["uar_value"] == pytest.approx(np.mean(list(expected.values())))
    whole = recall_score(said["emotion"], said["predicted"], average="macro")
    assert abs(whole - mean["uar_value"]) > 0.001  # most clips are of emodb
    assert found["emodb"]["resampled"] == "10 speakers"
    clips = len(fake.clips[fake.clips["corpus"] == "tess"])
    assert mean["resampled"] == f"16 speakers, {clips} clips"  # one speaker alone: clips are drawn
    assert sum(found[name]["clips"] for name in names) == mean["clips"] == said["clip"].nunique()
    text = (out / "page.md").read_text()
    line = f"| svm | `kfold` | tess | {clips} | {100 * expected['tess']:.1f} ["
    assert text.index("## The corpora apart") < text.index(line)
    fake.clips = clips_of(("ravdess", 6, 2))
    evaluate(tmp_path / "one", data="ravdess", protocols="kfold", recipes="svm")
    assert "not tested" not in text
    assert "corpora apart" not in (tmp_path / "one" / "page.md").read_text()


def test_a_corpus_of_too_few_speakers_is_told_to_be_untested(fake, tmp_path):
    fake.clips = clips_of(("ravdess", 6, 2), ("tess", 2, 2))
    names, protocols = ["ravdess", "tess"], ["speaker-kfold", "kfold"]
    with pytest.warns(UserWarning, match="tess has 2 speaker"):
        evaluate(tmp_path, data=names, protocols=protocols, recipes="svm", label_scheme="seven")
    assert read_json(tmp_path / "result.json")["untested"] == {"speaker-kfold": ["tess"]}
    text = (tmp_path / "page.md").read_text()
    assert "**Learned from, but not tested: tess under `speaker-kfold`.**" in text


@pytest.mark.parametrize(("runs", "expected"), [(1, {}), (2, {"corpus": ["tess"]})])
def test_what_a_missing_run_might_test_is_not_called_untested(runs, expected):
    plan = types.SimpleNamespace(clips=clips_of(("ravdess", 6, 2), ("tess", 2, 2)))
    table = pd.DataFrame({"protocol": ["corpus"], "runs": [runs], "of": [2]})
    said = pd.DataFrame({"protocol": ["corpus"], "corpus": ["ravdess"]})
    assert findings._untested(plan, table, said) == expected


def test_the_mean_of_corpora_draws_them_independently():
    parts = [answers(seed, corpus=name) for seed, name in enumerate(("a", "b", "c", "d"))]
    said = pd.concat(parts).assign(recipe="svm", protocol="kfold")
    table = corpora.measure(said, LABELS, n_boot=4000).set_index("corpus")
    widths = (table["accuracy_high"] - table["accuracy_low"]).to_dict()
    mean = widths.pop(corpora.MEAN)
    # Deviations of independent things add up by their squares.
    assert mean == pytest.approx(np.sqrt(np.sum(np.square(list(widths.values())))) / 4, rel=0.08)


def test_a_paired_interval_can_keep_the_weight_of_corpora():
    truth = np.zeros(40, int)
    a, b = (
        np.repeat([0, 1], 20),
        np.ones(40, int),
    )  # a gains all of one corpus, nothing of the other
    units, runs_of = np.arange(40) // 4, np.zeros(40, int)
    judged = paired.Judged(truth, a, b, runs_of, units)
    assert paired.bootstrap(judged, strata=np.repeat([0, 1], 5))["uar"] == (0.5, 0.5)
    low, high = paired.bootstrap(judged)["uar"]
    assert low < 0.3
    assert high > 0.7


def test_unknown_speakers_leave_out_what_needs_them_and_say_so(fake, tmp_path):
    fake.clips = fake.clips.assign(speaker=None)
    with pytest.warns(UserWarning, match="is left out") as warned:
        table = evaluate(tmp_path / "p", recipes=["svm"])
    words = [str(warning.message).split(" is left out")[0] for warning in warned]
    assert words == ["The protocol speaker", "The protocol speaker-kfold"]
    assert "speaker of every clip" in str(warned[0].message)
    assert list(table["protocol"]) == ["statement", "random"]
    assert set(table["speakers"]) == {"unknown"}
    assert set(table["unit"]) == {"clip"}
    text = (tmp_path / "p" / "page.md").read_text()
    assert "Left out, since the clips do not allow it: `speaker`." in text
    assert "**new statements; speakers perhaps known**" in text
    assert "too narrow for new speakers" in text
    with pytest.raises(ValueError, match="speaker of every clip"):
        evaluate(tmp_path / "q", protocols="speaker")


def refused(clips, kind, seed):
    """Whether clips cannot be split so."""
    try:
        splits.make(clips, kind, seed=seed)
    except ValueError:
        return True
    return False


@pytest.mark.filterwarnings("ignore:The .* side has no clip", "ignore:Recall is ill-defined")
@pytest.mark.parametrize(
    ("seeds", "left_out"), [([0], ["speaker-kfold"]), ([0, 1, 2], ["speaker", "speaker-kfold"])]
)
def test_a_protocol_that_a_later_fold_or_seed_does_not_allow_is_left_out(
    fake, tmp_path, seeds, left_out
):
    """One emotion is said by a single speaker, who trains in the first fold of the first seed."""
    clips = clips_of(("own", 12, 4))
    fake.clips = clips[(clips["speaker"] == "own-08") | (clips["emotion"] != "sad")]
    first = [refused(fake.clips, kind, 0) for kind in ("speaker", "speaker-kfold:1/5")]
    assert first == [False, False]
    with pytest.warns(UserWarning, match="left out. Every emotion needs training clips") as told:
        table = evaluate(tmp_path / "p", data=["own"], recipes="svm", seeds=seeds)
    words = [str(item.message) for item in told if "left out" in str(item.message)]
    assert [text.split()[2] for text in words] == left_out
    for text in words:  # it says which fold and seed
        kind, seed = re.search(r"kind '(.*?)', seed (\d+)", text).groups()
        assert refused(fake.clips, kind, int(seed))
    kept = [name for name in named_protocols.DEFAULT if name not in left_out]
    assert sorted(table["protocol"]) == sorted(kept)
    assert (table["runs"] == table["of"]).all()
    text = (tmp_path / "p" / "page.md").read_text()
    assert "Left out, since the clips do not allow it: `speaker-kfold`. Every emotion" in text
    with pytest.raises(ValueError, match="Every emotion needs training clips"):
        evaluate(tmp_path / "q", data=["own"], protocols="speaker-kfold", seeds=seeds)


@pytest.mark.parametrize("seeds", [0, [], [-1], [0.5]])
def test_seeds_that_are_none_are_no_fault_of_the_clips(fake, tmp_path, seeds):
    with pytest.raises(ValueError, match="seeds"):
        evaluate(tmp_path / "p", seeds=seeds)


def without_a_clip(monkeypatch, kind):
    """Let the recipe svm leave out the first test clip of one kind of split."""

    def train(experiment, out, *words, **more):
        fake_train(experiment, out, *words, **more)
        if experiment.recipe == "svm" and experiment.split == kind:
            path = out / "predictions.csv"
            table = pd.read_csv(path)
            table.iloc[1:].to_csv(path, index=False)

    monkeypatch.setattr("serkeras.training.pipeline.train", train)


def test_a_recipe_that_leaves_out_a_clip_costs_its_pair_not_the_page(fake, tmp_path, monkeypatch):
    without_a_clip(monkeypatch, "statement:ravdess-2")
    words = (
        r"under statement, .*'svm/own' and 'logistic-sklearn/own' \(at statement:ravdess-2, seed"
    )
    with pytest.warns(UserWarning, match=words) as told:
        table = evaluate(tmp_path)
    assert len(told) == 1
    assert table["runs"].tolist() == table["of"].tolist()
    pairs = pd.read_csv(tmp_path / "recipes.csv")
    assert pairs["protocol"].tolist() == ["speaker", "speaker-kfold", "random"]
    text = (tmp_path / "page.md").read_text()
    assert "correction is over all 3 tests of this page" in text
    assert (
        "- Under `statement`, svm and logistic-sklearn are not compared, since their test clips "
        "differ: at statement:ravdess-2, seed 0, 1 clip in one of them only, such as ['ravdess/"
    ) in text
    assert text.count("are not compared") == 1


def test_a_page_without_any_pair_left_says_why(fake, tmp_path, monkeypatch):
    without_a_clip(monkeypatch, "random")
    with pytest.warns(UserWarning, match="Not compared under random"):
        evaluate(tmp_path, protocols="random")
    text = (tmp_path / "page.md").read_text()
    assert "## Recipes against each other\n\n- Under `random`, svm and logistic-sklearn are" in text
    assert not (tmp_path / "recipes.csv").exists()


def test_runs_that_failed_are_named_and_none_at_all_is_an_error(fake, tmp_path, capsys):
    table = evaluate(tmp_path / "p", seeds=[0, 13], protocols="random")
    assert table[["runs", "of"]].to_numpy().tolist() == [[1, 2]] * 2
    text = (tmp_path / "p" / "page.md").read_text()
    assert "**2 of 4 runs are missing from the figures:**" in text
    assert "svm/own/random/seed13: failed. ValueError: The kernel must fit. Received: 13." in text
    with pytest.raises(RuntimeError, match="needs a finished run.*2 runs, the first failed: Value"):
        evaluate(tmp_path / "q", seeds=[13], protocols="random")
    words = ["protocols", *RECIPES, "--data", "ravdess", "--protocol", "random", "--quiet"]
    assert main([*words, "--seeds", "13,", "--out", str(tmp_path / "r")]) == 2
    assert "needs a finished run" in capsys.readouterr().err
    assert main([*words, "--seeds", "0,13", "--out", str(tmp_path / "p")]) == 1


def test_a_recipe_that_has_no_run_yet_keeps_its_row(fake, tmp_path, monkeypatch):
    def refuse(experiment, *words, **more):
        if experiment.recipe == "svm":
            raise ValueError("No.\nReceived: it.")
        fake_train(experiment, *words, **more)

    monkeypatch.setattr("serkeras.training.pipeline.train", refuse)
    table = evaluate(tmp_path / "p", protocols=["speaker", "random"])
    assert table.set_index(["recipe", "protocol"])["runs"]["svm", "speaker"] == 0
    text = (tmp_path / "p" / "page.md").read_text()
    assert "| svm | `speaker` | - | 0 of 1 |  |  |  |  |" in text
    assert "## Recipes against each other" not in text


# What is new, the figure and the command.


def test_what_is_new_is_read_from_the_splits(tmp_path):
    clips = clips_of(("ravdess", 12, 2), ("emodb", 10, 2))
    expected = {
        "speaker": ("speakers",),
        # EmoDB's code 1, heard in training, is another sentence.
        "speaker-statement:ravdess-1": ("speakers", "statements"),
        "corpus:emodb": ("speakers", "statements", "corpora"),
        "random": (),
    }
    for kind, new in expected.items():
        write_json(tmp_path / "split.json", splits.make(clips, kind).to_dict())
        assert pooled.new_on_test([types.SimpleNamespace(folder=tmp_path)], clips) == new
    only = clips[clips["corpus"] == "ravdess"]
    values = splits.make(only, "speaker-statement:1").to_dict()
    write_json(tmp_path / "split.json", values)
    state = types.SimpleNamespace(folder=tmp_path)
    assert pooled.new_on_test([state], only) == ("speakers", "statements")
    # Weights that may have heard anybody leave the statement new, not the speakers.
    write_json(tmp_path / "split.json", {**values, "speaker_disjoint": None})
    assert pooled.new_on_test([state], only) == ("statements",)


TESTED = (("speaker", "new", "speakers"), ("statement", "the same", "statements"))
TESTED += (("random", "the same", ""),)


def drawn(clips, recipes=2, labels=8, tested=TESTED):
    rows = [
        {"recipe": f"r{number}", "protocol": name, "speakers": speakers, "new": new, "runs": 1,
         "uar_value": 0.5, "uar_low": 0.4, "uar_high": 0.45}
        for name, speakers, new in tested
        for number in range(recipes)
    ]  # fmt: skip
    found = types.SimpleNamespace(
        table=pd.DataFrame(rows),
        labels=list(range(labels)),
        plan=types.SimpleNamespace(clips=clips),
    )
    return figure.draw(found).axes[0]


def test_the_figure_has_new_speakers_on_top_and_marks_the_others():
    axis = drawn(clips_of(("ravdess", 4, 2)))
    assert axis.get_ylim() == (2.5, -0.5)
    ticks = [text.get_text() for text in axis.get_yticklabels()]
    assert ticks[0] == "speaker\nnew speakers"
    assert ticks[1:] == ["statement\nnew statements; known speakers", "random\nknown speakers"]
    (shade,) = [patch for patch in axis.patches if patch.get_alpha() == 0.15]
    assert (shade.get_y(), shade.get_height()) == (0.5, 2.0)
    names = axis.get_legend_handles_labels()[1]
    assert {"chance, 12.5 %", "people, 67 %", "r0", "r1"} == set(names)
    # People were asked about all eight emotions of RAVDESS, and nothing else.
    for other in (drawn(clips_of(("emodb", 4, 2))), drawn(clips_of(("ravdess", 4, 2)), labels=7)):
        assert not any("people" in name for name in other.get_legend_handles_labels()[1])


def test_only_rows_without_anything_new_are_called_an_upper_bound():
    """Known speakers with new statements are no bound: who says them is known, what is not."""

    def bounds(*rows):
        axis = drawn(clips_of(("ravdess", 4, 2)), tested=rows)
        return [text.get_position()[1] for text in axis.texts if text.get_text() == "upper\nbound"]

    speaker, statement, known = TESTED
    assert bounds(*TESTED) == [2]
    assert bounds(speaker, statement) == []
    assert bounds(speaker, statement, known, ("kfold", "the same", "")) == [2.5]
    assert bounds(known, statement, ("kfold", "the same", "")) == [0, 2]
    assert bounds(speaker, ("emobox", "unknown", "")) == [1]


def test_many_recipes_stay_apart_in_the_figure():
    axis = drawn(clips_of(("ravdess", 4, 2)), recipes=25)
    styles = [(bar.lines[0].get_color(), bar.lines[0].get_marker()) for bar in axis.containers]
    assert len(styles) == len(set(styles)) == 25


def test_the_command_of_a_page_makes_the_same_page(fake, tmp_path):
    settings = {"audio.duration_s": 2.0}
    plan = planning.make(
        RECIPES, ["ravdess", "my corpus.csv"], ["random", "speaker"], [4], "seven", settings, False
    )
    found = types.SimpleNamespace(plan=plan)
    command = shlex.split(page._again(found).split("```sh\n")[1].split("\n```")[0])
    assert command[:4] == ["python", "-m", "serkeras", "protocols"]
    from serkeras.cli import _parser

    read = _parser().parse_args(command[3:])
    again = planning.make(
        read.recipes, read.data, read.protocol, read.seeds, read.label_scheme, dict(read.settings),
        False,
    )  # fmt: skip
    assert again.study.form == plan.study.form
    assert plan.protocols == ["speaker", "random"]  # in the order of the page
    assert plan.name == "ravdess-my-corpus-seven"
    plain = dataclasses.replace(plan, study=dataclasses.replace(plan.study, settings={}))
    name = planning.default_folder(plain).name
    assert name == "svm+logistic-sklearn-ravdess-my-corpus-seven"
    hashed = re.escape(name).replace("sklearn", "sklearn-[0-9a-f]{6}")
    assert re.fullmatch(hashed, planning.default_folder(plan).name)


def test_the_command_lists_protocols_and_names_what_is_wrong(capsys):
    assert main(["protocols", "--list"]) == 0
    out = capsys.readouterr().out
    assert all(name in out for name in protocols.names())
    assert main(["protocols"]) == 2
    assert "one recipe or more" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["protocols", "svm", "--seeds", "x"])
    assert "must be a number" in capsys.readouterr().err
    assert main(["protocols", "svm", "--protocol", "new"]) == 2
    assert "Received: 'new'" in capsys.readouterr().err


def test_the_command_prints_the_table(fake, tmp_path, capsys):
    words = ["protocols", *RECIPES, "--data", "ravdess", "--protocol", "speaker", "--quiet"]
    assert main([*words, "--seeds", "2", "--out", str(tmp_path / "p")]) == 0
    out = capsys.readouterr().out
    assert len(fake.trained) == 4
    assert "2 of 2" in out
    assert f"page: {tmp_path / 'p' / 'page.md'}" in out
    assert json.loads((tmp_path / "p" / "study" / "study.json").read_text())["seeds"] == [0, 1]


def test_protocols_have_a_place_in_the_order():
    names = list(protocols.names())
    assert set(named_protocols.DEFAULT) | set(findings.BY_FOLD) | set(findings._REFERENCES) <= set(
        names
    )
    assert names.index("speaker") < names.index("corpus") < names.index("random")
