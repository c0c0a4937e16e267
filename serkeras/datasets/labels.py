"""Emotion words and label schemes: the classes a manifest is sorted into."""

from serkeras.datasets import _table

EMOTIONS = ("angry", "boredom", "calm", "disgust", "fear", "happy", "neutral", "sad", "surprise")

# Other spellings people use for the same classes; used for own recordings only.
SYNONYMS = {
    "anger": "angry",
    "bored": "boredom",
    "calmness": "calm",
    "disgusted": "disgust",
    "fearful": "fear",
    "happiness": "happy",
    "sadness": "sad",
    "surprised": "surprise",
}

_SEVEN = {word: word for word in EMOTIONS if word not in ("boredom", "calm")} | {"calm": "neutral"}
_FOUR = {
    "angry": "angry",
    "calm": "neutral",
    "happy": "happy",
    "neutral": "neutral",
    "sad": "sad",
}

# scheme -> {word of the corpus: class}; words of EMOTIONS that are absent are dropped.
SCHEMES = {"own": None, "seven": _SEVEN, "four": _FOUR}


def canonical(emotion):
    """Return the canonical word for an emotion where there is one, else the word as given."""
    plain = emotion.strip()
    known = SYNONYMS.get(plain.lower(), plain.lower())
    return known if known in EMOTIONS else plain


def relabel(clips, scheme="own"):
    """Sort the clips of a manifest into the classes of a label scheme.

    Args:
        clips: manifest, DataFrame with a column `emotion`.
        scheme: `"own"` leaves the corpus's classes as they are; `"seven"` has angry, disgust,
            fear, happy, neutral, sad and surprise (calm counts as neutral, boredom is
            dropped); `"four"` has angry, happy, neutral and sad (calm counts as neutral,
            the others are dropped).

    Returns:
        A new manifest with a fresh RangeIndex; `clips` is left alone.

    Raises:
        ValueError: the scheme is unknown, or leaves no clip.

    Warns:
        UserWarning: clips are dropped whose word is none of `EMOTIONS` (own recordings).
    """
    if scheme not in SCHEMES:
        raise ValueError(
            f"The label scheme must be one of {', '.join(SCHEMES)}. Received: {scheme!r}."
        )
    classes = SCHEMES[scheme]
    if classes is None:
        return clips.reset_index(drop=True)
    strange = clips.loc[~clips["emotion"].isin(EMOTIONS), "emotion"].value_counts()
    kept = clips[clips["emotion"].isin(list(classes))].reset_index(drop=True)
    if kept.empty:
        raise ValueError(
            f"The label scheme {scheme!r} must leave at least one clip. Received: emotions "
            f"{sorted(clips['emotion'].unique())}, none of which belongs to it. Use "
            'label_scheme="own", or rename the emotions.'
        )
    if len(strange):
        words = ", ".join(f"{word!r} ({count})" for word, count in strange.items())
        _table.warn(
            f"The label scheme {scheme!r} has no place for these emotions; their clips are "
            f"left out: {words}.",
        )
    kept["emotion"] = kept["emotion"].map(classes).astype(clips["emotion"].dtype)
    return kept
