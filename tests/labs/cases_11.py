"""Right and plausible wrong answers to the exercises of notebook 11."""

import numpy as np
import pandas as pd


def drawn(speakers, rng):
    names = np.unique(speakers)
    return np.concatenate([np.flatnonzero(speakers == n) for n in rng.choice(names, len(names))])


def drawn_by_a_list(speakers, rng):
    codes, names = pd.factorize(speakers)
    picked = rng.integers(len(names), size=len(names))
    return [row for code in picked for row, own in enumerate(codes) if own == code]


def clips_drawn(speakers, rng):
    return rng.integers(len(speakers), size=len(speakers))


def without_replacement(speakers, rng):
    names = rng.permutation(np.unique(speakers))
    return np.concatenate([np.flatnonzero(speakers == name) for name in names])


def twice_is_once(speakers, rng):
    names = np.unique(speakers)
    return np.flatnonzero(np.isin(speakers, rng.choice(names, len(names))))


def too_few_speakers(speakers, rng):
    names = np.unique(speakers)
    picked = rng.choice(names, len(names) - 1)
    return np.concatenate([np.flatnonzero(speakers == name) for name in picked])


def without_the_generator(speakers, rng):
    return drawn(speakers, np.random.default_rng(0))


def by_their_clips(speakers, rng):
    picked = rng.choice(speakers, len(np.unique(speakers)), p=np.where(speakers == "e", 5, 1) / 131)
    return np.concatenate([np.flatnonzero(speakers == name) for name in picked])


def as_often_as_they_speak(speakers, rng):
    picked = rng.choice(speakers, size=len(np.unique(speakers)))
    return np.concatenate([np.flatnonzero(speakers == name) for name in picked])


def as_a_mask(speakers, rng):
    return (speakers == rng.choice(speakers)) * 99


def _bins(confidence, right, bins):
    confidence, right = np.asarray(confidence, float), np.asarray(right, float)
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    for number in range(bins):
        inside = place == number
        if inside.any():
            yield inside.mean(), confidence[inside].mean() - right[inside].mean()


def ece(confidence, right, bins=10):
    return sum(share * abs(gap) for share, gap in _bins(confidence, right, bins))


def ece_by_pandas(confidence, right, bins=10):
    table = pd.DataFrame({"said": np.asarray(confidence, float), "right": np.asarray(right, float)})
    edges = np.linspace(0, 1, bins + 1)
    groups = table.groupby(pd.cut(table["said"], edges, include_lowest=True), observed=True)
    return (groups.size() / len(table) * (groups.mean().diff(axis=1)["right"]).abs()).sum()


def ece_by_masks(confidence, right, bins=10):
    edges, total = np.linspace(0, 1, bins + 1), 0.0
    for low, high in zip(edges, edges[1:], strict=False):
        inside = (confidence > low) & (confidence <= high)
        if inside.any():
            total += inside.sum() * abs(right[inside].mean() - confidence[inside].mean())
    return total / confidence.size


def unweighted(confidence, right, bins=10):
    return np.mean([abs(gap) for _, gap in _bins(confidence, right, bins)])


def empty_bins_count(confidence, right, bins=10):
    return sum(abs(gap) for _, gap in _bins(confidence, right, bins)) / bins


def signed(confidence, right, bins=10):
    return sum(share * gap for share, gap in _bins(confidence, right, bins))


def squared(confidence, right, bins=10):
    return sum(share * gap**2 for share, gap in _bins(confidence, right, bins))


def worst(confidence, right, bins=10):
    return max(abs(gap) for _, gap in _bins(confidence, right, bins))


def each_answer(confidence, right, bins=10):
    return np.abs(np.asarray(confidence) - np.asarray(right)).mean()


def one_is_in_no_bin(confidence, right, bins=10):
    confidence, right = np.asarray(confidence, float), np.asarray(right, float)
    kept = confidence < 1
    return kept.mean() * ece(confidence[kept], right[kept], bins)


def always_ten(confidence, right, bins=10):
    return ece(confidence, right, 10)


def leaks(train, test):
    columns = ("speaker", "clip", "bytes")
    return {c for c in columns if set(train[c].dropna()) & set(test[c].dropna())}


def leaks_by_isin(train, test):
    return [name for name in train.columns if train[name].isin(test[name].dropna()).any()]


def without_bytes(train, test):
    return leaks(train, test) - {"bytes"}


def without_speakers(train, test):
    return leaks(train, test) - {"speaker"}


def unknown_is_one(train, test):
    return {name for name in train if set(train[name]) & set(test[name])}


def without_unknown_rows(train, test):
    return leaks(train.dropna(), test.dropna())


def by_position(train, test):
    rows = min(len(train), len(test))
    return {c for c in train if (train[c].to_numpy()[:rows] == test[c].to_numpy()[:rows]).any()}


RIGHT = {
    "11.1": [drawn, drawn_by_a_list],
    "11.2": [ece, ece_by_pandas, ece_by_masks],
    "11.3": [leaks, leaks_by_isin],
}
WRONG = {
    "11.1": [
        (clips_drawn, "draw whole speakers"),
        (without_replacement, "draw with replacement"),
        (twice_is_once, "drawn twice must come twice"),
        (too_few_speakers, "as many speakers as there are"),
        (without_the_generator, "with the `rng`"),
        (by_their_clips, "equal chances"),
        (as_often_as_they_speak, "equal chances"),
        (as_a_mask, "positions of clips"),
    ],
    "11.2": [
        (unweighted, "each filled bin counts the same"),
        (empty_bins_count, "empty bins count too"),
        (signed, "absolute value"),
        (squared, "mean square"),
        (worst, "the worst bin"),
        (each_answer, "means within a bin"),
        (lambda *given: 100 * ece(*given), "not percent"),
        (one_is_in_no_bin, "the last bin"),
        (always_ten, "`bins` may be another number"),
    ],
    "11.3": [
        (without_bytes, "under another name"),
        (without_speakers, "a voice of the training side"),
        (unknown_is_one, "unknown speaker"),
        (without_unknown_rows, "still hold a known file"),
        (by_position, "leaks and you do not name it"),
        (lambda train, test: set(train), "no value of it stands on both sides"),
        (lambda train, test: bool(leaks(train, test)), "return a set"),
    ],
}
