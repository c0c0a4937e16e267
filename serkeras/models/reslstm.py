"""`reslstm`: two LSTM layers, a way past the first, and attention, over clips of any length."""

import keras
from keras import ops

from serkeras.models import masks
from serkeras.models.attention import AttentionWeights
from serkeras.models.parts import batch_norm, classifier

# The source sets both of PyTorch's bias vectors of the forget gate to 1; here they are one.
_FORGET_BIAS = 2.0


@keras.saving.register_keras_serializable("serkeras")
class ForgetBias(keras.initializers.Initializer):
    """Biases of an LSTM's four gates: `value` for the forget gate, 0 for the others.

    Args:
        value: float.
    """

    def __init__(self, value):
        self.value = value

    def __call__(self, shape, dtype=None):
        """Return the biases `(4 units,)`; the forget gate's are the second quarter."""
        gates = ops.convert_to_tensor([0.0, self.value, 0.0, 0.0], dtype)
        return ops.repeat(gates, shape[0] // 4)

    def get_config(self):
        """Return the constructor's arguments."""
        return {"value": self.value}


def build_reslstm(input_shape, num_classes, units=64, dropout=0.3):
    """The course of a clip by two LSTM layers, its frames weighed by one vector.

    The first LSTM layer is as wide as a frame, so that the frame itself can be added to what it
    gives. Padding never changes a prediction, nor what batch normalisation learns: the first
    normalisation and the softmax over the frames leave it out, and an LSTM that runs forward
    has not met it yet, for it stands behind the clip.

    Keras has one bias vector in an LSTM layer, PyTorch two, whose sum alone counts. So with 46
    bins and 8 classes 4 * 46 + 4 * 64 parameters fewer learn than the source counts: 46,332
    of 46,772.

    Args:
        input_shape: `(bins, frames, 1)`; frames may be None. The source has 46 bins and the
            longest clip of each batch.
        num_classes: width of the softmax.
        units: of the second LSTM layer; the source has 32, 64 and 128.
        dropout: rate before the softmax layer; the source's is not published.

    Returns:
        Uncompiled `keras.Model` of a dictionary: "features" `(clips, bins, frames, 1)` and
        "mask" `(clips, frames)`, true on the clip.

    Raises:
        ValueError: `input_shape` has another number of axes, or its bins are not known.

    Source:
        Krasnoproshin & Vashkevich 2026, arXiv 2606.03359 (ResLSTM-SA).
    """
    if len(input_shape) != 3 or input_shape[0] is None or input_shape[2] != 1:
        raise ValueError(
            "`input_shape` must be (bins, frames or None, 1): one step of an LSTM is one frame. "
            f"Received: {input_shape}. Use MFCC or a spectrogram that is not averaged."
        )
    features = keras.Input(input_shape, name="features")
    valid = keras.Input(input_shape[1:2], dtype="bool", name="mask")
    # One place for all bins of a frame: the figure of attention asks "positions" for places.
    x = keras.layers.Permute((3, 2, 1), name="bins_as_channels")(features)
    x, mask = masks.positions(x, masks.as_mask(valid))
    x = keras.layers.Add(name="past")([x, _lstm(x, input_shape[0], "lstm1")])
    # The product takes off the mask that the layer hands on, which the LSTM would follow.
    x = batch_norm("norm1")(x, mask=valid) * mask
    x = _lstm(x, units, "lstm2")
    weights = AttentionWeights(None, name="attention")(x, valid=mask)
    x = keras.layers.Flatten(name="clip")(keras.layers.Dot(axes=1, name="mean")([weights, x]))
    x = keras.layers.Dropout(dropout, name="drop")(batch_norm("norm2")(x))
    inputs = {"features": features, "mask": valid}
    return keras.Model(inputs, classifier(x, num_classes), name="reslstm")


def _lstm(x, units, name):
    # Without a mask, which would change no number of the clip and take half as long again.
    layer = keras.layers.LSTM(
        units,
        kernel_initializer="glorot_normal",
        recurrent_initializer="orthogonal",
        bias_initializer=ForgetBias(_FORGET_BIAS),
        unit_forget_bias=False,
        return_sequences=True,
        name=name,
    )
    return layer(x)
