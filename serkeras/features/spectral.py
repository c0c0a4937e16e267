"""Mel, log-Mel and MFCC of many clips, equal to librosa's and several times faster.

Every clip is computed by itself, so that a clip alone gives, bit for bit, what it gives in a
batch.
"""

from numbers import Real
from typing import NamedTuple

import numpy as np
import scipy.fft

from serkeras.features import checks
from serkeras.features._mel_power import each_clip

# Decibels are floored at this power and so far below the clip's own peak, as in librosa.
FLOOR_POWER = 1e-10
TOP_DB = 80.0


class MelSettings(NamedTuple):
    """The numbers of a mel spectrogram, all given: `win_length` in samples, `fmax` in hertz."""

    sample_rate: int
    n_mels: int
    n_fft: int
    hop_length: int
    fmin: float
    fmax: float
    win_length: int

    @classmethod
    def make(cls, sample_rate, n_mels, n_fft, hop_length, fmin, fmax, win_length):
        """Put the defaults (half the sample rate, the whole transform) for None, and check.

        Raises:
            ValueError: see `serkeras.features.checks.check_settings`.
        """
        fmax = sample_rate / 2 if fmax is None else fmax
        win_length = n_fft if win_length is None else win_length
        settings = cls(sample_rate, n_mels, n_fft, hop_length, fmin, fmax, win_length)
        checks.check_settings(settings)
        return settings

    def window(self):
        """Return the periodic Hann window in the middle of `n_fft` samples, float32."""
        turns = np.arange(self.win_length) / self.win_length
        hann = (0.5 - 0.5 * np.cos(2 * np.pi * turns)).astype(np.float32)
        before = (self.n_fft - self.win_length) // 2
        return np.pad(hann, (before, self.n_fft - self.win_length - before))

    def frames(self, samples):
        """Return the number of centred frames of so many samples."""
        return 1 + (samples + 2 * (self.n_fft // 2) - self.n_fft) // self.hop_length


def mel(
    waves,
    sample_rate=16000,
    n_mels=128,
    n_fft=2048,
    hop_length=512,
    fmin=0.0,
    fmax=None,
    win_length=None,
    n_jobs=1,
):
    """Mel power spectrogram.

    Equal to `librosa.feature.melspectrogram(y=wave, ...)` for each clip: centred frames with
    zeros outside, periodic Hann window, Slaney mel bank.

    Args:
        waves: float array `(clips, samples)`, full scale 1.0.
        sample_rate: int, hertz.
        n_mels: int, mel bands.
        n_fft: int, samples of the Fourier transform.
        hop_length: int, samples between frames.
        fmin: float, hertz, lower edge of the mel bank.
        fmax: float, hertz, upper edge; None is half the sample rate.
        win_length: int, samples of the window, padded with zeros to `n_fft`; None is `n_fft`.
        n_jobs: int, threads that share the clips; -1 for all cores.

    Returns:
        float32 array `(clips, n_mels, frames)`, power, with `frames = 1 + samples // hop_length`
        (for an even `n_fft`).

    Raises:
        ValueError: `waves` is not a finite float array `(clips, samples)`, or a setting lies
            outside its range.

    Source:
        librosa 0.11 (McFee et al. 2015); Slaney 1998.
    """
    settings = MelSettings.make(sample_rate, n_mels, n_fft, hop_length, fmin, fmax, win_length)
    return each_clip(waves, settings, n_mels, np.transpose, n_jobs)


def log_mel(
    waves,
    sample_rate=16000,
    n_mels=128,
    n_fft=2048,
    hop_length=512,
    fmin=0.0,
    fmax=None,
    win_length=None,
    n_jobs=1,
    floor_db=None,
):
    """Mel spectrogram in decibels.

    Equal to `librosa.power_to_db(librosa.feature.melspectrogram(y=wave, ...), ref=1.0,
    top_db=80)` for each clip, or with a floor to the same with `amin=10 ** (floor_db / 10)`,
    `top_db=None`.

    Args:
        waves: float array `(clips, samples)`, full scale 1.0.
        sample_rate: int, hertz.
        n_mels: int, mel bands.
        n_fft: int, samples of the Fourier transform.
        hop_length: int, samples between frames.
        fmin: float, hertz, lower edge of the mel bank.
        fmax: float, hertz, upper edge; None is half the sample rate.
        win_length: int, samples of the window, padded with zeros to `n_fft`; None is `n_fft`.
        n_jobs: int, threads that share the clips; -1 for all cores.
        floor_db: float, decibels of full scale (power 1) below which nothing is told apart; None
            is 80 dB below the clip's own peak, which leaves the noise of quiet clips in.

    Returns:
        float32 array `(clips, n_mels, frames)`, decibels; see `mel` for `frames`.

    Raises:
        ValueError: see `mel`, or `floor_db` is no finite number.
    """
    settings = MelSettings.make(sample_rate, n_mels, n_fft, hop_length, fmin, fmax, win_length)
    check_floor(floor_db)
    return each_clip(waves, settings, n_mels, lambda power: to_decibels(power, floor_db).T, n_jobs)


def mfcc(
    waves,
    sample_rate=16000,
    n_mfcc=128,
    n_mels=128,
    n_fft=2048,
    hop_length=512,
    fmin=0.0,
    fmax=None,
    win_length=None,
    n_jobs=1,
):
    """Mel-frequency cepstral coefficients.

    Equal to `librosa.feature.mfcc(y=wave, sr=..., n_mfcc=..., n_mels=..., ...)` for each clip:
    the orthonormal DCT-II of `log_mel`.

    Args:
        waves: float array `(clips, samples)`, full scale 1.0.
        sample_rate: int, hertz.
        n_mfcc: int, coefficients kept, at most `n_mels`.
        n_mels: int, mel bands.
        n_fft: int, samples of the Fourier transform.
        hop_length: int, samples between frames.
        fmin: float, hertz, lower edge of the mel bank.
        fmax: float, hertz, upper edge; None is half the sample rate.
        win_length: int, samples of the window, padded with zeros to `n_fft`; None is `n_fft`.
        n_jobs: int, threads that share the clips; -1 for all cores.

    Returns:
        float32 array `(clips, n_mfcc, frames)`; see `mel` for `frames`.

    Raises:
        ValueError: see `mel`, or `n_mfcc` lies outside its range.

    Source:
        Davis & Mermelstein 1980; librosa 0.11 (McFee et al. 2015).
    """
    if not 1 <= n_mfcc <= n_mels:
        raise ValueError(
            "`n_mfcc` must lie between 1 and `n_mels`. "
            f"Received: n_mfcc={n_mfcc}, n_mels={n_mels}. Raise `n_mels` or lower `n_mfcc`."
        )
    settings = MelSettings.make(sample_rate, n_mels, n_fft, hop_length, fmin, fmax, win_length)

    def finish(power):
        return cepstrum(to_decibels(power), axis=1)[:, :n_mfcc].T

    return each_clip(waves, settings, n_mfcc, finish, n_jobs)


def cepstrum(decibels, axis):
    """Return the orthonormal DCT-II of mel decibels along their bands: all coefficients."""
    return scipy.fft.dct(decibels, axis=axis, norm="ortho")


def check_floor(floor_db):
    """Refuse a floor that is neither None nor a number of decibels that float32 can hold."""
    if floor_db is None:
        return
    if not isinstance(floor_db, Real) or not -200 <= floor_db <= 100:
        raise ValueError(
            "`floor_db` must be a number of decibels from -200 to 100, or None. Received: "
            f"{floor_db!r}. -70 hides the noise of a quiet room."
        )


def to_decibels(power, floor_db=None):
    """Turn the power of one clip into decibels, in place: 10 log10, with a floor.

    Args:
        power: float32 array of any shape; overwritten.
        floor_db: float, lowest decibels; None for librosa's floor.

    Returns:
        The same array: decibels of full scale, none less than `floor_db`, or more than 80 below
        the largest.
    """
    np.maximum(power, FLOOR_POWER if floor_db is None else 10 ** (floor_db / 10), out=power)
    np.log10(power, out=power)
    power *= 10.0
    if floor_db is not None:
        return power
    return np.maximum(power, power.max() - TOP_DB, out=power)
