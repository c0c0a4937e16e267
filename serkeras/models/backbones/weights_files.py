"""Finds the weights that a caller means and loads them: all of a file or a refusal."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from serkeras.models.backbones import published, torch_files, trained
from serkeras.models.backbones.cards import Card

_KERAS_ENDINGS = (".h5", ".hdf5")


@dataclass(frozen=True)
class File:
    """A file of weights as its makers write them.

    Attributes:
        card: of the backbone.
        path: `pathlib.Path`.
        include_top: whether the network has its head.
        is_run: false; see `serkeras.models.backbones.trained.Trained`.
    """

    card: Card
    path: Path
    include_top: bool
    is_run = False

    @property
    def convention(self):
        """Scaling that the photographs of its training had.

        VGG16 exists with Keras's weights ("caffe") and with torchvision's.
        """
        return "torch" if self.path.suffix in torch_files.ENDINGS else self.card.scaling

    def load(self, model):
        """Give a network without front the weights.

        Raises:
            ValueError: the file is damaged or belongs to another network.
        """
        if self.path.suffix in torch_files.ENDINGS:
            torch_files.load(model, self.card.name, self.path, self.include_top)
            return
        try:
            _require_all(model, self.path)
            model.load_weights(self.path)
            _require_finite(model)
        except Exception as error:  # HDF5 and Keras have many
            head = "with" if self.include_top else "without"
            said = " ".join(str(error).split())[:300]
            raise ValueError(
                f"A file of weights for {self.card.name} must fit all its layers. Received: "
                f"{self.path} ({type(error).__name__}: {said}). Give weights of Keras's "
                f"{self.card.name} {head} its head, or fetch the file again."
            ) from error


def find(card, weights, include_top, branch=None):
    """Return the weights that a caller means, on this machine.

    Args:
        card: `serkeras.models.backbones.Card`.
        weights: "imagenet", the path of a file, or the folder of a run.
        include_top: whether the file must hold the head.
        branch: int, number of the backbone in a network that has several, for those of a run.

    Returns:
        `File` or `serkeras.models.backbones.trained.Trained`.

    Raises:
        ValueError: no such kind of file is known for that backbone, or the run has none.
        FileNotFoundError: there is no file at the path.
        ConnectionError: "imagenet" is not on this machine and cannot be fetched.
        ModuleNotFoundError: the package that reads the file is not installed.
    """
    if weights != "imagenet" and trained.is_run(weights):
        return trained.Trained(card, trained.model_file(weights), branch)
    named = card.files[0].name if weights == "imagenet" else weights
    path = Path(named).expanduser()
    endings = _KERAS_ENDINGS + (torch_files.ENDINGS if card.has_torch_files else ())
    if path.suffix not in endings:
        raise ValueError(
            f"`weights` of {card.name} must be None, 'imagenet', the folder of a finished run or "
            f"a path that ends in one of {list(endings)}. Received: {str(weights)!r}. Correct it."
        )
    if path.suffix in torch_files.ENDINGS:
        torch_files.require_reader(path)
    if weights == "imagenet":
        return File(card, published.find(card, include_top), include_top)
    if not path.is_file():
        raise FileNotFoundError(
            f"`weights` must be None, 'imagenet' or the path of a file. Received: {path}, where "
            "there is none. Correct the path."
        )
    return File(card, path, include_top)


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
