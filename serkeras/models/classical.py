"""Classical models by name: scikit-learn pipelines from features to class probabilities.

`build("svm", C=10.0)` gives the pipeline before its fit; `ClassicalModel` answers with a fitted
one as a Keras model does, and is what a run folder keeps.
"""

import zipfile

import numpy as np
import scipy.optimize
import scipy.special
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from serkeras._files import atomic_path
from serkeras.models import check_settings
from serkeras.models.frame_statistics import FrameStatistics

# All that a saved model may hold beside what skops trusts itself. A file with anything else in
# it is refused: loading it could run foreign code.
_TRUSTED = (
    "serkeras.models.classical.ClassicalModel",
    "serkeras.models.classical.ScaledSVC",
    "serkeras.models.frame_statistics.FrameStatistics",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.tree._tree.Tree",
)
_TEMPERATURES = (0.1, 10.0)


class ScaledSVC(SVC):
    """`sklearn.svm.SVC` whose scores become probabilities by one number, the temperature.

    The most probable class is the one with the highest score, which Platt scaling
    (`SVC(probability=True)`, deprecated in scikit-learn 1.9) does not keep. Scores are votes of
    the pairs of classes: the probabilities rank the classes of a clip, and with many classes
    they hardly say on which clips the machine is sure.

    Source:
        Guo et al. 2017, "On calibration of modern neural networks", section 4.2.
    """

    def fit(self, x, y, sample_weight=None):
        """Fit; the temperature is 1 until `calibrate` is called."""
        self.temperature_ = 1.0
        return super().fit(x, y, sample_weight)

    def calibrate(self, x, y):
        """Choose the temperature with the lowest log loss on clips not learned from.

        Args:
            x: float array `(clips, numbers)`.
            y: int array `(clips,)`; clips of a class that was not learned are left out.
        """
        known = np.isin(y, self.classes_)
        if not known.any():
            return
        scores = self._scores(np.asarray(x)[known])
        truth = np.searchsorted(self.classes_, np.asarray(y)[known])

        def loss(log_temperature):
            log_shares = scipy.special.log_softmax(scores / np.exp(log_temperature), axis=1)
            return -log_shares[np.arange(len(truth)), truth].mean()

        # Without bounds faultless clips would ask for 0, and a share of 1 for every answer.
        bounds = np.log(_TEMPERATURES)
        found = scipy.optimize.minimize_scalar(loss, bounds=bounds, method="bounded")
        self.temperature_ = float(np.exp(found.x))

    def predict_proba(self, x):
        """Return `softmax(scores / temperature)`, float array `(clips, classes)`."""
        return scipy.special.softmax(self._scores(x) / self.temperature_, axis=1)

    def _scores(self, x):
        scores = self.decision_function(x)
        return np.stack([-scores, scores], axis=1) if scores.ndim == 1 else scores


def build_svm(seed, class_weight, C=10.0, gamma="scale"):
    """Support vector machine with a radial kernel; see `sklearn.svm.SVC` for the settings."""
    return ScaledSVC(C=C, gamma=gamma, class_weight=class_weight, random_state=seed)


def build_random_forest(
    seed, class_weight, n_estimators=500, max_depth=None, min_samples_leaf=1, max_features="sqrt"
):
    """Random forest; see `sklearn.ensemble.RandomForestClassifier` for the settings."""
    return RandomForestClassifier(
        n_estimators,
        max_depth=max_depth,
        min_samples_leaf=min_samples_leaf,
        max_features=max_features,
        class_weight=class_weight,
        random_state=seed,
    )


def build_gradient_boosting(
    seed,
    class_weight,
    learning_rate=0.1,
    max_iter=100,
    max_leaf_nodes=31,
    min_samples_leaf=20,
    l2_regularization=0.0,
    max_features=1.0,
):
    """Gradient boosting; see `sklearn.ensemble.HistGradientBoostingClassifier`.

    It never stops early: scikit-learn would judge that by clips of speakers it learns from.
    """
    return HistGradientBoostingClassifier(
        learning_rate=learning_rate,
        max_iter=max_iter,
        max_leaf_nodes=max_leaf_nodes,
        min_samples_leaf=min_samples_leaf,
        l2_regularization=l2_regularization,
        max_features=max_features,
        early_stopping=False,
        class_weight=class_weight,
        random_state=seed,
    )


