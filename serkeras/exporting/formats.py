"""Graphs written in the formats of other runtimes."""

import contextlib
import importlib
import logging
import tempfile
from pathlib import Path

from serkeras.exporting import quantizing
from serkeras.features.layers import dft

# Name -> ending of the file; a SavedModel is a folder.
FORMATS = {
    "keras": ".keras",
    "saved_model": "",
    "onnx": ".onnx",
    "litert": ".tflite",
    "tflite-int8": ".tflite",
}
# Formats whose graph takes one clip of just the network's length.
FIXED = ("litert", "tflite-int8")
# The first with `Split`, `Reshape` and `Pad` as the converter writes them; runtimes since 2022.
_OPSET = 17


def require(format):
    """Refuse a format that is unknown, or cannot be written here.

    Raises:
        ValueError: the name is unknown, or Keras runs on a backend that cannot write it.
        ImportError: a package is missing.
    """
    if format not in FORMATS:
        raise ValueError(
            f"A format must be one of {list(FORMATS)}. Received: {format!r}. Correct the name."
        )
    import keras

    if format != "keras" and keras.backend.backend() != "tensorflow":
        raise ValueError(
            f"The format {format!r} is written by TensorFlow. Received: Keras on "
            f"{keras.backend.backend()}. Set KERAS_BACKEND=tensorflow; a run of any backend can be "
            "exported."
        )
    if format == "onnx":
        for name in ("onnx", "onnxruntime", "tf2onnx"):
            needed(name, "export")


def needed(name, extra):
    """Import a package of an extra.

    Raises:
        ImportError: it is missing; the message names the extra.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ImportError(
            f"This needs the package {name.split('.')[0]}. Received: {error}. Install it with: "
            f"pip install 'serkeras[{extra}]'"
        ) from error


def write(model, format, path, samples, examples=()):
    """Write a graph.

    Args:
        model: `keras.Model` of `serkeras.exporting.graph.of`.
        format: one of `FORMATS`.
        path: file, or folder of a SavedModel.
        samples: int, samples of a clip.
        examples: float32 arrays `(1, samples)`, training clips that set the ranges of integers.

    Raises:
        ValueError: the graph has an operation that the format does not know.
    """
    if format == "keras":
        model.save(path)
    elif format == "saved_model":
        _saved_model(model, path, None, model.input_shape[1])
    elif format == "onnx":
        _onnx(model, path)
    else:
        with tempfile.TemporaryDirectory() as folder, dft.by_matrices():
            _saved_model(model, folder, 1, samples)
            data = quantizing.convert(folder, examples if format == "tflite-int8" else None)
        Path(path).write_bytes(data)


def _signature(batch, samples):
    import tensorflow as tf

    return [tf.TensorSpec([batch, samples], tf.float32, name="waveform")]


def _serving(model):
    """Return the function that a file answers with; a new one, traced anew, at each call."""
    return lambda waveform: {"probabilities": model(waveform, training=False)}


def _saved_model(model, folder, batch, samples):
    import keras

    archive = keras.export.ExportArchive()
    archive.track(model)
    archive.add_endpoint("serving_default", _serving(model), _signature(batch, samples))
    with _quiet():
        archive.write_out(folder, verbose=False)


def _onnx(model, path):
    import tensorflow as tf
    import tf2onnx

    signature = _signature(None, model.input_shape[1])
    with dft.by_matrices(), _quiet():
        proto, _ = tf2onnx.convert.from_function(
            tf.function(_serving(model), input_signature=signature), signature, opset=_OPSET
        )
    unknown = sorted({node.op_type for node in proto.graph.node if node.domain not in _DOMAINS})
    _check_onnx(proto, unknown)
    Path(path).write_bytes(proto.SerializeToString())


_DOMAINS = ("", "ai.onnx", "ai.onnx.ml")


def _check_onnx(proto, unknown):
    import onnx

    try:
        if unknown:
            raise ValueError(f"operations {unknown} of no known domain")
        onnx.checker.check_model(proto)
    except (ValueError, onnx.checker.ValidationError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(
            "A graph must consist of operations that ONNX knows. Received: "
            f"{reason}. Export it as saved_model."
        ) from error


@contextlib.contextmanager
def _quiet():
    """Keep converters from printing what users cannot act on."""
    levels = {name: logging.getLogger(name).level for name in ("tf2onnx", "tensorflow", "absl")}
    try:
        for name in levels:
            logging.getLogger(name).setLevel(logging.ERROR)
        yield
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
