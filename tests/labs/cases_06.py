"""Right and plausible wrong answers to the exercises of notebook 06."""

import numpy as np


def softmax(scores, axis=-1):
    raised = np.exp(scores - np.max(scores, axis=axis, keepdims=True))
    return raised / raised.sum(axis=axis, keepdims=True)


def scores_of(query, key):
    return query @ key.T / np.sqrt(query.shape[-1])


def masked(query, key, value, mask):
    return softmax(np.where(mask, scores_of(query, key), -np.inf)) @ value


def without_the_masked(query, key, value, mask):
    return (softmax(scores_of(query, key[mask])) @ value[mask]).tolist()


def mask_afterwards(query, key, value, mask):
    return (softmax(scores_of(query, key)) * mask) @ value


def times_the_mask(query, key, value, mask):
    return softmax(scores_of(query, key) * mask) @ value


def no_root(query, key, value, mask):
    return softmax(np.where(mask, query @ key.T, -np.inf)) @ value


def other_axis(query, key, value, mask):
    raised = np.exp(scores_of(query, key)) * mask
    return (raised / np.maximum(raised.sum(axis=0, keepdims=True), 1e-30)) @ value


def soft_mask(query, key, value, mask):
    return softmax(np.where(mask, scores_of(query, key), -1.0)) @ value


def minus_infinity_times(query, key, value, mask):
    with np.errstate(invalid="ignore"):
        return softmax(scores_of(query, key) + ~mask * -np.inf) @ value


def count(width, inner):
    return 4 * (width + 1) * width + 4 * width + 2 * width * inner + inner + width


def count_by_shapes(width, inner):
    shapes = [(width, width), (width,)] * 4 + [(width,)] * 4
    shapes += [(width, inner), (inner,), (inner, width), (width,)]
    return sum(np.zeros(shape).size for shape in shapes)


def mixes(predict, clips):
    together = predict(clips)
    return any(
        not np.allclose(predict(clips[[i]])[0], together[i], atol=1e-5) for i in range(len(clips))
    )


def mixes_by_pairs(predict, clips):
    count, worst = len(clips), 0.0
    for i in range(count):
        alone = predict(clips[i : i + 1])[0]
        for j in range(count):
            for pair, place in (([i, j], 0), ([j, i], 1)):
                worst = max(worst, np.abs(predict(clips[pair])[place] - alone).max())
    return worst > 1e-5


def first_only(predict, clips):
    return bool(np.abs(predict(clips)[0] - predict(clips[:1])[0]).max() > 1e-5)


def last_only(predict, clips):
    return bool(np.abs(predict(clips)[4] - predict(clips[[4]])[0]).max() > 1e-5)


def exactly(predict, clips):
    return any((predict(clips[[i]])[0] != predict(clips)[i]).any() for i in range(len(clips)))


def winners(predict, clips):
    together = predict(clips).argmax(axis=1)
    return any(predict(clips[[i]])[0].argmax() != together[i] for i in range(len(clips)))


def other_clips(predict, clips):
    return bool(np.abs(predict(clips)[0] - predict(clips)[1]).max() > 1e-5)


RIGHT = {
    "6.1": [masked, without_the_masked],
    "6.2": [count, count_by_shapes],
    "6.3": [mixes, mixes_by_pairs],
}
WRONG = {
    "6.1": [
        (lambda q, k, v, mask: softmax(scores_of(q, k)) @ v, "changes nothing"),
        (lambda q, k, v, mask: masked(q, k, v, ~mask), "*real*"),
        (mask_afterwards, "no longer sum to 1"),
        (times_the_mask, "not a weight of 0"),
        (no_root, "root of the width"),
        (soft_mask, "still come through"),
        (other_axis, "which axis"),
        (minus_infinity_times, "nan or infinity"),
        (lambda q, k, v, mask: np.full((4, 3), v[mask].mean()), "are not right"),
        (lambda q, k, v, mask: softmax(scores_of(q, k)), "shape (4, 3)"),
    ],
    "6.2": [
        (lambda w, n: count(w, n) - 4 * w, "normalisations have"),
        (lambda w, n: count(w, n) - 2 * w, "two layer normalisations"),
        (lambda w, n: count(w, n) - (w + 1) * w, "*and* the table"),
        (lambda w, n: 4 * w * w + 4 * w + 2 * w * n, "biases are missing"),
        (lambda w, n: count(w, n) - n - w, "dense layers have biases"),
        (lambda w, n: 4 * (w + 1) * w + 4 * w, "dense layers are missing"),
        (lambda w, n: count(w, n) + 12 * (w + 1) * w, "share the width"),
        (lambda w, n: 8 * w * n, "one by one"),
    ],
    "6.3": [
        (first_only, "clip *before*"),
        (last_only, "look at all of them"),
        (exactly, "are rounding"),
        (winners, "compare the numbers"),
        (other_clips, "is accused"),
        (lambda predict, clips: False, "attention across the batch is not found"),
        (lambda predict, clips: True, "is accused"),
        (lambda predict, clips: "yes", "True or False"),
    ],
}
