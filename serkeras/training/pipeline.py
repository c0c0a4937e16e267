"""`train`: the whole way from recordings to an illustrated result."""

import hashlib
import logging
import os
from pathlib import Path

import pandas as pd

from serkeras import datasets, models, recipes, runs, splits
from serkeras._files import atomic_write, cache_dir, read_json, write_json
from serkeras.config import Experiment
from serkeras.training import inherited, provenance, reading
from serkeras.training.sides import extract

_log = logging.getLogger(__name__)


def train(
    recipe,
    data=None,
    split=None,
    seed=None,
    out=None,
    label_scheme=None,
    settings=None,
    overwrite=False,
    on_error="raise",
    n_jobs=None,
    progress=True,
):
    """Train a recipe, evaluate it once on the test side and write a run folder.

    An interrupted call goes on from its last epoch when it is made again; a classical model is
    fitted again. An experiment of several members gives as many runs of one split, in folders
    `member-0` and so on below `out`, and their ensemble in `out`.

    Args:
        recipe: name of a recipe, path of a recipe file, or an `Experiment`.
        data: list of corpora ("ravdess", "tess=DIR", "my.csv", "my_folder" or a DataFrame with
            the columns path and emotion); default: the built-in synthetic corpus.
        split: kind of split, see `serkeras.splits.make`; default "speaker".
        seed: int; default 0.
        out: run folder; default `artifacts/runs/RECIPE-DATA-SPLIT-seedN`.
        label_scheme: "own", "seven" or "four".
        settings: dictionary of dotted settings, such as `{"training.epochs": 5}`.
        overwrite: replace a run that stands in `out`.
        on_error: "raise" stops at a clip that cannot be read; "skip" leaves it out and
            lists it in `failed.csv`.
        n_jobs: threads for the features and for the trees of a forest; None is all cores.
        progress: show progress bars.

    Returns:
        `serkeras.runs.Run`; `serkeras.ensembles.Ensemble` of several members.

    Raises:
        ValueError: unknown recipe, setting, split or corpus, or a split that leaks.
        FileExistsError: `out` holds a finished run or another experiment.
    """
    experiment = as_experiment(recipe, data, split, seed, label_scheme, settings)
    experiment = inherited.resolve(experiment)
    folder = Path(out or runs.default_folder(experiment))
    with runs.locked(folder):
        # The run folder is made when data, split, features and model are known to be sound: a
        # command that fails before leaves nothing behind.
        runs.check_free(folder, experiment, overwrite)
        reading.check(experiment)
        way(experiment).check(experiment)
        start = inherited.read(experiment)
        clips = datasets.load_many(experiment.data, experiment.label_scheme, progress=progress)
        split = _split(folder, clips, experiment, overwrite)
        reading.check_sides(split, experiment)
        labels = _labels(split, experiment)
        sides = extract(split, labels, experiment, on_error, n_jobs, progress)
        inherited.check(start, split, sides.files)
        fit = way(experiment).prepare(sides, labels, experiment)
        anew = overwrite and not provenance.matches(folder, sides.digest, start)
        runs.prepare(folder, experiment, overwrite, anew)
        _describe(folder, split, sides, start, experiment)
        if experiment.members > 1:
            return _train_members(folder, sides, split, labels, experiment, start, n_jobs, progress)
        _complete(folder, fit, sides, split, labels, experiment, n_jobs, progress)
    return runs.Run(folder)


def _train_members(folder, sides, split, labels, experiment, start, n_jobs, progress):
    """Train the members that are not finished, then join all of them in `folder`."""
    from serkeras import ensembles

    for own, member in runs.members(folder, experiment).items():
        if runs.is_finished(own, member):
            continue
        fit = way(member).prepare(sides, labels, member)
        runs.prepare(own, member)
        _describe(own, split, sides, start, member)
        _complete(own, fit, sides, split, labels, member, n_jobs, progress)
    return ensembles.join_members(folder, experiment)


def _complete(folder, fit, sides, split, labels, experiment, n_jobs, progress):
    """Fit, evaluate and report a run whose folder is described."""
    model = fit(folder, n_jobs, progress)
    _evaluate(folder, model, sides, split, labels, experiment)
    _report(folder)
    runs.finish(folder)


def way(experiment):
    """Return the module that fits such a model: its `check`, `prepare` and `facts`."""
    if models.is_classical(experiment.model.name):
        from serkeras.training import classical

        return classical
    from serkeras.training import phases

    return phases


def as_experiment(recipe, data=None, split=None, seed=None, label_scheme=None, settings=None):
    """Return the recipe's experiment with what the caller asked to be different; see `train`."""
    start = recipe if isinstance(recipe, Experiment) else recipes.load(recipe)
    if data is not None:
        data = [spec_of(item) for item in datasets.as_list(data)]
    asked = {"data": data, "split": split, "seed": seed, "label_scheme": label_scheme}
    changed = {name: value for name, value in asked.items() if value is not None}
    return start.with_settings({**changed, **(settings or {})})


