"""The page under load: clips sent at once, none lost, beside the time of the model alone.

Run: python benchmarks/app_load.py [RUN] [--clips 50] [--data FOLDER]
"""

import argparse
import json
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from _contest import RATE, real_clips, synthetic_clip, write_recordings

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from serkeras import app, audio
from serkeras.app import actions
from serkeras.app.desk import Desk
from tests.visitor import Visitor

CLIP = "Recording"


def alone(desk, paths):
    """Seconds that the bare recogniser takes for each clip, read from its file."""
    lasts = []
    for path in paths:
        begin = time.perf_counter()
        desk.recogniser.probabilities([audio.read(path, desk.recogniser.sample_rate)])
        lasts.append(time.perf_counter() - begin)
    return np.array(lasts)


def at_once(address, paths):
    """Seconds until each of many visitors has an answer, the answers, and the seconds of all."""
    visitors = [Visitor(address) for _ in paths]
    begin = time.perf_counter()
    with ThreadPoolExecutor(len(paths)) as pool:
        found = list(pool.map(lambda visitor, path: visitor.timed(CLIP, path), visitors, paths))
    whole = time.perf_counter() - begin
    return np.array([seconds for seconds, _ in found]), [html for _, html in found], whole


def figures(seconds):
    """Median, 95th percentile and maximum."""
    median, high = np.percentile(seconds, (50, 95))
    return {"median_s": median, "p95_s": high, "max_s": seconds.max()}


def measure(run, waves):
    with tempfile.TemporaryDirectory() as folder, app.running(run) as address:
        paths = write_recordings(folder, waves, RATE)
        desk = Desk(run)
        desk.warm()
        expected = [actions.hear(desk, path) for path in paths]
        at_once(address, paths[:4])  # the first visitors pay for what is done once
        bare = alone(desk, paths)
        latency, answers, whole = at_once(address, paths)
    lost = sum(said != right for said, right in zip(answers, expected, strict=True))
    return {
        "clips": len(paths),
        "lost_or_wrong": lost,
        "page": figures(latency),
        "bare": {**figures(bare), "sum_s": bare.sum()},
        "all_clips_s": whole,
        "ratio_of_throughput": whole / bare.sum(),
        "ratio_of_medians": float(np.median(latency) / np.median(bare)),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", nargs="?", help="folder of a run (the model in the box)")
    parser.add_argument("--clips", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--data", help="folder of recordings; synthetic voices without it")
    given = parser.parse_args()
    if given.data:
        waves = real_clips(given.data, given.clips, given.seconds)
    else:
        waves = [synthetic_clip(n, given.seconds) for n in range(given.clips)]
    found = measure(given.run, waves)
    print(json.dumps(found, indent=2, default=float))
    if found["lost_or_wrong"]:
        raise SystemExit("Every clip sent must come back with the answer that it gets alone.")


if __name__ == "__main__":
    main()
