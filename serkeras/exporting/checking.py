"""Is an exported graph the run that it comes from?"""

import numpy as np

from serkeras import audio
from serkeras.evaluation import intervals
from serkeras.serving.recordings import reachable
from serkeras.serving.waveforms import clip_features, network_inputs

TOLERANCE = 1e-4


def compare(run, exported, clips=32, exact=True):
    """Ask the run and its export about the run's own test recordings.

    The run computes its features outside of the graph, as in its evaluation; the export gets the
    whole recording, or what its one length leaves of it.

    Args:
        run: `serkeras.Run` whose recordings are at hand.
        exported: `serkeras.exporting.Exported`.
        clips: how many, spread over the test side; None is all.
        exact: refuse an export that answers otherwise by more than `TOLERANCE`.

    Returns:
        Dictionary of plain values: `clips`, `largest_difference` of a probability, `agreement`
        (share of equal answers), and of both `uar_run`, `uar_export` on these clips.

    Raises:
        FileNotFoundError: recordings are not at hand.
        ValueError: `exact`, and the answers differ.
    """
    rows = run.predictions
    if clips is not None and clips < len(rows):
        rows = rows.iloc[np.linspace(0, len(rows) - 1, clips).astype(int)]
    rows = reachable(run, rows)
    waves = [_given(path, run, exported) for path in rows["path"]]
    theirs = np.concatenate([exported.predict(wave[None]) for wave in waves])
    pairs = zip(waves, rows["path"], strict=True)
    ours = np.concatenate([_own(run, wave, path) for wave, path in pairs])
    found = {
        "clips": len(rows),
        "largest_difference": float(np.abs(ours - theirs).max()),
        "agreement": float((ours.argmax(axis=1) == theirs.argmax(axis=1)).mean()),
        "uar_run": _uar(rows, ours, run.labels),
        "uar_export": _uar(rows, theirs, run.labels),
    }
    if exact and not found["largest_difference"] <= TOLERANCE:  # NaN is no equality
        raise ValueError(
            f"An exported graph must answer as its run does, within {TOLERANCE:g}. Received: "
            f"a difference of {found['largest_difference']:.2g} on {len(rows)} test clips. "
            "Nothing was written; export another format."
        )
    return found


def _given(path, run, exported):
    """Return what the export gets of a recording."""
    settings = run.experiment.audio
    wave = audio.read(path, settings.sample_rate)
    wanted = exported.about["input"]
    if wanted["stretched_before"]:
        return audio.fit(wave, settings)
    return wave if wanted["any_length"] else audio.fix_length(wave, settings.samples)


def _own(run, wave, path):
    """Return what the run says of it, by the way of its evaluation."""
    settings = run.experiment.audio
    clip = wave if settings.fit == "stretch" else audio.fit(wave, settings)
    found = clip_features(clip, run.experiment, str(path))
    return np.asarray(run.model.predict_on_batch(network_inputs([found])))


def _uar(rows, said, labels):
    confusion = np.zeros((len(labels), len(labels)))
    truth = rows["emotion"].map(labels.index)
    np.add.at(confusion, (truth, said.argmax(axis=1)), 1)
    return float(intervals.uar(confusion))
