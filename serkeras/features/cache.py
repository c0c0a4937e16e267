"""Features of whole corpora, computed once and kept on disk.

A cache entry is a folder `features/<key>` with `x.npy` and `meta.json`, published by one
rename when it is whole. The key is a hash of every clip's content and id and of the settings:
a changed recording or setting is another entry, never a stale one. While an entry is being
filled it lies in `<key>.partial`; each finished chunk leaves a marker there, so that a killed
run goes on from the chunks that are done. A lock of the operating system (package `filelock`)
lets one process fill an entry while others wait for it; it falls away with a killed process.
"""

import warnings
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from serkeras import _files
from serkeras.audio import AudioError
from serkeras.augment import resolve
from serkeras.features import _cache_key, _entries, _fill, _fill_rows
from serkeras.features._cache_key import FileHash, hash_files, with_contents

__all__ = ["FeatureSet", "FileHash", "extract", "hash_files", "with_contents"]

_NAMED = 10


@dataclass(frozen=True)
class FeatureSet:
    """The features of some clips.

    Attributes:
        x: read-only `numpy.memmap`, `(rows, bins, frames)` or what else
            `serkeras.features.compute` gives. Where clips keep their length (`fit="keep"`) and
            the feature follows it, `frames` is that of the longest possible clip, and rows are
            padded with zeros.
        rows: DataFrame, one row for each row of `x`: clip (id), emotion, copy (0 is the clip
            itself, 1 and up are its changed copies), frames (valid ones; samples of waveforms;
            1 for averages over time). Clips in the order given, each followed by its copies.
        failed: DataFrame of the clips left out: path, reason.
        frame_axis: int, axis of one row that counts frames (samples of waveforms); None for
            averages over time.
        varies: bool, whether `frames` differs from clip to clip.
    """

    x: np.memmap
    rows: pd.DataFrame
    failed: pd.DataFrame
    frame_axis: int | None
    varies: bool


def extract(
    clips,
    *,
    audio,
    features,
    augment=None,
    seed=0,
    cache_root=None,
    n_jobs=None,
    on_error="raise",
    progress=True,
    hashes=None,
):
    """Return the features of all clips, from the cache where it has them.

    Copies are changed from the clip of its final length, padding included, since that is what a
    model hears, and are cut or padded to that length again. With `fit="keep"` there is no
    padding: each feature is that of the clip alone. A silent clip has no signal-to-noise ratio:
    its copies stay silent, with a warning.

    Inside `joblib.parallel_config("dask")` the workers of a Dask cluster compute; they must
    reach recordings and cache under the same paths.

    Args:
        clips: manifest with the columns path, clip and emotion.
        audio: `serkeras.config.AudioConfig`.
        features: `serkeras.config.FeatureConfig`.
        augment: `serkeras.config.AugmentConfig` or None; for training clips only. Only its
            copies and transforms count here.
        seed: int >= 0, decides the copies (without them it changes nothing).
        cache_root: folder of caches; None is `SERKERAS_CACHE` or `~/.cache/serkeras`.
        n_jobs: int, threads; None is one a core. A cluster computes with all it has.
        on_error: "raise", or "skip" to leave out unusable recordings and list them in
            `.failed`.
        progress: show a bar with the time left on standard error.
        hashes: what `hash_files` gave for the paths, None to hash them here.

    Returns:
        `FeatureSet`.

    Raises:
        serkeras.audio.AudioError: recordings cannot be used (one that keeps its length may be
            too short for the feature) and `on_error` is "raise" (all are
            named, and the features of the others are kept), or none can.
        ValueError: the manifest lacks columns, is empty or has a clip id twice, a setting is
            outside its range, or `on_error` is neither word.
        OSError: the disk is full, or a recording that could be read a moment before no longer
            can; finished parts are kept and the next call goes on.
        RuntimeError: a recording was changed while its features were computed.
    """
    clips = _check_arguments(clips, on_error)
    n_jobs = -1 if n_jobs is None else n_jobs
    # Before hours of work: a wrong setting fails here.
    if augment and augment.copies:
        augment = replace(augment, transforms=resolve(augment.transforms))
    plan = _fill_rows.plan(audio, features, augment, seed)
    sources, unreadable = _sources(clips, hashes or hash_files(clips["path"], n_jobs))
    if (unreadable and on_error == "raise") or not sources:
        raise _unusable(unreadable, len(clips))
    job = _fill.Job(sources, plan)
    folder = Path(cache_root or _files.cache_dir()) / "features" / _cache_key.key(job)
    meta, damaged = _entries.find_or_fill(job, folder, n_jobs, progress)
    failed = {**unreadable, **damaged}
    if (failed and on_error == "raise") or not meta["rows"]:
        raise _unusable(failed, len(clips))
    _warn_silent(job, meta)
    return _open(folder, clips, failed, plan, meta)


