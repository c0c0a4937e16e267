"""`ssl`: a pretrained speech network on the waveform, averaged over time, and a head."""

import keras
from keras import ops

from serkeras.models.parts import classifier
from serkeras.models.transfer import head

STATES = ("last", "weighted")


def build_ssl(
    input_shape,
    num_classes,
    preset=None,
    config=None,
    states="last",
    units=(),
    dropout=0.0,
    frozen=1,
    remat=False,
):
    """Speech network, mean over the valid frames, dense layers and softmax.

    Args:
        input_shape: `(samples, 1)`; samples None for clips of any length, which only networks with
            layer norm in their convolutions take (with group norm, padding would change them).
        num_classes: width of the softmax.
        preset: folder in Hugging Face's layout or id on the hub, see
            `serkeras.ssl.presets.from_preset`.
        config: in place of a preset a dictionary as in a config.json, for random weights.
        states: "last", or "weighted" for a learned mean of all hidden states.
        units: of dense layers between; may be empty.
        dropout: rate behind the first of them, or in front of the classes.
        frozen: how many parts do not learn, counted from the waveform: the convolutions are the
            first, projection and positions the second, then each block of the encoder; None
            freezes all.
        remat: compute the encoder's blocks again for the gradient: less memory, more time.

    Returns:
        Uncompiled `keras.Model` from waveforms; with samples None from a dictionary of
        "features" and "mask" `(clips, samples)`.

    Raises:
        ValueError: a setting is outside its range, or the network cannot take such clips.
        FileNotFoundError, PermissionError, ConnectionError, ModuleNotFoundError: see
            `serkeras.ssl.presets.from_preset`.

    Source:
        Report S4, section 6 (wav2vec 2.0); report S2, section 3.4 (HuBERT).
    """
    if len(input_shape) != 2 or input_shape[1] != 1:
        raise ValueError(
            f"`input_shape` must be (samples, 1), a waveform. Received: {input_shape}. Set "
            "features.name=waveform."
        )
    base, prepared = _network(preset, config, states, remat)
    _freeze(base, frozen)
    waveform = keras.Input(input_shape, name="features")
    mask = None if input_shape[0] else keras.Input((None,), dtype="bool", name="mask")
    if mask is not None and base.config.feat_extract_norm != "layer":
        raise ValueError(
            "Clips of varying length must go to a speech network with layer norm: with group norm "
            f"a clip's padding changes it. Received: {base.config.model_type} with group norm. Set "
            "audio.fit='pad', or choose another preset."
        )
    x = _classified(base, prepared, waveform, mask, (states, units, dropout, num_classes))
    inputs = waveform if mask is None else {"features": waveform, "mask": mask}
    return keras.Model(inputs, x, name="ssl")


def _network(preset, config, states, remat):
    """Return the network, and how waveforms are prepared for it."""
    from serkeras.ssl import SSLConfig, backbone, preparation, presets

    if states not in STATES or (preset is None) == (config is None):
        raise ValueError(
            f"The model 'ssl' must have `states` out of {STATES}, and either `preset` or `config`. "
            f"Received: states={states!r}, preset={preset!r}, config={config!r}. Correct "
            "model.settings."
        )
    if preset is not None:
        base = presets.from_preset(preset, remat=remat)
    else:
        base = backbone.build(SSLConfig.from_dict(config), remat=remat)
    return base, preparation.of_settings(base.config.to_dict())


def _freeze(base, frozen):
    parts = base.parts()
    if frozen is not None and not 0 <= frozen <= len(parts):
        raise ValueError(
            f"`frozen` of the model 'ssl' must be None or from 0 to {len(parts)}, the parts of "
            f"this network. Received: {frozen!r}. Correct model.settings.frozen."
        )
    if frozen is None:
        base.trainable = False
    for layer in [layer for part in parts[:frozen] for layer in part]:
        layer.trainable = False


def _classified(base, prepared, waveform, mask, settings):
    from serkeras.ssl.pooling import LayerWeights, MeanOfStates, Standardize

    states, units, dropout, num_classes = settings
    x = keras.layers.Reshape((-1,), name="mono")(waveform)
    if prepared.normalize:
        x = Standardize(dtype="float32", name="level")(x, mask)
    given = {"waveform": x}
    if mask is not None:
        given["lengths"] = ops.sum(ops.cast(mask, "int32"), axis=1)
    found = base(given)
    chosen = found["hidden_states"] if states == "weighted" else [found["last_hidden_state"]]
    x = MeanOfStates(dtype="float32", name="mean")(chosen, found["frames_mask"])
    if states == "weighted":
        x = LayerWeights(name="layer_weights")(x)
    else:
        x = keras.layers.Flatten(name="clip")(x)
    return classifier(head(x, units, dropout), num_classes)
