import dataclasses
import json
import shlex

import pytest

from serkeras import recipes, runs, studies
from serkeras.cli import options
from serkeras.config import AudioConfig, Experiment


@pytest.mark.parametrize("name", recipes.names())
def test_experiment_survives_json(name):
    experiment = recipes.load(name)
    text = json.dumps(experiment.to_dict())
    assert Experiment.from_dict(json.loads(text)) == experiment


def test_with_settings_changes_only_what_is_named():
    start = Experiment()
    changed = start.with_settings({"training.epochs": 3, "model.settings.dropout": 0.1})
    assert changed.training.epochs == 3
    assert changed.model.settings == {"dropout": 0.1}
    assert changed.with_settings({"training.epochs": 100, "model.settings": {}}) == start


@pytest.mark.parametrize(
    "settings",
    [{}, {"training.epochs": 2, "model.settings.dropout": 0.1}, {"model.settings": {}}],
)
def test_changes_make_the_experiment_again(settings):
    experiment = recipes.load("cnn2-transformer-published").with_settings(settings)
    again = recipes.load(experiment.recipe).with_settings(recipes.changes(experiment))
    assert again == experiment
    assert recipes.changes(experiment) == settings


@pytest.mark.parametrize("name", studies.names())
def test_the_command_of_every_cell_of_a_study_makes_its_experiment_again(name):
    for cell in studies.expand(studies.load(name)):
        words = shlex.split(runs.whole_command(cell.experiment))
        given = [words[place + 1] for place, word in enumerate(words) if word == "--set"]
        settings = dict(options._assignment(word) for word in given)
        again = recipes.load(cell.experiment.recipe).with_settings(settings)
        free = {key: getattr(cell.experiment, key) for key in ("data", "label_scheme", "split")}
        again = dataclasses.replace(again, seed=cell.experiment.seed, **free)
        assert again == cell.experiment


@pytest.mark.parametrize(
    ("recipe", "settings"),
    [
        ("cnn-attention", {"training.schedule": {"name": "cosine"}}),
        ("vgg16-exp1", {"model.settings": {"backbone": "resnet18"}}),
    ],
)
def test_what_a_recipe_has_and_an_experiment_lacks_is_told(recipe, settings):
    assert recipes.changes(recipes.load(recipe).with_settings(settings)) == settings


def test_integers_are_taken_for_floats_and_lists_for_tuples():
    experiment = Experiment().with_settings(
        {"features.fmax": 4000, "features.image_range_db": [0, 10]}
    )
    assert experiment.features.fmax == 4000.0
    assert experiment.features.image_range_db == (0, 10)


@pytest.mark.parametrize(
    ("assignments", "words"),
    [
        ({"training.epoch": 3}, r"TrainingConfig must be among .*'epochs'.*Received: \['epoch'\]"),
        ({"nothing.epochs": 3}, "must name a part of the experiment.*'nothing.epochs'"),
        ({"seed.epochs": 3}, "must name a part of the experiment.*'seed.epochs'"),
        ({"training.epochs": "ten"}, "`epochs` of TrainingConfig must be .*'ten'"),
        ({"training.epochs": True}, "`epochs` of TrainingConfig must be .*True"),
        ({"training.epochs": 0}, "`epochs` of TrainingConfig must be 1 or more. Received: 0"),
        ({"training.learning_rate": 0.0}, "`learning_rate` .* above 0"),
        ({"features.image_range_db": [30, 15]}, "`image_range_db` .* pair"),
        (
            {"features.image_range_db": [None, 3]},
            "`image_range_db` of FeatureConfig must be .*None",
        ),
        ({"data": [1]}, "`data` of Experiment must be .*1"),
        ({"seed": -1}, "`seed` of Experiment must be 0 or more"),
        ({"training.monitor": "loss"}, "`monitor` .* one of"),
        ({"augment.copies": -1}, "`copies` .* 0 or more. Received: -1"),
        ({"audio.duration_s": 0.0}, "`duration_s` .* one sample"),
    ],
)
def test_bad_settings_are_named(assignments, words):
    with pytest.raises(ValueError, match=words):
        Experiment().with_settings(assignments)


def test_samples_is_rate_times_duration():
    assert AudioConfig(sample_rate=22050, duration_s=2.5).samples == 55125
