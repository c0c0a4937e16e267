"""A run folder: what was asked, how it went, and the model that came out."""

import contextlib
import json
import re
import shlex
import shutil
from functools import cached_property
from pathlib import Path

import filelock
import pandas as pd

from serkeras import datasets
from serkeras._files import read_csv, read_json, write_json
from serkeras.config import Experiment

# Of predictions.csv; behind them one column "p_<label>" a class.
PREDICTION_COLUMNS = ("clip", "path", "corpus", "speaker", "sex", "emotion", "predicted")


class Run:
    """A finished run, read from its folder.

    Args:
        folder: path that `serkeras.train` or `python -m serkeras train` wrote.

    Attributes:
        folder: `pathlib.Path`.
        experiment: `serkeras.config.Experiment`.

    Raises:
        FileNotFoundError: the folder holds no run.
    """

    def __init__(self, folder):
        self.folder = Path(folder)
        if not (self.folder / "experiment.json").is_file():
            raise FileNotFoundError(
                "A run must be a folder with experiment.json in it. "
                f"Received: {self.folder}. Give the folder that `train` printed."
            )
        self.experiment = Experiment.from_dict(read_json(self.folder / "experiment.json"))

    @property
    def finished(self):
        """Whether the run came to its end: its checkpoints are removed last of all.

        The last file of an ensemble is ensemble.json.
        """
        last = "metrics.json" if self.experiment.members == 1 else "ensemble.json"
        return (self.folder / last).is_file() and not (self.folder / "checkpoints").exists()

    @cached_property
    def metrics(self):
        """Dictionary of metrics.json; `metrics["uar"]` has value, low and high."""
        if not self.finished:
            raise FileNotFoundError(
                f"A run must be finished to have metrics. Received: {self.folder}, which was "
                "interrupted. Give its `train` command again: it goes on where it stopped."
            )
        return read_json(self.folder / "metrics.json")

    @property
    def speaker_disjoint(self):
        """Whether no test speaker stands in training; None where speakers are not all known."""
        return read_json(self.folder / "split.json")["speaker_disjoint"]

    def clips(self, side):
        """Return the ids of the clips of a side, list of str.

        Args:
            side: "train", "validation" or "test".

        Raises:
            FileNotFoundError: the run was packed to be shared, without the names of its clips.
        """
        split = read_json(self.folder / "split.json")
        if side not in split:
            raise FileNotFoundError(
                f"A run must know the clips of its side {side!r} for this. Received: "
                f"{self.folder}, which was packed to be shared without them. Use the run that it "
                "was packed from."
            )
        return split[side]

    @property
    def labels(self):
        """Emotion of each output of the model, in order."""
        return self.metrics["labels"]

    @cached_property
    def history(self):
        """DataFrame with one row an epoch: phase, epoch, losses, accuracies, seconds.

        Of a classical model one row a fit: phase, settings (JSON), accuracy, uar, val_accuracy,
        val_uar, seconds.
        """
        return pd.read_csv(self.folder / "history.csv")

    @cached_property
    def predictions(self):
        """DataFrame with one row a test clip: what it was and what the model said.

        Raises:
            FileNotFoundError: the run was packed to be shared, without what it said of each clip.
        """
        return self._said("predictions.csv", "what it said of each test clip")

    @cached_property
    def validation(self):
        """DataFrame like `predictions`, of the validation side.

        Raises:
            FileNotFoundError: the run is from before validation.csv was kept, or it has learned
                from its validation side.
        """
        if self.experiment.training.learns_validation:
            raise FileNotFoundError(
                "A run must have kept its validation side apart for what is fitted with it. "
                f"Received: {self.folder}, which has learned from it too. Train it with "
                "training.fit_sides=train."
            )
        return self._said("validation.csv", "what is fitted on the validation side")

    def _said(self, name, what):
        path = self.folder / name
        if not path.is_file():
            raise FileNotFoundError(
                f"A run must hold {name} for {what}. Received: {self.folder}, which has none: "
                "it is of an older version, or packed to be shared. Train it again, or use the "
                "run that it was packed from."
            )
        return read_csv(path, PREDICTION_COLUMNS)

    @cached_property
    def model(self):
        """Model to probabilities, from what `serkeras.serving.network_inputs` returns.

        That is features `(clips, bins, frames, 1)` and the like; waveforms `(clips, samples, 1)`
        where the features are computed in the graph. A `keras.Model`, or a
        `serkeras.models.classical.ClassicalModel`, which has `predict` and `predict_on_batch`
        and refuses what needs Keras.

        Raises:
            ValueError: the folder holds an ensemble, which has a model a member.
        """
        if self.experiment.members > 1:
            refuse_several(self.folder)
        if (self.folder / "model.skops").is_file():
            from serkeras.models import classical

            return classical.load(self.folder / "model.skops")
        import keras

        file = self.folder / "model.keras"
        # A packed run has the parts of that file beside its own.
        return keras.saving.load_model(file if file.is_file() else self.folder, safe_mode=True)

    def __repr__(self):
        if not self.finished:
            return f"Run({str(self.folder)!r}, unfinished)"
        uar = self.metrics["uar"]
        interval = f"{uar['value']:.3f} [{uar['low']:.3f}, {uar['high']:.3f}]"
        return f"Run({str(self.folder)!r}, {self.experiment.recipe}, UAR {interval})"


def speaker_disjoint(runs):
    """Return what holds for the test speakers of all runs: False, None or True, the worst."""
    found = {run.speaker_disjoint for run in runs}
    return next(case for case in (False, None, True) if case in found)


