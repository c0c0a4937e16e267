"""MixUp of any kind of input."""

import keras
from keras import ops

from serkeras.features.layers.base import Augmentation


@keras.saving.register_keras_serializable("serkeras")
class MixUp(Augmentation):
    """Mix each clip and its label with another clip of the batch, in training only.

    `keras.layers.MixUp` does this for images `(batch, bins, frames, channels)`; it refuses
    `(batch, samples)`, takes `(batch, samples, 1)` for one image and leaves it unmixed, and
    mixes class indices into nonsense. This one takes any shape, and only labels that can be
    mixed. It stands between the data and the model, where both are at hand:

        x, y = MixUp(alpha=0.2)((x, y), training=True)

    Train on its labels with a loss for probabilities, such as `categorical_crossentropy`.

    Args:
        alpha: float > 0, of the distribution Beta(alpha, alpha) of the weight; small values
            leave most clips nearly as they are.
        seed: int or None, see `Augmentation`.
        name: str, of the layer.

    Raises:
        ValueError: `alpha` is not above 0, or the labels are not `(batch, classes)` floats.

    Source:
        Zhang et al. 2018, mixup: Beyond Empirical Risk Minimization.
    """

    settings = ("alpha",)

    def __init__(self, alpha=0.2, seed=None, name=None):
        super().__init__(seed=seed, name=name)
        if not alpha > 0:
            raise ValueError(f"`alpha` must be above 0. Received: {alpha!r}. Use for instance 0.2.")
        self.alpha = float(alpha)

    def call(self, inputs, training=None):
        """Return mixed `(x, labels)`.

        Args:
            inputs: pair of a float tensor `(batch, ...)` and float labels `(batch, classes)`,
                one-hot or probabilities.
            training: bool.
        """
        x, labels = inputs
        _require_probabilities(labels)
        if not training:
            return x, labels
        batch = ops.shape(x)[0]
        weight = keras.random.beta((batch,), self.alpha, self.alpha, seed=self.generator)
        order = ops.argsort(keras.random.uniform((batch,), seed=self.generator))
        return _mix(x, weight, order), _mix(labels, weight, order)

    def compute_output_spec(self, inputs, training=None):
        """Return symbolic tensors like the inputs."""
        x, labels = inputs
        _require_probabilities(labels)
        return keras.KerasTensor(x.shape, x.dtype), keras.KerasTensor(labels.shape, labels.dtype)


def _require_probabilities(labels):
    kind = keras.backend.standardize_dtype(labels.dtype)
    if len(labels.shape) != 2 or not kind.startswith(("float", "bfloat")):
        raise ValueError(
            "MixUp takes labels (batch, classes) of a float type. "
            f"Received: shape={tuple(labels.shape)}, dtype={kind}. "
            "Turn class indices into keras.ops.one_hot(labels, classes) first."
        )


def _mix(values, weight, order):
    """Return weight * values + (1 - weight) * values[order], of the type of `values`."""
    ours = ops.cast(values, "float32")
    weight = ops.reshape(weight, (-1, *(1,) * (len(values.shape) - 1)))
    return ops.cast(weight * ours + (1.0 - weight) * ops.take(ours, order, axis=0), values.dtype)
