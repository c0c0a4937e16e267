"""The guard: no speaker, clip, byte-identical file or copy on two sides of a split."""

import pandas as pd

from serkeras.splits.split import SIDES
from serkeras.splits.units import content_keys, unit_keys

LEAKS = ("clip", "identical", "copy", "speaker")

_RULES = {
    "clip": (
        "A clip must stand on one side of a split",
        "Remove repeated rows before splitting, and augment after it",
    ),
    "identical": (
        "Byte-identical files must stand on one side of a split",
        "Remove one of them from the manifest, or use kind 'random', which keeps them together",
    ),
    "copy": (
        "Copies of one recording must stand on one side of a split",
        "Make copies after splitting, or use kind 'random', which keeps them together",
    ),
    "speaker": (
        "A speaker must stand on one side of a split",
        "Use a speaker-disjoint kind such as 'speaker'",
    ),
}


def check(split, allow=()):
    """Raise unless the three sides of a split are sound.

    What `split.allowed` names is allowed too: a random split shares speakers by construction
    and says so. `leaks` lists what leaks whether allowed or not. A clip on two sides puts
    its speaker there as well, so both names are needed to allow it.

    Args:
        split: `Split`.
        allow: names of leaks to accept, of "speaker", "clip", "identical", "copy".

    Raises:
        ValueError: a side is empty, an emotion is missing from the training side, a leak
            is not allowed, or `allow` holds an unknown name.
    """
    allowed = {*allow_names(allow), *allow_names(split.allowed)}
    _check_sides(split)
    for name, examples in leaks(split, skip=allowed).items():
        if examples:
            rule, remedy = _RULES[name]
            more = f"; and {len(examples) - 3} more" if len(examples) > 3 else ""
            raise ValueError(
                f"{rule}. Received: {'; '.join(examples[:3])}{more}. "
                f"{remedy}, or accept this leak by name: allow=({name!r},)."
            )


def leaks(split, skip=()):
    """Find everything that stands on two sides of a split.

    Args:
        split: `Split`.
        skip: names of leaks not to look for.

    Returns:
        Dictionary from "clip", "identical", "copy", "speaker" to a list of sentences such as
        "ravdess-01 on train and test"; an empty list where nothing leaks. Files that do not
        exist cannot be compared and are passed over; unknown speakers too. Copies are those
        that the column `original` of a manifest names: noise cannot be seen in a file's bytes.
    """
    rows = pd.concat([clips.assign(side=side) for side, clips in split.sides.items()])
    finders = {"clip": _clips, "identical": _identical, "copy": _copies, "speaker": _speakers}
    return {name: finders[name](rows) for name in LEAKS if name not in skip}


def allow_names(allow):
    """Return `allow` as a sorted tuple of known leaks; a lone string counts as one name."""
    names = {allow} if isinstance(allow, str) else set(allow)
    unknown = sorted(names - set(LEAKS))
    if unknown:
        raise ValueError(
            f"`allow` takes names of leaks, of {sorted(LEAKS)}. Received: {unknown}. "
            "Correct the spelling."
        )
    return tuple(sorted(names))


def _check_sides(split):
    empty = [side for side, clips in split.sides.items() if clips.empty]
    if empty:
        sizes = {side: len(clips) for side, clips in split.sides.items()}
        raise ValueError(
            f"Each side of a split needs clips. Received: none on {' and '.join(empty)} "
            f"({sizes}, kind {split.kind!r}). Load the whole corpus or choose another kind."
        )
    held_out = set(split.validation["emotion"]) | set(split.test["emotion"])
    unseen = sorted(held_out - set(split.train["emotion"]))
    if unseen:
        raise ValueError(
            "Every emotion needs training clips. Received: none of "
            f"{unseen} on the training side (kind {split.kind!r}, seed {split.seed}). "
            "Drop these emotions (a label scheme such as 'four'), or take another seed or kind."
        )


def _on_two_sides(rows, keys, wording):
    """Sentences for values of `keys` that stand on more than one side."""
    rows = rows.assign(key=keys).dropna(subset="key")
    several = rows.groupby("key")["side"].nunique()
    rows = rows[rows["key"].isin(several.index[several > 1])]
    return [wording(key, group) for key, group in rows.groupby("key", sort=True)]


def _names(group):
    present = set(group["side"])
    return " and ".join(side for side in SIDES if side in present)


def _clips(rows):
    by_id = _on_two_sides(rows, rows["clip"], lambda key, group: f"{key} on {_names(group)}")
    # A clip found by its id need not be named again by its path.
    paths = rows.drop_duplicates("clip")
    return by_id + _on_two_sides(
        paths, paths["path"], lambda key, group: f"{key} on {_names(group)}"
    )


def _identical(rows):
    # The same path on two sides is a clip leak and is reported under that name.
    files = rows.drop_duplicates("path").reset_index(drop=True)
    return _on_two_sides(
        files,
        content_keys(files),
        lambda key, group: f"{' = '.join(group['clip'])} on {_names(group)}",
    )


def _copies(rows):
    def wording(_, group):
        more = f" and {len(group) - 3} more" if len(group) > 3 else ""
        return f"{' ~ '.join(group['clip'].unique()[:3])}{more} on {_names(group)}"

    rows = rows.drop_duplicates(["clip", "side"]).reset_index(drop=True)
    keys = unit_keys(rows, ("copy",))
    # One clip on two sides is a clip leak and is reported under that name.
    families = rows.groupby(keys)["clip"].transform("nunique") > 1
    return _on_two_sides(rows[families], keys[families], wording)


def _speakers(rows):
    def wording(speaker, group):
        counts = group["side"].value_counts()
        places = [f"{side} ({counts[side]} clips)" for side in SIDES if side in counts]
        return f"{speaker} on {' and '.join(places)}"

    return _on_two_sides(rows, rows["speaker"], wording)
