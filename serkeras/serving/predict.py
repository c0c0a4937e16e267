"""`predict` for recordings of any length, `evaluate` for a run on another corpus."""

import itertools
import os
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from serkeras import audio, box, datasets, ensembles
from serkeras.serving.recogniser import Recogniser, is_export
from serkeras.serving.waveforms import clip_features, network_inputs
from serkeras.training import provenance


def find_recordings(paths):
    """Return the files named, and the recordings below the folders named, in sorted order.

    Raises:
        FileNotFoundError: a path does not exist, or a folder holds no recording.
    """
    found = []
    for path in map(Path, [paths] if isinstance(paths, (str, Path)) else paths):
        below = [path] if not path.is_dir() else _recordings_below(path)
        if not path.exists() or not below:
            raise FileNotFoundError(
                "A path must be a recording or a folder with recordings in it "
                f"({', '.join(datasets.ENDINGS)}). Received: {path}. Correct the path."
            )
        found.extend(below)
    return found


def _recordings_below(folder):
    absolute = os.path.abspath(folder)
    return [folder / path.relative_to(absolute) for path in datasets.list_audio(folder)]


def windows(wave, samples):
    """Cut a wave of any length into windows of the length that a model was trained on.

    A wave of less than two windows is padded or cut as in training, so that a clip's
    prediction is the one it had in the evaluation. A longer one gives windows that overlap by
    half, the last of them flush with the end.

    Args:
        wave: float array `(any,)`.
        samples: length of a window.

    Returns:
        List of float32 arrays `(samples,)`; those of a long wave are views of it.
    """
    if len(wave) < 2 * samples:
        return [audio.fix_length(wave, samples)]
    starts = list(range(0, len(wave) - samples + 1, samples // 2))
    if starts[-1] + samples < len(wave):
        starts.append(len(wave) - samples)
    return [wave[start : start + samples] for start in starts]


def over_windows(recogniser, wave):
    """Return what a recogniser says of a recording of any length, `(windows, classes)`.

    One of less than two windows is heard as a clip; a longer one in windows that overlap by half.

    Args:
        recogniser: `serkeras.serving.Recogniser`.
        wave: float32 array `(any,)` at its sample rate.
    """
    samples = recogniser.samples
    short = len(wave) < 2 * samples
    return recogniser.probabilities([wave] if short else windows(wave, samples))


def predict(run, paths, on_error="raise", batch_size=32, progress=False, one_speaker=False):
    """Say what emotion recordings carry, in the view of a finished run's model.

    Args:
        run: `Run` or the path of its folder, or its address on the hub; also `Ensemble` or the
            path of its folder, whose members predict one after another, each with its own
            windows; or the path of an exported file. None takes the model in the box.
        paths: files or folders; recordings of any length, rate and number of channels.
        on_error: "raise" stops at a recording that cannot be read; "skip" leaves it out and
            lists it in `.attrs["failed"]`, a list of (path, reason).
        batch_size: windows a step, of one recording or of several.
        progress: show a progress bar.
        one_speaker: all recordings are of one speaker. A run that normalises by speaker
            (`model.normalize` or `speaker_norm`) then takes the statistics of these recordings;
            otherwise those of its training clips, with a warning. Other runs do as ever.

    Returns:
        DataFrame, one row a recording: path, label, and one probability column a class. The
        probabilities of a recording longer than two windows are the mean over its windows.

    Raises:
        FileNotFoundError: a path does not exist.
        serkeras.audio.AudioError: a recording cannot be read (with `on_error="raise"`).
    """
    if is_export(run):
        return _predict_export(Recogniser(run), paths, on_error, progress)
    run = ensembles.open_run(box.folder() if run is None else run)
    members = ensembles.answering(run)
    settings = (paths, on_error, batch_size, progress, one_speaker)
    tables = [_predict_alone(each, *settings) for each in members]
    return _join(tables, run) if isinstance(run, ensembles.Ensemble) else tables[0]


def _predict_export(recogniser, paths, on_error, progress):
    """Return the table of an exported file, which trims and levels each window by itself."""
    heard, failed = {}, {}
    found = find_recordings(paths)
    for path in tqdm(found, desc="predict", unit="file", disable=not progress):
        try:
            wave = audio.read(path, recogniser.sample_rate)
            heard[str(path)] = over_windows(recogniser, wave).mean(axis=0)
        except audio.AudioError as error:
            if on_error == "raise":
                raise
            failed[str(path)] = str(error)
    said = np.array(list(heard.values())).reshape(-1, len(recogniser.labels))
    return _table(list(heard), said, recogniser.labels, failed)


def _join(tables, ensemble):
    """Join what the members said; a recording that one of them cannot hear is left out."""
    failed = dict(pair for table in tables for pair in table.attrs["failed"])
    heard = [table[~table["path"].isin(failed)] for table in tables]
    stacked = np.stack([table[ensemble.labels].to_numpy() for table in heard])
    return _table(heard[0]["path"].tolist(), ensemble.join(stacked), ensemble.labels, failed)


def _predict_alone(run, paths, on_error, batch_size, progress, one_speaker):
    labels, found, failed = run.labels, find_recordings(paths), {}
    stream = _stream_windows(found, run.experiment, on_error, failed, progress)
    size = run.experiment.model.clips_at_once(batch_size)
    numbers, said = _said(run.model, stream, size, one_speaker)
    sums, counts = np.zeros((len(found), len(labels))), np.zeros(len(found))
    np.add.at(sums, numbers, said)
    np.add.at(counts, numbers, 1)
    heard = counts > 0
    names = [str(path) for path, is_in in zip(found, heard, strict=True) if is_in]
    return _table(names, sums[heard] / counts[heard, None], labels, failed)


def _said(model, stream, size, one_speaker):
    """Return the numbers of the files, and the probabilities, of all windows of a stream."""
    from serkeras.training import by_speaker

    listen, answer = by_speaker.halves(model, one_speaker)
    numbers, found = [], []
    while batch := list(itertools.islice(stream, size)):
        some, cut = zip(*batch, strict=True)
        numbers += some
        found.append(listen(network_inputs(cut, masked=len(model.inputs) == 2)))
    return np.array(numbers, int), answer(np.concatenate(found)) if found else 0


def _table(paths, probabilities, labels, failed):
    table = pd.DataFrame(probabilities, columns=labels)
    table.insert(0, "label", [labels[index] for index in probabilities.argmax(axis=1)])
    table.insert(0, "path", paths)
    table.attrs["failed"] = list(failed.items())
    return table


def _stream_windows(found, experiment, on_error, failed, progress):
    """Yield (number of the file, features of a window): only one file is in memory at a time."""
    for number, path in enumerate(tqdm(found, desc="predict", unit="file", disable=not progress)):
        try:
            wave = audio.read(path, experiment.audio.sample_rate)
            for window in _cut(wave, experiment.audio):
                yield number, clip_features(window, experiment, str(path))
        except audio.AudioError as error:
            if on_error == "raise":
                raise
            failed[str(path)] = str(error)


def _cut(wave, settings):
    """Return the windows of a recording, each as a training clip would be."""
    trimmed = audio.trim(wave, settings)
    if settings.fit == "stretch" or len(trimmed) < 2 * settings.samples:
        return [audio.fit(wave, settings)]
    return windows(audio.set_level(trimmed, settings.level), settings.samples)


def evaluate(run, data, on_error="raise", n_jobs=None, progress=True):
    """Measure a finished run on every clip of other corpora.

    Args:
        run: `Run` or `Ensemble`, or the path of its folder.
        data: list of corpora, as in `serkeras.train`. Clips whose emotion the model does not
            know are left out and counted.
        on_error, n_jobs, progress: as in `serkeras.train`.

    Returns:
        Dictionary in the form of metrics.json, with "data" and "left_out" (paths of
        "unreadable" clips, counts of "unknown_emotions").

    Raises:
        ValueError: no clip carries an emotion that the model knows, or a speaker or file of
            the training or validation side is among the clips.
    """
    from serkeras.evaluation import metrics

    run = ensembles.open_run(run)
    members = ensembles.answering(run)
    labels, settings = run.labels, members[0].experiment
    data = datasets.as_list(data)
    told = ["a table" if isinstance(spec, pd.DataFrame) else str(spec) for spec in data]
    clips = datasets.load_many(data, settings.label_scheme, progress=progress)
    known = clips["emotion"].isin(labels)
    unknown = clips.loc[~known, "emotion"].value_counts().to_dict()
    clips = clips[known].reset_index(drop=True)
    for each in members:
        _check_unseen(each, clips, ", ".join(told))
    rows, said, unread = _judge(members, clips, on_error, n_jobs, progress)
    probabilities = run.join(said) if isinstance(run, ensembles.Ensemble) else said[0]
    truth = pd.Categorical(rows["emotion"], categories=labels).codes.astype(np.int64)
    result = metrics.evaluate(truth, probabilities, labels, rows, seed=settings.seed)
    return {
        **result,
        "data": told,
        "left_out": {"unreadable": list(unread), "unknown_emotions": unknown},
    }


def _judge(runs, clips, on_error, n_jobs, progress):
    """Return the clips that all runs could hear, `(runs, clips, classes)`, and the other paths."""
    said, unread = [], {}
    for run in runs:
        table, failed = _judge_alone(run, clips, on_error, n_jobs, progress)
        said.append(table)
        unread.update(dict.fromkeys(failed["path"]))
    rows = clips.set_index("clip").loc[said[0].index.to_numpy()].reset_index()
    rows = rows[~rows["path"].isin(unread)].reset_index(drop=True)
    return rows, np.stack([table.loc[rows["clip"]].to_numpy() for table in said]), unread


def _judge_alone(run, clips, on_error, n_jobs, progress):
    from serkeras.training import by_speaker
    from serkeras.training.sides import extract_all

    side, failed = extract_all(clips, run.labels, run.experiment, on_error, n_jobs, progress)
    batch_size = run.experiment.model.clips_at_once(run.experiment.training.batch_size)
    said = by_speaker.predict(run.model, side, batch_size)
    return pd.DataFrame(said, index=side.clips, columns=run.labels), failed


def _check_unseen(run, clips, data):
    """Refuse clips that the run cannot be judged by: none at all, or some it learned from."""
    if clips.empty:
        raise ValueError(
            f"The clips must carry emotions that the model knows, {run.labels}. Received: none "
            f"in {data}. Choose other data, or a run with another label scheme."
        )
    learned = provenance.read(run.folder)
    files = clips["path"].map(provenance.file_digest)
    seen = clips[files.isin(learned["files"]) | clips["speaker"].isin(learned["speakers"])]
    if len(seen):
        raise ValueError(
            "A run must be measured on speakers that it has not learned from. Received: "
            f"{len(seen)} clips of such speakers, or files among those learned, in {data}, for "
            f"instance {seen['clip'].iloc[0]}. The run's own test side is in metrics.json; "
            "choose other data."
        )
    if not learned["speakers_known"] or clips["speaker"].isna().any():
        warnings.warn(
            "Speakers are unknown: that the model has not learned from them cannot be checked, "
            "only that it has not learned from these files.",
            stacklevel=3,
        )
