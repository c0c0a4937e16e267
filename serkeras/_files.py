"""Files that are written whole or not at all, and the place where caches live."""

import contextlib
import hashlib
import json
import os
import uuid
from pathlib import Path


def cache_dir():
    """Return the folder for downloads, the synthetic corpus and feature caches.

    Returns:
        `pathlib.Path`: the environment variable SERKERAS_CACHE, or `~/.cache/serkeras`.
    """
    return Path(os.environ.get("SERKERAS_CACHE") or Path.home() / ".cache" / "serkeras")


def shared_cache_dir():
    """Return the folder below which other libraries keep their caches, `~/.cache` by default."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")


@contextlib.contextmanager
def atomic_path(path, durable=False):
    """Yield a temporary path beside `path` that replaces it when the block ends well.

    On an exception the temporary file is removed and an older `path` stays as it was: a
    reader meets the old file or the new one, never half of one.

    Args:
        path: target file; missing parent folders are made.
        durable: wait until the bytes are on the disk, so that a loss of power leaves none out.

    Yields:
        `pathlib.Path` with the same ending as `path` (writers that choose a format by the
        ending, such as Keras and matplotlib, see the right one).
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".tmp-{uuid.uuid4().hex}{path.suffix}")
    # Not mkstemp, whose files are private: results are meant to be shared. The umask is left to
    # the system, since asking for it changes it for all threads.
    os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    try:
        yield temporary
        if durable:
            with open(temporary, "rb+") as file:
                os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def atomic_write(path, mode="w"):
    """Like `atomic_path`, yielding an open file (UTF-8 when `mode` is text)."""
    encoding = None if "b" in mode else "utf-8"
    with atomic_path(path, durable=True) as temporary:
        with open(temporary, mode, encoding=encoding) as file:
            yield file


def write_json(path, value):
    """Write `value` as indented JSON, whole or not at all."""
    with atomic_write(path) as file:
        json.dump(value, file, indent=2, ensure_ascii=False)
        file.write("\n")


def read_json(path):
    """Read a JSON file; a broken one is named in the error."""
    with open(path, encoding="utf-8") as file:
        try:
            return json.load(file)
        except json.JSONDecodeError as error:
            raise ValueError(
                f"A JSON file must hold valid JSON. Received: {path} ({error}). "
                "Restore the file or delete it and run again."
            ) from error


def sha256(path):
    """Return the SHA-256 of a file's bytes, in hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_csv(path, text, separator=",", encoding="utf-8"):
    """Read a CSV file in which only empty cells are missing: `NA` and `None` are words.

    Args:
        path: file.
        text: names of the columns that stay text, so that `01` does not become 1.
        separator: between the cells.
        encoding: of the file.

    Returns:
        DataFrame.
    """
    import pandas as pd  # half a second, which `serkeras --help` need not pay

    return pd.read_csv(
        path,
        sep=separator,
        encoding=encoding,
        dtype=dict.fromkeys(text, str),
        keep_default_na=False,
        na_values=[""],
    )
