"""Transforms by name, with their settings drawn for each clip: `AugmentConfig.transforms`."""

import hashlib
import inspect

import numpy as np

from serkeras.augment import _checks, adapter, level, noise, recordings, room, warps

# What a transform takes besides its settings: the wave, and where it needs them the rate and a
# generator.
_GIVEN = ("wave", "sample_rate", "rng")
_TRANSFORMS = {
    "audiomentations": adapter.apply_audiomentations,
    "awgn": noise.add_awgn,
    "colored_noise": noise.add_colored_noise,
    "gain": level.gain,
    "pitch_shift": warps.pitch_shift,
    "recorded_noise": noise.add_recorded_noise,
    "reverb": room.reverb,
    "tanh_distortion": level.tanh_distortion,
    "time_shift": level.time_shift,
    "time_stretch": warps.time_stretch,
    "vtlp": warps.vtlp,
}
# Checks of settings that are no numbers.
_FURTHER_CHECKS = {
    "audiomentations": adapter.build,
    "recorded_noise": recordings.find,
    "time_shift": level.check_fill,
}


def names():
    """Return the names that a transform may have, sorted."""
    return sorted(_TRANSFORMS)


def check(transforms):
    """Refuse transforms that do not exist, and settings that do not or are outside their range.

    Both ends of a range (low, high) are looked at, noises are looked for, and transforms of
    audiomentations are made. What depends on the clip (its length, its rate) is not known here.

    Args:
        transforms: sequence of dictionaries, see `serkeras.config.AugmentConfig`.

    Raises:
        ValueError: a name or a setting is unknown, one that has no default is missing, or a
            value is outside its range.
        ImportError: the package of a transform is not installed.
    """
    for item in transforms:
        if item["name"] not in _TRANSFORMS:
            raise ValueError(
                f"A transform must be one of {names()}. Received: {item['name']!r}. "
                "Correct the name."
            )
        _check_names(item)
        for name in set(item) & set(_checks.RULES):
            _check_value(name, item[name])
        further = _FURTHER_CHECKS.get(item["name"])
        if further:
            known = inspect.signature(further).parameters
            further(**{name: item[name] for name in known if name in item})


def _check_names(item):
    signature = inspect.signature(_TRANSFORMS[item["name"]]).parameters
    known = {name: value for name, value in signature.items() if name not in _GIVEN}
    given = set(item) - {"name", "probability"}
    needed = {name for name, value in known.items() if value.default is value.empty}
    if given - set(known) or needed - given:
        raise ValueError(
            f"Settings of the transform {item['name']!r} must be among {sorted(known)}, with "
            f"{sorted(needed)} given. Received: {sorted(given)}. Correct the settings."
        )


def _check_value(name, value):
    ends = value if _is_range(name, value) else (value,)
    for end in ends:
        _checks.setting(name, end)
    if ends[0] > ends[-1]:
        raise ValueError(
            f"A range of `{name}` must be (low, high). Received: {value!r}. Swap the two."
        )


def _is_range(name, value):
    """Whether a setting is drawn: lists of files, say, are no ranges, nor is the probability."""
    pair = isinstance(value, (list, tuple)) and len(value) == 2
    return pair and name in _checks.RULES and name != "probability"


def apply(wave, sample_rate, transforms, rng):
    """Put a waveform through transforms, one after the other.

    A pair (low, high) for a setting that is a number is a range: the setting is drawn from it
    uniformly. A silent wave stays as it is, also one that a transform has made silent.

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
    wave = np.asarray(_checks.mono(wave), np.float32)
    for item in transforms:
        if not wave.any():
            break
        if item.get("probability", 1.0) < 1.0 and rng.random() >= item["probability"]:
            continue
        function = _TRANSFORMS[item["name"]]
        given = {"wave": wave, "sample_rate": sample_rate, "rng": rng}
        settings = {}
        for name in inspect.signature(function).parameters:
            if name in given:
                settings[name] = given[name]
            elif name in item:
                settings[name] = _draw(name, item[name], rng)
        wave = function(**settings)
    return wave


def _draw(name, value, rng):
    return rng.uniform(*value) if _is_range(name, value) else value


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


def files(transforms):
    """List the files that transforms read: together with the settings they decide the result.

    Args:
        transforms: sequence of dictionaries, see `serkeras.config.AugmentConfig`.

    Returns:
        List of str, absolute paths; those read by audiomentations are not known.

    Raises:
        ValueError: see `check`.
    """
    check(transforms)
    recorded = [item for item in transforms if item["name"] == "recorded_noise"]
    return [file for item in recorded for file in recordings.find(item["paths"])]


def resolve(transforms):
    """Make paths of noises absolute, for processes that stand in other folders.

    Args:
        transforms: sequence of dictionaries, see `serkeras.config.AugmentConfig`.

    Returns:
        Tuple of dictionaries; paths that audiomentations is given stay as they are.

    Raises:
        ValueError: see `check`.
    """
    check(transforms)
    return tuple(
        {**item, "paths": recordings.absolute(item["paths"])}
        if item["name"] == "recorded_noise"
        else item
        for item in transforms
    )
