"""DenseNet-121, -161 and -201 in torchvision's layout; layers have its state dicts' names.

The order of the layers is that of keras.applications too, so its files load as well. Its batch
normalisation adds 1.001e-5 to the variance, torchvision's and this one 1e-5.
"""

from keras import layers

from serkeras.models.parts import batch_norm

# Growth, layers of each dense block, filters of the stem.
_SHAPES = {
    "densenet121": (32, (6, 12, 24, 16), 64),
    "densenet161": (48, (6, 12, 36, 24), 96),
    "densenet201": (32, (6, 12, 48, 32), 64),
}


def densenet(x, name):
    """Lay a DenseNet up to the ReLU after its last normalisation.

    Args:
        x: Keras tensor `(clips, height, width, 3)`, at least 29 pixels a side.
        name: "densenet121", "densenet161" or "densenet201".

    Returns:
        Keras tensor `(clips, rows, columns, channels)`, a 32nd of the input's sides.
    """
    growth, blocks, stem = _SHAPES[name]
    x = layers.ZeroPadding2D(3)(x)
    x = layers.Conv2D(stem, 7, 2, use_bias=False, name="features_conv0")(x)
    x = _norm_relu(x, "features_norm0")
    # After a ReLU a border of zeros changes no maximum.
    x = layers.MaxPooling2D(3, 2)(layers.ZeroPadding2D(1)(x))
    for index, count in enumerate(blocks, start=1):
        x = _dense_block(x, count, growth, f"features_denseblock{index}")
        if index < len(blocks):
            x = _transition(x, f"features_transition{index}")
    return _norm_relu(x, "features_norm5")


def densenet_top(x, classes):
    """Lay DenseNet's classifier; returns logits."""
    x = layers.GlobalAveragePooling2D()(x)
    return layers.Dense(classes, name="classifier")(x)


def _dense_block(x, count, growth, name):
    for index in range(1, count + 1):
        prefix = f"{name}_denselayer{index}"
        new = _norm_relu(x, f"{prefix}_norm1")
        new = layers.Conv2D(4 * growth, 1, use_bias=False, name=f"{prefix}_conv1")(new)
        new = _norm_relu(new, f"{prefix}_norm2")
        new = layers.Conv2D(growth, 3, padding="same", use_bias=False, name=f"{prefix}_conv2")(new)
        x = layers.Concatenate(name=f"{prefix}_joined")([x, new])
    return x


def _transition(x, name):
    x = _norm_relu(x, f"{name}_norm")
    x = layers.Conv2D(x.shape[-1] // 2, 1, use_bias=False, name=f"{name}_conv")(x)
    return layers.AveragePooling2D(2, 2, name=f"{name}_pool")(x)


def _norm_relu(x, name):
    return layers.ReLU(name=f"{name}_relu")(batch_norm(name)(x))
