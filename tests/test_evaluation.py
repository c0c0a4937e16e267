"""Measures against scikit-learn and by hand, intervals by simulation, figures by content."""

import json
import re

import numpy as np
import pandas as pd
import pytest
import sklearn.metrics
from matplotlib.backends.backend_agg import FigureCanvasAgg

from serkeras.evaluation import intervals, metrics, plots

LABELS = ["angry", "fear", "happy", "sad"]


def manifest(speakers, sex="female", corpus="synthetic"):
    count = len(speakers)
    return pd.DataFrame(
        {
            "clip": [f"synthetic/{index:03d}" for index in range(count)],
            "speaker": pd.array(speakers, dtype="string"),
            "sex": pd.array([sex] * count if isinstance(sex, str) else sex, dtype="string"),
            "corpus": [corpus] * count if isinstance(corpus, str) else corpus,
        }
    )


def said(answers, num_classes, second=None):
    """Probabilities of a model that is sure of `answers`, and then of `second`."""
    probabilities = np.full((len(answers), num_classes), 0.1 / num_classes)
    probabilities[np.arange(len(answers)), answers] += 0.7
    probabilities[np.arange(len(answers)), answers if second is None else second] += 0.2
    return probabilities


def random_case(seed=0, count=300, num_classes=4, num_speakers=12):
    rng = np.random.default_rng(seed)
    y_true = rng.integers(num_classes, size=count)
    probabilities = rng.dirichlet(np.ones(num_classes), size=count)
    probabilities[np.arange(count), y_true] += rng.random(count)
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    number = rng.integers(num_speakers, size=count)
    speakers = [f"ravdess-{one:02d}" for one in number]
    sex = ["female" if one % 2 else "male" for one in number]
    corpus = ["ravdess" if one < 5 else "tess" for one in number]
    return y_true, probabilities, manifest(speakers, sex, corpus)


# Values


def test_values_equal_scikit_learn():
    y_true, probabilities, clips = random_case()
    found = metrics.evaluate(y_true, probabilities, LABELS, clips, n_boot=50)
    answers = probabilities.argmax(axis=1)
    expected = {
        "accuracy": sklearn.metrics.accuracy_score(y_true, answers),
        "uar": sklearn.metrics.balanced_accuracy_score(y_true, answers),
        "macro_f1": sklearn.metrics.f1_score(y_true, answers, average="macro"),
        "top2": sklearn.metrics.top_k_accuracy_score(y_true, probabilities, k=2),
    }
    assert {name: found[name]["value"] for name in expected} == pytest.approx(expected)
    report = sklearn.metrics.classification_report(
        y_true, answers, target_names=LABELS, output_dict=True
    )
    for label in LABELS:
        row = dict(report[label], f1=report[label]["f1-score"])
        del row["f1-score"]
        assert found["per_class"][label] == pytest.approx(row)
    assert found["confusion_matrix"] == sklearn.metrics.confusion_matrix(y_true, answers).tolist()


def test_values_by_hand():
    # angry: 3 clips, 2 found; fear: 1 clip, said to be angry, fear second.
    y_true, answers, second = [0, 0, 0, 1], [0, 0, 1, 0], [1, 1, 2, 1]
    found = metrics.evaluate(
        np.array(y_true), said(answers, 3, second), ["angry", "fear", "sad"], manifest(list("aabb"))
    )
    assert found["accuracy"]["value"] == 2 / 4
    assert found["uar"]["value"] == pytest.approx((2 / 3 + 0) / 2)
    assert found["macro_f1"]["value"] == pytest.approx((2 / 3 + 0) / 2)
    assert found["top2"]["value"] == 3 / 4
    assert found["confusion_matrix"] == [[2, 1, 0], [1, 0, 0], [0, 0, 0]]
    assert found["per_class"]["sad"] == {"precision": 0, "recall": 0, "f1": 0, "support": 0}


def test_measures_of_counts_equal_scikit_learn():
    y_true, probabilities, _ = random_case(seed=3)
    y_true = np.where(y_true == 2, 1, y_true)  # one class occurs only as an answer
    answers = probabilities.argmax(axis=1)
    matrix = sklearn.metrics.confusion_matrix(y_true, answers, labels=range(4))
    present = {"labels": [0, 1, 3], "average": "macro"}
    assert intervals.accuracy(matrix) == np.mean(y_true == answers)
    expected = sklearn.metrics.recall_score(y_true, answers, **present)
    assert intervals.uar(matrix) == pytest.approx(expected)
    expected = sklearn.metrics.f1_score(y_true, answers, **present)
    assert intervals.macro_f1(np.stack([matrix, matrix])) == pytest.approx([expected] * 2)


