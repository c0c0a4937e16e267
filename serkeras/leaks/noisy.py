"""Noisy copies of recordings as files: what a folder looks like that was augmented first."""

import hashlib
import json
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import soundfile
import tqdm

from serkeras import audio, augment
from serkeras._files import atomic_path, cache_dir
from serkeras.config import AugmentConfig

# White noise at 15 to 30 dB, two copies a clip, as in report S4 (which adds it to the training
# side alone).
NOISE = AugmentConfig(copies=2, transforms=({"name": "awgn", "snr_db": [15.0, 30.0]},))
_SEED = 0  # a folder is augmented once, whatever is split and trained afterwards


def write(clips, config, hashes, on_error="raise", n_jobs=None, progress=True):
    """Write the noisy copies of clips into the cache; those that are there stay.

    The same recordings and settings give the same bytes on every machine, since each copy has a
    generator of its own. An interrupted call goes on: every file appears whole.

    Args:
        clips: manifest.
        config: `serkeras.config.AudioConfig`; a copy has the clip's final length, its level is
            that of the recording.
        hashes: dictionary from path to `serkeras.features.cache.FileHash`.
        on_error: "raise", or "skip" to leave out recordings that cannot be used.
        n_jobs: threads; None is one a core.
        progress: show a bar.

    Returns:
        Manifest of the copies, with ids such as "CLIP~noisy1" and the column source.

    Raises:
        serkeras.audio.AudioError: a recording cannot be used, and `on_error` is "raise".
    """
    # The recipe brings its clips to its level itself; a level above full scale has no file.
    config = config.replace(level="as_is")
    folder = cache_dir() / "leaks" / f"noisy-{_key(config)}"
    rows = list(clips.itertuples(index=False))
    places = {row.clip: _places(folder, row, hashes) for row in rows}
    missing = [row for row in rows if not _is_there(places[row.clip])]
    work = joblib.Parallel(
        n_jobs=-1 if n_jobs is None else n_jobs, backend="threading", return_as="generator"
    )
    tasks = (joblib.delayed(_write)(row, places[row.clip], config, on_error) for row in missing)
    with tqdm.tqdm(
        total=len(missing), unit="clip", desc="noisy copies", disable=not (progress and missing)
    ) as bar:
        for _ in work(tasks):
            bar.update()
    return _manifest(clips[[_is_there(places[clip]) for clip in clips["clip"]]], places)


def _key(config):
    told = json.dumps([config.to_dict(), NOISE.to_dict(), _SEED], sort_keys=True)
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def _places(folder, row, hashes):
    told = f"{row.clip}\n{hashes[row.path].digest}"
    name = hashlib.sha256(told.encode()).hexdigest()[:24]
    return [folder / f"{name}-{number}.wav" for number in range(1, NOISE.copies + 1)]


def _is_there(places):
    return all(map(Path.is_file, places))


def _write(row, places, config, on_error):
    try:
        wave = audio.load_clip(row.path, config)
    except audio.AudioError:
        if on_error == "raise":
            raise
        return
    copies = augment.make_copies(wave, config.sample_rate, row.clip, NOISE, _SEED)
    for copy, place in zip(copies, places, strict=True):
        samples = np.round(np.clip(copy, -1.0, 1.0) * 32767).astype(np.int16)
        with atomic_path(place) as temporary:
            soundfile.write(temporary, samples, config.sample_rate, subtype="PCM_16")


def _manifest(clips, places):
    tables = []
    for number in range(1, NOISE.copies + 1):
        copies = clips.assign(source=clips["clip"])
        copies["path"] = [str(places[clip][number - 1]) for clip in clips["clip"]]
        copies["clip"] = clips["clip"] + f"~noisy{number}"
        tables.append(copies)
    return pd.concat(tables, ignore_index=True).sort_values("clip", ignore_index=True)
