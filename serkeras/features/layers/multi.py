"""Spectrograms of three channels as layers, equal to those of `serkeras.features.multi`."""

import keras
import numpy as np
from keras import ops

from serkeras.features.layers.base import FeatureLayer, require_rank
from serkeras.features.layers.delta import Delta
from serkeras.features.layers.mel import bank_of, dct_matrix, mel_power, to_decibels
from serkeras.features.multi import resize_matrix
from serkeras.features.spectral import MelSettings


class _ThreeChannels(FeatureLayer):
    """`(batch, samples)`, of a known number of samples, to `(batch, n_mels, width, 3)`."""

    def build(self, input_shape):
        """Check the input's shape and make the matrices that resize along time."""
        require_rank(self, input_shape, {2}, "waveforms (batch, samples)")
        samples = input_shape[1]
        if samples is None:
            raise ValueError(
                f"{type(self).__name__} resizes and needs a known number of samples. "
                "Received: shape=(batch, None). Give keras.Input a length."
            )
        self._resize = [resize_matrix(each.frames(samples), self.width) for each in self._numbers]

    def compute_output_shape(self, input_shape):
        """Return `(batch, n_mels, width, 3)`."""
        return (input_shape[0], self.n_mels, self.width, 3)


@keras.saving.register_keras_serializable("serkeras")
class MultiResolution(_ThreeChannels):
    """Log-Mel spectrograms of three window lengths, one a channel.

    The same as `serkeras.features.multi.multi_resolution`: `(batch, samples)` to
    `(batch, n_mels, width, 3)`, decibels floored 80 dB below the largest of each clip and
    channel.

    Args:
        sample_rate: int, hertz.
        n_mels: int, mel bands.
        n_fft: int, samples of all transforms; the longest window where that is more.
        windows: ints, samples of the windows; hops are a quarter of them.
        width: int, frames of the result.
        fmin: float, hertz, lower edge of the mel bank.
        fmax: float, hertz, upper edge; None is half the sample rate.
        name: str, of the layer.

    Raises:
        ValueError: a setting lies outside its range, or the input is not `(batch, samples)` of
            a known number of samples.
    """

    settings = ("sample_rate", "n_mels", "n_fft", "windows", "width", "fmin", "fmax")

    def __init__(
        self,
        sample_rate=16000,
        n_mels=128,
        n_fft=4096,
        windows=(1024, 2048, 4096),
        width=256,
        fmin=0.0,
        fmax=None,
        name=None,
    ):
        super().__init__(name=name)
        self.sample_rate, self.n_mels, self.n_fft = sample_rate, n_mels, n_fft
        self.windows, self.width = tuple(windows), width
        self.fmin, self.fmax = fmin, fmax
        longest = max(n_fft, *windows)
        self._numbers = [
            MelSettings.make(sample_rate, n_mels, longest, max(window // 4, 1), fmin, fmax, window)
            for window in windows
        ]
        self._bank = bank_of(self._numbers[0])

    def call(self, waves):
        """Return decibels, float32 `(batch, n_mels, width, 3)`."""
        channels = []
        for numbers, resize in zip(self._numbers, self._resize, strict=True):
            power = mel_power(waves, numbers, self._bank)
            resized = ops.matmul(ops.transpose(power, (0, 2, 1)), resize)
            channels.append(to_decibels(resized, axes=(1, 2)))
        return ops.stack(channels, axis=-1)


@keras.saving.register_keras_serializable("serkeras")
class SpectrogramMFCCDelta(_ThreeChannels):
    """Log-Mel spectrogram, its MFCC and their slopes, one a channel.

    The same as `serkeras.features.multi.spectrogram_mfcc_delta`: `(batch, samples)` to
    `(batch, n_mels, width, 3)`.

    Args:
        sample_rate: int, hertz.
        n_mels: int, mel bands and coefficients.
        n_fft, hop_length, win_length: samples, as in `Mel`.
        width: int, frames of the result.
        fmin: float, hertz, lower edge of the mel bank.
        fmax: float, hertz, upper edge; None is half the sample rate.
        name: str, of the layer.

    Raises:
        ValueError: a setting lies outside its range, the input is not `(batch, samples)` of a
            known number of samples, or it has too few frames for a slope.
    """

    settings = (
        *("sample_rate", "n_mels", "n_fft", "hop_length"),
        *("width", "fmin", "fmax", "win_length"),
    )

    def __init__(
        self,
        sample_rate=16000,
        n_mels=128,
        n_fft=2048,
        hop_length=512,
        width=256,
        fmin=0.0,
        fmax=None,
        win_length=None,
        name=None,
    ):
        super().__init__(name=name)
        self.sample_rate, self.n_mels, self.n_fft = sample_rate, n_mels, n_fft
        self.hop_length, self.width = hop_length, width
        self.fmin, self.fmax, self.win_length = fmin, fmax, win_length
        numbers = MelSettings.make(sample_rate, n_mels, n_fft, hop_length, fmin, fmax, win_length)
        self._numbers = [numbers]
        self._bank = bank_of(numbers)
        self._dct = np.ascontiguousarray(dct_matrix(n_mels, n_mels).T)
        self._delta = Delta()

    def build(self, input_shape):
        """Check that there are frames enough for a slope, and see `_ThreeChannels`."""
        super().build(input_shape)
        frames = self._numbers[0].frames(input_shape[1])
        self._delta.compute_output_shape((None, self.n_mels, frames))

    def call(self, waves):
        """Return the channels, float32 `(batch, n_mels, width, 3)`."""
        power = ops.transpose(mel_power(waves, self._numbers[0], self._bank), (0, 2, 1))
        decibels = to_decibels(power, axes=(1, 2))
        cepstrum = ops.matmul(self._dct, decibels)
        channels = ops.stack([decibels, cepstrum, self._delta(cepstrum)], axis=1)
        return ops.transpose(ops.matmul(channels, self._resize[0]), (0, 2, 3, 1))
