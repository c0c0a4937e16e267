"""Weights that a run starts from: where they come from, and what they have learned from."""

import shlex
import warnings
from dataclasses import dataclass, field

from serkeras import models, runs
from serkeras._files import sha256
from serkeras.models.backbones import trained
from serkeras.training import provenance

_OF_RECIPE = "run:"
# What decides whether a run of another recipe is on the same data.
_SAME = ("recipe", "data", "label_scheme", "split", "seed")


@dataclass
class Inherited:
    """What the weights of a run bring with them.

    Attributes:
        weights: list of dictionaries: weights (as the experiment names them), file (name) and
            sha256, one for each file.
        learned: dictionary of sets: "speakers" that earlier runs have learned from, "files"
            (SHA-256 of recordings) and "clips" (ids, of known corpora); validation sides, which
            chose the epoch, are learned too.
        trained: the same of the training sides alone.
        speakers_known: whether all speakers are known.
    """

    weights: list = field(default_factory=list)
    learned: dict = field(default_factory=dict)
    trained: dict = field(default_factory=dict)
    speakers_known: bool = True

    def add(self, values):
        """Add what the provenance of a run says."""
        for kept, prefix in ((self.learned, ""), (self.trained, "trained_")):
            for name in ("speakers", "files", "clips"):
                # Older runs do not tell their training side apart, nor ids of clips.
                told = values.get(prefix + name, values.get(name, ()))
                kept.setdefault(name, set()).update(told)
        self.speakers_known &= values["speakers_known"]


def resolve(experiment):
    """Replace weights "run:RECIPE" by the folder of that recipe's run on the same data.

    That is the folder in which `train RECIPE` puts it with the same data, split and seed.

    Args:
        experiment: `serkeras.config.Experiment`.

    Returns:
        `Experiment`; the same where no such weights are named.

    Raises:
        FileNotFoundError: there is no such finished run.
        ValueError: the run there is of other data.
    """
    return _with_weights(experiment, _resolved)


def named(experiment):
    """Return what `resolve` returns, whether those runs are there (now, and from here) or not."""
    return _with_weights(experiment, lambda wanted, _: str(runs.default_folder(wanted)))


def _with_weights(experiment, found):
    """Replace weights "run:RECIPE" by what `found(experiment of that run, experiment)` gives."""

    def change(weights):
        if not isinstance(weights, str) or not weights.startswith(_OF_RECIPE):
            return weights
        wanted = experiment.replace(recipe=weights.removeprefix(_OF_RECIPE))
        return found(wanted, experiment)

    weights = experiment.model.settings.get("weights")
    several = isinstance(weights, (list, tuple))
    now = [change(item) for item in weights] if several else change(weights)
    if now == weights:
        return experiment
    return experiment.with_settings({"model.settings.weights": now})


def _resolved(wanted, experiment):
    folder, command = runs.default_folder(wanted), shlex.join(runs.train_words(wanted))
    try:
        run = runs.Run(folder)
    except FileNotFoundError:
        run = None
    if run is None or not run.finished:
        raise FileNotFoundError(
            f"{experiment.recipe} starts from a finished run of {wanted.recipe} on the same data, "
            f"split and seed. Received: none in {folder}. Run first: {command}; or give "
            "other weights, model.settings.weights=... (null are random ones)."
        )
    other = [name for name in _SAME if getattr(run.experiment, name) != getattr(wanted, name)]
    if other:
        raise ValueError(
            f"{experiment.recipe} starts from a run of {wanted.recipe} on the same data, split "
            f"and seed. Received: {folder}, which differs in {', '.join(other)}. Move it away and "
            f"run: {command}; or give its path as model.settings.weights, if it is meant."
        )
    return str(folder)


def read(experiment):
    """Return what the weights of an experiment bring with them.

    Args:
        experiment: `Experiment`, resolved.

    Returns:
        `Inherited`; empty where the network begins with random weights.

    Raises:
        ValueError, FileNotFoundError, ConnectionError, PermissionError, ModuleNotFoundError: see
            `serkeras.models.first_weights`.
    """
    found, model = Inherited(), experiment.model
    for weights, path in models.first_weights(model.name, model.settings):
        found.weights.append({"weights": weights, "file": path.name, "sha256": sha256(path)})
        if path.suffix == trained.ENDING:
            _add_run(found, trained.run_folder(path))
    return found


def _add_run(found, folder):
    if (folder / "provenance.json").is_file():
        found.add(provenance.read(folder))
    else:
        found.speakers_known = False
    if not found.speakers_known:
        warnings.warn(
            f"Not all speakers are known that the weights in {folder} have learned from: the run's "
            "own test speakers may be among them.",
            stacklevel=4,
        )


def check(found, split, files):
    """Refuse weights that have learned from the test side; warn of a validation side they know.

    Args:
        found: `Inherited`.
        split: `serkeras.splits.Split`; speakers count where it keeps them apart.
        files: dictionary from path to SHA-256 of each recording.

    Raises:
        ValueError: names how many test clips, and one of them.
    """
    seen = _seen(split.test, found.learned, split, files)
    if seen.any():
        raise ValueError(
            "A network must not start from weights that have learned from its test side. "
            f"Received: {_told(found, split.test, seen, 'test clips')}. Take a run on other data, "
            "or on the same split and seed."
        )
    known = _seen(split.validation, found.trained, split, files)
    if known.any():
        warnings.warn(
            f"The first weights were trained on {known.sum()} of {len(known)} validation clips or "
            "their speakers: what is chosen or fitted by them is chosen by what is known already.",
            stacklevel=3,
        )


def check_folds(found, folds, files):
    """Refuse weights that know the clips that folds are judged by.

    Args:
        found: `Inherited`.
        folds: list of `serkeras.splits.Split`, judged by their validation sides.
        files: dictionary from path to SHA-256 of each recording.

    Raises:
        ValueError: names how many clips of a fold, and one of them.
    """
    for number, fold in enumerate(folds, start=1):
        seen = _seen(fold.validation, found.learned, fold, files)
        if seen.any():
            raise ValueError(
                "Folds must not be judged by clips that the first weights have learned from. "
                f"Received: {_told(found, fold.validation, seen, f'clips of fold {number}')}. Take "
                "a run on other data, or judge by the validation side: without folds."
            )


def _told(found, clips, seen, words):
    """Return which weights know how many of some clips, and one of these."""
    return (
        f"{found.weights[0]['weights']!r} and so on, with {seen.sum()} of {len(seen)} {words} or "
        f"their speakers among what was learned, for instance {clips.loc[seen, 'clip'].iloc[0]}"
    )


def _seen(clips, learned, split, files):
    """Return which clips, or speakers of them, are among what was learned."""
    seen = clips["path"].map(files).isin(learned.get("files", ()))
    seen |= clips["clip"].isin(learned.get("clips", ()))
    if split.speaker_disjoint:
        seen |= clips["speaker"].isin(learned.get("speakers", ()))
    return seen
