"""Our MFCC and log-Mel beside librosa's per-clip loop: same clips, same run, clips a second.

What is measured:
  librosa   one call a clip, as scripts do it; it rebuilds its mel bank in every call. (Given a
            whole batch librosa floors decibels over the batch: another result, so no peer.)
  serkeras  one call for all clips.

Both run on the same cores: first held to one, then to two with two threads of ours and two of
librosa's loop. Repeats of the contestants take turns, so that a slow minute of the machine hits
all of them; the table has medians, and the ratio is the median of the ratios of each turn. "CPU
ratio" counts the processor time that each took, which other programs disturb less. Last
column: the largest difference from librosa, relative to its largest value, and element by element
relative to max(|librosa|, 1 dB); both compute in float32, whose rounding is what is left.

Examples:
  python benchmarks/features.py                          synthetic clips, about a minute
  python benchmarks/features.py --data DIR --clips 200   recordings found below DIR
  python benchmarks/features.py --json figures.json
"""

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[_name] = "1"  # before NumPy starts: threads come from the contestants alone

import argparse  # noqa: E402
import json  # noqa: E402
import platform  # noqa: E402
import sys  # noqa: E402
import time  # noqa: E402
from pathlib import Path  # noqa: E402

import joblib  # noqa: E402
import librosa  # noqa: E402
import numpy as np  # noqa: E402
import scipy  # noqa: E402

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from serkeras import audio, features  # noqa: E402
from serkeras.config import AudioConfig  # noqa: E402

RATE = 16000
ENDINGS = {".wav", ".flac", ".mp3", ".ogg", ".aiff", ".aif"}


def synthetic_clips(count, seconds):
    """Syllables of a harmonic voice over faint noise: `(count, samples)` float32."""
    time_s = np.arange(round(seconds * RATE)) / RATE
    clips = np.empty((count, len(time_s)), np.float32)
    for index, clip in enumerate(clips):
        rng = np.random.default_rng(index)
        pitch = rng.uniform(90, 250) * (1 + 0.1 * np.sin(2 * np.pi * rng.uniform(1, 3) * time_s))
        phase = 2 * np.pi * np.cumsum(pitch) / RATE
        voice = sum(np.sin(k * phase) / k for k in range(1, 20))
        rhythm = np.maximum(0, np.sin(2 * np.pi * rng.uniform(2, 5) * time_s))
        clip[:] = 0.1 * voice * rhythm + 1e-3 * rng.standard_normal(len(time_s))
    return clips


