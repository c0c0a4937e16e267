"""In how far members of an ensemble answer differently; arrays only."""

import numpy as np


def describe(truth, said, num_classes):
    """Measure how members differ and what they know together.

    Args:
        truth: int array `(clips,)` of class indices.
        said: int array `(members, clips)` of class indices, the answers.
        num_classes: int.

    Returns:
        Dictionary for JSON: `disagreement` (matrix, share of the clips on which two members
        differ), `mean_disagreement` and `mean_kappa` (over the pairs; Cohen's kappa),
        `oracle` (share of clips that at least one member has right), `all_right`,
        `all_wrong`, and `right` (clips by the number of members that have them right, from 0).
    """
    said = np.asarray(said)
    differ = (said[:, None] != said[None]).mean(axis=-1)
    first, second = np.triu_indices(len(said), k=1)
    pairs = list(zip(first, second, strict=True))
    right = np.bincount((said == truth).sum(axis=0), minlength=len(said) + 1)
    return {
        "disagreement": differ.tolist(),
        "mean_disagreement": float(differ[first, second].mean()),
        "mean_kappa": float(np.mean([kappa(said[i], said[j], num_classes) for i, j in pairs])),
        "oracle": float(right[1:].sum() / right.sum()),
        "all_right": float(right[-1] / right.sum()),
        "all_wrong": float(right[0] / right.sum()),
        "right": right.tolist(),
    }


def kappa(a, b, num_classes):
    """Return Cohen's kappa of two members' answers: agreement beyond that of chance.

    Args:
        a, b: int arrays `(clips,)` of class indices.
        num_classes: int.

    Returns:
        float, 1 for equal answers (also where both always give the same one), 0 for the
        agreement of chance.

    Source:
        Cohen (1960), Educational and Psychological Measurement 20.
    """
    shares = [np.bincount(answers, minlength=num_classes) / len(answers) for answers in (a, b)]
    observed, expected = float(np.mean(a == b)), float(shares[0] @ shares[1])
    return 1.0 if observed == 1 else (observed - expected) / (1 - expected)
