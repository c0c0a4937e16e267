"""Spans of frames and of features that are hidden in training."""

import keras
from keras import layers, ops

from serkeras.ssl.randomness import uniform


def draw_spans(lengths, positions, share, span, least, seeds):
    """Draw spans of one length, each clip its own.

    A clip gets about `share * length / span` spans, rounded up or down by chance, at least
    `least` and at most as many as fit side by side; a clip shorter than a span gets none. Their
    starts differ, but they may overlap.

    Args:
        lengths: int `(clips,)`, valid positions of each clip.
        positions: int, positions of the result.
        share: float, of the valid positions.
        span: int, positions of a span.
        least: int, spans.
        seeds: two, see `serkeras.ssl.randomness`.

    Returns:
        bool `(clips, positions)`, True within a span.

    Source:
        Baevski et al. 2020, "wav2vec 2.0", section 3.1; the count and its limits as in
        transformers, but for the limit by the clip's own length and not the batch's.
    """
    clips = ops.shape(lengths)[0]
    lengths = ops.cast(lengths, "int32")
    chance = uniform((clips,), seeds[0])
    wanted = ops.floor(share * ops.cast(lengths, "float32") / span + chance)
    count = ops.minimum(ops.maximum(ops.cast(wanted, "int32"), least), lengths // span)
    possible = ops.arange(positions, dtype="int32")[None] <= (lengths - span)[:, None]
    order = ops.where(possible, uniform((clips, positions), seeds[1]), 2.0)
    rank = ops.argsort(ops.argsort(order, axis=1), axis=1)
    starts = ops.cast(rank, "int32") < count[:, None]
    # A position is covered where a span began at it or at one of the `span - 1` before.
    begun = ops.cumsum(ops.cast(starts, "int32"), axis=1)
    over = ops.pad(begun, ((0, 0), (span, 0)))[:, :positions]
    return begun > over


@keras.saving.register_keras_serializable("serkeras")
class SpanMasking(layers.Layer):
    """Puts a learned vector in place of spans of frames, and zeros for spans of features.

    It acts in training only. Each call draws anew, from the layer's own seed generator.

    Args:
        time_share, time_span, time_least: share of the frames, frames of a span, least spans;
            see `draw_spans`. A share of 0 masks nothing.
        feature_share, feature_span, feature_least: the same of the features.
        active: bool, False never masks; the vector is there all the same.
        **kwargs: of `keras.layers.Layer`.
    """

    def __init__(
        self,
        time_share=0.05,
        time_span=10,
        time_least=2,
        feature_share=0.0,
        feature_span=10,
        feature_least=0,
        active=True,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.time = (time_share, time_span, time_least)
        self.feature = (feature_share, feature_span, feature_least)
        self.active, self.embedding = active, None
        self.seeds = keras.random.SeedGenerator()

    def build(self, input_shape):
        """Make the vector, where there is a share to mask."""
        if self.time[0] > 0 or self.feature[0] > 0:
            self.embedding = self.add_weight(
                shape=input_shape[-1:],
                initializer=keras.initializers.RandomUniform(0.0, 1.0),
                name="embedding",
                # It takes no part in training otherwise; published files hold it all the same.
                trainable=self.active and self.time[0] > 0,
            )

    def call(self, x, lengths, training=False):
        """Return `(clips, frames, features)` like `x`.

        Args:
            x: `(clips, frames, features)`.
            lengths: int `(clips,)`, valid frames of each clip.
            training: bool.
        """
        if not (training and self.active):
            return x
        if self.time[0] > 0:
            hidden = draw_spans(lengths, ops.shape(x)[1], *self.time, self._two_seeds())
            vector = ops.cast(ops.convert_to_tensor(self.embedding), x.dtype)
            x = ops.where(hidden[:, :, None], vector, x)
        if self.feature[0] > 0:
            all_features = ops.full_like(lengths, x.shape[2])
            hidden = draw_spans(all_features, x.shape[2], *self.feature, self._two_seeds())
            x = ops.where(hidden[:, None], ops.zeros_like(x), x)
        return x

    def _two_seeds(self):
        return self.seeds.next(), self.seeds.next()

    def compute_output_shape(self, input_shape):
        """Return the shape of the input."""
        return input_shape

    def get_config(self):
        """Return the constructor's arguments."""
        names = ("share", "span", "least")
        kept = {f"time_{name}": value for name, value in zip(names, self.time, strict=True)}
        kept |= {f"feature_{name}": value for name, value in zip(names, self.feature, strict=True)}
        return {**super().get_config(), **kept, "active": self.active}
