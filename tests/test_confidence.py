"""Calibration, doubt, prediction sets and listeners: against references, loops and simulations."""

import json

import numpy as np
import pandas as pd
import pytest

import serkeras
from serkeras.cli import main
from serkeras.confidence import answers, calibration, conformal, listeners, measured, ranking
from serkeras.evaluation import resampling

LABELS = ["angry", "happy", "sad", "surprise"]


def drawn(clips=300, classes=4, seed=0, sharpness=1.5):
    """Random probabilities, and truths drawn from them: calibrated but for chance."""
    rng = np.random.default_rng(seed)
    powers = np.exp(sharpness * rng.normal(size=(clips, classes)))
    p = powers / powers.sum(axis=1, keepdims=True)
    truth = (rng.random((clips, 1)) > p.cumsum(axis=1)).sum(axis=1).clip(max=classes - 1)
    return p, truth


def make_side(clips=120, speakers=6, seed=0, corpus="own"):
    p, truth = drawn(clips, seed=seed)
    table = pd.DataFrame(
        {
            "clip": [f"{corpus}/{seed}-{i:03d}" for i in range(clips)],
            "path": "gone.wav",
            "corpus": corpus,
            "speaker": [f"{corpus}-{seed}{i % speakers}" for i in range(clips)],
            "sex": "female",
            "emotion": [LABELS[i] for i in truth],
            "predicted": [LABELS[i] for i in p.argmax(axis=1)],
        }
    )
    return table.assign(**{f"p_{label}": p[:, i] for i, label in enumerate(LABELS)})


def make_run(folder, **sides):
    """A finished run folder with as much as the analysis reads."""
    folder.mkdir()
    experiment = serkeras.Experiment(data=("missing.csv",))
    for name, seed in (("predictions", 0), ("validation", 1)):
        table = sides.get(name)
        table = make_side(seed=seed) if table is None else table
        table.to_csv(folder / f"{name}.csv", index=False)
    values = {
        "experiment": experiment.to_dict(),
        "metrics": {"labels": LABELS},
        "split": {"speaker_disjoint": sides.get("disjoint", True)},
    }
    for name, value in values.items():
        (folder / f"{name}.json").write_text(json.dumps(value), encoding="utf-8")
    return folder


@pytest.fixture
def run(tmp_path):
    return make_run(tmp_path / "run")


# Calibration.


@pytest.mark.parametrize("equal", ["width", "mass"])
def test_bins_and_their_accuracy_are_those_of_scikit_learn(equal):
    from sklearn.calibration import calibration_curve

    sure, right = calibration.answers(*drawn())
    strategy = {"width": "uniform", "mass": "quantile"}[equal]
    share, mean = calibration_curve(right, sure, n_bins=10, strategy=strategy)
    rows = calibration.reliability(sure, right, calibration.bins(sure, equal))
    np.testing.assert_allclose([row["accuracy"] for row in rows], share)
    np.testing.assert_allclose([row["confidence"] for row in rows], mean)
    assert sum(row["clips"] for row in rows) == 300


def test_expected_error_is_that_of_a_loop():
    sure, right = calibration.answers(*drawn())
    total = 0.0
    for number in range(10):
        low, high = number / 10, (number + 1) / 10
        inside = [i for i in range(300) if low < sure[i] <= high]
        if inside:
            gap = sum(right[i] for i in inside) - sum(sure[i] for i in inside)
            total += abs(gap) / 300
    assert calibration.expected_error(sure, right, calibration.bins(sure)) == pytest.approx(total)


def test_a_confidence_on_an_edge_belongs_below_it():
    assert calibration.bins(np.array([0.1, 0.2, 0.21, 1.0])).tolist() == [0, 1, 2, 9]


def test_scores_are_those_of_scikit_learn():
    from sklearn.metrics import brier_score_loss, log_loss

    p, truth = drawn()
    assert calibration.log_loss(p, truth).mean() == pytest.approx(log_loss(truth, p))
    brier = brier_score_loss(truth, p, labels=range(4), scale_by_half=False)
    assert calibration.brier(p, truth).mean() == pytest.approx(brier)