def build_logistic(seed, class_weight, C=0.01, max_iter=1000):
    """Multinomial logistic regression; see `sklearn.linear_model.LogisticRegression`."""
    return LogisticRegression(C=C, max_iter=max_iter, class_weight=class_weight, random_state=seed)


_BUILDERS = {
    "gradient-boosting": build_gradient_boosting,
    "logistic-sklearn": build_logistic,
    "random-forest": build_random_forest,
    "svm": build_svm,
}
# Trees do not change with the scale of a number.
_STANDARDISED = ("logistic-sklearn", "svm")


def names():
    """Return the sorted names that `build` takes."""
    return sorted(_BUILDERS)


def build(name, seed=0, class_weight="none", frame_axis=1, **settings):
    """Build a pipeline that is not fitted: statistics over time, standardised where it matters.

    Args:
        name: one of `names()`.
        seed: int, the estimator's `random_state`.
        class_weight: "none" or "balanced", see `serkeras.config.TrainingConfig`.
        frame_axis: see `serkeras.models.frame_statistics.FrameStatistics`.
        **settings: keyword arguments of the model's own builder, such as `C=10.0`.

    Returns:
        `sklearn.pipeline.Pipeline`; its input is what a network would take.

    Raises:
        ValueError: unknown name or setting.
    """
    if name not in _BUILDERS:
        raise ValueError(
            f"A classical model must be one of {names()}. Received: {name!r}. Correct the name."
        )
    function = _BUILDERS[name]
    check_settings(name, function, settings, given=("seed", "class_weight"))
    weight = None if class_weight == "none" else class_weight
    scaling = [("scale", StandardScaler())] if name in _STANDARDISED else []
    classifier = function(seed, weight, **settings)
    return Pipeline(
        [("statistics", FrameStatistics(frame_axis)), *scaling, ("classifier", classifier)]
    )


class ClassicalModel:
    """A fitted pipeline that answers as a Keras model does.

    Args:
        name: one of `names()`.
        pipeline: fitted `sklearn.pipeline.Pipeline`; it learned class indices.
        num_classes: int, columns of the answer; a class that was not learned gets 0.
        masked: whether clips keep their own length: the input is then a dictionary of
            "features" and "mask".
    """

    def __init__(self, name, pipeline, num_classes, masked=False):
        self.name, self.pipeline = name, pipeline
        self.num_classes, self.masked = num_classes, masked

    @property
    def inputs(self):
        """Names of what it takes, as many as a Keras model would have inputs."""
        return ["features", "mask"] if self.masked else ["features"]

    def predict(self, x, verbose=0):
        """Return float32 probabilities `(clips, classes)`.

        Args:
            x: array `(clips, bins, frames, 1)` and the like; where clips keep their length the
                dictionary that `serkeras.training.batches.pad` returns; or batches of
                (features, targets), such as `serkeras.training.batches.Batches`.
            verbose: taken for the sake of Keras's signature, without effect.
        """
        if isinstance(x, dict) or hasattr(x, "shape"):
            return self.predict_on_batch(x)
        return np.concatenate([self.predict_on_batch(features) for features, _ in x])

    def predict_on_batch(self, x):
        """Return float32 probabilities `(clips, classes)` of features, see `predict`."""
        found = self.pipeline.predict_proba(x)
        out = np.zeros((len(found), self.num_classes), np.float32)
        out[:, self.pipeline.classes_] = found
        return out

    def __call__(self, *inputs, **settings):
        """Refuse: what calls a model as a layer needs Keras."""
        raise TypeError(self._refusal("cannot be called as a layer"))

    def __getattr__(self, name):
        raise AttributeError(self._refusal(f"has no {name!r}"))

    def _refusal(self, reason):
        return (
            "This step must have a Keras model. Received: the classical model "
            f"{self.__dict__.get('name')!r}, which {reason}. Use serkeras.predict or "
            "serkeras.evaluate, or train a network."
        )


def save(model, path):
    """Write a `ClassicalModel` with skops, whole or not at all."""
    import skops.io  # takes seconds, and each training of a network asks for the names above

    with atomic_path(path) as temporary:
        # A forest of 500 trees takes 40 MB without compression.
        skops.io.dump(model, temporary, compression=zipfile.ZIP_DEFLATED)


def load(path):
    """Read what `save` wrote; a file that holds other kinds of objects is refused.

    Raises:
        TypeError: (of skops) the file holds objects that are none of a classical model.
    """
    import skops.io

    return skops.io.load(path, trusted=list(_TRUSTED))
