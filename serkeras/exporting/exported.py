"""An exported file, opened in its own runtime."""

import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import joblib
import numpy as np

from serkeras.exporting import formats, metadata

# Clips of one call of ONNX: few, so that what is computed of them stays in the processor's cache;
# several calls run side by side, which keeps cores busier than several threads of one.
_TOGETHER = 4


class Exported:
    """A model that left the kit; it needs its runtime, not the run.

    Args:
        path: file, or folder of a SavedModel, that `serkeras.exporting.export` wrote.
        threads: of ONNX and LiteRT; None leaves it to the runtime.
        about: what the file says of itself, where that is known already.

    Attributes:
        path: `pathlib.Path`.
        about: dictionary, see `serkeras.exporting.metadata.describe`.
        labels: emotion of each output.
        sample_rate: hertz of the waveforms.

    Raises:
        FileNotFoundError, ValueError: see `serkeras.exporting.metadata.read`.
        ImportError: the runtime is not installed.
    """

    def __init__(self, path, threads=None, about=None):
        self.path = Path(path)
        self.about = about or metadata.read(path)
        self.labels = self.about["labels"]
        self.sample_rate = self.about["input"]["sample_rate"]
        self._answer = _RUNTIMES[self.about["format"]](self.path, threads)

    def predict(self, waves):
        """Return probabilities, float32 `(batch, classes)`.

        Args:
            waves: float array `(batch, samples)`, full scale 1.0, at `sample_rate`; each row is a
                clip. Formats that take one length only get it: longer rows are cut, shorter ones
                padded with zeros.

        Raises:
            ValueError: the array has another shape, is empty or holds integers; or clips that must
                be prepared by `serkeras.audio.fit` have another length.
        """
        waves = np.asarray(waves)
        if waves.ndim != 2 or 0 in waves.shape or not np.issubdtype(waves.dtype, np.floating):
            raise ValueError(
                "Waveforms must be floats (batch, samples), full scale 1.0. Received: shape="
                f"{waves.shape}, dtype={waves.dtype}. Divide 16-bit samples by 32768.0."
            )
        return self._answer(self._fixed(waves.astype(np.float32)))

    def _fixed(self, waves):
        wanted = self.about["input"]
        missing = wanted["samples"] - waves.shape[1]
        if wanted["prepared_before"] and missing:
            raise ValueError(
                f"Clips of this model must be brought to level and to {wanted['samples']} samples "
                f"before. Received: {waves.shape[1]}. Prepare them with serkeras.audio.fit."
            )
        if wanted["any_length"] or not missing:
            return waves
        return np.pad(waves, [(0, 0), (0, max(missing, 0))])[:, : wanted["samples"]]


def _keras(path, threads):
    import keras

    return keras.saving.load_model(path, safe_mode=True).predict_on_batch


def _saved_model(path, threads):
    import tensorflow as tf

    loaded = tf.saved_model.load(str(path))  # kept: the signature alone does not hold the weights
    serve = loaded.signatures["serving_default"]

    def answer(waves, loaded=loaded):
        return serve(waveform=tf.constant(waves))["probabilities"].numpy()

    return answer


def _onnx(path, threads):
    runtime = formats.needed("onnxruntime", "export")
    options = runtime.SessionOptions()
    if threads:
        options.intra_op_num_threads = threads
    # Waiting threads that spin took half of the processor's time away from those that work.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    pool = ThreadPoolExecutor(threads or joblib.cpu_count())

    def some(waves):
        return session.run(["probabilities"], {"waveform": waves})[0]

    def answer(waves):
        parts = [waves[start : start + _TOGETHER] for start in range(0, len(waves), _TOGETHER)]
        return np.concatenate(list(pool.map(some, parts))) if len(parts) > 1 else some(waves)

    return answer


def _litert(path, threads):
    runner = _interpreter(path, threads).get_signature_runner()

    def answer(waves):
        return np.concatenate([runner(waveform=clip[None])["probabilities"] for clip in waves])

    return answer


def _interpreter(path, threads):
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError:
        import tensorflow as tf

        Interpreter = tf.lite.Interpreter
    with warnings.catch_warnings():  # TensorFlow's own one says where it will move to
        warnings.simplefilter("ignore")
        return Interpreter(model_path=str(path), num_threads=threads)


_RUNTIMES = {
    "keras": _keras,
    "saved_model": _saved_model,
    "onnx": _onnx,
    "litert": _litert,
    "tflite-int8": _litert,
}
