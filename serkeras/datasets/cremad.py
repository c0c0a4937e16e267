"""CREMA-D, the Crowd-sourced Emotional Multimodal Actors Dataset: its audio."""

import re

import pandas as pd

from serkeras.datasets import _cremad_votes, _table

EMOTIONS = {
    "ANG": "angry",
    "DIS": "disgust",
    "FEA": "fear",
    "HAP": "happy",
    "NEU": "neutral",
    "SAD": "sad",
}
_LETTERS = {code[0]: word for code, word in EMOTIONS.items()}  # of votes
INTENSITIES = {"LO": "low", "MD": "medium", "HI": "high", "XX": "unspecified", "X": "unspecified"}
STATEMENTS = {
    "IEO": "It's eleven o'clock",
    "TIE": "That is exactly what happened",
    "IOM": "I'm on my way to the meeting",
    "IWW": "I wonder what this is about",
    "TAI": "The airplane is almost full",
    "MTI": "Maybe tomorrow it will be cold",
    "IWL": "I would like a new alarm clock",
    "ITH": "I think I have a doctor's appointment",
    "DFA": "Don't forget a jacket",
    "ITS": "I think I've seen this before",
    "TSI": "The surface is slick",
    "WSI": "We'll stop in a couple of minutes",
}
_FEWER = {1002: 81, 1008: 76, 1009: 76, 1019: 76, 1076: 81}
_ACTORS = range(1001, 1092)

CARD = _table.Card(
    name="cremad",
    title="Crowd-sourced Emotional Multimodal Actors Dataset (CREMA-D), audio",
    licence="ODbL 1.0 (database), DbCL 1.0 (contents)",
    citation=(
        "Cao, H., Cooper, D. G., Keutmann, M. K., Gur, R. C., Nenkova, A., & Verma, R. (2014). "
        "CREMA-D: Crowd-sourced emotional multimodal actors dataset. IEEE Transactions on "
        "Affective Computing 5(4), 377-390. https://doi.org/10.1109/TAFFC.2014.2336244"
    ),
    homepage="https://github.com/CheyneyComputerScience/CREMA-D",
    language="English (American)",
    emotions={word: 1087 if word == "neutral" else 1271 for word in EMOTIONS.values()},
    speakers={f"cremad-{actor}": _FEWER.get(actor, 82) for actor in _ACTORS},
    speaker_count=91,
    by_hand=(
        "CREMA-D is a git repository with git-lfs: `git lfs install`, then `git clone "
        "https://github.com/CheyneyComputerScience/CREMA-D`, and pass the clone as root. Without "
        "git-lfs the .wav files are text pointers of about 130 bytes. The clips lie in AudioWAV, "
        "the lists in VideoDemographics.csv and processedResults/ (summaryTable.csv, "
        "tabulatedVotes.csv)."
    ),
    note=(
        "Sex and age stand in VideoDemographics.csv, the majority of the listeners in "
        "summaryTable.csv, their counts in tabulatedVotes.csv; without these files they are "
        "unknown."
    ),
)

_NAME = re.compile(r"(10\d\d)_([A-Z]{3})_([A-Z]{3})_(LO|MD|HI|XX?)")


def parse(path):
    """Read a CREMA-D file name.

    Args:
        path: `pathlib.Path` named `1001_DFA_ANG_XX` (actor, sentence, emotion, intensity);
            the published name 1040_ITH_SAD_X is read as 1040_ITH_SAD_XX.

    Returns:
        Dict of manifest values, or None where the name is no CREMA-D clip.
    """
    match = _NAME.fullmatch(path.stem)
    if match is None:
        return None
    actor, sentence, emotion, intensity = match.groups()
    if int(actor) not in _ACTORS or sentence not in STATEMENTS or emotion not in EMOTIONS:
        return None
    return {
        "name": path.stem + ("X" if intensity == "X" else ""),
        "emotion": EMOTIONS[emotion],
        "speaker": actor,
        "statement": sentence,
        "intensity": INTENSITIES[intensity],
    }


def scan(root):
    """Return the manifest of the clips below `root`; see `_table.scan`.

    Extra columns: `age`, `race`, `ethnicity` from VideoDemographics.csv (<NA> without it);
    where summaryTable.csv is there, the listeners' `voice_vote` and `multimodal_vote` as
    emotion words (ties joined by a colon, `"angry:disgust"`) and `voice_level` and
    `multimodal_level`, the mean intensity they heard (0-100, ties likewise); where
    tabulatedVotes.csv or finishedResponses.csv is there, `votes_angry` and so on, how many of
    those who heard the voice alone named the emotion.

    Warns:
        UserWarning: VideoDemographics.csv is not there, so that sex is unknown.
    """
    clips = _with_actors(_table.scan(root, CARD.name, parse), root)
    votes = _table.find_file(root, "summaryTable.csv")
    names = clips["clip"].str.removeprefix("cremad/")
    if votes is not None:
        table = read_votes(votes)
        for column in table.columns:
            clips[column] = names.map(table[column]).astype("string")
    counts = _cremad_votes.read(root, _LETTERS)
    if counts is not None:
        for column in counts.columns:
            clips[column] = names.map(counts[column]).astype("Int64")
    return clips


def _with_actors(clips, root):
    """Add what VideoDemographics.csv knows of the actors."""
    path = _table.find_file(root, "VideoDemographics.csv")
    if path is None:
        _table.warn(
            f"cremad: VideoDemographics.csv is not in {root}; sex and age are unknown. It lies "
            f"beside AudioWAV in {CARD.homepage}.",
        )
        table = pd.DataFrame(columns=["ActorID", "Age", "Sex", "Race", "Ethnicity"], dtype=str)
    else:
        table = pd.read_csv(path, dtype=str)
    table.index = "cremad-" + table["ActorID"].astype("string")
    clips["sex"] = clips["speaker"].map(table["Sex"].str.lower()).astype("string")
    clips["age"] = pd.to_numeric(clips["speaker"].map(table["Age"])).astype("Int64")
    clips["race"] = clips["speaker"].map(table["Race"]).astype("string")
    clips["ethnicity"] = clips["speaker"].map(table["Ethnicity"]).astype("string")
    return clips


def read_votes(path):
    """Read summaryTable.csv.

    Returns:
        DataFrame indexed by clip name, columns voice_vote, voice_level, multimodal_vote,
        multimodal_level, all text.
    """
    table = pd.read_csv(path, dtype=str).set_index("FileName")

    def spell(votes):
        return votes.map(lambda vote: ":".join(_LETTERS[letter] for letter in vote.split(":")))

    return pd.DataFrame(
        {
            "voice_vote": spell(table["VoiceVote"]),
            "voice_level": table["VoiceLevel"],
            "multimodal_vote": spell(table["MultiModalVote"]),
            "multimodal_level": table["MultiModalLevel"],
        }
    )
