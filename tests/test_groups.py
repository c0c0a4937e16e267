"""Groups of clips and their gaps: designs, tests against SciPy and loops, pages of made-up runs."""

import json
from itertools import combinations

import numpy as np
import pandas as pd
import pytest

import serkeras
from serkeras import recipes
from serkeras.cli import main
from serkeras.groups import across, across_page, gaps, known, measured
from tests.recordings import write_corpus

LABELS = ["angry", "happy", "sad"]


def make_table(speakers=8, clips=12, good=0.8, seed=0, missing=()):
    """Answers for a corpus in which every speaker says every statement."""
    rng = np.random.default_rng(seed)
    rows = []
    for speaker in range(speakers):
        for clip in range(clips):
            truth = LABELS[clip % 3]
            right = rng.random() < (good if speaker % 2 else good - 0.3)
            said = truth if right else LABELS[(clip + 1) % 3]
            row = {"clip": f"own/{speaker}-{clip:02d}", "path": "gone.wav", "corpus": "own"}
            row |= {"speaker": f"own-{speaker}", "sex": "female" if speaker % 2 else "male"}
            row |= {"emotion": truth, "predicted": said, "intensity": "low" if clip < 6 else "high"}
            rows.append({**row, "statement": "abc"[clip % 3 if clip < 6 else clip % 2]})
    table = pd.DataFrame(rows).assign(repetition=None, age=None)
    return table.assign(**dict.fromkeys(missing))


MADE = {"commit": "0123456789abcdef", "device": "the test's machine"}


def make_run(folder, table, recipe="cnn", parameters=1000, seed=0, disjoint=True, data="no.csv"):
    folder.mkdir()
    experiment = recipes.load(recipe).with_settings({"data": [str(data)], "seed": seed})
    columns = ["clip", "path", "corpus", "speaker", "sex", "emotion", "predicted"]
    table[columns].assign(p_angry=1.0).to_csv(folder / "predictions.csv", index=False)
    values = {
        "experiment": experiment.to_dict(),
        "metrics": {"labels": LABELS, "run": {"parameters": parameters, **MADE}},
        "split": {"speaker_disjoint": disjoint},
    }
    for name, value in values.items():
        (folder / f"{name}.json").write_text(json.dumps(value), encoding="utf-8")
    return folder


# Gaps between speakers.


def tallies(speakers=8, classes=3, seed=0):
    rng = np.random.default_rng(seed)
    clips = np.full((speakers, classes), 10.0)
    return clips, rng.binomial(10, rng.uniform(0.2, 0.9, size=(speakers, 1)), (speakers, classes))


@pytest.mark.parametrize("name", gaps.MEASURES)
@pytest.mark.parametrize("speakers", [4, 8, 10])
def test_permutation_is_that_of_scipy(name, speakers):
    from scipy.stats import permutation_test

    clips, hits = tallies(speakers)
    first = np.arange(speakers) < speakers // 2
    # With as many clips of each class of each speaker both measures are means over speakers.
    shares = hits.sum(axis=1) / clips.sum(axis=1)
    theirs = permutation_test(
        (shares[first], shares[~first]),
        lambda a, b: np.mean(a) - np.mean(b),
        n_resamples=np.inf,
    )
    ours = gaps.between(clips, hits, first, name, n_boot=50)
    assert ours["value"] == pytest.approx(theirs.statistic)
    assert ours["p"] == pytest.approx(theirs.pvalue)
    assert ours["exact"]


def test_smallest_p_is_the_smallest():
    hits = np.array([[10.0], [9.0], [8.0], [1.0], [2.0]])
    clips, first = np.full((5, 1), 10.0), np.array([True, True, True, False, False])
    found = gaps.between(clips, hits, first, "accuracy", n_boot=50)
    assert found["p"] == found["smallest_p"] == 0.1
    even = gaps.between(clips[1:], hits[1:], first[1:], "accuracy", n_boot=50)
    assert even["p"] == even["smallest_p"] == pytest.approx(2 / 6)


