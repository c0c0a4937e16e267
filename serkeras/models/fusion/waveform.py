"""The branch "waveform": a speech network."""

from dataclasses import dataclass
from typing import ClassVar

from serkeras.models.fusion.base import Branch
from serkeras.ssl import networks, preparation
from serkeras.ssl.pooling import Standardize

# The fields of `SSLConfig` are those of a base network, unless said otherwise.
_HUBERT_BASE = {"model_type": "hubert"}


@dataclass(frozen=True)
class WaveformBranch(Branch):
    """wav2vec 2.0, HuBERT or WavLM: the last hidden state, 50 frames a second.

    Attributes:
        preset, config: see `serkeras.models.ssl.build_ssl`; with neither HuBERT base with random
            weights.
        frozen: how many parts do not learn, counted from the waveform, as in `build_ssl`; None
            freezes all.
        remat: compute the encoder's blocks again for the gradient.
    """

    name: ClassVar[str] = "waveform"

    preset: str | None
    config: dict | None
    frozen: int | None
    remat: bool

    def __call__(self, waveform):
        """Return `(clips, frames, hidden_size)`; HuBERT base makes 249 x 768 of 5 s.

        Raises:
            ValueError: `preset` and `config` are both given, or `frozen` is outside its range;
                see also `serkeras.ssl.presets.from_preset`, and for its other errors.
        """
        config = _HUBERT_BASE if self.preset is None and self.config is None else self.config
        base = networks.made(self.preset, config, self.remat)
        networks.freeze(base, self.frozen)
        prepared = preparation.of_settings(base.config.to_dict())
        if prepared.normalize:
            waveform = Standardize(dtype="float32", name="waveform_level")(waveform)
        return base({"waveform": waveform})["last_hidden_state"]

    def first_weights(self):
        """Return the preset's files."""
        return networks.first_weights(self.preset)
