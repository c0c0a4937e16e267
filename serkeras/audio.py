"""From a file to a waveform: read, mono, resample, trim, fix the length."""

import os
import re

import numpy as np
import soundfile
import soxr

# A file that ends this much before what its header promises still counts as whole: encoders
# and recorders are that careless, and no feature notices.
_MISSING_TAIL_S = 0.05
_BLOCK = 1 << 20
# Streaming writers put "unknown" into a header: zero, or one of the largest 32-bit numbers.
_UNKNOWN_SIZE = 0x7FFF0000
_ENDLESS = 1 << 40
# libsndfile shortens the length that it reports to what is there; its log keeps the header's.
_WAV_BYTES = re.compile(r"^data : (\d+) \(should be (\d+)\)", re.MULTILINE)
_AIFF_FRAMES = re.compile(r"^\s*Frames\s*: (\d+)", re.MULTILINE)

_TRIM_FRAME = 2048
_TRIM_HOP = 512


class AudioError(ValueError):
    """A file cannot be used as a recording; the message names it and the remedy."""


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
        AudioError: the file is missing, empty, not audio, damaged, cut off (more than 0.05 s
            of what its header promises is not there), or holds NaN or infinite samples.
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
    if not np.isfinite(wave).all():
        bad = np.count_nonzero(~np.isfinite(wave))
        raise AudioError(
            f"Samples must be finite numbers. Received: {path}, where {bad} of {wave.size} are "
            "NaN or infinite. Export the recording again, as 16-bit PCM."
        )
    if rate != sample_rate:
        wave = soxr.resample(wave, rate, sample_rate, quality="HQ")
    if not wave.size:
        raise AudioError(
            f"A recording must hold at least one sample at {sample_rate} Hz. Received: {path}, "
            "which holds none. Record it again or leave it out."
        )
    return wave


def load_clip(path, config):
    """Read a recording and bring it to a fixed length.

    Args:
        path: file name.
        config: `serkeras.config.AudioConfig`.

    Returns:
        float32 array `(config.samples,)`.

    Raises:
        AudioError: see `read`.
    """
    wave = read(path, config.sample_rate)
    if config.trim_silence:
        wave = trim_trailing_silence(wave, config.trim_db)
    return fix_length(wave, config.samples)


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
    half = _TRIM_FRAME // 2
    energy = np.zeros(len(wave) + 2 * half + 1)
    np.cumsum(np.square(wave, dtype=np.float64), out=energy[half + 1 : half + 1 + len(wave)])
    energy[half + 1 + len(wave) :] = energy[half + len(wave)]
    frames = energy[_TRIM_FRAME::_TRIM_HOP] - energy[:-_TRIM_FRAME:_TRIM_HOP]
    if not frames.max() > 0:
        return wave
    last = np.flatnonzero(frames > frames.max() * 10 ** (-top_db / 10))[-1]
    return wave[: (last + 1) * _TRIM_HOP]


def _check_file(path):
    try:
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
    except OSError as error:
        raise AudioError(
            f"A recording must be a readable file. Received: {path} ({error.strerror}). "
            "Correct the path or its permissions, or unpack the corpus there."
        ) from error
    if not size:
        raise AudioError(
            f"A recording must hold audio. Received: {path}, which is empty (0 bytes). "
            "Copy or download it again."
        )


def _decode(path):
    """Return the mono waveform at its own rate, and that rate in hertz."""
    try:
        with soundfile.SoundFile(path) as file:
            rate, promised = file.samplerate, _promised_frames(path, file)
            blocks = [block.mean(axis=1) for block in _blocks(file)]
    except (soundfile.LibsndfileError, TypeError) as error:
        # soundfile answers a headerless `.raw` with a TypeError about missing arguments.
        raise AudioError(
            f"A recording must be an audio file that libsndfile reads. Received: {path} "
            f"({error}). Copy it again, or convert it: ffmpeg -i FILE new.wav"
        ) from error
    wave = np.concatenate(blocks) if blocks else np.zeros(0, np.float32)
    if promised - wave.size > _MISSING_TAIL_S * rate:
        raise AudioError(
            f"A recording must be as long as its header says. Received: {path}, cut off: its "
            f"header promises {promised} frames and {wave.size} are there. Copy or download "
            "it again; to keep what is left, convert it: ffmpeg -i FILE new.wav"
        )
    return wave, rate


def _blocks(file):
    """Read piece by piece: a long multi-channel file never stands in memory as a whole."""
    while True:
        block = file.read(_BLOCK, dtype="float32", always_2d=True)
        if len(block):
            yield block
        if len(block) < _BLOCK:
            return


def _promised_frames(path, file):
    """Return the number of frames that the header promises."""
    if file.frames > _ENDLESS:
        raise AudioError(
            f"A recording must state its length. Received: {path}, a stream of unknown length. "
            "Convert it: ffmpeg -i FILE new.wav"
        )
    frames = _AIFF_FRAMES.search(file.extra_info)
    if frames and int(frames[1]) < _UNKNOWN_SIZE:
        return int(frames[1])
    data = _WAV_BYTES.search(file.extra_info)
    if data and int(data[1]) < _UNKNOWN_SIZE and int(data[2]):
        return file.frames * int(data[1]) // int(data[2])
    return file.frames
