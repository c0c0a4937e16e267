"""Whitening over the bins as a layer, of each clip or with a fitted matrix."""

import keras
import numpy as np
from keras import ops

from serkeras.features.layers.base import FeatureLayer, require_rank
from serkeras.features.whitening import EPSILON, FLAT

# TensorFlow's decomposition in float32 misses small directions by 1 % of the result. JAX has no
# float64 unless told so, and PyTorch has none on Apple's GPUs; theirs in float32 is closer.
_PRECISION = "float64" if keras.backend.backend() == "tensorflow" else "float32"


@keras.saving.register_keras_serializable("serkeras")
class Whitening(FeatureLayer):
    """Take the correlation between frequency bins away; the shape stays.

    Without arguments each clip is whitened by its own frames, as
    `serkeras.features.whitening.whiten` does. That takes a singular value decomposition of
    `(bins, frames)` a clip, 1 to 3 ms for 128 x 94 on one core and slow on a GPU,
    and its gradient does not exist where singular values coincide: use it in front of
    everything that learns. With `mean` and `matrix` from a training side it is one matrix
    product, has a gradient, and treats all clips alike; both are weights that do not train and
    are saved with the model.

    Args:
        mean: float array `(bins,)`, or `(channels, bins)`; None to whiten clip by clip.
        matrix: float array `(bins, bins)`, or `(channels, bins, bins)`, for instance
            `serkeras.features.whitening.fit(covariance)`.
        epsilon: float > 0, of the clip by clip way: added to the variance of every direction
            of the standardised bins.
        fitted: bool, take `mean` and `matrix` from weights that are loaded or set later.
        name: str, of the layer.

    Raises:
        ValueError: only one of `mean` and `matrix` is given, their shapes do not suit each
            other or the input, `epsilon` is not positive, or the input is not
            `(batch, bins, frames)` or `(batch, bins, frames, channels)`.

    Source:
        Kessy, Lewin & Strimmer 2018 (ZCA-cor); report S1.
    """

    settings = ("epsilon", "fitted")

    def __init__(self, mean=None, matrix=None, epsilon=EPSILON, fitted=False, name=None):
        super().__init__(name=name)
        if (mean is None) != (matrix is None) or not epsilon > 0:
            raise ValueError(
                "`mean` and `matrix` must be given together, `epsilon` be positive. "
                f"Received: mean {'not ' if mean is None else ''}given, matrix "
                f"{'not ' if matrix is None else ''}given, epsilon={epsilon}. Give both or none."
            )
        self.epsilon = float(epsilon)
        self.fitted = bool(fitted) or mean is not None
        self._values = None
        if mean is not None:
            mean, matrix = np.asarray(mean, np.float32), np.asarray(matrix, np.float32)
            bins = mean.shape[-1]
            self._values = (mean.reshape(-1, bins), _square(matrix, bins))

    def build(self, input_shape):
        """Make the weights of the fitted way."""
        require_rank(self, input_shape, {3, 4}, "(batch, bins, frames) or one with channels")
        if not self.fitted:
            return
        bins, channels = input_shape[1], input_shape[3] if len(input_shape) == 4 else 1
        shapes = ((channels, bins), (channels, bins, bins))
        mean, matrix = self._values or (np.zeros(shapes[0]), np.zeros(shapes[1]) + np.eye(bins))
        if (mean.shape, matrix.shape) != shapes:
            raise ValueError(
                "`mean` must be (channels, bins) and `matrix` (channels, bins, bins). "
                f"Received: {mean.shape} and {matrix.shape} for an input of {bins} bins and "
                f"{channels} channels. Fit them on the same features."
            )
        self.mean = self._constant("mean", mean)
        self.matrix = self._constant("matrix", matrix)

    def _constant(self, name, values):
        return self.add_weight(
            name=name,
            shape=values.shape,
            initializer=lambda shape, dtype: ops.convert_to_tensor(values, dtype),
            trainable=False,
        )

    def call(self, x):
        """Return the whitened batch, float32, of the same shape."""
        with_channels = len(x.shape) == 4
        x = ops.transpose(x, (0, 3, 1, 2)) if with_channels else ops.expand_dims(x, 1)
        x = self._by_matrix(x) if self.fitted else _by_itself(x, self.epsilon)
        return ops.transpose(x, (0, 2, 3, 1)) if with_channels else ops.squeeze(x, 1)

    def _by_matrix(self, x):
        return ops.einsum("cij,bcjt->bcit", self.matrix, x - ops.expand_dims(self.mean, -1))

    def compute_output_shape(self, input_shape):
        """Return the input's shape."""
        return tuple(input_shape)


def _square(matrix, bins):
    if matrix.ndim not in (2, 3) or matrix.shape[-2:] != (bins, bins):
        raise ValueError(
            "`matrix` must be (bins, bins), or (channels, bins, bins), for the bins of `mean`. "
            f"Received: shape={matrix.shape} for {bins} bins. Fit both on the same features."
        )
    return matrix.reshape(-1, bins, bins)


def _by_itself(x, epsilon):
    """Whiten `(batch, channels, bins, frames)`, every clip and channel by its own frames."""
    x = ops.cast(x, _PRECISION)
    count = ops.cast(ops.maximum(ops.shape(x)[-1] - 1, 1), _PRECISION)
    left, sizes, right = ops.svd(_standardise(x, count), full_matrices=False)
    scale = sizes / ops.sqrt(ops.square(sizes) / count + epsilon)
    whitened = ops.matmul(left * ops.expand_dims(scale, -2), right)
    return ops.cast(whitened, "float32")


def _standardise(x, count):
    # Differences first: a constant bin becomes exactly zero, not a rounding error that
    # whitening would blow up.
    centred = x - x[..., :1]
    centred = centred - ops.mean(centred, axis=-1, keepdims=True)
    variance = ops.sum(ops.square(centred), axis=-1, keepdims=True) / count
    least = FLAT * ops.sqrt(ops.mean(ops.square(x), axis=-1, keepdims=True))
    scale = ops.sqrt(variance + ops.square(least))
    return centred / ops.where(scale > 0, scale, ops.ones_like(scale))
