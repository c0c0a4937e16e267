"""Optimisers with weight decay and rates as their sources mean them, of all weights or parts."""

import keras
from keras import ops

from serkeras.training import devices
from serkeras.training.accumulation import Accumulating


class _Penalty(Accumulating):
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
        # Devices add up their gradients.
        return grad + self.l2 / devices.replicas() * ops.cast(weight, grad.dtype)

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
class PartialAdamW(Accumulating, keras.optimizers.AdamW):
    """AdamW whose weight decay, apart from the gradient, meets named weights only.

    Args:
        learning_rate, weight_decay: of `keras.optimizers.AdamW`.
        decay_only: parts of the paths of the weights that decay; none means all.
        **kwargs: further ones of `keras.optimizers.AdamW`, and `batches` of an epoch where the
            gradients of several are averaged.
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


class _ByDepth:
    """Gives weights of each depth their own share of the rate, as PyTorch's parameter groups do.

    The shares stand in a variable, so that they can change from epoch to epoch without a new
    graph; `serkeras.training.layer_rates` sets them, after the rules that are kept here. Moments
    are followed at a share of 0 too; the weight itself does not move.
    """

    def __init__(self, learning_rate, depths=(), layer_rates=None, **kwargs):
        super().__init__(learning_rate, **kwargs)
        self.depths, self.layer_rates = tuple(depths), dict(layer_rates or {})

    def build(self, variables):
        """Make the state; here, since a loaded optimiser comes this way too."""
        if self.built:
            return
        super().build(variables)
        self.shares = self.add_variable((max(self.depths) + 1,), "ones", name="shares")

    def _own_rate(self, rate, variable):
        share = self.shares[self.depths[self._get_variable_index(variable)]]
        return rate * ops.cast(share, variable.dtype)

    def update_step(self, gradient, variable, learning_rate):
        """Update one weight; see `keras.optimizers.Optimizer.update_step`."""
        rate = ops.cast(learning_rate, variable.dtype)
        super().update_step(gradient, variable, self._own_rate(rate, variable))

    def _apply_weight_decay(self, variables):
        if self.weight_decay is None:
            return
        for variable in filter(self._use_weight_decay, variables):
            rate = self._own_rate(ops.cast(self.learning_rate, variable.dtype), variable)
            variable.assign(variable - variable * self.weight_decay * rate)

    def get_config(self):
        """Return the constructor's arguments."""
        kept = {"depths": list(self.depths), "layer_rates": dict(self.layer_rates)}
        return {**super().get_config(), **kept}


@keras.saving.register_keras_serializable("serkeras")
class DepthAdam(_ByDepth, L2Adam):
    """Adam with L2 in the gradient and rates by depth."""


@keras.saving.register_keras_serializable("serkeras")
class DepthAdamW(_ByDepth, PartialAdamW):
    """AdamW with rates by depth, which the decay follows."""


@keras.saving.register_keras_serializable("serkeras")
class DepthRMSprop(_ByDepth, L2RMSprop):
    """RMSprop with L2 in the gradient and rates by depth."""


@keras.saving.register_keras_serializable("serkeras")
class DepthSGD(_ByDepth, L2SGD):
    """Stochastic gradient descent with L2 in the gradient and rates by depth."""


_COUPLED = {"adam": L2Adam, "rmsprop": L2RMSprop, "sgd": L2SGD}
_BY_DEPTH = {
    "adam": DepthAdam,
    "adamw": DepthAdamW,
    "rmsprop": DepthRMSprop,
    "sgd": DepthSGD,
}
_PLAIN = {
    "adam": keras.optimizers.Adam,
    "rmsprop": keras.optimizers.RMSprop,
    "sgd": keras.optimizers.SGD,
}


def decays(weight, decay_only):
    """Whether a weight decays: its path holds one of these parts, or there are none."""
    return not decay_only or any(part in weight.path for part in decay_only)


def make(
    name,
    learning_rate,
    weight_decay,
    decay_only,
    weights,
    depths=None,
    layer_rates=None,
    accumulate=1,
    batches=None,
):
    """Return an optimiser.

    Args:
        name: "adam", "rmsprop" or "sgd", whose weight decay is an L2 penalty in the gradient as
            in PyTorch, or "adamw", which takes it from the weights beside the gradient.
        learning_rate, weight_decay: floats.
        decay_only: parts of the paths of the weights that decay; none means all.
        weights: the weights that will be trained.
        depths: int for each of `weights`, the group that shares a rate, or None for one rate for
            all. The optimiser's variable `shares` then holds the share of each depth, ones at
            first.
        layer_rates: rules of those shares, see `serkeras.training.layer_rates`.
        accumulate: int, batches whose gradients are averaged into one update, to which weight
            decay and L2 belong too.
        batches: int, batches of an epoch, which ends with an update then; None where that is not
            known.

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
    several = {}
    if accumulate > 1:
        several = {"gradient_accumulation_steps": accumulate, "batches": batches}
    if depths is not None:
        decay = "weight_decay" if name == "adamw" else "l2"
        settings = {decay: weight_decay, "decay_only": decay_only, **several}
        return _BY_DEPTH[name](learning_rate, depths, layer_rates, **settings)
    if name == "adamw":
        return PartialAdamW(learning_rate, weight_decay, decay_only, **several)
    if not weight_decay and not several:
        return _PLAIN[name](learning_rate)
    return _COUPLED[name](learning_rate, weight_decay, decay_only, **several)
