"""Fetch one file from the network: verified before it is there, gone on with after a break."""

import contextlib
import getpass
import hashlib
import logging
import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import filelock

# Seconds to connect and to wait for the next bytes: an answer soon, on a machine without network.
TIMEOUT_S = (5, 30)
_DIGITS = {"md5": 32, "sha256": 64}


def fetch(url, path, checksum=None, progress=True):
    """Fetch a file that is not there yet.

    What a broken download with a known checksum left is kept beside `path`, with `.part` behind
    its name, and the next call goes on from there if the server can. Without a checksum it starts
    anew, since nothing would tell a patchwork of two versions. Processes that want the same file
    take turns: the second finds what the first has fetched.

    Args:
        url: where the file is.
        path: where it is to go; missing folders are made. A file that lies there is verified and
            otherwise left alone.
        checksum: `"md5:..."` or `"sha256:..."`, all hexadecimal digits or the first of them; None
            where none is published.
        progress: whether to show a progress bar.

    Raises:
        ValueError: what came, or what lies there, has another checksum. What came is thrown away,
            what lies there is not.
        ConnectionError: it could not be fetched, or not all of it.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with _in_turn(path, progress):
        if path.exists():
            verify(path, checksum)
        else:
            _retrieve(url, path, checksum, progress)


def verify(path, checksum, remedy="move it away to have it fetched anew"):
    """Require a file to be the one that was published.

    Args:
        path: existing file, which is never changed.
        checksum: see `fetch`.
        remedy: what the caller's user can do, half a sentence.

    Raises:
        ValueError: its checksum is another.
    """
    found = _found(path, checksum)
    if not _fits(found, checksum):
        raise ValueError(
            f"{Path(path).name} must have the {words(checksum)}. Received: {path} with {found}. "
            f"It was left as it is; {remedy}."
        )


def words(checksum):
    """Return what is known of a file's checksum, for a sentence."""
    if checksum is None:
        return "its publisher gives no hash"
    algorithm, _, digest = checksum.partition(":")
    begins = "" if len(digest) == _DIGITS[algorithm] else "that begins with "
    return f"{algorithm} {begins}{digest}"


def _found(path, checksum):
    """Return the file's own checksum in the form of the given one."""
    if checksum is None:
        return None
    algorithm = checksum.partition(":")[0]
    with open(path, "rb") as file:
        return f"{algorithm}:{hashlib.file_digest(file, algorithm).hexdigest()}"


def _fits(found, checksum):
    return checksum is None or found.startswith(checksum)


@contextlib.contextmanager
def _in_turn(path, progress):
    """Hold a lock of the user's processes on this machine; it lies apart from the user's files."""
    mark = hashlib.sha256(os.fsencode(path.absolute())).hexdigest()[:16]
    with contextlib.ExitStack() as stack:
        # Without a place for the lock there is none: better than no file.
        with contextlib.suppress(OSError, KeyError):
            name = f"serkeras-{getpass.getuser()}-{mark}.lock"
            lock = filelock.FileLock(Path(tempfile.gettempdir()) / name)
            _acquire(lock, path.name, progress)
            stack.callback(lock.release)
        yield


def _acquire(lock, name, progress):
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        if progress:
            print(f"Waiting for the process that fetches {name} ...", file=sys.stderr)
        lock.acquire()


def _retrieve(url, path, checksum, progress):
    """Let pooch fetch a file: into a temporary one, published by one rename."""
    import pooch

    with _quiet(pooch.get_logger()):
        downloader = _Downloader(path, checksum, progress)
        pooch.retrieve(url, None, path.name, path.parent, downloader=downloader)


@contextlib.contextmanager
def _quiet(logger):
    """Keep a logger from saying what the progress bar says."""
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)


@dataclass(frozen=True)
class _Downloader:
    """What pooch calls to fetch a file: it goes on from a part; a hash may be its first digits.

    Attributes:
        path: `pathlib.Path` where the file is to go; a part lies beside it.
        checksum, progress: see `fetch`.
    """

    path: Path
    checksum: str | None
    progress: bool

    def __call__(self, url, output_file, pooch):
        """Fetch `url` into `output_file`; raises as `fetch` does."""
        if self.checksum is None:
            _stream(url, Path(output_file), 0, self.path.name, self.progress)
            return
        part = self.path.with_name(self.path.name + ".part")
        starts = [part.stat().st_size, 0] if part.exists() else [0]  # anew if it was another's
        for start in starts:
            _stream(url, part, start, self.path.name, self.progress)
            found = _found(part, self.checksum)
            if _fits(found, self.checksum):
                os.replace(part, output_file)
                return
            part.unlink()
        raise ValueError(
            f"{self.path.name} must have the {words(self.checksum)}. Received: {found} from {url}. "
            "What was fetched was thrown away; try again later, or ask its publisher."
        )


def _stream(url, target, start, name, progress):
    """Write what a server sends from byte `start` on to the end of a file."""
    import requests

    # Compressed transfer would make byte positions meaningless.
    headers = {"Accept-Encoding": "identity", **({"Range": f"bytes={start}-"} if start else {})}
    try:
        with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT_S) as response:
            if start and response.status_code == 416:
                return  # the part is as long as the file, or longer: the checksum decides
            response.raise_for_status()
            start = start if response.status_code == 206 else 0
            total = _write(response, target, start, name, progress)
    except requests.exceptions.RequestException as error:
        raise ConnectionError(str(error)) from error
    got = target.stat().st_size  # urllib3 before version 2 says nothing of a broken transfer
    if total is not None and got < total:
        raise ConnectionError(f"{got} of {total} bytes came")


def _write(response, target, start, name, progress):
    """Append the body; return the length that the whole must have, or None."""
    from tqdm.auto import tqdm

    length = response.headers.get("Content-Length")
    total = start + int(length) if length is not None else None
    shown = {"unit": "B", "unit_scale": True, "desc": name, "disable": not progress}
    with (
        open(target, "ab" if start else "wb") as file,
        tqdm(total=total, initial=start, **shown) as bar,
    ):
        for chunk in response.iter_content(1 << 16):
            file.write(chunk)
            bar.update(len(chunk))
    return total