def spec_of(item):
    """Return the words that name a data set; a DataFrame is kept as a CSV file in the cache."""
    if not isinstance(item, pd.DataFrame):
        return os.fspath(item)
    text = datasets.load_own(item).to_csv(index=False)
    name = hashlib.sha256(text.encode()).hexdigest()[:16]
    path = cache_dir() / "tables" / f"table-{name}.csv"
    with atomic_write(path) as file:
        file.write(text)
    return str(path)


def _labels(split, experiment):
    """Return the emotions of the clips in use, in order.

    Raises:
        ValueError: there are fewer than two.
    """
    labels = sorted(set(pd.concat(split.sides.values())["emotion"]))
    if len(labels) < 2:
        raise ValueError(
            "The clips must carry two emotions or more. Received: "
            f"{labels} in {list(experiment.data)} (label scheme {experiment.label_scheme!r}). "
            "Add clips of other emotions, or choose another label scheme."
        )
    return labels


def _split(folder, clips, experiment, overwrite):
    """Make the split, or read the one that the interrupted run made."""
    if not overwrite and runs.resumable(folder, experiment) and (folder / "split.json").is_file():
        return splits.Split.from_dict(read_json(folder / "split.json"), clips)
    return splits.make(clips, experiment.split, seed=experiment.seed)


def _describe(folder, split, sides, start, experiment):
    """Write what the run stands on; refuse to go on with a run that stood on other data."""
    fitted = reading.learned(split, experiment)
    provenance.begin(folder, sides.digest, split, sides.files, start, fitted)
    told = split.to_dict()
    if not start.speakers_known:  # the weights may have heard anybody
        told["speaker_disjoint"] = None
    write_json(folder / "split.json", told)
    if len(sides.failed):
        _log.warning("%d clips could not be read and were left out", len(sides.failed))
        with atomic_write(folder / "failed.csv") as file:
            sides.failed.to_csv(file, index=False)


def _evaluate(folder, model, sides, split, labels, experiment):
    """Predict validation and test side, once; write both, and metrics.json of the test side.

    A validation side that was learned is not predicted: what a model says of it judges nothing.
    """
    from serkeras.evaluation import metrics
    from serkeras.training import by_speaker

    clips = rows_of(split.test, sides.test)
    batch_size = experiment.model.clips_at_once(experiment.training.batch_size)
    if not experiment.training.learns_validation:
        _write_validation(folder, model, sides, split, labels, batch_size)

    def measure(batch_size):
        probabilities = by_speaker.predict(model, sides.test, batch_size)
        result = metrics.evaluate(sides.test.y, probabilities, labels, clips, seed=experiment.seed)
        return probabilities, result

    probabilities, result = measure(batch_size)
    if experiment.model.mixes_clips:
        _, together = measure(experiment.training.batch_size)
        result["in_batches_by_name"] = {
            name: together[name] for name in ("accuracy", "uar", "macro_f1")
        }
    write_predictions(folder / "predictions.csv", clips, probabilities, labels)
    write_json(folder / "metrics.json", {**result, "run": _facts(folder, model, experiment)})


def _write_validation(folder, model, sides, split, labels, batch_size):
    from serkeras.training import by_speaker

    # What joins several runs is fitted with these: the test side judges, it decides nothing.
    side = sides.validation
    clips, said = rows_of(split.validation, side), by_speaker.predict(model, side, batch_size)
    write_predictions(folder / "validation.csv", clips, said, labels)


def rows_of(clips, side):
    """Return the rows of a manifest in the order of a side."""
    return clips.set_index("clip").loc[side.clips].reset_index()


def write_predictions(path, clips, probabilities, labels):
    """Write one row a clip: the manifest's columns, what the model said, its probabilities."""
    table = runs.predictions_table(clips, probabilities, labels)
    with atomic_write(path) as file:
        table.to_csv(file, index=False)


def _facts(folder, model, experiment):
    """Return what a reader needs to judge the figures and to make them again."""
    history = pd.read_csv(folder / "history.csv")
    return {
        "recipe": experiment.recipe,
        "data": list(experiment.data),
        "label_scheme": experiment.label_scheme,
        "split": experiment.split,
        "seed": experiment.seed,
        "seconds": round(float(history["seconds"].sum()), 1),
        "device": provenance.joined(folder, "device"),
        "versions": provenance.read(folder)["sessions"][-1]["versions"],
        "commit": provenance.joined(folder, "commit"),
        "weights": provenance.read(folder)["weights"],
        **way(experiment).facts(folder, model),
    }


def _report(folder):
    from serkeras.evaluation import report

    report.write(folder)