def test_class_absent_from_truth_does_not_lower_uar():
    y_true = np.array([0, 1] * 10)
    found = metrics.evaluate(y_true, said(y_true, 4), LABELS, manifest(list("abcd") * 5))
    for name in ("accuracy", "uar", "macro_f1"):
        assert found[name] == {"value": 1.0, "low": 1.0, "high": 1.0}


def test_all_wrong_is_zero():
    y_true = np.array([0, 1, 2, 3] * 4)
    found = metrics.evaluate(y_true, said((y_true + 1) % 4, 4), LABELS, manifest(list("ab") * 8))
    for name in ("accuracy", "uar", "macro_f1"):
        assert found[name] == {"value": 0.0, "low": 0.0, "high": 0.0}


def test_equal_probabilities_answer_the_first_class():
    y_true = np.array([0, 1, 2, 3])
    found = metrics.evaluate(y_true, np.full((4, 4), 0.25), LABELS, manifest(list("abab")))
    assert (found["accuracy"]["value"], found["top2"]["value"]) == (0.25, 0.5)
    assert [row[0] for row in found["confusion_matrix"]] == [1, 1, 1, 1]


def test_result_is_plain_json():
    y_true, probabilities, clips = random_case()
    found = metrics.evaluate(y_true, probabilities.astype("float32"), np.array(LABELS), clips)
    assert json.loads(json.dumps(found, allow_nan=False)) == found


# Groups


def test_groups_are_measured_apart():
    y_true = np.array([0, 1] * 20)
    clips = manifest(list("abcd") * 10, sex=["female", "male", pd.NA, "male"] * 10)
    answers = np.where((clips["sex"] == "male").fillna(False), 1 - y_true, y_true)
    found = metrics.evaluate(y_true, said(answers, 2), LABELS[:2], clips)
    assert list(found["groups"]["sex"]) == ["female", "male"]
    female, male = found["groups"]["sex"].values()
    assert (female["n"], female["accuracy"]["value"]) == (10, 1.0)
    assert (male["n"], male["accuracy"]["value"]) == (20, 0.0)
    assert female["intervals"]["method"] == intervals.BY_CLIP
    assert male["intervals"]["clusters"] == 2
    assert found["groups"]["corpus"]["synthetic"]["accuracy"] == found["accuracy"]


def test_unknown_groups_are_left_out():
    y_true, probabilities, clips = random_case()
    clips = clips.assign(sex=pd.NA, corpus=None)
    found = metrics.evaluate(y_true, probabilities, LABELS, clips, n_boot=20)
    assert found["groups"] == {"sex": {}, "corpus": {}}


# Intervals


def interval(right, speakers, seed=0, n_boot=2000):
    truth = np.zeros(len(right), dtype=int)
    found, about = intervals.bootstrap(
        truth, 1 - np.asarray(right, dtype=int), right, 2, speakers, n_boot, seed
    )
    low, high = found["accuracy"]
    return low, high, about


def test_speakers_who_differ_widen_the_interval():
    rng = np.random.default_rng(0)
    speakers = np.repeat(np.arange(12), 30)
    skill = np.repeat(np.linspace(0.2, 1.0, 12), 30)
    right = rng.random(360) < skill
    low, high, about = interval(right, speakers)
    clip_low, clip_high, clip_about = interval(right, [None] * 360)
    assert high - low > 2 * (clip_high - clip_low)
    assert (about["method"], about["clusters"]) == (intervals.BY_SPEAKER, 12)
    assert (clip_about["method"], clip_about["clusters"]) == (intervals.BY_CLIP, 360)


def test_interval_by_clip_is_the_binomial_one():
    right = np.arange(400) < 300
    low, high, _ = interval(right, [None] * 400, n_boot=20000)
    half = 1.96 * np.sqrt(0.75 * 0.25 / 400)
    assert (low, high) == pytest.approx((0.75 - half, 0.75 + half), abs=0.004)


