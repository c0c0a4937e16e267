"""The training sides that are compared: the target alone, and with clips of other corpora."""

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from serkeras import datasets, splits

ALL = "all"
ALONE = "alone"


@dataclass(frozen=True)
class Mixture:
    """What is added to the training side of the target.

    Attributes:
        names: of the corpora that are added.
        clips: of each of them, a number or "all".
    """

    names: tuple[str, ...]
    clips: int | str = ALL

    @property
    def folder(self):
        """Name of files and folders, such as `tess+emodb` or `tess+emodb-256`."""
        if not self.names:
            return ALONE
        return "+".join(self.names) + ("" if self.clips == ALL else f"-{self.clips}")

    @property
    def words(self):
        """What a table says, such as "+ tess + emodb, 256 clips each"."""
        if not self.names:
            return ALONE
        each = "" if self.clips == ALL else f", {self.clips} clips each"
        return " ".join(f"+ {name}" for name in self.names) + each


def mixtures(names, clips=(ALL,)):
    """Return the mixtures: the target alone, each corpus alone, all, and all but each.

    Args:
        names: of the extra corpora.
        clips: numbers of clips of each of them, "all" for all there are.

    Returns:
        List of `Mixture`, the empty one first.

    Raises:
        ValueError: there is no corpus, one comes twice, or a number is below 1.
    """
    wrong = [one for one in clips if one != ALL and (not isinstance(one, int) or one < 1)]
    if not names or len(set(names)) < len(names) or wrong or not clips:
        raise ValueError(
            "Corpora to add must be one or more different ones, each with 'all' or a number of "
            f"clips of 1 or more. Received: {list(names)}, {list(clips)}. Correct them."
        )
    chosen = [
        part
        for size in sorted({1, len(names) - 1, len(names)} - {0})
        for part in combinations(names, size)
    ]
    return [Mixture(()), *(Mixture(part, each) for each in clips for part in chosen)]


@dataclass(frozen=True)
class Material:
    """The clips of a comparison.

    Attributes:
        split: `serkeras.splits.Split` of the target alone.
        extra: dictionary from the name of a corpus to its clips, of the target's emotions only.
        dropped: dictionary from name to how many clips of other emotions it has.
    """

    split: splits.Split
    extra: dict
    dropped: dict


def load(test, extra, kind, seed, scheme):
    """Load all corpora and split the target.

    Args:
        test: data set whose clips validate and test, as in `serkeras.train`.
        extra: list of data sets that are added to training.
        kind, seed: of the split of the target.
        scheme: label scheme.

    Returns:
        `Material`.

    Raises:
        ValueError: a corpus shares no emotion, or a speaker, with the target; or the split fails.
    """
    target = datasets.load_many([test], scheme, progress=False)
    split = splits.make(target, kind, seed=seed)
    emotions, found, dropped = set(target["emotion"]), {}, {}
    for spec in extra:
        clips = datasets.load_many([spec], scheme, progress=False)
        kept = clips[clips["emotion"].isin(emotions)].reset_index(drop=True)
        shared = set(clips["speaker"].dropna()) & set(target["speaker"].dropna())
        if kept.empty or shared:
            raise ValueError(
                "A corpus that is added must have emotions of the target, and other speakers. "
                f"Received: {spec} with {sorted(set(clips['emotion']))} and {len(shared)} speakers "
                f"in common with {test}. Choose another corpus or label scheme."
            )
        found[datasets.short_name(spec)] = kept
        dropped[datasets.short_name(spec)] = len(clips) - len(kept)
    return Material(split, found, dropped)


def added(mixture, material):
    """Return how many clips of each corpus a mixture adds, a dictionary by name."""
    sizes = {name: len(material.extra[name]) for name in mixture.names}
    if mixture.clips == ALL:
        return sizes
    return {name: min(size, mixture.clips) for name, size in sizes.items()}


def different(chosen, material):
    """Return mixtures that differ in their clips: a number that takes all clips is "all".

    Args:
        chosen: list of `Mixture`.
        material: `Material`.

    Returns:
        List of `Mixture` in the same order, no training side twice.
    """
    found = [
        Mixture(one.names) if added(one, material) == added(Mixture(one.names), material) else one
        for one in chosen
    ]
    return list(dict.fromkeys(found))


def told(mixture, material):
    """Return `Mixture.words` with the real number of clips of corpora that have fewer."""
    fewer = [
        f"{name} has {number}"
        for name, number in added(mixture, material).items()
        if mixture.clips != ALL and number < mixture.clips
    ]
    return mixture.words + (f" ({', '.join(fewer)})" if fewer else "")


def lists(material, mixture, seed):
    """Return the lists of a mixture, as `split.json` has them.

    Args:
        material: `Material`.
        mixture: `Mixture`.
        seed: int; with the corpus it decides which clips are drawn.

    Returns:
        Dictionary. Validation and test are those of the target, whatever is added.
    """
    told = material.split.to_dict()
    added = [_drawn(material.extra[name], mixture.clips, seed) for name in mixture.names]
    return {**told, "train": sorted([*told["train"], *(clip for part in added for clip in part)])}


def _drawn(clips, number, seed):
    names = clips["clip"].sort_values().to_numpy(dtype=object)
    if number == ALL or number >= len(names):
        return names.tolist()
    return np.random.default_rng([seed, len(names)]).choice(names, number, replace=False).tolist()
