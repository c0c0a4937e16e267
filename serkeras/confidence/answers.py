"""What a finished run said of a side, as arrays."""

from dataclasses import dataclass

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class Answers:
    """What a run said of the clips of one side.

    Attributes:
        clips: DataFrame as predictions.csv has it.
        labels: names of the classes.
        truth: int array `(clips,)`, indices into `labels`.
        probabilities: float array `(clips, classes)`, rows sum to 1.
    """

    clips: pd.DataFrame
    labels: list
    truth: np.ndarray
    probabilities: np.ndarray

    @property
    def speakers(self):
        """Object array `(clips,)` of names, missing values where unknown."""
        return self.clips["speaker"].to_numpy(dtype=object)

    @property
    def speaker_count(self):
        """Number of speakers, None where one is unknown."""
        return None if self.clips["speaker"].isna().any() else self.clips["speaker"].nunique()


def read(table, labels):
    """Return the `Answers` of a table.

    Args:
        table: DataFrame, `serkeras.Run.predictions` or `.validation`.
        labels: names of the classes, `serkeras.Run.labels`.

    Raises:
        ValueError: a column of probabilities is missing, or a row does not sum to 1.
    """
    columns = [f"p_{label}" for label in labels]
    missing = [name for name in columns if name not in table.columns]
    if missing or table.empty:
        raise ValueError(
            "The predictions of a run must have a row a clip and a column a class. Received: "
            f"{len(table)} rows without {missing}. Train again with this version."
        )
    found = table[columns].to_numpy(dtype=float)
    sums = found.sum(axis=1)
    if not np.isfinite(found).all() or found.min() < 0 or np.abs(sums - 1).max() > 1e-3:
        raise ValueError(
            "The predictions of a run must be probabilities. Received: numbers that are below 0 or "
            f"not finite, or rows that sum to {sums.min():.4g}. Train again with this version."
        )
    # The file has the digits of float32: rows sum to 1 within 1e-6.
    truth = pd.Categorical(table["emotion"], categories=labels).codes.astype(int)
    return Answers(table, list(labels), truth, found / sums[:, None])
