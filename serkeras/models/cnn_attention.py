"""`cnn-attention`: convolutions and self-attention over clips of any length."""

import keras

from serkeras.models import masks
from serkeras.models.attention import AveragedSelfAttention
from serkeras.models.parts import classifier

# (bins, frames) of the kernels of the two paths, and their filters.
_PATHS = {"tall": (11, 3), "wide": (3, 9)}
_PATH_FILTERS = 8
# (filters, whether 2 x 2 average pooling follows).
_BLOCKS = ((32, True), (48, True), (64, False), (80, False))


def build_cnn_attention(input_shape, num_classes, heads=3, units=128, dropout=0.0):
    """Two paths, four convolution blocks, attention among all bins and frames, their mean.

    Padding never changes a prediction: see `serkeras.models.masks`.

    Args:
        input_shape: `(bins, frames, 1)`, at least 4 bins; frames may be None. The source has
            40 bins and the longest clip of each batch.
        num_classes: width of the softmax.
        heads, units: of the attention.
        dropout: rate before the softmax layer; the source names none.

    Returns:
        Uncompiled `keras.Model` of a dictionary: "features" `(clips, bins, frames, 1)` and
        "mask" `(clips, frames)`, true on the clip.

    Raises:
        ValueError: `input_shape` has another number of axes or fewer bins.

    Source:
        Report S2, section 3.3.
    """
    if len(input_shape) != 3 or input_shape[0] is None or input_shape[0] < 4:
        raise ValueError(
            "`input_shape` must be (bins, frames or None, 1) with at least 4 bins. "
            f"Received: {input_shape}. Use a spectrogram or MFCC."
        )
    features = keras.Input(input_shape, name="features")
    valid = keras.Input(input_shape[1:2], dtype="bool", name="mask")
    # The poolings take 4 frames into one.
    x, mask = masks.longer(features, masks.as_mask(valid), 3, "end")
    paths = [_conv(x, mask, _PATH_FILTERS, kernel, name) for name, kernel in _PATHS.items()]
    x = keras.layers.Concatenate(name="joined")(paths)
    for index, (filters, pooled) in enumerate(_BLOCKS, start=1):
        x = _conv(x, mask, filters, 3, f"block{index}")
        if pooled:
            x = keras.layers.AveragePooling2D(2, name=f"block{index}_pool")(x)
            mask = masks.both(mask, f"block{index}_pool")
    x, mask = masks.positions(x, mask)
    x = AveragedSelfAttention(units, heads, name="attention")(x, valid=mask)
    x = keras.layers.LayerNormalization(name="norm")(masks.mean(x, mask))
    x = keras.layers.Dropout(dropout, name="drop")(x)
    inputs = {"features": features, "mask": valid}
    return keras.Model(inputs, classifier(x, num_classes), name="cnn_attention")


def _conv(x, mask, filters, kernel_size, name):
    x = keras.layers.Conv2D(filters, kernel_size, padding="same", name=f"{name}_conv")(
        masks.zero_padding(x, mask)
    )
    x = masks.norm(x, mask, f"{name}_norm")
    # Zero again: an average over a pair must not mix in what the shift left on the padding.
    return masks.zero_padding(keras.layers.ReLU(name=f"{name}_relu")(x), mask)
