"""How far a model's probabilities can be trusted: calibration, doubt, sets, listeners.

result = serkeras.measure_confidence("artifacts/runs/NAME")
serkeras.confidence.calibrated("artifacts/runs/NAME", probabilities)
"""

from serkeras.confidence.analysis import calibrated, measure_confidence, prediction_sets

__all__ = ["calibrated", "measure_confidence", "prediction_sets"]
