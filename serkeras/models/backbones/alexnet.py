"""AlexNet and SqueezeNet in torchvision's layout: layers have the names of its state dicts.

A layer "features_3" is torchvision's "features.3"; `torch_names.py` relies on it.
"""

from keras import layers

from serkeras.models.backbones.layers import AdaptiveAveragePooling

# (index in torchvision's list, filters, kernel, stride, padding, whether pooling follows).
_ALEXNET = (
    (0, 64, 11, 4, 2, True),
    (3, 192, 5, 1, 2, True),
    (6, 384, 3, 1, 1, False),
    (8, 256, 3, 1, 1, False),
    (10, 256, 3, 1, 1, True),
)
# First convolution (filters, kernel), then by torchvision's index: filters of a fire module
# (squeeze, and each half of expand), or None for a pooling.
_SQUEEZENETS = {
    "1.0": (
        (96, 7),
        (None, 16, 16, 32, None, 32, 48, 48, 64, None, 64),
        (0, 64, 64, 128, 0, 128, 192, 192, 256, 0, 256),
    ),
    "1.1": (
        (64, 3),
        (None, 16, 16, None, 32, 32, None, 48, 48, 64, 64),
        (0, 64, 64, 0, 128, 128, 0, 192, 192, 256, 256),
    ),
}


def alexnet(x):
    """Lay the five convolutions of AlexNet.

    Args:
        x: Keras tensor `(clips, height, width, 3)`, at least 63 pixels a side.

    Returns:
        Keras tensor `(clips, rows, columns, 256)`; 6 x 6 at 224 x 224.
    """
    for index, filters, kernel, stride, padding, pooled in _ALEXNET:
        x = layers.ZeroPadding2D(padding)(x)
        x = layers.Conv2D(filters, kernel, stride, activation="relu", name=f"features_{index}")(x)
        if pooled:
            x = layers.MaxPooling2D(3, 2)(x)
    return x


def alexnet_top(x, classes):
    """Lay AlexNet's three dense layers; returns logits."""
    x = AdaptiveAveragePooling(6)(x)
    # torch flattens channel by channel.
    x = layers.Flatten()(layers.Permute((3, 1, 2))(x))
    x = layers.Dropout(0.5)(x)
    x = layers.Dense(4096, activation="relu", name="classifier_1")(x)
    x = layers.Dropout(0.5)(x)
    x = layers.Dense(4096, activation="relu", name="classifier_4")(x)
    return layers.Dense(classes, name="classifier_6")(x)


def squeezenet(x, version):
    """Lay SqueezeNet up to its last fire module.

    Args:
        x: Keras tensor `(clips, height, width, 3)`.
        version: "1.0" or "1.1".

    Returns:
        Keras tensor `(clips, rows, columns, 512)`; 13 x 13 at 224 x 224.
    """
    (filters, kernel), squeezed, expanded = _SQUEEZENETS[version]
    x = layers.Conv2D(filters, kernel, 2, activation="relu", name="features_0")(x)
    for index, (squeeze, expand) in enumerate(zip(squeezed, expanded, strict=True), start=2):
        x = _ceil_pool(x) if squeeze is None else _fire(x, squeeze, expand, f"features_{index}")
    return x


def squeezenet_top(x, classes):
    """Lay SqueezeNet's convolution to classes; returns logits."""
    x = layers.Dropout(0.5)(x)
    x = layers.Conv2D(classes, 1, activation="relu", name="classifier_1")(x)
    return layers.GlobalAveragePooling2D()(x)


def _ceil_pool(x):
    """Pool 3 / 2 with the number of windows rounded up, as torch's `ceil_mode`.

    What is pooled has passed a ReLU, so a border of zeros changes no maximum; where the last
    window fits anyway, the border is left over.
    """
    return layers.MaxPooling2D(3, 2)(layers.ZeroPadding2D(((0, 1), (0, 1)))(x))


def _fire(x, squeeze, expand, name):
    x = layers.Conv2D(squeeze, 1, activation="relu", name=f"{name}_squeeze")(x)
    one = layers.Conv2D(expand, 1, activation="relu", name=f"{name}_expand1x1")(x)
    three = layers.Conv2D(expand, 3, padding="same", activation="relu", name=f"{name}_expand3x3")(x)
    return layers.Concatenate(name=f"{name}_joined")([one, three])
