"""Unified attention: one sequence out of several, and the blocks that attend over all of it."""

import keras

from serkeras.models.fusion.attention import GatedSelfAttention

# What one mean and variance are taken over -> axes of (clips, steps, channels).
NORMS = {"channels": -1, "clip": (1, 2)}


def unified(sequences, width):
    """Embed sequences of several widths in one, and put them one after the other.

    Args:
        sequences: dictionary from name to Keras tensor `(clips, steps, channels)`.
        width: int, d_z of the source.

    Returns:
        Keras tensor `(clips, steps of all, width)`.
    """
    embedded = [keras.layers.Dense(width, name=f"embed_{name}")(x) for name, x in sequences.items()]
    if len(embedded) == 1:
        return embedded[0]
    return keras.layers.Concatenate(axis=1, name="unified")(embedded)


def attention_block(x, heads, gate_units, dropout, norm, name):
    """Lay gated self-attention and a feed-forward part, each added to its input and normalised.

    Args:
        x: Keras tensor `(clips, steps, width)`.
        heads: int, divides the width.
        gate_units: int, see `GatedSelfAttention`.
        dropout: float, rate within the feed-forward part.
        norm: "channels" (mean and variance of each step, as in Yu et al. 2019) or "clip" (over
            all steps and channels, as in report S2: scale and shift are then of each step and
            channel, and the weights fit one number of steps).
        name: str, in front of the names of the layers.

    Returns:
        Keras tensor of the same shape.
    """
    width = x.shape[-1]
    attended = GatedSelfAttention(heads, width // heads, gate_units, name=f"{name}_attention")(x)
    x = _added(x, attended, norm, f"{name}_norm1")
    y = keras.layers.Dense(4 * width, activation="relu", name=f"{name}_wide")(x)
    y = keras.layers.Dropout(dropout, name=f"{name}_drop")(y)
    y = keras.layers.Dense(width, name=f"{name}_narrow")(y)
    return _added(x, y, norm, f"{name}_norm2")


def _added(x, y, norm, name):
    x = keras.layers.Add(name=f"{name}_sum")([x, y])
    return keras.layers.LayerNormalization(NORMS[norm], epsilon=1e-5, name=name)(x)
