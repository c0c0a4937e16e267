"""Listeners' votes: the lists of CREMA-D in their published form, and training on shares."""

import keras
import numpy as np
import pandas as pd
import pytest

import serkeras
from serkeras import datasets
from serkeras.config import TrainingConfig
from serkeras.datasets import votes
from serkeras.training.batches import Batches
from serkeras.training.compiling import compile_model
from serkeras.training.losses import ClassLoss
from serkeras.training.sides import Side
from tests.recordings import SMALL, quiet_load, sound, write_corpus

NAMES = ["1001_IEO_NEU_XX", "1001_IEO_HAP_LO", "1040_ITH_SAD_XX"]
WORDS = ["angry", "disgust", "fear", "happy", "neutral", "sad"]
REST = ",".join(["1"] * 16)


def write_audio(folder):
    (folder / "processedResults").mkdir()
    (folder / "VideoDemographics.csv").write_text(
        '"ActorID","Age","Sex","Race","Ethnicity"\n1001,51,"Male","Caucasian","Not Hispanic"\n'
    )
    for name in NAMES:
        sound(folder / "AudioWAV" / f"{name.removesuffix('X') if 'SAD' in name else name}.wav")


def write_tabulated(folder):
    """Rows of voice, face and both, in the columns of the published list."""
    head = '"","A","D","F","H","N","S","fileName","numResponses","agreement","emoVote"'
    more = ",".join(f'"m{i}"' for i in range(16))
    lines = [
        f'"100001",0,0,0,1,10,0,"{NAMES[0]}",11,0.909,"N",{REST}',
        f'"107001",5,5,0,0,1,1,"{NAMES[2]}",12,0.417,"A:D",{REST.replace("1", "NA", 1)}',
        f'"200001",9,0,0,0,0,0,"{NAMES[0]}",9,1,"A",{REST}',
        f'"300001",0,9,0,0,0,0,"{NAMES[0]}",9,1,"D",{REST}',
    ]
    path = folder / "processedResults" / "tabulatedVotes.csv"
    path.write_text("\n".join([f"{head},{more}", *lines]) + "\n")


def write_responses(folder, slow=True):
    """Answers one by one; participant 3 took eleven seconds for the first click."""
    head = (
        '"","localid","pos","ans","ttr","queryType","numTries","clipNum","questNum","subType",'
        '"clipName","sessionNums","respEmo","respLevel","dispEmo","dispVal","dispLevel"'
    )
    answers = [(1, 1, "N", 1), (1, 2, "H", 2), (1, 3, "N", 3), (2, 1, "A", 1)]
    lines = [
        f'"{i}","p{session}",1,"{emotion}_64",900,{kind},0,1,{quest},4,"{NAMES[0]}",{session},'
        f'"{emotion}","64","N","XX",50'
        for i, (kind, session, emotion, quest) in enumerate(answers)
    ]
    (folder / "finishedResponses.csv").write_text("\n".join([head, *lines]) + "\n")
    if slow:
        (folder / "finishedEmoResponses.csv").write_text(
            '"","localid","sessionNums","queryType","questNum","pos","ttr","numTries","clipNum",'
            f'"clipName"\n"1","p3",3,1,3,1,11000,0,1,"{NAMES[0]}"\n'
            f'"2","p1",1,1,1,1,800,0,1,"{NAMES[0]}"\n'
        )


def counted(clips):
    return clips.set_index("clip")[[f"votes_{word}" for word in WORDS]]


def test_counts_of_the_voice_alone_come_from_the_tabulated_votes(tmp_path):
    write_audio(tmp_path)
    write_tabulated(tmp_path)
    write_responses(tmp_path)  # which it is the sum of, and need not be read
    found = counted(quiet_load("cremad", tmp_path))
    assert found.loc[f"cremad/{NAMES[0]}"].tolist() == [0, 0, 0, 1, 10, 0]
    assert found.loc[f"cremad/{NAMES[2]}"].tolist() == [5, 5, 0, 0, 1, 1]
    assert found.loc[f"cremad/{NAMES[1]}"].isna().all()