def test_interval_by_speaker_equals_a_loop_over_speakers():
    rng = np.random.default_rng(1)
    truth, predicted = rng.integers(3, size=(2, 90))
    speakers = np.repeat(np.arange(9), 10)
    found, _ = intervals.bootstrap(truth, predicted, truth == predicted, 3, speakers, 4000, 0)
    values = []
    for _ in range(1500):
        rows = np.concatenate([np.flatnonzero(speakers == s) for s in rng.integers(9, size=9)])
        right = truth[rows] == predicted[rows]
        values.append(np.mean([right[truth[rows] == label].mean() for label in range(3)]))
    assert found["uar"] == pytest.approx(np.quantile(values, [0.025, 0.975]), abs=0.015)


@pytest.mark.parametrize("known", [True, False])
def test_interval_covers_the_true_value_about_as_often_as_it_says(known):
    hits = 0
    for trial in range(200):
        rng = np.random.default_rng([7, trial])
        skill = np.clip(rng.normal(0.6, 0.15, size=30), 0, 1)
        right = rng.random((30, 20)) < skill[:, None]
        speakers = np.repeat(np.arange(30), 20) if known else [None] * 600
        low, high, _ = interval(right.ravel(), speakers, seed=trial, n_boot=400)
        hits += low <= 0.6 <= high
    # Drawing clips, where speakers differ, promises far too much.
    assert 0.88 <= hits / 200 <= 0.99 if known else hits / 200 < 0.85


def test_seed_decides_the_interval():
    y_true, probabilities, clips = random_case()
    first, again, other = (
        metrics.evaluate(y_true, probabilities, LABELS, clips, seed=seed) for seed in (1, 1, 2)
    )
    assert first == again
    assert first["uar"]["low"] != other["uar"]["low"]
    assert first["uar"]["value"] == other["uar"]["value"]


@pytest.mark.parametrize("speakers", [["a"] * 8, [None] * 8, ["a", "b", None, "a"] * 2])
def test_one_or_unknown_speakers_draw_clips_and_say_so(speakers):
    y_true = np.array([0, 1, 2, 3, 0, 1, 2, 3])
    answers = np.array([0, 1, 2, 3, 1, 2, 3, 0])
    found = metrics.evaluate(y_true, said(answers, 4), LABELS, manifest(speakers))
    about = found["intervals"]
    assert (about["method"], about["clusters"]) == ("percentile bootstrap by clip", 8)
    assert found["accuracy"]["low"] < 0.5 < found["accuracy"]["high"]


def test_one_clip_is_enough():
    found = metrics.evaluate(np.array([2]), said([2], 4), LABELS, manifest(["a"]))
    assert found["uar"] == {"value": 1.0, "low": 1.0, "high": 1.0}


# Errors


def changed(**changes):
    arguments = {
        "y_true": np.array([0, 1, 2, 3]),
        "probabilities": said([0, 1, 2, 3], 4),
        "labels": LABELS,
        "clips": manifest(list("abab")),
    }
    return {**arguments, **changes}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"labels": ["angry"]}, "`labels` must be two or more different names"),
        ({"labels": ["angry", "sad", "sad", "fear"]}, "`labels` must be two or more different"),
        ({"y_true": np.array([0.0, 1, 2, 3])}, "dtype=float64"),
        ({"y_true": np.zeros((4, 1), int)}, r"shape=\(4, 1\)"),
        ({"y_true": np.array([], int)}, "at least one class index"),
        ({"y_true": np.array([0, 1, 2, 4])}, "from 0 to 3. Received: 0 to 4"),
        ({"y_true": np.array([0, 1, 2, -1])}, "Received: -1 to 2"),
        ({"probabilities": said([0, 1, 2], 4)}, r"Received: shape=\(3, 4\)"),
        ({"probabilities": said([0, 1, 2, 0], 3)}, r"Received: shape=\(4, 3\)"),
        ({"probabilities": said([0, 1, 2, 3], 4) * np.nan}, "must be finite numbers"),
        ({"probabilities": np.full((4, 4), "0.25")}, "must be finite numbers"),
        ({"probabilities": said([0, 1, 2, 3], 4) * 2}, "row 0 sums to 2"),
        ({"probabilities": np.tile([1.5, -0.5, 0, 0], (4, 1))}, "smallest=-0.5"),
        ({"clips": manifest(list("aba"))}, "Received: 3 rows"),
        ({"clips": manifest(list("abab")).drop(columns="sex")}, r"missing columns \['sex'\]"),
        ({"n_boot": 0}, "`n_boot` must be a whole number of at least 1. Received: 0"),
    ],
)
def test_wrong_input_has_one_clear_error(changes, message):
    with pytest.raises(ValueError, match=message):
        metrics.evaluate(**changed(**changes))


