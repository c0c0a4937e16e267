"""Reads a folder in Hugging Face's layout: settings, and tensors one at a time."""

import importlib.util
import json
import zipfile
from pathlib import Path

import numpy as np

CONFIG = "config.json"
PREPROCESSOR = "preprocessor_config.json"
# In order of preference, with the package that reads each kind.
KINDS = {"model.safetensors": "safetensors", "pytorch_model.bin": "torch"}
INDEX = ".index.json"


def read_json(path):
    """Return the dictionary in a JSON file of a checkpoint.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it does not hold a JSON dictionary.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(
            f"A checkpoint must hold {CONFIG} and its weights. Received: {path.parent} without "
            f"{path.name}. Give the folder that transformers' save_pretrained wrote, or "
            "`hf download ID --local-dir FOLDER`."
        )
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:  # of UTF-8 or of JSON
        raise _damaged(path, error) from error
    if not isinstance(values, dict):
        raise _damaged(path, "no dictionary")
    return values


def weight_files(folder):
    """Return the names of the files of a folder that hold its weights.

    Args:
        folder: of the checkpoint.

    Returns:
        (package that reads them, list of file names): one file, or the shards of an index.
        Safetensors come before pytorch_model.bin, and what cannot be read here comes last.

    Raises:
        FileNotFoundError: there are none, or a shard is missing.
        ValueError: an index is damaged.
    """
    folder = Path(folder)
    found = [
        kind for kind in KINDS if (folder / kind).exists() or (folder / (kind + INDEX)).exists()
    ]
    if not found:
        raise FileNotFoundError(
            f"A checkpoint must hold one of {list(KINDS)}, or their shards with {INDEX[1:]}. "
            f"Received: {folder} with {sorted(path.name for path in folder.iterdir())[:10]}. "
            "Fetch the weights too, or give another folder."
        )
    kind = min(found, key=lambda kind: not is_readable(kind))
    if (folder / kind).exists():
        return KINDS[kind], [kind]
    shards = shard_names(folder / (kind + INDEX))
    missing = [name for name in shards if not (folder / name).is_file()]
    if missing:
        raise FileNotFoundError(
            f"All {len(shards)} shards that {kind + INDEX} lists must be there. Received: {folder} "
            f"without {missing}. Fetch them into that folder."
        )
    return KINDS[kind], shards


def shard_names(index):
    """Return the sorted names of the files that an index lists.

    Raises:
        ValueError: it is damaged, or names files outside its folder.
    """
    names = read_json(index).get("weight_map")
    names = sorted(set(names.values())) if isinstance(names, dict) else []
    if not names or any(Path(name).name != name for name in names):
        raise _damaged(index, f"weight_map names {names[:3]}")
    return names


def is_readable(kind):
    """Whether the package is installed that reads files of a kind of `KINDS`."""
    return importlib.util.find_spec(KINDS[kind]) is not None


def require_reader(package, what):
    """Refuse files that only a missing package can read.

    Args:
        package: "safetensors" or "torch".
        what: path of such a file, or its name and the preset, for the message.

    Raises:
        ModuleNotFoundError: names the package and the other way.
    """
    if importlib.util.find_spec(package) is not None:
        return
    ways = {
        "safetensors": 'pip install "serkeras[transfer]"',
        "torch": "pip install torch, or take a revision with model.safetensors, which "
        '`pip install "serkeras[transfer]"` reads (on the hub often refs/pr/1 and the like)',
    }
    raise ModuleNotFoundError(
        f"Such weights are read with the package {package}. Received: {what}, and {package} is not "
        f"installed. Do: {ways[package]}."
    )


class Checkpoint:
    """A folder in Hugging Face's layout, whose tensors are read when they are asked for.

    Args:
        folder: holds config.json and weights.

    Attributes:
        folder: `pathlib.Path`.
        config: dictionary of config.json.
        shapes: dictionary from the name of each tensor to its shape.

    Raises:
        FileNotFoundError: settings, weights or a shard are missing.
        ModuleNotFoundError: the package that reads the weights is not installed.
        ValueError: a file is damaged.
    """

    def __init__(self, folder):
        self.folder = Path(folder)
        self.config = read_json(self.folder / CONFIG)
        package, names = weight_files(self.folder)
        require_reader(package, self.folder / names[0])
        self._files = {}
        self.shapes = {}
        for name in names:
            file = _READERS[package](self.folder / name)
            self._files.update(dict.fromkeys(file.shapes, file))
            self.shapes.update(file.shapes)

    def read(self, name):
        """Return a tensor.

        Args:
            name: key of `shapes`.

        Returns:
            float32 array of that shape; bfloat16 and float16 are widened.

        Raises:
            ValueError: it holds something other than floating-point numbers.
        """
        return self._files[name].read(name).astype(np.float32, copy=False)


class _Safetensors:
    """One file of safetensors, mapped into memory."""

    def __init__(self, path):
        import safetensors

        self._path = path
        try:
            self._file = safetensors.safe_open(path, framework="np")
            slices = {name: self._file.get_slice(name) for name in self._file.keys()}
            self.shapes = {name: tuple(part.get_shape()) for name, part in slices.items()}
            self._types = {name: part.get_dtype() for name, part in slices.items()}
        except Exception as error:  # SafetensorError, OSError
            raise _damaged(path, error) from error

    def read(self, name):
        # NumPy has no bfloat16: what the package does with it depends on its version.
        if self._types[name] == "BF16":
            return self._widened(name)
        if self._types[name] not in ("F16", "F32", "F64"):
            raise _quantised(self._path, name, self._types[name])
        return self._file.get_tensor(name)

    def _widened(self, name):
        """Return bfloat16, the upper half of float32, as float32.

        Source:
            Layout of the format: eight bytes for the length of the header (little endian), the
            header (JSON), then the tensors at their `data_offsets`.
        """
        with open(self._path, "rb") as file:
            length = int.from_bytes(file.read(8), "little")
            place = json.loads(file.read(length))[name]
            file.seek(8 + length + place["data_offsets"][0])
            halves = np.fromfile(file, "<u2", int(np.prod(place["shape"])))
        return (halves.astype(np.uint32) << 16).view(np.float32).reshape(place["shape"])


class _Torch:
    """One file of torch, read without running what it may hold."""

    def __init__(self, path):
        import torch

        self._path = path
        try:
            # Files of torch before 1.6 are no zip files, and cannot be mapped into memory.
            self._state = torch.load(
                path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path)
            )
            self.shapes = {name: tuple(value.shape) for name, value in self._state.items()}
        except Exception as error:  # unpickling, zip, OSError, and what else is no state dict
            raise _damaged(path, error) from error

    def read(self, name):
        tensor = self._state[name].detach()
        if not tensor.is_floating_point():
            raise _quantised(self._path, name, tensor.dtype)
        return tensor.float().numpy()


def _quantised(path, name, kind):
    return ValueError(
        "Weights must be float16, bfloat16, float32 or float64. Received: "
        f"{path} with {name} of {kind}. Save the model unquantised."
    )


_READERS = {"safetensors": _Safetensors, "torch": _Torch}


def _damaged(path, error):
    # torch goes on to advise against the safe way of reading.
    said = str(error).split(". ")[0].split("\n")[0][:200]
    kind = f"{type(error).__name__}: " if isinstance(error, Exception) else ""
    return ValueError(
        f"Files of a checkpoint must be whole. Received: {path} ({kind}{said}). Fetch it again, or "
        "write it anew with transformers' save_pretrained."
    )
