"""Features and targets of the three sides of a split."""

import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from serkeras import augment
from serkeras.config import FeatureConfig
from serkeras.datasets import votes
from serkeras.features import cache, registry
from serkeras.training.on_the_fly import OnTheFly
from serkeras.training.reading import Reader, check, learned
from serkeras.training.statistics import bin_covariance, bin_statistics

__all__ = ["Side", "Sides", "bin_covariance", "bin_statistics", "extract", "extract_all"]

_WAVEFORM = FeatureConfig(name="waveform")


@dataclass(frozen=True)
class Side:
    """What a network is given of one side.

    Attributes:
        x: memory map `(all rows, bins, frames)` or of another feature's shape, shared by the
            sides; clean waveforms where `prepare` makes features of them.
        index: int array `(rows,)`, the rows of `x` that belong to this side; changed copies are
            rows too.
        y: int32 array `(rows,)`, class indices.
        clips: array `(rows,)` of clip ids.
        frames: int array `(rows,)`, valid frames (samples of waveforms) of each row of `x`; None
            where all are valid.
        frame_axis: of one clip's features, see `serkeras.features.cache.FeatureSet`.
        varies: whether clips differ in frames; batches then have a mask.
        prepare: `OnTheFly` that changes the clips in each epoch, or None.
        row_shape: shape of one clip's features, of the longest possible one where they vary;
            None is that of `x`.
        statistics: `Side` of clean features that scaling is fitted with; None is this one.
        speakers: array `(rows,)` of their names, missing values where unknown; None if all are.
        shares: float32 array `(rows, classes)`, how much of each class a clip is where listeners'
            votes are learned; None where classes are.
    """

    x: np.ndarray
    index: np.ndarray
    y: np.ndarray
    clips: np.ndarray
    frames: np.ndarray | None = None
    frame_axis: int | None = 1
    varies: bool = False
    prepare: OnTheFly | None = None
    row_shape: tuple[int, ...] | None = None
    statistics: "Side | None" = None
    speakers: np.ndarray | None = None
    shares: np.ndarray | None = None

    @property
    def targets(self):
        """What is learned of each row: `shares`, or `y`."""
        return self.y if self.shares is None else self.shares

    @property
    def shape(self):
        """Shape of what a network is given of one clip, such as `(bins, frames, 1)`.

        `frames` is None where it varies.
        """
        shape = list(self._row_shape)
        if self.varies:
            shape[self.frame_axis] = None
        return registry.model_shape(tuple(shape))

    @property
    def longest(self):
        """Frames of the longest possible clip (1 for averages over time)."""
        return 1 if self.frame_axis is None else self._row_shape[self.frame_axis]

    @property
    def _row_shape(self):
        return self.row_shape or self.x.shape[1:]

    def features(self, rows, seed=None, epoch=0):
        """Return the features of some rows of this side.

        Args:
            rows: int array.
            seed, epoch: decide how clips are changed on the fly; without a seed they are not.

        Returns:
            Array `(rows, bins, frames)` and so on; where lengths vary a list of arrays, each
            without padding.
        """
        found = self.x[self.index[rows]]
        if self.frames is not None:
            found = [row[..., :valid] for row, valid in zip(found, self.frames[rows], strict=True)]
        if self.prepare:
            found = self.prepare(list(found), self.clips[rows], seed, epoch)
        return found if self.varies else np.asarray(found)


@dataclass(frozen=True)
class Sides:
    """The three sides of a run.

    Attributes:
        train, validation, test: `Side`; of these only `train` holds changed clips.
        failed: DataFrame of clips that were left out: path, reason.
        digest: hash of all that the sides hold, to know changed data by.
        files: dictionary from path to SHA-256 of each recording, "" for an unreadable one.
        both: `Side` of the clips of `train` and `validation`, changed like those of `train`, where
            the model that is kept learns from them; otherwise None.
    """

    train: Side
    validation: Side
    test: Side
    failed: pd.DataFrame
    digest: str
    files: dict
    both: Side | None = None


def extract(split, labels, experiment, on_error, n_jobs, progress):
    """Compute or read the features of a split.

    Where clips are changed on the fly there is a cache entry of waveforms beside that of
    features; see `serkeras.training.reading.Reader` for the entries.

    Args:
        split: `serkeras.splits.Split`.
        labels: list of str, the classes in order.
        experiment: `serkeras.config.Experiment`.
        on_error, n_jobs, progress: as in `serkeras.train`.

    Returns:
        `Sides`.

    Raises:
        ValueError: a setting is outside its range, see also `serkeras.training.reading.check`.
        serkeras.audio.AudioError: see `serkeras.features.cache.extract`.
    """
    check(experiment)
    shares = _shares(split, labels, experiment)
    reader = Reader(split, experiment, on_error, n_jobs, progress)
    given = _given(experiment.features)
    held_out = {name: reader.all_clips(given) for name in ("validation", "test")}
    sides = {name: _side(source, split.sides[name], labels) for name, source in held_out.items()}
    sides["train"] = _learning(reader, split.train, labels, experiment)
    for name, side in sides.items():
        if name in shares:
            sides[name] = replace(side, shares=shares[name].loc[side.clips].to_numpy())
    both = _both(reader, split, labels, experiment, shares)
    return Sides(
        **sides,
        failed=reader.failed(),
        digest=_digest(sides, both, labels),
        files={path: found.digest for path, found in reader.hashes.items()},
        both=both,
    )


