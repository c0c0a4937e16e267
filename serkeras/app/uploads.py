"""The folder of uploads: what is old goes, and it never grows beyond a limit."""

import contextlib
import os
import threading
import time
from pathlib import Path

FORGET_S = 900  # uploads, and what is known of a visitor
# A portion of a microphone may be asked for once more: equal sound has one path for everybody.
_PORTION_S = 30
_EVERY_S = 15


class Uploads:
    """Counts what lies in a folder, and removes what is old.

    Args:
        folder: of the uploads, those that are under way or were broken off included.
        most: int, bytes that may lie in it.
    """

    def __init__(self, folder, most):
        self._folder, self.most = folder, most
        self._held, self._coming, self._lock = 0, 0, threading.Lock()

    def take(self, size):
        """Make room for an upload of so many bytes; returns whether there is any."""
        with self._lock:
            if self._held + size > self.most:
                return False
            self._held += size
            self._coming += size
            return True

    def end(self, size):
        """Note that an upload is over; what lies there of it is counted by the next sweep."""
        with self._lock:
            self._coming -= size

    def sweep(self):
        """Remove what nobody has written to for `FORGET_S`, and count the rest."""
        with self._lock:
            coming = self._coming
        held = _swept(self._folder, time.time() - FORGET_S)
        with self._lock:
            self._held = held + coming

    @contextlib.contextmanager
    def swept(self):
        """Sweep every now and then for the length of a `with` block."""
        ended = threading.Event()
        sweeper = threading.Thread(target=self._sweep_until, args=(ended,), daemon=True)
        sweeper.start()
        try:
            yield self
        finally:
            ended.set()
            sweeper.join()

    def _sweep_until(self, ended):
        while not ended.wait(_EVERY_S):
            self.sweep()


def _swept(folder, before):
    """Remove what is older than a time; returns the bytes of the files that stay."""
    held = 0
    for parent, folders, files in os.walk(folder, topdown=False):
        for name in files:
            held += _left(os.path.join(parent, name), before, os.unlink)
        for name in folders:  # only empty ones can be removed
            _left(os.path.join(parent, name), before, os.rmdir)
    return held


def _left(path, before, remove):
    """Return the bytes of a path, 0 where it was removed or somebody else did so first."""
    with contextlib.suppress(OSError):
        found = os.lstat(path)
        if found.st_mtime >= before:
            return found.st_size
        remove(path)
    return 0


def forget_soon(path):
    """Let the sweep take a file half a minute from now, unless it is uploaded again.

    It stays until then: another visitor whose sound is equal, such as a muted microphone's, was
    given the same path.
    """
    old = time.time() - FORGET_S + _PORTION_S
    with contextlib.suppress(OSError):
        os.utime(Path(path), (old, old))


class Room:
    """Refuses uploads that the folder has no room for, before a byte of them is kept.

    Args:
        app: the ASGI application behind it.
        uploads: `Uploads`.
    """

    def __init__(self, app, uploads):
        self.app, self.uploads = app, uploads

    async def __call__(self, scope, receive, send):
        """Answer one request."""
        if scope["type"] != "http" or not scope["path"].rstrip("/").endswith("/upload"):
            return await self.app(scope, receive, send)
        length = dict(scope["headers"]).get(b"content-length", b"")
        if not length.isdigit():
            told = "An upload must state its length. Received: no Content-Length. Send one."
            return await _refuse(411, told)(scope, receive, send)
        if not self.uploads.take(int(length)):
            told = (
                f"All uploads together may have at most {self.uploads.most / 1e6:g} MB. Received: "
                f"one of {int(length) / 1e6:.1f} MB, with too little room left. Try again in a "
                "quarter of an hour, when older ones are gone."
            )
            return await _refuse(507, told)(scope, receive, send)
        try:
            await self.app(scope, receive, send)
        finally:
            self.uploads.end(int(length))


def _refuse(status, text):
    from starlette.responses import PlainTextResponse

    return PlainTextResponse(text, status)