def test_counts_come_from_the_responses_as_their_makers_counted(tmp_path):
    write_audio(tmp_path)
    write_responses(tmp_path)
    found = counted(quiet_load("cremad", tmp_path))
    assert found.loc[f"cremad/{NAMES[0]}"].tolist() == [0, 0, 0, 1, 1, 0]
    (tmp_path / "finishedEmoResponses.csv").unlink()
    found = counted(quiet_load("cremad", tmp_path))
    assert found.loc[f"cremad/{NAMES[0]}"].tolist() == [0, 0, 0, 1, 2, 0]


def test_without_lists_there_are_no_votes(tmp_path):
    write_audio(tmp_path)
    assert not any(name.startswith("votes_") for name in quiet_load("cremad", tmp_path))


def test_votes_follow_the_label_scheme():
    clips = pd.DataFrame(
        {
            "clip": ["a", "b"],
            "votes_calm": [2, None],
            "votes_neutral": [1, 4],
            "votes_disgust": [5, 0],
            "votes_sad": [1, 0],
        }
    )
    assert votes.counts(clips, ["calm", "sad"]).tolist() == [[2, 1], [0, 0]]
    assert votes.counts(clips, ["neutral", "sad"], "four").tolist() == [[3, 1], [4, 0]]
    found = votes.distributions(clips, ["neutral", "sad"], "four")
    np.testing.assert_allclose(found, [[0.75, 0.25], [1, 0]])
    with pytest.raises(ValueError, match="1 of 2 clips without, such as b"):
        votes.distributions(clips, ["calm", "sad"])
    with pytest.raises(ValueError, match="0 or more. Received: votes_sad of b, -1"):
        votes.counts(clips.assign(votes_sad=[0, -1]), ["sad"])


def test_votes_for_synonyms_find_the_class_of_the_clips():
    clips = pd.DataFrame({"clip": ["a"], "votes_anger": [3], "votes_angry": [2]})
    clips = clips.assign(**{"votes_Happiness": [4], "votes_calmness": [1], "votes_Proud": [7]})
    assert votes.counts(clips, ["angry", "happy", "Proud"]).tolist() == [[5, 4, 7]]
    assert votes.counts(clips, ["angry", "happy", "neutral"], "four").tolist() == [[5, 4, 1]]


# Training on shares.

P = np.array([[0.7, 0.2, 0.1], [0.25, 0.25, 0.5]], np.float32)
SHARES = np.array([[0.5, 0.5, 0.0], [0.0, 0.2, 0.8]], np.float32)


def losses(targets, **settings):
    return keras.ops.convert_to_numpy(ClassLoss(**settings).call(targets, P))


def test_loss_of_shares_is_the_mean_over_the_classes():
    np.testing.assert_allclose(losses(SHARES), -(SHARES * np.log(P)).sum(axis=1), rtol=1e-5)
    theirs = keras.losses.CategoricalCrossentropy(reduction="none", label_smoothing=0.1)
    smoothed = losses(SHARES, label_smoothing=0.1)
    np.testing.assert_allclose(smoothed, theirs(SHARES, P), rtol=1e-5)
    focal = losses(SHARES, kind="focal")
    np.testing.assert_allclose(focal, -(SHARES * (1 - P) ** 2 * np.log(P)).sum(axis=1), rtol=1e-4)


def test_whole_shares_are_class_indices():
    for settings in ({}, {"kind": "focal"}, {"class_weights": [2.0, 0.5, 1.0]}):
        hard = losses(np.array([0, 1], np.int32), **settings)
        np.testing.assert_allclose(losses(np.eye(3, dtype="float32")[:2], **settings), hard)
        np.testing.assert_allclose(losses(np.array([[0], [1]]), **settings), hard)


def test_hinge_takes_no_shares():
    with pytest.raises(ValueError, match="one true class for each clip"):
        losses(SHARES, kind="hinge")
    with pytest.raises(ValueError, match="'labels' for hinge"):
        TrainingConfig(targets="votes", loss="hinge")
    with pytest.raises(ValueError, match="`targets` of TrainingConfig must be one of"):
        TrainingConfig(targets="ratings")


