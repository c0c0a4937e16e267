"""What may be sent to the page: size, length and number of recordings."""

import os
from dataclasses import dataclass
from pathlib import Path

import soundfile

from serkeras import audio


@dataclass(frozen=True)
class Limits:
    """Limits of what the page takes.

    Attributes:
        megabytes: of one file.
        clip_s: seconds of a recording of the tabs Clip and Batch.
        timeline_min: minutes of a recording that gets a timeline.
        files: of one batch.
        live_min: minutes that one session listens to a microphone.

    Raises:
        ValueError: one is not a positive number.
    """

    megabytes: float = 50
    clip_s: float = 120
    timeline_min: float = 30
    files: int = 50
    live_min: float = 30

    def __post_init__(self):
        for name, value in vars(self).items():
            if not value > 0:
                raise ValueError(
                    f"A limit must be a positive number. Received: {name}={value!r}. Raise it."
                )


def check(path, limits, longest_s):
    """Refuse a recording that is too large or too long, before it is decoded.

    Args:
        path: of the file.
        limits: `Limits`.
        longest_s: float, seconds that it may last.

    Raises:
        ValueError: it is too large or too long.
        serkeras.audio.AudioError: it cannot be read, as far as its header tells.
    """
    size = os.path.getsize(path)
    if size > limits.megabytes * 1e6:
        raise ValueError(
            f"A recording may have at most {limits.megabytes:g} MB. Received: {path} with "
            f"{size / 1e6:.1f} MB. Send a part of it, or a compressed file."
        )
    seconds = _seconds(path)
    if seconds > longest_s:
        raise ValueError(
            f"A recording may last at most {spoken(longest_s)} here. Received: {path} with "
            f"{spoken(seconds)}. {_remedy(seconds, limits)}"
        )


def _seconds(path):
    try:
        found = soundfile.info(path)
    except (soundfile.LibsndfileError, TypeError):  # `audio.read` says it better
        audio.read(path, 16000)
        raise
    return found.frames / found.samplerate


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
