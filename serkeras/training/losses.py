"""Losses for class indices and probabilities, with smoothing, focus and class weights."""

import keras
from keras import ops

from serkeras.config import LOSSES

# Close to the smallest float32. Softmax gives 0 to a class 88 below the best: no loss sees further.
_LEAST = 1e-37


@keras.saving.register_keras_serializable("serkeras")
class ClassLoss(keras.losses.Loss):
    """What a fit makes small; targets are class indices, or shares of the classes.

    "cross_entropy" is -log p of the true class. "focal" weighs it by (1 - p)^gamma, so that
    clips which are recognised already count less. "hinge" asks that the true class's logit is
    at least 1 above each other: the mean over the other classes of max(0, 1 - difference); it is
    computed from log-probabilities, whose differences are those of the logits. With shares the
    loss of a clip is the mean over the classes by their shares; "hinge" takes indices only.

    Args:
        kind: "cross_entropy", "focal" or "hinge".
        label_smoothing: float in [0, 1), share of the truth that is spread over all classes
            (not for "hinge").
        gamma: float >= 0, of "focal".
        class_weights: list of floats, one a class, or None; clips count by them.
        name: str.

    Raises:
        ValueError: a value lies outside its range.

    Source:
        Lin et al. 2017 (focal); Crammer & Singer 2001 (hinge); Szegedy et al. 2016 (smoothing).
    """

    def __init__(
        self,
        kind="cross_entropy",
        label_smoothing=0.0,
        gamma=2.0,
        class_weights=None,
        name="class_loss",
    ):
        super().__init__(name=name)
        smoothed_hinge = kind == "hinge" and label_smoothing
        if kind not in LOSSES or not 0 <= label_smoothing < 1 or gamma < 0 or smoothed_hinge:
            raise ValueError(
                f"A loss must be one of {LOSSES}, with `label_smoothing` in [0, 1), 0 for hinge, "
                f"and `gamma` 0 or more. Received: kind={kind!r}, "
                f"label_smoothing={label_smoothing}, gamma={gamma}. Change training.loss."
            )
        self.kind, self.label_smoothing, self.gamma = kind, label_smoothing, gamma
        self.class_weights = class_weights

    def call(self, y_true, y_pred):
        """Return the loss of each clip `(clips,)`."""
        classes = y_pred.shape[-1]
        truth = self._truth(y_true, classes, y_pred.dtype)
        # Not clipped at Keras's epsilon: a clip that is surely wrong would teach nothing.
        logs = ops.log(ops.maximum(y_pred, _LEAST))
        losses = getattr(self, f"_{self.kind}")(truth, logs, classes)
        if self.class_weights is None:
            return losses
        return losses * ops.matmul(truth, ops.convert_to_tensor(self.class_weights, losses.dtype))

    def _truth(self, y_true, classes, dtype):
        """Return the share of each class in each clip; a lone column is one of indices."""
        if len(y_true.shape) < 2 or y_true.shape[-1] == 1:
            indices = ops.cast(ops.reshape(y_true, (-1,)), "int32")
            return ops.one_hot(indices, classes, dtype=dtype)
        if self.kind == "hinge":
            raise ValueError(
                "The loss 'hinge' must have one true class for each clip. Received: targets of "
                f"shape {tuple(y_true.shape)}. Choose another training.loss, or "
                "training.targets='labels'."
            )
        return ops.cast(y_true, dtype)

    def _smoothed(self, truth, classes):
        return truth * (1 - self.label_smoothing) + self.label_smoothing / classes

    def _cross_entropy(self, truth, logs, classes):
        return -ops.sum(self._smoothed(truth, classes) * logs, axis=-1)

    def _focal(self, truth, logs, classes):
        if self.gamma == 0:
            return self._cross_entropy(truth, logs, classes)
        # The power has no derivative at 0.
        missing = ops.maximum(1.0 - ops.exp(logs), keras.config.epsilon())
        focus = ops.power(missing, self.gamma)
        return -ops.sum(self._smoothed(truth, classes) * focus * logs, axis=-1)

    def _hinge(self, truth, logs, classes):
        correct = ops.sum(truth * logs, axis=-1, keepdims=True)
        margins = ops.maximum(0.0, 1.0 - correct + logs) * (1.0 - truth)
        return ops.sum(margins, axis=-1) / (classes - 1)

    def get_config(self):
        """Return the constructor's arguments."""
        return {
            "kind": self.kind,
            "label_smoothing": self.label_smoothing,
            "gamma": self.gamma,
            "class_weights": self.class_weights,
            "name": self.name,
        }
