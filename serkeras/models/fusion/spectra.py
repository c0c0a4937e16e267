"""The branches "mel" and "mfcc": features are computed in the network, by the kit's layers."""

from dataclasses import dataclass
from typing import ClassVar

import keras

from serkeras.features.layers import MFCC, LogMel
from serkeras.models import backbones
from serkeras.models.fusion.base import Branch


@dataclass(frozen=True)
class _Spectrum(Branch):
    """A branch that begins with a Mel spectrogram; the fields are those of `LogMel`."""

    sample_rate: int
    n_fft: int
    hop_length: int
    n_mels: int

    @property
    def _numbers(self):
        return {
            "sample_rate": self.sample_rate,
            "n_mels": self.n_mels,
            "n_fft": self.n_fft,
            "hop_length": self.hop_length,
        }


@dataclass(frozen=True)
class MelBranch(_Spectrum):
    """A network for pictures on decibels; each place of its last map is one step.

    ConvNeXt divides both sides by 4, 2, 2 and 2 and leaves off what does not fill a window: 128 x
    313 become 32 x 78, 16 x 39, 8 x 19 and 4 x 9, which are the 36 steps of the source. The rows
    of the map, which are bands of frequency, follow each other.

    Attributes:
        sample_rate, n_fft, hop_length, n_mels: see `serkeras.features.layers.LogMel`.
        backbone, weights, size, value_range: see `serkeras.models.backbones.build`; decibels
            `value_range` are stretched to the levels of a picture.
        blocks: how many of its last blocks learn, see `serkeras.models.backbones.unfreeze`;
            None is all of it.
    """

    name: ClassVar[str] = "mel"

    backbone: str
    weights: str | None
    size: tuple | None
    value_range: tuple
    blocks: int | None

    def __call__(self, waveform):
        """Return `(clips, rows * columns, channels)`.

        Raises:
            ValueError: see `serkeras.models.backbones.build`, and for its other errors.
        """
        x = LogMel(**self._numbers, name="mel_decibels")(waveform)
        x = keras.layers.Reshape((*x.shape[1:], 1), dtype="float32", name="mel_picture")(x)
        given = (self.weights, self.size, "picture", self.value_range)
        base = backbones.build(self.backbone, x.shape[1:], *given)
        if self.blocks is not None:
            backbones.unfreeze(base, self.blocks)
        x = base(x)
        return keras.layers.Reshape((-1, x.shape[-1]), name="mel_places")(x)

    def first_weights(self):
        """Return the backbone's file."""
        return backbones.first(self.backbone, self.weights)


@dataclass(frozen=True)
class MFCCBranch(_Spectrum):
    """A bidirectional LSTM of two layers on cepstral coefficients; each frame is one step.

    The coefficients are brought to mean 0 and variance 1 by batch normalisation without weights:
    the first one is in the hundreds, where an LSTM does not learn.

    Attributes:
        sample_rate, n_fft, hop_length, n_mels, n_mfcc: see `serkeras.features.layers.MFCC`.
        lstm_units: of each layer and direction.
    """

    name: ClassVar[str] = "mfcc"

    n_mfcc: int
    lstm_units: int

    def __call__(self, waveform):
        """Return `(clips, frames, 2 * lstm_units)`.

        Raises:
            ValueError: see `serkeras.features.layers.MFCC`.
        """
        x = MFCC(**self._numbers, n_mfcc=self.n_mfcc, name="mfcc")(waveform)
        x = keras.layers.Permute((2, 1), dtype="float32", name="mfcc_frames")(x)
        x = keras.layers.BatchNormalization(
            momentum=0.9, epsilon=1e-5, center=False, scale=False, dtype="float32", name="mfcc_norm"
        )(x)
        for layer in ("mfcc_lstm1", "mfcc_lstm2"):
            lstm = keras.layers.LSTM(self.lstm_units, return_sequences=True)
            x = keras.layers.Bidirectional(lstm, name=layer)(x)
        return x
