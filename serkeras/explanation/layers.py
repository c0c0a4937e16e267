"""Layers of a model by the part they play: the last softmax, the last convolutions."""

import contextlib

import keras

_CONVOLUTIONS = (
    keras.layers.Conv1D,
    keras.layers.Conv2D,
    keras.layers.SeparableConv1D,
    keras.layers.SeparableConv2D,
    keras.layers.DepthwiseConv1D,
    keras.layers.DepthwiseConv2D,
)
_FOLLOWING = (
    keras.layers.BatchNormalization,
    keras.layers.Activation,
    keras.layers.ReLU,
    keras.layers.LeakyReLU,
    keras.layers.ELU,
    keras.layers.PReLU,
)


@contextlib.contextmanager
def replaced(layer, name, value):
    """Put something in the place of a layer's attribute while the block runs."""
    # Past Keras's own bookkeeping, which would look for weights in what is set.
    own = vars(layer)
    before = {name: own[name]} if name in own else {}
    own[name] = value
    try:
        yield
    finally:
        del own[name]
        own.update(before)


@contextlib.contextmanager
def watched(chosen, added, seen):
    """Note what layers give while the block runs.

    Args:
        chosen: list of layers.
        added: list of tensors that are added to what they give, or None.
        seen: dictionary, filled with the tensor that each layer gave, under its `id`.
    """
    with contextlib.ExitStack() as stack:
        for layer, more in zip(chosen, added or [None] * len(chosen), strict=True):
            stack.enter_context(replaced(layer, "call", _watching(layer, more, seen)))
        yield


def _watching(layer, more, seen):
    call = layer.call

    def watched_call(*inputs, **settings):
        found = call(*inputs, **settings)
        seen[id(layer)] = found = found if more is None else found + more
        return found

    return watched_call


def without_softmax(model):
    """Return a context in which the model gives scores in place of probabilities.

    Args:
        model: `keras.Model` that ends in probabilities.

    Returns:
        Function without arguments that returns the context; None where the model does not end
        in a softmax that stands in its graph.
    """
    last = _last(model)
    if isinstance(last, keras.layers.Softmax):
        return lambda: replaced(last, "call", lambda inputs, mask=None: inputs)
    if getattr(last, "activation", None) is keras.activations.softmax:
        return lambda: replaced(last, "activation", keras.activations.linear)
    return None


def _last(model):
    """Return the operation whose output the model returns, inside of nested models."""
    while hasattr(model, "operations"):
        model = model.operations[-1]
    return model


def last_convolutions(model, name=None):
    """Return the layers whose maps Grad-CAM reads.

    That is the last convolution of the graph, and those that stand beside it in parallel paths:
    of the same depth, with an output of the same shape. A normalisation and an activation that
    follow alone belong to it.

    Args:
        model: `keras.Model`.
        name: of a layer to take instead, also inside of nested models.

    Returns:
        List of layers.

    Raises:
        ValueError: the model has none, no layer of that name, or one without a map.
    """
    levels = list(_levels(model))
    if name is not None:
        return [_named(levels, name)]
    for level in levels:
        depths = level._nodes_by_depth
        for depth in sorted(depths):
            here = [node.operation for node in depths[depth] if _is_convolution(node.operation)]
            if here:
                shape = here[-1].output.shape
                return [_behind(one) for one in here if one.output.shape == shape]
    raise ValueError(
        "Grad-CAM needs a network with a convolution in its graph whose map still has places. "
        f"Received: {getattr(model, 'name', type(model).__name__)}, which has none. Use the "
        "methods saliency, integrated-gradients or occlusion-*, or name a layer."
    )


def _levels(model):
    """Yield the model and the models nested in it; the deepest of the last comes first."""
    for layer in reversed(model.layers if hasattr(model, "operations") else ()):
        yield from _levels(layer)
    if hasattr(model, "operations"):
        yield model


def _is_convolution(operation):
    if not isinstance(operation, _CONVOLUTIONS):
        return False
    places = operation.output.shape[1:-1]
    return any(size is None or size > 1 for size in places)


def _named(levels, name):
    found = [layer for level in levels for layer in level.layers if layer.name == name]
    if not found or len(getattr(found[0].output, "shape", ())) not in (3, 4):
        raise ValueError(
            "The layer of Grad-CAM must be one of the network whose output has places and "
            f"channels. Received: {name!r}. Choose among "
            f"{[one.name for level in levels for one in level.layers if _is_convolution(one)]}."
        )
    return found[0]


def _behind(layer):
    """Return the activation that a convolution alone leads to, or the layer itself."""
    while len(layer._outbound_nodes) == 1:
        following = layer._outbound_nodes[0].operation
        if not isinstance(following, _FOLLOWING):
            break
        layer = following
    return layer
