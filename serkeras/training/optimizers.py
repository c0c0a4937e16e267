"""Optimisers with weight decay as their sources mean it, on all weights or on named parts only."""

import keras
from keras import ops


class _Penalty:
    """Adds `l2` times a weight to its gradient, as PyTorch's optimisers do with weight decay."""

    def __init__(self, learning_rate, l2=0.0, decay_only=(), name=None, **kwargs):
        super().__init__(learning_rate, name=name or type(self).__name__.lower(), **kwargs)
        self.l2, self.decay_only = l2, tuple(decay_only)

    def apply(self, grads, trainable_variables=None):
        """Update the weights; see `keras.optimizers.Optimizer.apply`."""
        weights = self._trainable_variables if trainable_variables is None else trainable_variables
        weights = list(weights)
        grads = [self._penalised(*each) for each in zip(grads, weights, strict=True)]
        return super().apply(grads, weights)

    def _penalised(self, grad, weight):
        if grad is None or not decays(weight, self.decay_only):
            return grad
        return grad + self.l2 * ops.cast(weight, grad.dtype)

    def get_config(self):
        """Return the constructor's arguments."""
        kept = {"l2": self.l2, "decay_only": list(self.decay_only)}
        return {**super().get_config(), **kept}


@keras.saving.register_keras_serializable("serkeras")
class L2Adam(_Penalty, keras.optimizers.Adam):
    """Adam whose weight decay is part of the gradient."""


@keras.saving.register_keras_serializable("serkeras")
class L2RMSprop(_Penalty, keras.optimizers.RMSprop):
    """RMSprop whose weight decay is part of the gradient."""


@keras.saving.register_keras_serializable("serkeras")
class L2SGD(_Penalty, keras.optimizers.SGD):
    """Stochastic gradient descent whose weight decay is part of the gradient."""


@keras.saving.register_keras_serializable("serkeras")
class PartialAdamW(keras.optimizers.AdamW):
    """AdamW whose weight decay, apart from the gradient, meets named weights only.

    Args:
        learning_rate, weight_decay: of `keras.optimizers.AdamW`.
        decay_only: parts of the paths of the weights that decay; none means all.
        **kwargs: further ones of `keras.optimizers.AdamW`.
    """

    def __init__(self, learning_rate, weight_decay=0.004, decay_only=(), **kwargs):
        super().__init__(learning_rate, weight_decay=weight_decay, **kwargs)
        self.decay_only = tuple(decay_only)

    def build(self, variables):
        """Make the state; here, since a loaded optimiser comes this way too."""
        if not self.built:
            kept = [weight for weight in variables if not decays(weight, self.decay_only)]
            self.exclude_from_weight_decay(var_list=kept)
        super().build(variables)

    def get_config(self):
        """Return the constructor's arguments."""
        return {**super().get_config(), "decay_only": list(self.decay_only)}


_COUPLED = {"adam": L2Adam, "rmsprop": L2RMSprop, "sgd": L2SGD}
_PLAIN = {
    "adam": keras.optimizers.Adam,
    "rmsprop": keras.optimizers.RMSprop,
    "sgd": keras.optimizers.SGD,
}


def decays(weight, decay_only):
    """Whether a weight decays: its path holds one of these parts, or there are none."""
    return not decay_only or any(part in weight.path for part in decay_only)


def make(name, learning_rate, weight_decay, decay_only, weights):
    """Return an optimiser.

    Args:
        name: "adam", "rmsprop" or "sgd", whose weight decay is an L2 penalty in the gradient as
            in PyTorch, or "adamw", which takes it from the weights beside the gradient.
        learning_rate, weight_decay: floats.
        decay_only: parts of the paths of the weights that decay; none means all.
        weights: the weights that will be trained.

    Raises:
        ValueError: a part of `decay_only` is in no weight's path.

    Source:
        Loshchilov & Hutter 2019, "Decoupled weight decay regularization".
    """
    paths = [weight.path for weight in weights]
    unknown = [part for part in decay_only if not any(part in path for path in paths)]
    if unknown:
        raise ValueError(
            f"`decay_only` must hold parts of the names of weights. Received: {unknown}, found in "
            f"none of {paths}. Correct training.decay_only."
        )
    if name == "adamw":
        return PartialAdamW(learning_rate, weight_decay, decay_only)
    if not weight_decay:
        return _PLAIN[name](learning_rate)
    return _COUPLED[name](learning_rate, weight_decay, decay_only)
