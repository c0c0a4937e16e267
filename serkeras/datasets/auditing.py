"""Look for broken, doubled and contradicting clips before they spoil a result."""

import hashlib
import struct
from pathlib import Path

import numpy as np
import pandas as pd

from serkeras import _files, _sound

# What the findings mean, in the order of the table.
FINDINGS = {
    "unreadable": "the file is missing, empty or no audio, or holds no sample",
    "truncated": "the file promises more than can be read of it, or reading breaks off",
    "not finite": "samples are NaN or infinite",
    "silent": "no sample passes -60 dB of full scale",
    "too short": "the clip is shorter than 0.5 s",
    "clipped": "at least 0.1 % of the samples stand at full scale",
    "wrong ending": "the content is of another format than the file's ending says",
    "identical bytes": "another clip has the same bytes",
    "same samples": "another clip has the same sound in another file",
    "contradicting names": "clips of the same sound are labelled differently",
    "mixed rates": "the sample rate differs from that of most clips of the corpus",
    "mixed channels": "the channel count differs from that of most clips of the corpus",
}
COLUMNS = ("finding", "clip", "path", "detail")

SILENT_PEAK = 1e-3
SHORTEST_S = 0.5
CLIPPED_SHARE = 1e-3
# 16-bit audio peaks at 32767/32768 = 0.99997.
FULL_SCALE = 0.9999

_BLOCK = 65536
_LABELS = ("corpus", "emotion", "speaker", "statement", "intensity", "repetition")
_FORMATS = {
    ".wav": ("WAV", "WAVEX", "RF64"),
    ".flac": ("FLAC",),
    ".mp3": ("MP3",),
    ".aif": ("AIFF",),
    ".aiff": ("AIFF",),
    ".ogg": ("OGG",),
    ".oga": ("OGG",),
    ".opus": ("OGG",),
    ".au": ("AU",),
    ".caf": ("CAF",),
}


def audit(clips, n_jobs=None, progress=True):
    """Read every clip of a manifest and list what is wrong with it.

    Args:
        clips: manifest; needs the columns clip and path. Labels (emotion, speaker, ...) are
            compared where clips hold the same sound.
        n_jobs: number of threads, None for one a core.
        progress: whether to show a progress bar.

    Returns:
        DataFrame with the columns finding (a key of `FINDINGS`), clip, path and detail, one
        row a finding, sorted; empty when all is well. A finding about whole corpora has <NA>
        for clip and path. The manifest and the files are left alone.

    Raises:
        ValueError: a column is missing.
    """
    missing = [column for column in ("clip", "path") if column not in clips.columns]
    if missing:
        raise ValueError(
            "A manifest must have the columns clip and path. Received: a table without "
            f"{' and '.join(missing)}. Make it with serkeras.datasets.load or load_own."
        )
    clips = clips.reset_index(drop=True)
    facts = pd.DataFrame(_inspect_all(clips["path"], n_jobs, progress), index=clips.index)
    rows = []
    for clip, path, findings in zip(clips["clip"], clips["path"], facts["findings"], strict=True):
        rows += [(finding, clip, path, detail) for finding, detail in findings]
    rows += _doubles(clips, facts)
    rows += _mixed(clips, facts["rate"], "mixed rates", "Hz")
    rows += _mixed(clips, facts["channels"], "mixed channels", "channel(s)")
    table = pd.DataFrame(rows, columns=list(COLUMNS)).astype("string")
    order = table["finding"].map(list(FINDINGS).index)
    table = table.assign(order=order).sort_values(["order", "clip"], kind="stable")
    return table.drop(columns="order").reset_index(drop=True)


def _inspect_all(paths, n_jobs, progress):
    """Inspect files in threads: hashing and decoding run outside Python's lock."""
    import joblib
    from tqdm.auto import tqdm

    pool = joblib.Parallel(n_jobs=n_jobs or -1, prefer="threads", return_as="generator")
    results = pool(joblib.delayed(inspect)(path) for path in paths)
    return list(tqdm(results, total=len(paths), desc="audit", unit="clip", disable=not progress))


def inspect(path):
    """Read one file and say what is wrong with it taken alone.

    Args:
        path: audio file.

    Returns:
        Dict with findings (list of (finding, detail)), bytes (SHA-256 of the file or None),
        samples (SHA-256 of rate and decoded samples, or None where the clip is silent or
        cannot be read whole), rate (Hz) and channels, both None where unknown.
    """
    import soundfile

    facts = {"findings": [], "bytes": None, "samples": None, "rate": None, "channels": None}
    findings = facts["findings"]
    try:
        facts["bytes"] = _files.sha256(path)
        with soundfile.SoundFile(path) as sound:
            facts |= {"rate": sound.samplerate, "channels": sound.channels}
            measured, stopped = _measure(sound)
            promised, kind = sound.frames, sound.format
            lacking = _sound.shortfall(path, sound, measured["frames"])
    # soundfile answers a headerless `.raw` with a TypeError about missing arguments.
    except (OSError, RuntimeError, TypeError) as error:
        findings.append(("unreadable", _why_unreadable(path, error)))
        return facts
    findings += _judge(measured, facts["rate"])
    if stopped is not None:
        detail = f"{promised} samples promised, {measured['frames']} could be read: {stopped}"
        findings.append(("truncated", detail))
    elif lacking:
        findings.append(("truncated", lacking))
    elif not any(finding == "silent" for finding, _ in findings):
        facts["samples"] = measured["digest"]
    ending = Path(path).suffix.lower()
    if kind not in _FORMATS.get(ending, (kind,)):
        findings.append(("wrong ending", f"the file holds {kind}, its name says {ending}"))
    return facts


