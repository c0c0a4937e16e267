"""The clips that a search may see: training and validation side, cut into parts to judge by."""

import hashlib
import itertools
import json
from dataclasses import replace

import pandas as pd
from sklearn.model_selection import StratifiedGroupKFold

from serkeras import datasets, splits
from serkeras.features import cache
from serkeras.splits.units import unit_keys
from serkeras.training import inherited

_WEIGHTS = "model.settings.weights"
# Settings of a space that say what a network starts from.
_OF_WEIGHTS = ("model", "model.name", "model.settings", _WEIGHTS)


class Development:
    """Clips of the training and the validation side; those of the test side are gone.

    Args:
        clips: manifest of the training and the validation side.
        parts: list of `serkeras.splits.Split`, each with an empty test side.
        labels: list of str, the classes in order.
        digest: hash of the recordings, emotions and parts.

    Attributes:
        clips, parts, labels, digest: as given.
    """

    def __init__(self, clips, parts, labels, digest):
        self.clips, self.parts, self.labels, self.digest = clips, parts, labels, digest


def prepare(plan, n_jobs=None, progress=True):
    """Load a plan's data and leave out the test side, before anything else is done with it.

    Args:
        plan: `serkeras.tuning.plan.Plan`.
        n_jobs: threads; None is all cores.
        progress: show progress bars.

    Returns:
        `Development`.

    Raises:
        ValueError: see `serkeras.datasets.load_many` and `serkeras.splits.make`; or there are
            fewer speakers than folds; or first weights, the experiment's or one of the space,
            have learned from the test side or from clips that a fold is judged by.
        FileNotFoundError: there are no such first weights; see `serkeras.training.inherited.read`
            for other errors of theirs.
    """
    experiment = plan.experiment
    starts = [inherited.read(each) for each in _starts(plan)]
    clips = datasets.load_many(experiment.data, experiment.label_scheme, progress=progress)
    labels = sorted(set(clips["emotion"]))
    split = splits.make(clips, experiment.split, seed=experiment.seed)
    parts = _folds(split, plan) if plan.folds else [_without_test(split)]
    _check_starts(starts, split, parts if plan.folds else [], n_jobs)
    clips = pd.concat([split.train, split.validation]).sort_values("clip", ignore_index=True)
    return Development(clips, parts, labels, _digest(clips, parts, n_jobs))


def _starts(plan):
    """Return experiments of a plan that together have all of its first weights."""
    space, names = plan.space, []
    for name, entry in space.items():
        if "values" in entry and (name in _OF_WEIGHTS or name.startswith(f"{_WEIGHTS}.")):
            names += [name, *_conditions(space, name)]
    names = list(dict.fromkeys(names))
    found = []
    for values in itertools.product(*(space[name]["values"] for name in names)):
        chosen = dict(zip(names, values, strict=True))
        held = {name: value for name, value in chosen.items() if _is_held(space, name, chosen)}
        if held not in found:
            found.append(held)
    return [plan.trial(values) for values in found]


def _conditions(space, name):
    """Return the settings that decide whether one is chosen at all."""
    parents = list(space[name].get("when", {}))
    return [*parents, *(each for parent in parents for each in _conditions(space, parent))]


def _is_held(space, name, chosen):
    return all(
        chosen[parent] in values and _is_held(space, parent, chosen)
        for parent, values in space[name].get("when", {}).items()
    )


def _check_starts(starts, split, folds, n_jobs):
    """Refuse first weights as `train` does, and those that know what judges."""
    learned = [start for start in starts if start.learned]
    if not learned:
        return
    # To know recordings of the test side again, their bytes are compared; nothing is heard.
    hashes = cache.hash_files(pd.concat(split.sides.values())["path"], n_jobs)
    files = {path: found.digest for path, found in hashes.items()}
    for start in learned:
        inherited.check_folds(start, folds, files)
        inherited.check(start, split, files)


def _without_test(split):
    return replace(split, test=split.test.iloc[:0])


def _folds(split, plan):
    """Return the folds of training and validation side together."""
    clips = pd.concat([split.train, split.validation]).sort_values("clip", ignore_index=True)
    settings = {"n_splits": plan.folds, "shuffle": True, "random_state": plan.experiment.seed}
    apart = split.speaker_disjoint
    # Speakers are as far apart within a search as they are in the split around it.
    if apart and clips["speaker"].nunique() < plan.folds:
        raise ValueError(
            "Folds with speakers apart need as many speakers. Received: "
            f"{plan.folds} folds, {clips['speaker'].nunique()} speakers. Ask for fewer folds."
        )
    groups = clips["speaker"].astype(str) if apart else unit_keys(clips)
    cut = StratifiedGroupKFold(**settings).split(clips, clips["emotion"], groups)
    parts = [
        replace(split, train=clips.iloc[train], validation=clips.iloc[held], test=clips.iloc[:0])
        for train, held in cut
    ]
    for part in parts:
        _check(part)
    return parts


def _check(part):
    found = splits.leaks(part, skip=part.allowed)
    if any(found.values()):
        raise ValueError(
            "Folds must not share clips, files or (where the split keeps them apart) speakers. "
            f"Received: {[words for each in found.values() for words in each][:3]}. Remove the "
            "copies from the manifest."
        )


def _digest(clips, parts, n_jobs):
    hashes = cache.hash_files(clips["path"], n_jobs)
    told = [
        [hashes[path].digest for path in clips["path"]],
        clips[["clip", "emotion"]].to_numpy().tolist(),
        [part.to_dict() for part in parts],
    ]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()
