"""Stratified random splits by scikit-learn; identical files and copies stay together."""

import zlib

import numpy as np

from serkeras.splits.units import TOGETHER, unit_keys

FRACTIONS = (0.8, 0.1, 0.1)


def holdout(clips, fractions, stratify, seed, together=TOGETHER):
    """Draw validation and test clips, strata in proportion.

    Args:
        clips: manifest.
        fractions: (train, validation, test) shares of the clips.
        stratify: names of columns; each combination of their values is a stratum.
        seed: int.
        together: what stays on one side, see `serkeras.splits.units.unit_keys`.

    Returns:
        Series of sides on the index of `clips`.

    Raises:
        ValueError: a column is missing, or a stratum is too small.
    """
    units = _Units(clips, stratify, together)
    units.require(3, "three sides")
    units.draw("test", fractions[2], seed)
    units.draw("validation", fractions[1], seed)
    return units.sides()


def kfold(clips, fold, folds, stratify, seed, together=TOGETHER):
    """Fold `fold` (from 1) of `folds`; validation takes 10 % of all clips from the rest."""
    from sklearn.model_selection import StratifiedKFold

    units = _Units(clips, stratify, together)
    units.require(max(3, folds), f"{folds} folds and a validation side")
    splitter = StratifiedKFold(folds, shuffle=True, random_state=_sub_seed(seed, "kfold"))
    strata = units.strata.to_numpy(dtype=object)
    parts = list(splitter.split(units.names, strata))
    units.side[units.names[parts[fold - 1][1]]] = "test"
    units.draw("validation", FRACTIONS[1], seed)
    return units.sides()


def carve(clips, test, stratify, seed, together=TOGETHER):
    """Keep the clips of the boolean Series `test`, draw validation (10 % of all) from the rest."""
    if test.all():
        return test.map({True: "test"})
    units = _Units(clips[~test], stratify, together)
    units.require(2, "two sides beside the published test fold")
    units.draw("validation", FRACTIONS[1] * len(clips) / (~test).sum(), seed)
    return units.sides().reindex(clips.index, fill_value="test")


class _Units:
    """What a random split deals out: clips, or groups of identical files and copies.

    Attributes:
        keys: Series, clip row -> unit.
        strata: Series, unit -> stratum (that of its first clip).
        side: Series, unit -> side.
        names: array of units, in the order of their first clips.
    """

    def __init__(self, clips, stratify, together):
        missing = [column for column in stratify if column not in clips]
        if missing or not stratify:
            raise ValueError(
                f"`stratify` takes names of manifest columns. Received: {list(stratify)}. "
                f"Choose from {list(clips.columns)}."
            )
        self.stratify = tuple(stratify)
        self.keys = unit_keys(clips, together)
        strata = clips[list(stratify)].astype(str).agg(" / ".join, axis=1)
        self.strata = strata.groupby(self.keys, sort=False).first()
        self.side = self.strata.map(lambda _: "train")
        self.names = self.strata.index.to_numpy(dtype=object)

    def require(self, count, purpose):
        sizes = self.strata.value_counts()
        small = sizes[sizes < count].sort_index()
        if len(small):
            raise ValueError(
                f"A stratified split needs {count} clips in each stratum for {purpose}. "
                f"Received: {small.head(3).to_dict()} (clips by {self.stratify}). "
                "Stratify by fewer columns, drop these clips, or use fewer folds."
            )

    def draw(self, side, fraction, seed):
        """Move a stratified share of all units from the training side to `side`."""
        from sklearn.model_selection import train_test_split

        # Plain arrays: scikit-learn cannot index the Arrow strings of recent pandas.
        rest = self.names[(self.side == "train").to_numpy()]
        strata = self.strata[rest].to_numpy(dtype=object)
        # In tiny sets a side must still have room for one clip a stratum.
        count = max(int(len(self.side) * fraction + 0.5 + 1e-9), len(set(strata)))
        try:
            _, drawn = train_test_split(
                rest, test_size=count, stratify=strata, random_state=_sub_seed(seed, side)
            )
        except ValueError as error:
            raise ValueError(
                f"A stratified split needs enough clips for every side. Received: {len(rest)} "
                f"clips in {len(set(strata))} strata by {self.stratify}, {count} wanted for "
                f"{side} ({error}). Stratify by fewer columns or add clips."
            ) from error
        self.side[drawn] = side

    def sides(self):
        """Series of sides, one value a clip."""
        return self.keys.map(self.side)


def _sub_seed(seed, purpose):
    rng = np.random.default_rng([seed, zlib.crc32(purpose.encode())])
    return int(rng.integers(2**31))
