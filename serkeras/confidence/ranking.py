"""Top-k accuracy, and what is left wrong when the least sure answers are withheld; arrays only."""

import numpy as np


def rank_of_truth(probabilities, truth):
    """Return the place of the true class among a clip's probabilities, from 0; of equals the first.

    Args:
        probabilities: float array `(clips, classes)`.
        truth: int array `(clips,)`.

    Returns:
        int array `(clips,)`; below k, the truth is among the k most probable classes.
    """
    order = np.argsort(-probabilities, axis=1, kind="stable")
    return (order == truth[:, None]).argmax(axis=1)


def risks(confidence, right):
    """Return the share of wrong answers among the 1, 2, ... surest ones.

    Equally sure answers come in no order: each counts as their mean.

    Args:
        confidence: float array `(clips,)`.
        right: bool array `(clips,)`.

    Returns:
        float array `(clips,)`, from the surest answer to all of them.

    Source:
        El-Yaniv & Wiener (2010), On the foundations of noise-free selective classification, JMLR
        11; Geifman & El-Yaniv (2017), Selective classification for deep neural networks, NeurIPS.
    """
    _, place, count = np.unique(-confidence, return_inverse=True, return_counts=True)
    share = np.bincount(place, weights=~right) / count
    wrong = share[np.sort(place)]
    return np.cumsum(wrong) / np.arange(1, len(wrong) + 1)


def area(confidence, right):
    """Return the area under the risk-coverage curve: the mean of `risks`."""
    return float(risks(confidence, right).mean())


def ideal_area(right):
    """Return the least area that an order of these answers can have: all right ones first."""
    return area(np.asarray(right, float), right)


def excess_area(confidence, right):
    """Return how far the area lies above that of the ideal order; 0 is faultless.

    Source:
        Geifman, Uziel & El-Yaniv (2019), Bias-reduced uncertainty estimation for deep neural
        classifiers, ICLR.
    """
    return area(confidence, right) - ideal_area(right)


def risk_at(confidence, right, coverage):
    """Return the share of wrong answers among the surest ones.

    Args:
        confidence, right: as in `risks`.
        coverage: share of the clips that are answered, above 0; float or array.

    Returns:
        float or array.
    """
    found = risks(confidence, right)
    kept = np.ceil(np.asarray(coverage) * len(found) - 1e-9).astype(int)
    return found[np.maximum(kept, 1) - 1]
