"""The Fourier transform of the layers, in one place."""

import contextlib
import contextvars
import math

import numpy as np
from keras import ops

_MATRICES = contextvars.ContextVar("serkeras_fourier_by_matrices", default=False)
_MOST_SLICES = 64


def power_spectrogram(waves, settings):
    """Power of centred frames, zeros outside the clip.

    `keras.ops.stft(center=True)` would continue the clip by reflection, which librosa's
    features do not.

    Args:
        waves: float32 tensor `(batch, samples)`.
        settings: `serkeras.features.spectral.MelSettings`.

    Returns:
        float32 tensor `(batch, frames, 1 + n_fft // 2)`.
    """
    half = settings.n_fft // 2
    padded = ops.pad(waves, [(0, 0), (half, half)])
    if _MATRICES.get():
        return _power_by_matrices(padded, settings)
    real, imaginary = ops.stft(
        padded,
        sequence_length=settings.n_fft,
        sequence_stride=settings.hop_length,
        fft_length=settings.n_fft,
        window=settings.window(),
        center=False,
    )
    return ops.square(real) + ops.square(imaginary)


@contextlib.contextmanager
def by_matrices():
    """Compute spectra by matrix products in what is traced or called inside the block.

    Formats that know no Fourier transform can hold such a graph. The figures differ in the last
    bits of float32.
    """
    token = _MATRICES.set(True)
    try:
        yield
    finally:
        _MATRICES.reset(token)


def _power_by_matrices(padded, settings):
    """Return the power of frames of padded waveforms in two steps, as two factors of `n_fft`.

    A clip's frames times one matrix `(n_fft, n_fft)` would be tens of megabytes in a file; two
    steps of some `sqrt(n_fft)` are some kilobytes, and less work.

    Source:
        Cooley & Tukey (1965), Mathematics of Computation 19; as products of matrices: Van Loan
        (1992), Computational Frameworks for the Fast Fourier Transform, section 3.3.
    """
    n_fft = settings.n_fft
    first = max(size for size in range(1, math.isqrt(n_fft) + 1) if n_fft % size == 0)
    second = n_fft // first
    frames = _frames(padded, n_fft, settings.hop_length) * settings.window()
    count = ops.shape(frames)[1]
    # Sample n = second * a + b, frequency k = c + first * d: over a, turned by b * c, over b.
    x = ops.transpose(ops.reshape(frames, (-1, count, first, second)), (0, 1, 3, 2))
    real, imaginary = (ops.matmul(x, part) for part in _wave_table(first, first))
    cosine, sine = _turns(second, first, n_fft)
    turned = (real * cosine - imaginary * sine, real * sine + imaginary * cosine)
    turned = [ops.transpose(part, (0, 1, 3, 2)) for part in turned]  # (batch, frames, c, b)
    cosine, sine = _wave_table(second, second // 2 + 1)
    real = ops.matmul(turned[0], cosine) - ops.matmul(turned[1], sine)
    imaginary = ops.matmul(turned[0], sine) + ops.matmul(turned[1], cosine)
    power = ops.transpose(ops.square(real) + ops.square(imaginary), (0, 1, 3, 2))
    power = ops.reshape(power, (-1, count, first * (second // 2 + 1)))
    return power[..., : n_fft // 2 + 1]


def _frames(padded, n_fft, hop_length):
    """Return frames `(batch, frames, n_fft)` of waveforms `(batch, samples)`, by slices alone."""
    block = math.gcd(n_fft, hop_length)
    per_frame, stride = n_fft // block, hop_length // block
    if per_frame > _MOST_SLICES:
        raise ValueError(
            "Without a Fourier transform of its own a graph needs `n_fft` and `hop_length` with a "
            f"large common divisor, {-(-n_fft // _MOST_SLICES)} or more. Received: n_fft={n_fft}, "
            f"hop_length={hop_length}. Train with another hop, or export another format."
        )
    samples = ops.shape(padded)[1]
    count = 1 + (samples - n_fft) // hop_length
    used = (count - 1) * hop_length + n_fft
    blocks = ops.reshape(padded[:, :used], (-1, used // block, block))
    last = (count - 1) * stride + 1
    return ops.concatenate(
        [blocks[:, start : start + last : stride] for start in range(per_frame)], axis=-1
    )


def _wave_table(size, frequencies):
    """Return cos and sin of -2 pi n k / size, float32 `(size, frequencies)`."""
    angles = -2 * np.pi * np.outer(np.arange(size), np.arange(frequencies)) / size
    return np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32)


def _turns(rows, columns, n_fft):
    """Return cos and sin of -2 pi b c / n_fft, float32 `(rows, columns)`."""
    angles = -2 * np.pi * np.outer(np.arange(rows), np.arange(columns)) / n_fft
    return np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32)
