"""The device is found on three backends, and the advice follows from it. Devices are faked."""

import sys
from types import SimpleNamespace

import keras
import pytest

from serkeras import recipes
from serkeras.training import accelerator


def of_tensorflow(kind=None, capability=None):
    """Make what is asked of TensorFlow, with one device of a kind or none."""
    details = {"device_name": "A GPU"}
    if capability:
        details["compute_capability"] = capability
    listed = {kind: ["device:0"]} if kind else {}
    config = SimpleNamespace(
        list_physical_devices=lambda kind: listed.get(kind, []),
        experimental=SimpleNamespace(get_device_details=lambda device: details),
    )
    return SimpleNamespace(config=config)


def of_jax(kind="cpu", capability=None):
    """Make what is asked of JAX, with one device."""
    device = SimpleNamespace(
        platform=kind.lower(), device_kind=f"A {kind}", compute_capability=capability
    )
    return SimpleNamespace(devices=lambda: [device])


def of_torch(kind=None, capability=None, hip=None):
    """Make what is asked of PyTorch; a GPU that is not there cannot be asked about."""
    asked = {"GPU": lambda: capability}.get(kind)
    cuda = SimpleNamespace(
        is_available=lambda: kind == "GPU",
        get_device_capability=asked,
        get_device_name=lambda: "A GPU",
    )
    return SimpleNamespace(cuda=cuda, version=SimpleNamespace(hip=hip))


MAKE = {"tensorflow": of_tensorflow, "jax": of_jax, "torch": of_torch}


@pytest.fixture
def machine(monkeypatch):
    """Fake a backend and its device."""

    def fake(backend, *found):
        monkeypatch.setattr(keras.backend, "backend", lambda: backend)
        monkeypatch.setitem(sys.modules, backend, MAKE[backend](*found))

    return fake


CASES = [
    ("tensorflow", ("GPU", (9, 0)), (9, 0), "mixed_bfloat16"),
    ("tensorflow", ("GPU", (8, 0)), (8, 0), "mixed_bfloat16"),
    ("tensorflow", ("GPU", (7, 5)), (7, 5), "mixed_float16"),
    ("tensorflow", ("GPU",), None, "float32"),
    ("tensorflow", ("TPU",), "tpu", "mixed_bfloat16"),
    ("tensorflow", (), None, "float32"),
    ("jax", ("GPU", "12.0"), (12, 0), "mixed_bfloat16"),
    ("jax", ("GPU", "7.0"), (7, 0), "mixed_float16"),
    ("jax", ("GPU", "gfx90a"), None, "float32"),
    ("jax", ("TPU",), "tpu", "mixed_bfloat16"),
    ("jax", (), None, "float32"),
    ("torch", ("GPU", (8, 9)), (8, 9), "mixed_bfloat16"),
    ("torch", ("GPU", (6, 0)), (6, 0), "float32"),
    ("torch", ("GPU", (9, 0), "6.2"), None, "float32"),
    ("torch", (), None, "float32"),
]


@pytest.mark.parametrize(("backend", "device", "capability", "precision"), CASES)
def test_the_advice_follows_from_the_device(machine, backend, device, capability, precision):
    machine(backend, *device)
    assert accelerator.capability() == capability
    assert accelerator.settings() == {
        "training.precision": precision,
        "training.jit_compile": None,
    }
    words = accelerator.describe()
    assert f"{backend} backend; precision advised: {precision}" in words
    kind = device[0] if device else " cores of "
    assert kind in words


def test_a_backend_of_which_nothing_is_known_gets_float32(monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "openvino")
    assert accelerator.settings()["training.precision"] == "float32"


def test_settings_are_settings_of_an_experiment():
    training = recipes.load("cnn").with_settings(accelerator.settings()).training
    assert training.precision == accelerator.settings()["training.precision"]
    assert training.jit_compile is None
