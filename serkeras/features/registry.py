"""Features by name, as a `FeatureConfig` asks for them."""

from serkeras.features import spectral


def _mfcc(waves, config, sample_rate, n_jobs):
    return spectral.mfcc(
        waves,
        sample_rate=sample_rate,
        n_mfcc=config.n_mfcc,
        n_mels=config.n_mels,
        n_fft=config.n_fft,
        hop_length=config.hop_length,
        fmin=config.fmin,
        fmax=config.fmax,
        n_jobs=n_jobs,
    )


def _log_mel(waves, config, sample_rate, n_jobs):
    return spectral.log_mel(
        waves,
        sample_rate=sample_rate,
        n_mels=config.n_mels,
        n_fft=config.n_fft,
        hop_length=config.hop_length,
        fmin=config.fmin,
        fmax=config.fmax,
        n_jobs=n_jobs,
    )


_FEATURES = {"log_mel": _log_mel, "mfcc": _mfcc}


def names():
    """Return the names that `FeatureConfig.name` may have, sorted."""
    return sorted(_FEATURES)


def compute(waves, config, sample_rate, n_jobs=1):
    """Compute the feature that a configuration names.

    Args:
        waves: float array `(clips, samples)`.
        config: `serkeras.config.FeatureConfig`.
        sample_rate: int, hertz.
        n_jobs: int, threads; -1 for all cores.

    Returns:
        float32 array `(clips, bins, frames)`.

    Raises:
        ValueError: the name is unknown, or see the feature's own function.
    """
    if config.name not in _FEATURES:
        raise ValueError(
            f"The feature must be one of {names()}. Received: {config.name!r}. "
            "Correct `features.name`."
        )
    return _FEATURES[config.name](waves, config, sample_rate, n_jobs)
