"""A timeline of long sound beside the plain way: read it whole, ask the model window by window.

Two questions, each a line or a table:
  ratio    the same sound, the same windows, every one of them asked, in turns: the plain way is
           `librosa.load` of the whole file, then the run's Keras model from waveforms to
           probabilities, one window a call; ours is `serkeras.serving.timeline` with the run, or
           with an export of it. Both must give the same answers. Seconds by the clock and of the
           processor, medians over the turns; the ratio is the median of theirs / ours of a turn.
  hour     ours alone on an hour of speech with pauses: its real-time factor (time taken / length
           of the sound; below 1 is faster than the sound) at several hops, and the share of
           everything but the model.

The processor's seconds, divided by the cores, are what the hour takes where nothing else runs.

Examples:
  python benchmarks/stream.py                             the model in the box, some minutes
  python benchmarks/stream.py artifacts/runs/NAME --export model.onnx --json figures.json
  python benchmarks/stream.py artifacts/runs/NAME --minutes 0.5 --hour 5 --hops 0.5 --turns 1
"""

import argparse
import json
import platform
import sys
import tempfile
from pathlib import Path

import librosa
import numpy as np
import soundfile

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parents[1])]

import _contest  # noqa: E402

from serkeras import audio, box, exporting, serving  # noqa: E402
from serkeras.runs import Run  # noqa: E402
from serkeras.serving.recogniser import Recogniser  # noqa: E402

CLOSE = 1e-3


class NoModel(Recogniser):
    """Answers at once: what is left is reading, windows, gate, smoothing and the table."""

    def __init__(self, other):
        self.labels, self.sample_rate, self.samples = other.labels, other.sample_rate, other.samples
        self.name, self.run = "none", None

    def probabilities(self, waves):
        """The same for each window."""
        return np.full((len(waves), len(self.labels)), 1 / len(self.labels), np.float32)


def write_sound(path, minutes, pauses, rate):
    """Write phrases of eight seconds; with pauses of four seconds between them."""
    pause = np.zeros(4 * rate * pauses, np.float32)
    with soundfile.SoundFile(path, "w", rate, 1, "PCM_16") as file:
        seed = 0
        while file.tell() < 60 * minutes * rate:
            phrase = np.concatenate([_contest.synthetic_clip(seed % 50, 8.0, rate), pause])
            file.write(phrase[: round(60 * minutes * rate) - file.tell()])
            seed += 1
    return path


def plain_way(model, path, settings, hop):
    """Read the sound whole and ask a Keras model window by window; return all it said."""
    wave, _ = librosa.load(path, sr=settings.sample_rate)
    step, said = round(hop * settings.sample_rate), []
    for stop in range(settings.samples, len(wave) + 1, step):
        window = wave[stop - settings.samples : stop]
        if exporting.graph.is_prepared_outside(settings):
            window = audio.fit(window, settings)
        said.append(model.predict_on_batch(window[None])[0])
    return np.stack(said)


def all_of_it(recogniser, path, hop):
    """Hear a file with every window asked, unsmoothed; return what was said of whole windows."""
    found = serving.timeline(recogniser, path, hop, smooth_s=0, gate=lambda wave, rate: True).table
    lengths = found["end_s"] - found["start_s"]
    whole = np.isclose(lengths, recogniser.samples / recogniser.sample_rate)
    return found.loc[whole, recogniser.labels].to_numpy()


def ratio(run, recogniser, path, options):
    """Time both ways in turns."""
    model, settings = exporting.graph.of(run), run.experiment.audio
    said = {}

    def theirs():
        said["theirs"] = plain_way(model, path, settings, options.hop)

    def ours():
        said["ours"] = all_of_it(recogniser, path, options.hop)

    found = _contest.contest(theirs, ours, 60 * options.minutes, options.turns)
    count = len(said["theirs"])
    apart = float(np.abs(said["theirs"] - said["ours"][:count]).max())
    if not apart <= CLOSE:
        raise SystemExit(f"Both ways must give the same answers. Received: {apart:.2g} apart.")
    return {
        "table": "ratio",
        "minutes": options.minutes,
        "windows": count,
        "theirs_real_time_factor": 1 / found["librosa_clips_per_s"],
        "ours_real_time_factor": 1 / found["serkeras_clips_per_s"],
        "ratio": found["ratio"],
        "ratio_of_processor_time": found["ratio_of_processor_time"],
        "ratio_range": found["ratio_range"],
        "largest_difference": apart,
    }


