"""`train`: the whole way from recordings to an illustrated result."""

import hashlib
import logging
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from serkeras import datasets, recipes, runs, splits
from serkeras._files import atomic_path, atomic_write, cache_dir, read_json, write_json
from serkeras.config import Experiment
from serkeras.features import cache

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Side:
    """Features and targets of one side of a split.

    Attributes:
        x: float32 memory map `(rows, bins, frames)`; noisy copies are rows too.
        y: int32 array `(rows,)`, class indices.
        rows: DataFrame aligned with `x`: clip, emotion, copy.
    """

    x: np.ndarray
    y: np.ndarray
    rows: pd.DataFrame


def train(
    recipe,
    data=None,
    split=None,
    seed=None,
    out=None,
    label_scheme=None,
    settings=None,
    overwrite=False,
    on_error="raise",
    n_jobs=None,
    progress=True,
):
    """Train a recipe, evaluate it once on the test side and write a run folder.

    An interrupted call goes on from its last epoch when it is made again.

    Args:
        recipe: name of a recipe, path of a recipe file, or an `Experiment`.
        data: list of corpora ("ravdess", "tess=DIR", "my.csv", "my_folder" or a DataFrame with
            the columns path and emotion); default: the built-in synthetic corpus.
        split: kind of split, see `serkeras.splits.make`; default "speaker".
        seed: int; default 0.
        out: run folder; default `artifacts/runs/RECIPE-DATA-SPLIT-seedN`.
        label_scheme: "own", "seven" or "four".
        settings: dictionary of dotted settings, such as `{"training.epochs": 5}`.
        overwrite: replace a run that stands in `out`.
        on_error: "raise" stops at a clip that cannot be read; "skip" leaves it out and
            lists it in `failed.csv`.
        n_jobs: threads for the features; None is all cores.
        progress: show progress bars.

    Returns:
        `serkeras.runs.Run`.

    Raises:
        ValueError: unknown recipe, setting, split or corpus, or a split that leaks.
        FileExistsError: `out` holds a finished run or another experiment.
    """
    experiment = _experiment(recipe, data, split, seed, label_scheme, settings)
    folder = out or runs.default_folder(experiment)
    with runs.locked(folder):
        # Nothing is written before the data and the split are known to be sound.
        runs.check_free(folder, experiment, overwrite)
        clips = datasets.load_many(experiment.data, experiment.label_scheme)
        sides = _split(folder, clips, experiment, overwrite)
        folder = runs.prepare(folder, experiment, overwrite)
        write_json(folder / "split.json", sides.to_dict())
        labels = sorted(set(clips["emotion"]))
        features = _features(folder, sides, labels, experiment, on_error, n_jobs, progress)
        model, rows = _fit(folder, features, labels, experiment, progress)
        _evaluate(folder, model, rows, features["test"], sides, labels, experiment)
        # The model is written after the figures it is judged by, metrics.json last of all:
        # a folder that has it is a finished run.
        shutil.rmtree(folder / "checkpoints", ignore_errors=True)
    _report(folder)
    return runs.Run(folder)


def _experiment(recipe, data, split, seed, label_scheme, settings):
    """Return the recipe's experiment with what the caller asked to be different."""
    start = recipe if isinstance(recipe, Experiment) else recipes.load(recipe)
    if data is not None:
        listed = [data] if isinstance(data, (str, os.PathLike, pd.DataFrame)) else data
        data = [_spec(item) for item in listed]
    asked = {"data": data, "split": split, "seed": seed, "label_scheme": label_scheme}
    changed = {name: value for name, value in asked.items() if value is not None}
    return start.with_settings({**changed, **(settings or {})})


def _spec(item):
    """Return the words that name a data set; a DataFrame is kept as a CSV file in the cache."""
    if not isinstance(item, pd.DataFrame):
        return os.fspath(item)
    text = datasets.load_own(item).to_csv(index=False)
    name = hashlib.sha256(text.encode()).hexdigest()[:16]
    path = cache_dir() / "tables" / f"table-{name}.csv"
    with atomic_write(path) as file:
        file.write(text)
    return str(path)


def _split(folder, clips, experiment, overwrite):
    """Make the split, or read the one that the interrupted run made."""
    path = Path(folder) / "split.json"
    if path.is_file() and not overwrite:
        return splits.Split.from_dict(read_json(path), clips)
    return splits.make(clips, experiment.split, seed=experiment.seed)


def _features(folder, sides, labels, experiment, on_error, n_jobs, progress):
    """Return `{"train": Side, "validation": Side, "test": Side}`; only training is augmented."""
    found, failed = {}, []
    for name in ("train", "validation", "test"):
        extracted = cache.extract(
            getattr(sides, name),
            audio=experiment.audio,
            features=experiment.features,
            augment=experiment.augment if name == "train" else None,
            seed=experiment.seed,
            n_jobs=n_jobs,
            on_error=on_error,
            progress=progress,
        )
        index = {label: number for number, label in enumerate(labels)}
        y = extracted.rows["emotion"].map(index).to_numpy(np.int32)
        found[name] = Side(extracted.x, y, extracted.rows)
        failed.append(extracted.failed.assign(side=name))
    _keep_failed(folder, pd.concat(failed, ignore_index=True))
    return found


def _keep_failed(folder, failed):
    if failed.empty:
        return
    _log.warning("%d clips could not be read and were left out: failed.csv", len(failed))
    with atomic_write(folder / "failed.csv") as file:
        failed.to_csv(file, index=False)


