"""Mel, log-Mel and MFCC as layers, equal to `serkeras.features.mel`, `log_mel` and `mfcc`."""

import keras
import numpy as np
import scipy.fft
from keras import ops

from serkeras.features.filters import mel_bank
from serkeras.features.layers.base import FeatureLayer, require_rank
from serkeras.features.layers.dft import power_spectrogram
from serkeras.features.spectral import FLOOR_POWER, TOP_DB, MelSettings, check_floor


def to_decibels(power, axes, floor_db=None):
    """Return 10 log10 of power, floored 80 dB below the largest over `axes` of each clip.

    Args:
        power: float32 tensor `(batch, ...)`.
        axes: tuple of int, the axes of one image, not the batch.
        floor_db: float, decibels that are the floor instead.
    """
    if floor_db is not None:
        return 10.0 * ops.log10(ops.maximum(power, 10 ** (floor_db / 10)))
    decibels = 10.0 * ops.log10(ops.maximum(power, FLOOR_POWER))
    return ops.maximum(decibels, ops.max(decibels, axis=axes, keepdims=True) - TOP_DB)


def mel_power(waves, settings, bank):
    """Return mel power `(batch, frames, n_mels)` of waveforms `(batch, samples)`.

    Args:
        waves: float32 tensor.
        settings: `serkeras.features.spectral.MelSettings`.
        bank: float32 array `(1 + n_fft // 2, n_mels)`, see `bank_of`.
    """
    return ops.matmul(power_spectrogram(waves, settings), bank)


def bank_of(settings):
    """Return the mel bank of `MelSettings`, float32 `(1 + n_fft // 2, n_mels)`."""
    bank = mel_bank(
        settings.sample_rate, settings.n_fft, settings.n_mels, settings.fmin, settings.fmax
    )
    return np.ascontiguousarray(bank.T)


def dct_matrix(n_mels, n_mfcc):
    """Return the orthonormal DCT-II as a float32 matrix `(n_mels, n_mfcc)`."""
    return scipy.fft.dct(np.eye(n_mels), axis=1, norm="ortho")[:, :n_mfcc].astype(np.float32)


@keras.saving.register_keras_serializable("serkeras")
class Mel(FeatureLayer):
    """Mel power spectrogram: `(batch, samples)` to `(batch, n_mels, frames)`.

    The same as `serkeras.features.mel`: centred frames with zeros outside, periodic Hann
    window, Slaney mel bank. The number of samples may be unknown.

    Args:
        sample_rate: int, hertz.
        n_mels: int, mel bands.
        n_fft: int, samples of the Fourier transform.
        hop_length: int, samples between frames.
        fmin: float, hertz, lower edge of the mel bank.
        fmax: float, hertz, upper edge; None is half the sample rate.
        win_length: int, samples of the window, padded with zeros to `n_fft`; None is `n_fft`.
        name: str, of the layer.

    Raises:
        ValueError: a setting lies outside its range, or the input is not `(batch, samples)`.
    """

    settings = ("sample_rate", "n_mels", "n_fft", "hop_length", "fmin", "fmax", "win_length")

    def __init__(
        self,
        sample_rate=16000,
        n_mels=128,
        n_fft=2048,
        hop_length=512,
        fmin=0.0,
        fmax=None,
        win_length=None,
        name=None,
    ):
        super().__init__(name=name)
        self.sample_rate, self.n_mels, self.n_fft = sample_rate, n_mels, n_fft
        self.hop_length, self.fmin, self.fmax = hop_length, fmin, fmax
        self.win_length = win_length
        self._numbers = MelSettings.make(
            sample_rate, n_mels, n_fft, hop_length, fmin, fmax, win_length
        )
        self._bank = bank_of(self._numbers)

    def build(self, input_shape):
        """Check the input's shape."""
        require_rank(self, input_shape, {2}, "waveforms (batch, samples)")

    def call(self, waves):
        """Return power, float32 `(batch, n_mels, frames)`."""
        return ops.transpose(mel_power(waves, self._numbers, self._bank), (0, 2, 1))

    def compute_output_shape(self, input_shape):
        """Return `(batch, bins, frames)`."""
        batch, samples = input_shape
        return (batch, self.bins, None if samples is None else self._numbers.frames(samples))

    @property
    def bins(self):
        """Bins of the output."""
        return self.n_mels


@keras.saving.register_keras_serializable("serkeras")
class LogMel(Mel):
    """Mel spectrogram in decibels: `(batch, samples)` to `(batch, n_mels, frames)`.

    The same as `serkeras.features.log_mel`; decibels are floored 80 dB below the peak of each
    clip, so that a clip alone gives what it gives in a batch.

    Args:
        sample_rate, n_mels, n_fft, hop_length, fmin, fmax, win_length, name: as in `Mel`.
        floor_db: float, decibels that are the floor instead; None is that of the clip.

    Raises:
        ValueError: see `Mel`, or `floor_db` is no finite number.
    """

    settings = (*Mel.settings, "floor_db")

    def __init__(
        self,
        sample_rate=16000,
        n_mels=128,
        n_fft=2048,
        hop_length=512,
        fmin=0.0,
        fmax=None,
        win_length=None,
        name=None,
        floor_db=None,
    ):
        super().__init__(sample_rate, n_mels, n_fft, hop_length, fmin, fmax, win_length, name)
        check_floor(floor_db)
        self.floor_db = floor_db

    def call(self, waves):
        """Return decibels, float32 `(batch, n_mels, frames)`."""
        return to_decibels(super().call(waves), (1, 2), self.floor_db)


@keras.saving.register_keras_serializable("serkeras")
class MFCC(Mel):
    """Mel-frequency cepstral coefficients: `(batch, samples)` to `(batch, n_mfcc, frames)`.

    The same as `serkeras.features.mfcc`: the orthonormal DCT-II of `LogMel`.

    Args:
        sample_rate: int, hertz.
        n_mfcc: int, coefficients kept, at most `n_mels`.
        n_mels, n_fft, hop_length, fmin, fmax, win_length: as in `Mel`.
        name: str, of the layer.

    Raises:
        ValueError: see `Mel`, or `n_mfcc` lies outside its range.
    """

    settings = (*Mel.settings, "n_mfcc")

    def __init__(
        self,
        sample_rate=16000,
        n_mfcc=128,
        n_mels=128,
        n_fft=2048,
        hop_length=512,
        fmin=0.0,
        fmax=None,
        win_length=None,
        name=None,
    ):
        super().__init__(sample_rate, n_mels, n_fft, hop_length, fmin, fmax, win_length, name)
        if not 1 <= n_mfcc <= n_mels:
            raise ValueError(
                "`n_mfcc` must lie between 1 and `n_mels`. "
                f"Received: n_mfcc={n_mfcc}, n_mels={n_mels}. Raise `n_mels` or lower `n_mfcc`."
            )
        self.n_mfcc = n_mfcc
        self._dct = dct_matrix(n_mels, n_mfcc)

    def call(self, waves):
        """Return coefficients, float32 `(batch, n_mfcc, frames)`."""
        decibels = to_decibels(mel_power(waves, self._numbers, self._bank), axes=(1, 2))
        return ops.transpose(ops.matmul(decibels, self._dct), (0, 2, 1))

    @property
    def bins(self):
        """Bins of the output."""
        return self.n_mfcc
