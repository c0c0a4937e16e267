"""Splits that keep each speaker on one side."""

import warnings
import zlib

import numpy as np

FRACTIONS = (0.7, 0.15, 0.15)


def holdout(clips, fractions, seed):
    """Draw validation and test speakers from each corpus, sexes in proportion.

    Each corpus has its own random stream: adding a corpus moves no speaker of another one.

    Args:
        clips: manifest.
        fractions: (train, validation, test) shares of the speakers of a corpus.
        seed: int.

    Returns:
        (Series of sides on the index of `clips`, tuple of notes).

    Raises:
        ValueError: a speaker is unknown, or no corpus has three speakers.
    """
    table, notes = _rich(speakers(clips))
    sides = {}
    for corpus, group in table.groupby("corpus", sort=True):
        count = len(group)
        # At least one speaker a side, however small the corpus.
        n_test = min(_share(count, fractions[2]), count - 2)
        n_validation = min(_share(count, fractions[1]), count - 1 - n_test)
        rng = _stream(seed, corpus, "holdout")
        test = _draw(group, n_test, rng)
        validation = _draw(group.drop(test), n_validation, rng)
        sides |= dict.fromkeys(test, "test") | dict.fromkeys(validation, "validation")
    return clips["speaker"].map(sides).fillna("train"), notes


def kfold(clips, fold, folds, seed):
    """Speaker-disjoint fold `fold` (from 1) of `folds`, balanced by corpus and sex.

    Over all folds each speaker is tested once. Raises `ValueError` as `holdout` does, and
    if there are fewer speakers than folds.
    """
    table, notes = _rich(speakers(clips))
    if folds > len(table):
        raise ValueError(
            "Speaker-disjoint folds need at least one speaker each. Received: "
            f"{folds} folds, {len(table)} speakers. Ask for at most {len(table)} folds."
        )
    dealt = []
    for corpus, group in table.groupby("corpus", sort=True):
        rng = _stream(seed, corpus, "kfold")
        for _, same_sex in group.groupby("sex", sort=True):
            dealt += list(rng.permutation(same_sex.index.to_numpy(dtype=object)))
    # Dealt like cards without a restart, so that sizes differ by one speaker at most.
    return carve(clips, dealt[fold - 1 :: folds], seed), notes


def leave_one_out(clips, speaker, seed):
    """Test on one speaker, named in full ("ravdess-05") or without its corpus ("05")."""
    known = speakers(clips).index
    matches = [name for name in known if speaker in (name, name.partition("-")[2])]
    if len(matches) != 1:
        raise ValueError(
            "loso:SPEAKER must name one speaker of the manifest. Received: "
            f"{speaker!r}, which fits {len(matches)}. "
            f"Choose one of {', '.join(matches or known)}."
        )
    return carve(clips, matches, seed), ()


def carve(clips, test, seed, least=3):
    """Keep `test` speakers for the test and draw validation speakers from the others.

    Validation takes 15 % of the speakers of a corpus (at least one) and leaves at least one
    to train on; corpora of fewer than `least` speakers give none.

    Args:
        clips: manifest.
        test: list of speakers.
        seed: int.
        least: speakers that a corpus must have to give validation speakers.

    Returns:
        Series of sides on the index of `clips`.
    """
    sides = dict.fromkeys(test, "test")
    for corpus, group in speakers(clips).groupby("corpus", sort=True):
        rest = group.drop(group.index.intersection(test))
        count = min(_share(len(group), FRACTIONS[1]), len(rest) - 1)
        if len(group) >= least and count > 0:
            drawn = _draw(rest, count, _stream(seed, corpus, "validation"))
            sides |= dict.fromkeys(drawn, "validation")
    return clips["speaker"].map(sides).fillna("train")


def speakers(clips):
    """List the speakers of a manifest.

    Returns:
        DataFrame, index speaker (sorted), columns corpus and sex ("unknown" where missing).

    Raises:
        ValueError: a clip has no speaker.
    """
    unknown = clips[clips["speaker"].isna()]
    if len(unknown):
        raise ValueError(
            "A speaker-disjoint split needs the speaker of every clip. Received: "
            f"{len(unknown)} of {len(clips)} clips without one, "
            f"for instance {unknown['clip'].iloc[0]!r}. "
            "Fill in the column 'speaker', or use kind 'random' and say so beside the figures."
        )
    table = clips.groupby("speaker", sort=True).agg(
        corpus=("corpus", "first"), sex=("sex", "first")
    )
    # Plain objects: string columns with NA would drop speakers of unknown sex when grouped.
    sex = table["sex"].astype(object)
    return table.assign(sex=sex.where(sex.notna(), "unknown"))


def _rich(table):
    """Leave out corpora of fewer than three speakers, which only train, and say so."""
    counts = table["corpus"].value_counts().sort_index()
    poor = counts[counts < 3]
    if len(poor) == len(counts):
        raise ValueError(
            "A speaker-disjoint split needs a corpus of at least three speakers, one a side. "
            f"Received: {counts.to_dict()}. Add a corpus, or use kind 'random'."
        )
    notes = tuple(
        f"Corpus {corpus} has {count} speaker(s), fewer than three sides need: "
        "all its clips are on the training side."
        for corpus, count in poor.items()
    )
    for note in notes:
        warnings.warn(note, UserWarning, stacklevel=5)
    return table[~table["corpus"].isin(poor.index)], notes


def _share(count, fraction):
    # floor(x + 0.5), since round() sends 2.5 to 2. The small term absorbs binary fractions.
    return max(1, int(count * fraction + 0.5 + 1e-9))


def _draw(group, count, rng):
    """Draw `count` speakers, sexes in proportion to `group` (largest remainder)."""
    by_sex = [sorted(names) for _, names in sorted(group.groupby("sex").groups.items())]
    # Whole numbers, so that equal remainders are equal; chance decides between them.
    quotas = [divmod(count * len(names), len(group)) for names in by_sex]
    taken = [whole for whole, _ in quotas]
    chance = rng.permutation(len(by_sex))
    order = sorted(range(len(by_sex)), key=lambda i: (-quotas[i][1], chance[i]))
    for i in order[: count - sum(taken)]:
        taken[i] += 1
    drawn = []
    for names, n in zip(by_sex, taken, strict=True):
        drawn += [names[i] for i in sorted(rng.permutation(len(names))[:n])]
    return drawn


def _stream(seed, corpus, purpose):
    return np.random.default_rng([seed, zlib.crc32(corpus.encode()), zlib.crc32(purpose.encode())])
