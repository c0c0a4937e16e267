"""SpecAugment: masks over time and frequency."""

from numbers import Integral

import keras
from keras import ops

from serkeras.features.layers.base import Augmentation, require_rank

FILLS = ("mean", "zero")


@keras.saving.register_keras_serializable("serkeras")
class SpecAugment(Augmentation):
    """Cover bands of frames and of bins, drawn for each clip, in training only.

    The width of a mask is uniform from 0 to its greatest, its start uniform over the places
    where it fits; masks may overlap. All channels of a clip share their masks. Time warping,
    which the authors found to matter least, is left out.

    Args:
        time_masks: int, masks along frames.
        time_width: int, most frames that one covers.
        frequency_masks: int, masks along bins.
        frequency_width: int, most bins that one covers.
        fill: "mean" puts the clip's mean of each channel, "zero" puts 0, which is the mean
            where features were normalised and a loud sound where they are plain decibels.
        seed: int or None, see `Augmentation`.
        name: str, of the layer.

    Raises:
        ValueError: a number is negative or not whole, `fill` is unknown, or the input is not
            `(batch, bins, frames, channels)`.

    Source:
        Park et al. 2019, SpecAugment, section 2.
    """

    settings = ("time_masks", "time_width", "frequency_masks", "frequency_width", "fill")
    on_waveforms = False

    def __init__(
        self,
        time_masks=2,
        time_width=20,
        frequency_masks=2,
        frequency_width=20,
        fill="mean",
        seed=None,
        name=None,
    ):
        super().__init__(seed=seed, name=name)
        numbers = (time_masks, time_width, frequency_masks, frequency_width)
        if not all(isinstance(each, Integral) and each >= 0 for each in numbers):
            raise ValueError(
                "Masks and widths must be whole numbers, 0 or more. "
                f"Received: time_masks={time_masks}, time_width={time_width}, "
                f"frequency_masks={frequency_masks}, frequency_width={frequency_width}. "
                "Use 0 masks to leave an axis alone."
            )
        if fill not in FILLS:
            raise ValueError(
                f"`fill` must be one of {FILLS}. Received: {fill!r}. Correct the word."
            )
        self.time_masks, self.time_width = time_masks, time_width
        self.frequency_masks, self.frequency_width = frequency_masks, frequency_width
        self.fill = fill

    def build(self, input_shape):
        """Check the input's shape."""
        require_rank(self, input_shape, {4}, "images (batch, bins, frames, channels)")

    def change(self, x):
        """Return the masked batch."""
        bins = self._covered(x, 1, self.frequency_masks, self.frequency_width)
        frames = self._covered(x, 2, self.time_masks, self.time_width)
        covered = ops.logical_or(bins[:, :, None, None], frames[:, None, :, None])
        fill = ops.mean(x, axis=(1, 2), keepdims=True) if self.fill == "mean" else 0.0
        return ops.where(covered, fill, x)

    def _covered(self, x, axis, masks, width):
        """Return which places along an axis some mask covers, bool `(batch, length)`."""
        batch, length = ops.shape(x)[0], ops.shape(x)[axis]
        most = ops.cast(ops.minimum(width, length), "float32")
        widths = self._whole(batch, masks, most)
        starts = self._whole(batch, masks, ops.cast(length, "float32") - widths)
        places = ops.arange(length, dtype="float32")
        inside = ops.logical_and(places >= starts, places < starts + widths)
        return ops.any(inside, axis=1)

    def _whole(self, batch, masks, most):
        """Return uniform whole numbers from 0 to `most`, float32 `(batch, masks, 1)`."""
        fraction = keras.random.uniform((batch, masks, 1), seed=self.generator)
        return ops.minimum(ops.floor(fraction * (most + 1.0)), most)
