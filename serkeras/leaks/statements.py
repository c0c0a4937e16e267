"""Sides that differ in what is said alone: words shared by training and test, or not."""

import zlib

import numpy as np

from serkeras import splits
from serkeras.leaks.manifests import joined

_SHARE = 0.2


class NoSides(ValueError):
    """The statements that were drawn leave no sound sides; the message is a reason."""


def words(clips, seed, share=_SHARE):
    """Draw the statements that the test side says.

    Args:
        clips: manifest with known statements.
        seed: int.
        share: of the statements, one at least.

    Returns:
        Sorted list of str.
    """
    known = sorted(set(clips["statement"]))
    count = max(1, int(share * len(known) + 0.5))
    return sorted(_stream(seed, "words").permutation(np.array(known, dtype=object))[:count])


def by_words(found, clips, seed):
    """Split new speakers' clips of some statements against training with and without them.

    Both have the same test clips, of speakers held out, and as many training clips of each
    speaker and emotion.

    Args:
        found: `serkeras.leaks.manifests.Pools`.
        clips: manifest, of which the statements are drawn.
        seed: int.

    Returns:
        Two `serkeras.splits.Split`: statements shared, and statements apart.

    Raises:
        NoSides: a side has no clips, or an emotion none to train on.
    """
    honest, tested = found.honest, words(clips, seed)
    test = _says(honest.test, tested)
    others = [_says(side, tested, False) for side in (honest.train, honest.validation)]
    mixed = [
        _as_many(side, other, seed)
        for side, other in zip((honest.train, honest.validation), others, strict=True)
    ]
    return (
        _split(mixed, test, "new speakers, known statements", seed, honest.allowed),
        _split(others, test, "new speakers, new statements", seed, honest.allowed),
    )


def by_words_known(clips, seed):
    """Like `by_words`, but of speakers who stand on all sides.

    The test side is half of what is said of the tested statements; the other half may be trained
    on where statements are shared.

    Args:
        clips: manifest.
        seed: int.

    Returns:
        Two `serkeras.splits.Split`: statements shared, and statements apart.

    Raises:
        NoSides: a side has no clips, or an emotion none to train on.
    """
    tested = words(clips, seed)
    test = _draw(_says(clips, tested), lambda _, there: max(1, there // 2), seed, "test")
    rest = clips[~clips["clip"].isin(test["clip"])]
    others = _says(clips, tested, False)
    mixed = _as_many(rest, others, seed)
    sides = [_validated(each, seed) for each in (mixed, others)]
    kinds = ("known speakers, known statements", "known speakers, new statements")
    return tuple(
        _split(side, test, kind, seed, ("identical", "speaker"))
        for side, kind in zip(sides, kinds, strict=True)
    )


def _says(clips, tested, is_tested=True):
    return clips[clips["statement"].isin(tested) == is_tested]


def _as_many(clips, others, seed):
    """Draw clips, of each speaker and emotion as many as `others` has."""
    wanted = others.groupby(["speaker", "emotion"]).size()
    return _draw(clips, lambda group, _: wanted.get(group, 0), seed, "as many")


def _draw(clips, count, seed, purpose):
    """Draw `count(group, clips there)` clips of each group, a pair of speaker and emotion."""
    rng, kept = _stream(seed, purpose), []
    ordered = clips.sort_values("clip", ignore_index=True)
    for group, rows in ordered.groupby(["speaker", "emotion"], sort=True):
        kept.append(rows.iloc[rng.permutation(len(rows))[: count(group, len(rows))]])
    return joined(*kept)


def _validated(clips, seed):
    """Return training and validation clips, nine to one."""
    validation = _draw(clips, lambda _, there: -(-there // 10), seed, "validation")
    return clips[~clips["clip"].isin(validation["clip"])], validation


def _split(sides, test, kind, seed, allowed):
    train, validation = sides
    found = splits.Split(train, validation, test, kind=kind, seed=seed, allowed=allowed)
    empty = [name for name, side in found.sides.items() if side.empty]
    unheard = sorted((set(validation["emotion"]) | set(test["emotion"])) - set(train["emotion"]))
    if empty or unheard:
        lacks = f"none for {' and '.join(empty)}" if empty else f"none to train {unheard} on"
        raise NoSides(f"the statements drawn for seed {seed} leave too few clips: {lacks} ({kind})")
    splits.check(found)
    return found


def _stream(seed, purpose):
    return np.random.default_rng([seed, zlib.crc32(purpose.encode())])
