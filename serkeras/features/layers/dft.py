"""The Fourier transform of the layers, in one place."""

from keras import ops


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
    real, imaginary = ops.stft(
        ops.pad(waves, [(0, 0), (half, half)]),
        sequence_length=settings.n_fft,
        sequence_stride=settings.hop_length,
        fft_length=settings.n_fft,
        window=settings.window(),
        center=False,
    )
    return ops.square(real) + ops.square(imaginary)
