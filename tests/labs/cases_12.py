"""Right and plausible wrong answers to the exercises of notebook 12."""

import numpy as np


def newest(kept, chunk, size):
    return np.concatenate([kept, chunk])[-size:]


def newest_by_deque(kept, chunk, size):
    from collections import deque

    return list(deque([*kept, *chunk], maxlen=size))


def oldest(kept, chunk, size):
    return np.concatenate([kept, chunk])[:size]


def backwards(kept, chunk, size):
    return newest(kept, chunk, size)[::-1]


def for_ever(kept, chunk, size):
    return np.concatenate([kept, chunk])


def padded(kept, chunk, size):
    found = newest(kept, chunk, size)
    return np.pad(found, (size - len(found), 0))


def chunk_first(kept, chunk, size):
    return np.concatenate([chunk, kept])[-size:]


def by(weight_of, first=None, from_said=False):
    def smooth(said, hop_s, smooth_s):
        weight = weight_of(hop_s, smooth_s)
        rows = [said[0] if first is None else first * said[0]]
        for before, row in zip(said[:-1], said[1:], strict=True):
            past = before if from_said else rows[-1]
            rows.append(past + weight * (row - past))
        return np.array(rows)

    return smooth


def exact(hop_s, smooth_s):
    return 1 - np.exp(-hop_s / smooth_s)


def as_convolution(said, hop_s, smooth_s):
    past = np.exp(-hop_s / smooth_s)
    rows = []
    for number in range(len(said)):
        weights = (1 - past) * past ** np.arange(number, -1, -1.0)
        weights[0] = past**number
        rows.append((weights[:, None] * said[: number + 1]).sum(axis=0).tolist())
    return rows


RIGHT = {
    "12.1": [newest, newest_by_deque],
    "12.2": [by(exact), as_convolution],
    "12.3": [lambda compute_s, hop_s: compute_s / hop_s,
             lambda compute_s, hop_s: [round(compute_s * (1 / hop_s), 5)]],
}  # fmt: skip
WRONG = {
    "12.1": [
        (oldest, "oldest samples"),
        (backwards, "oldest first"),
        (for_ever, "grow for ever"),
        (padded, "do not pad"),
        (chunk_first, "behind those that were kept"),
    ],
    "12.2": [
        (by(lambda hop_s, smooth_s: np.exp(-hop_s / smooth_s)), "weight belongs to the new"),
        (by(lambda hop_s, smooth_s: hop_s / smooth_s), "exponential function"),
        (by(exact, first=0.5), "first row has no past"),
        (by(exact, from_said=True), "smoothed row before, not from the row"),
        (by(lambda hop_s, smooth_s: 0.5), "new row = "),
    ],
    "12.3": [
        (lambda compute_s, hop_s: hop_s / compute_s, "inverse"),
        (lambda compute_s, hop_s: compute_s, "time of one window"),
        (lambda compute_s, hop_s: compute_s * hop_s, "divide"),
    ],
}
