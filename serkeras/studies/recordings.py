"""The recordings that the runs of a study stand on, so that runs of others never join them."""

import hashlib
import json
from pathlib import Path

from serkeras._files import read_json, write_json
from serkeras.features import cache

FILE = "recordings.json"
_COLUMNS = ["clip", "corpus", "speaker", "emotion"]


def check(out, clips, n_jobs=None):
    """Keep what the clips of a study are, or compare with what was kept.

    Args:
        out: folder of the study; of one that was begun before this was kept, it is kept now.
        clips: manifest of the study's data.
        n_jobs: threads that read the recordings; None is all cores.

    Raises:
        FileExistsError: the study was begun with other recordings, emotions or speakers.
    """
    path, now = Path(out) / FILE, {"clips": len(clips), "digest": _digest(clips, n_jobs)}
    if not path.is_file():
        write_json(path, now)
        return
    before = read_json(path)
    if before != now:
        raise FileExistsError(
            "The runs of a study must be of the same clips, emotions, speakers and recordings. "
            f"Received: {out}, begun with {before['clips']} clips, now {now['clips']} that are not "
            "the same. Restore them, or choose another folder with --out."
        )


def _digest(clips, n_jobs):
    clips = clips.sort_values("clip")
    hashes = cache.hash_files(clips["path"], n_jobs)
    told = [
        [None if value != value else value for value in row]  # unknown speakers
        for row in clips[_COLUMNS].astype(object).to_numpy().tolist()
    ]
    told.append([hashes[path].digest for path in clips["path"]])
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()
