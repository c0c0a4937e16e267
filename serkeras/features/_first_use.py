"""One process at a time while librosa compiles what a feature needs.

numba keeps what it has compiled beside librosa's files. Two processes that compile for different
types at the same time mix these files up, and from then on librosa crashes in every process.
"""

import contextlib
import getpass
import tempfile
from pathlib import Path

import filelock

_compiled = set()


@contextlib.contextmanager
def first_use(name):
    """Hold a lock of all of the user's processes, the first time that a name is used in this one.

    Args:
        name: str, what is going to be computed.
    """
    with contextlib.ExitStack() as stack:
        if name not in _compiled:
            # Without a place for the lock there is none: better than no feature.
            with contextlib.suppress(OSError, KeyError):
                path = Path(tempfile.gettempdir()) / f"serkeras-{getpass.getuser()}.lock"
                stack.enter_context(filelock.FileLock(path))
        yield
    _compiled.add(name)
