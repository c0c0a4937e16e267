"""Checks of notebook 02: a file name, the length of clips, and what a parrot reaches."""

from serkeras.labs.answers import Hint, as_array, brief
from serkeras.labs.checking import exercise

_READ = {
    "03-01-06-02-01-02-12.wav": ("fear", "strong", 12, "female"),
    "03-01-01-01-02-01-07.wav": ("neutral", "normal", 7, "male"),
    "03-01-08-01-02-01-24.flac": ("surprise", "normal", 24, "female"),
}
_SONG = "03-02-04-01-01-01-03.wav"
_STRANGERS = ("OAF_back_fear.wav", "03-01-09-01-01-01-01.wav", "03-01-06-02-01-02.wav")


@exercise("2.1", points=2)
def ravdess_name(answer):
    """Judge what is read from RAVDESS file names."""
    for name, wanted in _READ.items():
        found = answer(name)
        if not isinstance(found, dict):
            raise Hint(f"{name}: return a dictionary, not {brief(found)}")
        for key, value in zip(("emotion", "intensity", "speaker", "sex"), wanted, strict=True):
            if key not in found:
                raise Hint(f"the dictionary lacks {key!r}")
            if not _agrees(found[key], value):
                raise Hint(f"{name}: {key} is not {found[key]!r}. {_WHERE[key]}")
    if answer(_SONG) is not None:
        raise Hint(f"{_SONG} is a song (channel 02): return None")
    for name in _STRANGERS:
        if answer(name) is not None:
            raise Hint(f"{name} is no RAVDESS name: return None, do not guess")


_WHERE = {
    "emotion": "It is the third number, and the list of words begins with 01",
    "intensity": "It is the fourth number: 01 is normal, 02 strong",
    "speaker": "It is the last number, before the ending of the file",
    "sex": "Actors with odd numbers are men",
}


def _agrees(found, wanted):
    """Whether a value is the wanted one; the actor may be 12 or "12"."""
    if isinstance(wanted, int):
        return str(found).lstrip("0") == str(wanted)
    return found == wanted


@exercise("2.2", points=2)
def cut_and_padded(answer):
    """Judge shares of clips that are cut and of input that is padding."""
    import numpy as np

    durations, seconds = np.array([1.0, 2.0, 3.0, 5.0, 5.0]), 3.0
    cut, padded = as_array(answer(durations, seconds), (2,))
    if abs(cut - 0.6) < 1e-6:
        raise Hint("a clip of exactly 3 s is not cut: nothing of it is lost")
    if abs(cut - 40) < 1e-6 or abs(padded - 20) < 1e-6:
        raise Hint("give shares between 0 and 1, not percent")
    if abs(cut - 2) < 1e-6:
        raise Hint("the first number is a share of the clips, not how many they are")
    if abs(cut - 0.2) < 1e-6 and abs(padded - 0.4) < 1e-6:
        raise Hint("you have the two shares the other way round")
    if abs(cut - 0.4) > 1e-6:
        raise Hint(f"of five clips two are longer than 3 s, and you say {cut:.2f} are cut")
    mistakes = {
        0.4: "that is the share of *clips* that are padded; asked for is the share of the input",
        3 / 16: "you divide by what was recorded; divide by what the network is given",
        3 / 5: "that is the mean number of seconds; divide by the length of the input",
        -1 / 15: "a clip that is longer than the input has no padding, not a negative one",
    }
    for value, hint in mistakes.items():
        if abs(padded - value) < 1e-6:
            raise Hint(hint)
    if abs(padded - 0.2) > 1e-6:
        raise Hint("how many seconds of zeros has each clip, and how many are given in all?")


@exercise("2.3", points=1)
def parrot(answer):
    """Judge accuracy and UAR of always saying the most frequent emotion."""
    import numpy as np

    for counts in ((60, 30, 10), (10, 0, 20, 10)):
        received = as_array(answer(np.array(counts)), (2,))
        accuracy, uar = max(counts) / sum(counts), 1 / np.count_nonzero(counts)
        if np.allclose(received, (uar, accuracy)):
            raise Hint("return the accuracy first, then the UAR")
        if np.allclose(received, (100 * accuracy, 100 * uar)):
            raise Hint("give shares between 0 and 1, not percent")
        if abs(received[0] - accuracy) > 1e-6:
            raise Hint(f"{counts}: the parrot is right for how many clips, of how many in all?")
        if abs(received[1] - accuracy) < 1e-6:
            raise Hint("UAR is not the accuracy: which recall has an emotion that is never said?")
        if abs(received[1] - 1) < 1e-6:
            raise Hint("one emotion is found always and the others never: take the mean over all")
        if abs(received[1] - 1 / len(counts)) < 1e-6 and len(counts) != np.count_nonzero(counts):
            raise Hint("an emotion without a single clip has no recall: leave it out of the mean")
        if abs(received[1] - uar) > 1e-6:
            raise Hint(f"{counts}: write down the recall of each emotion, then take their mean")
