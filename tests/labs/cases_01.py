"""Right and plausible wrong answers to the exercises of notebook 01."""

import numpy as np
import pandas as pd


def uar(matrix):
    return (np.diag(matrix) / matrix.sum(axis=1)).mean()


def uar_by_hand(matrix):
    shares = [row[i] / sum(row) for i, row in enumerate(matrix.tolist())]
    return np.array([round(sum(shares) / len(shares), 4)])


def confused(matrix, labels):
    wrong = matrix - np.diag(np.diag(matrix))
    truth, said = np.unravel_index(wrong.argmax(), wrong.shape)
    return labels[truth], labels[said]


def confused_by_hand(matrix, labels):
    pairs = [(i, j) for i in range(len(labels)) for j in range(len(labels)) if i != j]
    return [labels[k] for k in max(pairs, key=lambda pair: matrix[pair])]


def without_diagonal(matrix):
    return matrix - np.diag(np.diag(matrix))


def swapped(matrix, labels):
    return confused(matrix, labels)[::-1]


def with_diagonal(matrix, labels):
    truth, said = np.unravel_index(matrix.argmax(), matrix.shape)
    return labels[truth], labels[said]


def both_ways(matrix, labels):
    wrong = np.triu(without_diagonal(matrix) + without_diagonal(matrix).T)
    truth, said = np.unravel_index(wrong.argmax(), wrong.shape)
    return labels[truth], labels[said]


def indices(matrix, labels):
    wrong = without_diagonal(matrix)
    return np.unravel_index(wrong.argmax(), wrong.shape)


def shared(train, test):
    return set(train["speaker"]) & set(test["speaker"])


RIGHT = {
    "1.1": [uar, uar_by_hand],
    "1.2": [confused, confused_by_hand],
    "1.3": [shared, lambda a, b: np.intersect1d(a["speaker"], b["speaker"])],
}
WRONG = {
    "1.1": [
        (lambda m: np.trace(m) / m.sum(), "accuracy"),
        (lambda m: (np.diag(m) / m.sum(axis=0)).mean(), "precision"),
        (lambda m: (np.diag(m) / m.sum(axis=1)).sum(), "added the recalls up"),
        (lambda m: 100 * uar(m), "not percent"),
        (lambda m: np.diag(m) / m.sum(axis=1), "one number"),
        (lambda m: (np.diag(m) / m.sum(axis=1)).max(), "for one row of the truth"),
        (lambda m: (np.diag(m) / m.sum(axis=1))[:-1].mean(), "for one row of the truth"),
        (lambda m: float("nan"), "nan or infinity"),
        (lambda m: print(end=""), "end it with `return`"),
    ],
    "1.2": [
        (with_diagonal, "the diagonal holds"),
        (swapped, "the other way"),
        (both_ways, "do not add"),
        (indices, "the names of the emotions"),
        (lambda m, names: names[0] + names[1], "return two emotions"),
        (lambda m, names: (names[0], names[2]), "outside the diagonal"),
    ],
    "1.3": [
        (lambda a, b: set(a["clip"]) & set(b["clip"]), "*clips* all differ"),
        (lambda a, b: set(a["speaker"]) | set(b["speaker"]), "of a single table"),
        (lambda a, b: set(a["speaker"]) ^ set(b["speaker"]), "of a single table"),
        (lambda a, b: len(set(a["speaker"]) & set(b["speaker"])), "as a list"),
        (lambda a, b: a["speaker"][a["speaker"].isin(b["speaker"])], "name each speaker once"),
        (lambda a, b: ["ann", "cyd"], "nobody should be named"),
        (lambda a, b: pd.merge(a, b, on="speaker"), "name each speaker once"),
        (lambda a, b: None, "None"),
    ],
}
