"""The page of a run's confidence, section by section."""

from serkeras.confidence.measured import COVERAGES
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
        _sets(result["conformal"], result["labels"], disjoint),
        _listeners(result),
        _not_shown(),
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
            f"on {found['validation_clips']} clips of the validation side, where it is "
            f"{_plain(degree)}. Above 1 the model is too sure of itself. No answer changes.",
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
        return _plain(row)
    return f"{100 * row['value']:.1f} [{100 * row['low']:.1f}, {100 * row['high']:.1f}]"


def _plain(row):
    return f"{row['value']:.2f} [{row['low']:.2f}, {row['high']:.2f}]"


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


def _sets(found, labels, disjoint):
    head = ("score", "threshold of", "level", "threshold", "sets with the truth", "classes a set",
            "empty sets")  # fmt: skip
    rows = [
        (row["score"], row["way"], percent(row["level"]), _threshold(row["threshold"]),
         with_limits(row["coverage"]), _plain(row["size"]), percent(row["empty"]))
        for row in found["sets"]
    ]  # fmt: skip
    shown = [_detail(found["detail"], "by_class", "class")]
    shown.append(_detail(found["detail"], "by_speaker", "speaker"))
    return "\n\n".join(
        [
            "## Sets of emotions",
            "Instead of one answer the model can name a set that holds the truth as often as asked "
            "for. The threshold comes from the validation side. LAC takes every class above one "
            "probability: the smallest sets on average. APS adds classes from the most probable "
            "down: larger sets for doubtful clips.",
            _ways(found, disjoint),
            table(head, rows),
            "Left, how often sets hold the truth; dots on or above the dotted line keep the "
            f"promise. Right, how many of the {len(labels)} classes a set names: the price. The "
            "intervals hold who is tested, not who the threshold was taken from.",
            "![Coverage and size of sets](figures/sets.png)",
            f"At the level {percent(found['level'])}, by class and by speaker (a set that holds "
            "the truth on the whole may fail one emotion or voice; intervals of a class are drawn "
            "from speakers, those of a speaker from the clips):",
            *shown,
            "Each dot below is a test speaker at that level. Dots far left of the line are voices "
            "for which the sets do not hold; the promise is a mean over speakers, and does not "
            "exclude that.",
            "![Coverage of each speaker](figures/coverage_by_speaker.png)",
        ]
    )


def _ways(found, disjoint):
    plain = (
        "**Threshold of clips** (plain split conformal prediction): its promise is for clips that "
        "are exchangeable with those of validation. "
    )
    if disjoint is False:
        return plain + (
            "Here speakers stand on all sides, and it holds for known voices only; for a new "
            "speaker neither way promises anything."
        )
    if found["highest_level"] is None:
        return plain + "Speakers are unknown, so nothing is promised for new ones."
    highest = found["highest_level"]
    return (
        plain + "Clips of new speakers are not, so it may fail for them. **Threshold of speakers** "
        "(Lee, Barber & Willett 2023): each validation speaker has one vote of K + 1, the new one "
        "the last. It holds for clips of a new speaker, in the mean over speakers, for any number "
        f"of them; with these {round(highest / (1 - highest))} it reaches {percent(highest)} at "
        "most, and above that every set has all classes. Between, it is wide: it stands on so many "
        "voices, not on so many clips."
    )


def _threshold(value):
    return "none" if value is None else f"{value:.3f}"


def _detail(detail, key, word):
    names = list(detail[0][key])
    head = (word, "clips", *(f"{row['score']}, {row['way']}" for row in detail))
    rows = [
        (name, detail[0][key][name]["clips"],
         *(with_limits(row[key][name]) for row in detail))
        for name in names
    ]  # fmt: skip
    return table(head, rows)


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


def _listeners(result):
    found = result["listeners"]
    if found is None:
        return f"## Listeners\n\n{result['no_listeners']}"
    plain = ("correlation", "cross_entropy", "entropy")
    rows = [
        (words, (_plain if name in plain else with_limits)(found["figures"][name]))
        for name, words in _WORDS.items()
        if name in found["figures"]
    ]
    return "\n\n".join(
        [
            "## Listeners",
            f"{found['clips']} test clips were heard by people too; of {found['agree_clips']} of "
            "them more than half of the listeners named the label. "
            + resampling.sentence(found["intervals"]),
            table(("", "value"), rows),
            "Each dot is a clip: how many listeners named its label, and what probability the "
            "model gave it. Dots at the lower right are what people hear and the model does not. "
            "The figure does not show what was named instead.",
            "![The model beside listeners](figures/listeners.png)",
        ]
    )


def _not_shown():
    return (
        "## What this does not say\n\nAll of it is measured on recordings made like those of "
        "training. On other microphones, languages or unacted speech a model is wrong more often "
        "and does not know it: neither the temperature nor the sets carry over. The intervals do "
        "not hold the luck of the training seed."
    )
