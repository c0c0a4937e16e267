"""What a sound file promises against what libsndfile finds: one rule for reading and auditing."""

import re
from pathlib import Path

# A file that ends this much before what its header promises still counts as whole: encoders
# and recorders are that careless, and no feature notices.
_MISSING_TAIL_S = 0.05
# Streaming writers put "unknown" into a header: zero, or one of the largest 32-bit numbers.
_UNKNOWN_SIZE = 0x7FFF0000
_ENDLESS = 1 << 40
# libsndfile shortens the length that it reports to what is there; its log keeps the header's.
_WAV_BYTES = re.compile(r"^data : (\d+) \(should be (\d+)\)", re.MULTILINE)
_AIFF_FRAMES = re.compile(r"^\s*Frames\s*: (\d+)", re.MULTILINE)

# Layer III: kbit/s by index, hertz of MPEG 1, and how often halved, by version bits.
_KBITS_MPEG1 = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_KBITS_MPEG2 = (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_RATES = (44100, 48000, 32000)
_HALVED = {3: 0, 2: 1, 0: 2}
_XING = re.compile(rb"(?:Xing|Info)(....)", re.DOTALL)


def is_endless(file):
    """Whether an open `soundfile.SoundFile` is a stream that does not state its length."""
    return file.frames > _ENDLESS


def shortfall(path, file, present):
    """Say how a file that was read to its end falls short of what it promises.

    Args:
        path: file name.
        file: the open `soundfile.SoundFile`.
        present: int, frames (samples of one channel) that could be read.

    Returns:
        Words that follow the file's name, or None where nothing of note (0.05 s) is missing.

    Raises:
        OSError: an MP3 cannot be read a second time.
    """
    if is_endless(file):
        return "a stream of unknown length"
    counted = _count_mp3(Path(path).read_bytes()) if file.format == "MP3" else None
    promised = _promised_frames(file) if counted is None else counted
    if promised - present <= _MISSING_TAIL_S * file.samplerate:
        return None
    if counted is None:
        return f"cut off: its header promises {promised} frames and {present} are there"
    return (
        f"an MP3 of varying bit rate without a Xing header: of {promised} frames libsndfile "
        f"finds {present}"
    )


def _promised_frames(file):
    """Return the number of frames that the header promises."""
    frames = _AIFF_FRAMES.search(file.extra_info)
    if frames and int(frames[1]) < _UNKNOWN_SIZE:
        return int(frames[1])
    data = _WAV_BYTES.search(file.extra_info)
    if data and int(data[1]) < _UNKNOWN_SIZE and int(data[2]):
        return file.frames * int(data[1]) // int(data[2])
    return file.frames


def _count_mp3(data):
    """Count the samples in an MP3 that does not state its length.

    libsndfile then guesses the length from the first frame, and stops there.

    Args:
        data: bytes of the file.

    Returns:
        int, one MP3 frame less than there are, since a decoder may need the first for the
        second; or None where the file states its length or is not of layer III.
    """
    place = _after_id3(data)
    first = _frame(data, place)
    if first is None:
        return None
    tag = _XING.search(data[place : place + 48])
    if tag and tag[1][3] & 1:  # the bit that says: the number of frames follows
        return None
    _, samples, kind = first
    count = 0
    while place >= 0:
        frame = _frame(data, place)
        if frame and frame[2] == kind and place + frame[0] <= len(data):
            count += 1
            place += frame[0]
        else:  # the end, a tag or damage
            place = data.find(bytes([0xFF, kind[0]]), place + 1)
    return (count - 1) * samples


def _after_id3(data):
    """Return the place behind an ID3v2 tag, whose length has seven bits a byte."""
    if data[:3] != b"ID3":
        return 0
    size = 0
    for byte in data[6:10]:
        size = size << 7 | byte & 127
    return 10 + size


def _frame(data, place):
    """Return (bytes, samples, what all frames of a stream share) of the MP3 frame at a place.

    None where no frame of layer III begins. Source: ISO/IEC 11172-3 and 13818-3, 2.4.2.3.
    """
    head = data[place : place + 4]
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE6 != 0xE2:
        return None
    version, kbit, rate = head[1] >> 3 & 3, head[2] >> 4, head[2] >> 2 & 3
    if version not in _HALVED or kbit in (0, 15) or rate == 3:
        return None
    samples = 1152 if version == 3 else 576
    kbits = (_KBITS_MPEG1 if version == 3 else _KBITS_MPEG2)[kbit - 1]
    size = samples * kbits * 125 // (_RATES[rate] >> _HALVED[version]) + (head[2] >> 1 & 1)
    return size, samples, (head[1], rate)
