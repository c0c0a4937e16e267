"""The three sides of a split, and their way to JSON and back."""

from dataclasses import dataclass

import pandas as pd

SEXES = ("female", "male")
SIDES = ("train", "validation", "test")


@dataclass(frozen=True, eq=False, repr=False)
class Split:
    """Training, validation and test clips, and how they were chosen.

    Attributes:
        train, validation, test: manifests (one row a clip), sorted by clip.
        kind: the kind of split as `make` took it, for instance "speaker".
        seed: int, or None for lists that nobody drew.
        allowed: names of leaks that this split may have ("speaker", "clip", "identical", "copy");
            a report must say so beside its figures.
        notes: sentences a reader of the results should see (clips missing, corpora that
            stand on one side only).
    """

    train: pd.DataFrame
    validation: pd.DataFrame
    test: pd.DataFrame
    kind: str
    seed: int | None
    allowed: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def __post_init__(self):
        for side in SIDES:
            clips = getattr(self, side)
            object.__setattr__(self, side, clips.sort_values("clip", ignore_index=True))

    @property
    def sides(self):
        """Dictionary side -> manifest, in the order train, validation, test."""
        return {side: getattr(self, side) for side in SIDES}

    @property
    def speaker_disjoint(self):
        """True if no speaker stands on two sides, None where speakers are unknown."""
        speakers = [clips["speaker"] for clips in self.sides.values()]
        if any(column.isna().any() for column in speakers):
            return None
        return sum(column.nunique() for column in speakers) == pd.concat(speakers).nunique()

    def to_dict(self):
        """Return a dictionary for `json.dump`: the settings, and lists of clip ids a side."""
        return {
            "kind": self.kind,
            "seed": self.seed,
            "allowed": list(self.allowed),
            "speaker_disjoint": self.speaker_disjoint,
            "notes": list(self.notes),
            **{side: clips["clip"].tolist() for side, clips in self.sides.items()},
        }

    @classmethod
    def from_dict(cls, values, clips):
        """Rebuild a split from `to_dict` and the manifest it was made from.

        Args:
            values: dictionary with lists of clip ids under "train", "validation" and "test";
                kind, seed, allowed and notes may be missing (lists written by hand).
            clips: manifest that holds all these clips, in any order; others are left out.

        Raises:
            ValueError: a list is missing, or names a clip that the manifest does not hold.
        """
        received = sorted(values) if isinstance(values, dict) else type(values).__name__
        if not all(side in received and isinstance(values[side], list) for side in SIDES):
            raise ValueError(
                f"Split lists need the keys {list(SIDES)}, each a list of clip ids. "
                f"Received: {received}. Use a split.json saved by a run."
            )
        rows = clips.set_index("clip", drop=False)
        named = [clip for side in SIDES for clip in values[side]]
        missing = sorted(set(named) - set(rows.index))
        if missing:
            raise ValueError(
                "Every clip of a saved split must be in the manifest. Received: "
                f"{len(missing)} of {len(named)} missing, for instance {missing[:3]}. "
                "Load the corpora and the label scheme that the split was made with."
            )
        sides = {side: rows.loc[values[side]].reset_index(drop=True) for side in SIDES}
        return cls(
            **sides,
            kind=values.get("kind", "lists"),
            seed=values.get("seed"),
            allowed=tuple(values.get("allowed", ())),
            notes=tuple(values.get("notes", ())),
        )

    def summary(self):
        """Count what stands where.

        Returns:
            `pandas.DataFrame`, one row a side: clips, speakers, female and male (speakers),
            then the clips of each emotion.
        """
        emotions = sorted(set().union(*(c["emotion"] for c in self.sides.values())))
        rows = []
        for side, clips in self.sides.items():
            sexes = clips.dropna(subset="speaker").drop_duplicates("speaker")["sex"].tolist()
            row = {"side": side, "clips": len(clips), "speakers": clips["speaker"].nunique()}
            row |= {sex: sum(s is not pd.NA and s == sex for s in sexes) for sex in SEXES}
            row |= {emotion: int((clips["emotion"] == emotion).sum()) for emotion in emotions}
            rows.append(row)
        return pd.DataFrame(rows).set_index("side")

    def __repr__(self):
        allowed = f", allowed={list(self.allowed)}" if self.allowed else ""
        head = f"Split(kind={self.kind!r}, seed={self.seed}{allowed})"
        return "\n".join([head, self.summary().to_string(), *self.notes])
