"""Sets of emotions that hold the true one as often as was asked for; arrays only.

The plain threshold takes clips as exchangeable, which clips of speakers whom it has seen and clips
of new ones are not. The threshold by speaker takes speakers as exchangeable, and clips within each.
"""

import numpy as np

# A share or a sum that is not exact in binary must not cost a clip or a class.
_NOISE = 1e-9


def lac_scores(probabilities):
    """Return 1 - p of each class: sets hold all classes above one probability.

    Args:
        probabilities: float array `(clips, classes)`.

    Returns:
        float array `(clips, classes)`; small where the class fits.

    Source:
        Sadinle, Lei & Wasserman (2019), Least ambiguous set-valued classifiers with bounded error
        levels, JASA 114.
    """
    return 1 - np.asarray(probabilities, float)


def aps_scores(probabilities):
    """Return the sum of the probabilities from the largest one down to each class, itself included.

    Sets grow with the doubt about the clip. There is no random tie-breaking, so equal clips get
    equal sets; a set may be empty.

    Args and returns as of `lac_scores`.

    Source:
        Romano, Sesia & Candès (2020), Classification with valid and adaptive coverage, NeurIPS.
    """
    probabilities = np.asarray(probabilities, float)
    order = np.argsort(-probabilities, axis=1, kind="stable")
    sums = np.cumsum(np.take_along_axis(probabilities, order, axis=1), axis=1)
    scores = np.empty_like(sums)
    np.put_along_axis(scores, order, sums, axis=1)
    return scores


SCORES = {"LAC": lac_scores, "APS": aps_scores}


def threshold(scores, level):
    """Return the threshold of split conformal prediction.

    A new clip that is exchangeable with these has a score of at most this with a chance of at
    least `level`, and, without ties, at most `level + 1 / (clips + 1)`.

    Args:
        scores: float array `(clips,)`, of the true classes of clips that the model has not learned.
        level: share of sets that shall hold the truth, 0 to 1.

    Returns:
        float; infinite where there are too few clips for the level.

    Source:
        Vovk, Gammerman & Shafer (2005), Algorithmic Learning in a Random World; Lei et al. (2018),
        Distribution-free predictive inference for regression, JASA 113.
    """
    rank = int(np.ceil((len(scores) + 1) * level - _NOISE))
    return float("inf") if rank > len(scores) else float(np.sort(scores)[max(rank, 1) - 1])


def threshold_by_speaker(scores, speakers, level):
    """Return the threshold for clips of new speakers.

    Each of K speakers has the weight 1 / (K + 1), shared by their clips; the new speaker, of whom
    nothing is known, has the rest, at infinity. Where speakers are exchangeable, and the clips of
    each among each other, a clip of a new speaker has a score of at most this with a chance of at
    least `level`, for any number of speakers and clips. That is a mean over speakers: it is no
    promise for each of them. Levels above K / (K + 1) get no finite threshold.

    Args:
        scores: float array `(clips,)`, of the true classes.
        speakers: `(clips,)` names, all known.
        level: share of sets that shall hold the truth, 0 to 1.

    Returns:
        float; infinite where there are too few speakers for the level.

    Source:
        Lee, Barber & Willett (2023), Distribution-free inference with hierarchical data,
        arXiv:2306.06342, section 3. Without the new speaker's share it is the pooling of
        distributions of Dunn, Wasserman & Ramdas (2022), Distribution-free prediction sets for
        two-layer hierarchical models, JASA 118, which holds for many speakers only.
    """
    _, codes, clips = np.unique(np.asarray(speakers, str), return_inverse=True, return_counts=True)
    weights = 1 / ((len(clips) + 1) * clips[codes])
    order = np.argsort(scores, kind="stable")
    reached = np.cumsum(weights[order]) >= level - _NOISE
    return float(np.asarray(scores)[order][reached.argmax()]) if reached.any() else float("inf")


def highest_level(speakers):
    """Return the highest level that so many speakers give a finite threshold for: K / (K + 1)."""
    return speakers / (speakers + 1)


def sets(scores, limit):
    """Return which classes belong to the set of each clip.

    Args:
        scores: float array `(clips, classes)`.
        limit: a threshold.

    Returns:
        bool array `(clips, classes)`.
    """
    return np.asarray(scores) <= limit + _NOISE
