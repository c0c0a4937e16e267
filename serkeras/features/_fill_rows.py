"""The rows of some clips: read, copied, turned into features; see `serkeras.features._fill`."""

import os
from dataclasses import dataclass

import joblib
import numpy as np

from serkeras.audio import AudioError, AudioFileError, fix_length, load_clip
from serkeras.augment import make_copies
from serkeras.config import AudioConfig, AugmentConfig, FeatureConfig
from serkeras.features import registry


@dataclass(frozen=True)
class Source:
    """One recording: path, clip id, hash of its content, (size, time) when it was hashed."""

    path: str
    clip: str
    digest: str
    state: tuple[int, int]


@dataclass(frozen=True)
class Plan:
    """Everything that decides the rows of a clip, and what one row looks like.

    Attributes:
        audio, features: settings.
        augment, seed: settings of the copies; both None where there are none.
        shape: of a row, `(bins, frames)` and so on; of the longest clip where lengths vary.
        dtype: of a row, in words.
        varies: whether clips keep their own length and their features have it too.
    """

    audio: AudioConfig
    features: FeatureConfig
    augment: AugmentConfig | None
    seed: int | None
    shape: tuple[int, ...]
    dtype: str
    varies: bool

    @property
    def copies(self):
        """Rows of each clip: itself and its changed copies."""
        return 1 + (self.augment.copies if self.augment else 0)

    @property
    def clip_bytes(self):
        """Bytes on disk of one clip and its copies (at most, where lengths vary)."""
        return self.copies * int(np.prod(self.shape)) * np.dtype(self.dtype).itemsize

    @property
    def frame_axis(self):
        """Axis of a row that counts frames (samples of waveforms); None averaged over time."""
        return frame_axis(self.shape, self.features)

    @property
    def stored_shape(self):
        """Shape of a row on disk: frames first where lengths vary, so that padding is its end."""
        return self.shape[::-1] if self.varies else self.shape


def frame_axis(shape, features):
    """Return the axis of one clip's features that counts frames, None if averaged over time."""
    if features.average == "time":
        return None
    return 0 if len(shape) == 1 else 1


def plan(audio, features, augment, seed):
    """Return the `Plan` of settings; a wrong one fails here, on a silent clip.

    Raises:
        ValueError: a setting of the feature is outside its range.
    """
    row = _of_silence(audio.samples, audio, features)
    # One hop more: another shape shows that it follows the clip's length.
    longer = audio.samples + features.hop_length
    varies = audio.fit == "keep" and _of_silence(longer, audio, features).shape != row.shape
    copies = (augment, seed) if augment and augment.copies else (None, None)
    return Plan(audio, features, *copies, row.shape, row.dtype.name, varies)


def _of_silence(samples, audio, features):
    silence = np.zeros((1, samples), np.float32)
    return registry.compute(silence, features, audio.sample_rate)[0]


def file_state(path):
    """Return (bytes, time of change in ns), which a rewritten file does not keep."""
    status = os.stat(path)
    return status.st_size, status.st_mtime_ns


def failures(plan, sources):
    """Try again the clips that could not be used; return {path: reason} of those still so.

    A disk that fails for a moment can look like a damaged file, and no such verdict may last.
    """
    reasons = {}
    for source in sources:
        try:
            _material(plan, source)
        except AudioError as error:
            reasons[source.path] = str(error)
    return reasons


@dataclass
class Rows:
    """The rows of some clips.

    Attributes:
        x: array `(clips, copies, *stored_shape)`, zeros for clips that failed.
        frames: int array `(clips, copies)`, valid frames; None where lengths do not vary.
        failed, silent: lists of clip ids.
    """

    x: np.ndarray
    frames: np.ndarray | None
    failed: list
    silent: list


def compute(plan, sources):
    """Return the `Rows` of some recordings.

    Raises:
        AudioFileError: a recording cannot be read at present.
        RuntimeError: one was changed since it was hashed.
    """
    x = np.zeros((len(sources), plan.copies, *plan.stored_shape), plan.dtype)
    frames = np.zeros(x.shape[:2], int) if plan.varies else None
    rows = Rows(x, frames, [], [])
    # In a thread or process of a pool: whatever that pool is, this part is computed right here.
    with joblib.parallel_config(backend="threading", n_jobs=1):
        fill = _own_lengths if plan.audio.fit == "keep" else _one_length
        fill(plan, sources, rows)
    return rows


def _one_length(plan, sources, rows):
    samples = plan.audio.samples
    waves = np.empty((len(sources), plan.copies, samples), np.float32)
    good = []
    for index, found in _usable(plan, sources, rows):
        waves[len(good)] = found
        good.append(index)
    if good:
        flat = waves[: len(good)].reshape(-1, samples)
        found = registry.compute(flat, plan.features, plan.audio.sample_rate)
        rows.x[good] = found.reshape(len(good), plan.copies, *plan.shape)


def _own_lengths(plan, sources, rows):
    for index, found in _usable(plan, sources, rows):
        for copy, row in enumerate(found):
            if plan.varies:
                length = row.shape[plan.frame_axis]
                rows.frames[index, copy] = length
                rows.x[index, copy, :length] = row.T
            else:
                rows.x[index, copy] = row


def _usable(plan, sources, rows):
    """Yield (number, what `_material` gives) of the clips that can be used; note the others."""
    for index, source in enumerate(sources):
        try:
            found, is_silent = _material(plan, source)
        except AudioFileError:
            raise  # of this moment, not of the content: nothing to keep
        except AudioError:
            _check_unchanged(source)
            rows.failed.append(source.clip)
            continue
        _check_unchanged(source)
        if is_silent and plan.augment:
            rows.silent.append(source.clip)
        yield index, found


def _material(plan, source):
    """Return what becomes the rows of one clip, a list, and whether the clip is silent.

    That is the waves of the clip and its copies; where clips keep their length, the features,
    since only they tell that a clip is too short.
    """
    waves, is_silent = _load(plan, source)
    if plan.audio.fit != "keep":
        return waves, is_silent
    rate = plan.audio.sample_rate
    return [
        registry.compute_alone(wave, plan.features, rate, source.path) for wave in waves
    ], is_silent


def _load(plan, source):
    """Return the waves of a clip and its copies, a list, and whether it is silent."""
    wave = load_clip(source.path, plan.audio)
    if not plan.augment:
        return [wave], not wave.any()
    if not wave.any():
        return [wave] * plan.copies, True
    copies = make_copies(wave, plan.audio.sample_rate, source.clip, plan.augment, plan.seed)
    return [wave, *(cut(copy, plan.audio) for copy in copies)], False


def cut(wave, audio):
    """Bring a changed clip to its length, or with `fit="keep"` only cut what is over it."""
    return wave[: audio.samples] if audio.fit == "keep" else fix_length(wave, audio.samples)


def _check_unchanged(source):
    """The key holds the hash of the file as it was; other content must not get under it."""
    try:
        unchanged = file_state(source.path) == source.state
    except OSError:
        unchanged = False
    if not unchanged:
        raise RuntimeError(
            "Recordings must stay as they are while their features are computed. "
            f"Received: {source.path}, changed meanwhile. Run again when it is finished."
        )
