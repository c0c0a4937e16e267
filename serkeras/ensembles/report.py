"""The written report of an ensemble: report.md and its figures."""

import shlex

import numpy as np

from serkeras._files import atomic_write
from serkeras.ensembles import figures, members
from serkeras.evaluation import _report_how as how
from serkeras.evaluation import analysis, intervals, plots
from serkeras.evaluation._markdown import duration, percent, points, table, with_limits

_HOW = {
    "mean": "The probabilities of an ensemble are the mean of those of its members.",
    "geometric": "The probabilities of an ensemble are the geometric mean of those of its "
    "members, made to sum to 1: a class that one member rules out is ruled out by all.",
    "weighted": "The probabilities of an ensemble are the weighted mean of those of its members. "
    "The weights minimise the cross-entropy on the validation clips; the test side decided "
    "nothing. The same validation clips chose epochs and settings of the members, so that a "
    "member may weigh more than it deserves.",
}


def write(folder, found, experiment=None):
    """Write report.md and figures/*.png.

    Args:
        folder: `pathlib.Path` of the ensemble.
        found: `serkeras.ensembles.measured.Measured`.
        experiment: `serkeras.config.Experiment` that the members were trained by; None where
            finished runs were joined.
    """
    for name, figure in _figures(found).items():
        plots.save(figure, folder / "figures" / f"{name}.png")
    sections = (
        _headline(found),
        _split(found),
        _members(found),
        _joined(found),
        _diversity(found),
        _classes(found),
        _meaning(found),
        how.again(experiment) if experiment else _again(found),
        _facts(found),
    )
    with atomic_write(folder / "report.md") as file:
        file.write("\n\n".join(sections) + "\n")


def _figures(found):
    side, count = found.side, len(found.runs)
    by_members = (side.said == side.truth).sum(axis=0)
    hits = found.probabilities.argmax(axis=1) == side.truth
    joined_right = np.bincount(by_members[hits], minlength=count + 1)
    uars = [row["uar"] for row in found.members]
    return {
        "members": figures.members(found.names, uars, found.metrics["uar"]),
        "diversity": figures.diversity(found.names, found.diversity, joined_right),
        "confusion": plots.confusion(found.metrics["confusion_matrix"], found.metrics["labels"]),
    }


def _headline(found):
    voices = {
        True: "of speakers none of them had ever heard",
        False: "**of speakers that members were trained on**",
        None: "of speakers who may or may not be known to them",
    }[found.speaker_disjoint]
    metrics = found.metrics
    return (
        f"# Ensemble of {len(found.runs)} runs: "
        f"{analysis.protocol(found.runs[0].experiment, found.speaker_disjoint)}\n\n"
        f"Together the members name the right one of {len(metrics['labels'])} emotions in "
        f"{percent(metrics['accuracy']['value'])} of {len(found.side.truth)} test clips, "
        f"{voices}; the mean recall of the classes (UAR) is {with_limits(metrics['uar'])}. "
        f"That of the members is {percent(_mean(found, 'uar'))} on average, a difference of "
        f"{points(found.gain['uar'])} percentage points."
    )


def _mean(found, name):
    return float(np.mean([row[name]["value"] for row in found.members]))


def _split(found):
    kinds = dict.fromkeys(f"`{run.experiment.split}`" for run in found.runs)
    verdict = {
        True: "is **speaker-disjoint** in every run: no test speaker stands in training.",
        False: "**has speakers that stand in training too**: with new speakers expect clearly "
        "less, and compare only with figures of the same kind of split.",
        None: "has speakers who are not all known, so one voice may stand in training too: take "
        "the figures as an upper bound for new speakers.",
    }[found.speaker_disjoint]
    lines = [f"The test side (split {', '.join(kinds)}) {verdict}"]
    lines.append(f"It is the same {len(found.side.truth)} clips for all members.")
    leaks = sorted(members.allowed(found.runs) - {"speaker"})
    if leaks:
        lines.append(f"**Leaks allowed by name: {', '.join(leaks)}.**")
    return "## Split\n\n" + " ".join(lines)


