"""The fit of a network: a search for the best epoch, then a final fit of so many epochs."""

import contextlib
import random
from functools import partial

import keras
import numpy as np

from serkeras import models
from serkeras._files import atomic_path
from serkeras.features import registry
from serkeras.training.batches import Batches
from serkeras.training.compiling import schedule
from serkeras.training.fit import Fit
from serkeras.training.history import read_history
from serkeras.training.network import builder, phase_seed

PHASES = ("search", "final")


@contextlib.contextmanager
def _own_random_state():
    """Leave the caller's `random` and `numpy.random` as they were: Keras seeds both."""
    python_state, numpy_state = random.getstate(), np.random.get_state()  # noqa: NPY002
    try:
        yield
    finally:
        random.setstate(python_state)
        np.random.set_state(numpy_state)  # noqa: NPY002


@_own_random_state()
def check(experiment):
    """Build the network once on the features of a silent clip, before any are computed.

    Args:
        experiment: `serkeras.config.Experiment`.

    Raises:
        ValueError: the model, the learning-rate rule or a setting of the model does not exist, or
            the network does not take features of this shape. Where clips keep their own length
            the shape is not known yet.
    """
    model, audio = experiment.model, experiment.audio
    models.builder(model.name)
    schedule(experiment.training)
    if audio.fit == "keep" and experiment.features.average != "time":
        return
    silence = np.zeros((1, audio.samples), np.float32)
    features = experiment.features.replace(in_graph=False)
    shape = registry.compute(silence, features, audio.sample_rate).shape[1:]
    # Two classes: how many there will be makes no difference to what fits.
    models.build(model.name, registry.model_shape(shape), 2, **model.settings)


@_own_random_state()
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
    return partial(_fit, sides, builder(sides.train, labels, experiment), experiment)


@_own_random_state()
def _fit(sides, build, experiment, folder, n_jobs, progress):
    # Keras has threads of its own: `n_jobs` is for classical models.
    _deterministic()
    settings = experiment.training
    validation = Batches(sides.validation, settings.batch_size)

    def phase(name, epochs, patience=None, keep_best=False):
        seed = phase_seed(experiment.seed, name)
        fit = Fit(
            folder,
            name,
            Batches(sides.train, settings.batch_size, seed),
            validation,
            epochs,
            schedule(settings, epochs),
            seed,
            settings.monitor,
            patience,
            keep_best,
        )
        callbacks = _tensorboard(folder / "tensorboard" / name)
        return fit, fit.run(lambda: build(seed), callbacks, progress)

    search, model = phase(
        "search", settings.epochs, settings.patience, keep_best=not settings.retrain
    )
    if settings.retrain:
        _, model = phase("final", search.best)
    else:
        model = keras.saving.load_model(folder / "checkpoints" / "best.keras")
    with atomic_path(folder / "model.keras") as temporary:
        # Without the optimiser's state: a third of the size.
        keras.Model(model.input, model.output, name=model.name).save(temporary)
    return model


def _deterministic():
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()


def _tensorboard(folder):
    if keras.backend.backend() != "tensorflow":
        return ()
    return (keras.callbacks.TensorBoard(str(folder), write_graph=False),)


def facts(folder, model):
    """Return the facts of a run that its kind of model decides.

    Returns:
        Dictionary of epochs (dictionary by phase) and parameters (int).
    """
    history = read_history(folder)
    epochs = {name: sum(row["phase"] == name for row in history) for name in PHASES}
    return {"epochs": epochs, "parameters": model.count_params()}
