"""The section of the page on sets of emotions: what is promised, and what came out."""

from serkeras.evaluation._markdown import percent, table, with_limits


def of_other_corpora(experiment):
    """Whether the test corpus has no clip on the validation side either."""
    return experiment.split.startswith("corpus:")


def plain(row):
    """Return a figure that is no share, with its limits."""
    return f"{row['value']:.2f} [{row['low']:.2f}, {row['high']:.2f}]"


def section(found, labels, experiment, disjoint):
    """Return the Markdown text on the sets.

    Args:
        found: dictionary, `conformal` of the result.
        labels: names of the classes.
        experiment: `serkeras.config.Experiment` of the run.
        disjoint: `speaker_disjoint` of the run's split.
    """
    head = ("score", "threshold of", "level", "threshold", "sets with the truth", "classes a set",
            "empty sets")  # fmt: skip
    rows = [
        (row["score"], row["way"], percent(row["level"]), _threshold(row["threshold"]),
         with_limits(row["coverage"]), plain(row["size"]), percent(row["empty"]))
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
            f"{_ways(found, experiment, disjoint)} {_chosen_by(experiment)}",
            table(head, rows),
            "Left, how often sets hold the truth; dots on or above the dotted line reach "
            f"the level. Right, how many of the {len(labels)} classes a set names: the price. The "
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


def _chosen_by(experiment):
    more = " and has fitted its probabilities" if experiment.model.name == "svm" else ""
    return (
        "Either way takes a validation side that has served nothing else. This one has also chosen "
        f"the model (epoch or setting){more}: sets may hold the truth less often than asked for."
    )


def _ways(found, experiment, disjoint):
    start = (
        "**Threshold of clips** (plain split conformal prediction): its promise is for clips that "
        "are exchangeable with those of validation. "
    )
    if of_other_corpora(experiment):
        return start + (
            "**Threshold of speakers**: its promise is for new speakers who are exchangeable with "
            "those of validation. **Here validation comes from other corpora than the test clips, "
            "so neither holds**: the table says what came out, and promises nothing."
        )
    if disjoint is False:
        return start + (
            "Here speakers stand on all sides, and it holds for known voices only; for a new "
            "speaker neither way promises anything."
        )
    if found["highest_level"] is None:
        return start + "Speakers are unknown, so nothing is promised for new ones."
    highest = found["highest_level"]
    return (
        start + "Clips of new speakers are not, so it may fail for them. **Threshold of speakers** "
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
