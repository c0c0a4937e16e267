"""From a recipe, data, a split and a seed to a run folder."""

from serkeras.training.pipeline import train

__all__ = ["train"]