def test_temperature_is_found_again_and_changes_no_answer():
    p, truth = drawn(20_000)
    sharp = calibration.apply_temperature(p, 0.5)
    assert calibration.fit_temperature(sharp, truth) == pytest.approx(2.0, rel=0.05)
    np.testing.assert_array_equal(sharp.argmax(axis=1), p.argmax(axis=1))
    np.testing.assert_allclose(calibration.apply_temperature(sharp, 2.0), p, atol=1e-9)


def test_temperature_has_the_least_loss():
    p, truth = drawn(200, seed=3)
    best = calibration.fit_temperature(p, truth)

    def loss(degree):
        return calibration.log_loss(calibration.apply_temperature(p, degree), truth).mean()

    grid = np.geomspace(*calibration.TEMPERATURES, 400)
    assert loss(best) <= min(loss(degree) for degree in grid) + 1e-9


def test_a_few_certain_errors_do_not_make_a_model_surer():
    from scipy.optimize import minimize_scalar

    p = np.tile([0.97, 0.01, 0.01, 0.01], (200, 1))
    p[198:] = [0.997, 0.001, 0.001, 0.001]
    truth = np.repeat([0, 1], [198, 2])

    def loss(inverse):
        logits = inverse * np.log(p)
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        return -np.mean(logits[np.arange(200), truth] - logits.max(axis=1) - np.log(powers.sum(1)))

    best = 1 / minimize_scalar(loss, bounds=(0.5, 2), method="bounded").x
    assert calibration.fit_temperature(p, truth) == pytest.approx(best, abs=1e-3)
    assert best == pytest.approx(0.87, abs=0.05)


def test_probabilities_of_zero_stay_finite_and_a_cold_temperature_is_refused():
    found = calibration.apply_temperature(np.array([[1.0, 0.0], [0.5, 0.5]]), 2.0)
    np.testing.assert_allclose(found.sum(axis=1), 1)
    assert found[0, 1] == pytest.approx(np.sqrt(calibration.FLOOR), rel=1e-3)
    with pytest.raises(ValueError, match="above 0. Received: 0"):
        calibration.apply_temperature(found, 0)


def test_error_by_chance_is_what_calibrated_models_show():
    shown = []
    for seed in range(200):
        sure, right = calibration.answers(*drawn(120, seed=seed))
        shown.append(calibration.expected_error(sure, right, calibration.bins(sure)))
    sure, _ = calibration.answers(*drawn(120))
    chance = calibration.error_by_chance(sure, calibration.bins(sure), draws=500)
    assert chance.mean() == pytest.approx(np.mean(shown), rel=0.1)


def test_the_mirrored_interval_covers_and_the_plain_one_does_not():
    mirrored = plain = 0
    for seed in range(60):
        sure, right = calibration.answers(*drawn(240, seed=seed))
        bin_of = calibration.bins(sure)
        value = calibration.expected_error(sure, right, bin_of)
        boot, _ = resampling.samples(
            lambda rows, a=sure, b=right, c=bin_of: calibration.expected_error(
                a[rows], b[rows], c[rows]
            ),
            np.arange(240) // 6, 100,
        )  # fmt: skip
        # The truth is 0: such a model is as often right as it says.
        mirrored += calibration.reflected(value, boot)["low"] <= 0.005
        plain += resampling.percentile(boot)[0] <= 0.005
    assert (mirrored > 30, plain) == (True, 0)


# Top-k and selection.


def test_top_k_is_that_of_scikit_learn():
    from sklearn.metrics import top_k_accuracy_score

    p, truth = drawn()
    place = ranking.rank_of_truth(p, truth)
    for k in (1, 2, 3):
        assert (place < k).mean() == pytest.approx(top_k_accuracy_score(truth, p, k=k))
    assert ranking.rank_of_truth(np.full((1, 3), 1 / 3), np.array([0])) == [0]