def test_a_network_learns_the_shares():
    """One kind of clip, heard as three quarters of one class: its probability becomes that."""
    x = np.zeros((16, 3, 2), np.float32)
    index = np.arange(16)
    shares = np.tile(np.array([0.75, 0.25, 0.0], np.float32), (16, 1))
    side = Side(x, index, np.zeros(16, np.int32), index.astype(str), shares=shares)
    features = keras.Input((3, 2, 1))
    outputs = keras.layers.Softmax()(keras.layers.Dense(3)(keras.layers.Flatten()(features)))
    model = keras.Model(features, outputs)
    config = TrainingConfig(targets="votes", learning_rate=0.3)
    compile_model(model, config, side.y, 3)
    checked = np.eye(3, dtype=np.float32)[side.y]
    validation = Side(x, index, side.y, index.astype(str), shares=checked)
    found = model.fit(
        Batches(side, 8).for_keras(), validation_data=Batches(validation, 8).for_keras(),
        epochs=60, verbose=0, shuffle=False,
    ).history  # fmt: skip
    said = model.predict(x[:1, ..., None], verbose=0)[0]
    np.testing.assert_allclose(said, [0.75, 0.25, 0], atol=0.03)
    assert found["val_accuracy"][-1] == 1
    assert found["val_loss"][-1] == pytest.approx(-np.log(said[0]), rel=0.05)


@pytest.fixture(scope="module")
def voted_csv(tmp_path_factory):
    path = write_corpus(tmp_path_factory.mktemp("voted"))
    table = pd.read_csv(path)
    happy = table["emotion"] == "happy"
    table["votes_happy"] = np.where(happy, 8, 1)
    table["votes_sad"] = np.where(happy, 2, 3)
    table.to_csv(path, index=False)
    return path


SOFT = {**SMALL, "training.targets": "votes", "training.epochs": 2}


def test_a_run_learns_votes_and_is_measured_by_labels(voted_csv, tmp_path, monkeypatch):
    from serkeras.training import phases

    seen, prepare = [], phases.prepare
    monkeypatch.setattr(phases, "prepare", lambda s, *rest: seen.append(s) or prepare(s, *rest))
    run = serkeras.train(
        "cnn", data=[voted_csv], out=tmp_path / "run", settings=SOFT, progress=False
    )
    train, validation = seen[0].train, seen[0].validation
    happy = train.y == run.labels.index("happy")
    assert train.shares.shape == (len(train.y), 2)
    assert len(train.y) > len(set(train.clips))  # changed copies have the votes of their clip
    np.testing.assert_allclose(train.shares[happy], [[0.8, 0.2]] * happy.sum())
    np.testing.assert_allclose(train.shares[~happy], [[0.25, 0.75]] * (~happy).sum())
    np.testing.assert_array_equal(validation.shares.argmax(axis=1), validation.y)
    assert set(validation.shares.ravel()) == {0, 1}
    assert seen[0].test.shares is None
    hard = run.predictions["emotion"] == run.predictions["predicted"]
    assert run.metrics["accuracy"]["value"] == pytest.approx(hard.mean())


def test_other_votes_are_other_data(voted_csv, tmp_path):
    from serkeras import splits
    from serkeras.training import sides

    def digest(clips, settings=SOFT):
        experiment = serkeras.Experiment(data=(str(voted_csv),)).with_settings(settings)
        split = splits.make(clips, "speaker")
        return sides.extract(split, ["happy", "sad"], experiment, "raise", 1, False).digest

    clips = datasets.load_own(voted_csv)
    others = clips.assign(votes_sad=9)
    assert digest(clips) != digest(others)
    assert digest(clips, SMALL) == digest(others, SMALL)


def test_clips_without_votes_and_classical_models_are_refused(voted_csv, own_csv, tmp_path):
    settings = {"settings": SOFT, "progress": False}
    with pytest.raises(ValueError, match=r"must have listeners' votes.*clips without, such as own"):
        serkeras.train("cnn", data=[own_csv], out=tmp_path / "a", **settings)
    assert not (tmp_path / "a").exists()
    with pytest.raises(ValueError, match="training.targets changed for 'svm'"):
        serkeras.train(
            "svm", data=[voted_csv], out=tmp_path / "b", settings={"training.targets": "votes"}
        )
