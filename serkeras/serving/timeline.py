"""The emotions of a long recording over its time, as a table, as segments and as files."""

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from serkeras import audio
from serkeras._files import atomic_write, write_json
from serkeras.serving.recogniser import Recogniser
from serkeras.serving.stream import GAP, Stream

_AT_ONCE = 32  # windows


class Timeline:
    """What a stream said of sound, from its beginning to its end.

    Args:
        moments: list of `serkeras.serving.Moment`, as one stream returned them.
        labels: emotion of each probability.
        name: of the sound, for titles.
        model: name of the model.

    Attributes:
        table: DataFrame, one row a window or gap: start_s, end_s, label, level_db, and the
            smoothed probability of each emotion in a column of its name.
        labels, name, model: as given.
    """

    def __init__(self, moments, labels, name, model):
        self.labels, self.name, self.model = list(labels), name, model
        said = np.array([each.probabilities for each in moments]).reshape(-1, len(self.labels))
        self.table = pd.DataFrame(
            {
                "start_s": [each.start_s for each in moments],
                "end_s": [each.end_s for each in moments],
                "label": [each.label for each in moments],
                "level_db": [each.level_db for each in moments],
            }
        )
        self.table[self.labels] = said

    @property
    def spans(self):
        """DataFrame start_s, end_s: the time that each row of `table` speaks for.

        That is the time nearer to the middle of its window than to that of another one: an
        answer is about all of its window, and late by half of one if put at the end.
        """
        rows = self.table
        gap = (rows["label"] == GAP).to_numpy()
        starts, ends = rows["start_s"].to_numpy(float), rows["end_s"].to_numpy(float)
        between = (starts + ends)[:-1] / 4 + (starts + ends)[1:] / 4
        apart = gap[:-1] | gap[1:]
        first, last = np.append(True, apart)[: len(rows)], np.append(apart, True)[: len(rows)]
        return pd.DataFrame(
            {
                "start_s": np.where(first, starts, np.append(0.0, between)[: len(rows)]),
                "end_s": np.where(last, ends, np.append(between, 0.0)[: len(rows)]),
            }
        )

    @property
    def segments(self):
        """DataFrame, one row a stretch of one label: start_s, end_s, label, probability.

        The probability is the mean of the label's over the windows; NaN of silence and gaps.
        """
        rows = self.spans.assign(label=self.table["label"])
        rows["probability"] = math.nan
        for label in self.labels:
            of_label = rows["label"] == label
            rows.loc[of_label, "probability"] = self.table.loc[of_label, label]
        groups = rows.groupby((rows["label"] != rows["label"].shift()).cumsum())
        found = groups.agg(
            {"start_s": "first", "end_s": "last", "label": "first", "probability": "mean"}
        )
        return found.reset_index(drop=True)

    def to_csv(self, path):
        """Write `table` as a CSV file, whole or not at all."""
        with atomic_write(path) as file:
            self.table.to_csv(file, index=False, float_format="%.6f", lineterminator="\n")

    def to_json(self, path):
        """Write names, `segments` and `table` as one JSON file; what is not known is null."""
        value = {
            "name": self.name,
            "model": self.model,
            "labels": self.labels,
            "segments": _records(self.segments),
            "windows": _records(self.table),
        }
        write_json(path, value)

    def to_audacity(self, path):
        """Write `segments` as a label track for Audacity (File, Import, Labels).

        Source: Audacity's manual, "Importing and Exporting Labels": start, end and text, with
        tabs between, times in seconds.
        """
        with atomic_write(path) as file:
            for row in self.segments.itertuples():
                file.write(f"{row.start_s:.6f}\t{row.end_s:.6f}\t{row.label}\n")

    def figure(self):
        """Return a `matplotlib.figure.Figure`: label, probabilities and level over the time."""
        from serkeras.serving.timeline_figure import timeline_figure

        return timeline_figure(self)


def _records(table):
    return json.loads(table.round(6).to_json(orient="records"))


def timeline(
    recogniser,
    path,
    hop_s=0.5,
    smooth_s=1.5,
    silence_db=-50.0,
    gate=None,
    progress=False,
):
    """Say what emotions a recording of any length carries, and when.

    The recording is read in blocks and heard by a `serkeras.serving.Stream`.

    Args:
        recogniser: `serkeras.serving.Recogniser`, or what it takes: a run, a path, or None for
            the model in the box.
        path: recording.
        hop_s, smooth_s, silence_db, gate: see `serkeras.serving.Stream`.
        progress: show a progress bar.

    Returns:
        `Timeline`.

    Raises:
        serkeras.audio.AudioError: the recording cannot be read, or is damaged; see
            `serkeras.audio.read`.
        ValueError: see `serkeras.serving.Stream`.
    """
    if not isinstance(recogniser, Recogniser):
        recogniser = Recogniser(recogniser)
    settings = (hop_s, smooth_s, silence_db, gate)
    moments, stream = [], None
    with tqdm(desc=Path(path).name, unit="s", disable=not progress) as bar:
        for block, rate, frames in audio.blocks(path):
            stream = stream or Stream(recogniser, rate, *settings, batch=_AT_ONCE)
            bar.total = max(round(frames / rate), 1)
            moments += stream.feed(block)
            bar.update(round(stream.now_s) - bar.n)
    moments += stream.end()
    return Timeline(moments, recogniser.labels, Path(path).name, recogniser.name)
