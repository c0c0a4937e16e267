"""The leaks by name: what each is, where it comes from, and what it is compared with."""

from collections.abc import Callable
from dataclasses import dataclass

from serkeras import models
from serkeras.leaks import protocols

KNOWN, NEW = "known speakers", "new speakers"
_IN_DECIBELS = ("log_mel", "mfcc")


@dataclass(frozen=True)
class Leak:
    """One way to fool oneself.

    Attributes:
        name: of the leak.
        about: one sentence.
        seen: where it was seen, or how it arises.
        compared: what is compared with what, and what is held equal.
        speakers: of the test sides of claim and comparison: "known speakers", "new speakers", or
            "known against new speakers" where that is the leak.
        reference: name of the bar that the claim must be compared with.
        truth: what the leaky model is scored on for its own truth, "" where nothing serves.
        function: from a list of `serkeras.leaks.bench.Bench`, one a seed, to an
            `serkeras.leaks.found.Outcome`.
        cannot: function `(experiment, clips)` to the reason why it cannot arise, or None.
        more: whether `function` takes the number of first weights to choose from, "members", or
            as many seeds as that, "seeds"; "" for neither.
    """

    name: str
    about: str
    seen: str
    compared: str
    speakers: str
    reference: str
    truth: str
    function: Callable
    cannot: Callable = lambda experiment, clips: None
    more: str = ""


def _no_scaling(experiment, clips):
    if models.is_classical(experiment.model.name):
        from serkeras.leaks.classical import standardises

        if standardises(experiment):
            return None
        return f"the model {experiment.model.name!r} standardises nothing"
    if experiment.model.normalize == "none":
        return "the recipe fits no statistics: model.normalize is 'none'"
    if experiment.model.normalize == "speaker":
        return "the recipe takes the statistics of each speaker: model.normalize is 'speaker'"
    return None


def _no_bins(experiment, clips):
    wrong = {
        "features.in_graph": experiment.features.in_graph,
        "augment.on_the_fly": experiment.augment.on_the_fly,
        "augment.copies": experiment.augment.copies > 0,
        "audio.fit='keep'": experiment.audio.fit == "keep",
        f"features.name={experiment.features.name!r}": experiment.features.name
        in ("waveform", "mel_image"),
        "model.normalize='speaker'": experiment.model.normalize == "speaker",
    }
    found = [name for name, is_wrong in wrong.items() if is_wrong]
    return f"it scales kept features, and the recipe has {', '.join(found)}" if found else None


def _no_statements(experiment, clips):
    if "statement" not in clips or clips["statement"].isna().any():
        return "the corpus does not tell what is said in each clip"
    if clips["statement"].nunique() < 2:
        return "all clips say the same"
    return None


def _no_attention(experiment, clips):
    name = experiment.model.name
    if models.is_classical(name):
        return f"{name!r} is no network: it is given each clip by itself"
    if not protocols.takes_batch_attention(experiment.model):
        return f"the network {name!r} has no attention that could be turned across the batch"
    return None


def _no_decibels(experiment, clips):
    features = experiment.features
    if models.is_classical(experiment.model.name):
        return f"{experiment.model.name!r} is no network: its features are of each clip by itself"
    if features.name not in _IN_DECIBELS:
        return f"it is built for {' and '.join(_IN_DECIBELS)}; the recipe takes {features.name!r}"
    if experiment.model.normalize == "speaker":
        return "the recipe takes the statistics of each speaker: model.normalize is 'speaker'"
    if features.floor_db is not None:
        return "the recipe's decibels have a fixed floor: features.floor_db"
    plain = features.average == "none" and features.frames is None and not features.whiten
    if not plain or experiment.audio.fit == "keep" or experiment.augment.on_the_fly:
        return "it is built for whole features of clips of one length, changed before training"
    return None


