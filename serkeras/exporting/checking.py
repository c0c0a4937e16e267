"""Is an exported graph the run that it comes from?"""

import numpy as np

from serkeras import audio, datasets, sharing
from serkeras.evaluation import intervals
from serkeras.serving.recordings import check_answers, reachable
from serkeras.serving.waveforms import clip_features, network_inputs

TOLERANCE = 1e-4
# Of runs that answer in half precision: the export answers in float32.
HALF_TOLERANCE = 5e-2


def compare(run, exported, clips=32, exact=True):
    """Ask the run and its export about the run's own test recordings.

    The run computes its features outside of the graph, as in its evaluation, and must answer as in
    its predictions.csv; the export gets the recording as it is, where it can prepare it itself.
    A run that was packed to be shared has no test recordings: both are asked about clips of the
    synthetic corpus, and there is no UAR.

    Args:
        run: `serkeras.Run` whose recordings are at hand.
        exported: `serkeras.exporting.Exported`.
        clips: how many, 1 or more, spread over the test side; None is all.
        exact: refuse an export that answers otherwise by more than `TOLERANCE`, of a run in half
            precision `HALF_TOLERANCE`.

    Returns:
        Dictionary of plain values: `clips`, `largest_difference` of a probability, `agreement`
        (share of equal answers), and, but of packed runs, `uar_run`, `uar_export` on these clips.

    Raises:
        FileNotFoundError: recordings are not at hand.
        ValueError: `exact`, and the answers differ; the run answers otherwise than in its
            predictions.csv; or `clips` is below 1.
    """
    if clips is not None and clips < 1:
        raise ValueError(
            f"An export must be compared on 1 clip or more. Received: {clips}. Leave it at 32."
        )
    packed = sharing.is_packed(run.folder)
    rows = _some(datasets.load("synthetic") if packed else run.predictions, clips)
    rows = reachable(run, rows)
    prepared = exported.about["input"]["prepared_before"]
    settings = run.experiment.audio
    theirs = np.concatenate(
        [exported.predict(given(path, settings, prepared)[None]) for path in rows["path"]]
    )
    ours = np.concatenate([_own(run, path) for path in rows["path"]])
    if not packed:
        check_answers(run, rows, ours)
    found = {
        "clips": len(rows),
        "largest_difference": float(np.abs(ours - theirs).max()),
        "agreement": float((ours.argmax(axis=1) == theirs.argmax(axis=1)).mean()),
    }
    if not packed:
        found["uar_run"] = _uar(rows, ours, run.labels)
        found["uar_export"] = _uar(rows, theirs, run.labels)
    half = run.experiment.training.precision != "float32"
    tolerance = HALF_TOLERANCE if half else TOLERANCE
    if exact and not found["largest_difference"] <= tolerance:  # NaN is no equality
        raise ValueError(
            f"An exported graph must answer as its run does, within {tolerance:g}. Received: "
            f"a difference of {found['largest_difference']:.2g} on {len(rows)} test clips. "
            "Nothing was written; export another format."
        )
    return found


def _some(rows, clips):
    """Return so many rows, spread over all of them; None is all."""
    if clips is None or clips >= len(rows):
        return rows
    return rows.iloc[np.linspace(0, len(rows) - 1, clips).astype(int)]


def given(path, settings, prepared):
    """Return what an export gets of a recording, float32 `(samples,)`.

    Args:
        path: recording.
        settings: `serkeras.config.AudioConfig` of the run.
        prepared: whether the clip is brought to level and length outside of the graph.
    """
    wave = audio.read(path, settings.sample_rate)
    return audio.fit(wave, settings) if prepared else wave


def _own(run, path):
    """Return what the run says of a recording, by the way of its evaluation."""
    found = clip_features(audio.load_clip(path, run.experiment.audio), run.experiment, str(path))
    return np.asarray(run.model.predict_on_batch(network_inputs([found])), np.float32)


def _uar(rows, said, labels):
    confusion = np.zeros((len(labels), len(labels)))
    truth = rows["emotion"].map(labels.index)
    np.add.at(confusion, (truth, said.argmax(axis=1)), 1)
    return float(intervals.uar(confusion))
