"""Robustness: a finished run's test recordings, damaged in named ways at graded levels.

`measure_robustness(runs)` measures one run or compares several; `DAMAGES` holds the damages.
"""

from serkeras.robustness.damages import DAMAGES, Damage, clip_rng, names
from serkeras.robustness.measuring import measure_robustness, place

__all__ = ["DAMAGES", "Damage", "clip_rng", "measure_robustness", "names", "place"]
