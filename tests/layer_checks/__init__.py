"""Checks of the layers that hold on every backend.

`test_layers.py` runs them in its own process and, for the other backends, in one process each:

    KERAS_BACKEND=jax python -m tests.layer_checks
"""

from tests.layer_checks import augmentation, features, fitting, fusion, models, networks, whitening

CHECKS = {
    name: check
    for module in (features, whitening, augmentation, models, networks, fitting, fusion)
    for name, check in vars(module).items()
    if name.startswith("check_")
}
