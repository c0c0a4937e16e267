"""serkeras: speech emotion recognition in Keras, measured honestly.

`import serkeras` is quick: the parts are imported when they are first used.
"""

import importlib

from serkeras import _keras_hook  # noqa: F401  (registers our layers with Keras)

__version__ = "0.1.0"

_PARTS = (
    "app",
    "audio",
    "augment",
    "box",
    "confidence",
    "config",
    "corpora_help",
    "datasets",
    "enrolment",
    "ensembles",
    "evaluation",
    "explanation",
    "exporting",
    "features",
    "groups",
    "labs",
    "leaks",
    "models",
    "protocols",
    "recipes",
    "robustness",
    "runs",
    "serving",
    "sharing",
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
    "explain": "serkeras.explanation",
    "export": "serkeras.exporting",
    "evaluate_protocols": "serkeras.protocols",
    "compare_corpora": "serkeras.corpora_help",
    "compare_groups": "serkeras.groups",
    "measure_confidence": "serkeras.confidence",
    "measure_enrolment": "serkeras.enrolment",
    "measure_groups": "serkeras.groups",
    "measure_leaks": "serkeras.leaks",
    "measure_robustness": "serkeras.robustness",
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
