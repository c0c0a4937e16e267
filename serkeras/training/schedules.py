"""Learning-rate rules: the rate as a function of epoch, batch and the epochs so far.

The rate is computed anew from the history before every batch or epoch, so that a resumed fit
goes on with the rate that an uninterrupted one would have had.
"""

import inspect
import math


def _constant(base, progress, losses):
    return base


def _plateau(base, progress, losses, factor=0.1, patience=5):
    """Multiply by `factor` after every `patience` epochs without a lower validation loss."""
    rate, best, waited = base, math.inf, 0
    for loss in losses:
        if loss < best:
            best, waited = loss, 0
        else:
            waited += 1
        if waited >= patience:
            rate, waited = rate * factor, 0
    return rate


def _step(base, progress, losses, factor=0.1, every=20):
    """Multiply by `factor` every so many epochs."""
    return base * factor ** (int(progress) // every)


def _triangular(base, progress, losses, low=0.1, half_cycle=4):
    """Rise from `low` times the rate to the rate in `half_cycle` epochs, and fall again.

    Source: Smith 2017, "Cyclical learning rates for training neural networks".
    """
    height = 1 - abs(progress / half_cycle % 2 - 1)
    return base * (low + (1 - low) * height)


def _cosine(base, progress, losses, epochs=None, warmup=0, low=0.0):
    """Rise linearly in `warmup` epochs, then fall to `low` times the rate along a cosine.

    Source: Loshchilov & Hutter 2017, without restarts.
    """
    if progress < warmup:
        return base * progress / warmup
    share = min((progress - warmup) / max(epochs - warmup, 1), 1.0)
    return base * (low + (1 - low) * 0.5 * (1 + math.cos(math.pi * share)))


def _cosine_restarts(base, progress, losses, every=10, low=0.0):
    """Fall to `low` times the rate along a cosine in `every` epochs, and begin again.

    Source: Loshchilov & Hutter 2017, restarts at equal distances.
    """
    share = progress % every / every
    return base * (low + (1 - low) * 0.5 * (1 + math.cos(math.pi * share)))


_RULES = {
    "constant": _constant,
    "cosine": _cosine,
    "cosine_restarts": _cosine_restarts,
    "plateau": _plateau,
    "step": _step,
    "triangular": _triangular,
}
_BY_BATCH = ("cosine", "cosine_restarts", "triangular")


class Schedule:
    """One rule with its settings.

    Args:
        rule: dictionary such as `{"name": "plateau", "factor": 0.5, "patience": 5}`; names are
            constant, cosine, cosine_restarts, plateau, step and triangular, settings those of
            the functions above. An empty one is constant.
        base: float, the learning rate that the rule starts from or comes back to.
        epochs: int, length of the fit, where a cosine ends if the rule names no `epochs`.

    Attributes:
        by_batch: whether the rate changes within an epoch.

    Raises:
        ValueError: the name or a setting is unknown, or a value is not positive.
    """

    def __init__(self, rule, base, epochs):
        settings = {key: value for key, value in rule.items() if key != "name"}
        name = rule.get("name", "constant")
        known = self._known(name)
        unknown = sorted(set(settings) - known)
        wrong = [key for key, value in settings.items() if not _is_amount(key, value)]
        if unknown or wrong:
            raise ValueError(
                f"Settings of the learning-rate rule {name!r} must be among {sorted(known)}, "
                "numbers above 0: factor below 1, low at most 1, patience and every whole epochs. "
                f"Received: {rule}. Correct training.schedule."
            )
        if name == "cosine":
            settings.setdefault("epochs", epochs)
        self._rule, self._base, self._settings = _RULES[name], base, settings
        self.by_batch = name in _BY_BATCH

    @staticmethod
    def _known(name):
        if name not in _RULES:
            raise ValueError(
                f"A learning-rate rule must be one of {sorted(_RULES)}. Received: {name!r}. "
                "Correct training.schedule."
            )
        return set(inspect.signature(_RULES[name]).parameters) - {"base", "progress", "losses"}

    def rate(self, progress, losses):
        """Return the learning rate.

        Args:
            progress: float, epochs done and the share of the present one.
            losses: list of the validation losses of the epochs done.
        """
        return self._rule(self._base, progress, losses, **self._settings)


def _is_amount(key, value):
    """Whether a value is what a setting of a rule can be."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    if key in ("patience", "every"):
        return isinstance(value, int) and value >= 1
    if key == "factor":
        return 0 < value < 1
    if key == "low":
        return 0 <= value <= 1
    return value > 0 or (key == "warmup" and value == 0)
