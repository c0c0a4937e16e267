"""Loss, optimiser and learning-rate rule of a run, as its `TrainingConfig` asks for them."""

import keras
import numpy as np

from serkeras.training import devices, layer_rates, optimizers
from serkeras.training.losses import ClassLoss
from serkeras.training.schedules import Schedule
from serkeras.training.whole_batch import of_whole_batch


def compile_model(model, config, targets, num_classes, whole=None, shares=None):
    """Compile a model.

    The optimiser has its variables afterwards, and so has the metric where `shares` is known:
    TensorFlow traces a step that makes variables twice.

    Args:
        model: `keras.Model` that ends in probabilities; its weights exist.
        config: `serkeras.config.TrainingConfig`.
        targets: int array `(rows,)`, classes of the training side, for class weights and, where
            gradients of several batches are averaged, for the number of batches in an epoch.
        num_classes: int.
        whole: the model that `model` is a part of, see `layer_rates.depths`; None is `model`.
        shares: whether the fit is given shares of the classes, not their indices; None where that
            is not known yet.

    Raises:
        ValueError: a setting of the loss, of the learning-rate rule, of the rates of layers or of
            the weight decay is outside its range, or the backend cannot do what is asked for.
    """
    schedule(config)  # raises now, not in the first epoch
    _require_possible(config)
    devices.join_statistics(model)
    model.compile(
        _optimizer(model, config, whole, len(targets)),
        loss=of_whole_batch(_loss(config, targets, num_classes)),
        metrics=[_accuracy(shares)],
        jit_compile="auto" if config.jit_compile is None else config.jit_compile,
        steps_per_execution=config.steps_per_execution,
    )
    if config.jit_compile and not model.jit_compile:
        raise ValueError(
            "`jit_compile` needs layers that XLA can compile and, on TensorFlow, operations that "
            "need not be deterministic. Received: training.jit_compile=true, which Keras refuses "
            f"for {model.name!r}. Set it to false; or begin a new process, where an earlier fit "
            "of this one has asked for deterministic operations."
        )


def _accuracy(shares):
    if shares is None:
        return "accuracy"  # Keras finds out which of them is meant, but only in the first step
    kind = keras.metrics.CategoricalAccuracy if shares else keras.metrics.SparseCategoricalAccuracy
    return kind(name="accuracy")


def _optimizer(model, config, whole, clips):
    depths = layer_rates.depths(model, config.layer_rates, whole)
    batches = -(-clips // config.batch_size)
    optimizer = optimizers.make(
        config.optimizer,
        config.learning_rate,
        config.weight_decay,
        config.decay_only,
        model.trainable_variables,
        depths,
        config.layer_rates,
        config.accumulate,
        batches,
    )
    if config.precision == "mixed_float16":
        # Keras wraps by itself only where the outermost model computes in float16.
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    optimizer.build(model.trainable_variables)
    return optimizer


def _require_possible(config):
    """Refuse what PyTorch cannot do."""
    asked = {"steps_per_execution": config.steps_per_execution > 1}
    wrong = [name for name, is_asked in asked.items() if is_asked]
    if wrong and keras.backend.backend() == "torch":
        raise ValueError(
            f"{' and '.join(wrong)} must be left alone on the backend PyTorch. Received: "
            f"{config.steps_per_execution}. Set it to 1, or choose another KERAS_BACKEND."
        )


def make_repeatable(config):
    """Ask TensorFlow for operations that give the same numbers whenever they are run.

    Not with `jit_compile`: Keras compiles nothing for XLA where they have been asked for. XLA on a
    GPU may then give other numbers in another run.

    Args:
        config: `serkeras.config.TrainingConfig`.
    """
    if keras.backend.backend() == "tensorflow" and not config.jit_compile:
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()


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
    plain = config.loss == "cross_entropy" and not config.label_smoothing and weights is None
    if plain and config.targets == "labels" and not config.mixup:
        return "sparse_categorical_crossentropy"
    return ClassLoss(config.loss, config.label_smoothing, config.focal_gamma, weights)
