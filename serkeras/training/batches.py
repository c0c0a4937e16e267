"""Batches of features for fit, evaluate and predict, on every backend."""

import copy
import os
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np

from serkeras.features import registry
from serkeras.training import devices

# Batches whose clips are sorted by length among each other; a larger group wastes less padding,
# a smaller one mixes better.
_GROUP_BATCHES = 50
_GROUPS = 4
# Different lengths that batches may have: JAX compiles the network anew for each of them.
_LENGTHS = 32
_MOST_WORKERS = 4
_AHEAD = 2
_MIXING = 0x4D58  # keeps these draws apart from others of the same seed


class Batches(keras.utils.PyDataset):
    """Features and targets in batches, in an order that (seed, epoch) alone decides.

    An interrupted fit that goes on at epoch 7 meets the clips in the order in which an
    uninterrupted one would have met them, and clips that are changed on the fly in the form.
    Every clip is met once an epoch.

    Where lengths vary, clips of like length share a batch: the shuffled clips are sorted within
    groups of batches, cut, and the batches shuffled.

    Args:
        side: `serkeras.training.sides.Side`.
        batch_size: clips a batch; the last one may be smaller.
        seed: int to shuffle and to change clips on the fly, None to keep the order of the side
            and its clips as they are.
        workers: threads that compute the next batches while the network learns; None is one a
            core where clips are changed on the fly and otherwise 0. They decide no number.
        shares: devices among which a batch is shared out, see `serkeras.training.devices`.
        mixup: alpha of the distribution of the share in which a clip is mixed with another one of
            its batch, see `serkeras.config.TrainingConfig`; only with a seed, for a side that has
            shares of the classes and clips of one length. 0 mixes nothing.

    Raises:
        ValueError: there are fewer clips than devices, on TensorFlow.
    """

    def __init__(self, side, batch_size=32, seed=None, workers=None, shares=1, mixup=0.0):
        # Not Keras's own workers: those of Keras 3.15 give the batches that they had prepared
        # for one epoch to the next one.
        super().__init__()
        self._side, self._batch_size, self._seed = side, batch_size, seed
        if workers is None:
            workers = min(os.cpu_count() or 1, _MOST_WORKERS) if side.prepare else 0
        self._threads, self._pool, self._shares = workers, None, shares
        self._mixup = mixup
        self.begin_epoch(0)

    def __getstate__(self):
        """Return the state without threads and what they are at: a copy starts its own."""
        return {**self.__dict__, "_pool": None, "_pending": {}}

    def __deepcopy__(self, memo):
        """Return a copy that shares the side, which nothing changes, and not its threads."""
        return copy.copy(self)

    def begin_epoch(self, epoch):
        """Put the clips into the order of `epoch` (0-based)."""
        self._epoch, self._pending = epoch, {}
        order = np.arange(len(self._side.y))
        if self._seed is None:
            self._batches = self._evened(self._cut(order))
            return
        rng = np.random.default_rng([self._seed, epoch])
        rng.shuffle(order)
        varies = self._side.varies
        self._batches = self._like_lengths(order, rng) if varies else self._evened(self._cut(order))

    def _cut(self, order):
        size = self._batch_size
        return [order[start : start + size] for start in range(0, len(order), size)]

    def _evened(self, batches):
        return devices.even_out(batches, self._shares) if self._shares > 1 else batches

    def _like_lengths(self, order, rng):
        # Few batches are several groups too: one group would give the same batches every epoch.
        total = -(-len(order) // self._batch_size)
        group = max(1, min(_GROUP_BATCHES, total // _GROUPS)) * self._batch_size
        batches = []
        for start in range(0, len(order), group):
            part = order[start : start + group]
            lengths = self._side.frames[part]
            batches += self._cut(part[np.argsort(lengths, kind="stable")])
        batches = self._evened(batches)
        return [batches[index] for index in rng.permutation(len(batches))]

    def __len__(self):
        """Return the number of batches."""
        return len(self._batches)

    def __getitem__(self, index):
        """Return `(features (batch, bins, frames, 1), targets (batch,))`.

        Where the side has shares of the classes, targets are `(batch, classes)`. Where lengths vary
        the first part is a dictionary, as `pad` returns it.
        """
        if not self._threads:
            return self._batch(self._batches[index], self._epoch)
        for number in range(index, min(index + 1 + _AHEAD * self._threads, len(self))):
            if number not in self._pending:
                self._pending[number] = self._submit(self._batches[number], self._epoch)
        return self._pending.pop(index).result()

    def _submit(self, rows, epoch):
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self._threads, "batches")
        return self._pool.submit(self._batch, rows, epoch)

    def _batch(self, rows, epoch):
        x, targets = self._side.features(rows, self._seed, epoch), self._side.targets[rows]
        if self._side.varies:
            return pad(x, self._side.longest), targets
        x = with_channels(x)
        return self._mixed(x, targets, rows, epoch) if self._mixup else (x, targets)

    def _mixed(self, x, targets, rows, epoch):
        # The rows of a batch name it: threads may come to it in any order.
        rng = np.random.default_rng([self._seed, epoch, _MIXING, *rows])
        own = rng.beta(self._mixup, self._mixup, len(rows)).astype(np.float32)
        other = rng.permutation(len(rows))

        def mix(values):
            share = own.reshape(-1, *(1,) * (values.ndim - 1))
            return share * values + (1 - share) * values[other]

        return mix(x), mix(targets)

    def for_keras(self):
        """Return what `fit`, `evaluate` and `predict` should be given.

        On TensorFlow that is a `tf.data.Dataset` with autotuning off: with it on, or with
        NumPy arrays, training stays on one core (100 against 186 clips a second on two).
        """
        if keras.backend.backend() == "jax" and self._shares > 1:
            return devices.Shared(self, self._shares)
        if keras.backend.backend() != "tensorflow":
            return self
        import tensorflow as tf

        features = tf.TensorSpec((None, *self._side.shape), tf.float32)
        targets = self._side.targets
        if self._side.varies:
            features = {"features": features, "mask": tf.TensorSpec((None, None), tf.bool)}
        dataset = tf.data.Dataset.from_generator(
            lambda: (self[index] for index in range(len(self))),
            output_signature=(features, tf.TensorSpec((None, *targets.shape[1:]), targets.dtype)),
        )
        options = tf.data.Options()
        options.autotune.enabled = False
        known_length = tf.data.experimental.assert_cardinality(len(self))
        return dataset.apply(known_length).prefetch(2).with_options(options)


def pad(clips, longest):
    """Stack features of different lengths, padded with zeros up to the longest of them.

    The length is rounded up, so that there are at most 32 different ones.

    Args:
        clips: list of arrays `(bins, frames)`, or `(samples,)` or `(frames,)`.
        longest: int, frames (or samples) of the longest clip that there can be.

    Returns:
        Dictionary of "features", float32 `(clips, bins, frames, 1)` or `(clips, frames, 1)`, and
        "mask", bool `(clips, frames)`, false on padding.
    """
    lengths = np.array([clip.shape[-1] for clip in clips])
    step = -(-longest // _LENGTHS)
    frames = min(-(-lengths.max() // step) * step, longest)
    x = np.zeros((len(clips), *clips[0].shape[:-1], frames), np.float32)
    for row, clip in zip(x, clips, strict=True):
        row[..., : clip.shape[-1]] = clip
    return {"features": with_channels(x), "mask": np.arange(frames) < lengths[:, None]}


def with_channels(x):
    """Return features with the channel axis that networks want.

    Args:
        x: array `(clips, bins, frames)` or of another feature's shape.

    Returns:
        float32 array `(clips, bins, frames, 1)`, see `serkeras.features.registry.model_shape`.
    """
    return np.asarray(x, np.float32).reshape(len(x), *registry.model_shape(x.shape[1:]))
