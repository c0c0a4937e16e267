"""From a run to the graph that leaves the kit: waveforms in, probabilities out."""

import json
import re

import keras
from keras import ops

from serkeras.ensembles import Ensemble, open_run
from serkeras.features import layers
from serkeras.runs import refuse_several
from serkeras.serving.waveforms import inside
from serkeras.training import by_speaker


def is_prepared_outside(audio, one_length=False):
    """Whether clips have to be brought to level and length before they reach the graph.

    Args:
        audio: `serkeras.config.AudioConfig` of the run.
        one_length: whether the graph takes clips of one length only. What was cut off, or padded,
            could not be levelled and trimmed as the whole recording would be.
    """
    # A graph cannot know where a voice begins before it has all of the recording.
    whole = audio.level != "as_is" or audio.trim_silence
    return audio.fit == "stretch" or audio.trim_start or (one_length and whole)


def of(run, one_length=False):
    """Return the graph of a finished run.

    Args:
        run: `serkeras.Run` or the path of its folder.
        one_length: see `is_prepared_outside`.

    Returns:
        Functional `keras.Model` from waveforms `(batch, any number of samples)` at the run's
        sample rate, full scale 1.0, to probabilities `(batch, classes)`. Each row is a clip: it is
        trimmed, levelled, cut or padded as in training. Where `is_prepared_outside` says so, the
        rows have `audio.samples` samples and come from `serkeras.audio.fit`. A row with NaN or
        infinite samples has NaN for probabilities. Mixed precision is left behind: all in float32.

    Raises:
        ValueError: the run is an ensemble or no network, keeps the length of its clips, mixes the
            clips of a batch, normalises by speaker, or has a feature without a layer.
    """
    run = open_run(run)
    if isinstance(run, Ensemble):
        refuse_several(run.folder)
    audio = run.experiment.audio
    network = run.model
    _check(run, network)
    network = _in_floats(network)
    prepared = is_prepared_outside(audio, one_length)
    waves = keras.Input((audio.samples if prepared else None,), name="waveform")
    trim_db = audio.trim_db if audio.trim_silence else None
    clips = waves if prepared else layers.Prepare(audio.samples, audio.level, trim_db)(waves)
    x = inside(clips, run.experiment)
    return keras.Model(waves, _where_finite(network(x), waves), name="probabilities_of_waveforms")


def _in_floats(network):
    """Return a network of mixed precision with the same weights, computing in float32."""
    config = json.dumps(keras.saving.serialize_keras_object(network))
    plain = re.sub(r'"mixed_(b?float16)"', '"float32"', config)
    if plain == config:
        return network
    again = keras.saving.deserialize_keras_object(json.loads(plain), safe_mode=True)
    again.set_weights(network.get_weights())
    return again


def _where_finite(probabilities, waves):
    """Return NaN for clips with a sample that is no number: a maximum would pass over it."""
    # No comparison, which a converter puts into integers, where infinity is as good as any number;
    # no difference, which it takes for zero. Of finite samples the quotient is exactly 1.
    total = 1.0 + ops.sum(ops.abs(waves), axis=1, keepdims=True)
    return ops.cast(probabilities, "float32") * (total / total)


def _check(run, network):
    experiment = run.experiment
    if not isinstance(network, keras.Model):
        raise ValueError(
            "Only networks can be exported as graphs. Received: "
            f"{run.folder}, the classical model {experiment.model.name!r}. Use "
            "serkeras.predict, or train a network."
        )
    reasons = {
        "audio.fit='keep' (clips of one length are needed)": experiment.audio.fit == "keep",
        f"the feature {experiment.features.name!r}, which has no layer": not (
            layers.has_layer(experiment.features)
        ),
        "attention across the batch (a clip's answer depends on its neighbours)": (
            experiment.model.mixes_clips
        ),
        "statistics of speakers (model.normalize, speaker_norm: it wants their recordings)": (
            by_speaker.layer(network) is not None
        ),
    }
    found = [reason for reason, is_so in reasons.items() if is_so]
    if found:
        raise ValueError(
            "A graph from waveforms to probabilities must hold all of a run. Received: "
            f"{run.folder} with {'; '.join(found)}. Train with other settings, or use "
            "serkeras.predict."
        )
