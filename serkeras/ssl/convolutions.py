"""From the waveform to projected frames: convolutions, their norms, projection, positions."""

import keras
import numpy as np
from keras import layers, ops

_EPSILON = 1e-5  # of the norms between convolutions; the file's `layer_norm_eps` is for the others
_PIECE = 128  # frames that are summed at once


def gelu(x):
    """Return x times the normal distribution function at x (not its approximation by tanh)."""
    return ops.gelu(x, approximate=False)


def _mean_over_frames(x):
    """Return the mean `(clips, 1, channels)` of `(clips, frames, channels)`, summed in pieces.

    TensorFlow on a CPU adds frame to frame: over 10,000 of them, many of padding, the rounding
    grew to 1e-4 of the result.
    """
    clips, count, channels = ops.shape(x)
    pieces = count // _PIECE + 1
    padded = ops.pad(x, ((0, 0), (0, _PIECE), (0, 0)))[:, : pieces * _PIECE]
    sums = ops.sum(ops.reshape(padded, (clips, pieces, _PIECE, channels)), axis=2)
    return ops.sum(sums, axis=1, keepdims=True) / ops.cast(count, x.dtype)


@keras.saving.register_keras_serializable("serkeras")
class ChannelNorm(layers.Layer):
    """Normalises each channel of a clip over all its frames, padded ones included.

    It is a group norm with as many groups as channels. Since it averages over the padding too, a
    padded clip differs from the same clip alone.

    Args:
        **kwargs: of `keras.layers.Layer`.
    """

    def build(self, input_shape):
        """Make scale and offset."""
        self.gamma = self.add_weight(shape=input_shape[-1:], initializer="ones", name="gamma")
        self.beta = self.add_weight(shape=input_shape[-1:], initializer="zeros", name="beta")

    def call(self, x):
        """Return `(clips, frames, channels)` like `x`."""
        wide = ops.cast(x, "float32")
        centred = wide - _mean_over_frames(wide)
        variance = _mean_over_frames(ops.square(centred))
        normal = ops.cast(centred * ops.rsqrt(variance + _EPSILON), x.dtype)
        return normal * self.gamma + self.beta

    def compute_output_shape(self, input_shape):
        """Return the shape of the input."""
        return input_shape


@keras.saving.register_keras_serializable("serkeras")
class ConvolutionBlock(layers.Layer):
    """One convolution over time with its norm and GELU.

    Args:
        filters, kernel_size, strides: ints, of the convolution.
        use_bias: bool, of the convolution.
        norm: "group", "layer" or None.
        **kwargs: of `keras.layers.Layer`.
    """

    def __init__(self, filters, kernel_size, strides, use_bias, norm, **kwargs):
        super().__init__(**kwargs)
        self.settings = {
            "filters": filters,
            "kernel_size": kernel_size,
            "strides": strides,
            "use_bias": use_bias,
            "norm": norm,
        }
        self.conv = layers.Conv1D(
            filters,
            kernel_size,
            strides,
            use_bias=use_bias,
            data_format="channels_last",
            kernel_initializer="he_normal",
            dtype=self.dtype_policy,
            name="conv",
        )
        self.norm = self._make(norm)

    def _make(self, norm):
        if norm == "group":
            return ChannelNorm(dtype=self.dtype_policy, name="layer_norm")
        if norm == "layer":
            return layers.LayerNormalization(
                epsilon=_EPSILON, dtype=self.dtype_policy, name="layer_norm"
            )
        return None

    def build(self, input_shape):
        """Make the weights."""
        self.conv.build(input_shape)
        if self.norm is not None:
            self.norm.build((None, None, self.settings["filters"]))

    def call(self, x):
        """Return `(clips, frames, filters)` of `(clips, samples, channels)`."""
        x = self.conv(x)
        return gelu(x if self.norm is None else self.norm(x))

    def get_config(self):
        """Return the constructor's arguments."""
        return {**super().get_config(), **self.settings}


