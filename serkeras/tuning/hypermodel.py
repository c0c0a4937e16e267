"""A recipe and a space as a `keras_tuner.HyperModel`, for tuners of one's own."""

import keras_tuner

from serkeras import models
from serkeras.tuning import space as spaces


class HyperModel(keras_tuner.HyperModel):
    """Builds and compiles the network of an experiment with what a tuner draws.

    For `keras_tuner.Hyperband(hypermodel, ...)` and the like on arrays at hand. `serkeras.tune`
    does more: it tunes features and augmentation too, judges by UAR with speakers apart, keeps the
    test side away, goes on after a kill.

    Args:
        experiment: `serkeras.config.Experiment`; its model and training settings count.
        space: see `serkeras.tuning.space.check`; names begin with "model." or "training.".
        input_shape: of one clip's features, such as `(bins, frames, 1)`.
        targets: int array `(clips,)`, classes of the training side, from 0; they tell how many
            there are and what class weights and accumulated batches need.

    Raises:
        ValueError: the space changes something else, or is none.
    """

    def __init__(self, experiment, space, input_shape, targets):
        super().__init__(name=experiment.model.name)
        self.experiment, self.space = experiment, spaces.check(space)
        self.input_shape, self.targets = input_shape, targets
        other = [name for name in space if name.split(".")[0] not in ("model", "training")]
        if other:
            raise ValueError(
                "A HyperModel is given features, so a space may name settings of model and "
                f"training only. Received: {other}. Use serkeras.tune for the others."
            )

    def build(self, hp):
        """Return a compiled `keras.Model` from features to probabilities."""
        from serkeras.training.compiling import compile_model

        drawn = spaces.settings(spaces.declare(hp, self.space), self.experiment)
        found = self.experiment.with_settings(drawn)
        classes = int(max(self.targets)) + 1
        model = models.build(found.model.name, self.input_shape, classes, **found.model.settings)
        compile_model(model, found.training, self.targets, classes)
        return model
