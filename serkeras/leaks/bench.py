"""One seed's fits: each is made once, by the functions that `train` uses, and its answers kept."""

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace

import pandas as pd

from serkeras import models, splits
from serkeras._files import read_csv, read_json, write_json
from serkeras.config import Experiment
from serkeras.leaks import manifests, noisy
from serkeras.leaks.sides import pick
from serkeras.runs import PREDICTION_COLUMNS

ASKED, DONE = "fit.json", "done.json"


@dataclass(frozen=True)
class Reading:
    """Clips that a fitted model is scored on.

    Attributes:
        clips: manifest.
        batch_size: clips that are predicted at once, in the order of their names; None is the
            experiment's way.
        side: function from `Sides`, as they were before `Fit.change`, to the `Side` to score;
            None scores the clips as the changed sides have them.
    """

    clips: pd.DataFrame
    batch_size: int | None = None
    side: Callable | None = None


@dataclass(frozen=True)
class Fit:
    """One fit of the recipe.

    Attributes:
        name: of its folder.
        split: `serkeras.splits.Split`; what it leaks it allows by name.
        readings: dictionary from a name to `Reading`.
        experiment: `serkeras.config.Experiment`.
        change: function `(sides, extract)` to `Sides`, where features or statistics are not
            those of the pipeline; `extract(settings)` gives the sides under other settings.
        model: function `(sides, labels, experiment)` to a model; None is the pipeline's way.
    """

    name: str
    split: splits.Split
    readings: dict
    experiment: Experiment
    change: Callable | None = None
    model: Callable | None = None


