"""Tonal and loudness descriptors, a row or a few a frame, computed by librosa clip by clip.

Frames are centred, with the same number and places as those of the mel spectrogram.
"""

import contextlib

import numpy as np

from serkeras.features import checks
from serkeras.features._first_use import first_use
from serkeras.features._mel_power import in_parts

# The range in which speakers' pitch is looked for, hertz: deep male voices to cries.
PITCH_RANGE = (65.0, 600.0)
_CONTRAST_FMIN = 200.0
_CONTRAST_BANDS = 6
# Seven octaves from 32.7 Hz, half a bin more where a clip is tuned higher.
_TONNETZ_RATE = 8600


def chroma(waves, sample_rate=16000, n_fft=2048, hop_length=512, win_length=None, n_jobs=1):
    """Energy of the twelve pitch classes: `librosa.feature.chroma_stft`.

    Args:
        waves: float array `(clips, samples)`, full scale 1.0.
        sample_rate: int, hertz.
        n_fft, hop_length, win_length: samples of transform, hop and window.
        n_jobs: int, threads that share the clips; -1 for all cores.

    Returns:
        float32 array `(clips, 12, frames)`, 1 for the strongest class of each frame.

    Raises:
        ValueError: `waves` is not a finite float array `(clips, samples)`, or librosa refuses
            the settings.
    """
    settings = {"n_fft": n_fft, "hop_length": hop_length, "win_length": win_length}

    def describe(feature, wave):
        return feature.chroma_stft(y=wave, sr=sample_rate, **settings, **_tuning(wave))

    return _each_clip(describe, waves, n_jobs)


def spectral_contrast(
    waves, sample_rate=16000, n_fft=2048, hop_length=512, win_length=None, n_jobs=1
):
    """Decibels between peaks and valleys of octave bands: `librosa.feature.spectral_contrast`.

    Six bands above 200 Hz as is librosa's default, fewer where the sample rate has no room.

    Args:
        waves, sample_rate, n_fft, hop_length, win_length, n_jobs: see `chroma`.

    Returns:
        float32 array `(clips, bands + 1, frames)`: 7 rows above 12.8 kHz sample rate.

    Raises:
        ValueError: see `chroma`.

    Source:
        Jiang et al. 2002.
    """
    octaves = int(np.ceil(np.log2(sample_rate / 2 / _CONTRAST_FMIN)))
    settings = {"n_fft": n_fft, "hop_length": hop_length, "win_length": win_length}
    bands = {"fmin": _CONTRAST_FMIN, "n_bands": min(_CONTRAST_BANDS, octaves)}

    def describe(feature, wave):
        return feature.spectral_contrast(y=wave, sr=sample_rate, **settings, **bands)

    return _each_clip(describe, waves, n_jobs)


def tonnetz(waves, sample_rate=16000, hop_length=512, n_jobs=1):
    """Tonal centroids in fifths, minor and major thirds: `librosa.feature.tonnetz`.

    They rest on a constant-Q transform of seven octaves, whose window lengths are its own.

    Args:
        waves, sample_rate, hop_length, n_jobs: see `chroma`.

    Returns:
        float32 array `(clips, 6, frames)`.

    Raises:
        ValueError: see `chroma`, or `sample_rate` is below 8600 Hz.

    Source:
        Harte, Sandler & Gasser 2006.
    """
    if sample_rate < _TONNETZ_RATE:
        raise ValueError(
            f"Tonnetz reaches up to 4.2 kHz and needs a sample rate of {_TONNETZ_RATE} Hz or more. "
            f"Received: {sample_rate} Hz. Raise audio.sample_rate, or leave 'tonnetz' out."
        )

    def describe(feature, wave):
        return feature.tonnetz(y=wave, sr=sample_rate, hop_length=hop_length, **_tuning(wave))

    return _each_clip(describe, waves, n_jobs)


def rms(waves, n_fft=2048, hop_length=512, n_jobs=1):
    """Root of the mean square of each frame: `librosa.feature.rms`.

    Args:
        waves, n_fft, hop_length, n_jobs: see `chroma`.

    Returns:
        float32 array `(clips, 1, frames)`, full scale 1.0.

    Raises:
        ValueError: see `chroma`.
    """

    def describe(feature, wave):
        return feature.rms(y=wave, frame_length=n_fft, hop_length=hop_length)

    return _each_clip(describe, waves, n_jobs)


def zero_crossing_rate(waves, n_fft=2048, hop_length=512, n_jobs=1):
    """Share of neighbouring samples of unlike sign: `librosa.feature.zero_crossing_rate`.

    Args:
        waves, n_fft, hop_length, n_jobs: see `chroma`.

    Returns:
        float32 array `(clips, 1, frames)`, between 0 and 1.

    Raises:
        ValueError: see `chroma`.
    """

    def describe(feature, wave):
        return feature.zero_crossing_rate(wave, frame_length=n_fft, hop_length=hop_length)

    return _each_clip(describe, waves, n_jobs)


def spectral_centroid(
    waves, sample_rate=16000, n_fft=2048, hop_length=512, win_length=None, n_jobs=1
):
    """Mean frequency, weighted by magnitude: `librosa.feature.spectral_centroid`.

    Args:
        waves, sample_rate, n_fft, hop_length, win_length, n_jobs: see `chroma`.

    Returns:
        float32 array `(clips, 1, frames)`, hertz.

    Raises:
        ValueError: see `chroma`.
    """
    settings = {"n_fft": n_fft, "hop_length": hop_length, "win_length": win_length}

    def describe(feature, wave):
        return feature.spectral_centroid(y=wave, sr=sample_rate, **settings)

    return _each_clip(describe, waves, n_jobs)


def pitch(waves, sample_rate=16000, n_fft=2048, hop_length=512, n_jobs=1):
    """Fundamental frequency by probabilistic YIN: `librosa.pyin`, 0 where unvoiced.

    Args:
        waves, sample_rate, n_fft, hop_length, n_jobs: see `chroma`.

    Returns:
        float32 array `(clips, 1, frames)`, hertz within `PITCH_RANGE`, 0 for frames without
        voice.

    Raises:
        ValueError: see `chroma`.

    Source:
        Mauch & Dixon 2014.
    """
    low, high = PITCH_RANGE

    def describe(_, wave):
        import librosa

        found, _, _ = librosa.pyin(
            wave,
            fmin=low,
            fmax=high,
            sr=sample_rate,
            frame_length=n_fft,
            hop_length=hop_length,
            fill_na=0.0,
        )
        return found[None]

    return _each_clip(describe, waves, n_jobs)


def _tuning(wave):
    """Silence has no tuning to estimate; librosa would warn at every such clip."""
    return {} if np.any(wave) else {"tuning": 0.0}


def _each_clip(describe, waves, n_jobs):
    """Fill `(clips, rows, frames)` with `describe(librosa.feature, wave)`, in threads."""
    from librosa import ParameterError, feature

    waves = checks.check_waves(waves).astype(np.float32, copy=False)
    found = [None] * len(waves)

    def work(part):
        for index in part:
            found[index] = np.asarray(describe(feature, waves[index]), np.float32)

    # A silent clip does not come to all that is compiled.
    lock = first_use(describe.__qualname__) if np.any(waves) else contextlib.nullcontext()
    try:
        with lock:
            in_parts(work, len(waves), n_jobs)
    except ParameterError as error:
        raise ValueError(
            "Settings and length of a clip must suit librosa's feature. Received: "
            f"{waves.shape[1]} samples, and librosa says: "
            f"{str(error).rstrip('.')}. Change the setting named, or use longer clips."
        ) from error
    return np.stack(found)
