"""A run's model, asked about recordings of any number at several levels of damage."""

import numpy as np

from serkeras.audio import AudioError, fit
from serkeras.serving.waveforms import clip_features, network_inputs

_BATCH = 64


class Listener:
    """What a run's model says of waveforms, as in the run's own evaluation.

    A network that normalises by speaker takes the statistics of each speaker's recordings of one
    level: whoever enrols does it with the same damage.

    Args:
        run: `serkeras.Run`.

    Attributes:
        by_speaker: whether the model takes the statistics of speakers.
    """

    def __init__(self, run):
        from serkeras.training import by_speaker

        self._experiment, self._rest = run.experiment, None
        self._hear = run.model.predict_on_batch
        self._classes = len(run.labels)
        self._size = run.experiment.model.clips_at_once(_BATCH)
        self._normalization = by_speaker.layer(run.model)
        self.by_speaker = self._normalization is not None
        self._masked = len(run.model.inputs) == 2
        if self.by_speaker:
            self._hear, self._rest = by_speaker.parts(run.model)

    def features(self, wave, name):
        """Return what the model takes of a recording.

        Args:
            wave: float32 array `(any,)` as read; it is trimmed, brought to level and length here.
            name: for errors.

        Returns:
            Array `(bins, frames)` and so on; None of a recording too short for the feature.
        """
        try:
            return clip_features(fit(wave, self._experiment.audio), self._experiment, name)
        except AudioError:
            return None

    def listen(self, found):
        """Return float arrays `(clips, ...)`, the first half of an answer.

        Args:
            found: list of what `features` returned; the rows of None are NaN.
        """
        usable = [index for index, each in enumerate(found) if each is not None]
        if not usable:
            return np.full((len(found), self._classes), np.nan, np.float32)
        parts = []
        for start in range(0, len(usable), self._size):
            batch = [found[index] for index in usable[start : start + self._size]]
            inputs = network_inputs(batch, masked=self._masked)
            parts.append(np.asarray(self._hear(inputs)))
        heard = np.full((len(found), *parts[0].shape[1:]), np.nan, np.float32)
        heard[usable] = np.concatenate(parts)
        return heard

    def answer(self, heard, speakers):
        """Return probabilities `(clips, classes)`, the second half.

        Args:
            heard: float array `(clips, ...)`, what `listen` returned for all clips of a level.
            speakers: array `(clips,)` of names, missing values where unknown.
        """
        if not self.by_speaker:
            return heard
        from serkeras.training.by_speaker import aligned

        x = aligned(heard, speakers, self._normalization)
        return np.asarray(self._rest.predict(x, batch_size=self._size, verbose=0))
