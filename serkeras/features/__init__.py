"""Waveforms to images of (bins, frames)."""

from serkeras.features.filters import mel_bank
from serkeras.features.registry import compute, compute_alone, names
from serkeras.features.spectral import log_mel, mel, mfcc

__all__ = ["compute", "compute_alone", "log_mel", "mel", "mel_bank", "mfcc", "names"]
