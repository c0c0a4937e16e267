"""Sides as leaky protocols have them: statistics of all clips, decibels of a batch."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import scipy.fft

from serkeras.features.spectral import FLOOR_POWER, TOP_DB

_ROWS = ("y", "clips", "frames", "speakers", "shares")
_LEAST_DEVIATION = 1e-6


def pick(side, clips):
    """Return the rows of a side that belong to some clips.

    Args:
        side: `serkeras.training.sides.Side`.
        clips: ids.
    """
    return _rows(side, pd.Series(side.clips, dtype=object).isin(set(clips)).to_numpy())


def _rows(side, kept):
    values = {name: getattr(side, name) for name in _ROWS}
    found = {name: value[kept] for name, value in values.items() if value is not None}
    return replace(side, index=side.index[kept], **found)


def joined(sides):
    """Return the features of several sides as one, for statistics.

    Args:
        sides: list of `Side`, of features (no waveforms that become features later).
    """
    first = sides[0]
    frames = None if first.frames is None else np.concatenate([side.frames for side in sides])
    clips = np.concatenate([side.clips for side in sides])
    y = np.concatenate([side.y for side in sides])
    x = np.concatenate([side.x[side.index] for side in sides])
    return replace(
        first, x=x, index=np.arange(len(x)), y=y, clips=clips, frames=frames, speakers=None,
        shares=None, statistics=None,
    )  # fmt: skip


def with_statistics_of_all(sides, clean):
    """Return sides whose scaling in front of a network is fitted on all three of them.

    Args:
        sides: `serkeras.training.sides.Sides`.
        clean: the same of features, where the network computes its own or clips are changed.

    Returns:
        `Sides`.
    """
    everything = joined([clean.train, clean.validation, clean.test])
    return replace(sides, train=replace(sides.train, statistics=everything))


def by_speaker(sides):
    """Return sides in which each speaker's clips have mean 0 and deviation 1 in every bin.

    All clips of a speaker give the statistics, those of the test side included.

    Args:
        sides: `Sides` of features of one length.

    Returns:
        `Sides`, their features in memory.
    """
    parts = {name: getattr(sides, name) for name in ("train", "validation", "test")}
    found = {name: side.x[side.index].astype(np.float32) for name, side in parts.items()}
    axes = _axes(sides.train)
    for speaker in sorted({who for side in parts.values() for who in side.speakers}):
        own = {name: np.flatnonzero(side.speakers == speaker) for name, side in parts.items()}
        mean, deviation = _statistics([found[name][rows] for name, rows in own.items()], axes)
        for name, rows in own.items():
            found[name][rows] = (found[name][rows] - mean) / deviation
    return replace(sides, **{name: _in_memory(parts[name], x) for name, x in found.items()})


def by_training(side, train):
    """Return a side scaled with the statistics of the training clips, as one clip alone must be.

    Args:
        side, train: `Side` of features of one length.

    Returns:
        `Side`, its features in memory.
    """
    mean, deviation = _statistics([train.x[train.index].astype(np.float32)], _axes(train))
    return _in_memory(side, (side.x[side.index] - mean) / deviation)


def _in_memory(side, x):
    return replace(side, x=np.asarray(x, np.float32), index=np.arange(len(x)))


def _axes(side):
    return (0,) if side.frame_axis is None else (0, 1 + side.frame_axis)


def _statistics(parts, axes):
    """Return mean and deviation of each bin over the rows of several arrays."""
    x = np.concatenate(parts)
    mean = x.mean(axis=axes, keepdims=True, dtype=np.float64).astype(np.float32)
    deviation = x.std(axis=axes, keepdims=True, dtype=np.float64).astype(np.float32)
    return mean, np.where(deviation > _LEAST_DEVIATION, deviation, np.float32(1))


@dataclass(frozen=True)
class BatchDecibels:
    """Turns mel power into log-Mel or MFCC whose decibels have one floor for the whole batch.

    So `keras.layers.MelSpectrogram` does: 80 dB below the loudest clip of the batch. It stands
    where a side's features are made for each batch (`Side.prepare`).

    Attributes:
        n_mfcc: coefficients kept; None gives log-Mel.
    """

    n_mfcc: int | None

    def __call__(self, power, clips, seed, epoch):
        """Return features `(clips, bins, frames)` of a list of mel power `(n_mels, frames)`."""
        decibels = 10.0 * np.log10(np.maximum(np.stack(power), FLOOR_POWER))
        decibels = np.maximum(decibels, decibels.max() - TOP_DB)
        if self.n_mfcc is None:
            return decibels
        return scipy.fft.dct(decibels, axis=1, norm="ortho")[:, : self.n_mfcc]


def with_batch_decibels(power, honest, n_mfcc):
    """Return sides whose features are computed batch by batch.

    Args:
        power: `Sides` of mel power.
        honest: `Sides` of the same clips with a floor of each clip, which scaling is fitted with.
        n_mfcc: see `BatchDecibels`.

    Returns:
        `Sides`.
    """
    n_mels, frames = power.train.x.shape[1:]
    shape = (n_mfcc or n_mels, frames)
    made = {
        name: replace(getattr(power, name), prepare=BatchDecibels(n_mfcc), row_shape=shape)
        for name in ("train", "validation", "test")
    }
    made["train"] = replace(made["train"], statistics=honest.train)
    return replace(power, **made)
