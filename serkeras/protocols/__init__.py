"""Protocols: named ways to test, each a list of folds; recipes measured under several of them.

`evaluate_protocols` trains and measures, `names` lists the protocols, `folds` says which kinds of
split one is for a manifest.
"""

from serkeras.protocols.evaluating import evaluate_protocols
from serkeras.protocols.named import folds, names

__all__ = ["evaluate_protocols", "folds", "names"]
