"""What an ensemble gains over its members, with paired intervals."""

import numpy as np
import pandas as pd

from serkeras.studies import paired

MEASURES = ("uar", "accuracy")


def over(truth, joined, said, speakers, seed=0):
    """Compare the answers of an ensemble with those of some members, on the same clips.

    Args:
        truth: int array `(clips,)` of class indices.
        joined: int array `(clips,)`, what the ensemble says.
        said: int array `(members, clips)`; of several members the mean is compared with.
        speakers: `(clips,)` names; where one is missing, or there is only one, clips are drawn.
        seed: of the resampling.

    Returns:
        Dictionary of `uar` and `accuracy`, each with `value` (ensemble less members), `low`,
        `high` and `p` (`serkeras.studies.paired`: both see the same resampled speakers, which
        are also what is exchanged), and of `unit`, "speaker" or "clip", and `units`.
    """
    count, clips = said.shape
    units, unique = pd.factorize(pd.Series(speakers, dtype=object))
    by_speaker = bool((units >= 0).all() and len(unique) > 1)
    if not by_speaker:
        units = np.arange(clips)
    judged = paired.Judged(
        truth=np.tile(truth, count),
        a=np.tile(joined, count),
        b=said.ravel(),
        runs=np.repeat(np.arange(count), clips),
        units=np.tile(units, count),
    )
    limits = paired.bootstrap(judged, seed=seed)
    measured = {name: _measure(judged, name, limits[name], seed) for name in MEASURES}
    unit = "speaker" if by_speaker else "clip"
    return {**measured, "unit": unit, "units": int(units.max()) + 1}


def _measure(judged, name, limits, seed):
    parts = paired.contributions(judged, name)
    p, _ = paired.sign_flip(parts, seed=seed)
    return {"value": float(parts.sum()), "low": limits[0], "high": limits[1], "p": p}
