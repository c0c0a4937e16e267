"""Bootstrap intervals that know that clips of one speaker belong together."""

import numpy as np
import pandas as pd

LEVEL = 0.95
# Below this many speakers a percentile interval is known to be too narrow.
FEW_SPEAKERS = 10
BY_SPEAKER = "percentile bootstrap by speaker"
BY_CLIP = "percentile bootstrap by clip"


def accuracy(confusions):
    """Share of right answers.

    Args:
        confusions: array `(..., classes, classes)` of counts, rows are the truth.

    Returns:
        float array `(...)`.
    """
    return np.trace(confusions, axis1=-2, axis2=-1) / confusions.sum(axis=(-2, -1))


def uar(confusions):
    """Unweighted average recall: the mean recall of the classes that occur as truth.

    Args and returns as in `accuracy`.
    """
    support, right = confusions.sum(axis=-1), np.diagonal(confusions, axis1=-2, axis2=-1)
    return _mean_over_present(right / np.maximum(support, 1), support)


def macro_f1(confusions):
    """Mean F1 of the classes that occur as truth.

    Args and returns as in `accuracy`.
    """
    support, right = confusions.sum(axis=-1), np.diagonal(confusions, axis1=-2, axis2=-1)
    claimed = confusions.sum(axis=-2)
    return _mean_over_present(2 * right / np.maximum(support + claimed, 1), support)


def _mean_over_present(values, support):
    present = support > 0
    return np.where(present, values, 0.0).sum(axis=-1) / present.sum(axis=-1)


def units(speakers):
    """Return what is drawn as a whole: speakers, or clips where speakers do not serve.

    Args:
        speakers: `(clips,)` names; missing values mean unknown.

    Returns:
        int array `(clips,)`, the unit of each clip from 0 in order of appearance, and the name of
        the method. Clips are drawn where a speaker is unknown or there is only one.
    """
    codes, unique = pd.factorize(pd.Series(speakers, dtype=object))
    if (codes >= 0).all() and len(unique) > 1:
        return codes, BY_SPEAKER
    return np.arange(len(codes)), BY_CLIP


def bootstrap(truth, predicted, in_top2, num_classes, speakers, n_boot=2000, seed=0):
    """Percentile intervals of accuracy, UAR, macro F1 and top-2 accuracy.

    Clips of one speaker resemble each other, so whole speakers are drawn with replacement:
    the interval answers "what if other speakers had been recorded?". Where a speaker is
    unknown, or there is only one, clips are drawn instead; such an interval is too narrow
    for new speakers. A resample that misses a class takes its mean over the others.

    Args:
        truth: int array `(clips,)` of class indices.
        predicted: int array `(clips,)` of class indices.
        in_top2: bool array `(clips,)`, the truth is among the two most probable classes.
        num_classes: int.
        speakers: `(clips,)` names; missing values mean unknown.
        n_boot: resamples.
        seed: of the resampling.

    Returns:
        A dictionary `{measure: (low, high)}` and a dictionary that describes the method:
        `level`, `method`, `n_boot`, `seed` and `clusters` (speakers or clips drawn from).

    Source:
        Efron & Tibshirani (1993), An Introduction to the Bootstrap, chapter 13; drawing of
        whole clusters: Davison & Hinkley (1997), Bootstrap Methods, section 3.8.
    """
    cells = 2 * (num_classes * np.asarray(truth) + np.asarray(predicted)) + np.asarray(in_top2)
    tallies, chances, draws, method = _clusters(cells, 2 * num_classes**2, speakers)
    weights = np.random.default_rng(seed).multinomial(draws, chances, size=n_boot)
    counts = weights.astype(float) @ tallies
    counts = counts.reshape(n_boot, num_classes, num_classes, 2)
    confusions = counts.sum(axis=-1)
    samples = {
        "accuracy": accuracy(confusions),
        "uar": uar(confusions),
        "macro_f1": macro_f1(confusions),
        "top2": counts[..., 1].sum(axis=(1, 2)) / confusions.sum(axis=(1, 2)),
    }
    tail = (1 - LEVEL) / 2
    limits = {name: np.quantile(values, [tail, 1 - tail]) for name, values in samples.items()}
    found = {name: (float(low), float(high)) for name, (low, high) in limits.items()}
    described = {"level": LEVEL, "method": method, "n_boot": int(n_boot), "seed": int(seed)}
    return found, {**described, "clusters": int(draws)}


def _clusters(cells, num_cells, speakers):
    """Count outcomes by cluster.

    Returns:
        Counts `(clusters, num_cells)`, the chance of each cluster in one draw, the number
        of draws that make a resample, and the name of the method.
    """
    names, method = units(speakers)
    if method == BY_SPEAKER:
        count = int(names.max()) + 1
        flat = np.bincount(names * num_cells + cells, minlength=count * num_cells)
        tallies = flat.reshape(count, num_cells).astype(float)
        return tallies, np.full(count, 1 / count), count, BY_SPEAKER
    # Clips with the same outcome are interchangeable: drawing outcomes by their share is
    # drawing clips, without a weight for each clip.
    shares = np.bincount(cells, minlength=num_cells) / len(cells)
    return np.eye(num_cells), shares, len(cells), BY_CLIP
