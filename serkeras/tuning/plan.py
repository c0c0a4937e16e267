"""What a search is: experiment, space, tuner and budget, and a name that says all of it."""

import hashlib
import json
import math
from dataclasses import dataclass
from pathlib import Path

from serkeras import models, runs
from serkeras.config import Experiment
from serkeras.config.base import Config, require
from serkeras.training import inherited
from serkeras.tuning import space as spaces

TUNERS = ("hyperband", "random", "bayesian", "grid")
OBJECTIVES = {"val_uar": "max", "val_accuracy": "max", "val_macro_f1": "max", "val_loss": "min"}


_BEFORE = "Give it for all trials, outside of the space: the parts are cut before the first one."
_AFTER = "Give it outside of the space: trials keep their best epoch, the last `train` follows it."
# Settings that are the same in every trial, whatever a space says, and what to do instead.
_FIXED = {
    **dict.fromkeys(("data", "label_scheme", "split", "seed"), _BEFORE),
    **dict.fromkeys(("recipe", "members", "combine"), "Give it to `train`: a trial is one run."),
    **dict.fromkeys(("training.retrain", "training.fit_sides"), _AFTER),
    "training.epochs": "Give max_epochs (--max-epochs): every trial has so many, and its best one.",
    "training.member": "Give repeats (--repeats), or seed (--seed) for another split too.",
}


@dataclass(frozen=True)
class Plan(Config):
    """All that decides a search, but for its data.

    Attributes:
        experiment: what every trial starts from; its split keeps the test side apart.
        space: see `serkeras.tuning.space.check`; without what is the same in every trial.
        tuner: "hyperband", "random", "bayesian" or "grid".
        objective: "val_uar", "val_accuracy", "val_macro_f1" or "val_loss": of the best epoch, the
            mean over folds and repeats.
        max_trials: trials of all tuners but Hyperband, which counts its own; "grid" ends by
            itself too.
        max_epochs: the most epochs of a trial.
        min_epochs: of Hyperband, those of the shortest trials: after one epoch luck decides more
            than merit.
        factor: of Hyperband: a third (of 3) of the trials goes on with three times the epochs.
        iterations: of Hyperband, how many times all of its brackets are gone through.
        folds: 0 judges trials on the split's validation side; 2 or more on so many folds of
            training and validation side together, speakers apart where the split has them so.
        repeats: fits of each trial that differ in first weights and order.
        seed: of the tuner's draws.
    """

    experiment: Experiment
    space: dict
    tuner: str = "hyperband"
    objective: str = "val_uar"
    max_trials: int = 20
    max_epochs: int = 30
    min_epochs: int = 1
    factor: int = 3
    iterations: int = 1
    folds: int = 0
    repeats: int = 1
    seed: int = 0

    def __post_init__(self):
        spaces.check(self.space)
        # Other tuners do not read it: a recipe's own may be more than the epochs asked for.
        most = self.max_epochs if self.tuner == "hyperband" else math.inf
        require(
            self,
            {
                "tuner": (self.tuner in TUNERS, f"one of {TUNERS}"),
                "objective": (self.objective in OBJECTIVES, f"one of {tuple(OBJECTIVES)}"),
                "max_trials": (self.max_trials >= 1, "1 or more"),
                "max_epochs": (self.max_epochs >= 1, "1 or more"),
                "min_epochs": (1 <= self.min_epochs <= most, "from 1 to max_epochs"),
                "factor": (self.factor >= 2, "2 or more"),
                "iterations": (self.iterations >= 1, "1 or more"),
                "folds": (self.folds == 0 or self.folds >= 2, "0, or 2 and more"),
                "repeats": (self.repeats >= 1, "1 or more"),
                "seed": (self.seed >= 0, "0 or more"),
            },
        )
        if self.is_classical and (self.tuner == "hyperband" or self.objective == "val_loss"):
            raise ValueError(
                "A classical model has neither epochs nor a loss that a search could follow. "
                f"Received: {self.experiment.model.name!r} with tuner={self.tuner!r} and "
                f"objective={self.objective!r}. Choose another tuner or objective."
            )

    @property
    def direction(self):
        """Whether the objective is to be large ("max") or small ("min")."""
        return OBJECTIVES[self.objective]

    @property
    def is_classical(self):
        """Whether the model has no epochs."""
        return models.is_classical(self.experiment.model.name)

    def digest(self, data):
        """Return the hash that names a search: of all of this, and of its data.

        Args:
            data: hash of the clips, see `serkeras.tuning.development.Development`.
        """
        told = json.dumps([self.to_dict(), data], sort_keys=True)
        return hashlib.sha256(told.encode()).hexdigest()[:10]

    def folder(self, data):
        """Return where the search goes when nobody says.

        `artifacts/searches/RECIPE-DATA-SPLIT-seedN-HASH`.
        """
        name = f"{runs.default_folder(self.experiment).name}-{self.digest(data)}"
        return Path("artifacts/searches") / name

    def trial(self, values):
        """Return the experiment of a trial.

        Args:
            values: dictionary from names of the space to values.

        Raises:
            ValueError: the experiment has no such setting, or refuses a value.
            FileNotFoundError: the values name a run that there is not.
        """
        changed = self.experiment.with_settings(spaces.settings(values, self.experiment))
        found = inherited.resolve(changed)
        if self.is_classical:
            return found
        # The best epoch is judged as it is: a second fit would only cost time.
        short = {"epochs": self.max_epochs, "retrain": False, "fit_sides": "train"}
        return found.with_settings({f"training.{name}": value for name, value in short.items()})


def check_names(space):
    """Refuse settings whose trials would all be the same experiment.

    Searches that were begun before this was refused can still be opened.

    Args:
        space: see `serkeras.tuning.space.check`.

    Raises:
        ValueError: names the setting, and what to do instead.
    """
    for name in space:
        # A place in a list, such as "data.0", is named by what stands before it.
        remedy = _FIXED.get(name) or _FIXED.get(name.rpartition(".")[0])
        if remedy:
            raise ValueError(
                "A space must name settings that differ from trial to trial. Received: "
                f"{name!r}, which the search itself sets or has settled before. {remedy}"
            )
