"""`transfer`: a backbone that was trained on other data, and a new head for emotions."""

from functools import partial

import keras

from serkeras.models import backbones
from serkeras.models.parts import classifier

POOLINGS = ("flatten", "average", None)
# The slope is that of PyTorch, in which the source of the stitched networks was written.
_ACTIVATIONS = {"leaky_relu": partial(keras.layers.LeakyReLU, 0.01), "relu": keras.layers.ReLU}


def build_transfer(
    input_shape,
    num_classes,
    backbone="vgg16",
    weights=None,
    size=None,
    scaling="picture",
    value_range=(0.0, 255.0),
    include_top=False,
    pooling="flatten",
    units=(512, 192),
    activation="relu",
    dropout=0.5,
    blocks=None,
    layers=None,
    batch_norm=False,
):
    """Backbone, pooling, dense layers and softmax.

    Args:
        input_shape: `(height, width, 1 or 3)`.
        num_classes: width of the softmax.
        backbone: one of `serkeras.models.backbones.names()`.
        weights, size, scaling, value_range, include_top: see `serkeras.models.backbones.build`;
            `include_top` is False, or "hidden" for the hidden layers of AlexNet's or VGG16's own
            head.
        pooling: "flatten" or "average" of the feature map; None where it is a vector already.
        units: of the dense layers between; may be empty.
        activation: "relu" or "leaky_relu" (slope 0.01), behind each of them.
        dropout: rate behind the first dense layer, or behind the pooling where there is none.
        blocks, layers, batch_norm: what of the backbone learns, see
            `serkeras.models.backbones.unfreeze`. With neither `blocks` nor `layers` all of it
            does, batch normalisation too.

    Returns:
        Uncompiled `keras.Model`; the backbone is one of its layers.

    Raises:
        ValueError: a setting is outside its range; see also `backbones.build`.
        FileNotFoundError, ConnectionError, ModuleNotFoundError: see `backbones.build`.

    Source:
        Report S4, section 5 (flatten, 512 and 192 units); reports S0 and S1 (average).
    """
    _check(pooling, activation, dropout, include_top)
    base = backbones.build(backbone, input_shape, weights, size, scaling, value_range, include_top)
    freeze(base, blocks, layers, batch_norm)
    inputs = keras.Input(input_shape, name="features")
    x = pooled(base(inputs), pooling)
    x = head(x, units, dropout, activation)
    return keras.Model(inputs, classifier(x, num_classes), name=f"transfer_{base.name}")


def first_weights(settings):
    """Return the files that the backbone starts from, see `serkeras.models.first_weights`.

    Args:
        settings: dictionary of this builder's keyword arguments.
    """
    top = bool(settings.get("include_top", False))
    name = settings.get("backbone", "vgg16")
    return backbones.first(name, settings.get("weights"), top)


def freeze(base, blocks, layers, batch_norm):
    """Freeze what is not to learn; with neither `blocks` nor `layers` nothing."""
    if blocks is not None or layers is not None:
        backbones.unfreeze(base, blocks, layers, batch_norm)


def pooled(x, pooling, name="average"):
    """Turn a feature map into a vector; what is a vector already stays."""
    if len(x.shape) == 2:
        return x
    if pooling == "average":
        return keras.layers.GlobalAveragePooling2D(name=name)(x)
    return keras.layers.Flatten(name="flat")(x)


def head(x, units, dropout, activation="relu"):
    """Lay the dense layers, with one dropout behind the first (or alone)."""
    if not units:
        return keras.layers.Dropout(dropout, name="drop")(x) if dropout else x
    for index, width in enumerate(units, start=1):
        x = keras.layers.Dense(width, name=f"dense{index}")(x)
        x = _ACTIVATIONS[activation](name=f"{activation}{index}")(x)
        if index == 1 and dropout:
            x = keras.layers.Dropout(dropout, name="drop")(x)
    return x


def _check(pooling, activation, dropout, include_top):
    rules = {
        "pooling": (pooling, pooling in POOLINGS, f"one of {POOLINGS}"),
        "activation": (activation, activation in _ACTIVATIONS, f"one of {sorted(_ACTIVATIONS)}"),
        "dropout": (dropout, 0 <= dropout < 1, "in [0, 1)"),
        "include_top": (include_top, include_top in (False, "hidden"), "False or 'hidden'"),
    }
    for name, (value, holds, words) in rules.items():
        if not holds:
            raise ValueError(
                f"`{name}` of the model 'transfer' must be {words}. Received: {value!r}. Correct "
                f"model.settings.{name}."
            )
