"""Features by name, as a `FeatureConfig` asks for them.

Most are images `(bins, frames)`, and several of them joined with "+" are stacked along
frequency. A few stand alone: waveforms, spectrograms of three channels, and pictures.
"""

import importlib.metadata

import numpy as np

from serkeras.audio import AudioError
from serkeras.features import checks, descriptors, images, multi, spectral
from serkeras.features.delta import delta
from serkeras.features.whitening import whiten

_MEL = ("n_mels", "n_fft", "hop_length", "fmin", "fmax", "win_length")
_FRAMES = ("n_fft", "hop_length")
_WINDOWED = (*_FRAMES, "win_length")
_IMAGE = ("image_size", "image_range_db", "colormap")
_SHAPING = ("average", "frames", "whiten")
# So many frames are enough for every feature.
_ENOUGH_FRAMES = 16


def _mfcc_delta(waves, n_jobs=1, **settings):
    return delta(spectral.mfcc(waves, n_jobs=n_jobs, **settings))


def _mfcc_delta2(waves, n_jobs=1, **settings):
    return delta(spectral.mfcc(waves, n_jobs=n_jobs, **settings), order=2)


def _waveform(waves, n_jobs=1):
    return checks.check_waves(waves).astype(np.float32, copy=False)


# Name -> (function, the settings of `FeatureConfig` that it takes, whether it takes the rate).
_STACKED = {
    "chroma": (descriptors.chroma, _WINDOWED, True),
    "log_mel": (spectral.log_mel, (*_MEL, "floor_db"), True),
    "mel": (spectral.mel, _MEL, True),
    "mfcc": (spectral.mfcc, ("n_mfcc", *_MEL), True),
    "mfcc_delta": (_mfcc_delta, ("n_mfcc", *_MEL), True),
    "mfcc_delta2": (_mfcc_delta2, ("n_mfcc", *_MEL), True),
    "pitch": (descriptors.pitch, _FRAMES, True),
    "rms": (descriptors.rms, _FRAMES, False),
    "spectral_centroid": (descriptors.spectral_centroid, _WINDOWED, True),
    "spectral_contrast": (descriptors.spectral_contrast, _WINDOWED, True),
    "tonnetz": (descriptors.tonnetz, ("hop_length",), True),
    "zero_crossing_rate": (descriptors.zero_crossing_rate, _FRAMES, False),
}
_CHANNELS = {
    "multi_resolution": (
        multi.multi_resolution,
        ("n_mels", "n_fft", "fmin", "fmax", "windows", "width"),
        True,
    ),
    "spectrogram_mfcc_delta": (multi.spectrogram_mfcc_delta, (*_MEL, "width"), True),
}
_FINAL = {
    "mel_image": (images.mel_image, (*_MEL, *_IMAGE), True),
    "waveform": (_waveform, (), False),
}
_FEATURES = {**_STACKED, **_CHANNELS, **_FINAL}


def names():
    """Return the names that `FeatureConfig.name` may have, sorted."""
    return sorted(_FEATURES)


def parts(config):
    """Return the names that a configuration joins with "+".

    Raises:
        ValueError: a name is unknown, a feature that stands alone is joined with others, or a
            setting is given that the feature cannot follow.
    """
    found = config.name.split("+")
    unknown = [name for name in found if name not in _FEATURES]
    if unknown:
        raise ValueError(
            f"The feature must be one of {names()}, or several joined with '+'. "
            f"Received: {unknown[0]!r}. Correct `features.name`."
        )
    alone = [name for name in found if name not in _STACKED]
    if alone and len(found) > 1:
        raise ValueError(
            f"Features joined with '+' must be among {sorted(_STACKED)}. "
            f"Received: {alone[0]!r} in {config.name!r}. Use it alone."
        )
    if config.average == "time" and config.whiten:
        raise ValueError(
            "Whitened features must not be averaged over time: their mean is 0. "
            "Received: whiten=True, average='time'. Remove one of the two settings."
        )
    if config.average == "time" and config.frames is not None:
        raise ValueError(
            "`frames` must be None where time is averaged. "
            f"Received: frames={config.frames}. Remove one of the two settings."
        )
    reshaped = config.average != "none" or config.frames is not None
    if alone and (reshaped or (config.whiten and alone[0] in _FINAL)):
        raise ValueError(
            f"`average`, `frames` and `whiten` must suit the feature. Received: {config.name!r} "
            f"with average={config.average!r}, frames={config.frames}, whiten={config.whiten}. "
            f"Leave them at their defaults; {sorted(_CHANNELS)} take `whiten`."
        )
    return found


