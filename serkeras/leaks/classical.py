"""A classical model whose standardisation has seen all clips."""

import itertools

import numpy as np
from sklearn.metrics import recall_score
from sklearn.pipeline import Pipeline

from serkeras.models import classical
from serkeras.training.batches import Batches

_CHUNK = 256


def fit(sides, labels, experiment):
    """Fit as `serkeras.training.classical` does, but standardise with the clips of all sides.

    Args:
        sides: `serkeras.training.sides.Sides`.
        labels: list of str, the classes in order.
        experiment: `serkeras.config.Experiment` of a model that standardises.

    Returns:
        `serkeras.models.classical.ClassicalModel`.
    """
    tables = [_table(side, experiment) for side in (sides.train, sides.validation, sides.test)]
    scaler = _scaler(experiment, sides.train, tables)
    x, known = (scaler.transform(table) for table in tables[:2])
    best, kept = -1.0, None
    for settings in _choices(experiment.model.settings):
        statistics, _, classifier = _build(experiment, sides.train, settings)
        classifier.fit(x, sides.train.y)
        uar = recall_score(
            sides.validation.y, classifier.predict(known), labels=np.unique(sides.validation.y),
            average="macro", zero_division=0.0,
        )  # fmt: skip
        if uar > best:
            best, kept = uar, (statistics, classifier)
    steps = [("statistics", kept[0]), ("scale", scaler), ("classifier", kept[1])]
    return classical.ClassicalModel(
        experiment.model.name, Pipeline(steps), len(labels), sides.train.varies
    )


def standardises(experiment):
    """Whether the classical model of an experiment has a standardisation to be fitted."""
    return "scale" in classical.build(experiment.model.name).named_steps


def _scaler(experiment, side, tables):
    return _build(experiment, side, {})[1].fit(np.concatenate(tables))


def _choices(settings):
    lists = [value if isinstance(value, list) else [value] for value in settings.values()]
    return [dict(zip(settings, chosen, strict=True)) for chosen in itertools.product(*lists)]


def _build(experiment, side, settings):
    pipeline = classical.build(
        experiment.model.name,
        experiment.seed,
        experiment.training.class_weights,
        side.frame_axis,
        **settings,
    )
    return [step for _, step in pipeline.steps]


def _table(side, experiment):
    statistics, batches = _build(experiment, side, {})[0], Batches(side, _CHUNK)
    return np.concatenate(
        [statistics.transform(batches[index][0]) for index in range(len(batches))]
    )
