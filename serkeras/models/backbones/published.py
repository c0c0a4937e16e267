"""Where the published files of weights are looked for, and how they are fetched."""

import hashlib
import os
from pathlib import Path

from serkeras._files import atomic_path, cache_dir

# Seconds to connect and to wait for the next bytes: an answer soon, on a machine without network.
_TIMEOUT = (10, 30)


def find(card, include_top):
    """Return the path of the file that `weights="imagenet"` means; fetch it where it is missing.

    Args:
        card: `serkeras.models.backbones.Card`.
        include_top: whether the file must hold the head.

    Raises:
        ValueError: a file of that name lies there whose hash is another; it is left alone.
        ConnectionError: there is no such file, and it could not be fetched.
    """
    file = card.files[0 if include_top else 1]
    for place in places():
        if (place / file.name).is_file():
            verify(place / file.name, file)
            return place / file.name
    target = places()[0] / file.name
    _fetch(card, file, target)
    return target


def places():
    """Return the folders that are searched: ours (downloads go there), Keras's and torch's."""
    keras_home = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    torch_home = Path(os.environ.get("TORCH_HOME") or cache / "torch")
    return [cache_dir() / "weights", keras_home / "models", torch_home / "hub" / "checkpoints"]


def verify(path, file):
    """Refuse a file whose hash is not the published one.

    Raises:
        ValueError: names both hashes.
    """
    if file.algorithm is None:
        return
    with open(path, "rb") as stream:
        found = hashlib.file_digest(stream, file.algorithm).hexdigest()
    if not found.startswith(file.digest):
        raise ValueError(
            f"{file.name} must have the {file.algorithm} {_hash_words(file)}. Received: {path} "
            f"with {found}. The file was left as it is; replace it by the one at {file.url}, or "
            "pass its path as `weights` if it is meant."
        )


def _hash_words(file):
    if file.algorithm is None:
        return "its publisher gives no hash"
    whole = {"md5": 32, "sha256": 64}[file.algorithm]
    return file.digest if len(file.digest) == whole else f"that begins with {file.digest}"


def _fetch(card, file, target):
    import requests

    try:
        with (
            requests.get(file.url, stream=True, timeout=_TIMEOUT) as answer,
            atomic_path(target) as part,
        ):
            answer.raise_for_status()
            with open(part, "wb") as stream:
                for chunk in answer.iter_content(1 << 20):
                    stream.write(chunk)
            verify(part, file)
    except OSError as error:  # what requests raises is one
        hashed = f"{file.algorithm}: {_hash_words(file)}" if file.algorithm else _hash_words(file)
        others = " or ".join(str(place) for place in places()[1:])
        raise ConnectionError(
            f'`weights="imagenet"` of {card.name} needs {file.name} ({hashed}). Received: no such '
            f"file on this machine, and {file.url} gave {type(error).__name__}. Fetch it "
            f"elsewhere and put it into {target.parent} (or {others}), or pass its path as "
            "`weights`."
        ) from error
