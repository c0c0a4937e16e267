"""Transforms by name, with their settings drawn for each clip: `AugmentConfig.transforms`."""

import hashlib
import inspect

import numpy as np

from serkeras.augment import noise

# What a transform takes besides its settings: the wave, and where it needs them the rate and a
# generator.
_GIVEN = ("wave", "sample_rate", "rng")
_TRANSFORMS = {"awgn": noise.add_awgn}


def names():
    """Return the names that a transform may have, sorted."""
    return sorted(_TRANSFORMS)


def check(transforms):
    """Refuse transforms that do not exist, or whose settings do not.

    Args:
        transforms: sequence of dictionaries, see `serkeras.config.AugmentConfig`.

    Raises:
        ValueError: a name or a setting is unknown, or one that has no default is missing.
    """
    for item in transforms:
        if item["name"] not in _TRANSFORMS:
            raise ValueError(
                f"A transform must be one of {names()}. Received: {item['name']!r}. "
                "Correct the name."
            )
        signature = inspect.signature(_TRANSFORMS[item["name"]]).parameters
        known = {name: value for name, value in signature.items() if name not in _GIVEN}
        given = set(item) - {"name", "probability"}
        needed = {name for name, value in known.items() if value.default is value.empty}
        if given - set(known) or needed - given:
            raise ValueError(
                f"Settings of the transform {item['name']!r} must be among {sorted(known)}, with "
                f"{sorted(needed)} given. Received: {sorted(given)}. Correct the settings."
            )


def apply(wave, sample_rate, transforms, rng):
    """Put a waveform through transforms, one after the other.

    A pair of numbers is a range: the setting is drawn from it uniformly. A silent wave stays as
    it is.

    Args:
        wave: float array `(samples,)`, mono, full scale 1.0.
        sample_rate: int, hertz.
        transforms: sequence of dictionaries, see `serkeras.config.AugmentConfig`.
        rng: `numpy.random.Generator`, one per clip and copy.

    Returns:
        float32 array `(samples,)`; of another length where a transform changes it.

    Raises:
        ValueError: see `check` and the transforms.
    """
    check(transforms)
    wave = np.asarray(wave, np.float32)
    for item in transforms if wave.any() else ():
        if item.get("probability", 1.0) < 1.0 and rng.random() >= item["probability"]:
            continue
        function = _TRANSFORMS[item["name"]]
        given = {"wave": wave, "sample_rate": sample_rate, "rng": rng}
        settings = {}
        for name in inspect.signature(function).parameters:
            if name in given:
                settings[name] = given[name]
            elif name in item:
                settings[name] = _draw(item[name], rng)
        wave = function(**settings)
    return wave


def _draw(value, rng):
    is_range = isinstance(value, (list, tuple)) and len(value) == 2
    if is_range and all(isinstance(end, (int, float)) for end in value):
        return rng.uniform(*value)
    return value


def make_copies(wave, sample_rate, clip, config, seed):
    """Return the changed copies of one training clip.

    Each copy has a generator of its own, seeded by `seed`, the clip's id and the copy's
    number: it depends neither on the order of clips nor on the number of workers.

    Args:
        wave: float array `(samples,)`.
        sample_rate: int, hertz.
        clip: str, the clip's id in the manifest.
        config: `serkeras.config.AugmentConfig`.
        seed: int >= 0.

    Returns:
        List of `config.copies` float32 arrays; see `apply` for their lengths.

    Raises:
        ValueError: see `apply`.
    """
    return [
        apply(wave, sample_rate, config.transforms, clip_rng(seed, clip, number + 1))
        for number in range(config.copies)
    ]


def clip_rng(seed, clip, copy):
    """Return the generator of one copy of one clip, the same on every machine and run.

    Args:
        seed: int >= 0, of the run.
        clip: str, the clip's id.
        copy: int >= 0, number of the copy; 0 is the clip itself, changed on the fly.

    Returns:
        `numpy.random.Generator`.
    """
    # Python's own hash() of a string changes with every process.
    digest = hashlib.sha256(clip.encode()).digest()
    return np.random.default_rng([seed, int.from_bytes(digest[:8], "little"), copy])
