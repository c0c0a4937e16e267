"""Right and plausible wrong answers to the exercises of notebook 04."""

import numpy as np


def mix(wave, noise, snr_db):
    wanted = np.mean(wave**2) / 10 ** (snr_db / 10)
    return wave + noise * np.sqrt(wanted / np.mean(noise**2))


def mix_by_levels(wave, noise, snr_db):
    def rms(x):
        return np.sqrt(np.mean(np.square(x)))

    gain_db = 20 * np.log10(rms(wave) / rms(noise)) - snr_db
    return (wave + 10 ** (gain_db / 20) * noise).astype("float32").tolist()


def scaled(factor):
    return lambda wave, noise, snr_db: wave + factor(wave, noise, snr_db) * noise


def power(x):
    return np.mean(x**2)


def vtlp(hertz, alpha, cutoff_hz, sample_rate):
    top, half = cutoff_hz * min(alpha, 1), sample_rate / 2
    corner = top / alpha
    if hertz <= corner:
        return alpha * hertz
    return half - (half - top) / (half - corner) * (half - hertz)


def vtlp_by_interpolation(hertz, alpha, cutoff_hz, sample_rate):
    top = cutoff_hz * min(alpha, 1)
    return np.interp(hertz, [0, top / alpha, sample_rate / 2], [0, top, sample_rate / 2])


def corner_at_the_cut(hertz, alpha, cutoff_hz, sample_rate):
    half, top = sample_rate / 2, alpha * cutoff_hz
    if hertz <= cutoff_hz:
        return alpha * hertz
    return half - (half - top) / (half - cutoff_hz) * (half - hertz)


def without_minimum(hertz, alpha, cutoff_hz, sample_rate):
    half, corner = sample_rate / 2, cutoff_hz / alpha
    if hertz <= corner:
        return alpha * hertz
    return half - (half - cutoff_hz) / (half - corner) * (half - hertz)


RIGHT = {
    "4.1": [
        lambda snr_db: 1 / (1 + 10 ** (snr_db / 10)),
        lambda snr_db: round(10 ** (-snr_db / 10) / (1 + 10 ** (-snr_db / 10)), 4),
    ],
    "4.2": [mix, mix_by_levels],
    "4.3": [vtlp, vtlp_by_interpolation],
}
WRONG = {
    "4.1": [
        (lambda snr_db: 10 ** (-snr_db / 10), "noise against signal"),
        (lambda snr_db: 1 - 1 / (1 + 10 ** (snr_db / 10)), "the signal's share"),
        (lambda snr_db: 1 / (1 + 10 ** (snr_db / 20)), "20 belongs"),
        (lambda snr_db: 100 / (1 + 10 ** (snr_db / 10)), "not percent"),
        (lambda snr_db: 10 / (10 + abs(snr_db)), "Turn the decibels"),
    ],
    "4.2": [
        (lambda wave, noise, snr_db: wave + noise, "added as it is"),
        (lambda wave, noise, snr_db: wave, "nothing was added"),
        (
            scaled(lambda w, n, snr: np.sqrt(power(w) / 10 ** (snr / 10))),
            "noise's own power is not",
        ),
        (
            scaled(lambda w, n, snr: np.sqrt(power(w) / power(n)) / 10 ** (snr / 10)),
            "a root is missing",
        ),
        (scaled(lambda w, n, snr: np.sqrt(power(w) / power(n) * 10 ** (snr / 10))), "changed"),
        (scaled(lambda w, n, snr: np.sqrt(power(n) / power(w) / 10 ** (snr / 10))), "changed"),
        (scaled(lambda w, n, snr: np.sqrt(1 / power(n) / 10 ** (snr / 10))), "signal's own power"),
        (scaled(lambda w, n, snr: 10 ** (-snr / 20)), "neither the signal"),
        (scaled(lambda w, n, snr: power(w) / power(n) / 10 ** (snr / 10)), "by its square"),
        (lambda w, n, snr: mix(w, n, snr) / np.abs(mix(w, n, snr)).max(), "signal should stay"),
        (lambda w, n, snr: mix(w, np.random.default_rng(0).normal(size=w.size), snr), "another"),
    ],
    "4.3": [
        (lambda hertz, alpha, cut, rate: alpha * hertz, "no longer multiplied"),
        (corner_at_the_cut, "no longer multiplied"),
        (without_minimum, "min(alpha, 1)"),
        (lambda hertz, alpha, cut, rate: hertz / alpha, "is multiplied by alpha"),
        (
            lambda hertz, alpha, cut, rate: min(vtlp(hertz, alpha, cut, rate), 7500),
            "half the sample rate must stay",
        ),
    ],
}
