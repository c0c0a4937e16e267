"""One fit that survives a kill: history and a checkpoint are written after every epoch."""

import tempfile
import time
import warnings
import zipfile
from pathlib import Path

import keras
import numpy as np
import pandas as pd
from tqdm import tqdm

from serkeras._files import atomic_path, atomic_write
from serkeras.training import layer_rates
from serkeras.training.history import best_epoch, is_over, read_history


def seed_dropout(model, seed, epoch):
    """Give the model's random layers streams that (seed, epoch) alone decides.

    Keras saves no random state with a model: without this a resumed fit would drop other
    units than an uninterrupted one.
    """
    states = [v for v in model.variables if v.name == "seed_generator_state"]
    for index, state in enumerate(states):
        rng = np.random.default_rng([seed, epoch, index])
        state.assign(rng.integers(2**32, size=2, dtype=np.uint32))


def load_state(model, checkpoint):
    """Give a model the weights of a checkpoint, and its optimiser the state.

    Args:
        model: `keras.Model` of the same layers, compiled as that one was.
        checkpoint: path of a `.keras` file.

    Raises:
        ValueError: the file is no whole checkpoint.
    """
    with tempfile.TemporaryDirectory() as folder:
        # Keras reads straight out of the archive, which takes ten times as long.
        file = Path(folder) / "state.weights.h5"
        try:
            with zipfile.ZipFile(checkpoint) as archive:
                file.write_bytes(archive.read("model.weights.h5"))
        except zipfile.BadZipFile as error:
            raise ValueError(
                f"A checkpoint must be a whole .keras file. Received: {checkpoint} ({error}). "
                "Its disk has lost it: remove the folder checkpoints around it, and the fit begins "
                "again."
            ) from error
        model.load_weights(file)


class _Keeper(keras.callbacks.Callback):
    """Writes history and checkpoint after each epoch and stops the fit in time."""

    def __init__(self, fit, bar):
        super().__init__()
        self._fit, self._bar = fit, bar

    def on_epoch_begin(self, epoch, logs=None):
        self._began, self._epoch = time.perf_counter(), epoch
        self._fit.train.begin_epoch(epoch)
        seed_dropout(self.model, self._fit.seed, epoch)
        self._set_rate(epoch)
        self._told = layer_rates.begin_epoch(self.model.optimizer, epoch)

    def on_train_batch_begin(self, batch, logs=None):
        # Keras calls this once for all steps of an execution: they share a rate.
        if self._fit.schedule.by_batch:
            self._set_rate(self._epoch + batch / len(self._fit.train))

    def _set_rate(self, progress):
        losses = [row["val_loss"] for row in self._fit.rows]
        self.model.optimizer.learning_rate = self._fit.schedule.rate(progress, losses)

    def on_epoch_end(self, epoch, logs=None):
        values = {name: float(value) for name, value in logs.items()}
        if self._fit.validation is None:
            values |= {f"val_{name}": float("nan") for name in logs}
        seconds = round(time.perf_counter() - self._began, 2)
        # Mirrored on several devices a variable is no number.
        rate = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))
        told = {"epoch": epoch + 1, **values, "learning_rate": rate, **self._told}
        self._fit.keep(self.model, {**told, "seconds": seconds})
        self.model.stop_training = self._fit.over
        self._bar.set_postfix({name: f"{value:.3f}" for name, value in values.items()})
        self._bar.update()


