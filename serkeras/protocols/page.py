"""The words and tables of a page about protocols."""

import json
import shlex

import pandas as pd

from serkeras import datasets
from serkeras.evaluation._markdown import limited
from serkeras.evaluation._markdown import table as markdown
from serkeras.evaluation.intervals import FEW_SPEAKERS
from serkeras.protocols import chosen, corpora, joined, named, origin
from serkeras.protocols.figure import PEOPLE, has_people, newness
from serkeras.studies.folder import FINISHED
from serkeras.studies.rows import NEW, SAME


def title(found):
    """Return the title, which names recipes, data and how they were tested."""
    study = found.plan.study
    names = [entry.label for entry in study.recipes]
    recipes = ", ".join(names) if len(names) <= 4 else f"{len(names)} recipes"
    data = " + ".join(datasets.name_of(spec) for spec in study.data)
    scheme = "" if study.label_scheme == "own" else f", label scheme {study.label_scheme}"
    return f"{recipes} on {data}{scheme}, under {_protocols_named(found)}"


def _protocols_named(found):
    names = found.plan.protocols
    if len(names) > 3:
        return _count(names, "protocol")
    first = found.table.drop_duplicates("protocol").set_index("protocol")
    sides = {name: newness(first.loc[name]) if first["runs"][name] else "" for name in names}
    return ", ".join(f"{name} ({side})" if side else name for name, side in sides.items())


def sections(found):
    """Return the sections of the page.

    Args:
        found: `serkeras.protocols.findings.Findings`.
    """
    parts = [
        _how(found), _standing(found), _table(found), _picture(found),
        chosen.section(found.chosen),
        corpora.section(found.corpora), _by_fold(found), _recipes(found), _protocols(found),
        joined.section(found.joined), origin.section(found.runs), _limits(found), _again(found),
    ]  # fmt: skip
    return [part for part in parts if part]


def _count(values, word):
    return f"{len(values)} {word}{'' if len(values) == 1 else 's'}"


def _percent(value):
    return f"{100 * value:.1f}"


def _spread(row, name):
    mean, deviation = row[f"{name}_mean"], row[f"{name}_sd"]
    return _percent(mean) if pd.isna(deviation) else f"{_percent(mean)} ± {_percent(deviation)}"


def _how(found):
    about = named.names()
    rows = [
        (f"`{entry.label}`", len(entry.values), about[entry.label])
        for entry in found.plan.study.splits
    ]
    text = (
        "How well a system recognises emotions depends on whom it is tested on. Each protocol asks "
        "another question; one with new speakers asks what most uses need to know.\n\n"
        + markdown(("protocol", "folds", "what is tested"), rows)
    )
    for name, reason in found.plan.left_out.items():
        text += f"\n\nLeft out, since the clips do not allow it: `{name}`. {reason}"
    return text


def _standing(found):
    """Say which runs are missing; nothing where all are there."""
    missing = [state for state in found.states if state.kind != FINISHED]
    if not missing:
        return ""
    lines = [f"- {s.cell.id}: {s.kind}. {' '.join(s.note.split())}" for s in missing[:20]]
    more = f"\n- and {len(missing) - 20} more" if len(missing) > 20 else ""
    return (
        f"**{len(missing)} of {len(found.states)} runs are missing from the figures:**\n\n"
        + "\n".join(lines)
        + more
    )


def _table(found):
    head = ("recipe", "protocol", "test side", "runs", "UAR, mean ± sd over the runs")
    head += ("pooled UAR", "pooled accuracy", "resampled")
    rows = [_row(row) for row in found.table.to_dict("records")]
    return (
        "## Table\n\n" + markdown(head, rows) + "\n\nFigures are percent. A run is one fold of one "
        f"seed ({_count(found.plan.study.seeds, 'seed')}); the deviation is that of the runs, from "
        "the luck of fold, seed and training together, and no standard error. Pooled figures are "
        "those of all answers of all runs, with a 95 % interval: whole speakers are resampled with "
        "all of their clips in all runs (clips where speakers are unknown)"
        + (", within each corpus" if len(set(found.plan.clips["corpus"])) > 1 else "")
        + ". The test side is named by what neither training nor validation has. **Bold rows know "
        "their test speakers** from training; where nothing is new, the figure is an upper bound "
        "for new speakers." + _untested(found)
    )


