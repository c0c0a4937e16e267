"""The leak laboratory: each leak leaks as it says, its comparison does not, and nothing is bent."""

import hashlib
import json
import shlex
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
import soundfile

import serkeras
from serkeras import datasets, features, leaks, splits
from serkeras.cli import main
from serkeras.config import AudioConfig, Experiment, FeatureConfig
from serkeras.datasets import synthetic
from serkeras.features import cache
from serkeras.leaks import bench as benches
from serkeras.leaks import (
    classical,
    found,
    laboratory,
    manifests,
    noisy,
    page,
    protocols,
    sides,
    statements,
)
from serkeras.training import sides as training_sides
from serkeras.training.statistics import bin_statistics
from tests.recordings import RATE

QUICK = {
    "audio.duration_s": 1.0,
    "features.name": "mfcc",
    "features.n_mels": 32,
    "features.n_mfcc": 13,
}
NETWORK = {
    "audio.duration_s": 1.0,
    "features.n_mels": 32,
    "features.n_mfcc": 32,
    "model.settings.num_layers": 1,
    "model.settings.intermediate_dim": 8,
    "training.epochs": 1,
    "training.batch_size": 8,
    "training.retrain": False,
}
SMALLEST = {
    **QUICK,
    "audio.fit": "pad",
    "features.average": "none",
    "training.epochs": 2,
    "training.batch_size": 8,
    "training.retrain": False,
}
CLASSES = ("angry", "happy", "neutral", "sad")


@pytest.fixture(scope="module")
def spoken(tmp_path_factory):
    """The data set of four speakers of the built-in corpus."""
    root = tmp_path_factory.mktemp("synthetic")
    synthetic.generate(root, n_jobs=1, progress=False, speakers=4)
    return f"synthetic={root}"


@pytest.fixture(scope="module")
def clips(spoken):
    """Its manifest."""
    return datasets.load_many([spoken])


@pytest.fixture(scope="module")
def measured(spoken, tmp_path_factory):
    """The folder and the result of a whole call, on one seed."""
    out = tmp_path_factory.mktemp("leaks") / "whole"
    return out, leaks.measure_leaks("logistic-sklearn", **call(spoken, out))


def call(data, out, **changed):
    rest = {"seeds": 1, "best_of": 2, "settings": QUICK, "progress": False, "n_jobs": 1}
    return {"data": [data], "out": out, **rest, **changed}


def make_bench(data, folder, recipe="logistic-sklearn", settings=QUICK, seed=0):
    from serkeras.training.pipeline import as_experiment

    experiment = as_experiment(recipe, [data], "speaker", seed, None, settings)
    table = datasets.load_many([data])
    hashes = cache.hash_files(table["path"])
    labels = sorted(set(table["emotion"]))
    return benches.Bench(experiment, table, labels, hashes, folder, "raise", 1, False)


