"""LiteRT, in floats or with the network's products in 8-bit integers."""

import csv
import io
import re
import warnings

# What gains by integers. The spectra in front span 160 dB and stay floats, and so do the few
# operations between that cost little and lose much (softmax, normalisation).
_IN_INTEGERS = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "MAX_POOL_2D")


def convert(folder, examples=None):
    """Return a SavedModel as the bytes of a LiteRT file.

    Args:
        folder: a SavedModel with the signature "serving_default".
        examples: list of float32 arrays `(1, samples)` that set the ranges of integers; None
            keeps everything in floats.

    Raises:
        ValueError: the graph has an operation that LiteRT does not know.
    """
    import tensorflow as tf

    try:
        if examples is None:
            return tf.lite.TFLiteConverter.from_saved_model(folder).convert()
        return _in_integers(folder, list(examples))
    except tf.errors.OpError as error:
        raise _unknown(error) from error
    except Exception as error:  # the converter's own class is private
        if type(error).__name__ != "ConverterError":
            raise
        raise _unknown(error) from error


def _unknown(error):
    named = re.findall(r"(?:Custom ops|TF Select ops): *([^\n]+)", str(error))
    reason = "; ".join(dict.fromkeys(named)) or str(error).strip().splitlines()[0][:200]
    return ValueError(
        f"A graph must consist of operations that LiteRT knows. Received: {reason}. Export it as "
        "saved_model."
    )


def _in_integers(folder, examples):
    import tensorflow as tf

    def converter():
        made = tf.lite.TFLiteConverter.from_saved_model(folder)
        made.optimizations = [tf.lite.Optimize.DEFAULT]
        made.representative_dataset = lambda: ([clip] for clip in examples)
        kinds = tf.lite.OpsSet
        made.target_spec.supported_ops = [kinds.TFLITE_BUILTINS_INT8, kinds.TFLITE_BUILTINS]
        return made

    debugger = tf.lite.experimental
    with warnings.catch_warnings():  # of an interpreter that TensorFlow uses itself
        warnings.simplefilter("ignore")
        look = debugger.QuantizationDebugger(
            converter=converter(), debug_dataset=lambda: ([clip] for clip in examples[:1])
        )
        look.run()
        table = io.StringIO()
        look.layer_statistics_dump(table)
        table.seek(0)
        kept = [row["tensor_name"] for row in csv.DictReader(table) if _stays_float(row)]
        options = debugger.QuantizationDebugOptions(denylisted_nodes=kept)
        return debugger.QuantizationDebugger(
            converter=converter(),
            debug_dataset=lambda: ([clip] for clip in examples),
            debug_options=options,
        ).get_nondebug_quantized_model()


def _stays_float(row):
    in_front = any(part in row["tensor_name"] for part in ("front_end", "prepare"))
    return in_front or row["op_name"] not in _IN_INTEGERS
