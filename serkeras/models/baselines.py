"""`logistic` and `cnn5`: the baselines of report S0."""

import keras

from serkeras.models.parts import batch_norm, classifier


def build_logistic(input_shape, num_classes):
    """Multinomial logistic regression on all numbers of a clip's features.

    Args:
        input_shape: shape of one clip's features, any number of axes, no axis unknown.
        num_classes: width of the softmax.

    Returns:
        Uncompiled `keras.Model`.

    Raises:
        ValueError: an axis of `input_shape` is None.

    Source:
        Report S0, section 4; its tables head the column with "avg": features averaged over time.
    """
    if None in input_shape:
        raise ValueError(
            f"`input_shape` must be known. Received: {input_shape}. Use clips of one length, or "
            "features averaged over time."
        )
    inputs = keras.Input(input_shape, name="features")
    flat = keras.layers.Flatten(name="flat")(inputs)
    return keras.Model(inputs, classifier(flat, num_classes), name="logistic")


def build_cnn5(input_shape, num_classes, filters=32, kernel_size=4, slope=0.01, padding="valid"):
    """Five convolutions without pooling, flattened into a softmax layer.

    The first is followed by leaky ReLU, the other four by leaky ReLU and batch normalisation.
    Nothing shrinks the image but the convolutions' own borders, so the dense layer holds nearly
    all of the weights: 17.2 of 17.3 million for the source's 301 x 250 image.

    Args:
        input_shape: `(bins, frames, 1)`.
        num_classes: width of the softmax.
        filters, kernel_size: of every convolution.
        slope: of leaky ReLU below zero; the source names none, 0.01 is its framework's.
        padding: "valid" is the source's word. Its tables have rows of 6, 7 and 12 bins all the
            same, which only "same" allows.

    Returns:
        Uncompiled `keras.Model`.

    Raises:
        ValueError: `input_shape` is smaller than the five borders.

    Source:
        Report S0, section 4 and figure 7.
    """
    border = 5 * (kernel_size - 1) if padding == "valid" else 0
    if len(input_shape) != 3 or None in input_shape or min(input_shape[:2]) <= border:
        raise ValueError(
            f"`input_shape` must be (bins, frames, 1) with more than {border} bins and frames. "
            f"Received: {input_shape}. Use more bins, a shorter hop or longer clips, or "
            "padding='same'."
        )
    inputs = keras.Input(input_shape, name="features")
    x = inputs
    for index in range(1, 6):
        x = keras.layers.Conv2D(filters, kernel_size, padding=padding, name=f"conv{index}")(x)
        x = keras.layers.LeakyReLU(slope, name=f"relu{index}")(x)
        if index > 1:
            x = batch_norm(f"norm{index}")(x)
    flat = keras.layers.Flatten(name="flat")(x)
    return keras.Model(inputs, classifier(flat, num_classes), name="cnn5")
