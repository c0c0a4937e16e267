"""The fit of a network: a search for the best epoch, then a final fit of so many epochs."""

from functools import partial

import keras
import numpy as np

from serkeras import models
from serkeras._files import atomic_path
from serkeras.features import registry
from serkeras.training import by_speaker, devices, frozen_fit, layer_rates
from serkeras.training.batches import Batches
from serkeras.training.compiling import make_repeatable, schedule
from serkeras.training.fit import Fit, load_state
from serkeras.training.history import read_history
from serkeras.training.network import builder, phase_seed
from serkeras.training.random_state import own_random_state

# Of published speech networks.
_RATES = {"ssl": 16000, "mmfusion": 16000}
PHASES = ("search", "final")


@own_random_state()
def check(experiment):
    """Build the network once on the features of a silent clip, before any are computed.

    Args:
        experiment: `serkeras.config.Experiment`.

    Raises:
        ValueError: the model, the learning-rate rule or a setting of the model does not exist, or
            the network does not take features of this shape, or clips at this rate. Where
            clips keep their own length the shape is not known yet.
    """
    model, audio = experiment.model, experiment.audio
    models.builder(model.name)
    schedule(experiment.training)
    layer_rates.check(experiment.training.layer_rates)
    by_speaker.check(experiment)
    devices.check(experiment)
    _check_rate(experiment)
    features = experiment.features
    if audio.fit == "keep" and features.average != "time" and features.frames is None:
        return
    silence = np.zeros((1, audio.samples), np.float32)
    shape = registry.compute(silence, features.replace(in_graph=False), audio.sample_rate).shape[1:]
    # Two classes: how many there will be makes no difference to what fits.
    models.build(model.name, registry.model_shape(shape), 2, **model.settings)


def _check_rate(experiment):
    model, rate = experiment.model, experiment.audio.sample_rate
    wanted = model.settings.get("sample_rate", _RATES.get(model.name))
    if model.name in _RATES and rate != wanted:
        raise ValueError(
            f"The model {model.name!r} has learned from speech at {wanted} Hz. "
            f"Received: audio.sample_rate={rate}. Set it to {wanted}."
        )


@own_random_state()
def prepare(sides, labels, experiment):
    """Build the network once, to check all settings, and return the fit.

    Args:
        sides: `serkeras.training.sides.Sides`.
        labels: list of str, the classes in order.
        experiment: `serkeras.config.Experiment`.

    Returns:
        Function `(folder, n_jobs, progress)` that fits, writes history.csv and model.keras and
        returns the `keras.Model`.

    Raises:
        ValueError: see `serkeras.training.network.builder`.
    """
    build = builder(sides.train, labels, experiment)
    build(0)  # raises now, not after the run folder is made
    return partial(_fit, sides, labels, build, experiment)


@own_random_state()
def _fit(sides, labels, build, experiment, folder, n_jobs, progress):
    # Keras has threads of its own: `n_jobs` is for classical models.
    settings = experiment.training
    phase = partial(_phase, folder, experiment, progress)
    given, epochs = [sides.train, sides.validation], settings.epochs
    kept = not settings.retrain and not settings.learns_validation
    if settings.retrain or kept:
        search, learner, model = phase(
            "search", given, build, epochs, settings.patience, keep_best=kept
        )
        epochs = search.best
    if settings.learns_validation:
        given, build = [sides.both], builder(sides.both, labels, experiment)
    if kept:
        load_state(learner, search.best_model)
    else:
        _, _, model = phase("final", given, build, epochs)
    model = _on_one_device(model, build, settings)
    with atomic_path(folder / "model.keras", durable=True) as temporary:
        # Without the optimiser's state: a third of the size.
        keras.Model(model.input, model.output, name=model.name).save(temporary)
    return model


def _phase(folder, experiment, progress, name, given, build, epochs, patience=None, **kept):
    """Fit one phase of a run; return the fit, what learned, and the whole model.

    Of the sides in `given` the first is learned; a second one validates.
    """
    settings = experiment.training
    make_repeatable(settings)
    seed = phase_seed(experiment.seed, name, settings.member)
    shares = devices.count(settings.devices)
    with devices.variables(shares):
        whole = build(seed)
        learner, given = frozen_fit.prepare(folder, name, whole, given, settings, progress)
    fit = Fit(
        folder,
        name,
        Batches(given[0], settings.batch_size, seed, shares=shares, mixup=settings.mixup),
        Batches(given[1], settings.batch_size, shares=shares) if given[1:] else None,
        epochs,
        # A search that is cut short follows the rule of the whole one.
        schedule(settings, settings.epochs if name == "search" else epochs),
        seed,
        settings.monitor,
        patience,
        **kept,
    )
    with devices.steps(shares):
        fit.run(lambda: learner, _tensorboard(folder / "tensorboard" / name), progress)
    return fit, learner, whole


def _on_one_device(model, build, settings):
    """Return a fitted model as it is used and saved: predicting shares nothing out."""
    if devices.count(settings.devices) == 1:
        return model
    alone = build(0)
    alone.set_weights(model.get_weights())
    return alone


@own_random_state()
def search(sides, labels, experiment, folder, epochs, progress=True):
    """Fit up to a number of epochs, or go on to it, and return the model of the best one.

    Args:
        sides: `serkeras.training.sides.Sides`; the test side is not looked at.
        labels: list of str, the classes in order.
        experiment: `serkeras.config.Experiment`; its `training.epochs` is the length that the
            learning-rate rule counts with.
        folder: `pathlib.Path` where history and checkpoints are kept; with those of an earlier
            call with fewer epochs the fit goes on from there, its optimiser too.
        epochs: int, at most.
        progress: show a bar.

    Returns:
        `keras.Model` and the row of its epoch, a dictionary as in history.csv, with "epochs", how
        many there were.

    Raises:
        ValueError: see `serkeras.training.network.builder`.
    """
    build = builder(sides.train, labels, experiment)
    patience = experiment.training.patience
    given = [sides.train, sides.validation]
    fit, learner, model = _phase(
        folder, experiment, progress, "search", given, build, epochs, patience, keep_best=True
    )
    load_state(learner, fit.best_model)
    model = _on_one_device(model, build, experiment.training)
    return model, {**fit.rows[fit.best - 1], "epochs": len(fit.rows)}


def _tensorboard(folder):
    if keras.backend.backend() != "tensorflow":
        return ()
    return (keras.callbacks.TensorBoard(str(folder), write_graph=False),)


def facts(folder, model):
    """Return the facts of a run that its kind of model decides.

    Returns:
        Dictionary of epochs (dictionary by phase), parameters (int) and frozen_cached (name of
        the layer up to which the network was computed once, or None).
    """
    history = read_history(folder)
    epochs = {name: sum(row["phase"] == name for row in history) for name in PHASES}
    return {
        "epochs": epochs,
        "parameters": model.count_params(),
        "frozen_cached": frozen_fit.layer(folder),
    }
