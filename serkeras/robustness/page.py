"""The page of robustness, in words and tables."""

from serkeras.evaluation import resampling
from serkeras.evaluation._markdown import limits, percent, table, with_limits
from serkeras.evaluation.intervals import FEW_SPEAKERS
from serkeras.robustness.comparing import CLEAN, MEAN

_LEVELS = {
    "as_is": "leaves loudness as it is (audio.level `as_is`), so it reaches the features",
    "standard": "brings each recording to mean 0 and deviation 1 (audio.level `standard`)",
    "peak": "brings the largest sample of each recording to 1 (audio.level `peak`)",
}


def title(result):
    """Return the title of the page; it names the protocol."""
    protocols = [about["protocol"] for about in result["runs"].values()]
    if len(protocols) == 1:
        return f"Robustness: {protocols[0]}"
    return f"Robustness compared: {'; '.join(protocols)}"


def sections(result):
    """Return the Markdown sections of the page.

    Args:
        result: dictionary of `serkeras.robustness.measure_robustness`.
    """
    alone = len(result["runs"]) == 1
    found = [
        _headline(result),
        _curves(result),
        _summary(result),
        _alone(result) if alone else _several(result),
        _front_ends(result),
        _meaning(result),
    ]
    return [section for section in found if section]


def _headline(result):
    lines = [
        f"{result['clips']} test recordings were damaged in {len(result['damages'])} ways at "
        "graded levels and judged again by the same model. A recording is damaged as it is read "
        "at the run's sample rate, before silence is trimmed and before level and length are set, "
        "as it would arrive in use; undamaged ones gave the run's own predictions again."
    ]
    for name, clean in result["clean"].items():
        mean = result["mean"][name]
        lines.append(
            f"`{name}`: UAR {with_limits(clean['uar'])} undamaged; mean over all damages and "
            f"levels {with_limits(mean['area'])}, which is {_points(mean['area_lost'])} points "
            "less (paired)."
        )
    lines.append(f"Chance is a UAR of {percent(result['chance'])}.")
    return "\n\n".join(lines)


def _points(measured):
    return f"{100 * measured['value']:.1f} {limits(measured)}"


def _signed(measured):
    return f"{100 * measured['value']:+.1f} {limits(measured)}"


def _curves(result):
    return (
        "## UAR against severity\n\nOne panel a damage. To the right it grows worse; the dotted "
        "line is the UAR undamaged, the dashed one chance, and bands are 95 % intervals. Levels "
        "stand at equal distances, as the mean over them counts them: the shape of a curve "
        "depends on the levels chosen, and areas of different damages are not to be compared.\n\n"
        "![UAR against severity](figures/curves.png)"
    )


def _summary(result):
    several = len(result["runs"]) > 1
    head = (*(["run"] if several else []), "damage", "harmless to severe", "at the severest",
            "mean over the levels", "lost (points)", "half is lost at")  # fmt: skip
    rows = [
        (*([name] if several else []), *_summary_row(told, found))
        for told in result["damages"].values()
        for name, found in told["runs"].items()
    ]
    skipped = "".join(
        f"\n\n**Left out: {name}**, since {reason}." for name, reason in result["left_out"].items()
    )
    return (
        "## Damages\n\nUAR with 95 % intervals. *Lost* is the UAR undamaged minus the mean over "
        "the levels, on the same recordings (paired). *Half is lost at* is the first level, "
        "between two by a straight line, at which half of what is above chance is gone, "
        "with the interval from the harmless end on; a dash "
        f"means that it is not by the severest level.\n\n{table(head, rows)}{skipped}"
        + _unheard(result)
    )


def _summary_row(told, found):
    levels, half = found["levels"], found["half_level"]
    return (
        told["title"],
        f"{told['axis']}: {levels[0]['level']:g} to {levels[-1]['level']:g}",
        with_limits(levels[-1]["uar"]),
        with_limits(found["area"]["uar"]),
        _points(found["area_lost"]["uar"]),
        f"{_level(half['value'])} [{_level(half['early'])}, {_level(half['late'])}]",
    )


def _level(value):
    return "-" if value is None else f"{float(f'{value:.3g}'):g}"


def _unheard(result):
    count = sum(
        row["unheard"]
        for told in result["damages"].values()
        for found in told["runs"].values()
        for row in found["levels"]
    )
    if not count:
        return ""
    return (
        f"\n\n{count} damaged recordings were too short for the features: they count as wrong "
        "answers."
    )


def _alone(result):
    return (
        "## All levels\n\nUAR in percent, from chance (dark) up; below it the level. Read along a "
        "row: how soon it darkens. Columns are steps of each damage's own scale, so cells above "
        "each other are not equally hard. Intervals are in result.json, about as wide as in the "
        "curves.\n\n![UAR of all damages and levels](figures/table.png)"
    )


