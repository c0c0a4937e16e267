"""What the frozen part of a network gives for every clip: computed once, kept in the cache.

An entry is a folder `maps/<key>` with `x.npy`, float32, one row for each row of a features entry,
and `meta.json`, published by one rename when it is whole. The key is a hash of the features, the
frozen layers' settings and their weights, so another split or seed with the same frozen weights
finds it; a folder may be deleted at any time but while a fit reads it. While it is being filled
`done.json` tells how many rows are there and what their bytes sum up to: a killed run goes on from
them.
"""

import hashlib
import json
import os
import shutil
import zlib
from dataclasses import dataclass, replace
from pathlib import Path

import keras
import numpy as np
from tqdm import tqdm

from serkeras import _files
from serkeras.features._entries import locked
from serkeras.training.batches import with_channels

# Part of every key: raise it when the same inputs begin to give other maps.
_FORMAT = 1
_BATCH = 32
# Rows between two notes of what is done: few enough to lose little, whole batches.
_CHUNK = 4 * _BATCH
# The names of layers count on through a process and decide no number.
_NAMING = ("name", "keras_history", "input_layers", "output_layers")


@dataclass(frozen=True)
class Maps:
    """The maps of all rows of one features entry.

    Attributes:
        x: memory map of those features, `(rows, bins, frames)` and so on.
        frozen: `keras.Model` from features to maps.
        folder: `pathlib.Path` of the entry.
    """

    x: np.ndarray
    frozen: keras.Model
    folder: Path

    @property
    def shape(self):
        """Shape of all maps, `(rows, height, width, channels)` or `(rows, numbers)`."""
        return (len(self.x), *self.frozen.output.shape[1:])

    @property
    def bytes(self):
        """Bytes that they take."""
        return len(self.x) * self._row_bytes

    @property
    def missing_bytes(self):
        """Bytes that are still to be written."""
        if self._is_whole():
            return 0
        return self._row_bytes * (len(self.x) - _noted(self._part)["rows"])

    @property
    def _row_bytes(self):
        return int(np.prod(self.shape[1:])) * np.dtype(np.float32).itemsize

    @property
    def _part(self):
        return self.folder.with_name(self.folder.name + ".partial")

    def load(self, progress):
        """Return the maps, which are computed where they are not there.

        One process computes an entry; others wait for it.

        Args:
            progress: show a bar with the time that is left.

        Returns:
            Read-only float32 `numpy.memmap` of `shape`.

        Raises:
            OSError: the disk is full; what is done is kept.
        """
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        with locked(self.folder.with_name(self.folder.name + ".lock"), progress):
            if not self._is_whole():
                self._fill(progress)
        return np.load(self.folder / "x.npy", mmap_mode="r")

    def _is_whole(self):
        try:
            told = _files.read_json(self.folder / "meta.json")
            return (self.folder / "x.npy").stat().st_size == told["bytes"]
        except FileNotFoundError:
            return False

    def _fill(self, progress):
        array = self._part / "x.npy"
        self._compute(array, progress)
        with open(array, "r+b") as file:
            os.fsync(file.fileno())
        told = {"rows": len(self.x), "bytes": array.stat().st_size}
        _files.write_json(self._part / "meta.json", told)
        if self.folder.exists():  # damaged from outside, or it would not be filled again
            shutil.rmtree(self.folder)
        os.replace(self._part, self.folder)
        (self.folder / "done.json").unlink(missing_ok=True)

    def _compute(self, array, progress):
        done, checksum = self._done(array)
        with (
            tqdm(
                total=len(self.x),
                initial=done,
                desc="frozen part",
                unit="clip",
                disable=not progress,
            ) as bar,
            open(array, "r+b") as file,
        ):
            file.seek(array.stat().st_size - self._row_bytes * (len(self.x) - done))
            for start in range(done, len(self.x), _CHUNK):
                for first in range(start, min(start + _CHUNK, len(self.x)), _BATCH):
                    maps = self._of(self.x[first : first + _BATCH])
                    file.write(maps)
                    checksum = zlib.crc32(maps, checksum)
                    bar.update(len(maps))
                file.flush()
                told = {"rows": min(start + _CHUNK, len(self.x)), "checksum": checksum}
                _files.write_json(self._part / "done.json", told)

    def _of(self, rows):
        """Return the maps of up to `_BATCH` rows, computed in batches of one size."""
        x = with_channels(rows)
        full = np.zeros((_BATCH, *x.shape[1:]), np.float32)
        full[: len(x)] = x
        maps = self.frozen.predict_on_batch(full)[: len(x)]
        return np.ascontiguousarray(maps, np.float32)

    def _done(self, array):
        """Return how many rows are there as they were written, and their checksum."""
        told = _noted(self._part)
        if array.is_file():
            rows = np.load(array, mmap_mode="r")[: told["rows"]]
            checksum = 0
            for start in range(0, len(rows), _CHUNK):
                checksum = zlib.crc32(np.ascontiguousarray(rows[start : start + _CHUNK]), checksum)
            # After a loss of power the note may be there and its rows not.
            if checksum == told["checksum"]:
                return told["rows"], checksum
        with _files.atomic_path(array) as temporary:
            np.lib.format.open_memmap(temporary, "w+", np.float32, self.shape)
        return 0, 0


def _noted(part):
    try:
        return _files.read_json(part / "done.json")
    except FileNotFoundError:
        return {"rows": 0, "checksum": 0}


def of_sides(frozen, sides):
    """Return the `Maps` of several sides; sides of one features entry have one.

    Args:
        frozen: `keras.Model`, see `serkeras.training.frozen.split`.
        sides: list of `serkeras.training.sides.Side`, of clips of one length that nothing changes.
    """
    part = digest(frozen)
    found = {}
    for side in sides:
        entry = Path(side.x.filename).parent.name
        key = hashlib.sha256(f"{entry} {part}".encode()).hexdigest()[:32]
        found[entry] = found.get(entry) or Maps(side.x, frozen, _files.cache_dir() / "maps" / key)
    return [found[Path(side.x.filename).parent.name] for side in sides]


def digest(frozen):
    """Return the hash of a model's layers, of how they are joined, and of its weights.

    It is the same in every process and on every backend.
    """
    numbers = {}
    _number(frozen, numbers)
    settings = _unnamed(keras.saving.serialize_keras_object(frozen), numbers)
    hashed = hashlib.sha256(json.dumps([_FORMAT, settings], sort_keys=True).encode())
    for weight in frozen.get_weights():
        hashed.update(weight.tobytes())
    return hashed.hexdigest()


def _number(operation, numbers):
    """Number the names of a model and of what is in it, in the order in which they come."""
    numbers.setdefault(operation.name, len(numbers))
    for inner in getattr(operation, "operations", ()):
        _number(inner, numbers)


def _unnamed(value, numbers, naming=False):
    """Put numbers for the names of layers; a type of numbers has a name too, which stays."""
    if isinstance(value, dict):
        return {key: _unnamed(item, numbers, key in _NAMING) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_unnamed(item, numbers, naming) for item in value]
    return numbers.get(value, value) if naming and isinstance(value, str) else value


def on_maps(side, maps):
    """Return a side whose features are maps.

    Args:
        side: `serkeras.training.sides.Side`.
        maps: array `(all rows, height, width, channels)` or `(all rows, numbers)`.
    """
    return replace(side, x=maps, frames=None, frame_axis=None, row_shape=None, statistics=None)
