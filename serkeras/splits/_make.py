"""From a manifest and the name of a kind to a checked split."""

import dataclasses
import numbers
import re
import warnings

import pandas as pd

from serkeras import _files
from serkeras.splits import at_random, by_corpus, by_speaker, by_statement, guard, published
from serkeras.splits.split import SIDES, Split
from serkeras.splits.units import TOGETHER

_COLUMNS = ("path", "clip", "corpus", "emotion", "speaker", "sex")
_STRATIFY = ("emotion",)
_KINDS = {
    "speaker": "no speaker on two sides; 70/15/15 % of the speakers, sexes balanced (default)",
    "random": "clips drawn at random, stratified, 80/10/10 %; speakers stand on all sides",
    "kfold:K/N": "fold K of N over clips, stratified; speakers stand on all sides",
    "speaker-kfold:K/N": "fold K of N over speakers, sexes balanced",
    "loso:SPEAKER": "leave one speaker out: test on that one (05 or ravdess-05)",
    "statement:NAME": "test on the clips that say one statement (kids or ravdess-kids), train on "
    "others; speakers stand on all sides",
    "statement-kfold:K/N": "fold K of N over statements; speakers stand on all sides",
    "speaker-statement:NAME": "like speaker, and the test speakers say one statement that nobody "
    "else says; clips between stand on no side",
    "corpus:NAME": "test on one corpus, train on the others, validate on other speakers of them",
    "emobox:K": "EmoBox's test fold K: ravdess 1-6, savee 1-4, emodb 1-5, cremad 1, tess 1 "
    "(the last three share speakers)",
    "folds5:K": "fold K (1-5) of the five speaker-disjoint RAVDESS folds",
    "tfds": "the speaker-disjoint split of CREMA-D by TensorFlow Datasets",
    "lists:FILE": "the clips that a split.json of an earlier run names",
}


@dataclasses.dataclass(frozen=True)
class _Options:
    seed: int
    fractions: tuple[float, ...] | None
    stratify: tuple[str, ...]
    together: tuple[str, ...]


def kinds():
    """Return a dictionary from each kind of split, as `make` takes it, to one line of help."""
    return dict(_KINDS)


def make(clips, kind="speaker", seed=0, fractions=None, stratify=_STRATIFY, allow=()):
    """Split a manifest into training, validation and test clips, and check the result.

    The same clips and seed give the same split whatever the order of the rows and whatever
    the machine.

    Args:
        clips: manifest, one row a clip.
        kind: one of `kinds()`. Validation is drawn in the same manner as the test side, from
            what that leaves: 15 % of all speakers of a corpus, 10 % of its statements, or 10 %
            of all clips. Test folds that are published, or named (loso, statement, corpus), never
            change with the seed; their validation side does.
        seed: int, 0 or more.
        fractions: (train, validation, test) summing to 1; of speakers for kind "speaker"
            (default 0.7, 0.15, 0.15), of clips for "random" (default 0.8, 0.1, 0.1).
        stratify: columns whose proportions each side keeps, where clips are drawn at random.
        allow: leaks to accept, see `check`. Random kinds allow "speaker" by themselves;
            with "identical" or "copy" they also stop keeping such files together.

    Returns:
        `Split`.

    Raises:
        ValueError: kind, fractions or columns are unknown, the manifest does not allow this
            kind, or the guard `check` refuses the split.

    Warns:
        UserWarning: a corpus is too small to stand on three sides, or an emotion is missing
            from validation or test. Both are in `Split.notes` too.
    """
    name, argument = _parse(kind)
    clips = _checked(clips)
    allow = guard.allow_names(allow)
    if name == "lists":
        split = _from_file(argument, clips, allow)
    else:
        together = tuple(bond for bond in TOGETHER if bond not in allow)
        options = _options(name, seed, fractions, stratify, together)
        sides, by_construction, notes = _MAKERS[name](clips, argument, options)
        allowed = tuple(sorted({*allow, *by_construction}))
        rows = {side: clips[sides.reindex(clips.index) == side] for side in SIDES}
        split = Split(**rows, kind=kind, seed=options.seed, allowed=allowed, notes=notes)
    guard.check(split)
    return _with_missing_emotions(split)


def _speaker(clips, _, options):
    fractions = options.fractions or by_speaker.FRACTIONS
    sides, notes = by_speaker.holdout(clips, fractions, options.seed)
    return sides, (), notes


def _random(clips, _, options):
    fractions = options.fractions or at_random.FRACTIONS
    sides = at_random.holdout(clips, fractions, options.stratify, options.seed, options.together)
    return sides, ("speaker",), ()


def _kfold(clips, argument, options):
    fold, folds = _fold_of(argument)
    sides = at_random.kfold(clips, fold, folds, options.stratify, options.seed, options.together)
    return sides, ("speaker",), ()


def _speaker_kfold(clips, argument, options):
    sides, notes = by_speaker.kfold(clips, *_fold_of(argument), options.seed)
    return sides, (), notes


def _loso(clips, argument, options):
    sides, notes = by_speaker.leave_one_out(clips, argument, options.seed)
    return sides, (), notes


def _statement(clips, argument, options):
    sides, notes = by_statement.holdout(clips, argument, options)
    return sides, ("speaker",), notes


