"""Features or embeddings brought to the statistics of their speakers, in training and prediction.

It takes all recordings of a speaker, without their emotions: a speaker whom the model is to be used
on has to be enrolled with some of them.
"""

import warnings
from dataclasses import replace

import keras
import numpy as np
import pandas as pd

from serkeras.models.speaker_norm import SpeakerNormalization
from serkeras.training import frozen
from serkeras.training.batches import Batches, with_channels

# A speaker's only clip would become zero whatever it says.
LEAST_CLIPS = 2


def check(experiment):
    """Refuse settings under which a clip does not give the same numbers whenever it is heard.

    Args:
        experiment: `serkeras.config.Experiment`.

    Raises:
        ValueError: it normalises by speaker, and clips change or vary in length, or are not
            computed once.
    """
    if not experiment.model.by_speaker:
        return
    wrong = {
        "augment.on_the_fly": experiment.augment.on_the_fly,
        "audio.fit='keep'": experiment.audio.fit == "keep",
    }
    if experiment.model.normalize == "speaker":
        name = "model.normalize='speaker'"
        wrong |= {
            "features.in_graph": experiment.features.in_graph,
            "features.name='waveform'": experiment.features.name == "waveform",
            "features.name='mel_image'": experiment.features.name == "mel_image",
            # Test speakers are enrolled with clean clips.
            "augment.copies": experiment.augment.copies > 0,
            "model.settings.speaker_norm": bool(experiment.model.settings.get("speaker_norm")),
        }
    else:
        name = "speaker_norm"
        wrong |= {
            "augment.layers": bool(experiment.augment.layers),
            "training.mixup": experiment.training.mixup,
            "training.cache_frozen=false": not experiment.training.cache_frozen,
        }
    found = [each for each, is_wrong in wrong.items() if is_wrong]
    if found:
        raise ValueError(
            "Statistics of speakers are of features, or of what a frozen network gives, computed "
            f"once for clips of one length. Received: {name} with {', '.join(found)}. Leave one "
            "of them out."
        )


def layer(model):
    """Return the layer of a model that normalises by speaker, None where there is none.

    Args:
        model: `keras.Model`, or a classical model.
    """
    if not isinstance(model, keras.Model):
        return None
    found = [one for one in model._flatten_layers() if isinstance(one, SpeakerNormalization)]
    return found[0] if found else None


def on_speakers(sides, normalization):
    """Fit the layer on the training side, and bring all sides to it speaker by speaker.

    Args:
        sides: list of `serkeras.training.sides.Side` of embeddings, or of features where the layer
            stands in front of the network; the training side first.
        normalization: `SpeakerNormalization` with weights.

    Returns:
        list of `Side`, their embeddings or features in memory.

    Raises:
        ValueError: no speaker of the training side is known, or clips change or vary in length.
    """
    nobody = sides[0].speakers is None or pd.isna(sides[0].speakers).all()
    if nobody or any(side.prepare or side.varies for side in sides):
        raise ValueError(
            "Normalisation by speaker needs the speakers of the training clips, and clips of one "
            "length that are computed once. Received: "
            f"{'no speakers' if nobody else 'clips that change or vary'}. Fill in the column "
            "'speaker', or choose model.normalize='bins'."
        )
    found = [side.x[side.index] for side in sides]
    if normalization.per == "bin":
        found = [with_channels(x) for x in found]
    normalization.adapt(*normalization.statistics(found[0]))
    return [
        replace(side, x=aligned(x, side.speakers, normalization), index=np.arange(len(x)))
        for side, x in zip(sides, found, strict=True)
    ]


def aligned(x, speakers, normalization, enrolled=None):
    """Bring clips from the statistics of their speakers to those of the training clips.

    Args:
        x: float array `(clips, ...)`, what the layer is given.
        speakers: array `(clips,)` of names, or None. Clips without one, and those of a speaker
            with one enrolled clip, stay as they are.
        normalization: `SpeakerNormalization`.
        enrolled: bool array `(clips,)`, those that give the statistics; None is all.

    Returns:
        float32 array of the shape of `x`.
    """
    mean, deviation = map(np.asarray, normalization.get_weights())
    result = np.array(x, np.float32)
    speakers = np.full(len(x), None) if speakers is None else np.asarray(speakers, dtype=object)
    named = [name for name in set(speakers.tolist()) if isinstance(name, str)]
    for name in named:
        rows = np.flatnonzero(speakers == name)
        known = rows if enrolled is None else rows[enrolled[rows]]
        if len(known) >= LEAST_CLIPS:
            own_mean, own_deviation = normalization.statistics(result[known])
            result[rows] = (result[rows] - own_mean) / own_deviation * deviation + mean
    return result


def parts(model):
    """Cut a model that normalises by speaker in front of that layer.

    Args:
        model: `keras.Model` with the layer.

    Returns:
        Function of a batch of features that gives what the layer is to be given, and the
        `keras.Model` that goes on from there to probabilities.
    """
    if layer(model).per == "bin":
        return np.asarray, model
    cut = frozen.split(model)
    return cut.frozen.predict_on_batch, cut.rest


def predict(model, side, batch_size):
    """Return the probabilities of a side's clips, `(rows, classes)`.

    Args:
        model: `keras.Model` or classical model from features to probabilities. If it normalises
            by speaker, all clips of a speaker in the side give the statistics.
        side: `serkeras.training.sides.Side`.
        batch_size: clips a step.

    Warns:
        UserWarning: speakers of some clips are unknown, or have one clip: nobody enrolled them.
    """
    batches = Batches(side, batch_size)
    normalization = layer(model)
    if normalization is None:
        return model.predict(batches.for_keras(), verbose=0)
    listen, rest = parts(model)
    found = np.concatenate([listen(batches[n][0]) for n in range(len(batches))])
    _warn_of_strangers(side.speakers, len(found))
    x = aligned(found, side.speakers, normalization)
    return rest.predict(x, batch_size=batch_size, verbose=0)


def _warn_of_strangers(speakers, count):
    counts = pd.Series([None] * count if speakers is None else speakers, dtype=object)
    known = counts.map(counts.value_counts()).fillna(0) >= LEAST_CLIPS
    if not known.all():
        warnings.warn(
            f"{(~known).sum()} of {count} clips have no speaker, or are that speaker's only one: "
            "the model takes them for clips of an average speaker of its training side, and knows "
            "them less well.",
            stacklevel=3,
        )


def halves(model, one_speaker):
    """Return how windows of recordings are listened to, and how all of them are answered.

    Args:
        model: `keras.Model` or classical model from features to probabilities.
        one_speaker: whether all windows are of one speaker, whose statistics they then give.

    Returns:
        Function of a batch of features, and function of all that it returned that gives the
        probabilities `(windows, classes)`.
    """
    normalization = layer(model)
    if normalization is None or not one_speaker:
        if normalization is not None:
            warnings.warn(
                "The model was measured with the statistics of each speaker; without them it "
                "takes those of its training clips. Predict the recordings of one speaker at a "
                "time, with one_speaker=True (--one-speaker).",
                stacklevel=5,
            )
        return model.predict_on_batch, lambda found: found
    listen, rest = parts(model)

    def answer(found):
        x = aligned(found, ["the speaker"] * len(found), normalization)
        return rest.predict(x, verbose=0)

    return listen, answer
