"""Right and plausible wrong answers to the exercises of notebook 03."""

import math

import numpy as np


def needed(image, cosines, error_db):
    mfcc = cosines @ image
    for kept in range(1, len(image) + 1):
        back = cosines[:kept].T @ mfcc[:kept]
        if np.sqrt(np.mean((back - image) ** 2)) <= error_db:
            return kept
    return len(image)


def needed_by_what_is_left(image, cosines, error_db):
    # The cosines are orthonormal: the error's power is that of the coefficients left out.
    power = ((cosines @ image) ** 2).sum(axis=1)
    left = power.sum() - np.cumsum(power)
    return np.argmax(left / image.size <= error_db**2) + 1


def stop_at(measure, error_db_of=lambda e: e):
    def answer(image, cosines, error_db):
        mfcc = cosines @ image
        for kept in range(1, len(image) + 1):
            if measure(cosines[:kept].T @ mfcc[:kept] - image) <= error_db_of(error_db):
                return kept
        return len(image)

    return answer


RIGHT = {
    "3.1": [
        lambda samples, n_fft, hop: 1 + samples // hop,
        lambda samples, n_fft, hop: len(range(0, samples + n_fft - n_fft + 1, hop)),
        lambda samples, n_fft, hop: np.array([np.floor(samples / hop) + 1]),
    ],
    "3.2": [
        lambda factor, bands: 20 * np.log10(factor) * np.sqrt(bands),
        lambda factor, bands: sum([10 * math.log10(factor**2)] * bands) / bands**0.5,
    ],
    "3.3": [needed, needed_by_what_is_left],
}
WRONG = {
    "3.1": [
        (lambda samples, n_fft, hop: 1 + (samples - n_fft) // hop, "frames that fit inside"),
        (lambda samples, n_fft, hop: samples // hop, "you miss one"),
        (lambda samples, n_fft, hop: math.ceil(samples / hop), "you miss one"),
        (lambda samples, n_fft, hop: samples / hop + 1, "no parts of frames"),
        (lambda samples, n_fft, hop: samples // n_fft, "centres"),
    ],
    "3.2": [
        (lambda factor, bands: 10 * np.log10(factor) * np.sqrt(bands), "goes with its square"),
        (lambda factor, bands: 20 * np.log10(factor), "a sum over all bands"),
        (lambda factor, bands: 20 * np.log10(factor) * bands, "you added all bands up"),
        (lambda factor, bands: 20 * np.log(factor) * np.sqrt(bands), "base 10"),
        (lambda factor, bands: 20 * np.sqrt(bands), "how many dB does every band move"),
    ],
    "3.3": [
        (lambda *given: needed(*given) - 1, "one short"),
        (stop_at(lambda e: np.abs(e).max()), "the largest error"),
        (stop_at(lambda e: np.mean(e**2)), "its root is missing"),
        (stop_at(lambda e: abs(np.mean(e))), "stop at the first"),
        (lambda image, cosines, error_db: len(image), "stop at the first"),
        (lambda image, cosines, error_db: cosines @ image, "one number"),
    ],
}
