"""Our features beside librosa's: the largest relative error of functions and layers.

One row a feature, one column for the functions of serkeras and one for the layers on each
backend that is installed, each in a process of its own; "-" where there is no layer. References
are direct calls of librosa, clip by clip, joined as the feature's description says. A figure is
max |difference| / max |reference| of a clip, the largest over all clips and over two sets of
settings: librosa's defaults, and a short window with few bands. The silent clip is held to the
largest value of all clips, since slopes of silence are rounding errors in librosa too. Colours
of `mel_image` are held to the unrounded place in the colour map.

Exits with 1 where a figure exceeds 1e-4.

Examples:
  python benchmarks/parity.py              synthetic clips, about two minutes
  python benchmarks/parity.py --data DIR   and eight recordings found below DIR
"""

import argparse
import importlib.util
import json
import logging
import os
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import matplotlib
import numpy as np

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parents[1])]

from _contest import real_clips, synthetic_clip  # noqa: E402
from _references import RATE, reference  # noqa: E402

from serkeras.config import FeatureConfig  # noqa: E402
from serkeras.features import registry  # noqa: E402

LIMIT = 1e-4
BACKENDS = ("tensorflow", "jax", "torch")
SETTINGS = (
    {},
    {"n_mels": 40, "n_mfcc": 20, "n_fft": 1024, "win_length": 400, "hop_length": 160, "fmin": 60.0},
)
COMPOSED = ("mel+mfcc+chroma", "log_mel+mfcc+mfcc_delta+mfcc_delta2")
SHORT = "0.1 s"  # too short for some features, which may refuse it


def clips(data):
    """Return waveforms by name."""
    voices = [synthetic_clip(seed, 3.0) for seed in range(2)]
    click = np.zeros(RATE, np.float32)
    click[RATE // 3] = 0.9
    found = {
        "voice": voices[0],
        "another voice": voices[1],
        "quiet": voices[0] * np.float32(1e-4),
        "click": click,
        SHORT: np.ascontiguousarray(voices[0][8000:9600]),
        "silent": np.zeros(RATE, np.float32),
    }
    for index, wave in enumerate(real_clips(data, 8, 3.0) if data else ()):
        found[f"recording {index}"] = wave
    return found


def difference(name, found, expected):
    """Return the largest absolute difference."""
    if name != "mel_image":
        return float(np.abs(found - expected.astype(np.float64)).max())
    colors = matplotlib.colormaps["magma"](np.arange(256), bytes=True)[:, :3]
    same = (colors == found[..., None, :]).all(axis=-1)
    away = np.where(same, np.abs(np.arange(256) - expected[..., None]), np.inf).min(axis=-1)
    return float(np.maximum(away - 0.5, 0).max())


def cases():
    """Yield (number, configuration) of all features and settings."""
    names = [*registry.names(), *COMPOSED]
    for number, (name, settings) in enumerate((n, s) for n in names for s in SETTINGS):
        yield number, FeatureConfig(name, **settings)


def errors(waves, expected, compute):
    """Return the largest relative error by feature.

    Args:
        waves: waveforms by name.
        expected: references by "number clip", see `all_references`.
        compute: function of a configuration and a wave to the feature; None for no such way.
    """
    worst = {}
    for number, config in cases():
        references = {clip: expected[f"{number} {clip}"] for clip in waves}
        largest = max(np.abs(each).max() for each in references.values() if each.size)
        for clip, wave in waves.items():
            if not references[clip].size:
                continue
            found = compute(config, wave)
            if found is None:
                break
            scale = largest if clip == "silent" else np.abs(references[clip]).max()
            error = difference(config.name, found, references[clip]) / max(scale, 1e-30)
            worst[config.name] = float(np.max([worst.get(config.name, 0.0), error]))
    return worst


def all_references(waves):
    """Return references by "number clip"; empty where the feature refuses the short clip."""
    expected = {}
    for number, config in cases():
        for clip, wave in waves.items():
            try:
                registry.compute(wave[None], config, RATE)
                expected[f"{number} {clip}"] = reference(wave, config)
            except ValueError:
                if clip != SHORT:
                    raise
                expected[f"{number} {clip}"] = np.zeros(0)
    return expected


def by_function(config, wave):
    return registry.compute(wave[None], config, RATE)[0]


def by_layer(config, wave):
    from serkeras.features import layers

    if not layers.has_layer(config):
        return None
    shape = by_function(config, wave).shape
    model = layers.front_end(config, RATE, len(wave))
    return model.predict(wave[None], verbose=0)[0].reshape(shape)


def on_backend(backend, folder):
    """Return the errors of the layers, from a process that has this backend."""
    answer = folder / f"{backend}.json"
    environment = {**os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "2"}
    command = [sys.executable, __file__, "--layers", str(folder), "--answer", str(answer)]
    subprocess.run(command, env=environment, check=True)
    return json.loads(answer.read_text())


def print_table(columns):
    print("feature".ljust(38), *(name.rjust(12) for name in columns))
    for name in [*registry.names(), *COMPOSED]:
        figures = (column.get(name) for column in columns.values())
        cells = ("-" if each is None else f"{each:.1e}" for each in figures)
        print(name.ljust(38), *(cell.rjust(12) for cell in cells))


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", help="folder with recordings to take besides")
    parser.add_argument("--layers", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--answer", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore", message="n_fft=|Trying to estimate tuning")
    if arguments.layers:
        logging.getLogger("tensorflow").setLevel("ERROR")  # it dislikes many small models
        waves = dict(np.load(arguments.layers / "waves.npz"))
        expected = np.load(arguments.layers / "references.npz")
        arguments.answer.write_text(json.dumps(errors(waves, expected, by_layer)))
        return 0
    waves = clips(arguments.data)
    expected = all_references(waves)
    columns = {"functions": errors(waves, expected, by_function)}
    with tempfile.TemporaryDirectory() as folder:
        np.savez(Path(folder) / "waves.npz", **waves)
        np.savez(Path(folder) / "references.npz", **expected)
        for backend in BACKENDS:
            if importlib.util.find_spec(backend):
                columns[backend] = on_backend(backend, Path(folder))
    print_table(columns)
    figures = [figure for column in columns.values() for figure in column.values()]
    return 0 if max(figures) <= LIMIT and np.isfinite(figures).all() else 1


if __name__ == "__main__":
    sys.exit(main())
