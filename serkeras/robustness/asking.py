"""Which runs are asked, in what words they are told apart, and what they say."""

import numpy as np
from tqdm import tqdm

from serkeras import ensembles
from serkeras.robustness import clips as recordings
from serkeras.robustness import damages
from serkeras.robustness.answers import Answers, named
from serkeras.robustness.comparing import CLEAN


def opened(runs):
    """Return a list of `Run` and `Ensemble`.

    Args:
        runs: one, the path of its folder, or a list of either.

    Raises:
        FileNotFoundError: one is not there, or not finished.
        ValueError: there is none, or one comes twice.
    """
    runs = list(runs) if isinstance(runs, (list, tuple)) else [runs]
    found = [ensembles.open_run(each) for each in runs]
    if len({run.folder.resolve() for run in found}) < len(found) or not found:
        raise ValueError(
            "Runs must be one or several different ones. Received: "
            f"{[str(run.folder) for run in found]}. Name each once."
        )
    for run in found:
        _ = run.labels  # an unfinished run says so here
    return found


def _names(runs):
    """Return runs by the shortest name that tells them apart."""
    for name in (
        lambda run: run.experiment.recipe,
        lambda run: run.folder.resolve().name,
        lambda run: str(run.folder.resolve()),
    ):
        found = {name(run): run for run in runs}
        if len(found) == len(runs):
            break
    return found


def _check_same(run, rows):
    own = run.predictions.set_index("clip")["emotion"]
    first = rows.set_index("clip")["emotion"]
    if not set(first.index) <= set(own.index) or not own.loc[first.index].equals(first):
        lost = sorted(set(first.index) - set(own.index))
        raise ValueError(
            "Runs must have the same test clips to be compared. Received: "
            f"{run.folder}, with {len(lost)} of {len(first)} clips not in its test side, or "
            "other emotions for them. Compare runs of one split and seed."
        )


def prepare(runs, rows, crowd, seed, n_jobs):
    """Return the answers of runs, under the shortest names that tell them apart.

    Args:
        runs: list of `Run` and `Ensemble`.
        rows: test clips, see `serkeras.robustness.clips.of`.
        crowd: `serkeras.robustness.clips.Crowd`.
        seed, n_jobs: as in `serkeras.robustness.measure_robustness`.

    Returns:
        Dictionary from name to list of `Answers`, one of each member.

    Raises:
        ValueError: the runs have other test clips.
    """
    shelf, asked = {}, {}
    for name, run in _names(runs).items():
        _check_same(run, rows)
        asked[name] = []
        for each in ensembles.answering(run):
            rate = each.experiment.audio.sample_rate
            audio = shelf.setdefault(rate, recordings.Recordings(rate))
            asked[name].append(Answers(each, rows, crowd, audio, seed, n_jobs))
    return asked


def check_whole_speakers(asked):
    """Refuse runs that normalise by speaker: of some clips they would get other statistics.

    Args:
        asked: see `prepare`.
    """
    several = [answers for one in asked.values() for answers in one]
    if any(answers.listener.by_speaker for answers in several):
        raise ValueError(
            "A run that normalises by speaker must hear all test clips of a speaker. Received: "
            "one with `clips`. Leave it out."
        )


def possible(wanted, asked):
    """Return the damages that can be done here, and why the others cannot.

    Args:
        wanted: dictionary from name to `Damage`.
        asked: see `prepare`.

    Raises:
        ValueError: none can.
    """
    first = next(iter(asked.values()))[0]
    reasons = {name: first.obstacle(damage) for name, damage in wanted.items()}
    kept = {name: damage for name, damage in wanted.items() if reasons[name] is None}
    if not kept:
        raise ValueError(
            f"One damage or more must be possible here. Received: {reasons}. Ask for others."
        )
    return kept, {name: reason for name, reason in reasons.items() if reason is not None}


def ask(asked, runs, wanted, num_clips, progress):
    """Ask all runs about all damages.

    Args:
        asked: see `prepare`.
        runs: list of `Run` and `Ensemble`, in the same order.
        wanted: dictionary from name to `Damage`.
        num_clips: int.
        progress: show a bar.

    Returns:
        {run: {damage: classes named, int array `(levels, clips)`}}, "clean" first.
    """
    every = {CLEAN: damages.CLEAN, **wanted}
    levels = sum(len(damage.levels) for damage in every.values())
    total = levels * num_clips * sum(map(len, asked.values()))
    said = {}
    with tqdm(total=total, desc="robustness", unit="clip", disable=not progress) as bar:
        for (name, answers), run in zip(asked.items(), runs, strict=True):
            said[name] = {}
            for damage, made in every.items():
                bar.set_postfix_str(f"{name}, {damage}")
                found = [each.of(damage, made, bar) for each in answers]
                said[name][damage] = named(_joined(run, found))
    return said


def _joined(run, found):
    """Return the probabilities `(levels, clips, classes)` of a run, joined where it is several."""
    if not isinstance(run, ensembles.Ensemble):
        return found[0]
    return np.stack([run.join(np.stack(level)) for level in zip(*found, strict=True)])
