"""How many clips a second a network learns at which batch size, on this machine.

The network of an experiment, with its loss and optimiser, learns random features of the right
shape; nothing is read or written. Batch sizes double until memory runs out or larger ones bring
nothing.
"""

import time
from dataclasses import asdict, dataclass, replace

import keras
import numpy as np
from tqdm import tqdm

from serkeras import models
from serkeras.features import _fill_rows
from serkeras.training import _memory
from serkeras.training.batches import Batches
from serkeras.training.compiling import make_repeatable
from serkeras.training.network import builder
from serkeras.training.provenance import device
from serkeras.training.random_state import own_random_state
from serkeras.training.reading import check
from serkeras.training.sides import Side

_GAIN = 0.05  # what counts as quicker
_SECONDS = 1.0  # of a measurement, about
_STEPS = (3, 200)  # of a measurement, fewest and most
_SHARE = 0.8  # of the memory that is free, which a batch size may be expected to need
_ROWS = 64  # different random clips
_NO_CLASSES = 7


@dataclass(frozen=True)
class Trial:
    """One batch size.

    Attributes:
        batch_size: clips a step.
        clips_per_s: clips that the network learns in a second.
        step_ms: milliseconds a step.
        peak_mb: most memory of the accelerator, else of the process, in megabytes; None where
            it is not known.
    """

    batch_size: int
    clips_per_s: float
    step_ms: float
    peak_mb: float | None


@dataclass(frozen=True)
class Found:
    """What a search has found.

    Attributes:
        device: what computed, in words.
        model: name of the network.
        parameters: how many it has.
        features: shape of what it is given of one clip.
        trials: tuple of `Trial`, smallest batch first.
        stopped: why there are no larger ones.
    """

    device: str
    model: str
    parameters: int
    features: tuple
    trials: tuple
    stopped: str

    @property
    def recommended(self):
        """The smallest batch size that is, within 5 %, as quick as the quickest."""
        best = max(trial.clips_per_s for trial in self.trials)
        return next(t.batch_size for t in self.trials if t.clips_per_s * (1 + _GAIN) >= best)

    def to_dict(self):
        """Return a dictionary that `json.dump` accepts."""
        return {**asdict(self), "recommended": self.recommended}


@own_random_state()
def search(experiment, classes=_NO_CLASSES, most=None, progress=True):
    """Measure batch sizes 1, 2, 4, ...

    It ends where memory runs out or, on Linux, is about to; where two sizes in a row bring less
    than 5 %; or at `most`. Weights are random ones: they do not change the speed. What
    changing clips or reading features costs is not measured.

    Args:
        experiment: `serkeras.config.Experiment` of a network.
        classes: how many there are.
        most: largest batch size to try, None for any.
        progress: show a bar.

    Returns:
        `Found`.

    Raises:
        ValueError: the model is none, or no network, or `most` is not positive; see also
            `serkeras.training.network.builder`.
        RuntimeError: there is not the memory for a batch of one clip.
    """
    _check(experiment, most)
    make_repeatable(experiment.training)
    side = _random_side(experiment, classes)
    labels = [str(number) for number in range(classes)]
    model = builder(side, labels, _without_weights(experiment))(experiment.seed)
    steps = experiment.training.steps_per_execution
    with tqdm(desc="batch sizes", unit="size", disable=not progress) as bar:
        trials, stopped = _double(lambda size: _measure(model, side, size, steps), most, bar)
    if not trials:
        raise RuntimeError(
            "A batch of one clip must fit into memory. Received: "
            f"{model.count_params():,} parameters on {device()}, where it does not. Take a "
            "smaller network, or smaller features."
        )
    found = (model.name, model.count_params(), side.shape)
    return Found(device(), *found, tuple(trials), stopped)


def _check(experiment, most):
    if experiment.model.name not in models.names():
        raise ValueError(
            f"A batch size belongs to a network, one of {models.names()}. Received: the model "
            f"{experiment.model.name!r}. Choose another recipe."
        )
    if most is not None and most < 1:
        raise ValueError(
            f"`most` must be a batch size of 1 or more. Received: {most}. Leave it out for any."
        )
    check(experiment)


