"""The methods of explanation, by name."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from serkeras.explanation import grad_cam, occlusion

STEPS = 64
NOISY = 32
NOISE = 0.5


@dataclass(frozen=True)
class Method:
    """A way to say which parts of a clip's features speak for a class.

    Attributes:
        name: of the method.
        about: what its map shows, in words.
        run: function of `(listener, x, classes, reference, rng)` to maps `(rows, bins, frames)`.
        signed: whether parts that speak against the class have negative values.
        needs: None, "gradient" or "convolution".
        axes: numbers of axes of the maps that it can make.
    """

    name: str
    about: str
    run: Callable
    signed: bool
    needs: str | None = None
    axes: tuple[int, ...] = (1, 2)


def saliency(listener, x, classes, reference, rng=None):
    """Return the size of the gradient of the score, in training deviations of each bin.

    How much the score moves when one number moves a little. A number counts in deviations of its
    bin over the training clips: in the feature's own unit the map of MFCC, say, would show
    which coefficients are small.

    Args:
        listener: `serkeras.explanation.listener.Listener`.
        x: features `(rows, bins, frames, channels)` or `(rows, numbers, 1)`.
        classes: int array `(rows,)`, whose score is explained.
        reference: `serkeras.explanation.reference.Reference`.
        rng: not used.

    Returns:
        Maps `(rows, bins, frames)` or `(rows, numbers)`, 0 and more; of several channels the
        largest.

    Source:
        Simonyan et al. 2013, Deep inside convolutional networks, section 3.
    """
    return np.abs(listener.gradient(x, classes) * reference.deviation).max(axis=-1)


def smoothgrad(listener, x, classes, reference, rng, samples=NOISY, noise=NOISE):
    """Return the size of the mean gradient over noisy copies of a clip.

    Args:
        listener, x, classes, reference: as for `saliency`.
        rng: `numpy.random.Generator` of the noise.
        samples: copies.
        noise: deviation of the Gaussian noise, as a share of the training deviation of each bin.

    Returns:
        Maps as of `saliency`.

    Source:
        Smilkov et al. 2017, SmoothGrad: removing noise by adding noise.
    """
    maps = []
    for clip, label in zip(x, classes, strict=True):
        drawn = rng.normal(0.0, noise, (samples, *clip.shape)).astype(np.float32)
        copies = clip + drawn * reference.deviation
        mean = listener.gradient(copies, np.full(samples, label)).mean(axis=0)
        maps.append(np.abs(mean * reference.deviation).max(axis=-1))
    return np.stack(maps)


def integrated_gradients(listener, x, classes, reference, rng=None, steps=STEPS):
    """Return what each number adds to the score on the straight way from the baseline.

    The values of a map sum to the difference of the scores of clip and baseline, but for the
    error of the sum over steps; see `completeness`.

    Args:
        listener, x, classes, reference, rng: as for `saliency`.
        steps: places on the way, at the middle of equal parts.

    Returns:
        Maps as of `saliency`, signed; channels are summed.

    Source:
        Sundararajan et al. 2017, Axiomatic attribution for deep networks.
    """
    places = ((np.arange(steps) + 0.5) / steps).astype(np.float32)
    maps = []
    for clip, label in zip(x, classes, strict=True):
        way = clip - reference.baseline
        points = reference.baseline + places.reshape(-1, *(1,) * clip.ndim) * way
        mean = listener.gradient(points, np.full(steps, label)).mean(axis=0)
        maps.append((mean * way).sum(axis=-1))
    return np.stack(maps)


def completeness(listener, x, classes, reference, maps):
    """Return what maps of integrated gradients sum to, and what they should.

    Args:
        listener, x, classes, reference: as for `saliency`.
        maps: of `integrated_gradients`.

    Returns:
        Two float arrays `(rows,)`.
    """
    rows, silent = np.arange(len(x)), np.broadcast_to(reference.baseline, x.shape)
    here, there = listener.scores(x), listener.scores(silent)
    return maps.reshape(len(x), -1).sum(axis=1), (here - there)[rows, classes]


METHODS = {
    method.name: method
    for method in (
        Method("saliency", "size of the gradient", saliency, False, "gradient"),
        Method("smoothgrad", "mean gradient over noisy copies", smoothgrad, False, "gradient"),
        Method(
            "integrated-gradients",
            "gradient times change, summed on the way from the baseline",
            integrated_gradients,
            True,
            "gradient",
        ),
        Method("grad-cam", "map of the last convolution", grad_cam.run, False, "convolution"),
        Method("occlusion-time", "score lost without a time", occlusion.time, True),
        Method("occlusion-frequency", "score lost without a band", occlusion.frequency, True),
        Method(
            "occlusion-patches", "score lost without a patch", occlusion.patches, True, axes=(2,)
        ),
    )
}


def names():
    """Return the names of all methods, in the order of a page."""
    return list(METHODS)


def suitable(listener, kind):
    """Return the names of the methods that a model and its features allow.

    Args:
        listener: `serkeras.explanation.listener.Listener`.
        kind: "image", "time" or "bins", see `serkeras.explanation.axes.Axes`.
    """
    return [name for name in METHODS if _hindrance(name, listener, kind) is None]


def check(chosen, listener, kind):
    """Return methods by name, and refuse those that the model or its features do not allow.

    Args:
        chosen: names; None takes all that are suitable.
        listener, kind: as for `suitable`.

    Raises:
        ValueError: a name is unknown, or a method cannot be used here.
    """
    chosen = suitable(listener, kind) if chosen is None else list(dict.fromkeys(chosen))
    for name in chosen:
        if name not in METHODS:
            raise ValueError(
                f"A method must be one of {names()}. Received: {name!r}. Correct the name."
            )
        reason = _hindrance(name, listener, kind)
        if reason is not None:
            raise ValueError(
                f"The method must suit the model and its features. Received: {name!r}; {reason}. "
                f"Choose among {suitable(listener, kind)}."
            )
    return [METHODS[name] for name in chosen]


def _hindrance(name, listener, kind):
    """Return why a method cannot be used, or None."""
    method = METHODS[name]
    if method.needs and not listener.has_gradient:
        return f"it needs a network, and {listener.model.name!r} is a classical model"
    if method.needs == "convolution":
        try:
            grad_cam.convolutions(listener)
        except ValueError as error:
            return str(error)
    if (2 if kind == "image" else 1) not in method.axes:
        return f"it needs features with two axes, and these have one ({kind})"
    missing = {"occlusion-time": "bins", "occlusion-frequency": "time"}.get(name)
    if kind == missing:
        return f"the features have no such axis, only {kind}"
    return None
