"""The clips of a split, read as features: what is asked of them first, and where they come from."""

import pandas as pd

from serkeras import augment
from serkeras.features import cache


def check(experiment):
    """Refuse what a network could not be given, before hours of work.

    Args:
        experiment: `serkeras.config.Experiment`.

    Raises:
        ValueError: a transform, an augmentation layer or a setting of one does not exist or is
            outside its range; a feature in the graph has no layer, or clips of different length.
        ImportError: the package of a transform is not installed.
    """
    from serkeras.features import layers

    if experiment.augment.on_the_fly or experiment.augment.copies:
        augment.check(experiment.augment.transforms)
    for item in experiment.augment.layers:
        layers.make(item, seed=0)  # without a seed it would draw one from Python's generator
    if not experiment.features.in_graph:
        return
    layers.require_layers(experiment.features)
    if experiment.audio.fit == "keep":
        raise ValueError(
            "Features in the graph must be of clips of one length. "
            "Received: features.in_graph with audio.fit='keep'. Change one of the two."
        )


def check_sides(split, experiment):
    """Refuse to learn a validation side that may hold clips of another side.

    Raises:
        ValueError: the split allows it, and the validation clips are to be learned.
    """
    shared = sorted(set(split.allowed) - {"speaker"})
    if shared and experiment.training.learns_validation:
        raise ValueError(
            "Validation clips that are learned must stand on no other side. Received: "
            f"training.fit_sides={experiment.training.fit_sides!r} with the split {split.kind!r}, "
            f"which allows {', '.join(shared)} on two sides. Use another split, or "
            "training.fit_sides=train."
        )


def learned(split, experiment):
    """Return the manifest of the clips that the model learns from in the end."""
    if experiment.training.learns_validation:
        return pd.concat([split.train, split.validation]).sort_values("clip", ignore_index=True)
    return split.train


class Reader:
    """Reads features of a split from the cache, which computes those that it lacks.

    All clips together make one cache entry, so that every split and seed finds it, and the
    `features` command too. Only changed copies of training clips are an entry of their own.

    Args:
        split: `serkeras.splits.Split`.
        experiment: `serkeras.config.Experiment`.
        on_error, n_jobs, progress: as in `serkeras.train`.

    Attributes:
        hashes: dictionary from path to `serkeras.features.cache.FileHash` of all recordings.
    """

    def __init__(self, split, experiment, on_error, n_jobs, progress):
        clips = pd.concat(split.sides.values()).drop_duplicates("clip")
        self._clips = clips.sort_values("clip", ignore_index=True)
        self._learned, self._augment = learned(split, experiment), experiment.augment
        self.hashes = cache.hash_files(clips["path"], n_jobs)
        self._settings = {
            "audio": experiment.audio,
            "seed": experiment.seed,
            "n_jobs": n_jobs,
            "on_error": on_error,
            "progress": progress,
            "hashes": self.hashes,
        }
        self._found = {}

    def all_clips(self, features):
        """Return the `FeatureSet` of all clips, without copies."""
        return self._read(self._clips, features, None)

    def training(self, features):
        """Return a `FeatureSet` that holds what is learned, with changed copies if there are."""
        if not self._augment.copies:
            return self.all_clips(features)
        return self._read(self._learned, features, self._augment)

    def _read(self, clips, features, copies):
        name = (repr(features), copies is None)
        if name not in self._found:
            self._found[name] = cache.extract(
                clips, features=features, augment=copies, **self._settings
            )
        return self._found[name]

    def failed(self):
        """Return a DataFrame of the clips that were left out so far: path, reason."""
        tables = [found.failed for found in self._found.values()]
        return pd.concat(tables, ignore_index=True).drop_duplicates("path", ignore_index=True)
