"""Self-attention with a mask of keys, and WavLM's gated bias by distance."""

import keras
import numpy as np
from keras import layers, ops

from serkeras.ssl import lora as adapters
from serkeras.ssl.randomness import dropout

_FAR = -1e9


@keras.saving.register_keras_serializable("serkeras")
class SelfAttention(layers.Layer):
    """Each frame gathers from all valid frames of its clip.

    Args:
        units: int, width of a frame.
        heads: int, they divide `units`.
        dropout_rate: float, of the attention weights in training.
        lora: None, or settings of adapters as `serkeras.ssl.lora.check` returns them.
        **kwargs: of `keras.layers.Layer`.

    Source:
        Vaswani et al. 2017, "Attention is all you need", section 3.2.
    """

    def __init__(self, units, heads, dropout_rate=0.0, lora=None, **kwargs):
        super().__init__(**kwargs)
        self.units, self.heads, self.dropout_rate, self.lora = units, heads, dropout_rate, lora
        self.query, self.key, self.value, self.out = (
            adapters.dense(units, self.dtype_policy, name, lora)
            for name in ("query", "key", "value", "out")
        )

    def build(self, input_shape):
        """Make the weights."""
        for layer in (self.query, self.key, self.value, self.out):
            layer.build(input_shape)

    def call(self, x, valid=None, bias=None, seed=None):
        """Return `(clips, frames, units)`.

        Args:
            x: `(clips, frames, units)`.
            valid: bool `(clips, frames)`, True for frames that may be attended to, or None.
            bias: `(heads, frames, frames)` by distance; not used here.
            seed: for dropout, or None in inference.
        """
        query, key, value = (self._split(layer(x)) for layer in (self.query, self.key, self.value))
        query = query * (self.units // self.heads) ** -0.5
        scores = ops.cast(ops.matmul(query, ops.swapaxes(key, 2, 3)), "float32")
        added = self._added(x, bias)
        scores = scores if added is None else scores + added
        if valid is not None:
            scores = ops.where(valid[:, None, None], scores, _FAR)
        weights = ops.cast(ops.softmax(scores, axis=-1), value.dtype)
        gathered = ops.matmul(dropout(weights, self.dropout_rate, seed), value)
        return self.out(ops.reshape(ops.transpose(gathered, (0, 2, 1, 3)), ops.shape(x)))

    def _added(self, x, bias):
        """Return what joins the scores, float32 `(clips, heads, frames, frames)`, or None."""
        return None

    def _split(self, x):
        """Return `(clips, heads, frames, units of a head)`."""
        shape = ops.shape(x)
        x = ops.reshape(x, (shape[0], shape[1], self.heads, self.units // self.heads))
        return ops.transpose(x, (0, 2, 1, 3))

    def compute_output_shape(self, input_shape):
        """Return the shape of the input."""
        return input_shape

    def get_config(self):
        """Return the constructor's arguments."""
        names = ("units", "heads", "dropout_rate", "lora")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


@keras.saving.register_keras_serializable("serkeras")
class GatedAttention(SelfAttention):
    """Self-attention with a bias by distance, which each frame opens or closes.

    With u and r of a frame's values through a sigmoid, the bias is multiplied by
    2 + u (r w - 1), where w is learned for each head.

    Args:
        units, heads, dropout_rate, lora: see `SelfAttention`.
        **kwargs: of `keras.layers.Layer`.

    Source:
        Chen et al. 2022, "WavLM", section III-B.
    """

    def __init__(self, units, heads, dropout_rate=0.0, lora=None, **kwargs):
        super().__init__(units, heads, dropout_rate, lora, **kwargs)
        self.gate = layers.Dense(8, dtype=self.dtype_policy, name="gate")

    def build(self, input_shape):
        """Make the weights."""
        super().build(input_shape)
        self.gate.build((None, None, self.heads, self.units // self.heads))
        shape = (1, self.heads, 1, 1)
        self.gate_scale = self.add_weight(shape=shape, initializer="ones", name="gate_scale")

    def _added(self, x, bias):
        values = self.gate(self._split(x))
        # Eight values a frame: four that sum to u, four that sum to r.
        u, r = (
            ops.sigmoid(ops.sum(half, axis=-1, keepdims=True)) for half in ops.split(values, 2, -1)
        )
        opening = u * (r * self.gate_scale - 1.0) + 2.0
        return ops.cast(opening, "float32") * ops.cast(bias, "float32")


@keras.saving.register_keras_serializable("serkeras")
class DistanceBias(layers.Layer):
    """A learned number for each head and each kind of distance between two frames.

    Args:
        heads: int.
        buckets: int, kinds of distance: half of them forward, half backward.
        max_distance: int, frames from which on all are of one kind.
        **kwargs: of `keras.layers.Layer`.
    """

    def __init__(self, heads, buckets, max_distance, **kwargs):
        super().__init__(**kwargs)
        self.heads, self.buckets, self.max_distance = heads, buckets, max_distance
        self._kinds = kinds_of_distance(buckets, max_distance)

    def build(self, input_shape):
        """Make the table."""
        shape = (self.buckets, self.heads)
        self.table = self.add_weight(shape=shape, initializer="normal", name="table")

    def call(self, x):
        """Return `(heads, frames, frames)` for the frames of `x` `(clips, frames, ...)`."""
        places = ops.arange(ops.shape(x)[1], dtype="int32")
        distance = places[None] - places[:, None]
        near = ops.minimum(ops.abs(distance), self.max_distance)
        kinds = ops.take(ops.convert_to_tensor(self._kinds), near, axis=0)
        kinds = ops.where(distance > 0, kinds + self.buckets // 2, kinds)
        return ops.transpose(ops.take(self.table, kinds, axis=0), (2, 0, 1))

    def get_config(self):
        """Return the constructor's arguments."""
        kept = {"heads": self.heads, "buckets": self.buckets, "max_distance": self.max_distance}
        return {**super().get_config(), **kept}


def kinds_of_distance(buckets, max_distance):
    """Return the kind of each distance from 0 to `max_distance`, int32.

    Half of the kinds of one direction are for one distance each, the others for ranges that grow
    with its logarithm up to `max_distance`.

    Args:
        buckets: int, kinds of both directions together.
        max_distance: int, frames.

    Source:
        Raffel et al. 2020, "Exploring the limits of transfer learning", section 2.1.
    """
    kinds = buckets // 2
    exact = kinds // 2
    distance = np.arange(max_distance + 1)
    # Float32 throughout, as the networks were trained: the borders depend on rounding.
    ratio = np.log(np.maximum(distance, 1).astype(np.float32) / np.float32(exact))
    share = ratio / np.float32(np.log(max_distance / exact))
    ranges = (np.float32(exact) + share * np.float32(kinds - exact)).astype(np.int32)
    return np.where(distance < exact, distance, np.minimum(ranges, kinds - 1)).astype(np.int32)
