"""A run's model as the methods of explanation meet it."""

import contextlib

import numpy as np

from serkeras.training import batches

_AT_ONCE = 32
# Rows in one call are filled up to one of these: every number of them is compiled anew.
_SIZES = (1, 8, _AT_ONCE)
_LEAST = 1e-6


class Listener:
    """Scores, probabilities and gradients of a model, for features of one length.

    The score of a class is its logit, what goes into the softmax: a probability that is nearly 1
    has no gradient left. Where no softmax stands at the end of the graph, and for classical
    models, it is the logarithm of the probability, at least that of 1e-6.

    Args:
        model: `keras.Model` to probabilities, or a `serkeras.models.classical.ClassicalModel`.
        longest: frames of the longest possible clip, where the model takes a mask.
        at_once: rows in one call; 1 for a model whose clips influence each other.

    Attributes:
        model: as given.
        has_gradient: whether the model is a network.
        score: "logit" or "log-probability".
    """

    def __init__(self, model, longest=None, at_once=_AT_ONCE):
        import keras

        from serkeras.explanation import layers

        self.model, self._longest, self._at_once = model, longest, at_once
        self._masked = len(model.inputs) == 2
        self.has_gradient = isinstance(model, keras.Model)
        self._context = layers.without_softmax(model) if self.has_gradient else None
        self.score = "logit" if self._context else "log-probability"
        self._forward, self._backward, self._inner = None, None, {}

    @classmethod
    def of(cls, run):
        """Return the listener of a finished run.

        Args:
            run: `serkeras.Run` with one model.

        Raises:
            ValueError: the run is an ensemble, or its model normalises by speaker.
        """
        from serkeras.explanation.inputs import longest
        from serkeras.training import by_speaker

        if by_speaker.layer(run.model) is not None:
            raise ValueError(
                "A model must answer each clip alone to be explained. Received: "
                f"{run.folder}, which takes the statistics of all of a speaker's recordings. "
                "Explain a run that normalises by no speaker (model.normalize, speaker_norm)."
            )
        settings = run.experiment
        at_once = settings.model.clips_at_once(settings.training.batch_size)
        return cls(run.model, longest(settings), min(at_once, _AT_ONCE))

    def like(self, model):
        """Return a listener of another model that takes the same features."""
        return type(self)(model, self._longest, self._at_once)

    def scores(self, x):
        """Return scores, float64 `(rows, classes)`, of features `(rows, bins, frames, 1)`."""
        return np.concatenate([self._scores(part) for (part,) in self._cut(x)])

    def probabilities(self, x):
        """Return probabilities, float64 `(rows, classes)`, of features `(rows, ...)`."""
        return self.to_probabilities(self.scores(x))

    def to_probabilities(self, scores):
        """Return the probabilities that belong to scores `(rows, classes)`."""
        if self.score != "logit":
            return np.exp(scores)
        raised = np.exp(scores - scores.max(axis=1, keepdims=True))
        return raised / raised.sum(axis=1, keepdims=True)

    def gradient(self, x, classes):
        """Return the gradient of the score of one class a row.

        Args:
            x: features `(rows, ...)`.
            classes: int array `(rows,)`.

        Returns:
            float32 array of the shape of `x`.

        Raises:
            ValueError: the model is a classical one.
        """
        self._require_gradient()
        parts = [self._gradient(*pair) for pair in self._cut(x, classes)]
        return np.concatenate(parts)

    def inner(self, x, classes, watched):
        """Return what some layers give, and the gradient of the score with respect to that.

        Args:
            x: features `(rows, ...)`.
            classes: int array `(rows,)`.
            watched: list of layers of the model.

        Returns:
            Two lists with an array `(rows, places, channels)` or `(rows, rows of the map,
            columns, channels)` for each layer; padding of clips is part of it.
        """
        self._require_gradient()
        found = [self._inner_of(*pair, watched) for pair in self._cut(x, classes)]
        return [
            [np.concatenate(parts) for parts in zip(*(each[side] for each in found), strict=True)]
            for side in (0, 1)
        ]

    def given(self, x):
        """Return what the model takes of features `(rows, ...)`: a list, the mask behind them."""
        if not self._masked:
            return [np.asarray(x, np.float32)]
        padded = batches.pad(list(x[..., 0]), self._longest)
        return [padded["features"], padded["mask"]]

    def _cut(self, x, *others):
        """Yield pieces of some rows each."""
        for start in range(0, len(x), self._at_once):
            yield tuple(each[start : start + self._at_once] for each in (x, *others))

    def _filled(self, x):
        size = min(size for size in (*_SIZES, self._at_once) if size >= len(x))
        size = min(size, self._at_once)
        return np.concatenate([x, np.repeat(x[:1], size - len(x), axis=0)])

    def _scores(self, x):
        if not self.has_gradient:
            given = dict(zip(("features", "mask"), self.given(x), strict=False))
            said = self.model.predict_on_batch(given if self._masked else given["features"])
            return np.log(np.maximum(said, _LEAST), dtype=np.float64)
        from serkeras.explanation import gradients

        self._forward = self._forward or gradients.compiled(
            self.model, self._say, self.model.inputs
        )
        said = self._forward(self.given(self._filled(x)))
        return said[: len(x)].astype(np.float64)

    def _say(self, given, rest=()):
        """Return scores: in the backend's tensors."""
        from keras import ops

        x = [*given, *rest]
        x = {"features": x[0], "mask": x[1]} if self._masked else x[0]
        with self._context() if self._context else contextlib.nullcontext():
            said = ops.cast(self.model(x, training=False), "float32")
        return said if self._context else ops.log(ops.maximum(said, _LEAST))

    def _sum(self, given, rest):
        """Return the sum of the chosen scores; `rest` ends in one row of 0 and 1 a clip."""
        from keras import ops

        return ops.sum(self._say(given, rest[:-1]) * rest[-1]), []

    def _gradient(self, x, classes):
        from serkeras.explanation import gradients

        features, *mask = self.model.inputs
        self._backward = self._backward or gradients.differentiated(
            self.model, self._sum, [features], [*mask, self._chosen]
        )
        (given, *mask), chosen = self._prepared(x, classes)
        _, (found,) = self._backward([given], [*mask, chosen])
        # Behind the clip there is padding.
        return found[: len(x), ..., : x.shape[-2], :]

    def _prepared(self, x, classes):
        filled = self._filled(x)
        chosen = np.zeros((len(filled), self.classes), np.float32)
        chosen[np.arange(len(x)), np.asarray(classes)] = 1.0
        return self.given(filled), chosen

    @property
    def _chosen(self):
        from keras import KerasTensor

        return KerasTensor((None, self.classes))

    @property
    def classes(self):
        """Number of classes."""
        return self.model.output.shape[-1] if self.has_gradient else self.model.num_classes

    def _inner_of(self, x, classes, watched):
        from serkeras.explanation import gradients

        key = tuple(map(id, watched))
        if key not in self._inner:
            maps, rest = [one.output for one in watched], [*self.model.inputs, self._chosen]
            self._inner[key] = (
                gradients.compiled(self.model, self._watch(watched), self.model.inputs),
                gradients.differentiated(self.model, self._moved(watched), maps, rest),
            )
        look, run = self._inner[key]
        given, chosen = self._prepared(x, classes)
        still = [np.zeros_like(each) for each in look(given)]
        maps, found = run(still, [*given, chosen])
        return [each[: len(x)] for each in maps], [each[: len(x)] for each in found]

    def _watch(self, watched):
        """Return the function that gives what the layers give."""
        from serkeras.explanation import layers

        def watch(given, rest):
            seen = {}
            with layers.watched(watched, None, seen):
                self._say(given)
            return [seen[id(layer)] for layer in watched]

        return watch

    def _moved(self, watched):
        """Return the function whose gradient with respect to what is added tells of the layers.

        Nothing is added in truth. It is the one way that all three backends have: a value in
        the middle of a model is no argument that JAX could differentiate by.
        """
        from serkeras.explanation import layers

        def moved(added, rest):
            seen = {}
            with layers.watched(watched, added, seen):
                total, _ = self._sum(rest[:1], rest[1:])
            return total, [seen[id(layer)] for layer in watched]

        return moved

    def _require_gradient(self):
        if not self.has_gradient:
            raise ValueError(
                "Gradients must be those of a network. Received: the classical model "
                f"{self.model.name!r}. Use the methods occlusion-time, occlusion-frequency or "
                "occlusion-patches, which only ask the model for answers."
            )
