"""Filling one entry of the feature cache, chunk by chunk; see `serkeras.features.cache`."""

import errno
import os
import shutil
from dataclasses import dataclass

import joblib
import numpy as np
import tqdm

from serkeras import _files
from serkeras.audio import AudioError, AudioFileError, fix_length, load_clip
from serkeras.augment import make_copies
from serkeras.config import AudioConfig, AugmentConfig, FeatureConfig
from serkeras.features import registry

# Clips, and bytes of waveforms, that a thread holds at once: memory stays flat whatever the
# number of clips and their length, and little is lost when a run is killed.
_CHUNK_CLIPS = 32
_CHUNK_BYTES = 16_000_000
_COPY_ROWS = 64


@dataclass(frozen=True)
class Source:
    """One recording: path, clip id, hash of its content, (size, time) when it was hashed."""

    path: str
    clip: str
    digest: str
    state: tuple[int, int]


@dataclass(frozen=True)
class Job:
    """Everything that decides an entry of the cache; no noise means no AugmentConfig, no seed."""

    sources: tuple[Source, ...]
    audio: AudioConfig
    features: FeatureConfig
    augment: AugmentConfig | None
    seed: int | None
    image: tuple[int, int]  # (bins, frames) of one row

    @property
    def copies(self):
        """Rows of each clip: itself and its noisy copies."""
        return 1 + (self.augment.copies if self.augment else 0)

    @property
    def clip_bytes(self):
        """Bytes on disk of one clip and its copies."""
        return self.copies * int(np.prod(self.image)) * np.dtype(np.float32).itemsize

    def chunks(self):
        """Return the sources in chunks, the same ones whenever the job is the same."""
        fitting = _CHUNK_BYTES // (self.copies * self.audio.samples * 4)
        size = max(1, min(_CHUNK_CLIPS, fitting))
        return [self.sources[i : i + size] for i in range(0, len(self.sources), size)]


def file_state(path):
    """Return (bytes, time of change in ns), which a rewritten file does not keep."""
    status = os.stat(path)
    return status.st_size, status.st_mtime_ns


def fill(job, folder, n_jobs, progress):
    """Compute what is missing of an entry and publish it as `folder`.

    `meta.json` is written when all chunks are done, so its presence in the partial folder means
    that only the publishing is left.

    Args:
        job: `Job`.
        folder: `pathlib.Path` of the entry.
        n_jobs: int, threads.
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


def failures(job, clips):
    """Decode again the clips that could not be used; return {path: reason} of those still so.

    A disk that fails for a moment can look like a damaged file, and no such verdict may last.
    """
    reasons = {}
    for source in job.sources:
        if source.clip in clips:
            try:
                load_clip(source.path, job.audio)
            except AudioError as error:
                reasons[source.path] = str(error)
    return reasons


def _fill_chunks(job, part, n_jobs, progress):
    """Compute the chunks that have no marker; return all markers, in order."""
    array, markers = part / "x.npy", part / "chunks"
    if not array.is_file():
        shutil.rmtree(markers, ignore_errors=True)
        with _files.atomic_path(array) as temporary:
            _create(temporary, (len(job.sources) * job.copies, *job.image))
    offset = np.load(array, mmap_mode="r").offset
    todo, start = [], 0
    for sources in job.chunks():
        marker = markers / f"{start:09d}-{start + len(sources):09d}.json"
        if not marker.is_file():
            todo.append((sources, offset + start * job.clip_bytes, marker))
        start += len(sources)
    left = sum(len(sources) for sources, _, _ in todo)
    _check_space(part, left * job.clip_bytes)
    work = joblib.Parallel(n_jobs=n_jobs, backend="threading", return_as="generator_unordered")(
        joblib.delayed(_fill_chunk)(job, array, *chunk) for chunk in todo
    )
    done = len(job.sources) - left
    with tqdm.tqdm(
        total=start, initial=done, desc="features", unit="clip", disable=not progress
    ) as bar:
        for clips in work:
            bar.update(clips)
    return [_files.read_json(path) for path in sorted(markers.glob("*.json"))]


def _create(path, shape):
    """Make a `.npy` file of zeros; they take no room before rows are written."""
    np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=shape)


def _check_space(folder, needed):
    if shutil.disk_usage(folder).free < needed:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder))


def _fill_chunk(job, array, sources, position, marker):
    """Compute and write one chunk, then mark it; return its number of clips."""
    waves, good, failed, silent = _load_chunk(job, sources)
    rows = np.zeros((len(sources), job.copies, *job.image), np.float32)
    if good:
        found = registry.compute(
            waves[: len(good)].reshape(-1, job.audio.samples), job.features, job.audio.sample_rate
        )
        rows[good] = found.reshape(len(good), job.copies, *job.image)
    _write_rows(array, position, rows)
    _files.write_json(marker, {"failed": failed, "silent": silent})
    return len(sources)


def _load_chunk(job, sources):
    """Return waves (clips, copies, samples), indices of the usable ones, failed ids, silent ids."""
    waves = np.empty((len(sources), job.copies, job.audio.samples), np.float32)
    good, failed, silent = [], [], []
    for index, source in enumerate(sources):
        try:
            wave = load_clip(source.path, job.audio)
        except AudioFileError:
            raise  # of this moment, not of the content: nothing to keep
        except AudioError:
            _check_unchanged(source)
            failed.append(source.clip)
            continue
        _check_unchanged(source)
        clip_rows = waves[len(good)]
        clip_rows[:] = wave
        if job.augment and wave.any():
            copies = make_copies(wave, job.audio.sample_rate, source.clip, job.augment, job.seed)
            clip_rows[1:] = [fix_length(copy, job.audio.samples) for copy in copies]
        elif job.augment:
            silent.append(source.clip)
        good.append(index)
    return waves, good, failed, silent


def _check_unchanged(source):
    """The key holds the hash of the file as it was; other content must not get under it."""
    try:
        unchanged = file_state(source.path) == source.state
    except OSError:
        unchanged = False
    if not unchanged:
        raise RuntimeError(
            "Recordings must stay as they are while their features are computed. "
            f"Received: {source.path}, changed meanwhile. Run again when it is finished."
        )


def _write_rows(array, position, rows):
    """Write by file, not through the memory map: a full disk is then an error, not a crash."""
    with open(array, "r+b") as file:
        file.seek(position)
        file.write(rows)
        file.flush()
        os.fsync(file.fileno())


def _summarise(job, part, kept, markers):
    """Copy the rows of usable clips where there are others, and write `meta.json`."""
    failed = [clip for marker in markers for clip in marker["failed"]]
    left_out = set(failed)
    rows = [
        index * job.copies + copy
        for index, source in enumerate(job.sources)
        if source.clip not in left_out
        for copy in range(job.copies)
    ]
    array = part / "x.npy"
    if failed and rows:
        _copy_rows(array, kept, rows)
        array = kept
    meta = {
        "rows": len(rows),
        "bytes": array.stat().st_size,
        "failed": failed,
        "silent": [clip for marker in markers for clip in marker["silent"]],
    }
    _files.write_json(part / "meta.json", meta)


def _copy_rows(array, target, rows):
    source = np.load(array, mmap_mode="r")
    _check_space(target.parent, source[0].nbytes * len(rows))
    with _files.atomic_path(target) as temporary:
        _create(temporary, (len(rows), *source.shape[1:]))
        position = np.load(temporary, mmap_mode="r").offset
        for start in range(0, len(rows), _COPY_ROWS):
            block = source[rows[start : start + _COPY_ROWS]]
            _write_rows(temporary, position, block)
            position += block.nbytes
