"""Who trains, validates and tests: the honest sides of a corpus, and the leaky ones beside them."""

from dataclasses import dataclass

import pandas as pd

from serkeras import splits
from serkeras.splits.by_speaker import speakers

# Clip ids of a recording that stands in the manifest again.
AGAIN = "~again"
_TWO_SPEAKERS = (
    "The corpus has two speakers, fewer than sides: one is held out, the other one with the next "
    "seed (an even number of seeds holds both out as often), and validation shares its speaker "
    "with training. No interval of so few speakers says what a further one would bring."
)


@dataclass(frozen=True)
class Pools:
    """The clips of a corpus as the honest recipe has them, for one seed.

    Attributes:
        honest: `serkeras.splits.Split`; its test speakers are on no other side.
        note: sentence for the page, or "".
    """

    honest: splits.Split
    note: str = ""

    @property
    def unseen(self):
        """Manifest of the test speakers, whom no leaky split of `known` has heard."""
        return self.honest.test

    @property
    def known(self):
        """Manifest of the other speakers: training and validation side."""
        return joined(self.honest.train, self.honest.validation)

    @property
    def fractions(self):
        """Shares of a random split of `known` that trains on as many clips as `honest` does."""
        train = len(self.honest.train) / len(self.known)
        return train, (1 - train) / 2, (1 - train) / 2


def pools(clips, seed):
    """Hold speakers out, as the kind of split "speaker" does.

    Of a corpus of two speakers, such as TESS, one is held out, and the clips of the other train
    and validate.

    Args:
        clips: manifest.
        seed: int.

    Returns:
        `Pools`.

    Raises:
        ValueError: a speaker is unknown, or there is only one.
    """
    table = speakers(clips)
    if table["corpus"].value_counts().max() >= 3:
        return Pools(splits.make(clips, "speaker", seed=seed))
    if len(table) < 2:
        raise ValueError(
            "An honest figure must be of a speaker who was not trained on. Received: "
            f"{len(table)} speaker. Add a corpus with more of them."
        )
    held_out = table.index[seed % len(table)]
    rest = splits.make(clips[clips["speaker"] != held_out], "random", seed=seed)
    honest = splits.Split(
        rest.train,
        joined(rest.validation, rest.test),
        clips[clips["speaker"] == held_out],
        kind="one speaker held out",
        seed=seed,
        allowed=("speaker",),  # of training and validation
    )
    splits.check(honest)
    return Pools(honest, _TWO_SPEAKERS)


def at_random(found, seed):
    """Split the known speakers' clips at random, with as many training clips as the honest side.

    Args:
        found: `Pools`.
        seed: int.

    Returns:
        `serkeras.splits.Split`; byte-identical files stand together.
    """
    return splits.make(found.known, "random", seed=seed, fractions=found.fractions)


def freely(items, found, seed):
    """Split clips and their copies at random, whatever belongs together.

    Args:
        items: manifest of the known speakers' clips and copies.
        found: `Pools`, for the shares of the sides.
        seed: int.

    Returns:
        `serkeras.splits.Split`, whose leaks are allowed by name.
    """
    # To allow a leak is also what makes `make` deal identical files out one by one.
    allow = ("clip", "identical")
    return splits.make(items, "random", seed=seed, fractions=found.fractions, allow=allow)


def together(items, split):
    """Split clips and their copies as the clips themselves are split.

    Args:
        items: manifest with the column source, the id of the clip that an item comes from.
        split: `serkeras.splits.Split` of these clips.

    Returns:
        `serkeras.splits.Split`.
    """
    sides = {name: items[items["source"].isin(side["clip"])] for name, side in split.sides.items()}
    found = splits.Split(
        **sides, kind="random, copies beside their clips", seed=split.seed, allowed=split.allowed
    )
    splits.check(found)
    return found


def twice(clips):
    """Return a manifest in which every recording stands twice, as in a folder copied into itself.

    Args:
        clips: manifest.

    Returns:
        Manifest with the column source.
    """
    own = clips.assign(source=clips["clip"])
    return joined(own, own.assign(clip=own["clip"] + AGAIN))


def by_test(found):
    """Return the honest split with the test side in the place of validation, too.

    Args:
        found: `Pools`.

    Returns:
        `serkeras.splits.Split`, whose leaks are allowed by name.
    """
    honest = found.honest
    return splits.Split(
        honest.train,
        honest.test,
        honest.test,
        kind="test side as validation",
        seed=honest.seed,
        allowed=("clip", "identical", "speaker"),
    )


def joined(*tables):
    """Return manifests as one, sorted by clip."""
    return pd.concat(tables, ignore_index=True).sort_values("clip", ignore_index=True)
