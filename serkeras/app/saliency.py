"""Where in a clip the score of the model's answer reacts, for the page."""

from dataclasses import dataclass

import numpy as np

from serkeras.ensembles import Ensemble
from serkeras.explanation import inputs, methods
from serkeras.explanation.axes import Axes, axes
from serkeras.explanation.listener import Listener
from serkeras.explanation.reference import reference

_ABOUT = (
    "The size of the gradient of the answer's score, in training deviations: what the number "
    "depends on, not why a person sounds so."
)


@dataclass(frozen=True)
class Map:
    """A map of saliency.

    Attributes:
        wave: float32 array `(samples,)`, the sound that the map is of, without padding.
        axes: `serkeras.explanation.axes.Axes`.
        features: float array `(bins, frames)`, or `(samples,)`, what the model takes.
        values: float array of the same shape, 0 and more.
    """

    wave: np.ndarray
    axes: Axes
    features: np.ndarray
    values: np.ndarray


class Salience:
    """Makes maps of saliency with one compiled gradient for all clips.

    Args:
        recogniser: `serkeras.serving.Recogniser`; its lock is held while the model is asked.
    """

    def __init__(self, recogniser):
        self._recogniser, self._listener, self._reference = recogniser, None, None
        self._reason = _hindrance(recogniser.run)

    def of(self, path, samples):
        """Return the `Map` of a recording's first window, or None, and words about either.

        Args:
            path: a recording that can be read; a longer one is cut as in training.
            samples: of the recording, at the model's rate.
        """
        with self._recogniser.lock:
            if self._reason is None and self._listener is None:
                self._open()
            if self._reason is not None:
                return None, self._reason
            return self._map(path, samples)

    def _open(self):
        run = self._recogniser.run
        try:
            self._reference = reference(run)
            self._listener = Listener.of(run)
        except (ValueError, FileNotFoundError) as error:
            told = str(error).partition(" Received:")[0]
            self._reason = f"No map of what counted: {told}"

    def _map(self, path, samples):
        run, listener = self._recogniser.run, self._listener
        (wave,), (x,) = inputs.features(run, [path])
        places = axes(run.experiment, x.shape[:-1])
        if places.kind == "bins":
            return None, "No map of what counted: the model takes averages over the whole clip."
        classes = listener.probabilities(x[None]).argmax(axis=1)
        values = methods.saliency(listener, x[None], classes, self._reference)[0]
        if run.experiment.audio.fit != "stretch":
            wave = wave[:samples]  # what follows is padding
        return Map(wave, places, x[..., 0], values), _ABOUT


def _hindrance(run):
    """Return why there are no maps, or None."""
    if run is None:
        return "No map of what counted: an exported file gives answers and no gradients."
    if isinstance(run, Ensemble):
        return "No map of what counted: this is an ensemble; open one of its members for a map."
    if (run.folder / "model.skops").is_file():
        return "No map of what counted: a classical model has no gradients."
    return None