def test_many_speakers_are_dealt_out_at_random():
    clips, hits = tallies(24)
    first = np.arange(24) % 2 == 0
    found = gaps.between(clips, hits, first, "uar", n_boot=200)
    assert not found["exact"]
    shares = hits.sum(axis=1) / 30
    rng = np.random.default_rng(5)
    dealt = [rng.permutation(24) for _ in range(5000)]
    differences = [shares[order[:12]].mean() - shares[order[12:]].mean() for order in dealt]
    expected = np.mean(np.abs(differences) >= abs(found["value"]) - 1e-12)
    assert found["p"] == pytest.approx(expected, abs=0.025)


def test_interval_draws_speakers_within_each_group_as_scipy_does():
    from scipy.stats import bootstrap

    clips, hits = tallies(12, seed=3)
    first, shares = np.arange(12) < 5, hits.sum(axis=1) / 30
    theirs = bootstrap(
        (shares[first], shares[~first]), lambda a, b, axis=-1: a.mean(axis) - b.mean(axis),
        method="percentile", n_resamples=9000, rng=0,
    ).confidence_interval  # fmt: skip
    ours = gaps.between(clips, hits, first, "accuracy", n_boot=9000)
    np.testing.assert_allclose([ours["low"], ours["high"]], theirs, atol=0.015)


def test_one_speaker_in_a_group_gives_no_interval():
    clips, hits = tallies(4)
    found = gaps.between(clips, hits, np.array([True, False, False, False]), "uar")
    assert found["value"] is not None
    assert found["low"] is found["high"] is found["p"] is None


def test_a_test_of_clips_would_find_what_is_not_there():
    """Speakers differ, women and men do not: 5 % of tests may find something, not more."""
    found = []
    for seed in range(200):
        clips, hits = tallies(10, seed=seed)
        first = np.arange(10) % 2 == 0
        found.append(gaps.between(clips, hits, first, "accuracy", n_boot=10)["p"] <= 0.05)
    assert np.mean(found) < 0.09


# Gaps within speakers.


def test_within_compares_each_speaker_with_itself():
    from scipy.stats import permutation_test

    clips, hits = tallies(9, seed=1)
    _, more = tallies(9, seed=2)
    ours = gaps.within((clips, hits), (clips, more), "accuracy", n_boot=4000)
    parts = (hits - more).sum(axis=1) / 30
    theirs = permutation_test(
        (parts,), lambda a: np.mean(a), permutation_type="samples", n_resamples=np.inf
    )
    assert ours["value"] == pytest.approx(parts.mean())
    assert ours["p"] == pytest.approx(theirs.pvalue)
    assert ours["smallest_p"] == 2.0**-8


def test_within_takes_classes_that_a_speaker_has_in_both():
    clips = np.array([[10.0, 10.0], [10.0, 0.0], [0.0, 10.0]])
    hits = np.array([[5.0, 9.0], [4.0, 0.0], [0.0, 9.0]])
    others = np.array([[10.0, 0.0], [10.0, 0.0], [10.0, 0.0]])
    lower = np.array([[3.0, 0.0], [1.0, 0.0], [1.0, 0.0]])
    found = gaps.within((clips, hits), (others, lower), "uar", n_boot=50)
    assert found["value"] == pytest.approx((0.2 + 0.3) / 2)
    assert found["smallest_p"] == 0.5


# Groups of a run.


def test_designs_follow_from_the_recordings():
    found = {
        (gap["by"], gap["first"]): gap
        for gap in measured.differences(make_table(), LABELS, n_boot=50)
    }
    assert set(found) == {("sex", "female"), ("intensity", "high")} | {
        ("statement", letter) for letter in "abc"
    }
    sex, intensity = found["sex", "female"], found["intensity", "high"]
    assert (sex["design"], sex["units"], sex["second"]) == ("between", [4, 4], "male")
    assert (intensity["design"], intensity["units"]) == ("within", 8)
    assert found["statement", "a"]["second"] == "the others"
    p = [gap[name]["p"] for gap in found.values() for name in gaps.MEASURES]
    adjusted = [gap[name]["p_holm"] for gap in found.values() for name in gaps.MEASURES]
    worst = np.argmin(p)
    assert adjusted[worst] == pytest.approx(min(1, p[worst] * len(p)))


