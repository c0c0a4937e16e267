"""How probabilities of several models become those of one; arrays only."""

import numpy as np

# The smallest normal float32: every probability of a network above 0 stays as it is.
TINY = float(np.finfo(np.float32).tiny)
_STEPS, _CLOSE = 20_000, 1e-6  # of the search for weights; nats from the minimum


def join(probabilities, combine="mean", weights=None):
    """Join what several models said of the same clips.

    Args:
        probabilities: float array `(models, clips, classes)`, rows sum to 1.
        combine: "mean" or "weighted" for the (weighted) mean; "geometric" for the (weighted)
            geometric mean, made to sum to 1. There a probability of 0 counts as the smallest
            float32, so that models which exclude each other's classes leave a defined answer.
        weights: float array `(models,)` that sums to 1; None is the same for all.

    Returns:
        float64 array `(clips, classes)`, rows sum to 1.

    Raises:
        ValueError: `probabilities` has another shape, or `combine` is unknown.

    Source:
        Linear and logarithmic opinion pools: Genest & Zidek (1986), Statistical Science 1.
    """
    probabilities = np.asarray(probabilities, dtype=np.float64)
    if probabilities.ndim != 3:
        raise ValueError(
            "`probabilities` must have the shape (models, clips, classes). Received: "
            f"shape={probabilities.shape}. Stack one table a model."
        )
    if combine not in _JOINS:
        raise ValueError(
            f"`combine` must be one of {sorted(_JOINS)}. Received: {combine!r}. Correct the name."
        )
    if weights is None:
        weights = np.full(len(probabilities), 1 / len(probabilities))
    joined = _JOINS[combine](probabilities, np.asarray(weights, dtype=np.float64))
    return joined / joined.sum(axis=-1, keepdims=True)


def _arithmetic(probabilities, weights):
    return np.tensordot(weights, probabilities, axes=1)


def _geometric(probabilities, weights):
    logs = np.tensordot(weights, np.log(np.maximum(probabilities, TINY)), axes=1)
    # With the largest at 1 nothing underflows that counts.
    return np.exp(logs - logs.max(axis=-1, keepdims=True))


_JOINS = {"mean": _arithmetic, "weighted": _arithmetic, "geometric": _geometric}


def fit_weights(probabilities, truth):
    """Return the weights whose weighted mean has the smallest cross-entropy.

    The cross-entropy is convex in the weights, so there is one minimum; what is returned is at
    most a millionth of a nat above it.

    Args:
        probabilities: float array `(models, clips, classes)` of clips that do not judge the
            result: the validation side.
        truth: int array `(clips,)` of class indices.

    Returns:
        float array `(models,)`, 0 or more, that sums to 1.

    Source:
        Stacking with weights on the simplex: Smyth & Wolpert (1999), Machine Learning 36; found
        by expectation-maximisation: Dempster, Laird & Rubin (1977), section 4.3. Never further
        than the logarithm of the largest mean ratio from the minimum: Lindsay (1983), Annals of
        Statistics 11.
    """
    said = np.asarray(probabilities, dtype=np.float64)[:, np.arange(len(truth)), truth]
    # A clip whose class all models rule out says nothing of their weights.
    said = said[:, said.max(axis=0) > 0]
    weights = np.full(len(said), 1 / len(said))
    for _ in range(_STEPS if said.size else 0):
        ratio = (said / (weights @ said)).mean(axis=1)
        if np.log(ratio.max()) < _CLOSE:
            break
        weights = weights * ratio
    return weights / weights.sum()


def cross_entropy(probabilities, truth):
    """Return the mean of -log p of the true class, float.

    Args:
        probabilities: float array `(clips, classes)`.
        truth: int array `(clips,)` of class indices.
    """
    said = np.asarray(probabilities)[np.arange(len(truth)), truth]
    return float(-np.log(np.maximum(said, TINY)).mean())
