"""Memory of this process and of the accelerator, as far as the system tells of it."""

import os
from pathlib import Path

import keras

_NAMES = {"MemoryError", "OutOfMemoryError", "ResourceExhaustedError"}
_WORDS = ("RESOURCE_EXHAUSTED", "out of memory")
# Limit and use of a container, in the second and in the first form of control groups.
_CONTAINERS = (
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
    (
        "/sys/fs/cgroup/memory/memory.limit_in_bytes",
        "/sys/fs/cgroup/memory/memory.usage_in_bytes",
    ),
)


def is_exhausted(error):
    """Whether an error says that memory ran out, in the way of any backend."""
    named = _NAMES & {kind.__name__ for kind in type(error).__mro__}
    return bool(named) or any(word in str(error) for word in _WORDS)


def available_bytes():
    """Return how much memory this process may still take, None where that is not known."""
    free = _kilobytes("/proc/meminfo", "MemAvailable")
    return None if free is None else min(free, *map(_left, _CONTAINERS))


def resident_bytes():
    """Return how much memory this process has, None where that is not known."""
    return _kilobytes("/proc/self/status", "VmRSS")


def most_resident_bytes():
    """Return how much memory this process has had at most, None where that is not known."""
    return _kilobytes("/proc/self/status", "VmHWM")


def begin_peak():
    """Begin to follow the accelerator's memory anew, where the backend can."""
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        if tf.config.list_physical_devices("GPU"):
            tf.config.experimental.reset_memory_stats("GPU:0")
    elif backend == "torch":
        import torch

        if torch.cuda.is_available():
            torch.cuda.reset_peak_memory_stats()


def peak_bytes():
    """Return the most that the accelerator has held; without one, what the process has."""
    return _accelerator_peak(keras.backend.backend()) or most_resident_bytes()


def _accelerator_peak(backend):
    if backend == "tensorflow":
        import tensorflow as tf

        found = tf.config.list_physical_devices("GPU")
        return tf.config.experimental.get_memory_info("GPU:0")["peak"] if found else None
    if backend == "jax":
        import jax

        return (jax.devices()[0].memory_stats() or {}).get("peak_bytes_in_use")
    import torch

    return torch.cuda.max_memory_allocated() if torch.cuda.is_available() else None


def _kilobytes(path, name):
    """Return a line such as "VmRSS:  12 kB" of a file in bytes; None where there is none."""
    if not os.path.exists(path):  # not Linux
        return None
    for line in Path(path).read_text().splitlines():
        if line.startswith(f"{name}:"):
            return 1024 * int(line.split()[1])
    return None


def _left(container):
    """Return the bytes that a container leaves, infinity where it sets no limit."""
    limit, use = map(Path, container)
    if not (limit.is_file() and use.is_file()):
        return float("inf")
    most = limit.read_text().strip()
    return float("inf") if most == "max" else int(most) - int(use.read_text())
