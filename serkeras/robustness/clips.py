"""The recordings that a run is judged by, and the voices of others for babble."""

from functools import cached_property

import numpy as np

from serkeras import audio, datasets
from serkeras.features import cache
from serkeras.serving.recordings import is_file, reachable

_POOL = 40
# A crowd of one is no babble.
LEAST_VOICES = 3
_KEPT_BYTES = 256 << 20


def of(run, number=None, seed=0):
    """Return the test clips of a run whose recordings can be reached.

    Args:
        run: `serkeras.Run` or `serkeras.Ensemble`.
        number: so many of them, drawn by `seed`, the emotions in turn; None is all.
        seed: int.

    Returns:
        The rows of predictions.csv, their paths as they are here.

    Raises:
        FileNotFoundError: a recording is neither at its path nor in the run's corpora.
        ValueError: `number` is below 1.
    """
    table = run.predictions
    if number is not None:
        table = _drawn(table, number, seed)
    return reachable(run, table)


def _drawn(table, number, seed):
    if number < 1:
        raise ValueError(
            f"`clips` must be 1 or more. Received: {number}. Leave it out to take all test clips."
        )
    order = np.random.default_rng(seed).permutation(len(table))
    turns = table.iloc[order].groupby("emotion").cumcount()
    kept = turns.sort_values(kind="stable").index[:number]
    return table.loc[sorted(kept)]


class Crowd:
    """Recordings that babble can be made of, looked for when they are first needed.

    They are of a run's training side, 40 of as many speakers as possible; where that cannot be
    reached, they are test clips.

    Args:
        run: `serkeras.Run`.
        clips: test clips, see `of`.
        seed: int, decides the choice.
    """

    def __init__(self, run, clips, seed=0):
        self._run, self._clips, self._seed, self.side = run, clips, seed, None

    @cached_property
    def pool(self):
        """DataFrame with the columns clip, path and speaker; `side` then says whose they are."""
        pool, self.side = self._training(), "the training side"
        if len(pool) < LEAST_VOICES:
            pool, self.side = self._clips, "other speakers of the test side"
        order = np.random.default_rng([self._seed, len(pool)]).permutation(len(pool))
        pool = pool.iloc[order]
        turns = pool.groupby("speaker", dropna=False).cumcount().sort_values(kind="stable")
        return pool.loc[turns.index[:_POOL], ["clip", "path", "speaker"]].reset_index(drop=True)

    def _training(self):
        settings = self._run.experiment
        try:
            known = datasets.load_many(settings.data, settings.label_scheme, progress=False)
        except (FileNotFoundError, ValueError):
            return self._clips.iloc[:0]
        train = set(self._run.clips("train"))
        train -= set(self._run.predictions["clip"])
        return known[known["clip"].isin(train) & known["path"].map(is_file)]

    def around(self, clip, speaker):
        """Return the rows of the pool that are neither this clip nor of its speaker.

        Args:
            clip: id of a clip.
            speaker: its speaker, a missing value where unknown.
        """
        other = self.pool["clip"] != clip
        if isinstance(speaker, str):
            other &= self.pool["speaker"] != speaker
        return self.pool[other]

    def fewest(self):
        """Return the smallest number of recordings that there are around a test clip."""
        pairs = zip(self._clips["clip"], self._clips["speaker"], strict=True)
        return min(len(self.around(*pair)) for pair in pairs)


class Recordings:
    """Recordings at one sample rate; 256 MiB of them are kept in memory.

    Args:
        sample_rate: int, hertz.
    """

    def __init__(self, sample_rate):
        self.sample_rate, self._kept, self._room = sample_rate, {}, _KEPT_BYTES
        self._digests = {}

    def read(self, path):
        """Return the float32 wave `(samples,)` of a file, see `serkeras.audio.read`."""
        wave = self._kept.get(path)
        if wave is None:
            wave = audio.read(path, self.sample_rate)
            if wave.nbytes <= self._room:
                self._room -= wave.nbytes
                self._kept[path] = wave
        return wave

    def digests(self, paths, n_jobs=None):
        """Return the SHA-256 of files, a list of str in their order; each is read once.

        Args:
            paths: sequence of file names.
            n_jobs: threads; None is one a core.
        """
        new = [path for path in paths if path not in self._digests]
        found = cache.hash_files(new, n_jobs)
        self._digests |= {path: each.digest for path, each in found.items()}
        return [self._digests[path] for path in paths]
