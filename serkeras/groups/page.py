"""The page of one run's groups, section by section."""

from serkeras.evaluation import intervals
from serkeras.evaluation._markdown import points, table, with_limits


def sections(result, disjoint):
    """Return the Markdown texts of the page.

    Args:
        result: dictionary of `serkeras.measure_groups`, without `made_by`.
        disjoint: `speaker_disjoint` of the run's split.
    """
    rows = result["groups"]
    others = [row for row in rows if row["by"] != "speaker"]
    speakers = [row for row in rows if row["by"] == "speaker"]
    found = [_opening(result, disjoint), _values(others), _speakers(speakers), _gaps(result)]
    return [text for text in (*found, _not_shown(result)) if text]


def _opening(result, disjoint):
    voices = {
        True: "Their speakers are new to the model.",
        False: "**They are known from training**: expect less for new ones, other gaps too.",
        None: "Whether their speakers are new to the model is not known.",
    }[disjoint]
    return " ".join(
        [
            f"For whom does the model work? {result['clips']} test clips. {voices}",
            *result["notes"],
        ]
    )


def _values(rows):
    head = ("by", "group", "clips", "classes", "accuracy", "UAR", "interval drawn from")
    lines = [
        (row["by"], row["group"], row["clips"], row["classes"], with_limits(row["accuracy"]),
         with_limits(row["uar"]), _drawn(row["intervals"]))
        for row in rows
    ]  # fmt: skip
    return "\n\n".join(
        [
            "## Groups",
            table(head, lines),
            "The UAR of a group is the mean over the classes that it holds, so groups of other "
            "classes do not compare by it (the gaps below do). "
            f"Intervals drawn from fewer than {intervals.FEW_SPEAKERS} speakers are **rough**, "
            "rather too narrow; those drawn from clips are too narrow for new speakers.",
            "Each line is a group, with the same intervals. Overlapping intervals do not show that "
            "two groups are alike, nor apart ones that they differ: the gaps are tested below.",
            "![Dots of each group](figures/groups.png)",
        ]
    )


def _drawn(about):
    unit = "speakers" if about["method"] == intervals.BY_SPEAKER else "clips"
    return f"{about['clusters']} {unit}"


def _speakers(rows):
    if not rows:
        return "## Speakers\n\nSpeakers are not known."
    low, high = rows[0], rows[-1]
    return "\n\n".join(
        [
            "## Speakers",
            f"From the hardest voice to the easiest: {low['group']} with a UAR of "
            f"{with_limits(low['uar'])}, {high['group']} with {with_limits(high['uar'])}. "
            "Intervals are drawn from the clips of the one speaker. The hardest of several looks "
            "harder than it is, and the easiest easier; part of that is chance. An interval "
            "without width means that a few clips agree, not certainty.",
            "Each line is a test speaker, the hardest on top. It does not show why a voice is "
            "hard: acting, recording and voice cannot be told apart.",
            "![Dots of each speaker](figures/speakers.png)",
        ]
    )


def _gaps(result):
    if not result["gaps"]:
        return None
    rows = [
        (gap["by"], f"{gap['first']} - {gap['second']}", _design(gap), gap_text(gap["accuracy"]),
         p_text(gap["accuracy"]), gap_text(gap["uar"]), p_text(gap["uar"]))
        for gap in result["gaps"]
    ]  # fmt: skip
    head = ("by", "gap", "compared", "accuracy (points)", "p, p Holm", "UAR (points)", "p, p Holm")
    left = {name for gap in result["gaps"] for name in gap["left_out"]}
    notes = [_how(result)]
    if left:
        notes.append(
            f"Only classes that both groups have are compared; somewhere left out: "
            f"{', '.join(sorted(left))}."
        )
    notes += _clips_left_out(result["gaps"])
    least = [gap[name]["smallest_p"] for gap in result["gaps"] for name in ("uar", "accuracy")]
    least = [p for p in least if p is not None]
    if least and max(least) > 0.05:
        notes.append(
            f"**With so few speakers p cannot be small** (in the worst case {max(least):.2g} is "
            "the smallest there is): no finding here does not mean no gap."
        )
    return "\n\n".join(["## Gaps", table(head, rows), " ".join(notes)])


def _clips_left_out(found):
    """Return a sentence on clips that do not count, where there are any."""
    told = [
        f"{gap['clips_left_out']} of {gap['by']}, {gap['first']} - {gap['second']}"
        for gap in found
        if gap["clips_left_out"]
    ]
    if not told:
        return []
    return [
        "Within speakers, clips of a class that a speaker has in one group only do not count; "
        "between speakers, one with clips in both groups counts in that of most of them. Clips "
        f"left out so: {'; '.join(told)}."
    ]


def _how(result):
    units = {gap["unit"] for gap in result["gaps"]}
    text = (
        "Between speakers: speakers are drawn within each group for the interval, and dealt out to "
        "the groups anew for p. Within speakers: each speaker is compared with itself, the mean "
        "over speakers is shown, and its sign is flipped speaker by speaker for p. p Holm is "
        "corrected over all p of this table."
    )
    if "clip" in units:
        text += " **Where clips are compared, speakers do not serve, and all of it is too sure.**"
    return text


def _design(gap):
    unit = gap["unit"]
    if gap["design"] == "within":
        return f"within {gap['units']} {unit}s"
    return f"{gap['units'][0]} {unit}s with {gap['units'][1]}"


def gap_text(row):
    """Return a result of `serkeras.groups.gaps` in points, with its interval where there is one."""
    if row["value"] is None:
        return "-"
    return f"{100 * row['value']:+.1f}" if row["low"] is None else points(row)


def p_text(row):
    """Return p and Holm's p of a result of `serkeras.groups.gaps`."""
    return "-" if row["p"] is None else f"{row['p']:.3g}, {row['p_holm']:.3g}"


def _not_shown(result):
    whom = {"sex": "women and men", "age": "ages", "corpus": "corpora"}
    named = [word for key, word in whom.items() if any(g["by"] == key for g in result["gaps"])]
    about = (
        f" Gaps between {', '.join(named)} are gaps of these speakers' acting too." if named else ""
    )
    return (
        "## What this does not say\n\nWhy a gap is there: recordings, labels, acting and model all "
        f"have a part in it.{about} One run is one seed: train others before a gap is called the "
        "model's."
    )