def heard(recogniser, path, hop):
    """Return the table of a long sound, and what it took: by the clock, of the processor."""
    tables = []
    taken = _contest.seconds_of(
        lambda: tables.append(serving.timeline(recogniser, path, hop).table)
    )
    return tables[0], *taken


def hour(recogniser, path, options):
    """Yield the real-time factors of a long recording, a row a hop."""
    length = 60 * options.hour
    for hop in options.hops:
        table, wall, processor = heard(recogniser, path, hop)
        *_, rest = heard(NoModel(recogniser), path, hop)
        yield {
            "table": "hour",
            "minutes": options.hour,
            "hop_s": hop,
            "windows": len(table),
            "with_speech": float((table["label"] != "silence").mean()),
            "real_time_factor": wall / length,
            "of_processor_time_on_all_cores": processor / length / options.cores,
            "processor_s": processor,
            "processor_s_without_model": rest,
        }


def show(row):
    """Print one row."""
    if row["table"] == "ratio":
        low, high = row["ratio_range"]
        print(
            f"{row['minutes']:g} min, {row['windows']} windows, all asked: plain way "
            f"{row['theirs_real_time_factor']:.4f} of the sound's length, ours "
            f"{row['ours_real_time_factor']:.4f}, ratio {row['ratio']:.1f} ({low:.1f} to "
            f"{high:.1f}), of processor time {row['ratio_of_processor_time']:.1f}; answers within "
            f"{row['largest_difference']:.1e}",
            flush=True,
        )
    else:
        print(
            f"{row['minutes']:g} min, hop {row['hop_s']:g} s, {row['windows']} windows, "
            f"{row['with_speech']:.0%} with speech: real-time factor "
            f"{row['real_time_factor']:.4f}; by processor time "
            f"{row['of_processor_time_on_all_cores']:.4f}, {row['processor_s']:.1f} s, of which "
            f"{row['processor_s_without_model']:.2f} s without the model",
            flush=True,
        )


def parse(arguments):
    """Return the options."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "run", metavar="RUN", nargs="?", help="run of a network (the model in the box)"
    )
    parser.add_argument("--export", metavar="FILE", help="an export of it, which ours then asks")
    parser.add_argument("--minutes", type=float, default=2, help="of the contest (2)")
    parser.add_argument("--hour", type=float, default=60, help="minutes of the long sound (60)")
    parser.add_argument("--hop", type=float, default=0.5, help="of the contest, seconds (0.5)")
    parser.add_argument("--hops", type=float, nargs="+", default=[0.5, 1.0], help="(0.5 1)")
    parser.add_argument("--rate", type=int, default=16000, help="hertz of the files (16000)")
    parser.add_argument("--cores", type=int, default=2, help="to hold to (2)")
    parser.add_argument("--turns", type=int, default=3, help="turns counted (3)")
    parser.add_argument("--json", metavar="FILE", help="write the figures there as well")
    return parser.parse_args(arguments)


def main(arguments=None):
    """Measure, print, and write what was asked for."""
    options = parse(arguments)
    _contest.hold_to(options.cores)
    run = Run(options.run or box.folder())
    recogniser = Recogniser(options.export or run)
    print(
        f"{run.experiment.recipe} asked as {options.export or 'the run'}, {options.cores} cores, "
        f"{platform.machine()}, Python {platform.python_version()}, librosa {librosa.__version__}"
    )
    with tempfile.TemporaryDirectory() as folder:
        path = write_sound(Path(folder) / "short.wav", options.minutes, False, options.rate)
        rows = [ratio(run, recogniser, path, options)]
        show(rows[0])
        path = write_sound(Path(folder) / "long.wav", options.hour, True, options.rate)
        for row in hour(recogniser, path, options):
            show(row)
            rows.append(row)
    if options.json:
        Path(options.json).write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