class Bench:
    """The honest sides of one seed, and the fits beside them.

    Args:
        experiment: `serkeras.config.Experiment`; its seed decides sides, weights and order.
        clips: manifest.
        labels: list of str, the classes in order.
        hashes: dictionary from path to `serkeras.features.cache.FileHash`.
        folder: `pathlib.Path`, where fits and answers are kept.
        on_error, n_jobs, progress: as in `serkeras.train`.

    Attributes:
        experiment, clips, labels: as given.
        seed: int.
        pools: `serkeras.leaks.manifests.Pools`.
    """

    def __init__(self, experiment, clips, labels, hashes, folder, on_error, n_jobs, progress):
        self.experiment, self.clips, self.labels = experiment, clips, labels
        self.seed, self.folder = experiment.seed, folder / f"seed{experiment.seed}"
        self._hashes = hashes
        self._options = {"on_error": on_error, "n_jobs": n_jobs, "progress": progress}
        self.pools = manifests.pools(clips, self.seed)

    def fit(self, name, split, readings, experiment=None, change=None, model=None):
        """Fit and score, or read what an earlier call found; arguments as in `Fit`.

        Returns:
            Dictionary from the name of a reading to a table of answers, see `answers`.

        Raises:
            ValueError: the split leaks what it does not allow by name.
        """
        asked = Fit(name, split, readings, experiment or self.experiment, change, model)
        splits.check(asked.split)
        folder, told = self.folder / name, self._told(asked)
        if not _matches(folder, told):
            shutil.rmtree(folder, ignore_errors=True)
            write_json(folder / ASKED, told)
        if not (folder / DONE).is_file():
            self._make(asked, folder)
            _forget(asked.experiment)
        return {name: answers(folder / f"{name}.csv", self.seed) for name in readings}

    def honest(self, member=0):
        """Return the table of the honest recipe's answers, of one choice of first weights."""
        split, name = self.pools.honest, f"honest-{member}" if member else "honest"
        experiment = self.experiment
        if member:
            experiment = experiment.with_settings({"training.member": member})
        return self.fit(name, split, {"test": Reading(split.test)}, experiment)["test"]

    def items(self, kind):
        """Return the known speakers' clips with copies: kind "noisy" or "twice"."""
        known = self.pools.known
        if kind == "twice":
            return manifests.twice(known)
        copies = noisy.write(self.clips, self.experiment.audio, self._hashes, **self._options)
        own = known.assign(source=known["clip"])
        return pd.concat([own, copies[copies["source"].isin(known["clip"])]], ignore_index=True)

    def _told(self, asked):
        """Return what decides a fit's answers, ready for JSON."""
        sides = {name: side["clip"].tolist() for name, side in asked.split.sides.items()}
        read = {
            name: [reading.clips["clip"].tolist(), reading.batch_size]
            for name, reading in asked.readings.items()
        }
        digests = sorted((path, found.digest) for path, found in self._hashes.items())
        rows = self.clips[["clip", "emotion", "speaker", "statement"]].to_csv(index=False)
        text = json.dumps([sides, read, digests, rows, self.labels])
        return {
            "split": {**asked.split.to_dict(), **{name: len(side) for name, side in sides.items()}},
            "experiment": json.loads(json.dumps(asked.experiment.to_dict())),
            "data": hashlib.sha256(text.encode()).hexdigest(),
        }

    def _make(self, asked, folder):
        def extract(settings):
            experiment = asked.experiment.with_settings(settings)
            return self._sides(asked, experiment)

        whole = extract({})
        sides = found = _tested_on(whole, asked.split)
        if asked.change:
            found = asked.change(sides, lambda given: _tested_on(extract(given), asked.split))
        model = self._model(asked, found, folder / "run")
        for name, reading in asked.readings.items():
            side = found.test if asked.change else whole.test
            side = reading.side(sides) if reading.side else side
            self._score(asked, model, reading, side, folder / f"{name}.csv")
        history = folder / "run" / "history.csv"
        if history.is_file():
            shutil.copyfile(history, folder / "history.csv")
        write_json(folder / DONE, {"digest": whole.digest, "train": len(found.train.y)})
        # Last of all: what a fit goes on from must be whole until its answers are.
        shutil.rmtree(folder / "run", ignore_errors=True)

    def _sides(self, asked, experiment):
        """Return sides whose test side holds all clips, so that every fit shares one entry."""
        from serkeras.training.sides import extract

        split = asked.split
        tables = [self.clips, *split.sides.values(), *(r.clips for r in asked.readings.values())]
        everything = pd.concat(tables, ignore_index=True).drop_duplicates("clip")
        return extract(replace(split, test=everything), self.labels, experiment, **self._options)

    def _model(self, asked, sides, folder):
        if asked.model:
            return asked.model(sides, self.labels, asked.experiment)
        from serkeras.training import pipeline

        folder.mkdir(parents=True, exist_ok=True)
        fit = pipeline.way(asked.experiment).prepare(sides, self.labels, asked.experiment)
        return fit(folder, self._options["n_jobs"], self._options["progress"])

    def _score(self, asked, model, reading, side, path):
        from serkeras.training import by_speaker
        from serkeras.training.pipeline import rows_of, write_predictions

        side = pick(side, reading.clips["clip"])
        usual = asked.experiment.training.batch_size
        size = reading.batch_size or asked.experiment.model.clips_at_once(usual)
        said = by_speaker.predict(model, side, size)
        write_predictions(path, rows_of(reading.clips, side), said, self.labels)


def answers(path, run):
    """Return what was said: a table of clip, speaker, corpus, emotion, predicted and run."""
    table = read_csv(path, PREDICTION_COLUMNS)
    return table[["clip", "speaker", "corpus", "emotion", "predicted"]].assign(run=str(run))


def _tested_on(sides, split):
    return replace(sides, test=pick(sides.test, split.test["clip"]))


def _matches(folder, told):
    return (folder / ASKED).is_file() and read_json(folder / ASKED) == told


def _forget(experiment):
    """Let go of a network: Keras and its backend keep it otherwise."""
    if not models.is_classical(experiment.model.name):
        import keras

        keras.utils.clear_session()  # which collects garbage too