def bin_statistics(x, chunk=256):
    """Return mean and variance of each bin over rows and frames, two float64 arrays `(bins,)`.

    Args:
        x: array or memory map `(rows, bins, frames)`, read in chunks.
        chunk: rows read at once.
    """
    total, squares = 0.0, 0.0
    for start in range(0, len(x), chunk):
        part = np.asarray(x[start : start + chunk], dtype=np.float64)
        total = total + part.sum(axis=(0, 2))
        squares = squares + (part**2).sum(axis=(0, 2))
    count = x.shape[0] * x.shape[2]
    mean = total / count
    return mean, np.maximum(squares / count - mean**2, 0.0)


def _builder(train_side, labels, experiment):
    """Return a function from a seed to the compiled model, normalisation inside it."""
    import keras

    from serkeras import models

    mean, variance = bin_statistics(train_side.x)
    # A bin that never changes is only centred.
    deviation = np.where(variance > 1e-12, np.sqrt(variance), 1.0)
    shape = (*train_side.x.shape[1:], 1)

    def build(seed):
        keras.utils.set_random_seed(seed)
        network = models.build(
            experiment.model.name, shape, len(labels), **experiment.model.settings
        )
        inputs = keras.Input(shape, name="features")
        scale = keras.layers.Rescaling(
            _per_bin(1 / deviation), _per_bin(-mean / deviation), name="scale"
        )
        model = keras.Model(inputs, network(scale(inputs)), name=f"{network.name}_scaled")
        model.compile(
            keras.optimizers.Adam(experiment.training.learning_rate),
            loss="sparse_categorical_crossentropy",
            metrics=["accuracy"],
        )
        return model

    return build


def _per_bin(values):
    """Return `(bins,)` numbers as nested lists that broadcast over `(bins, frames, 1)`.

    `Rescaling` keeps them in the model's configuration, not in its weights. `Normalization`
    would say more plainly what is meant, but no form of its mean suits both Keras 3.13 and 3.15.
    """
    return values[:, None, None].tolist()


def _fit(folder, features, labels, experiment, progress):
    """Fit, then fit again for the best number of epochs; return the model and its history."""
    import keras

    from serkeras.training.batches import Batches
    from serkeras.training.fit import Fit, read_history

    _deterministic(keras.backend.backend())
    settings = experiment.training
    train_side, validation_side = features["train"], features["validation"]
    validation = Batches(validation_side.x, validation_side.y, settings.batch_size)
    build = _builder(train_side, labels, experiment)

    def phase(name, epochs, patience=None, keep_best=False):
        seed = phase_seed(experiment.seed, name)
        train_batches = Batches(train_side.x, train_side.y, settings.batch_size, seed)
        fit = Fit(
            folder,
            name,
            train_batches,
            validation,
            epochs,
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
        model = keras.saving.load_model(folder / "best.keras")
    with atomic_path(folder / "model.keras") as temporary:
        # Without the optimiser's state: a third of the size.
        keras.Model(model.input, model.output, name=model.name).save(temporary)
    return model, read_history(folder)


def phase_seed(seed, phase):
    """Return the seed of initial weights, order and dropout of one phase of a run.

    With the search's own seed the final fit would only repeat it up to its best epoch; drawn
    anew it is the independent second training of the source's procedure.
    """
    return int(np.random.default_rng([seed, *phase.encode()]).integers(2**31))


def _deterministic(backend):
    if backend == "tensorflow":
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()


def _tensorboard(folder):
    import keras

    if keras.backend.backend() != "tensorflow":
        return ()
    return (keras.callbacks.TensorBoard(str(folder), write_graph=False),)


def _evaluate(folder, model, history, test, sides, labels, experiment):
    """Predict the test side, once, and write predictions.csv and metrics.json."""
    from serkeras.evaluation import metrics
    from serkeras.training.batches import Batches

    batches = Batches(test.x, batch_size=experiment.training.batch_size)
    probabilities = model.predict(batches.for_keras(), verbose=0)
    clips = sides.test.set_index("clip").loc[test.rows["clip"]].reset_index()
    result = metrics.evaluate(test.y, probabilities, labels, clips, seed=experiment.seed)
    write_predictions(folder / "predictions.csv", clips, probabilities, labels)
    facts = _facts(model, history, experiment)
    learned = pd.concat([sides.train["speaker"], sides.validation["speaker"]])
    facts["learned_speakers"] = sorted(learned.dropna().unique())
    write_json(folder / "metrics.json", {**result, "run": facts})


def write_predictions(path, clips, probabilities, labels):
    """Write one row a clip: the manifest's columns, what the model said, its probabilities."""
    table = clips[["clip", "path", "corpus", "speaker", "sex", "emotion"]].copy()
    table["predicted"] = [labels[index] for index in probabilities.argmax(axis=1)]
    for index, label in enumerate(labels):
        table[f"p_{label}"] = probabilities[:, index]
    with atomic_write(path) as file:
        table.to_csv(file, index=False)


def _facts(model, history, experiment):
    """Return what a reader needs to judge the figures and to make them again."""
    return {
        "recipe": experiment.recipe,
        "data": list(experiment.data),
        "label_scheme": experiment.label_scheme,
        "split": experiment.split,
        "seed": experiment.seed,
        "epochs": {
            phase: sum(row["phase"] == phase for row in history) for phase in ("search", "final")
        },
        "parameters": model.count_params(),
        "seconds": round(sum(row["seconds"] for row in history), 1),
        "device": runs.device(),
        "versions": runs.versions(),
        "commit": runs.commit(),
    }


def _report(folder):
    from serkeras.evaluation import report

    report.write(folder)
