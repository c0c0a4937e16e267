"""Our features beside librosa's per-clip loop: same clips, same run, clips a second.

Three questions, each a table:
  compute   from waveforms in memory to the feature, where serkeras has code of its own;
  files     from 48 kHz WAV files to the feature on disk (decode, resample, compute, write), for
            every feature: `librosa.load`, librosa's feature and `np.save` against a fresh feature
            cache, which also hashes the recordings and waits for the disk;
  memory    peak memory of a process that fills the cache, for 1,000 and 10,000 clips.

Both contestants run on the same cores: first held to one, then to two with two threads of ours
and two of librosa's loop. Repeats of the contestants take turns, so that a slow minute of the
machine hits both; the tables have medians, and the ratio is the median of the ratios of each
turn. "CPU ratio" counts the processor time that each took, which other programs disturb less.
(Given a whole batch librosa floors decibels over the batch: another result, so no peer. How far
our figures are from librosa's: benchmarks/parity.py.)

Examples:
  python benchmarks/features.py                          made clips, some minutes
  python benchmarks/features.py --only compute --data DIR --clips 200
  python benchmarks/features.py --json figures.json --figure figures.png
"""

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[_name] = "1"  # before NumPy starts: threads come from the contestants alone

import argparse  # noqa: E402
import json  # noqa: E402
import platform  # noqa: E402
import shutil  # noqa: E402
import subprocess  # noqa: E402
import sys  # noqa: E402
import tempfile  # noqa: E402
import warnings  # noqa: E402
from pathlib import Path  # noqa: E402

import joblib  # noqa: E402
import librosa  # noqa: E402
import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
import scipy  # noqa: E402

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parents[1])]

import _contest  # noqa: E402
import _references  # noqa: E402

from serkeras import features  # noqa: E402
from serkeras.config import AudioConfig, FeatureConfig  # noqa: E402
from serkeras.features import cache  # noqa: E402

RATE = _contest.RATE
OWN = ("mel", "log_mel", "mfcc", "mfcc_delta", "spectrogram_mfcc_delta", "multi_resolution")
# Clips of a turn where all would take minutes.
FEWER = {"pitch": 24, "tonnetz": 48}
MEMORY_CLIPS = (1000, 10000)


def in_threads(function, items, cores):
    """Run librosa's loop on one core, or the same loop in as many threads as cores."""
    if cores == 1:
        return [function(item) for item in items]
    work = joblib.Parallel(n_jobs=cores, backend="threading")
    return work(joblib.delayed(function)(item) for item in items)


def compute(waves, cores, repeats):
    """Rows of the table "compute"."""
    for name in OWN:
        config = FeatureConfig(name=name)

        def theirs(config=config):
            return np.stack(in_threads(lambda w: _references.reference(w, config), waves, cores))

        def ours(config=config):
            return features.compute(waves, config, RATE, n_jobs=cores)

        found = _contest.contest(theirs, ours, len(waves), repeats)
        yield {"table": "compute", "feature": name, "cores": cores, **found}


def files(paths, seconds, cores, repeats, folder):
    """Rows of the table "files"."""
    every = paths
    settings = AudioConfig(duration_s=seconds)
    for name in features.names():
        config = FeatureConfig(name=name)
        paths = every[: FEWER.get(name)]
        clips = pd.DataFrame({"path": paths, "clip": paths, "emotion": "none"})

        def feature_of(path, config=config):
            wave, _ = librosa.load(path, sr=RATE)
            wave = librosa.util.fix_length(wave, size=settings.samples)
            return _references.reference(wave, config)

        def theirs(feature_of=feature_of, paths=paths):
            np.save(Path(folder) / "theirs.npy", np.stack(in_threads(feature_of, paths, cores)))

        caches = []

        def ours(config=config, caches=caches, clips=clips):
            caches.append(tempfile.mkdtemp(dir=folder))
            cache.extract(
                clips, audio=settings, features=config, cache_root=caches[-1], n_jobs=cores,
                progress=False,
            )  # fmt: skip

        found = _contest.contest(theirs, ours, len(paths), repeats)
        for made in caches:
            shutil.rmtree(made)
        yield {"table": "files", "feature": name, "cores": cores, **found}


def memory(path, folder, seconds):
    """Rows of the table "memory": one recording under many ids, in a process of its own.

    Linux tells the peak since the process began its program; elsewhere there is no such table.
    """
    if not Path("/proc/self/status").exists():
        return
    for count in MEMORY_CLIPS:
        code = (
            "import pandas as pd\n"
            "from serkeras.config import AudioConfig, FeatureConfig\n"
            "from serkeras.features import cache\n"
            f"clips = pd.DataFrame({{'path': [{path!r}] * {count},\n"
            f"    'clip': [f'c{{i}}' for i in range({count})], 'emotion': 'none'}})\n"
            f"cache.extract(clips, audio=AudioConfig(duration_s={seconds}),\n"
            "    features=FeatureConfig(), cache_root='.', n_jobs=2, progress=False)\n"
            "status = open('/proc/self/status').read()\n"
            "print(status.split('VmHWM:')[1].split()[0])\n"
        )
        with tempfile.TemporaryDirectory(dir=folder) as fresh:
            environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[1])}
            done = subprocess.run(
                [sys.executable, "-c", code], cwd=fresh, env=environment, check=True,
                capture_output=True, text=True,
            )  # fmt: skip
        kilobytes = int(done.stdout)
        yield {"table": "memory", "clips": count, "peak_mb": kilobytes / 1000}


