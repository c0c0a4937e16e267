"""Clips, comparisons and ways to run a layer, for the checks beside this file."""

import tempfile
import traceback
from pathlib import Path

import keras
import numpy as np
from keras import ops

RATE = 16000
SMALL = {"n_mels": 24, "n_mfcc": 13, "n_fft": 512, "hop_length": 160}


def speech_like(seconds, seed=0):
    """Voiced syllables with pauses over faint noise, and a digitally silent tail."""
    rng = np.random.default_rng(seed)
    time_s = np.arange(round(seconds * RATE)) / RATE
    pitch = rng.uniform(90, 250)
    wave = sum(np.sin(2 * np.pi * pitch * k * time_s) / k**1.5 for k in range(1, 20))
    wave = wave * np.maximum(0, np.sin(2 * np.pi * 3 * time_s)) ** 2
    wave += 1e-3 * rng.standard_normal(len(wave))
    wave[int(0.8 * len(wave)) :] = 0
    return (0.2 * wave).astype("f4")


def clips(seconds=1.0):
    """Return speech, the same nearly inaudible, another voice, a click, silence, a loud one."""
    speech = speech_like(seconds)
    click = np.zeros_like(speech)
    click[len(click) // 3] = 0.9
    quiet, loud = speech * np.float32(1e-5), speech * np.float32(1e4)
    return np.stack([speech, quiet, speech_like(seconds, 1), click, 0 * speech, loud])


def array(x):
    return np.asarray(ops.convert_to_numpy(x))


def assert_close(found, reference, limit=1e-4, floor=1e-10):
    """Hold every clip to its own largest value: a loud one does not excuse a quiet one.

    Values below `floor` are taken for zero: slopes of silence are rounding errors.
    """
    found = array(found)
    assert found.dtype == np.float32
    assert found.shape == reference.shape, (found.shape, reference.shape)
    for index, (mine, theirs) in enumerate(zip(found, reference, strict=True)):
        error = np.abs(mine - theirs).max() / max(np.abs(theirs).max(), floor)
        assert error <= limit, f"clip {index}: {error:.1e}"


def model_of(layer, *shape):
    inputs = keras.Input(shape)
    return keras.Model(inputs, layer(inputs))


def run(layer, x):
    """Run a layer in a graph, for an unknown number of clips."""
    return model_of(layer, *x.shape[1:]).predict(x, verbose=0)


def run_all(layers, x):
    """Run several layers on the same input in one graph."""
    inputs = keras.Input(x.shape[1:])
    return keras.Model(inputs, [layer(inputs) for layer in layers]).predict(x, verbose=0)


def saved_and_loaded(model):
    with tempfile.TemporaryDirectory() as folder:
        model.save(Path(folder) / "model.keras")
        return keras.models.load_model(Path(folder) / "model.keras", safe_mode=True)


def run_checks(checks):
    """Run checks, a dictionary of functions by name; return the exit code."""
    failed = []
    for name, check in checks.items():
        try:
            check()
        except Exception:  # the others shall run too
            failed.append(name)
            traceback.print_exc()
    print(f"{keras.backend.backend()}: {len(checks) - len(failed)} passed, failed: {failed}")
    return 1 if failed else 0