def _check_arguments(clips, on_error):
    if on_error not in ("raise", "skip"):
        raise ValueError(
            f"`on_error` must be 'raise' or 'skip'. Received: {on_error!r}. Correct the word."
        )
    missing = [name for name in ("path", "clip", "emotion") if name not in clips]
    if missing:
        raise ValueError(
            "`clips` must have the columns path, clip and emotion. "
            f"Received: no {', '.join(missing)}. Load it with serkeras.datasets.load."
        )
    if clips.empty:
        raise ValueError(
            "`clips` must hold at least one clip. Received: an empty table. "
            "Check the folder and the label scheme."
        )
    twice = clips["clip"][clips["clip"].duplicated()]
    if len(twice):
        raise ValueError(
            f"`clips` must name each clip once. Received: {twice.iloc[0]!r} more than once. "
            "Drop the repeated rows, or give the clips ids of their own."
        )
    return clips.reset_index(drop=True)


def _sources(clips, hashes):
    """Return the readable sources in order, and {path: reason} of the others."""
    readable = [hashes[path].reason is None for path in clips["path"]]
    kept = clips[readable]
    sources = tuple(
        _fill_rows.Source(path, clip, hashes[path].digest, hashes[path].state)
        for path, clip in zip(kept["path"], kept["clip"], strict=True)
    )
    lost = clips["path"].drop(kept.index)
    return sources, {path: hashes[path].reason for path in lost}


def _unusable(failed, total):
    reasons = list(failed.values())
    more = [f"... and {len(reasons) - _NAMED} more"] if len(reasons) > _NAMED else []
    listed = "\n  ".join(reasons[:_NAMED] + more)
    return AudioError(
        f"Every recording must be usable. Received: {len(reasons)} of {total} that are not:\n"
        f"  {listed}\n"
        "Repair or remove them, or leave them out with on_error='skip'."
    )


def _warn_silent(job, meta):
    if not meta["silent"]:
        return
    paths = {source.clip: source.path for source in job.sources}
    warnings.warn(
        "Silent clips have no signal-to-noise ratio: their noisy copies stay silent. "
        f"Found: {len(meta['silent'])}, the first is {paths[meta['silent'][0]]}",
        stacklevel=3,
    )


def _open(folder, clips, failed, plan, meta):
    kept = clips[~clips["path"].isin(list(failed))]
    rows = kept[["clip", "emotion"]].loc[kept.index.repeat(plan.copies)].reset_index(drop=True)
    rows["copy"] = np.tile(np.arange(plan.copies), len(kept))
    fixed = 1 if plan.frame_axis is None else plan.shape[plan.frame_axis]
    rows["frames"] = meta["frames"] if plan.varies else fixed
    lost = [path for path in clips["path"] if path in failed]
    table = pd.DataFrame({"path": lost, "reason": [failed[path] for path in lost]}, dtype="str")
    x = np.load(folder / "x.npy", mmap_mode="r")
    if plan.varies and x.ndim == 3:
        x = x.transpose(0, 2, 1)
    return FeatureSet(x, rows, table, plan.frame_axis, plan.varies)
