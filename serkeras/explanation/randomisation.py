"""Whether a map depends on what a network has learned (Adebayo et al. 2018)."""

import numpy as np
from scipy.stats import rankdata

from serkeras.training.random_state import own_random_state


def with_random_weights(model, seed=0):
    """Return the same network with random weights.

    What stands in front of the network stays: features in the graph, the fitted scaling.

    Args:
        model: a run's `keras.Model`: layers, and the network as the last one.
        seed: of the weights.
    """
    import keras

    with own_random_state():
        keras.utils.set_random_seed(seed)
        changed = keras.models.clone_model(model)
    for layer in model.layers[:-1]:
        changed.get_layer(layer.name).set_weights(layer.get_weights())
    return changed


def similarity(maps, others, signs=False):
    """Return the rank correlation of each map with its other.

    Args:
        maps, others: lists of arrays, pairs of one shape.
        signs: whether those of the values count; else their sizes are compared.

    Returns:
        Float array `(maps,)`; 0 where a map is the same everywhere.
    """
    return np.array(
        [
            _spearman(one, other) if signs else _spearman(np.abs(one), np.abs(other))
            for one, other in zip(maps, others, strict=True)
        ]
    )


def _spearman(a, b):
    ranks = [rankdata(one.ravel()) for one in (a, b)]
    (a, b) = (one - one.mean() for one in ranks)
    size = np.sqrt((a**2).sum() * (b**2).sum())
    return float((a * b).sum() / size) if size > 0 else 0.0
