"""The page of a run's confidence, section by section."""

from serkeras.confidence import page_sets
from serkeras.confidence.measured import COVERAGES
from serkeras.confidence.page_sets import of_other_corpora, plain
from serkeras.evaluation import resampling
from serkeras.evaluation._markdown import percent, table, with_limits


def sections(result, experiment, disjoint):
    """Return the Markdown texts of the page.

    Args:
        result: dictionary of `serkeras.measure_confidence`, without `made_by`.
        experiment: `serkeras.config.Experiment` of the run.
        disjoint: `speaker_disjoint` of the run's split.
    """
    found = [
        _opening(result, disjoint),
        _calibration(result["calibration"], experiment),
        _ranking(result),
        _selection(result["selective"]),
        page_sets.section(result["conformal"], result["labels"], experiment, disjoint),
        _listeners(result, experiment.label_scheme),
        _not_shown(experiment),
    ]
    return [text for text in found if text]


def _opening(result, disjoint):
    clips, speakers = result["test_clips"], result["test_speakers"]
    whom = "unknown speakers" if speakers is None else f"{speakers} speakers"
    voices = {True: "", False: " **Their voices are known from training.**", None: ""}[disjoint]
    return (
        f"How far can the model's probabilities be trusted? {clips} test clips of {whom}.{voices} "
        f"{resampling.sentence(result['calibration']['intervals'])}"
    )


def _calibration(found, experiment):
    degree = found["temperature"]
    whose = "the validation side"
    if of_other_corpora(experiment):
        whose += " (of other corpora than the test clips: it need not fit them)"
    names = {
        "surplus": "how much surer than right (points)",
        "ece_width": "ECE, 10 bins of equal width (points)",
        "ece_mass": "ECE, 10 bins of equal clips (points)",
        "brier": "Brier score (0 to 2)",
        "log_loss": "log loss (nats)",
    }
    rows = [
        (words, *(_number(found[when][name], name) for when in ("before", "after")))
        for name, words in names.items()
    ]
    chance = found["before"]["ece_width"]
    return "\n\n".join(
        [
            "## Calibration",
            "Of answers with a probability of 70 %, 70 % should be right. ECE is the mean distance "
            "from that, over bins of confidence. The temperature divides the logits; it is fitted "
            f"on {found['validation_clips']} clips of {whose}, where it is "
            f"{plain(degree)}. Above 1 the model is too sure of itself. No answer changes.",
            table(("", "as it is", "with temperature"), rows),
            "ECE is never 0 on few clips: were every probability true, these clips would show "
            f"{100 * chance['by_chance']:.1f} points on average with bins of equal width, and one "
            f"time in twenty more than {100 * chance['by_chance_high']:.1f} (clips taken as "
            "independent). Its interval is mirrored to take that surplus off."
            + _used_before(experiment),
            "Dots on the dotted line are as often right as they say; below it the model is too "
            "sure. The numbers of clips stand below: a dot of few clips says little. The figure "
            "does not show which emotions or speakers the doubt should fall on.",
            "![Reliability before and after the temperature](figures/reliability.png)",
        ]
    )


def _used_before(experiment):
    if experiment.model.name == "svm":
        return (
            " The probabilities of this `svm` are themselves fitted on the validation side, so its "
            "temperature there is near 1 whatever happens on new voices."
        )
    return (
        " The validation side has also chosen the model (epoch or setting): it looks a little "
        "better there."
    )


def _number(row, name):
    if name in ("brier", "log_loss"):
        return plain(row)
    return f"{100 * row['value']:.1f} [{100 * row['low']:.1f}, {100 * row['high']:.1f}]"


def _ranking(result):
    rows = [(row["k"], with_limits(row)) for row in result["top_k"]]
    people = ""
    if result["people"] is not None:
        people = (
            f" The dash-dotted line is people's {percent(result['people'])} on RAVDESS, as the "
            "field cites it: not heard on these clips alone."
        )
    return "\n\n".join(
        [
            "## The most probable classes",
            table(("k", "truth among the k most probable"), rows),
            "Left, the table as a figure, with chance as a dotted line. Right, what is left wrong "
            "when only the surest answers are given, from all clips (right end) down to the surest "
            "twentieth; the lower the better. The dashed line is the best that any order of these "
            f"answers could do, the dotted one has no use of confidence at all.{people} Neither "
            "panel shows whether the clips withheld are of one emotion or speaker.",
            "![Top-k accuracy and risk against coverage](figures/selection.png)",
        ]
    )


def _selection(found):
    rows = [
        (f"{100 * row['coverage']:.0f} %", with_limits(row["risk"]))
        for row in found["at"]
        if row["coverage"] in COVERAGES
    ]
    return "\n\n".join(
        [
            "## Answering only when sure",
            table(("clips answered", "wrong among them"), rows),
            f"The area under the curve (AURC) is {_points(found['aurc'])}, "
            f"{_points(found['excess'])} above that of the ideal order (E-AURC, in points of "
            "risk; 0 is faultless).",
        ]
    )


def _points(row):
    return f"{100 * row['value']:.1f} [{100 * row['low']:.1f}, {100 * row['high']:.1f}]"


_WORDS = {
    "people": "listeners who named the label (mean share)",
    "majority": "label is what most listeners named",
    "model": "model right on the same clips",
    "model_agree": "model right where more than half of the listeners named the label",
    "model_disagree": "model right elsewhere",
    "listener_match": "model says what a listener drawn at random said",
    "correlation": "rank correlation of the model's probability of the label with that share",
    "cross_entropy": "cross-entropy of the model to the votes (nats)",
    "entropy": "entropy of the votes: the least possible (nats)",
}


def _listeners(result, scheme):
    found = result["listeners"]
    if found is None:
        return f"## Listeners\n\n{result['no_listeners']}"
    as_numbers = ("correlation", "cross_entropy", "entropy")
    dropped = ""
    if scheme != "own" and "entropy" in found["figures"]:
        dropped = (
            f" Votes for emotions that the label scheme `{scheme}` drops are not counted: shares "
            "are of the other votes, so people look surer here than they were."
        )
    rows = [
        (words, (plain if name in as_numbers else with_limits)(found["figures"][name]))
        for name, words in _WORDS.items()
        if name in found["figures"]
    ]
    return "\n\n".join(
        [
            "## Listeners",
            f"{found['clips']} test clips were heard by people too; of {found['agree_clips']} of "
            "them more than half of the listeners named the label. "
            + resampling.sentence(found["intervals"])
            + dropped,
            table(("", "value"), rows),
            "Each dot is a clip: how many listeners named its label, and what probability the "
            "model gave it. Dots at the lower right are what people hear and the model does not. "
            "The figure does not show what was named instead.",
            "![The model beside listeners](figures/listeners.png)",
        ]
    )


def _not_shown(experiment):
    if of_other_corpora(experiment):
        whom = (
            "All of it is measured on one corpus that neither training nor validation has. Another "
            "one may lie further off: a model"
        )
    else:
        whom = (
            "All of it is measured on recordings made like those of training. On other "
            "microphones, languages or unacted speech a model"
        )
    return (
        f"## What this does not say\n\n{whom} is wrong more often there and does not know it: "
        "neither the temperature nor the sets carry over. The intervals do not hold the luck of "
        "the training seed."
    )
