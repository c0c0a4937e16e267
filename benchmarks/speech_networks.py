"""Our speech networks beside transformers and torch: seconds a step, clips a second, memory.

The same network at its published size with random weights, the same random clips, the same head
(mean over the frames, 256 units, 7 classes), in two tables:

  forward   from waveforms to classes, nothing is dropped and no gradient kept;
  step      fine-tuning: frozen convolutions, masks and dropout, cross entropy, AdamW.

Each contestant has a process of its own, so that its memory is its own; they take turns at a
step, so that a slow minute of the machine hits both. A figure is the median over the turns, a
ratio the median of ours / theirs of the same turn (below 1 is faster than theirs); "peak" is the
most memory that the process has had by then, weights and libraries included. Ours run on the
backend that KERAS_BACKEND names. Layer drop is off unless asked for: transformers then leaves
blocks out, and we compute all of them, which a compiled graph asks for.

Examples:
  python benchmarks/speech_networks.py                         wav2vec2-base, some minutes
  KERAS_BACKEND=jax python benchmarks/speech_networks.py --clips 2 --turns 2
  python benchmarks/speech_networks.py --network wavlm-base --remat --only step --json figures.json
"""

import argparse
import importlib.metadata
import importlib.util
import json
import os
import platform
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parents[1])]

RATE = 16000
CLASSES = 7
UNITS = 256
NETWORKS = {"wav2vec2-base": "Wav2Vec2", "hubert-base": "Hubert", "wavlm-base": "WavLM"}
TABLES = ("forward", "step")
CONTESTANTS = ("transformers", "serkeras")


class Ours:
    """Our network, as the model `ssl` has it."""

    def __init__(self, options, clips, classes):
        import keras

        from serkeras import models

        keras.utils.set_random_seed(0)
        family = options.network.split("-")[0]
        self._model = models.build(
            "ssl",
            (clips.shape[1], 1),
            CLASSES,
            config={"model_type": family, "layerdrop": options.layerdrop},
            projection=UNITS,
            frozen=1,
            remat=options.remat,
        )
        self._model.compile(keras.optimizers.AdamW(1e-5), "sparse_categorical_crossentropy")
        self._clips, self._classes = clips[..., None], classes

    def forward(self):
        """Classify the clips."""
        return self._model.predict_on_batch(self._clips)

    def step(self):
        """Learn from the clips once."""
        return float(self._model.train_on_batch(self._clips, self._classes))


class Theirs:
    """The network of transformers."""

    def __init__(self, options, clips, classes):
        import torch

        from tests.references import import_transformers

        transformers = import_transformers()
        torch.manual_seed(0)
        kind = NETWORKS[options.network]
        config = getattr(transformers, f"{kind}Config")(
            num_labels=CLASSES, classifier_proj_size=UNITS, layerdrop=options.layerdrop
        )
        self._torch = torch
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        network = getattr(transformers, f"{kind}ForSequenceClassification")(config)
        network.freeze_feature_encoder()
        if options.remat:
            network.gradient_checkpointing_enable()
        self._network = network.to(self._device)
        learning = [each for each in network.parameters() if each.requires_grad]
        self._optimizer = torch.optim.AdamW(learning, 1e-5)
        level = (clips - clips.mean(1, keepdims=True)) / clips.std(1, keepdims=True)
        self._clips = torch.tensor(level, device=self._device)
        self._classes = torch.tensor(classes, device=self._device)

    def forward(self):
        """Classify the clips."""
        self._network.eval()
        with self._torch.no_grad():
            return self._network(self._clips).logits.softmax(-1).cpu().numpy()

    def step(self):
        """Learn from the clips once."""
        self._network.train()
        self._optimizer.zero_grad()
        loss = self._network(self._clips, labels=self._classes).loss
        loss.backward()
        self._optimizer.step()
        return loss.item()


def peak_mb():
    """Return the most memory that this process has had, in megabytes."""
    import resource

    unit = 1e6 if sys.platform == "darwin" else 1e3  # bytes there, kilobytes elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def serve(options):
    """Be one contestant: do what the lines of the standard input say, answer in JSON."""
    rng = np.random.default_rng(0)
    samples = round(options.seconds * RATE)
    clips = rng.normal(size=(options.clips, samples)).astype(np.float32)
    classes = rng.integers(0, CLASSES, options.clips)
    kind = {"serkeras": Ours, "transformers": Theirs}[options.contestant]
    contestant = kind(options, clips, classes)
    for line in sys.stdin:
        if line.strip() == "peak":
            answer = peak_mb()
        else:
            began = time.perf_counter()
            getattr(contestant, line.strip())()
            answer = time.perf_counter() - began
        print(json.dumps(answer), flush=True)


