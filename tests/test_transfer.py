"""Transfer models: counts of the sources, every recipe for one epoch, weights out of runs."""

import json
import shutil

import keras
import numpy as np
import pandas as pd
import pytest
import soundfile

import serkeras
from serkeras import datasets, models, recipes
from serkeras._files import read_json, write_json
from serkeras.models import backbones
from serkeras.models.backbones.freezing import bare_name
from serkeras.training import inherited

NAMES = [
    name for name in recipes.names() if recipes.load(name).model.name in ("transfer", "multinet")
]
# Pictures small enough for a test, one epoch, random weights: no other setting is changed.
SMALL = {
    "mel_image": {"features.image_size": 32},
    "multi_resolution": {"features.width": 64},
    "stack": {"features.frames": 32},
}


@pytest.fixture(scope="module")
def clips():
    """Seven emotions of six synthetic speakers, a clip each."""
    found = datasets.load("synthetic")
    some = found[found["speaker"].isin(sorted(found["speaker"].unique())[:6])]
    return some.groupby(["speaker", "emotion"]).head(1).reset_index(drop=True)


# DenseNet 121 with ResNet 18, and ResNet 50, are trained at their depth; the others, which have the
# same blocks, with a block a stage, ViT with two in all. Tests of the backbones count each whole.
WHOLE = ("multinet-d3r3a3", "resnet50")


@pytest.fixture
def eager():
    """Steps as TensorFlow takes them one by one: tracing a DenseNet takes longer than two steps."""
    if keras.backend.backend() != "tensorflow":
        yield
        return
    import tensorflow as tf

    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


def small(name):
    experiment = recipes.load(name)
    settings = dict(SMALL.get(experiment.features.name, SMALL["stack"]))
    if experiment.model.settings.get("size"):
        settings["model.settings.size"] = [32, 32]
    return {
        **settings,
        "model.settings.weights": None,
        "training.epochs": 1,
        "training.retrain": False,
        "members": min(experiment.members, 2),
    }


@pytest.mark.filterwarnings("ignore:Even though the `tf.config:UserWarning")
@pytest.mark.parametrize("name", NAMES)
def test_recipe_trains_an_epoch(name, clips, eager, shallow, tmp_path):
    experiment, out = recipes.load(name), tmp_path / "run"
    if name not in WHOLE:
        shallow()
    run = serkeras.train(name, data=[clips], out=out, settings=small(name), progress=False)
    try:
        assert set(run.labels) == set(clips["emotion"])
        probabilities = run.predictions.filter(like="p_").to_numpy()
        np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, atol=1e-4)
        if experiment.members > 1:
            members = [member.predictions["p_sad"] for member in run.members]
            np.testing.assert_allclose(
                run.predictions["p_sad"], np.mean(members, axis=0), atol=1e-5
            )
            assert np.abs(members[0] - members[1]).max() > 1e-6
            return
        assert run.metrics["run"]["epochs"] == {"search": 1, "final": 0}
        found = [bare_name(one.name) for one in backbones.inside(run.model)]
        settings = experiment.model.settings
        wanted = [branch["backbone"] for branch in settings.get("branches", [settings])]
        assert found == [backbones.model_name(one) for one in wanted]
    finally:
        shutil.rmtree(out)


def build(experiment, shape):
    """Build a recipe's network with random weights on a shape that suits it."""
    settings = {**experiment.model.settings, "weights": None}
    settings.pop("size", None)
    if "branches" in settings:
        shape = (301, 32, 1)
    return models.build(experiment.model.name, shape, 7, **settings)


# Report S4 gives those of experiments 4 and 5; a convolution of 512 channels has 2,359,808.
@pytest.mark.parametrize(
    ("name", "trainable"),
    [
        ("vgg16-exp0", 12_945_415),
        ("vgg16-exp1", 12_945_415),
        ("vgg16-exp2", 12_945_415),
        ("vgg16-exp3", 12_945_415 + 2_359_808),
        ("vgg16-exp4", 17_665_031),
        ("vgg16-exp5", 20_024_839),
    ],
)
def test_counts_of_report_s4(name, trainable):
    model = build(recipes.load(name), (224, 224, 3))
    assert model.count_params() == 27_660_103
    assert backbones.counts(model) == (trainable, 27_660_103 - trainable)


