"""From a file to a waveform: read, mono, resample, trim, fix the length."""

import contextlib
import os

import numpy as np
import soundfile
import soxr

from serkeras import _sound

_BLOCK = 1 << 20
# libsndfile's SF_ERR_SYSTEM: the file could not be opened or read.
_SYSTEM_ERROR = 2

_TRIM_FRAME = 2048
_TRIM_HOP = 512


class AudioError(ValueError):
    """A file cannot be used as a recording; the message names it and the remedy."""


class AudioFileError(AudioError, OSError):
    """A file cannot be read now, whatever it holds: missing, refused, or the disk fails."""


def read(path, sample_rate):
    """Read a recording as a mono waveform.

    The content decides about the format, not the ending: whatever libsndfile knows (WAV,
    AIFF, FLAC, OGG, MP3, ...) is read under any name. Channels are averaged. A silent file
    is a recording like any other.

    Args:
        path: file name.
        sample_rate: int, hertz of the result (soxr, quality "HQ").

    Returns:
        float32 array `(samples,)`, full scale 1.0. Not clipped: resampling may pass 1.0.

    Raises:
        AudioFileError: the file is missing or cannot be read at present.
        AudioError: the file is empty, not audio, damaged, cut off (more than 0.05 s of what it
            promises is not found), or holds NaN or infinite samples.
        ValueError: `sample_rate` is not a positive whole number.
    """
    if not isinstance(sample_rate, (int, np.integer)) or sample_rate < 1:
        raise ValueError(
            "`sample_rate` must be a positive whole number of hertz. "
            f"Received: {sample_rate!r}. Give for instance 16000."
        )
    path = os.fspath(path)
    _check_file(path)
    wave, rate = _decode(path)
    _check_finite(wave, path)
    if rate != sample_rate:
        wave = soxr.resample(wave, rate, sample_rate, quality="HQ")
    _check_any(path, wave.size, sample_rate)
    return wave


def load_clip(path, config):
    """Read a recording and bring it to level and length.

    Args:
        path: file name.
        config: `serkeras.config.AudioConfig`.

    Returns:
        float32 array `(config.samples,)`; with `fit="keep"` the clip's own length, at most that.

    Raises:
        AudioError: see `read`.
    """
    return fit(read(path, config.sample_rate), config)


def fit(wave, config):
    """Trim a waveform and bring it to level and length, in this order.

    Args:
        wave: float array `(samples,)`, at least one sample.
        config: `serkeras.config.AudioConfig`; its `sample_rate` is that of `wave`.

    Returns:
        float32 array, see `load_clip`.
    """
    wave = set_level(trim(wave, config), config.level)
    if config.fit == "stretch":
        wave = soxr.resample(wave, len(wave), config.samples, quality="HQ")
    elif config.fit == "keep":
        return wave[: config.samples]
    return fix_length(wave, config.samples)


def trim(wave, config):
    """Remove the silence that the settings name.

    Args:
        wave: float array `(samples,)`.
        config: `serkeras.config.AudioConfig`.

    Returns:
        View of `wave`, or `wave` itself.
    """
    if not config.trim_silence:
        return wave
    start = _loud(wave, config.trim_db)[0] if config.trim_start else 0
    return trim_trailing_silence(wave, config.trim_db)[start * _TRIM_HOP :]


def set_level(wave, level):
    """Scale a waveform.

    Args:
        wave: float array `(samples,)`.
        level: "as_is"; "standard" for mean 0 and deviation 1; "peak" for a largest sample of 1.

    Returns:
        float32 array `(samples,)`; a silent wave stays silent.
    """
    if level == "as_is":
        return wave
    exact = np.asarray(wave, np.float64)
    if level == "standard":
        exact = exact - exact.mean()
    size = exact.std() if level == "standard" else np.abs(exact).max()
    # A constant leaves rounding errors behind when its mean is removed.
    silent = size <= 1e-12 * np.abs(wave).max()
    return (exact if silent else exact / size).astype(np.float32)


def fix_length(wave, samples):
    """Cut at the end, or pad with zeros at the end.

    Args:
        wave: array `(n,)`.
        samples: int, length of the result.

    Returns:
        Array `(samples,)` of the same type; a copy where it was padded, else a view.
    """
    if len(wave) >= samples:
        return wave[:samples]
    return np.pad(wave, (0, samples - len(wave)))


def trim_trailing_silence(wave, top_db):
    """Cut the end after the last frame louder than `top_db` below the loudest one.

    Frames are librosa's: 2048 samples, 512 apart, centred, zeros outside. The cut falls where
    `librosa.effects.trim` puts its end, except that quiet recordings (loudest frame under
    -40 dBFS) are judged by their own peak too instead of by librosa's absolute floor.

    Args:
        wave: float array `(samples,)`.
        top_db: float > 0, decibels below the loudest frame that count as silence.

    Returns:
        View `(shorter,)` of `wave`; a wholly silent wave comes back unchanged.

    Raises:
        ValueError: `top_db` is not positive.

    Source:
        librosa 0.11 `effects.trim` (McFee et al. 2015).
    """
    if not top_db > 0:
        raise ValueError(
            "`top_db` must be a positive number of decibels below the peak. "
            f"Received: {top_db!r}. 60 removes digital silence, 30 also quiet breath."
        )
    return wave[: (_loud(wave, top_db)[1] + 1) * _TRIM_HOP]


