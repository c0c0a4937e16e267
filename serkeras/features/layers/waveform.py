"""Augmentation of waveforms, each clip by itself."""

import keras
from keras import ops

from serkeras.features.layers.base import Augmentation, as_range, require_rank

_WAVES = "waveforms (batch, samples) or (batch, samples, 1)"


@keras.saving.register_keras_serializable("serkeras")
class AWGN(Augmentation):
    """Add white Gaussian noise at an exact signal-to-noise ratio, in training only.

    As `serkeras.augment.add_awgn`: the noise is scaled by its own power, so the ratio holds
    for every clip and not only on average. Silent clips stay silent.

    Args:
        snr_db: pair (low, high) in decibels, drawn uniformly for each clip, or one number.
        seed: int or None, see `Augmentation`.
        name: str, of the layer.

    Raises:
        ValueError: `snr_db` is no range, or the input is no batch of waveforms.
    """

    settings = ("snr_db",)

    def __init__(self, snr_db=(15.0, 30.0), seed=None, name=None):
        super().__init__(seed=seed, name=name)
        self.snr_db = as_range("snr_db", snr_db)

    def build(self, input_shape):
        """Check the input's shape."""
        require_waveforms(self, input_shape)

    def change(self, x):
        """Return the batch with noise."""
        axes = tuple(range(1, len(x.shape)))
        noise = keras.random.normal(ops.shape(x), seed=self.generator)
        power = ops.mean(ops.square(x), axis=axes, keepdims=True)
        noise_power = ops.mean(ops.square(noise), axis=axes, keepdims=True)
        ratio = ops.power(10.0, self.draw(x, *self.snr_db) / 10.0)
        return x + noise * ops.sqrt(power / (ratio * noise_power))


@keras.saving.register_keras_serializable("serkeras")
class Gain(Augmentation):
    """Make each clip louder or softer, in training only.

    Args:
        gain_db: pair (low, high) in decibels, drawn uniformly for each clip, or one number.
        seed: int or None, see `Augmentation`.
        name: str, of the layer.

    Raises:
        ValueError: `gain_db` is no range, or the input is no batch of waveforms.
    """

    settings = ("gain_db",)

    def __init__(self, gain_db=(-6.0, 6.0), seed=None, name=None):
        super().__init__(seed=seed, name=name)
        self.gain_db = as_range("gain_db", gain_db)

    def build(self, input_shape):
        """Check the input's shape."""
        require_waveforms(self, input_shape)

    def change(self, x):
        """Return the batch at other levels."""
        return x * ops.power(10.0, self.draw(x, *self.gain_db) / 20.0)


@keras.saving.register_keras_serializable("serkeras")
class TimeShift(Augmentation):
    """Roll each clip along time, in training only: what leaves at one end enters at the other.

    Rolling keeps every frame of a clip; zeros in their place would be silence in a waveform
    but a loud sound in a spectrogram in decibels.

    Args:
        max_shift: float, largest shift either way as a fraction of the clip, above 0, at most 1.
        seed: int or None, see `Augmentation`.
        name: str, of the layer.

    Raises:
        ValueError: `max_shift` lies outside its range, or the input is neither waveforms
            `(batch, samples)`, `(batch, samples, 1)` nor images `(batch, bins, frames,
            channels)`.
    """

    settings = ("max_shift",)

    def __init__(self, max_shift=0.1, seed=None, name=None):
        super().__init__(seed=seed, name=name)
        if not 0 < max_shift <= 1:
            raise ValueError(
                "`max_shift` must be a fraction of the clip above 0 and up to 1. "
                f"Received: {max_shift!r}. Use for instance 0.1."
            )
        self.max_shift = float(max_shift)

    def build(self, input_shape):
        """Check the input's shape."""
        if len(input_shape) != 4:
            require_waveforms(self, input_shape, f"{_WAVES}, or (batch, bins, frames, channels)")

    def change(self, x):
        """Return the rolled batch."""
        axis = 2 if len(x.shape) == 4 else 1
        length = ops.shape(x)[axis]
        most = self.max_shift * ops.cast(length, "float32")
        shift = ops.cast(ops.round(most * self.draw(x, -1.0, 1.0)), "int32")
        places = [1] * len(x.shape)
        places[axis] = -1
        frames = ops.reshape(ops.arange(length, dtype="int32"), places)
        source = ops.mod(frames - shift, length)
        return ops.take_along_axis(x, ops.broadcast_to(source, ops.shape(x)), axis=axis)


def require_waveforms(layer, input_shape, words=_WAVES):
    """Refuse what is not `(batch, samples)` or `(batch, samples, 1)`.

    Raises:
        ValueError: says with `words` what the layer takes.
    """
    mono = len(input_shape) == 3 and input_shape[-1] == 1
    require_rank(layer, input_shape, {2, 3} if mono else {2}, words)