def _several(result):
    rows = [_difference_row(result, row) for row in result["comparisons"]]
    head = ("pair", "damage", "mean UAR", "difference (points)", "p", "p (Holm)",
            "loses less by (points)")  # fmt: skip
    caption = ""
    if len({pair for pair, *_ in rows}) == 1:
        caption, head, rows = f"{rows[0][0]}:\n\n", head[1:], [row[1:] for row in rows]
    return (
        "## Compared\n\nThe mean UAR over the levels of each damage, from chance (dark) up.\n\n"
        "![Mean UAR over the levels](figures/table.png)\n\n"
        "Differences of it, with 95 % intervals; a filled dot has p below 0.05 after Holm's "
        "correction over the damages (undamaged and mean are not among them). It says which "
        "system is better in that noise, not why: one that is better undamaged starts higher.\n\n"
        "![Differences of the mean UAR](figures/differences.png)\n\n"
        "p is that of the exchange of the two systems' answers speaker by speaker (clip by clip "
        "where speakers are unknown), with all levels of a damage at once. *Loses less by* takes "
        "each system from its own UAR undamaged: above 0 the first of the pair loses less. All of "
        f"it is about these trained networks, not about other seeds.{_smallest_p(result)}\n\n"
        f"{caption}{table(head, rows)}"
    )


def _smallest_p(result):
    units = result["intervals"]["clusters"]
    if units >= FEW_SPEAKERS:
        return ""
    return (
        f" With {units} speakers p cannot be below {2.0 ** (1 - units):.3g}, whatever the "
        "difference: test on more speakers to decide."
    )


def _difference_row(result, row):
    titles = {name: told["title"] for name, told in result["damages"].items()}
    titles |= {CLEAN: "Undamaged", MEAN: "Mean of all damages"}
    return (
        f"`{row['a']}` minus `{row['b']}`",
        titles[row["damage"]],
        f"{percent(row['uar_a'])}, {percent(row['uar_b'])}",
        _signed(row["difference"]),
        f"{row['p']:.3g}",
        f"{row['p_holm']:.3g}" if "p_holm" in row else "",
        ""
        if row["damage"] == CLEAN
        else f"{100 * row['lost']['value']:+.1f} {limits(row['lost'])}",
    )


def _front_ends(result):
    lines = [_front_end(name, result) for name in result["runs"]]
    return "## What the front end does\n\n" + "\n\n".join(lines)


def _front_end(name, result):
    about, changed = result["runs"][name], result["gains"][name]
    audio = about["audio"]
    length = {
        "pad": f"cuts or pads it to {audio['duration_s']:g} s: what a damage moves behind that is "
        "not heard",
        "stretch": f"resamples it as a whole to {audio['duration_s']:g} s, which undoes a change "
        "of speed",
        "keep": f"cuts what is over {audio['duration_s']:g} s",
    }[audio["fit"]]
    where = "at both ends" if audio["trim_start"] else "at the end"
    trims = f" trims silence {where}," if audio["trim_silence"] else ""
    text = (
        f"`{name}` reads at {audio['sample_rate']} Hz,{trims} {_LEVELS[audio['level']]}, and "
        f"{length}."
    )
    if about["whiten"]:
        text += " Features are standardised clip by clip (features.whiten)."
    if about["by_speaker"]:
        text += (
            " Embeddings are brought to the statistics of each speaker, taken from recordings of "
            "the same damage."
        )
    if changed:
        told = ", ".join(f"{percent(share)} when {gain}" for gain, share in changed.items())
        text += f" The severest gain changed the answer to so many recordings: {told}."
        if audio["level"] != "as_is":
            text += " With such a front end that should be none, rounding apart."
    return text


def _meaning(result):
    text = resampling.sentence(result["intervals"])
    text += " They are the same resamples for everything on this page."
    if any(each["speaker_disjoint"] is False for each in result["runs"].values()):
        text += " **The test speakers stand in training too**: expect less of new ones."
    voices = ""
    if result["voices_from"]:
        voices = f" Babble is made of recordings of {result['voices_from']}, never the clip's own."
    return (
        f"## What the figures mean\n\n{text}\n\nThe noise of a clip is drawn once (seed "
        f"{result['seed']}) and only made louder from level to level. SNR is over the whole "
        f"recording, pauses included.{voices} Rooms are synthetic, and damages come one at a "
        "time: a real place brings several at once, and people speak up in noise, which nobody "
        "did here. Who expects a certain damage should record it."
    )
