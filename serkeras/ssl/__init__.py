"""Speech networks trained without labels: wav2vec 2.0, HuBERT and WavLM as Keras models."""

from serkeras.ssl.config import SSLConfig

__all__ = ["SSLConfig"]
