"""Attention layers: pooling with a scaled softmax, and the averaged heads of `cnn-attention`."""

import keras
from keras import ops

_FAR = -1e9


@keras.saving.register_keras_serializable("serkeras")
class AttentionWeights(keras.layers.Layer):
    """How much each position of a clip counts: softmax(scale * u tanh(W a + b)).

    Args:
        units: int, width of the hidden layer; None for none, which leaves softmax(scale * u a).
        scale: float, lambda of the source: 1 is a plain softmax, smaller values spread the
            weights more evenly.
        heads: int, weightings side by side, each with a u of its own.
        **kwargs: of `keras.layers.Layer`.

    Source:
        Zhang et al. 2019, "Attention based fully convolutional network for speech emotion
        recognition", equations 2 and 3.
    """

    def __init__(self, units, scale=1.0, heads=1, **kwargs):
        super().__init__(**kwargs)
        self.units, self.scale, self.heads = units, scale, heads
        self.hidden = None
        if units is not None:
            self.hidden = keras.layers.Dense(units, activation="tanh", name="hidden")
        self.importance = keras.layers.Dense(heads, use_bias=False, name="importance")

    def build(self, input_shape):
        """Make the weights."""
        if self.hidden is not None:
            self.hidden.build(input_shape)
            input_shape = (*input_shape[:-1], self.units)
        self.importance.build(input_shape)

    def call(self, x, valid=None):
        """Return weights `(clips, positions, heads)` that sum to 1 over the positions.

        Args:
            x: `(clips, positions, channels)`.
            valid: `(clips, positions, 1)`, 0 on padding, or None.
        """
        seen = x if self.hidden is None else self.hidden(x)
        scores = ops.cast(self.scale * self.importance(seen), "float32")
        if valid is not None:
            scores = scores + (1.0 - ops.cast(valid, "float32")) * _FAR
        return ops.cast(ops.softmax(scores, axis=1), x.dtype)

    def compute_output_shape(self, input_shape):
        """Return `(clips, positions, heads)`."""
        return (*input_shape[:-1], self.heads)

    def get_config(self):
        """Return the constructor's arguments."""
        kept = {"units": self.units, "scale": self.scale, "heads": self.heads}
        return {**super().get_config(), **kept}


@keras.saving.register_keras_serializable("serkeras")
class AveragedSelfAttention(keras.layers.Layer):
    """Dot-product attention of some heads whose results are averaged instead of joined.

    Args:
        units: int, width of query, key, value and result.
        heads: int.
        **kwargs: of `keras.layers.Layer`.

    Source:
        Report S2, section 3.3: softmax(K Q' / sqrt(d)) V with d the width of the input.
    """

    def __init__(self, units, heads=3, **kwargs):
        super().__init__(**kwargs)
        self.units, self.heads = units, heads
        width = heads * units
        self.query = keras.layers.Dense(width, use_bias=False, name="query")
        self.key = keras.layers.Dense(width, use_bias=False, name="key")
        self.value = keras.layers.Dense(width, use_bias=False, name="value")

    def build(self, input_shape):
        """Make the weights."""
        for layer in (self.query, self.key, self.value):
            layer.build(input_shape)

    def call(self, x, valid=None):
        """Return `(clips, positions, units)`.

        Args:
            x: `(clips, positions, channels)`.
            valid: `(clips, positions, 1)`, 0 on padding, which nobody attends to; or None.
        """
        query, key, value = (self._split(layer(x)) for layer in (self.query, self.key, self.value))
        weights = self._weights(query, key, valid, x.shape[-1])
        return ops.mean(ops.matmul(ops.cast(weights, value.dtype), value), axis=1)

    def attended(self, x, valid=None):
        """Return how much each position is attended to, `(clips, positions, heads)`.

        It is the mean over the (valid) positions that attend; over all positions it sums to 1.
        """
        query, key = self._split(self.query(x)), self._split(self.key(x))
        weights = ops.transpose(self._weights(query, key, valid, x.shape[-1]), (0, 2, 3, 1))
        if valid is None:
            return ops.mean(weights, axis=1)
        valid = ops.expand_dims(ops.cast(valid, weights.dtype), -1)
        return ops.sum(weights * valid, axis=1) / ops.sum(valid, axis=1)

    def _split(self, x):
        """Return `(clips, heads, positions, units)`."""
        x = ops.reshape(x, (ops.shape(x)[0], ops.shape(x)[1], self.heads, self.units))
        return ops.transpose(x, (0, 2, 1, 3))

    def _weights(self, query, key, valid, width):
        # Which of the two is called query makes no difference to what can be learned.
        scores = ops.cast(ops.matmul(query, ops.swapaxes(key, 2, 3)), "float32") / width**0.5
        if valid is not None:
            nobody = (1.0 - ops.cast(ops.swapaxes(valid, 1, 2), "float32")) * _FAR
            scores = scores + ops.expand_dims(nobody, 1)
        return ops.softmax(scores, axis=-1)

    def compute_output_shape(self, input_shape):
        """Return `(clips, positions, units)`."""
        return (*input_shape[:-1], self.units)

    def get_config(self):
        """Return the constructor's arguments."""
        return {**super().get_config(), "units": self.units, "heads": self.heads}