# Figures


def history(epochs=12, final=8):
    epoch = np.arange(1, epochs + 1)
    search = pd.DataFrame({"epoch": epoch, "phase": "search"})
    search["loss"], search["accuracy"] = 2 * 0.8**epoch, 1 - 0.8**epoch
    search["val_loss"], search["val_accuracy"] = 1 + (epoch - 5.0) ** 2 / 50, 0.6
    end = search.head(final).assign(phase="final", val_loss=np.nan, val_accuracy=np.nan)
    return pd.concat([search, end], ignore_index=True)


def pixels(figure):
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3]


def texts(axis):
    return [text.get_text() for text in axis.texts]


def assert_inside(figure):
    """Nothing drawn may stand over the edge of the page, which would cut it off."""
    picture = pixels(figure)
    for edge in (picture[0], picture[-1], picture[:, 0], picture[:, -1]):
        assert (edge == 255).all()
    assert (picture < 200).any()


def labels_of(count):
    long = ["pleasantly surprised", "contempt and scorn"]
    return (LABELS + ["boredom", "calm", "neutral", "disgust"] + long)[-count:]


@pytest.mark.parametrize("count", [2, 7, 10])
def test_figures_fit_the_page(count):
    y_true, probabilities, clips = random_case(num_classes=count)
    found = metrics.evaluate(y_true, probabilities, labels_of(count), clips, n_boot=20)
    assert_inside(plots.confusion(found["confusion_matrix"], labels_of(count)))
    assert_inside(plots.per_class(found))
    assert_inside(plots.groups(found))


def test_curves_have_each_phase_and_the_best_epoch():
    figure = plots.curves(history())
    for axis, name in zip(figure.axes, ("loss", "accuracy"), strict=True):
        lines = {line.get_label(): line for line in axis.lines}
        assert list(lines) == ["training", "validation", "training, final fit", "best epoch, 5"]
        expected = history().query("phase == 'final'")[name]
        assert lines["training, final fit"].get_ydata() == pytest.approx(expected)
        assert lines["best epoch, 5"].get_xdata() == [5, 5]
        assert axis.get_xlabel() == "epoch"
        assert axis.get_ylabel().startswith(name)
    assert_inside(figure)


def test_curves_show_a_learning_rate_that_changes():
    steady = history().assign(learning_rate=1e-3)
    assert len(plots.curves(steady).axes) == 2
    rates = 1e-3 / np.arange(1, len(steady) + 1)
    axis = plots.curves(steady.assign(learning_rate=rates)).axes[2]
    assert axis.get_ylabel() == "learning rate"
    shown = np.concatenate([line.get_ydata() for line in axis.lines if len(line.get_xdata()) > 2])
    np.testing.assert_allclose(sorted(shown), sorted(rates))


def test_curves_mark_the_epoch_they_are_told():
    figure = plots.curves(history(epochs=1, final=1), best_epoch=1)
    assert "best epoch, 1" in [line.get_label() for line in figure.axes[0].lines]
    # One epoch is no line: it must show as a dot.
    assert figure.axes[0].lines[0].get_marker() == "o"


def test_confusion_shows_counts_and_row_rates():
    figure = plots.confusion([[3, 1], [0, 0]], ["angry", "sad"])
    counts, rates = figure.axes
    assert texts(counts) == ["3", "1", "0", "0"]
    assert texts(rates) == ["75", "25"]  # a class without a clip has no rate
    assert counts.get_ylabel() == "truth"
    assert [text.get_text() for text in counts.get_yticklabels()] == ["angry", "sad"]


def test_per_class_has_three_bars_a_class():
    y_true, probabilities, clips = random_case()
    found = metrics.evaluate(y_true, probabilities, LABELS, clips, n_boot=20)
    axis = plots.per_class(found).axes[0]
    for bars, name in zip(axis.containers, ("precision", "recall", "f1"), strict=True):
        heights = [bar.get_height() for bar in bars]
        assert heights == [found["per_class"][label][name] for label in LABELS]
    support = found["per_class"]["angry"]["support"]
    assert axis.get_xticklabels()[0].get_text() == f"angry\n{support} clips"


