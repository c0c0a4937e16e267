"""`cnn` and `cnn2`: one block of three convolutions, or two side by side.

Source: report S4, sections 4.3 and 4.4 (LeNet-like blocks with growing depth; two of them in
parallel after Inception).
"""

import keras

from serkeras.models.parts import classifier

# (filters, pooling) of the three layers of a block.
_LAYERS = ((16, 2), (32, 4), (64, 4))
_BATCH_NORM_AXES = {"channel": -1, "time": 2}


def conv_block(
    inputs, dropout=0.3, batch_norm_axis="channel", batch_norm_momentum=0.99, name="block"
):
    """Three times convolution 3x3, batch normalisation, ReLU, max pooling, dropout; flattened.

    Args:
        inputs: Keras tensor `(clips, bins, frames, 1)`.
        dropout: rate after each pooling.
        batch_norm_axis: "channel" as batch normalisation is meant; "time" as the source
            published it: its tensors were channels-first and `axis=-1` met the frames.
        batch_norm_momentum: how much of the running means each step keeps, 0 to below 1. The
            source left Keras's 0.99; after a few hundred steps such means are not there yet,
            and 0.9 suits so short a training.
        name: prefix of the layer names.

    Returns:
        Keras tensor `(clips, features)`; 512 features for a 128 x 94 input.
    """
    if batch_norm_axis not in _BATCH_NORM_AXES:
        raise ValueError(
            f"`batch_norm_axis` must be one of {sorted(_BATCH_NORM_AXES)}. "
            f"Received: {batch_norm_axis!r}. Use 'channel' unless you study the published fault."
        )
    if not 0 <= batch_norm_momentum < 1:
        raise ValueError(
            "`batch_norm_momentum` must be at least 0 and below 1: 1 would keep the running means "
            f"of an untrained network. Received: {batch_norm_momentum}. Use 0.99, or 0.9 where "
            "steps are few."
        )
    x = inputs
    for index, (filters, pool) in enumerate(_LAYERS, start=1):
        x = keras.layers.Conv2D(filters, 3, padding="same", name=f"{name}_conv{index}")(x)
        x = keras.layers.BatchNormalization(
            axis=_BATCH_NORM_AXES[batch_norm_axis],
            momentum=batch_norm_momentum,
            name=f"{name}_norm{index}",
        )(x)
        x = keras.layers.ReLU(name=f"{name}_relu{index}")(x)
        x = keras.layers.MaxPooling2D(pool, name=f"{name}_pool{index}")(x)
        x = keras.layers.Dropout(dropout, name=f"{name}_drop{index}")(x)
    return keras.layers.Flatten(name=f"{name}_flat")(x)


def check_input_shape(input_shape):
    """Refuse shapes that the three poolings (2, 4, 4) would shrink to nothing."""
    sides = input_shape[:2]
    if len(input_shape) != 3 or input_shape[2] != 1 or None in sides or min(sides) < 32:
        raise ValueError(
            "`input_shape` must be (bins, frames, 1) with at least 32 bins and 32 frames: the "
            f"poolings divide both by 32. Received: {input_shape}. Use longer clips, a shorter "
            "hop or more bins."
        )


def build_cnn(
    input_shape, num_classes, dropout=0.3, batch_norm_axis="channel", batch_norm_momentum=0.99
):
    """One convolution block and a softmax layer.

    Args:
        input_shape: `(bins, frames, 1)`.
        num_classes: width of the softmax.
        dropout: rate after each pooling.
        batch_norm_axis: "channel", or "time" for the published fault (see `conv_block`).
        batch_norm_momentum: of the running means (see `conv_block`).

    Returns:
        Uncompiled `keras.Model`.

    Source:
        Report S4, section 4.3.
    """
    check_input_shape(input_shape)
    inputs = keras.Input(input_shape, name="features")
    features = conv_block(inputs, dropout, batch_norm_axis, batch_norm_momentum)
    return keras.Model(inputs, classifier(features, num_classes), name="cnn")


def build_cnn2(
    input_shape, num_classes, dropout=0.3, batch_norm_axis="channel", batch_norm_momentum=0.99
):
    """Two convolution blocks in parallel on the same input, joined before the softmax layer.

    Args:
        input_shape: `(bins, frames, 1)`.
        num_classes: width of the softmax.
        dropout: rate after each pooling.
        batch_norm_axis: "channel", or "time" for the published fault (see `conv_block`).
        batch_norm_momentum: of the running means (see `conv_block`).

    Returns:
        Uncompiled `keras.Model`.

    Source:
        Report S4, section 4.4.
    """
    check_input_shape(input_shape)
    inputs = keras.Input(input_shape, name="features")
    blocks = [
        conv_block(inputs, dropout, batch_norm_axis, batch_norm_momentum, name=f"block{index}")
        for index in (1, 2)
    ]
    features = keras.layers.Concatenate(name="joined")(blocks)
    return keras.Model(inputs, classifier(features, num_classes), name="cnn2")
