"""Deletion and insertion: whether the parts that a map calls important are."""

import numpy as np

from serkeras.explanation import occlusion

GRID = occlusion.PATCHES
CELLS = 192
SHARES = np.linspace(0.0, 1.0, 11)


def cells(shape, grid=GRID, count=CELLS):
    """Return the number of the cell that each place of a map belongs to.

    Args:
        shape: of a map, `(bins, frames)` or `(numbers,)`.
        grid: cells over bins and over frames.
        count: cells of maps with one axis.

    Returns:
        int array of that shape.
    """
    parts = grid if len(shape) == 2 else (count,)
    return occlusion.numbered(
        [occlusion.edges(size, part) for size, part in zip(shape, parts, strict=True)]
    )


def order(values, number, rng):
    """Return the order in which the cells of a map go: the most salient first.

    Args:
        values: map, float array.
        number: see `cells`.
        rng: `numpy.random.Generator`; decides between equal cells, so that a map without an
            opinion is a random order.

    Returns:
        int array `(cells,)`, numbers of cells.
    """
    flat = number.ravel()
    mean = np.bincount(flat, weights=values.ravel()) / np.bincount(flat)
    # What arithmetic leaves of equal values must not decide.
    mean = np.round(mean / max(np.abs(mean).max(), 1e-30), 9)
    return np.lexsort((rng.random(len(mean)), -mean))


def curves(listener, clip, label, orders, number, reference, shares=SHARES):
    """Return the probability of a class while cells are taken away, and while they come back.

    Args:
        listener: `serkeras.explanation.listener.Listener`.
        clip: features `(bins, frames, channels)` or `(numbers, 1)`.
        label: int, the class.
        orders: list of int arrays `(cells,)`, see `order`.
        number: see `cells`.
        reference: `serkeras.explanation.reference.Reference`: its baseline stands where cells are
            away.
        shares: float array of cells that are away (deletion) or there (insertion).

    Returns:
        Float array `(orders, 2, shares)`: deletion, insertion.

    Source:
        Petsiuk et al. 2018, RISE, section 4.2.
    """
    baseline = np.broadcast_to(reference.baseline, clip.shape)
    found = [
        listener.probabilities(_changed(clip, baseline, one, number, shares))[:, label]
        for one in orders
    ]
    return np.stack(found).reshape(len(orders), 2, len(shares))


def _changed(clip, baseline, order, number, shares):
    """Return the clip with a share of its cells away, then with only a share there."""
    rank = np.empty(len(order), int)
    rank[order] = np.arange(len(order))
    counts = np.round(np.asarray(shares) * len(order)).astype(int)
    first = rank[number][None] < counts.reshape(-1, *(1,) * number.ndim)
    first = first[..., None]
    return np.concatenate([np.where(first, baseline, clip), np.where(first, clip, baseline)])


def area(curve):
    """Return the area under curves `(..., shares)` over equal steps from 0 to 1."""
    curve = np.asarray(curve)
    return (curve[..., 1:] + curve[..., :-1]).mean(axis=-1) / 2
