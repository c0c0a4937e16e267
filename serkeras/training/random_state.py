"""The random state of the caller, which training leaves as it was."""

import contextlib
import random

import numpy as np


@contextlib.contextmanager
def own_random_state():
    """Leave the caller's `random` and `numpy.random` as they were: Keras seeds both."""
    python_state, numpy_state = random.getstate(), np.random.get_state()  # noqa: NPY002
    try:
        yield
    finally:
        random.setstate(python_state)
        np.random.set_state(numpy_state)  # noqa: NPY002
