"""Published classifiers: a speech network and its head, out of one checkpoint."""

from serkeras.models.backbones.torch_files import listed
from serkeras.ssl import preparation, presets, weights
from serkeras.ssl.checkpoints import CONFIG, Checkpoint

_HEAD = {"classifier.bias", "classifier.weight", "projector.bias", "projector.weight"}
_LAYER_WEIGHTS = "layer_weights"
_PROBLEM = "single_label_classification"
# What is of the network, or of its training without labels.
_NO_HEAD = (
    "encoder", "feature_extractor", "feature_projection", "final_proj", "label_embs_concat",
    "masked_spec_embed", "project_hid", "project_q", "quantizer",
)  # fmt: skip


def classifier_from_preset(name, revision=None, progress=True, padded=False, remat=False):
    """Return a published classifier of speech.

    It is what transformers calls Wav2Vec2-, Hubert- or WavLMForSequenceClassification: the
    network's last hidden state, or the mean of all with learned weights, projected, averaged over
    the frames and classified. Waveforms are brought to the network's level within the model.

    ```python
    model, labels = serkeras.ssl.classifier_from_preset("superb/wav2vec2-base-superb-er")
    wave = serkeras.audio.read("clip.wav", 16000)
    probabilities = model.predict(wave[None])[0]
    print(labels[probabilities.argmax()])
    ```

    Args:
        name, revision, progress: see `serkeras.ssl.from_preset`, which raises the same errors.
        padded: whether the model takes clips of several lengths in one batch: then a dictionary of
            "waveform", with anything behind a clip's end, and "lengths" `(clips,)`, samples of
            each clip. `serkeras.ssl.preparation_for(name).mask` tells whether the network leaves
            the padding out; where it does not, zeros are put there, and move the results.
        remat: see `serkeras.ssl.from_preset`.

    Returns:
        Uncompiled functional `keras.Model` from `(clips, samples)` to probabilities
        `(clips, classes)`, and the tuple of the classes' names in that order.

    Raises:
        ValueError: the checkpoint has no head, or one of another kind, or does not name its
            classes.
    """
    checkpoint = Checkpoint(presets.find(name, revision, progress))
    _check_head(checkpoint)
    labels = _labels(checkpoint)
    base = presets.untrained(checkpoint, name, remat)
    model = _built(base, checkpoint, len(labels), padded)
    weights.load(base, checkpoint, _variables(model))
    return model, labels


def _check_head(checkpoint):
    """Refuse what has no head of this kind; the tensors tell, since settings may be wrong."""
    bare = {weights.bare_name(name): shape for name, shape in checkpoint.shapes.items()}
    others = {name for name in bare if name.split(".")[0] not in _NO_HEAD}
    if not others:
        raise ValueError(
            f"A classifier must have the tensors {sorted(_HEAD)}. Received: {checkpoint.folder} "
            "with a network alone. Load it with from_preset, or train a head: the model 'ssl' "
            "takes it as its setting `preset`."
        )
    problem = checkpoint.config.get("problem_type") or _PROBLEM
    if others - {_LAYER_WEIGHTS} != _HEAD or problem != _PROBLEM:
        raise ValueError(
            f"A classifier must have the tensors {sorted(_HEAD)} and one class a clip, as "
            f"transformers' ForSequenceClassification. Received: {checkpoint.folder} with "
            f"{listed('tensors of a head', sorted(others))}, architectures "
            f"{checkpoint.config.get('architectures')}, problem type {problem!r}. Take another "
            "checkpoint, or load the network without its head with from_preset."
        )


def _labels(checkpoint):
    """Return the names of the classes."""
    count, told = checkpoint.shapes["classifier.bias"][0], checkpoint.config.get("id2label")
    wanted = [str(index) for index in range(count)]
    if not isinstance(told, dict) or set(told) != set(wanted):
        raise ValueError(
            f"A classifier's {CONFIG} must name its {count} classes: `id2label` with the keys "
            f"{wanted}. Received: {checkpoint.folder} with {told}. Write them into the file."
        )
    return tuple(str(told[index]) for index in wanted)


def _built(base, checkpoint, classes, padded):
    """Return the model with a head of random weights."""
    import keras
    from keras import ops

    from serkeras.models.parts import classifier
    from serkeras.ssl import pooling

    config, valid = checkpoint.config, None
    prepared = preparation.of_settings(base.config.to_dict())
    inputs = x = keras.Input((None,), name="waveform")
    if padded:
        lengths = keras.Input((), dtype="int32", name="lengths")
        inputs = {"waveform": x, "lengths": lengths}
        places = ops.cumsum(ops.ones_like(x, dtype="int32"), axis=1)
        is_clip = places <= ops.expand_dims(lengths, 1)
        x = ops.where(is_clip, x, 0.0)
        valid = is_clip if prepared.mask else None
    states, mask = pooling.states_of(
        base,
        pooling.level(prepared, x, valid),
        valid,
        "weighted" if config.get("use_weighted_layer_sum") else "last",
        _is_normed(config),
    )
    x = pooling.vector(states, mask, projection=checkpoint.shapes["projector.bias"][0])
    return keras.Model(inputs, classifier(x, classes), name="speech_classifier")


def _is_normed(config):
    """Whether the last of all hidden states is the one behind the encoder's last norm.

    It was for transformers 4 and the toolkit of SUPERB; for transformers 5 it is what enters that
    norm. A head gets what it was trained with.
    """
    told = config.get("tie_last_hidden_states")
    return (
        int(str(config.get("transformers_version", 4)).split(".")[0]) < 5 if told is None else told
    )


def _variables(model):
    """Return the variables of the head, as `serkeras.ssl.weights.variables` does."""
    named = {}
    for ours, theirs in (("projection", "projector"), ("logits", "classifier")):
        layer = model.get_layer(ours)
        named |= {f"{theirs}.weight": (layer.kernel, True), f"{theirs}.bias": (layer.bias, False)}
    for layer in model.layers:
        if layer.name == _LAYER_WEIGHTS:
            named[_LAYER_WEIGHTS] = (layer.scores, False)
    return named
