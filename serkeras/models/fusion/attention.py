"""Self-attention whose queries and keys pass gates that both of them decide."""

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable("serkeras")
class GatedSelfAttention(layers.Layer):
    """Multi-head gated self-attention.

    In each head, with queries Q, keys K and values V of `units` numbers a step,

        M = sigmoid(f(f_q(Q) * f_k(K)))
        A = softmax((Q * M_q) (K * M_k)' / sqrt(units))
        F = A V

    where f_q and f_k are linear to `gate_units` numbers a step, and f to two, the masks M_q and
    M_k, which multiply all numbers of their step. The heads' results are joined and pass one more
    linear layer. All linear layers have a bias.

    Args:
        heads: int.
        units: int, of each head: queries, keys, values and result.
        gate_units: int, of each head.
        **kwargs: of `keras.layers.Layer`.

    Source:
        Yu et al. 2019, "Multimodal unified attention networks for vision-and-language
        interactions", arXiv:1908.04107, section III-A; report S2, section 3.5.
    """

    def __init__(self, heads, units, gate_units, **kwargs):
        super().__init__(**kwargs)
        self.heads, self.units, self.gate_units = heads, units, gate_units
        policy = self.dtype_policy
        self.query, self.key, self.value, self.out = (
            layers.Dense(heads * units, dtype=policy, name=name)
            for name in ("query", "key", "value", "out")
        )
        self.gate_query, self.gate_key, self.gate = (
            layers.EinsumDense("bshi,hio->bsho", shape, bias_axes="ho", dtype=policy, name=name)
            for name, shape in (
                ("gate_query", (None, heads, gate_units)),
                ("gate_key", (None, heads, gate_units)),
                ("gate", (None, heads, 2)),
            )
        )

    def build(self, input_shape):
        """Make the weights."""
        clips, steps = input_shape[:2]
        for layer in (self.query, self.key, self.value):
            layer.build(input_shape)
        for layer in (self.gate_query, self.gate_key):
            layer.build((clips, steps, self.heads, self.units))
        self.gate.build((clips, steps, self.heads, self.gate_units))
        self.out.build((clips, steps, self.heads * self.units))

    def call(self, x):
        """Return `(clips, steps, heads * units)` of `(clips, steps, channels)`."""
        query, key, value = (self._split(layer(x)) for layer in (self.query, self.key, self.value))
        weights = ops.cast(self._weights(query, key), value.dtype)
        found = ops.einsum("bhqk,bkhd->bqhd", weights, value)
        return self.out(ops.reshape(found, (*ops.shape(x)[:2], self.heads * self.units)))

    def listen(self, x):
        """Return what `call` listens to.

        Args:
            x: `(clips, steps, channels)`.

        Returns:
            Masks `(clips, steps, heads, 2)`, of queries and of keys, from 0 to 1; and float32
            `(clips, steps, heads)`, how much each step is attended to, the mean over those that
            attend, which sums to 1 over the steps.
        """
        query, key = (self._split(layer(x)) for layer in (self.query, self.key))
        attended = ops.mean(self._weights(query, key), axis=2)
        return self._masks(query, key), ops.transpose(attended, (0, 2, 1))

    def _split(self, x):
        """Return `(clips, steps, heads, units)`."""
        return ops.reshape(x, (*ops.shape(x)[:2], self.heads, self.units))

    def _masks(self, query, key):
        return ops.sigmoid(self.gate(self.gate_query(query) * self.gate_key(key)))

    def _weights(self, query, key):
        """Return float32 `(clips, heads, steps that attend, steps attended to)`."""
        masks = self._masks(query, key)
        scores = ops.einsum("bqhd,bkhd->bhqk", query * masks[..., :1], key * masks[..., 1:])
        return ops.softmax(ops.cast(scores, "float32") / self.units**0.5, axis=-1)

    def compute_output_shape(self, input_shape):
        """Return `(clips, steps, heads * units)`."""
        return (*input_shape[:-1], self.heads * self.units)

    def get_config(self):
        """Return the constructor's arguments."""
        kept = {"heads": self.heads, "units": self.units, "gate_units": self.gate_units}
        return {**super().get_config(), **kept}
