"""`ssl`: a pretrained speech network on the waveform, pooled over time, and a head."""

import keras

from serkeras.models.parts import classifier
from serkeras.models.transfer import head
from serkeras.ssl import networks, preparation
from serkeras.ssl.pooling import level, states_of, vector

STATES = ("last", "weighted")
POOLINGS = ("mean", "attention")


def build_ssl(
    input_shape,
    num_classes,
    preset=None,
    config=None,
    states="last",
    pooling="mean",
    projection=None,
    units=(),
    dropout=0.0,
    frozen=1,
    remat=False,
    lora=None,
    speaker_norm=False,
):
    """Speech network, pooling over the valid frames, dense layers and softmax.

    Args:
        input_shape: `(samples, 1)`; samples None for clips of any length, which only networks with
            layer norm in their convolutions take (with group norm, padding would change them).
        num_classes: width of the softmax.
        preset: folder in Hugging Face's layout or id on the hub, see
            `serkeras.ssl.presets.from_preset`.
        config: in place of a preset a dictionary as in a config.json, for random weights.
        states: "last", or "weighted" for a learned mean of all hidden states.
        pooling: "mean" over the valid frames, or "attention" to them.
        projection: width of a dense layer on each frame before the pooling, without activation;
            None for none.
        units: of dense layers between; may be empty.
        dropout: rate behind the first of them, or in front of the classes.
        frozen: how many parts do not learn, counted from the waveform: the convolutions are the
            first, projection and positions the second, then each block of the encoder; None
            freezes all.
        remat: compute the encoder's blocks again for the gradient: less memory, more time.
        lora: settings of adapters, `{"rank": 8, "alpha": 16, "targets": ["query", "value"]}`, see
            `serkeras.ssl.lora.check`. Of the network only they learn then, in those blocks that
            `frozen` leaves free; masking and layer drop act in training.
        speaker_norm: bring each speaker's means of the hidden states to mean 0 and deviation 1,
            see `serkeras.training.by_speaker`; for frozen networks (`frozen` None), averaged over
            time as they are.

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
    _check(states, pooling, projection)
    _check_still(speaker_norm, frozen, pooling, projection)
    base = networks.made(preset, config, remat, lora)
    networks.freeze(base, frozen)
    waveform = keras.Input(input_shape, name="features")
    mask = None if input_shape[0] else keras.Input((None,), dtype="bool", name="mask")
    if mask is not None and base.config.feat_extract_norm != "layer":
        raise ValueError(
            "Clips of varying length must go to a speech network with layer norm: with group norm "
            f"a clip's padding changes it. Received: {base.config.model_type} with group norm. Set "
            "audio.fit='pad', or choose another preset."
        )
    x = _clips(base, waveform, mask, states, pooling, projection, speaker_norm)
    x = classifier(head(x, units, dropout), num_classes)
    inputs = waveform if mask is None else {"features": waveform, "mask": mask}
    return keras.Model(inputs, x, name="ssl")


def first_weights(settings):
    """Return the files that the network starts from, see `serkeras.models.first_weights`.

    Args:
        settings: dictionary of this builder's keyword arguments.
    """
    return networks.first_weights(settings.get("preset"))


def _check(states, pooling, projection):
    whole = type(projection) is int and projection > 0
    rules = {
        "states": (states, states in STATES, f"one of {STATES}"),
        "pooling": (pooling, pooling in POOLINGS, f"one of {POOLINGS}"),
        "projection": (projection, projection is None or whole, "None or a width, 1 or more"),
    }
    for name, (value, holds, words) in rules.items():
        if not holds:
            raise ValueError(
                f"`{name}` of the model 'ssl' must be {words}. Received: {value!r}. Correct "
                f"model.settings.{name}."
            )


def _check_still(speaker_norm, frozen, pooling, projection):
    if speaker_norm and (frozen is not None or pooling != "mean" or projection is not None):
        raise ValueError(
            "`speaker_norm` of the model 'ssl' takes what never changes in training: frozen=null, "
            f"pooling='mean', projection=null. Received: frozen={frozen!r}, pooling={pooling!r}, "
            f"projection={projection!r}. Correct model.settings."
        )


def _clips(base, waveform, mask, states, *pooling):
    """Return one vector for each clip."""
    prepared = preparation.of_settings(base.config.to_dict())
    x = keras.layers.Reshape((-1,), name="mono")(waveform)
    chosen = states_of(base, level(prepared, x, mask), mask, states)
    return vector(*chosen, *pooling)
