"""The known ways to fool oneself, each measured beside the honest figure of the same recipe.

`measure_leaks("svm", data=["ravdess"])` fits the recipe as it should be and as it should not be,
and writes a page. The leaky sides and statistics live here alone: `serkeras.train` has none.
"""

from serkeras.leaks.laboratory import default_folder, measure_leaks
from serkeras.leaks.registry import LEAKS, Leak, describe, names

__all__ = ["LEAKS", "Leak", "default_folder", "describe", "measure_leaks", "names"]
