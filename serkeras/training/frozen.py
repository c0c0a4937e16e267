"""Where a network can be cut into a frozen part, whose output never changes, and a learning one.

A cut is a place through which one tensor alone goes, so the place is looked for in the graph, and
within nested models where the graph around them lets one tensor pass. Blocks whose branches have
come together are such places; the inside of a block is not, nor is that of a model that is saved
as one layer, such as the transformer of vit-b16.
"""

from collections import Counter
from dataclasses import dataclass

import keras

from serkeras.features.registry import model_shape


@dataclass(frozen=True)
class Parts:
    """A model cut in two; both parts share their layers with it.

    Attributes:
        layer: name of the last frozen layer.
        frozen: `keras.Model` from features to the map behind that layer.
        rest: uncompiled `keras.Model` from maps to probabilities. Maps have an axis for channels
            here as all features have, see `serkeras.features.registry.model_shape`.
    """

    layer: str
    frozen: keras.Model
    rest: keras.Model


def split(model):
    """Cut a model at the deepest place before which nothing learns and nothing is random.

    Args:
        model: functional `keras.Model`.

    Returns:
        `Parts`; None where there is no such place, or no weight before it or to learn behind it.
    """
    if len(model.inputs) != 1 or not model.trainable_weights:
        return None
    name, path = _deepest(model)
    frozen = _chained(
        keras.Input(model.input.shape[1:], name=model.input.name),
        [(level.input, inward) for level, inward, _ in path],
        f"{model.name}_frozen",
    )
    if not frozen.weights:  # scaling and features in the graph: nothing worth keeping
        return None
    outward = [(tensor, level.output) for level, _, tensor in reversed(path)]
    return Parts(name, frozen, _rest(outward, f"{model.name}_rest"))


def _rest(segments, name):
    shape = tuple(segments[0][0].shape[1:])
    inputs = keras.Input(model_shape(shape), name="features")
    x = inputs
    if model_shape(shape) != shape:
        x = keras.layers.Reshape(shape, name="without_channels")(x)
    return _chained(inputs, segments, name, x)


def _chained(inputs, segments, name, x=None):
    """Lay models one after the other, each from one tensor to another of an existing graph."""
    x = inputs if x is None else x
    for number, (start, end) in enumerate(segments):
        if start is not end:
            x = keras.Model(start, end, name=f"part{number}")(x)
    return keras.Model(inputs, x, name=name)


def _deepest(model):
    """Return the name of the layer at the deepest cut, and the way to it from outside inward.

    The way is a list of (model, tensor that leads inward, tensor that comes out again); in the
    last model both are the tensor at the cut.
    """
    # Keras offers no public way to the order in which a graph is run.
    by_depth = model._nodes_by_depth
    nodes = [node for depth in sorted(by_depth, reverse=True) for node in by_depth[depth]]
    awaited = Counter(id(tensor) for node in nodes for tensor in node.input_tensors)
    awaited.update(id(tensor) for tensor in model.outputs)
    # Keras cannot begin a model behind a layer that is called again further on.
    calls = Counter(id(node.operation) for node in nodes)
    alive, name, cut = set(), None, model.input
    for node in nodes:
        once = calls[id(node.operation)] == 1
        if not _steady(node.operation):
            inner = _inward(model, node, alive, awaited) if once else None
            return inner or (name, [(model, cut, cut)])
        for tensor in node.input_tensors:
            awaited[id(tensor)] -= 1
        alive = {each for each in alive if awaited[each]}
        given = [tensor for tensor in node.outputs if awaited[id(tensor)]]
        alive.update(map(id, given))
        if len(alive) == 1 and once and not node.is_input:
            name, (cut,) = node.operation.name, given
    return name, [(model, cut, cut)]


def _inward(model, node, alive, awaited):
    """Look for a cut within a nested model through whose call everything goes."""
    inner = node.operation
    # Models of other classes are saved as a whole; an argument would be lost in the parts.
    plain = type(inner) is type(model) and len(inner.inputs) == len(inner.outputs) == 1
    given = [value for value in node.arguments.kwargs.values() if value is not None]
    if not plain or given or len(alive) != 1 or awaited[id(node.input_tensors[0])] != 1:
        return None
    name, path = _deepest(inner)
    return name and (name, [(model, node.input_tensors[0], node.outputs[0]), *path])


def _steady(operation):
    """Whether an operation gives the same whenever it is given the same, in training too."""
    if not isinstance(operation, keras.Layer):
        return True
    if operation.trainable_weights:
        return False
    if getattr(operation, "still_when_frozen", False) and not operation.trainable:
        return True
    if any(variable.name == "seed_generator_state" for variable in operation.variables):
        return False
    return not any(_follows(layer) for layer in operation._flatten_layers())


def _follows(layer):
    """Whether a layer keeps statistics of the batches, as batch normalisation does."""
    return layer.trainable and bool(layer._non_trainable_variables)
