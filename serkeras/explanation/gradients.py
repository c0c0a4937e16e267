"""Gradients of what a Keras model says, the same on TensorFlow, JAX and PyTorch."""

import keras
import numpy as np


def compiled(model, function, given, rest=()):
    """Return a function as the backend computes it quickly, without gradients.

    Args:
        model: `keras.Model` that the function calls.
        function: of two lists of tensors, `given` and `rest`; returns tensors, nested in lists.
        given, rest: lists of `keras.KerasTensor`, the shapes and types of those tensors.

    Returns:
        Function of two lists of arrays that returns NumPy arrays.
    """
    ways = {"tensorflow": _tensorflow, "jax": _jax, "torch": _torch}
    return _on_arrays(ways[keras.backend.backend()](model, function, (given, rest)))


def differentiated(model, function, given, rest=()):
    """Return a function that also gives the gradient of a sum.

    Args:
        model: `keras.Model` that the function calls.
        function: of two lists of tensors, `given` and `rest`. Returns a scalar and a list of
            tensors to be handed on.
        given, rest: as for `compiled`.

    Returns:
        Function of two lists of arrays. Returns two lists of NumPy arrays: what is handed on,
        and the gradients of the scalar with respect to each of `given` (zeros where it does not
        depend on one).
    """
    ways = {"tensorflow": _tensorflow_tape, "jax": _jax_grad, "torch": _torch_autograd}
    return _on_arrays(ways[keras.backend.backend()](model, function, (given, rest)))


def _on_arrays(run):
    """Turn arrays into tensors and results into arrays."""

    def called(given, rest=()):
        tensors = [[keras.ops.convert_to_tensor(each) for each in part] for part in (given, rest)]
        # Detached on PyTorch, copied from the device elsewhere.
        return keras.tree.map_structure(
            lambda each: np.asarray(keras.ops.convert_to_numpy(each)), run(*tensors)
        )

    return called


def _signature(tensors):
    """Return how TensorFlow is told that numbers of rows and frames differ, to compile once."""
    import tensorflow as tf

    return [[tf.TensorSpec(one.shape, one.dtype) for one in part] for part in tensors]


def _tensorflow(model, function, tensors):
    import tensorflow as tf

    return tf.function(function, input_signature=_signature(tensors))


def _tensorflow_tape(model, function, tensors):
    import tensorflow as tf

    @tf.function(input_signature=_signature(tensors))
    def run(given, rest):
        with tf.GradientTape() as tape:
            tape.watch(given)
            total, kept = function(given, rest)
        zero = tf.UnconnectedGradients.ZERO
        return kept, tape.gradient(total, given, unconnected_gradients=zero)

    return run


def _stateless(model, function):
    """Return the function with the model's variables as its first argument, as JAX wants it."""

    def pure(given, rest, values):
        pairs = list(zip(model.variables, values, strict=True))
        with keras.StatelessScope(state_mapping=pairs):
            return function(given, rest)

    return pure


def _values(model):
    return [variable.value for variable in model.variables]


def _jax(model, function, tensors):
    import jax

    run = jax.jit(_stateless(model, function))
    return lambda given, rest: run(given, rest, _values(model))


def _jax_grad(model, function, tensors):
    import jax

    run = jax.jit(jax.grad(_stateless(model, function), has_aux=True))

    def swapped(given, rest):
        gradients, kept = run(given, rest, _values(model))
        return kept, gradients

    return swapped


def _torch(model, function, tensors):
    import torch

    return torch.no_grad()(function)


def _torch_autograd(model, function, tensors):
    import torch

    def run(given, rest):
        given = [each.detach().requires_grad_() for each in given]
        total, kept = function(given, rest)
        found = torch.autograd.grad(total, given, allow_unused=True)
        pairs = zip(found, given, strict=True)
        return kept, [torch.zeros_like(x) if each is None else each for each, x in pairs]

    return run
