"""The files of a run folder that its report is written from, read and checked."""

from dataclasses import dataclass

import pandas as pd

from serkeras._files import read_csv, read_json
from serkeras.config import Experiment
from serkeras.runs import PREDICTION_COLUMNS

_FILES = ("experiment.json", "split.json", "history.csv", "predictions.csv", "metrics.json")
_SPLIT_KEYS = (
    "kind", "seed", "allowed", "speaker_disjoint", "notes", "train", "validation", "test",
)  # fmt: skip
_METRIC_KEYS = (
    "accuracy", "uar", "macro_f1", "top2", "per_class", "confusion_matrix", "labels", "groups",
    "intervals", "run",
)  # fmt: skip
_RUN_KEYS = ("epochs", "parameters", "seconds", "device", "versions", "commit")
_EPOCH_KEYS = ("phase", "epoch", "loss", "accuracy", "val_loss", "val_accuracy")
_FIT_KEYS = ("phase", "settings", "accuracy", "uar", "val_accuracy", "val_uar")


@dataclass(frozen=True)
class Parts:
    """What a finished run left behind, see `read`."""

    experiment: Experiment
    split: dict
    history: pd.DataFrame
    predictions: pd.DataFrame
    metrics: dict

    @property
    def has_epochs(self):
        """Whether the run is a network's: a classical model is fitted without epochs."""
        return bool(self.metrics["run"]["epochs"])


def read(folder):
    """Read the parts of a run folder and check that they belong together.

    Args:
        folder: `pathlib.Path` of a finished run.

    Returns:
        `Parts`.

    Raises:
        FileNotFoundError: a part is missing.
        ValueError: a part is broken, or the parts are not of one run.
    """
    values = {name: _read(folder / name) for name in _FILES}
    metrics, predictions = values["metrics.json"], values["predictions.csv"]
    _require(folder / "split.json", _SPLIT_KEYS, values["split.json"])
    _require(folder / "metrics.json", _METRIC_KEYS, metrics)
    _require(folder / "metrics.json", _RUN_KEYS, metrics["run"])
    history_keys = _EPOCH_KEYS if metrics["run"]["epochs"] else _FIT_KEYS
    _require(folder / "history.csv", history_keys, values["history.csv"].columns)
    columns = [f"p_{label}" for label in metrics["labels"]]
    _require(folder / "predictions.csv", (*PREDICTION_COLUMNS, *columns), predictions.columns)
    parts = Parts(
        Experiment.from_dict(values["experiment.json"]),
        values["split.json"],
        values["history.csv"],
        predictions,
        metrics,
    )
    _check_agreement(folder, parts)
    return parts


def _read(path):
    if not path.is_file():
        raise FileNotFoundError(
            f"A run folder must hold {path.name} before its report can be written. "
            f"Received: {path.parent}, which has none. Give the folder of a finished run."
        )
    try:
        if path.suffix == ".json":
            return read_json(path)
        return read_csv(path, PREDICTION_COLUMNS)
    except ValueError as error:
        raise ValueError(
            f"A part of a run folder must be readable. Received: {path} ({error}). "
            "Restore the file or train again."
        ) from error


def _require(path, keys, found):
    missing = [key for key in keys if key not in found]
    if missing:
        raise ValueError(
            f"{path.name} of a run must hold {list(keys)}. Received: {path} without {missing}. "
            "Train again with this version of the kit."
        )


def _check_agreement(folder, parts):
    """Refuse predictions of another run: figures and tables would contradict each other."""
    labels, predictions = parts.metrics["labels"], parts.predictions
    pairs = pd.crosstab(predictions["emotion"], predictions["predicted"])
    pairs = pairs.reindex(index=labels, columns=labels, fill_value=0)
    same_counts = pairs.to_numpy().tolist() == parts.metrics["confusion_matrix"]
    if not same_counts or not set(predictions["clip"]) <= set(parts.split["test"]):
        raise ValueError(
            "predictions.csv, metrics.json and split.json must be of one run. Received: "
            f"{folder}, where they disagree about the test clips. Train again."
        )
