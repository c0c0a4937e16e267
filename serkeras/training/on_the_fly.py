"""Training clips that are changed anew in every epoch, on their way into a batch."""

import hashlib
from dataclasses import dataclass

import numpy as np

from serkeras import augment
from serkeras.audio import AudioError
from serkeras.config import AudioConfig, FeatureConfig
from serkeras.features import _fill_rows, registry


def epoch_rng(seed, epoch, clip):
    """Return the generator of one clip in one epoch, the same on every machine and run.

    Args:
        seed: int >= 0, of the fit.
        epoch: int >= 0.
        clip: str, the clip's id.

    Returns:
        `numpy.random.Generator`.
    """
    # Python's own hash() of a string changes with every process.
    digest = hashlib.sha256(clip.encode()).digest()
    return np.random.default_rng([seed, epoch, int.from_bytes(digest[:8], "little")])


@dataclass(frozen=True)
class OnTheFly:
    """Turns clean waveforms into the features of changed ones.

    Attributes:
        audio: settings; a changed clip is cut or padded to its length again.
        features: settings of what a batch holds.
        transforms: see `serkeras.config.AugmentConfig`.
    """

    audio: AudioConfig
    features: FeatureConfig
    transforms: tuple[dict, ...]

    def __call__(self, waves, clips, seed, epoch):
        """Return the features of some clips as they are in one epoch.

        Args:
            waves: list of float32 arrays `(samples,)`, clean; of one length unless clips keep
                their own.
            clips: their ids.
            seed: int >= 0; None leaves the clips as they are, for an evaluation.
            epoch: int >= 0; with the seed and a clip's id it alone decides that clip's change.

        Returns:
            Array `(clips, bins, frames)` and so on, or a list of arrays `(bins, frames)` where
            clips keep their length. A clip that its change leaves too short for the feature goes
            in unchanged.
        """
        changed = waves
        if seed is not None:
            pairs = zip(waves, clips, strict=True)
            changed = [self._change(wave, epoch_rng(seed, epoch, clip)) for wave, clip in pairs]
        if self.audio.fit == "keep":
            return [self._alone(*each) for each in zip(changed, waves, clips, strict=True)]
        return registry.compute(np.stack(changed), self.features, self.audio.sample_rate)

    def _change(self, wave, rng):
        changed = augment.apply(wave, self.audio.sample_rate, self.transforms, rng)
        return _fill_rows.cut(changed, self.audio)

    def _alone(self, changed, clean, clip):
        rate = self.audio.sample_rate
        try:
            return registry.compute_alone(changed, self.features, rate, clip)
        except AudioError:
            return registry.compute_alone(clean, self.features, rate, clip)
