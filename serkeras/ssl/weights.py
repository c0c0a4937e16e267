"""Which tensor of a published file belongs to which variable, read and written."""

import numpy as np

from serkeras.models.backbones.torch_files import listed
from serkeras.ssl.checkpoints import CONFIG

_PREFIXES = ("wav2vec2.", "hubert.", "wavlm.")
# Two spellings of the two parts of a weight-normalised kernel; the second is today's.
_LENGTHS = {
    "weight_g": "parametrizations.weight.original0",
    "weight_v": "parametrizations.weight.original1",
}
# Only training needs it: some published files do without.
_MASKED = "masked_spec_embed"


def variables(model):
    """Return the variables of a network by the names that transformers gives their tensors.

    Args:
        model: `SSLBackbone`.

    Returns:
        dict of name -> (variable, whether its axes are the tensor's in reverse order). Matrices
        of adapters (`serkeras.ssl.lora`) are not among them: published files have none.
    """
    named = dict(_front(model))
    named |= _convolution(model)
    named |= _layer(model.norm, "encoder.layer_norm")
    for index, block in enumerate(model.blocks):
        named |= _block(block, f"encoder.layers.{index}")
    if model.distance is not None:
        named["encoder.layers.0.attention.rel_attn_embed.weight"] = (model.distance.table, False)
    if model.masking.embedding is not None:
        named[_MASKED] = (model.masking.embedding, False)
    return named


def _front(model):
    for index, block in enumerate(model.convolutions):
        prefix = f"feature_extractor.conv_layers.{index}"
        yield from _layer(block.conv, f"{prefix}.conv").items()
        if block.norm is not None:
            yield from _layer(block.norm, f"{prefix}.layer_norm").items()
    if model.projection.norm is not None:
        yield from _layer(model.projection.norm, "feature_projection.layer_norm").items()
    yield from _layer(model.projection.projection, "feature_projection.projection").items()


def _convolution(model):
    prefix = "encoder.pos_conv_embed.conv"
    named = {f"{prefix}.bias": (model.positions.bias, False)}
    for ours, theirs in _LENGTHS.items():
        named[f"{prefix}.{theirs}"] = (getattr(model.positions, ours), True)
    return named


def _block(block, prefix):
    attention = block.attention
    parts = {
        "attention.q_proj": attention.query,
        "attention.k_proj": attention.key,
        "attention.v_proj": attention.value,
        "attention.out_proj": attention.out,
        "layer_norm": block.norm,
        "feed_forward.intermediate_dense": block.inner,
        "feed_forward.output_dense": block.outer,
        "final_layer_norm": block.final_norm,
    }
    if block.gated:
        parts["attention.gru_rel_pos_linear"] = attention.gate
    named = {}
    for name, layer in parts.items():
        named |= _layer(layer, f"{prefix}.{name}")
    if block.gated:
        named[f"{prefix}.attention.gru_rel_pos_const"] = (attention.gate_scale, False)
    return named


def _layer(layer, prefix):
    """Return the variables of a convolution, dense layer or norm."""
    if hasattr(layer, "gamma"):
        return {f"{prefix}.weight": (layer.gamma, False), f"{prefix}.bias": (layer.beta, False)}
    named = {f"{prefix}.weight": (layer.kernel, True)}
    if layer.bias is not None:
        named[f"{prefix}.bias"] = (layer.bias, False)
    return named


def bare_name(name):
    """Return the name that a tensor has in the network alone, in today's spelling."""
    for prefix in _PREFIXES:
        name = name.removeprefix(prefix)
    for old, new in _LENGTHS.items():
        if name == f"encoder.pos_conv_embed.conv.{old}":
            return f"encoder.pos_conv_embed.conv.{new}"
    return name


def load(model, checkpoint, head=None):
    """Give a network the weights of a checkpoint, all or none; one tensor is held at a time.

    Args:
        model: `SSLBackbone`.
        checkpoint: `serkeras.ssl.checkpoints.Checkpoint`.
        head: what else gets weights, as `variables` names it; tensors of
            other heads are left out.

    Raises:
        ValueError: tensors are missing, unknown, of another shape or not finite.
    """
    wanted = {**variables(model), **(head or {})}
    places = {bare_name(name): name for name in checkpoint.shapes}
    faults = _compare(wanted, places, checkpoint)
    if faults:
        raise ValueError(
            f"A checkpoint must hold the {len(wanted)} tensors that its {CONFIG} "
            f"describes. Received: {checkpoint.folder} with {'; '.join(faults)}. Fetch the files "
            "of one preset again, or give another folder."
        )
    for name, (variable, is_turned) in wanted.items():
        if name in places:
            tensor = checkpoint.read(places[name])
            variable.assign(tensor.T if is_turned else tensor)


def _compare(wanted, places, checkpoint):
    """Return what is wrong with a checkpoint, as words; empty where all is well."""
    own = {name.split(".")[0] for name in wanted}
    shared = [name for name in wanted if name in places]
    lists = {
        "missing": sorted(set(wanted) - set(places) - {_MASKED}),
        "unknown": sorted(n for n in set(places) - set(wanted) if n.split(".")[0] in own),
        "of another shape": [
            name for name in shared if checkpoint.shapes[places[name]] != _shape(*wanted[name])
        ],
    }
    if not any(lists.values()):
        finite = {name: np.isfinite(checkpoint.read(places[name])).all() for name in shared}
        lists["not finite"] = [name for name in shared if not finite[name]]
    return [listed(what, names) for what, names in lists.items() if names]


def _shape(variable, is_turned):
    """Return the shape of a variable's tensor."""
    return tuple(variable.shape)[::-1] if is_turned else tuple(variable.shape)


def tensors_of(model):
    """Return the weights of a network as a file for transformers holds them.

    What adapters have learned is added to the kernels beside them.

    Args:
        model: `SSLBackbone`.

    Returns:
        dict of name -> float32 array, of the network alone.
    """
    from keras import ops

    from serkeras.ssl import lora

    added = {id(layer.kernel): layer.low_rank for layer in lora.inside(model)}
    result = {}
    for name, (variable, is_turned) in variables(model).items():
        array = np.asarray(ops.convert_to_numpy(variable), dtype=np.float32)
        if id(variable) in added:
            array = array + added[id(variable)].product()
        result[name] = np.ascontiguousarray(array.T if is_turned else array)
    return result
