"""Embeddings brought to the statistics of their speakers, with tiny speech networks."""

import shutil

import keras
import numpy as np
import pytest

import serkeras
from serkeras import datasets
from serkeras.models.speaker_norm import SpeakerNormalization
from serkeras.serving.waveforms import clip_features
from serkeras.training import by_speaker, frozen
from tests.test_ssl_model import LAYER_NORM, build, waves

SETTINGS = {
    "audio.duration_s": 0.8,
    "model.settings.preset": None,
    "model.settings.config": {"model_type": "hubert", **LAYER_NORM},
    "model.settings.units": [8],
    "model.settings.speaker_norm": True,
    "training.epochs": 3,
    "training.batch_size": 8,
}


@pytest.fixture(scope="module")
def layer():
    made = SpeakerNormalization()
    made.build((None, 2, 3))
    made.adapt(np.full((2, 3), 5.0), np.full((2, 3), 2.0))
    return made


def embeddings(speakers, seed=0):
    """Embeddings whose level and spread are of their speakers."""
    rng = np.random.default_rng(seed)
    level = {name: rng.normal(size=(2, 3), scale=10) for name in set(speakers)}
    return np.stack([level[name] + (1 + len(name)) * rng.normal(size=(2, 3)) for name in speakers])


def test_each_speaker_has_mean_0_and_deviation_1_behind_the_layer(layer):
    speakers = np.array(["a", "bb"] * 10, object)
    found = by_speaker.aligned(embeddings(speakers), speakers, layer)
    behind = keras.ops.convert_to_numpy(layer(found))
    for name in ("a", "bb"):
        own = behind[speakers == name]
        np.testing.assert_allclose(own.mean(axis=0), 0, atol=1e-5)
        np.testing.assert_allclose(own.std(axis=0), 1, atol=1e-5)


def test_a_lone_clip_and_clips_of_nobody_stay(layer):
    speakers = np.array(["a", "a", "b", None, None, float("nan")], object)
    x = embeddings(["a"] * 6)
    found = by_speaker.aligned(x, speakers, layer)
    np.testing.assert_array_equal(found[2:], x[2:].astype(np.float32))
    assert np.abs(found[:2] - x[:2]).min() > 1e-3


def test_a_number_that_never_changes_is_centred(layer):
    x = np.full((4, 2, 3), 7.0)
    np.testing.assert_allclose(by_speaker.aligned(x, ["a"] * 4, layer), 5.0)


@pytest.mark.parametrize("states", ["last", "weighted"])
def test_the_cut_is_in_front_of_the_layer_in_a_loaded_model_too(states, tmp_path):
    model = build(frozen=None, states=states, speaker_norm=True)
    model.save(tmp_path / "model.keras")
    for one in (model, keras.saving.load_model(tmp_path / "model.keras")):
        parts = frozen.split(one)
        assert parts.layer == "mean"
        assert by_speaker.layer(parts.rest) is by_speaker.layer(one)
        assert by_speaker.layer(parts.frozen) is None


@pytest.mark.parametrize(
    "settings", [{"frozen": 1}, {"pooling": "attention"}, {"projection": 4}], ids=str
)
def test_what_changes_in_training_is_refused(settings):
    with pytest.raises(ValueError, match="speaker_norm"):
        build(**{"frozen": None, "speaker_norm": True, **settings})


