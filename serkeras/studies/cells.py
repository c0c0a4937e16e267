"""From a study to its cells: one experiment, one id and one folder name each."""

import hashlib
import json
import re
from dataclasses import dataclass

from serkeras import recipes
from serkeras.config import Experiment
from serkeras.features import registry

_LONGEST = 60  # characters of a part of a folder name


@dataclass(frozen=True)
class Cell:
    """One run of a study.

    Attributes:
        recipe, features, split: labels; together they are a row of the table.
        fold: kind of split that is trained, one of the folds of `split`.
        seed: int.
        experiment: `serkeras.config.Experiment`, all that decides the run.
    """

    recipe: str
    features: str
    split: str
    fold: str
    seed: int
    experiment: Experiment

    @property
    def row(self):
        """(recipe, features, split)."""
        return self.recipe, self.features, self.split

    @property
    def id(self):
        """Stable name, such as `cnn5/mel+mfcc/speaker/seed0`."""
        return "/".join([self.recipe, self.features, self.fold, f"seed{self.seed}"])

    @property
    def folder(self):
        """Name of the run folder, valid on all systems: `cnn5__mel+mfcc__speaker__seed0`."""
        fold = self.fold.replace(":", "").replace("/", "of")
        parts = (_file_word(part) for part in (self.recipe, self.features, fold))
        return "__".join([*parts, f"seed{self.seed}"])


def _file_word(label):
    """Return a label as a part of a file name; what was lost comes back as digits of a hash."""
    word = re.sub(r"[^A-Za-z0-9_+=-]+", "-", label)[:_LONGEST].strip("-")
    if word == label:
        return word
    return f"{word}-{hashlib.sha256(label.encode()).hexdigest()[:6]}"


def expand(study):
    """Return the cells of a study, seed by seed, so that every row has a figure early.

    Args:
        study: `Study`.

    Returns:
        List of `Cell`, without those that a rule leaves out.

    Raises:
        ValueError: a recipe, feature or setting is unknown, two cells are the same experiment
            or would share a folder, or a rule leaves out everything.
    """
    starts = {entry.label: recipes.load(entry.values[0]) for entry in study.recipes}
    cells = [
        _cell(study, starts, place, entries)
        for place, entries in _places(study)
        if not _reasons(study, place)
    ]
    if not cells:
        raise ValueError(
            "A study must have one cell or more. Received: rules in `where` that leave out all. "
            "Remove a `skip`."
        )
    _check_apart(cells, "folder", lambda cell: cell.folder.casefold())
    _check_apart(cells, "experiment", lambda cell: fingerprint(cell.experiment))
    return cells


def left_out(study):
    """Return a dictionary from row (recipe, features, split) to why the study leaves it out.

    A row of which only some seeds are left out is not in it.
    """
    found = {}
    for place, _ in _places(study):
        row = place["recipe"], place["features"], place["split"]
        found.setdefault(row, []).append(_reasons(study, place))
    return {row: seeds[0][0] for row, seeds in found.items() if all(seeds)}


def _places(study):
    """Yield labels and entries of all cells, seeds outermost, folds expanded."""
    for seed in study.seeds:
        for split in study.splits:
            for fold in split.values:
                for features in study.features:
                    for recipe in study.recipes:
                        place = {
                            "recipe": recipe.label,
                            "features": features.label,
                            "split": split.label,
                            "seed": seed,
                        }
                        yield place, (recipe, features, fold)


def _reasons(study, place):
    return [rule.skip for rule in study.where if rule.skip and rule.holds(place)]


def _cell(study, starts, place, entries):
    recipe, features, fold = entries
    settings = {**study.settings, **recipe.settings, **features.settings}
    for rule in study.where:
        if rule.holds(place):
            settings.update(rule.settings)
    laid_out = {
        "data": list(study.data),
        "label_scheme": study.label_scheme,
        "split": fold,
        "seed": place["seed"],
    }
    try:
        experiment = starts[recipe.label].with_settings({**settings, **laid_out})
        registry.parts(experiment.features)
    except ValueError as error:
        raise ValueError(
            f"{error} (In the study {study.name!r}, recipe {recipe.label!r}, features "
            f"{features.label!r}.)"
        ) from error
    return Cell(recipe.label, features.label, place["split"], fold, place["seed"], experiment)


def fingerprint(experiment):
    """Return text that equal experiments share, whatever the order of their settings."""
    return json.dumps(experiment.to_dict(), sort_keys=True)


def _check_apart(cells, what, key):
    first = {}
    for cell in cells:
        other = first.setdefault(key(cell), cell)
        if other is not cell:
            raise ValueError(
                f"Each cell of a study must have its own {what}. Received: {other.id} and "
                f"{cell.id}, which share one. Remove one of them, or give other labels or settings."
            )
