"""Test folds that others published, carried as data.

Sources:
    EmoBox (Ma et al. 2024), github.com/emo-box/EmoBox, data/<corpus>/fold_k: the test side of
    each fold, in `emobox.json`.
    Five speaker-disjoint RAVDESS folds: those of the ResLSTM-SA study.
    TensorFlow Datasets `crema_d` 1.0.0: `numpy.random.RandomState(0)` shuffles the 91 sorted
    actors, cut at int(0.7 * 91) and int(0.8 * 91); stored as the actors that come out.
"""

import functools
import importlib.resources
import json

import pandas as pd

from serkeras.splits import at_random, by_speaker

FOLDS5 = (
    (2, 5, 14, 15, 16),
    (3, 6, 7, 13, 18),
    (10, 11, 12, 19, 20),
    (8, 17, 21, 23, 24),
    (1, 4, 9, 22),
)
TFDS_VALIDATION = (1015, 1020, 1021, 1030, 1050, 1070, 1079, 1089, 1090)
# fmt: off
TFDS_TEST = (
    1010, 1013, 1022, 1026, 1037, 1038, 1040, 1045, 1047, 1048, 1059, 1065, 1066, 1068, 1071,
    1073, 1084, 1086, 1088,
)
# fmt: on
# Listed by the corpus, but absent from its repository when TFDS was made.
TFDS_ABSENT = ("1006_TIE_NEU_XX", "1013_WSI_DIS_XX", "1017_IWW_FEA_XX", "1040_ITH_SAD_XX")


def emobox(clips, fold, options):
    """EmoBox fold `fold`, counted from 1 as its folders are.

    Folds of RAVDESS (6) and SAVEE (4) are speaker-disjoint, and so is their validation side;
    those of EmoDB (5), CREMA-D (1) and TESS (1) share speakers. Each corpus of a manifest
    takes its own fold of that number.

    Returns:
        (Series of sides, tuple of leaks allowed by construction, tuple of notes).

    Raises:
        ValueError: a corpus has no such fold.
    """
    data, sides, allowed, notes = emobox_data(), [], (), ()
    for corpus, rows in clips.groupby("corpus", sort=True):
        folds = data["folds"].get(corpus, [])
        if not 1 <= fold <= len(folds):
            available = {name: len(lists) for name, lists in data["folds"].items()}
            raise ValueError(
                f"emobox:K needs a published fold K of every corpus. Received: K={fold}, "
                f"corpus {corpus!r}. Folds there are: {available}."
            )
        if corpus in data["speaker_disjoint"]:
            part, absent = _by_speakers(rows, corpus, folds[fold - 1], options.seed)
        else:
            part, absent = _by_names(rows, corpus, folds[fold - 1], options)
            allowed = ("speaker",)
        sides.append(part)
        notes += absent
    return pd.concat(sides), allowed, notes


def folds5(clips, fold, options):
    """Fold `fold` (1 to 5) of the five speaker-disjoint RAVDESS folds; returns as `emobox`."""
    _require(clips, "ravdess", "folds5:K")
    if not 1 <= fold <= len(FOLDS5):
        raise ValueError(
            f"folds5:K takes K from 1 to 5. Received: K={fold}. Choose one of the five."
        )
    actors = [f"{actor:02d}" for actor in FOLDS5[fold - 1]]
    sides, notes = _by_speakers(clips, "ravdess", actors, options.seed)
    return sides, (), notes


def tfds(clips):
    """The split of CREMA-D by TensorFlow Datasets, validation included; no seed in it.

    Returns as `emobox`; the side of the four clips that TFDS lacks is None.
    """
    _require(clips, "cremad", "tfds")
    actors = dict.fromkeys(TFDS_VALIDATION, "validation") | dict.fromkeys(TFDS_TEST, "test")
    sides = {f"cremad-{actor}": side for actor, side in actors.items()}
    series = clips["speaker"].map(sides).fillna("train").astype(object)
    notes = _absent(clips["speaker"], sides, "validation and test speakers")
    absent = _short_names(clips).isin(TFDS_ABSENT)
    if absent.any():
        notes += (f"{absent.sum()} clip(s) that TFDS does not have are left out.",)
    return series.mask(absent, None), (), notes


@functools.cache
def emobox_data():
    """Return {"folds": {corpus: list of test lists}, "speaker_disjoint": corpora, "source"}."""
    file = importlib.resources.files("serkeras.splits") / "emobox.json"
    return json.loads(file.read_text(encoding="utf-8"))


def _by_speakers(rows, corpus, names, seed):
    test = [f"{corpus}-{name}" for name in names]
    return by_speaker.carve(rows, test, seed), _absent(
        rows["speaker"], test, f"{corpus} test speakers"
    )


def _by_names(rows, corpus, names, options):
    short = _short_names(rows)
    sides = at_random.carve(
        rows, short.isin(names), options.stratify, options.seed, options.together
    )
    return sides, _absent(short, names, f"{corpus} test clips")


def _short_names(clips):
    """Names without corpus: lists say .wav where the file on disk may be .flac or .mp3."""
    return clips["clip"].str.rpartition("/")[2]


def _absent(present, published, what):
    absent = sorted(set(published) - set(present))
    if not absent:
        return ()
    return (
        f"{len(absent)} of {len(published)} published {what} are not in the manifest, "
        f"for instance {absent[0]}.",
    )


def _require(clips, corpus, kind):
    others = sorted(set(clips["corpus"]) - {corpus})
    if others:
        raise ValueError(
            f"Split {kind!r} is published for {corpus!r} only. Received: corpora {others}. "
            f"Load {corpus!r} alone or choose another kind."
        )
