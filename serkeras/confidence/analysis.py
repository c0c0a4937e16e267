"""`measure_confidence`: the analysis of a run; what it has fitted, applied to new probabilities."""

import warnings
from pathlib import Path

import numpy as np

from serkeras import datasets
from serkeras._files import read_json
from serkeras.confidence import answers, calibration, conformal, figures, listeners, measured, page
from serkeras.ensembles import open_run
from serkeras.evaluation import analysis
from serkeras.training import provenance

NAME = "confidence"


def measure_confidence(run, n_boot=2000, seed=0):
    """Analyse what a run's probabilities are worth, and write `RUN/analyses/confidence/`.

    Args:
        run: `serkeras.Run`, `serkeras.Ensemble` or the path of its folder; a finished run with
            validation.csv, an ensemble whose members have one validation side.
        n_boot: resamples of the intervals.
        seed: of the resampling.

    Returns:
        Dictionary of plain values, as in result.json: `calibration`, `top_k`, `selective`,
        `conformal`, `listeners` (None where nothing is known of them, `no_listeners` says why),
        `people`, `labels`, `test_clips`, `test_speakers`, `made_by`.

    Raises:
        FileNotFoundError: the run is not finished, or is from before validation.csv was kept.
        ValueError: its predictions are no probabilities.
    """
    run = open_run(run)
    labels = run.labels
    test, validation = (answers.read(table, labels) for table in (run.predictions, run.validation))
    result = {
        "labels": labels,
        "test_clips": len(test.truth),
        "test_speakers": test.speaker_count,
        "people": _people(test),
        "calibration": measured.calibrate(test, validation, n_boot, seed),
        "top_k": measured.top_k(test, n_boot, seed),
        "selective": measured.select(test, n_boot, seed),
        "conformal": measured.cover(test, validation, n_boot, seed),
    }
    named, heard, reason = _listeners(run, test)
    compared = None if reason else listeners.compare(test, named, heard, n_boot, seed)
    result["listeners"] = compared
    if compared is None:
        result["no_listeners"] = reason or "Nothing is known of people who heard the test clips."
    result["made_by"] = provenance.made_by(None)
    _write(run, result, test, named)
    return result


def _write(run, result, test, named):
    drawn = {
        "reliability": figures.reliability(result["calibration"]),
        "selection": figures.selection(result["top_k"], result["selective"], result["people"]),
        "sets": figures.sets(result["conformal"], len(result["labels"])),
        "coverage_by_speaker": figures.by_speaker(result["conformal"]["detail"]),
    }
    if result["listeners"] is not None:
        drawn["listeners"] = figures.listeners(test, named)
    title = f"Confidence: {analysis.protocol_of(run)}"
    sections = page.sections(result, run.experiment, run.speaker_disjoint)
    analysis.write(analysis.place(run, NAME), title, result, sections, drawn)


def _people(test):
    """Return people's share of right answers where the task is theirs: RAVDESS, eight classes."""
    same = set(test.clips["corpus"]) == {"ravdess"} and len(test.labels) == 8
    return listeners.RAVDESS_PEOPLE if same else None


def _listeners(run, test):
    """Return the shares of the listeners of the test clips, or why they are not known."""
    experiment = run.experiment
    try:
        with warnings.catch_warnings():  # `train` has said what there is to say of the corpora
            warnings.simplefilter("ignore")
            clips = datasets.load_many(experiment.data, experiment.label_scheme, progress=False)
    except (OSError, ValueError) as error:
        return None, None, f"What listeners heard is not known here: {_short(error)}"
    clips = clips.set_index("clip").reindex(test.clips["clip"]).reset_index()
    clips["emotion"] = test.clips["emotion"].to_numpy()
    return *listeners.shares(clips, test.labels, experiment.label_scheme), None


def _short(error):
    """Return the first sentence of an error, without the paths of this machine."""
    return str(error).split(" Received:")[0].rstrip(".") + "."


def calibrated(run, probabilities):
    """Apply the temperature that `measure_confidence` has fitted to a run.

    Args:
        run: `serkeras.Run`, `serkeras.Ensemble` or the path of its folder.
        probabilities: float array `(clips, classes)`, or a DataFrame as `serkeras.predict` returns
            it, whose columns of classes are changed.

    Returns:
        What was given, calibrated.

    Raises:
        FileNotFoundError: `measure_confidence` has not been called for this run.
    """
    run = open_run(run)
    temperature = _result(run)["calibration"]["temperature"]["value"]
    if not hasattr(probabilities, "columns"):
        return calibration.apply_temperature(probabilities, temperature)
    found = calibration.apply_temperature(probabilities[run.labels].to_numpy(), temperature)
    return probabilities.assign(**dict(zip(run.labels, found.T, strict=True)))


def prediction_sets(run, probabilities, level, score="APS", way="speakers"):
    """Return the emotions that a clip may carry, at a level that is asked for.

    Args:
        run: `serkeras.Run`, `serkeras.Ensemble` or the path of its folder; thresholds come from
            its validation side.
        probabilities: float array `(clips, classes)`, as the run's model gives them, or a
            DataFrame as `serkeras.predict` returns it.
        level: share of the sets that shall hold the truth, above 0 and below 1.
        score: "APS" or "LAC", see `serkeras.confidence.conformal`.
        way: "speakers" for new speakers, "clips" for clips like those of validation.

    Returns:
        List of lists of labels, the most probable first.

    Raises:
        ValueError: a word or the level is another one, or speakers are unknown.
    """
    run = open_run(run)
    known = answers.read(run.validation, run.labels)
    _check_sets(known, level, score, way)
    scores = conformal.SCORES[score](known.probabilities)
    true = scores[np.arange(len(scores)), known.truth]
    if way == "clips":
        limit = conformal.threshold(true, level)
    else:
        limit = conformal.threshold_by_speaker(true, known.speakers, level)
    probabilities = _rows(probabilities, run.labels)
    chosen = conformal.sets(conformal.SCORES[score](probabilities), limit)
    order = np.argsort(-probabilities, axis=1, kind="stable")
    return [
        [run.labels[index] for index in line if is_in[index]]
        for line, is_in in zip(order, chosen, strict=True)
    ]


def _rows(probabilities, labels):
    """Return an array whose rows sum to 1, as those do that the threshold comes from."""
    if hasattr(probabilities, "columns"):
        probabilities = probabilities[labels]
    found = np.asarray(probabilities, float)
    return found / found.sum(axis=1, keepdims=True)


def _check_sets(known, level, score, way):
    usable = ("clips", "speakers") if known.speaker_count else ("clips",)
    if not 0 < level < 1 or score not in conformal.SCORES or way not in usable:
        raise ValueError(
            f"A set needs `level` between 0 and 1, `score` of {sorted(conformal.SCORES)} and `way` "
            f"of {usable} for this run. Received: {level!r}, {score!r}, {way!r}. Correct them."
        )


def _result(run):
    path = Path(analysis.place(run, NAME)) / analysis.RESULT
    if not path.is_file():
        raise FileNotFoundError(
            f"A run must have been analysed to be calibrated. Received: {run.folder}, without "
            f"{path.name} of `{NAME}`. Run `python -m serkeras {NAME}` on it first."
        )
    return read_json(path)
