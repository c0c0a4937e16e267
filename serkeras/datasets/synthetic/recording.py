"""The recording: a room, a microphone, a level, and silence around the speech."""

import numpy as np
from scipy import signal

from serkeras.datasets.synthetic.voice import SAMPLE_RATE, linear

SHORTEST_S, LONGEST_S = 2.0, 3.0  # of a clip, silence at its ends included
REFERENCE_DB = -31.0  # dBFS of neutral speech (RMS while speaking)
PEAK = 0.95


def record(who, speech, level_db, rng):
    """Put speech into a room before a microphone, with silence before and after.

    Args:
        who: `speakers.Speaker`, whose room and microphone it is.
        speech: float array `(samples,)`.
        level_db: decibels on the speaker's level.
        rng: `numpy.random.Generator` of the clip.

    Returns:
        float64 array, faded in and out, peak at most `PEAK`.
    """
    lead = int(rng.uniform(0.1, 0.22) * SAMPLE_RATE)
    tail = max(
        int(rng.uniform(0.15, 0.3) * SAMPLE_RATE),
        int(SHORTEST_S * SAMPLE_RATE) - lead - len(speech),
    )
    wave = np.pad(speech, (lead, min(tail, int(LONGEST_S * SAMPLE_RATE) - lead - len(speech))))
    wave = wave + linear(who.room_db) * echo(who, wave)
    for sos in microphone(who.colour):
        wave = signal.sosfilt(sos, wave)
    wave = signal.sosfilt(_highpass(), wave)
    spoken = wave[lead : lead + len(speech)]
    level = REFERENCE_DB + who.level_db + level_db
    wave *= linear(level) / np.sqrt(np.mean(spoken**2))
    wave += linear(who.noise_db) * _room_tone(len(wave), rng)
    ramp = np.sin(np.linspace(0, np.pi / 2, int(0.01 * SAMPLE_RATE))) ** 2
    wave[: len(ramp)] *= ramp
    wave[-len(ramp) :] *= ramp[::-1]
    return wave * min(1.0, PEAK / np.abs(wave).max())


def echo(who, wave):
    """Convolve with a decaying noise, the same one for all clips of the speaker."""
    at = np.arange(int(who.room_s * SAMPLE_RATE)) / SAMPLE_RATE
    response = np.random.default_rng(who.room_seed).standard_normal(len(at))
    response *= 10 ** (-3 * at / who.room_s) * (at > 0.004)
    response = signal.lfilter([0.4], [1, -0.6], response)  # walls swallow the high end
    response /= np.sqrt(np.sum(response**2))
    return signal.oaconvolve(wave, response)[: len(wave)]


def microphone(colour):
    """Peaking filters, one for each (hertz, decibels); after the audio-EQ cookbook, Q = 1."""
    for hertz, decibels in colour:
        omega = 2 * np.pi * hertz / SAMPLE_RATE
        gain, alpha = 10 ** (decibels / 40), np.sin(omega) / 2
        section = np.array(
            [
                [1 + alpha * gain, -2 * np.cos(omega), 1 - alpha * gain]
                + [1 + alpha / gain, -2 * np.cos(omega), 1 - alpha / gain]
            ]
        )
        yield section / section[0, 3]


def _highpass():
    return signal.butter(2, 55, "highpass", fs=SAMPLE_RATE, output="sos")


def _room_tone(samples, rng):
    """Quiet background noise, falling towards high frequencies, unit power."""
    noise = signal.lfilter([1.0], [1, -0.85], rng.standard_normal(samples))
    return signal.sosfilt(_highpass(), noise) * np.sqrt(1 - 0.85**2)
