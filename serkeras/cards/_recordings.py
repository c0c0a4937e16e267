"""What a data card measures of each recording."""

import joblib
import numpy as np
import pandas as pd
from tqdm import tqdm

from serkeras import audio
from serkeras.config import AudioConfig

COLUMNS = ("rate", "channels", "duration_s", "highest", "lowest", "rms_db", "trailing_silence_s")
_TRIM_DB = AudioConfig().trim_db
_SILENT_DB = -100.0


def measure(clips, n_jobs=None, progress=True):
    """Read every recording of a manifest as it lies there.

    Args:
        clips: manifest with the columns clip and path.
        n_jobs: threads; None is all cores.
        progress: show a bar.

    Returns:
        DataFrame aligned with `clips`: rate (Hz), channels, duration_s, highest and lowest sample
        (full scale 1), rms_db (decibels of full scale, -100 of silence), trailing_silence_s (what
        the kit's trimming at its default threshold would take off the end); and a list of (clip,
        reason) of recordings that cannot be read, whose rows are missing values.
    """
    pool = joblib.Parallel(n_jobs=n_jobs or -1, prefer="threads", return_as="generator")
    found = pool(joblib.delayed(_one)(path) for path in clips["path"])
    rows = list(tqdm(found, total=len(clips), desc="recordings", unit="clip", disable=not progress))
    failed = [
        (clip, row) for clip, row in zip(clips["clip"], rows, strict=True) if isinstance(row, str)
    ]
    values = [dict.fromkeys(COLUMNS) if isinstance(row, str) else row for row in rows]
    return pd.DataFrame(values, index=clips.index, columns=list(COLUMNS)).astype(float), failed


def _one(path):
    """Return the measures of a recording, or why there are none."""
    import soundfile

    try:
        with soundfile.SoundFile(path) as file:
            rate, channels = file.samplerate, file.channels
        wave = audio.read(path, rate)
    except (OSError, RuntimeError, ValueError) as error:
        return str(error)
    power = float(np.mean(np.square(wave, dtype=np.float64)))
    kept = len(audio.trim_trailing_silence(wave, _TRIM_DB))
    return {
        "rate": rate,
        "channels": channels,
        "duration_s": len(wave) / rate,
        "highest": float(wave.max()),
        "lowest": float(wave.min()),
        "rms_db": 10 * np.log10(power) if power > 1e-10 else _SILENT_DB,
        "trailing_silence_s": (len(wave) - kept) / rate,
    }
