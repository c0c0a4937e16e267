"""What speaks for each emotion on the average: mean maps of rightly classified clips."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from serkeras.explanation import faithfulness, inputs, maps, means, occlusion

_EACH = 40
_BANDS = 32


@dataclass(frozen=True)
class MeanMap:
    """The mean map of the clips of one emotion.

    Attributes:
        emotion: its name.
        clips: how many.
        speakers: of how many speakers.
        map: float array, mean share of the map's sum; `(bins, frames)`, or one axis.
        profile: dictionary of value, low, high, lists: share of each band of bins; of each part
            of the time where there are no bins.
        edges: list of ints, the borders of those bands, in bins (in parts of the time).
        seconds: length of the axis of time; None where there is none.
        centre: dictionary of value, low, high: mean place of the profile, see `Axes.places`;
            seconds where there are no bins.
    """

    emotion: str
    clips: int
    speakers: int
    map: np.ndarray
    profile: dict
    edges: list
    seconds: float | None
    centre: dict


def choose(predictions, seed=0):
    """Choose the rightly classified clips, at most 40 an emotion, spread over speakers."""
    right = predictions[predictions["emotion"] == predictions["predicted"]]
    parts = [inputs.choose(part, _EACH, seed) for _, part in right.groupby("emotion", sort=True)]
    return pd.concat(parts, ignore_index=True) if parts else right


def mean_maps(heard, method, seed=0, progress=False):
    """Return the mean map of each emotion.

    Every clip counts the same: the size of its map is brought to a sum of 1.

    Args:
        heard: `serkeras.explanation.maps.Heard` of rightly classified clips, with the columns
            emotion and speaker.
        method: name of the method.
        seed, progress: as for `serkeras.explanation.maps.make`.

    Returns:
        List of `MeanMap`, in the order of the names.
    """
    made = maps.make(heard, [method], seed, progress)[method]
    frames = max(one.shape[-1] for one in made)
    shares = np.stack([_share(np.abs(one), frames, heard.axes.kind) for one in made])
    seconds = None if heard.axes.step_s is None else frames * heard.axes.step_s
    places = heard.axes.places
    if places is None:
        places = (np.arange(shares.shape[1]) + 0.5) / shares.shape[1] * seconds
    profiles = shares.sum(axis=2) if shares.ndim == 3 else shares
    centres = profiles @ places / np.maximum(profiles.sum(axis=1), 1e-30)
    return [
        _mean(
            emotion, shares[rows], profiles[rows], seconds, centres[rows], heard.speakers.iloc[rows]
        )
        for emotion, rows in sorted(heard.clips.groupby("emotion").indices.items())
    ]


def _mean(emotion, shares, profiles, seconds, centres, speakers):
    edges = occlusion.edges(profiles.shape[1], _BANDS)
    return MeanMap(
        emotion,
        len(shares),
        int(speakers.nunique()),
        shares.mean(axis=0),
        means.mean(np.add.reduceat(profiles, edges[:-1], axis=1), speakers),
        edges.tolist(),
        seconds,
        means.mean(centres, speakers),
    )


def _share(one, frames, kind):
    """Bring a map to so many frames, 0 behind its end, and to a sum of 1.

    Of samples only blocks are kept.
    """
    one = np.pad(one, [(0, 0)] * (one.ndim - 1) + [(0, frames - one.shape[-1])])
    if kind == "time":
        one = np.bincount(faithfulness.cells(one.shape), weights=one)
    return one / max(one.sum(), 1e-30)
