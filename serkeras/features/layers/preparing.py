"""The layer that does inside a graph what `serkeras.audio.fit` does outside."""

import keras
from keras import ops

from serkeras.features.layers.base import FeatureLayer, require_rank

_FRAME, _HOP = 2048, 512
# More samples than any clip has. Not infinity, of which converters to integers make NaN.
_FOREVER = 1e12


@keras.saving.register_keras_serializable("serkeras")
class Prepare(FeatureLayer):
    """Trim trailing silence, set the level, cut or pad with zeros: as `serkeras.audio.fit`.

    Args:
        samples: int, length of a clip for the network.
        level: "as_is", "standard" or "peak".
        trim_db: decibels below the loudest frame that count as silence; None trims nothing.
        name: str, of the layer.
    """

    settings = ("samples", "level", "trim_db")

    def __init__(self, samples, level="as_is", trim_db=None, name=None):
        super().__init__(name=name)
        self.samples, self.level, self.trim_db = samples, level, trim_db

    def build(self, input_shape):
        """Check the input's shape."""
        require_rank(self, input_shape, {2}, "waveforms (batch, any number of samples)")

    def call(self, waves):
        """Return waveforms `(batch, samples)`; each row is a clip of its own."""
        kept = None if self.trim_db is None else self._kept(waves)
        if kept is not None:
            waves = waves * kept
        if self.level != "as_is":
            waves = self._levelled(waves, kept)
        padded = ops.pad(waves, [(0, 0), (0, self.samples)])
        return ops.reshape(padded[:, : self.samples], (-1, self.samples))

    def compute_output_shape(self, input_shape):
        """Return `(batch, samples)`."""
        return (input_shape[0], self.samples)

    def _kept(self, waves):
        """Return 1 for samples before the silence at the end, 0 for those in it."""
        half = _FRAME // 2
        squares = ops.expand_dims(ops.pad(ops.square(waves), [(0, 0), (half, half)]), -1)
        energy = ops.average_pool(squares, _FRAME, _HOP, "valid", "channels_last")[..., 0]
        most = ops.max(energy, axis=1, keepdims=True)
        loud = ops.cast(energy > most * 10 ** (-self.trim_db / 10), "float32")
        ends = _HOP * (ops.cumsum(ops.ones_like(loud), axis=1))
        end = ops.max(loud * ends, axis=1, keepdims=True)
        # A wholly silent clip stays as it is.
        end = ops.where(most > 0, end, _FOREVER)
        return ops.cast(ops.cumsum(ops.ones_like(waves), axis=1) <= end, "float32")

    def _levelled(self, waves, kept):
        loudest = ops.max(ops.abs(waves), axis=1, keepdims=True)
        if self.level == "peak":
            moved, size = waves, loudest
        else:
            inside = ops.ones_like(waves) if kept is None else kept
            count = ops.sum(inside, axis=1, keepdims=True)
            moved = waves
            for _ in range(2):  # the first mean has float32's rounding errors
                moved = (moved - ops.sum(moved, axis=1, keepdims=True) / count) * inside
            size = ops.sqrt(ops.sum(ops.square(moved), axis=1, keepdims=True) / count)
        # A constant leaves rounding errors behind when its mean is removed.
        silent = size <= 1e-6 * loudest
        return ops.where(silent, moved, moved / ops.where(silent, 1.0, size))