@pytest.fixture(scope="module")
def run(own_csv, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "run"
    return serkeras.train(
        "hubert-large-frozen", data=own_csv, out=folder, settings=SETTINGS, progress=False
    )


def test_a_run_is_measured_with_the_statistics_of_each_test_speaker(run):
    """The test side's figures come from its speakers' own embeddings, recomputed here by hand."""
    clips = run.predictions
    parts = frozen.split(run.model)
    waveforms = [serkeras.audio.load_clip(path, run.experiment.audio) for path in clips["path"]]
    x = parts.frozen.predict(np.stack(waveforms)[..., None], verbose=0)
    layer = by_speaker.layer(run.model)
    speakers = clips["speaker"].to_numpy()
    behind = np.zeros_like(x)
    for name in set(speakers):
        own = x[speakers == name]
        behind[speakers == name] = (own - own.mean(axis=0)) / own.std(axis=0)
    centre, spread = layer.get_weights()
    said = parts.rest.predict(behind * spread + centre, verbose=0)
    columns = [f"p_{label}" for label in run.labels]
    np.testing.assert_allclose(said, clips[columns], atol=1e-4)
    plain = run.model.predict(np.stack(waveforms)[..., None], verbose=0)
    assert np.abs(plain - clips[columns].to_numpy()).max() > 1e-3
    assert "a new speaker has to be enrolled" in (run.folder / "report.md").read_text()


def test_predict_takes_the_statistics_of_one_speaker(run):
    speaker = run.predictions["speaker"].iloc[0]
    clips = run.predictions[run.predictions["speaker"] == speaker]
    found = serkeras.predict(run, list(clips["path"]), one_speaker=True, batch_size=2)
    columns = [f"p_{label}" for label in run.labels]
    np.testing.assert_allclose(found[run.labels], clips[columns], atol=1e-4)
    with pytest.warns(UserWarning, match="one_speaker=True"):
        alone = serkeras.predict(run, list(clips["path"]))
    assert np.abs(alone[run.labels].to_numpy() - clips[columns].to_numpy()).max() > 1e-3


def test_evaluate_takes_them_of_each_speaker(run, own_csv, tmp_path):
    clips = datasets.load_own(own_csv)
    test = run.predictions["clip"]
    clips = clips[clips["clip"].isin(test)].assign(corpus="other")
    result = serkeras.evaluate(run, clips, progress=False)
    assert result["uar"] == pytest.approx(run.metrics["uar"])


def test_clips_that_change_are_refused(own_csv, tmp_path):
    for more in ({"training.cache_frozen": False}, {"augment.on_the_fly": True}):
        assert not (tmp_path / "run").exists()
        with pytest.raises(ValueError, match="speaker_norm"):
            serkeras.train(
                "hubert-large-frozen",
                data=own_csv,
                out=tmp_path / "run",
                settings={**SETTINGS, **more},
                progress=False,
            )


def test_a_frozen_network_with_attention_pooling_is_computed_once():
    model = build("hubert", frozen=None, pooling="attention")
    parts = frozen.split(model)
    assert parts.frozen.output.shape[1:] == (50, 16)
    x = waves()
    said = parts.rest.predict(parts.frozen.predict(x, verbose=0), verbose=0)
    np.testing.assert_allclose(said, model.predict(x, verbose=0), atol=1e-6)


BY_FEATURES = {
    "audio.duration_s": 1.0,
    "features.name": "log_mel",
    "features.n_mels": 32,
    "model.normalize": "speaker",
    "model.settings.filters": [4, 8],
    "model.settings.units": 8,
    "training.epochs": 2,
    "training.fit_sides": "train",
    "training.mixup": 0,
    "training.batch_size": 8,
    "augment.on_the_fly": False,
    "augment.transforms": [],
}


@pytest.fixture(scope="module")
def run_by_features(own_csv, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "by-features"
    return serkeras.train(
        "serkeras-small", data=own_csv, out=folder, settings=BY_FEATURES, progress=False
    )


def test_statistics_of_bins_are_over_clips_and_frames():
    layer = SpeakerNormalization("bin")
    layer.build((None, 3, 5, 1))
    x = np.random.default_rng(0).normal(size=(4, 3, 5, 1)) * [[[1]], [[2]], [[3]]]
    mean, deviation = layer.statistics(x)
    np.testing.assert_allclose(mean[:, 0, 0], x.transpose(1, 0, 2, 3).reshape(3, -1).mean(axis=1))
    np.testing.assert_allclose(deviation[:, 0, 0], x.transpose(1, 0, 2, 3).reshape(3, -1).std(1))
    # Padding, in decibels, does not count; a low bin of a frame with others does.
    padded = np.concatenate([x, np.full((4, 3, 7, 1), -100.0)], axis=2)
    for one, other in zip(layer.statistics(padded), (mean, deviation), strict=True):
        np.testing.assert_allclose(one, other)
    silent = layer.statistics(np.full((4, 3, 5, 1), -100.0))
    np.testing.assert_allclose(np.stack(silent)[:, :, 0, 0], [[-100] * 3, [1] * 3])
    assert layer.mean.shape == (3, 1, 1)


def features(run, paths):
    settings = run.experiment
    waves = [serkeras.audio.load_clip(path, settings.audio) for path in paths]
    return np.stack([clip_features(each, settings, "clip") for each in waves])


def test_features_are_brought_to_the_statistics_of_each_test_speaker(run_by_features):
    run = run_by_features
    clips = run.predictions
    x = features(run, clips["path"])[..., None]
    layer = by_speaker.layer(run.model)
    speakers = clips["speaker"].to_numpy()
    behind = np.zeros_like(x)
    for name in set(speakers):
        own = x[speakers == name]
        centre = own.mean(axis=(0, 2, 3), keepdims=True)
        behind[speakers == name] = (own - centre) / own.std(axis=(0, 2, 3), keepdims=True)
    centre, spread = layer.get_weights()
    said = run.model.predict(behind * spread + centre, verbose=0)
    columns = [f"p_{label}" for label in run.labels]
    np.testing.assert_allclose(said, clips[columns], atol=1e-4)
    assert np.abs(run.model.predict(x, verbose=0) - clips[columns].to_numpy()).max() > 1e-4
    assert "a new speaker has to be enrolled" in (run.folder / "report.md").read_text()


def test_the_layer_holds_the_statistics_of_the_training_side(run_by_features, own_csv):
    run = run_by_features
    clips = datasets.load_own(own_csv)
    x = features(run, clips["path"][clips["clip"].isin(run.clips("train"))])
    centre, spread = by_speaker.layer(run.model).get_weights()
    np.testing.assert_allclose(centre[:, 0, 0], x.mean(axis=(0, 2)), rtol=1e-4)
    np.testing.assert_allclose(spread[:, 0, 0], x.std(axis=(0, 2)), rtol=1e-4)


def test_predict_and_robustness_enrol_by_features(run_by_features, tmp_path):
    run = run_by_features
    speaker = run.predictions["speaker"].iloc[0]
    clips = run.predictions[run.predictions["speaker"] == speaker]
    columns = [f"p_{label}" for label in run.labels]
    found = serkeras.predict(run, list(clips["path"]), one_speaker=True, batch_size=2)
    np.testing.assert_allclose(found[run.labels], clips[columns], atol=1e-4)
    with pytest.warns(UserWarning, match="one_speaker=True"):
        serkeras.predict(run, list(clips["path"]))
    # It refuses where undamaged recordings do not get the run's own answers.
    serkeras.measure_robustness([run], only=["louder"], out=tmp_path / "page", progress=False)


def test_enrolment_goes_from_nobody_to_the_run_itself(run_by_features, tmp_path):
    run = run_by_features
    result = serkeras.measure_enrolment(run, counts=[2, 999], draws=3, n_boot=20)
    ways = {way["name"]: way for way in result["ways"]}
    assert {"nobody", "2", "all"} <= set(ways) <= {"nobody", "neutral clips alone", "2", "all"}
    assert ways["all"]["uar"]["value"] == pytest.approx(run.metrics["uar"]["value"])
    clips = run.predictions
    plain = run.model.predict(features(run, clips["path"])[..., None], verbose=0)
    right = np.asarray(run.labels)[plain.argmax(axis=1)] == clips["emotion"]
    assert ways["nobody"]["accuracy"]["value"] == pytest.approx(right.mean())
    page = (run.folder / "analyses" / "enrolment" / "page.md").read_text()
    assert page.startswith("# Enrolment: serkeras-small on")
    assert "| nobody is enrolled |" in page
    assert ways["nobody"]["gain"] == {"value": 0, "low": 0, "high": 0}
    for way in result["ways"]:
        gained = way["uar"]["value"] - ways["nobody"]["uar"]["value"]
        assert way["gain"]["value"] == pytest.approx(gained)
        told = f"{100 * gained:+.1f} [{100 * way['gain']['low']:+.1f}, "
        assert told in page or way["name"] == "nobody"
    twice = serkeras.measure_enrolment([run, run], out=tmp_path, counts=[2], draws=1, n_boot=20)
    assert twice["clips"] == 2 * len(clips)
    assert twice["speakers"] == result["speakers"]


def test_all_analyses_of_a_run_by_speaker_tell_what_enrolment_takes(run_by_features, monkeypatch):
    asked = []
    for place in ("groups.measure_groups", "confidence.measure_confidence",
                  "robustness.measure_robustness", "explanation.explain",
                  "cards.everything.model_card", "cards.everything.data_card"):  # fmt: skip
        monkeypatch.setattr(f"serkeras.{place}", lambda *args, **kwargs: None)
    monkeypatch.setattr("serkeras.enrolment.measure_enrolment", asked.append)
    shutil.rmtree(run_by_features.folder / "analyses" / "enrolment", ignore_errors=True)
    assert serkeras.cards.analyse(run_by_features.folder, progress=False) == {}
    assert [run.folder for run in asked] == [run_by_features.folder]
    monkeypatch.setattr("serkeras.cards.everything.Run", serkeras.Ensemble)  # of several models
    serkeras.cards.analyse(run_by_features.folder, progress=False)
    assert len(asked) == 1


def test_statistics_come_from_the_enrolled_clips_alone(layer):
    x = embeddings(["a"] * 6)
    enrolled = np.array([True, True, True, False, False, False])
    found = by_speaker.aligned(x, ["a"] * 6, layer, enrolled)
    np.testing.assert_allclose(found[:3], by_speaker.aligned(x[:3], ["a"] * 3, layer), rtol=1e-5)
    moved = x + np.array([0, 0, 0, 50, 50, 50])[:, None, None]
    np.testing.assert_allclose(
        by_speaker.aligned(moved, ["a"] * 6, layer, enrolled)[:3], found[:3], rtol=1e-5
    )


def test_enrolment_refuses_what_it_cannot_measure(run_by_features, small_run):
    with pytest.raises(ValueError, match="normalises by speaker knows"):
        serkeras.measure_enrolment(small_run)
    with pytest.raises(ValueError, match="2 clips or more"):
        serkeras.measure_enrolment(run_by_features, counts=[1])
    with pytest.raises(ValueError, match="folder of its own"):
        serkeras.measure_enrolment([run_by_features, run_by_features])


def test_each_channel_has_its_own_statistics():
    layer = SpeakerNormalization("bin")
    layer.build((None, 3, 5, 2))
    x = np.random.default_rng(0).normal(size=(4, 3, 5, 2)) * [1, 9] + [0, 50]
    found = by_speaker.aligned(x, ["a"] * 4, layer)
    np.testing.assert_allclose(found.mean(axis=(0, 2)), 0, atol=1e-5)
    np.testing.assert_allclose(found.std(axis=(0, 2)), 1, atol=1e-5)


def test_strangers_are_named_where_they_are_judged(run_by_features, own_csv):
    clips = datasets.load_own(own_csv)
    test = clips["clip"].isin(run_by_features.clips("test"))
    unknown = clips[test].assign(corpus="other", speaker=None)
    with pytest.warns(UserWarning, match="have no speaker"):
        serkeras.evaluate(run_by_features, unknown, progress=False)


@pytest.mark.filterwarnings("ignore:.*speakers of:UserWarning")
def test_training_needs_speakers(own_csv, tmp_path):
    clips = datasets.load_own(own_csv).drop(columns="speaker")
    with pytest.raises(ValueError, match="needs the speakers of the training clips"):
        serkeras.train(
            "serkeras-small",
            data=clips,
            out=tmp_path / "run",
            settings={**BY_FEATURES, "split": "random"},
            progress=False,
        )


@pytest.mark.parametrize("per", ["bins", None])
def test_statistics_are_per_number_or_per_bin(per):
    with pytest.raises(ValueError, match="'number' or 'bin'"):
        SpeakerNormalization(per)


def test_a_model_of_waveforms_says_that_it_enrols_nobody(run_by_features):
    with pytest.warns(UserWarning, match="one_speaker=True"):
        model = serkeras.waveform_model(run_by_features)
    waves = np.zeros((1, run_by_features.experiment.audio.samples), np.float32)
    assert model.predict(waves, verbose=0).shape == (1, len(run_by_features.labels))


@pytest.mark.parametrize(
    "settings",
    [
        {"augment.on_the_fly": True},
        {"augment.copies": 1},
        {"audio.fit": "keep"},
        {"features.in_graph": True},
    ],
    ids=lambda settings: next(iter(settings)),
)
def test_features_that_change_are_refused(settings, own_csv, tmp_path):
    with pytest.raises(ValueError, match="model.normalize='speaker' with"):
        serkeras.train(
            "serkeras-small",
            data=own_csv,
            out=tmp_path / "run",
            settings={**BY_FEATURES, **settings},
            progress=False,
        )
