"""What Keras computes on here, and the settings of a run that suit it."""


def describe():
    """Say what is used, in words: device, backend, and the precision that is advised.

    Returns:
        str, such as "Tesla T4, tensorflow backend; precision advised: mixed_float16".
    """
    from serkeras.training.provenance import device

    return f"{device()}; precision advised: {precision_for(capability())}"


def settings():
    """Return the settings of a run for this device.

    `jit_compile` is None: it leaves compiling by XLA to Keras, which does it on accelerators,
    unless a layer of the model cannot be compiled.

    Returns:
        dict for `serkeras.train(settings=...)` and `Experiment.with_settings`.
    """
    return {"training.precision": precision_for(capability()), "training.jit_compile": None}


def precision_for(found):
    """Return the precision that suits a device.

    bfloat16 has the range of float32 and needs no care; GPUs older than compute capability 8.0
    (T4, V100) lack it, and float16 has its loss scaled. Before 7.0 neither is quicker, and
    processors are quickest in float32.

    Args:
        found: what `capability` returned.

    Returns:
        str, a value of `training.precision`.
    """
    if found is None or (found != "tpu" and found < (7, 0)):
        return "float32"
    return "mixed_bfloat16" if found == "tpu" or found >= (8, 0) else "mixed_float16"


def capability():
    """Find the accelerator of the backend that Keras uses.

    Returns:
        CUDA's compute capability (major, minor) of the first GPU, "tpu", or None for a processor
        and for accelerators of which nothing is known.
    """
    import keras

    ask = {"tensorflow": _of_tensorflow, "jax": _of_jax, "torch": _of_torch}
    return ask.get(keras.backend.backend(), lambda: None)()


def _of_tensorflow():
    import tensorflow as tf

    if tf.config.list_physical_devices("TPU"):
        return "tpu"
    found = tf.config.list_physical_devices("GPU")
    details = tf.config.experimental.get_device_details(found[0]) if found else {}
    return details.get("compute_capability")


def _of_jax():
    import jax

    first = jax.devices()[0]
    if first.platform != "gpu":
        return "tpu" if first.platform == "tpu" else None
    try:
        return tuple(map(int, first.compute_capability.split(".")))
    except ValueError:  # AMD's GPUs have names there
        return None


def _of_torch():
    import torch

    # AMD's GPUs answer there too, with numbers of their own.
    of_nvidia = torch.cuda.is_available() and torch.version.hip is None
    return torch.cuda.get_device_capability() if of_nvidia else None
