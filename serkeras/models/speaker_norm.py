"""The layer in front of which clips are brought to the statistics of their speakers."""

import keras


@keras.saving.register_keras_serializable("serkeras")
class SpeakerNormalization(keras.layers.Layer):
    """Bring each number of an embedding to mean 0 and deviation 1 over the training clips.

    Whoever knows which clips are of one speaker moves them to the statistics of the training clips
    first (`serkeras.training.by_speaker`): behind this layer each speaker then has mean 0 and
    deviation 1. A clip of an unknown speaker passes as one of all speakers.

    Source:
        Pepino et al. 2021, "Emotion recognition from speech using wav2vec 2.0 embeddings",
        section 3.2.
    """

    def build(self, input_shape):
        """Make the statistics, which `adapt` sets."""
        shape = input_shape[1:]
        kept = {"shape": shape, "trainable": False}
        self.mean = self.add_weight(name="mean", initializer="zeros", **kept)
        self.deviation = self.add_weight(name="deviation", initializer="ones", **kept)

    def adapt(self, mean, deviation):
        """Set the statistics of the training clips, arrays of one clip's shape."""
        self.mean.assign(mean)
        self.deviation.assign(deviation)

    def call(self, x):
        """Return what is given, normalised: `(clips, ...)`."""
        return (x - self.mean) / self.deviation

    def compute_output_shape(self, input_shape):
        """Return the shape of the input."""
        return input_shape
