"""Which tensor of torchvision belongs to which variable of our networks, and how it is turned."""

import numpy as np

_PARTS = {
    "kernel": "weight",
    "bias": "bias",
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}
# Places of VGG16's convolutions and dense layers in torchvision's lists.
_VGG_FEATURES = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)
_VGG_TOP = {"fc1": "classifier.0", "fc2": "classifier.3", "predictions": "classifier.6"}
_WIDTH, _HEADS = 768, 12  # of ViT-B


def wanted(model, name):
    """Return what a state dict must hold for a network.

    Args:
        model: network without front.
        name: of its card.

    Returns:
        list of (variable, key in the state dict, function that turns the tensor's axes).
    """
    if name == "vit-b16":
        return _vit(model)
    if name == "vgg16":
        return _vgg16(model)
    return [
        item for layer in model.layers for item in _of_layer(layer, layer.name.replace("_", "."))
    ]


def _of_layer(layer, prefix):
    """Return the items of a convolution, dense layer or normalisation."""
    return [(v, f"{prefix}.{_PARTS[v.name]}", _turn) for v in layer.weights]


def _turn(tensor):
    """Turn a kernel's axes from torch's order into Keras's."""
    return np.transpose(tensor, (2, 3, 1, 0)) if tensor.ndim == 4 else tensor.T


def _vgg16(model):
    convolutions = [layer for layer in model.layers if layer.name.startswith("block")]
    convolutions = [layer for layer in convolutions if layer.weights]
    items = []
    for layer, index in zip(convolutions, _VGG_FEATURES, strict=True):
        items += _of_layer(layer, f"features.{index}")
    for layer in model.layers:
        if layer.name in _VGG_TOP:
            items += _of_layer(layer, _VGG_TOP[layer.name])
    return [
        (v, key, _turn_flattened if key == "classifier.0.weight" else turn)
        for v, key, turn in items
    ]


def _turn_flattened(tensor):
    """Turn a kernel on a flattened 7 x 7 map: torch flattens channels first, Keras last."""
    maps = tensor.reshape(len(tensor), -1, 7, 7)
    return maps.transpose(2, 3, 1, 0).reshape(-1, len(tensor))


def _vit(model):
    names = [layer.name for layer in model.layers]
    backbone = model.get_layer("vit_backbone") if "vit_backbone" in names else model
    embedding = backbone.get_layer("vit_patching_and_embedding")
    encoder = backbone.get_layer("vit_encoder")
    items = [
        (embedding.class_token, "class_token", np.asarray),
        *_of_layer(embedding.patch_embedding, "conv_proj"),
        (embedding.position_embedding.weights[0], "encoder.pos_embedding", _only),
        *_of_layer(encoder.layer_norm, "encoder.ln"),
    ]
    for index, block in enumerate(encoder.encoder_layers):
        items += _vit_block(block, f"encoder.layers.encoder_layer_{index}")
    heads = [layer for layer in model.layers if layer.name == "heads_head"]
    return items + [item for head in heads for item in _of_layer(head, "heads.head")]


def _only(tensor):
    return tensor.reshape(tensor.shape[1:])


def _vit_block(block, prefix):
    return [
        *_of_layer(block.layer_norm_1, f"{prefix}.ln_1"),
        *_attention(block.mha, f"{prefix}.self_attention"),
        *_of_layer(block.layer_norm_2, f"{prefix}.ln_2"),
        *_of_layer(block.mlp.dense_1, f"{prefix}.mlp.0"),
        *_of_layer(block.mlp.dense_2, f"{prefix}.mlp.3"),
    ]


def _attention(layer, prefix):
    """Return the items of multi-head attention; torch stacks query, key and value."""
    *inward, kernel, bias = layer.weights
    items = [
        (kernel, f"{prefix}.out_proj.weight", lambda t: t.T.reshape(_HEADS, -1, _WIDTH)),
        (bias, f"{prefix}.out_proj.bias", np.asarray),
    ]
    for index in range(3):
        rows = slice(index * _WIDTH, (index + 1) * _WIDTH)
        items += [
            (inward[2 * index], f"{prefix}.in_proj_weight", _inward(rows, (_WIDTH, _HEADS, -1))),
            (inward[2 * index + 1], f"{prefix}.in_proj_bias", _inward(rows, (_HEADS, -1))),
        ]
    return items


def _inward(rows, shape):
    return lambda tensor: tensor[rows].T.reshape(shape)
