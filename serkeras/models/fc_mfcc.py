"""`fc-mfcc`: parallel convolutions of three shapes, then convolutions down to one vector."""

import keras

from serkeras.models.parts import batch_norm, classifier

# (bins, frames) of the kernels of the three paths.
_PATHS = ((3, 3), (9, 1), (1, 11))
# (filters, pooling over (bins, frames)); the last block is averaged as a whole.
_BLOCKS = ((64, (2, 2)), (96, (2, 2)), (128, (2, 1)), (160, (2, 1)), (320, None))


def build_fc_mfcc(input_shape, num_classes, dropout=0.3):
    """A fully convolutional network on MFCC.

    The source does not name its rate of dropout: here 0.3. What it calls feature learning, whose
    weights alone decay, are the layers named "block1" to "block5".

    Args:
        input_shape: `(bins, frames, 1)` with at least 32 bins and 8 frames; the source has
            (40, 313, 1).
        num_classes: width of the softmax.
        dropout: rate before the softmax layer.

    Returns:
        Uncompiled `keras.Model`.

    Raises:
        ValueError: `input_shape` is smaller than the poolings.

    Source:
        Report S2, section 3.2.
    """
    if len(input_shape) != 3 or None in input_shape or not _fits(*input_shape[:2]):
        raise ValueError(
            "`input_shape` must be (bins, frames, 1) with at least 32 bins and 8 frames: the "
            f"poolings divide them by 32 and 8. Received: {input_shape}. Use more "
            "coefficients or longer clips."
        )
    inputs = keras.Input(input_shape, name="features")
    paths = [
        keras.layers.AveragePooling2D(2, name=f"{name}_pool")(_conv(inputs, 32, kernel, name))
        for name, kernel in zip(("square", "tall", "wide"), _PATHS, strict=True)
    ]
    x = keras.layers.Concatenate(name="joined")(paths)
    for index, (filters, pool) in enumerate(_BLOCKS, start=1):
        x = _conv(x, filters, 3, f"block{index}")
        if pool:
            x = keras.layers.AveragePooling2D(pool, name=f"block{index}_pool")(x)
    x = keras.layers.GlobalAveragePooling2D(name="block5_pool")(x)
    x = keras.layers.Dropout(dropout, name="drop")(x)
    return keras.Model(inputs, classifier(x, num_classes), name="fc_mfcc")


def _fits(bins, frames):
    return bins >= 32 and frames >= 8


def _conv(x, filters, kernel_size, name):
    x = keras.layers.Conv2D(filters, kernel_size, padding="same", name=f"{name}_conv")(x)
    x = batch_norm(f"{name}_norm")(x)
    return keras.layers.ReLU(name=f"{name}_relu")(x)
