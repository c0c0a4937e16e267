"""The page of several models for women and men, section by section."""

import re

from serkeras.evaluation._markdown import table, with_limits
from serkeras.groups.page import gap_text, p_text


def sections(result, seeds, has_sizes):
    """Return the Markdown texts of the page.

    Args:
        result: dictionary of `serkeras.compare_groups`.
        seeds: sorted list of the seeds of the runs.
        has_sizes: whether the figures against the size are drawn.
    """
    found = [_opening(result, seeds), _gaps(result)]
    if has_sizes:
        found.append(_sizes(result))
    return [*found, _not_shown(result)]


def _opening(result, seeds):
    women, men = result["speakers"]
    text = (
        f"Do models do better for women or for men? {result['clips']} test clips of {women} women "
        f"and {men} men, the same for all models."
    )
    if len(seeds) > 1:
        text += f" Seeds: {', '.join(map(str, seeds))}."
    return text


def _gaps(result):
    rows = [
        (model["model"], "-" if model["parameters"] is None else f"{model['parameters']:,}",
         with_limits(model["accuracy"]), with_limits(model["accuracy_by_sex"]["female"]),
         with_limits(model["accuracy_by_sex"]["male"]), gap_text(model["gap"]),
         p_text(model["gap"]))
        for model in result["models"]
    ]  # fmt: skip
    mean = result["mean_gap"]
    rows.append(("**mean of the models**", "", "", "", "", gap_text(mean), p_text(mean)))
    head = ("model", "parameters", "accuracy", "women", "men", "women - men (points)", "p, p Holm")
    notes = (
        "Speakers are drawn within women and within men for the intervals of the gaps, and dealt "
        "out to both anew for p; p Holm is corrected over this table."
    )
    if mean["smallest_p"] and mean["smallest_p"] > 0.05:
        notes += (
            f" **With so few speakers p cannot be below {mean['smallest_p']:.2g}**: no finding "
            "here does not mean no gap."
        )
    return "\n\n".join(
        [
            "## Women and men",
            table(head, rows),
            notes,
            "Two dots a model, with intervals drawn from the speakers of each sex. All models hear "
            "the same speakers: if the voices of one sex happen to be easy, they are so for all.",
            "![Accuracy for women and men](figures/women_and_men.png)",
        ]
    )


def _sizes(result):
    parts = [
        "## Gap, accuracy and size",
        _correlations(result["correlations"]),
        "The gap of each model over its number of parameters, dotted where there is none. The "
        "figure does not show what size does: the models differ in all else too.",
        "![Gap over parameters](figures/gap_and_size.png)",
        "The accuracy of each model over its number of parameters, with intervals drawn from all "
        "speakers. It does not show how well a model of that size could do.",
        "![Accuracy over parameters](figures/accuracy_and_size.png)",
    ]
    return "\n\n".join(parts)


def _correlations(found):
    if found is None:
        return "Fewer than three models of different sizes: no correlation is computed."
    lines = [
        ("gap" if name == "gap" else "accuracy", row["n"], _r(row), _or_dash(row["p"]))
        for name, row in found.items()
    ]
    return (
        table(("log10 of the parameters with", "models", "correlation", "p"), lines)
        + "\n\nThe interval is Fisher's and takes the models as a sample of independent ones, "
        "which models of one kit, data and test side are not; it does not hold the doubt about "
        f"each dot. With {found['gap']['n']} models it is a hint at best."
    )


def _r(row):
    if row["value"] is None:
        return "-"
    if row["low"] is None:
        return f"{row['value']:+.2f} (too few for an interval)"
    return f"{row['value']:+.2f} [{row['low']:+.2f}, {row['high']:+.2f}]"


def _or_dash(p):
    return "-" if p is None else f"{p:.3g}"


def _short(commit):
    """Return the commits of a run, each by seven digits, with what else is said of them."""
    return re.sub(r"\b([0-9a-f]{7})[0-9a-f]{9,33}\b", r"\1", commit or "code outside git")


def _not_shown(result):
    without = [model["model"] for model in result["models"] if model["parameters"] is None]
    text = (
        "## What this does not say\n\nWhy: acting, recordings and model all have a part. Each "
        "model is one training run; another seed moves its gap."
    )
    trained = ", ".join(
        f"{model['model']} ({_short(model['commit'])}, {model['device']})"
        for model in result["models"]
    )
    text += f" Trained by the code of: {trained}."
    if without:
        text += f" Without a number of parameters: {', '.join(without)} (nobody counts them)."
    return text
