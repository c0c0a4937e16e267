"""Classical models: statistics over time, the contract of all of them, and runs end to end."""

import json
import subprocess
import sys

import keras
import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

import serkeras
from serkeras import recipes, runs
from serkeras.models import build as build_network
from serkeras.models import classical
from serkeras.models.classical import ClassicalModel
from serkeras.models.frame_statistics import FrameStatistics
from serkeras.training.batches import Batches, pad, with_channels
from serkeras.training.sides import Side
from tests.recordings import write_corpus

CLASSES = 4
# A leaf of gradient boosting holds 20 clips: eight clips would be one leaf.
SETTINGS = {
    "gradient-boosting": {"max_iter": 10, "min_samples_leaf": 1},
    "random-forest": {"n_estimators": 20},
}
SMALL = {"audio.duration_s": 1.1, "features.n_mfcc": 20}
# With the first kernel width every clip is like itself alone: it answers one class.
GAMMAS = [1000.0, "scale", 0.001]


def clips(count, bins=5, frames=12, seed=0):
    """Features of clips whose mean tells their class, and the classes."""
    rng = np.random.default_rng(seed)
    y = np.arange(count) % CLASSES
    x = rng.normal(size=(count, bins, frames, 1)) + y[:, None, None, None]
    return x.astype(np.float32), y.astype(np.int32)


def fitted(name, count=24, class_weight="none", seed=0, **settings):
    x, y = clips(count)
    pipeline = classical.build(name, seed, class_weight, **{**SETTINGS.get(name, {}), **settings})
    return ClassicalModel(name, pipeline.fit(x, y), CLASSES)


@pytest.fixture(scope="module", params=classical.names())
def model(request):
    return fitted(request.param)


# Statistics.


def test_statistics_by_hand():
    x = np.array([[1.0, 2.0, 6.0], [0.0, 0.0, 3.0]])[None, ..., None]
    found = FrameStatistics(quantiles=(0.0, 0.5, 1.0)).fit_transform(x)
    expected = [
        *(3, 1),  # means of the two bins
        *((14 / 3) ** 0.5, 2**0.5),  # deviations
        *(1, 0, 2, 0, 6, 3),  # minima, medians, maxima
        *(2.5, 1.5),  # of the changes 1, 4 and 0, 3
        *(1.5, 1.5),
        *(1, 0, 2.5, 1.5, 4, 3),
    ]
    np.testing.assert_allclose(found, [expected], rtol=1e-6)


def test_tenths_lie_between_the_frames():
    found = FrameStatistics().transform(np.arange(11.0)[None, None, :, None])
    np.testing.assert_allclose(found[0, 2:7], [0, 1, 5, 9, 10])


def test_padding_that_a_mask_marks_does_not_count():
    x, _ = clips(3)
    lengths = (12, 7, 1)
    own = [clip[..., 0][:, :length] for clip, length in zip(x, lengths, strict=True)]
    padded = pad(own, longest=20)
    padded["features"][1, :, 7:] = 1e6
    together = FrameStatistics().transform(padded)
    alone = [FrameStatistics().transform(with_channels(clip[None])) for clip in own]
    np.testing.assert_array_equal(together, np.concatenate(alone))
    assert (together[2, 7 * 5 :] == 0).all(), "one frame has no change"


@pytest.mark.parametrize(
    ("shape", "frame_axis", "numbers"),
    [
        ((5, 12, 1), 1, 5 * 14),
        ((5, 12, 3), 1, 15 * 14),
        ((12, 1), 0, 14),
        ((5, 1), None, 5),
    ],
)
def test_features_of_all_shapes(shape, frame_axis, numbers):
    x = np.random.default_rng(0).normal(size=(3, *shape)).astype(np.float32)
    found = FrameStatistics(frame_axis).transform(x)
    assert found.shape == (3, numbers)
    assert found.dtype == np.float32
    if frame_axis is None:
        np.testing.assert_array_equal(found, x[..., 0])
    else:
        means = x.mean(axis=1 + frame_axis).reshape(3, -1)
        np.testing.assert_allclose(found[:, : means.shape[1]], means, rtol=1e-5)


# The contract of all classical models.


def test_output_is_probabilities(model):
    out = model.predict(clips(7, seed=1)[0], verbose=0)
    assert out.shape == (7, CLASSES)
    assert out.dtype == np.float32
    assert (out >= 0).all()
    np.testing.assert_allclose(out.sum(axis=1), 1.0, atol=1e-6)


