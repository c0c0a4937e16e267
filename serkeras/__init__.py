"""serkeras: speech emotion recognition in Keras, measured honestly.

`import serkeras` is quick: the parts are imported when they are first used.
"""

import importlib

from serkeras import _keras_hook  # noqa: F401  (registers our layers with Keras)

__version__ = "0.1.0"

_PARTS = (
    "audio",
    "augment",
    "config",
    "datasets",
    "ensembles",
    "evaluation",
    "features",
    "models",
    "recipes",
    "runs",
    "serving",
    "splits",
    "ssl",
    "studies",
    "training",
    "tuning",
)
_FUNCTIONS = {
    "train": "serkeras.training",
    "tune": "serkeras.tuning",
    "ensemble": "serkeras.ensembles",
    "evaluate": "serkeras.serving",
    "predict": "serkeras.serving",
    "show_attention": "serkeras.serving",
    "waveform_model": "serkeras.serving",
    "Ensemble": "serkeras.ensembles",
    "Experiment": "serkeras.config",
    "Run": "serkeras.runs",
}

__all__ = ["__version__", *_PARTS, *_FUNCTIONS]


def __getattr__(name):
    if name in _PARTS:
        return importlib.import_module(f"serkeras.{name}")
    if name in _FUNCTIONS:
        return getattr(importlib.import_module(_FUNCTIONS[name]), name)
    raise AttributeError(f"module 'serkeras' has no attribute {name!r}")


def __dir__():
    return sorted(__all__)
