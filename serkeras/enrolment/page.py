"""The page of a measurement of enrolment, and its figure."""

import numpy as np

from serkeras.evaluation import resampling
from serkeras.evaluation._markdown import points, table, with_limits
from serkeras.evaluation.plots import BLUE, GREY, ORANGE, new_figure

_COLUMNS = ("enrolled clips of each speaker", "UAR", "more than nobody, points", "accuracy")


def sections(result):
    """Return the Markdown texts of the page.

    Args:
        result: dictionary of `serkeras.measure_enrolment`.
    """
    runs = "\n".join(f"- {name}" for name in result["runs"])
    rows = [
        (
            _words(way["name"]),
            with_limits(way["uar"]),
            "-" if way["name"] == "nobody" else points(way["gain"]),
            with_limits(way["accuracy"]),
        )
        for way in result["ways"]
    ]
    return [
        "The model normalises by speaker: some recordings of whoever speaks, without their "
        f"emotions, tell it what is usual for that voice. {result['clips']} answers to test clips "
        f"of {result['speakers']} speakers, about {result['clips_a_speaker']} clips each.",
        runs,
        "## Results\n\n" + table(_COLUMNS, rows),
        f"Numbers are drawn at random, {result['draws']} times, the emotions as they come; a "
        "speaker with fewer clips is enrolled with all. Enrolled clips are judged too. *Nobody* "
        "takes every clip for one of an average speaker of the training side. What is *more than "
        "nobody* is paired: both figures come from the same clips in every resample. "
        f"{resampling.sentence(result['intervals'])}\n\n"
        "![UAR against the number of enrolled clips](figures/enrolment.png)",
    ]


def _words(name):
    return {"nobody": "nobody is enrolled", "all": "all clips"}.get(name, name)


def figure(result):
    """Draw UAR against the number of enrolled clips.

    Args:
        result: dictionary of `serkeras.measure_enrolment`.

    Returns:
        `matplotlib.figure.Figure`.
    """
    found = {way["name"]: way["uar"] for way in result["ways"]}
    counted = [name for name in found if name.isdigit()] + ["all"]
    places = [int(name) if name.isdigit() else result["clips_a_speaker"] for name in counted]
    drawn = new_figure(3.8, width=7.0)
    axis = drawn.subplots()
    value, low, high = (
        100 * np.array([found[name][key] for name in counted]) for key in ("value", "low", "high")
    )
    bars = np.stack([np.maximum(value - low, 0), np.maximum(high - value, 0)])
    axis.errorbar(
        places, value, yerr=bars, fmt="o-", color=BLUE, capsize=2, label="clips of all emotions"
    )
    others = (("nobody", "nobody enrolled", GREY, ":"),
              ("neutral clips alone", "neutral clips alone", ORANGE, "--"))  # fmt: skip
    for name, word, colour, style in others:
        if name in found:
            axis.axhline(100 * found[name]["value"], color=colour, linestyle=style, label=word)
    axis.set_xscale("log")
    axis.set_xticks(places, [*counted[:-1], f"all ({places[-1]})"])
    axis.minorticks_off()
    axis.set(xlabel="enrolled clips of each speaker", ylabel="UAR (%), 95 % interval",
             title="What enrolment brings")  # fmt: skip
    axis.grid(alpha=0.3)
    drawn.legend(loc="outside lower center", ncols=3)
    return drawn
