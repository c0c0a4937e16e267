"""Changes of tempo, pitch and vocal tract, made in the short-time spectrum.

Phase vocoders blur what they change. The mean difference between the log-Mel spectrogram of
a clip stretched by 0.8 to 1.25 and that of the clip itself, put on the new time axis, was 3.4
to 4.3 dB here, with librosa's own frame of 2048 samples 4.5 to 5.5 dB, and 1.0 to 1.6 dB with
Signalsmith Stretch (16 acted recordings at 16 kHz, 128 bands, frames of 64 ms), at the same
speed. Signalsmith comes with audiomentations, so where that package may be used it is the
better choice for speech:

    {"name": "audiomentations", "transform": "PitchShift",
     "settings": {"min_semitones": -2, "max_semitones": 2}}
    {"name": "audiomentations", "transform": "TimeStretch",
     "settings": {"min_rate": 0.9, "max_rate": 1.1, "leave_length_unchanged": false}}

Rates under 0.5 are not for it: there Signalsmith draws from a generator of its own, which cannot
be seeded through audiomentations.
"""

import numpy as np

from serkeras.augment import _checks

_FRAME_S = 0.064


def time_stretch(wave, sample_rate, rate):
    """Change the tempo and keep the pitch (librosa's phase vocoder).

    The frames are 64 ms (1024 samples at 16 kHz), which suits speech better than librosa's
    2048 samples. The level (RMS) is kept; librosa alone loses about 3 dB of speech.
    Signalsmith's method is better still, see the docstring of this module.

    Args:
        wave: float array `(samples,)`, mono, full scale 1.0.
        sample_rate: int, hertz.
        rate: float from 0.25 to 4; above 1 is faster.

    Returns:
        float32 array `(round(samples / rate),)`, one sample or more.

    Raises:
        ValueError: `wave` is not 1-D or not finite, or `rate` is outside its range.

    Source:
        Flanagan and Golden, Phase vocoder, Bell System Technical Journal 45, 1966;
        `librosa.effects.time_stretch`.
    """
    import librosa

    wave = _checks.mono(wave)
    _checks.setting("rate", rate)
    n_fft = _frame(sample_rate)
    stretched = librosa.effects.time_stretch(_padded(wave, n_fft), rate=rate, n_fft=n_fft)
    return _at_power(stretched[: max(1, round(wave.size / rate))], _checks.power(wave))


def pitch_shift(wave, sample_rate, semitones):
    """Change the pitch, and the formants with it, and keep tempo and length.

    librosa's phase vocoder with frames of 64 ms, then resampling. The level (RMS) is kept.
    Signalsmith's method is better, see the docstring of this module.

    Args:
        wave: float array `(samples,)`, mono, full scale 1.0.
        sample_rate: int, hertz.
        semitones: float from -24 to 24; every frequency is multiplied by 2**(semitones / 12).

    Returns:
        float32 array `(samples,)`.

    Raises:
        ValueError: `wave` is not 1-D or not finite, or `semitones` is outside its range.

    Source:
        `librosa.effects.pitch_shift`, resampled by soxr.
    """
    import librosa

    wave = _checks.mono(wave)
    _checks.setting("semitones", semitones)
    n_fft = _frame(sample_rate)
    shifted = librosa.effects.pitch_shift(
        _padded(wave, n_fft), sr=sample_rate, n_steps=semitones, n_fft=n_fft
    )
    return _at_power(shifted[: wave.size], _checks.power(wave))


