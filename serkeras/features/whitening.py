"""Whitening of spectrograms over their bins: ZCA of the standardised bins.

Neighbouring bins of a spectrogram are highly correlated. W = P^(-1/2) V^(-1/2), with V the
variances of the bins and P their correlations, takes the correlation away, gives unit variance
(the Mahalanobis distance becomes the plain one) and, of all linear maps that do, keeps each bin
most like itself. Kessy, Lewin and Strimmer call it ZCA-cor. Plain ZCA-Mahalanobis, Cov^(-1/2), is
the same without the step V^(-1/2) in front; the bins of a stack have unlike units, and beside
decibels by the hundred it takes shares between 0 and 1 for rounding errors.
"""

import numpy as np

# Added to the variance of every direction of the standardised bins, whose mean is 1: it keeps
# directions that hold nothing but rounding errors from being blown up to unit variance.
EPSILON = 1e-3
# Least deviation of a bin, as a share of its root mean square: a bin that hardly moves, such as
# one that lies on the floor of decibels, holds rounding errors.
FLAT = 1e-4


def whiten(x, epsilon=EPSILON):
    """Whiten each clip by its own frames.

    Args:
        x: float array `(clips, bins, frames)` or `(clips, bins, frames, channels)`; channels
            are whitened apart.
        epsilon: float > 0, see `EPSILON`.

    Returns:
        float32 array of the same shape, mean 0 of each bin, whatever its unit; the covariance of
        the bins over the frames is close to the identity on the directions that carry signal.
        Fewer frames than bins have fewer directions, and the bins share their variance, which
        is then below 1. A constant bin becomes 0.

    Raises:
        ValueError: `x` has another number of axes, or `epsilon` is not positive.

    Source:
        Kessy, Lewin & Strimmer 2018 (ZCA-cor); report S1, which takes plain ZCA-Mahalanobis.
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
    count = max(clip.shape[1] - 1, 1)
    # Singular vectors of the data, not eigenvectors of the correlations: squaring would lose
    # half of the digits of the small directions.
    left, sizes, right = np.linalg.svd(_standardise(clip, count), full_matrices=False)
    return (left * (sizes / np.sqrt(sizes**2 / count + epsilon))) @ right


def _standardise(clip, count):
    # Differences first: a constant bin becomes exactly zero, not a rounding error.
    centred = clip - clip[:, :1]
    centred -= centred.mean(axis=1, keepdims=True)
    variance = np.sum(centred**2, axis=1, keepdims=True) / count
    scale = np.sqrt(variance + FLAT**2 * np.mean(clip**2, axis=1, keepdims=True))
    return centred / np.where(scale > 0, scale, 1.0)


def fit(covariance, epsilon=EPSILON):
    """Return the whitening matrix of a covariance, fitted for instance on a training side.

    Args:
        covariance: float array `(bins, bins)`, symmetric.
        epsilon: float > 0, see `EPSILON`.

    Returns:
        float64 array `(bins, bins)`, P^(-1/2) V^(-1/2): `W @ (x - mean)` is white. Rows and
        columns of bins without variance are zeros.

    Raises:
        ValueError: `covariance` is not square and finite, or `epsilon` is not positive.

    Source:
        Kessy, Lewin & Strimmer 2018 (ZCA-cor).
    """
    covariance = np.asarray(covariance, np.float64)
    square = covariance.ndim == 2 and covariance.shape[0] == covariance.shape[1]
    if not square or not np.isfinite(covariance).all() or not epsilon > 0:
        raise ValueError(
            "`covariance` must be square and finite, `epsilon` positive. "
            f"Received: shape={covariance.shape}, epsilon={epsilon}. Give np.cov(x) of the bins."
        )
    deviation = np.sqrt(np.maximum(np.diag(covariance), 0.0))
    inverse = np.divide(1.0, deviation, out=np.zeros_like(deviation), where=deviation > 0)
    variance, directions = np.linalg.eigh(covariance * np.outer(inverse, inverse))
    zca = (directions / np.sqrt(np.maximum(variance, 0.0) + epsilon)) @ directions.T
    return zca * inverse
