"""One block of the encoder: attention, feed-forward, norms, dropouts, and leaving it out."""

import keras
from keras import layers, ops

from serkeras.ssl import lora as adapters
from serkeras.ssl.attention import GatedAttention, SelfAttention
from serkeras.ssl.convolutions import gelu
from serkeras.ssl.randomness import dropout, uniform

_DRAWS = 5  # seeds that a block uses in training


@keras.saving.register_keras_serializable("serkeras")
class EncoderBlock(layers.Layer):
    """Self-attention and feed-forward, each added to its input.

    Args:
        units, heads, intermediate: ints, width of a frame, heads, width of the feed-forward part.
        norm_first: bool, norms before attention and feed-forward; else after each sum.
        gated: bool, attention with WavLM's gated bias.
        epsilon: float, of the norms.
        hidden_dropout, activation_dropout, attention_dropout: floats, shares in training: of both
            results, within the feed-forward part, of the attention weights.
        drop: float, probability in training that the block leaves its input as it is, drawn once
            for the batch. The block is computed all the same, so that the graph never changes.
        remat: bool, in training, keep only the block's input and compute the rest again for the
            gradient: less memory for about a third more time.
        lora: None, or settings of adapters as `serkeras.ssl.lora.check` returns them.
        **kwargs: of `keras.layers.Layer`.
    """

    def __init__(
        self,
        units,
        heads,
        intermediate,
        norm_first=False,
        gated=False,
        epsilon=1e-5,
        hidden_dropout=0.0,
        activation_dropout=0.0,
        attention_dropout=0.0,
        drop=0.0,
        remat=False,
        lora=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.units, self.heads, self.intermediate = units, heads, intermediate
        self.norm_first, self.gated, self.epsilon = norm_first, gated, epsilon
        self.hidden_dropout, self.activation_dropout = hidden_dropout, activation_dropout
        self.attention_dropout, self.drop, self.remat = attention_dropout, drop, remat
        self.lora = lora
        policy = self.dtype_policy
        kind = GatedAttention if gated else SelfAttention
        self.attention = kind(units, heads, attention_dropout, lora, dtype=policy, name="attention")
        self.norm, self.final_norm = (
            layers.LayerNormalization(epsilon=epsilon, dtype=policy, name=name)
            for name in ("norm", "final_norm")
        )
        self.inner = adapters.dense(intermediate, policy, "inner", lora)
        self.outer = adapters.dense(units, policy, "outer", lora)
        self.seeds = keras.random.SeedGenerator()

    def build(self, input_shape):
        """Make the weights."""
        for layer in (self.attention, self.norm, self.final_norm, self.inner):
            layer.build(input_shape)
        self.outer.build((*input_shape[:-1], self.intermediate))

    def call(self, x, valid=None, bias=None, training=False):
        """Return `(clips, frames, units)` like `x`.

        Args:
            x: `(clips, frames, units)`.
            valid: bool `(clips, frames)`, True on valid frames, or None.
            bias: `(heads, frames, frames)` for gated attention, else None.
            training: bool.
        """
        # Drawn here and not where they are used: a part that is computed twice must draw once.
        seeds = [self.seeds.next() if training else None for _ in range(_DRAWS)]

        def computed(x, bias=None):
            return self._computed(x, valid, bias, seeds)

        run = keras.remat(computed) if training and self.remat else computed
        result = run(x) if bias is None else run(x, bias)
        if training and self.drop > 0:
            result = ops.where(uniform((), seeds[-1]) >= self.drop, result, x)
        return result

    def _computed(self, x, valid, bias, seeds):
        attended = self.attention(self.norm(x) if self.norm_first else x, valid, bias, seeds[0])
        x = x + dropout(attended, self.hidden_dropout, seeds[1])
        if self.norm_first:
            return x + self._feed_forward(self.final_norm(x), seeds)
        x = self.norm(x)
        return self.final_norm(x + self._feed_forward(x, seeds))

    def _feed_forward(self, x, seeds):
        inner = dropout(gelu(self.inner(x)), self.activation_dropout, seeds[2])
        return dropout(self.outer(inner), self.hidden_dropout, seeds[3])

    def compute_output_shape(self, input_shape):
        """Return the shape of the input."""
        return input_shape

    def get_config(self):
        """Return the constructor's arguments."""
        names = ("units", "heads", "intermediate", "norm_first", "gated", "epsilon")
        names += ("hidden_dropout", "activation_dropout", "attention_dropout", "drop", "remat")
        names += ("lora",)
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}
