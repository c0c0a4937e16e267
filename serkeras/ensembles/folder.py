"""The folder of an ensemble: made whole or not at all, and read again."""

import os
import shutil
import uuid
from functools import cached_property
from pathlib import Path

from serkeras import runs as run_folders
from serkeras import sharing
from serkeras._files import read_csv, read_json, sha256, write_json
from serkeras.ensembles import combining, measured, members, report
from serkeras.runs import PREDICTION_COLUMNS, Run

_OWN = ("ensemble.json", "metrics.json", "predictions.csv", "report.md", "figures")


class Ensemble:
    """A finished ensemble, read from its folder; it has the attributes of a run that fit it.

    Args:
        folder: path that `serkeras.ensemble`, or `serkeras.train` with several members, wrote.

    Attributes:
        folder: `pathlib.Path`.
        combine: "mean", "weighted" or "geometric".
        weights: list of float, one a member.
        gain: over the mean of the members, see `serkeras.ensembles.gain.over`.

    Raises:
        FileNotFoundError: the folder holds no ensemble.
    """

    def __init__(self, folder):
        self.folder = Path(folder)
        if not is_ensemble(folder):
            raise FileNotFoundError(
                "An ensemble must be a folder with ensemble.json in it. "
                f"Received: {self.folder}. Give the folder that `ensemble` printed."
            )
        self._values = read_json(self.folder / "ensemble.json")
        self.combine, self.weights, self.gain = (
            self._values[name] for name in ("combine", "weights", "gain")
        )

    @cached_property
    def members(self):
        """List of `serkeras.runs.Run`, just those that were joined.

        Raises:
            FileNotFoundError: one is not there any more.
            ValueError: in its place stands another run.
        """
        return [_member(self.folder / row["folder"], row) for row in self._values["members"]]

    @cached_property
    def metrics(self):
        """Dictionary of metrics.json, in the form of a run's."""
        return read_json(self.folder / "metrics.json")

    @property
    def finished(self):
        """True: the folder is written whole or not at all."""
        return True

    @property
    def experiment(self):
        """`serkeras.config.Experiment` of the first member, named after all recipes.

        Labels and test clips are those of every member; the other parts need not be.
        """
        recipes = dict.fromkeys(run.experiment.recipe for run in self.members)
        return self.members[0].experiment.replace(recipe=" + ".join(recipes))

    @property
    def speaker_disjoint(self):
        """Whether the test speakers are new to all members; None where that is not known."""
        return self._values["speaker_disjoint"]

    @property
    def labels(self):
        """Emotion of each output, in order."""
        return self.metrics["labels"]

    @cached_property
    def predictions(self):
        """DataFrame with one row a test clip: what it was and what the ensemble said."""
        return read_csv(self.folder / "predictions.csv", PREDICTION_COLUMNS)

    @cached_property
    def validation(self):
        """DataFrame like `predictions`, of the validation side that the members have in common.

        Weights of "weighted" were fitted on these clips: what is fitted on them once more is a
        little too sure of itself.

        Raises:
            FileNotFoundError: a member has no validation.csv.
            ValueError: the members' validation clips differ.
        """
        side = members.validation_side(self.members)
        joined = self.join(side.probabilities)
        return run_folders.predictions_table(side.clips, joined, self.labels)

    @property
    def model(self):
        """Refused: an ensemble has a model a member.

        Raises:
            ValueError: always.
        """
        run_folders.refuse_several(self.folder)

    def join(self, probabilities):
        """Join what the members said, an array `(members, clips, classes)`."""
        return combining.join(probabilities, self.combine, self.weights)

    def __repr__(self):
        uar = self.metrics["uar"]
        interval = f"{uar['value']:.3f} [{uar['low']:.3f}, {uar['high']:.3f}]"
        what = f"{self.combine} of {len(self.weights)} runs"
        return f"Ensemble({str(self.folder)!r}, {what}, UAR {interval})"


def is_ensemble(folder):
    """Whether a folder holds a finished ensemble."""
    return (Path(folder) / "ensemble.json").is_file()


def load(folder):
    """Return the `Ensemble` of a folder."""
    return Ensemble(folder)


def open_run(run):
    """Return what a folder holds, a `serkeras.Run` or an `Ensemble`.

    Args:
        run: path of the folder, or "hf://owner/name" of a packed run on the hub; a `Run` or an
            `Ensemble` is returned as it is.

    Raises:
        FileNotFoundError: the folder holds neither.
        ImportError, ValueError: see `serkeras.sharing.fetch`.
    """
    if isinstance(run, str) and run.startswith(sharing.PREFIX):
        return Run(sharing.fetch(run))
    if isinstance(run, Ensemble) or (isinstance(run, Run) and run.experiment.members == 1):
        return run
    folder = getattr(run, "folder", run)
    return Ensemble(folder) if is_ensemble(folder) else Run(folder)


