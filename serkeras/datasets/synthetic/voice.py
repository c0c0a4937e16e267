"""The voice as source and filter: glottal pulses, noise, and a moving vocal tract.

Controls are tracks of one value per `FRAME` samples; they are interpolated, never stepped, so
that nothing clicks.
"""

import functools

import numpy as np
from scipy import fft, optimize, signal

SAMPLE_RATE = 16000
FRAME = 64  # samples between control values, 4 ms
OVERSAMPLING = 3  # the edge of a glottal pulse aliases audibly without it
PHASES = 1024  # resolution of a stored pulse
FFT = 1024  # 64 ms: time for the narrowest resonance to ring out
_DELAY = np.exp(-2j * np.pi * np.arange(FFT // 2 + 1) / FFT)
RD_GRID = np.linspace(0.3, 2.7, 25)  # the range over which Fant fitted his formulas

# Pass bands in hertz of the noise made at a constriction (men's; a shorter tract raises them).
NOISE_BANDS = {
    "s": (3800, 7200),
    "dental": (1200, 7000),
    "t": (2800, 6500),
    "k": (1300, 2800),
    "b": (300, 1500),
}


@functools.cache
def glottal_pulses():
    """Tabulate one period of the Liljencrants-Fant glottal flow derivative.

    Returns:
        float64 array `(len(RD_GRID), PHASES + 1)`: rows from a tense voice (small Rd) to a lax
        one, columns from the start of opening to the start of the next; the negative peak at
        closure is -1, the sum zero.

    Source:
        Fant, G., Liljencrants, J., & Lin, Q. (1985). A four-parameter model of glottal flow.
        STL-QPSR 26(4), 1-13. One-parameter form: Fant, G. (1995). The LF-model revisited.
        STL-QPSR 36(2-3), 119-156.
    """
    return np.stack([_lf_pulse(rd) for rd in RD_GRID])


def _lf_pulse(rd):
    """One LF period for one Rd, sampled at `PHASES + 1` points of a period of length 1."""
    ra = (-1 + 4.8 * rd) / 100
    rk = (22.4 + 11.8 * rd) / 100
    rg = rk / (4 * (0.11 * rd / (0.5 + 1.2 * rk) - ra))
    peak = 1 / (2 * rg)
    closure = peak * (1 + rk)
    rest = 1 - closure
    omega = np.pi / peak
    decay = optimize.brentq(lambda e: e * ra - 1 + np.exp(-e * rest), 0.01 / ra, 2 / ra)
    returned = ((1 - np.exp(-decay * rest)) / decay - rest * np.exp(-decay * rest)) / (decay * ra)

    def opened(alpha):
        # Area of the open phase, scaled so that the derivative is -1 at closure.
        turn = omega * closure
        area = np.exp(alpha * closure) * (alpha * np.sin(turn) - omega * np.cos(turn)) + omega
        return -area / (alpha**2 + omega**2) / (np.exp(alpha * closure) * np.sin(turn))

    alpha = optimize.brentq(lambda a: opened(a) - returned, -30, 60)
    t = np.linspace(0, 1, PHASES + 1)
    rising = np.exp(alpha * (t - closure)) * np.sin(omega * t) / -np.sin(omega * closure)
    falling = (np.exp(-decay * (t - closure)) - np.exp(-decay * rest)) / -(decay * ra)
    return np.where(t < closure, rising, falling)


def linear(decibels):
    """Decibels to amplitude."""
    return 10 ** (np.asarray(decibels) / 20)


def spread(track, samples):
    """Interpolate a control track to `samples` values over the same time."""
    at = np.arange(samples) * (len(track) / samples)
    return np.interp(at, np.arange(len(track)), track)


def glottal_source(f0, rd, loudness, *, jitter, shimmer, creak, rng):
    """Make the periodic part of the voice.

    Args:
        f0: float array `(frames,)`, fundamental frequency in hertz.
        rd: float array `(frames,)`, Fant's Rd: 0.3 pressed, 1 modal, 2.7 very lax.
        loudness: float array `(frames,)`, amplitude at closure, linear.
        jitter: standard deviation of the period from one to the next, relative.
        shimmer: the same of the amplitude.
        creak: float array `(frames,)`, 0 to 1: how far every second pulse is late and weak.
        rng: `numpy.random.Generator`.

    Returns:
        (pulses, opening): float arrays `(frames * FRAME,)`; `opening` runs from 0 (closed) to
        1 once a period and serves to pulse the breath noise.
    """
    samples = len(f0) * FRAME
    dense = samples * OVERSAMPLING
    f0, rd, loudness, creak = (spread(track, dense) for track in (f0, rd, loudness, creak))
    step = f0 / (SAMPLE_RATE * OVERSAMPLING)
    cycle = np.cumsum(step).astype(int)
    draws = rng.standard_normal((2, cycle[-1] + 3)).clip(-2.5, 2.5)
    odd = cycle % 2
    step *= 1 + jitter * draws[0, cycle] + creak * np.where(odd, 0.18, -0.14)
    phase = np.cumsum(step)
    cycle = np.minimum(phase.astype(int), draws.shape[1] - 1)
    weight = loudness * (1 + shimmer * draws[1, cycle]) * (1 - 0.55 * creak * (cycle % 2))
    wave = _look_up(glottal_pulses(), rd, phase - np.floor(phase)) * weight
    pulses = signal.resample_poly(wave, 1, OVERSAMPLING)
    opening = 0.5 - 0.5 * np.cos(2 * np.pi * phase[::OVERSAMPLING])
    return pulses, opening


def _look_up(table, rd, phase):
    """Read pulses at a fractional phase, blending the two nearest rows in Rd."""
    row = (rd.clip(RD_GRID[0], RD_GRID[-1]) - RD_GRID[0]) / (RD_GRID[1] - RD_GRID[0])
    low = np.minimum(row.astype(int), len(table) - 2)
    column = phase * PHASES
    left = column.astype(int)
    flat, start = table.ravel(), low * (PHASES + 1) + left
    across = column - left
    lower = flat[start] * (1 - across) + flat[start + 1] * across
    start = start + PHASES + 1
    upper = flat[start] * (1 - across) + flat[start + 1] * across
    return lower + (upper - lower) * (row - low)


def _denominator(frequency, bandwidth):
    """Response of a resonance's denominator at `_DELAY`'s frequencies, 1 at 0 Hz.

    Args:
        frequency: float array `(frames,)`, hertz.
        bandwidth: float array `(frames,)`, hertz.

    Returns:
        complex array `(frames, FFT // 2 + 1)`.

    Source:
        Klatt, D. H. (1980). Software for a cascade/parallel formant synthesizer. JASA 67(3),
        971-995, equations 1 and 2.
    """
    radius = np.exp(-np.pi * bandwidth / SAMPLE_RATE)
    a1 = -2 * radius * np.cos(2 * np.pi * frequency / SAMPLE_RATE)
    a2 = radius**2
    gain = 1 / (1 + a1 + a2)
    response = _DELAY * (a2 * gain)[:, None]
    response += (a1 * gain)[:, None]
    response *= _DELAY
    response += gain[:, None]
    return response


def vocal_tract(excitation, formants, bandwidths, nasal_zero, nasal_pole):
    """Filter by a cascade of moving resonances and the nose's pole and zero.

    Frames of the excitation, cut out by overlapping Hann windows, are each filtered by a
    tract at rest and their answers added up: the sound of one posture fades into the next.
    A recursive filter whose coefficients jump would click at every fast formant movement.

    Args:
        excitation: float array `(frames * FRAME,)`.
        formants: float array `(frames, n)`, hertz.
        bandwidths: float array `(frames, n)`, hertz.
        nasal_zero: float array `(frames,)`, hertz.
        nasal_pole: float array `(frames,)`, hertz; where equal to the zero the nose is shut.

    Returns:
        float array of the excitation's shape.
    """
    frames, count = formants.shape
    padded = np.pad(excitation, (0, FRAME)).reshape(-1, FRAME)
    window = 0.5 - 0.5 * np.cos(np.pi * np.arange(2 * FRAME) / FRAME)
    spectra = fft.rfft(np.hstack([padded[:-1], padded[1:]]) * window, FFT, axis=1)
    width = np.full(frames, 100.0)
    spectra *= _denominator(nasal_zero, width)
    poles = _denominator(nasal_pole, width)
    for i in range(count):
        poles *= _denominator(formants[:, i], bandwidths[:, i])
    answers = fft.irfft(spectra / poles, FFT, axis=1).reshape(frames, -1, FRAME)
    output = np.zeros((frames + FFT // FRAME, FRAME))
    for i in range(FFT // FRAME):
        output[i : i + frames] += answers[:, i]
    return output[:frames].ravel()


def brighten(wave):
    """Lift everything above about 1 kHz by 8 dB.

    Against the long-term spectra of acted speech (RAVDESS, men and women) the LF source at
    textbook values of Rd lacks that much; with it, bands up to 8 kHz agree within some 3 dB.
    """
    low, high = 2 * np.pi * 500, 2 * np.pi * 1250
    return signal.lfilter(*signal.bilinear([1, low], [1, high], SAMPLE_RATE), wave)


@functools.cache
def _noise_filter(band, scale):
    low, high = (min(edge * scale, 7600) for edge in NOISE_BANDS[band])
    return signal.butter(2, (low, high), "bandpass", fs=SAMPLE_RATE, output="sos")


def constriction_noise(band, scale, samples, rng):
    """Noise as made at a narrow place in the mouth, unit variance before the filter.

    Args:
        band: key of `NOISE_BANDS`.
        scale: factor on its edges (shorter tract, higher noise).
        samples: length.
        rng: `numpy.random.Generator`.
    """
    return signal.sosfilt(_noise_filter(band, scale), rng.standard_normal(samples))
