"""`residual-attention`: residual convolutions, and attention over time that pools them."""

import keras
from keras import ops

from serkeras.models.attention import AttentionWeights
from serkeras.models.parts import batch_norm, classifier

_LEAST_VARIANCE = 1e-4


def build_residual_attention(
    input_shape,
    num_classes,
    filters=(24, 48, 96),
    units=128,
    heads=4,
    dropout=0.3,
    block_dropout=0.1,
):
    """A small residual network whose frames are pooled into weighted means and deviations.

    Each stage after the first halves bins and frames. What is left of the bins of a frame goes
    through one dense layer; attention weighs the frames once a head, and the weighted means and
    deviations of all heads describe the clip: where in the window somebody speaks does not matter.

    Args:
        input_shape: `(bins, frames, 1)` with at least 2 ** stages of each.
        num_classes: width of the softmax.
        filters: of the stages, two or more.
        units: width of a frame after the dense layer.
        heads: weightings of the frames.
        dropout: rate before the dense layer and before the softmax.
        block_dropout: rate at which whole channels are left out between the blocks of a stage.

    Returns:
        Uncompiled `keras.Model`.

    Raises:
        ValueError: `input_shape` is smaller than that, or there are less than two stages.

    Source:
        He et al. 2016 (residual blocks); Okabe et al. 2018, "Attentive statistics pooling for
        deep speaker embedding".
    """
    _check(input_shape, filters)
    inputs = keras.Input(input_shape, name="features")
    x = _conv(inputs, filters[0], 5, 2, "stem")
    for index, width in enumerate(filters[1:], start=1):
        x = _block(x, width, 2, f"stage{index}_down")
        x = keras.layers.SpatialDropout2D(block_dropout, name=f"stage{index}_drop")(x)
        x = _block(x, width, 1, f"stage{index}_block")
    x = keras.layers.Permute((2, 1, 3), name="by_frames")(x)
    x = keras.layers.Reshape((x.shape[1], x.shape[2] * x.shape[3]), name="frames")(x)
    x = keras.layers.Dropout(dropout, name="frame_drop")(x)
    x = keras.layers.Dense(units, activation="relu", name="frame")(x)
    x = keras.layers.Dropout(dropout, name="drop")(_statistics(x, heads))
    return keras.Model(inputs, classifier(x, num_classes), name="residual_attention")


def _check(input_shape, filters):
    least = 2 ** len(filters)
    fits = len(input_shape) == 3 and None not in input_shape and min(input_shape[:2]) >= least
    if len(filters) < 2 or not fits:
        raise ValueError(
            "`filters` must name two stages or more, and `input_shape` be (bins, frames, 1) with "
            f"2 ** stages of each, since each stage halves them. Received: filters={filters}, "
            f"{input_shape}. Use more bands, longer clips or fewer stages."
        )


def _conv(x, filters, kernel_size, strides, name, relu=True):
    x = keras.layers.Conv2D(
        filters, kernel_size, strides, padding="same", use_bias=False, name=f"{name}_conv"
    )(x)
    x = batch_norm(f"{name}_norm")(x)
    return keras.layers.ReLU(name=f"{name}_relu")(x) if relu else x


def _block(x, filters, strides, name):
    """Two convolutions beside a way past them, which is pooled and widened where they are."""
    y = _conv(x, filters, 3, strides, f"{name}1")
    y = _conv(y, filters, 3, 1, f"{name}2", relu=False)
    if strides > 1:
        x = keras.layers.AveragePooling2D(strides, padding="same", name=f"{name}_pool")(x)
    if x.shape[-1] != filters:
        x = _conv(x, filters, 1, 1, f"{name}_way", relu=False)
    return keras.layers.ReLU(name=f"{name}_relu")(keras.layers.Add(name=f"{name}_add")([x, y]))


def _statistics(x, heads):
    """Return weighted means and deviations of `(clips, frames, units)`, heads side by side."""
    weights = AttentionWeights(64, heads=heads, name="attention")(x)
    means = keras.layers.Dot(axes=1, name="means")([weights, x])
    squares = keras.layers.Dot(axes=1, name="squares")([weights, x * x])
    deviations = ops.sqrt(ops.maximum(squares - means * means, _LEAST_VARIANCE))
    return keras.layers.Flatten(name="clip")(ops.concatenate([means, deviations], axis=-1))
