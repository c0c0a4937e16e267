"""Right and plausible wrong answers to the exercises of notebook 10."""

import itertools

import numpy as np
import pandas as pd


def _folds(form):
    return sum(len(s["folds"]) if isinstance(s, dict) else 1 for s in form["splits"])


def _meant(rule, key, value):
    wanted = rule.get(key, value)
    return value in (wanted if isinstance(wanted, list) else [wanted])


def _skips(form):
    return [rule for rule in form.get("where", []) if "skip" in rule]


def runs(form):
    pairs = sum(
        not any(_meant(r, "recipe", a) and _meant(r, "features", b) for r in _skips(form))
        for a, b in itertools.product(form["recipes"], form["features"])
    )
    return pairs * _folds(form) * len(form["seeds"])


def runs_by_a_set(form):
    left = set(itertools.product(form["recipes"], form["features"]))
    for rule in _skips(form):
        named = []
        for key, known in (("recipe", "recipes"), ("features", "features")):
            words = rule.get(key, form[known])
            named.append([words] if isinstance(words, str) else words)
        left -= set(itertools.product(*named))
    return np.int64(len(left)) * _folds(form) * len(form["seeds"])


def runs_without_rules(form):
    return len(form["recipes"]) * len(form["features"]) * _folds(form) * len(form["seeds"])


def runs_with_plain_splits(form):
    return runs({**form, "splits": ["one"] * len(form["splits"])})


def runs_without_seeds(form):
    return runs({**form, "seeds": [0]})


def runs_with_all_rules(form):
    return runs({**form, "where": [{**rule, "skip": ""} for rule in form.get("where", [])]})


def runs_that_skip_either(form):
    pairs = sum(
        not any(
            ("recipe" in r and _meant(r, "recipe", a))
            or ("features" in r and _meant(r, "features", b))
            for r in _skips(form)
        )
        for a, b in itertools.product(form["recipes"], form["features"])
    )
    return pairs * _folds(form) * len(form["seeds"])


def runs_by_parts_of_words(form):
    """`in` on text: a rule about mfcc+chroma hits mfcc too."""
    pairs = sum(
        not any(
            a in r.get("recipe", form["recipes"]) and b in r.get("features", form["features"])
            for r in _skips(form)
        )
        for a, b in itertools.product(form["recipes"], form["features"])
    )
    return pairs * _folds(form) * len(form["seeds"])


def runs_that_want_features(form):
    return runs({**form, "where": [r for r in form.get("where", []) if r["features"]]})


def runs_less_rules_twice(form):
    gone = 0
    for rule in _skips(form):
        size = 1
        for key, known in (("recipe", "recipes"), ("features", "features")):
            words = rule.get(key, form[known])
            size *= 1 if isinstance(words, str) else len(words)
        gone += size
    return (runs_without_rules({**form, "splits": ["one"], "seeds": [0]}) - gone) * (
        _folds(form) * len(form["seeds"])
    )


def holm(p_values):
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    corrected, worst = [0.0] * len(p_values), 0.0
    for step, place in enumerate(order):
        worst = max(worst, (len(p_values) - step) * p_values[place])
        corrected[place] = min(1.0, worst)
    return corrected


def holm_by_numpy(p_values):
    p = np.asarray(p_values, float)
    ranks = p.argsort().argsort()
    sizes = p * (len(p) - ranks)
    return pd.Series([min(1, sizes[ranks <= rank].max()) for rank in ranks])


def holm_by_order(p_values):
    order = p_values.argsort()
    steps = np.maximum.accumulate(p_values[order] * np.arange(len(p_values), 0, -1))
    corrected = np.empty(len(p_values))
    corrected[order] = steps.clip(max=1)
    return corrected


def holm_sorted(p_values):
    return sorted(holm(p_values))


def holm_not_monotone(p_values):
    p = np.asarray(p_values, float)
    return np.minimum(p * (len(p) - p.argsort().argsort()), 1)


def holm_without_end(p_values):
    p = np.asarray(p_values, float)
    order = p.argsort()
    found = np.empty_like(p)
    found[order] = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    return found


def chosen(rows):
    means = rows.groupby("recipe").mean(numeric_only=True)
    name = means["validation"].idxmax()
    return name, means["test"][name]


def chosen_by_hand(rows):
    best = max(
        rows["recipe"].unique(), key=lambda name: rows.validation[rows.recipe == name].mean()
    )
    return [best, float(rows.test[rows.recipe == best].sum()) / 2]


def chosen_by_test(rows):
    means = rows.groupby("recipe")["test"].mean()
    return means.idxmax(), means.max()


def chosen_by_one_seed(rows):
    row = rows.loc[rows["validation"].idxmax()]
    return row["recipe"], row["test"]


def with_the_validation_figure(rows):
    means = rows.groupby("recipe")["validation"].mean()
    return means.idxmax(), means.max()


def with_the_best_test_seed(rows):
    name, _ = chosen(rows)
    return name, rows.test[rows.recipe == name].max()


RIGHT = {
    "10.1": [runs, runs_by_a_set],
    "10.2": [holm, holm_by_numpy, holm_by_order],
    "10.3": [chosen, chosen_by_hand],
}
WRONG = {
    "10.1": [
        (runs_without_seeds, "once for each seed"),
        (runs_with_plain_splits, "one run for each fold"),
        (runs_without_rules, "fits all a rule names"),
        (runs_with_all_rules, "`settings` leaves nothing out"),
        (runs_that_skip_either, "fits all a rule names"),
        (runs_less_rules_twice, "left out once"),
        (runs_by_parts_of_words, "not what is in it"),
        (runs_that_want_features, "KeyError"),
    ],
    "10.2": [
        (lambda p: [len(p) * x for x in p], "Bonferroni's correction"),
        (holm_sorted, "order in which they came"),
        (holm_not_monotone, "None may fall below"),
        (holm_without_end, "larger than 1"),
        (lambda p: np.asarray(p) * (1 + np.argsort(np.argsort(p))), "way round"),
        (lambda p: p, "Sort, multiply by 4, 3, 2, 1"),
        (lambda p: holm(p) and None, "returned None"),
    ],
    "10.3": [
        (chosen_by_test, "must not choose"),
        (chosen_by_one_seed, "one lucky seed"),
        (with_the_validation_figure, "validation figure"),
        (with_the_best_test_seed, "best seed on the test side"),
        (lambda rows: chosen(rows)[0], "return two things"),
        (lambda rows: ("svm", 0.5), "mean of its test figures"),
        (lambda rows: (0, 0.54), "one of the recipes"),
    ],
}
