"""What an exported file says of itself, kept inside the file."""

import json
import zipfile
from pathlib import Path

from serkeras import __version__, datasets
from serkeras._files import read_json, write_json
from serkeras.evaluation import analysis
from serkeras.exporting import formats, graph

NAME = "serkeras.json"
_FOLDER = "assets.extra"  # where a SavedModel keeps what is not its own
_WARNING = (
    "Trained on acted recordings: it names the label that such a recording would carry, not what a "
    "person feels. Not for judging people."
)


def describe(run, format):
    """Return what a user of an exported run must know, a dictionary of plain values.

    Args:
        run: `serkeras.Run`.
        format: one of `serkeras.exporting.FORMATS`.
    """
    audio, facts = run.experiment.audio, run.metrics["run"]
    fixed = format in formats.FIXED
    prepared = graph.is_prepared_outside(audio, fixed)
    return {
        "made_by": f"serkeras {__version__}",
        "format": format,
        "recipe": run.experiment.recipe,
        "protocol": analysis.protocol_of(run),
        "commit": facts["commit"],
        # Without folders of this machine.
        "data": [datasets.name_of(spec) for spec in facts["data"]],
        "uar": run.metrics["uar"],
        "labels": run.labels,
        "input": {
            "name": "waveform",
            "sample_rate": audio.sample_rate,
            "samples": audio.samples,
            "any_length": not (fixed or prepared),
            "full_scale": 1.0,
            "prepared_before": prepared,
            "prepare": audio.to_dict() if prepared else None,
        },
        "output": {"name": "probabilities", "nan_means": "a sample was NaN or infinite"},
        "warning": _WARNING,
    }


def attach(path, about):
    """Put a description into an exported file.

    A Keras file is a zip file; behind a LiteRT file stands one, as its standard has it. ONNX has
    properties, a SavedModel a folder for others.

    Args:
        path: file, or folder of a SavedModel.
        about: dictionary of `describe`.
    """
    path = Path(path)
    if path.is_dir():
        write_json(path / _FOLDER / NAME, about)
    elif about["format"] == "onnx":
        _attach_onnx(path, about)
    else:
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr(NAME, json.dumps(about, indent=2))
            archive.writestr("labels.txt", "\n".join(about["labels"]) + "\n")


def _attach_onnx(path, about):
    import onnx

    proto = onnx.load(path)
    onnx.helper.set_model_props(
        proto, {"serkeras": json.dumps(about), "labels": json.dumps(about["labels"])}
    )
    onnx.save(proto, path)


def is_export(path):
    """Whether a path holds what this kit exported."""
    try:
        read(path)
    except (OSError, ValueError):
        return False
    return True


def read(path):
    """Return the description of an exported file.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it was not exported by this kit.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(
            f"An exported model must be a file, or a folder of a SavedModel. Received: {path}, "
            "which does not exist. Correct the path."
        )
    try:
        if path.is_dir():
            return read_json(path / _FOLDER / NAME)
        if path.suffix == ".onnx":
            return _read_onnx(path)
        with zipfile.ZipFile(path) as archive:
            return json.loads(archive.read(NAME))
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise ValueError(
            "An exported model must be one that `python -m serkeras export` wrote. Received: "
            f"{path} ({error}). Export the run again."
        ) from error


def _read_onnx(path):
    runtime = formats.needed("onnxruntime", "export")
    try:
        session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    except Exception as error:  # the runtime's own classes have no common one but this
        raise ValueError(str(error)) from error
    return json.loads(session.get_modelmeta().custom_metadata_map["serkeras"])
