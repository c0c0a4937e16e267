"""Where the published files of weights are looked for, and how they are fetched."""

import os
from pathlib import Path

from serkeras import _downloads
from serkeras._files import cache_dir, shared_cache_dir


def find(card, include_top):
    """Return the path of the file that `weights="imagenet"` means; fetch it where it is missing.

    Args:
        card: `serkeras.models.backbones.Card`.
        include_top: whether the file must hold the head.

    Raises:
        ValueError: a file of that name lies there whose hash is another, and is left alone; or
            such a file came from its publisher.
        ConnectionError: there is no such file, and it could not be fetched.
    """
    file = card.files[0 if include_top else 1]
    for place in places():
        if (place / file.name).is_file():
            _verify(place / file.name, file)
            return place / file.name
    target = places()[0] / file.name
    try:
        _downloads.fetch(file.url, target, _checksum(file))
    except ConnectionError as error:
        others = " or ".join(str(place) for place in places()[1:])
        raise ConnectionError(
            f'`weights="imagenet"` of {card.name} needs {file.name} '
            f"({_downloads.words(_checksum(file))}). Received: no such file on this machine, and "
            f"{file.url} did not give it ({error}). Call again, or fetch it elsewhere and put it "
            f"into {target.parent} (or {others}), or give its path, "
            "model.settings.weights=PATH; null are random ones."
        ) from error
    return target


def places():
    """Return the folders that are searched: ours (downloads go there), Keras's and torch's."""
    keras_home = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras")
    torch_home = Path(os.environ.get("TORCH_HOME") or shared_cache_dir() / "torch")
    return [cache_dir() / "weights", keras_home / "models", torch_home / "hub" / "checkpoints"]


def _checksum(file):
    return None if file.algorithm is None else f"{file.algorithm}:{file.digest}"


def _verify(path, file):
    """Refuse a file whose hash is not the published one."""
    remedy = f"replace it by the one at {file.url}, or pass its path as `weights` if it is meant"
    _downloads.verify(path, _checksum(file), remedy)