def show(row):
    """Print one row, under its heading where a table begins."""
    if row["table"] != show.table:
        show.table = row["table"]
        print(f"\n{row['table']}")
        if row["table"] != "memory":
            heads = ("feature", "cores", "librosa/s", "serkeras/s", "ratio", "turns", "CPU ratio")
            print("{:24}{:>6}{:>11}{:>12}{:>7}{:>16}{:>11}".format(*heads))
    if row["table"] == "memory":
        print(f"{row['clips']:6} clips: {row['peak_mb']:.0f} MB at most")
        return
    low, high = row["ratio_range"]
    print(
        f"{row['feature']:24}{row['cores']:6}{row['librosa_clips_per_s']:11.0f}"
        f"{row['serkeras_clips_per_s']:12.0f}{row['ratio']:7.2f}"
        f"{f'{low:.2f} to {high:.2f}':>16}{row['ratio_of_processor_time']:11.2f}",
        flush=True,
    )


show.table = None


def draw(rows, path):
    """Draw the ratios, a panel a table."""
    from serkeras.evaluation import plots

    table = pd.DataFrame([row for row in rows if row["table"] != "memory"])
    names = list(table["table"].unique())
    heights = [table.loc[table["table"] == name, "feature"].nunique() for name in names]
    figure = plots._figure(1.6 + 0.42 * sum(heights))
    panels = np.atleast_1d(figure.subplots(len(names), 1, height_ratios=heights))
    titles = {"compute": "From waveforms in memory", "files": "From 48 kHz files to disk"}
    for axis, name in zip(panels, names, strict=True):
        part = table[table["table"] == name]
        order = list(part["feature"].unique())[::-1]
        places = np.arange(len(order))
        styles = {1: (plots.BLUE, "", 0.2), 2: (plots.ORANGE, "//", -0.2)}
        for cores, group in part.groupby("cores"):
            color, hatch, shift = styles[cores]
            ratios = group.set_index("feature").loc[order, "ratio"]
            bars = axis.barh(
                places + shift, ratios, 0.38, color=color, hatch=hatch, edgecolor="white",
                label=f"{cores} core" + "s" * (cores > 1),
            )  # fmt: skip
            axis.bar_label(bars, fmt="%.1f", padding=2, fontsize=8)
        axis.axvline(1, color=plots.GREY, linestyle=":")
        axis.set_yticks(places, order)
        axis.set_title(titles[name])
        axis.spines[["top", "right"]].set_visible(False)
        axis.margins(x=0.08)
    panels[-1].set_xlabel("clips a second, times those of the librosa loop on the same cores")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper right", ncols=2)
    plots.save(figure, path)


def parse(arguments):
    """Return the options."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", metavar="DIR", help="folder of recordings, searched through")
    parser.add_argument("--clips", type=int, default=384, help="number of clips (default 384)")
    parser.add_argument("--seconds", type=float, default=3.0, help="length (default 3.0)")
    parser.add_argument("--repeats", type=int, default=5, help="turns counted (default 5)")
    parser.add_argument("--only", choices=("compute", "files", "memory"), help="one table")
    parser.add_argument("--json", metavar="FILE", help="write the figures there as well")
    parser.add_argument("--figure", metavar="FILE", help="draw the ratios, a PNG file")
    options = parser.parse_args(arguments)
    if options.clips < 1 or options.repeats < 1:
        parser.error("--clips and --repeats must be 1 or more")
    return options


def measure(options, folder):
    """Yield the rows of all tables that were asked for."""
    if options.data:
        waves = _contest.real_clips(options.data, options.clips, options.seconds)
    else:
        made = [_contest.synthetic_clip(n, options.seconds) for n in range(options.clips)]
        waves = np.stack(made)
    paths = _contest.write_recordings(folder, waves)
    cores_used = (1, 2) if len(_contest.ALL_CORES) > 1 else (1,)
    for table in (options.only,) if options.only else ("compute", "files", "memory"):
        for cores in cores_used if table != "memory" else ():
            _contest.hold_to(cores)
            if table == "compute":
                yield from compute(waves, cores, options.repeats)
            else:
                yield from files(paths, options.seconds, cores, options.repeats, folder)
        if table == "memory":
            yield from memory(paths[0], folder, options.seconds)


def main(arguments=None):
    """Measure, print, and write what was asked for."""
    options = parse(arguments)
    warnings.filterwarnings("ignore", category=UserWarning, module="librosa")
    print(
        f"{options.clips} clips of {options.seconds:g} s, {options.repeats} turns, "
        f"{platform.machine()}, Python {platform.python_version()}, NumPy {np.__version__}, "
        f"SciPy {scipy.__version__}, librosa {librosa.__version__}"
    )
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for row in measure(options, folder):
            show(row)
            rows.append(row)
    if options.json:
        Path(options.json).write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    if options.figure:
        draw(rows, options.figure)


if __name__ == "__main__":
    main()
