"""Each feature by direct calls of librosa, with the settings of a `FeatureConfig`.

Every function takes a wave `(samples,)` and a configuration, and returns what
`serkeras.features.compute` gives for that one clip.
"""

import librosa
import numpy as np

from serkeras.features import descriptors

RATE = 16000


def stft_settings(config):
    return {key: getattr(config, key) for key in ("n_fft", "hop_length", "win_length")}


def mel_settings(config):
    bank = {"n_mels": config.n_mels, "fmin": config.fmin, "fmax": config.fmax}
    return {"sr": RATE, **stft_settings(config), **bank}


def mel(wave, config):
    return librosa.feature.melspectrogram(y=wave, **mel_settings(config))


def log_mel(wave, config):
    return librosa.power_to_db(mel(wave, config), ref=1.0, top_db=80.0)


def mfcc(wave, config):
    return librosa.feature.mfcc(y=wave, n_mfcc=config.n_mfcc, **mel_settings(config))


def mfcc_delta(wave, config):
    return librosa.feature.delta(mfcc(wave, config), mode="interp")


def mfcc_delta2(wave, config):
    return librosa.feature.delta(mfcc(wave, config), order=2, mode="interp")


def resized(rows, width):
    """Bilinear along the last axis, pixel centres at halves, edges repeated."""
    frames = rows.shape[-1]
    places = (np.arange(width) + 0.5) * frames / width - 0.5
    return np.stack([np.interp(places, np.arange(frames), row) for row in rows])


def multi_resolution(wave, config):
    longest, channels = max(config.n_fft, *config.windows), []
    for window in config.windows:
        numbers = {"n_fft": longest, "win_length": window, "hop_length": window // 4}
        power = resized(mel(wave, config.replace(**numbers)), config.width)
        channels.append(librosa.power_to_db(power, ref=1.0, top_db=80.0))
    return np.stack(channels, axis=-1)


def spectrogram_mfcc_delta(wave, config):
    config = config.replace(n_mfcc=config.n_mels)
    channels = (log_mel, mfcc, mfcc_delta)
    return np.stack([resized(each(wave, config), config.width) for each in channels], axis=-1)


def mel_image(wave, config):
    """Return the places in the colour map, from 0 to 255, that are not rounded yet."""
    low, high = config.image_range_db
    square = resized(resized(log_mel(wave, config), config.image_size).T, config.image_size).T
    return 255 * np.clip((square[::-1] - low) / (high - low), 0, 1)


def chroma(wave, config):
    return librosa.feature.chroma_stft(y=wave, sr=RATE, **stft_settings(config))


def spectral_contrast(wave, config):
    return librosa.feature.spectral_contrast(y=wave, sr=RATE, **stft_settings(config))


def spectral_centroid(wave, config):
    return librosa.feature.spectral_centroid(y=wave, sr=RATE, **stft_settings(config))


def tonnetz(wave, config):
    return librosa.feature.tonnetz(y=wave, sr=RATE, hop_length=config.hop_length)


def rms(wave, config):
    frames = {"frame_length": config.n_fft, "hop_length": config.hop_length}
    return librosa.feature.rms(y=wave, **frames)


def zero_crossing_rate(wave, config):
    frames = {"frame_length": config.n_fft, "hop_length": config.hop_length}
    return librosa.feature.zero_crossing_rate(wave, **frames)


def pitch(wave, config):
    low, high = descriptors.PITCH_RANGE
    frames = {"frame_length": config.n_fft, "hop_length": config.hop_length, "fill_na": 0.0}
    return librosa.pyin(wave, fmin=low, fmax=high, sr=RATE, **frames)[0][None]


def waveform(wave, config):
    return wave


def reference(wave, config):
    """Return what librosa gives for a feature or for several joined with "+"."""
    found = []
    for name in config.name.split("+"):
        if name not in globals():
            raise SystemExit(
                f"benchmarks/_references.py has no call of librosa for {name!r}. Add one."
            )
        found.append(globals()[name](wave, config))
    return found[0] if len(found) == 1 else np.concatenate(found, axis=0)
