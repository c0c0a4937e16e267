"""`fcn-attention-1d` and `-2d`: convolutions whose positions are weighted by attention."""

import keras

from serkeras.models import masks
from serkeras.models.attention import AttentionWeights
from serkeras.models.parts import classifier

# (filters, kernel, stride, whether pooling 3 with stride 2 follows): the poolings stand where
# AlexNet has them.
_LAYERS_1D = ((5, 11, 4, True), (10, 5, 1, True), (20, 3, 1, False), (30, 3, 1, True))
_LAYERS_2D = (
    (96, 11, 4, True),
    (256, 5, 1, True),
    (384, 3, 1, False),
    (384, 3, 1, False),
    (256, 3, 1, True),
)


def build_fcn_attention_1d(
    input_shape, num_classes, attention_scale=0.8, attention_units=4, heads=1
):
    """Four convolutions along a series of averages, weighted by attention.

    The source's 259 numbers leave four positions of 30 channels. Its trainable vector u has
    four entries, hence `attention_units`. The dense layer with tanh in which its convolutional
    part ends is read as the hidden layer of the attention's equation 2: what is weighted are
    the outputs of the convolutions.

    Args:
        input_shape: `(numbers, 1)`, at least 163.
        num_classes: width of the softmax.
        attention_scale: lambda of the softmax.
        attention_units: width of the attention's hidden layer.
        heads: weightings side by side.

    Returns:
        Uncompiled `keras.Model`.

    Raises:
        ValueError: `input_shape` has another number of axes or is too short.

    Source:
        Report S3, section 2.2.
    """
    if len(input_shape) != 2 or None in input_shape or input_shape[0] < 163:
        raise ValueError(
            "`input_shape` must be (numbers, 1) with 163 numbers or more. "
            f"Received: {input_shape}. Average the features over time (or frequency) and take more "
            "bands."
        )
    inputs = keras.Input(input_shape, name="features")
    x = inputs
    for index, (filters, kernel, stride, pooled) in enumerate(_LAYERS_1D, start=1):
        x = keras.layers.Conv1D(filters, kernel, stride, activation="relu", name=f"conv{index}")(x)
        if pooled:
            x = keras.layers.MaxPooling1D(3, 2, name=f"pool{index}")(x)
    weights = AttentionWeights(attention_units, attention_scale, heads, name="attention")(x)
    return keras.Model(
        inputs, classifier(_weighted(x, weights), num_classes), name="fcn_attention_1d"
    )


def build_fcn_attention_2d(
    input_shape,
    num_classes,
    attention_scale=0.3,
    attention_units=256,
    heads=1,
    width=1.0,
    dropout=0.0,
):
    """AlexNet's five convolutions on a spectrogram of any length, weighted by attention.

    Each of the positions (bins times frames) that the convolutions leave is an annotation of
    the clip; attention says how much it counts. AlexNet's local response normalisation is left
    out, as its successors do; every layer has a border of half its kernel, so that the first
    position stands on the first frame. Padding never changes a prediction: see
    `serkeras.models.masks`.

    Args:
        input_shape: `(bins, frames, 1)`; frames may be None.
        num_classes: width of the softmax.
        attention_scale: lambda of the softmax, 0.3 in the paper.
        attention_units: width of the attention's hidden layer.
        heads: weightings side by side, each with its own vector of the clip.
        width: factor on the filters of every layer.
        dropout: rate before the softmax layer.

    Returns:
        Uncompiled `keras.Model` of a dictionary: "features" `(clips, bins, frames, 1)` and
        "mask" `(clips, frames)`, true on the clip.

    Raises:
        ValueError: `input_shape` has another number of axes.

    Source:
        Zhang et al. 2019, "Attention based fully convolutional network for speech emotion
        recognition"; aimed at by report S3.
    """
    if len(input_shape) != 3 or input_shape[0] is None:
        raise ValueError(
            "`input_shape` must be (bins, frames or None, 1). "
            f"Received: {input_shape}. Use a spectrogram."
        )
    features = keras.Input(input_shape, name="features")
    valid = keras.Input(input_shape[1:2], dtype="bool", name="mask")
    x, mask = features, masks.as_mask(valid)
    for index, (filters, kernel, stride, pooled) in enumerate(_LAYERS_2D, start=1):
        x = masks.zero_padding(x, mask)
        x = keras.layers.ZeroPadding2D(kernel // 2, name=f"border{index}")(x)
        x = keras.layers.Conv2D(
            max(1, round(filters * width)), kernel, stride, activation="relu", name=f"conv{index}"
        )(x)
        mask = masks.every(mask, stride, f"conv{index}")
        if pooled:
            # Nothing is below zero after ReLU: a border of zeros cannot be the largest.
            x = keras.layers.ZeroPadding2D(1, name=f"pool{index}_border")(
                masks.zero_padding(x, mask)
            )
            x = keras.layers.MaxPooling2D(3, 2, name=f"pool{index}")(x)
            mask = masks.every(mask, 2, f"pool{index}")
    x, mask = masks.positions(x, mask)
    weights = AttentionWeights(attention_units, attention_scale, heads, name="attention")(
        x, valid=mask
    )
    x = keras.layers.Dropout(dropout, name="drop")(_weighted(x, weights))
    inputs = {"features": features, "mask": valid}
    return keras.Model(inputs, classifier(x, num_classes), name="fcn_attention_2d")


def _weighted(x, weights):
    """Return the weighted sums of `(clips, positions, channels)`, heads side by side."""
    summed = keras.layers.Dot(axes=1, name="weighted")([weights, x])
    return keras.layers.Flatten(name="clip")(summed)
