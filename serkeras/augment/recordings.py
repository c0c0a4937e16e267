"""Noise recordings for augmentation: found, read once, cut to a random stretch."""

import functools
import os
import time
from typing import NamedTuple

import numpy as np

from serkeras import audio, datasets

_FADE_S = 0.05
_CLOCK_NS = 2_000_000_000  # FAT counts time in steps of two seconds


class _Listing(NamedTuple):
    """The audio below a path, and the states of its folders: a change of any of them tells."""

    folders: dict
    files: tuple[str, ...]


_listings = {}


def find(paths):
    """Return the audio files that `paths` stands for.

    Args:
        paths: a file, a folder (searched with the folders in it), or a list of both; `~` is the
            home folder.

    Returns:
        Tuple of str, absolute, in the order given, the files of a folder sorted.

    Raises:
        ValueError: a path does not exist, a folder holds no audio, or there is no path.
    """
    return tuple(file for path in absolute(paths) for file in _below(path))


def absolute(paths):
    """Return paths that mean the same in a process that stands in another folder.

    Args:
        paths: see `find`.

    Returns:
        List of str.

    Raises:
        ValueError: `paths` is something else, or an empty list.
    """
    several = paths if isinstance(paths, (list, tuple)) else (paths,)
    if not several or not all(isinstance(path, (str, os.PathLike)) for path in several):
        raise ValueError(
            "`paths` must be a file, a folder or a list of them. "
            f"Received: {paths!r}. Name one recording of noise or more."
        )
    return [os.path.abspath(os.path.expanduser(path)) for path in several]


def _state(path):
    """Return what changes when a file or folder does, None where there is none."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns


def _below(path):
    """Return the audio files below a path, listed anew where one of its folders has changed."""
    known = _listings.get(path)
    if known and all(_state(each) == state for each, state in known.folders.items()):
        return known.files
    folders = _folders(path)  # before the files: what comes meanwhile is seen next time
    known = _Listing(folders, _listed(path))
    latest = max(state[1] for state in folders.values() if state)
    # Clocks of file systems stand still for a moment, in which the next file may come.
    if latest < time.time_ns() - _CLOCK_NS:
        _listings[path] = known
    return known.files


def _folders(path):
    """Return the states of a path and of all folders below it; links are followed, once."""
    states, seen = {path: _state(path)}, set()
    for folder, folders, _ in os.walk(path, followlinks=True):
        real = os.path.realpath(folder)
        if real in seen:
            folders.clear()
        seen.add(real)
        states[folder] = _state(folder)
    return states


def _listed(path):
    files = datasets.list_audio(path) if os.path.isdir(path) else [path]
    if not files or not os.path.exists(path):
        raise ValueError(
            "`paths` must name recordings of noise or folders that hold some "
            f"({', '.join(datasets.ENDINGS)}). Received: {path}, "
            f"{'with none in it' if os.path.exists(path) else 'which does not exist'}. "
            "Correct the path."
        )
    return tuple(map(str, files))


def read(path, sample_rate):
    """Read a noise; what was read is kept for the next call, until the file changes.

    Args:
        path: str.
        sample_rate: int, hertz of the result.

    Returns:
        Read-only float32 array `(samples,)`.

    Raises:
        serkeras.audio.AudioError: the file cannot be read, or is silent.
    """
    return _read(path, sample_rate, _state(path))


@functools.lru_cache(maxsize=128)
def _read(path, sample_rate, state):
    noise = audio.read(path, sample_rate)
    if not noise.any():
        raise audio.AudioError(
            f"A recording of noise must not be silent. Received: {path}, {noise.size} samples, "
            "all zero. Remove it from the noises."
        )
    noise.flags.writeable = False
    return noise


def stretch(noise, samples, sample_rate, rng):
    """Cut a random stretch out of a noise that is not silent.

    Args:
        noise: float array `(any,)`.
        samples: int, length of the result.
        sample_rate: int, hertz.
        rng: `numpy.random.Generator`.

    Returns:
        float64 array `(samples,)`, a copy, with at least one sample that is not zero.
    """
    noise = noise.astype(np.float64)
    if noise.size < samples:
        period = _loop(noise, round(_FADE_S * sample_rate))
        noise = np.resize(period, period.size + samples)
    starts = noise.size - samples + 1
    start = int(rng.integers(starts))
    cut = noise[start : start + samples]
    if not cut.any():
        sounding = np.flatnonzero(noise)
        nearest = sounding[np.argmin(np.abs(sounding - start))]
        cut = noise[min(nearest, starts - 1) :][:samples]
    return cut


def _loop(noise, fade):
    """Return one period of a seamless loop: the end is faded into the beginning."""
    fade = min(fade, noise.size // 4)
    period = noise[: noise.size - fade].copy()
    angle = np.pi / 2 * (np.arange(fade) + 0.5) / max(1, fade)
    # Equal power, since the two ends of a noise have no common phase.
    period[:fade] = np.sin(angle) * period[:fade] + np.cos(angle) * noise[period.size :]
    return period
