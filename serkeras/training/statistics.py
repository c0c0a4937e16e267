"""What the scaling in front of a network is fitted with: statistics of the training side."""

import numpy as np

# Deviation of a bin, as a share of its mean, that float32 gives to a bin that never changes.
_ROUNDING = 1e-6


def bin_statistics(side, chunk=256):
    """Return mean and variance of each bin over rows and valid frames, two float64 arrays.

    They are `(bins,)` for features `(bins, frames)` and for averages over time, `(bins,
    channels)` for features with channels, and `()`, one number over all, for waveforms and
    averages over frequency.

    Args:
        side: `serkeras.training.sides.Side`; where its clips are changed on the fly, or it
            holds waveforms for features inside the model, those of the clean features.
        chunk: rows read at once.
    """
    side = side.statistics or side
    # All axes but bins and channels: rows and frames.
    axes = (0,) if side.frame_axis is None else (0, 1 + side.frame_axis)
    total, squares, count = 0.0, 0.0, 0
    for part, frames in _parts(side, chunk):
        total = total + part.sum(axis=axes)
        squares = squares + (part**2).sum(axis=axes)
        count += frames
    mean = total / count
    return mean, np.maximum(squares / count - mean**2, 0.0)


def bin_covariance(side, chunk=256):
    """Return mean and covariance of the bins over rows and valid frames, two float64 arrays.

    Args:
        side: as for `bin_statistics`.
        chunk: rows read at once.

    Returns:
        Mean `(bins,)` and covariance `(bins, bins)`, divided by the number of frames; for
        features with channels `(channels, bins)` and `(channels, bins, bins)`, each channel
        apart. Zeros for a bin that never changes but for rounding errors.

    Raises:
        ValueError: the features have no bins (waveforms, averages over frequency).
    """
    side = side.statistics or side
    if side.frame_axis == 0:
        raise ValueError(
            "Features must have bins to have a covariance. "
            f"Received: rows of shape {side.x.shape[1:]}, one number a frame or sample. "
            "Choose model.normalize='bins' or 'none'."
        )
    mean, _ = bin_statistics(side, chunk)
    products, count = 0.0, 0
    for part, frames in _parts(side, chunk, mean):
        # (rows, bins, frames, channels) -> (channels, bins, rows and frames)
        part = part.reshape(*part.shape, *(1,) * (4 - part.ndim)).transpose(3, 1, 0, 2)
        part = part.reshape(*part.shape[:2], -1)
        products = products + part @ part.transpose(0, 2, 1)
        count += frames
    covariance = products / count
    variance = np.diagonal(covariance, axis1=1, axis2=2)
    moves = variance > np.square(_ROUNDING * mean.T.reshape(variance.shape))
    covariance = covariance * (moves[:, :, None] & moves[:, None, :])
    return (mean.T, covariance) if mean.ndim == 2 else (mean, covariance[0])


def _parts(side, chunk, center=None):
    """Yield (rows as float64, padding as zeros; their number of valid frames), piece by piece.

    Args:
        side: `Side`.
        chunk: rows of a piece.
        center: numbers `(bins,)` or `(bins, channels)` subtracted from every frame.
    """
    for start in range(0, len(side.index), chunk):
        part = side.x[side.index[start : start + chunk]].astype(np.float64)
        if center is not None:
            part -= center if side.frame_axis is None else np.expand_dims(center, 1)
        frames = len(part) if side.frame_axis is None else len(part) * side.longest
        if side.varies:
            lengths = side.frames[start : start + chunk]
            valid = np.arange(side.longest) < lengths[:, None]
            part *= valid.reshape(len(part), *(1,) * (part.ndim - 2), -1)
            frames = int(lengths.sum())
        yield part, frames
