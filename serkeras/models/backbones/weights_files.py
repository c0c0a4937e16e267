"""Chooses the file of weights and loads it: all of it or a refusal."""

from pathlib import Path

import numpy as np

from serkeras.models.backbones import published, torch_files

_KERAS_ENDINGS = (".h5", ".hdf5")


def locate(card, weights, include_top):
    """Return the path of the weights that a caller means.

    Args:
        card: `serkeras.models.backbones.Card`.
        weights: "imagenet" or a path.
        include_top: whether the file must hold the head.

    Raises:
        ValueError: no such kind of file is known for that backbone.
        FileNotFoundError: there is no file at the path.
        ConnectionError: "imagenet" is not on this machine and cannot be fetched.
        ModuleNotFoundError: the package that reads the file is not installed.
    """
    named = card.files[0].name if weights == "imagenet" else weights
    path = Path(named).expanduser()
    endings = _KERAS_ENDINGS + (torch_files.ENDINGS if card.has_torch_files else ())
    if path.suffix not in endings:
        raise ValueError(
            f"`weights` of {card.name} must be None, 'imagenet' or a path that ends in one of "
            f"{list(endings)}. Received: {str(weights)!r}. Correct it."
        )
    if path.suffix in torch_files.ENDINGS:
        torch_files.require_reader(path)
    if weights == "imagenet":
        return published.find(card, include_top)
    if not path.is_file():
        raise FileNotFoundError(
            f"`weights` must be None, 'imagenet' or the path of a file. Received: {path}, where "
            "there is none. Correct the path."
        )
    return path


def convention(card, path):
    """Return the scaling that the photographs of a file's training had.

    VGG16 exists with Keras's weights ("caffe") and with torchvision's.
    """
    if path is not None and path.suffix in torch_files.ENDINGS:
        return "torch"
    return card.scaling


def load(model, card, path, include_top):
    """Give a network the weights of a file.

    Args:
        model: network without front.
        card: its card.
        path: `pathlib.Path`.
        include_top: whether the network has its head.

    Raises:
        ValueError: the file is damaged or belongs to another network.
    """
    if path.suffix in torch_files.ENDINGS:
        torch_files.load(model, card.name, path, include_top)
        return
    try:
        _require_all(model, path)
        model.load_weights(path)
        _require_finite(model)
    except Exception as error:  # HDF5 and Keras have many
        head = "with" if include_top else "without"
        said = " ".join(str(error).split())[:300]
        raise ValueError(
            f"A file of weights for {card.name} must fit all its layers. Received: {path} "
            f"({type(error).__name__}: {said}). Give weights of Keras's {card.name} {head} its "
            "head, or fetch the file again."
        ) from error


def _require_all(model, path):
    """Compare how many numbers a file and a network hold, before Keras begins to assign.

    Keras itself passes over what a file has too much, and warns where layers keep random weights.
    """
    import h5py

    found = []

    def collect(name, item):
        is_weight = isinstance(item, h5py.Dataset) and item.dtype.kind == "f"
        if is_weight and not name.startswith("optimizer"):
            found.append(item.size)

    with h5py.File(path) as file:
        file.visititems(collect)
    expected = sum(weight.size for weight in model.get_weights() if weight.dtype.kind == "f")
    if sum(found) != expected:
        raise ValueError(f"{sum(found):,} numbers, where the network has {expected:,}")


def _require_finite(model):
    if not all(np.isfinite(value).all() for value in model.get_weights()):
        raise ValueError("values that are not finite")
