"""Derivatives along time."""

import keras
import scipy.signal
from keras import ops

from serkeras.features.layers.base import FeatureLayer


@keras.saving.register_keras_serializable("serkeras")
class Delta(FeatureLayer):
    """Local estimate of the derivative along the last axis; the shape stays.

    The same as `serkeras.features.delta.delta` and `librosa.feature.delta(mode="interp")`: a
    polynomial of degree `order` is fitted to every `width` frames. The number of frames may be
    unknown; it must reach `width`.

    Args:
        order: int, 1 for the first derivative, 2 for the second.
        width: odd int >= 3, frames of the fit.
        name: str, of the layer.

    Raises:
        ValueError: `order` or `width` lies outside its range, or there are fewer frames than
            `width`.

    Source:
        Savitzky & Golay 1964; librosa 0.11 (McFee et al. 2015).
    """

    settings = ("order", "width")

    def __init__(self, order=1, width=9, name=None):
        super().__init__(name=name)
        if width < 3 or width % 2 == 0 or not 1 <= order < width:
            raise ValueError(
                "`width` must be odd and at least 3, and `order` between 1 and `width` - 1. "
                f"Received: order={order}, width={width}. Use for instance 1 and 9."
            )
        self.order, self.width = order, width
        weights = scipy.signal.savgol_coeffs(width, polyorder=order, deriv=order, use="dot")
        self._weights = [float(weight) for weight in weights]

    def call(self, x):
        """Return the derivative, float32, of the same shape."""
        self.compute_output_shape(x.shape)
        half, last = self.width // 2, self.width - 1
        centre = x[..., half:-half]
        # The weights sum to zero; on differences a constant gives exactly zero.
        inner = sum(
            weight * (x[..., k : k - last or None] - centre)
            for k, weight in enumerate(self._weights)
            if k != half
        )
        # The derivative of a polynomial of its own degree is one number, so the fits of the
        # first and the last `width` frames hold for all frames of the edges.
        first = ops.repeat(inner[..., :1], half, axis=-1)
        final = ops.repeat(inner[..., -1:], half, axis=-1)
        return ops.concatenate([first, inner, final], axis=-1)

    def compute_output_shape(self, input_shape):
        """Return the input's shape."""
        frames = input_shape[-1]
        if frames is not None and frames < self.width:
            raise ValueError(
                f"`Delta` needs at least `width` frames. Received: {frames} frames, "
                f"width={self.width}. Take longer clips, a shorter hop or a smaller width."
            )
        return tuple(input_shape)
