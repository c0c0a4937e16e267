"""What stands around a speech network in a classifier: level before it, pooling behind it."""

import keras
from keras import ops

from serkeras.models.attention import AttentionWeights
from serkeras.models.speaker_norm import SpeakerNormalization

_ATTENTION_UNITS = 128
# Of the variance, as transformers' feature extractor adds it.
_EPSILON = 1e-7


@keras.saving.register_keras_serializable("serkeras")
class Standardize(keras.layers.Layer):
    """Bring each waveform to mean 0 and variance 1, over its valid samples; padding stays 0."""

    def call(self, waveform, valid=None):
        """Return the waveforms.

        Args:
            waveform: float `(clips, samples)`.
            valid: bool `(clips, samples)`, False on padding, or None.
        """
        mask = ops.ones_like(waveform) if valid is None else ops.cast(valid, waveform.dtype)
        count = ops.maximum(ops.sum(mask, axis=1, keepdims=True), 1.0)
        centred = (waveform - ops.sum(waveform * mask, axis=1, keepdims=True) / count) * mask
        variance = ops.sum(ops.square(centred), axis=1, keepdims=True) / count
        return centred / ops.sqrt(variance + _EPSILON)

    def compute_output_shape(self, waveform_shape, valid_shape=None):
        """Return the input's shape."""
        return waveform_shape


@keras.saving.register_keras_serializable("serkeras")
class MeanOfStates(keras.layers.Layer):
    """Average each hidden state over the valid frames of a clip.

    Averages of weighted states are weighted averages, so states can be averaged first and
    weighted after.
    """

    def call(self, states, valid=None):
        """Return `(clips, states, width)`, float32.

        Args:
            states: list of `(clips, frames, width)`.
            valid: bool `(clips, frames)`, or None.
        """
        wide = [ops.cast(x, "float32") for x in states]
        if valid is None:
            return ops.stack([ops.mean(x, axis=1) for x in wide], axis=1)
        mask = ops.expand_dims(ops.cast(valid, "float32"), -1)
        count = ops.maximum(ops.sum(mask, axis=1), 1.0)
        return ops.stack([ops.sum(x * mask, axis=1) / count for x in wide], axis=1)

    def compute_output_shape(self, states_shape, valid_shape=None):
        """Return `(clips, states, width)`."""
        return (states_shape[0][0], len(states_shape), states_shape[0][-1])


@keras.saving.register_keras_serializable("serkeras")
class LayerWeights(keras.layers.Layer):
    """Sum of hidden states with learned weights that are positive and sum to 1, equal at first.

    Source:
        Yang et al. 2021, "SUPERB: Speech processing universal performance benchmark".
    """

    def build(self, input_shape):
        """Make the weights."""
        self.scores = self.add_weight(shape=(input_shape[1],), initializer="zeros", name="scores")

    def call(self, states):
        """Return `(clips, ...)` of `(clips, states, ...)`."""
        weights = ops.reshape(ops.softmax(self.scores), (1, -1) + (1,) * (len(states.shape) - 2))
        return ops.sum(states * weights, axis=1)

    def compute_output_shape(self, states_shape):
        """Return `(clips, ...)`."""
        return (states_shape[0], *states_shape[2:])


@keras.saving.register_keras_serializable("serkeras")
class AttentionPooling(keras.layers.Layer):
    """Sum of a clip's frames by learned attention; padding has no weight.

    Args:
        units: int, width of the attention's hidden layer.
        **kwargs: of `keras.layers.Layer`.
    """

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.attention = AttentionWeights(units, dtype=self.dtype_policy, name="attention")

    def build(self, x_shape):
        """Make the weights."""
        self.attention.build(x_shape)

    def call(self, x, valid=None):
        """Return `(clips, width)`.

        Args:
            x: `(clips, frames, width)`.
            valid: bool `(clips, frames)`, or None.
        """
        weights = self.attention(x, None if valid is None else ops.expand_dims(valid, -1))
        return ops.sum(x * weights, axis=1)

    def compute_output_shape(self, x_shape, valid_shape=None):
        """Return `(clips, width)`."""
        return (x_shape[0], x_shape[-1])

    def get_config(self):
        """Return the constructor's arguments."""
        return {**super().get_config(), "units": self.units}


def level(prepared, waveform, valid=None):
    """Return waveforms at the level that a network wants.

    Args:
        prepared: `serkeras.ssl.preparation.Preparation`.
        waveform, valid: see `Standardize`.
    """
    if not prepared.normalize:
        return waveform
    return Standardize(dtype="float32", name="level")(waveform, valid)


def states_of(base, waveform, valid=None, states="last", is_normed=False):
    """Return hidden states of clips, a list of `(clips, frames, width)`, and which frames count.

    Args:
        base: `SSLBackbone`.
        waveform: `(clips, samples)`, at its level.
        valid: bool `(clips, samples)`, False on padding that the network leaves out, or None.
        states: "last", or "weighted" for all of them.
        is_normed: whether the last of all is the network's result, behind the norm that
            `do_stable_layer_norm` puts there.

    Returns:
        The list, and a mask `(clips, frames)`, None without `valid`.
    """
    given = {"waveform": waveform}
    if valid is not None:
        given["lengths"] = ops.sum(ops.cast(valid, "int32"), axis=1)
    found = base(given)
    chosen = [found["last_hidden_state"]]
    if states == "weighted":
        last = chosen if is_normed else found["hidden_states"][-1:]
        chosen = [*found["hidden_states"][:-1], *last]
    return chosen, None if valid is None else found["frames_mask"]


def vector(states, mask, pooling="mean", projection=None, speaker_norm=False):
    """Return one vector for each clip, `(clips, width)`; several states are weighted first.

    Args:
        states, mask: what `states_of` returned.
        pooling: "mean" over the valid frames, or "attention" to them.
        projection: width of a dense layer (without activation) on each frame; None for none.
        speaker_norm: bring the means to the statistics of their speakers.
    """
    if pooling == "mean":
        # Means of weighted and projected frames are weighted and projected means, and cheaper.
        x = MeanOfStates(dtype="float32", name="mean")(states, mask)
        x = SpeakerNormalization(dtype="float32", name="speaker_norm")(x) if speaker_norm else x
        return _projected(_weighted(x), projection)
    x = _projected(_weighted(ops.stack(states, axis=1)), projection)
    return AttentionPooling(_ATTENTION_UNITS, name="attention_pooling")(x, mask)


def _weighted(x):
    """Return `(clips, ...)` of `(clips, states, ...)`."""
    if x.shape[1] > 1:
        return LayerWeights(name="layer_weights")(x)
    shape = [-1 if size is None else size for size in x.shape[2:]]
    return keras.layers.Reshape(shape, name="last")(x)


def _projected(x, width):
    return x if width is None else keras.layers.Dense(width, name="projection")(x)
