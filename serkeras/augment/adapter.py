"""Any transform of the package audiomentations, made to depend on our generator alone."""

import inspect
import random
import threading

import numpy as np

from serkeras.augment import _checks

# audiomentations draws from the two global generators, which all threads share.
_LOCK = threading.Lock()


def apply_audiomentations(wave, sample_rate, transform, rng, settings=None):
    """Put a clip through a transform of audiomentations.

    The package draws from `random` and `numpy.random`. Both are seeded from `rng` for this
    call and then set back to what they were, under a lock: the result depends on `rng` alone,
    also with several threads, unless other code uses these generators in a thread at that very
    moment. (One thing cannot be seeded: TimeStretch by Signalsmith with rates under 0.5.)

    Args:
        wave: float array `(samples,)`, mono, full scale 1.0.
        sample_rate: int, hertz.
        transform: str, name of a class of audiomentations that changes waveforms.
        rng: `numpy.random.Generator`, one per clip.
        settings: dictionary of arguments of that class, or None. It is always applied: `p` is
            not among them, `probability` in the chain takes its place.

    Returns:
        float32 array `(samples,)`; of another length where the transform changes it.

    Raises:
        ImportError: audiomentations is not installed, or a package that this transform needs.
        ValueError: `wave` is not 1-D or not finite, audiomentations has no such transform, it
            refuses the settings, or its result is no mono wave of finite numbers.

    Source:
        Jordal et al., audiomentations, a Python library for audio data augmentation.
    """
    wave = _checks.mono(wave)
    seed = int(rng.integers(2**32))
    with _LOCK:
        states = random.getstate(), np.random.get_state()  # noqa: NPY002
        try:
            random.seed(seed)
            np.random.seed(seed)  # noqa: NPY002
            changed = build(transform, settings)(wave.astype(np.float32), sample_rate)
        finally:
            random.setstate(states[0])
            np.random.set_state(states[1])  # noqa: NPY002
    return _checks.mono(changed).astype(np.float32)


def build(transform, settings=None):
    """Return the transform object of audiomentations; arguments as above.

    Raises:
        ImportError: audiomentations is not installed.
        ValueError: it has no such transform, or refuses the settings.
    """
    kind = _find(transform)
    settings = {} if settings is None else settings
    if not isinstance(settings, dict) or "p" in settings:
        raise ValueError(
            "`settings` must be a dictionary of the transform's arguments without `p`. "
            f"Received: {settings!r}. Say how often by `probability` beside the transform's name."
        )
    try:
        return kind(**settings, p=1.0)
    except (TypeError, ValueError, AssertionError) as error:
        raise ValueError(
            f"`settings` must be what audiomentations.{transform} takes, among "
            f"{_arguments(kind)}. Received: {settings!r} ({error}). Correct the settings."
        ) from error


def _find(transform):
    try:
        import audiomentations
        from audiomentations.core.transforms_interface import BaseWaveformTransform
    except ImportError as error:
        raise ImportError(
            "The package audiomentations must be installed for its transforms. Received: "
            f"{error}. Install it: pip install 'serkeras[augment]'"
        ) from error
    known = {
        name: value
        for name, value in vars(audiomentations).items()
        if inspect.isclass(value) and issubclass(value, BaseWaveformTransform)
    }
    if transform not in known:
        raise ValueError(
            f"`transform` must be one of audiomentations' {sorted(known)}. "
            f"Received: {transform!r}. Correct the name."
        )
    return known[transform]


def _arguments(kind):
    return sorted(set(inspect.signature(kind).parameters) - {"p"})
