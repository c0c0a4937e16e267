"""`measure_enrolment`: the accuracy of finished runs when speakers are enrolled with few clips."""

from pathlib import Path

import numpy as np
import pandas as pd

from serkeras import audio, ensembles
from serkeras.enrolment import page
from serkeras.ensembles import Ensemble
from serkeras.evaluation import analysis, resampling
from serkeras.runs import refuse_several
from serkeras.serving.recordings import check_answers

NAME = "enrolment"
COUNTS = (2, 3, 5, 10, 20, 40)
_FIGURES = ("uar", "accuracy", "gain")
_AT_ONCE = 64


def measure_enrolment(runs, out=None, counts=COUNTS, draws=10, n_boot=2000, seed=0):
    """Measure runs on their test clips with few, with no and with all clips of a speaker enrolled.

    Enrolled clips give a speaker's statistics, without their emotions; all test clips are judged
    every time. Several runs, such as the folds of one recipe, are judged as one: their answers are
    pooled, and a speaker of several runs is one speaker.

    Args:
        runs: `Run` that normalises by speaker, the path of its folder, or a list of them.
        out: folder of the page; needed for several runs. None of one run is
            `RUN/analyses/enrolment`.
        counts: numbers of enrolled clips a speaker, drawn at random, 2 or more; those that no
            speaker has are left out, and a speaker with fewer is enrolled with all.
        draws: drawings of each number.
        n_boot: resamples of the intervals.
        seed: int, of drawings and resamples.

    Returns:
        Dictionary of result.json: "ways" (list of name, uar, accuracy and gain with their limits),
        "runs", "commits", "clips", "speakers", "draws", how the intervals were made, and
        "made_by". A gain is the UAR less that with nobody enrolled, both from the same clips in
        every resample. The way "neutral clips alone" is there where each speaker has two.

    Raises:
        FileNotFoundError: a run, or a recording of its test side, is not there.
        ValueError: a run does not normalise by speaker, the runs have different emotions, a number
            is below 2, or all clips enrolled do not give a run's own predictions.
    """
    from serkeras.training import provenance

    runs = [_opened(run) for run in (runs if isinstance(runs, (list, tuple)) else [runs])]
    folder = _place(runs, out)
    _check(runs, counts, draws)
    tables = [_answers(run, counts, draws, seed) for run in runs]
    table = pd.concat(tables, ignore_index=True)
    ways = [name for name in table.columns if name not in ("emotion", "speaker")]
    truth = table["emotion"].to_numpy()
    hits = {name: table[name].to_numpy(float) for name in ways}

    def figures(rows):
        found = {}
        for name in ways:
            found[f"{name} uar"] = _uar(hits[name][rows], truth[rows])
            found[f"{name} accuracy"] = hits[name][rows].mean()
            found[f"{name} gain"] = found[f"{name} uar"] - found["nobody uar"]
        return found

    found, described = resampling.figures(figures, table["speaker"].to_numpy(), n_boot, seed)
    result = {
        "ways": [
            {"name": name, **{each: found[f"{name} {each}"] for each in _FIGURES}} for name in ways
        ],
        "runs": [analysis.protocol_of(run) for run in runs],
        "commits": sorted({run.metrics["run"]["commit"] or "unknown" for run in runs}),
        "clips": len(table),
        "speakers": int(table["speaker"].nunique()),
        "clips_a_speaker": int(tables[0].groupby("speaker").size().median()),
        "draws": int(draws),
        "intervals": described,
        "made_by": provenance.made_by(provenance.device()),
    }
    analysis.write(
        folder,
        f"Enrolment: {result['runs'][0]}" + (" and others" if len(runs) > 1 else ""),
        result,
        page.sections(result),
        {"enrolment": page.figure(result)},
    )
    return result


def _opened(run):
    run = ensembles.open_run(run)
    if isinstance(run, Ensemble):
        refuse_several(run.folder)
    return run