# Backbones without head as their cards have them, running statistics too, then the new layers.
@pytest.mark.parametrize(
    ("name", "new"),
    [
        ("resnet50", 2048 * 7 + 7),
        (
            "resnet50-stitched",
            2048 * 1024 + 1024 + 1024 * 512 + 512 + 512 * 256 + 256 + 256 * 7 + 7,
        ),
        ("densenet161", 2208 * 7 + 7),
        ("squeezenet", 512 * 7 + 7),
        # Two hidden layers of its own: 9216 to 4096 to 4096.
        ("alexnet", 9216 * 4096 + 4096 + 4096 * 4096 + 4096 + 4096 * 7 + 7),
        ("multinet-d3r3a3", 1024 * 32 + 32 + 512 * 32 + 32 + 64 * 7 + 7),
        (
            "multinet-d1r1a1",
            1920 * 1024 + 1024 + 2048 * 1024 + 1024 + 2048 * 512 + 512 + 512 * 7 + 7,
        ),
    ],
)
def test_head_has_the_parameters_of_the_source(name, new):
    model = build(recipes.load(name), (128, 128, 3))
    found = [one.name.split("_branch")[0] for one in backbones.inside(model)]
    cards = {backbones.model_name(name): backbones.card(name) for name in backbones.names()}
    assert backbones.counts(model)[0] == new + sum(
        cards[name].parameters_without_top for name in found
    )


def test_a_branch_sees_its_bins_only():
    settings = recipes.load("multinet-d3r3a3").model.settings
    model = models.build("multinet", (301, 32, 1), 4, **{**settings, "weights": None})
    # Only the first branch is heard.
    layer = model.get_layer("output2")
    layer.set_weights([np.zeros_like(value) for value in layer.get_weights()])
    x = np.random.default_rng(0).normal(size=(2, 301, 32, 1)).astype(np.float32)
    before = model.predict(x, verbose=0)
    hidden = x.copy()
    hidden[:, 276:295] += 3.0
    np.testing.assert_array_equal(model.predict(hidden, verbose=0), before)
    for seen in (slice(0, 276), slice(295, 301)):
        changed = x.copy()
        changed[:, seen] += 3.0
        assert np.abs(model.predict(changed, verbose=0) - before).max() > 1e-6


@pytest.mark.parametrize(
    ("name", "settings", "words"),
    [
        ("transfer", {"pooling": "max"}, "`pooling` of the model 'transfer' must be one of"),
        ("transfer", {"dropout": 1.0}, r"`dropout` .* in \[0, 1\)"),
        ("transfer", {"activation": "gelu"}, "`activation` .* 'gelu'"),
        ("transfer", {"include_top": True}, "`include_top` .* False or 'hidden'"),
        ("transfer", {"backbone": "resnet18", "include_top": "hidden"}, "alexnet and vgg16"),
        ("transfer", {"backbone": "vgg19"}, "A backbone must be one of"),
        ("transfer", {"blocks": 6}, "must be an integer from 0"),
        (
            "multinet",
            {"branches": [{"backbone": "resnet18", "outputs": 2}]},
            "two branches or more",
        ),
        ("multinet", {"branches": [{"backbone": "resnet18"}] * 2}, "'backbone' and 'outputs'"),
        ("multinet", {"weights": [None]}, "a list of 2"),
        ("multinet", {"weights": "nowhere"}, "None, 'imagenet', the folder of a finished run"),
        (
            "multinet",
            {"branches": [{"backbone": "resnet18", "outputs": 2, "bins": [[0, 99]]}] * 2},
            "within the stack's 64 bins. Received: .*99",
        ),
    ],
)
def test_bad_settings_are_named(name, settings, words):
    with pytest.raises(ValueError, match=words):
        models.build(name, (64, 64, 3), 3, **settings)


TINY = {
    "features.name": "mel_image",
    "features.image_size": 32,
    "model.name": "transfer",
    "model.normalize": "none",
    "model.settings": {"backbone": "squeezenet1.1", "pooling": "average", "units": []},
    "training.epochs": 1,
    "training.retrain": False,
}


def train(data, out, weights=None, **more):
    settings = json.loads(json.dumps(TINY))
    settings["model.settings"]["weights"] = str(weights) if weights else None
    return serkeras.train("cnn", data=[data], out=out, settings=settings, progress=False, **more)


