"""The fit of a classical model: statistics once, a fit a setting, the best by validation UAR."""

import itertools
import json
import os
import time
from functools import partial

import joblib
import numpy as np
import pandas as pd
from sklearn.metrics import accuracy_score, recall_score
from sklearn.pipeline import Pipeline
from tqdm import tqdm

from serkeras._files import atomic_write
from serkeras.config import TrainingConfig
from serkeras.models import classical
from serkeras.training.batches import Batches

_CHUNK = 256


def prepare(sides, labels, experiment):
    """Check all settings and return the fit.

    Args:
        sides: `serkeras.training.sides.Sides`.
        labels: list of str, the classes in order.
        experiment: `serkeras.config.Experiment`; its model is one of
            `serkeras.models.classical.names()`. A model setting may be a list of values: all
            are tried (each with each, where several settings are lists), and the model with the
            best UAR on the validation side is kept.

    Returns:
        Function `(folder, n_jobs, progress)` that fits, writes history.csv and model.skops and
        returns the `serkeras.models.classical.ClassicalModel`.

    Raises:
        ValueError: a setting does not exist, is outside its range or needs a network.
    """
    candidates = _candidates(experiment.model.settings)
    for settings in candidates:
        _try(_build(experiment, settings, sides.train), settings)
    return partial(_fit, sides, labels, experiment, candidates)


def check(experiment):
    """Refuse settings that only a network follows: a run must not claim them.

    Raises:
        ValueError: there are some.
    """
    training = experiment.training.replace(class_weights="none", member=0).to_dict()
    wrong = {
        "features.in_graph": experiment.features.in_graph,
        "augment.on_the_fly": experiment.augment.on_the_fly,
        "augment.layers": bool(experiment.augment.layers),
        "model.normalize": experiment.model.normalize != "bins",
        **{
            f"training.{name}": training[name] != usual
            for name, usual in TrainingConfig().to_dict().items()
        },
    }
    changed = [name for name, is_wrong in wrong.items() if is_wrong]
    if changed:
        raise ValueError(
            "A classical model has no epochs and no layers: of the settings of training it "
            f"follows class_weights and member alone. Received: {', '.join(changed)} changed for "
            f"{experiment.model.name!r}. Leave them at their defaults, or choose a network."
        )


def _candidates(settings):
    """Return one dictionary of settings for each choice from those that are lists."""
    values = {name: v if isinstance(v, list) else [v] for name, v in settings.items()}
    empty = [name for name, choices in values.items() if not choices]
    if empty:
        raise ValueError(
            "A setting to choose from must have one value or more. Received: empty lists for "
            f"{empty}. Give values, or remove the setting."
        )
    return [
        dict(zip(values, chosen, strict=True)) for chosen in itertools.product(*values.values())
    ]


def _build(experiment, settings, side):
    return classical.build(
        experiment.model.name,
        _seed(experiment),
        experiment.training.class_weights,
        side.frame_axis,
        **settings,
    )


def _seed(experiment):
    """Return the `random_state` of an estimator; that of member 0 is the experiment's seed."""
    if not experiment.training.member:
        return experiment.seed
    drawn = np.random.default_rng([experiment.seed, experiment.training.member])
    return int(drawn.integers(2**31))


def _try(pipeline, settings):
    """Fit a handful of numbers: a value outside its range shows now, before the run begins."""
    try:
        pipeline[1:].fit(np.eye(4), np.arange(4) % 2)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"Settings of a classical model must be what scikit-learn takes. Received: {settings} "
            f"({error}). Correct them."
        ) from error


def _fit(sides, labels, experiment, candidates, folder, n_jobs, progress):
    # An unfinished run is known by this folder: it is fitted again from the start.
    (folder / "checkpoints").mkdir(exist_ok=True)
    statistics = _build(experiment, candidates[0], sides.train)[0]
    bar = tqdm(candidates, desc=experiment.model.name, unit="fit", disable=not progress)
    bar.set_postfix_str("statistics of the features")
    x, known = (_table(side, statistics) for side in (sides.train, sides.validation))
    rows, kept = [], None
    for settings in bar:
        bar.set_postfix(settings)
        rest = _build(experiment, settings, sides.train)[1:]
        began = time.perf_counter()
        with joblib.parallel_config("threading", n_jobs=-1 if n_jobs is None else n_jobs):
            rest.fit(x, sides.train.y)
        seconds = round(time.perf_counter() - began, 2)
        learned = _measures(sides.train.y, rest.predict(x))
        heard = _measures(sides.validation.y, rest.predict(known), "val_")
        rows.append({"phase": "fit", "settings": json.dumps(settings), **learned, **heard})
        rows[-1]["seconds"] = seconds
        if kept is None or heard["val_uar"] > max(row["val_uar"] for row in rows[:-1]):
            kept = rest
    _calibrate(kept, known, sides.validation.y)
    pipeline = Pipeline([("statistics", statistics), *kept.steps])
    model = classical.ClassicalModel(
        experiment.model.name, pipeline, len(labels), sides.train.varies
    )
    with atomic_write(folder / "history.csv") as file:
        pd.DataFrame(rows).to_csv(file, index=False)
    classical.save(model, folder / "model.skops")
    return model


def _table(side, statistics):
    batches = Batches(side, _CHUNK)
    return np.concatenate(
        [statistics.transform(batches[index][0]) for index in range(len(batches))]
    )


def _measures(truth, answers, prefix=""):
    uar = recall_score(truth, answers, labels=np.unique(truth), average="macro", zero_division=0.0)
    return {f"{prefix}accuracy": accuracy_score(truth, answers), f"{prefix}uar": float(uar)}


def _calibrate(pipeline, x, y):
    if hasattr(pipeline[-1], "calibrate"):
        pipeline[-1].calibrate(pipeline[:-1].transform(x), y)


def facts(folder, model):
    """Return the facts of a run that its kind of model decides.

    Returns:
        Dictionary of epochs (none) and parameters (None: nobody counts those of a forest), and
        of the device: scikit-learn computes on the processor, whatever Keras could use.
    """
    return {
        "epochs": {},
        "parameters": None,
        "device": f"{os.cpu_count()} processor cores, scikit-learn",
    }
