"""Splits that keep what is said apart: the test says other statements than training does."""

import zlib

import numpy as np

from serkeras.splits import at_random, by_speaker


def holdout(clips, statement, options):
    """Test on the clips that say one statement, train and validate on those that say others.

    Args:
        clips: manifest with the column statement.
        statement: as the manifest has it ("kids"), or with its corpus ("ravdess-kids").
        options: seed, stratify and together, as `serkeras.splits.make` has them.

    Returns:
        (Series of sides on the index of `clips`, tuple of notes).

    Raises:
        ValueError: a statement is unknown, the name fits none or several, or there is only one.
    """
    keys = _keys(clips)
    return _carve(clips, keys, [_find(keys, statement)], options)


def kfold(clips, fold, folds, options):
    """Statement-disjoint fold `fold` (from 1) of `folds`; over all folds each is tested once.

    Returns as `holdout`; raises `ValueError` if there are fewer statements than folds.
    """
    keys = _keys(clips)
    if folds > keys.nunique():
        raise ValueError(
            "Statement-disjoint folds need at least one statement each. Received: "
            f"{folds} folds, {keys.nunique()} statements. Ask for at most {keys.nunique()} folds."
        )
    dealt = []
    for corpus, rows in clips.groupby("corpus", sort=True):
        dealt += _dealt(rows, keys, _stream(options.seed, corpus, "kfold"))
    return _carve(clips, keys, dealt[fold - 1 :: folds], options)


def with_speakers(clips, statement, options):
    """Test speakers and the statement that they say are both new; see `holdout`.

    Speakers are drawn as kind "speaker" draws them. What the test speakers say besides, and what
    the others say of this statement, stands on no side.
    """
    keys = _keys(clips)
    says = keys == _find(keys, statement)
    sides, notes = by_speaker.holdout(clips, by_speaker.FRACTIONS, options.seed)
    sides = sides.astype(object).where((sides == "test") == says, None)
    left = int(sides.isna().sum())
    return sides, (
        *notes,
        f"The test side says {statement!r} alone, which no other side says; {left} clips stand on "
        "no side: other statements of the test speakers, and this one of all others.",
    )


def statements(clips):
    """Return the sorted statements of a manifest as `holdout` takes them, with their corpora.

    Raises:
        ValueError: a clip's statement is unknown.
    """
    return sorted(set(_keys(clips)))


def _keys(clips):
    """Return "corpus-statement" of each clip: codes such as a01 mean other words elsewhere."""
    known = clips["statement"].notna() if "statement" in clips else clips["clip"].isna()
    if not known.all():
        raise ValueError(
            "A statement-disjoint split needs the statement of every clip. Received: "
            f"{(~known).sum()} of {len(clips)} clips without one, for instance "
            f"{clips['clip'][~known].iloc[0]!r}. Fill in the column 'statement', or choose "
            "another kind."
        )
    return clips["corpus"].astype(str) + "-" + clips["statement"].astype(str)


def _find(keys, statement):
    known = sorted(set(keys))
    matches = [key for key in known if statement in (key, key.partition("-")[2])]
    if len(matches) != 1 or len(known) < 2:
        shown = matches or known
        more = f" and {len(shown) - 12} more" if len(shown) > 12 else ""
        raise ValueError(
            "A statement-disjoint split needs two statements or more, and the name of one. "
            f"Received: {statement!r}, which fits {len(matches)} of {len(known)}. "
            f"Choose one of {', '.join(shown[:12])}{more}."
        )
    return matches[0]


def _carve(clips, keys, test, options):
    """Keep `test` statements for the test, draw validation statements from the others.

    Validation takes 10 % of the statements of a corpus of three or more; where no corpus has so
    many it takes 10 % of all clips, which say what training says.
    """
    is_test, drawn = keys.isin(test), []
    for corpus, rows in clips.groupby("corpus", sort=True):
        count = keys[rows.index].nunique()
        rest = _dealt(rows[~is_test[rows.index]], keys, _stream(options.seed, corpus, "validation"))
        if count >= 3 and len(rest) >= 2:
            wanted = min(max(1, int(0.1 * count + 0.5 + 1e-9)), len(rest) - 1)
            # Evenly from a row that is ordered by emotion: SAVEE has other words for each.
            drawn += [rest[place * len(rest) // wanted] for place in range(wanted)]
    if drawn:
        sides = is_test.map({True: "test", False: "train"}).mask(keys.isin(drawn), "validation")
        return sides, (_said(test, "neither training nor validation says"),)
    sides = at_random.carve(clips, is_test, options.stratify, options.seed, options.together)
    return sides, (_said(test, "training does not say; validation says what training says"),)


def _said(test, words):
    count = f"{len(test)} statement{'s' * (len(test) > 1)}"
    shown = ", ".join(sorted(test)[:3]) + (", ..." if len(test) > 3 else "")
    return f"The test side says {count} ({shown}) that {words}."


def _dealt(rows, keys, rng):
    """Return the statements of some clips, shuffled, ordered by the emotion that they have most."""
    most = rows.groupby(keys[rows.index])["emotion"].agg(lambda told: told.mode().iloc[0])
    shuffled = most.iloc[rng.permutation(len(most))].sort_values(kind="stable")
    if shuffled.empty:
        return []
    # Turned by chance, or the first would always be of the first emotion.
    return list(np.roll(shuffled.index.to_numpy(dtype=object), rng.integers(len(shuffled))))


def _stream(seed, corpus, purpose):
    words = f"statement {purpose}".encode()
    return np.random.default_rng([seed, zlib.crc32(corpus.encode()), zlib.crc32(words)])
