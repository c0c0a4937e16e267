"""Several finished runs of one test side as one system: joined, measured, reported, used.

`ensemble(runs, out)` joins finished runs; `serkeras.train` with `members` above 1 trains them
first. `load(folder)` reads what either wrote.
"""

from serkeras.ensembles.combining import fit_weights, join
from serkeras.ensembles.folder import (
    Ensemble,
    answering,
    ensemble,
    is_ensemble,
    join_members,
    load,
    open_run,
)

__all__ = [
    "Ensemble",
    "answering",
    "ensemble",
    "fit_weights",
    "is_ensemble",
    "join",
    "join_members",
    "load",
    "open_run",
]
