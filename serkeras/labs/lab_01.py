"""Checks of notebook 01: reading a confusion matrix, and who stands on two sides."""

from serkeras.labs.answers import Hint, as_number, brief
from serkeras.labs.checking import exercise

LABELS = ["angry", "fear", "sad"]
# Unequal rows, so that accuracy, precision and recall differ; `sad` for `fear` is the largest
# mistake, while `fear` and `angry` are confused more often when both ways are added.
MATRIX = ((30, 6, 4), (7, 2, 1), (0, 9, 11))


def _matrix():
    import numpy as np

    return np.array(MATRIX)


@exercise("1.1", points=2)
def unweighted_average_recall(answer):
    """Judge the UAR of a confusion matrix of counts, rows the truth."""
    matrix = _matrix()
    received = as_number(answer(matrix))
    right = matrix.diagonal()
    recall, precision = right / matrix.sum(axis=1), right / matrix.sum(axis=0)
    mistakes = {
        right.sum() / matrix.sum(): "that is the accuracy: large classes count more in it. "
        "Find the share of each class first, then take the mean",
        precision.mean(): "that is the mean precision: you divided by the columns, by how often "
        "an emotion was said. How often was it true?",
        recall.sum(): "you added the recalls up; UAR is their mean",
        100 * recall.mean(): "give a share between 0 and 1, not percent",
    }
    for value, hint in mistakes.items():
        if abs(received - value) < 1e-3:
            raise Hint(hint)
    if abs(received - recall.mean()) > 1e-3:
        raise Hint(
            "for one row of the truth, which cell holds the clips that were found, and how many "
            "clips are there in all? Do so for each row, then take the mean"
        )


@exercise("1.2", points=2)
def most_frequent_confusion(answer):
    """Judge the pair (truth, said) of the largest mistake."""
    received = answer(_matrix(), list(LABELS))
    if not isinstance(received, (tuple, list)) or len(received) != 2:
        raise Hint(f"return two emotions, (truth, said), not {brief(received)}")
    if any(not isinstance(name, str) for name in received):
        raise Hint("return the names of the emotions: `labels` has them in the matrix's order")
    truth, said = map(str, received)
    if truth == said:
        raise Hint("the diagonal holds what was recognised: leave it out before you look")
    if (truth, said) == ("fear", "sad"):
        raise Hint("rows are the truth and columns what was said: you have them the other way")
    if {truth, said} == {"angry", "fear"}:
        raise Hint(
            "`angry` for `fear` and `fear` for `angry` are two different mistakes: do not add "
            "them, look for the largest single cell"
        )
    if (truth, said) != ("sad", "fear"):
        raise Hint("look for the largest cell outside the diagonal, then for its row and column")


@exercise("1.3", points=2)
def speakers_on_two_sides(answer):
    """Judge which speakers two tables have in common."""
    import pandas as pd

    train = pd.DataFrame(
        {"clip": ["a1", "a2", "b1", "c1"], "speaker": ["ann", "ann", "bob", "cyd"]}
    )
    test = pd.DataFrame({"clip": ["a3", "c2", "d1"], "speaker": ["ann", "cyd", "dan"]})
    received = _names(answer(train.copy(), test.copy()))
    if "dan" in received or "bob" in received:
        raise Hint("a speaker leaks who is in both tables; yours has one of a single table")
    if not received:
        raise Hint(
            "there are speakers in both tables, and you found none. The *clips* all differ: "
            "compare the column `speaker`"
        )
    if received != ["ann", "cyd"]:
        raise Hint("name each speaker once who is in both tables, wherever the rows stand")
    alone = _names(answer(train[train["speaker"] == "bob"].copy(), test.copy()))
    if alone:
        raise Hint("of two tables without a common speaker nobody should be named")


def _names(received):
    """Return names in order, out of a list, set, array or column."""
    if received is None:
        raise Hint("your function returned None: end it with `return`")
    if isinstance(received, (str, bool, int, float)):
        raise Hint(f"return the names of the speakers as a list, not {brief(received)}")
    return sorted(str(name) for name in received)