def test_women_minus_men_by_hand():
    table = make_table()
    gap = measured.differences(table, LABELS, n_boot=50)[0]
    right = table["emotion"] == table["predicted"]
    women = table["sex"] == "female"
    assert gap["accuracy"]["value"] == pytest.approx(right[women].mean() - right[~women].mean())
    shares = right.groupby(table["speaker"]).mean().to_numpy()
    every = [
        shares[list(chosen)].mean() - np.delete(shares, list(chosen)).mean()
        for chosen in combinations(range(8), 4)
    ]
    expected = np.mean(np.abs(every) >= abs(gap["accuracy"]["value"]) - 1e-12)
    assert gap["accuracy"]["p"] == pytest.approx(expected)


def test_classes_of_one_group_alone_are_left_out():
    table = make_table()
    table = table[~((table["intensity"] == "high") & (table["emotion"] == "sad"))]
    gap = {gap["by"]: gap for gap in measured.differences(table, LABELS, n_boot=50)}["intensity"]
    assert gap["left_out"] == ["sad"]
    common = table[table["emotion"] != "sad"]
    right = (common["emotion"] == common["predicted"]).groupby(
        [common["speaker"], common["intensity"]]
    )
    shares = right.mean().unstack()
    assert gap["accuracy"]["value"] == pytest.approx((shares["high"] - shares["low"]).mean())


def test_classes_of_women_alone_are_left_out_between_speakers_too():
    table = make_table()
    table = table[~((table["sex"] == "male") & (table["emotion"] == "sad"))]
    gap = measured.differences(table, LABELS, n_boot=50)[0]
    assert (gap["by"], gap["left_out"]) == ("sex", ["sad"])
    common = table[table["emotion"] != "sad"]
    right = (common["emotion"] == common["predicted"]).groupby(common["sex"]).mean()
    assert gap["accuracy"]["value"] == pytest.approx(right["female"] - right["male"])


def test_one_speaker_in_both_groups_leaves_the_others_in_the_comparison():
    table = make_table()
    stray = table.index[table["speaker"] == "own-1"][:3]
    table.loc[stray, "sex"] = "male"
    gap = measured.differences(table, LABELS, n_boot=50)[0]
    assert (gap["design"], gap["units"], gap["clips_left_out"]) == ("between", [4, 4], 3)
    right = (table["emotion"] == table["predicted"]).drop(stray)
    women = table["sex"].drop(stray) == "female"
    assert gap["accuracy"]["value"] == pytest.approx(right[women].mean() - right[~women].mean())


def test_most_speakers_in_both_groups_are_compared_with_themselves():
    table = make_table()
    table = table[(table["speaker"] != "own-0") | (table["intensity"] == "low")]
    gap = {gap["by"]: gap for gap in measured.differences(table, LABELS, n_boot=50)}["intensity"]
    assert (gap["design"], gap["units"], gap["clips_left_out"]) == ("within", 7, 6)


def test_a_page_names_clips_left_out_and_groups_without_a_common_class(tmp_path):
    table = make_table()
    table.loc[table.index[table["speaker"] == "own-1"][:3], "sex"] = "male"
    folder = make_run(tmp_path / "a", table)
    serkeras.measure_groups(folder, n_boot=50)
    text = (folder / "analyses" / "groups" / "page.md").read_text(encoding="utf-8")
    assert "Clips left out so: 3 of sex, female - male." in text
    apart = make_table()
    apart = apart[(apart["sex"] == "female") == (apart["emotion"] == "sad")]
    folder = make_run(tmp_path / "b", apart)
    assert serkeras.measure_groups(folder, n_boot=50)["gaps"] == []
    text = (folder / "analyses" / "groups" / "page.md").read_text(encoding="utf-8")
    assert "sex: female and male are not compared" in text
    assert "nan" not in text.lower()
    assert "NaN" not in (folder / "analyses" / "groups" / "result.json").read_text("utf-8")


def test_words_for_ages_are_bands_of_their_own(tmp_path):
    path = write_corpus(tmp_path, speakers=4)
    listed = pd.read_csv(path)
    listed["age"] = listed["speaker"].map({0: "adult", 1: "20-29", 2: "39", 3: None})
    listed.to_csv(path, index=False)
    clips = serkeras.datasets.load_own(path)
    folder = make_run(tmp_path / "run", clips.assign(predicted=clips["emotion"]), data=path)
    table, _ = known.test_clips(serkeras.Run(folder))
    assert table.groupby("speaker")["age"].first().tolist() == ["adult", "20-29", "30 to 39", None]


