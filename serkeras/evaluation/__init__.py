"""How good a model is: measures with intervals, figures and a written report."""

from serkeras.evaluation import atlas, intervals, metrics, plots, report

__all__ = ["atlas", "intervals", "metrics", "plots", "report"]
