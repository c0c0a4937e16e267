"""The measures of a run, in the field's words, with intervals.

Accuracy is what the field calls weighted accuracy (WA); the unweighted average recall (UAR,
also UA) gives every class the same weight however many clips it has.
"""

import numbers

import numpy as np
import pandas as pd

from serkeras.evaluation import intervals

GROUPS = ("sex", "corpus")


def evaluate(y_true, probabilities, labels, clips, n_boot=2000, seed=0):
    """Measure a classifier on test clips.

    Args:
        y_true: int array `(clips,)`, indices into `labels`.
        probabilities: float array `(clips, classes)`, rows sum to 1. The most probable class
            is the answer (of equals the first).
        labels: names of the classes, in the order of the columns.
        clips: manifest rows aligned with `y_true`; the columns speaker, sex and corpus are
            read, missing values mean unknown.
        n_boot: bootstrap resamples of the intervals.
        seed: of the bootstrap.

    Returns:
        A dictionary of plain Python values, ready for JSON: `accuracy`, `uar`, `macro_f1`,
        `top2` (each `{"value", "low", "high"}`), `per_class` (`{label: {precision, recall,
        f1, support}}`), `confusion_matrix` (counts, rows are the truth), `labels`, `groups`
        (`{"sex": {name: {n, accuracy, uar, intervals}}, "corpus": ...}`, unknown ones left
        out) and `intervals` (how the limits were found).

        UAR and macro F1 are means over the classes that occur in `y_true`: a class without a
        clip has no recall. In `per_class` what is undefined (no clip, or never answered) is 0.

    Raises:
        ValueError: shapes disagree, indices are no class, probabilities are none, a column
            is missing.
    """
    labels = _checked_labels(labels)
    y_true, probabilities = _checked_arrays(y_true, probabilities, len(labels))
    _check_clips(clips, len(y_true))
    _check_n_boot(n_boot)
    # A stable order makes the first of the two the same as argmax, so accuracy <= top-2.
    ranked = np.argsort(-probabilities, axis=1, kind="stable")
    outcome = pd.DataFrame(
        {
            "truth": y_true,
            "predicted": ranked[:, 0],
            "in_top2": (ranked[:, :2] == y_true[:, None]).any(axis=1),
            **{name: clips[name].to_numpy(dtype=object) for name in ("speaker", *GROUPS)},
        }
    )
    measured, described = _measures(outcome, len(labels), n_boot, seed)
    groups = {name: _group(outcome, name, len(labels), n_boot, seed) for name in GROUPS}
    return {
        **measured,
        **_by_class(outcome, labels),
        "labels": labels,
        "groups": groups,
        "intervals": described,
    }


def _measures(outcome, num_classes, n_boot, seed):
    """Values with limits, and the description of the limits, of some rows."""
    from sklearn.metrics import accuracy_score, f1_score, recall_score

    truth, predicted = outcome["truth"], outcome["predicted"]
    settings = {"labels": np.unique(truth), "average": "macro", "zero_division": 0.0}
    values = {
        "accuracy": accuracy_score(truth, predicted),
        "uar": recall_score(truth, predicted, **settings),
        "macro_f1": f1_score(truth, predicted, **settings),
        "top2": outcome["in_top2"].mean(),
    }
    limits, described = intervals.bootstrap(
        truth, predicted, outcome["in_top2"], num_classes, outcome["speaker"], n_boot, seed
    )
    measured = {
        name: {"value": float(value), "low": limits[name][0], "high": limits[name][1]}
        for name, value in values.items()
    }
    return measured, described


def _by_class(outcome, labels):
    from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

    pair = outcome["truth"], outcome["predicted"]
    indices = np.arange(len(labels))
    columns = precision_recall_fscore_support(*pair, labels=indices, zero_division=0.0)
    per_class = {
        label: {
            "precision": float(precision),
            "recall": float(recall),
            "f1": float(f1),
            "support": int(support),
        }
        for label, precision, recall, f1, support in zip(labels, *columns, strict=True)
    }
    matrix = confusion_matrix(*pair, labels=indices).tolist()
    return {"per_class": per_class, "confusion_matrix": matrix}


def _group(outcome, column, num_classes, n_boot, seed):
    groups = {}
    for name, rows in outcome.groupby(column, sort=True):
        measured, described = _measures(rows, num_classes, n_boot, seed)
        groups[str(name)] = {
            "n": len(rows),
            "accuracy": measured["accuracy"],
            "uar": measured["uar"],
            "intervals": described,
        }
    return groups


def _checked_labels(labels):
    labels = list(labels)
    names = all(isinstance(label, str) and label for label in labels)
    if len(labels) < 2 or not names or len(set(labels)) < len(labels):
        raise ValueError(
            f"`labels` must be two or more different names. Received: {labels}. "
            "Give one name for each probability column."
        )
    return [str(label) for label in labels]


def _checked_arrays(y_true, probabilities, num_classes):
    y_true, probabilities = np.asarray(y_true), np.asarray(probabilities)
    whole = np.issubdtype(y_true.dtype, np.integer)
    if y_true.ndim != 1 or not y_true.size or not whole:
        raise ValueError(
            "`y_true` must be a 1-D array of at least one class index (int). Received: "
            f"shape={y_true.shape}, dtype={y_true.dtype}. Turn names into indices of `labels`."
        )
    if y_true.min() < 0 or y_true.max() >= num_classes:
        raise ValueError(
            f"`y_true` must hold indices from 0 to {num_classes - 1}. Received: "
            f"{y_true.min()} to {y_true.max()}. Number the classes in the order of `labels`."
        )
    _check_probabilities(probabilities, (len(y_true), num_classes))
    return y_true.astype(np.int64), probabilities.astype(np.float64)


def _check_probabilities(probabilities, shape):
    if probabilities.shape != shape:
        raise ValueError(
            f"`probabilities` must have the shape (clips, classes) = {shape}. Received: "
            f"shape={probabilities.shape}. Give one row a clip and one column a label."
        )
    # Not finite first: a comparison with NaN is false and would pass the checks below.
    if not np.issubdtype(probabilities.dtype, np.number) or not np.isfinite(probabilities).all():
        raise ValueError(
            "`probabilities` must be finite numbers. Received: NaN, infinity or text. "
            "Look for NaN in the features or a diverged training."
        )
    sums = probabilities.sum(axis=1, dtype=np.float64)
    worst = int(np.argmax(np.abs(sums - 1)))
    if probabilities.min() < 0 or abs(sums[worst] - 1) > 1e-3:
        raise ValueError(
            "`probabilities` must be 0 or more and sum to 1 in each row. Received: "
            f"smallest={probabilities.min():.4g}, row {worst} sums to {sums[worst]:.4g}. "
            "Apply softmax to logits first."
        )


def _check_clips(clips, rows):
    missing = [name for name in ("speaker", *GROUPS) if name not in clips.columns]
    if missing or len(clips) != rows:
        raise ValueError(
            f"`clips` must have {rows} rows, one for each of `y_true`, with columns speaker, "
            f"sex and corpus. Received: {len(clips)} rows, missing columns {missing}. "
            "Give the manifest rows of the test clips in the order of `y_true`."
        )


def _check_n_boot(n_boot):
    if not isinstance(n_boot, numbers.Integral) or n_boot < 1:
        raise ValueError(
            f"`n_boot` must be a whole number of at least 1. Received: {n_boot!r}. "
            "2000 is customary."
        )