def write_noise(folder, speakers=6, takes=20, seed=0):
    """Write noises whose emotions were drawn by chance, and a CSV; return its path."""
    rng, rows = np.random.default_rng(seed), []
    for speaker in range(speakers):
        emotions = rng.permutation(np.tile(CLASSES, takes // len(CLASSES)))
        for take, emotion in enumerate(emotions):
            # A colour of its own marks each clip, through further noise too.
            gains = 10 ** (rng.uniform(-0.5, 0.5, 10).repeat(RATE // 20 + 1)[: RATE // 2 + 1])
            wave = np.fft.irfft(np.fft.rfft(rng.normal(size=RATE)) * gains, RATE)
            wave *= 0.2 / np.abs(wave).max()
            name = f"s{speaker}_{take:02d}.wav"
            soundfile.write(folder / name, wave, RATE)
            rows.append({"path": name, "emotion": emotion, "speaker": speaker})
    pd.DataFrame(rows).to_csv(folder / "own.csv", index=False)
    return str(folder / "own.csv")


# The registry.


@pytest.mark.parametrize("leak", leaks.LEAKS.values(), ids=leaks.names())
def test_a_leak_is_described(leak):
    for text in (leak.about, leak.seen, leak.compared):
        assert text.endswith(".")
        assert text[0].isupper() or text.startswith("keras.")
    assert leak.about.count(". ") == 0, "one sentence"
    assert leak.speakers in ("known speakers", "new speakers", "known against new speakers")
    # A bar may be called honest only where its test speakers are new.
    assert leak.reference.startswith("honest: ") == (leak.speakers != "known speakers")
    assert leaks.describe(leak.name) is leak


def test_list_names_all(capsys):
    assert main(["leaks", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if not line.startswith(" ")] == leaks.names()


def test_what_is_wrong_is_said():
    with pytest.raises(ValueError, match="A leak must be one of .*Received: 'luck'"):
        leaks.measure_leaks(only="luck")
    with pytest.raises(ValueError, match="`seeds` must be .*Received: 0"):
        leaks.measure_leaks(seeds=0)
    with pytest.raises(ValueError, match="`best_of` must be .*Received: True"):
        leaks.measure_leaks(best_of=True)


@pytest.mark.parametrize("name", ["batch-attention", "batch-decibels"])
def test_what_needs_a_network_is_left_out_with_a_reason(name, clips):
    svm, awgn = (serkeras.recipes.load(recipe) for recipe in ("svm", "cnn2-transformer-awgn"))
    assert "no network" in leaks.describe(name).cannot(svm, clips)
    assert leaks.describe(name).cannot(awgn, clips) is None


@pytest.mark.parametrize(
    ("name", "recipe", "settings", "reason"),
    [
        ("batch-attention", "cnn", {}, "'cnn' has no attention"),
        ("batch-decibels", "cnn", {"features.name": "mel"}, "takes 'mel'"),
        ("batch-decibels", "cnn", {"features.whiten": True}, "whole features"),
        ("batch-decibels", "cnn2", {"features.floor_db": -60.0}, "fixed floor"),
        ("batch-decibels", "serkeras-small-enrolled", {}, "of each speaker"),
        ("normalise-by-speaker", "serkeras-small-enrolled", {}, "model.normalize='speaker'"),
        ("normalise-over-all", "cnn", {"model.normalize": "none"}, "fits no statistics"),
        ("normalise-over-all", "cnn", {"model.normalize": "speaker"}, "of each speaker"),
        ("normalise-over-all", "random-forest", {}, "standardises nothing"),
        ("normalise-by-speaker", "cnn", {"augment.copies": 2}, "augment.copies"),
    ],
)
def test_where_a_leak_cannot_arise(name, recipe, settings, reason, clips):
    experiment = serkeras.recipes.load(recipe).with_settings(settings)
    assert reason in leaks.describe(name).cannot(experiment, clips)


def test_words_must_be_known(clips):
    leak, svm = leaks.describe("word-overlap"), serkeras.recipes.load("svm")
    assert leak.cannot(svm, clips) is None
    assert "all clips say the same" in leak.cannot(svm, clips[clips["statement"] == "boat"])
    assert "does not tell" in leak.cannot(svm, clips.assign(statement=pd.NA))


# The sides.


def noisy_items(clips, found_pools):
    hashes = cache.hash_files(clips["path"])
    copies = noisy.write(clips, AudioConfig(duration_s=1.0), hashes, "raise", 1, False)
    known = found_pools.known
    own = known.assign(source=known["clip"])
    return pd.concat([own, copies[copies["source"].isin(known["clip"])]], ignore_index=True)


def make_split(name, clips):
    """Return a leaky split of the corpus, and whether families stand on two of its sides."""
    pools = manifests.pools(clips, 0)
    return {
        "noisy": lambda: manifests.freely(noisy_items(clips, pools), pools, 0),
        "twice": lambda: manifests.freely(manifests.twice(pools.known), pools, 0),
        "random": lambda: manifests.at_random(pools, 0),
        "by-test": lambda: manifests.by_test(pools),
        "words-known": lambda: statements.by_words_known(clips, 0)[0],
    }[name]()


@pytest.mark.parametrize("name", ["noisy", "twice", "random", "by-test", "words-known"])
def test_the_guard_refuses_a_leaky_split_unless_it_is_allowed_by_name(name, clips):
    split = make_split(name, clips)
    splits.check(split)
    bare = replace(split, allowed=())
    with pytest.raises(ValueError, match="accept this leak by name"):
        splits.check(bare)
    splits.check(bare, allow=split.allowed)


@pytest.mark.parametrize("name", ["twice", "by-test"])
def test_known_speakers_alone_do_not_excuse_it(name, clips):
    with pytest.raises(ValueError, match="allow=\\('clip',\\)"):
        splits.check(replace(make_split(name, clips), allowed=("speaker",)))


@pytest.mark.parametrize("kind", ["noisy", "twice"])
def test_copies_stand_on_both_sides_or_with_their_clip(kind, clips):
    pools = manifests.pools(clips, 0)
    items = noisy_items(clips, pools) if kind == "noisy" else manifests.twice(pools.known)
    copies = 3 if kind == "noisy" else 2
    assert (items.groupby("source").size() == copies).all()
    assert set(items["source"]) == set(pools.known["clip"])
    leaky = manifests.freely(items, pools, 0)
    apart = manifests.together(items, manifests.at_random(pools, 0))
    shared = [protocols._share_with_copies(items, split) for split in (leaky, apart)]
    # That none of its other copies is drawn for training has the chance left ** (copies - 1).
    left = 1 - pools.fractions[0]
    assert shared[0] == pytest.approx(1 - left ** (copies - 1), abs=0.2)
    assert shared[1] == 0
    sizes = [[len(side) for side in split.sides.values()] for split in (leaky, apart)]
    assert np.abs(np.subtract(*sizes)).max() <= copies
    for split in (leaky, apart):
        speakers = set(pd.concat(split.sides.values())["speaker"])
        assert speakers.isdisjoint(pools.unseen["speaker"])
        assert not splits.leaks(pools.honest)["speaker"]


def test_random_and_honest_sides_train_on_as_many_clips(clips):
    pools = manifests.pools(clips, 0)
    random = manifests.at_random(pools, 0)
    assert abs(len(random.train) - len(pools.honest.train)) <= 1
    assert set(random.test["speaker"]) <= set(random.train["speaker"])
    assert set(random.test["speaker"]).isdisjoint(pools.unseen["speaker"])


@pytest.mark.parametrize("known", [False, True])
def test_words_alone_differ(known, clips):
    pools = manifests.pools(clips, 0)
    found_splits = (
        statements.by_words_known(clips, 0) if known else statements.by_words(pools, clips, 0)
    )
    shared, apart = found_splits
    assert shared.test["clip"].tolist() == apart.test["clip"].tolist()
    tested = set(shared.test["statement"])
    assert tested == set(statements.words(clips, 0))
    for side in ("train", "validation"):
        with_words, without = getattr(shared, side), getattr(apart, side)
        assert tested <= set(with_words["statement"])
        assert tested.isdisjoint(without["statement"])
        groups = [table.groupby(["speaker", "emotion"]).size() for table in (with_words, without)]
        pd.testing.assert_series_equal(*groups)
    overlap = set(shared.test["speaker"]) & set(shared.train["speaker"])
    assert bool(overlap) == known
    assert not splits.leaks(shared)["clip"]


def test_of_two_speakers_one_is_held_out_in_turn(clips):
    two = clips[clips["speaker"].isin(["synthetic-01", "synthetic-02"])]
    first, second = (manifests.pools(two, seed) for seed in (0, 1))
    assert set(first.unseen["speaker"]) == {"synthetic-01"}
    assert set(second.unseen["speaker"]) == {"synthetic-02"}
    assert set(first.known["speaker"]) == {"synthetic-02"}
    assert len(first.known) + len(first.unseen) == len(two)
    assert "two speakers, fewer than sides" in first.note
    assert not manifests.pools(clips, 0).note
    with pytest.raises(ValueError, match="Received: 1 speaker"):
        manifests.pools(two[two["speaker"] == "synthetic-01"], 0)


# The copies on disk.


def digests(table):
    return [hashlib.sha256(Path(path).read_bytes()).hexdigest() for path in table["path"]]


def test_noisy_copies_are_the_same_bytes_and_made_once(clips, tmp_path, monkeypatch):
    some, audio = clips.head(3), AudioConfig(duration_s=1.0)
    hashes = cache.hash_files(some["path"])
    monkeypatch.setenv("SERKERAS_CACHE", str(tmp_path / "a"))
    first = noisy.write(some, audio, hashes, "raise", 1, False)
    assert first["clip"].is_unique
    assert first.groupby("source").size().tolist() == [2, 2, 2]
    monkeypatch.setenv("SERKERAS_CACHE", str(tmp_path / "b"))
    again = noisy.write(some[::-1], audio, hashes, "raise", 2, False)
    assert digests(first) == digests(again)
    written = []
    real = noisy._write

    def note(path, *rest):
        written.append(path)
        return real(path, *rest)

    monkeypatch.setattr(noisy, "_write", note)
    next(iter((tmp_path / "b").rglob("*-2.wav"))).unlink()
    assert digests(noisy.write(some, audio, hashes, "raise", 1, False)) == digests(first)
    assert len(written) == 1


def test_a_broken_recording_has_no_copies_where_it_may_be_left_out(clips, tmp_path):
    some = clips.head(2).copy()
    broken = tmp_path / "broken.wav"
    broken.write_bytes(b"no sound")
    some.loc[some.index[0], "path"] = str(broken)
    given = some, AudioConfig(duration_s=1.0), cache.hash_files(some["path"])
    left = noisy.write(*given, "skip", 1, False)
    assert set(left["source"]) == {some["clip"].iloc[1]}
    with pytest.raises(serkeras.audio.AudioError, match="broken.wav"):
        noisy.write(*given, "raise", 1, False)


def test_noisy_copies_have_the_noise_that_was_asked_for(clips):
    some, audio = clips.head(2), AudioConfig(duration_s=1.0, level="standard")
    table = noisy.write(some, audio, cache.hash_files(some["path"]), "raise", 1, False)
    for row in table.itertuples():
        path = some.set_index("clip").loc[row.source, "path"]
        clean = serkeras.audio.load_clip(path, AudioConfig(duration_s=1.0))
        noise = serkeras.audio.read(row.path, 16000) - clean
        ratio = 10 * np.log10(np.mean(clean**2) / np.mean(noise**2))
        assert 14.8 < ratio < 30.2


# The statistics.


@pytest.fixture(scope="module")
def three_sides(clips):
    experiment = Experiment(features=FeatureConfig(n_mels=16, n_mfcc=8))
    experiment = experiment.with_settings({"audio.duration_s": 1.0})
    split = manifests.pools(clips, 0).honest
    labels = sorted(set(clips["emotion"]))
    return training_sides.extract(split, labels, experiment, "raise", 1, False)


def test_the_scaling_of_a_network_sees_the_test_clips(three_sides):
    leaky = sides.with_statistics_of_all(three_sides, three_sides)
    mean, variance = bin_statistics(leaky.train)
    x = np.concatenate([s.x[s.index] for s in (leaky.train, leaky.validation, leaky.test)])
    np.testing.assert_allclose(mean, x.mean(axis=(0, 2), dtype=np.float64), rtol=1e-5)
    np.testing.assert_allclose(variance, x.var(axis=(0, 2), dtype=np.float64), rtol=1e-4)
    assert np.abs(mean - bin_statistics(three_sides.train)[0]).max() > 0.1
    # What is learned from stays the same.
    np.testing.assert_array_equal(leaky.train.features([0, 1]), three_sides.train.features([0, 1]))


def test_speakers_are_scaled_by_their_own_clips(three_sides):
    scaled = sides.by_speaker(three_sides)
    for side in (scaled.train, scaled.test):
        for speaker in set(side.speakers):
            rows = side.features(np.flatnonzero(side.speakers == speaker))
            np.testing.assert_allclose(rows.mean(axis=(0, 2)), 0, atol=1e-3)
            np.testing.assert_allclose(rows.std(axis=(0, 2)), 1, atol=1e-3)
    alone = sides.by_training(three_sides.test, three_sides.train)
    every = sides.by_training(three_sides.train, three_sides.train)
    np.testing.assert_allclose(every.x.mean(axis=(0, 2)), 0, atol=1e-3)
    assert np.abs(alone.x.mean(axis=(0, 2))).max() > 0.1, "a new voice is not centred"


def test_a_speaker_on_two_sides_is_scaled_as_one(three_sides):
    one = replace(three_sides, **{
        name: replace(side, speakers=np.full(len(side.y), "x", dtype=object))
        for name, side in (("train", three_sides.train), ("validation", three_sides.validation),
                           ("test", three_sides.test))
    })  # fmt: skip
    x = np.concatenate([s.x for s in vars(sides.by_speaker(one)).values() if hasattr(s, "x")])
    np.testing.assert_allclose(x.mean(axis=(0, 2)), 0, atol=1e-3)


def test_a_classical_scaler_sees_the_test_clips(spoken, tmp_path, monkeypatch):
    bench, seen = make_bench(spoken, tmp_path), []
    real = classical._scaler

    def spy(experiment, side, tables):
        seen.append((tables, real(experiment, side, tables)))
        return seen[-1][1]

    monkeypatch.setattr(classical, "_scaler", spy)
    protocols.normalise_over_all(bench)
    tables, scaler = seen[0]
    sizes = [len(side) for side in bench.pools.honest.sides.values()]
    assert [len(table) for table in tables] == sizes
    np.testing.assert_allclose(scaler.mean_, np.concatenate(tables).mean(axis=0), rtol=1e-4)
    assert scaler.n_samples_seen_ == sum(sizes)


def test_the_classical_fit_is_that_of_the_kit_but_for_the_scaler(spoken, tmp_path, monkeypatch):
    bench = make_bench(spoken, tmp_path, "svm")
    real = classical._scaler
    monkeypatch.setattr(
        classical, "_scaler", lambda experiment, side, tables: real(experiment, side, tables[:1])
    )
    outcome = protocols.normalise_over_all(bench)
    pd.testing.assert_frame_equal(outcome.claim, outcome.reference)


def test_of_equals_the_first_setting_is_taken(three_sides, clips):
    # So large a C makes no difference to what is learned.
    settings = {"model.name": "svm", "model.settings": {"C": [1e6, 2e6]}}
    labels = sorted(set(clips["emotion"]))
    model = classical.fit(three_sides, labels, Experiment().with_settings(settings))
    assert model.pipeline.named_steps["classifier"].C == 1e6


# Decibels and attention of a batch.


def test_a_loud_clip_changes_its_neighbours_decibels_alone_it_is_sound():
    rng = np.random.default_rng(0)
    loud, soft = rng.normal(size=16000) * 0.3, rng.normal(size=16000) * 1e-5
    waves = np.stack([loud, soft]).astype(np.float32)
    waves[:, 8000:] *= 1e-3
    settings = {"sample_rate": 16000, "n_mels": 16}
    power = features.mel(waves, **settings)
    for n_mfcc, sound in (
        (None, features.log_mel(waves, **settings)),
        (8, features.mfcc(waves, n_mfcc=8, **settings)),
    ):
        make = sides.BatchDecibels(n_mfcc)
        for index in range(2):
            alone = make([power[index]], ["a"], None, 0)[0]
            np.testing.assert_allclose(alone, sound[index], atol=1e-3)
        both = make(list(power), ["a", "b"], None, 0)
        np.testing.assert_allclose(both[0], sound[0], atol=1e-3)
        assert np.abs(both[1] - sound[1]).max() > 10


def test_the_floor_is_that_of_keras():
    rng = np.random.default_rng(1)
    waves = (rng.normal(size=(2, 8000)) * [[0.5], [1e-6]]).astype(np.float32)
    layer = keras.layers.MelSpectrogram(
        fft_length=512, sequence_stride=160, sampling_rate=16000, num_mel_bins=16
    )
    theirs = np.asarray(layer(waves))
    linear = keras.layers.MelSpectrogram(
        fft_length=512, sequence_stride=160, sampling_rate=16000, num_mel_bins=16,
        power_to_db=False,
    )  # fmt: skip
    ours = sides.BatchDecibels(None)(list(np.asarray(linear(waves))), ["a", "b"], None, 0)
    np.testing.assert_allclose(theirs, ours, atol=1e-2)
    assert theirs[1].min() == pytest.approx(theirs.max() - 80, abs=1e-3)


@pytest.fixture(scope="module")
def attentive(own_csv, tmp_path_factory):
    """The folder and the result of a call with a network that has attention."""
    out = tmp_path_factory.mktemp("leaks") / "attentive"
    arguments = call(str(own_csv), out, settings=NETWORK, only="batch-attention")
    return out, leaks.measure_leaks("cnn2-transformer-published", **arguments)


def asked(out, name):
    return json.loads((out / "fits" / "seed0" / name / "fit.json").read_text())["experiment"]


def said(out, name, reading):
    return pd.read_csv(out / "fits" / "seed0" / name / f"{reading}.csv")


def test_attention_across_the_batch_is_measured_beside_the_sound_form(attentive):
    out, result = attentive
    # The recipe has the fault: what it is compared with has not.
    assert asked(out, "honest")["model"]["settings"]["attention_axis"] == "time"
    assert asked(out, "batch-attention")["model"]["settings"]["attention_axis"] == "batch"
    assert any("here it runs over time" in note for note in result["notes"])
    together, alone = (said(out, "batch-attention", reading) for reading in ("test", "alone"))
    assert together["clip"].tolist() == alone["clip"].tolist() == sorted(alone["clip"])
    assert np.abs(together["p_sad"] - alone["p_sad"]).max() > 1e-4


@pytest.fixture(scope="module")
def network(own_csv, tmp_path_factory):
    """The folder and the result of a call with the smallest network."""
    out = tmp_path_factory.mktemp("leaks") / "network"
    only = ["batch-decibels", "normalise-over-all", "normalise-by-speaker", "test-as-validation"]
    arguments = call(str(own_csv), out, settings=SMALLEST, only=only)
    return out, leaks.measure_leaks("logistic", **arguments)


def test_without_a_clip_near_the_floor_batches_change_nothing(network):
    together, alone = (said(network[0], "batch-decibels", each) for each in ("test", "alone"))
    np.testing.assert_allclose(together["p_sad"], alone["p_sad"], atol=1e-4)
    honest = said(network[0], "honest", "test")
    np.testing.assert_allclose(alone["p_sad"], honest["p_sad"], atol=1e-2)


def test_statistics_of_all_change_a_network(network):
    leaky, honest = said(network[0], "scaled-by-all", "test"), said(network[0], "honest", "test")
    assert leaky["clip"].tolist() == honest["clip"].tolist()
    assert np.abs(leaky["p_sad"] - honest["p_sad"]).max() > 1e-4


def test_the_honest_network_is_the_one_that_train_gives(network, own_csv, tmp_path):
    run = serkeras.train(
        "logistic", [str(own_csv)], "speaker", 0, tmp_path / "run", settings=SMALLEST,
        progress=False,
    )  # fmt: skip
    honest = said(network[0], "honest", "test")
    np.testing.assert_allclose(honest["p_sad"], run.predictions["p_sad"], atol=1e-5)
    assert set(network[1]["leaks"]["test-as-validation"]["by_run"]) >= {"truth"}


# Whole protocols.


def test_the_honest_figure_is_the_one_that_train_gives(measured, spoken, tmp_path):
    run = serkeras.train(
        "logistic-sklearn", [spoken], "speaker", 0, tmp_path / "run", settings=QUICK, n_jobs=1,
        progress=False,
    )  # fmt: skip
    honest = measured[1]["honest"]
    assert honest["uar"]["value"] == pytest.approx(run.metrics["uar"]["value"])
    assert honest["accuracy"]["value"] == pytest.approx(run.metrics["accuracy"]["value"])


def test_all_leaks_are_measured_or_left_out_with_a_reason(measured):
    out, result = measured
    assert set(result["leaks"]) | set(result["skipped"]) == set(leaks.names())
    assert set(result["skipped"]) == {"batch-attention", "batch-decibels"}
    assert {**json.loads((out / "result.json").read_text()), "folder": str(out)} == result
    table = pd.read_csv(out / "table.csv")
    costs = [result["leaks"][name]["cost"]["uar"]["value"] for name in table["leak"]]
    assert costs == sorted(costs, reverse=True)
    for row in table.itertuples():
        assert row.cost_uar == pytest.approx(row.claim_uar - row.reference_uar)
        assert row.claim_uar_low <= row.claim_uar <= row.claim_uar_high
    page = (out / "page.md").read_text()
    for name in leaks.names():
        assert f"- `{name}`: " in page
    assert "**Claims are not results.**" in page
    assert "67 %" not in page, "people were measured on RAVDESS"
    assert (out / "figures" / "leaks.png").stat().st_size > 10_000


def test_without_chance_there_is_nothing_to_choose_from(measured):
    found_leak = measured[1]["leaks"]["best-of-seeds"]
    assert found_leak["cost"]["uar"] == {"value": 0.0, "low": 0.0, "high": 0.0}
    assert "nothing to choose from" in found_leak["notes"][0]


def test_the_best_of_splits_is_the_best_of_the_honest_figures(measured, spoken):
    out, result = measured
    found_leak = result["leaks"]["best-of-splits"]
    tables = [pd.read_csv(out / "fits" / f"seed{seed}" / "honest" / "test.csv") for seed in (0, 1)]
    uars = [
        (table["emotion"] == table["predicted"]).groupby(table["emotion"]).mean().mean()
        for table in tables
    ]
    assert found_leak["claim"]["uar"]["value"] == pytest.approx(max(uars))
    assert found_leak["reference"]["uar"]["value"] == pytest.approx(np.mean(uars))


def test_the_best_of_first_weights_is_reported(spoken, tmp_path):
    forest = {**QUICK, "model.settings.n_estimators": 3}
    result = leaks.measure_leaks(
        "random-forest", **call(spoken, tmp_path, only="best-of-seeds", best_of=3, settings=forest)
    )
    found_leak = result["leaks"]["best-of-seeds"]
    uars = [row["uar"] for row in found_leak["by_run"]["reference"]]
    assert len(set(uars)) > 1
    assert found_leak["claim"]["uar"]["value"] == pytest.approx(max(uars))
    assert found_leak["cost"]["uar"]["value"] == pytest.approx(max(uars) - np.mean(uars))


def test_selection_sees_the_labels_of_the_test_side(tmp_path):
    # On chance emotions the best of many settings is luck: by the test side it looks like merit.
    data = write_noise(tmp_path)
    settings = {**QUICK, "model.settings": {"C": [0.1, 1.0, 10.0], "gamma": [1e-3, 1e-2, 0.1]}}
    result = leaks.measure_leaks(
        "svm", **call(data, tmp_path / "out", only="test-as-validation", settings=settings)
    )
    found_leak = result["leaks"]["test-as-validation"]
    history = pd.read_csv(tmp_path / "out" / "fits" / "seed0" / "chosen-by-test" / "history.csv")
    assert len(history) == 9
    assert found_leak["claim"]["uar"]["value"] == pytest.approx(history["val_uar"].max())
    assert found_leak["cost"]["uar"]["value"] > 0


@pytest.mark.parametrize("name", ["duplicated-folder", "augment-before-split"])
def test_chance_emotions_are_recognised_where_copies_leak(name, tmp_path):
    data = write_noise(tmp_path, takes=24)
    nearest = {**QUICK, "model.settings": {"C": 1000.0, "gamma": 0.01}}
    arguments = call(data, tmp_path / "out", only=name, settings=nearest)
    found_leak = leaks.measure_leaks("svm", **arguments)["leaks"][name]
    uar = {key: found_leak[key]["uar"]["value"] for key in ("claim", "reference", "truth")}
    assert uar["claim"] > 0.6
    assert max(uar["reference"], uar["truth"]) < 0.45, "chance is 0.25"
    assert found_leak["cost"]["uar"]["low"] > 0.1
    assert found_leak["cost_of_model"]["uar"]["low"] > 0.1


# What is finished is kept.


def test_a_call_goes_on_and_makes_no_fit_twice(own_csv, tmp_path, monkeypatch):
    made, real = [], benches.Bench._model

    def count(self, fit, found_sides, folder):
        if len(made) == 1 and not killed:
            killed.append(True)
            raise KeyboardInterrupt
        made.append(fit.name)
        return real(self, fit, found_sides, folder)

    killed = []
    monkeypatch.setattr(benches.Bench, "_model", count)
    arguments = call(str(own_csv), tmp_path, only=["speaker-overlap", "test-as-validation"])
    with pytest.raises(KeyboardInterrupt):
        leaks.measure_leaks("logistic-sklearn", **arguments)
    assert not (tmp_path / "page.md").exists()
    first = leaks.measure_leaks("logistic-sklearn", **arguments)
    assert sorted(made) == ["chosen-by-test", "honest", "random"]
    assert leaks.measure_leaks("logistic-sklearn", **arguments) == first
    assert len(made) == 3
    arguments["settings"] = {**QUICK, "features.n_mfcc": 10}
    leaks.measure_leaks("logistic-sklearn", **arguments)
    assert len(made) == 6, "other settings are other fits"


def test_changed_recordings_are_other_fits(own_csv, tmp_path):
    bench = make_bench(str(own_csv), tmp_path)
    first = bench._told(benches.Fit("a", bench.pools.honest, {}, bench.experiment))
    path = next(iter(bench._hashes))
    bench._hashes[path] = replace(bench._hashes[path], digest="other")
    assert bench._told(benches.Fit("a", bench.pools.honest, {}, bench.experiment)) != first


@pytest.mark.parametrize("column", ["speaker", "statement"])
def test_corrected_speakers_and_statements_are_other_fits(column, own_csv, tmp_path):
    bench = make_bench(str(own_csv), tmp_path)
    fit = benches.Fit("a", bench.pools.honest, {}, bench.experiment)
    first = bench._told(fit)
    assert bench._told(fit) == first
    bench.clips = bench.clips.copy()
    bench.clips.loc[0, column] = "corrected"
    assert bench._told(fit) != first


# The arithmetic.


def table_of(rows):
    columns = ["clip", "speaker", "emotion", "predicted", "run"]
    return pd.DataFrame(rows, columns=columns).assign(corpus="own")


def answers_of(speakers, right, run="0"):
    """Return two clips of each emotion a speaker; `right(speaker)` says which are right."""
    rows = []
    for speaker in speakers:
        for number, emotion in enumerate(["happy", "happy", "sad", "sad"]):
            is_right = right(speaker, number)
            said = emotion if is_right else {"happy": "sad", "sad": "happy"}[emotion]
            rows.append((f"{speaker}/{number}", speaker, emotion, said, run))
    return table_of(rows)


def test_costs_are_paired_by_speaker():
    speakers = [f"s{number}" for number in range(8)]
    # Claim is right on one more clip of every speaker, however hard the speaker is.
    other = answers_of(speakers, lambda who, number: number < int(who[1]) % 3)
    claim = answers_of(speakers, lambda who, number: number < int(who[1]) % 3 + 1)
    result = found.measure(found.Outcome(claim, other))
    assert result["cost"]["accuracy"] == pytest.approx({"value": 0.25, "low": 0.25, "high": 0.25})
    assert result["claim"]["accuracy"]["high"] - result["claim"]["accuracy"]["low"] > 0.1
    assert result["intervals"]["unit"] == "speaker"
    assert (result["truth"], result["cost_of_model"]) == (None, None)


def test_uar_is_the_mean_over_runs():
    first = answers_of(["a", "b", "c"], lambda who, number: number < 2, run="0")
    second = answers_of(["a", "b", "c"], lambda who, number: number < 3, run="1")
    both = pd.concat([first, second], ignore_index=True)
    result = found.measure(found.Outcome(both, first, second))
    assert result["claim"]["uar"]["value"] == pytest.approx((0.5 + 0.75) / 2)
    assert result["cost"]["uar"]["value"] == pytest.approx(0.125)
    assert result["cost_of_model"]["uar"]["value"] == pytest.approx(-0.125)
    assert [row["uar"] for row in result["by_run"]["claim"]] == [0.5, 0.75]


def test_two_speakers_are_no_clusters():
    table = answers_of(["a", "b"], lambda who, number: number < 2)
    copies = table.assign(clip=table["clip"] + "~noisy1")
    result = found.measure(found.Outcome(pd.concat([table, copies], ignore_index=True), table))
    assert result["intervals"]["unit"] == "clip"
    assert result["intervals"]["units"] == 8, "a copy goes with its clip"


def test_the_command_and_what_it_prints(own_csv, tmp_path, capsys):
    words = ["leaks", "logistic-sklearn", "--data", str(own_csv), "--out", str(tmp_path / "out")]
    words += ["--only", "speaker-overlap", "--seeds", "2", "--quiet"]
    for name, value in QUICK.items():
        words += ["--set", f"{name}={value}"]
    assert main(words) == 0
    printed = capsys.readouterr().out
    assert "speaker-overlap" in printed
    assert "honest: " in printed
    result = json.loads((tmp_path / "out" / "result.json").read_text())
    assert result["seeds"] == [0, 1]
    assert list(result["leaks"]) == ["speaker-overlap"]
    text = (tmp_path / "out" / "page.md").read_text()
    assert "--only speaker-overlap --seeds 2 --best-of 5" in text


def test_the_page_names_the_command_that_makes_it_again(measured, spoken, monkeypatch):
    out, result = measured
    text = (out / "page.md").read_text()
    command = text.split("## Make it again\n\n```sh\n")[1].split("\n")[0]
    given = {}
    monkeypatch.setattr(
        leaks, "measure_leaks", lambda recipe, **rest: given.update(rest, recipe=recipe) or result
    )
    assert main(shlex.split(command)[3:]) == 0
    assert given["data"] == [spoken]
    assert (given["seeds"], given["best_of"], given["only"]) == (1, 2, None)
    words = [given[name] for name in ("recipe", "data", "label_scheme", "settings")]
    experiment, _ = laboratory._experiment(*words)
    assert experiment == Experiment.from_dict(result["experiment"])


def test_a_recipe_of_ones_own_is_named_as_a_file(measured):
    _, result = measured
    own = {**result, "experiment": {**result["experiment"], "recipe": "mine"}}
    assert "leaks mine.json --data" in page._again(own)
    assert "Save them as mine.json" in page._again(own)
    assert "Save them" not in page._again(result)


def test_words_that_leave_a_side_empty_are_left_out_with_the_reason(tmp_path):
    data = write_noise(tmp_path, takes=8)
    table = pd.read_csv(data)
    # Of one clip a speaker and emotion the validation side takes all.
    table["statement"] = table.groupby(["speaker", "emotion"]).cumcount().map({0: "x", 1: "y"})
    table.to_csv(data, index=False)
    names = ["speaker-overlap", "word-overlap-known"]
    result = leaks.measure_leaks("logistic-sklearn", **call(data, tmp_path / "out", only=names))
    assert list(result["leaks"]) == ["speaker-overlap"]
    assert "seed 0 leave too few clips: none for train" in result["skipped"]["word-overlap-known"]
    assert "none for train" in (tmp_path / "out" / "page.md").read_text()


def test_an_ensemble_is_measured_by_one_member():
    experiment, notes = laboratory._experiment(
        "logistic-sklearn", ["synthetic"], None, {"members": 3}
    )
    assert experiment.members == 1
    assert "ensemble of 3" in notes[0]
