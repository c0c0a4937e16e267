"""What the page asks of the model, without a page: hear, explain, many files, a timeline."""

import tempfile
import weakref
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from serkeras import audio
from serkeras.app import limits as bounds
from serkeras.app import pictures
from serkeras.app.limits import Limits
from serkeras.app.live import HOP_S, Live
from serkeras.app.saliency import Salience
from serkeras.serving.predict import over_windows
from serkeras.serving.recogniser import Recogniser


@dataclass(frozen=True)
class Answer:
    """What the model says of one recording.

    Attributes:
        name: of the file, without its folder.
        wave: float32 array `(samples,)` at the model's rate.
        probabilities: float32 array `(classes,)`, the mean over windows.
        windows: how many were heard.
    """

    name: str
    wave: np.ndarray
    probabilities: np.ndarray
    windows: int


class Desk:
    """One model, shared by all visitors of a page.

    Args:
        model: as `serkeras.serving.Recogniser` takes it.
        limits: `Limits`.

    Attributes:
        model: as given.
        recogniser: `serkeras.serving.Recogniser`, which visitors ask in turn.
        limits: `Limits`.
        name: of the model, for the page.
    """

    def __init__(self, model=None, limits=None):
        self.model, self.limits = model, limits or Limits()
        self.recogniser = Recogniser(model)
        self.name = self.recogniser.name
        if model is None:
            self.name = f"{self.recogniser.run.experiment.recipe}, in the box"
        self._salience, self._listening = Salience(self.recogniser), weakref.WeakSet()

    def warm(self):
        """Ask the model once, so that the first visitor does not wait for its compilation."""
        noise = np.random.default_rng(0).normal(0, 0.01, self.recogniser.samples)
        self.recogniser.probabilities([noise.astype(np.float32)])

    def hear(self, path):
        """Say what a recording carries.

        A recording of less than two windows is heard as a clip in training; of a longer one the
        probabilities are the mean over windows that overlap by half.

        Args:
            path: of the file.

        Returns:
            `Answer`.

        Raises:
            ValueError, serkeras.audio.AudioError: see `serkeras.app.limits.check`.
        """
        bounds.check(path, self.limits, self.limits.clip_s)
        wave = audio.read(path, self.recogniser.sample_rate)
        said = over_windows(self.recogniser, wave)
        return Answer(Path(path).name, wave, said.mean(axis=0), len(said))

    def explain(self, path):
        """Draw a recording and where its emotion's score reacts.

        Args:
            path: of the file.

        Returns:
            PNG bytes, and words about what it shows, and why no map where there is none.

        Raises:
            ValueError, serkeras.audio.AudioError: as for `hear`.
        """
        bounds.check(path, self.limits, self.limits.clip_s)
        rate = self.recogniser.sample_rate
        wave = audio.read(path, rate)
        found, reason = self._salience.of(path, len(wave))
        shown = wave if found is None else found.wave
        figure = pictures.clip(shown, rate, found)
        if len(shown) < len(wave):
            reason = f"The picture shows the first {bounds.spoken(len(shown) / rate)}. {reason}"
        return pictures.png(figure), reason.strip()

    def batch(self, paths):
        """Say what recordings carry, one after another.

        Args:
            paths: of the files.

        Returns:
            DataFrame, a row a file: file, label, seconds, a column a class, and error, the reason
            why a file could not be heard ("" otherwise).

        Raises:
            ValueError: there are more files than the limit.
        """
        if len(paths) > self.limits.files:
            raise ValueError(
                f"A batch may have at most {self.limits.files} files. Received: {len(paths)}. "
                "Send them in parts, or use python -m serkeras predict."
            )
        return pd.DataFrame([self._row(path) for path in paths])

    def _row(self, path):
        labels = self.recogniser.labels
        row = {"file": Path(path).name, "label": None, "seconds": np.nan}
        try:
            answer = self.hear(path)
        except ValueError as error:
            reason = bounds.without_folder(error, path)
            return {**row, **dict.fromkeys(labels, np.nan), "error": reason}
        row["label"] = labels[int(answer.probabilities.argmax())]
        row["seconds"] = round(len(answer.wave) / self.recogniser.sample_rate, 3)
        said = np.round(answer.probabilities.astype(float), 4)
        return {**row, **dict(zip(labels, said, strict=True)), "error": ""}

    def timeline(self, path):
        """Follow a long recording.

        Args:
            path: of the file.

        Returns:
            `serkeras.serving.timeline.Timeline`, and its files, a list of (ending, bytes, media
            type).

        Raises:
            ValueError, serkeras.audio.AudioError: see `serkeras.app.limits.check`.
        """
        from serkeras.serving.timeline import timeline

        bounds.check(path, self.limits, 60 * self.limits.timeline_min)
        longest = self.recogniser.samples / self.recogniser.sample_rate
        found = timeline(self.recogniser, path, hop_s=min(HOP_S, longest))
        return found, _files(found)

    def live(self):
        """Return a `serkeras.app.live.Live` for a new visitor with a microphone."""
        live = Live(self.recogniser, 60 * self.limits.live_min)
        self._listening.add(live)
        return live

    def close(self):
        """Let go of the sound of all visitors who still listen."""
        for live in list(self._listening):
            live.close()


def _files(timeline):
    written = (
        ("csv", timeline.to_csv, "text/csv"),
        ("json", timeline.to_json, "application/json"),
        ("audacity.txt", timeline.to_audacity, "text/plain"),
    )
    files = []
    with tempfile.TemporaryDirectory() as folder:
        for ending, write, kind in written:
            path = Path(folder) / ending
            write(path)
            files.append((ending, path.read_bytes(), kind))
    return files
