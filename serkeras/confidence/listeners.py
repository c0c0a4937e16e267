"""A model beside the people who heard the same clips."""

import numpy as np
import pandas as pd

from serkeras.datasets import votes
from serkeras.evaluation import resampling

# Share of right answers of people who heard RAVDESS, as the field cites it.
RAVDESS_PEOPLE = 0.67
_FEWEST = 10  # clips in a part that is worth a figure of its own


def shares(clips, labels, scheme="own"):
    """Return what is known of the listeners of some clips.

    Args:
        clips: manifest with a column emotion. Votes are taken where it has them (see
            `serkeras.datasets.votes`), otherwise EmoDB's `recognised`.
        labels: names of the classes.
        scheme: label scheme of the manifest.

    Returns:
        float array `(clips,)`, the share of the listeners who named the label, NaN where unknown;
        and float array `(clips, classes)`, the share that named each class, rows of NaN where only
        the former is known.
    """
    counts = votes.counts(clips, labels, scheme)
    total = counts.sum(axis=1, keepdims=True)
    with np.errstate(invalid="ignore"):
        all_shares = counts / total
    index = pd.Categorical(clips["emotion"], categories=labels).codes.astype(int)
    named = all_shares[np.arange(len(clips)), index]
    if "recognised" in clips:
        rates = clips["recognised"].astype("Float64").to_numpy(dtype=float, na_value=np.nan) / 100
        named = np.where(np.isnan(named), rates, named)
    return named, all_shares


def compare(answers, named, all_shares, n_boot=2000, seed=0):
    """Measure a model beside the listeners of its test clips.

    Args:
        answers: `serkeras.confidence.answers.Answers` of the clips that `shares` was asked for.
        named, all_shares: what `shares` returned.
        n_boot, seed: of the resampling.

    Returns:
        Dictionary of `clips` (with known listeners), `figures` (each with its interval; those that
        the clips do not give are left out) and `intervals`; None where nothing is known.
        Figures: `people` (mean share of the listeners who named the label), `model` (accuracy on
        the same clips), `correlation` (Spearman's, of the model's probability of the label with
        that share), `model_agree` and `model_disagree` (accuracy where more than half of the
        listeners named the label, and elsewhere) and, of whole votes, `majority` (how often the
        most named class is the label; ties count by their share), `cross_entropy` (of the model to
        the votes, nats), `entropy` (of the votes: the least that this could be) and
        `listener_match` (chance that the model's answer is that of a listener drawn at random).
    """
    known = ~np.isnan(named)
    if known.sum() < _FEWEST:
        return None
    part = _Part(answers, named, all_shares, known)
    found, described = resampling.figures(part.figures, part.speakers, n_boot, seed)
    return {
        "clips": int(known.sum()),
        "agree_clips": int(part.agree.sum()),
        "figures": {name: row for name, row in found.items() if np.isfinite(row["value"])},
        "intervals": described,
    }


class _Part:
    """The clips whose listeners are known."""

    def __init__(self, answers, named, all_shares, known):
        probabilities, truth = answers.probabilities[known], answers.truth[known]
        every = np.arange(len(truth))
        self.speakers = answers.speakers[known]
        self.named, self.of_label = named[known], probabilities[every, truth]
        self.right = probabilities.argmax(axis=1) == truth
        self.agree = self.named > 0.5
        heard = all_shares[known]
        most = heard == heard.max(axis=1, keepdims=True)
        logs = np.log(np.maximum(probabilities, np.finfo(float).eps))
        self.whole = {
            "majority": most[every, truth] / np.maximum(most.sum(axis=1), 1),
            "cross_entropy": -(heard * logs).sum(axis=1),
            "entropy": -np.where(heard > 0, heard * np.log(np.maximum(heard, 1e-12)), 0).sum(
                axis=1
            ),
            "listener_match": heard[every, probabilities.argmax(axis=1)],
        }
        self.has_votes = ~np.isnan(heard).any(axis=1)

    def figures(self, rows):
        named, right, agree = self.named[rows], self.right[rows], self.agree[rows]
        votes_known = rows[self.has_votes[rows]]
        return {
            "people": named.mean(),
            "model": right.mean(),
            "correlation": _rank_correlation(self.of_label[rows], named),
            "model_agree": _mean(right[agree]),
            "model_disagree": _mean(right[~agree]),
            **{name: _mean(values[votes_known]) for name, values in self.whole.items()},
        }


def _mean(values):
    return values.mean() if len(values) else float("nan")


def _rank_correlation(a, b):
    from scipy.stats import rankdata

    ranks_a, ranks_b = rankdata(a), rankdata(b)
    if ranks_a.std() == 0 or ranks_b.std() == 0:
        return float("nan")
    return float(np.corrcoef(ranks_a, ranks_b)[0, 1])