def test_risks_are_those_of_a_loop():
    sure, right = calibration.answers(*drawn(50))
    order = sorted(range(50), key=lambda i: -sure[i])
    expected = [np.mean([not right[i] for i in order[:n]]) for n in range(1, 51)]
    np.testing.assert_allclose(ranking.risks(sure, right), expected)
    assert ranking.area(sure, right) == pytest.approx(np.mean(expected))
    assert ranking.risk_at(sure, right, 0.5) == pytest.approx(expected[24])


def test_equally_sure_answers_count_as_the_mean_over_their_orders():
    sure = np.array([0.9, 0.5, 0.5, 0.5])
    right = np.array([True, False, True, False])
    found = []
    for seed in range(4000):
        order = [0, *(1 + np.random.default_rng(seed).permutation(3))]
        found.append(np.cumsum(~right[order]) / np.arange(1, 5))
    np.testing.assert_allclose(ranking.risks(sure, right), np.mean(found, axis=0), atol=0.02)


def test_excess_area_is_zero_for_the_ideal_order_only():
    right = np.array([True, True, False])
    assert ranking.excess_area(np.array([0.9, 0.8, 0.1]), right) == pytest.approx(0)
    assert ranking.ideal_area(right) == pytest.approx(1 / 9)
    assert ranking.excess_area(np.array([0.9, 0.1, 0.8]), right) == pytest.approx(1 / 6)


# Conformal prediction.


def test_aps_scores_are_those_of_a_loop():
    p, _ = drawn(20)
    for row, scores in zip(p, conformal.aps_scores(p), strict=True):
        expected = [sum(q for q in row if q >= row[c]) for c in range(4)]
        np.testing.assert_allclose(scores, expected)
    np.testing.assert_allclose(conformal.lac_scores(p), 1 - p)


def test_threshold_is_that_of_a_loop_and_infinite_with_too_few_clips():
    scores = np.random.default_rng(0).normal(size=40)
    for level in (0.5, 0.8, 0.9):
        enough = [q for q in sorted(scores) if sum(scores <= q) >= (41 * level) - 1e-9]
        assert conformal.threshold(scores, level) == enough[0]
    assert conformal.threshold(scores[:8], 0.9) == float("inf")
    assert conformal.threshold(scores[:9], 0.9) == scores[:9].max()


def test_threshold_by_speaker_is_that_of_a_loop():
    rng = np.random.default_rng(1)
    scores, speakers = rng.normal(size=60), rng.choice(list("abcde"), 60)
    for level in (0.3, 0.6, 0.8):

        def weight(q):
            shares = [np.mean(scores[speakers == name] <= q) for name in "abcde"]
            return sum(shares) / 6  # the sixth is the new speaker

        enough = [q for q in sorted(scores) if weight(q) >= level - 1e-9]
        assert conformal.threshold_by_speaker(scores, speakers, level) == enough[0]
    assert conformal.threshold_by_speaker(scores, speakers, 0.84) == float("inf")
    assert conformal.highest_level(5) == pytest.approx(5 / 6)


def test_with_one_clip_a_speaker_both_thresholds_are_one():
    scores = np.random.default_rng(2).normal(size=30)
    for level in (0.5, 0.75, 0.9):
        plain = conformal.threshold(scores, level)
        assert conformal.threshold_by_speaker(scores, np.arange(30), level) == plain


def coverages(between, speakers, level=0.8, clips=30, times=3000):
    """Mean coverage of a new speaker's clips, plain and by speaker."""
    rng = np.random.default_rng(0)
    names = np.repeat(np.arange(speakers), clips)
    found = np.zeros(2)
    for _ in range(times):
        scores = between * rng.normal(size=(speakers + 1, 1)) + rng.normal(
            size=(speakers + 1, clips)
        )
        known, new = scores[:-1].ravel(), scores[-1]
        found[0] += (new <= conformal.threshold(known, level)).mean()
        found[1] += (new <= conformal.threshold_by_speaker(known, names, level)).mean()
    return found / times