def _untested(found):
    if not found.untested:
        return ""
    told = "; ".join(
        f"{', '.join(corpora)} under `{name}`" for name, corpora in found.untested.items()
    )
    return (
        f" **Learned from, but not tested: {told}.** A corpus of fewer than three speakers has "
        "none to spare where speakers are held out."
    )


def _row(row):
    side = newness(row) if row["runs"] else "-"
    side = side if row["speakers"] == NEW else f"**{side}**"
    start = (row["recipe"], f"`{row['protocol']}`", side, f"{row['runs']} of {row['of']}")
    if not row["runs"]:
        return (*start, "", "", "", "")
    who = f"{row['units']:.0f} {row['unit']}s"
    return (*start, _spread(row, "uar"), limited(row, "uar"), limited(row, "accuracy"), who)


def _picture(found):
    people = ""
    if has_people(found):
        people = f" The dashed line is the {PEOPLE} % of clips that people name right."
    return (
        "## Picture\n\nA dot is a pooled UAR, a line its interval; protocols with new speakers "
        f"stand on top, and the dotted line is chance.{people} Dots of different rows are of "
        "different tests, and two intervals that overlap do not say that recipes are equal: the "
        "tables below compare.\n\n![Pooled UAR of each protocol and recipe]"
        "(figures/protocols.png)"
    )


def _by_fold(found):
    if found.by_fold.empty:
        return ""
    rows = [
        (f"`{row['fold']}`", row["recipe"], row["clips"], limited(row, "uar"),
         limited(row, "accuracy"), f"{row['units']} {row['unit']}s")
        for row in found.by_fold.sort_values(["fold"], kind="stable").to_dict("records")
    ]  # fmt: skip
    head = ("tested on", "recipe", "clips", "UAR", "accuracy", "resampled")
    return (
        "## Corpus by corpus, statement by statement\n\nOver all seeds. A corpus or statement on "
        "which figures are low has something that the others do not teach; the pooled figure above "
        "hides that.\n\n" + markdown(head, rows)
    )


def _recipes(found):
    parts = [_compared(found), _uncompared(found)]
    parts = [part for part in parts if part]
    return "\n\n".join(["## Recipes against each other", *parts]) if parts else ""


def _uncompared(found):
    """Name the pairs without a test, one sentence each."""
    rows = found.uncompared.to_dict("records")
    lines = [
        f"- Under `{row['protocol']}`, {row['a']} and {row['b']} are not compared, since their "
        f"test clips differ: {row['reason']}."
        for row in rows[:20]
    ]
    more = [f"- and {len(rows) - 20} more pairs"] if len(rows) > 20 else []
    return "\n".join(lines + more)


def _compared(found):
    if found.recipes.empty:
        return ""
    rows = [_pair(row) for row in found.recipes.to_dict("records")]
    head = ("protocol", "A", "B", "UAR of A", "UAR of B", "A - B", "p", "p, Holm", "units")
    return (
        "Within a protocol both recipes judged the same clips. The difference is that of the mean "
        "UAR over the runs; its interval resamples whole speakers, and p is that of exchanging the "
        "two recipes' answers speaker by speaker. Holm's correction is over all "
        f"{len(rows)} tests of this page. {_believed(found)} Above 0.05 nothing is known of the "
        "order, which does not mean that the two are equal.\n\n" + markdown(head, rows)
    )


