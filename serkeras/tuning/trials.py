"""One trial: a fit for each part of the data and each repeat, judged by the validation side."""

import shutil
import time
import uuid

import pandas as pd

from serkeras import models
from serkeras._files import read_json, write_json

RESULT, VALIDATION = "result.json", "validation.csv"


def run(plan, development, values, folder, epochs, start=None, first=0, progress=False):
    """Fit and judge one choice of settings; what is done already is not done again.

    Args:
        plan: `serkeras.tuning.plan.Plan`.
        development: `serkeras.tuning.development.Development`.
        values: dictionary from names of the space to values.
        folder: `pathlib.Path` of the trial.
        epochs: int, at most.
        start: folder of a trial with the same values and fewer epochs to go on from, or None.
        first: number of the first repeat: other numbers are other first weights and orders.
        progress: show a bar for each fit.

    Returns:
        dict of the objectives and "best_epoch", means over parts and repeats, and of "epochs"
        (those of an earlier trial counted in) and "seconds", sums.

    Raises:
        ValueError: the experiment refuses the values, or the network does not fit the features.
    """
    rows = []
    for number, part in enumerate(development.parts):
        for repeat in range(first, first + plan.repeats):
            own = folder / f"part{number}-repeat{repeat}"
            if not (own / RESULT).is_file():
                _begin(own, start and start / own.name)
                experiment = plan.trial(values).with_settings({"training.member": repeat})
                _run_part(experiment, part, development.labels, own, epochs, progress)
            rows.append(read_json(own / RESULT))
    table = pd.DataFrame(rows)
    totals = table[["epochs", "seconds"]].sum().round(1).to_dict()
    return {**table.drop(columns=["epochs", "seconds"]).mean().to_dict(), **totals}


def _begin(own, start):
    """Make the folder of a fit, with what an earlier one has learned where there is one."""
    if own.exists():
        return
    own.parent.mkdir(parents=True, exist_ok=True)
    temporary = own.with_name(f".tmp-{uuid.uuid4().hex}")
    if start and (start / "checkpoints").is_dir():
        shutil.copytree(start, temporary, ignore=shutil.ignore_patterns(RESULT, "tensorboard"))
    else:
        temporary.mkdir()
    temporary.rename(own)


def _run_part(experiment, part, labels, own, epochs, progress):
    from serkeras.training import by_speaker
    from serkeras.training.sides import extract

    began = time.perf_counter()
    sides = extract(part, labels, experiment, "raise", None, progress)
    model, facts = _fit(experiment, sides, labels, own, epochs, progress)
    side = sides.validation
    batch_size = experiment.model.clips_at_once(experiment.training.batch_size)
    said = by_speaker.predict(model, side, batch_size)
    write_json(
        own / RESULT,
        {
            **_judged(own, part.validation, side, said, labels),
            **facts,
            "seconds": time.perf_counter() - began,
        },
    )


def _fit(experiment, sides, labels, own, epochs, progress):
    """Return the model, and the facts of its fit."""
    if models.is_classical(experiment.model.name):
        from serkeras.training import classical as fitting

        fitting.check(experiment)
        return fitting.prepare(sides, labels, experiment)(own, None, progress), {"epochs": 0}
    from serkeras.training import phases

    phases.check(experiment)
    model, row = phases.search(sides, labels, experiment, own, epochs, progress)
    return model, {"val_loss": row["val_loss"], "epochs": row["epochs"], "best_epoch": row["epoch"]}


def _judged(own, clips, side, said, labels):
    """Write what was said of the validation clips; return the measures."""
    from sklearn.metrics import accuracy_score, f1_score, recall_score

    from serkeras.training.pipeline import rows_of, write_predictions

    write_predictions(own / VALIDATION, rows_of(clips, side), said, labels)
    settings = {"average": "macro", "zero_division": 0.0, "labels": sorted(set(side.y.tolist()))}
    found = said.argmax(axis=1)
    return {
        "val_uar": float(recall_score(side.y, found, **settings)),
        "val_accuracy": float(accuracy_score(side.y, found)),
        "val_macro_f1": float(f1_score(side.y, found, **settings)),
    }


def tidy(folder):
    """Remove the checkpoints of a search's trials, which nothing goes on from any more."""
    for name in ("checkpoints", "tensorboard", "model.skops"):
        for path in folder.glob(f"*/*/*/{name}"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
