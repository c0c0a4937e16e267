"""ZCA-Mahalanobis whitening of spectrograms over their frequency bins.

Neighbouring bins of a spectrogram are highly correlated. W = Cov^(-1/2) takes the correlation
away and, of all linear maps that do, moves the centred spectrogram least in squared distance.
"""

import numpy as np

# Share of the mean variance of the bins that is added to every direction's variance: it keeps
# directions that hold nothing but rounding errors from being blown up to unit variance.
EPSILON = 1e-3


def whiten(x, epsilon=EPSILON):
    """Whiten each clip by its own frames.

    Args:
        x: float array `(clips, bins, frames)` or `(clips, bins, frames, channels)`; channels
            are whitened apart.
        epsilon: float > 0, see `EPSILON`.

    Returns:
        float32 array of the same shape, mean 0 of each bin; the covariance of the bins over
        the frames is close to the identity on the directions that carry signal. A constant
        clip becomes 0.

    Raises:
        ValueError: `x` has another number of axes, or `epsilon` is not positive.

    Source:
        Kessy, Lewin & Strimmer 2018; report S1.
    """
    x = np.asarray(x)
    if x.ndim not in (3, 4) or not epsilon > 0:
        raise ValueError(
            "`x` must be (clips, bins, frames) or (clips, bins, frames, channels) and `epsilon` "
            f"positive. Received: shape={x.shape}, epsilon={epsilon}. "
            "Give one clip as x[None]."
        )
    if x.ndim == 4:
        channels = [whiten(x[..., index], epsilon) for index in range(x.shape[-1])]
        return np.stack(channels, axis=-1)
    out = np.empty(x.shape, np.float32)
    for index, clip in enumerate(x):
        out[index] = _whiten_clip(clip.astype(np.float64), epsilon)
    return out


def _whiten_clip(clip, epsilon):
    bins, frames = clip.shape
    # Singular vectors of the data, not eigenvectors of the covariance: squaring would lose half
    # of the digits of the small directions.
    left, sizes, right = np.linalg.svd(clip - clip.mean(axis=1, keepdims=True), False)
    variance = sizes**2 / max(frames - 1, 1)
    ridge = epsilon * variance.sum() / bins
    if not ridge > 0:
        return np.zeros_like(clip)
    return (left * (sizes / np.sqrt(variance + ridge))) @ right


def fit(covariance, epsilon=EPSILON):
    """Return the whitening matrix of a covariance, fitted for instance on a training side.

    Args:
        covariance: float array `(bins, bins)`, symmetric.
        epsilon: float > 0, see `EPSILON`.

    Returns:
        float64 array `(bins, bins)`, symmetric: `W @ (x - mean)` is white. All zeros for a
        covariance of zeros.

    Raises:
        ValueError: `covariance` is not square and finite, or `epsilon` is not positive.

    Source:
        Kessy, Lewin & Strimmer 2018.
    """
    covariance = np.asarray(covariance, np.float64)
    square = covariance.ndim == 2 and covariance.shape[0] == covariance.shape[1]
    if not square or not np.isfinite(covariance).all() or not epsilon > 0:
        raise ValueError(
            "`covariance` must be square and finite, `epsilon` positive. "
            f"Received: shape={covariance.shape}, epsilon={epsilon}. Give np.cov(x) of the bins."
        )
    ridge = epsilon * np.trace(covariance) / len(covariance)
    if not ridge > 0:
        return np.zeros_like(covariance)
    variance, directions = np.linalg.eigh(covariance)
    return (directions / np.sqrt(np.maximum(variance, 0.0) + ridge)) @ directions.T
