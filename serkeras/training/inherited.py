"""Weights that a run starts from: where they come from, and what they have learned from."""

import warnings
from dataclasses import dataclass

from serkeras import runs
from serkeras._files import sha256
from serkeras.models.backbones import trained
from serkeras.training import provenance

_OF_RECIPE = "run:"


@dataclass(frozen=True)
class Inherited:
    """What the weights of a run bring with them.

    Attributes:
        weights: list of dictionaries: weights (as the experiment names them), file (name) and
            sha256, one for each file.
        speakers: set of the speakers that earlier runs have learned from.
        files: set of the SHA-256 of their recordings.
        speakers_known: whether all of those are known.
    """

    weights: list
    speakers: set
    files: set
    speakers_known: bool


def resolve(experiment):
    """Replace weights "run:RECIPE" by the folder of that recipe's run on the same data.

    That is the folder in which `train RECIPE` puts it with the same data, split and seed.

    Args:
        experiment: `serkeras.config.Experiment`.

    Returns:
        `Experiment`; the same where no such weights are named.

    Raises:
        FileNotFoundError: there is no such finished run.
    """
    weights = experiment.model.settings.get("weights")
    if isinstance(weights, (list, tuple)):
        found = [_resolved(item, experiment) for item in weights]
    else:
        found = _resolved(weights, experiment)
    if found == weights:
        return experiment
    return experiment.with_settings({"model.settings.weights": found})


def _resolved(weights, experiment):
    if not isinstance(weights, str) or not weights.startswith(_OF_RECIPE):
        return weights
    recipe = weights.removeprefix(_OF_RECIPE)
    folder = runs.default_folder(experiment.replace(recipe=recipe))
    if not (folder / "model.keras").is_file():
        data = " ".join(f"--data {spec}" for spec in experiment.data)
        raise FileNotFoundError(
            f"{experiment.recipe} starts from a finished run of {recipe} on the same data, split "
            f"and seed. Received: no {folder / 'model.keras'}. Run first: python -m serkeras train "
            f"{recipe} {data} --split {experiment.split} --seed {experiment.seed}; or name other "
            "weights: --set model.settings.weights=..."
        )
    return str(folder)


def read(experiment):
    """Return what the weights of an experiment bring with them.

    Args:
        experiment: `Experiment`, resolved.

    Returns:
        `Inherited`; empty where the network begins with random weights.
    """
    named = _files(experiment)
    found = Inherited([], set(), set(), True)
    for weights, path in named:
        found.weights.append({"weights": weights, "file": path.name, "sha256": sha256(path)})
        if trained.is_run(weights):
            found = _with_run(found, path.parent)
    return found


def _files(experiment):
    """Return the weights that a network starts from, pairs of their name and their file."""
    settings = experiment.model.settings
    weights = settings.get("weights")
    if not weights:
        return []
    if isinstance(weights, str):
        return [(weights, _file(settings.get("backbone", "vgg16"), weights, settings))]
    branches = settings.get("branches") or [{}] * len(weights)
    pairs = zip(weights, branches, strict=True)
    return [(item, _file(branch.get("backbone"), item, settings)) for item, branch in pairs if item]


def _file(backbone, weights, settings):
    from serkeras.models import backbones
    from serkeras.models.backbones import weights_files

    top = bool(settings.get("include_top", False))
    return weights_files.find(backbones.card(backbone), weights, top).path


def _with_run(found, folder):
    if not (folder / "provenance.json").is_file():
        warnings.warn(
            f"What the weights in {folder} have learned from is not known: the run's own test "
            "clips may be among it.",
            stacklevel=4,
        )
        return Inherited(found.weights, found.speakers, found.files, False)
    learned = provenance.read(folder)
    return Inherited(
        found.weights,
        found.speakers | set(learned["speakers"]),
        found.files | set(learned["files"]),
        found.speakers_known and learned["speakers_known"],
    )


def check(found, split, files):
    """Refuse weights that have learned from clips of the test side, or from their speakers.

    Args:
        found: `Inherited`.
        split: `serkeras.splits.Split`; speakers count where it keeps them apart.
        files: dictionary from path to SHA-256 of each recording.

    Raises:
        ValueError: names how many clips, and one of them.
    """
    test = split.test
    seen = test["path"].map(files).isin(found.files)
    if split.speaker_disjoint:
        seen |= test["speaker"].isin(found.speakers)
    if seen.any():
        raise ValueError(
            "A network must not start from weights that have learned from its test side. "
            f"Received: {found.weights[0]['weights']!r} and so on, with {seen.sum()} of "
            f"{len(test)} test clips or their speakers among what was learned, for instance "
            f"{test.loc[seen, 'clip'].iloc[0]}. Take a run on other data, or on the same split and "
            "seed."
        )
