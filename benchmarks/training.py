"""What a frozen part that is computed once saves: pictures a second of transfer learning.

The experiments of report S4 on random pictures with random weights, since time asks for no sense:

  frozen              the backbone is frozen and computed in every epoch (experiments 1 and 2)
  frozen, kept        the same on maps of its output
  last layer          the last convolution learns (experiment 3), and the same on maps
  last 3 layers       the last three learn (experiment 5), and the same on maps
  all                 nothing is frozen

Everything is as in a run: features in a memory map, batches, dropout, Adam, training.cache_frozen
true or false. All contestants take turns at an epoch, so that a slow minute of the machine hits
all of them; a figure is the median over the turns, a ratio the median of the ratios to "frozen"
of the same turn. An epoch on maps meets each picture 16 times: what an epoch costs beside its
steps then weighs as in a corpus of that size. Validation is left out. "once" is what the maps
cost, in epochs of the same network without them.

Examples:
  python benchmarks/training.py                                     VGG16 at 224, some minutes
  python benchmarks/training.py --backbone squeezenet1.1 --image-size 64
  python benchmarks/training.py --clips 32 --turns 1 --json figures.json
"""

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import keras

from serkeras.config import Experiment
from serkeras.models import backbones
from serkeras.training import frozen_fit
from serkeras.training.batches import Batches
from serkeras.training.compiling import make_repeatable
from serkeras.training.network import builder
from serkeras.training.sides import Side

CLASSES = 7
MEETINGS = 16
CONTESTANTS = {
    "frozen": {"blocks": 0},
    "last layer": {"layers": 1},
    "last 3 layers": {"layers": 3},
    "all": {},
}


def pictures(folder, count, size):
    """Write random pictures as an entry of the feature cache; return the side that holds them."""
    rng = np.random.default_rng(0)
    path = Path(folder) / "features" / "pictures" / "x.npy"
    path.parent.mkdir(parents=True)
    np.save(path, rng.integers(0, 256, (count, size, size, 3), np.uint8))
    index = np.arange(count)
    y = rng.integers(0, CLASSES, count).astype(np.int32)
    return Side(np.load(path, mmap_mode="r"), index, y, index.astype(str).astype(object))


def experiment(options, learning, kept):
    """Return the experiment of one contestant."""
    settings = {"backbone": options.backbone, **learning}
    if options.backbone == "vit-b16":
        settings["pooling"] = None
    return Experiment().with_settings(
        {
            "features.name": "mel_image",
            "model.name": "transfer",
            "model.normalize": "none",
            "model.settings": settings,
            "training.batch_size": options.batch_size,
            "training.cache_frozen": kept,
        }
    )


class Contestant:
    """A network and the batches that it learns from.

    Args:
        name: as the table has it.
        side: `Side` of the pictures.
        options: those of the command line.
        learning: settings of what learns.
        kept: whether the frozen part is computed once.
        folder: `pathlib.Path`, empty, in place of a run folder.
    """

    def __init__(self, name, side, options, learning, kept, folder):
        self.name, self.kept = name, kept
        asked = experiment(options, learning, kept)
        make_repeatable(asked.training)
        whole = builder(side, list("abcdefg"), asked)(0)
        began = time.perf_counter()
        self._model, (given,) = frozen_fit.prepare(
            folder, "search", whole, [side], asked.training, False
        )
        self.once_s = time.perf_counter() - began
        self.layer = frozen_fit.layer(folder)
        if self.layer:
            given = replace(
                given, **{n: np.tile(getattr(given, n), MEETINGS) for n in ("index", "y", "clips")}
            )
        self.clips = len(given.y)
        self._batches = Batches(given, options.batch_size, seed=0)

    def pictures_per_s(self):
        """Fit an epoch; return the pictures a second."""
        began = time.perf_counter()
        self._model.fit(self._batches.for_keras(), shuffle=False, verbose=0)
        return self.clips / (time.perf_counter() - began)


def contestants(side, options, folder):
    """Yield all contestants; those of which nothing can be kept once only."""
    for name, learning in CONTESTANTS.items():
        yield Contestant(name, side, options, learning, False, Path(folder) / f"{name}-plain")
        if not learning:
            continue
        kept = Contestant(f"{name}, kept", side, options, learning, True, Path(folder) / name)
        if kept.layer:
            yield kept


def measure(options, folder):
    """Return the rows of the table."""
    side = pictures(folder, options.clips, options.image_size)
    rivals = list(contestants(side, options, folder))
    # The first turn pays for compilation and empty caches.
    turns = [[rival.pictures_per_s() for rival in rivals] for _ in range(options.turns + 1)][1:]
    return list(rows(rivals, np.array(turns), options.clips))


def rows(rivals, turns, clips):
    """Yield one row a contestant from its pictures a second, `(turns, contestants)`."""
    ratios = turns / turns[:, :1]
    rates = np.median(turns, axis=0)
    for number, rival in enumerate(rivals):
        row = {
            "network": rival.name,
            "kept_up_to": rival.layer,
            "pictures_per_s": float(rates[number]),
            "ratio": float(np.median(ratios[:, number])),
            "ratio_range": [float(f(ratios[:, number])) for f in (np.min, np.max)],
        }
        if rival.layer:
            # The contestant before is the same network without maps.
            row["once_s"] = rival.once_s
            row["once_in_epochs"] = rival.once_s * float(rates[number - 1]) / clips
        yield row


def show(found):
    """Print the table."""
    print(f"{'network':21}{'kept up to':22}{'pictures/s':>11}{'ratio':>8}{'turns':>17}{'once':>18}")
    for row in found:
        low, high = row["ratio_range"]
        once = f"{row['once_s']:.1f} s, {row['once_in_epochs']:.2f} ep." if "once_s" in row else ""
        print(
            f"{row['network']:21}{row['kept_up_to'] or '-':22}{row['pictures_per_s']:11.1f}"
            f"{row['ratio']:8.2f}{f'{low:.2f} to {high:.2f}':>17}{once:>18}"
        )


def parse(arguments):
    """Return the options."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clips", type=int, default=64, help="number of pictures (default 64)")
    parser.add_argument("--image-size", type=int, default=224, help="pixels (default 224)")
    parser.add_argument("--backbone", choices=backbones.names(), default="vgg16")
    parser.add_argument("--batch-size", type=int, default=32, help="pictures a step (default 32)")
    parser.add_argument("--turns", type=int, default=3, help="turns counted (default 3)")
    parser.add_argument("--json", metavar="FILE", help="write the figures there as well")
    options = parser.parse_args(arguments)
    if min(options.clips, options.batch_size, options.turns) < 1:
        parser.error("--clips, --batch-size and --turns must be 1 or more")
    return options


def main(arguments=None):
    """Measure, print, and write what was asked for."""
    options = parse(arguments)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["SERKERAS_CACHE"] = folder
        print(
            f"{options.backbone}, {options.clips} pictures of {options.image_size} x "
            f"{options.image_size}, {options.turns} turns, {platform.machine()}, Keras "
            f"{keras.__version__} on {keras.backend.backend()}, {os.cpu_count()} cores",
            flush=True,
        )
        found = measure(options, folder)
    show(found)
    if options.json:
        Path(options.json).write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
