"""Flips, rotations, zooms and shifts of pictures: Keras's layers, as our other augmentations act.

They come from photographs, where a cat turned round is still a cat. A spectrogram has time and
frequency for axes: flipped from left to right it is speech backwards, upside down or rotated it
is no sound at all. Report S4 used the first three, so they are here; its section 5.2.3 gives no
ranges, and the defaults are those of the example that its words come from (Chollet, Deep Learning
with Python, chapter 8). See `TimeShift` and `SpecAugment` for changes that speech itself knows.
"""

import math

import keras
from keras import ops

from serkeras.features.layers.base import as_range, require_rank

MODES = ("horizontal", "vertical")
FILLS = ("constant", "nearest", "reflect", "wrap")
# Of Keras's layers: float32 whatever the policy is, and an input that stays as it came.
_COMMON = {"dtype": "float32", "autocast": False, "data_format": "channels_last"}


class _Picture:
    """What turns a layer of Keras into one of ours, to be named before it among the bases.

    Each clip is changed by itself in training, and nothing happens at other times (Keras's layers
    act where nobody says which it is). The arithmetic is float32 whatever the precision policy
    is; the result has the type of the input.

    Attributes:
        settings: names of the constructor's arguments beside `seed` and `name`.
        on_waveforms: False, it takes features.
    """

    settings = ()
    on_waveforms = False

    def _keep(self, **settings):
        """Remember the arguments as they were given: Keras turns some of them into others."""
        self._given = settings

    def call(self, x, training=None):
        """Return `x` itself, or in training a changed copy of the same shape and type."""
        self._check(x)
        if not training:
            return x
        return ops.cast(self._change(ops.cast(x, "float32")), x.dtype)

    def _change(self, x):
        return super().call(x, training=True)

    def compute_output_spec(self, x, training=None):
        """Return a symbolic tensor like the input."""
        self._check(x)
        return keras.KerasTensor(x.shape, x.dtype)

    def _check(self, x):
        # Not in `build`: Keras tells that of flips no shape where an array comes in.
        require_rank(self, x.shape, {4}, "pictures (batch, height, width, channels)")

    def get_config(self):
        """Return the constructor's arguments."""
        return {"name": self.name, **self._given, "seed": self.seed}


class _Moved(_Picture):
    """What rotation, zoom and shift share: places that the picture no longer covers.

    Zero would be wrong in most of them: it is a loud sound in decibels and the mean of a
    normalised bin. What reflects or wraps round adds speech that nobody spoke. So by default the
    uncovered places become silent: they take the lowest value that the clip has, in each channel
    by itself. For pictures in a colour map that grows lighter from black, such as magma, that is
    the colour of the lowest level.
    """

    def _keep(self, **settings):
        super()._keep(**settings)
        # Keras leaves a whole model uncompiled for such a layer. TensorFlow, whose XLA cannot
        # compile it, needs that; JAX would only lose its speed.
        self.supports_jit = keras.backend.backend() != "tensorflow"

    def _change(self, x):
        if self._given["fill_mode"] != "constant" or self._given["fill_value"] is not None:
            return super()._change(x)
        lowest = ops.min(x, axis=(1, 2), keepdims=True)
        return super()._change(x - lowest) + lowest


@keras.saving.register_keras_serializable("serkeras")
class RandomFlip(_Picture, keras.layers.RandomFlip):
    """Turn every second clip or so round, in training only.

    Args:
        mode: "horizontal" runs time backwards, "vertical" turns frequency upside down.
        seed: int or None, see `Augmentation`.
        name: str, of the layer.

    Raises:
        ValueError: `mode` is unknown, or the input is not `(batch, height, width, channels)`.

    Source:
        Report S4, section 5.2.3; `keras.layers.RandomFlip`.
    """

    settings = ("mode",)

    def __init__(self, mode="horizontal", seed=None, name=None):
        if mode not in MODES:
            raise ValueError(
                f"`mode` must be one of {MODES}. Received: {mode!r}. Correct the word."
            )
        super().__init__(mode, seed=seed, name=name, **_COMMON)
        self._keep(mode=mode)