def test_a_clip_alone_equals_the_clip_in_a_batch(model):
    x, _ = clips(7, seed=1)
    together = model.predict(x)
    np.testing.assert_allclose(model.predict_on_batch(x[2:3])[0], together[2], atol=1e-6)


@pytest.mark.parametrize("name", classical.names())
def test_model_learns_eight_clips(name):
    x, y = clips(8)
    assert (fitted(name, count=8).predict(x).argmax(axis=1) == y).all()


def test_batches_of_every_backend_are_taken(model):
    x, y = clips(7, seed=1)
    side = Side(x[..., 0], np.arange(7), y, np.arange(7).astype(str))
    expected = model.predict(x)
    for batches in (Batches(side, 3), Batches(side, 3).for_keras()):
        np.testing.assert_allclose(model.predict(batches, verbose=0), expected, atol=1e-6)


def test_saved_models_are_the_same_in_a_fresh_process(tmp_path):
    models, (x, _) = {name: fitted(name) for name in classical.names()}, clips(7, seed=1)
    np.save(tmp_path / "x.npy", x)
    for name, model in models.items():
        classical.save(model, tmp_path / f"{name}.skops")
    code = (
        "import pathlib, sys, numpy as np\n"
        "from serkeras.models import classical\n"
        "folder = pathlib.Path(sys.argv[1])\n"
        "x = np.load(folder / 'x.npy')\n"
        "for path in folder.glob('*.skops'):\n"
        "    np.save(path.with_suffix('.npy'), classical.load(path).predict(x))\n"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, timeout=300)
    for name, model in models.items():
        np.testing.assert_array_equal(np.load(tmp_path / f"{name}.npy"), model.predict(x))


