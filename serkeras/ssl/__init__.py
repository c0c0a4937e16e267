"""Speech networks trained without labels: wav2vec 2.0, HuBERT and WavLM as Keras models.

`from_preset(name)` loads a published network, `save_to` writes one, `preparation_for` tells what
waveforms it takes; `classifier_from_preset(name)` loads a network with its classes.
"""

from serkeras.ssl.classifiers import classifier_from_preset
from serkeras.ssl.config import SSLConfig
from serkeras.ssl.presets import from_preset, preparation_for, save_to

__all__ = ["SSLConfig", "classifier_from_preset", "from_preset", "preparation_for", "save_to"]
