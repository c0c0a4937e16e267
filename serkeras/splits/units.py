"""What a split may not tear apart: byte-identical files, and copies made of one recording."""

import contextlib
import functools
import os

import numpy as np
import pandas as pd

from serkeras._files import sha256

TOGETHER = ("identical", "copy")


def unit_keys(clips, together=TOGETHER):
    """Give each clip a key that all clips share which must stand on one side.

    Args:
        clips: manifest. Where it has a column `original`, that is the path of the recording
            that the file is a copy of (with noise, re-encoded, cut), missing where it is none.
        together: what binds, of "identical" (equal bytes) and "copy".

    Returns:
        `pandas.Series` of str on the index of `clips`.
    """
    keys = content_keys(clips) if "identical" in together else clips["clip"].astype(str)
    if "copy" not in together or "original" not in clips or clips["original"].isna().all():
        return keys
    return _families(keys, clips["path"], clips["original"])


def content_keys(clips):
    """Give each clip a key that byte-identical files and equal paths share.

    Only files of equal size are hashed, so that a corpus costs little more than a look into
    its folder. A file that does not exist, or cannot be read, goes by its path.

    Args:
        clips: manifest.

    Returns:
        `pandas.Series` of str on the index of `clips`.
    """
    keys = clips["path"].where(clips["path"].notna(), clips["clip"]).astype(str)
    stats = keys.map(_size_and_time)
    sizes = stats.map(lambda stat: stat[0])
    known = sizes[sizes >= 0]
    for row in known.index[known.duplicated(keep=False)]:
        with contextlib.suppress(OSError):  # whoever reads it as a recording says what is wrong
            keys[row] = _sha256(keys[row], *stats[row])
    return keys


def _families(keys, paths, originals):
    """Join keys over copies, and copies of copies, whether their original is listed or not."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    number = np.arange(len(keys))
    keyed, _ = pd.factorize("key " + keys)
    files, _ = pd.factorize(pd.concat([paths, originals]).astype("string"))  # -1 where missing
    rows = np.concatenate([number, number, number])
    bound = np.concatenate([keyed, np.where(files < 0, -1, files + keyed.max() + 1)])
    rows, bound = rows[bound >= 0], bound[bound >= 0] + len(keys)
    size = bound.max() + 1
    graph = coo_array((np.ones(len(rows)), (rows, bound)), shape=(size, size))
    _, families = connected_components(graph, directed=False)
    families = pd.Series(families[: len(keys)], keys.index)
    return keys.groupby(families).transform("first")


def _size_and_time(path):
    try:
        stat = os.stat(path)
    except OSError:
        return -1, 0
    return stat.st_size, stat.st_mtime_ns


@functools.lru_cache(maxsize=100_000)
def _sha256(path, size, modified_ns):
    """Hash a file once; size and time are in the key so that a changed file is read again."""
    return sha256(path)
