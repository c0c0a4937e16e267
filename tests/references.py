"""The package that speech networks are held to."""

import sys

import pytest


def import_transformers():
    """Return transformers, or skip the test; torchvision, which it would import beside, is hidden.

    Networks for sound need nothing of torchvision, and its CUDA build cannot be imported beside a
    CPU build of torch. transformers asks once whether it is there.
    """
    pytest.importorskip("torch")
    before = {"torchvision": sys.modules["torchvision"]} if "torchvision" in sys.modules else {}
    sys.modules["torchvision"] = None
    try:
        transformers = pytest.importorskip("transformers")
        transformers.utils.is_torchvision_available()
    finally:
        del sys.modules["torchvision"]
        sys.modules.update(before)
    return transformers