def answering(run):
    """Return the runs that answer: those of an `Ensemble`, or the `serkeras.Run` itself."""
    return run.members if isinstance(run, Ensemble) else [run]


def _member(folder, row):
    try:
        run = Run(folder)
    except FileNotFoundError:
        raise FileNotFoundError(
            "An ensemble must find its members where they stood, or below its own folder. "
            f"Received: no run in {folder}. Put it back, or join the runs again."
        ) from None
    if not run.finished or sha256(run.folder / "predictions.csv") != row["predictions"]:
        raise ValueError(
            "The members of an ensemble must be the runs that were joined. Received: "
            f"{folder}, which has been trained again since. Join the runs again."
        )
    return run


def ensemble(runs, out, combine="mean", overwrite=False):
    """Join finished runs of one test side and write the folder of their ensemble.

    Args:
        runs: list of two or more `serkeras.Run` or paths of their folders, of any recipes.
        out: folder of the ensemble. A run below it is found again where the folder is moved.
        combine: "mean" of the probabilities; "geometric", their normalised geometric mean;
            "weighted", the weighted mean whose weights minimise the cross-entropy on the
            validation clips, which must be the same ones then. The test side decides nothing.
        overwrite: replace an ensemble that stands in `out`.

    Returns:
        `Ensemble`.

    Raises:
        FileExistsError: `out` holds an ensemble or other files.
        FileNotFoundError: a folder holds no finished run; without validation.csv for "weighted".
        ValueError: there are fewer than two runs; their labels or test clips differ, or the
            validation clips for "weighted"; a run has learned from clips or speakers of the test
            side; `combine` is unknown.
    """
    out = Path(out)
    found = members.open_runs(runs)
    with run_folders.locked(out):
        _check_free(out, found, overwrite)
        return _write(out, found, combine)


def join_members(folder, experiment):
    """Join the members that were trained in a folder, see `serkeras.train`.

    Args:
        folder: that of `experiment`; the caller holds it.
        experiment: `serkeras.config.Experiment` of several members, all of them finished.

    Returns:
        `Ensemble`.
    """
    runs = members.open_runs(run_folders.members(folder, experiment))
    return _write(Path(folder), runs, experiment.combine, experiment)


def _check_free(out, runs, overwrite):
    if is_ensemble(out) and not overwrite:
        raise FileExistsError(
            f"An ensemble is never replaced silently. Received: {out}. Choose another folder "
            "with --out, or replace it with --overwrite."
        )
    below = {_place(run, out).split(os.sep)[0] for run in runs}
    present = {path.name for path in out.iterdir()} if out.is_dir() else set()
    # What an interrupted replacement has left is ours too.
    ours = {*below, *(_OWN if overwrite else ())}
    others = {name for name in present - ours if not name.startswith(".")}
    if others:
        raise FileExistsError(
            "A new ensemble needs an empty folder, or one with its members. Received: "
            f"{out}, which holds {sorted(others)}. Choose another folder with --out."
        )


def _place(run, out):
    """Return where a member stands: below the ensemble relative to it, elsewhere absolute."""
    run, out = run.folder.resolve(), out.resolve()
    return os.fspath(run.relative_to(out) if run.is_relative_to(out) else run)


def _write(out, runs, combine, experiment=None):
    """Measure an ensemble, write its files aside and put them in their place."""
    found = measured.measure(runs, combine)
    rows = [
        {"folder": _place(run, out), "predictions": sha256(run.folder / "predictions.csv"), **row}
        for run, row in zip(runs, found.members, strict=True)
    ]
    aside = out.absolute().with_name(f".{out.name}-{uuid.uuid4().hex}")
    try:
        found.write_predictions(aside / "predictions.csv")
        write_json(aside / "metrics.json", found.metrics)
        write_json(aside / "ensemble.json", {**found.about(), "members": rows})
        report.write(aside, found, experiment)
        _install(aside, out)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return Ensemble(out)


def _install(aside, out):
    """Move a finished folder to its place; beside members ensemble.json comes last."""
    if out.is_dir() and not any(out.iterdir()):
        out.rmdir()
    if not out.is_dir():
        os.replace(aside, out)
        return
    (out / "ensemble.json").unlink(missing_ok=True)
    shutil.rmtree(out / "figures", ignore_errors=True)
    for name in reversed(_OWN):
        os.replace(aside / name, out / name)
