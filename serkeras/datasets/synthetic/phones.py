"""What is said: the two statements as phones with target resonances, lengths and loudness."""

import dataclasses

# Steady-state F1, F2, F3 in hertz, men and women, after Table V of Hillenbrand, J., Getty,
# L. A., Clark, M. J., & Wheeler, K. (1995). Acoustic characteristics of American English
# vowels. JASA 97(5), 3099-3111; "ax" is the neutral tube.
VOWELS = {
    "iy": ((342, 2322, 3000), (437, 2761, 3372)),
    "ih": ((427, 2034, 2684), (483, 2365, 3053)),
    "aa": ((768, 1333, 2522), (936, 1551, 2815)),
    "ao": ((652, 997, 2538), (781, 1136, 2824)),
    "o": ((497, 910, 2459), (555, 1035, 2828)),
    "uh": ((469, 1122, 2434), (519, 1225, 2827)),
    "ax": ((500, 1500, 2500), (570, 1700, 2850)),
}
WOMEN_OVER_MEN = (1.13, 1.17, 1.14)  # mean ratios of that table, for the consonants below


@dataclasses.dataclass(frozen=True)
class Phone:
    """Targets of one speech sound.

    Attributes:
        formants: F1, F2, F3 in hertz for a man; women's are scaled, vowels have their own.
        voice_db: loudness of the voice against a vowel; -inf is voiceless.
        breath_db: loudness of noise made at the glottis.
        hiss: band of `voice.NOISE_BANDS` made at a constriction, or None.
        hiss_db: its loudness.
        nasal: whether the nose is open.
        elastic: how far tempo changes its length, 0 to 1 (bursts hardly stretch).
    """

    formants: tuple
    voice_db: float = 0.0
    breath_db: float = float("-inf")
    hiss: str | None = None
    hiss_db: float = float("-inf")
    nasal: bool = False
    elastic: float = 1.0


_SILENT = float("-inf")

# Resonances after Tables II and III of Klatt (1980), see `voice.resonators`.
CONSONANTS = {
    "w": Phone((290, 610, 2150), voice_db=-5),
    "r": Phone((310, 1060, 1380), voice_db=-3),
    "l": Phone((310, 1050, 2880), voice_db=-5),
    "m": Phone((480, 1270, 2130), voice_db=-6, nasal=True),
    "n": Phone((480, 1340, 2470), voice_db=-6, nasal=True),
    "ng": Phone((480, 1900, 2500), voice_db=-7, nasal=True),
    "v": Phone((220, 1100, 2080), voice_db=-8, hiss="dental", hiss_db=-49),
    "dh": Phone((270, 1290, 2540), voice_db=-9, hiss="dental", hiss_db=-48),
    "z": Phone((240, 1390, 2530), voice_db=-11, hiss="s", hiss_db=-33, elastic=0.7),
    "dx": Phone((300, 1600, 2600), voice_db=-10, elastic=0.2),
    "b-": Phone((200, 1000, 2100), voice_db=-20, elastic=0.5),
    "b*": Phone((250, 1050, 2150), voice_db=-8, hiss="b", hiss_db=-28, elastic=0.1),
    "d-": Phone((200, 1600, 2600), voice_db=-18, elastic=0.5),
    "d*": Phone((250, 1600, 2600), voice_db=-8, hiss="t", hiss_db=-33, elastic=0.1),
    "k-": Phone((300, 1700, 2600), voice_db=_SILENT, elastic=0.5),
    "k*": Phone((300, 1500, 2500), voice_db=_SILENT, hiss="k", hiss_db=-20, elastic=0.1),
    "h": Phone((480, 1100, 2450), voice_db=_SILENT, breath_db=-20, elastic=0.4),
    "_": Phone((500, 1450, 2500), voice_db=_SILENT),
}

# phone:milliseconds at a neutral tempo; ' before an accented vowel; | where one may pause.
STATEMENTS = {
    "boat": (
        "The boat is leaving in the morning",
        "dh:45 ax:55 b-:60 b*:8 'o:90 uh:65 dx:28 ih:60 z:70 | l:65 'iy:120 v:55 ih:60 ng:60 "
        "ih:55 n:55 dh:35 ax:50 m:75 'ao:130 r:55 n:55 ih:80 ng:100",
    ),
    "coat": (
        "My coat is lying by the window",
        "m:70 aa:85 ih:50 k-:65 k*:14 h:35 'o:85 uh:60 dx:28 ih:55 z:70 | l:65 'aa:105 ih:50 "
        "ih:55 ng:60 b-:55 b*:8 aa:70 ih:40 dh:38 ax:45 w:60 'ih:90 n:50 d-:25 d*:8 o:90 uh:80",
    ),
}


def phone(symbol, female):
    """Return the targets of a sound for one sex.

    Args:
        symbol: key of `VOWELS` or `CONSONANTS`.
        female: whether to take women's resonances.
    """
    if symbol in VOWELS:
        return Phone(VOWELS[symbol][int(female)])
    targets = CONSONANTS[symbol]
    if not female:
        return targets
    scaled = tuple(f * ratio for f, ratio in zip(targets.formants, WOMEN_OVER_MEN, strict=True))
    return dataclasses.replace(targets, formants=scaled)


def spell(statement):
    """Read a statement.

    Args:
        statement: key of `STATEMENTS`.

    Returns:
        List of (symbol, seconds, accented); a possible pause is ("|", 0.0, False).
    """
    phones = []
    for item in STATEMENTS[statement][1].split():
        symbol, _, length = item.partition(":")
        phones.append((symbol.lstrip("'"), float(length or 0) / 1000, symbol.startswith("'")))
    return phones
