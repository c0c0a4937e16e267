"""Listeners' votes in a manifest: columns `votes_<emotion>`, counts of who heard what."""

import numpy as np

from serkeras.datasets.labels import SCHEMES, canonical

PREFIX = "votes_"


def counts(clips, labels, scheme="own"):
    """Return how many listeners of each clip named each class.

    Args:
        clips: manifest; of own recordings too, where a CSV file has such columns.
        labels: names of the classes, in order.
        scheme: label scheme that the manifest was brought to. Votes follow it: in "seven" those
            for calm count for neutral. Synonyms count as in own recordings: anger for angry. Votes
            for what is no class are left out.

    Returns:
        float array `(clips, classes)`; rows of zeros where nothing is known, or nobody named one
        of the classes.

    Raises:
        ValueError: a count is below 0.
    """
    found = np.zeros((len(clips), len(labels)))
    classes = SCHEMES[scheme]
    for column in [name for name in clips.columns if str(name).startswith(PREFIX)]:
        word = canonical(column.removeprefix(PREFIX))
        word = word if classes is None else classes.get(word)
        if word in labels:
            values = clips[column].astype("Float64").fillna(0).to_numpy(dtype=float)
            _check(clips, column, values)
            found[:, list(labels).index(word)] += values
    return found


def _check(clips, column, values):
    if values.min(initial=0) < 0 or not np.isfinite(values).all():
        worst = clips["clip"].iloc[int(np.argmin(values))]
        raise ValueError(
            f"Votes must be counts of 0 or more. Received: {column} of {worst}, "
            f"{values.min()}. Correct the list of votes."
        )


def distributions(clips, labels, scheme="own"):
    """Return the share of the listeners of each clip that named each class.

    Args:
        clips, labels, scheme: as in `counts`.

    Returns:
        float array `(clips, classes)`, rows sum to 1.

    Raises:
        ValueError: a clip has no votes.
    """
    found = counts(clips, labels, scheme)
    total = found.sum(axis=1)
    without = clips["clip"].to_numpy(dtype=object)[total == 0]
    if len(without):
        raise ValueError(
            "Every training clip must have listeners' votes where they are the targets "
            f"(training.targets='votes'). Received: {len(without)} of {len(clips)} clips without, "
            f"such as {without[0]}. Votes come from tabulatedVotes.csv of CREMA-D, or from columns "
            f"{PREFIX}<emotion> of a CSV file; train on clips that have them, or with "
            "training.targets='labels'."
        )
    return found / total[:, None]
