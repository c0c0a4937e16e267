"""SpectrogramWarp: another tempo, another vocal tract, another place in time."""

import keras
from keras import ops

from serkeras.features.layers.base import Augmentation, require_rank


@keras.saving.register_keras_serializable("serkeras")
class SpectrogramWarp(Augmentation):
    """Stretch each clip along frames and bins and let it begin later, in training only.

    Each clip is read at other places than its own: frames at a tempo drawn from `exp(-tempo)` to
    `exp(tempo)`, and later by up to `shift` of their number (the beginning, where trimmed
    recordings have their first sound, is never cut off); bins at multiples drawn from
    `exp(-tract)` to `exp(tract)`, as a longer or shorter vocal tract would have them (on a mel
    scale, where low bands move less than those of a resampled voice would). Places between two
    frames or bins are interpolated; what lies outside repeats the edge.

    Args:
        tempo: float >= 0, logarithm of the greatest change of tempo.
        tract: float >= 0, logarithm of the greatest factor of the bins.
        shift: float from 0 to 1, the greatest delay as a share of the frames.
        seed: int or None, see `Augmentation`.
        name: str, of the layer.

    Raises:
        ValueError: a number is out of its range, or the input is not
            `(batch, bins, frames, channels)`.

    Source:
        Jaitly & Hinton 2013, "Vocal tract length perturbation improves speech recognition"
        (bins); Ko et al. 2015, "Audio augmentation for speech recognition" (tempo).
    """

    settings = ("tempo", "tract", "shift")
    on_waveforms = False

    def __init__(self, tempo=0.15, tract=0.1, shift=0.1, seed=None, name=None):
        super().__init__(seed=seed, name=name)
        if not (tempo >= 0 and tract >= 0 and 0 <= shift <= 1):
            raise ValueError(
                "`tempo` and `tract` must be 0 or more, `shift` from 0 to 1. Received: "
                f"tempo={tempo!r}, tract={tract!r}, shift={shift!r}. Use 0 to leave one out."
            )
        self.tempo, self.tract, self.shift = tempo, tract, shift

    def build(self, input_shape):
        """Check the input's shape."""
        require_rank(self, input_shape, {4}, "images (batch, bins, frames, channels)")

    def change(self, x):
        """Return the warped batch."""
        if self.tract:
            places = ops.arange(ops.shape(x)[1], dtype="float32")
            x = _read(x, places * self._factors(x, self.tract), axis=1)
        if self.tempo or self.shift:
            places = ops.arange(ops.shape(x)[2], dtype="float32")
            later = self._uniform(x, 0.0, self.shift) * (places[-1] + 1.0)
            x = _read(x, (places - later) * self._factors(x, self.tempo), axis=2)
        return x

    def _uniform(self, x, low, high):
        """Return one number for each clip, `(batch, 1)`."""
        return keras.random.uniform((ops.shape(x)[0], 1), low, high, seed=self.generator)

    def _factors(self, x, most):
        return ops.exp(self._uniform(x, -most, most))


def _read(x, places, axis):
    """Return `x` at places `(batch, length)` between its own along an axis, linearly."""
    own = ops.arange(ops.shape(x)[axis], dtype="float32")
    places = ops.clip(places, 0.0, own[-1])
    # A product, since gathering is slow on some backends: each row has two weights above 0.
    weights = ops.maximum(1.0 - ops.abs(places[:, :, None] - own), 0.0)
    return ops.einsum("nij,njfc->nifc" if axis == 1 else "nij,nbjc->nbic", weights, x)