def test_codes_of_statements_are_those_of_a_corpus(tmp_path, monkeypatch):
    here, there = make_table(), make_table(seed=1)
    for name in ("clip", "speaker", "corpus"):
        there[name] = there[name].str.replace("own", "emodb")
    clips = pd.concat([here, there], ignore_index=True)
    folder = make_run(tmp_path / "run", clips)
    monkeypatch.setattr("serkeras.datasets.load_many", lambda *_, **__: clips)
    table, _ = known.test_clips(serkeras.Run(folder))
    letters = [f"{corpus}-{letter}" for corpus in ("emodb", "own") for letter in "abc"]
    assert sorted(set(table["statement"])) == letters
    found = [g for g in measured.differences(table, LABELS, n_boot=50) if g["by"] == "statement"]
    assert [gap["first"] for gap in found] == letters
    alone = measured.differences(here, LABELS, n_boot=50)
    values = [gap["uar"]["value"] for gap in alone if gap["by"] == "statement"]
    assert [gap["uar"]["value"] for gap in found[3:]] == pytest.approx(values)


def test_unknown_speakers_are_compared_by_clip_and_told():
    found = measured.differences(make_table(missing=["speaker"]), LABELS, n_boot=50)
    assert {(gap["unit"], gap["design"]) for gap in found} == {("clip", "between")}


def test_values_by_hand_and_speakers_from_the_hardest():
    rows = measured.values(make_table(), LABELS, n_boot=50)
    table = make_table()
    right = table["emotion"] == table["predicted"]
    speakers = [row["group"] for row in rows if row["by"] == "speaker"]
    recalls = right.groupby([table["speaker"], table["emotion"]]).mean().unstack().mean(axis=1)
    assert [recalls[name] for name in speakers] == sorted(recalls)
    women = next(row for row in rows if row["group"] == "female")
    assert women["accuracy"]["value"] == pytest.approx(right[table["sex"] == "female"].mean())
    assert (women["speakers"], women["clips"]) == (4, 48)
    assert {row["by"] for row in rows} == {"all", "sex", "intensity", "statement", "speaker"}


def test_columns_are_joined_by_clip_and_ages_are_bands(tmp_path):
    path = write_corpus(tmp_path, speakers=4)
    listed = pd.read_csv(path)
    listed["age"] = listed["speaker"].map({0: 29, 1: 30, 2: 39, 3: None})
    listed["intensity"] = "loud"
    listed.to_csv(path, index=False)
    clips = serkeras.datasets.load_own(path)
    answered = clips.sample(frac=1, random_state=0).assign(predicted=clips["emotion"])
    folder = make_run(tmp_path / "run", answered, data=path)
    table, notes = known.test_clips(serkeras.Run(folder))
    assert set(table["intensity"]) == {"loud"}
    bands = table.groupby("speaker")["age"].first().tolist()
    assert bands == ["20 to 29", "30 to 39", "30 to 39", None]
    assert any("6 of 24 clips the age is not known" in note for note in notes)
    assert any("do not know: statement, repetition" in note for note in notes)


def test_page_of_a_run_out_of_reach_says_what_is_missing(tmp_path, capsys):
    folder = make_run(tmp_path / "run", make_table(), disjoint=False)
    assert main(["groups", str(folder)]) == 0
    assert "female - male: UAR +" in capsys.readouterr().out
    text = (folder / "analyses" / "groups" / "page.md").read_text(encoding="utf-8")
    assert text.startswith("# Groups: cnn on no.csv, split speaker (speakers known from training)")
    assert "Intensity, statement, repetition and age are not known here" in text
    assert "**They are known from training**" in text
    assert str(tmp_path) not in text
    kept = json.loads((folder / "analyses" / "groups" / "result.json").read_text(encoding="utf-8"))
    assert [gap["by"] for gap in kept["gaps"]] == ["sex"]


def test_few_speakers_are_told(tmp_path):
    folder = make_run(tmp_path / "run", make_table(speakers=4))
    serkeras.measure_groups(folder, n_boot=50)
    text = (folder / "analyses" / "groups" / "page.md").read_text(encoding="utf-8")
    assert "in the worst case 0.33 is the smallest there is" in text


