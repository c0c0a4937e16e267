"""RAVDESS, the Ryerson Audio-Visual Database of Emotional Speech and Song: its speech clips."""

import re

from serkeras.datasets import _table

EMOTIONS = {
    "01": "neutral",
    "02": "calm",
    "03": "happy",
    "04": "sad",
    "05": "angry",
    "06": "fear",
    "07": "disgust",
    "08": "surprise",
}
STATEMENTS = {"kids": "Kids are talking by the door", "dogs": "Dogs are sitting by the door"}

CARD = _table.Card(
    name="ravdess",
    title="Ryerson Audio-Visual Database of Emotional Speech and Song (RAVDESS), speech audio",
    licence="CC BY-NC-SA 4.0",
    citation=(
        "Livingstone, S. R., & Russo, F. A. (2018). The Ryerson Audio-Visual Database of "
        "Emotional Speech and Song (RAVDESS): A dynamic, multimodal set of facial and vocal "
        "expressions in North American English. PLoS ONE 13(5): e0196391. "
        "https://doi.org/10.1371/journal.pone.0196391"
    ),
    homepage="https://doi.org/10.5281/zenodo.1188976",
    language="English (North American)",
    emotions={word: 96 if word == "neutral" else 192 for word in EMOTIONS.values()},
    speakers={f"ravdess-{actor:02d}": 60 for actor in range(1, 25)},
    speaker_count=24,
    archives=(
        _table.Archive(
            url="https://zenodo.org/records/1188976/files/Audio_Speech_Actors_01-24.zip",
            filename="Audio_Speech_Actors_01-24.zip",
            checksum="md5:bc696df654c87fed845eb13823edef8a",
        ),
    ),
    by_hand=(
        "Fetch Audio_Speech_Actors_01-24.zip (208,468,073 bytes) from "
        "https://zenodo.org/records/1188976 and unpack it; the folders Actor_01 to Actor_24 "
        "may lie at any depth."
    ),
    note=(
        "Neutral has no strong intensity. Actor 07 has a byte-identical pair: repetitions 1 "
        "and 2 of happy, normal, kids. Song clips (vocal channel 02) are left out."
    ),
)

_NAME = re.compile(r"0[13]-0([12])-(0[1-8])-(0[12])-(0[12])-(0[12])-(0[1-9]|1\d|2[0-4])")


def parse(path):
    """Read a RAVDESS file name.

    Args:
        path: `pathlib.Path` named `MM-CC-EE-II-SS-RR-AA` (modality, vocal channel, emotion,
            intensity, statement, repetition, actor). Audio cut from the video (modality 01)
            is the same performance as the audio-only file and gets its clip name (03).

    Returns:
        Dict of manifest values, or None where the name is no RAVDESS speech clip.
    """
    match = _NAME.fullmatch(path.stem)
    if match is None or is_song(path):
        return None
    _, emotion, intensity, statement, repetition, actor = match.groups()
    return {
        "name": "03" + path.stem[2:],
        "emotion": EMOTIONS[emotion],
        "speaker": actor,
        "sex": "male" if int(actor) % 2 else "female",
        "statement": "kids" if statement == "01" else "dogs",
        "intensity": "normal" if intensity == "01" else "strong",
        "repetition": int(repetition),
    }


def is_song(path):
    """Tell whether a path is named as a RAVDESS song clip (vocal channel 02)."""
    match = _NAME.fullmatch(path.stem)
    return match is not None and match[1] == "2"


def scan(root):
    """Return the manifest of the speech clips below `root`; see `_table.scan`."""
    return _table.scan(root, CARD.name, parse, aside=(is_song, "song clips (vocal channel 02)"))
