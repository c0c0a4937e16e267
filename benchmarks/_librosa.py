"""What people write with librosa for each feature: one call a clip, defaults of FeatureConfig."""

import librosa
import numpy as np

from serkeras.config import FeatureConfig
from serkeras.features import descriptors

RATE = 16000
_F = librosa.feature


def log_mel(wave):
    return librosa.power_to_db(_F.melspectrogram(y=wave, sr=RATE, n_mels=128), top_db=80.0)


def mfcc(wave):
    return _F.mfcc(y=wave, sr=RATE, n_mfcc=128, n_mels=128)


def pitch(wave):
    low, high = descriptors.PITCH_RANGE
    return librosa.pyin(wave, fmin=low, fmax=high, sr=RATE, fill_na=0.0)[0][None]


def _resize(x, width):
    """Linear between the centres of the frames; `np.interp` row by row."""
    places = (np.arange(width) + 0.5) * x.shape[1] / width - 0.5
    return np.stack([np.interp(places, np.arange(x.shape[1]), row) for row in x])


def multi_resolution(wave):
    config = FeatureConfig()
    channels = []
    for window in config.windows:
        power = _F.melspectrogram(
            y=wave, sr=RATE, n_fft=4096, win_length=window, hop_length=window // 4
        )
        channels.append(librosa.power_to_db(_resize(power, config.width), top_db=80.0))
    return np.stack(channels, axis=-1)


def spectrogram_mfcc_delta(wave):
    cepstrum = mfcc(wave)
    channels = (log_mel(wave), cepstrum, _F.delta(cepstrum))
    width = FeatureConfig().width
    return np.stack([_resize(channel, width) for channel in channels], axis=-1)


CALLS = {
    "chroma": lambda wave: _F.chroma_stft(y=wave, sr=RATE),
    "log_mel": log_mel,
    "mel": lambda wave: _F.melspectrogram(y=wave, sr=RATE),
    "mfcc": mfcc,
    "mfcc_delta": lambda wave: _F.delta(mfcc(wave)),
    "mfcc_delta2": lambda wave: _F.delta(mfcc(wave), order=2),
    "multi_resolution": multi_resolution,
    "pitch": pitch,
    "rms": lambda wave: _F.rms(y=wave),
    "spectral_centroid": lambda wave: _F.spectral_centroid(y=wave, sr=RATE),
    "spectral_contrast": lambda wave: _F.spectral_contrast(y=wave, sr=RATE),
    "spectrogram_mfcc_delta": spectrogram_mfcc_delta,
    "tonnetz": lambda wave: _F.tonnetz(y=wave, sr=RATE),
    "waveform": lambda wave: wave,
    "zero_crossing_rate": lambda wave: _F.zero_crossing_rate(wave),
}
