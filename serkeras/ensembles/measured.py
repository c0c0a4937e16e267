"""An ensemble measured on its test side, and what its members do there."""

import itertools
from dataclasses import dataclass

import numpy as np

from serkeras import runs as run_folders
from serkeras.ensembles import combining, diversity, gain, members
from serkeras.evaluation import metrics
from serkeras.training import pipeline, provenance

MEASURES = ("uar", "accuracy", "macro_f1")


@dataclass(frozen=True)
class Measured:
    """All that is known of an ensemble before it is written.

    Attributes:
        runs: list of `Run`.
        names: short name of each.
        combine, weights: how they are joined.
        side: `serkeras.ensembles.members.Side`, the test side.
        probabilities: float array `(clips, classes)`, those of the ensemble.
        metrics: dictionary in the form of a run's metrics.json.
        members: list of dictionaries, one a run: name, recipe, seed, member, commit, weight,
            measures, `gain` of the ensemble over it.
        gain: that over the mean of the members, see `serkeras.ensembles.gain.over`.
        diversity: see `serkeras.ensembles.diversity.describe`.
        validation: dictionary of cross-entropies on the validation side: `clips`, `members`,
            `ensemble`; None where the runs have no validation clips in common.
        speaker_disjoint: whether the test speakers are new to all members; None if unknown.
    """

    runs: list
    names: list
    combine: str
    weights: list
    side: members.Side
    probabilities: np.ndarray
    metrics: dict
    members: list
    gain: dict
    diversity: dict
    validation: dict | None
    speaker_disjoint: bool | None

    def about(self):
        """Return what ensemble.json holds beside the members."""
        names = ("combine", "weights", "gain", "diversity", "validation", "speaker_disjoint")
        return {name: getattr(self, name) for name in names}

    def write_predictions(self, path):
        """Write predictions.csv in the form of a run's."""
        labels = self.metrics["labels"]
        pipeline.write_predictions(path, self.side.clips, self.probabilities, labels)


def measure(runs, combine):
    """Join runs and measure the ensemble.

    Args:
        runs: list of `Run`, see `serkeras.ensembles.members.open_runs`.
        combine: "mean", "weighted" or "geometric".

    Returns:
        `Measured`.

    Raises:
        FileNotFoundError, ValueError: see `serkeras.ensembles.ensemble`.
    """
    side = members.test_side(runs)
    members.check_unseen(runs, side.clips)
    weights, validation = _weights(runs, combine)
    joined = combining.join(side.probabilities, combine, weights)
    seed = runs[0].experiment.seed
    result = metrics.evaluate(side.truth, joined, runs[0].labels, side.clips, seed=seed)

    def over(said):
        return gain.over(side.truth, joined.argmax(axis=1), said, side.clips["speaker"], seed)

    names = members.names(runs)
    rows = [
        {"name": name, "weight": weight, **_told(run), "gain": over(said[None])}
        for name, run, weight, said in zip(names, runs, weights, side.said, strict=True)
    ]
    return Measured(
        runs=runs,
        names=names,
        combine=combine,
        weights=weights,
        side=side,
        probabilities=joined,
        metrics={**result, "run": _facts(runs)},
        members=rows,
        gain=over(side.said),
        diversity=diversity.describe(side.truth, side.said, len(runs[0].labels)),
        validation=validation,
        speaker_disjoint=run_folders.speaker_disjoint(runs),
    )


def _weights(runs, combine):
    """Return the weights, and how members and ensemble do on common validation clips."""
    weights = [1 / len(runs)] * len(runs)
    if combine == "weighted":
        side = members.validation_side(runs)
        weights = combining.fit_weights(side.probabilities, side.truth).tolist()
    else:
        side = members.common_validation(runs)
    if side is None:
        return weights, None
    joined = combining.join(side.probabilities, combine, weights)
    return weights, {
        "clips": len(side.truth),
        "members": [combining.cross_entropy(said, side.truth) for said in side.probabilities],
        "ensemble": combining.cross_entropy(joined, side.truth),
    }


def _told(run):
    experiment = run.experiment
    return {
        "recipe": experiment.recipe,
        "split": experiment.split,
        "seed": experiment.seed,
        "member": experiment.training.member,
        "commit": run.metrics["run"]["commit"],
        **{name: run.metrics[name] for name in MEASURES},
    }


def _facts(runs):
    """Return the facts of a run's metrics.json, each of all members."""
    facts = [run.metrics["run"] for run in runs]
    sizes = [each["parameters"] for each in facts]
    alike = ("recipe", "label_scheme", "split", "seed", "device", "commit")
    return {
        **{name: _joined([each[name] for each in facts]) for name in alike},
        "data": list(dict.fromkeys(spec for each in facts for spec in each["data"])),
        "seconds": round(sum(each["seconds"] for each in facts), 1),
        "versions": provenance.versions(),
        "weights": _different(each.get("weights", []) for each in facts),
        "epochs": {},
        "parameters": None if None in sizes else sum(sizes),
    }


def _different(lists):
    found = []
    for item in itertools.chain.from_iterable(lists):
        if item not in found:
            found.append(item)
    return found


def _joined(values):
    """Return a fact that all share, or the different ones as text."""
    different = list(dict.fromkeys(values))
    return different[0] if len(different) == 1 else " + ".join(map(str, different))
