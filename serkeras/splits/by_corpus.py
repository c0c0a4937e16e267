"""Splits that test on a corpus of which training has heard nothing."""

from serkeras.datasets import labels
from serkeras.splits import by_speaker


def holdout(clips, corpus, seed):
    """Test on one corpus, train and validate on the others, with other speakers on each side.

    Args:
        clips: manifest of two corpora or more.
        corpus: name, as in the column corpus.
        seed: int, of the validation speakers.

    Returns:
        (Series of sides on the index of `clips`, tuple of notes).

    Raises:
        ValueError: there is no such corpus or no other one, a training speaker is unknown, or
            the corpus has emotions that the others do not have: nothing could know them.
    """
    corpora = sorted(set(clips["corpus"]))
    if corpus not in corpora or len(corpora) < 2:
        raise ValueError(
            "corpus:NAME needs two corpora or more, and the name of one. Received: "
            f"{corpus!r}, corpora {corpora}. Name one of them, and give --data again for others."
        )
    is_test = clips["corpus"] == corpus
    rest = clips[~is_test]
    _check_emotions(clips[is_test], rest, corpus)
    sizes = by_speaker.speakers(rest)["corpus"].value_counts()
    # The test asks for no speaker of theirs: where need be, two are enough.
    sides = by_speaker.carve(rest, [], seed, least=3 if sizes.max() >= 3 else 2)
    note = f"The test side is all of {corpus}; training and validation have heard nothing of it."
    return sides.reindex(clips.index, fill_value="test"), (note,)


def _check_emotions(test, rest, corpus):
    unknown = sorted(set(test["emotion"]) - set(rest["emotion"]))
    if unknown:
        schemes = [name for name in ("seven", "four") if _agree(test, rest, labels.SCHEMES[name])]
        remedy = f"label scheme {' or '.join(schemes)}" if schemes else "other corpora"
        raise ValueError(
            "corpus:NAME needs training clips of every emotion of the tested corpus. Received: "
            f"{', '.join(unknown)} in {corpus}, not in {', '.join(sorted(set(rest['corpus'])))}. "
            f"Use {remedy}, or leave these clips out of the manifest."
        )


def _agree(test, rest, scheme):
    """Whether a label scheme leaves emotions, and none that the test has alone."""
    tested, learned = ({scheme.get(word) for word in c["emotion"]} - {None} for c in (test, rest))
    return bool(tested) and tested <= learned
