"""What stands before a backbone: size, three channels, and the scaling its weights expect.

The weights were trained on photographs. All networks get the values that a photograph would
give them; only what counts as a photograph is a choice:

- "picture": values in `value_range` are stretched to 0..255, the levels of a picture, and then
  scaled as the backbone's photographs were. Right for pictures (`mel_image` is 0..255) and for
  decibels with fixed ends, such as `value_range=(-80, 30)`: a level is then one grey in all clips.
- "standardized": features whose bins or channels were brought to mean 0 and variance 1 on the
  training side (normalisation, whitening). They become the picture `255 (mean + std x)` with
  ImageNet's mean and deviation of each channel, so the network meets the mean and variance that
  its photographs had. For networks of the "torch" convention this hands the values on as they
  are.
- "none": values go into the network as they are.

Conventions of backbones, on pictures 0..255, red, green, blue: "torch" divides by 255 and takes
off ImageNet's mean and deviation of each channel; "caffe" turns the channels round (blue, green,
red) and takes off the means; "symmetric" maps to -1..1. EfficientNet and ConvNeXt of Keras scale
inside the network ("torch", too); here that part is left out and the front does it, so that
`scaling` means the same for all.
"""

import keras
from keras import ops

from serkeras.models.backbones.trained import scaling_layer

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)
CAFFE_MEAN = (123.68, 116.779, 103.939)
CONVENTIONS = ("caffe", "symmetric", "torch")
SCALINGS = ("none", "picture", "standardized")


def attach(x, size, scaling, convention, value_range):
    """Lay the layers in front of a backbone.

    They compute in float32 whatever the network does: bfloat16 has no levels between 200 and 201.

    Args:
        x: Keras tensor `(clips, height, width, 1 or 3)`.
        size: (height, width) to resize to (bilinear), or None.
        scaling: one of `SCALINGS`, see above.
        convention: one of `CONVENTIONS`.
        value_range: (low, high) that become 0 and 255; for "picture" only.

    Returns:
        Keras tensor `(clips, height, width, 3)`.
    """
    if size is not None and tuple(x.shape[1:3]) != tuple(size):
        x = keras.layers.Resizing(*size, dtype="float32", name="resized")(x)
    if x.shape[-1] == 1:
        x = keras.layers.Concatenate(dtype="float32", name="three_channels")([x, x, x])
    if scaling == "none":
        return x
    scale, offset = affine(scaling, convention, value_range)
    if convention == "caffe":
        x = ops.flip(x, axis=-1)
        scale, offset = scale[::-1], offset[::-1]
    name = scaling_layer(convention)
    return keras.layers.Rescaling(scale, offset, dtype="float32", name=name)(x)


def affine(scaling, convention, value_range):
    """Return the scale and the offset of each channel (red, green, blue), lists of float."""
    pairs = []
    for channel in range(3):
        a, b = _to_levels(scaling, channel, value_range)
        c, d = _from_levels(convention, channel)
        pairs.append((c * a, c * b + d))
    return [scale for scale, _ in pairs], [offset for _, offset in pairs]


def _to_levels(scaling, channel, value_range):
    """Return (a, b) such that a x + b is a level of a picture, 0..255."""
    if scaling == "standardized":
        return 255 * STD[channel], 255 * MEAN[channel]
    low, high = value_range
    return 255 / (high - low), -255 * low / (high - low)


def _from_levels(convention, channel):
    """Return (c, d) such that c level + d is what the backbone was trained on."""
    if convention == "torch":
        return 1 / (255 * STD[channel]), -MEAN[channel] / STD[channel]
    if convention == "caffe":
        return 1.0, -CAFFE_MEAN[channel]
    return 1 / 127.5, -1.0


def check(scaling, value_range):
    """Refuse an unknown scaling and a range without extent.

    Raises:
        ValueError: says which values there are.
    """
    if scaling not in SCALINGS:
        raise ValueError(
            f"`scaling` must be one of {list(SCALINGS)}. Received: {scaling!r}. Take 'picture' "
            "for pictures and decibels, 'standardized' for normalised features."
        )
    if len(value_range) != 2 or not value_range[0] < value_range[1]:
        raise ValueError(
            f"`value_range` must be (low, high) with low < high. Received: {value_range!r}. Give "
            "the values that black and white stand for, such as (0, 255) or (-80, 30)."
        )
