"""What every feature asks of its waveforms and settings."""

import numpy as np


def check_waves(waves):
    """Return waves as an array `(clips, samples)` of finite floats.

    Raises:
        ValueError: they are something else.
    """
    try:
        waves = np.asarray(waves)
    except ValueError as error:
        raise ValueError(
            "`waves` must be one array (clips, samples), all clips of one length. "
            f"Received: {len(waves)} clips of different lengths. "
            "Cut or pad them first: serkeras.audio.fix_length."
        ) from error
    if waves.ndim != 2 or not waves.shape[1]:
        raise ValueError(
            f"`waves` must have the shape (clips, samples). Received: shape={waves.shape}. "
            "Give one clip as wave[None]; average channels first: wave.mean(axis=-1)."
        )
    if not np.issubdtype(waves.dtype, np.floating):
        raise ValueError(
            "`waves` must hold floating-point samples, full scale 1.0. "
            f"Received: dtype={waves.dtype}. Divide 16-bit samples by 32768.0."
        )
    for index, wave in enumerate(waves):
        if not np.isfinite(wave).all():
            raise ValueError(
                "`waves` must be finite. "
                f"Received: NaN or infinite samples in clip {index}. Remove that clip."
            )
    return waves


def check_settings(settings):
    """Refuse a `serkeras.features.spectral.MelSettings` outside its range.

    Raises:
        ValueError: a size is not positive, the window is longer than the transform, or the mel
            bank does not fit under half the sample rate.
    """
    rate, n_fft, win_length = settings.sample_rate, settings.n_fft, settings.win_length
    if min(n_fft, settings.n_mels, settings.hop_length, rate) < 1 or n_fft < 2:
        raise ValueError(
            "Sizes must be positive (`n_fft` at least 2). "
            f"Received: sample_rate={rate}, n_fft={n_fft}, n_mels={settings.n_mels}, "
            f"hop_length={settings.hop_length}. Use for instance 16000, 2048, 128, 512."
        )
    if not 1 <= win_length <= n_fft:
        raise ValueError(
            "`win_length` must lie between 1 and `n_fft`. "
            f"Received: win_length={win_length}, n_fft={n_fft}. Raise `n_fft`."
        )
    fmin, top = settings.fmin, settings.fmax
    if not 0 <= fmin < top <= rate / 2:
        raise ValueError(
            "The mel bank must satisfy 0 <= fmin < fmax <= sample_rate / 2. "
            f"Received: fmin={fmin}, fmax={top}, sample_rate={rate}. "
            "Lower `fmax`, or resample to a higher rate."
        )
