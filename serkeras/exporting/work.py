"""`export`: a run written, opened again, and compared with itself on real clips."""

import contextlib
import os
import shutil
import uuid
from pathlib import Path

import numpy as np

from serkeras import audio, datasets, sharing
from serkeras.ensembles import open_run
from serkeras.exporting import checking, formats, graph, metadata
from serkeras.exporting.exported import Exported

_EXAMPLES = 100  # training clips that set the ranges of integers


def export(run, format="onnx", out=None, clips=32, overwrite=False):
    """Write a run as one file (a SavedModel: a folder) from waveforms to probabilities.

    Args:
        run: finished `serkeras.Run`, or the path of its folder.
        format: "keras" (needs serkeras to load), "saved_model", "onnx", "litert" (floats) or
            "tflite-int8" (the network's products in 8-bit integers).
        out: file or folder, which gets the format's ending; default `RUN/export/RECIPE`, of
            "tflite-int8" `RUN/export/tflite-int8.tflite`.
        clips: test clips on which the export is compared with the run; of "tflite-int8" always
            all, since its loss is measured.
        overwrite: replace the file, or the SavedModel of an earlier export, in `out`.

    Returns:
        Dictionary: `path`, `bytes`, and what `serkeras.exporting.checking.compare` found.

    Raises:
        FileExistsError: `out` exists; with `overwrite` only if it is another folder.
        FileNotFoundError: recordings of the run are not at hand.
        ImportError: a package of the format is missing.
        ValueError: see `serkeras.exporting.graph.of` and `formats.require`; or the exported
            graph answers otherwise than the run by more than 1e-4: nothing is left then.
    """
    formats.require(format)
    run = open_run(run)
    out = _with_ending(Path(out), format) if out else _default(run, format)
    _check_free(out, overwrite)
    model = graph.of(run, one_length=format in formats.FIXED)
    about = metadata.describe(run, format)
    out.parent.mkdir(parents=True, exist_ok=True)
    aside = out.with_name(f".tmp-{uuid.uuid4().hex}{out.suffix}")
    try:
        integers = format == "tflite-int8"
        examples = _examples(run) if integers else ()
        formats.write(model, format, aside, run.experiment.audio.samples, examples)
        exported = Exported(aside, about=about)
        found = checking.compare(run, exported, None if integers else clips, exact=not integers)
        metadata.attach(aside, {**about, "compared": found})
        _install(aside, out)
    finally:
        _remove(aside)
    return {"path": str(out), "bytes": _size(out), **found}


def _check_free(out, overwrite):
    if out.is_dir() and not metadata.is_export(out):
        raise FileExistsError(
            f"An export replaces no folder but a SavedModel of its own. Received: {out}. Choose "
            "another place with --out."
        )
    if out.exists() and not overwrite:
        raise FileExistsError(
            f"An export is never replaced silently. Received: {out}. Choose another place with "
            "--out, or replace it with --overwrite."
        )


def _with_ending(path, format):
    """Return a path with the format's ending, by which runtimes and `Exported` know it."""
    ending = formats.FORMATS[format]
    return path if path.name.endswith(ending) else path.with_name(path.name + ending)


def _default(run, format):
    if sharing.is_packed(run.folder):
        raise ValueError(
            "An export of a packed run must be told where to go: its folder is kept as it came. "
            f"Received: {run.folder} without a place. Name one with --out."
        )
    name = format if format == "tflite-int8" else run.experiment.recipe
    return run.folder / "export" / f"{name}{formats.FORMATS[format]}"


def _examples(run):
    """Return some training clips `(1, samples)`, the same ones at every call."""
    if sharing.is_packed(run.folder):
        raise ValueError(
            "What integers lose is measured on test recordings of the run itself. Received: "
            f"{run.folder}, which was packed to be shared without their names. Export another "
            "format, or the run that it was packed from."
        )
    trained = run.clips("train")
    known = datasets.load_many(run.experiment.data, run.experiment.label_scheme, progress=False)
    paths = known.set_index("clip")["path"]
    settings, found = run.experiment.audio, []
    prepared = graph.is_prepared_outside(settings, one_length=True)
    for place in np.linspace(0, len(trained) - 1, min(_EXAMPLES, len(trained))).astype(int):
        with contextlib.suppress(audio.AudioError):  # training has left it out, and said so
            wave = checking.given(paths[trained[place]], settings, prepared)
            found.append(audio.fix_length(wave, settings.samples)[None])
    return found


def _install(aside, out):
    _remove(out)
    os.replace(aside, out)


def _remove(path):
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _size(path):
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return sum(file.stat().st_size for file in files)