def test_exchangeable_clips_are_covered_within_the_bounds():
    plain, by_speaker = coverages(between=0, speakers=4)
    assert 0.8 - 0.005 <= plain <= 0.8 + 1 / 121 + 0.005
    assert by_speaker > 0.95  # the price of not knowing that speakers are alike


def test_clips_of_speakers_are_covered_by_the_speaker_aware_threshold_only():
    plain, by_speaker = coverages(between=4, speakers=4)
    assert plain < 0.77
    assert by_speaker >= 0.8 - 0.005
    plain, by_speaker = coverages(between=4, speakers=19, level=0.9, times=1500)
    assert plain < 0.89
    assert 0.9 - 0.01 <= by_speaker <= 0.97


def test_sets_of_a_run(run):
    table = make_side(seed=5)
    p = table[[f"p_{label}" for label in LABELS]].to_numpy()
    found = serkeras.confidence.prediction_sets(run, p, 0.8, "LAC", "clips")
    known = answers.read(make_side(seed=1), LABELS)
    true = 1 - known.probabilities[np.arange(120), known.truth]
    limit = np.sort(true)[int(np.ceil(121 * 0.8)) - 1]
    assert found[0] == [LABELS[i] for i in np.argsort(-p[0]) if 1 - p[0, i] <= limit]
    whole = serkeras.confidence.prediction_sets(run, p, 0.95)
    assert {len(each) for each in whole} == {4}
    for wrong in ({"level": 1.0}, {"level": 0.8, "score": "RAPS"}, {"level": 0.8, "way": "all"}):
        with pytest.raises(ValueError, match="A set needs `level`"):
            serkeras.confidence.prediction_sets(run, p, **wrong)


def test_no_class_is_lost_to_rounding():
    p = np.array([[0.7, 0.1, 0.1, 0.1], [0.1, 0.7, 0.1, 0.1]])
    assert conformal.aps_scores(p).max() != 1  # 0.7 + 0.1 + 0.1 + 0.1 in binary
    assert conformal.sets(conformal.aps_scores(p), conformal.aps_scores(p).max() - 1e-12).all()


def test_sets_take_what_predict_returns_and_float32(run):
    p = make_side(seed=5)[[f"p_{label}" for label in LABELS]].to_numpy()
    expected = serkeras.confidence.prediction_sets(run, p, 0.7)
    frame = pd.DataFrame(p, columns=LABELS).assign(path="a.wav", emotion="sad")
    assert serkeras.confidence.prediction_sets(run, frame, 0.7) == expected
    assert serkeras.confidence.prediction_sets(run, 1.01 * p, 0.7) == expected
    assert serkeras.confidence.prediction_sets(run, p.astype("float32"), 0.7) == expected


# Resampling.


def test_resampling_draws_whole_speakers_as_intervals_does():
    from serkeras.evaluation import intervals

    table = make_side(200, speakers=8)
    right = (table["emotion"] == table["predicted"]).to_numpy()
    codes = table["emotion"].map(LABELS.index), table["predicted"].map(LABELS.index)
    theirs, _ = intervals.bootstrap(*codes, right, 4, table["speaker"], 4000)
    drawn_, about = resampling.samples(lambda rows: right[rows].mean(), table["speaker"], 4000)
    np.testing.assert_allclose(resampling.percentile(drawn_), theirs["accuracy"], atol=0.01)
    assert (about["clusters"], about["method"]) == (8, intervals.BY_SPEAKER)