@keras.saving.register_keras_serializable("serkeras")
class RandomRotation(_Moved, keras.layers.RandomRotation):
    """Rotate each clip about its centre by an angle of its own, in training only.

    Args:
        factor: share of a full turn, in [-1, 1]: pair (low, high), counter-clockwise above 0,
            drawn uniformly for each clip; or a number for as much either way.
        fill_mode: what uncovered places become: "constant", or Keras's "nearest", "reflect" or
            "wrap".
        fill_value: number for "constant" in the units of the input; None is the lowest value of
            each clip and channel, which stands for silence.
        seed: int or None, see `Augmentation`.
        name: str, of the layer.

    Raises:
        ValueError: a setting does not suit, or the input is not `(batch, height, width,
            channels)`.

    Source:
        Report S4, section 5.2.3; `keras.layers.RandomRotation`.
    """

    settings = ("factor", "fill_mode", "fill_value")

    def __init__(self, factor=0.1, fill_mode="constant", fill_value=None, seed=None, name=None):
        _require_factors(factor=factor)
        filled = _filled(fill_mode, fill_value)
        super().__init__(factor, **filled, seed=seed, name=name, **_COMMON)
        self._keep(factor=factor, fill_mode=fill_mode, fill_value=fill_value)


@keras.saving.register_keras_serializable("serkeras")
class RandomZoom(_Moved, keras.layers.RandomZoom):
    """Show a part of each clip larger, or all of it smaller, in training only.

    Args:
        height_factor: in (-1, 1]: 0.2 makes the picture show 20 % more bins than there are,
            -0.2 so many fewer; pair (low, high), drawn uniformly for each clip, or a number for
            as much either way.
        width_factor: the same for frames; None zooms both alike.
        fill_mode, fill_value, seed, name: see `RandomRotation`.

    Raises:
        ValueError: see `RandomRotation`.

    Source:
        Report S4, section 5.2.3; `keras.layers.RandomZoom`.
    """

    settings = ("height_factor", "width_factor", "fill_mode", "fill_value")

    def __init__(
        self,
        height_factor=0.2,
        width_factor=None,
        fill_mode="constant",
        fill_value=None,
        seed=None,
        name=None,
    ):
        factors = {"height_factor": height_factor, "width_factor": width_factor}
        _require_factors(zoom=True, **factors)
        filled = _filled(fill_mode, fill_value)
        super().__init__(**factors, **filled, seed=seed, name=name, **_COMMON)
        self._keep(**factors, fill_mode=fill_mode, fill_value=fill_value)


@keras.saving.register_keras_serializable("serkeras")
class RandomTranslation(_Moved, keras.layers.RandomTranslation):
    """Shift each clip along frequency and time, in training only.

    What leaves at one edge is lost, where `TimeShift` brings it in again at the other.

    Args:
        height_factor: share of the bins, in [-1, 1], down the picture above 0: pair (low, high),
            drawn uniformly for each clip, or a number for as much either way.
        width_factor: the same for frames, to the right above 0.
        fill_mode, fill_value, seed, name: see `RandomRotation`.

    Raises:
        ValueError: see `RandomRotation`.

    Source:
        `keras.layers.RandomTranslation`.
    """

    settings = ("height_factor", "width_factor", "fill_mode", "fill_value")

    def __init__(
        self,
        height_factor=0.1,
        width_factor=0.1,
        fill_mode="constant",
        fill_value=None,
        seed=None,
        name=None,
    ):
        factors = {"height_factor": height_factor, "width_factor": width_factor}
        _require_factors(**factors)
        filled = _filled(fill_mode, fill_value)
        super().__init__(**factors, **filled, seed=seed, name=name, **_COMMON)
        self._keep(**factors, fill_mode=fill_mode, fill_value=fill_value)


def _require_factors(zoom=False, **factors):
    """Refuse what is no share, or no pair of shares, of the picture."""
    for name, value in factors.items():
        if zoom and value is None and name == "width_factor":
            continue
        low, high = as_range(name, value)
        if not isinstance(value, (list, tuple)):
            low, high = -abs(low), abs(low)
        if not (-1 <= low and high <= 1) or (zoom and low == -1):
            above = "above -1 and up to 1" if zoom else "between -1 and 1"
            raise ValueError(
                f"`{name}` must be a share {above}, or a pair of such. Received: {value!r}. "
                "Use for instance 0.1."
            )


def _filled(fill_mode, fill_value):
    """Return what Keras takes for them; of a silence that the clip decides, zero."""
    if fill_mode not in FILLS:
        raise ValueError(
            f"`fill_mode` must be one of {FILLS}. Received: {fill_mode!r}. Correct the word."
        )
    if fill_value is not None and not (fill_mode == "constant" and math.isfinite(fill_value)):
        raise ValueError(
            "`fill_value` must be None or a finite number, and None where `fill_mode` is not "
            f"'constant'. Received: {fill_value!r} with fill_mode={fill_mode!r}. Leave it out."
        )
    return {"fill_mode": fill_mode, "fill_value": float(fill_value or 0)}
