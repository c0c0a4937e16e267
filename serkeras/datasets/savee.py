"""SAVEE, the Surrey Audio-Visual Expressed Emotion database."""

import re

from serkeras.datasets import _table

EMOTIONS = {
    "a": "angry",
    "d": "disgust",
    "f": "fear",
    "h": "happy",
    "n": "neutral",
    "sa": "sad",
    "su": "surprise",
}
SPEAKERS = ("DC", "JE", "JK", "KL")

CARD = _table.Card(
    name="savee",
    title="Surrey Audio-Visual Expressed Emotion (SAVEE) database",
    licence="Free for research; registration with the University of Surrey required",
    citation=(
        "Haq, S., & Jackson, P. J. B. (2010). Multimodal emotion recognition. In W. Wang (Ed.), "
        "Machine Audition: Principles, Algorithms and Systems (chapter 17, pp. 398-423). "
        "IGI Global."
    ),
    homepage="http://kahlan.eps.surrey.ac.uk/savee/",
    language="English (British)",
    emotions={word: 120 if word == "neutral" else 60 for word in EMOTIONS.values()},
    speakers={f"savee-{speaker}": 120 for speaker in SPEAKERS},
    speaker_count=4,
    by_hand=(
        "SAVEE is given out after registration at http://kahlan.eps.surrey.ac.uk/savee/ "
        "(Download). Unpack its AudioData folder; the clips may lie by speaker (DC/a01.wav) or "
        "flat (DC_a01.wav)."
    ),
    note=(
        "All four speakers are male. The statement is the sentence code of the file name; "
        "sentences belong to one emotion, except the few common ones."
    ),
)

_FLAT = re.compile(r"(DC|JE|JK|KL)_(a|d|f|h|n|sa|su)(\d\d)", re.IGNORECASE)


def parse(path):
    """Read a SAVEE file name.

    Args:
        path: `pathlib.Path` named `DC_a01` (speaker, emotion, sentence), or `a01` in a folder
            named after the speaker.

    Returns:
        Dict of manifest values, or None where the name is no SAVEE clip.
    """
    match = _FLAT.fullmatch(path.stem) or _FLAT.fullmatch(f"{path.parent.name}_{path.stem}")
    if match is None:
        return None
    speaker, emotion, number = match[1].upper(), match[2].lower(), int(match[3])
    if not 1 <= number <= (30 if emotion == "n" else 15):
        return None
    return {
        "name": f"{speaker}_{emotion}{number:02d}",
        "emotion": EMOTIONS[emotion],
        "speaker": speaker,
        "sex": "male",
        "statement": f"{emotion}{number:02d}",
    }


def scan(root):
    """Return the manifest of the clips below `root`; see `_table.scan`."""
    return _table.scan(root, CARD.name, parse)
