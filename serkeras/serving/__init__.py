"""Using a finished run: predictions for new recordings, figures on other corpora."""

from serkeras.serving.attention import show_attention
from serkeras.serving.predict import evaluate, find_recordings, predict
from serkeras.serving.waveforms import clip_features, network_inputs, waveform_model

__all__ = [
    "clip_features",
    "evaluate",
    "find_recordings",
    "network_inputs",
    "predict",
    "show_attention",
    "waveform_model",
]
