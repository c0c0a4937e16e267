"""Loss, optimiser and learning-rate rule of a run, as its `TrainingConfig` asks for them."""

import numpy as np

from serkeras.training import optimizers
from serkeras.training.losses import ClassLoss
from serkeras.training.schedules import Schedule


def compile_model(model, config, targets, num_classes):
    """Compile a model.

    Args:
        model: `keras.Model` that ends in probabilities; its weights exist.
        config: `serkeras.config.TrainingConfig`.
        targets: int array `(rows,)`, classes of the training side, for class weights.
        num_classes: int.

    Raises:
        ValueError: a setting of the loss, of the learning-rate rule or of the weight decay is
            outside its range.
    """
    schedule(config)  # raises now, not in the first epoch
    optimizer = optimizers.make(
        config.optimizer,
        config.learning_rate,
        config.weight_decay,
        config.decay_only,
        model.trainable_variables,
    )
    model.compile(optimizer, loss=_loss(config, targets, num_classes), metrics=["accuracy"])


def schedule(config, epochs=None):
    """Return the `Schedule` of a fit of so many epochs (None: the most there can be)."""
    return Schedule(config.schedule, config.learning_rate, epochs or config.epochs)


def balanced_weights(targets, num_classes):
    """Return one weight a class, of mean 1 over the clips; classes without a clip get 0.

    Args:
        targets: int array `(clips,)`.
        num_classes: int.
    """
    counts = np.bincount(targets, minlength=num_classes)
    present = np.count_nonzero(counts)
    return np.where(counts, len(targets) / (present * np.maximum(counts, 1)), 0.0).tolist()


def _loss(config, targets, num_classes):
    weights = None
    if config.class_weights == "balanced":
        weights = balanced_weights(targets, num_classes)
    if config.loss == "cross_entropy" and not config.label_smoothing and weights is None:
        return "sparse_categorical_crossentropy"
    return ClassLoss(config.loss, config.label_smoothing, config.focal_gamma, weights)
