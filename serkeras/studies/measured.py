"""What two systems said of the same clips, as a table: their measures and the difference."""

import pandas as pd

from serkeras.studies import paired

MEASURES = ("uar", "accuracy")


def judge(clips):
    """Return what two systems said as arrays, and the unit that is drawn.

    Args:
        clips: DataFrame with the columns clip, speaker, emotion, run, a and b (their answers).

    Returns:
        `serkeras.studies.paired.Judged`, and "speaker", or "clip" where speakers do not serve.
    """
    labels = sorted(set(clips["emotion"]) | set(clips["a"]) | set(clips["b"]))
    codes = {label: code for code, label in enumerate(labels)}
    truth, a, b = (clips[name].map(codes).to_numpy() for name in ("emotion", "a", "b"))
    known = clips["speaker"].notna().all() and clips["speaker"].nunique() > 1
    unit = "speaker" if known else "clip"
    runs, units = (pd.factorize(clips[name])[0] for name in ("run", unit))
    return paired.Judged(truth, a, b, runs, units), unit


def measure(judged, name, limits, seed=0):
    """Return a measure of two systems and their difference, as a dictionary.

    Args:
        judged: `serkeras.studies.paired.Judged`.
        name: "uar" or "accuracy".
        limits: (low, high) of the difference, see `paired.bootstrap`.
        seed: of the exchanges, where they are too many to count.

    Returns:
        dict of a, b, difference, low, high, p and exact.
    """
    weights = judged.weights(name)
    p, exact = paired.sign_flip(paired.contributions(judged, name), seed=seed)
    value_a = float(weights[judged.a == judged.truth].sum())
    value_b = float(weights[judged.b == judged.truth].sum())
    return {
        "a": value_a,
        "b": value_b,
        "difference": value_a - value_b,
        "low": limits[0],
        "high": limits[1],
        "p": p,
        "exact": exact,
    }
