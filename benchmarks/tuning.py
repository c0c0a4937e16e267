"""What a second worker saves: wall-clock time of one search with one process and with several.

The same random search over the learning rate of `cnn` on the built-in corpus, from nothing to its
report, features computed before: once in one process, then by a chief and workers. Both try the
same settings; the table says whether they found the same. One process uses all cores as it likes,
workers share them, and the chief and every worker begin with some seconds of imports: short
trials gain nothing.

Examples:
  python benchmarks/tuning.py
  python benchmarks/tuning.py --trials 8 --epochs 6 --workers 2 --json figures.json
"""

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import serkeras

SPACE = {"training.learning_rate": {"min": 1e-4, "max": 1e-2, "log": True}}


def measure(folder, workers, trials, epochs):
    """Return the seconds of a search, and the objectives of its trials by their settings."""
    began = time.perf_counter()
    search = serkeras.tune(
        "cnn",
        space=SPACE,
        tuner="random",
        max_trials=trials,
        max_epochs=epochs,
        workers=workers,
        out=folder,
        progress=False,
    )
    seconds = time.perf_counter() - began
    found = {str(record["values"]): record["val_uar"] for record in search.records}
    return seconds, found


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--trials", type=int, default=6)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--json", metavar="FILE")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        budget = (given.trials, given.epochs)
        measure(Path(place) / "first", 1, 1, 1)  # features, and what a first fit compiles
        alone, one = measure(Path(place) / "alone", 1, *budget)
        together, several = measure(Path(place) / "fleet", given.workers, *budget)
    result = {
        "processes": {"1": round(alone, 1), str(given.workers): round(together, 1)},
        "ratio": round(alone / together, 2),
        "trials": [len(one), len(several)],
        "same_settings": sorted(one) == sorted(several),
        "best": [max(one.values()), max(several.values())],
        "machine": f"{os.cpu_count()} cores, {platform.machine()}",
    }
    print(json.dumps(result, indent=2))
    if given.json:
        Path(given.json).write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