def _without_weights(experiment):
    """Return the experiment with random weights in place of files."""
    settings = experiment.model.settings
    if "weights" in settings:
        settings = {**settings, "weights": None}
    return experiment.replace(model=experiment.model.replace(settings=settings))


def _random_side(experiment, classes):
    """Return clips of the longest length that there can be."""
    features = experiment.features
    given = features.replace(name="waveform") if features.in_graph else features
    given, inside = given.replace(in_graph=False), features.replace(in_graph=False)
    side = _of_plan(_fill_rows.plan(experiment.audio, given, None, 0), classes)
    if not features.in_graph:
        return side
    plan = _fill_rows.plan(experiment.audio, inside, None, 0)
    return replace(side, statistics=_of_plan(plan, classes))


def _of_plan(plan, classes):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(_ROWS, *plan.shape)).astype(np.float32)
    axis, index = plan.frame_axis, np.arange(_ROWS)
    frames = np.full(_ROWS, plan.shape[axis]) if plan.varies else None
    y = (index % classes).astype(np.int32)
    return Side(x, index, y, index.astype(str), frames, axis, plan.varies)


def _double(measure, most, bar):
    """Return the trials, and why there are no more."""
    trials, slow, size = [], 0, 1
    base = _memory.resident_bytes()
    while most is None or size <= most:
        if trials and _too_large(base, size // 2):
            return trials, f"a batch of {size} would need more memory than is free"
        bar.set_postfix(batch_size=size)
        try:
            trials.append(measure(size))
        except Exception as error:  # each backend has its own
            if not _memory.is_exhausted(error):
                raise
            return trials, f"a batch of {size} does not fit into memory"
        bar.update()
        slow = slow + 1 if _is_slow(trials) else 0
        if slow == 2:
            return trials, f"two sizes in a row brought less than {_GAIN:.0%}"
        size *= 2
    return trials, f"batches of more than {most} were not asked for"


def _is_slow(trials):
    *earlier, last = [trial.clips_per_s for trial in trials]
    return bool(earlier) and last < (1 + _GAIN) * max(earlier)


def _too_large(base, last):
    """Whether twice the batch size `last`, just measured, would need more than is free.

    What a batch needs beyond the `base` before the first one grows as the batch does. The system
    would end the process without a word, where an accelerator's backend raises an error.
    """
    free, used = _memory.available_bytes(), _memory.most_resident_bytes()
    if None in (base, free, used):
        return False
    expected = base + 2 * (used - base)
    return expected - _memory.resident_bytes() > _SHARE * free


def _measure(model, side, size, multiple):
    """Return the `Trial` of a batch size; steps are counted in multiples of an execution."""
    _memory.begin_peak()
    _seconds(model, side, size, multiple)  # compiles
    once = _seconds(model, side, size, multiple) / multiple
    fewest, most = _STEPS
    wanted = min(max(round(_SECONDS / once), fewest), most)
    steps = -(-wanted // multiple) * multiple
    seconds = _seconds(model, side, size, steps)
    peak = _memory.peak_bytes()
    return Trial(
        size,
        round(size * steps / seconds, 2),
        round(1000 * seconds / steps, 2),
        None if peak is None else round(peak / 1e6, 1),
    )


class _Clock(keras.callbacks.Callback):
    """Measures an epoch; its end waits for what the device has not yet done."""

    def on_epoch_begin(self, epoch, logs=None):
        self._began = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        self.loss = float(logs["loss"])
        self.seconds = time.perf_counter() - self._began


def _seconds(model, side, size, steps):
    """Return the seconds of so many steps."""
    rows = np.arange(size * steps) % len(side.index)
    repeated = replace(side, index=side.index[rows], y=side.y[rows], clips=side.clips[rows])
    if side.frames is not None:
        repeated = replace(repeated, frames=side.frames[rows])
    clock = _Clock()
    batches = Batches(repeated, size).for_keras()
    model.fit(batches, epochs=1, shuffle=False, verbose=0, callbacks=[clock])
    return clock.seconds
