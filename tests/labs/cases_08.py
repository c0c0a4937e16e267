"""Right and plausible wrong answers to the exercises of notebook 08."""

import numpy as np


def parameters(side, channels, units, pooling):
    inputs = channels if pooling == "average" else side * side * channels
    return (inputs + 1) * units


def parameters_counted(side, channels, units, pooling):
    inputs = np.ones((side, side, channels))
    inputs = inputs.mean(axis=(0, 1)) if pooling == "average" else inputs.ravel()
    return np.int64(inputs.size * units + units)


def fixed(decibels, low_db, high_db):
    return 255 * np.clip((decibels - low_db) / (high_db - low_db), 0, 1)


def fixed_bytes(decibels, low_db, high_db):
    clipped = np.minimum(np.maximum(decibels, low_db), high_db)
    return np.round(255 * (clipped - low_db) / (high_db - low_db)).astype("uint8")


def unclipped(decibels, low_db, high_db):
    return 255 * (decibels - low_db) / (high_db - low_db)


def own_scale(decibels, low_db, high_db):
    return 255 * (decibels - decibels.min()) / (decibels.max() - decibels.min())


def rates(rate, backbone, decay, blocks):
    return [rate * backbone * decay ** (blocks - 1 - number) for number in range(blocks)]


def rates_backwards(rate, backbone, decay, blocks):
    found = [rate * backbone]
    while len(found) < blocks:
        found.insert(0, found[0] * decay)
    return np.array(found, "float32")


RIGHT = {
    "8.1": [parameters, parameters_counted],
    "8.2": [fixed, fixed_bytes],
    "8.3": [rates, rates_backwards],
}
WRONG = {
    "8.1": [
        (lambda s, c, u, pooling: parameters(s, c, u, pooling) - u, "the biases are missing"),
        (lambda s, c, u, pooling: parameters(s, c, u, pooling) - u + 1, "every unit has a bias"),
        (lambda s, c, u, pooling: parameters(s, c, u, "flatten"), "one number a channel"),
        (lambda s, c, u, pooling: parameters(s, c, u, "average"), "every place of every channel"),
        (lambda s, c, u, pooling: (s * c + 1) * u, "side x side places"),
        (lambda s, c, u, pooling: u, "How many numbers enter each unit"),
    ],
    "8.2": [
        (own_scale, "own least and largest"),
        (unclipped, "becomes negative"),
        (lambda d, low, high: np.maximum(unclipped(d, low, high), 0), "above `high_db`"),
        (lambda d, low, high: unclipped(d, low, high).astype(int) % 256, "begins anew"),
        (lambda d, low, high: 255 - fixed(d, low, high), "the other way round"),
        (lambda d, low, high: fixed(d, low, high) / 255, "from 0 to 255"),
        (lambda d, low, high: 255 * np.clip(d / high, 0, 1), "`low_db` should become 0"),
    ],
    "8.3": [
        (lambda *given: rates(*given)[::-1], "the network's first block"),
        (lambda r, b, d, n: rates(r, 1, d, n), "`backbone` times"),
        (lambda r, b, d, n: rates(r, b * d, d, n), "not slowed by `decay`"),
        (lambda r, b, d, n: rates(1, b, d, n), "multiply by the head's rate"),
        (lambda r, b, d, n: [r * b] * n, "each earlier block"),
        (lambda r, b, d, n: [*rates(r, b, d, n), r], "an array of shape"),
        (lambda r, b, d, n: [r * b * d / (n - i) for i in range(n)], "one factor a block"),
    ],
}