def real_clips(folder, count, seconds):
    """The first recordings below a folder, each brought to the same length."""
    paths = sorted(path for path in Path(folder).rglob("*") if path.suffix.lower() in ENDINGS)
    if not paths:
        raise SystemExit(
            f"--data must name a folder that holds recordings. Received: {folder}. "
            f"Endings looked for: {' '.join(sorted(ENDINGS))}."
        )
    chosen = paths[:: max(1, len(paths) // count)][:count]
    return np.stack([audio.load_clip(path, AudioConfig(duration_s=seconds)) for path in chosen])


def librosa_mfcc(wave):
    return librosa.feature.mfcc(y=wave, sr=RATE, n_mfcc=128, n_mels=128)


def librosa_log_mel(wave):
    power = librosa.feature.melspectrogram(y=wave, sr=RATE, n_mels=128)
    return librosa.power_to_db(power, ref=1.0, top_db=80.0)


def librosa_loop(function, waves, cores):
    if cores == 1:
        return np.stack([function(wave) for wave in waves])
    work = joblib.Parallel(n_jobs=cores, backend="threading")
    return np.stack(work(joblib.delayed(function)(wave) for wave in waves))


CONTESTS = {
    "mfcc": (librosa_mfcc, features.mfcc),
    "log_mel": (librosa_log_mel, features.log_mel),
}


def seconds_of(function):
    """Seconds by the clock on the wall, and seconds that the processor spent on us."""
    wall, processor = time.perf_counter(), time.process_time()
    function()
    return time.perf_counter() - wall, time.process_time() - processor


def differences(waves, theirs, ours):
    """Largest difference, of the largest value and element by element."""
    found = ours(waves, RATE)
    whole = by_element = 0.0
    for image, wave in zip(found, waves, strict=True):
        reference = theirs(wave)
        difference = np.abs(image - reference)
        whole = max(whole, difference.max() / np.abs(reference).max())
        by_element = max(by_element, (difference / np.maximum(np.abs(reference), 1)).max())
    return float(whole), float(by_element)


def contest(name, waves, cores, repeats):
    """Time both contestants in turns and return one row of the table."""
    theirs, ours = CONTESTS[name]
    turns = [
        (
            seconds_of(lambda: librosa_loop(theirs, waves, cores)),
            seconds_of(lambda: ours(waves, RATE, n_jobs=cores)),
        )
        for _ in range(repeats + 1)
    ]
    # The first turn pays for imports, compilation and caches.
    slow, fast = np.moveaxis(np.array(turns[1:]), 1, 0)
    whole, by_element = differences(waves, theirs, ours)
    ratio, processor_ratio = np.median(slow / fast, axis=0)
    return {
        "feature": name,
        "cores": cores,
        "librosa_clips_per_s": len(waves) / float(np.median(slow[:, 0])),
        "serkeras_clips_per_s": len(waves) / float(np.median(fast[:, 0])),
        "ratio": float(ratio),
        "ratio_of_processor_time": float(processor_ratio),
        "max_difference_relative": whole,
        "max_difference_by_element": by_element,
    }


def hold_to(cores):
    """Bind the process to some of its cores, where the system can."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(hold_to.all)[:cores])


hold_to.all = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else {0, 1}


def print_table(rows):
    heads = ("feature", "cores", "librosa/s", "serkeras/s", "ratio", "CPU ratio", "max difference")
    print("{:9}{:>6}{:>11}{:>12}{:>7}{:>11}   {}".format(*heads))
    for row in rows:
        print(
            f"{row['feature']:9}{row['cores']:6}{row['librosa_clips_per_s']:11.0f}"
            f"{row['serkeras_clips_per_s']:12.0f}{row['ratio']:7.2f}"
            f"{row['ratio_of_processor_time']:11.2f}"
            f"   {row['max_difference_relative']:.1e} of the maximum, "
            f"{row['max_difference_by_element']:.1e} by element"
        )


def parse(arguments):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", metavar="DIR", help="folder of recordings, searched through")
    parser.add_argument("--clips", type=int, default=128, help="number of clips (default 128)")
    parser.add_argument("--seconds", type=float, default=3.0, help="length (default 3.0)")
    parser.add_argument("--repeats", type=int, default=11, help="turns counted (default 11)")
    parser.add_argument("--json", metavar="FILE", help="write the figures there as well")
    options = parser.parse_args(arguments)
    if options.clips < 1 or options.repeats < 1:
        parser.error("--clips and --repeats must be 1 or more")
    return options


def main(arguments=None):
    options = parse(arguments)
    if options.data:
        waves = real_clips(options.data, options.clips, options.seconds)
    else:
        waves = synthetic_clips(options.clips, options.seconds)
    print(
        f"{len(waves)} clips of {options.seconds:g} s at {RATE} Hz, {options.repeats} turns, "
        f"{platform.machine()}, Python {platform.python_version()}, NumPy {np.__version__}, "
        f"SciPy {scipy.__version__}, librosa {librosa.__version__}"
    )
    rows = []
    for cores in (1, 2) if len(hold_to.all) > 1 else (1,):
        hold_to(cores)
        rows += [contest(name, waves, cores, options.repeats) for name in CONTESTS]
    print_table(rows)
    if options.json:
        Path(options.json).write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
