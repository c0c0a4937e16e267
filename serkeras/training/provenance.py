"""What a run stood on: its data, by content, and the code of every session that trained it."""

import contextlib
import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path

import pandas as pd

from serkeras import datasets
from serkeras._files import read_json, sha256, write_json

_PACKAGES = (
    "serkeras", "keras", "keras-hub", "tensorflow", "jax", "torch", "scikit-learn", "skops",
    "librosa", "numpy",
)  # fmt: skip


def begin(folder, digest, split, files, start, fitted=None):
    """Write or check `provenance.json`; a resumed run adds its own session to it.

    Args:
        folder: run folder.
        digest: hash of all that the network is given.
        split: `serkeras.splits.Split`.
        files: dictionary from path to SHA-256 of their recordings.
        start: `serkeras.training.inherited.Inherited`; what its weights have learned from counts
            as learned.
        fitted: manifest of the clips that the weights are fitted on; None is the training side.

    Raises:
        ValueError: the run was begun on other data, or with other weights.
    """
    path = Path(folder) / "provenance.json"
    learned = pd.concat([split.train, split.validation])
    session = made_by(_devices(path.parent))
    if path.is_file():
        values = read_json(path)
        if not matches(folder, digest, start):
            raise ValueError(
                "An interrupted run goes on with the data that it began with. Received: "
                f"{folder}, whose clips, emotions, recordings or first weights have changed "
                "since. Restore them, choose another folder with --out, or begin again with "
                "--overwrite."
            )
        if values["sessions"][-1] != session:
            values["sessions"].append(session)
    else:
        values = {
            "digest": digest,
            "weights": start.weights,
            "speakers_known": bool(learned["speaker"].notna().all() and start.speakers_known),
            **_learned(learned, files, start.learned, ""),
            **_learned(split.train if fitted is None else fitted, files, start.trained, "trained_"),
            "sessions": [session],
        }
    write_json(path, values)


def made_by(device):
    """Return the code that computes here: dict of commit, device (as given) and versions."""
    return {"commit": commit(), "device": device, "versions": versions()}


def _learned(clips, files, before, prefix):
    """Return what is learned from clips, and was before, under names with a prefix."""
    known = clips[clips["corpus"].isin(datasets.names())]["clip"]
    found = {
        "speakers": clips["speaker"].dropna(),
        "files": [files[path] for path in clips["path"] if files[path]],
        # Own clips are named by their files; those of a corpus by their makers.
        "clips": known,
    }
    return {
        f"{prefix}{name}": sorted({*values, *before.get(name, ())})
        for name, values in found.items()
    }


def matches(folder, digest, start):
    """Whether a run stands on these data and first weights; true where nothing was begun.

    Args:
        folder, digest, start: as for `begin`.
    """
    if not (Path(folder) / "provenance.json").is_file():
        return True
    values = read(folder)
    return values["digest"] == digest and values.get("weights", []) == start.weights


def read(folder):
    """Return the dictionary that `begin` wrote."""
    return read_json(Path(folder) / "provenance.json")


def joined(folder, name):
    """Return one fact of all sessions of a run, " then " between them where they differ."""
    facts = [session[name] for session in read(folder)["sessions"]]
    return " then ".join(dict.fromkeys(map(str, facts))) if any(facts) else None


def file_digest(path):
    """Return the SHA-256 of a file's bytes, "" for one that cannot be read."""
    try:
        return sha256(path)
    except OSError:
        return ""


def versions():
    """Return the versions of Python and of the packages that decide a run's figures."""
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[package] = metadata.version(package)
    if "tensorflow" not in found:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found["tensorflow"] = metadata.version("tensorflow-cpu")
    return found


def commit():
    """Return the commit of the kit's checkout, "+changes" behind it if edited, or None."""
    package = Path(__file__).parents[1]
    try:
        # An installed copy may lie inside somebody else's repository: not its commit then.
        _git(package, "ls-files", "--error-unmatch", "__init__.py")
        head = _git(package, "rev-parse", "HEAD")
        changed = _git(package, "status", "--porcelain", "--", ".")
    except (OSError, subprocess.CalledProcessError):
        return None
    return f"{head}+changes" if changed else head


def _git(folder, *words):
    done = subprocess.run(
        ["git", "-C", str(folder), *words], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def _devices(folder):
    """Return `device()`, with how many of them the experiment of a run folder is trained on."""
    path = folder / "experiment.json"
    asked = read_json(path)["training"].get("devices", 1) if path.is_file() else 1
    if asked == 1:
        return device()
    from serkeras.training import devices

    number = devices.count(asked)
    return device() if number == 1 else f"{number} x {device()}"


def device():
    """Return the device that Keras computes on, in words."""
    import keras

    backend = keras.backend.backend()
    return f"{_accelerator(backend) or _processor()}, {backend} backend"


def _accelerator(backend):
    if backend == "tensorflow":
        import tensorflow as tf

        if tf.config.list_physical_devices("TPU"):
            return "TPU"
        found = tf.config.list_physical_devices("GPU")
        return tf.config.experimental.get_device_details(found[0])["device_name"] if found else None
    if backend == "jax":
        import jax

        first = jax.devices()[0]
        return None if first.platform == "cpu" else first.device_kind
    import torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else None


def _processor():
    name = platform.processor() or platform.machine()
    with contextlib.suppress(OSError), open("/proc/cpuinfo", encoding="utf-8") as file:
        models = [line.split(":", 1)[1].strip() for line in file if line.startswith("model name")]
        name = models[0] if models else name
    return f"{os.cpu_count()} cores of {name}"
