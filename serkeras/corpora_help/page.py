"""The page of a comparison of training corpora, and its figure."""

import numpy as np

from serkeras.evaluation._markdown import points, table, with_limits
from serkeras.evaluation.intervals import FEW_SPEAKERS
from serkeras.evaluation.plots import BLUE, GREY, ORANGE, new_figure, reach


def sections(result, target, seeds):
    """Return the Markdown texts of the page.

    Args:
        result: dictionary of `serkeras.compare_corpora`.
        target: name of the corpus that is tested on.
        seeds: tuple of int.
    """
    unit, units = result["unit"], result["units"]
    opening = (
        f"Do clips of other corpora in training help on {target}? Validation and test are the "
        f"same clips of {target} in every row ({result['test_clips']} test clips, {units} "
        f"{unit}s); other corpora are added to training only. Seeds: {', '.join(map(str, seeds))}."
    )
    dropped = [f"{number} of {name}" for name, number in result["dropped"].items() if number]
    if dropped:
        opening += (
            f" Left out, of emotions that {target} does not have: {', '.join(dropped)} clips."
        )
    if result["speaker_disjoint"] is False:
        opening += f" **Speakers of {target} stand on all sides**: nothing of this is for new ones."
    head = ("training", "clips", "UAR", "accuracy", "UAR to alone (points)", "p, p Holm",
            "accuracy to alone (points)", "p, p Holm")  # fmt: skip
    rows = [_row(row) for row in result["rows"]]
    return [
        opening,
        "## Results\n\n" + table(head, rows),
        _notes(result, seeds),
        "Each dot is a training side: how much better (right of the dotted line) or worse the same "
        f"test clips are recognised than by {target} alone. It does not show whether number, "
        "language, speakers or recording of the added clips does it.\n\n"
        "![Differences to the target alone](figures/differences.png)",
    ]


def _row(row):
    name = "target alone" if not row["corpora"] else row["mixture"]
    cells = (name, row["train_clips"], with_limits(row["uar"]), with_limits(row["accuracy"]))
    if "difference" not in row:
        return (*cells, "", "", "", "")
    found = [row["difference"][measure] for measure in ("uar", "accuracy")]
    return (*cells, *(text for each in found for text in (points(each, "difference"), _p(each))))


def _p(row):
    return f"{row['p']:.3g}, {row['p_holm']:.3g}"


def _notes(result, seeds):
    unit, units = result["unit"], result["units"]
    text = (
        f"Differences are paired: both trainings judge the same clips, and {unit}s are drawn "
        f"(interval) or exchanged between the two (p) whole. p Holm is corrected over this table. "
        "UAR and accuracy are means over the seeds, and so are their limits."
    )
    if units < FEW_SPEAKERS:
        text += (
            f" With {units} {unit}s intervals are **rough**, rather too narrow, and p cannot be "
            f"below {2.0 ** (1 - units):.2g}."
        )
    if unit == "clip":
        text += " **Speakers do not serve: for new speakers all of this is too sure.**"
    if len(seeds) == 1:
        text += " One seed: training anew moves each row by itself."
    return text


def figure(result):
    """Draw the differences to the target alone.

    Args:
        result: dictionary of `serkeras.compare_corpora`.

    Returns:
        `matplotlib.figure.Figure`.
    """
    rows = [row for row in result["rows"] if "difference" in row]
    drawn = new_figure(1.5 + 0.5 * len(rows))
    axis, places = drawn.subplots(), np.arange(len(rows))
    looks = (("uar", "UAR", BLUE, "o", -0.15), ("accuracy", "accuracy", ORANGE, "s", 0.15))
    for name, word, colour, marker, offset in looks:
        value, low, high = (
            100 * np.array([row["difference"][name][key] for row in rows])
            for key in ("difference", "low", "high")
        )
        bars = reach(value, low, high)
        axis.errorbar(
            value, places + offset, xerr=bars, fmt=marker, color=colour, capsize=2, label=word
        )
    axis.axvline(0, color=GREY, linestyle=":")
    axis.set_yticks(places, [row["mixture"] for row in rows])
    axis.set_ylim(len(rows) - 0.5, -0.5)
    axis.set(xlabel="difference to the target alone (points), 95 % interval",
             title="What the added corpora bring")  # fmt: skip
    axis.grid(axis="x", alpha=0.3)
    drawn.legend(loc="outside lower center", ncols=2)
    return drawn
