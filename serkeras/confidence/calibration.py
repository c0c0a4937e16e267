"""Whether a model is right as often as it says: bins, errors, temperature; arrays only."""

import numpy as np

N_BINS = 10
# Probabilities of 0 would make a loss infinite: they count as this, as in scikit-learn.
FLOOR = float(np.finfo(np.float64).eps)
# Outside of these the model says next to nothing, or is certain of everything.
TEMPERATURES = (0.05, 20.0)


def answers(probabilities, truth):
    """Return the probability of each answer, and whether it is right.

    Args:
        probabilities: float array `(clips, classes)`.
        truth: int array `(clips,)`.

    Returns:
        float array `(clips,)` and bool array `(clips,)`.
    """
    return probabilities.max(axis=1), probabilities.argmax(axis=1) == truth


def bins(confidence, equal="width", n_bins=N_BINS):
    """Sort confidences into bins that hold their upper edge.

    Args:
        confidence: float array `(clips,)`, 0 to 1.
        equal: "width" cuts [0, 1] evenly; "mass" gives bins about as many clips each.
        n_bins: int.

    Returns:
        int array `(clips,)`, 0 to `n_bins - 1`.
    """
    inner = np.arange(1, n_bins) / n_bins
    return np.searchsorted(
        inner if equal == "width" else np.quantile(confidence, inner), confidence
    )


def reliability(confidence, right, bin_of):
    """Return one dictionary a bin that holds clips: bin, clips, confidence, accuracy."""
    return [
        {
            "bin": int(number),
            "clips": int((bin_of == number).sum()),
            "confidence": float(confidence[bin_of == number].mean()),
            "accuracy": float(right[bin_of == number].mean()),
        }
        for number in np.unique(bin_of)
    ]


def expected_error(confidence, right, bin_of):
    """Return the expected calibration error: the mean gap of the bins, by their clips.

    Args:
        confidence: float array `(clips,)`.
        right: bool array `(clips,)`.
        bin_of: int array `(clips,)`, see `bins`.

    Returns:
        float, 0 to 1. Chance makes it larger than 0 for a perfect model too.

    Source:
        Naeini, Cooper & Hauskrecht (2015), AAAI; Guo et al. (2017), On calibration of modern
        neural networks, ICML.
    """
    gaps = np.bincount(bin_of, weights=confidence - right)
    return float(np.abs(gaps).sum() / len(confidence))


def error_by_chance(confidence, bin_of, draws=2000, seed=0):
    """Return calibration errors that a model would show whose every confidence is true.

    Args:
        confidence, bin_of: as in `expected_error`.
        draws: times that all clips are answered anew, each right with its confidence.
        seed: of the draws.

    Returns:
        float array `(draws,)`. Clips are drawn independently of each other, which those of one
        speaker are not: true ones are rather larger.

    Source:
        Bröcker & Smith (2007), Increasing the reliability of reliability diagrams, Weather and
        Forecasting 22.
    """
    rng = np.random.default_rng(seed)
    return np.array(
        [
            expected_error(confidence, rng.random(len(confidence)) < confidence, bin_of)
            for _ in range(draws)
        ]
    )


def reflected(value, drawn, least=0.0):
    """Return an interval of a figure that resampling makes larger, as chance has made it larger.

    The limits of the resamples are mirrored at the value, which takes the surplus off once.

    Args:
        value: float.
        drawn: float array `(n_boot,)`, of resamples.
        least: what the figure cannot fall below.

    Returns:
        `{"value", "low", "high"}`.

    Source:
        Davison & Hinkley (1997), Bootstrap Methods, section 5.2 (basic limits).
    """
    low, high = np.quantile(drawn, [0.025, 0.975])
    return {
        "value": float(value),
        "low": float(max(least, 2 * value - high)),
        "high": float(max(least, 2 * value - low)),
    }


def brier(probabilities, truth):
    """Return the squared distance of each clip's probabilities to the truth, `(clips,)`, 0 to 2.

    Source:
        Brier (1950), Monthly Weather Review 78.
    """
    return ((probabilities - np.eye(probabilities.shape[1])[truth]) ** 2).sum(axis=1)


def log_loss(probabilities, truth):
    """Return the negative logarithm of each clip's probability of the truth, `(clips,)`, nats."""
    of_truth = probabilities[np.arange(len(truth)), truth]
    return -np.log(np.clip(of_truth, FLOOR, 1.0))


def apply_temperature(probabilities, temperature):
    """Return probabilities of logits that are divided by a temperature.

    Args:
        probabilities: float array `(clips, classes)`; zeros count as 2.2e-16.
        temperature: float above 0; more than 1 makes a model less sure. No answer changes.

    Returns:
        float array `(clips, classes)`, rows sum to 1.

    Raises:
        ValueError: the temperature is not above 0.
    """
    if not temperature > 0:
        raise ValueError(
            f"`temperature` must be above 0. Received: {temperature!r}. 1 changes nothing."
        )
    logits = _logits(probabilities) / temperature
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def _logits(probabilities):
    """Return logarithms: they are logits but for a constant of each clip."""
    return np.log(np.maximum(np.asarray(probabilities, float), FLOOR))


def fit_temperature(probabilities, truth):
    """Return the temperature with the smallest log loss, between 0.05 and 20.

    Args:
        probabilities: float array `(clips, classes)`, of clips that judge nothing else.
        truth: int array `(clips,)`.

    Source:
        Guo et al. (2017), On calibration of modern neural networks, ICML. The loss is convex in
        1/temperature, so the minimum is the only one.
    """
    from scipy.optimize import minimize_scalar
    from scipy.special import logsumexp

    logits = _logits(probabilities)
    of_truth = logits[np.arange(len(logits)), truth]

    # Probabilities that were clipped after scaling would make certain errors cheap, and this loss
    # no longer convex.
    def loss(inverse):
        return (logsumexp(logits * inverse, axis=1) - of_truth * inverse).mean()

    low, high = TEMPERATURES
    found = minimize_scalar(
        loss, bounds=(1 / high, 1 / low), method="bounded", options={"xatol": 1e-6}
    )
    return float(1 / found.x)