class Fit:
    """A resumable fit of one phase ("search" or "final") of a run.

    Args:
        folder: the run folder.
        phase: name of the phase; rows of history.csv carry it.
        train, validation: `Batches`; without validation (None) history.csv has gaps for it.
        epochs: upper bound.
        schedule: `serkeras.training.schedules.Schedule` of the learning rate. A rate that changes
            from batch to batch is set once for the steps of an execution.
        seed: int; with the epoch it decides what dropout drops.
        monitor: what makes an epoch the best one, see `best_epoch`.
        patience: epochs without a better one before it stops; None never stops.
        keep_best: keep the model of the best epoch, at `best_checkpoint`.
    """

    def __init__(
        self,
        folder,
        phase,
        train,
        validation,
        epochs,
        schedule,
        seed=0,
        monitor="val_loss",
        patience=None,
        keep_best=False,
    ):
        self.folder, self.phase, self.seed = Path(folder), phase, seed
        self.train, self.validation, self.schedule = train, validation, schedule
        self.epochs, self.monitor, self.patience = epochs, monitor, patience
        self._keep_best = keep_best
        rows = read_history(folder)
        self._earlier = [row for row in rows if row["phase"] != phase]
        self.rows = [row for row in rows if row["phase"] == phase]

    @property
    def over(self):
        """Whether there is nothing left to fit."""
        return is_over(self.rows, self.epochs, self.patience, self.monitor)

    @property
    def best(self):
        """The 1-based best epoch so far."""
        return best_epoch(self.rows, self.monitor)

    @property
    def best_checkpoint(self):
        """File of the model of the best epoch so far."""
        return self.folder / "checkpoints" / f"best-{self.best:04d}.keras"

    @property
    def best_model(self):
        """The same, or that of an earlier version of the kit, which had one name for all."""
        old = self.folder / "checkpoints" / "best.keras"
        return self.best_checkpoint if self.best_checkpoint.is_file() else old

    @property
    def _checkpoints(self):
        return sorted((self.folder / "checkpoints").glob(f"{self.phase}-*.keras"))

    def run(self, build, callbacks=(), progress=True):
        """Fit until `over`, from the last checkpoint where there is one.

        Args:
            build: function without arguments that returns a compiled model whose optimiser has
                been built, the same one (but for its weights) whenever it is called.
            callbacks: further Keras callbacks.
            progress: show a bar with the time that is left.

        Returns:
            The model as it stands after the last epoch.
        """
        model = build()
        self._restore(model)
        if self.over:
            return model
        bar = tqdm(
            total=self.epochs,
            initial=len(self.rows),
            desc=f"{self.phase} (at most)" if self.patience else self.phase,
            unit="epoch",
            disable=not progress,
        )
        with bar:
            model.fit(
                self.train.for_keras(),
                validation_data=None if self.validation is None else self.validation.for_keras(),
                initial_epoch=len(self.rows),
                epochs=self.epochs,
                callbacks=[_Keeper(self, bar), *callbacks],
                shuffle=False,
                verbose=0,
            )
        return model

    def _restore(self, model):
        """Give a new model the state of the last checkpoint; forget epochs that came after it.

        What is frozen comes from the new model: a saved one may forget it, as one does whose
        layers keras_hub saves as a single layer.
        """
        found = self._checkpoints
        if not found:
            self.rows = []
            return
        self.rows = self.rows[: int(found[-1].stem.rsplit("-", 1)[1])]
        with warnings.catch_warnings():  # Keras only warns of a state that does not fit
            warnings.filterwarnings("error", "Skipping variable loading for optimizer")
            load_state(model, found[-1])

    def keep(self, model, row):
        """Record an epoch; a kill at any point leaves a state from which `run` goes on."""
        self.rows.append({"phase": self.phase, **row})
        with atomic_write(self.folder / "history.csv") as file:
            pd.DataFrame(self._earlier + self.rows).to_csv(file, index=False)
        older = self._checkpoints
        if self._keep_best and self.best == len(self.rows):
            bests = (self.folder / "checkpoints").glob("best*.keras")
            older += [path for path in bests if path != self.best_checkpoint]
            self._save(model, self.best_checkpoint)
        self._save(model, self.folder / "checkpoints" / f"{self.phase}-{len(self.rows):04d}.keras")
        # Only now: from a kill in between, `run` goes on from the epoch before, with its best.
        for path in older:
            path.unlink(missing_ok=True)

    @staticmethod
    def _save(model, path):
        with atomic_path(path, durable=True) as temporary:
            model.save(temporary)
