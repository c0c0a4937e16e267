"""Using a finished run: predictions for new recordings, sound that has no end yet."""

from serkeras.serving.attention import show_attention
from serkeras.serving.predict import evaluate, find_recordings, predict
from serkeras.serving.recogniser import Recogniser
from serkeras.serving.stream import Moment, Stream
from serkeras.serving.timeline import Timeline, timeline
from serkeras.serving.waveforms import clip_features, network_inputs, waveform_model

__all__ = [
    "Moment",
    "Recogniser",
    "Stream",
    "Timeline",
    "clip_features",
    "evaluate",
    "find_recordings",
    "network_inputs",
    "predict",
    "show_attention",
    "timeline",
    "waveform_model",
]