def model_shape(shape):
    """Return the shape in which a network sees a clip's features.

    Args:
        shape: `(bins, frames)`, `(bins, frames, channels)` or `(numbers,)`.

    Returns:
        The shape with a last axis for channels: `(bins, frames, 1)`, or as it is where it has
        one; `(numbers, 1)` for averaged features and waveforms.
    """
    return tuple(shape) if len(shape) == 3 else (*shape, 1)


def compute(waves, config, sample_rate, n_jobs=1):
    """Compute the feature that a configuration names.

    Args:
        waves: float array `(clips, samples)`.
        config: `serkeras.config.FeatureConfig`.
        sample_rate: int, hertz.
        n_jobs: int, threads; -1 for all cores.

    Returns:
        float32 array `(clips, bins, frames)`; `(clips, bins)` averaged over time, `(clips,
        frames)` over frequency; `(clips, bins, width, 3)` with three channels; `(clips,
        samples)` for "waveform". uint8 `(clips, size, size, 3)` for "mel_image".

    Raises:
        ValueError: see `parts` and the feature's own function.
    """
    found = [_one(name, waves, config, sample_rate, n_jobs) for name in parts(config)]
    x = found[0] if len(found) == 1 else np.concatenate(found, axis=1)
    if config.whiten:
        x = whiten(x)
    if config.average != "none":
        x = x.mean(axis=2 if config.average == "time" else 1)
    return x if config.frames is None else _fit_frames(x, config.frames)


def decisive(config, sample_rate):
    """Return what decides the numbers of a feature: equal for configurations that give the same.

    Args:
        config: `serkeras.config.FeatureConfig`.
        sample_rate: int, hertz.

    Returns:
        Dictionary of the settings that its parts take, with numbers in place of None, and of the
        version of librosa where that computes a part.

    Raises:
        ValueError: see `parts`.
    """
    found = parts(config)
    taken = {setting for name in found for setting in _FEATURES[name][1]}
    # `replace` makes 50 and 50.0 one.
    values = config.replace().to_dict()
    kept = {name: values[name] for name in sorted({"name", *_SHAPING, *taken})}
    if kept.get("fmax", 0.0) is None:
        kept["fmax"] = sample_rate / 2
    if kept.get("win_length", 0) is None:
        kept["win_length"] = config.n_fft
    if kept.get("floor_db", 0.0) is None:  # as if the setting had never been
        del kept["floor_db"]
    if "windows" in kept:
        kept["n_fft"] = max(config.n_fft, *config.windows)
    if any(_FEATURES[name][0].__module__ == descriptors.__name__ for name in found):
        kept["librosa"] = importlib.metadata.version("librosa")
    return kept


def compute_alone(wave, features, sample_rate, name):
    """Return the feature of one clip on its own length.

    Args:
        wave: float32 array `(samples,)`.
        features: `serkeras.config.FeatureConfig`.
        sample_rate: int, hertz.
        name: of the clip, for the error.

    Returns:
        Array `(bins, frames)` and so on, as `serkeras.features.compute` gives it for one clip.

    Raises:
        AudioError: the clip is too short for the feature.
        ValueError: the samples are not finite floats, or a setting lies outside its range.
    """
    waves = checks.check_waves(np.asarray(wave)[None])
    try:
        return compute(waves, features, sample_rate)[0]
    except ValueError as error:
        # A wrong setting is refused at any length: this call raises then, and says so.
        longer = waves.shape[1] + _ENOUGH_FRAMES * (features.n_fft + features.hop_length)
        compute(np.zeros((1, longer), np.float32), features, sample_rate)
        raise AudioError(
            f"A clip must be long enough for the feature {features.name!r}. Received: {name}, "
            f"{len(wave)} samples at {sample_rate} Hz ({error}). Leave it out, or pad all clips "
            "to one length: audio.fit='pad'."
        ) from error


def _one(name, waves, config, sample_rate, n_jobs):
    if config.n_fft < 2 or config.hop_length < 1:
        raise ValueError(
            "`n_fft` must be 2 samples or more, `hop_length` 1 or more. "
            f"Received: n_fft={config.n_fft}, hop_length={config.hop_length}. "
            "Use for instance 2048 and 512."
        )
    function, taken, takes_rate = _FEATURES[name]
    settings = {setting: getattr(config, setting) for setting in taken}
    if takes_rate:
        settings["sample_rate"] = sample_rate
    return function(waves, n_jobs=n_jobs, **settings)


def _fit_frames(x, frames):
    """Cut the last axis to `frames`, or pad it with zeros."""
    x = x[..., :frames]
    return np.pad(x, [(0, 0)] * (x.ndim - 1) + [(0, frames - x.shape[-1])])