def _place(runs, out):
    if out is None and len(runs) > 1:
        raise ValueError(
            f"A page of several runs needs a folder of its own. Received: {len(runs)} runs "
            "without one. Name it with out (--out)."
        )
    return analysis.place(runs[0], NAME) if out is None else Path(out)


def _check(runs, counts, draws):
    from serkeras.training import by_speaker

    for run in runs:
        if by_speaker.layer(run.model) is None:
            raise ValueError(
                "Only a model that normalises by speaker knows whom it has met. Received: "
                f"{run.folder}. Train one with model.normalize='speaker'."
            )
    if len({tuple(run.labels) for run in runs}) > 1:
        raise ValueError(
            "Runs that are judged as one must know the same emotions. Received: "
            f"{[run.labels for run in runs]}. Measure them one by one."
        )
    if not counts or min(counts) < by_speaker.LEAST_CLIPS or draws < 1:
        raise ValueError(
            f"Speakers are enrolled with {by_speaker.LEAST_CLIPS} clips or more, drawn once or "
            f"more. Received: counts={tuple(counts)}, draws={draws}. Use for instance {COUNTS}."
        )


def _answers(run, counts, draws, seed):
    """Return a table of a run's test clips: emotion, speaker, and per way the share of hits."""
    from serkeras.training import by_speaker

    clips = run.predictions
    heard, rest = _heard(run, clips["path"])
    normalization, labels = by_speaker.layer(run.model), np.asarray(run.labels)
    speakers = clips["speaker"].to_numpy(object)
    rng = np.random.default_rng(seed)

    def ask(enrolled):
        x = by_speaker.aligned(heard, speakers, normalization, enrolled)
        return np.asarray(rest.predict(x, batch_size=_AT_ONCE, verbose=0))

    def hits(enrolled):
        return labels[ask(enrolled).argmax(axis=1)] == clips["emotion"].to_numpy()

    ways = {"nobody": hits(np.zeros(len(clips), bool))}
    neutral = (clips["emotion"] == "neutral").to_numpy()
    by_name = pd.Series(neutral).groupby(speakers).sum()
    if by_name.min() >= by_speaker.LEAST_CLIPS:
        ways["neutral clips alone"] = hits(neutral)
    most = pd.Series(speakers).value_counts().max()
    for count in sorted({each for each in counts if each < most}):
        drawn = [hits(_drawn(speakers, count, rng)) for _ in range(draws)]
        ways[str(count)] = np.mean(drawn, axis=0)
    everything = ask(None)
    check_answers(run, clips, everything)
    ways["all"] = labels[everything.argmax(axis=1)] == clips["emotion"].to_numpy()
    return pd.DataFrame({"emotion": clips["emotion"], "speaker": speakers, **ways})


def _heard(run, paths):
    """Return what the layer is given of each clip, and the model that goes on from there."""
    from serkeras.serving.waveforms import clip_features, network_inputs
    from serkeras.training import by_speaker

    settings = run.experiment
    listen, rest = by_speaker.parts(run.model)
    parts = []
    for start in range(0, len(paths), _AT_ONCE):
        found = [
            clip_features(audio.load_clip(path, settings.audio), settings, path)
            for path in paths[start : start + _AT_ONCE]
        ]
        parts.append(np.asarray(listen(network_inputs(found))))
    return np.concatenate(parts), rest


def _drawn(speakers, count, rng):
    """Return which clips are enrolled: so many of each speaker, or all where there are fewer."""
    enrolled = np.zeros(len(speakers), bool)
    for name in pd.unique(speakers):
        rows = np.flatnonzero(speakers == name)
        enrolled[rng.choice(rows, min(count, len(rows)), replace=False)] = True
    return enrolled


def _uar(hits, truth):
    """Return the mean over the emotions that are there of their mean hits."""
    return np.mean([hits[truth == emotion].mean() for emotion in np.unique(truth)])
