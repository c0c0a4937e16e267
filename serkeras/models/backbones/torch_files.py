"""Reads torchvision's state dicts into our networks: all of a file or nothing."""

import importlib.util
import re
from pathlib import Path

import numpy as np

from serkeras.models.backbones import torch_names

ENDINGS = (".pt", ".pth", ".safetensors")
# Names that older files of torchvision have, and today's.
_RENAMED = (
    (re.compile(r"(denselayer\d+\.(?:norm|conv))\.([12])\."), r"\1\2."),
    (re.compile(r"(mlp)\.linear_1\."), r"\1.0."),
    (re.compile(r"(mlp)\.linear_2\."), r"\1.3."),
)
_HEADS = ("classifier.", "fc.", "heads.")


def require_reader(path):
    """Refuse a file that only a missing package can read.

    Raises:
        ModuleNotFoundError: names the package and the other way.
    """
    package = "safetensors" if Path(path).suffix == ".safetensors" else "torch"
    if importlib.util.find_spec(package) is None:
        other = "" if package == "safetensors" else " A .safetensors file needs only `safetensors`."
        raise ModuleNotFoundError(
            f"Files ending in {Path(path).suffix} are read with the package {package}. Received: "
            f"{path}, and {package} is not installed. Install it: pip install {package}.{other}"
        )


def load(model, name, path, include_top):
    """Give a network the weights of a file.

    Args:
        model: network without front.
        name: of its card.
        path: `.pth`, `.pt` (a state dict; read with `weights_only`) or `.safetensors`.
        include_top: whether the network has its head; without it those tensors are left out.

    Raises:
        ModuleNotFoundError: a package to read it is missing.
        ValueError: the file is damaged, of another network, incomplete, or holds values that
            are not finite. The network is then as it was.
    """
    require_reader(path)
    tensors = {_today(key): value for key, value in _read(path).items()}
    wanted = torch_names.wanted(model, name)
    faults = _compare(wanted, tensors, include_top)
    if faults:
        raise ValueError(
            f"A file of weights for {name} must hold its {len(wanted)} tensors and no others. "
            f"Received: {path} with {'; '.join(faults)}. Give the state dict of torchvision's "
            f"{name}, or build the network that the file belongs to."
        )
    for variable, key, turn in wanted:
        variable.assign(turn(tensors[key]))


def _read(path):
    """Return the tensors of a file by name, NumPy arrays."""
    try:
        if Path(path).suffix == ".safetensors":
            from safetensors.numpy import load_file

            return load_file(path)
        import torch

        state = torch.load(path, map_location="cpu", weights_only=True)
        return {key: np.asarray(value.float()) for key, value in state.items()}
    except Exception as error:  # unpickling, zip, JSON: each reader has its own
        raise ValueError(
            "A file of weights must be a whole state dict (names and tensors). Received: "
            f"{path} ({type(error).__name__}: {_first_sentence(error)}). Fetch it again, or write "
            "one with torch.save(model.state_dict(), path)."
        ) from error


def _first_sentence(error):
    """Return the start of a message: torch goes on to advise against the safe way of reading."""
    return str(error).split(". ")[0].split("\n")[0][:200]


def _today(key):
    for pattern, text in _RENAMED:
        key = pattern.sub(text, key)
    return key


def _compare(wanted, tensors, include_top):
    """Return what is wrong with the tensors, as words; empty where all is well."""
    keys = {key for _, key, _ in wanted}
    known = keys | {key for key in tensors if key.endswith("num_batches_tracked")}
    if not include_top:
        known |= {key for key in tensors if key.startswith(_HEADS)}
    present = [item for item in wanted if item[1] in tensors]
    lists = {
        "missing": sorted(keys - set(tensors)),
        "unknown": sorted(set(tensors) - known),
        "of another shape": [key for v, key, turn in present if not _fits(v, tensors[key], turn)],
        "not finite": [key for _, key, _ in present if not np.isfinite(tensors[key]).all()],
    }
    return [listed(what, found) for what, found in lists.items() if found]


def _fits(variable, tensor, turn):
    try:
        return turn(tensor).shape == tuple(variable.shape)
    except ValueError:  # another number of axes
        return False


def listed(what, keys):
    """Return how many names are wrong in which way, and the first of them, as words."""
    more = ", ..." if len(keys) > 3 else ""
    return f"{len(keys)} {what} ({', '.join(keys[:3])}{more})"
