"""Low-rank adaptation: a speech network stays as it is, and small matrices beside it learn.

The result of an adapted dense layer is W x + b + (alpha / rank) B A x, where W and b stay as they
are. B begins as zeros, so that a fit begins with the network itself.

Source:
    Hu et al. 2021, "LoRA: low-rank adaptation of large language models", section 4.1.
"""

import keras
import numpy as np
from keras import layers, ops

TARGETS = ("query", "key", "value", "out", "inner", "outer")
_DEFAULTS = {"rank": 8, "alpha": 16, "targets": ["query", "value"]}


def check(settings):
    """Return complete settings of adapters.

    Args:
        settings: dictionary of "rank" (int, 8 unless given), "alpha" (number, 16) and "targets"
            (list, ["query", "value"]): which dense layers of each block, out of `TARGETS`; "inner"
            and "outer" are the two of the feed-forward part.

    Returns:
        dict with all three; None where `settings` are None.

    Raises:
        ValueError: a key is unknown, or a value is outside its range.
    """
    if settings is None:
        return None
    found = {**_DEFAULTS, **settings} if isinstance(settings, dict) else {}
    if set(found) != set(_DEFAULTS) or not _is_possible(**found):
        raise ValueError(
            "`lora` must be None or a dictionary of rank (a whole number, 1 or more), alpha (a "
            f"number above 0) and targets (some of {list(TARGETS)}, each once). Received: "
            f"{settings!r}. Correct model.settings.lora."
        )
    return {**found, "targets": list(found["targets"])}


def _is_possible(rank, alpha, targets):
    if any(isinstance(value, bool) for value in (rank, alpha)):
        return False
    if not isinstance(rank, int) or not isinstance(alpha, (int, float)):
        return False
    if not isinstance(targets, (list, tuple)) or any(name not in TARGETS for name in targets):
        return False
    return rank >= 1 and 0 < alpha < float("inf") and 0 < len(targets) == len(set(targets))


@keras.saving.register_keras_serializable("serkeras")
class LowRank(layers.Layer):
    """A matrix of low rank as the product of two: what learns beside a dense layer.

    Its matrices are ordinary weights, which a file keeps and an optimiser follows. (Keras's own
    `enable_lora` saves their product within the kernel, and loads both as zeros: a fit that went
    on from there would learn nothing.)

    Args:
        units: int, width of the result.
        rank: int.
        alpha: float; the product counts `alpha / rank` times.
        **kwargs: of `keras.layers.Layer`.
    """

    def __init__(self, units, rank, alpha, **kwargs):
        super().__init__(**kwargs)
        self.units, self.rank, self.alpha = units, rank, alpha

    def build(self, input_shape):
        """Make the matrices: `a` of normal numbers with variance 1 / inputs, `b` of zeros."""
        normal = keras.initializers.VarianceScaling(1.0, "fan_in", "untruncated_normal")
        shape = (input_shape[-1], self.rank)
        self.a = self.add_weight(shape=shape, initializer=normal, name="a")
        self.b = self.add_weight(shape=(self.rank, self.units), initializer="zeros", name="b")

    def call(self, x):
        """Return `(..., units)` of `(..., inputs)`."""
        return ops.matmul(ops.matmul(x, self.a) * (self.alpha / self.rank), self.b)

    def product(self):
        """Return what is added to a kernel, float32 array `(inputs, units)`."""
        a, b = (ops.convert_to_numpy(each).astype(np.float32) for each in (self.a, self.b))
        return (a @ b) * np.float32(self.alpha / self.rank)

    def compute_output_shape(self, input_shape):
        """Return `(..., units)`."""
        return (*input_shape[:-1], self.units)

    def get_config(self):
        """Return the constructor's arguments."""
        kept = {"units": self.units, "rank": self.rank, "alpha": self.alpha}
        return {**super().get_config(), **kept}


@keras.saving.register_keras_serializable("serkeras")
class AdaptedDense(layers.Layer):
    """A dense layer with what learns beside it.

    Args:
        units, rank, alpha: see `LowRank`.
        **kwargs: of `keras.layers.Layer`.

    Attributes:
        dense: the layer, whose kernel has nothing of what was learned beside it.
        low_rank: the `LowRank`.
    """

    def __init__(self, units, rank, alpha, **kwargs):
        super().__init__(**kwargs)
        self.dense = layers.Dense(units, dtype=self.dtype_policy, name="dense")
        self.low_rank = LowRank(units, rank, alpha, dtype=self.dtype_policy, name="low_rank")

    def build(self, input_shape):
        """Make the weights."""
        self.dense.build(input_shape)
        self.low_rank.build(input_shape)

    @property
    def kernel(self):
        """The kernel of the dense layer."""
        return self.dense.kernel

    @property
    def bias(self):
        """The bias of the dense layer."""
        return self.dense.bias

    def call(self, x):
        """Return `(..., units)` of `(..., inputs)`."""
        return self.dense(x) + self.low_rank(x)

    def compute_output_shape(self, input_shape):
        """Return `(..., units)`."""
        return self.low_rank.compute_output_shape(input_shape)

    def get_config(self):
        """Return the constructor's arguments."""
        kept = self.low_rank
        return {
            **super().get_config(),
            "units": kept.units,
            "rank": kept.rank,
            "alpha": kept.alpha,
        }


def dense(units, policy, name, lora):
    """Return a dense layer of a network, with adapters where the settings ask for them.

    Args:
        units: int.
        policy: dtype policy.
        name: of the layer, one of `TARGETS`.
        lora: what `check` returns.
    """
    if lora is None or name not in lora["targets"]:
        return layers.Dense(units, dtype=policy, name=name)
    return AdaptedDense(units, lora["rank"], lora["alpha"], dtype=policy, name=name)


def inside(model):
    """Return the layers of a network that have adapters, in its order.

    Args:
        model: `SSLBackbone`.

    Returns:
        list of `AdaptedDense`.
    """
    parts = [part for block in model.blocks for part in (block, block.attention)]
    found = [getattr(part, name, None) for part in parts for name in TARGETS]
    return [layer for layer in found if isinstance(layer, AdaptedDense)]


def keep_rest(model):
    """Let nothing learn but the adapters.

    Weights are frozen and not layers, so that masking, dropouts and layer drop go on in training.
    Setting `trainable` on the network afterwards undoes this, as it undoes all that is partial.

    Args:
        model: `SSLBackbone` with adapters.
    """
    free = {id(each) for layer in inside(model) for each in layer.low_rank.weights}
    for each in model.weights:
        each.trainable = id(each) in free


def adapted(model, settings):
    """Return a network with adapters in place of one without; both have the same results.

    Args:
        model: `SSLBackbone` without adapters. Its weights are copied.
        settings: see `check`.

    Raises:
        ValueError: the settings are wrong, or the network has adapters already.
    """
    from serkeras.ssl import weights

    if model.lora is not None:
        raise ValueError(
            f"A network is adapted once. Received: one with adapters, {model.lora}. Take it as "
            "it was before, or save it with `serkeras.ssl.presets.save_to`, which merges them."
        )
    new = type(model).from_config({**model.get_config(), "lora": settings})
    new(keras.Input((None,), name="waveform"))
    pairs = weights.variables(new)
    for name, (variable, _) in weights.variables(model).items():
        pairs[name][0].assign(variable)
    return new
