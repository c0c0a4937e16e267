"""Random draws from seeds that were drawn before: the same whenever a part is computed again."""

import keras
from keras import ops


class _Drawn(keras.random.SeedGenerator):
    """Hands out one seed; it has no variable, so a part may be computed twice without harm.

    A generator with a state moves on when recomputation runs a part again in the backward pass:
    other units would be dropped than in the forward pass, and JAX refuses it.
    """

    def __init__(self, seed):
        self._seed = seed

    def next(self, ordered=True):
        return self._seed


def uniform(shape, seed):
    """Return float32 numbers from 0 (included) to 1 (excluded).

    Args:
        shape: of the result.
        seed: what `keras.random.SeedGenerator.next` gave.
    """
    return keras.random.uniform(shape, dtype="float32", seed=_Drawn(seed))


def dropout(x, rate, seed):
    """Set a share of the values to zero and scale up the others, so that the mean stays.

    Args:
        x: tensor.
        rate: float, the share.
        seed: what `keras.random.SeedGenerator.next` gave, or None: return `x` (inference).

    Returns:
        tensor like `x`.
    """
    if seed is None or rate == 0:
        return x
    if rate == 1:
        return ops.zeros_like(x)
    kept = uniform(ops.shape(x), seed) >= rate
    return ops.where(kept, x / (1 - rate), ops.zeros_like(x))