def _learning(reader, clips, labels, experiment):
    """Return a `Side` of clips that are learned, with changed copies or changed on the fly."""
    side = _side(reader.training(_given(experiment.features)), clips, labels)
    if experiment.features.in_graph and experiment.model.normalize != "none":
        inside = reader.training(experiment.features.replace(in_graph=False))
        side = replace(side, statistics=_side(inside, clips, labels))
    if experiment.augment.on_the_fly:
        side = _changing(side, reader.all_clips(_WAVEFORM), labels, experiment)
    return side


def _both(reader, split, labels, experiment, shares):
    """Return the `Side` of training and validation clips, None where validation is not learned."""
    if not experiment.training.learns_validation:
        return None
    side = _learning(reader, learned(split, experiment), labels, experiment)
    if not shares:
        return side
    return replace(side, shares=shares["both"].loc[side.clips].to_numpy())


def _shares(split, labels, experiment):
    """Return tables from clip to the share of each class, by side; none where indices are learned.

    "both" are the clips of training and validation side, where they are learned together.

    Keras wants targets of one form on both sides: those of validation are 1 for the label.
    """
    training = experiment.training
    if training.targets == "labels" and not training.mixup:
        return {}

    def heard(clips):
        if training.targets == "votes":
            return votes.distributions(clips, labels, experiment.label_scheme)
        return _named(clips, labels)

    found = {
        "train": (heard(split.train), split.train),
        "validation": (_named(split.validation, labels), split.validation),
    }
    if training.learns_validation:
        both = learned(split, experiment)
        found["both"] = heard(both), both
    return {
        side: pd.DataFrame(np.asarray(rows, np.float32), index=clips["clip"])
        for side, (rows, clips) in found.items()
    }


def _named(clips, labels):
    """Return `(clips, classes)`: whether each class is the clip's label."""
    return clips["emotion"].to_numpy(dtype=object)[:, None] == np.array(labels, dtype=object)


def _given(features):
    """Return the feature that the network is given: a waveform if it computes its own."""
    return _WAVEFORM if features.in_graph else features


def _changing(clean, waves, labels, experiment):
    """Return a side of waveforms that are changed, then turned into what `clean` holds."""
    known = pd.DataFrame({"clip": clean.clips, "speaker": clean.speakers})
    side = _side(waves, known, labels)
    features = _given(experiment.features)
    transforms = augment.resolve(experiment.augment.transforms)
    return replace(
        side,
        frame_axis=clean.frame_axis,
        varies=clean.varies,
        prepare=OnTheFly(experiment.audio, features, transforms),
        row_shape=clean.x.shape[1:],
        statistics=clean.statistics or clean,
    )


def extract_all(clips, labels, experiment, on_error, n_jobs, progress):
    """Compute or read the features of clips that no training has seen.

    Args:
        clips: manifest; every emotion is among `labels`.
        labels, experiment, on_error, n_jobs, progress: as in `extract`.

    Returns:
        `Side`, and a DataFrame of clips that were left out: path, reason.
    """
    whole = cache.extract(
        clips,
        audio=experiment.audio,
        features=_given(experiment.features),
        n_jobs=n_jobs,
        on_error=on_error,
        progress=progress,
    )
    return _side(whole, clips, labels), whole.failed


def _side(source, clips, labels):
    index = np.flatnonzero(source.rows["clip"].isin(clips["clip"]))
    rows = source.rows.iloc[index]
    y = pd.Categorical(rows["emotion"], categories=labels).codes.astype(np.int32)
    frames = rows["frames"].to_numpy() if source.varies else None
    names = rows["clip"].to_numpy(dtype=object)
    side = Side(source.x, index, y, names, frames, source.frame_axis, source.varies)
    speakers = clips.set_index("clip")["speaker"].reindex(names).to_numpy(dtype=object)
    return replace(side, speakers=speakers)


def _digest(sides, both, labels):
    """Hash the sides; a cache entry's name already stands for contents and settings."""
    told = [
        [Path(side.x.filename).parent.name, side.clips.tolist(), side.y.tolist()]
        for side in sides.values()
    ]
    if sides["train"].shares is not None:
        told.append(sides["train"].shares.tolist())
    if both and both.shares is not None:
        told.append(both.shares.tolist())
    if sides["train"].prepare:
        told.append(cache.with_contents(sides["train"].prepare.transforms))
    return hashlib.sha256(json.dumps([labels, told]).encode()).hexdigest()