@keras.saving.register_keras_serializable("serkeras")
class FeatureProjection(layers.Layer):
    """Normalises the features of a frame and maps them to the width of the encoder.

    Args:
        units: int, width of the encoder.
        normalise: bool.
        epsilon: float, of the norm.
        **kwargs: of `keras.layers.Layer`.
    """

    def __init__(self, units, normalise=True, epsilon=1e-5, **kwargs):
        super().__init__(**kwargs)
        self.units, self.normalise, self.epsilon = units, normalise, epsilon
        self.norm = None
        if normalise:
            self.norm = layers.LayerNormalization(
                epsilon=epsilon, dtype=self.dtype_policy, name="layer_norm"
            )
        self.projection = layers.Dense(units, dtype=self.dtype_policy, name="projection")

    def build(self, input_shape):
        """Make the weights."""
        if self.norm is not None:
            self.norm.build(input_shape)
        self.projection.build(input_shape)

    def call(self, x):
        """Return `(clips, frames, units)`."""
        return self.projection(x if self.norm is None else self.norm(x))

    def compute_output_shape(self, input_shape):
        """Return `(clips, frames, units)`."""
        return (*input_shape[:-1], self.units)

    def get_config(self):
        """Return the constructor's arguments."""
        kept = {"units": self.units, "normalise": self.normalise, "epsilon": self.epsilon}
        return {**super().get_config(), **kept}


@keras.saving.register_keras_serializable("serkeras")
class PositionalConvolution(layers.Layer):
    """Tells each frame its place: a wide grouped convolution over its neighbours, then GELU.

    Its kernel is g v / |v|, with one g and one norm for each of the `kernel_size` places; g and v
    are the variables, as in the published files.

    Args:
        kernel_size: int, frames; of an even number, one frame more lies before than after.
        groups: int, they divide the channels.
        **kwargs: of `keras.layers.Layer`.

    Source:
        Baevski et al. 2020, "wav2vec 2.0", section 2; Salimans and Kingma 2016, "Weight
        normalization", equation 2.
    """

    def __init__(self, kernel_size, groups, **kwargs):
        super().__init__(**kwargs)
        self.kernel_size, self.groups = kernel_size, groups

    def build(self, input_shape):
        """Make direction, length and bias."""
        channels = input_shape[-1]
        spread = 2 / np.sqrt(self.kernel_size * channels)
        normal = keras.initializers.RandomNormal(stddev=spread)
        shape = (self.kernel_size, channels // self.groups, channels)
        self.weight_v = self.add_weight(shape=shape, initializer=normal, name="weight_v")
        # So the first kernel is about v itself.
        length = keras.initializers.Constant(spread * np.sqrt(shape[1] * shape[2]))
        shape = (self.kernel_size, 1, 1)
        self.weight_g = self.add_weight(shape=shape, initializer=length, name="weight_g")
        self.bias = self.add_weight(shape=(channels,), initializer="zeros", name="bias")

    def call(self, x):
        """Return `(clips, frames, channels)` like `x`."""
        v = ops.convert_to_tensor(self.weight_v)
        squares = ops.sum(ops.square(ops.cast(v, "float32")), axis=(1, 2), keepdims=True)
        kernel = self.weight_g * (v * ops.cast(ops.rsqrt(squares), v.dtype))
        before = self.kernel_size // 2
        x = ops.pad(x, ((0, 0), (before, self.kernel_size - 1 - before), (0, 0)))
        return gelu(self._grouped(x, kernel) + self.bias)

    def _grouped(self, x, kernel):
        """Convolve group by group: one grouped convolution has a gradient 100 times as slow.

        That was measured on TensorFlow and a CPU (10 s against 0.1 s for 4 clips of 3 s).
        """
        parts = zip(ops.split(x, self.groups, -1), ops.split(kernel, self.groups, -1), strict=True)
        results = [ops.conv(a, b, data_format="channels_last") for a, b in parts]
        return ops.concatenate(results, axis=-1)

    def compute_output_shape(self, input_shape):
        """Return the shape of the input."""
        return input_shape

    def get_config(self):
        """Return the constructor's arguments."""
        kept = {"kernel_size": self.kernel_size, "groups": self.groups}
        return {**super().get_config(), **kept}
