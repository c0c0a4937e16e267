"""What may be sent to the page: size, length and number of recordings."""

import os
from dataclasses import dataclass
from pathlib import Path

import soundfile

from serkeras import _sound, audio

# Beyond these a header is no recording of speech, but work for the machine that believes it.
_RATES_HZ = (4_000, 192_000)
_VALUES_PER_S = 2 * 48_000
_PORTION_S, _PORTION_CHANNELS = 10, 2


@dataclass(frozen=True)
class Limits:
    """Limits of what the page takes.

    Attributes:
        megabytes: of one file.
        clip_s: seconds of a recording of the tabs Clip and Batch.
        timeline_min: minutes of a recording that gets a timeline.
        files: of one batch.
        live_min: minutes that one session listens to a microphone.
        folder_megabytes: of all uploads together, of the newest quarter of an hour.

    Raises:
        ValueError: one is not a positive number.
    """

    megabytes: float = 50
    clip_s: float = 120
    timeline_min: float = 30
    files: int = 50
    live_min: float = 30
    folder_megabytes: float = 4000

    def __post_init__(self):
        for name, value in vars(self).items():
            if not value > 0:
                raise ValueError(
                    f"A limit must be a positive number. Received: {name}={value!r}. Raise it."
                )


def check(path, limits, longest_s):
    """Refuse a recording that is too large, too long or too dense, before it is decoded.

    Args:
        path: of the file.
        limits: `Limits`.
        longest_s: float, seconds that it may last.

    Raises:
        ValueError: it is too large, too long or too dense.
        serkeras.audio.AudioError: it cannot be read, as far as its header tells.
    """
    size = os.path.getsize(path)
    if size > limits.megabytes * 1e6:
        raise ValueError(
            f"A recording may have at most {limits.megabytes:g} MB. Received: {path} with "
            f"{size / 1e6:.1f} MB. Send a part of it, or a compressed file."
        )
    found = _header(path)
    _check_kind(path, found)
    seconds = found.frames / found.samplerate
    if seconds > longest_s:
        raise ValueError(
            f"A recording may last at most {spoken(longest_s)} here. Received: {path} with "
            f"{spoken(seconds)}. {_remedy(seconds, limits)}"
        )
    if found.frames * found.channels > longest_s * _VALUES_PER_S:
        raise ValueError(
            f"A recording may have at most {longest_s * _VALUES_PER_S:,.0f} samples here, all "
            f"channels together. Received: {path} with {found.frames * found.channels:,}. "
            "Convert it to one channel, or to a lower sampling rate."
        )


def check_portion(path):
    """Refuse a portion of a microphone that no microphone sends, before it is decoded.

    Args:
        path: of the file.

    Raises:
        ValueError: it is too long, or of a strange rate or too many channels.
        soundfile.LibsndfileError: it cannot be read.
    """
    found = soundfile.info(path)
    _check_kind(path, found)
    if found.frames > _PORTION_S * found.samplerate or found.channels > _PORTION_CHANNELS:
        raise ValueError(
            f"A portion of a microphone may last at most {_PORTION_S} s, in at most "
            f"{_PORTION_CHANNELS} channels. Received: {path} with "
            f"{spoken(found.frames / found.samplerate)} in {found.channels}. Send a recording "
            "to the tab Clip, or to the timeline."
        )


def _check_kind(path, found):
    """Refuse a header that does not state a length, or a rate that no sound card has."""
    if _sound.is_endless(found):
        raise ValueError(
            f"A recording must state its length. Received: {path}, a stream of unknown length. "
            "Convert it: ffmpeg -i FILE new.wav"
        )
    low, high = _RATES_HZ
    if not low <= found.samplerate <= high:
        raise ValueError(
            f"A recording must have a sampling rate from {low:,} to {high:,} Hz. Received: {path} "
            f"with {found.samplerate:,} Hz. Convert it: ffmpeg -i FILE -ar 16000 new.wav"
        )


def _header(path):
    try:
        return soundfile.info(path)
    except (soundfile.LibsndfileError, TypeError):  # `audio.read` says it better
        audio.read(path, 16000)
        raise


def _remedy(seconds, limits):
    if seconds <= 60 * limits.timeline_min:
        return "The tab Live makes a timeline of it."
    return "Send a part of it."


def spoken(seconds):
    """Return a duration in words, "12.5 s" or "30 min"."""
    return f"{seconds:.4g} s" if seconds < 120 else f"{seconds / 60:.4g} min"


def without_folder(error, path):
    """Return the text of an error with a file's name in place of its path."""
    return str(error).replace(str(path), Path(path).name)
