"""`issa`: a one-dimensional network on features averaged over time."""

import keras

from serkeras.models.parts import batch_norm

_POOL = 8
_KERNEL = 5


def build_issa(input_shape, num_classes):
    """Six convolutions along a vector of averaged features.

    Args:
        input_shape: `(numbers, 1)`, at least 8 numbers; the paper has 193 (40 MFCC, 12 chroma,
            128 mel bands, 7 of spectral contrast, 6 of Tonnetz, each averaged over time).
        num_classes: width of the softmax.

    Returns:
        Uncompiled `keras.Model` with 520,360 parameters for (193, 1) and 8 classes.

    Raises:
        ValueError: `input_shape` has another number of axes, or is too short for the layers.

    Source:
        Issa, Demirci & Yazici 2020, Biomedical Signal Processing and Control 59, figure 3;
        rebuilt by report S0. Neither names the padding: S0 has rows of 12 numbers and none of 7,
        which "same" with a pooling of 8 allows and forbids.
    """
    if len(input_shape) != 2 or None in input_shape or input_shape[0] < _POOL:
        raise ValueError(
            f"`input_shape` must be (numbers, 1) with {_POOL} numbers or more. "
            f"Received: {input_shape}. Set features.average='time' and stack more features."
        )
    inputs = keras.Input(input_shape, name="features")
    x = _conv(inputs, 1, 256)
    x = batch_norm("norm1")(x)
    x = keras.layers.ReLU(name="relu1")(x)
    x = keras.layers.ReLU(name="relu2")(_conv(x, 2))
    x = keras.layers.Dropout(0.1, name="drop2")(x)
    x = batch_norm("norm2")(x)
    x = keras.layers.MaxPooling1D(_POOL, name="pool")(x)
    x = keras.layers.ReLU(name="relu3")(_conv(x, 3))
    x = keras.layers.ReLU(name="relu4")(_conv(x, 4))
    x = batch_norm("norm5")(_conv(x, 5))
    x = keras.layers.ReLU(name="relu5")(x)
    x = keras.layers.Dropout(0.2, name="drop5")(x)
    x = keras.layers.Flatten(name="flat")(_conv(x, 6))
    x = keras.layers.Dropout(0.2, name="drop6")(x)
    logits = keras.layers.Dense(num_classes, name="logits")(x)
    normed = batch_norm("norm_logits")(logits)
    outputs = keras.layers.Softmax(dtype="float32", name="probabilities")(normed)
    return keras.Model(inputs, outputs, name="issa")


def _conv(x, index, filters=128):
    return keras.layers.Conv1D(filters, _KERNEL, padding="same", name=f"conv{index}")(x)