def refuse_several(folder):
    """Raise for an ensemble where one model is wanted."""
    raise ValueError(
        f"A run must have one model. Received: {folder}, an ensemble. Take one of its members, or "
        "serkeras.predict, which asks all of them."
    )


def predictions_table(clips, probabilities, labels):
    """Return what a model said as predictions.csv has it.

    Args:
        clips: manifest rows.
        probabilities: float array `(clips, classes)`.
        labels: emotion of each class.

    Returns:
        DataFrame with `PREDICTION_COLUMNS` and a column p_<label> a class.
    """
    said = [labels[index] for index in probabilities.argmax(axis=1)]
    table = clips.assign(predicted=said)[list(PREDICTION_COLUMNS)]
    return table.assign(**{f"p_{label}": probabilities[:, i] for i, label in enumerate(labels)})


def train_words(experiment):
    """Return the words of the command that trains an experiment's recipe, without settings."""
    words = ["python", "-m", "serkeras", "train", experiment.recipe]
    for spec in experiment.data:
        words += ["--data", spec]
    words += ["--label-scheme", experiment.label_scheme, "--split", experiment.split]
    return [*words, "--seed", str(experiment.seed)]


def whole_command(experiment):
    """Return the command that trains an experiment, with the settings that are not its recipe's.

    Args:
        experiment: `serkeras.config.Experiment` whose recipe ships with the kit.
    """
    from serkeras import recipes

    words = train_words(experiment)
    for name, value in recipes.changes(experiment).items():
        words += ["--set", f"{name}={value if isinstance(value, str) else json.dumps(value)}"]
    return shlex.join(words)


def default_folder(experiment):
    """Return where a run goes when nobody says: `artifacts/runs/RECIPE-DATA-SPLIT-seedN`."""
    data = "+".join(datasets.short_name(spec) for spec in experiment.data)
    split = experiment.split.replace(":", "").replace("/", "of")
    split = re.sub(r"[^\w+=.-]+", "-", split)  # names of speakers and statements may hold anything
    return Path("artifacts/runs") / f"{experiment.recipe}-{data}-{split}-seed{experiment.seed}"


def members(folder, experiment):
    """Return the runs that make the ensemble of an experiment.

    Args:
        folder: of the ensemble.
        experiment: `serkeras.config.Experiment` of several members.

    Returns:
        Dictionary from `pathlib.Path`, `folder/member-N`, to the member's `Experiment`. They
        differ in `training.member` alone.
    """
    first = experiment.training.member
    numbers = range(first, first + experiment.members)
    return {
        Path(folder) / f"member-{number}": experiment.with_settings(
            {"members": 1, "training.member": number}
        )
        for number in numbers
    }


def is_finished(folder, experiment):
    """Whether a folder holds a finished run of just this experiment."""
    if not (Path(folder) / "experiment.json").is_file():
        return False
    run = Run(folder)
    return run.experiment == experiment and run.finished


def prepare(folder, experiment, overwrite=False, anew=False):
    """Make a run folder; an unfinished run of the same experiment stays, for it goes on.

    Raises:
        FileExistsError: see `check_free`.
    """
    folder = Path(folder)
    check_free(folder, experiment, overwrite)
    if folder.is_dir() and (anew or not resumable(folder, experiment)):
        # What is in it, and not the folder: it may be where a disk of another machine is mounted.
        # First what says that the run is finished, last what says that it is one.
        order = {"metrics.json": 0, "ensemble.json": 0, "experiment.json": 2}
        for path in sorted(folder.iterdir(), key=lambda path: order.get(path.name, 1)):
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    write_json(folder / "experiment.json", experiment.to_dict())
    return folder


def finish(folder):
    """Mark a run as finished by removing its checkpoints, all at once."""
    checkpoints = Path(folder) / "checkpoints"
    if checkpoints.is_dir():
        removed = checkpoints.rename(checkpoints.with_name(".checkpoints-removed"))
        shutil.rmtree(removed, ignore_errors=True)


def resumable(folder, experiment):
    """Whether a folder holds an unfinished run of just this experiment."""
    if not (Path(folder) / "experiment.json").is_file():
        return False
    run = Run(folder)
    return run.experiment == experiment and not run.finished


def check_free(folder, experiment, overwrite=False):
    """Refuse a folder that holds a finished run, another experiment or other files.

    Raises:
        FileExistsError: it does; with `overwrite` only if it is no run folder at all.
    """
    folder = Path(folder)
    if not folder.is_dir() or not any(folder.iterdir()):
        return
    if not (folder / "experiment.json").is_file():
        raise FileExistsError(
            "A new run needs an empty folder. Received: "
            f"{folder}, which holds other files. Choose another folder with --out."
        )
    if overwrite:
        return
    if Run(folder).experiment != experiment:
        raise FileExistsError(
            "A run folder holds one experiment. Received: "
            f"{folder}, which holds one with other settings. Choose another folder with --out, "
            "or replace it with --overwrite."
        )
    if Run(folder).finished:
        raise FileExistsError(
            "A finished run is never replaced silently. Received: "
            f"{folder}. Choose another folder with --out, or replace it with --overwrite."
        )


@contextlib.contextmanager
def locked(folder):
    """Hold a run folder for this process alone.

    Raises:
        RuntimeError: another process is training in it.
    """
    folder = Path(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(folder.parent / f".{folder.name}.lock")
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        raise RuntimeError(
            "One process trains in a run folder at a time. Received: "
            f"{folder}, which another process holds. Wait for it or choose another --out."
        ) from None
    try:
        yield
    finally:
        lock.release()
