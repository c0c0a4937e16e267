"""One clip: a statement, timed, intoned, voiced and recorded."""

import dataclasses

import numpy as np

from serkeras.datasets.synthetic import emotions, phones, recording, voice

FRAMES_PER_S = voice.SAMPLE_RATE / voice.FRAME
READING_TEMPO = 0.88  # of a neutral speaker, on the lengths in `phones.STATEMENTS`
SPEECH_S = (1.15, 2.55)  # shortest and longest, from the first sound to the last
# F4 and up in hertz. As many as a tract of that length has below 8 kHz, no more and no fewer:
# the cascade's sections have unit gain at 0 Hz, so each tilts all that lies above.
HIGH_FORMANTS = {False: (3550, 4500, 5500, 6500, 7500), True: (4150, 5250, 6400, 7550)}
BANDWIDTHS = (60.0, 90.0, 140.0, 220.0, 300.0, 400.0, 500.0, 600.0)


@dataclasses.dataclass(frozen=True)
class Timed:
    """A phone in its place.

    Attributes:
        phone: `phones.Phone`.
        start, stop: frames.
        accented: whether the pitch accent of a word lies on it.
    """

    phone: phones.Phone
    start: int
    stop: int
    accented: bool


def render(who, statement, emotion, intensity, rng):
    """Speak a statement.

    Args:
        who: `speakers.Speaker`.
        statement: key of `phones.STATEMENTS`.
        emotion: key of `emotions.EMOTIONS`.
        intensity: key of `emotions.STRENGTH`.
        rng: `numpy.random.Generator` of the clip.

    Returns:
        float64 array `(samples,)` at 16 kHz, 2 to 3 s, peak at most 0.95.
    """
    cues = emotions.perform(who, emotion, intensity, rng)
    score = arrange(who, statement, cues, rng)
    speech = articulate(who, score, cues, rng)
    return recording.record(who, speech, cues["level_db"], rng)


def arrange(who, statement, cues, rng):
    """Give every phone its length; the last word is drawn out, hesitations are put in."""
    spelled = phones.spell(statement)
    speed = READING_TEMPO * who.tempo * cues["tempo"]
    lengths, rows = [], []
    for i, (symbol, seconds, accented) in enumerate(spelled):
        if symbol == "|":
            pause = max(cues["pause_ms"] - 25, 0) / 1000
            rows.append((phones.phone("_", who.female), False))
            lengths.append(pause)
            continue
        targets = phones.phone(symbol, who.female)
        seconds *= 1 + 0.45 * max(i - len(spelled) + 6, 0) / 6  # lengthening before the end
        seconds *= np.exp(0.07 * rng.standard_normal())
        rows.append((targets, accented))
        lengths.append(seconds / (1 + targets.elastic * (speed - 1)))
    lengths = np.array(lengths)
    lengths *= np.clip(lengths.sum(), *SPEECH_S) / lengths.sum()
    edges = np.round(np.concatenate([[0.0], np.cumsum(lengths)]) * FRAMES_PER_S).astype(int)
    return [
        Timed(targets, int(start), int(stop), accented)
        for (targets, accented), start, stop in zip(rows, edges[:-1], edges[1:], strict=True)
        if stop > start
    ]


def steps(score, value):
    """Lay out one value a phone over its frames."""
    return np.concatenate([np.full(t.stop - t.start, value(t.phone)) for t in score])


