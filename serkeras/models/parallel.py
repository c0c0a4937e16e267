"""`cnn2-transformer`: two convolution blocks beside a transformer encoder."""

import keras
import keras_hub

from serkeras.models.cnn import check_input_shape, conv_block
from serkeras.models.parts import classifier

ATTENTION_AXES = ("time", "batch")


def encoder_branch(
    inputs,
    num_layers=4,
    num_heads=4,
    intermediate_dim=512,
    dropout=0.4,
    attention_axis="time",
):
    """Transformer encoder layers over the frames, averaged over time.

    Args:
        inputs: Keras tensor `(clips, bins, frames, 1)`; the bins are the model width.
        num_layers, num_heads, intermediate_dim, dropout: of the encoder.
        attention_axis: "time", or "batch" for the published fault.

    Returns:
        Keras tensor `(clips, bins)`.
    """
    bins, frames = inputs.shape[1:3]
    x = keras.layers.Reshape((bins, frames), name="drop_channel")(inputs)
    # The encoder attends along its second axis and expects features last.
    if attention_axis == "time":
        x = keras.layers.Permute((2, 1), name="clips_frames_bins")(x)
    else:
        x = keras.ops.transpose(x, (2, 0, 1))
    for index in range(1, num_layers + 1):
        x = keras_hub.layers.TransformerEncoder(
            intermediate_dim, num_heads, dropout=dropout, activation="relu", name=f"encoder{index}"
        )(x)
    if attention_axis == "time":
        return keras.layers.GlobalAveragePooling1D(name="encoder_mean")(x)
    return keras.ops.mean(x, axis=0)


def build_cnn2_transformer(
    input_shape,
    num_classes,
    dropout=0.3,
    batch_norm_axis="channel",
    num_layers=4,
    num_heads=4,
    intermediate_dim=512,
    encoder_dropout=0.4,
    attention_axis="time",
    batch_norm_momentum=0.99,
):
    """Two convolution blocks in parallel with a transformer encoder over time.

    Args:
        input_shape: `(bins, frames, 1)`; `bins` must be divisible by `num_heads`.
        num_classes: width of the softmax.
        dropout: rate in the convolution blocks.
        batch_norm_axis: "channel", or "time" for the first published fault.
        num_layers, num_heads, intermediate_dim, encoder_dropout: of the encoder.
        attention_axis: "time"; "batch" is the second published fault: the source fed
            (time, batch, features) to a layer that expects (batch, time, features), so a
            clip's prediction depends on the clips that share its batch.
        batch_norm_momentum: of the running means (see `serkeras.models.cnn.conv_block`).

    Returns:
        Uncompiled `keras.Model` with 848,647 parameters for (128, 94, 1) and 7 classes;
        848,967 with `batch_norm_axis="time"`, as published.

    Source:
        Report S4, section 4.5, after Bautista et al., Electronics 11(23), 2022.
    """
    check_input_shape(input_shape)
    if attention_axis not in ATTENTION_AXES:
        raise ValueError(
            f"`attention_axis` must be one of {ATTENTION_AXES}. Received: "
            f"{attention_axis!r}. Use 'time' unless you study the published fault."
        )
    if input_shape[0] % num_heads:
        raise ValueError(
            "The number of feature bins must be divisible by `num_heads`. Received: "
            f"bins={input_shape[0]}, num_heads={num_heads}. Change one of them."
        )
    inputs = keras.Input(input_shape, name="features")
    blocks = [
        conv_block(inputs, dropout, batch_norm_axis, batch_norm_momentum, name=f"block{index}")
        for index in (1, 2)
    ]
    encoded = encoder_branch(
        inputs, num_layers, num_heads, intermediate_dim, encoder_dropout, attention_axis
    )
    features = keras.layers.Concatenate(name="joined")([encoded, *blocks])
    return keras.Model(inputs, classifier(features, num_classes), name="cnn2_transformer")
