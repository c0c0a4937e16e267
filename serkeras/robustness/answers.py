"""What a run says of its test clips under a damage: computed level by level, kept as CSV."""

import hashlib
import json

import joblib
import numpy as np
import pandas as pd

from serkeras._files import atomic_write, read_csv, sha256
from serkeras.evaluation import analysis
from serkeras.robustness import clips as recordings
from serkeras.robustness.damages import CLEAN, clip_rng
from serkeras.robustness.listener import Listener
from serkeras.serving.recordings import check_answers

NAME, LEVELS = "robustness", "levels"
# Clips of which all levels are in memory at once.
_BLOCK = 16
# Part of the name of a kept file: raise it when what a damage does has changed.
_FORMAT = 1


class Answers:
    """The answers of one run to damaged recordings.

    Args:
        run: `serkeras.Run`.
        clips: its test clips, see `serkeras.robustness.clips.of`.
        crowd: `serkeras.robustness.clips.Crowd`, of whom babble is made.
        audio: `serkeras.robustness.clips.Recordings` at the run's sample rate.
        seed: int, of all that is drawn.
        n_jobs: threads; None is one a core.
    """

    def __init__(self, run, clips, crowd, audio, seed=0, n_jobs=None):
        self.run, self.clips, self._crowd, self._seed = run, clips, crowd, seed
        self._n_jobs = -1 if n_jobs is None else n_jobs
        self._audio, self._listener = audio, None

    @property
    def listener(self):
        """`Listener`; the model is loaded when it is first asked for."""
        if self._listener is None:
            self._listener = Listener(self.run)
        return self._listener

    def obstacle(self, damage):
        """Return why a damage cannot be done here, None where it can."""
        if damage.missing is not None and (reason := damage.missing()):
            return reason
        fewest = self._crowd.fewest() if damage.needs_voices else recordings.LEAST_VOICES
        if fewest >= recordings.LEAST_VOICES:
            return None
        return (
            f"there are {fewest} recordings of other speakers, and a crowd needs "
            f"{recordings.LEAST_VOICES}"
        )

    def of(self, name, damage, bar):
        """Return the probabilities of one damage, those kept where there are some.

        Args:
            name: of the damage.
            damage: `serkeras.robustness.damages.Damage`.
            bar: `tqdm.tqdm`, moved on by one for each clip and level.

        Returns:
            float32 array `(levels, clips, classes)`; NaN for a clip too short to be heard.

        Raises:
            ValueError: undamaged recordings do not give the run's own predictions.
        """
        path = self._file(name, damage)
        said = self._kept(path, damage)
        if said is None:
            said = self._computed(name, damage, bar)
            if damage is CLEAN:  # a wrong answer must not be kept
                check_answers(self.run, self.clips, said[0])
            self._keep(path, damage, said)
        else:
            bar.update(len(damage.levels) * len(self.clips))
        return said

    def _computed(self, name, damage, bar):
        blocks = []
        with joblib.Parallel(n_jobs=self._n_jobs, prefer="threads") as parallel:
            for start in range(0, len(self.clips), _BLOCK):
                rows = self.clips.iloc[start : start + _BLOCK]
                found = parallel(
                    joblib.delayed(self._features)(name, damage, *row)
                    for row in zip(rows["clip"], rows["path"], rows["speaker"], strict=True)
                )
                heard = self.listener.listen([each for one in found for each in one])
                blocks.append(heard.reshape(len(rows), len(damage.levels), *heard.shape[1:]))
                bar.update(len(damage.levels) * len(rows))
        speakers = self.clips["speaker"].to_numpy(dtype=object)
        heard = np.concatenate(blocks).swapaxes(0, 1)
        return np.stack([self.listener.answer(each, speakers) for each in heard])

    def _features(self, name, damage, clip, path, speaker):
        """Return the features of one clip at all levels; None where it is too short for them."""
        wave, rate = self._audio.read(path), self._audio.sample_rate
        voices = self._voices(clip, speaker) if damage.needs_voices else ()
        found = []
        for level in damage.levels:
            rng = clip_rng(self._seed, name, clip)
            damaged = damage.apply(wave, rate, level, rng, voices)
            found.append(self.listener.features(damaged, clip))
        return found

    def _voices(self, clip, speaker):
        paths = self._crowd.around(clip, speaker)["path"]
        waves = [self._audio.read(path) for path in paths]
        return [wave for wave in waves if wave.any()]

    def _file(self, name, damage):
        """Return the file that keeps answers; its name changes with all that decides them."""
        told = [
            _FORMAT, name, damage.levels, self._seed, self.clips["clip"].tolist(),
            sha256(self.run.folder / "predictions.csv"),
            self._audio.digests(self.clips["path"], self._n_jobs),
        ]  # fmt: skip
        if damage.needs_voices:
            pool = self._crowd.pool
            told += [pool["clip"].tolist(), self._audio.digests(pool["path"], self._n_jobs)]
        key = hashlib.sha256(json.dumps(told).encode()).hexdigest()[:10]
        return analysis.place(self.run, NAME) / LEVELS / f"{name}.{key}.csv"

    def _keep(self, path, damage, said):
        labels = self.run.labels
        tables = []
        for level, each in zip(damage.levels, said, strict=True):
            table = pd.DataFrame({"level": level, "clip": self.clips["clip"]})
            table["emotion"] = self.clips["emotion"]
            table["predicted"] = [labels[index] if index >= 0 else "" for index in named(each)]
            tables.append(pd.concat([table, _columns(each, labels)], axis=1))
        with atomic_write(path) as file:
            pd.concat(tables).to_csv(file, index=False)

    def _kept(self, path, damage):
        if not path.is_file():
            return None
        table = read_csv(path, ("clip", "emotion", "predicted"))
        values = table[[f"p_{label}" for label in self.run.labels]].to_numpy(np.float32)
        return values.reshape(len(damage.levels), len(self.clips), -1)


def _columns(said, labels):
    return pd.DataFrame(said, columns=[f"p_{label}" for label in labels])


def named(said):
    """Return the class named, int array `(..., clips)`; -1 where there is no answer.

    Args:
        said: float array `(..., clips, classes)`.
    """
    unheard = np.isnan(said).any(axis=-1)
    return np.where(unheard, -1, np.nan_to_num(said).argmax(axis=-1))