def _statement_kfold(clips, argument, options):
    sides, notes = by_statement.kfold(clips, *_fold_of(argument), options)
    return sides, ("speaker",), notes


def _speaker_statement(clips, argument, options):
    sides, notes = by_statement.with_speakers(clips, argument, options)
    return sides, (), notes


def _corpus(clips, argument, options):
    sides, notes = by_corpus.holdout(clips, argument, options.seed)
    return sides, (), notes


def _tfds(clips, _, __):
    return published.tfds(clips)


def _emobox(clips, argument, options):
    return published.emobox(clips, int(argument), options)


def _folds5(clips, argument, options):
    return published.folds5(clips, int(argument), options)


_MAKERS = {
    "speaker": _speaker,
    "random": _random,
    "kfold": _kfold,
    "speaker-kfold": _speaker_kfold,
    "loso": _loso,
    "statement": _statement,
    "statement-kfold": _statement_kfold,
    "speaker-statement": _speaker_statement,
    "corpus": _corpus,
    "emobox": _emobox,
    "folds5": _folds5,
    "tfds": _tfds,
}
_ARGUMENTS = {"": "", "K": r"\d+", "K/N": r"\d+/\d+", "SPEAKER": ".+", "NAME": ".+", "FILE": ".+"}


def _parse(kind):
    """Split "kfold:2/5" into ("kfold", "2/5")."""
    name, colon, argument = str(kind).partition(":")
    for form in _KINDS:
        known, wants_colon, placeholder = form.partition(":")
        if name == known and colon == wants_colon:
            if re.fullmatch(_ARGUMENTS[placeholder], argument):
                return name, argument
    forms = "\n".join(f"  {form:22} {line}" for form, line in _KINDS.items())
    raise ValueError(f"`kind` must be a kind of split. Received: {kind!r}. Choose from\n{forms}")


def _fold_of(argument):
    fold, folds = map(int, argument.split("/"))
    if not (folds >= 2 and 1 <= fold <= folds):
        raise ValueError(
            "K/N takes N of 2 or more and K from 1 to N. "
            f"Received: {argument!r}. Write for instance 1/5."
        )
    return fold, folds


def _options(name, seed, fractions, stratify, together):
    if isinstance(seed, bool) or not isinstance(seed, numbers.Integral) or seed < 0:
        raise ValueError(f"`seed` must be a whole number of 0 or more. Received: {seed!r}. Use 0.")
    if fractions is not None:
        fractions = tuple(fractions)
        if name not in ("speaker", "random"):
            raise ValueError(
                "`fractions` serves the kinds 'speaker' and 'random' only. "
                f"Received: fractions={fractions} with {name!r}. Leave it out."
            )
        if len(fractions) != 3 or min(fractions) <= 0 or abs(sum(fractions) - 1) > 1e-6:
            raise ValueError(
                "`fractions` must be three positive shares that sum to 1, for train, validation "
                f"and test. Received: {fractions}. Use for instance (0.8, 0.1, 0.1)."
            )
    stratify = (stratify,) if isinstance(stratify, str) else tuple(stratify)
    if stratify != _STRATIFY and name not in ("random", "kfold", "emobox"):
        raise ValueError(
            "`stratify` serves kinds that draw clips at random ('random', 'kfold', 'emobox'). "
            f"Received: stratify={stratify} with {name!r}. Leave it out."
        )
    return _Options(int(seed), fractions, stratify, together)


def _checked(clips):
    """Return the manifest sorted by clip; the order of its rows must not decide anything."""
    missing = [column for column in _COLUMNS if column not in clips]
    if missing:
        raise ValueError(
            f"A manifest needs the columns {list(_COLUMNS)}. Received: none called {missing}. "
            "Get it from serkeras.datasets.load."
        )
    repeated = sorted(set(clips["clip"][clips["clip"].duplicated()]))
    if repeated:
        raise ValueError(
            f"Clip ids must be unique. Received: {len(repeated)} repeated, "
            f"for instance {repeated[:3]}. Use clips.drop_duplicates('clip')."
        )
    return clips.sort_values("clip", ignore_index=True)


def _from_file(file, clips, allow):
    split = Split.from_dict(_files.read_json(file), clips)
    unused = len(clips) - sum(map(len, split.sides.values()))
    allowed = tuple(sorted({*allow, *guard.allow_names(split.allowed)}))
    note = (f"{unused} clip(s) of the manifest are in none of the lists.",) if unused > 0 else ()
    return dataclasses.replace(split, allowed=allowed, notes=_joined(split.notes, note))


def _with_missing_emotions(split):
    """Warn of emotions that validation or test lacks: UAR and curves then mean less."""
    emotions = set(pd.concat(split.sides.values())["emotion"])
    notes = ()
    for side in ("validation", "test"):
        missing = sorted(emotions - set(split.sides[side]["emotion"]))
        if missing:
            notes += (f"The {side} side has no clip of {', '.join(missing)}.",)
            warnings.warn(notes[-1], UserWarning, stacklevel=3)
    return dataclasses.replace(split, notes=_joined(split.notes, notes))


def _joined(old, new):
    return old + tuple(note for note in new if note not in old)
