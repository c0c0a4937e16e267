"""The counts of CREMA-D's listeners, from the lists that its makers publish."""

import pandas as pd

from serkeras.datasets import _table
from serkeras.datasets.votes import PREFIX

# Kind of what a listener met: voice alone, face alone, both.
_VOICE = 1
_SLOW_MS = 10_000


def read(root, words):
    """Return the votes of those who heard the voice alone.

    Their makers counted finishedResponses.csv into tabulatedVotes.csv; the second is taken where
    it is there, otherwise the first is counted in their way.

    Args:
        root: folder of the corpus.
        words: dictionary from the letter of a vote to the emotion.

    Returns:
        DataFrame indexed by clip name, one column `votes_<emotion>` (int) an emotion; None where
        neither list is there.

    Source:
        README and processFinishedResponses.R of the corpus's repository.
    """
    tabulated = _table.find_file(root, "tabulatedVotes.csv")
    responses = _table.find_file(root, "finishedResponses.csv")
    if tabulated is not None:
        found = _tabulated(tabulated, list(words))
    elif responses is not None:
        found = _counted(responses, _table.find_file(root, "finishedEmoResponses.csv"), list(words))
    else:
        return None
    return found.rename(columns={letter: f"{PREFIX}{word}" for letter, word in words.items()})


def _tabulated(path, letters):
    """Rows are named 1NNNNN for the voice of clip N, 2NNNNN for the face, 3NNNNN for both."""
    table = pd.read_csv(path, index_col=0, dtype={"fileName": str})
    voice = table[table.index.astype(int) // 100_000 == _VOICE]
    return voice.set_index("fileName")[letters].astype("Int64")


def _counted(path, first_clicks, letters):
    """Leave out answers whose first click came after more than ten seconds, as the makers did."""
    table = pd.read_csv(path, dtype={"clipName": str, "respEmo": str})
    if first_clicks is not None:
        first = pd.read_csv(first_clicks)
        slow = first[pd.to_numeric(first["ttr"], errors="coerce") > _SLOW_MS]
        table = table[~_question(table).isin(_question(slow))]
    voice = table[table["queryType"] == _VOICE]
    names = voice["clipName"].str.partition(".")[0]
    found = pd.crosstab(names, voice["respEmo"])
    return found.reindex(columns=letters, fill_value=0).astype("Int64")


def _question(table):
    return table["sessionNums"] * 1000 + table["queryType"] * 100 + table["questNum"]