@pytest.fixture(scope="module")
def pretrained(clips, tmp_path_factory):
    """A run on the first speakers, and the clips of the others."""
    speakers = sorted(clips["speaker"].unique())
    is_first = clips["speaker"].isin(speakers[:3])
    out = tmp_path_factory.mktemp("pretrained") / "run"
    return train(clips[is_first], out), clips[~is_first]


def network_weights(model):
    return backbones.inside(model)[0].get_layer("network").get_weights()


def test_a_run_starts_from_the_backbone_of_another(pretrained, tmp_path):
    run, others = pretrained
    found = models.build(
        "transfer", (48, 48, 3), 5, **{**run.experiment.model.settings, "weights": str(run.folder)}
    )
    for mine, its in zip(network_weights(found), network_weights(run.model), strict=True):
        np.testing.assert_array_equal(mine, its)
    new = train(others, tmp_path / "new", run.folder)
    facts = new.metrics["run"]["weights"]
    assert [item["weights"] for item in facts] == [str(run.folder)]
    assert "model.keras" in (new.folder / "report.md").read_text()


def test_what_the_first_run_learned_from_stays_learned(pretrained, clips, tmp_path):
    run, others = pretrained
    new = train(others, tmp_path / "new", run.folder)
    with pytest.raises(ValueError, match="speakers that it has not learned from"):
        serkeras.evaluate(new, [clips[~clips["speaker"].isin(others["speaker"])]], progress=False)


@pytest.mark.parametrize("split", ["speaker", "random"])
def test_weights_that_know_the_test_side_are_refused(split, clips, tmp_path):
    first = train(clips, tmp_path / "first", split=split)
    again = train(clips, tmp_path / "same", first.folder, split=split)  # the same split: sound
    assert again.finished
    with pytest.raises(ValueError, match="weights that have learned from its test side"):
        train(clips, tmp_path / "other", first.folder, split=split, seed=1)
    assert not (tmp_path / "other").exists()


def lists(path, clips, **speakers):
    """Write a split of clips by the speakers of its sides; returns what `split` takes."""
    sides = {
        name: clips[clips["speaker"].isin(those)]["clip"].tolist()
        for name, those in speakers.items()
    }
    write_json(path, sides)
    return f"lists:{path}"


def test_new_recordings_of_known_speakers_are_refused(pretrained, clips, tmp_path):
    run, others = pretrained
    known = read_json(run.folder / "provenance.json")["speakers"]
    every = datasets.load("synthetic")
    fresh = every[every["speaker"].isin(known) & ~every["path"].isin(clips["path"])]
    mixed = pd.concat([others, fresh.groupby(["speaker", "emotion"]).head(1)])
    new = sorted(others["speaker"].unique())
    split = lists(tmp_path / "lists.json", mixed, train=new[:2], validation=new[2:], test=known[:1])
    with pytest.raises(ValueError, match="or their speakers"):
        train(mixed, tmp_path / "fresh", run.folder, split=split)


def test_weights_changed_between_two_sessions_of_a_run_are_noticed(pretrained, tmp_path):
    run, others = pretrained
    source = shutil.copytree(run.folder, tmp_path / "source")
    new = train(others, tmp_path / "new", source)
    (new.folder / "metrics.json").unlink()  # as an interrupted run
    model = keras.saving.load_model(source / "model.keras")
    model.set_weights([value + 1 for value in model.get_weights()])
    model.save(source / "model.keras")
    with pytest.raises(ValueError, match="first weights have changed"):
        train(others, tmp_path / "new", source)


def finished(folder, experiment):
    """Make a folder that looks like that of a finished run."""
    folder.mkdir(parents=True)
    write_json(folder / "experiment.json", experiment.to_dict())
    (folder / "metrics.json").write_text("{}")


