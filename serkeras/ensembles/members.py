"""The runs of an ensemble, read and checked: one test side, which none of them has learned from."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from serkeras._files import read_json
from serkeras.runs import Run
from serkeras.training import provenance


@dataclass(frozen=True)
class Side:
    """What all members said of the same clips.

    Attributes:
        clips: DataFrame, one row a clip, with the columns of predictions.csv that say what it is.
        truth: int array `(clips,)` of class indices.
        probabilities: float array `(members, clips, classes)`.
    """

    clips: pd.DataFrame
    truth: np.ndarray
    probabilities: np.ndarray

    @property
    def said(self):
        """Int array `(members, clips)`, the answers."""
        return self.probabilities.argmax(axis=-1)


def open_runs(runs):
    """Return the runs of an ensemble, each finished and with the same labels.

    Args:
        runs: list of `Run` or of paths of their folders.

    Returns:
        List of `Run`.

    Raises:
        FileNotFoundError: a folder holds no run, or an unfinished one.
        ValueError: there are fewer than two, one comes twice or is an ensemble itself, or their
            labels differ.
    """
    found = [_run(run) for run in runs]
    places = [run.folder.resolve() for run in found]
    if len(found) < 2 or len(set(places)) < len(places):
        raise ValueError(
            "An ensemble must have two different runs or more. Received: "
            f"{[str(run.folder) for run in found]}. Name the folders of finished runs."
        )
    for run in found:
        if run.labels != found[0].labels:
            raise ValueError(
                "The runs of an ensemble must have the same labels. Received: "
                f"{found[0].labels} of {found[0].folder} and {run.labels} of {run.folder}. "
                "Join runs of one label scheme on the same corpora."
            )
    return found


def _run(run):
    folder = Path(getattr(run, "folder", run))
    if (folder / "ensemble.json").is_file():
        raise ValueError(
            "The members of an ensemble must be runs. Received: "
            f"{folder}, an ensemble. Name its members, each with the weight of one run."
        )
    return run if isinstance(run, Run) else Run(folder)


def test_side(runs):
    """Return the `Side` that all runs were tested on, in the order of the first.

    Raises:
        ValueError: the test clips or their emotions differ.
    """
    return _side(runs, [run.predictions for run in runs], "test")


def validation_side(runs):
    """Return the `Side` of the validation clips.

    Raises:
        FileNotFoundError: a run has no validation.csv.
        ValueError: the validation clips or their emotions differ.
    """
    return _side(runs, [run.validation for run in runs], "validation")


def common_validation(runs):
    """Like `validation_side`, None where runs have no validation clips in common or on file."""
    try:
        return validation_side(runs)
    except (FileNotFoundError, ValueError):
        return None


def _side(runs, tables, name):
    labels = runs[0].labels
    first = tables[0].set_index("clip", drop=False)
    stacked = []
    for run, table in zip(runs, tables, strict=True):
        other = table.set_index("clip")
        _check_same(first, other, f"{runs[0].folder} and {run.folder}", name)
        columns = [f"p_{label}" for label in labels]
        stacked.append(other.loc[first.index, columns].to_numpy(dtype=float))
    truth = pd.Categorical(first["emotion"], categories=labels).codes.astype(np.int64)
    clips = tables[0].drop(columns=["predicted", *columns])
    return Side(clips, truth, np.stack(stacked))


def _check_same(first, other, whose, name):
    apart = sorted(set(first.index) ^ set(other.index))
    if apart:
        what = f"{len(apart)} clips in one of them only, such as {apart[:3]}"
    elif not (first["emotion"] == other["emotion"].reindex(first.index)).all():
        what = "other emotions for the same clips"
    else:
        return
    raise ValueError(
        f"The runs of an ensemble must have the same {name} clips. Received: {whose}, with "
        f"{what}. Join runs of one split and seed, with the same clips left out."
    )


def check_unseen(runs, clips):
    """Refuse test clips that a run has learned from, unless the split of every run allows it.

    What a run took over from earlier trainings counts: its provenance names that too.

    Args:
        runs: list of `Run`.
        clips: manifest rows of the test side.

    Raises:
        ValueError: a run has learned from a test clip, from its recording or from its speaker.
    """
    accepted = allowed(runs)
    digests = clips["path"].map(provenance.file_digest, na_action="ignore")
    for run in runs:
        for leak, known in _learned(run, clips, digests).items():
            if leak not in accepted and known.any():
                _refuse(run, clips[known], "speakers" if leak == "speaker" else "recordings")


def _learned(run, clips, digests):
    """Return, for each kind of leak, which test clips a run has learned from."""
    learned, lists = provenance.read(run.folder), split(run)
    files = set(learned["files"]) - {""}
    return {
        "clip": clips["clip"].isin([*lists["train"], *lists["validation"]]),
        "identical": digests.isin(files),
        "speaker": clips["speaker"].isin(learned["speakers"]),
    }


def _refuse(run, clips, what):
    raise ValueError(
        f"No run of an ensemble may have learned from the {what} of its test side. Received: "
        f"{run.folder}, which has learned from those of {len(clips)} test clips, for instance "
        f"{clips['clip'].iloc[0]}. Leave the run out, or join runs of one split only."
    )


def split(run):
    """Return the dictionary of a run's split.json."""
    return read_json(run.folder / "split.json")


def allowed(runs):
    """Return the set of leaks, see `serkeras.splits.guard`, that the split of every run allows."""
    return set.intersection(*(set(split(run)["allowed"]) for run in runs))


def names(runs):
    """Return a short name a run: that of its folder, where those differ."""
    short = [Path(run.folder).resolve().name for run in runs]
    return short if len(set(short)) == len(short) else [str(run.folder) for run in runs]
