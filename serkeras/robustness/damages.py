"""Damages by name: what each is, its levels from harmless to severe, and how it is done."""

import functools
import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from serkeras.robustness import channels, noises, shapes

_SNR_DB = (40, 30, 25, 20, 15, 10, 5, 0, -5)


@dataclass(frozen=True)
class Damage:
    """One way to damage a recording.

    Attributes:
        title: in a few words.
        axis: what a level is, with its unit.
        levels: numbers, the harmless one first.
        function: of (wave, sample_rate, level, rng), float32 `(samples,)` to float32 `(any,)`;
            with `needs_voices` also of `voices`, recordings of others.
        source: what it is made after.
        needs_voices: whether it takes recordings of others.
        missing: function that says why it cannot be done here, None where it can; or None.
    """

    title: str
    axis: str
    levels: tuple[float, ...]
    function: Callable
    source: str
    needs_voices: bool = False
    missing: Callable | None = None

    def apply(self, wave, sample_rate, level, rng, voices=()):
        """Return the damaged recording.

        Args:
            wave: float32 array `(samples,)`, mono, full scale 1.0.
            sample_rate: int, hertz.
            level: number, see `axis`.
            rng: `numpy.random.Generator`, see `level_rng`.
            voices: list of recordings of others, float arrays.

        Returns:
            float32 array `(any,)`.
        """
        given = {"voices": voices} if self.needs_voices else {}
        return np.asarray(self.function(wave, sample_rate, level, rng, **given), np.float32)


_PLAIN = "arithmetic on the samples"
CLEAN = Damage("Undamaged", "nothing", (0,), lambda wave, *_: wave, _PLAIN)
DAMAGES = {
    "snr-white": Damage("White noise", "SNR (dB)", _SNR_DB, noises.white, "Gaussian noise"),
    "snr-pink": Damage(
        "Pink noise", "SNR (dB)", _SNR_DB, noises.pink, "Timmer and Koenig 1995, 1/f noise"
    ),
    "snr-babble": Damage(
        "Babble of five voices", "SNR (dB)", _SNR_DB, noises.babble,
        "other recordings of the corpus, added up", needs_voices=True,
    ),
    "reverb": Damage(
        "Reverberation", "RT60 (s)", (0, 0.2, 0.4, 0.6, 0.8, 1.2, 1.6, 2.0),
        noises.reverberation, "Moorer 1979, decaying noise; Kuttruff 2009, critical distance",
    ),
    "low-pass": Damage(
        "Low-pass", "cut-off (Hz)", (8000, 6000, 4000, 3000, 2000, 1500, 1000),
        channels.low_pass, "linear-phase filter, Hamming window of 40 ms",
    ),
    "telephone": Damage(
        "Telephone", "lines one after another", (0, 1, 2, 4), channels.telephone,
        "ITU-T G.711 mu-law at 8 kHz, 300 to 3400 Hz",
    ),
    "mp3": Damage(
        "MP3", "bit rate (kbit/s)", (64, 48, 32, 24, 16, 8), channels.mp3,
        "LAME by libsndfile, constant bit rate",
        missing=functools.partial(channels.missing, "MP3"),
    ),
    "vorbis": Damage(
        "Ogg Vorbis", "quality (-q)", (10, 8, 6, 4, 2, 0), channels.vorbis,
        "libvorbis by libsndfile", missing=functools.partial(channels.missing, "OGG"),
    ),
    "quieter": Damage("Quieter", "gain (dB)", (0, -10, -20, -30, -40), shapes.gain, _PLAIN),
    "louder": Damage("Louder", "gain (dB)", (0, 5, 10, 15, 20), shapes.gain, _PLAIN),
    "clipping": Damage(
        "Clipping", "samples cut (%)", (0, 0.1, 1, 5, 10, 20, 40), shapes.clip, _PLAIN
    ),
    "truncation": Damage(
        "Cut off early", "kept (%)", (100, 80, 60, 50, 40, 30, 20), shapes.truncate, _PLAIN
    ),
    "delay": Damage(
        "Silence before", "delay (s)", (0, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0), shapes.delay, _PLAIN
    ),
    "slower": Damage(
        "Slower, deeper", "speed (factor)", (1, 0.95, 0.9, 0.85, 0.8, 0.75, 0.7), shapes.speed,
        "resampling by soxr",
    ),
    "faster": Damage(
        "Faster, higher", "speed (factor)", (1, 1.05, 1.1, 1.15, 1.2, 1.3, 1.4), shapes.speed,
        "resampling by soxr",
    ),
    "tempo-slow": Damage(
        "Slower, same pitch", "tempo (factor)", (1, 0.9, 0.8, 0.7), shapes.tempo,
        "librosa's phase vocoder",
    ),
    "tempo-fast": Damage(
        "Faster, same pitch", "tempo (factor)", (1, 1.1, 1.2, 1.4), shapes.tempo,
        "librosa's phase vocoder",
    ),
}  # fmt: skip


def names():
    """Return the names of the damages, in the order of the pages."""
    return list(DAMAGES)


def chosen(only=None):
    """Return the damages asked for, in the order of the pages.

    Args:
        only: names, None for all.

    Returns:
        Dictionary from name to `Damage`.

    Raises:
        ValueError: a name is unknown, or none is given.
    """
    wanted = names() if only is None else list(only)
    unknown = [name for name in wanted if name not in DAMAGES]
    if unknown or not wanted:
        raise ValueError(
            f"Damages must be among {names()}. Received: {unknown or 'none'}. Correct the names."
        )
    return {name: DAMAGES[name] for name in names() if name in wanted}


def clip_rng(seed, name, clip):
    """Return the generator that damages one clip in one way, the same at all levels.

    So the noise of a clip grows from level to level and is never drawn anew: curves move by
    what the level does, and not by luck. It depends on nothing but these three.

    Args:
        seed: int >= 0.
        name: of the damage.
        clip: id of the clip.

    Returns:
        `numpy.random.Generator`.
    """
    digest = hashlib.sha256(f"{name}\n{clip}".encode()).digest()
    return np.random.default_rng([seed, int.from_bytes(digest[:8], "little")])
