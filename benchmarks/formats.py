"""An exported model in each format beside the run's own Keras model: same clips, same run.

Each format answers clips of the model's length, whole: waveform in, probabilities out. The peer is
`serkeras.serving.Recogniser` on the run itself, which computes features outside of the graph and
asks the Keras model. Turns alternate, so that a slow minute of the machine hits all; times are
medians over the turns, and the ratio is the median of the ratios of each turn (below 1: quicker
than the run). "one clip" is the latency of a lone clip; "batch" is clips a second of 32 at once.

Examples:
  python benchmarks/formats.py                                   the model in the box
  python benchmarks/formats.py --run artifacts/runs/NAME --json figures.json --figure figures.png
"""

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from serkeras import box, exporting
from serkeras.serving import Recogniser

FORMATS = ("keras", "saved_model", "onnx", "litert")
BATCH = 32
_SETTLED = 3  # calls before anything is timed: graphs are traced and memory is taken


def exported(run, folder, formats):
    """Return {format: `Exported`} of a run."""
    found = {}
    for name in formats:
        made = exporting.export(run, name, Path(folder) / name, clips=8)
        found[name] = exporting.Exported(made["path"], threads=os.cpu_count())
    return found


def contestants(run, folder, formats):
    """Return {name: function of `(clips, samples)`}, the run first."""
    own = Recogniser(run)
    asked = {"the run": lambda waves: own.probabilities(list(waves))}
    for name, each in exported(run, folder, formats).items():
        asked[name] = each.predict
    return own, asked


def take_turns(asked, waves, turns):
    """Return {name: seconds of each turn}."""
    times = {name: [] for name in asked}
    for turn in range(_SETTLED + turns):
        for name, ask in asked.items():
            started = time.perf_counter()
            ask(waves)
            if turn >= _SETTLED:
                times[name].append(time.perf_counter() - started)
    return {name: np.array(found) for name, found in times.items()}


def rows(run, folder, formats, turns):
    """Return one row a contestant: milliseconds a lone clip, clips a second, ratios."""
    own, asked = contestants(run, folder, formats)
    rng = np.random.default_rng(0)
    waves = rng.normal(0, 0.1, (BATCH, own.samples)).astype(np.float32)
    alone, batch = (take_turns(asked, waves[:count], turns) for count in (1, BATCH))
    return [
        {
            "format": name,
            "ms_one_clip": 1e3 * float(np.median(alone[name])),
            "ratio_one_clip": float(np.median(alone[name] / alone["the run"])),
            "clips_per_s": BATCH / float(np.median(batch[name])),
            "ratio_batch": float(np.median(batch[name] / batch["the run"])),
        }
        for name in asked
    ], own.samples / own.sample_rate


def figure(found, seconds):
    """Return a figure of both tables."""
    from matplotlib.figure import Figure

    picture = Figure((8, 3.2), layout="constrained")
    axes = picture.subplots(1, 2, sharey=True)
    names = [row["format"] for row in found]
    for axis, key, form, label in (
        (axes[0], "ms_one_clip", ".1f", f"milliseconds for one clip of {seconds:g} s"),
        (axes[1], "clips_per_s", ",.0f", f"clips a second, {BATCH} at once"),
    ):
        values = [row[key] for row in found]
        axis.barh(names, values, color=["#999999", *["#0072B2"] * (len(names) - 1)])
        for place, value in enumerate(values):
            axis.annotate(f" {value:{form}}", (value, place), va="center")
        axis.margins(x=0.15)
        axis.set_xlabel(label)
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].invert_yaxis()
    return picture


def main():
    """Measure, print, and write what was asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--run", help="folder of a run (the model in the box)")
    parser.add_argument("--formats", nargs="+", default=FORMATS, choices=exporting.FORMATS)
    parser.add_argument("--turns", type=int, default=30)
    parser.add_argument("--json", metavar="FILE")
    parser.add_argument("--figure", metavar="FILE")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found, seconds = rows(
            arguments.run or box.folder(), folder, arguments.formats, arguments.turns
        )
    print(f"{os.cpu_count()} cores of {platform.machine()}, clips of {seconds:g} s")
    print(f"{'format':<14}{'one clip':>12}{'ratio':>8}{'batch':>16}{'ratio':>8}")
    for row in found:
        print(
            f"{row['format']:<14}{row['ms_one_clip']:>9.1f} ms{row['ratio_one_clip']:>8.2f}"
            f"{row['clips_per_s']:>10.0f} clips/s{row['ratio_batch']:>6.2f}"
        )
    if arguments.json:
        Path(arguments.json).write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    if arguments.figure:
        figure(found, seconds).savefig(arguments.figure, dpi=150)


if __name__ == "__main__":
    main()