def vtlp(wave, sample_rate, alpha, cutoff_hz=4800.0):
    """Warp the frequency axis, as another length of the vocal tract would.

    What lies at frequency f moves to G(f), with S the sample rate and c = cutoff_hz:

        G(f) = alpha f                                             f <= c min(alpha, 1) / alpha
        G(f) = S/2 - (S/2 - c min(alpha, 1)) / (S/2 - c min(alpha, 1) / alpha) (S/2 - f)   above

    so 0 and S/2 stay and the axis is stretched in between; alpha above 1 is a shorter tract.
    Pitch is moved with the formants. The authors warp the centres of a filter bank; here the
    short-time spectrum is warped (frames of 64 ms, a quarter apart, linear between bins) and
    a wave is made of it again, each bin turned on at the rate of its new frequency as in a phase
    vocoder. The level (RMS) is kept.

    Args:
        wave: float array `(samples,)`, mono, full scale 1.0.
        sample_rate: int, hertz.
        alpha: float from 0.5 to 2; the authors draw it from 0.9 to 1.1.
        cutoff_hz: float, hertz, below half the sample rate; the authors take 4800 so that the
            important formants lie below.

    Returns:
        float32 array `(samples,)`.

    Raises:
        ValueError: `wave` is not 1-D or not finite, or a setting is outside its range.

    Source:
        Jaitly and Hinton, Vocal tract length perturbation (VTLP) improves speech recognition,
        ICML workshop on deep learning for audio, speech and language, 2013.
    """
    import librosa

    wave = _checks.mono(wave)
    old_hz, new_hz = _knots(sample_rate, alpha, cutoff_hz)
    n_fft = _frame(sample_rate)
    spectrum = librosa.stft(_padded(wave, n_fft), n_fft=n_fft, hop_length=n_fft // 4)
    bins_hz = np.arange(len(spectrum)) * sample_rate / n_fft
    source = np.interp(bins_hz, new_hz, old_hz) * n_fft / sample_rate
    found_hz = np.clip(_instantaneous_hz(spectrum, bins_hz, sample_rate), 0, sample_rate / 2)
    further = np.interp(found_hz, old_hz, new_hz) - found_hz
    turns = np.zeros(spectrum.shape)
    hops_s = n_fft // 4 / sample_rate
    turns[:, 1:] = np.cumsum(further * hops_s, axis=1)
    turned = np.exp(2j * np.pi * turns[np.rint(source).astype(int)])
    moved = _interpolate(spectrum, source) * turned
    warped = librosa.istft(moved, hop_length=n_fft // 4, length=wave.size)
    return _at_power(warped, _checks.power(wave))


def _frame(sample_rate):
    """Return the power of two that is nearest to 64 ms, in samples."""
    return 2 ** max(1, round(np.log2(_FRAME_S * sample_rate)))


def _padded(wave, n_fft):
    """Return float32 with a frame of zeros at the end; librosa warns about less than a frame."""
    return np.pad(wave.astype(np.float32), (0, n_fft))


def _knots(sample_rate, alpha, cutoff_hz):
    """Return the corners of the piecewise linear G: frequencies before, and after."""
    _checks.setting("alpha", alpha)
    _checks.setting("cutoff_hz", cutoff_hz)
    nyquist = sample_rate / 2
    if cutoff_hz >= nyquist:
        raise ValueError(
            "`cutoff_hz` must be below half the sample rate. "
            f"Received: {cutoff_hz!r} at {sample_rate} Hz. Lower it, for 8000 Hz to 3000."
        )
    corner = cutoff_hz * min(alpha, 1.0)
    return (0.0, corner / alpha, nyquist), (0.0, corner, nyquist)


def _instantaneous_hz(spectrum, bins_hz, sample_rate):
    """Return the frequency in each bin between frames a quarter frame apart, `(bins, frames-1)`."""
    hop_s = (len(spectrum) - 1) / 2 / sample_rate
    advance = np.angle(spectrum[:, 1:] * np.conj(spectrum[:, :-1])) / (2 * np.pi)
    surplus = advance - bins_hz[:, None] * hop_s
    return bins_hz[:, None] + (surplus - np.rint(surplus)) / hop_s


def _interpolate(spectrum, source):
    """Return the complex spectrum at fractional bins."""
    # Phases counted from a frame's middle are alike in neighbouring bins; from its beginning
    # they alternate by half a turn, and a mean of two bins would cancel.
    signs = (-1.0) ** np.arange(len(spectrum))[:, None]
    centred = spectrum * signs
    below = np.minimum(source.astype(int), len(spectrum) - 2)
    share = (source - below)[:, None]
    return (centred[below] * (1 - share) + centred[below + 1] * share) * signs


def _at_power(wave, wanted):
    """Scale to a mean power: phases drift apart in a phase vocoder, which costs speech 3 dB."""
    power = _checks.power(wave)
    scale = np.sqrt(wanted / power) if power > 0 else 0.0
    return (wave * scale).astype(np.float32)
