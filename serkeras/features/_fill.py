"""Filling one entry of the feature cache, chunk by chunk; see `serkeras.features.cache`.

A marker beside the array says that a chunk is done and what its bytes sum up to. Waiting for the
disk after every chunk would take as long as computing it; so only the whole array is waited for,
and a run that goes on compares the sums first: after a loss of power a marker may be there and its
rows not.
"""

import errno
import json
import os
import shutil
import zlib
from dataclasses import dataclass, replace
from pathlib import Path

import joblib
import numpy as np
import tqdm

from serkeras import _files
from serkeras.features import _fill_rows

# Clips, and bytes of waveforms, that a worker holds at once: memory stays flat whatever the
# number of clips and their length, and little is lost when a run is killed.
_CHUNK_CLIPS = 96
_CHUNK_BYTES = 24_000_000
# Small corpora are cut into so many chunks, for all cores to have work.
_CHUNKS = 16
_SMALLEST_CHUNK = 8
_COPY_ROWS = 64


@dataclass(frozen=True)
class Job:
    """Everything that decides an entry of the cache: recordings, and the plan of their rows."""

    sources: tuple[_fill_rows.Source, ...]
    plan: _fill_rows.Plan

    def chunks(self):
        """Return the sources in chunks, the same ones whenever the job is the same."""
        fitting = _CHUNK_BYTES // (self.plan.copies * self.plan.audio.samples * 4)
        even = max(_SMALLEST_CHUNK, -(-len(self.sources) // _CHUNKS))
        size = max(1, min(_CHUNK_CLIPS, fitting, even))
        return [self.sources[i : i + size] for i in range(0, len(self.sources), size)]


def fill(job, folder, n_jobs, progress):
    """Compute what is missing of an entry and publish it as `folder`.

    `meta.json` is written when all chunks are done, so its presence in the partial folder means
    that only the publishing is left.

    Args:
        job: `Job`.
        folder: `pathlib.Path` of the entry.
        n_jobs: int, workers; -1 for all there are.
        progress: bool, show a bar.

    Raises:
        OSError: among others ENOSPC, and AudioFileError of a recording that cannot be read at
            present; finished chunks are kept.
        RuntimeError: a recording was changed meanwhile.
    """
    part = folder.with_name(folder.name + ".partial")
    kept = part / "kept.npy"
    if not (part / "meta.json").is_file():
        markers = _fill_chunks(job, part, n_jobs, progress)
        _summarise(job, part, kept, markers)
    if kept.exists():
        os.replace(kept, part / "x.npy")
    if folder.exists():  # damaged from outside, or it would not be filled again
        shutil.rmtree(folder)
    os.replace(part, folder)
    shutil.rmtree(folder / "chunks", ignore_errors=True)


def _fill_chunks(job, part, n_jobs, progress):
    """Compute the chunks that have no marker; return all markers, in order."""
    array, markers = part / "x.npy", part / "chunks"
    if not array.is_file():
        shutil.rmtree(markers, ignore_errors=True)
        with _files.atomic_path(array) as temporary:
            _create(temporary, len(job.sources) * job.plan.copies, job.plan)
    todo, done = _missing(job, array, markers)
    if not job.plan.varies:  # otherwise nobody knows it before
        _check_space(part, (len(job.sources) - done) * job.plan.clip_bytes)
    # Threads, or the workers of a cluster where `joblib.parallel_config` names one.
    work = joblib.Parallel(n_jobs=n_jobs, prefer="threads", return_as="generator_unordered")(
        joblib.delayed(_fill_chunk)(job.plan, *chunk) for chunk in todo
    )
    with tqdm.tqdm(
        total=len(job.sources), initial=done, desc="features", unit="clip", disable=not progress
    ) as bar:
        for clips in work:
            bar.update(clips)
    return [_files.read_json(path) for path in sorted(markers.glob("*.json"))]


def _missing(job, array, markers):
    """Return (file, its position, marker, sources) of chunks to do; number of clips done.

    Paths are absolute, since a worker on another machine may stand in another folder.
    """
    rows, copies, start, todo = np.load(array, mmap_mode="r"), job.plan.copies, 0, []
    position = rows.offset
    array, markers = os.path.abspath(array), Path(os.path.abspath(markers))
    done = 0
    for sources in job.chunks():
        marker = markers / f"{start:09d}-{start + len(sources):09d}.json"
        if _is_done(marker, rows[start * copies : (start + len(sources)) * copies]):
            done += len(sources)
        else:
            sources = [replace(source, path=os.path.abspath(source.path)) for source in sources]
            todo.append((array, position + start * job.plan.clip_bytes, marker, sources))
        start += len(sources)
    return todo, done


def _is_done(marker, rows):
    """Whether a chunk has a marker, and the bytes that it tells of."""
    try:
        told = json.loads(marker.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return told["checksum"] == _checksum(rows, told.get("frames"))


def _checksum(rows, lengths):
    """Return the CRC-32 of rows, of their first `lengths` frames where they vary."""
    parts = [rows] if lengths is None else map(_first, rows, lengths)
    value = 0
    for part in parts:
        value = zlib.crc32(np.ascontiguousarray(part), value)
    return value


def _first(row, length):
    return row[:length]


def _create(path, rows, plan):
    """Make a `.npy` file of zeros; they take no room before rows are written."""
    np.lib.format.open_memmap(path, mode="w+", dtype=plan.dtype, shape=(rows, *plan.stored_shape))


def _check_space(folder, needed):
    if shutil.disk_usage(folder).free < needed:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder))


def _fill_chunk(plan, array, position, marker, sources):
    """Compute and write one chunk, then mark it; return its number of clips."""
    rows = _fill_rows.compute(plan, sources)
    told = {"failed": rows.failed, "silent": rows.silent}
    lengths = None
    if plan.varies:
        told["frames"] = rows.frames.ravel().tolist()
        lengths = told["frames"]
    flat = rows.x.reshape(-1, *plan.stored_shape)
    _write_rows(array, position, flat, lengths)
    told["checksum"] = _checksum(flat, lengths)
    with _files.atomic_path(marker) as temporary:
        temporary.write_text(json.dumps(told), encoding="utf-8")
    return len(sources)


def _write_rows(array, position, rows, lengths=None):
    """Write by file, not through the memory map: a full disk is then an error, not a crash.

    With `lengths` only so much of each row; the rest of the file stays a hole, which reads as
    zeros and takes no room.
    """
    with open(array, "r+b") as file:
        for index, length in enumerate(lengths or ()):
            file.seek(position + index * rows[0].nbytes)
            file.write(rows[index, :length])
        if lengths is None:
            file.seek(position)
            file.write(rows)


def _summarise(job, part, kept, markers):
    """Copy the rows of usable clips where there are others, and write `meta.json`."""
    failed = [clip for marker in markers for clip in marker["failed"]]
    left_out, copies = set(failed), job.plan.copies
    rows = [
        index * copies + copy
        for index, source in enumerate(job.sources)
        if source.clip not in left_out
        for copy in range(copies)
    ]
    frames = [number for marker in markers for number in marker.get("frames", ())]
    frames = [frames[row] for row in rows] if job.plan.varies else None
    array = part / "x.npy"
    if failed and rows:
        _copy_rows(job.plan, array, kept, rows, frames)
        array = kept
    with open(array, "r+b") as file:
        os.fsync(file.fileno())
    meta = {
        "rows": len(rows),
        "bytes": array.stat().st_size,
        "failed": failed,
        "silent": [clip for marker in markers for clip in marker["silent"]],
        "frames": frames,
    }
    _files.write_json(part / "meta.json", meta)


def _copy_rows(plan, array, target, rows, frames):
    source = np.load(array, mmap_mode="r")
    needed = sum(frames) * source[0, :1].nbytes if frames else source[0].nbytes * len(rows)
    _check_space(target.parent, needed)
    with _files.atomic_path(target) as temporary:
        _create(temporary, len(rows), plan)
        position = np.load(temporary, mmap_mode="r").offset
        for start in range(0, len(rows), _COPY_ROWS):
            part = slice(start, start + _COPY_ROWS)
            block = source[rows[part]]
            _write_rows(temporary, position, block, frames[part] if frames else None)
            position += block.nbytes