def test_the_names_are_known_without_skops():
    """Each training asks whether its model is classical; skops takes three seconds to import."""
    code = (
        "import sys\n"
        "from serkeras import models\n"
        "print(models.is_classical('svm'), models.is_classical('cnn'), 'skops' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert done.stdout == "True False False\n"


def test_file_with_other_objects_is_refused(tmp_path):
    pipeline = Pipeline([("statistics", FunctionTransformer(subprocess.run))])
    skops.io.dump(ClassicalModel("svm", pipeline, 2), tmp_path / "model.skops")
    with pytest.raises(TypeError, match="subprocess"):
        classical.load(tmp_path / "model.skops")


@pytest.mark.parametrize("name", classical.names())
def test_balanced_weights_change_the_fit(name):
    x, y = clips(40)
    kept = (y > 0) | (np.arange(40) < 12)  # three clips of class 0, ten of each other
    x = (x + np.random.default_rng(1).normal(size=x.shape)).astype(np.float32)[kept]
    # A penalty that is felt: a support vector machine on separable clips has no choice.
    settings = {**SETTINGS.get(name, {}), **({"C": 0.1} if name == "svm" else {})}
    found = [
        classical.build(name, 0, weight, **settings).fit(x, y[kept]).predict_proba(x)
        for weight in ("none", "balanced")
    ]
    assert np.abs(found[0] - found[1]).max() > 1e-3


@pytest.mark.parametrize("name", ["random-forest", "gradient-boosting"])
def test_seed_decides_what_is_drawn(name):
    x, _ = clips(7, seed=1)
    settings = {"max_features": 0.2}
    first, again, other = (fitted(name, seed=seed, **settings).predict(x) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_class_that_was_not_learned_gets_zero():
    x, y = clips(24)
    pipeline = classical.build("svm").fit(x[y != 2], y[y != 2])
    out = ClassicalModel("svm", pipeline, CLASSES).predict(x)
    assert (out[:, 2] == 0).all()
    assert (out.argmax(axis=1) == y)[y != 2].all()


def test_temperature_lowers_the_loss_and_changes_no_answer():
    rng = np.random.default_rng(0)
    y = np.arange(200) % CLASSES
    x = np.eye(CLASSES)[y] + 0.6 * rng.normal(size=(200, CLASSES))
    machine = classical.build("svm")["classifier"].fit(x[:100], y[:100])
    losses = []
    for temperature in (None, 0.1, 1.0, 10.0):
        if temperature is None:
            machine.calibrate(x[100:], y[100:])
        else:
            machine.temperature_ = temperature
        shares = machine.predict_proba(x[100:])
        losses.append(-np.log(shares[np.arange(100), y[100:]]).mean())
        assert (machine.classes_[shares.argmax(axis=1)] == machine.predict(x[100:])).all()
    assert losses[0] < min(losses[1:])


def test_logistic_is_the_one_of_keras():
    x = np.random.default_rng(0).normal(size=(60, 5, 1)).astype(np.float32)
    y = (x[:, 0, 0] > 0).astype(int) + (x[:, 1, 0] > 0)
    fit = classical.build("logistic-sklearn", frame_axis=None, C=1.0).fit(x, y)
    scaled = fit["scale"].transform(x[..., 0])
    network = build_network("logistic", (5, 1), 3)
    network.set_weights([fit["classifier"].coef_.T, fit["classifier"].intercept_])
    np.testing.assert_allclose(
        network.predict(scaled[..., None], verbose=0), fit.predict_proba(x), atol=1e-5
    )
    # scikit-learn's optimum is one for Keras too: no step lowers loss and penalty.
    loss = keras.losses.SparseCategoricalCrossentropy(reduction="sum")
    kernel = np.asarray(fit["classifier"].coef_.T)

    def cost(step):
        moved = kernel + step
        network.set_weights([moved, fit["classifier"].intercept_])
        return float(loss(y, network(scaled[..., None]))) + 0.5 * (moved**2).sum()

    steps = np.random.default_rng(1).normal(size=(20, *kernel.shape)) * 0.03
    assert cost(0.0) < min(cost(step) for step in steps)


@pytest.mark.parametrize(
    ("name", "settings", "words"),
    [
        ("knn", {}, "classical model must be one of .*'svm'.*Received: 'knn'"),
        ("svm", {"c": 1}, r"must be among \['C', 'gamma'\].*Received: \['c'\]"),
        ("random-forest", {"class_weights": 1}, "must be among .*'n_estimators'"),
    ],
)
def test_bad_requests_are_named(name, settings, words):
    with pytest.raises(ValueError, match=words):
        classical.build(name, **settings)


# Runs.


@pytest.fixture(scope="module")
def svm_run(own_csv, tmp_path_factory):
    out = tmp_path_factory.mktemp("classical") / "svm"
    settings = {**SMALL, "model.settings": {"gamma": GAMMAS}}
    return serkeras.train("svm", data=[own_csv], out=out, settings=settings, progress=False)


def test_run_folder_is_complete(svm_run):
    assert {path.name for path in svm_run.folder.iterdir()} == {
        *("experiment.json", "split.json", "history.csv", "predictions.csv", "provenance.json"),
        *("model.skops", "metrics.json", "report.md", "figures", "validation.csv"),
    }
    facts = svm_run.metrics["run"]
    assert facts["recipe"] == "svm"
    assert facts["parameters"] is None
    assert facts["epochs"] == {}
    assert {"scikit-learn", "skops"} <= set(facts["versions"])
    assert "tensorflow" not in facts["device"]


def test_best_setting_on_the_validation_side_is_kept(svm_run):
    history = svm_run.history
    assert [json.loads(text)["gamma"] for text in history["settings"]] == GAMMAS
    assert history["val_uar"][1] == history["val_uar"][2] > history["val_uar"][0]
    assert svm_run.model.pipeline["classifier"].gamma == "scale", "the first of equals"


def test_report_tells_of_fits_and_draws_no_epochs(svm_run):
    text = (svm_run.folder / "report.md").read_text()
    assert "there are no epochs" in text
    assert "Of 3 fits the one with the best validation UAR is kept: gamma=scale." in text
    assert "parameters" not in text
    assert "curves" not in text.replace("no curves", "")
    assert not (svm_run.folder / "figures" / "curves.png").exists()


def test_predictions_are_those_of_the_saved_model(svm_run):
    table = serkeras.predict(svm_run.folder, list(svm_run.predictions["path"]), batch_size=4)
    np.testing.assert_allclose(table["happy"], svm_run.predictions["p_happy"], atol=1e-5)
    assert table["label"].tolist() == svm_run.predictions["predicted"].tolist()
    right = svm_run.predictions["emotion"] == svm_run.predictions["predicted"]
    assert svm_run.metrics["accuracy"]["value"] == right.mean() > 0.9


def test_evaluate_on_other_speakers(svm_run, tmp_path):
    csv = write_corpus(tmp_path, speakers=2, seed=1)
    csv.write_text(csv.read_text().replace(",0,", ",new0,").replace(",1,", ",new1,"))
    metrics = serkeras.evaluate(svm_run, [str(csv)], progress=False)
    assert sum(map(sum, metrics["confusion_matrix"])) == 12
    assert metrics["accuracy"]["value"] > 0.7


def test_what_needs_a_network_is_refused(svm_run):
    with pytest.raises(TypeError, match="must have a Keras model. Received: .*'svm'"):
        serkeras.waveform_model(svm_run)
    with pytest.raises(AttributeError, match="must have a Keras model.*has no 'layers'"):
        _ = svm_run.model.layers


@pytest.mark.parametrize("name", classical.names())
def test_recipe_goes_the_whole_way_with_clips_of_own_length(name, own_csv, tmp_path):
    settings = {**SMALL, "audio.fit": "keep", "audio.duration_s": 3.0}
    settings |= {f"model.settings.{key}": value for key, value in SETTINGS.get(name, {}).items()}
    assert recipes.load(name).model.name == name
    run = serkeras.train(name, data=[own_csv], out=tmp_path, settings=settings, progress=False)
    assert run.model.masked
    table = serkeras.predict(run, list(run.predictions["path"]))
    np.testing.assert_allclose(table["happy"], run.predictions["p_happy"], atol=1e-5)


def test_features_averaged_over_time_go_in_as_they_are(own_csv, tmp_path):
    settings = {**SMALL, "features.average": "time", "features.name": "mfcc"}
    run = serkeras.train("svm", data=[own_csv], out=tmp_path, settings=settings, progress=False)
    assert run.model.pipeline["scale"].n_features_in_ == SMALL["features.n_mfcc"]
    table = serkeras.predict(run, list(run.predictions["path"]))
    np.testing.assert_allclose(table["happy"], run.predictions["p_happy"], atol=1e-5)


def test_interrupted_run_is_fitted_again(svm_run, own_csv, tmp_path, monkeypatch):
    options = {"data": [own_csv], "out": tmp_path / "run", "progress": False}
    options["settings"] = {**SMALL, "model.settings": {"gamma": GAMMAS}}
    with monkeypatch.context() as patch:
        patch.setattr(serkeras.training.pipeline, "_report", lambda folder: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            serkeras.train("svm", **options)
    assert not runs.Run(tmp_path / "run").finished
    again = serkeras.train("svm", **options)
    assert (again.folder / "report.md").is_file()
    pd.testing.assert_frame_equal(again.predictions, svm_run.predictions)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"model.settings.c": 1}, r"must be among .*Received: \['c'\]"),
        ({"model.settings.C": -1.0}, r"what scikit-learn takes. Received: \{'C': -1.0, "),
        ({"model.settings.C": [1.0, "ten"]}, r"what scikit-learn takes. Received: \{'C': 'ten', "),
        ({"model.settings.C": []}, r"one value or more. Received: empty lists for \['C'\]"),
        (
            {"training.epochs": 5},
            "class_weights and member alone. Received: training.epochs changed for 'svm'",
        ),
        ({"model.normalize": "whiten"}, r"Received: model\.normalize changed"),
        ({"augment.on_the_fly": True}, r"Received: augment\.on_the_fly changed"),
        ({"augment.layers": [{"name": "spec_augment"}]}, r"Received: augment\.layers changed"),
        (
            {"features.in_graph": True, "features.name": "mfcc"},
            r"Received: features\.in_graph changed",
        ),
    ],
)
def test_a_bad_setting_leaves_no_run_behind(own_csv, tmp_path, settings, words):
    out = tmp_path / "run"
    with pytest.raises(ValueError, match=words):
        serkeras.train(
            "svm", data=[own_csv], out=out, settings={**SMALL, **settings}, progress=False
        )
    assert not out.exists()


def test_class_weights_of_the_experiment_are_followed(own_csv, tmp_path):
    settings = {**SMALL, "training.class_weights": "balanced"}
    run = serkeras.train("svm", data=[own_csv], out=tmp_path, settings=settings, progress=False)
    assert run.model.pipeline["classifier"].class_weight == "balanced"