def _measure(sound):
    """Read an open file block by block, so that ten minutes need no more memory than one.

    Returns:
        Dict of measurements, and the error that ended reading early or None.
    """
    digest = hashlib.sha256(struct.pack("<qq", sound.samplerate, sound.channels))
    frames = samples = strange = full = 0
    peak, stopped = 0.0, None
    while True:
        try:
            block = sound.read(_BLOCK, dtype="float32", always_2d=True)
        except RuntimeError as error:
            stopped = str(error).strip() or type(error).__name__
            break
        if not len(block):
            break
        digest.update(np.ascontiguousarray(block))
        finite = np.isfinite(block)
        level = np.abs(np.where(finite, block, 0.0))
        frames += len(block)
        samples += block.size
        strange += int(block.size - finite.sum())
        full += int((level >= FULL_SCALE).sum())
        peak = max(peak, float(level.max()))
    measured = {
        "digest": digest.hexdigest(),
        "frames": frames,
        "strange": strange,
        "full": full / max(samples, 1),
        "peak": peak,
    }
    return measured, stopped


def _judge(measured, rate):
    """Turn measurements into findings."""
    if not measured["frames"]:
        return [("unreadable", "it holds no sample")]
    found = []
    if measured["strange"]:
        found.append(("not finite", f"{measured['strange']} samples are NaN or infinite"))
    if measured["peak"] < SILENT_PEAK:
        found.append(("silent", f"peak {measured['peak']:.6f} of full scale"))
    if measured["frames"] / rate < SHORTEST_S:
        found.append(("too short", f"{measured['frames'] / rate:.3f} s"))
    if measured["full"] >= CLIPPED_SHARE:
        found.append(("clipped", f"{measured['full']:.2%} of the samples at full scale"))
    return found


def _why_unreadable(path, error):
    """Say why a file could not be opened."""
    try:
        with open(path, "rb") as file:
            start = file.read(64)
    except OSError as failure:
        return failure.strerror or str(failure)
    if not start:
        return "the file is empty (0 bytes)"
    if start.startswith(b"version https://git-lfs"):
        return "a git-lfs pointer, not audio; run `git lfs pull` in the clone"
    return f"no audio that libsndfile reads ({str(error).strip()})"


def _doubles(clips, facts):
    """Find clips of the same bytes or samples, and what their names say differently."""
    rows, seen = [], set()
    for column, finding in (("bytes", "identical bytes"), ("samples", "same samples")):
        for _, group in clips.groupby(facts[column], sort=True):
            if len(group) < 2 or frozenset(group.index) in seen:
                continue
            seen.add(frozenset(group.index))
            for index, row in group.iterrows():
                others = group.drop(index)
                rows.append((finding, row["clip"], row["path"], "as " + _list(others["clip"])))
            rows += _contradictions(group)
    return rows


def _contradictions(group):
    """Compare the labels of clips of one sound; one row for the group."""
    differing = []
    for column in _LABELS:
        if column in group and group[column].dropna().nunique() > 1:
            values = [f"{v} ({c})" for v, c in zip(group[column], group["clip"], strict=True)]
            differing.append(f"{column}: {' or '.join(values)}")
    first = group.iloc[0]
    detail = "; ".join(differing)
    return [("contradicting names", first["clip"], first["path"], detail)] if differing else []


def _list(names, most=3):
    """Write up to three names and the number of the rest."""
    rest = len(names) - most
    return ", ".join(names[:most]) + (f" and {rest} more" if rest > 0 else "")


def _mixed(clips, values, finding, unit):
    """Find clips that differ from most of their corpus, and corpora that differ."""
    corpora = clips["corpus"] if "corpus" in clips else pd.Series("clips", clips.index)
    rows, usual = [], {}
    for corpus, group in values.dropna().astype(int).groupby(corpora):
        usual[corpus] = group.mode().iloc[0]
        for index in group.index[group != usual[corpus]]:
            detail = f"{group[index]} {unit}, most of {corpus} has {usual[corpus]}"
            rows.append((finding, clips.at[index, "clip"], clips.at[index, "path"], detail))
    if len(set(usual.values())) > 1:
        detail = "the corpora differ: " + ", ".join(f"{k} {v} {unit}" for k, v in usual.items())
        rows.append((finding, pd.NA, pd.NA, detail))
    return rows
