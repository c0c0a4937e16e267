"""Narrow bands, the telephone and lossy files: what a recording loses on its way."""

import functools
import io

import numpy as np
import soundfile
import soxr

from serkeras.audio import fix_length

_TELEPHONE_HZ = 8000
_BAND_HZ = (300.0, 3400.0)
_FILTER_S = 0.04
# MPEG 2 and 2.5 reach down to 8 kbit/s; each of their rates with its largest bit rate.
_MP3_RATES = {8000: 64, 11025: 64, 12000: 64, 16000: 160, 22050: 160, 24000: 160}
_LEAST_KBITS = 8
# libsndfile crashes on some systems where Vorbis is given much at once.
_PIECE = 1 << 14


def low_pass(wave, sample_rate, level, rng):
    """Remove what lies above a frequency: a linear-phase filter whose delay is taken out.

    Args:
        wave: float32 array `(samples,)`, mono, full scale 1.0.
        sample_rate: int, hertz.
        level: hertz, where the filter has fallen by 6 dB; half the sample rate and more changes
            nothing.
        rng: not used.

    Returns:
        float32 array `(samples,)`.
    """
    return wave if level >= sample_rate / 2 else _filtered(wave, sample_rate, level, True)


def _filtered(wave, sample_rate, cutoff_hz, pass_zero):
    from scipy.signal import fftconvolve, firwin

    half = round(_FILTER_S * sample_rate / 2)
    taps = firwin(2 * half + 1, cutoff_hz, pass_zero=pass_zero, fs=sample_rate)
    return fftconvolve(wave, taps)[half : half + len(wave)].astype(np.float32)


def telephone(wave, sample_rate, level, rng):
    """Send a recording through so many telephone lines, one after another.

    A line samples at 8 kHz, passes 300 to 3400 Hz and codes by the mu-law of G.711.

    Args:
        wave, sample_rate, rng: as in `low_pass`.
        level: number of lines.

    Returns:
        float32 array `(samples,)`.

    Source:
        ITU-T G.711 (mu-law) and G.712 (the band).
    """
    if not level:
        return wave
    sent = soxr.resample(wave, sample_rate, _TELEPHONE_HZ, quality="HQ")
    for _ in range(int(level)):
        sent = mu_law(_filtered(sent, _TELEPHONE_HZ, _BAND_HZ, False))
    return fix_length(soxr.resample(sent, _TELEPHONE_HZ, sample_rate, quality="HQ"), len(wave))


def mu_law(wave):
    """Code by the mu-law of G.711 (8 bits) and decode again.

    Args:
        wave: float array `(samples,)`, full scale 1.0, which is 8192 of the 14 bits coded.

    Returns:
        float32 array `(samples,)`; what is over full scale is cut.

    Source:
        ITU-T G.711, table 2a: eight segments of sixteen steps, each twice as wide as the last.
    """
    biased = np.minimum(np.rint(np.abs(wave) * 8192.0), 8158).astype(int) + 33
    # 33 to 63 is segment 0, 64 to 127 segment 1 and so on.
    segment = np.frexp(biased)[1] - 6
    step = biased >> (segment + 1) & 15
    size = ((2 * step + 33) << segment) - 33
    return (np.copysign(size, wave) / 8192.0).astype(np.float32)


def mp3(wave, sample_rate, level, rng):
    """Code as MP3 of constant bit rate and decode again; the delay is taken out.

    Rates that MPEG 2 does not know are resampled, those above 24 kHz to 24 kHz, as encoders do
    at such bit rates.

    Args:
        wave, sample_rate, rng: as in `low_pass`.
        level: kbit/s, 8 to 64.

    Returns:
        float32 array `(samples,)`.
    """
    rate = min((each for each in _MP3_RATES if each >= sample_rate), default=max(_MP3_RATES))
    share = (level - _LEAST_KBITS) / (_MP3_RATES[rate] - _LEAST_KBITS)
    # libsndfile refuses 1.0 itself.
    return _through(wave, sample_rate, rate, "MP3", min(1 - share, 0.9999))


def vorbis(wave, sample_rate, level, rng):
    """Code as Ogg Vorbis and decode again.

    Args:
        wave, sample_rate, rng: as in `low_pass`.
        level: quality as `oggenc -q` counts it, 0 to 10.

    Returns:
        float32 array `(samples,)`.
    """
    return _through(wave, sample_rate, sample_rate, "OGG", 1 - level / 10)


def missing(kind):
    """Return why a codec cannot be used here, None where it can.

    Args:
        kind: "MP3" or "OGG".
    """
    try:
        _coded(np.zeros(_MP3_RATES[16000], np.float32), 16000, kind, 0.5)
    except (soundfile.LibsndfileError, TypeError, ValueError) as error:
        version = f"soundfile {soundfile.__version__}, {soundfile.__libsndfile_version__}"
        return (
            f"libsndfile cannot write {kind} with a chosen bit rate here ({version}: {error}); "
            "soundfile 0.13 with libsndfile 1.1 can"
        )
    return None


def _through(wave, sample_rate, rate, kind, compression):
    sent = wave
    if rate != sample_rate:
        sent = soxr.resample(wave, sample_rate, rate, quality="HQ")
    delay = _delay(rate, kind, compression)
    heard = fix_length(_decoded(_coded(sent, rate, kind, compression))[delay:], len(sent))
    if rate != sample_rate:
        heard = soxr.resample(heard, rate, sample_rate, quality="HQ")
    return fix_length(heard, len(wave))


def _coded(wave, rate, kind, compression):
    """Return the bytes of a file."""
    subtype, mode = {"MP3": ("MPEG_LAYER_III", "CONSTANT"), "OGG": ("VORBIS", None)}[kind]
    settings = {"compression_level": compression, "bitrate_mode": mode}
    file = io.BytesIO()
    with soundfile.SoundFile(file, "w", rate, 1, subtype, format=kind, **settings) as out:
        for start in range(0, len(wave), _PIECE):
            out.write(wave[start : start + _PIECE])
    return file.getvalue()


def _decoded(data):
    return soundfile.read(io.BytesIO(data), dtype="float32")[0]


@functools.cache
def _delay(rate, kind, compression):
    """Return by how many samples a codec is late, measured on one second of noise.

    LAME states its delay in the first frame, and the decoder takes it out, unless frames are
    too small to hold the statement, as they are at low bit rates.
    """
    noise = np.random.default_rng(0).standard_normal(rate).astype(np.float32)
    noise = 0.2 * _filtered(noise, rate, min(1500.0, rate / 8), True)
    heard = _decoded(_coded(noise, rate, kind, compression))
    size = 2 * max(len(noise), len(heard))
    both = np.fft.rfft(heard, size) * np.conj(np.fft.rfft(noise, size))
    return int(np.argmax(np.fft.irfft(both, size)[: len(heard)]))
