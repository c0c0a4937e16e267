"""`explain`: why a finished run says what it says, on its test side or for recordings."""

from dataclasses import asdict
from pathlib import Path

import numpy as np

from serkeras.ensembles import open_run
from serkeras.evaluation import analysis, plots
from serkeras.explanation import checks, clip_figures, emotions, figures, inputs, maps, means, page
from serkeras.explanation import methods as shelf
from serkeras.serving.attention import show_attention
from serkeras.serving.recordings import check_answers, reachable
from serkeras.training import provenance

NAME = "explanation"
CLIPS = 48
_SHOWN = 4
_ATTENTION = 2
# Of these methods the first at hand gives the mean maps. Those behind have one axis, or rough maps.
_FOR_EMOTIONS = (
    "saliency", "smoothgrad", "integrated-gradients", "occlusion-patches", "occlusion-frequency",
    "grad-cam", "occlusion-time",
)  # fmt: skip


def explain(
    run, methods=None, emotion=None, clips=CLIPS, baseline="mean", out=None, seed=0, progress=True
):
    """Explain a run's answers on its test side, check the maps, and write a page.

    Args:
        run: `serkeras.Run` or the path of its folder; its test recordings must be at hand.
        methods: names, see `serkeras.explanation.names`; None takes all that the model and its
            features allow.
        emotion: explain only clips to which the model answers so; None takes all.
        clips: how many test clips, spread over emotions and speakers.
        baseline: "mean" or "silence", see `serkeras.explanation.reference`.
        out: folder; default `RUN/analyses/explanation`.
        seed: of choices, noise, random orders and random weights.
        progress: show bars.

    Returns:
        `pathlib.Path` of the page; result.json beside it holds its numbers.

    Raises:
        ValueError: a method does not exist or suit the run, no clip is left to explain, the
            run normalises by speaker, or the model does not answer as in predictions.csv.
        FileNotFoundError: a recording is neither at its path nor in the run's corpora.
        serkeras.audio.AudioError: a recording cannot be read.
    """
    run = open_run(run)
    predictions = _answered(run, emotion)
    chosen = reachable(run, inputs.choose(predictions, clips, seed))
    heard = maps.hear(run, chosen, None, baseline, seed, progress)
    check_answers(run, chosen, heard.probabilities)
    made = maps.make(heard, methods, seed, progress)
    found = {
        "faithful": checks.faithful(heard, made, seed, progress),
        "sanity": checks.sane(heard, made, seed, progress),
        "completeness": checks.complete(heard, made),
        "emotions_method": min(made, key=_FOR_EMOTIONS.index),
    }
    found["emotions"] = _emotions(heard, predictions, found["emotions_method"], seed, progress)
    drawn, found["attention"] = _figures(heard, made, found)
    result = _result(heard, found, seed, baseline)
    folder = Path(out) if out else analysis.place(run, NAME)
    title = f"What counts for the model: {analysis.protocol_of(run)}"
    return analysis.write(folder, title, result, page.sections(heard, found), drawn)


def explain_recordings(
    run, paths, methods=None, emotion=None, baseline="mean", out=NAME, seed=0, progress=False
):
    """Draw what speaks for an emotion in recordings.

    Args:
        run, methods, baseline, seed, progress: as for `explain`.
        paths: recordings, which are cut to length as clips are in training.
        emotion: name of the emotion whose score is explained; None takes the model's answer.
        out: folder of the figures.

    Returns:
        List of `pathlib.Path`, a figure a recording.

    Raises:
        ValueError, serkeras.audio.AudioError: as for `explain`.
    """
    run = open_run(run)
    heard = maps.hear(run, list(paths), emotion, baseline, seed, progress)
    made = maps.make(heard, methods, seed, progress)
    written = []
    for number, path in enumerate(map(Path, heard.clips["path"]), start=1):
        figure = clip_figures.examples(heard, made, [number - 1], _signed(made))
        # Recordings of different folders may share a name.
        written.append(Path(out) / f"{number:03d}-{path.stem}.png")
        plots.save(figure, written[-1])
    return written


def _answered(run, emotion):
    """Return the predictions to choose from."""
    predictions = run.predictions
    if emotion is None:
        return predictions
    found = predictions[predictions["predicted"] == emotion]
    if found.empty:
        answers = sorted(set(predictions["predicted"]))
        raise ValueError(
            "`emotion` must be one that the model answers to some test clip. Received: "
            f"{emotion!r}. Choose among {answers}, or name recordings to explain."
        )
    return found


def _emotions(heard, predictions, method, seed, progress):
    right = emotions.choose(predictions, seed)
    if right.empty:
        return []
    right = reachable(heard.run, right)
    waves, x = inputs.features(heard.run, right["path"], progress)
    labels = heard.run.labels
    classes = right["emotion"].map(labels.index).to_numpy()
    many = maps.replace(heard, clips=right, waves=waves, x=x, classes=classes)
    return emotions.mean_maps(many, method, seed, progress)


def _figures(heard, made, found):
    """Return figures by name, and the names of those of attention."""
    rows = _shown(heard)
    drawn = {
        "ranking": figures.ranking(found["faithful"], found["sanity"]),
        "curves": figures.curves(found["faithful"]),
        "examples": clip_figures.examples(heard, made, rows, _signed(made)),
    }
    if found["emotions"]:
        drawn["emotions"] = figures.emotions(found["emotions"], heard.axes)
    attended = _attention(heard, rows[:_ATTENTION])
    return {**drawn, **attended}, list(attended)


def _signed(made):
    return [name for name in made if shelf.METHODS[name].signed]


def _shown(heard):
    """Choose the surest right answers of different emotions, and the surest wrong one last."""
    truth = heard.clips["emotion"].to_numpy()
    labels = np.array(heard.run.labels)[heard.probabilities.argmax(axis=1)]
    order = np.argsort(-heard.probabilities.max(axis=1), kind="stable")
    wrong = [row for row in order if truth[row] != labels[row]][:1]
    right, seen = [], set()
    for row in order:
        if truth[row] == labels[row] and truth[row] not in seen:
            seen.add(truth[row])
            right.append(row)
    return right[: _SHOWN - len(wrong)] + wrong


def _attention(heard, rows):
    from serkeras.evaluation.attention import find_attention

    if heard.run.experiment.features.in_graph:
        return {}
    try:
        find_attention(heard.run.model)
    except ValueError:
        return {}
    paths = [heard.clips["path"].iloc[row] for row in rows]
    return {f"attention{i}": show_attention(heard.run, path)[0] for i, path in enumerate(paths, 1)}


def _result(heard, found, seed, baseline):
    """Return all numbers of the page."""
    network = heard.listener.has_gradient
    shown = [asdict(one) for one in found["emotions"]]
    for one in shown:
        del one["map"]  # of the figure alone
    return {
        "clips": heard.clips["clip"].tolist(),
        "explained": [heard.run.labels[label] for label in heard.classes],
        "score": heard.listener.score,
        "baseline": baseline,
        "seed": seed,
        "intervals": means.method(heard.speakers),
        **{name: found[name] for name in ("faithful", "sanity", "completeness")},
        "emotions_method": found["emotions_method"],
        "emotions": shown,
        "made_by": provenance.made_by(provenance.device() if network else None),
    }
