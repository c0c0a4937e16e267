"""Waveform augmentation on NumPy; every function takes its random generator."""

from serkeras.augment.adapter import apply_audiomentations
from serkeras.augment.chain import apply, check, clip_rng, files, make_copies, names, resolve
from serkeras.augment.figure import before_after
from serkeras.augment.level import gain, tanh_distortion, time_shift
from serkeras.augment.noise import add_awgn, add_colored_noise, add_recorded_noise
from serkeras.augment.room import reverb
from serkeras.augment.warps import pitch_shift, time_stretch, vtlp

__all__ = [
    "add_awgn",
    "add_colored_noise",
    "add_recorded_noise",
    "apply",
    "apply_audiomentations",
    "before_after",
    "check",
    "clip_rng",
    "files",
    "gain",
    "make_copies",
    "names",
    "pitch_shift",
    "resolve",
    "reverb",
    "tanh_distortion",
    "time_shift",
    "time_stretch",
    "vtlp",
]
