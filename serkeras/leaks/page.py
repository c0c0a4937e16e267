"""The page of the leak laboratory: table, figure, and what each line compares."""

import json
import shlex
from pathlib import Path

import pandas as pd

from serkeras import datasets, recipes
from serkeras._files import atomic_write
from serkeras.config import Experiment
from serkeras.evaluation import analysis
from serkeras.evaluation._markdown import percent, points, table, with_limits
from serkeras.evaluation.intervals import FEW_SPEAKERS
from serkeras.leaks import figure, registry

MEASURES = ("uar", "accuracy")
_CEILING = 0.99
_BARS = ("claim", "reference", "truth", "cost", "cost_of_model")


def write(folder, result):
    """Write result.json, table.csv, page.md and the figure.

    Args:
        folder: `pathlib.Path`.
        result: dictionary, see `serkeras.leaks.laboratory.measure_leaks`.

    Returns:
        `pathlib.Path` of the page.
    """
    folder, rows = Path(folder), ordered(result)
    figures = {"leaks": figure.draw(result, rows)} if rows else {}
    sections = [_opening(result)]
    if rows:
        sections += [_picture(result), _table(result, rows), _costs(result, rows)]
    sections += [_compared(rows), *_rest(result), _intervals(result), _again(result)]
    path = analysis.write(folder, title(result), result, [s for s in sections if s], figures)
    with atomic_write(folder / "table.csv") as file:
        _flat(result, rows).to_csv(file, index=False)
    return path


def title(result):
    """Return the title: it says that claims are none of our results."""
    data = " + ".join(datasets.name_of(spec) for spec in result["data"])
    seeds = ", ".join(map(str, result["seeds"]))
    return (
        f"What leaks would claim, and what is true: {result['recipe']} on {data}, honest split "
        f"speaker (new speakers), seeds {seeds}"
    )


def ordered(result):
    """Return the names of the leaks that were measured, the most costly first."""
    found = result["leaks"]
    return sorted(found, key=lambda name: (-found[name]["cost"]["uar"]["value"], name))


def _opening(result):
    honest, seeds = result["honest"], len(result["seeds"])
    return (
        f"The honest figure of this recipe, speakers held out, is a UAR of "
        f"**{with_limits(honest['uar'])}** (accuracy {with_limits(honest['accuracy'])}), the mean "
        f"over {seeds} seed{'s' * (seeds > 1)}. Everything called a claim below is what the same "
        "recipe would report under a known mistake. **Claims are not results.**"
    )


def _picture(result):
    line = ", the dashed one what people reach (67 % accuracy)" if figure.people(result) else ""
    return (
        "## Claims beside what they must be compared with\n\n"
        "Each pair is one mistake: the hatched bar is the claim, the plain bar under it the same "
        "recipe without this mistake, on the same footing otherwise; the costliest stands first. "
        "A diamond is the truth of the very model that the claim was made with, for instance on "
        "speakers held out. The dotted line is "
        f"chance{line}. A grey plain bar knows its test speakers and is no honest figure "
        "either; bars of different pairs have other test clips and must not be compared.\n\n"
        "![Claims of leaky protocols beside their comparisons](figures/leaks.png)"
    )


def _table(result, rows):
    head = ("leak", "claim: UAR", "compared with", "its UAR", "cost, points", "truth of this model")
    lines = []
    for name in rows:
        found, leak = result["leaks"][name], registry.LEAKS[name]
        truth = found["truth"]
        lines.append(
            (
                f"`{name}`",
                with_limits(found["claim"]["uar"]),
                leak.reference,
                with_limits(found["reference"]["uar"]),
                points(found["cost"]["uar"]),
                with_limits(truth["uar"]) if truth else "",
            )
        )
    accuracy = [
        (
            f"`{name}`",
            *(with_limits(result["leaks"][name][bar]["accuracy"]) for bar in _BARS[:2]),
            points(result["leaks"][name]["cost"]["accuracy"]),
        )
        for name in rows
    ]
    second = table(("leak", "claim: accuracy", "its comparison", "cost, points"), accuracy)
    return f"{table(head, lines)}\n\n{second}"


def _costs(result, rows):
    """Say of each leak in one line whether it cost anything that can be seen."""
    lines = []
    for name in rows:
        found = result["leaks"][name]
        lines.append(f"- `{name}`: {_verdict(found, registry.LEAKS[name])}")
        lines += [f"    - {note}" for note in found["notes"]]
    return "## What each one costs here\n\n" + "\n".join(lines)


