"""Grad-CAM: where the map of the last convolution speaks for a class."""

import numpy as np

from serkeras.explanation import layers
from serkeras.features.multi import resize_matrix


def convolutions(listener, layer=None):
    """Return the layers whose maps are read, see `serkeras.explanation.layers.last_convolutions`.

    Raises:
        ValueError: there are none, or their maps have fewer axes than the features.
    """
    found = layers.last_convolutions(listener.model, layer)
    wanted, given = len(listener.model.inputs[0].shape), len(found[0].output.shape)
    if given < wanted:
        raise ValueError(
            "Grad-CAM needs a map with the axes of the features. Received: the layer "
            f"{found[0].name!r} with a map of {given - 2} for features of {wanted - 2}. Name "
            "another layer, or use another method."
        )
    return found


def run(listener, x, classes, reference=None, rng=None, layer=None):
    """Return the maps of the last convolution, each channel by how it moves the score.

    A channel's weight is the mean over places of the gradient of the score; what is below zero
    in the weighted sum counts as 0. Maps of parallel paths are added. The map, which is coarse,
    is stretched over the whole clip: a place is right to about one of its cells.

    Args:
        listener: `serkeras.explanation.listener.Listener`.
        x: features `(rows, bins, frames, channels)` or `(rows, numbers, 1)`.
        classes: int array `(rows,)`, whose score is explained.
        reference, rng: not used.
        layer: name of another layer; see `convolutions`.

    Returns:
        Maps `(rows, bins, frames)` or `(rows, numbers)`, 0 and more.

    Raises:
        ValueError: see `convolutions`.

    Source:
        Selvaraju et al. 2017, Grad-CAM: visual explanations from deep networks.
    """
    maps, gradients = listener.inner(x, classes, convolutions(listener, layer))
    padded = listener.given(x[:1])[0].shape[1:-1]
    found = [_weighted(*pair) for pair in zip(maps, gradients, strict=True)]
    # A network of waveforms may look at a spectrogram: its bins are no axis of the samples.
    found = [one.sum(axis=1) if one.ndim == x.ndim else one for one in found]
    found = [_stretched(one, padded) for one in found]
    # Frames behind the clip are padding.
    return sum(found)[..., : x.shape[-2]]


def _weighted(maps, gradients):
    places = tuple(range(1, maps.ndim - 1))
    weights = gradients.mean(axis=places, keepdims=True)
    return np.maximum((weights * maps).sum(axis=-1), 0.0)


def _stretched(maps, shape):
    """Resize the axes behind the first, bilinear."""
    for axis, size in enumerate(shape, start=1):
        moved = np.moveaxis(maps, axis, -1)
        maps = np.moveaxis(moved @ resize_matrix(moved.shape[-1], size), -1, axis)
    return maps