def _loud(wave, top_db):
    """Return numbers of the first and the last frame that are no silence.

    Of a wholly silent wave all frames are loud.
    """
    half = _TRIM_FRAME // 2
    energy = np.zeros(len(wave) + 2 * half + 1)
    np.cumsum(np.square(wave, dtype=np.float64), out=energy[half + 1 : half + 1 + len(wave)])
    energy[half + 1 + len(wave) :] = energy[half + len(wave)]
    frames = energy[_TRIM_FRAME::_TRIM_HOP] - energy[:-_TRIM_FRAME:_TRIM_HOP]
    if not frames.max() > 0:
        return 0, len(frames)
    return np.flatnonzero(frames > frames.max() * 10 ** (-top_db / 10))[[0, -1]]


def _check_file(path):
    try:
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
    except OSError as error:
        raise _unreachable(path, error.strerror) from error
    if not size:
        raise AudioError(
            f"A recording must hold audio. Received: {path}, which is empty (0 bytes). "
            "Copy or download it again."
        )


def _unreachable(path, reason):
    return AudioFileError(
        f"A recording must be a readable file. Received: {path} ({reason}). "
        "Correct the path or its permissions, or unpack the corpus there; try again where a "
        "disk or a mounted drive failed for a moment."
    )


def blocks(path):
    """Read a recording piece by piece: a long one never stands in memory as a whole.

    Args:
        path: file name.

    Yields:
        Block, float32 `(at most 1048576,)`, mono, at the recording's own rate; that rate in
        hertz; and how many samples the file says there are. At least one block.

    Raises:
        AudioFileError, AudioError: see `read`; what is cut off is found at the end.
    """
    path, read = os.fspath(path), 0
    _check_file(path)
    with _explained(path), soundfile.SoundFile(path) as file:
        for block in map(_mono, _blocks(file)):
            _check_finite(block, path)
            yield block, file.samplerate, file.frames
            read += len(block)
        rate, lacking = file.samplerate, _sound.shortfall(path, file, read)
    _check_whole(path, lacking)
    _check_any(path, read, rate)


def _decode(path):
    """Return the mono waveform at its own rate, and that rate in hertz."""
    with _explained(path), soundfile.SoundFile(path) as file:
        rate = file.samplerate
        found = [_mono(block) for block in _blocks(file)]
        wave = np.concatenate(found) if found else np.zeros(0, np.float32)
        lacking = _sound.shortfall(path, file, wave.size)
    _check_whole(path, lacking)
    return wave, rate


@contextlib.contextmanager
def _explained(path):
    """Turn what soundfile raises into errors that name the file and the remedy."""
    try:
        yield
    except OSError as error:
        raise _unreachable(path, error.strerror) from error
    except (soundfile.LibsndfileError, TypeError) as error:
        if getattr(error, "code", None) == _SYSTEM_ERROR:
            raise _unreachable(path, error.error_string) from error
        # soundfile answers a headerless `.raw` with a TypeError about missing arguments.
        raise AudioError(
            f"A recording must be an audio file that libsndfile reads. Received: {path} "
            f"({error}). Copy it again, or convert it: ffmpeg -i FILE new.wav"
        ) from error


def _check_finite(wave, path):
    if not np.isfinite(wave).all():
        bad = np.count_nonzero(~np.isfinite(wave))
        raise AudioError(
            f"Samples must be finite numbers. Received: {path}, where {bad} of {wave.size} are "
            "NaN or infinite. Export the recording again, as 16-bit PCM."
        )


def _check_any(path, samples, sample_rate):
    if not samples:
        raise AudioError(
            f"A recording must hold at least one sample at {sample_rate} Hz. Received: {path}, "
            "which holds none. Record it again or leave it out."
        )


def _check_whole(path, lacking):
    if lacking:
        raise AudioError(
            f"A recording must be as long as it says. Received: {path}, {lacking}. Copy or "
            "download it again; to keep what is there, convert it: ffmpeg -i FILE new.wav"
        )


def _mono(block):
    """Average the channels of a block `(frames, channels)`, float32 `(frames,)`."""
    scaled = block / np.float32(32768) if block.dtype == np.int16 else block
    return scaled[:, 0] if scaled.shape[1] == 1 else scaled.mean(axis=1)


def _blocks(file):
    """Read piece by piece: a long multi-channel file never stands in memory as a whole."""
    # libsndfile's own conversion of 16-bit samples takes twice as long as NumPy's.
    dtype = "int16" if file.subtype == "PCM_16" else "float32"
    while not _sound.is_endless(file):
        block = file.read(_BLOCK, dtype=dtype, always_2d=True)
        if len(block):
            yield block
        if len(block) < _BLOCK:
            return
