"""Every number of a run, as frozen dataclasses that travel to JSON and back."""

from serkeras.config.experiment import COMBINATIONS, Experiment
from serkeras.config.parts import AudioConfig, AugmentConfig, FeatureConfig, ModelConfig
from serkeras.config.training import LOSSES, TrainingConfig

__all__ = [
    "COMBINATIONS",
    "LOSSES",
    "AudioConfig",
    "AugmentConfig",
    "Experiment",
    "FeatureConfig",
    "ModelConfig",
    "TrainingConfig",
]