def _members(found):
    rows = [_row(row["name"], row, row["gain"]) for row in found.members]
    mean = {name: percent(_mean(found, name)) for name in ("uar", "accuracy", "macro_f1")}
    rows.append(["**mean of the members**", *mean.values(), points(found.gain["uar"])])
    rows.append(_row("**ensemble**", found.metrics))
    head = ("run", "UAR", "accuracy", "macro F1", "UAR of the ensemble less it (points)")
    gain, about = found.gain, found.metrics["intervals"]
    unit = "speakers" if about["method"] == intervals.BY_SPEAKER else "clips"
    rough = (
        f" With fewer than {intervals.FEW_SPEAKERS} speakers all intervals are **rough**, and "
        "rather too narrow."
        if unit == "speakers" and about["clusters"] < intervals.FEW_SPEAKERS
        else ""
    )
    return (
        f"## Members and ensemble\n\n{table(head, rows)}\n\n"
        "![UAR of members and ensemble](figures/members.png)\n\n"
        f"95 % intervals: {about['method']}, {about['n_boot']} resamples of {about['clusters']} "
        f"{unit}. Those of the differences are paired: both sides see the same resampled {unit}. "
        f"Over the mean of the members the gain in accuracy is {points(gain['accuracy'])} points; "
        f"p = {gain['uar']['p']:.2g} for UAR and {gain['accuracy']['p']:.2g} for accuracy "
        f"(exchange of the answers, {gain['unit']} by {gain['unit']}, of {gain['units']}).{rough} "
        "The best row of the table was not known before the test: against it the ensemble is "
        "judged too hard."
    )


def _row(name, row, gain=None):
    measures = [with_limits(row[key]) for key in ("uar", "accuracy", "macro_f1")]
    return [name, *measures, points(gain["uar"]) if gain else ""]


def _joined(found):
    validation = found.validation
    known = (
        f" Cross-entropy on the {validation['clips']} validation clips that all members share: "
        f"{np.mean(validation['members']):.3f} on average of the members, "
        f"{validation['ensemble']:.3f} of the ensemble."
        if validation
        else ""
    )
    scores = validation["members"] if validation else [None] * len(found.runs)
    rows = [
        [row["name"], row["recipe"], f"`{row['split']}`", row["seed"], row["member"],
         f"{row['weight']:.3f}", "-" if score is None else f"{score:.3f}"]
        for row, score in zip(found.members, scores, strict=True)
    ]  # fmt: skip
    head = ("run", "recipe", "split", "seed", "member", "weight", "cross-entropy, validation")
    return f"## How they are joined\n\n{_HOW[found.combine]}{known}\n\n{table(head, rows)}"


def _diversity(found):
    values = found.diversity
    rows = [
        ("two members differ on", percent(values["mean_disagreement"]), "mean over the pairs"),
        ("Cohen's kappa", f"{values['mean_kappa']:.2f}", "mean over the pairs; 1 is the same"),
        ("all members right", percent(values["all_right"]), "of the clips"),
        ("at least one member right", percent(values["oracle"]), "an oracle's accuracy"),
        ("all members wrong", percent(values["all_wrong"]), "no choice among answers helps"),
    ]
    alike = (
        " **All members give the same answers on every clip: joined they cannot gain.**"
        if values["mean_disagreement"] == 0
        else ""
    )
    return (
        f"## Diversity\n\nAn ensemble can only gain where its members differ.{alike}\n\n"
        f"{table(('', 'value', ''), rows)}\n\n"
        "![How the members differ](figures/diversity.png)"
    )


def _classes(found):
    rows = [
        (label, *(percent(row[name]) for name in ("precision", "recall", "f1")), row["support"])
        for label, row in found.metrics["per_class"].items()
        if row["support"]
    ]
    head = ("class", "precision", "recall", "F1", "clips")
    matrix = "![Confusion matrix, counts and rates](figures/confusion.png)"
    return f"## Classes\n\n{table(head, rows)}\n\n{matrix}"


def _meaning(found):
    whom = {True: "new speakers", False: "the same speakers", None: "speakers like these"}
    return (
        "## What the figures mean\n\nThey say how these trained models do together on "
        f"{whom[found.speaker_disjoint]} recorded in the same way and labelled by the same rule; "
        "the intervals hold the chance in who and what was tested, not the luck of the training "
        f"seeds. An ensemble costs the time and memory of its {len(found.runs)} members. The "
        "figures do not carry over to other microphones, languages or unacted speech. A model "
        "names the label of a recording, not what a person feels: do not judge people by it."
    )


def _again(found):
    words = ["python", "-m", "serkeras", "ensemble", *(str(run.folder) for run in found.runs)]
    words += ["--combine", found.combine, "--out", "again"]
    return f"## How to make it again\n\n```sh\n{shlex.join(words)}\n```"


def _facts(found):
    run = found.metrics["run"]
    size = "" if run["parameters"] is None else f"{run['parameters']:,} parameters, "
    rows = [
        ("data", f"{', '.join(run['data'])} (label scheme `{run['label_scheme']}`)"),
        ("members", f"{len(found.runs)}, {size}trained in {duration(run['seconds'])}"),
        ("device", run["device"]),
        ("versions", ", ".join(f"{name} {value}" for name, value in run["versions"].items())),
        ("commit", run["commit"] or "unknown (no git checkout)"),
    ]
    return "## What was run\n\n" + table(("", ""), rows)
