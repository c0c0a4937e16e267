"""Occlusion: what a model's score loses when a part of a clip is replaced by the baseline."""

import numpy as np

WINDOWS = 32
PATCHES = (12, 16)
_AT_ONCE = 32


def edges(size, parts):
    """Return the borders of equal parts of an axis, int array; no part is empty.

    Args:
        size: length of the axis.
        parts: how many, at most `size`.
    """
    parts = min(parts, size)
    return np.round(np.linspace(0, size, parts + 1)).astype(int)


def time(listener, x, classes, reference, rng=None, windows=WINDOWS):
    """Return how much score is lost without each time window.

    Args:
        listener: `serkeras.explanation.listener.Listener`.
        x: features `(rows, bins, frames, channels)` or `(rows, frames, 1)`.
        classes: int array `(rows,)`, whose score is explained.
        reference: `serkeras.explanation.reference.Reference`, whose baseline fills the window.
        rng: not used.
        windows: int, beside each other.

    Returns:
        Maps `(rows, bins, frames)` or `(rows, frames)`: score of the clip less that without.

    Source:
        Zeiler & Fergus 2014, Visualizing and understanding convolutional networks, section 4.2.
    """
    shape = x.shape[1:-1]
    parts = [edges(size, 1) for size in shape[:-1]] + [edges(shape[-1], windows)]
    return _occluded(listener, x, classes, reference, parts)


def frequency(listener, x, classes, reference, rng=None, windows=WINDOWS):
    """Return how much score is lost without each band of bins; see `time`."""
    shape = x.shape[1:-1]
    parts = [edges(shape[0], windows)] + [edges(size, 1) for size in shape[1:]]
    return _occluded(listener, x, classes, reference, parts)


def patches(listener, x, classes, reference, rng=None, windows=PATCHES):
    """Return how much score is lost without each patch of bins and frames; see `time`.

    Args:
        listener, x, classes, reference, rng: as for `time`.
        windows: pair of ints, patches over the bins and over the frames.
    """
    parts = [edges(size, count) for size, count in zip(x.shape[1:-1], windows, strict=True)]
    return _occluded(listener, x, classes, reference, parts)


def _occluded(listener, x, classes, reference, parts):
    number = numbered(parts)
    maps = []
    for clip, label in zip(x, classes, strict=True):
        whole = listener.scores(clip[None])[0, label]
        baseline = np.broadcast_to(reference.baseline, clip.shape)
        left = [
            listener.scores(_without(clip, baseline, number, some))[:, label]
            for some in np.split(np.arange(number.max() + 1), _places(number))
        ]
        maps.append((whole - np.concatenate(left))[number])
    return np.stack(maps)


def numbered(parts):
    """Return the number of the part that each place belongs to.

    Args:
        parts: borders along each axis, see `edges`.

    Returns:
        int array of the shape of a map.
    """
    number = np.zeros((1,) * len(parts), int)
    for axis, borders in enumerate(parts):
        index = np.repeat(np.arange(len(borders) - 1), np.diff(borders))
        number = number * (len(borders) - 1) + np.expand_dims(
            index, tuple(other for other in range(len(parts)) if other != axis)
        )
    return number


def _places(number):
    return np.arange(_AT_ONCE, number.max() + 1, _AT_ONCE)


def _without(clip, baseline, number, some):
    """Return copies of a clip, each without one of some parts."""
    gone = number[None] == some.reshape(-1, *(1,) * number.ndim)
    return np.where(gone[..., None], baseline, clip)
