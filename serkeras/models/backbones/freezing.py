"""Which part of a backbone learns."""

import math
import re

from serkeras.models.backbones.cards import CARDS


def unfreeze(model, blocks=None, layers=None, batch_norm=False):
    """Let the last part of a backbone learn and freeze the rest.

    Batch normalisation stays frozen in frozen and unfrozen blocks alike unless `batch_norm` is
    true: Keras then uses the running statistics in training too, and scale and shift keep the
    values of the weights file. On a small corpus, with small batches, statistics of the batches
    would undo what the weights were trained with. Setting `trainable` on the model afterwards
    undoes all of this; a saved vit-b16 forgets it, so call this again after loading.

    Args:
        model: what `build` returned.
        blocks: int, how many of the last blocks of its card learn; 0 freezes all.
        layers: int, the same counted in layers with weights (without batch normalisation),
            as report S4 counted VGG16's convolutions. Give one of the two.
        batch_norm: whether the normalisations of unfrozen blocks learn and follow the batches.

    Returns:
        list of the names of the layers that learn.

    Raises:
        ValueError: both or none given, or a number outside what the backbone has.
    """
    if (blocks is None) == (layers is None):
        raise ValueError(
            f"Give one of `blocks` and `layers`. Received: blocks={blocks}, layers={layers}. "
            "Leave the other out."
        )
    groups = block_layers(model) if layers is None else _single_layers(model)
    count = blocks if layers is None else layers
    if not isinstance(count, int) or not 0 <= count <= len(groups):
        raise ValueError(
            f"{model.name} has {len(groups)} to unfreeze, so the number must be an integer from 0 "
            f"to that. Received: {count!r}. Give one of those."
        )
    free = [layer for group in groups[len(groups) - count :] for layer in group]
    network = model.get_layer("network")
    network.trainable = True
    for layer in _units(network):
        is_free = any(layer is other for other in free)
        layer.trainable = is_free and (batch_norm or not _is_norm(layer))
    return [layer.name for layer in _units(network) if layer.trainable and layer.weights]


def block_layers(model):
    """Return the layers of each block of a backbone, last block last; a head is in none.

    Args:
        model: what `build` returned, or a speech network.
    """
    if _is_speech(model):
        return model.parts()
    patterns = [_pattern(block) for block in _card_of(model).blocks]
    units = _units(model.get_layer("network"))
    return [[u for u in units if pattern.match(u.name)] for pattern in patterns]


def counts(model):
    """Return the numbers of a model: (trainable, non-trainable).

    Running statistics of batch normalisation are among the latter.
    """
    return _numbers(model.trainable_weights), _numbers(model.non_trainable_weights)


def _numbers(weights):
    return sum(math.prod(weight.shape) for weight in weights)


def inside(model):
    """Return the backbones within a model at any depth, in the order of its layers.

    Speech networks (`serkeras.ssl`) are among them.

    Args:
        model: `keras.Model`; a backbone itself is the one that is found.
    """
    if _find_card(model) or _is_speech(model):
        return [model]
    return [found for layer in getattr(model, "layers", ()) for found in inside(layer)]


def _is_speech(model):
    return callable(getattr(model, "parts", None))


def _find_card(model):
    """Return the card of a backbone, None for another layer or model."""
    cards = (card for card in CARDS.values() if model_name(card.name) == bare_name(model.name))
    return next(cards, None) if hasattr(model, "layers") else None


def bare_name(name):
    """Return the name of a backbone without the number that it has beside a twin."""
    return re.sub(r"_branch\d+$", "", name)


def _card_of(model):
    if card := _find_card(model):
        return card
    raise ValueError(
        f"Blocks are known of what serkeras.models.backbones.build returns. Received: the model "
        f"{model.name!r}. Pass the backbone itself, not the model around it."
    )


def model_name(name, branch=None):
    """Return the name of the model of a card: no signs that a path could not hold.

    Args:
        name: of the card.
        branch: int, number of the backbone in a network that has several.
    """
    return re.sub(r"[-.]", "_", name) + ("" if branch is None else f"_branch{branch}")


def _pattern(block):
    return re.compile(rf"(?:{'|'.join(block)})(?:_|$)")


def _units(network):
    """Return the layers that are frozen singly: parts of ViT stand for the whole."""
    units = []
    for layer in network.layers:
        if layer.name == "vit_backbone":
            units += _units(layer)
        elif layer.name == "vit_encoder":
            units += [*layer.encoder_layers, layer.layer_norm]
        else:
            units.append(layer)
    return units


def _single_layers(model):
    layers = [layer for block in block_layers(model) for layer in block if layer.weights]
    return [[layer] for layer in layers if not _is_norm(layer)]


def _is_norm(layer):
    import keras  # so that the names can be listed without it

    return isinstance(layer, keras.layers.BatchNormalization)
