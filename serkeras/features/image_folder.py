"""Spectrogram pictures as PNG files: `folder/side/emotion/clip.png`, resumable."""

import hashlib
import json
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import tqdm

from serkeras import _files
from serkeras.audio import AudioError, load_clip
from serkeras.features import registry
from serkeras.features._cache_key import hash_files


def write(sides, folder, *, audio, features, n_jobs=None, on_error="raise", progress=True):
    """Write one picture a clip, in the layout that Keras reads.

    `keras.utils.image_dataset_from_directory(folder / "train")` finds the emotions in sorted
    order. Pictures that are there already are kept: an interrupted call goes on. A recording
    whose content has changed gets a new picture.

    Args:
        sides: dictionary side -> manifest, for instance `serkeras.splits.Split.sides`.
        folder: where to; made if missing.
        audio: `serkeras.config.AudioConfig`.
        features: `serkeras.config.FeatureConfig` whose name is "mel_image".
        n_jobs: int, threads; None is one a core.
        on_error: "raise", or "skip" to leave out unusable recordings.
        progress: show a bar with the time left on standard error.

    Returns:
        DataFrame of the clips left out: path, reason.

    Raises:
        FileExistsError: the folder holds pictures of other settings or another split: the sides
            would mix.
        serkeras.audio.AudioError: recordings cannot be used and `on_error` is "raise"; the
            pictures of the others are written.
        ValueError: the feature is not "mel_image", or a setting lies outside its range.
    """
    if features.name != "mel_image":
        raise ValueError(
            f"Pictures are made of the feature 'mel_image'. Received: {features.name!r}. "
            "Set features.name=mel_image."
        )
    folder = Path(folder)
    # A wrong setting fails here, before it is noted as the folder's.
    registry.compute(np.zeros((1, audio.samples), np.float32), features, audio.sample_rate)
    targets = [
        (path, target)
        for side, clips in sides.items()
        for path, target in zip(clips["path"], _targets(folder / side, clips), strict=True)
    ]
    _claim(folder, sides, audio, features)
    _remove_outdated(folder, targets, n_jobs)
    todo = [(path, target) for path, target in targets if not target.is_file()]
    work = joblib.Parallel(n_jobs=n_jobs or -1, prefer="threads", return_as="generator")(
        joblib.delayed(_write_one)(path, target, audio, features) for path, target in todo
    )
    bar = tqdm.tqdm(work, total=len(todo), desc="images", unit="clip", disable=not progress)
    reasons = {path: reason for path, reason in bar if reason}
    if reasons and on_error == "raise":
        raise _unusable(reasons)
    return pd.DataFrame({"path": list(reasons), "reason": list(reasons.values())}, dtype="str")


def _claim(folder, sides, audio, features):
    """Note in `folder/settings.json` what the pictures are, or compare with what is noted."""
    clips = [
        [side, sorted(zip(clips["clip"], clips["emotion"], strict=True))]
        for side, clips in sides.items()
    ]
    described = {
        "audio": audio.to_dict(),
        "features": features.to_dict(),
        "clips": hashlib.sha256(json.dumps(clips).encode()).hexdigest(),
    }
    noted = folder / "settings.json"
    if not noted.is_file():
        _files.write_json(noted, described)
    elif _files.read_json(noted) != described:
        raise FileExistsError(
            "A folder holds the pictures of one split and one set of settings. Received: "
            f"{folder}, which has others. Name another folder, or delete this one."
        )


def _remove_outdated(folder, targets, n_jobs):
    """Remove the pictures of other contents, and note in `folder/recordings.json` what is there."""
    hashes = hash_files([path for path, _ in targets], n_jobs)
    noted = folder / "recordings.json"
    before = _files.read_json(noted) if noted.is_file() else {}
    now = {target.relative_to(folder).as_posix(): hashes[path].digest for path, target in targets}
    for name, digest in now.items():
        if before.get(name) != digest:
            (folder / name).unlink(missing_ok=True)
    # After the removal: a call that is cut off in between leaves no picture under a wrong note.
    _files.write_json(noted, now)


def _targets(folder, clips):
    """Return the files of a side's pictures; ids become names without folders."""
    names = clips["clip"].str.replace(r"[^\w.-]+", "_", regex=True)
    if (names + clips["emotion"]).duplicated().any():
        twice = clips["clip"][(names + clips["emotion"]).duplicated(keep=False)].tolist()
        raise ValueError(
            "Clips must have ids that differ in letters and digits, to name pictures by. "
            f"Received: {twice[:2]}. Give them other ids."
        )
    pairs = zip(clips["emotion"], names, strict=True)
    return [folder / emotion / f"{name}.png" for emotion, name in pairs]


def _write_one(path, target, config, features):
    """Write one picture; return the path and why it could not be, None where it could."""
    from PIL import Image

    try:
        wave = load_clip(path, config)
    except AudioError as error:
        return path, str(error)
    pixels = registry.compute(wave[None], features, config.sample_rate)[0]
    with _files.atomic_path(target) as temporary:
        Image.fromarray(pixels).save(temporary)
    return path, None


def _unusable(reasons):
    listed = "\n  ".join(list(reasons.values())[:10])
    more = f"\n  ... and {len(reasons) - 10} more" if len(reasons) > 10 else ""
    return AudioError(
        f"Every recording must be usable. Received: {len(reasons)} that are not:\n"
        f"  {listed}{more}\n"
        "Repair or remove them, or leave them out with on_error='skip'."
    )