def test_run_of_a_recipe_is_found_where_it_trains_by_itself(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    experiment = recipes.load("multinet-d3r3a3")
    with pytest.raises(FileNotFoundError, match="Run first: python -m serkeras train densenet121"):
        inherited.resolve(experiment)
    names = ("densenet121", "resnet18")
    folders = [f"artifacts/runs/{name}-synthetic-speaker-seed0" for name in names]
    for name, folder in zip(names, folders, strict=True):
        finished(tmp_path / folder, recipes.load(name))
    assert inherited.resolve(experiment).model.settings["weights"] == folders
    assert inherited.resolve(recipes.load("cnn")) == recipes.load("cnn")
    shutil.rmtree(tmp_path / folders[1])
    other = recipes.load("resnet18").with_settings({"label_scheme": "seven"})
    finished(tmp_path / folders[1], other)
    with pytest.raises(ValueError, match="resnet18-synthetic.*differs in label_scheme"):
        inherited.resolve(experiment)
    (tmp_path / folders[1] / "metrics.json").unlink()
    with pytest.raises(
        FileNotFoundError, match="train resnet18 --data synthetic --label-scheme own"
    ):
        inherited.resolve(experiment)


def test_bad_runs_are_named(pretrained, tmp_path):
    run, _ = pretrained
    settings = {"units": (), "pooling": "average"}
    with pytest.raises(FileNotFoundError, match="folder of a finished"):
        models.build("transfer", (48, 48, 3), 3, weights=str(tmp_path), **settings)
    with pytest.raises(ValueError, match=r"must have trained one, .* Received: .*squeezenet1_1"):
        models.build("transfer", (48, 48, 3), 3, weights=str(run.folder), **settings)
    (tmp_path / "model.keras").write_bytes((run.folder / "model.keras").read_bytes()[:5000])
    with pytest.raises(ValueError, match="model must be whole"):
        models.build(
            "transfer", (48, 48, 3), 3, backbone="squeezenet1.1", weights=str(tmp_path), **settings
        )


def test_weights_without_provenance_are_said_to_be_unknown(pretrained, tmp_path):
    run, others = pretrained
    shutil.copy(run.folder / "model.keras", tmp_path / "model.keras")
    with pytest.warns(UserWarning, match="Not all speakers are known"):
        new = train(others, tmp_path / "new", tmp_path / "model.keras")
    assert read_json(new.folder / "provenance.json")["speakers_known"] is False
    # Nobody can say that its test speakers are new.
    assert read_json(new.folder / "split.json")["speaker_disjoint"] is None
    assert "never heard" not in (new.folder / "report.md").read_text()


def test_leaky_relu_has_the_slope_of_the_source():
    model = build(recipes.load("resnet50-stitched"), (64, 64, 3))
    layer = model.get_layer("leaky_relu1")
    np.testing.assert_allclose(layer(np.float32([-100, 3])), [-1, 3], rtol=1e-6)


def test_each_twin_goes_on_from_its_own(tmp_path):
    branch = {"backbone": "resnet18", "outputs": 2}
    settings = {"branches": [branch, branch], "scaling": "none"}
    first = models.build("multinet", (32, 32, 1), 3, **settings)
    first.save(tmp_path / "model.keras")
    second = models.build("multinet", (32, 32, 1), 3, **settings, weights=str(tmp_path))
    pairs = zip(backbones.inside(first), backbones.inside(second), strict=True)
    for mine, its in pairs:
        for a, b in zip(mine.get_weights(), its.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)
    with pytest.raises(ValueError, match="or one of this branch"):
        models.build("transfer", (32, 32, 1), 3, backbone="resnet18", weights=str(tmp_path))


def test_copies_of_known_clips_are_refused_by_their_names(clips, tmp_path):
    first = train(clips, tmp_path / "first", split="random")
    copies = clips.copy()
    for index, path in enumerate(clips["path"]):
        wave, rate = soundfile.read(path)
        wave[0] += 0.01
        copies.loc[index, "path"] = str(tmp_path / f"{index}.wav")
        soundfile.write(copies.loc[index, "path"], wave, rate)
    with pytest.raises(ValueError, match="weights that have learned from its test side"):
        train(copies, tmp_path / "other", first.folder, split="random", seed=1)


def test_a_validation_side_that_the_weights_know_is_told(pretrained, clips, tmp_path):
    run, others = pretrained
    known = read_json(run.folder / "provenance.json")["trained_speakers"]
    mixed = pd.concat([others, clips[clips["speaker"] == known[0]]])
    new = sorted(others["speaker"].unique())
    split = lists(tmp_path / "lists.json", mixed, train=new[:2], validation=known[:1], test=new[2:])
    with pytest.warns(UserWarning, match="trained on 7 of 7 validation clips"):
        train(mixed, tmp_path / "new", run.folder, split=split)


def test_weights_as_a_path_object(pretrained, tmp_path):
    run, others = pretrained
    settings = {**TINY, "model.settings": {**TINY["model.settings"], "weights": run.folder}}
    new = serkeras.train(
        "cnn", data=[others], out=tmp_path / "new", settings=settings, progress=False
    )
    assert new.experiment.model.settings["weights"] == str(run.folder)
