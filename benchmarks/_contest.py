"""Clips to measure on, cores to measure with, and two contestants that take turns."""

import os
import time
from pathlib import Path

import librosa
import numpy as np
import soundfile

from serkeras import audio
from serkeras.config import AudioConfig

RATE = 16000
ENDINGS = {".wav", ".flac", ".mp3", ".ogg", ".aiff", ".aif"}
ALL_CORES = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else {0, 1}


def synthetic_clip(seed, seconds, rate=RATE):
    """Syllables of a harmonic voice over faint noise: `(samples,)` float32."""
    time_s = np.arange(round(seconds * rate)) / rate
    rng = np.random.default_rng(seed)
    pitch = rng.uniform(90, 250) * (1 + 0.1 * np.sin(2 * np.pi * rng.uniform(1, 3) * time_s))
    phase = 2 * np.pi * np.cumsum(pitch) / rate
    voice = sum(np.sin(k * phase) / k for k in range(1, 20))
    rhythm = np.maximum(0, np.sin(2 * np.pi * rng.uniform(2, 5) * time_s))
    noise = 1e-3 * rng.standard_normal(len(time_s))
    return (0.1 * voice * rhythm + noise).astype(np.float32)


def real_clips(folder, count, seconds):
    """The first recordings below a folder, each brought to the same length at 16 kHz."""
    paths = sorted(path for path in Path(folder).rglob("*") if path.suffix.lower() in ENDINGS)
    if not paths:
        raise SystemExit(
            f"--data must name a folder that holds recordings. Received: {folder}. "
            f"Endings looked for: {' '.join(sorted(ENDINGS))}."
        )
    chosen = paths[:: max(1, len(paths) // count)][:count]
    return np.stack([audio.load_clip(path, AudioConfig(duration_s=seconds)) for path in chosen])


def write_recordings(folder, waves, rate=48000):
    """Write waves of 16 kHz as 16-bit WAV files of another rate; return their paths."""
    paths = []
    for index, wave in enumerate(waves):
        path = Path(folder) / f"{index:04d}.wav"
        louder = librosa.resample(wave, orig_sr=RATE, target_sr=rate)
        soundfile.write(path, np.clip(louder, -1, 1), rate, subtype="PCM_16")
        paths.append(str(path))
    return paths


def hold_to(cores):
    """Bind the process to some of its cores, where the system can."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(ALL_CORES)[:cores])


def seconds_of(function):
    """Seconds by the clock on the wall, and seconds that the processor spent on us."""
    wall, processor = time.perf_counter(), time.process_time()
    function()
    return time.perf_counter() - wall, time.process_time() - processor


def contest(theirs, ours, clips, repeats):
    """Time both in turns; return clips a second (medians) and the medians of the turns' ratios."""
    # The first turn pays for imports, compilation and caches.
    turns = [(seconds_of(theirs), seconds_of(ours)) for _ in range(repeats + 1)][1:]
    slow, fast = np.moveaxis(np.array(turns), 1, 0)
    ratio, processor_ratio = np.median(slow / fast, axis=0)
    return {
        "librosa_clips_per_s": clips / float(np.median(slow[:, 0])),
        "serkeras_clips_per_s": clips / float(np.median(fast[:, 0])),
        "ratio": float(ratio),
        "ratio_of_processor_time": float(processor_ratio),
        "ratio_range": [float(f(slow[:, 0] / fast[:, 0])) for f in (np.min, np.max)],
    }