def _believed(found):
    """Return for whom a small p of each protocol speaks."""
    side = found.table.drop_duplicates("protocol").set_index("protocol")["speakers"]
    rows = found.recipes.drop_duplicates("protocol")
    by_speaker = rows["unit"] == "speaker"
    new = by_speaker & (rows["protocol"].map(side) == NEW)
    parts = [
        (new, "the order of A and B can be believed for other speakers, for these networks"),
        (by_speaker & ~new, "it holds among voices known, or perhaps known, from training, and "
         "says nothing of new ones"),
        (~by_speaker, "it holds for other clips of the same voices only, and is too sure for new "
         "ones"),
    ]  # fmt: skip
    told = [
        f"{', '.join(f'`{name}`' for name in rows['protocol'][mask])}: {words}"
        for mask, words in parts
        if mask.any()
    ]
    return f"Below 0.05, under {'; under '.join(told)}."


def _pair(row):
    return (
        f"`{row['protocol']}`", row["a"], row["b"], _percent(row["uar_a"]), _percent(row["uar_b"]),
        limited(row, "uar", "+", "difference"), f"{row['uar_p']:.2g}",
        f"{row['uar_p_holm']:.2g}", f"{row['units']} {row['unit']}s",
    )  # fmt: skip


def _protocols(found):
    if found.protocols.empty:
        return ""
    rows = [
        (row["recipe"], f"`{row['protocol']}`", limited(row, "uar", "+"),
         limited(row, "accuracy", "+"), row["clips"], f"{row['units']} {row['unit']}s")
        for row in found.protocols.to_dict("records")
    ]  # fmt: skip
    head = ("recipe", "protocol", "UAR", "accuracy", "clips", "resampled")
    return (
        f"## Protocols against `{found.reference}`\n\nPercentage points by which a protocol lies "
        f"above `{found.reference}`, whose speakers are new, on the clips that both were tested "
        "on: clips and voices that are easy for both leave the difference, and a protocol without "
        "such clips is left out. There is no p, for the trained networks differ too, and so do "
        "their amounts of training clips. What a random split lies above comes from voices, and "
        "from sentences of theirs, that training has heard.\n\n" + markdown(head, rows)
    )


def _limits(found):
    table = found.table[found.table["runs"] > 0]
    lines = [
        "The intervals ask what other speakers would have given for the networks trained here. "
        "They do not hold the luck of training again, nor other microphones, languages or unacted "
        "speech.",
        "Folds of one protocol share most of their training clips: their figures are not "
        "independent, and their deviation tends to be too small.",
    ]
    few = table[(table["unit"] == "speaker") & (table["fewest"] < FEW_SPEAKERS)]
    if len(few):
        shown = ", ".join(f"`{name}`" for name in dict.fromkeys(few["protocol"]))
        lines.append(
            f"Fewer than {FEW_SPEAKERS} speakers (of one corpus) stand behind {shown}: these "
            "intervals are rough, rather too narrow."
        )
    if (table["unit"] == "clip").any():
        lines.append("Where clips are resampled, the intervals are too narrow for new speakers.")
    if (table["speakers"] == SAME).any():
        lines.append(
            "Rows with known speakers can be compared with each other and with figures of others "
            "who tested so; they promise nothing for a voice that was not in training."
        )
    return "## Limits\n\n" + "\n".join(f"- {line}" for line in lines)


def _again(found):
    study = found.plan.study
    words = ["python", "-m", "serkeras", "protocols"]
    words += [entry.values[0] for entry in study.recipes]
    for spec in study.data:
        words += ["--data", spec]
    if study.label_scheme != "own":
        words += ["--label-scheme", study.label_scheme]
    for name in found.plan.protocols:
        words += ["--protocol", name]
    words += ["--seeds", ",".join(map(str, study.seeds)) + "," * (len(study.seeds) == 1)]
    for name, value in study.settings.items():
        words += ["--set", f"{name}={value if isinstance(value, str) else json.dumps(value)}"]
    return (
        f"## How to make it again\n\n```sh\n{shlex.join(words)}\n```\n\nThe runs stand in study/, "
        "each with its own report; all figures of this page in result.json and the CSV files."
    )
