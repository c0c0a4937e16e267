"""Convolutions over padded clips that give what the clip alone would give.

A mask is a float tensor `(clips, frames, 1)`, 1 on the clip and 0 on padding. Three rules keep a
clip's numbers free of its padding: the padding is set to zero before each convolution, since that
is what a convolution finds beyond the end of a clip alone; borders are padded by fixed amounts,
since "same" pads by the length of the longest clip; and a frame of the result belongs to the clip
if the frame at its centre does.
"""

import keras
from keras import ops

from serkeras.models.parts import batch_norm


def as_mask(valid):
    """Return the mask of a bool tensor `(clips, frames)`."""
    return ops.expand_dims(ops.cast(valid, "float32"), -1)


def zero_padding(x, mask):
    """Set padded frames of `(clips, bins, frames, channels)` to zero."""
    return x * ops.expand_dims(mask, 1)


def every(mask, step, name):
    """Return the mask of every `step`-th frame."""
    return keras.layers.MaxPooling1D(1, step, name=f"{name}_mask")(mask)


def both(mask, name):
    """Return the mask of pairs of frames: of the clip only where both are.

    The first pair of a clip of a single frame counts all the same.
    """
    both_in = 1.0 - keras.layers.MaxPooling1D(2, name=f"{name}_mask")(1.0 - mask)
    empty = 1.0 - ops.max(both_in, axis=1, keepdims=True)
    return both_in + ops.concatenate([empty, ops.zeros_like(both_in[:, 1:])], axis=1)


def longer(x, mask, frames, name):
    """Put masked frames behind the clips, so that poolings find enough in the shortest."""
    x = keras.layers.ZeroPadding2D(((0, 0), (0, frames)), name=name)(x)
    return x, keras.layers.ZeroPadding1D((0, frames), name=f"{name}_mask")(mask)


def norm(x, mask, name):
    """Batch normalisation whose statistics leave padding out."""
    everywhere = ops.ones_like(x[..., 0]) * ops.expand_dims(mask[..., 0], 1)
    return batch_norm(name)(x, mask=everywhere)


def positions(x, mask):
    """Flatten bins and frames of `(clips, bins, frames, channels)` into one axis.

    Returns:
        `(clips, bins * frames, channels)` and the mask `(clips, bins * frames, 1)`.
    """
    bins, channels = x.shape[1], x.shape[-1]
    repeated = ops.repeat(ops.expand_dims(mask, 1), bins, axis=1)
    flat = keras.layers.Reshape((-1, channels), name="positions")(x)
    return flat, keras.layers.Reshape((-1, 1), name="positions_mask")(repeated)


def mean(x, mask):
    """Average `(clips, positions, channels)` over the positions of the clip."""
    count = ops.maximum(ops.sum(mask, axis=1), 1.0)
    return ops.sum(x * mask, axis=1) / count