def smooth(track, frames):
    """Average a track over a Hann window `frames` wide (odd); its ends are held."""
    frames = int(frames) | 1
    window = np.hanning(frames + 2)[1:-1]
    padded = np.pad(track, frames // 2, mode="edge")
    return np.convolve(padded, window / window.sum(), mode="valid")


def accents(score, width):
    """Return a track of bumps of height 1 on the accented vowels, `width` seconds wide."""
    at = np.arange(score[-1].stop) / FRAMES_PER_S
    track = np.zeros(len(at))
    for timed in score:
        if timed.accented:
            middle = (0.6 * timed.start + 0.4 * timed.stop) / FRAMES_PER_S
            track += np.exp(-0.5 * ((at - middle) / width) ** 2)
    return track


def drift(frames, seconds, rng):
    """Slow random movement, standard deviation about 1, correlated over `seconds`."""
    count = int(np.ceil(frames / (seconds * FRAMES_PER_S))) + 2
    knots = rng.standard_normal(count)
    return smooth(np.interp(np.linspace(0, count - 1, frames), np.arange(count), knots), 25)


def pitch(who, score, cues, rng):
    """Return the F0 track in hertz: declination, accents, end, tremor and drift."""
    frames = score[-1].stop
    at = np.arange(frames) / FRAMES_PER_S
    place = np.arange(frames) / frames
    movement = who.f0_range * cues["f0_range"]
    heights = 3.2 * np.exp(0.2 * rng.standard_normal()) * accents(score, 0.085)
    line = movement * (2.0 * (0.5 - place) + heights - 1.2) + 0.35 * drift(frames, 0.18, rng)
    last = np.clip((at - at[-1] + 0.42) / 0.38, 0, 1)
    line += (cues["final_st"] - 1.5) * (3 * last**2 - 2 * last**3)
    tremor = np.sin(2 * np.pi * (rng.uniform(5, 7) * at + rng.random()))
    line += max(cues["tremor_st"], 0) * tremor * (0.6 + 0.4 * drift(frames, 0.3, rng))
    dip = steps(score, lambda p: -0.5 if p.voice_db < -4 else 0.0)
    line += smooth(dip, 9) + cues["f0_st"]
    return np.clip(who.f0 * 2 ** (line / 12), 60, 620)


def articulate(who, score, cues, rng):
    """Turn a timed score into speech, level and room still missing."""
    frames = score[-1].stop
    samples = frames * voice.FRAME
    stress = accents(score, 0.09)
    place = np.arange(frames) / frames
    loudness = (3.0 + cues["force_db"]) * (stress - 0.3) - 4 * place
    loudness = loudness + 0.7 * drift(frames, 0.15, rng)
    voiced = smooth(steps(score, lambda p: voice.linear(p.voice_db)), 9) * voice.linear(loudness)
    voiced *= _hold(frames, 5, 22)
    ending = np.clip((place - 0.75) / 0.25, 0, 1)
    rd = np.clip(who.rd * cues["rd"] * (1 - 0.12 * stress + 0.3 * ending), 0.35, 2.6)
    creak = np.clip(cues["creak"] * (0.35 + ending), 0, 0.9)
    pulses, opening = voice.glottal_source(
        pitch(who, score, cues, rng),
        rd,
        voiced,
        jitter=max(who.jitter_pct + cues["jitter_pct"], 0.1) / 100,
        shimmer=max(who.shimmer_pct + 2.5 * cues["jitter_pct"], 0.5) / 100,
        creak=creak,
        rng=rng,
    )
    breath_db = who.breath_db + cues["breath_db"] + 9 * (who.rd * cues["rd"] - 0.8)
    breath = voiced * voice.linear(breath_db) * 1.6
    puffs = smooth(steps(score, lambda p: voice.linear(p.breath_db)), 7) * voice.linear(loudness)
    noise = rng.standard_normal(samples)
    noise *= voice.spread(breath, samples) * opening + voice.spread(puffs, samples)
    speech = voice.vocal_tract(voice.brighten(pulses + noise), *tract(who, score, cues))
    return speech + hisses(who, score, loudness, rng)


def _hold(frames, attack, release):
    """Open and close gently: a track that rises over `attack` frames and falls at the end."""
    at = np.arange(frames)
    rise = np.clip((at + 0.5) / attack, 0, 1)
    fall = np.clip((frames - at - 0.5) / release, 0, 1)
    return np.sin(0.5 * np.pi * rise) ** 2 * np.sin(0.5 * np.pi * fall) ** 2


def tract(who, score, cues):
    """Return formants, bandwidths and the nose's zero and pole as control tracks.

    Slurring is a longer average over the targets: short vowels no longer reach theirs.
    """
    spread_lips = 1 + cues["smile_pct"] / 100
    width = 0.075 * FRAMES_PER_S / cues["precision"]
    low = [smooth(steps(score, lambda p, i=i: p.formants[i]), width) for i in range(3)]
    openness = np.log(low[0] / 500) * (min(cues["precision"], 1.4) - 1) * 0.5
    low[0] = low[0] * np.exp(openness)
    frames = score[-1].stop
    high = [np.full(frames, f) for f in HIGH_FORMANTS[who.female]]
    formants = np.minimum(np.stack(low + high, axis=1) * who.tract * spread_lips, 7700)
    nasal = smooth(steps(score, lambda p: float(p.nasal)), 13)
    laxness = max(who.rd * cues["rd"] - 0.8, 0)
    widths = np.array(BANDWIDTHS[: formants.shape[1]]) * (1.2 if who.female else 1.0)
    bandwidths = np.repeat(widths[None], frames, axis=0)
    bandwidths[:, 0] += 50 * laxness + 60 * nasal
    bandwidths[:, 1] += 30 * laxness + 60 * nasal
    return formants, bandwidths, 270 + 190 * nasal, np.full(frames, 270.0)


def hisses(who, score, loudness, rng):
    """Noise of fricatives and plosive bursts, outside the cascade."""
    samples = score[-1].stop * voice.FRAME
    total = np.zeros(samples)
    scale = who.tract * (1.1 if who.female else 1.0)
    for band in voice.NOISE_BANDS:
        track = steps(score, lambda p, b=band: voice.linear(p.hiss_db) if p.hiss == b else 0.0)
        if track.any():
            envelope = voice.spread(smooth(track, 5) * voice.linear(loudness), samples)
            total += voice.constriction_noise(band, scale, samples, rng) * envelope
    return total * 4.0
