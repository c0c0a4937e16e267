"""Who speaks, and where: invented people, their voices, habits, rooms and microphones."""

import dataclasses

import numpy as np

from serkeras.datasets.synthetic.emotions import CUES, EMOTIONS, normal

STYLE_SPREAD = 0.18  # how differently speakers use a cue for one emotion (natural logarithm)
PITCH = {False: (92, 145), True: (165, 225)}  # hertz of neutral speech, men and women


@dataclasses.dataclass(frozen=True)
class Speaker:
    """One invented person and the place they are recorded in.

    Attributes:
        female: sex.
        f0: hertz, pitch of neutral speech.
        tract: factor on the mean formants of that sex.
        tempo, f0_range: factors on the neutral speed and pitch movement.
        level_db: decibels on the corpus's level.
        rd: voice quality of neutral speech, see `voice.glottal_source`.
        breath_db: breath noise against the voice.
        jitter_pct, shimmer_pct: irregularity of neutral speech.
        noise_db: dBFS of the recording's background noise.
        room_s: reverberation time T60, seconds.
        room_db: reverberation against the direct sound.
        colour: tuple of (hertz, decibels), bumps of the microphone's response.
        room_seed: list of int for the generator of the room's echo.
        style: dict emotion -> dict cue -> factor on the table's deviation.
    """

    female: bool
    f0: float
    tract: float
    tempo: float
    f0_range: float
    level_db: float
    rd: float
    breath_db: float
    jitter_pct: float
    shimmer_pct: float
    noise_db: float
    room_s: float
    room_db: float
    colour: tuple
    room_seed: list
    style: dict


def invent(seed, number):
    """Invent speaker `number` (from 1; odd ones are men) of the corpus with this seed."""
    # Three numbers, where clips use two: the streams can never meet.
    rng = np.random.default_rng([seed, number, 1])
    female = number % 2 == 0
    low, high = PITCH[female]
    style = {
        emotion: {cue: float(np.exp(STYLE_SPREAD * rng.standard_normal())) for cue in CUES}
        for emotion in EMOTIONS
    }
    return Speaker(
        female=female,
        f0=float(np.exp(rng.uniform(np.log(low), np.log(high)))),
        tract=float(1 + 0.035 * normal(rng, 2)),
        tempo=float(rng.uniform(0.93, 1.07)),
        f0_range=float(rng.uniform(0.85, 1.2)),
        level_db=float(1.0 * normal(rng, 2)),
        rd=float(rng.uniform(0.55, 0.8) + 0.15 * female),
        breath_db=float(rng.uniform(-45, -39)),
        jitter_pct=float(rng.uniform(0.3, 0.7)),
        shimmer_pct=float(rng.uniform(2, 5)),
        noise_db=float(rng.uniform(-70, -60)),
        room_s=float(rng.uniform(0.12, 0.35)),
        room_db=float(rng.uniform(-24, -16)),
        colour=tuple(
            (float(np.exp(rng.uniform(np.log(150), np.log(6000)))), float(rng.uniform(-2, 2)))
            for _ in range(3)
        ),
        room_seed=[seed, number, 2],
        style=style,
    )
