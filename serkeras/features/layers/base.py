"""What the layers share: float32 arithmetic, settings that travel with a saved model."""

import keras
from keras import ops


class FeatureLayer(keras.layers.Layer):
    """A layer that computes in float32 whatever the precision policy is.

    Spectra span 160 dB and more: in float16 or bfloat16 they are noise. Inputs of other float
    types are cast, outputs are float32, and the network behind casts them as its policy says.

    Attributes:
        settings: names of the constructor's arguments, kept as attributes of the same name.
    """

    settings = ()

    def __init__(self, name=None):
        super().__init__(name=name, dtype="float32")

    def get_config(self):
        """Return the constructor's arguments."""
        return {"name": self.name, **{key: getattr(self, key) for key in self.settings}}


class Augmentation(keras.layers.Layer):
    """A layer that changes each clip by itself in training and nothing at other times.

    The arithmetic is float32; the result has the type of the input.

    Args:
        seed: int, decides the draws; None takes one from `keras.utils.set_random_seed`.
        name: str, of the layer.

    Attributes:
        settings: names of the constructor's other arguments, attributes of the same name.
        on_waveforms: whether it takes `(batch, samples)`.
    """

    settings = ()
    on_waveforms = True

    def __init__(self, seed=None, name=None):
        super().__init__(name=name, autocast=False)
        self.seed = seed
        self.generator = keras.random.SeedGenerator(seed)

    def call(self, x, training=None):
        """Return `x` itself, or in training a changed copy of the same shape and type."""
        if not training:
            return x
        return ops.cast(self.change(ops.cast(x, "float32")), x.dtype)

    def change(self, x):
        """Return the changed float32 batch; what a subclass adds."""
        raise NotImplementedError

    def draw(self, x, low, high):
        """Return one uniform number for each clip, shaped `(batch, 1, ...)` to broadcast."""
        shape = (ops.shape(x)[0], *(1,) * (len(x.shape) - 1))
        return keras.random.uniform(shape, low, high, seed=self.generator)

    def compute_output_spec(self, x, training=None):
        """Return a symbolic tensor like the input."""
        return keras.KerasTensor(x.shape, x.dtype)

    def compute_output_shape(self, input_shape):
        """Return the input's shape."""
        return input_shape

    def get_config(self):
        """Return the constructor's arguments."""
        kept = {key: getattr(self, key) for key in (*self.settings, "seed")}
        return {"name": self.name, **kept}


def require_rank(layer, input_shape, ranks, words):
    """Refuse an input whose number of axes is not among `ranks`.

    Raises:
        ValueError: says with `words` what the layer takes.
    """
    if len(input_shape) not in ranks:
        raise ValueError(
            f"{type(layer).__name__} takes {words}. Received: shape={tuple(input_shape)}. "
            "Give a batch of that shape."
        )


def as_range(name, value):
    """Return `(low, high)` of a pair, or of a number as both.

    Raises:
        ValueError: it is neither, or `low` is above `high`.
    """
    pair = tuple(value) if isinstance(value, (list, tuple)) else (value, value)
    numbers = all(isinstance(end, (int, float)) for end in pair)
    if len(pair) != 2 or not numbers or not pair[0] <= pair[1]:
        raise ValueError(
            f"`{name}` must be a number or a pair (low, high). Received: {value!r}. "
            "Put the lower number first."
        )
    return float(pair[0]), float(pair[1])
