"""TESS, the Toronto emotional speech set."""

import re

from serkeras.datasets import _table

EMOTIONS = {
    "angry": "angry",
    "disgust": "disgust",
    "fear": "fear",
    "happy": "happy",
    "neutral": "neutral",
    "ps": "surprise",
    "sad": "sad",
}
AGES = {"OAF": 64, "YAF": 26}

CARD = _table.Card(
    name="tess",
    title="Toronto emotional speech set (TESS)",
    licence="CC BY-NC-ND 4.0",
    citation=(
        "Pichora-Fuller, M. K., & Dupuis, K. (2020). Toronto emotional speech set (TESS). "
        "Borealis. https://doi.org/10.5683/SP2/E8H2MF"
    ),
    homepage="https://doi.org/10.5683/SP2/E8H2MF",
    language="English (Canadian)",
    emotions={word: 400 for word in EMOTIONS.values()},
    speakers={f"tess-{speaker}": 1400 for speaker in AGES},
    speaker_count=2,
    archives=(
        # The host packs this zip on request: it has no published checksum.
        _table.Archive(
            url=(
                "https://borealisdata.ca/api/access/dataset/:persistentId/"
                "?persistentId=doi:10.5683/SP2/E8H2MF"
            ),
            filename="tess.zip",
        ),
    ),
    by_hand=(
        "Fetch the data set from https://doi.org/10.5683/SP2/E8H2MF (Access Dataset) and unpack "
        "it; the clips may lie at any depth."
    ),
    note=(
        "Two female speakers, 64 (OAF) and 26 (YAF) years old; with only two, a speaker-disjoint "
        "split has one speaker on a side. The statement is the word in 'Say the word ...'. "
        "'ps' (pleasant surprise) is read as surprise, the published name OA_bite_neutral as "
        "OAF_bite_neutral. Some published .wav files are AIFF inside."
    ),
)

_NAME = re.compile(
    r"(OAF?|YAF)_([a-z]+)_(angry|disgust|fear|happy|neutral|ps|pleasant_surprised?|sad)",
    re.IGNORECASE,
)


def parse(path):
    """Read a TESS file name.

    Args:
        path: `pathlib.Path` named `OAF_back_angry` (speaker, word, emotion).

    Returns:
        Dict of manifest values, or None where the name is no TESS clip.
    """
    match = _NAME.fullmatch(path.stem)
    if match is None:
        return None
    speaker = match[1].upper().replace("OAF", "OA").replace("OA", "OAF")
    word, emotion = match[2].lower(), match[3].lower()
    emotion = "ps" if emotion.startswith("pleasant") else emotion
    return {
        "name": f"{speaker}_{word}_{emotion}",
        "emotion": EMOTIONS[emotion],
        "speaker": speaker,
        "sex": "female",
        "statement": word,
        "age": AGES[speaker],
    }


def scan(root):
    """Return the manifest of the clips below `root`, with `age`; see `_table.scan`."""
    clips = _table.scan(root, CARD.name, parse)
    clips["age"] = clips["age"].astype("Int64")
    return clips
