"""The recordings of a run's test side: where they are now, and whether they are the same."""

from pathlib import Path

import numpy as np

from serkeras import datasets

_CLOSE = {"float32": 1e-3}
_CLOSE_AT_HALF_PRECISION = 5e-2


def is_file(path):
    """Whether a value of a manifest's column path names a file that is there."""
    return isinstance(path, str) and Path(path).is_file()


def reachable(run, rows):
    """Return test clips with paths where their recordings are on this machine.

    Args:
        run: `serkeras.Run` or `serkeras.Ensemble`.
        rows: rows of its predictions.csv.

    Returns:
        The rows with a new index; paths that lead nowhere are those of the run's corpora.

    Raises:
        FileNotFoundError: a recording is neither at its path nor in the run's corpora.
    """
    if not rows["path"].map(is_file).all():
        rows = rows.assign(path=_elsewhere(run, rows))
    return rows.reset_index(drop=True)


def _elsewhere(run, rows):
    """Return the paths that the run's corpora give its clips on this machine."""
    settings, reason = run.experiment, ""
    try:
        known = datasets.load_many(settings.data, settings.label_scheme, progress=False)
        paths = rows["clip"].map(known.set_index("clip")["path"])
    except (FileNotFoundError, ValueError) as error:
        paths, reason = rows["path"], f" ({error})"
    lost = [clip for clip, path in zip(rows["clip"], paths, strict=True) if not is_file(path)]
    if lost:
        raise FileNotFoundError(
            "The recordings of a run's test side must be reachable, at the paths of its "
            f"predictions.csv or in its corpora {list(settings.data)}. Received: {run.folder}, "
            f"{len(lost)} of {len(rows)} are not, for instance {lost[0]}{reason}. Put the corpus "
            "where it was, or set SERKERAS_DATA to the folder that holds it."
        )
    return paths


def check_answers(run, rows, said):
    """Refuse answers to undamaged test clips that are not those of predictions.csv.

    Args:
        run: `serkeras.Run`.
        rows: rows of its predictions.csv.
        said: float array `(clips, classes)`, what the model says of them now.

    Raises:
        ValueError: a probability differs by more than 0.001, of half precision 0.05.
    """
    columns = [f"p_{label}" for label in run.labels]
    own = run.predictions.set_index("clip").loc[rows["clip"], columns]
    apart = np.abs(said - own.to_numpy()).max(axis=1)
    close = _CLOSE.get(run.experiment.training.precision, _CLOSE_AT_HALF_PRECISION)
    wrong = ~(apart <= close)  # NaN is wrong too
    if wrong.any():
        worst = rows["clip"].iloc[int(np.argmax(np.nan_to_num(apart, nan=np.inf)))]
        raise ValueError(
            "Undamaged recordings must give the run's own predictions. Received: "
            f"{run.folder}, where {wrong.sum()} of {len(wrong)} clips differ by more "
            f"than {close:g}, {worst} most. The recordings or the kit have changed since the "
            "run was trained: restore them, or train it again."
        )
