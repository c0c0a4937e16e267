"""The written report of a run: report.md and its figures, made from the run folder alone."""

from pathlib import Path

import numpy as np
import pandas as pd

from serkeras._files import atomic_write
from serkeras.evaluation import _report_how as how
from serkeras.evaluation import analysis, intervals, plots
from serkeras.evaluation._markdown import limits, percent, table, with_limits
from serkeras.evaluation.run_parts import read

CLIPS_SHOWN = 8


def write(run_dir):
    """Write report.md and figures/*.png into a run folder.

    Args:
        run_dir: folder with experiment.json, split.json, history.csv, predictions.csv and
            metrics.json. An older report and its figures are replaced.

    Returns:
        `pathlib.Path` of report.md.

    Raises:
        FileNotFoundError: a part is missing.
        ValueError: a part is broken, or the parts do not belong together.
    """
    folder = Path(run_dir)
    parts = read(folder)
    figures, no_page = _figures(parts)
    for name in ("curves", "confusion", "per_class", "groups", "clips"):
        path = folder / "figures" / f"{name}.png"
        if name in figures:
            plots.save(figures[name], path)
        else:
            path.unlink(missing_ok=True)  # of an earlier report, it would show other results
    sections = (
        _headline(parts),
        _how_split(parts),
        _measures(parts),
        _classes(parts),
        _groups(parts),
        how.training(parts),
        _page(no_page),
        _meaning(parts),
        how.again(parts.experiment),
        how.facts(parts),
    )
    with atomic_write(folder / "report.md") as file:
        file.write("\n\n".join(sections) + "\n")
    return folder / "report.md"


def _figures(parts):
    """Return the figures by name, and why there is no clip page (None if there is one)."""
    metrics = parts.metrics
    figures = {
        "confusion": plots.confusion(metrics["confusion_matrix"], metrics["labels"]),
        "per_class": plots.per_class(metrics),
    }
    if parts.has_epochs:
        figures["curves"] = plots.curves(parts.history, how.search(parts)[1])
    if any(metrics["groups"].values()):
        figures["groups"] = plots.groups(metrics)
    chosen = _choose(parts.predictions, metrics["labels"])
    waves, reason = _waves(chosen, parts.experiment.audio)
    if reason is None:
        figures["clips"] = plots.clip_page(
            chosen, waves, parts.experiment.audio.sample_rate,
            chosen[[f"p_{label}" for label in metrics["labels"]]].to_numpy(), metrics["labels"],
        )  # fmt: skip
    return figures, reason


def _choose(predictions, labels):
    """Choose the surest right and the surest wrong answers, of many emotions."""
    surest = predictions[[f"p_{label}" for label in labels]].max(axis=1)
    ranked = predictions.assign(surest=surest)
    ranked = ranked.sort_values(["surest", "clip"], ascending=[False, True])
    # How often the emotion came before: the first of each emotion go ahead of the second.
    is_right = ranked["emotion"] == ranked["predicted"]
    turn = ranked.groupby([is_right, ranked["emotion"]]).cumcount()
    ranked = ranked.assign(turn=turn).sort_values("turn", kind="stable")
    right = ranked[ranked["emotion"] == ranked["predicted"]]
    wrong = ranked[ranked["emotion"] != ranked["predicted"]]
    half = CLIPS_SHOWN // 2
    n_right = max(half, CLIPS_SHOWN - len(wrong))
    n_wrong = max(half, CLIPS_SHOWN - len(right))
    return pd.concat([right.head(n_right), wrong.head(n_wrong)])


def _waves(chosen, config):
    """Return waves `(clips, samples)` and None, or None and why they cannot be had."""
    from serkeras import audio

    config = config.replace(fit="pad", level="as_is")  # what people would hear, of one length
    waves = []
    for clip, path in zip(chosen["clip"], chosen["path"], strict=True):
        if not isinstance(path, str) or not Path(path).is_file():
            return None, f"the recordings are not reachable from here ({clip} is missing)"
        try:
            waves.append(audio.load_clip(path, config))
        except (OSError, ValueError):
            return None, f"the recording {clip} cannot be read (`python -m serkeras audit`)"
    return np.stack(waves), None


def _headline(parts):
    experiment, metrics, disjoint = parts.experiment, parts.metrics, parts.split["speaker_disjoint"]
    voices = {
        True: "of speakers it had never heard",
        False: "**of speakers it was trained on**",
        None: "of speakers who may or may not be known to it",
    }[disjoint]
    return (
        f"# {analysis.protocol(experiment, disjoint)}\n\n"
        f"The model names the right one of {len(metrics['labels'])} emotions in "
        f"{percent(metrics['accuracy']['value'])} of {len(parts.predictions)} test clips, "
        f"{voices}; the mean recall of the classes (UAR) is {percent(metrics['uar']['value'])} "
        f"{limits(metrics['uar'])}."
    )


