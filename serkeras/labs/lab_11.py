"""Checks of notebook 11: a resample by speaker, the calibration error, a guard."""

from serkeras.labs.answers import Hint, as_array, as_number, brief
from serkeras.labs.checking import exercise


@exercise("11.1", points=2)
def resample_by_speaker(answer):
    """Judge resamples in which whole speakers are drawn with replacement."""
    import numpy as np

    speakers = np.repeat(["a", "b", "c", "d", "e"], [2, 3, 2, 4, 24])
    speakers = speakers[np.random.default_rng(11).permutation(len(speakers))]
    clips = dict(zip(*np.unique(speakers, return_counts=True), strict=True))
    found = []
    for seed in range(40):
        rows = as_array(answer(speakers.copy(), np.random.default_rng(seed)), (None,))
        if not len(rows) or rows.min() < 0 or rows.max() >= len(speakers) or (rows % 1).any():
            raise Hint("return positions of clips, whole numbers from 0")
        times = np.bincount(rows.astype(int), minlength=len(speakers))
        found.append([set(times[speakers == name]) for name in clips])
    if any(len(each) > 1 for drawn in found for each in drawn):
        raise Hint("some clips of a speaker are drawn more often than others: draw whole speakers")
    drawn = np.array([[each.pop() for each in row] for row in found])
    if drawn.max() == 1 and (drawn == 1).all():
        raise Hint("every speaker comes just once, each time: draw with replacement")
    if drawn.max() == 1:
        raise Hint("a speaker who is drawn twice must come twice, with all clips")
    if (drawn.sum(axis=1) != len(clips)).any():
        raise Hint(f"draw as many speakers as there are: {len(clips)}, those drawn twice counted")
    if (drawn == drawn[0]).all():
        raise Hint("each call gives the same resample: draw with the `rng` that you are given")
    share = (drawn.sum(axis=0) / drawn.sum()).round(2)
    if share.max() - share.min() > 0.25:
        raise Hint(f"speakers should have equal chances, whatever their clips: got {list(share)}")


@exercise("11.2", points=3)
def expected_calibration_error(answer):
    """Judge the expected calibration error over bins of equal width."""
    import numpy as np

    confidence = np.array([0.95] * 6 + [0.55] * 2 + [0.57] * 2)
    right = np.array([1, 1, 1, 0, 0, 0] + [1, 1, 1, 0])
    first, second = 0.45, 0.19  # how far off the two bins are: too sure, not sure enough
    received = as_number(answer(confidence.copy(), right.copy()))
    mistakes = {
        (first + second) / 2: "each filled bin counts the same. Weight it by its share of answers",
        (first + second) / 10: "empty bins count too. Weight each bin by its share of the answers",
        0.6 * first - 0.4 * second: "errors of two directions cancel: take their absolute value",
        0.6 * first**2 + 0.4 * second**2: "that is the mean square: take the absolute value",
        first: "that is the worst bin: average over the bins",
        6 * first + 4 * second: "divide by the number of answers: the weights should sum to 1",
        100 * (0.6 * first + 0.4 * second): "give a share between 0 and 1, not percent",
    }
    for wrong, hint in mistakes.items():
        if abs(received - wrong) < 1e-6:
            raise Hint(hint)
    if abs(received - np.abs(confidence - right).mean()) < 1e-6:
        raise Hint("compare means within a bin, not each answer with 0 or 1")
    if abs(received - (0.6 * first + 0.4 * second)) > 1e-6:
        raise Hint(
            "for six answers at 0.95, half of them right, and four near 0.56, three right, you "
            f"return {received:g}. What are mean confidence and share of right ones in each bin?"
        )
    if abs(as_number(answer(np.array([1.0, 1.0, 0.92]), np.array([0, 1, 1]))) - 0.92 / 3) > 1e-6:
        raise Hint("a confidence of exactly 1 belongs to the last bin")
    if abs(as_number(answer(np.array([0.1, 0.4, 0.9]), np.array([0, 1, 1]), 1)) - 0.2) > 1e-6:
        raise Hint("`bins` may be another number: with one bin all answers stand in it")


_SIDES = (
    ("abc", "de", "1234", "56", "pqrs", "tu", set()),
    ("abc", "cd", "1234", "56", "pqrs", "tu", {"speaker"}),
    ("abc", "de", "1234", "45", "pqrs", "tu", {"clip"}),
    ("abc", "de", "1234", "56", "pqrs", "st", {"bytes"}),
    ("abc", "cd", "1234", "46", "pqrs", "su", {"speaker", "clip", "bytes"}),
)


@exercise("11.3", points=2)
def guard_of_a_split(answer):
    """Judge the set of columns that have a value on two sides."""
    for left, right, clips, others, files, copies, wanted in _SIDES:
        train, test = _side(left, clips, files), _side(right, others, copies)
        _compare(_set(answer(train, test)), wanted)
    unknown = _side([None, "a"], "12", "pq"), _side([None, "b"], "34", "rs")
    if _set(answer(*unknown)):
        raise Hint("an unknown speaker (None) on both sides is no proof that it is the same one")
    copied = _side([None, "a"], "12", "pq"), _side([None, "b"], "34", "ps")
    if _set(answer(*copied)) != {"bytes"}:
        raise Hint("a row whose speaker is unknown (None) can still hold a known file: look at it")


def _side(speakers, clips, files):
    import pandas as pd

    size = max(len(speakers), len(clips), len(files))
    rows = {"speaker": speakers, "clip": clips, "bytes": files}
    return pd.DataFrame({name: (list(v) * size)[:size] for name, v in rows.items()})


def _set(received):
    if isinstance(received, str) or not isinstance(received, (set, frozenset, list, tuple)):
        raise Hint(f"return a set of names of columns, not {brief(received)}")
    return set(received)


def _compare(received, wanted):
    for name in sorted(wanted - received):
        more = {
            "bytes": "the same file under another name is the same recording",
            "clip": "a clip of the training side stands on the test side",
            "speaker": "a voice of the training side stands on the test side",
        }
        raise Hint(f"{name!r} leaks and you do not name it: {more[name]}")
    for name in sorted(received - wanted, key=str):
        raise Hint(f"you name {name!r}, and no value of it stands on both sides")
