"""Checks of notebook 04: what a signal-to-noise ratio means, and where VTLP moves a tone."""

from serkeras.labs.answers import Hint, as_array, as_number
from serkeras.labs.checking import exercise


@exercise("4.1", points=1)
def share_of_the_noise(answer):
    """Judge the share that noise has in the power of signal and noise together."""
    for snr_db in (10, 0, -6):
        received = as_number(answer(snr_db))
        ratio = 10 ** (snr_db / 10)
        if abs(received - 1 / (1 + ratio)) < 1e-3:
            continue
        mistakes = {
            1 / ratio: "that is noise against signal; asked for is noise against both together",
            ratio / (1 + ratio): "that is the signal's share",
            1 / (1 + 10 ** (snr_db / 20)): "a ratio of powers has 10 in its formula; 20 belongs "
            "to amplitudes",
            100 / (1 + ratio): "give a share between 0 and 1, not percent",
        }
        for value, hint in mistakes.items():
            if abs(received - value) < 1e-3:
                raise Hint(f"at {snr_db} dB: {hint}")
        raise Hint(
            f"at {snr_db} dB you return {received:.3f}. Turn the decibels into a ratio of powers "
            "first; with a noise of power 1, how large is the signal's?"
        )


@exercise("4.2", points=3)
def mix_at_a_ratio(answer):
    """Judge a mixture of a signal and a noise at an exact SNR."""
    import numpy as np

    rng = np.random.default_rng(4)
    wave = 0.3 * np.sin(2 * np.pi * 200 * np.arange(4000) / 16000)
    noise = rng.normal(scale=2.0, size=4000)  # its power is far from 1
    for snr_db in (10, 0, -5):
        mixed = as_array(answer(wave.copy(), noise.copy(), snr_db), (4000,))
        added = mixed - wave
        if not np.any(added):
            raise Hint("nothing was added to the signal")
        measured = 10 * np.log10(np.mean(wave**2) / np.mean(added**2))
        _require_scaled(added, noise)
        if abs(measured - snr_db) > 0.05:
            raise Hint(_why_not(measured, snr_db, wave, noise))


def _require_scaled(added, noise):
    import numpy as np

    similar = np.dot(added, noise) / np.linalg.norm(added) / np.linalg.norm(noise)
    if abs(similar) < 0.999:
        raise Hint(
            "what you added is not the given noise times one number. Do you change the signal "
            "too, or draw another noise? The signal should stay, the noise be scaled"
        )


def _why_not(measured, snr_db, wave, noise):
    import numpy as np

    signal_db = 10 * np.log10(np.mean(wave**2))
    noise_db = 10 * np.log10(np.mean(noise**2))
    mistakes = {
        signal_db - noise_db: "the noise was added as it is: scale it first",
        snr_db - noise_db: "the noise's own power is not accounted for",
        signal_db - noise_db + snr_db: "neither the signal's nor the noise's power is in it",
        2 * snr_db: "you scale the amplitude by a ratio of powers: a root is missing",
        -snr_db: "signal and noise have changed places",
        snr_db + signal_db: "the signal's own power is not accounted for",
        2 * (signal_db - noise_db) + snr_db: "the powers of signal and noise have changed places",
    }
    for value, hint in mistakes.items():
        if abs(measured - value) < 0.05:
            return f"asked for {snr_db} dB, measured {measured:.1f} dB: {hint}"
    return (
        f"asked for {snr_db} dB, measured {measured:.1f} dB. Which power should the noise have? "
        "A factor on the samples changes the power by its square"
    )


@exercise("4.3", points=2)
def frequency_after_vtlp(answer):
    """Judge where VTLP moves a frequency."""
    for hertz, alpha in ((1000, 1.1), (4600, 1.1), (7000, 1.1), (8000, 1.1), (7000, 0.9)):
        received = as_number(answer(hertz, alpha, 4800, 16000))
        top = 4800 * min(alpha, 1)
        corner = top / alpha
        above = 8000 - (8000 - top) / (8000 - corner) * (8000 - hertz)
        wanted = alpha * hertz if hertz <= corner else above
        if abs(received - wanted) < 0.5:
            continue
        given = f"{hertz} Hz, alpha {alpha:g}, cut 4800 Hz"
        if abs(received - alpha * hertz) < 0.5:
            raise Hint(
                f"{given}: above the corner a frequency is no longer multiplied, or half the rate "
                "would move too. The corner lies at c min(alpha, 1) / alpha"
            )
        if hertz == 1000:
            raise Hint(f"{given}: below the corner a frequency is multiplied by alpha")
        if hertz == 8000:
            raise Hint(f"{given}: half the sample rate must stay where it is")
        raise Hint(
            f"{given}: you return {received:.1f} Hz. Above the corner the rest of the axis is "
            "stretched evenly so that S/2 stays: have you min(alpha, 1) in both places?"
        )
