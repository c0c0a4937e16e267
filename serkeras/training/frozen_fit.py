"""The part of a network that a phase of a run trains, where the frozen part is computed once."""

import errno
import logging
import os
import shutil
from pathlib import Path

import numpy as np

from serkeras._files import atomic_path
from serkeras.training import by_speaker, frozen, frozen_maps
from serkeras.training.compiling import compile_model

_log = logging.getLogger(__name__)

# Checkpoints and results are still to come.
_LEFT_FREE_BYTES = 1_000_000_000


def prepare(folder, phase, whole, sides, config, progress):
    """Return the model that learns in a phase, and what it is given.

    A phase that goes on after an interruption keeps the way in which it began, and the frozen
    weights too: random ones need not come out the same on another machine.

    Args:
        folder: `pathlib.Path`, the run folder.
        phase: name of the phase.
        whole: compiled `keras.Model` from features to probabilities.
        sides: list of `serkeras.training.sides.Side`, the training side first.
        config: `serkeras.config.TrainingConfig`.
        progress: show a bar while maps are computed.

    Returns:
        `keras.Model` and list of sides: `whole` and `sides`, or the part behind what is frozen,
        which shares its weights with `whole`, and the sides of its maps.

    Raises:
        OSError: the disk is full, where the phase cannot go on without maps.
    """
    kept = folder / "checkpoints" / f"frozen-{phase}.npz"
    began = any(kept.parent.glob(f"{phase}-*.keras"))
    changing = config.mixup or any(side.prepare or side.varies for side in sides)
    normalization = by_speaker.layer(whole)
    if normalization is not None and normalization.per == "bin":
        return whole, by_speaker.on_speakers(sides, normalization)
    if not config.cache_frozen or changing or (began and not kept.is_file()):
        return whole, sides
    parts = frozen.split(whole)
    if parts is None:
        return whole, sides
    if kept.is_file():
        _load_weights(parts.frozen, kept)
    maps = frozen_maps.of_sides(parts.frozen, sides)
    if not _have_room(maps, required=kept.is_file() or normalization is not None):
        return whole, sides
    _tell(parts, maps, kept)
    found = {each.folder: each.load(progress) for each in maps}
    _keep(parts, maps, kept)
    shares = sides[0].shares is not None
    compile_model(parts.rest, config, sides[0].y, whole.output.shape[-1], whole, shares)
    given = [
        frozen_maps.on_maps(side, found[each.folder])
        for side, each in zip(sides, maps, strict=True)
    ]
    if normalization is not None:
        given = by_speaker.on_speakers(given, normalization)
    return parts.rest, given


def layer(folder):
    """Return the name of the last layer whose maps a run has kept, None where it has none."""
    for kept in _of_phases(folder):
        with np.load(kept) as told:
            return str(told["layer"])
    return None


def _of_phases(folder):
    return sorted((Path(folder) / "checkpoints").glob("frozen-*.npz"))


def _have_room(maps, required):
    missing = {each.folder: each.missing_bytes for each in maps}
    root = maps[0].folder.parent
    root.mkdir(parents=True, exist_ok=True)
    needed, free = sum(missing.values()), shutil.disk_usage(root).free
    if not needed or needed + _LEFT_FREE_BYTES <= free:
        return True
    if required:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(root))
    _log.warning(
        "What the frozen part gives is computed anew in every epoch: keeping it takes %.1f GB, "
        "%s has %.1f GB free. Free some, or point SERKERAS_CACHE to another disk.",
        *(needed / 1e9, root, free / 1e9),
    )
    return False


def _tell(parts, maps, kept):
    size = sum({each.folder: each.bytes for each in maps}.values())
    where = maps[0].folder.parent
    _log.info("The part up to %r is frozen: %.2f GB in %s", parts.layer, size / 1e9, where)
    others = [path for path in _of_phases(kept.parents[1]) if path != kept]
    if any(_entries(path) != _entries(maps) for path in others):
        _log.warning(
            "The frozen weights are random and drawn anew for this phase: what they give is "
            "computed once more. Give it weights to start from, or set training.retrain=false."
        )


def _entries(source):
    """Return the names of the maps that a phase has used, or shall use."""
    if isinstance(source, Path):
        with np.load(source) as told:
            return told["entries"].tolist()
    return [each.folder.name for each in source]


def _keep(parts, maps, kept):
    if kept.is_file():
        return
    weights = {f"weight{n}": value for n, value in enumerate(parts.frozen.get_weights())}
    with atomic_path(kept) as temporary:
        np.savez(temporary, layer=parts.layer, entries=_entries(maps), **weights)


def _load_weights(model, kept):
    with np.load(kept) as told:
        model.set_weights([told[f"weight{n}"] for n in range(len(model.weights))])
