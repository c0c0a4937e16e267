"""`cnn-lstm`: five convolution blocks, then two LSTM layers over what is left of time."""

import keras

from serkeras.models.parts import batch_norm, classifier

# (filters, pooling) of the five local feature learning blocks.
_BLOCKS = ((32, 2), (48, 2), (64, 2), (128, 4), (256, 4))
_SHRUNK = 2 * 2 * 2 * 4 * 4


def build_cnn_lstm(input_shape, num_classes, units=256, dropout=0.3):
    """Local features by convolution, their course by a recurrent network.

    Each frame that the poolings leave is flattened over its bins and channels. The source does
    not say which output of the LSTM it classifies, nor its rate of dropout: here the last
    output, and 0.3.

    Args:
        input_shape: `(bins, frames, 1)`, both at least 128; the source has (128, 313, 1).
        num_classes: width of the softmax.
        units: of each LSTM layer.
        dropout: rate between the LSTM layers and behind them.

    Returns:
        Uncompiled `keras.Model`.

    Raises:
        ValueError: `input_shape` is smaller than the poolings.

    Source:
        Report S2, section 3.1, after Etienne et al. 2018.
    """
    sides = input_shape[:2]
    if len(input_shape) != 3 or None in sides or min(sides) < _SHRUNK:
        raise ValueError(
            f"`input_shape` must be (bins, frames, 1) with at least {_SHRUNK} bins and frames: "
            f"the poolings divide both by {_SHRUNK}. Received: {input_shape}. Use more bins, "
            "a shorter hop or longer clips."
        )
    inputs = keras.Input(input_shape, name="features")
    x = inputs
    for index, (filters, pool) in enumerate(_BLOCKS, start=1):
        x = keras.layers.Conv2D(filters, 3, padding="same", name=f"conv{index}")(x)
        x = batch_norm(f"norm{index}")(x)
        x = keras.layers.ReLU(name=f"relu{index}")(x)
        x = keras.layers.MaxPooling2D(pool, name=f"pool{index}")(x)
    x = keras.layers.Permute((2, 1, 3), name="frames_first")(x)
    frames, bins, channels = x.shape[1:]
    x = keras.layers.Reshape((frames, bins * channels), name="sequence")(x)
    x = keras.layers.LSTM(units, return_sequences=True, name="lstm1")(x)
    x = keras.layers.Dropout(dropout, name="drop1")(x)
    x = keras.layers.LSTM(units, name="lstm2")(x)
    x = keras.layers.Dropout(dropout, name="drop2")(x)
    return keras.Model(inputs, classifier(x, num_classes), name="cnn_lstm")
