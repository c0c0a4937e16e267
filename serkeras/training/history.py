"""The epochs of a run, and which of them is best; without Keras."""

from pathlib import Path

import numpy as np
import pandas as pd


def read_history(folder):
    """Return the epochs written so far, a list of dictionaries; empty for a new run."""
    path = Path(folder) / "history.csv"
    return pd.read_csv(path).to_dict("records") if path.is_file() else []


def best_epoch(rows, monitor="val_loss"):
    """Return the 1-based epoch with the best monitored value (the first of equals).

    Args:
        rows: epochs of one phase, dictionaries.
        monitor: "val_loss" (the lowest is best) or "val_accuracy" (the highest).

    Raises:
        ValueError: no epoch has a finite validation loss.
    """
    losses = np.array([row["val_loss"] for row in rows], dtype=float)
    usable = np.isfinite(losses)
    if not usable.any():
        raise ValueError(
            "A fit must have an epoch with a finite validation loss. "
            f"Received: {losses.tolist()}: the training diverged. Lower training.learning_rate."
        )
    costs = losses if monitor == "val_loss" else -np.array([row[monitor] for row in rows])
    return int(np.argmin(np.where(usable, costs, np.inf))) + 1


def is_over(rows, epochs, patience=None, monitor="val_loss"):
    """Whether `epochs` are done, or the last `patience` of them brought nothing better."""
    if len(rows) >= epochs:
        return True
    enough = bool(patience) and len(rows) > patience
    return enough and len(rows) - best_epoch(rows, monitor) >= patience