class Process:
    """One contestant in a process of its own."""

    def __init__(self, name, arguments):
        self._process = subprocess.Popen(
            [sys.executable, __file__, *arguments, "--contestant", name],
            env={"TF_CPP_MIN_LOG_LEVEL": "2", **os.environ},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._name = name

    def ask(self, what):
        """Return the answer to "forward", "step" (seconds) or "peak" (megabytes)."""
        print(what, file=self._process.stdin, flush=True)
        answer = self._process.stdout.readline()
        if not answer:
            raise SystemExit(f"{self._name} stopped at {what!r}; its own words stand above.")
        return json.loads(answer)

    def end(self):
        """Close the process."""
        self._process.stdin.close()
        self._process.wait()


def measure(options, arguments):
    """Yield the rows of the tables."""
    rivals = {name: Process(name, arguments) for name in CONTESTANTS}
    try:
        for table in (options.only,) if options.only else TABLES:
            # The first turn pays for compilation and caches.
            turns = [
                [rival.ask(table) for rival in rivals.values()] for _ in range(options.turns + 1)
            ][1:]
            peaks = [rival.ask("peak") for rival in rivals.values()]
            yield from rows(table, np.array(turns), peaks, options.clips)
    finally:
        for rival in rivals.values():
            rival.end()


def rows(table, turns, peaks, clips):
    """Yield one row a contestant from its seconds, `(turns, contestants)`."""
    ratios = turns / turns[:, :1]
    for index, name in enumerate(CONTESTANTS):
        seconds = float(np.median(turns[:, index]))
        yield {
            "table": table,
            "contestant": name,
            "seconds": seconds,
            "clips_per_s": clips / seconds,
            "ratio": float(np.median(ratios[:, index])),
            "ratio_range": [float(f(ratios[:, index])) for f in (np.min, np.max)],
            "peak_mb": peaks[index],
        }


def show(row):
    """Print one row."""
    low, high = row["ratio_range"]
    print(
        f"{row['table']:9}{row['contestant']:14}{row['seconds']:10.3f}{row['clips_per_s']:10.2f}"
        f"{row['ratio']:8.2f}{f'{low:.2f} to {high:.2f}':>16}{row['peak_mb']:10.0f}",
        flush=True,
    )


def machine():
    """Return what the figures were measured on, as words."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    packages = ("keras", "tensorflow", "tensorflow-cpu", "jax", "torch", "transformers")
    found = []
    for name in packages:
        try:
            found.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            continue
    backend = os.environ.get("KERAS_BACKEND", "tensorflow")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    return f"ours on {backend}, {platform.machine()}, {cores} cores{load}, {', '.join(found)}"


def parse(arguments):
    """Return the options."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--network", choices=NETWORKS, default="wav2vec2-base")
    parser.add_argument("--clips", type=int, default=4, help="clips of a batch (default 4)")
    parser.add_argument("--seconds", type=float, default=3.0, help="length (default 3.0)")
    parser.add_argument("--turns", type=int, default=3, help="turns counted (default 3)")
    parser.add_argument("--only", choices=TABLES, help="one table")
    parser.add_argument("--remat", action="store_true", help="compute blocks again for gradients")
    parser.add_argument("--layerdrop", type=float, default=0.0, help="share (default 0)")
    parser.add_argument("--json", metavar="FILE", help="write the figures there as well")
    parser.add_argument("--contestant", choices=CONTESTANTS, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if min(options.clips, options.turns) < 1:
        parser.error("--clips and --turns must be 1 or more")
    return options


def main(arguments=None):
    """Measure, print, and write what was asked for."""
    arguments = sys.argv[1:] if arguments is None else arguments
    options = parse(arguments)
    if options.contestant:
        return serve(options)
    for package in ("torch", "transformers"):
        if importlib.util.find_spec(package) is None:
            return print(f"The peer needs the package {package}: make backends installs it.")
    print(
        f"{options.network}, {options.clips} clips of {options.seconds:g} s, {options.turns} "
        f"turns, remat {'on' if options.remat else 'off'}, {machine()}",
        flush=True,
    )
    heads = ("table", "contestant", "seconds", "clips/s", "ratio", "turns", "peak MB")
    print("{:9}{:14}{:>10}{:>10}{:>8}{:>16}{:>10}".format(*heads))
    found = []
    for row in measure(options, arguments):
        show(row)
        found.append(row)
    if options.json:
        Path(options.json).write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
