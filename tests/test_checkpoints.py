"""What a fit keeps from epoch to epoch, and what a kill at any point leaves of it."""

from pathlib import Path

import pytest

from serkeras.training import fit as fitting
from serkeras.training.fit import Fit


class Network:
    """Saves its name in place of weights."""

    def __init__(self, name):
        self.name = name

    def save(self, path):
        Path(path).write_text(self.name)


def begun(folder):
    return Fit(folder, "search", None, None, 10, None, keep_best=True)


def kept(folder):
    return sorted(path.name for path in (folder / "checkpoints").iterdir())


def test_the_last_epoch_and_the_best_one_are_kept(tmp_path):
    fit = begun(tmp_path)
    for epoch, loss in enumerate([3.0, 1.0, 2.0], 1):
        fit.keep(Network(f"epoch {epoch}"), {"epoch": epoch, "val_loss": loss})
    assert kept(tmp_path) == ["best-0002.keras", "search-0003.keras"]
    assert fit.best_checkpoint.read_text() == "epoch 2"


@pytest.mark.parametrize("again", [0.5, 5.0])
def test_an_epoch_that_is_forgotten_leaves_no_best_model_behind(tmp_path, monkeypatch, again):
    """Killed after the best model and before the checkpoint, the epoch is done again."""
    fit = begun(tmp_path)
    fit.keep(Network("first"), {"epoch": 1, "val_loss": 2.0})
    save = Fit._save

    def killed(model, path):
        if path.name == "search-0002.keras":
            raise KeyboardInterrupt
        save(model, path)

    with monkeypatch.context() as patch:
        patch.setattr(Fit, "_save", staticmethod(killed))
        with pytest.raises(KeyboardInterrupt):
            fit.keep(Network("forgotten"), {"epoch": 2, "val_loss": 1.0})
    monkeypatch.setattr(fitting, "load_state", lambda model, path: None)
    fit = begun(tmp_path)
    fit._restore(None)
    assert len(fit.rows) == 1
    fit.keep(Network("again"), {"epoch": 2, "val_loss": again})
    assert fit.best_checkpoint.read_text() == ("again" if again < 2 else "first")


def test_the_best_model_of_an_earlier_version_is_found_and_replaced(tmp_path):
    fit = begun(tmp_path)
    for epoch, loss in enumerate([1.0, 2.0], 1):
        fit.keep(Network(f"epoch {epoch}"), {"epoch": epoch, "val_loss": loss})
    assert fit.best_model == fit.best_checkpoint
    old = fit.best_checkpoint.rename(tmp_path / "checkpoints" / "best.keras")
    assert fit.best_model == old
    fit.keep(Network("better"), {"epoch": 3, "val_loss": 0.5})
    assert kept(tmp_path) == ["best-0003.keras", "search-0003.keras"]
    assert fit.best_model.read_text() == "better"


def test_a_broken_checkpoint_is_named(tmp_path):
    path = tmp_path / "search-0007.keras"
    path.write_bytes(b"")
    with pytest.raises(ValueError, match=r"search-0007\.keras.*remove the folder checkpoints"):
        fitting.load_state(None, path)
