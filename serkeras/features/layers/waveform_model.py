"""A model of waveforms that refuses what it was not made for."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("serkeras")
class WaveformModel(keras.Model):
    """Functional model from waveforms `(batch, samples)` to probabilities `(batch, classes)`.

    Only clips of its own number of samples are taken, and only floats, since 16-bit integers
    would be taken for sounds 90 dB over full scale. Values cannot raise an error inside a
    compiled model: a clip with NaN or infinite samples has NaN for all its probabilities, and
    the other clips of its batch have theirs.

    Args:
        inputs: `keras.Input` of a known number of samples.
        outputs: tensor of probabilities.
        name: str, of the model.

    Raises:
        ValueError: at a call, with clips of another length or of integers.
    """

    def __call__(self, inputs, training=None, mask=None):
        """Return probabilities `(batch, classes)`."""
        self._check(inputs)
        return super().__call__(inputs, training=training, mask=mask)

    def predict(self, x, batch_size=None, verbose="auto", steps=None, callbacks=None):
        """Return probabilities `(clips, classes)`, see `keras.Model.predict`."""
        self._check(x)  # here the shape is known, and JAX has not taken the weights away yet
        return super().predict(x, batch_size, verbose, steps, callbacks)

    def _check(self, inputs):
        samples = self.inputs[0].shape[1]
        shape, kind = getattr(inputs, "shape", None), getattr(inputs, "dtype", None)
        # TensorFlow forgets a length, or the number of axes, that differs from one call to the
        # next: they are None here.
        axes = shape and getattr(shape, "rank", len(shape))
        if shape is not None and (axes != 2 or shape[1] != samples):
            raise ValueError(
                f"Waveforms must have the shape (batch, {samples}). Received: shape="
                f"{tuple(shape) if axes else 'varying'}. "
                "Cut or pad each clip: serkeras.audio.fix_length."
            )
        if kind is not None and "float" not in keras.backend.standardize_dtype(kind):
            raise ValueError(
                "Waveforms must be floats with full scale 1.0. "
                f"Received: dtype={keras.backend.standardize_dtype(kind)}. "
                "Divide 16-bit samples by 32768.0."
            )

    def call(self, inputs, training=None, mask=None):
        """Return probabilities, NaN for clips that are not finite."""
        self._check(inputs)  # JAX comes here without `__call__`
        probabilities = super().call(inputs, training=training, mask=mask)
        finite = ops.all(ops.isfinite(inputs), axis=1, keepdims=True)
        return ops.where(finite, probabilities, float("nan"))
