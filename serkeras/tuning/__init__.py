"""Searches for the settings of a recipe with keras-tuner, on one process or many machines.

`tune(recipe, ...)` searches, `Search(folder)` reads what was found, `HyperModel` takes a recipe and
a space to a tuner of keras-tuner of your own.
"""

from serkeras.tuning.hypermodel import HyperModel
from serkeras.tuning.results import Search
from serkeras.tuning.search import tune

__all__ = ["HyperModel", "Search", "tune"]
