"""Which corpora help: one test side, more and more training clips of other corpora.

serkeras.compare_corpora("svm", test="ravdess", extra=["tess", "emodb"])
"""

from serkeras.corpora_help.analysis import compare_corpora

__all__ = ["compare_corpora"]
