"""Right and plausible wrong answers to the exercises of notebook 07."""

import numpy as np


def spent(rounds):
    total, before = 0, 0
    for trials, epochs in rounds:
        total += trials * (epochs - before)
        before = epochs
    return total


def spent_by_numpy(rounds):
    trials, epochs = np.array(rounds).T
    return np.sum(trials * np.diff(epochs, prepend=0))


FIRST, SECOND = "model.settings.units.0", "model.settings.units.1"
UNITS = [64, 128, 256, 512]


def a_space(first=UNITS, **second):
    return lambda: {FIRST: {"values": list(first)}, SECOND: {"min": 32, "max": 256} | second}


def luck(values, size):
    rng = np.random.default_rng(0)
    return np.mean([rng.choice(values, size, replace=False).max() for _ in range(200)])


def luck_exactly(values, size):
    # The best is the k-th smallest with chance C(k - 1, size - 1) / C(n, size).
    from math import comb

    ordered = sorted(values)
    ways = [comb(k, size - 1) for k in range(len(ordered))]
    return sum(w * v for w, v in zip(ways, ordered, strict=True)) / comb(len(ordered), size)


def one_draw(values, size):
    return np.random.default_rng(1).choice(values, size, replace=False).max()


def put_back(values, size):
    rng = np.random.default_rng(0)
    return np.mean([rng.choice(values, size).max() for _ in range(200)])


def mean_of_means(values, size):
    rng = np.random.default_rng(0)
    if size == len(values):
        return max(values)
    return np.mean([rng.choice(values, size, replace=False).mean() for _ in range(200)])


RIGHT = {
    "7.1": [spent, spent_by_numpy],
    "7.2": [
        a_space(when={FIRST: [256, 512]}),
        lambda: {
            SECOND: {"values": [64, 192], "when": {FIRST: [512, 256, 1024]}},
            FIRST: {"values": [32, 256, 512, 1024]},
            "training.learning_rate": {"min": 1e-4, "max": 1e-2, "log": True},
        },
    ],
    "7.3": [luck, luck_exactly],
}
WRONG = {
    "7.1": [
        (lambda rounds: sum(trials * epochs for trials, epochs in rounds), "from epoch 0"),
        (lambda rounds: rounds[0][0] * rounds[-1][1], "the grid"),
        (lambda rounds: rounds[-1][1], "one trial a round"),
        (lambda rounds: sum(trials for trials, _ in rounds), "how many epochs are new"),
    ],
    "7.2": [
        (a_space(), "give it a `when`"),
        (a_space(when={FIRST: [512]}), "256 units the second must be there"),
        (a_space(when={FIRST: [128, 256, 512]}), "128 units the second must be absent"),
        (a_space(when={FIRST: [300]}), "spaces.check refuses it"),
        (a_space(first=[256, 512], when={FIRST: [256, 512]}), "never below 256"),
        (a_space(first=[64, 128], when={FIRST: [64]}), "must be absent"),
        (lambda: {FIRST: {"values": UNITS}}, "the space has no"),
        (lambda: [FIRST, SECOND], "return the space, a dictionary"),
        (
            lambda: (
                a_space(when={"model.settings.dropout": [0.3]})()
                | {"model.settings.dropout": {"values": [0.3, 0.5]}}
            ),
            "not on 'model.settings.units.0'",
        ),
    ],
    "7.3": [
        (lambda values, size: values.max(), "the best of all"),
        (mean_of_means, "the mean value"),
        (put_back, "put a value back"),
        (one_draw, "hundred draws"),
    ],
}
