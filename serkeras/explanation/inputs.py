"""What is explained: the features of recordings, and which test clips are taken."""

import numpy as np
from tqdm import tqdm

from serkeras import audio
from serkeras.features import registry
from serkeras.serving.waveforms import clip_features


def features(run, paths, progress=False):
    """Compute what a run's model takes of recordings, cut to length as in training.

    Args:
        run: `serkeras.Run`.
        paths: recordings.
        progress: show a bar.

    Returns:
        List of waves, float32 `(samples,)`, and list of float32 arrays `(bins, frames, 1)` and so
        on; `(samples, 1)` where the model takes waveforms.

    Raises:
        serkeras.audio.AudioError: a recording cannot be read, or is too short.
    """
    waves, found = [], []
    for path in tqdm(list(paths), desc="features", unit="clip", disable=not progress):
        waves.append(audio.load_clip(path, run.experiment.audio))
        x = clip_features(waves[-1], run.experiment, str(path))
        found.append(np.asarray(x, np.float32).reshape(registry.model_shape(x.shape)))
    return waves, found


def silence(experiment):
    """Return what a run's model takes of a clip of zeros, as long as a clip can be."""
    x = clip_features(np.zeros(experiment.audio.samples, np.float32), experiment, "silence")
    return np.asarray(x, np.float32).reshape(registry.model_shape(x.shape))


def longest(experiment):
    """Return frames of the longest possible clip where clips keep their length, else None."""
    return silence(experiment).shape[-2] if experiment.audio.fit == "keep" else None


def choose(clips, count, seed=0):
    """Choose clips that are spread evenly over emotions, and within those over speakers.

    Args:
        clips: manifest with the columns clip, emotion and speaker.
        count: int, how many.
        seed: of the choice.

    Returns:
        Rows of `clips`; all of them where there are no more.
    """
    order = np.random.default_rng(seed).permutation(len(clips))
    mixed = clips.sort_values("clip", kind="stable").iloc[order]
    speaker = mixed["speaker"].fillna("")
    mixed = mixed.assign(turn=mixed.groupby([mixed["emotion"], speaker]).cumcount())
    mixed = mixed.sort_values("turn", kind="stable")
    mixed = mixed.assign(turn=mixed.groupby("emotion").cumcount())
    mixed = mixed.sort_values("turn", kind="stable").head(count)
    return mixed.drop(columns="turn").reset_index(drop=True)


def alike(found, most):
    """Yield indices of features of one shape, at most so many, in order.

    Args:
        found: list of arrays.
        most: int.
    """
    group = []
    for index, x in enumerate(found):
        if group and (len(group) == most or found[group[0]].shape != x.shape):
            yield group
            group = []
        group.append(index)
    if group:
        yield group
