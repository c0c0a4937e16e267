"""Small recordings for tests, and a tiny corpus that a small network learns in seconds."""

import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import soundfile

from serkeras import datasets

RATE = 16000
# Settings under which one training takes seconds: 32 bands, 35 frames, two emotions.
SMALL = {
    "audio.duration_s": 1.1,
    "features.n_mels": 32,
    "features.n_mfcc": 32,
    "training.epochs": 3,
    "training.patience": 2,
    "training.batch_size": 8,
    "augment.copies": 1,
}


def write_corpus(folder, speakers=6, takes=3, seconds=1.2, seed=0):
    """Write low ("sad") and high ("happy") harmonic tones and a CSV; return the CSV's path."""
    rng = np.random.default_rng(seed)
    rows = []
    time = np.arange(round(seconds * RATE)) / RATE
    for speaker in range(speakers):
        for emotion, pitch in (("sad", 150), ("happy", 400)):
            for take in range(takes):
                hertz = pitch * rng.uniform(0.9, 1.1)
                wave = sum(np.sin(2 * np.pi * hertz * n * time) / n for n in range(1, 6))
                wave = 0.1 * wave + 0.005 * rng.normal(size=len(time))
                name = f"s{speaker}_{emotion}_{take}.wav"
                soundfile.write(folder / name, wave, RATE)
                sex = "female" if speaker % 2 else "male"
                rows.append({"path": name, "emotion": emotion, "speaker": speaker, "sex": sex})
    path = folder / "own.csv"
    pd.DataFrame(rows).to_csv(path, index=False)
    return path


def sound(path, seconds=0.6, rate=16000):
    """Write a short tone that no other path has; returns the path."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    pitch = 100 + len(str(path)) + sum(str(path).encode()) % 1000
    wave = 0.3 * np.sin(2 * np.pi * pitch * np.arange(int(seconds * rate)) / rate)
    soundfile.write(path, wave.astype("float32"), rate)
    return path


def quiet_load(name, root):
    """Load and fail on any warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return datasets.load(name, root)
