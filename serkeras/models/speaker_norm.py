"""The layer in front of which clips are brought to the statistics of their speakers."""

import keras
import numpy as np

# Numbers that never change are only centred.
_LEAST_DEVIATION = 1e-6


@keras.saving.register_keras_serializable("serkeras")
class SpeakerNormalization(keras.layers.Layer):
    """Bring each number, or each bin, to mean 0 and deviation 1 over the training clips.

    Whoever knows which clips are of one speaker moves them to the statistics of the training clips
    first (`serkeras.training.by_speaker`): behind this layer each speaker then has mean 0 and
    deviation 1. A clip of an unknown speaker passes as one of all speakers.

    Args:
        per: "number" for statistics of each number of an embedding; "bin" for those of each bin
            and channel of features `(bins, frames, channels)` over their frames, for a layer that
            stands in front of the whole network.
        **kept: arguments of `keras.layers.Layer`.

    Raises:
        ValueError: `per` is another word.

    Source:
        Pepino et al. 2021, "Emotion recognition from speech using wav2vec 2.0 embeddings",
        section 3.2 (embeddings); Busso et al. 2011, "Iterative feature normalization for
        emotional speech detection" (features, by the speaker's own recordings).
    """

    def __init__(self, per="number", **kept):
        super().__init__(**kept)
        if per not in ("number", "bin"):
            raise ValueError(f"`per` must be 'number' or 'bin'. Received: {per!r}. Correct it.")
        self.per = per

    def build(self, input_shape):
        """Make the statistics, which `adapt` sets."""
        shape = input_shape[1:]
        if self.per == "bin" and len(shape) == 3:
            shape = (shape[0], 1, shape[2])
        kept = {"shape": shape, "trainable": False}
        self.mean = self.add_weight(name="mean", initializer="zeros", **kept)
        self.deviation = self.add_weight(name="deviation", initializer="ones", **kept)

    def adapt(self, mean, deviation):
        """Set the statistics of the training clips, as `statistics` returns them."""
        self.mean.assign(mean)
        self.deviation.assign(deviation)

    def statistics(self, x):
        """Return mean and deviation of clips, float64 arrays of the shape of the weights.

        Args:
            x: array `(clips, ...)`. Per bin, frames do not count whose bins all have the lowest
                value of their clip: padding and digital silence of Mel and log-Mel.
        """
        axes, counts = 0, True
        if self.per == "bin" and x.ndim == 4:
            axes = (0, 2)
            sounds = (x > x.min(axis=(1, 2), keepdims=True)).any(axis=1, keepdims=True)
            # Wholly silent clips have no other frames.
            counts = np.broadcast_to(sounds if sounds.any() else True, x.shape)
        kept = {"axis": axes, "dtype": np.float64, "where": counts}
        mean = x.mean(**kept).reshape(self.mean.shape)
        deviation = x.std(**kept).reshape(self.mean.shape)
        return mean, np.where(deviation > _LEAST_DEVIATION, deviation, 1.0)

    def call(self, x):
        """Return what is given, normalised: `(clips, ...)`."""
        return (x - self.mean) / self.deviation

    def compute_output_shape(self, input_shape):
        """Return the shape of the input."""
        return input_shape

    def get_config(self):
        """Return the constructor's arguments."""
        return {**super().get_config(), "per": self.per}
