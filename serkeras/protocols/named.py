"""The protocols by name: which folds each has for the clips at hand."""

from collections.abc import Callable
from dataclasses import dataclass

from serkeras.splits import by_speaker, by_statement, published

FOLDS = 5
DEFAULT = ("speaker", "speaker-kfold", "statement", "random")


@dataclass(frozen=True)
class _Protocol:
    """One way to test.

    Attributes:
        about: one line for help and page.
        folds: function from a manifest to a list of kinds of split.
    """

    about: str
    folds: Callable


def names():
    """Return a dictionary from each protocol to one line about it, the honest ones first."""
    return {name: protocol.about for name, protocol in _PROTOCOLS.items()}


def folds(name, clips):
    """Return the kinds of split that a protocol has for a manifest.

    Args:
        name: one of `names()`.
        clips: manifest.

    Returns:
        List of kinds as `serkeras.splits.make` takes them.

    Raises:
        ValueError: there is no such protocol, or the clips do not allow it.
    """
    check([name])
    return _PROTOCOLS[name].folds(clips)


def check(wanted):
    """Raise `ValueError` for a name that is none of `names()`."""
    for name in wanted:
        if name not in _PROTOCOLS:
            shown = "\n".join(f"  {known:18} {about}" for known, about in names().items())
            raise ValueError(
                f"A protocol must have a known name. Received: {name!r}. Choose from\n{shown}"
            )


def _numbered(kind, count):
    return [f"{kind}:{number}/{count}" for number in range(1, count + 1)]


def _speaker_kfold(clips):
    """Return as many folds as there are speakers to test, five at most."""
    sizes = by_speaker.speakers(clips)["corpus"].value_counts()
    # The split lets smaller corpora train only: they have none to spare for three sides.
    count = int(sizes[sizes >= 3].sum())
    return _numbered("speaker-kfold", max(2, min(FOLDS, count)))


def _folds5(clips):
    _only(clips, "folds5", ["ravdess"])
    return [f"folds5:{number}" for number in range(1, len(published.FOLDS5) + 1)]


def _emobox(clips):
    lists = published.emobox_data()["folds"]
    corpus = _only(clips, "emobox", sorted(lists))
    return [f"emobox:{number}" for number in range(1, len(lists[corpus]) + 1)]


def _loso(clips):
    return [f"loso:{speaker}" for speaker in by_speaker.speakers(clips).index]


def _statement(clips):
    """Return one fold a statement, or five of many statements each."""
    known = _statements(clips)
    if len(known) <= FOLDS:
        return [f"statement:{name}" for name in known]
    return _numbered("statement-kfold", FOLDS)


def _speaker_statement(clips):
    known = _statements(clips)
    if len(known) > FOLDS:
        raise ValueError(
            f"The protocol speaker-statement tests each statement alone, of {FOLDS} at most. "
            f"Received: {len(known)} statements. Use the protocol statement, or train one kind "
            f"of split: speaker-statement:{known[0]}."
        )
    return [f"speaker-statement:{name}" for name in known]


def _statements(clips):
    known = by_statement.statements(clips)
    if len(known) < 2:
        raise ValueError(
            "A test on new statements needs two or more. Received: "
            f"{known}. Choose another protocol."
        )
    return known


def _corpus(clips):
    corpora = sorted(set(clips["corpus"]))
    if len(corpora) < 2:
        raise ValueError(
            f"The protocol corpus needs two corpora or more. Received: {corpora}. Give --data "
            "again for another one."
        )
    return [f"corpus:{name}" for name in corpora]


def _only(clips, name, known):
    corpora = sorted(set(clips["corpus"]))
    if len(corpora) != 1 or corpora[0] not in known:
        raise ValueError(
            f"The protocol {name} is published for one corpus, of {known}. Received: {corpora}. "
            "Load that corpus alone, or choose speaker-kfold."
        )
    return corpora[0]


# In the order of the page: those with new speakers come first.
_PROTOCOLS = {
    "speaker": _Protocol("one hold-out of speakers, drawn with the seed", lambda _: ["speaker"]),
    "speaker-kfold": _Protocol("five folds over the speakers, each tested once", _speaker_kfold),
    "folds5": _Protocol("five published speaker-disjoint folds of RAVDESS", _folds5),
    "emobox": _Protocol("the folds of EmoBox; EmoDB, CREMA-D, TESS share speakers", _emobox),
    "loso": _Protocol("leave one speaker out: one fold a speaker", _loso),
    "speaker-statement": _Protocol(
        "test speakers say a statement that nobody says in training, each statement once",
        _speaker_statement,
    ),
    "corpus": _Protocol("each corpus tested once, trained on the others", _corpus),
    "statement": _Protocol(
        "each statement tested once (five folds of many), trained on others; known speakers",
        _statement,
    ),
    "kfold": _Protocol(
        "five folds over clips drawn at random; known speakers", lambda _: _numbered("kfold", FOLDS)
    ),
    "kfold10": _Protocol(
        "ten such folds, as many studies have; known speakers", lambda _: _numbered("kfold", 10)
    ),
    "random": _Protocol(
        "one hold-out of clips drawn at random, with the seed; known speakers", lambda _: ["random"]
    ),
}  # fmt: skip
