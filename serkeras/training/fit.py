"""One fit that survives a kill: history and a checkpoint are written after every epoch."""

import time
from pathlib import Path

import keras
import numpy as np
import pandas as pd
from tqdm import tqdm

from serkeras._files import atomic_path, atomic_write
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

    def on_train_batch_begin(self, batch, logs=None):
        if self._fit.schedule.by_batch:
            self._set_rate(self._epoch + batch / len(self._fit.train))

    def _set_rate(self, progress):
        losses = [row["val_loss"] for row in self._fit.rows]
        self.model.optimizer.learning_rate = self._fit.schedule.rate(progress, losses)

    def on_epoch_end(self, epoch, logs=None):
        values = {name: float(value) for name, value in logs.items()}
        seconds = round(time.perf_counter() - self._began, 2)
        rate = float(self.model.optimizer.learning_rate)
        told = {"epoch": epoch + 1, **values, "learning_rate": rate, "seconds": seconds}
        self._fit.keep(self.model, told)
        self.model.stop_training = self._fit.over
        self._bar.set_postfix({name: f"{value:.3f}" for name, value in values.items()})
        self._bar.update()


class Fit:
    """A resumable fit of one phase ("search" or "final") of a run.

    Args:
        folder: the run folder.
        phase: name of the phase; rows of history.csv carry it.
        train, validation: `Batches`.
        epochs: upper bound.
        schedule: `serkeras.training.schedules.Schedule` of the learning rate.
        seed: int; with the epoch it decides what dropout drops.
        monitor: what makes an epoch the best one, see `best_epoch`.
        patience: epochs without a better one before it stops; None never stops.
        keep_best: keep the model of the best epoch in `checkpoints/best.keras`.
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
    def _checkpoints(self):
        return sorted((self.folder / "checkpoints").glob(f"{self.phase}-*.keras"))

    def run(self, build, callbacks=(), progress=True):
        """Fit until `over`, from the last checkpoint where there is one.

        Args:
            build: function without arguments that returns a compiled model.
            callbacks: further Keras callbacks.
            progress: show a bar with the time that is left.

        Returns:
            The model as it stands after the last epoch.
        """
        model = self._restore() or build()
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
                validation_data=self.validation.for_keras(),
                initial_epoch=len(self.rows),
                epochs=self.epochs,
                callbacks=[_Keeper(self, bar), *callbacks],
                shuffle=False,
                verbose=0,
            )
        return model

    def _restore(self):
        """Return the model of the last checkpoint and forget epochs that came after it."""
        found = self._checkpoints
        if not found:
            self.rows = []
            return None
        self.rows = self.rows[: int(found[-1].stem.rsplit("-", 1)[1])]
        return keras.saving.load_model(found[-1])

    def keep(self, model, row):
        """Record an epoch; a kill at any point leaves a state from which `run` goes on."""
        self.rows.append({"phase": self.phase, **row})
        with atomic_write(self.folder / "history.csv") as file:
            pd.DataFrame(self._earlier + self.rows).to_csv(file, index=False)
        if self._keep_best and self.best == len(self.rows):
            self._save(model, self.folder / "checkpoints" / "best.keras")
        older = self._checkpoints
        self._save(model, self.folder / "checkpoints" / f"{self.phase}-{len(self.rows):04d}.keras")
        for path in older:
            path.unlink()

    @staticmethod
    def _save(model, path):
        with atomic_path(path) as temporary:
            model.save(temporary)
