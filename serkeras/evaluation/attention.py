"""What a network with attention listened to in a clip."""

import math
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Attention:
    """How much each part of a clip's features counted.

    Attributes:
        weights: float array `(bins, frames, heads)`; each head sums to 1. Averages over time
            have one frame.
        bins, frames: float arrays, the places of the weights in the features: indices of the
            bin and of the frame at the centre of what each weight's convolutions see.
        bin_step, frame_step: distance of neighbouring places.
        scale: lambda of the softmax, None where the network has none.
        word: what a head is called: "head", or "encoder" where each is a whole encoder layer.
    """

    weights: np.ndarray
    bins: np.ndarray
    frames: np.ndarray
    bin_step: int
    frame_step: int
    scale: float | None
    word: str = "head"

    @property
    def plain(self):
        """What the weights would be with a lambda of 1, in the form of `weights`."""
        if self.scale is None:
            return self.weights
        scores = np.log(np.maximum(self.weights, 1e-30)) / self.scale
        raised = np.exp(scores - scores.max(axis=(0, 1)))
        return raised / raised.sum(axis=(0, 1))


class _Encoders:
    """The transformer encoders of a network, shown as one head each.

    A frame of an encoder asks all frames; what each is given is averaged over those that ask and
    over the heads.
    """

    scale, word = None, "encoder"

    def __init__(self, layers):
        self.layers = layers

    def weights(self, network, inside):
        """Return weights `(1, frames, encoders)`."""
        import keras

        asking = keras.Model(network.input, [layer.input for layer in self.layers])(inside)
        asking = asking if isinstance(asking, list) else [asking]
        scores = [
            layer(x, return_attention_scores=True)[1]
            for layer, x in zip(self.layers, asking, strict=True)
        ]
        means = [keras.ops.mean(keras.ops.cast(each, "float32"), axis=(1, 2)) for each in scores]
        return keras.ops.stack(means, axis=-1)


def attention(model, x):
    """Return the `Attention` of one clip.

    Args:
        model: a run's `keras.Model` whose network has an attention layer of
            `serkeras.models.attention`, or transformer encoders over the frames.
        x: what the model takes of one clip, `(1, bins, frames, 1)` and so on, or the dictionary
            of such "features" and their "mask"; without padding.

    Raises:
        ValueError: the network has no such layer.
    """
    import keras

    network, layer = find_attention(model)
    # A Functional's own `input` are its placeholders; the operation's is what it was given.
    given = keras.Model(model.input, keras.Operation.input.fget(network))
    inside = given(x)
    weights = np.asarray(keras.ops.convert_to_numpy(_weights(network, layer, inside)))[0]
    by_frames = isinstance(layer, _Encoders)
    count, (bins, bin_step), (frames, frame_step) = _grid(network, inside, len(weights), by_frames)
    shaped = weights.reshape(count, -1, weights.shape[-1])
    # Frames behind the end of the clip have no weight.
    shaped = shaped[:, : np.flatnonzero(shaped.sum(axis=(0, 2)))[-1] + 1]
    return Attention(
        shaped,
        bins + bin_step * np.arange(shaped.shape[0]),
        frames + frame_step * np.arange(shaped.shape[1]),
        bin_step,
        frame_step,
        getattr(layer, "scale", None),
        getattr(layer, "word", "head"),
    )


def find_attention(model):
    """Return the network inside a run's model, and its attention layer, or `_Encoders`.

    Raises:
        ValueError: there is none; classical models have none.
    """
    import keras

    from serkeras.models.attention import AttentionWeights, AveragedSelfAttention

    for network in model.layers if isinstance(model, keras.Model) else ():
        for layer in getattr(network, "layers", ()) if isinstance(network, keras.Model) else ():
            if isinstance(layer, (AttentionWeights, AveragedSelfAttention)):
                return network, layer
        encoders = _encoders(network)
        if encoders:
            return network, _Encoders(encoders)
    name = getattr(model, "name", type(model).__name__)
    raise ValueError(
        "Only networks with an attention layer show what they listened to. Received: "
        f"{name}. Train cnn-attention, cnn2-transformer, serkeras-small, reslstm or one of "
        "fcn-attention-*."
    )


def _encoders(network):
    """Return the transformer encoders that attend over the frames of a clip.

    With the published fault they attend over the clips of a batch, the second axis there.
    """
    return [
        layer
        for layer in getattr(network, "layers", ())
        # keras_hub, which takes seconds to import, need not be.
        if type(layer).__name__ == "TransformerEncoder" and layer.input.shape[0] is None
    ]


def _weights(network, layer, inside):
    """Return weights `(1, positions, heads)`."""
    import keras

    if isinstance(layer, _Encoders):
        return layer.weights(network, inside)
    if not hasattr(layer, "attended"):
        return keras.Model(network.input, layer.output)(inside)
    wanted = [network.get_layer(name).output for name in ("positions", "positions_mask")]
    return layer.attended(*keras.Model(network.inputs, wanted)(inside))


def _grid(network, inside, positions, by_frames=False):
    """Return how many rows of bins the positions have, and the places along bins and frames."""
    names = {layer.name for layer in network.layers}
    if (
        by_frames or "by_frames" in names
    ):  # each position is a frame of the last map, with all of its bins
        bins, frames = inside.shape[1:3]
        step = 2 ** math.ceil(math.log2(frames / positions))  # each stage halves them, rounded up
        return 1, ((bins - 1) / 2, bins), ((step - 1) / 2, step)
    places = [_places(network, axis) for axis in (0, 1)]
    return network.get_layer("positions").input.shape[
        1
    ] if "positions" in names else positions, *places


def _places(network, axis):
    """Return the centre of the first place that is left along an axis, and the step to the next.

    Every convolution and pooling moves the centre by half its width, less what is padded in
    front of it, and widens the step by its stride. Parallel paths must not move it.
    """
    import keras

    centre, step, padded = 0.0, 1, 0
    for layer in network.layers:
        # Masks follow their features with layers of their own.
        if layer.name.endswith("_mask"):
            continue
        if isinstance(layer, keras.layers.Permute) and layer.dims[-1] == axis + 1:
            # The axis has become channels: one place for all of it.
            size = layer.input.shape[axis + 1]
            centre, step = centre + (size - 1) / 2 * step, size * step
        if hasattr(layer, "padding") and not hasattr(layer, "strides"):  # zero padding
            padded = layer.padding[axis][0]
        if not hasattr(layer, "strides"):
            continue
        sizes = getattr(layer, "kernel_size", None) or layer.pool_size
        if axis >= len(sizes):
            continue
        width, stride = sizes[axis], layer.strides[axis]
        before = (width - 1) / 2 if layer.padding == "same" else padded
        centre, step, padded = centre + ((width - 1) / 2 - before) * step, step * stride, 0
    return centre, step