def test_resampling_is_that_of_scipy_where_clips_are_drawn():
    from scipy.stats import bootstrap

    values = np.random.default_rng(0).gamma(2, size=80)
    theirs = bootstrap((values,), np.mean, n_resamples=5000, method="percentile", rng=1)
    ours, about = resampling.samples(lambda rows: values[rows].mean(), [None] * 80, 5000)
    np.testing.assert_allclose(resampling.percentile(ours), theirs.confidence_interval, rtol=0.01)
    assert "too narrow" in resampling.sentence(about)


# Listeners.


def heard_table():
    table = make_side(40, seed=2)
    rng = np.random.default_rng(0)
    for label in LABELS:
        table[f"votes_{label}"] = rng.integers(1, 9, 40)
    for row, label in enumerate(table["emotion"][:20]):
        table.loc[row, f"votes_{label}"] = 60
    table.loc[0, [f"votes_{label}" for label in LABELS]] = 0
    return table


def test_listeners_are_those_of_a_loop():
    from scipy.stats import spearmanr

    table = heard_table()
    asked = answers.read(table, LABELS)
    named, heard = listeners.shares(table, LABELS)
    found = listeners.compare(asked, named, heard, n_boot=50)
    figures = {name: row["value"] for name, row in found["figures"].items()}
    shares, p, entropies, crosses, right, majority = [], [], [], [], [], []
    for i in range(1, 40):
        counts = np.array([table.loc[i, f"votes_{label}"] for label in LABELS])
        v, k = counts / counts.sum(), asked.truth[i]
        shares.append(v[k])
        p.append(asked.probabilities[i, k])
        entropies.append(-sum(v * np.log(v)))
        crosses.append(-sum(v * np.log(asked.probabilities[i])))
        right.append(asked.probabilities[i].argmax() == k)
        majority.append((counts[k] == counts.max()) / sum(counts == counts.max()))
    assert found["clips"] == 39
    assert figures["people"] == pytest.approx(np.mean(shares))
    assert figures["correlation"] == pytest.approx(spearmanr(p, shares).statistic)
    assert figures["entropy"] == pytest.approx(np.mean(entropies))
    assert figures["cross_entropy"] == pytest.approx(np.mean(crosses))
    assert figures["majority"] == pytest.approx(np.mean(majority))
    agree = np.array(shares) > 0.5
    assert 0 < agree.sum() < 39
    assert figures["model_agree"] == pytest.approx(np.mean(np.array(right)[agree]))
    assert figures["model_disagree"] == pytest.approx(np.mean(np.array(right)[~agree]))


def test_recognition_rates_alone_give_no_figures_of_votes():
    table = make_side(40, seed=2).assign(recognised=[float(i) for i in range(60, 100)])
    named, heard = listeners.shares(table, LABELS)
    assert named[0] == pytest.approx(0.6)
    found = listeners.compare(answers.read(table, LABELS), named, heard, n_boot=20)
    assert found["figures"]["people"]["value"] == pytest.approx(0.795)
    assert not {"majority", "entropy", "model_disagree"} & set(found["figures"])
    assert listeners.compare(None, np.full(40, np.nan), heard) is None


# The analysis of a run.


def test_analysis_writes_a_page_and_keeps_the_temperature(run):
    result = serkeras.measure_confidence(run, n_boot=60)
    folder = run / "analyses" / "confidence"
    text = (folder / "page.md").read_text(encoding="utf-8")
    assert text.startswith(
        "# Confidence: cnn2-transformer on missing.csv, split speaker (new speakers)"
    )
    kept = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    known = answers.read(make_side(seed=1), LABELS)
    fitted = calibration.fit_temperature(known.probabilities, known.truth)
    assert kept["calibration"]["temperature"]["value"] == pytest.approx(fitted)
    assert kept["conformal"]["highest_level"] == pytest.approx(6 / 7)
    assert result["listeners"] is None
    assert "What listeners heard is not known here" in text
    assert str(run.parent) not in text
    p = make_side(seed=5)[[f"p_{label}" for label in LABELS]].to_numpy()
    expected = calibration.apply_temperature(p, fitted)
    np.testing.assert_allclose(serkeras.confidence.calibrated(run, p), expected)
    frame = pd.DataFrame(p, columns=LABELS).assign(path="a.wav")
    np.testing.assert_allclose(serkeras.confidence.calibrated(run, frame)[LABELS], expected)


