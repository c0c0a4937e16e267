"""How a run came about, as its report tells it: training, command, facts."""

import json

from serkeras import recipes
from serkeras.evaluation._markdown import duration, percent, table
from serkeras.runs import whole_command


def search(parts):
    """Return the history of the search and its best epoch, 1-based; None of no search."""
    from serkeras.training.history import best_epoch

    rows = parts.history[parts.history["phase"] == "search"].reset_index(drop=True)
    if rows.empty:
        return rows, None
    return rows, best_epoch(rows.to_dict("records"), parts.experiment.training.monitor)


def training(parts):
    """Return the section about the fit."""
    return _epochs(parts) if parts.has_epochs else _fits(parts)


def _fits(parts):
    """Describe the fits of a classical model, one a choice of settings."""
    best = parts.history["val_uar"].idxmax()
    rows = [
        (_words(row.settings), *map(percent, (row.uar, row.val_uar, row.val_accuracy)))
        for row in parts.history.itertuples()
    ]
    chosen = (
        f" Of {len(rows)} fits the one with the best validation UAR is kept: {rows[best][0]}."
        if len(rows) > 1
        else ""
    )
    head = ("settings", "UAR, training", "UAR, validation", "accuracy, validation")
    return (
        "## Training\n\nA classical model sees a clip as statistics of its features over time "
        "(features averaged over time as they are). It is fitted at once, on the training side "
        f"alone: there are no epochs and no curves.{chosen}\n\n{table(head, rows)}"
    )


def _words(settings):
    """Return settings, JSON, as words."""
    chosen = json.loads(settings)
    return ", ".join(f"{name}={value}" for name, value in chosen.items()) or "defaults"


def _epochs(parts):
    epochs = parts.metrics["run"]["epochs"]
    phases = " and ".join(f"{count} in the {phase} fit" for phase, count in epochs.items() if count)
    words = [f"Epochs: {phases}.", *_best_epoch(parts)]
    if parts.experiment.training.learns_validation:
        words.append("The model that is kept has learned from the validation clips too.")
    return f"## Training\n\n{' '.join(words)}\n\n![Loss and accuracy](figures/curves.png)"


def _best_epoch(parts):
    """Return the sentence about the search, if there was one."""
    rows, best = search(parts)
    if best is None:
        return []
    accuracy = rows["val_accuracy"]
    return [
        f"By `{parts.experiment.training.monitor}` the best epoch of the search is {best}, with a "
        f"validation accuracy of {percent(accuracy[best - 1])}; the highest was "
        f"{percent(accuracy.max())}, in epoch {accuracy.idxmax() + 1}."
    ]


def again(experiment):
    """Return the section with the command that repeats the run."""
    if experiment.recipe not in recipes.names():
        return (
            "## How to make it again\n\nIn this folder:\n\n```sh\n"
            "python -m serkeras train experiment.json --out again\n```"
        )
    return (
        f"## How to make it again\n\n```sh\n{whole_command(experiment)}\n```\n\n"
        "All settings stand in experiment.json."
    )


def facts(parts):
    """Return the table of what was run, on what."""
    run, experiment = parts.metrics["run"], parts.experiment
    audio, features = experiment.audio, experiment.features
    versions = ", ".join(f"{name} {version}" for name, version in run["versions"].items())
    rows = [
        ("recipe", experiment.recipe),
        ("data", f"{', '.join(experiment.data)} (label scheme `{experiment.label_scheme}`)"),
        ("split and seed", f"`{experiment.split}`, {experiment.seed}"),
        ("audio", f"{audio.sample_rate} Hz, {audio.duration_s:g} s"),
        ("features", f"{features.name}, hop {features.hop_length} samples"),
        ("changed copies a training clip", experiment.augment.copies),
        ("model", experiment.model.name + _parameters(run)),
        ("first weights", _weights(run)),
        *_frozen(run),
        *_by_speaker(experiment),
        *_batch(parts),
        ("training time", duration(run["seconds"])),
        ("device", run["device"]),
        ("versions", versions),
        ("commit", run["commit"] or "unknown (no git checkout)"),
    ]
    return "## What was run\n\n" + table(("", ""), rows)


def _weights(run):
    """Name the files that the network started from; older runs had none."""
    files = [f"{item['weights']} ({item['file']})" for item in run.get("weights", ())]
    return ", ".join(files) or "random"


def _batch(parts):
    """Return the row of the clips of an update, of networks."""
    training = parts.experiment.training
    several = f" x {training.accumulate}" if training.accumulate > 1 else ""
    return [("batch", f"{training.batch_size}{several} clips")] if parts.has_epochs else []


def _frozen(run):
    """Return the row of what was not computed in every epoch, if there is such a part."""
    layer = run.get("frozen_cached")
    words = f"computed once, up to `{layer}`; not in the training time"
    return [("frozen part", words)] if layer else []


def _by_speaker(experiment):
    """Return the row of what the model must know of a speaker, if it does."""
    words = (
        "of each speaker's recordings of a side, test speakers too, without their emotions: a new "
        "speaker has to be enrolled"
    )
    return [("statistics", words)] if experiment.model.by_speaker else []


def _parameters(run):
    return "" if run["parameters"] is None else f", {run['parameters']:,} parameters"
