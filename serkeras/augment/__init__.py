"""Waveform augmentation on NumPy; every function takes its random generator."""

from serkeras.augment.chain import apply, check, clip_rng, make_copies, names
from serkeras.augment.noise import add_awgn

__all__ = ["add_awgn", "apply", "check", "clip_rng", "make_copies", "names"]
