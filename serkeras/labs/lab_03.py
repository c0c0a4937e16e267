"""Checks of notebook 03: frames, loudness in MFCC, and what few coefficients keep."""

from serkeras.labs.answers import Hint, as_number
from serkeras.labs.checking import exercise


@exercise("3.1", points=1)
def frames_of_a_clip(answer):
    """Judge the number of centred frames."""
    # No multiple of the hop, a multiple, and shorter than a frame.
    for samples, n_fft, hop in ((48000, 2048, 512), (51200, 1024, 256), (1000, 2048, 512)):
        received = as_number(answer(samples, n_fft, hop))
        given = f"{samples} samples, n_fft {n_fft}, hop_length {hop}"
        if received == samples // hop + 1:
            continue
        if received == 1 + (samples - n_fft) // hop:
            raise Hint(
                f"for {given} you count the frames that fit inside. The kit centres the first "
                "frame on sample 0 and pads half a frame on both sides: what does n_fft do then?"
            )
        if received in (samples // hop, -(-samples // hop)):
            raise Hint(f"for {given} you miss one: there is a frame at sample 0 before any hop")
        if received != int(received):
            raise Hint(f"for {given} you return {received:g}: there are no parts of frames")
        raise Hint(f"for {given} you return {received:g}: where are the frames' centres?")


@exercise("3.2", points=2)
def change_of_coefficient_zero(answer):
    """Judge by how much MFCC 0 moves when a clip is made louder."""
    import math

    for factor, bands in ((10, 128), (2, 40), (0.1, 64)):
        received = as_number(answer(factor, bands))
        decibels = 20 * math.log10(factor)
        if abs(received - decibels * math.sqrt(bands)) < 0.01:
            continue
        given = f"factor {factor:g} and {bands} bands"
        mistakes = {
            decibels / 2 * math.sqrt(bands): "the factor is one of amplitude; power, of which the "
            "decibels are, goes with its square",
            decibels: "that is how much each band moves. Coefficient 0 is a sum over all bands, "
            "each with the weight 1 / sqrt(bands)",
            decibels * bands: "you added all bands up, but each has the weight 1 / sqrt(bands)",
            20 * math.log(factor) * math.sqrt(bands): "decibels have the logarithm to base 10",
        }
        for value, hint in mistakes.items():
            if abs(received - value) < 0.01:
                raise Hint(f"for {given}: {hint}")
        raise Hint(
            f"for {given} you return {received:.2f}. First: by how many dB does every band move? "
            "Then: what does a constant give with cosine 0?"
        )


def _image():
    """Return cosines of 12 bands, and an image in which a few coefficients hold most."""
    import numpy as np

    bands = 12
    n = np.arange(bands)
    cosines = np.sqrt(2 / bands) * np.cos(np.pi * np.outer(n, n + 0.5) / bands)
    cosines[0] /= np.sqrt(2)
    rng = np.random.default_rng(3)
    coefficients = rng.normal(size=(bands, 30)) * (40 * 0.6 ** n[:, None])
    return cosines, cosines.T @ coefficients


@exercise("3.3", points=3)
def coefficients_needed(answer):
    """Judge how many coefficients bring an image back within an error."""
    import numpy as np

    cosines, image = _image()
    mfcc = cosines @ image
    kept = range(1, len(image) + 1)
    errors = [cosines[:count].T @ mfcc[:count] - image for count in kept]
    for limit in (3.0, 0.8):
        received = as_number(answer(image.copy(), cosines.copy(), limit))
        wanted = 1 + next(i for i, e in enumerate(errors) if np.sqrt(np.mean(e**2)) <= limit)
        if received == wanted:
            continue
        largest = 1 + next(i for i, e in enumerate(errors) if np.abs(e).max() <= limit)
        squared = 1 + next(i for i, e in enumerate(errors) if np.mean(e**2) <= limit)
        given = f"for {limit:g} dB in an image of {len(image)} bands"
        if received == wanted - 1:
            raise Hint(f"{given} you are one short: index 0 means that one coefficient is kept")
        if received == largest:
            raise Hint(f"{given} you look at the largest error; take the root of the mean square")
        if received == squared:
            raise Hint(f"{given} you compare the mean square: its root is missing")
        raise Hint(
            f"{given} you return {received:g}. Keep 1, 2, 3 ... rows of the coefficients, go back "
            "with the same rows of the cosines, and stop at the first that is near enough"
        )