def test_groups_draw_values_and_intervals():
    y_true, probabilities, clips = random_case()
    found = metrics.evaluate(y_true, probabilities, LABELS, clips, n_boot=50)
    axis = plots.groups(found).axes[0]
    accuracy = axis.containers[1]
    rows = [found, *found["groups"]["sex"].values(), *found["groups"]["corpus"].values()]
    assert [bar.get_width() for bar in accuracy] == [row["accuracy"]["value"] for row in rows]
    places = [text.get_text() for text in axis.get_yticklabels()]
    assert re.fullmatch(r"sex: female\n\d+ clips, 6 speakers", places[1])
    segments = accuracy.errorbar.lines[2][0].get_segments()
    limits = [(row["accuracy"]["low"], row["accuracy"]["high"]) for row in rows]
    assert np.array([segment[:, 0] for segment in segments]) == pytest.approx(np.array(limits))


def test_groups_accept_an_interval_beside_its_value():
    y_true, probabilities, clips = random_case()
    found = metrics.evaluate(y_true, probabilities, LABELS, clips, n_boot=20)
    found["uar"] = {"value": 0.5, "low": 0.6, "high": 0.7}
    assert_inside(plots.groups(found))


def test_clip_page_shows_every_clip():
    clips = manifest(list("abcde")).assign(emotion=["angry", "sad", "fear", "happy", "sad"])
    rng = np.random.default_rng(0)
    waves = rng.normal(0, 0.1, size=(5, 16000)).astype("float32")
    waves[4] = 0.0  # a silent clip has a flat spectrogram
    figure = plots.clip_page(clips, waves, 16000, said([0, 3, 2, 0, 1], 4), LABELS)
    assert len(figure.axes) == 5 * 3
    titles = [axis.get_title(loc="left") for axis in figure.axes]
    assert "RIGHT: sad\nsynthetic/001" in titles
    assert "WRONG: happy, model says angry\nsynthetic/003" in titles
    _, spectrogram, answers = figure.axes[9:12]
    assert spectrogram.images[0].get_extent() == [0, 1.0, 0, 128]
    assert [text.get_text() for text in answers.get_yticklabels()][2] == "happy (truth)"
    assert answers.containers[0][0].get_width() == pytest.approx(0.925)
    assert_inside(figure)


def test_tick_of_the_spectrogram_stands_at_its_band():
    clips = manifest(["a"]).assign(emotion="angry")
    tone = np.sin(2 * np.pi * 1000 * np.arange(16000) / 16000).astype("float32")
    axis = plots.clip_page(clips, tone[None], 16000, said([0], 4), LABELS).axes[1]
    names = [text.get_text() for text in axis.get_yticklabels()]
    loudest = axis.images[0].get_array()[:, 10].argmax()
    assert axis.get_yticks()[names.index("1")] == pytest.approx(loudest + 0.5, abs=1)


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: plots.curves(history().drop(columns="val_loss")), r"columns \['val_loss'\]"),
        (lambda: plots.curves(history().head(0)), "0 rows"),
        (lambda: plots.confusion(np.ones((3, 3)), LABELS), r"shape=\(3, 3\)"),
        (lambda: plots.clip_page(manifest(["a"]), [], 16000, [], LABELS), "Received: 1, 0, 0"),
        (
            lambda: plots.groups({"confusion_matrix": [[1]], "groups": {"sex": {}, "corpus": {}}}),
            "at least one group",
        ),
        (lambda: plots.save(plots.curves(history()), "x.pdf"), "must end in .png"),
    ],
)
def test_figures_refuse_wrong_input(draw, message):
    with pytest.raises(ValueError, match=message):
        draw()


def test_equal_figures_give_equal_bytes(tmp_path):
    for name in ("one.png", "two.png"):
        plots.save(plots.curves(history()), tmp_path / "figures" / name)
    one, two = sorted((tmp_path / "figures").iterdir())
    assert one.read_bytes() == two.read_bytes()
    assert b"Software" not in one.read_bytes()
    assert one.read_bytes().startswith(b"\x89PNG")


def test_figures_leave_no_global_state():
    from matplotlib import pyplot

    before = pyplot.get_fignums(), dict(pyplot.rcParams)
    plots.confusion(np.eye(4, dtype=int), LABELS)
    plots.curves(history())
    assert (pyplot.get_fignums(), dict(pyplot.rcParams)) == before
