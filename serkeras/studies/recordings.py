"""The recordings that the runs of a study stand on, so that runs of others never join them."""

import hashlib
import json
from pathlib import Path

import pandas as pd

from serkeras._files import read_json, write_json
from serkeras.features import cache
from serkeras.studies.folder import alone

FILE = "recordings.json"
_COLUMNS = ["clip", "corpus", "speaker", "emotion"]


def check(out, clips, n_jobs=None):
    """Keep what the clips of a study are, or compare with what was kept while it had runs.

    Args:
        out: folder of the study; of one that was begun before this was kept, it is kept now.
        clips: manifest of the study's data.
        n_jobs: threads that read the recordings; None is all cores.

    Raises:
        FileExistsError: the study was begun with other recordings, emotions or speakers.
    """
    out, now = Path(out), {"clips": len(clips), "digest": _digest(clips, n_jobs)}
    with alone(out):
        before = read_json(out / FILE) if (out / FILE).is_file() else None
        # Where no run stands on them, recordings may still be repaired.
        if before == now or before is None or not _has_runs(out):
            write_json(out / FILE, now)
            return
    raise FileExistsError(
        "The runs of a study must be of the same clips, emotions, speakers and recordings. "
        f"Received: {out}, begun with {before['clips']} clips, now {now['clips']} that are not "
        "the same. Restore them, or choose another folder with --out."
    )


def _has_runs(out):
    return any((out / "runs").glob("*/experiment.json"))


def _digest(clips, n_jobs):
    clips = clips.sort_values("clip")
    hashes = cache.hash_files(clips["path"], n_jobs)
    told = [
        [None if pd.isna(value) else value for value in row]  # unknown speakers
        for row in clips[_COLUMNS].astype(object).to_numpy().tolist()
    ]
    told.append([hashes[path].digest for path in clips["path"]])
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()
