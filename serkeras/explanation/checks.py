"""The checks that maps tell the truth, over clips: numbers of the page."""

from dataclasses import replace

import numpy as np
from tqdm import tqdm

from serkeras.explanation import faithfulness, maps, means, methods, randomisation

RANDOM = "random order"
PAIRS = 2
DRAWS = 3
SANITY_CLIPS = 18


def faithful(heard, made, seed=0, progress=False):
    """Measure deletion and insertion of every method, and of random orders.

    Args:
        heard: `serkeras.explanation.maps.Heard`.
        made: maps, see `serkeras.explanation.maps.make`.
        seed: of random orders, and of the order of equal cells.
        progress: show a bar.

    Returns:
        Dictionary from each method, and `RANDOM`, to a dictionary of
        - deletion, insertion: area under the curve; gap: insertion less deletion. Each a
          dictionary of value, low, high.
        - deletion_curve, insertion_curve: the same with lists over the shares.
        The best gap comes first, random orders last. Each random order goes with its reverse:
        what one deletes first the other restores last, so their gap is 0 but for rounding.
    """
    names, found = [*made, RANDOM], []
    bar = tqdm(range(len(heard.x)), desc="deletion", unit="clip", disable=not progress)
    for index in bar:
        found.append(_curves(heard, made, index, np.random.default_rng([seed, index])))
    curves = np.stack(found)  # (clips, methods, 2, shares)
    areas = faithfulness.area(curves)
    gap = areas[..., 1] - areas[..., 0]
    result = {
        name: _measured(curves[:, i], areas[:, i], gap[:, i], heard.speakers)
        for i, name in enumerate(names)
    }
    ranked = sorted(made, key=lambda name: -result[name]["gap"]["value"])
    return {name: result[name] for name in (*ranked, RANDOM)}


def _curves(heard, made, index, rng):
    """Return the curves of one clip, `(methods and random, 2, shares)`."""
    clip, label = heard.x[index], heard.classes[index]
    number = faithfulness.cells(clip.shape[:-1])
    nothing = np.zeros(number.shape)
    random = [faithfulness.order(nothing, number, rng) for _ in range(PAIRS)]
    orders = [faithfulness.order(made[name][index], number, rng) for name in made]
    orders += random + [one[::-1] for one in random]
    found = faithfulness.curves(heard.listener, clip, label, orders, number, heard.reference)
    return np.concatenate([found[: len(made)], found[len(made) :].mean(axis=0, keepdims=True)])


def _measured(curves, areas, gap, speakers):
    return {
        "deletion": means.mean(areas[:, 0], speakers),
        "insertion": means.mean(areas[:, 1], speakers),
        "gap": means.mean(gap, speakers),
        "deletion_curve": means.mean(curves[:, 0], speakers),
        "insertion_curve": means.mean(curves[:, 1], speakers),
    }


def verdict(measured):
    """Return what the gap of a method says, in words; that of random order is 0."""
    gap = measured["gap"]
    if gap["low"] > 0:
        return "better than random"
    return "worse than random" if gap["high"] < 0 else "no better than random"


def sane(heard, made, seed=0, progress=False):
    """Compare maps with those of the same network with random weights.

    Three networks are drawn, which share the clips among them.

    Args:
        heard, made, progress: as for `faithful`.
        seed: of the weights, and of what `made` was made with.

    Returns:
        Dictionary from each method to its rank correlations: of "sizes", and where maps have
        signs with "signs". Each a dictionary of value, low, high. None for a classical model,
        which has no weights to draw.
    """
    if not heard.listener.has_gradient:
        return None
    some = maps.first(heard, SANITY_CLIPS)
    found = {(name, kind): np.zeros(len(some.x)) for name in made for kind in _kinds(name)}
    for draw in range(min(DRAWS, len(some.x))):
        rows = np.arange(draw, len(some.x), DRAWS)
        others = maps.make(_drawn(some, rows, seed + draw), list(made), seed, progress)
        for (name, kind), values in found.items():
            kept = [made[name][row] for row in rows]
            values[rows] = randomisation.similarity(kept, others[name], kind == "signs")
    return {
        name: {kind: means.mean(found[name, kind], some.speakers) for kind in _kinds(name)}
        for name in made
    }


def _kinds(name):
    return ("sizes", "signs") if methods.METHODS[name].signed else ("sizes",)


def _drawn(heard, rows, seed):
    """Return some clips as a network with random weights hears them; the classes stay."""
    model = randomisation.with_random_weights(heard.run.model, seed)
    return replace(
        heard,
        listener=heard.listener.like(model),
        clips=heard.clips.iloc[rows],
        waves=[heard.waves[row] for row in rows],
        x=[heard.x[row] for row in rows],
        probabilities=heard.probabilities[rows],
        classes=heard.classes[rows],
    )


def complete(heard, made):
    """Return how far integrated gradients miss the differences of scores.

    Args:
        heard, made: as for `faithful`.

    Returns:
        Dictionary of median (of the error as a share of the difference), overall (sum of errors
        over sum of differences: a clip without much difference does not weigh) and clips; None
        without the method.
    """
    if "integrated-gradients" not in made:
        return None
    missed, all_wanted = [], []
    for x, label, found in zip(heard.x, heard.classes, made["integrated-gradients"], strict=True):
        given = (heard.listener, x[None], np.array([label]), heard.reference, found[None])
        total, wanted = methods.completeness(*given)
        missed.append(float(np.abs(total - wanted)[0]))
        all_wanted.append(max(float(np.abs(wanted)[0]), 1e-6))
    return {
        "median": float(np.median(np.divide(missed, all_wanted))),
        "overall": sum(missed) / sum(all_wanted),
        "clips": len(missed),
    }