def _how_split(parts):
    split, kind = parts.split, parts.experiment.split
    verdict = {
        True: f"The split `{kind}` is **speaker-disjoint**: no speaker stands on two sides.",
        False: f"**In the split `{kind}` speakers stand on both sides.** The model is tested on "
        "voices it was trained on: with new speakers expect clearly less, and compare only "
        "with figures of the same kind of split.",
        None: f"Speakers are not all known, so in the split `{kind}` one voice may stand on two "
        "sides: take the figures as an upper bound for new speakers.",
    }[split["speaker_disjoint"]]
    counts = ", ".join(f"{len(split[side])} {side}" for side in ("train", "validation", "test"))
    lines = [verdict, f"Clips: {counts} (lists in split.json)."]
    unread = len(split["test"]) - len(parts.predictions)
    if unread:
        lines.append(f"**Test clips that could not be read, so not in the figures: {unread}.**")
    others = [name for name in split["allowed"] if name != "speaker"]
    if others:
        lines.append(f"**Leaks allowed by name: {', '.join(others)}.**")
    return "## Split\n\n" + " ".join([*lines, *split["notes"]])


def _measures(parts):
    metrics = parts.metrics
    support = np.sum(metrics["confusion_matrix"], axis=1)
    meanings = {
        "accuracy": ("Accuracy (WA)", "right answers among all clips"),
        "uar": ("UAR", "mean recall of the classes"),
        "macro_f1": ("Macro F1", "mean F1 of the classes"),
        "top2": ("Top-2 accuracy", "truth among the two most probable classes"),
    }
    rows = [
        (name, percent(metrics[key]["value"]), limits(metrics[key]), meaning)
        for key, (name, meaning) in meanings.items()
    ]
    return "\n\n".join(
        [
            "## Results",
            table(("measure", "value", "95 % interval", "what it counts"), rows),
            "Always answering the most frequent class would give an accuracy of "
            f"{percent(support.max() / support.sum())} and a UAR of "
            f"{percent(1 / np.count_nonzero(support))}.",
            _about_intervals(metrics),
            *_mixed_clips(metrics),
        ]
    )


def _mixed_clips(metrics):
    """Return what to say of a network whose prediction for a clip depends on its batch."""
    together = metrics.get("in_batches_by_name")
    if together is None:
        return []
    return [
        "**This network mixes the clips of a batch.** The figures above score each clip alone, as "
        "in use. Scored in batches of neighbouring file names, where equal emotions stand side "
        f"by side, it reaches an accuracy of {with_limits(together['accuracy'])} and a UAR of "
        f"{with_limits(together['uar'])}: the order of the files leaks labels."
    ]


def _about_intervals(metrics):
    about = metrics["intervals"]
    by_speaker = about["method"] == intervals.BY_SPEAKER
    unit = "speakers" if by_speaker else "clips"
    text = (
        f"Intervals: {about['method']}, {about['n_boot']} resamples of {about['clusters']} {unit}."
    )
    if not by_speaker:
        text += (
            " Speakers are unknown, or there is only one, so clips were drawn: for new speakers "
            "the interval is too narrow."
        )
    elif about["clusters"] < intervals.FEW_SPEAKERS:
        text += (
            f" With fewer than {intervals.FEW_SPEAKERS} speakers the interval is **rough**, and "
            "rather too narrow."
        )
    if any(metrics[name]["low"] == metrics[name]["high"] for name in ("accuracy", "uar")):
        text += " An interval without width means that the resamples agree, not certainty."
    return text


def _classes(parts):
    rows = [
        (label, *(percent(row[name]) for name in ("precision", "recall", "f1")), row["support"])
        if row["support"]
        else (label, "-", "-", "-", 0)
        for label, row in parts.metrics["per_class"].items()
    ]
    values = table(("class", "precision", "recall", "F1", "clips"), rows)
    matrix = "![Confusion matrix, counts and rates](figures/confusion.png)"
    return f"## Classes\n\n{values}\n\n![Bars of each class](figures/per_class.png)\n\n{matrix}"


def _groups(parts):
    rows = [
        (kind, name, row["n"], with_limits(row["accuracy"]), with_limits(row["uar"]),
         f"{row['intervals']['clusters']} {row['intervals']['method'].split()[-1]}s")
        for kind, found in parts.metrics["groups"].items()
        for name, row in found.items()
    ]  # fmt: skip
    if not rows:
        return "## Groups\n\nNeither sex nor corpus is known."
    head = ("by", "group", "clips", "accuracy", "UAR", "interval drawn from")
    return (
        f"## Groups\n\n{table(head, rows)}\n\nThe UAR of a group is the mean over the classes "
        f"that it holds. Intervals drawn from fewer than {intervals.FEW_SPEAKERS} speakers are "
        "rough, those drawn from clips are too narrow for new speakers: neither shows that two "
        "groups differ.\n\n![Bars of each group](figures/groups.png)"
    )


def _page(no_page):
    if no_page:
        return f"## Clips\n\nThere is no page of clips: {no_page}."
    return (
        "## Clips\n\nThe surest right and the surest wrong answers, of different emotions where "
        "possible: extremes to learn from, not a fair sample.\n\n"
        "![Waveforms, spectrograms and answers](figures/clips.png)"
    )


def _meaning(parts):
    whom = {True: "new speakers", False: "the same speakers", None: "speakers like these"}
    return (
        "## What the figures mean\n\nThey say how this one model does on "
        f"{whom[parts.split['speaker_disjoint']]} recorded in the same way and labelled by the "
        "same rule; the intervals hold the chance in who and what was tested, not the luck of "
        "the training seed. The figures do not carry over to other "
        "microphones, languages or unacted speech, where results are usually much lower. The "
        "model names the label of a recording, not what a person feels: do not judge people "
        "by it."
    )
