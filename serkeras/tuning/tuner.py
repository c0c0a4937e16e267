"""keras-tuner's loop around the trials of a plan; alone, or one of several workers."""

import time
from pathlib import Path

import filelock
from keras_tuner import errors
from keras_tuner.engine import base_tuner

from serkeras import audio
from serkeras._files import write_json
from serkeras.tuning import beginnings, oracles, trials

RECORD = "trial.json"
# A worker that waits for others asks so often.
_PAUSE_S = 0.5
_OF_TUNER = "tuner/"


class SearchTuner(base_tuner.BaseTuner):
    """Runs trials that the oracle, here or at a chief, asks for.

    Args:
        plan: `serkeras.tuning.plan.Plan`.
        development: `serkeras.tuning.development.Development`.
        folder: `pathlib.Path` of the search.
        told: function that is called with the record of each trial when it ends, a dictionary.
    """

    def __init__(self, plan, development, folder, told=None):
        self.plan, self.development, self.folder = plan, development, Path(folder)
        self._told, self._last = told, None
        super().__init__(oracles.make(plan), directory=str(self.folder), project_name="oracle")
        if self._is_worker():
            self.oracle = oracles.Chief(self.oracle)
        if not Path(self._get_tuner_fname()).is_file():
            self.save()  # a kill within the first trial goes on too

    def pre_create_trial(self):
        """Wait a moment where the last question brought nothing to do."""
        if self._last is None:
            time.sleep(_PAUSE_S if self._is_worker() else 0.0)
        self._last = None

    def run_trial(self, trial):
        """Run a trial; return its measures."""
        self._last = trial.trial_id
        values, given = oracles.values(trial, self.plan), trial.hyperparameters.values
        epochs = given.get(f"{_OF_TUNER}epochs", self.plan.max_epochs)
        start = given.get(f"{_OF_TUNER}trial_id")
        own = self.place(trial.trial_id)
        own.parent.mkdir(parents=True, exist_ok=True)
        record = {"trial": trial.trial_id, "values": values, "budget": epochs, "from": start}
        try:
            before = self.place(start) if start else None
            lock = filelock.FileLock(own.parent / f".{own.name}.lock")
            with lock, beginnings.counted(own, before):
                found = trials.run(self.plan, self.development, values, own, epochs, before)
        except (OSError, audio.AudioError) as error:
            raise errors.FatalError(str(error)) from error
        except Exception as error:
            # What a network cannot be made with, or no memory holds, is a choice not to take.
            self._keep(own, {**record, "state": "failed", "reason": str(error)})
            # For keras-tuner no number is a failure; an error it would print with its traceback.
            return {self.plan.objective: float("nan")}
        self._keep(own, {**record, "state": "finished", **found})
        return {name: found[name] for name in found if name.startswith("val_")}

    def place(self, trial_id):
        """Return the folder of a trial."""
        return self.folder / "trials" / trial_id

    def _keep(self, own, record):
        write_json(own / RECORD, record)
        if self._told:
            self._told(record)

    def save(self):
        """Write the state of the oracle, where it is here."""
        if not self._is_worker():
            self.oracle.save()
            write_json(self._get_tuner_fname(), {})

    def _get_tuner_fname(self):
        # One name for all: what one process began, several go on with.
        return str(Path(self.project_dir) / "tuner.json")
