"""Which tensor of a published file belongs to which variable, read and written."""

import numpy as np

_PREFIXES = ("wav2vec2.", "hubert.", "wavlm.")
# Two spellings of the two parts of a weight-normalised kernel; the second is today's.
_LENGTHS = {
    "weight_g": "parametrizations.weight.original0",
    "weight_v": "parametrizations.weight.original1",
}
# What belongs to the network itself; all else in a file is of heads, and is left.
_OWN = ("feature_extractor.", "feature_projection.", "encoder.", "masked_spec_embed")
_MASKED = "masked_spec_embed"


def variables(model):
    """Return the variables of a network by the names that transformers gives their tensors.

    Args:
        model: `SSLBackbone`.

    Returns:
        dict of name -> (variable, whether its axes are the tensor's in reverse order).
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


def assign(model, tensors):
    """Give a network the tensors of a published file.

    Args:
        model: `SSLBackbone`.
        tensors: dict of name -> float array, as transformers names them, of the network alone or
            with heads; of both spellings of the weight norm.

    Returns:
        sorted list of the names that were not used: tensors of heads. "masked_spec_embed", which
        only training needs, may be missing from the file, or be in it without need.

    Raises:
        ValueError: a tensor of the network is missing, is not part of it, or has another shape;
            nothing was assigned then.
    """
    named = variables(model)
    found = {bare_name(name): array for name, array in tensors.items()}
    _check_names(set(named), set(found))
    values = {}
    for name, (variable, is_turned) in named.items():
        if name in found:
            values[name] = _value(name, found[name], variable, is_turned)
    for name, value in values.items():
        named[name][0].assign(value)
    return sorted(name for name in tensors if bare_name(name) not in named)


def _check_names(wanted, found):
    missing = sorted(wanted - found - {_MASKED})
    foreign = sorted(name for name in found - wanted - {_MASKED} if name.startswith(_OWN))
    for names, words in ((missing, "lack"), (foreign, "have besides")):
        if names:
            raise ValueError(
                "The tensors must be those of the network that the configuration describes. "
                f"Received: {len(found)} tensors that {words} {names[:5]} ({len(names)} in all). "
                "Give the configuration that came with the file."
            )


def _value(name, array, variable, is_turned):
    array = np.asarray(array, dtype=np.float32)
    value = array.T if is_turned else array
    if value.shape != tuple(variable.shape):
        expected = tuple(variable.shape)[::-1] if is_turned else tuple(variable.shape)
        raise ValueError(
            f"Tensor `{name}` must have the shape {expected}. Received: shape={array.shape}. "
            "Give the configuration that came with the file."
        )
    return value


def tensors_of(model):
    """Return the weights of a network as a file for transformers holds them.

    Args:
        model: `SSLBackbone`.

    Returns:
        dict of name -> float32 array, of the network alone.
    """
    from keras import ops

    result = {}
    for name, (variable, is_turned) in variables(model).items():
        array = np.asarray(ops.convert_to_numpy(variable), dtype=np.float32)
        result[name] = np.ascontiguousarray(array.T if is_turned else array)
    return result