def _verdict(found, leak):
    cost = found["cost"]["uar"]
    if cost["low"] > 0:
        text = f"claims {100 * cost['value']:.1f} points of UAR too much."
    elif cost["high"] < 0:
        text = f"claims {-100 * cost['value']:.1f} points of UAR less: here it flatters nobody."
    else:
        text = "no cost that can be told from 0 with this recipe and these clips."
    if found["reference"]["uar"]["value"] > _CEILING:
        text += " Its comparison is all but faultless already, and leaves no room for one."
    if found["truth"]:
        gap = points(found["cost_of_model"]["uar"])
        text += (
            f" Its models measured on {leak.truth}: {percent(found['truth']['uar']['value'])}, "
            f"{gap} points between claim and truth."
        )
    return text


def _compared(rows):
    if not rows:
        return ""
    kinds = {
        registry.KNOWN: "Within random splits: both bars know their test speakers",
        "known against new speakers": "A random split against new speakers",
        registry.NEW: "Within new speakers: both bars are tested on speakers held out",
    }
    parts = ["## What is compared with what"]
    for speakers, words in kinds.items():
        leaks = [registry.LEAKS[name] for name in rows if registry.LEAKS[name].speakers == speakers]
        if leaks:
            lines = [f"- `{leak.name}`: {leak.about} {leak.seen} {leak.compared}" for leak in leaks]
            parts.append(f"**{words}.**\n\n" + "\n".join(lines))
    return "\n\n".join(parts)


def _rest(result):
    notes = [f"- {note}" for note in result["notes"]]
    skipped = [f"- `{name}`: {reason}." for name, reason in result["skipped"].items()]
    parts = ["## Notes\n\n" + "\n".join(notes)] if notes else []
    return [*parts, "## Left out\n\n" + "\n".join(skipped)] if skipped else parts


def _intervals(result):
    about = result["honest"]["intervals"]
    unit, units = about["unit"], about["units"]
    drawn = {
        "speaker": "whole speakers are drawn, with all of their clips",
        "clip": "clips are drawn, with their copies",
    }[unit]
    text = (
        f"Intervals are 95 % percentile bootstrap intervals: {drawn}, for all seeds and both bars "
        "of a pair at once. A cost is the difference of a "
        "pair, with an interval of its own: overlapping bars may well differ. Each pair has draws "
        "of its own, so that one figure may have slightly different limits in two of them. Seeds "
        "are those trained here; what another seed brings is in no interval."
    )
    if unit == "clip":
        text += (
            f" With {result['speakers']} speakers clips had to be drawn, and the intervals say "
            "nothing of new speakers."
        )
    elif units < FEW_SPEAKERS:
        text += f" Over all seeds {units} speakers are tested: intervals are rather too narrow."
    return f"## How sure it is\n\n{text}"


def _again(result):
    experiment, made = Experiment.from_dict(result["experiment"]), result["made_by"]
    own = ""
    if experiment.recipe not in recipes.names():
        own = f" Save them as {experiment.recipe}.json, which is none of the kit's recipes."
    versions = ", ".join(f"{name} {version}" for name, version in made["versions"].items())
    return (
        f"## Make it again\n\n```sh\n{_command(experiment, result)}\n```\n\nSettings: "
        f"`experiment` in result.json.{own} Made by {versions}; commit "
        f"{made['commit'] or 'unknown'}."
    )


def _command(experiment, result):
    """Return the whole command; a recipe of somebody's own stands in a file."""
    shipped = experiment.recipe in recipes.names()
    words = ["python", "-m", "serkeras", "leaks"]
    words.append(experiment.recipe if shipped else f"{experiment.recipe}.json")
    for spec in experiment.data:
        words += ["--data", spec]
    words += ["--label-scheme", experiment.label_scheme]
    for name in result["only"] or ():
        words += ["--only", name]
    words += ["--seeds", str(len(result["seeds"])), "--best-of", str(result["best_of"])]
    for name, value in recipes.changes(experiment).items() if shipped else ():
        words += ["--set", f"{name}={value if isinstance(value, str) else json.dumps(value)}"]
    return shlex.join(words)


def _flat(result, rows):
    """Return one row a leak, what the figure and the tables show."""
    lines = []
    for name in rows:
        found, leak = result["leaks"][name], registry.LEAKS[name]
        line = {"leak": name, "speakers": leak.speakers, "compared_with": leak.reference}
        for bar in _BARS:
            for measure in MEASURES:
                for key in ("value", "low", "high"):
                    told = found[bar][measure][key] if found[bar] else None
                    line[f"{bar}_{measure}" + ("" if key == "value" else f"_{key}")] = told
        lines.append(line)
    return pd.DataFrame(lines)
