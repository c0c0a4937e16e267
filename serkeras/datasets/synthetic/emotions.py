"""How emotions sound: one table of cues, and how a speaker performs one of them.

The directions follow the acoustic profiles of

- Murray, I. R., & Arnott, J. L. (1993). Toward the simulation of emotion in synthetic speech.
  JASA 93(2), 1097-1108 (their summary table: rate, pitch, range, intensity, voice quality,
  articulation),
- Banse, R., & Scherer, K. R. (1996). Acoustic profiles in vocal emotion expression. Journal of
  Personality and Social Psychology 70(3), 614-636,
- Burkhardt, F., & Sendlmeier, W. F. (2000). Verification of acoustical correlates of emotional
  speech using formant-synthesis. ISCA Workshop on Speech and Emotion, 151-156 (joy: wide range,
  spread lips; sadness: low range, slow, falling; anger: tense, fast; fear: high, fast),
- Juslin, P. N., & Laukka, P. (2003). Communication of emotions in vocal expression and music
  performance. Psychological Bulletin 129(5), 770-814 (their table of cue patterns),
- Cahn, J. E. (1990). The generation of affect in synthesized speech. Journal of the American
  Voice I/O Society 8, 1-19 (for surprise, which the others leave out).

The sizes are ours: of the order found in acted speech, small enough that emotions overlap.
"""

import numpy as np

CUES = {  # cue: (value in neutral speech, spread from clip to clip, unit)
    "f0_st": (0.0, 0.9, "semitones on the speaker's pitch"),
    "f0_range": (1.0, 0.16, "times the pitch movement"),
    "tempo": (1.0, 0.05, "times the speed"),
    "level_db": (0.0, 1.5, "decibels on the speaker's level"),
    "rd": (1.0, 0.12, "times Fant's Rd: below 1 is tense, above lax"),
    "breath_db": (0.0, 1.5, "decibels on the breath noise"),
    "jitter_pct": (0.0, 0.1, "per cent of a period added"),
    "tremor_st": (0.0, 0.03, "semitones of 5-7 Hz trembling"),
    "final_st": (0.0, 0.9, "semitones over the last syllable; positive rises"),
    "precision": (1.0, 0.08, "times the crispness of articulation"),
    "smile_pct": (0.0, 0.7, "per cent on the formants (spread lips raise them)"),
    "force_db": (0.0, 0.5, "decibels of extra stress on accents"),
    "creak": (0.0, 0.06, "0 to 1, irregular low voice"),
    "pause_ms": (0.0, 15.0, "milliseconds of hesitation"),
}

# Full expression (strength 1), each column a cue in the units above.
_HEAD = (
    "f0_st f0_range tempo level_db rd breath_db jitter_pct tremor_st final_st precision "
    "smile_pct force_db creak pause_ms"
)
_ROWS = """
angry     2.5  1.45  1.10   6.5  0.60  -2.0  0.5  0.00  -2.0  1.25   0.0  3.0  0.08   0
disgust  -1.5  1.10  0.84  -1.0  0.95   0.5  0.7  0.00  -2.5  1.05  -3.5  1.2  0.40  50
fear      4.5  0.80  1.18  -0.5  1.20   4.0  1.0  0.45   0.5  0.95   0.5 -1.0  0.02  40
happy     3.5  1.50  1.08   4.0  0.85  -0.5  0.2  0.00   1.0  1.10   5.5  1.0  0.00   0
neutral   0.0  1.00  1.00   0.0  1.00   0.0  0.0  0.00   0.0  1.00   0.0  0.0  0.00   0
sad      -0.8  0.62  0.80  -5.5  1.50   4.0  0.4  0.12  -1.0  0.78  -1.0 -1.5  0.10  60
surprise  4.5  1.75  0.93   1.5  1.15   1.5  0.1  0.00   6.0  1.00  -1.0  0.5  0.00  10
"""
EMOTIONS = {
    line.split()[0]: dict(zip(_HEAD.split(), map(float, line.split()[1:]), strict=True))
    for line in _ROWS.strip().splitlines()
}
STRENGTH = {"normal": 0.95, "strong": 1.35}  # mean strength of expression
STRENGTH_SPREAD = 0.18


def normal(rng, limit):
    """Draw from the standard normal distribution, no further out than `limit`."""
    return float(np.clip(rng.standard_normal(), -limit, limit))


def perform(who, emotion, intensity, rng):
    """Draw the cues of one clip.

    Args:
        who: `speakers.Speaker`.
        emotion: key of `EMOTIONS`.
        intensity: key of `STRENGTH`.
        rng: `numpy.random.Generator` of the clip.

    Returns:
        Dict cue -> value in the units of `CUES`: the table's deviation from neutral, times a
        strength drawn for the clip and the speaker's own style, plus the spread that any two
        utterances show. Factors (neutral value 1) are scaled and spread as logarithms.
    """
    strength = STRENGTH[intensity] + STRENGTH_SPREAD * normal(rng, 2)
    cues = {}
    for cue, (neutral, spread, _) in CUES.items():
        amount = strength * who.style[emotion][cue]
        noise = spread * normal(rng, 2.5)
        target = EMOTIONS[emotion][cue]
        if neutral == 1.0:
            cues[cue] = float(np.exp(amount * np.log(target) + noise))
        else:
            cues[cue] = float(amount * target + noise)
    return cues
