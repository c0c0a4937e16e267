"""keras-tuner's oracles, which say what is tried next, with files that a kill cannot break."""

import contextlib
import math
import os
import shutil
import traceback
from pathlib import Path

import keras_tuner
from keras_tuner import errors, oracles

from serkeras._files import read_json, write_json
from serkeras.tuning import space as spaces

CHIEF_FAILED = 3  # exit code of a chief that could not go on
_STATE, _TRIAL = "oracle.json", "trial.json"


class _Careful:
    """Writes its files whole or not at all, and takes up what a kill has left.

    keras-tuner opens a file and writes into it, so a kill leaves half of the search's state; and
    a trial that was begun between two files counts, but never runs. And where it raises an error it
    keeps its lock: a chief would hang, and all workers with it.
    """

    def create_trial(self, tuner_id):
        """Return the next trial, see keras-tuner."""
        with self._ending_a_chief():
            return super().create_trial(tuner_id)

    def update_trial(self, trial_id, metrics, step=0):
        """Take up measures, see keras-tuner."""
        with self._ending_a_chief():
            return super().update_trial(trial_id, metrics, step)

    def end_trial(self, trial):
        """Take up the end of a trial, see keras-tuner; a second end changes nothing.

        After the death of a chief a trial may be with two workers: who had it, and who took it up.
        """
        with self._ending_a_chief():
            if trial.trial_id not in self.end_order:
                super().end_trial(trial)
            ongoing = self.ongoing_trials.items()
            self.ongoing_trials = {me: t for me, t in ongoing if t.trial_id != trial.trial_id}
            self.save()  # keras-tuner's has the trial among the ongoing ones still

    @contextlib.contextmanager
    def _ending_a_chief(self):
        try:
            yield
        except Exception:
            if "chief" not in os.environ.get("KERASTUNER_TUNER_ID", ""):
                raise
            traceback.print_exc()
            os._exit(CHIEF_FAILED)

    def save(self):
        """Write the state."""
        write_json(self._get_oracle_fname(), self.get_state())

    def _save_trial(self, trial):
        write_json(Path(self._get_trial_dir(trial.trial_id)) / _TRIAL, trial.get_state())

    def reload(self):
        """Read the state; trials that it does not know were not begun."""
        folder = Path(self._project_dir)
        known = read_json(folder / _STATE)["start_order"]
        for path in folder.glob("trial_*"):
            if path.name.removeprefix("trial_") not in known:
                shutil.rmtree(path)
        super().reload()
        # A trial whose end was the last thing that was saved stands among the ongoing ones.
        self._retry_queue = [each for each in self._retry_queue if each not in self.end_order]


class _Hyperband(_Careful, oracles.HyperbandOracle):
    """Hyperband that goes on to its last round in a small space too.

    keras-tuner's ends when there is no untried choice left for the first round of a bracket: four
    learning rates would be tried for an epoch or two each, and none of them further. Here the
    round is then as large as it is, and the best of it go on.
    """

    def __init__(self, least_epochs, **settings):
        self._found = {}  # number of a bracket -> choices that there were for its first round
        self._least_epochs = least_epochs
        super().__init__(**settings)

    def populate_space(self, trial_id):
        """Say what is tried next, see keras-tuner.

        A choice that could not be fitted makes room for another one: keras-tuner would count it,
        and let as many fewer go on.
        """
        for bracket in self._brackets:
            first = bracket["rounds"][0]
            first[:] = [info for info in first if not self._has_failed(info["id"])]
        return super().populate_space(trial_id)

    def _has_failed(self, trial_id):
        known = self.trials.get(trial_id)
        return known is not None and known.status in ("FAILED", "INVALID")

    def _get_num_brackets(self):
        # keras-tuner has no argument for the epochs of the shortest trials.
        return 1 + int(math.log(self.max_epochs / self._least_epochs, self.factor) + 1e-9)

    def _start_new_bracket(self):
        self._found.pop(self._current_bracket, None)
        super()._start_new_bracket()

    def _random_trial(self, trial_id, bracket):
        given = super()._random_trial(trial_id, bracket)
        if given["status"] == "RUNNING":
            return given
        self._found[bracket["bracket_num"]] = len(bracket["rounds"][0])
        return self.populate_space(trial_id)

    def _get_size(self, bracket_num, round_num):
        size, found = super()._get_size(bracket_num, round_num), self._found.get(bracket_num)
        return size if found is None else min(size, math.ceil(found / self.factor**round_num))

    def get_state(self):
        """Return the state as JSON has it."""
        return {**super().get_state(), "found": list(self._found.items())}

    def set_state(self, state):
        """Take up a state."""
        super().set_state(state)
        self._found = dict(state["found"])


class _Random(_Careful, oracles.RandomSearchOracle):
    pass


class _Bayesian(_Careful, oracles.BayesianOptimizationOracle):
    pass


class _Grid(_Careful, oracles.GridSearchOracle):
    """Goes through the grid in order; keras-tuner's forgets where it was when it is reloaded."""

    def populate_space(self, trial_id):
        """Say what is tried next, see keras-tuner: what follows on the trial begun last."""
        if self.start_order:
            last = self.trials[self.start_order[-1]].hyperparameters.values
            values = self._get_next_combination(last)
        else:
            first = self.get_space()
            values = {hp.name: hp.default for hp in first.space if first.is_active(hp)}
        if values is None:
            return {"status": "IDLE" if self.ongoing_trials else "STOPPED"}
        return {"status": "RUNNING", "values": values}


def make(plan):
    """Return the oracle of a plan.

    Args:
        plan: `serkeras.tuning.plan.Plan`.
    """
    hp = keras_tuner.HyperParameters()
    spaces.declare(hp, plan.space)
    settings = {
        "objective": keras_tuner.Objective(plan.objective, plan.direction),
        "hyperparameters": hp,
        # keras-tuner takes 0 for no seed at all.
        "seed": plan.seed + 1,
        "allow_new_entries": False,
        "tune_new_entries": True,
    }
    if plan.tuner == "hyperband":
        budget = {"max_epochs": plan.max_epochs, "factor": plan.factor}
        budget |= {"hyperband_iterations": plan.iterations, "least_epochs": plan.min_epochs}
        oracle = _Hyperband(**settings, **budget)
    else:
        kind = {"random": _Random, "bayesian": _Bayesian, "grid": _Grid}[plan.tuner]
        oracle = kind(**settings, max_trials=plan.max_trials)
    oracle.verbose = 0  # there is a bar
    return oracle


class Chief:
    """The oracle of another process, as a worker asks it.

    A trial must not fail because the chief has died: keras-tuner would tell the next one so. Here
    the worker ends, and takes the trial up again when it is started again.

    Args:
        client: keras-tuner's `OracleClient`.
    """

    def __init__(self, client):
        self._client = client

    def __getattr__(self, name):
        found = getattr(self._client, name)
        return self._asking(found) if callable(found) else found

    def _asking(self, function):
        import grpc  # of keras-tuner; not needed where there is one process

        def ask(*args, **settings):
            try:
                return function(*args, **settings)
            except grpc.RpcError as error:
                reason = f"The chief of the search does not answer: {error.details()}"
                raise errors.FatalError(reason) from ConnectionError(reason)

        return ask


def values(trial, plan):
    """Return the values of a trial by the names of the space, those that are active.

    Args:
        trial: `keras_tuner.engine.trial.Trial`.
        plan: `serkeras.tuning.plan.Plan`.
    """
    return spaces.declare(trial.hyperparameters.copy(), plan.space)