# Several runs.


@pytest.fixture
def models(tmp_path):
    names = ("cnn", "cnn2", "cnn5", "issa", "svm")
    sizes = (10_000, 100_000, 1_000_000, 10_000_000, None)
    return [
        make_run(tmp_path / name, make_table(good=0.5 + 0.1 * i, seed=i), name, size)
        for i, (name, size) in enumerate(zip(names, sizes, strict=True))
    ]


def test_commits_are_shortened_each_and_keep_what_is_said_of_them():
    long = "0123456789abcdef0123456789abcdef01234567"
    other = long[::-1]
    assert across_page._short(f"{long}+changes then {other}") == "0123456+changes then 7654321"
    assert across_page._short(None) == "code outside git"


def test_models_are_compared(models, tmp_path):
    from scipy.stats import pearsonr

    result = serkeras.compare_groups(models, tmp_path / "out", n_boot=100)
    text = (tmp_path / "out" / "page.md").read_text(encoding="utf-8")
    assert "Trained by the code of: " in text
    assert "(0123456, the test's machine)" in text
    assert text.startswith("# Women and men: 5 models on no.csv, split speaker (new speakers)")
    assert "Without a number of parameters: svm" in text
    rows = across.as_table(result)
    values = [model["gap"]["value"] for model in result["models"]]
    assert (rows["women"] - rows["men"]).tolist() == pytest.approx(values)
    assert result["mean_gap"]["value"] == pytest.approx(np.mean(values))
    theirs = pearsonr([4, 5, 6, 7], values[:4])
    found = result["correlations"]["gap"]
    assert (found["n"], found["value"]) == (4, pytest.approx(theirs.statistic))
    limits = theirs.confidence_interval()
    assert (found["low"], found["high"]) == pytest.approx((limits.low, limits.high))
    p = sorted(each["p"] for each in [*(m["gap"] for m in result["models"]), result["mean_gap"]])
    adjusted = min(m["gap"]["p_holm"] for m in [*result["models"], {"gap": result["mean_gap"]}])
    assert adjusted == pytest.approx(min(1, 6 * p[0]))


@pytest.mark.parametrize(
    ("other", "words"), [(False, "speakers known from training"), (None, "speakers perhaps known")]
)
def test_a_title_promises_what_holds_for_all_runs(tmp_path, other, words):
    runs = [
        make_run(tmp_path / str(i), make_table(seed=i), seed=i, disjoint=disjoint)
        for i, disjoint in enumerate((True, other, True))
    ]
    serkeras.compare_groups(runs, tmp_path / "out", n_boot=20)
    title = (tmp_path / "out" / "page.md").read_text(encoding="utf-8").splitlines()[0]
    assert words in title
    assert "(new speakers)" not in title


def test_exchange_of_models_is_counted_whole():
    sizes, values = np.array([1.0, 2, 3, 4]), np.array([0.1, 0.2, 0.3, 0.4])
    # Of the 24 orders two are as straight as this one.
    assert across._correlation(sizes, values, 0)["p"] == pytest.approx(2 / 24)


def test_runs_that_do_not_compare_are_refused(models, tmp_path):
    with pytest.raises(ValueError, match="Two runs or more"):
        serkeras.compare_groups(models[:1], tmp_path / "out")
    other = make_run(tmp_path / "other", make_table(speakers=6))
    with pytest.raises(ValueError, match="must have the same test clips"):
        serkeras.compare_groups([models[0], other], tmp_path / "out")
    women = make_table().assign(sex="female")
    same = [make_run(tmp_path / f"w{i}", women) for i in range(2)]
    with pytest.raises(ValueError, match="both are there"):
        serkeras.compare_groups(same, tmp_path / "out")


def test_two_runs_of_one_recipe_go_by_their_folders(tmp_path, capsys):
    folders = [make_run(tmp_path / f"seed{i}", make_table(seed=i), seed=i) for i in range(2)]
    words = ["groups", *map(str, folders), "--out", str(tmp_path / "out")]
    assert main(words) == 0
    assert "seed0" in capsys.readouterr().out
    text = (tmp_path / "out" / "page.md").read_text(encoding="utf-8")
    assert "Seeds: 0, 1." in text
    assert "gap_and_size" not in text