_ALL = (
    Leak(
        "augment-before-split",
        "Noisy copies of every clip are made first, then clips and copies are split at random.",
        "Where a folder is augmented before it is split; behind many figures of 95 % and more on "
        "RAVDESS.",
        "Two random splits of the same clips and copies (two copies each, white noise at 15 to 30 "
        "dB), with as many items on each side and the same speakers: copies anywhere, against "
        "copies on the side of their clip.",
        KNOWN,
        "copies kept with their clips",
        "clean clips of speakers held out",
        protocols.by_seed(protocols.augment_before_split),
    ),
    Leak(
        "duplicated-folder",
        "Every file stands there twice, and the files are split at random.",
        "The copy of RAVDESS that circulates on Kaggle holds the whole corpus a second time in a "
        "sub-folder.",
        "Two random splits of the same doubled files, with as many files on each side and the same "
        "speakers: twins anywhere, against twins on one side.",
        KNOWN,
        "twins kept together",
        "clips of speakers held out",
        protocols.by_seed(protocols.duplicated_folder),
    ),
    Leak(
        "speaker-overlap",
        "Clips are split at random, so that every test speaker is known from training.",
        "The usual random split of most published figures.",
        "A random split of the known speakers' clips, tested on them, against the split of "
        "speakers, tested on speakers held out; both train on as many clips.",
        "known against new speakers",
        "honest: new speakers",
        "clips of speakers held out",
        protocols.by_seed(protocols.speaker_overlap),
    ),
    Leak(
        "test-as-validation",
        "The epoch to stop at, or the settings, are chosen by the test side.",
        "Where a programme makes two sides only and gives the second one to early stopping or to "
        "the search.",
        "The same training and test clips: chosen by the test side, against chosen by validation "
        "speakers.",
        NEW,
        "honest: chosen by validation",
        "the validation speakers, who chose nothing here",
        protocols.by_seed(protocols.test_as_validation),
    ),
    Leak(
        "best-of-seeds",
        "A network is trained several times from other first weights, and the best on the test "
        "side is reported.",
        "Where only the best run reaches the paper.",
        "The same clips on all sides: the best run by the test side, against the mean of all.",
        NEW,
        "honest: mean of all runs",
        "",
        protocols.by_seed(protocols.best_of_seeds),
        more="members",
    ),
    Leak(
        "best-of-splits",
        "The split of speakers is drawn several times, and the best draw is reported.",
        "Where a random state is tried until the figure pleases.",
        "One recipe on several draws of the speakers: the best by the test side, against the mean "
        "of all; test speakers differ, for that is the choice.",
        NEW,
        "honest: mean of all draws",
        "",
        protocols.best_of_splits,
        more="seeds",
    ),
    Leak(
        "normalise-over-all",
        "The scaling of the features is fitted on all clips, those of the test side included.",
        "Where a scaler is fitted before the split, or a whole corpus is whitened.",
        "The same clips on all sides: scaling by all clips, against scaling by the training side.",
        NEW,
        "honest: scaled by training",
        "",
        protocols.by_seed(protocols.normalise_over_all),
        _no_scaling,
    ),
    Leak(
        "normalise-by-speaker",
        "The features of each speaker are brought to mean 0 and deviation 1 by all of the "
        "speaker's clips, on the test side too.",
        "Speaker normalisation in many papers; it takes no labels, but it takes a balanced set of "
        "clips of the new speaker.",
        "The same clips on all sides: scaled speaker by speaker, against scaled by the training "
        "side.",
        NEW,
        "honest: scaled by training",
        "the same clips scaled by the training side, as a lone clip must be",
        protocols.by_seed(protocols.normalise_by_speaker),
        _no_bins,
    ),
    Leak(
        "word-overlap",
        "Training has heard the words that the test speakers say.",
        "Every random and most speaker splits: TESS has 200 carrier words, RAVDESS two sentences.",
        "The same test clips of speakers held out, who say a fifth of the statements: training "
        "with these statements, against training without them on as many clips of each speaker "
        "and emotion.",
        NEW,
        "honest: new words",
        "",
        protocols.by_seed(protocols.word_overlap),
        _no_statements,
    ),
    Leak(
        "word-overlap-known",
        "Training has heard the words of the test, and its speakers.",
        "A random split of TESS.",
        "As word-overlap, with all speakers on all sides of both: only the words differ.",
        KNOWN,
        "new words",
        "",
        protocols.by_seed(protocols.word_overlap_known),
        _no_statements,
    ),
    Leak(
        "batch-attention",
        "Attention runs across the clips of the batch, and the test is scored in the order of "
        "its file names.",
        "Published in report S4: (time, batch, features) fed to a layer that expects (batch, time, "
        "features). Names sort by emotion, so neighbours give the answer away.",
        "The same clips on all sides: attention over the batch, scored in batches by name, against "
        "attention over time.",
        NEW,
        "honest: attention over time",
        "the same clips, each in a batch of its own",
        protocols.by_seed(protocols.batch_attention),
        _no_attention,
    ),
    Leak(
        "batch-decibels",
        "Decibels are floored 80 dB below the loudest clip of the batch, and the test is scored in "
        "the order of its file names.",
        "keras.layers.MelSpectrogram, and librosa called with an array of clips.",
        "The same clips on all sides: one floor for a batch (shuffled in training, by name in the "
        "test), against the floor of each clip.",
        NEW,
        "honest: floor of each clip",
        "the same clips, each in a batch of its own",
        protocols.by_seed(protocols.batch_decibels),
        _no_decibels,
    ),
)
LEAKS = {leak.name: leak for leak in _ALL}


def names():
    """Return the names of the leaks, in the order in which they are measured."""
    return list(LEAKS)


def describe(name):
    """Return the `Leak` of a name.

    Raises:
        ValueError: there is none.
    """
    if name not in LEAKS:
        raise ValueError(f"A leak must be one of {names()}. Received: {name!r}. Correct the name.")
    return LEAKS[name]
