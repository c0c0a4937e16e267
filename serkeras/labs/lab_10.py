"""Checks of notebook 10: the size of a study, Holm's correction, an honest choice."""

from serkeras.labs.answers import Hint, as_array, as_number, brief
from serkeras.labs.checking import exercise

_PLAIN = {
    "recipes": ["svm", "cnn5"],
    "features": ["rms", "mfcc", "chroma"],
    "splits": ["speaker"],
    "seeds": [0, 1],
}
_FOLDS = {**_PLAIN, "splits": ["random", {"label": "4-fold", "folds": ["1", "2", "3", "4"]}]}
_BOTH = {"recipe": "cnn5", "features": "rms", "skip": "too small"}
_LISTS = {"recipe": ["cnn5", "svm"], "features": ["rms", "chroma"], "skip": "not asked"}
_STACKED = {**_PLAIN, "features": ["mfcc", "chroma", "mfcc+chroma"]}
_WHOLE = {"recipe": "cnn5", "features": "mfcc+chroma", "skip": "too small"}
_SETTINGS = {"recipe": "cnn5", "features": "mfcc", "settings": {"training.epochs": 3}}
_FORMS = (
    (_PLAIN, 12, "count every recipe with every feature, once for each seed"),
    (_FOLDS, 60, "a split with `folds` is one run for each fold, a plain one is one run"),
    ({**_PLAIN, "where": [_BOTH]}, 10, "only a cell that fits all a rule names is left out"),
    ({**_PLAIN, "where": [_LISTS]}, 4, "a rule may name a list: each of its names is meant"),
    (
        {**_PLAIN, "where": [{"features": "rms", "skip": "not asked"}]},
        8,
        "a rule that names no recipe is about all recipes",
    ),
    (
        {**_PLAIN, "where": [{"recipe": "cnn5", "skip": "not asked"}]},
        6,
        "a rule that names no features is about all features",
    ),
    (
        {**_STACKED, "where": [_WHOLE]},
        10,
        "a rule that names a stack leaves out that stack alone, not what is in it",
    ),
    ({**_PLAIN, "where": [_SETTINGS]}, 12, "a rule with `settings` leaves nothing out"),
    (
        {**_PLAIN, "where": [_BOTH, {"features": "rms", "skip": "not asked"}]},
        8,
        "a cell that two rules leave out is left out once",
    ),
    ({**_FOLDS, "where": [_BOTH]}, 50, "what is left out is left out on every fold and seed"),
)


@exercise("10.1", points=2)
def runs_of_a_study(answer):
    """Judge the number of runs of a study's form."""
    import copy

    for form, wanted, hint in _FORMS:
        received = as_number(answer(copy.deepcopy(form)))
        if received != wanted:
            rules = form.get("where", "no rules")
            raise Hint(
                f"splits {form['splits']}, {rules}: you count {received:g}, not the right number. "
                f"Look at this: {hint}"
            )


@exercise("10.2", points=3)
def holm_correction(answer):
    """Judge p-values corrected by Holm's rule."""
    import numpy as np

    given = np.array([0.04, 0.01, 0.03, 0.005])
    received = as_array(answer(given.copy()), (4,))
    right = np.array([0.06, 0.03, 0.06, 0.02])
    if not np.allclose(received, right, atol=1e-6):
        raise Hint(f"for {given}: {_what_is_wrong(received, right, given)}")
    large = as_array(answer(np.array([0.9, 0.6, 0.01])), (3,))
    if large.max() > 1:
        raise Hint("a p-value cannot be larger than 1: cut it there")
    if not np.allclose(large, [1, 1, 0.03], atol=1e-6):
        raise Hint(f"for [0.9, 0.6, 0.01] you return {_shown(large)}")
    if not np.allclose(as_array(answer(np.array([0.2])), (1,)), 0.2, atol=1e-9):
        raise Hint("a single test costs nothing: its p stays as it is")


def _what_is_wrong(received, right, given):
    import numpy as np

    ranks = np.argsort(np.argsort(given))
    steps = given * (len(given) - ranks)
    if np.allclose(received, given * len(given), atol=1e-6):
        return (
            "that is Bonferroni's correction, which charges the full price for each. Holm's "
            "price falls by one with each step"
        )
    if np.allclose(received, steps, atol=1e-6):
        return "0.04 became smaller than 0.03 did. None may fall below the one before it"
    if np.allclose(np.sort(received), np.sort(right), atol=1e-6):
        return "the numbers are right, but not in the order in which they came"
    if np.allclose(received, given * (ranks + 1), atol=1e-6):
        return "the smallest p pays most, the largest least: yours is the other way round"
    return f"you return {_shown(received)}. Sort, multiply by 4, 3, 2, 1, and look at 0.03 and 0.04"


def _shown(values):
    return "[" + ", ".join(f"{value:.3g}" for value in values) + "]"


@exercise("10.3", points=2)
def chosen_by_validation(answer):
    """Judge the choice among recipes with several seeds, and the figure that may be printed."""
    import pandas as pd

    rows = pd.DataFrame(
        [
            ("forest", 0, 0.70, 0.60), ("forest", 1, 0.50, 0.58),
            ("svm", 0, 0.64, 0.55), ("svm", 1, 0.66, 0.53),
            ("cnn", 0, 0.40, 0.64), ("cnn", 1, 0.42, 0.66),
        ],
        columns=["recipe", "seed", "validation", "test"],
    )  # fmt: skip
    received = answer(rows.copy())
    if not isinstance(received, (tuple, list)) or len(received) != 2:
        raise Hint(f"return two things, the recipe and its figure, not {brief(received)}")
    name, figure = received[0], as_number(received[1], "the second thing that you return")
    if name == "cnn":
        raise Hint("you chose the recipe that is best on the test side, which must not choose")
    if name == "forest":
        raise Hint("you chose by one lucky seed: take the mean over the seeds of a recipe first")
    if name != "svm":
        raise Hint(f"the first thing should be one of the recipes, not {brief(name)}")
    if abs(figure - 0.65) < 1e-6:
        raise Hint("that is the validation figure, which the choice has made too good")
    if abs(figure - 0.55) < 1e-6:
        raise Hint("that is its best seed on the test side: give the mean of its seeds")
    if abs(figure - 0.54) > 1e-6:
        raise Hint(f"the figure of {name} is not {figure:.3g}: the mean of its test figures")
