"""Maps of some clips: what is needed to make them, and all methods over all clips."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from tqdm import tqdm

from serkeras.explanation import inputs, methods
from serkeras.explanation.axes import Axes, axes
from serkeras.explanation.listener import Listener
from serkeras.explanation.reference import Reference, reference

_BATCH = 32


@dataclass(frozen=True)
class Heard:
    """Clips as a run's model hears them.

    Attributes:
        run: `serkeras.Run`.
        listener: `serkeras.explanation.listener.Listener`.
        reference: `serkeras.explanation.reference.Reference`.
        axes: `serkeras.explanation.axes.Axes` of the maps.
        clips: DataFrame, a row a clip; at least the column path.
        waves: list of float32 arrays `(samples,)`.
        x: list of float32 arrays `(bins, frames, 1)` and so on.
        probabilities: float array `(clips, classes)`.
        classes: int array `(clips,)`, the class whose score is explained.
    """

    run: object
    listener: Listener
    reference: Reference
    axes: Axes
    clips: pd.DataFrame
    waves: list
    x: list
    probabilities: np.ndarray
    classes: np.ndarray

    @property
    def speakers(self):
        """Speaker of each clip, missing where unknown."""
        return self.clips["speaker"]


def hear(run, clips, emotion=None, baseline="mean", seed=0, progress=False):
    """Compute what the methods need of some clips.

    Args:
        run: `serkeras.Run` with one model.
        clips: DataFrame with the column path, or a list of paths.
        emotion: name of the class whose score is explained; None takes the model's answer.
        baseline: see `serkeras.explanation.reference.reference`.
        seed: of the choice of training clips for the baseline.
        progress: show bars.

    Returns:
        `Heard`.

    Raises:
        ValueError: the run is an ensemble or normalises by speaker, or knows no such emotion.
        serkeras.audio.AudioError: a recording cannot be read.
    """
    if emotion is not None and emotion not in run.labels:
        raise ValueError(
            f"`emotion` must be one that the run knows, {run.labels}. Received: {emotion!r}. "
            "Correct the name."
        )
    if not isinstance(clips, pd.DataFrame):
        clips = pd.DataFrame({"path": [str(path) for path in clips]})
    listener = Listener.of(run)
    found = reference(run, baseline, seed, progress)
    waves, x = inputs.features(run, clips["path"], progress)
    said = np.concatenate(
        [listener.probabilities(np.stack([x[i] for i in group])) for group in _groups(x)]
    )
    classes = said.argmax(axis=1)
    if emotion is not None:
        classes = np.full(len(x), run.labels.index(emotion))
    places = axes(run.experiment, x[0].shape[:-1])
    return Heard(run, listener, found, places, clips, waves, x, said, classes)


def first(heard, count):
    """Return the first clips of a `Heard`."""
    part = {name: getattr(heard, name)[:count] for name in ("clips", "waves", "x", "classes")}
    return replace(heard, **part, probabilities=heard.probabilities[:count])


def make(heard, chosen=None, seed=0, progress=False):
    """Make the maps of clips.

    Args:
        heard: `Heard`.
        chosen: list of names of methods, see `serkeras.explanation.methods.names`; None takes all
            that the model and its features allow.
        seed: of the noise of smoothgrad; the same whatever other methods are made.
        progress: show a bar.

    Returns:
        Dictionary from the name of each method to a list of maps, float arrays `(bins, frames)`,
        `(frames,)`, `(samples,)` or `(bins,)`.

    Raises:
        ValueError: a method is unknown, or the model does not allow it.
    """
    wanted = methods.check(chosen, heard.listener, heard.axes.kind)
    found = {method.name: [] for method in wanted}
    bar = tqdm(total=len(wanted) * len(heard.x), desc="maps", unit="map", disable=not progress)
    for method in wanted:
        rng = np.random.default_rng(seed)
        bar.set_postfix_str(method.name)
        for group in _groups(heard.x):
            x, classes = np.stack([heard.x[i] for i in group]), heard.classes[group]
            found[method.name] += list(method.run(heard.listener, x, classes, heard.reference, rng))
            bar.update(len(group))
    bar.close()
    return found


def _groups(x):
    # Whole batches of many clips would hide for long how far the work is.
    return inputs.alike(x, _BATCH // 4)
