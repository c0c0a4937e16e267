"""What every test shares: its own cache folder, no network, and the way to real recordings."""

import gc
import ipaddress
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.recordings import SMALL, write_corpus
from tests.references import import_transformers

# Before anything imports TensorFlow: no start-up chatter, and few threads, so that several
# test processes share a small machine.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
# JAX compiles each operation for each shape, which takes longer than the few calls of a test.
os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")

# Tracing makes millions of objects, and Python would look through all of them every few hundred.
gc.set_threshold(50_000, 10, 10)

REPO = Path(__file__).resolve().parents[1]

# Files of minutes. They come first, so that no process has one left when the others are idle.
LONGEST = (
    "test_notebooks",
    "test_transfer",
    "test_models",
    "test_tuning",
    "test_ssl_lora",
    "test_layers",
    "test_ssl",
    "test_devices",
    "test_export",
    "test_training",
    "test_ssl_model",
)

# Tests call librosa themselves too, without the lock of `serkeras.features._first_use`: what it
# compiles is compiled once, before there are several processes.
COMPILING = """
import numpy as np
from librosa import feature, pyin
for dtype in (np.float32, np.float64):
    wave = np.sin(np.arange(16000) * 0.1).astype(dtype)
    pyin(wave, fmin=65.0, fmax=600.0, sr=16000)
    feature.chroma_stft(y=wave, sr=16000)
    feature.tonnetz(y=wave, sr=16000)
    feature.spectral_contrast(y=wave, sr=22050)
    feature.zero_crossing_rate(wave)
"""


def pytest_configure(config):
    """Give the whole run one empty cache; worker processes inherit the environment variable."""
    if not hasattr(config, "workerinput"):
        config.own_cache = tempfile.mkdtemp(prefix="serkeras-test-cache-")
        os.environ["SERKERAS_CACHE"] = config.own_cache
        if getattr(config.option, "numprocesses", None):
            subprocess.run([sys.executable, "-c", COMPILING], check=True, timeout=300)


def pytest_unconfigure(config):
    """Remove the cache made above."""
    if hasattr(config, "own_cache"):
        shutil.rmtree(config.own_cache, ignore_errors=True)


def pytest_collection_modifyitems(items):
    """Begin with the longest files; skip tests marked `corpus` where there are no recordings."""
    items.sort(key=lambda item: (*LONGEST, item.path.stem).index(item.path.stem))
    root = os.environ.get("SERKERAS_DATA")
    if root and not Path(root).is_dir():
        raise pytest.UsageError(
            f"SERKERAS_DATA must name a folder of corpora. Received: {root}. "
            "Correct the variable, or unset it to skip the tests that need recordings."
        )
    if root:
        return
    skip = pytest.mark.skip(reason="needs real recordings: set SERKERAS_DATA")
    for item in items:
        if item.get_closest_marker("corpus"):
            item.add_marker(skip)


@pytest.fixture
def corpora():
    """Folder that holds `ravdess/`, `tess/`, `emodb/`; use it in tests marked `corpus`."""
    return Path(os.environ["SERKERAS_DATA"])


@pytest.fixture
def repo():
    """Root folder of the checkout."""
    return REPO


@pytest.fixture(scope="module", autouse=True)
def few_objects_looked_through():
    """Collect garbage and leave what a file's tests keep out of later collections.

    Graphs and modules add up to millions of objects, and Keras, statsmodels and others ask for
    whole collections, which took three seconds each at the end of a run. The price: what is let
    go of later, in a circle, stays in memory.
    """
    yield
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    """Refuse connections that leave the machine: a test must pass offline."""
    connect = socket.socket.connect

    def local_only(self, address):
        if self.family in (socket.AF_INET, socket.AF_INET6) and not _is_local(address[0]):
            raise OSError(
                f"Tests must not use the network. Received: a connection to {address}. "
                "Serve the file from localhost or from disk."
            )
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", local_only)


def _is_local(host):
    """Whether `host` (name or address) is this machine."""
    if host in ("localhost", ""):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@pytest.fixture(scope="session", autouse=True)
def few_clips_shown():
    """Two clips on the page of a report: eight take half a second. Gives the usual number."""
    from serkeras.evaluation import report

    usual = report.CLIPS_SHOWN
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(report, "CLIPS_SHOWN", 2)
        yield usual


@pytest.fixture(scope="session")
def own_csv(tmp_path_factory):
    """CSV of a tiny corpus of own recordings (see `tests.recordings`)."""
    return write_corpus(tmp_path_factory.mktemp("own"))


@pytest.fixture(scope="session")
def small_run(own_csv, tmp_path_factory):
    """A finished run of `cnn` on the tiny corpus."""
    import serkeras

    out = tmp_path_factory.mktemp("runs") / "small"
    return serkeras.train("cnn", data=[own_csv], out=out, settings=SMALL, progress=False)


@pytest.fixture(scope="session")
def speech_csv(own_csv, tmp_path_factory):
    """CSV of a dozen clips of RAVDESS where SERKERAS_DATA holds it, else of the tiny corpus."""
    import pandas as pd

    from serkeras import datasets

    root = Path(os.environ.get("SERKERAS_DATA") or "none", "ravdess")
    if root.is_dir():
        found = datasets.load("ravdess", root)
    else:
        found = pd.read_csv(own_csv)
        found["path"] = [str(own_csv.parent / name) for name in found["path"]]
    is_one = found["speaker"].isin(sorted(set(found["speaker"]))[:3])
    some = found[is_one & found["emotion"].isin(["happy", "sad"])]
    path = tmp_path_factory.mktemp("speech") / "some.csv"
    columns = ["path", "emotion", "speaker", "sex"]
    some.groupby(["speaker", "emotion"]).head(2)[columns].to_csv(path, index=False)
    return path


@pytest.fixture
def learning(monkeypatch):
    """Sums of what learns, one list for each epoch that a fit of the test has kept."""
    from keras import ops

    from serkeras.training import fit

    found, keep = [], fit.Fit.keep

    def keep_and_note(self, model, row):
        keep(self, model, row)
        found.append([float(ops.sum(ops.abs(each))) for each in model.trainable_variables])

    monkeypatch.setattr(fit.Fit, "keep", keep_and_note)
    return found


@pytest.fixture
def shallow(monkeypatch):
    """Return a function that leaves a block of each stage of DenseNets and ResNets, two of ViT."""
    from serkeras.models.backbones import densenet, networks, resnet

    def cut():
        for name, (growth, blocks, stem) in densenet._SHAPES.items():
            monkeypatch.setitem(densenet._SHAPES, name, (growth, (1,) * len(blocks), stem))
        for name, (blocks, bottleneck) in resnet._SHAPES.items():
            monkeypatch.setitem(resnet._SHAPES, name, ((1,) * len(blocks), bottleneck))
        monkeypatch.setattr(networks, "_VIT_LAYERS", 2)

    return cut


@pytest.fixture(scope="session")
def transformers():
    """The package transformers, see `tests.references`."""
    return import_transformers()
