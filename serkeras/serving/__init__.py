"""Using a finished run: predictions for new recordings, figures on other corpora."""

from serkeras.serving.predict import evaluate, find_recordings, predict

__all__ = ["evaluate", "find_recordings", "predict"]
