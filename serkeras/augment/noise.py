"""Noise at an exact signal-to-noise ratio: white, coloured, recorded."""

import numpy as np

from serkeras.augment import _checks, recordings


def add_awgn(wave, snr_db, rng):
    """Add white Gaussian noise at an exact signal-to-noise ratio.

    The drawn noise is scaled by its own power, so that the ratio holds for this very clip and
    not only on average.

    Args:
        wave: float array `(samples,)`, mono, full scale 1.0.
        snr_db: float, target SNR in decibels; larger is cleaner.
        rng: `numpy.random.Generator`, one per clip.

    Returns:
        float32 array `(samples,)`. Not clipped: peaks may pass 1.0.

    Raises:
        ValueError: `wave` is not 1-D, or is silent or NaN (its SNR is undefined), or `snr_db`
            is not a finite number.

    Source:
        SNR = 10 log10(P_signal / P_noise), P = mean(x**2).
    """
    wave = _audible(wave)
    _checks.setting("snr_db", snr_db)
    return _mix(wave, rng.standard_normal(wave.size), snr_db)


def add_colored_noise(wave, exponent, snr_db, rng):
    """Add Gaussian noise with the power spectrum 1 / f**exponent at an exact SNR.

    White Gaussian noise is weighted by f**(-exponent / 2) in its Fourier transform; the
    constant part (0 Hz) is taken out. The power density falls by 3.01 x exponent decibels an
    octave: white 0, pink 1, brown 2, blue -1, violet -2.

    Args:
        wave: float array `(samples,)`, mono, full scale 1.0; two samples or more.
        exponent: float from -4 to 4.
        snr_db: float, target SNR in decibels, over the whole band; larger is cleaner.
        rng: `numpy.random.Generator`, one per clip.

    Returns:
        float32 array `(samples,)`. Not clipped: peaks may pass 1.0.

    Raises:
        ValueError: `wave` is not 1-D, is silent, not finite or a single sample, or a setting
            is outside its range.

    Source:
        Timmer and Koenig, On generating power law noise, Astronomy and Astrophysics 300, 1995.
    """
    wave = _audible(wave)
    _checks.setting("exponent", exponent)
    _checks.setting("snr_db", snr_db)
    if wave.size < 2:
        raise ValueError(
            "`wave` must hold two samples or more: one has no spectrum. "
            "Received: 1 sample. Use a longer clip."
        )
    spectrum = np.fft.rfft(rng.standard_normal(wave.size))
    spectrum[0] = 0.0
    spectrum[1:] *= np.arange(1, spectrum.size) ** (-exponent / 2)
    return _mix(wave, np.fft.irfft(spectrum, wave.size), snr_db)


def add_recorded_noise(wave, sample_rate, paths, snr_db, rng):
    """Add a random stretch of a recorded noise at an exact signal-to-noise ratio.

    One file is drawn, then where in it the stretch begins. A recording shorter than the clip
    is played in a loop, its end faded into its beginning over 0.05 s (a quarter of the
    recording at most; equal power). Where the drawn stretch is silent, the nearest one that is
    not is taken. The stretch is scaled by its own power.

    Args:
        wave: float array `(samples,)`, mono, full scale 1.0.
        sample_rate: int, hertz of `wave`; the noise is resampled to it.
        paths: a file, a folder (searched with the folders in it), or a list of both; `~` is the
            home folder. Folders are listed and files read once a process, until they change;
            the 128 files used last are kept.
        snr_db: float, target SNR in decibels; larger is cleaner.
        rng: `numpy.random.Generator`, one per clip.

    Returns:
        float32 array `(samples,)`. Not clipped: peaks may pass 1.0.

    Raises:
        ValueError: `wave` is not 1-D, is silent or not finite, `snr_db` is not a finite number,
            or `paths` names no audio file.
        serkeras.audio.AudioError: a noise file cannot be read, or is silent; the message names
            it.

    Source:
        SNR = 10 log10(P_signal / P_noise), P = mean(x**2). Free noises: Snyder, Chen and Povey,
        MUSAN: a music, speech, and noise corpus, arXiv:1510.08484, 2015.
    """
    wave = _audible(wave)
    _checks.setting("snr_db", snr_db)
    files = recordings.find(paths)
    noise = recordings.read(files[rng.integers(len(files))], sample_rate)
    return _mix(wave, recordings.stretch(noise, wave.size, sample_rate, rng), snr_db)


def _audible(wave):
    wave = _checks.mono(wave)
    if not wave.any():
        raise ValueError(
            "`wave` must carry a signal: the signal-to-noise ratio of silence is undefined. "
            f"Received: {wave.size} samples, all zero. Leave silent clips without noise."
        )
    return wave


def _mix(wave, noise, snr_db):
    """Add `noise` (float64, changed in place), scaled so that the ratio is exact."""
    noise_power = _checks.power(wave) / 10 ** (snr_db / 10)
    noise *= np.sqrt(noise_power / np.mean(np.square(noise)))
    return (wave + noise).astype(np.float32)
