"""EmoDB, the Berlin database of emotional speech."""

import re

import pandas as pd

from serkeras.datasets import _table

# The letters are German: Wut, Langeweile, Ekel, Angst, Freude, Trauer.
EMOTIONS = {
    "W": "angry",
    "L": "boredom",
    "E": "disgust",
    "A": "fear",
    "F": "happy",
    "N": "neutral",
    "T": "sad",
}
# speaker: (sex, age)
SPEAKERS = {
    "03": ("male", 31),
    "08": ("female", 34),
    "09": ("female", 21),
    "10": ("male", 32),
    "11": ("male", 26),
    "12": ("male", 30),
    "13": ("female", 32),
    "14": ("female", 35),
    "15": ("male", 25),
    "16": ("female", 31),
}
_CLIPS = (49, 58, 43, 38, 55, 35, 61, 69, 56, 71)

CARD = _table.Card(
    name="emodb",
    title="Berlin database of emotional speech (EmoDB)",
    licence="Free for research (no licence text in the original archive)",
    citation=(
        "Burkhardt, F., Paeschke, A., Rolfes, M., Sendlmeier, W. F., & Weiss, B. (2005). "
        "A database of German emotional speech. Proc. Interspeech 2005, 1517-1520. "
        "https://doi.org/10.21437/Interspeech.2005-446"
    ),
    homepage="http://emodb.bilderbar.info/",
    language="German",
    emotions={
        "angry": 127,
        "boredom": 81,
        "disgust": 46,
        "fear": 69,
        "happy": 71,
        "neutral": 79,
        "sad": 62,
    },
    speakers={f"emodb-{speaker}": n for speaker, n in zip(SPEAKERS, _CLIPS, strict=True)},
    speaker_count=10,
    archives=(
        # Its makers publish no checksum.
        _table.Archive(
            url="http://emodb.bilderbar.info/download/download.zip", filename="emodb.zip"
        ),
    ),
    by_hand=(
        "Fetch http://emodb.bilderbar.info/download/download.zip and unpack it: clips in wav/, "
        "listeners' recognition rates in erkennung.txt."
    ),
    note=(
        "Ten sentences; the statement is their code, the repetition counts the versions a, b, "
        "... of a sentence. The listeners' rates, in per cent, are `recognised` and `natural`."
    ),
)

_NAME = re.compile(r"(03|08|09|1[0-6])([ab]\d\d)([WLEAFTN])([a-z])")


def parse(path):
    """Read an EmoDB file name.

    Args:
        path: `pathlib.Path` named `03a01Fa` (speaker, text, emotion, version).

    Returns:
        Dict of manifest values, or None where the name is no EmoDB clip.
    """
    match = _NAME.fullmatch(path.stem)
    if match is None:
        return None
    speaker, text, emotion, version = match.groups()
    sex, age = SPEAKERS[speaker]
    return {
        "name": path.stem,
        "emotion": EMOTIONS[emotion],
        "speaker": speaker,
        "sex": sex,
        "statement": text,
        "repetition": ord(version) - ord("a") + 1,
        "age": age,
    }


def scan(root):
    """Return the manifest of the clips below `root`, with `age`; see `_table.scan`.

    Where erkennung.txt lies there too, the columns `recognised` and `natural` hold the share
    of listeners, in per cent, who named the emotion and who found it natural.
    """
    clips = _table.scan(root, CARD.name, parse)
    clips["age"] = clips["age"].astype("Int64")
    rates = _table.find_file(root, "erkennung.txt")
    if rates is not None:
        names = clips["clip"].str.removeprefix("emodb/")
        table = read_rates(rates)
        for column in table.columns:
            clips[column] = names.map(table[column]).astype("Float64")
    return clips


def read_rates(path):
    """Read erkennung.txt.

    The file is Latin-1, tab-separated, pads its cells with non-breaking spaces and writes
    decimals with a comma.

    Returns:
        DataFrame with the columns recognised and natural (per cent), indexed by clip name.
    """
    with open(path, encoding="latin-1") as file:
        lines = [line.replace("\xa0", " ").split("\t") for line in file]
    rows = {}
    for cells in lines[1:]:
        if len(cells) == 4:
            name = cells[1].strip().rsplit(".", 1)[0]
            rows[name] = [float(cell.strip().replace(",", ".")) for cell in cells[2:]]
    return pd.DataFrame.from_dict(rows, orient="index", columns=["recognised", "natural"])
