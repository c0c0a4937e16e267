"""Features and augmentation as Keras layers, for TensorFlow, JAX and PyTorch.

Feature layers take waveforms `(batch, samples)` and give what the functions of the same name in
`serkeras.features` give, in float32. Augmentation layers change clips in training only, each
clip by itself. Models that hold them load once `serkeras` and Keras are imported.
"""

from serkeras.features.layers.delta import Delta
from serkeras.features.layers.front import FitFrames, front_end, has_layer, make, require_layers
from serkeras.features.layers.masking import SpecAugment
from serkeras.features.layers.mel import MFCC, LogMel, Mel
from serkeras.features.layers.mixing import MixUp
from serkeras.features.layers.multi import MultiResolution, SpectrogramMFCCDelta
from serkeras.features.layers.pictures import (
    RandomFlip,
    RandomRotation,
    RandomTranslation,
    RandomZoom,
)
from serkeras.features.layers.preparing import Prepare
from serkeras.features.layers.warping import SpectrogramWarp
from serkeras.features.layers.waveform import AWGN, Gain, TimeShift
from serkeras.features.layers.waveform_model import WaveformModel
from serkeras.features.layers.whitening import Whitening

__all__ = [
    "AWGN",
    "Delta",
    "FitFrames",
    "Gain",
    "LogMel",
    "MFCC",
    "Mel",
    "MixUp",
    "MultiResolution",
    "Prepare",
    "RandomFlip",
    "RandomRotation",
    "RandomTranslation",
    "RandomZoom",
    "SpecAugment",
    "SpectrogramMFCCDelta",
    "SpectrogramWarp",
    "TimeShift",
    "WaveformModel",
    "Whitening",
    "front_end",
    "has_layer",
    "make",
    "require_layers",
]
