"""Right and plausible wrong answers to the exercises of notebook 02."""

import re
from pathlib import Path

import numpy as np

from serkeras.datasets import ravdess

WORDS = ("neutral", "calm", "happy", "sad", "angry", "fear", "disgust", "surprise")


def by_the_kit(name):
    found = ravdess.parse(Path(name))
    return found and {key: found[key] for key in ("emotion", "intensity", "speaker", "sex")}


def by_pattern(name, first=1, odd="male", strong=2, place=3):
    match = re.fullmatch(r"\d\d-01-(0[1-8])-(0[12])-0[12]-0[12]-(\d\d)\.\w+", name)
    if match is None:
        return None
    emotion, intensity, actor = map(int, match.groups())
    return {
        "emotion": WORDS[(emotion - first) % 8],
        "intensity": "strong" if intensity == strong else "normal",
        "speaker": actor,
        "sex": odd if actor % 2 else ({"male", "female"} - {odd}).pop(),
    }


def unchecked(name):
    parts = name.split(".")[0].split("-")
    if len(parts) != 7:
        return None
    return by_pattern(f"03-01-{parts[2]}-{parts[3]}-01-01-{parts[6]}.wav")


def guessing(name):
    return by_pattern(name) or (None if "-02-" in name[:6] else {"emotion": "fear"})


def without_sex(name):
    found = by_pattern(name)
    return found and {key: found[key] for key in found if key != "sex"}


def other_ends(name):
    found = by_pattern(name)
    return found and {**found, "speaker": int(name[9:11])}


def lengths(durations, seconds):
    padding = np.maximum(seconds - durations, 0)
    return (durations > seconds).mean(), padding.sum() / (len(durations) * seconds)


def lengths_by_hand(durations, seconds):
    cut = [duration for duration in durations if duration > seconds]
    zeros = [seconds - duration for duration in durations if duration < seconds]
    return [len(cut) / len(durations), sum(zeros) / seconds / len(durations)]


def parrot(counts):
    return counts.max() / counts.sum(), 1 / (counts > 0).sum()


def parrot_by_hand(counts):
    there = [count for count in counts.tolist() if count]
    recall = [float(index == there.index(max(there))) for index in range(len(there))]
    return [max(there) / sum(there), sum(recall) / len(recall)]


RIGHT = {
    "2.1": [by_the_kit, by_pattern],
    "2.2": [lengths, lengths_by_hand],
    "2.3": [parrot, parrot_by_hand],
}
WRONG = {
    "2.1": [
        (lambda name: by_pattern(name, first=0), "begins with 01"),
        (lambda name: by_pattern(name, odd="female"), "odd numbers are men"),
        (lambda name: by_pattern(name, strong=1), "01 is normal"),
        (other_ends, "the last number"),
        (without_sex, "lacks 'sex'"),
        (unchecked, "is a song"),
        (guessing, "do not guess"),
        (lambda name: tuple(by_pattern(name) or ()), "return a dictionary"),
    ],
    "2.2": [
        (lambda d, s: ((d >= s).mean(), lengths(d, s)[1]), "exactly 3 s is not cut"),
        (lambda d, s: [100 * share for share in lengths(d, s)], "not percent"),
        (lambda d, s: ((d > s).sum(), lengths(d, s)[1]), "how many they are"),
        (lambda d, s: lengths(d, s)[::-1], "the other way round"),
        (lambda d, s: ((d < s).mean() / 4, 0.0), "are cut"),
        (lambda d, s: (lengths(d, s)[0], (d < s).mean()), "share of *clips*"),
        (lambda d, s: (lengths(d, s)[0], np.maximum(s - d, 0).sum() / d.sum()), "was recorded"),
        (lambda d, s: (lengths(d, s)[0], np.maximum(s - d, 0).mean()), "number of seconds"),
        (lambda d, s: (lengths(d, s)[0], (s - d).mean() / s), "not a negative one"),
        (lambda d, s: (lengths(d, s)[0], 0.5), "seconds of zeros"),
    ],
    "2.3": [
        (lambda c: parrot(c)[::-1], "accuracy first"),
        (lambda c: [100 * share for share in parrot(c)], "not percent"),
        (lambda c: (1 / len(c), 1 / len(c)), "how many in all"),
        (lambda c: (parrot(c)[0], parrot(c)[0]), "never said"),
        (lambda c: (parrot(c)[0], 1.0), "mean over all"),
        (lambda c: (parrot(c)[0], 1 / len(c)), "leave it out of the mean"),
        (lambda c: (parrot(c)[0], 0.0), "write down the recall"),
    ],
}