def test_temperature_comes_from_the_validation_side_alone(tmp_path):
    folders = [make_run(tmp_path / "a"), make_run(tmp_path / "b", predictions=make_side(seed=7))]
    found = [serkeras.measure_confidence(folder, n_boot=20) for folder in folders]
    a, b = (each["calibration"] for each in found)
    assert a["temperature"] == b["temperature"]
    assert a["before"]["brier"] != b["before"]["brier"]
    limits = [[row["threshold"] for row in each["conformal"]["sets"]] for each in found]
    assert limits[0] == limits[1]


def test_unknown_and_known_voices_are_told(tmp_path):
    nobody = make_side().assign(speaker=None)
    unknown = make_run(tmp_path / "a", predictions=nobody, validation=nobody, disjoint=None)
    serkeras.measure_confidence(unknown, n_boot=20)
    text = (unknown / "analyses" / "confidence" / "page.md").read_text(encoding="utf-8")
    assert "Speakers are unknown, so nothing is promised for new ones" in text
    assert "too narrow" in text
    known = make_run(tmp_path / "b", disjoint=False)
    serkeras.measure_confidence(known, n_boot=20)
    text = (known / "analyses" / "confidence" / "page.md").read_text(encoding="utf-8")
    assert "for a new speaker neither way promises anything" in text


def page_of(folder, **changes):
    path = folder / "experiment.json"
    values = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**values, **changes}), encoding="utf-8")
    serkeras.measure_confidence(folder, n_boot=20)
    return (folder / "analyses" / "confidence" / "page.md").read_text(encoding="utf-8")


def test_a_new_corpus_is_promised_nothing(tmp_path):
    text = page_of(make_run(tmp_path / "a"), split="corpus:own")
    assert "so neither holds" in text
    assert "It holds for clips of a new speaker" not in text
    assert "one corpus that neither training nor validation has" in text
    assert "recordings made like those of training" not in text


def test_the_promise_of_sets_says_that_validation_has_chosen(run):
    text = page_of(run)
    assert "It holds for clips of a new speaker" in text
    assert "recordings made like those of training" in text
    after = text.split("## Sets of emotions")[1].split("## Listeners")[0]
    assert "This one has also chosen the model (epoch or setting)" in after


def test_votes_that_a_label_scheme_drops_are_told(run, monkeypatch):
    heard = heard_table().assign(speaker="a")
    monkeypatch.setattr("serkeras.datasets.load_many", lambda *_, **__: heard)
    heard["clip"] = make_side()["clip"].iloc[:40].to_numpy()
    assert "label scheme `four` drops" not in page_of(run)
    assert "label scheme `four` drops are not counted" in page_of(run, label_scheme="four")


def test_what_cannot_be_analysed_is_named(tmp_path, run):
    with pytest.raises(FileNotFoundError, match="must have been analysed"):
        serkeras.confidence.calibrated(run, np.eye(4))
    broken = make_run(tmp_path / "broken", predictions=make_side().assign(p_sad=0.9))
    with pytest.raises(ValueError, match="must be probabilities"):
        serkeras.measure_confidence(broken)
    (run / "validation.csv").unlink()
    with pytest.raises(FileNotFoundError, match="must hold validation.csv"):
        serkeras.measure_confidence(run)


def test_detail_is_at_a_level_that_the_speakers_do_more_than_reach():
    assert [measured.detail_level(count) for count in (1, 2, 4, 5, 20, None)] == [
        0.5, 0.6, 0.7, 0.8, 0.9, 0.9,
    ]  # fmt: skip


def test_command(run, capsys):
    assert main(["confidence", str(run)]) == 0
    assert "temperature" in capsys.readouterr().out
