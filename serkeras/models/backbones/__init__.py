"""Pretrained networks for pictures: `backbones.build("vgg16", (224, 224, 3), "imagenet")`."""

from pathlib import Path

from serkeras.models.backbones.cards import CARDS, Card, WeightFile
from serkeras.models.backbones.freezing import (
    block_layers,
    counts,
    inside,
    model_name,
    unfreeze,
)

__all__ = [
    "Card",
    "WeightFile",
    "block_layers",
    "build",
    "card",
    "counts",
    "inside",
    "names",
    "unfreeze",
]


def names():
    """Return the sorted names that `build` takes."""
    return sorted(CARDS)


def card(name):
    """Return what is known of a backbone.

    Args:
        name: one of `names()`.

    Returns:
        `Card`.

    Raises:
        ValueError: no backbone has that name.
    """
    if name not in CARDS:
        raise ValueError(
            f"A backbone must be one of {names()}. Received: {name!r}. Correct the name."
        )
    return CARDS[name]


def first(name, weights, include_top=False, branch=None):
    """Return the file that a backbone starts from.

    Args:
        name: of the backbone.
        weights, include_top, branch: see `weights_files.find`, which raises the same errors;
            weights None are random ones.

    Returns:
        List of one (weights, `pathlib.Path`), empty for random weights.
    """
    from serkeras.models.backbones import weights_files

    if weights is None:
        return []
    return [(weights, weights_files.find(card(name), weights, include_top, branch).path)]


def build(
    name,
    input_shape,
    weights=None,
    size=None,
    scaling="picture",
    value_range=(0.0, 255.0),
    include_top=False,
    classes=1000,
    branch=None,
):
    """Build an uncompiled functional `keras.Model` from pictures or spectrograms to features.

    One channel is repeated to three; values are scaled as the backbone's photographs were (see
    `front.py` for what is right for which features). All layers are trainable: `unfreeze`
    changes that.

    Args:
        name: one of `names()`.
        input_shape: `(height, width, 1 or 3)`; three channels are red, green, blue.
        weights: None for random ones; "imagenet" for the published file, which is looked for on
            this machine, else fetched; or the folder of a finished run, or its model.keras, whose
            backbone of that name is taken; or a path: `.weights.h5` or `.h5` of the Keras network
            (DenseNet's, VGG16's and those of keras.applications), or torchvision's state dict as
            `.pth`, `.pt` or `.safetensors`. For ResNet, AlexNet, SqueezeNet, DenseNet-161 and ViT
            "imagenet" is torchvision's file, which the package torch reads.
        size: (height, width) to resize to inside the model, bilinear; None keeps the input's.
        scaling: "picture", "standardized" or "none".
        value_range: (low, high), values that black and white stand for; for "picture".
        include_top: whether to add the network's own head; the output is then logits. "hidden"
            leaves off its last layer, which gave the classes: of AlexNet and VGG16 two dense
            layers stay, of the others nothing, so it is refused.
        classes: width of that head; only 1,000 with published weights.
        branch: int, number of the backbone in a network that has several.

    Returns:
        `keras.Model` from `(clips, *input_shape)` to the feature map `(clips, rows, columns,
        channels)` before global pooling; of vit-b16 to the class token after the last
        normalisation `(clips, 768)`. The network is its layer "network".

    Raises:
        ValueError: unknown name or setting, a size that the network cannot take, or a file of
            weights that is damaged or belongs to another network.
        FileNotFoundError: there is no file at the path.
        ConnectionError: "imagenet" is not on this machine and cannot be fetched.
        ModuleNotFoundError: the package that reads the file is not installed.
    """
    from serkeras.models.backbones import front, weights_files

    found = card(name)
    front.check(scaling, value_range)
    _check_shape(found, input_shape, size, weights)
    _check_top(found, include_top)
    file = (
        None if weights is None else weights_files.find(found, weights, bool(include_top), branch)
    )
    sides = tuple(size or input_shape[:2])
    network = _network(found, sides, file, classes, include_top)
    convention = file.convention if file else found.scaling
    front_settings = (size, scaling, convention, value_range)
    return _join(model_name(name, branch), network, input_shape, front_settings)


def _network(found, sides, file, classes, include_top):
    import keras

    from serkeras.models.backbones import networks

    whole, network = networks.network(found.name, (*sides, 3), classes if include_top else None)
    if include_top == "hidden":
        network = keras.Model(network.input, network.layers[-1].input)
    if file:
        # A run holds the part that is used, other files what their makers had.
        file.load(network if file.is_run else whole)
    network.name = "network"
    return network


def _check_top(found, include_top):
    if include_top == "hidden" and found.name not in ("alexnet", "vgg16"):
        raise ValueError(
            "`include_top` is 'hidden' for networks with hidden layers in their head, alexnet and "
            f"vgg16. Received: {found.name}. Use False."
        )


def _join(name, network, input_shape, settings):
    import keras

    from serkeras.models.backbones import front

    inputs = keras.Input(tuple(input_shape), name="features")
    return keras.Model(inputs, network(front.attach(inputs, *settings)), name=name)


def _check_shape(found, input_shape, size, weights):
    """Refuse shapes that the network cannot take."""
    if len(input_shape) != 3 or input_shape[2] not in (1, 3) or None in input_shape:
        raise ValueError(
            "`input_shape` must be (height, width, channels), all known, with 1 or 3 channels. "
            f"Received: {input_shape}. Choose or stack features accordingly."
        )
    sides = tuple(size or input_shape[:2])
    least, divisor = found.smallest_size, found.divisor
    if len(sides) != 2 or min(sides) < least or any(side % divisor for side in sides):
        multiple = f" and a multiple of {divisor}" if divisor > 1 else ""
        raise ValueError(
            f"Both sides of a picture must be at least {least}{multiple} for {found.name}. "
            f"Received: {sides}. Pass size=({found.default_size}, {found.default_size}) to resize "
            "inside the model."
        )
    trained = (found.default_size, found.default_size)
    if found.name == "vit-b16" and weights is not None and sides != trained:
        raise ValueError(
            f"vit-b16 has one position for each patch, so weights fit one size. Received: {sides} "
            f"with weights={str(Path(weights))!r}. Pass size={trained}."
        )
