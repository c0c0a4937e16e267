"""How good a model is: measures with intervals, figures and a written report."""

from serkeras.evaluation import intervals, metrics, plots, report

__all__ = ["intervals", "metrics", "plots", "report"]
