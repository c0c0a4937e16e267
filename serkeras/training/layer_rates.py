"""Layer-wise learning rates and gradual unfreezing of a network with pretrained backbones.

`TrainingConfig.layer_rates` holds any of:

- "backbone": rate of the backbone's last block against that of the head, above 0, 1 unless given.
- "decay": each block learns at this share of the rate of the block after it, in (0, 1].
- "thaw_every": whole epochs. In so many first ones the head alone learns, then one block more,
  the last one first, after every so many. Blocks that the model keeps frozen stay so.

What a backbone has before its first block, its stem, counts as one more block; of several
backbones in a network each counts its own. While a block waits, its weights do not move by a bit,
but the optimiser follows its gradients, so that its first step is no larger than the others.

Source:
    Howard & Ruder 2018, "Universal language model fine-tuning for text classification":
    discriminative fine-tuning (their decay is 1 / 2.6) and gradual unfreezing (of one layer an
    epoch).
"""

from serkeras.models import backbones

_RULES = {
    "backbone": "a number above 0",
    "decay": "a number above 0 and at most 1",
    "thaw_every": "whole epochs, 1 or more",
}


def check(rules):
    """Refuse unknown keys and values outside their range.

    Args:
        rules: `TrainingConfig.layer_rates`.

    Raises:
        ValueError: says which keys and values there are.
    """
    if any(key not in _RULES or not _holds(key, value) for key, value in rules.items()):
        wanted = "; ".join(f"{key}: {words}" for key, words in _RULES.items())
        raise ValueError(
            f"`layer_rates` must be made of {wanted}. Received: {rules}. Correct "
            "training.layer_rates."
        )


def _holds(key, value):
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    if key == "thaw_every":
        return isinstance(value, int) and value >= 1
    return 0 < value < float("inf") and not (key == "decay" and value > 1)


def depths(model, rules, whole=None):
    """Return how deep each trainable weight of a model lies.

    Args:
        model: `keras.Model`.
        rules: `TrainingConfig.layer_rates`.
        whole: the model whose backbones count, where `model` is only a part of it and shares its
            weights; None is `model`.

    Returns:
        list of int, for each of `model.trainable_variables` 0 in the head, 1 in the last block of
        a backbone, 2 in the block before it, and so on; None where `rules` are empty.

    Raises:
        ValueError: the rules are unusable, or the model has no backbone, or blocks shall wait
            whose batch normalisation follows the batches.
    """
    check(rules)
    if not rules:
        return None
    found = backbones.inside(whole or model)
    if not found:
        raise ValueError(
            "`layer_rates` need a network with a pretrained backbone. Received: "
            f"{rules} for {(whole or model).name!r}. Leave training.layer_rates empty, or choose "
            "a model such as 'transfer'."
        )
    if "thaw_every" in rules:
        _require_still_norms(found)
    known = {}
    for backbone in found:
        known.update(_backbone_depths(backbone))
    return [known.get(id(weight), 0) for weight in model.trainable_variables]


def _backbone_depths(backbone):
    """Return the depths of the weights of one backbone by their `id`."""
    blocks = [
        {id(weight) for layer in block for weight in layer.weights}
        for block in backbones.block_layers(backbone)
    ]
    blocks = [block for block in blocks if block]
    deepest = depth = len(blocks) + 1
    found = {}
    # Weights come in the order of the layers; what is in no block goes with what comes before.
    for weight in backbone.weights:
        here = [deepest - 1 - index for index, ids in enumerate(blocks) if id(weight) in ids]
        depth = here[0] if here else depth
        found[id(weight)] = depth
    return found


def _require_still_norms(found):
    import keras  # so that `check` costs nothing

    layers = [layer for backbone in found for layer in backbone._flatten_layers()]
    norms = [layer for layer in layers if isinstance(layer, keras.layers.BatchNormalization)]
    if any(layer.trainable for layer in norms):
        raise ValueError(
            "A block can wait only where its batch normalisation does not follow the batches. "
            "Received: thaw_every in training.layer_rates, and normalisations that learn. Set "
            "model.settings.blocks, with batch_norm=false, or leave thaw_every out."
        )


def shares(rules, deepest, epoch):
    """Return the share of the learning rate that each depth has in an epoch.

    Args:
        rules: `TrainingConfig.layer_rates`.
        deepest: int, the largest depth.
        epoch: int, 0-based.

    Returns:
        list of float by depth; 1 for the head.
    """
    awake = thawed(rules, deepest, epoch)
    first, decay = rules.get("backbone", 1.0), rules.get("decay", 1.0)
    return [1.0] + [
        first * decay ** (depth - 1) if depth <= awake else 0.0 for depth in range(1, deepest + 1)
    ]


def thawed(rules, deepest, epoch):
    """Return how many blocks (of the backbone with most of them) learn in an epoch, an int."""
    return min(epoch // rules["thaw_every"], deepest) if "thaw_every" in rules else deepest


def begin_epoch(optimizer, epoch):
    """Set the rates of an epoch, which the epoch alone decides: a resumed fit has them too.

    Where gradients of several batches are averaged, the batches are counted anew.

    Args:
        optimizer: of a model that `serkeras.training.compiling.compile_model` has compiled.
        epoch: int, 0-based.

    Returns:
        What history.csv tells of it, a dictionary.
    """
    inner = getattr(optimizer, "inner_optimizer", optimizer)  # under loss scaling
    if hasattr(inner, "begin_epoch"):
        inner.begin_epoch()
    rules = getattr(inner, "layer_rates", None)
    if not rules:
        return {}
    deepest = max(inner.depths)
    inner.shares.assign(shares(rules, deepest, epoch))
    return {"thawed": thawed(rules, deepest, epoch)} if "thaw_every" in rules else {}
