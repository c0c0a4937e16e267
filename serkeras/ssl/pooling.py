"""What stands around a speech network in a classifier: level before it, pooling behind it."""

import keras
from keras import ops

# Of the variance, as transformers' feature extractor adds it.
_EPSILON = 1e-7


@keras.saving.register_keras_serializable("serkeras")
class Standardize(keras.layers.Layer):
    """Bring each waveform to mean 0 and variance 1, over its valid samples; padding stays 0."""

    def call(self, waveform, valid=None):
        """Return the waveforms.

        Args:
            waveform: float `(clips, samples)`.
            valid: bool `(clips, samples)`, False on padding, or None.
        """
        mask = ops.ones_like(waveform) if valid is None else ops.cast(valid, waveform.dtype)
        count = ops.maximum(ops.sum(mask, axis=1, keepdims=True), 1.0)
        centred = (waveform - ops.sum(waveform * mask, axis=1, keepdims=True) / count) * mask
        variance = ops.sum(ops.square(centred), axis=1, keepdims=True) / count
        return centred / ops.sqrt(variance + _EPSILON)

    def compute_output_shape(self, waveform_shape, valid_shape=None):
        """Return the input's shape."""
        return waveform_shape


@keras.saving.register_keras_serializable("serkeras")
class MeanOfStates(keras.layers.Layer):
    """Average each hidden state over the valid frames of a clip.

    Averages of weighted states are weighted averages, so states can be averaged first and
    weighted after.
    """

    def call(self, states, valid):
        """Return `(clips, states, width)`, float32.

        Args:
            states: list of `(clips, frames, width)`.
            valid: bool `(clips, frames)`.
        """
        mask = ops.expand_dims(ops.cast(valid, "float32"), -1)
        count = ops.maximum(ops.sum(mask, axis=1), 1.0)
        return ops.stack(
            [ops.sum(ops.cast(x, "float32") * mask, axis=1) / count for x in states], axis=1
        )

    def compute_output_shape(self, states_shape, valid_shape):
        """Return `(clips, states, width)`."""
        return (states_shape[0][0], len(states_shape), states_shape[0][-1])


@keras.saving.register_keras_serializable("serkeras")
class LayerWeights(keras.layers.Layer):
    """Sum of hidden states with learned weights that are positive and sum to 1, equal at first.

    Source:
        Yang et al. 2021, "SUPERB: Speech processing universal performance benchmark".
    """

    def build(self, input_shape):
        """Make the weights."""
        self.scores = self.add_weight(shape=(input_shape[1],), initializer="zeros", name="scores")

    def call(self, states):
        """Return `(clips, width)` of `(clips, states, width)`."""
        weights = ops.softmax(self.scores)
        return ops.sum(states * ops.reshape(weights, (1, -1, 1)), axis=1)

    def compute_output_shape(self, states_shape):
        """Return `(clips, width)`."""
        return (states_shape[0], states_shape[2])
