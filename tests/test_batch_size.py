"""The search for a batch size: where it ends, what it recommends, what the command prints."""

import json

import numpy as np
import pytest

from serkeras import recipes
from serkeras.cli import main
from serkeras.training import _memory, batch_size
from serkeras.training.batch_size import Found, Trial, search
from serkeras.training.sides import Side

SETTINGS = {"audio.duration_s": 1.1, "features.n_mels": 32, "features.n_mfcc": 32}
SMALL = recipes.load("cnn").with_settings(SETTINGS)


class ResourceExhaustedError(Exception):
    """Named as TensorFlow's."""


class XlaRuntimeError(RuntimeError):
    """Named as JAX's, of all kinds of failures."""


@pytest.fixture
def measured(monkeypatch):
    """Put clips a second (or an error) by batch size in the place of measurements."""
    rates = {}

    def measure(model, side, size, steps):
        rate = rates.get(size, 1000.0)
        if isinstance(rate, Exception):
            raise rate
        return Trial(size, rate, 1000 * size / rate, 1.0)

    monkeypatch.setattr(batch_size, "_measure", measure)
    return rates


@pytest.mark.parametrize(
    "error",
    [
        ResourceExhaustedError("OOM when allocating tensor"),
        XlaRuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 5 bytes"),
        RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"),
        MemoryError(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_it_ends_where_memory_does(measured, error):
    measured.update({1: 10.0, 2: 20.0, 4: 40.0, 8: error})
    found = search(SMALL, progress=False)
    assert [trial.batch_size for trial in found.trials] == [1, 2, 4]
    assert found.stopped == "a batch of 8 does not fit into memory"
    assert found.recommended == 4
    measured[1] = error
    with pytest.raises(RuntimeError, match="A batch of one clip must fit into memory"):
        search(SMALL, progress=False)


def test_other_errors_are_not_hidden(measured):
    measured[2] = XlaRuntimeError("INTERNAL: the device is gone")
    with pytest.raises(XlaRuntimeError, match="is gone"):
        search(SMALL, progress=False)


def test_it_ends_where_larger_batches_bring_nothing(measured):
    # One slow size between quicker ones is no reason to end.
    measured.update({1: 10.0, 2: 20.0, 4: 19.0, 8: 40.0, 16: 41.0, 32: 41.5, 64: 99.0})
    found = search(SMALL, progress=False)
    assert [trial.batch_size for trial in found.trials] == [1, 2, 4, 8, 16, 32]
    assert "less than 5%" in found.stopped
    assert found.recommended == 8


def test_it_ends_at_the_most_that_is_asked_for(measured):
    measured.update({1: 10.0, 2: 20.0, 4: 40.0, 8: 80.0})
    found = search(SMALL, most=6, progress=False)
    assert [trial.batch_size for trial in found.trials] == [1, 2, 4]
    assert "more than 6" in found.stopped


@pytest.mark.parametrize(
    ("resident", "most", "free", "refused"),
    [
        # The batch before took 300 beyond 1000; this one would take 600, of which 300 are held.
        (1300, 1300, 400, False),
        (1300, 1300, 370, True),
        # What was given back must be found again.
        (1000, 1300, 400, True),
        (1000, 1300, 800, False),
        (None, None, None, False),
    ],
)
def test_it_ends_before_the_machine_runs_out_of_memory(monkeypatch, resident, most, free, refused):
    monkeypatch.setattr(_memory, "resident_bytes", lambda: resident)
    monkeypatch.setattr(_memory, "most_resident_bytes", lambda: most)
    monkeypatch.setattr(_memory, "available_bytes", lambda: free)
    assert batch_size._too_large(1000, 8) == refused


def test_a_refused_size_is_told(measured, monkeypatch):
    measured.update({1: 10.0, 2: 20.0})
    monkeypatch.setattr(batch_size, "_too_large", lambda base, last: last == 2)
    found = search(SMALL, progress=False)
    assert [trial.batch_size for trial in found.trials] == [1, 2]
    assert found.stopped == "a batch of 4 would need more memory than is free"


def test_memory_is_that_of_linux(tmp_path):
    path = tmp_path / "status"
    path.write_text("VmHWM:\t   12 kB\nVmRSS:\t    3 kB\n")
    assert _memory._kilobytes(path, "VmRSS") == 3 * 1024
    assert _memory._kilobytes(tmp_path / "none", "VmRSS") is None
    limit, use = tmp_path / "max", tmp_path / "current"
    use.write_text("300\n")
    for text, left in (("max\n", float("inf")), ("1000\n", 700)):
        limit.write_text(text)
        assert _memory._left((limit, use)) == left
    assert _memory._left((tmp_path / "none", use)) == float("inf")


@pytest.mark.parametrize(
    ("recipe", "settings", "shape"),
    [
        ("cnn", {**SETTINGS, "training.steps_per_execution": 4}, (32, 35, 1)),
        ("cnn", {**SETTINGS, "features.in_graph": True}, (17600, 1)),
        ("cnn-attention", {**SETTINGS, "audio.fit": "keep"}, (32, None, 1)),
    ],
)
def test_every_kind_of_features_is_measured(recipe, settings, shape, monkeypatch):
    monkeypatch.setattr(batch_size, "_SECONDS", 0.01)
    experiment = recipes.load(recipe).with_settings(settings)
    found = search(experiment, most=1, progress=False)
    (trial,) = found.trials
    assert trial.clips_per_s > 0
    assert trial.step_ms == pytest.approx(1000 / trial.clips_per_s, rel=0.05)
    assert found.features == shape


def test_a_step_has_as_many_clips_as_is_said(monkeypatch):
    seen = []
    monkeypatch.setattr(
        batch_size.Batches, "_batch", lambda self, rows, epoch: seen.append(len(rows))
    )
    x = np.zeros((4, 2, 3), np.float32)
    side = Side(x, np.arange(4), np.zeros(4, np.int32), np.arange(4).astype(str))

    class Model:
        def fit(self, batches, callbacks, **options):
            callbacks[0].on_epoch_begin(0)
            for number in range(3):
                _ = batches[number]
            callbacks[0].on_epoch_end(0, {"loss": 0.0})

    monkeypatch.setattr(batch_size.Batches, "for_keras", lambda self: self)
    assert batch_size._seconds(Model(), side, 6, 3) > 0
    assert seen == [6, 6, 6]


def test_weights_of_files_are_left_out():
    settings = {"backbone": "squeezenet1.1", "weights": "nowhere.h5", "units": [8]}
    given = {"model.name": "transfer", "model.settings": settings}
    kept = batch_size._without_weights(SMALL.with_settings(given)).model.settings
    assert kept == {**settings, "weights": None}


def test_recommendation_is_the_smallest_that_is_about_as_quick():
    trials = [Trial(size, rate, 1.0, None) for size, rate in ((1, 10.0), (2, 96.0), (4, 100.0))]
    assert Found("a device", "net", 1, (1,), tuple(trials), "").recommended == 2


@pytest.mark.parametrize(
    ("recipe", "options", "words"),
    [
        ("svm", {}, "A batch size belongs to a network.*'svm'"),
        ("cnn", {"most": 0}, "`most` must be a batch size of 1 or more"),
    ],
)
def test_what_cannot_be_measured_is_refused(recipe, options, words):
    with pytest.raises(ValueError, match=words):
        search(recipes.load(recipe), progress=False, **options)


def test_the_command(measured, own_csv, tmp_path, capsys):
    measured.update({1: 10.0, 2: 20.0, 4: 40.0, 8: 80.0, 16: 160.0, 32: 320.0})
    file = tmp_path / "found.json"
    words = ["batch-size", "cnn", "--data", str(own_csv), "--json", str(file), "--quiet"]
    words += [word for name, value in SETTINGS.items() for word in ("--set", f"{name}={value}")]
    assert main(words) == 0
    said = capsys.readouterr().out
    assert "--set training.batch_size=32" in said
    assert "another experiment" in said
    assert "random weights" in said
    assert "320.0" in said
    # There are 36 clips: a batch of 64 could never be filled.
    assert "more than 36" in said
    found = json.loads(file.read_text())
    assert found["recommended"] == 32
    assert [trial["batch_size"] for trial in found["trials"]] == [1, 2, 4, 8, 16, 32]
    assert main([*words, "--most", "4"]) == 0
    assert "training.batch_size=4\n" in capsys.readouterr().out
