"""Our speech networks beside transformers on torch: the largest difference of what they compute.

One row a network and kind of batch. Both libraries load one checkpoint that transformers wrote:
random weights out of a seed, norms and biases too. A figure is the largest |difference| over

  states   the hidden states of every layer and the last one, from waveforms at their level;
  log p    the log-probabilities of `serkeras.ssl.classifier_from_preset`, whose head takes the
           weighted mean of all hidden states, from waveforms as they come.

Batches are clips of one length, or of several lengths, whose padding is left out. "base" has group
norm in the convolutions and norms behind the blocks, "large" layer norm and norms before the
blocks, as XLS-R has. Networks are tiny unless their published size is asked for: that takes 5 GB
of memory, 1.3 GB in the temporary folder and some minutes for a large one. Each backend has a
process of its own, the reference too.

Exits with 1 where a figure exceeds 1e-4.

Examples:
  python benchmarks/speech_parity.py                    tiny networks on every backend installed
  python benchmarks/speech_parity.py --real --networks wavlm-large --backends jax
"""

import argparse
import gc
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parents[1])]

from speech_networks import RATE, machine  # noqa: E402

LIMIT = 1e-4
BACKENDS = ("tensorflow", "jax", "torch")
FAMILIES = ("wav2vec2", "hubert", "wavlm")
NETWORKS = [f"{family}-{size}" for family in FAMILIES for size in ("base", "large")]
CASES = {"whole": "one length", "padded": "padded"}
FIGURES = ("states", "log p")
LARGE = {
    "hidden_size": 1024,
    "num_hidden_layers": 24,
    "num_attention_heads": 16,
    "intermediate_size": 4096,
}
LABELS = ("neutral", "happy", "angry", "sad")


def settings(network, real):
    """Return what the config.json of a network has."""
    from serkeras.ssl import SSLConfig
    from tests.layer_checks import ssl as checks

    family, size = network.split("-")
    norms = checks.LARGE if size == "large" else {}
    if not real:
        return checks.config(family, **norms).to_dict()
    wide = LARGE if size == "large" else {}
    # As published: WavLM's convolutions have no bias.
    bias = {"conv_bias": False} if family == "wavlm" else {}
    return SSLConfig.from_dict({"model_type": family, **wide, **norms, **bias}).to_dict()


def reference(transformers, network, real):
    """Return a classifier, its weights moved from their first values."""
    import torch

    told = settings(network, real)
    config = transformers.AutoConfig.for_model(
        **told,
        id2label=dict(enumerate(LABELS)),
        label2id={label: index for index, label in enumerate(LABELS)},
        use_weighted_layer_sum=True,
        classifier_proj_size=told["hidden_size"] // 4,
    )
    torch.manual_seed(0)
    model = transformers.AutoModelForAudioClassification.from_config(config).eval()
    with torch.no_grad():
        for each in model.parameters():
            # Wide layers get less, so that states neither grow nor all look alike.
            each.add_(torch.randn_like(each), alpha=min(0.1, each[0].numel() ** -0.5))
    return model


def write(folder, network, real):
    """Write the checkpoint of a network, clips, and what transformers makes of them."""
    import torch

    from tests.layer_checks.ssl import LENGTHS
    from tests.references import import_transformers

    transformers = import_transformers()
    transformers.utils.logging.disable_progress_bar()
    torch.set_grad_enabled(False)
    model = reference(transformers, network, real)
    model.save_pretrained(folder)
    extractor = transformers.Wav2Vec2FeatureExtractor(return_attention_mask=True)
    extractor.save_pretrained(folder)
    lengths = np.array([RATE, RATE * 9 // 16]) if real else LENGTHS
    stored = {"parameters": model.base_model.num_parameters(), "lengths": lengths}
    for case in CASES:
        of_case = lengths if case == "padded" else np.full_like(lengths, lengths[0])
        for name, value in expected(model, extractor, of_case).items():
            stored[f"{case} {name}"] = value
    np.savez(folder / "expected.npz", **stored)


def expected(model, extractor, lengths):
    """Return raw clips, the same at their level, hidden states and log-probabilities."""
    rng = np.random.default_rng(0)
    clips = [3 * rng.normal(size=length).astype("f4") + 1 for length in lengths]
    given = extractor(clips, sampling_rate=RATE, padding=True, return_tensors="pt")
    if len(set(lengths)) == 1:
        del given["attention_mask"]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Support for mismatched key_padding_mask")
        found = model.base_model(**given, output_hidden_states=True)
        scores = model(**given).logits.log_softmax(-1)
    most = max(lengths)
    return {
        # Behind the clips' ends there may be anything.
        "waveform": np.stack([np.pad(x, (0, most - len(x)), constant_values=9) for x in clips]),
        "level": given["input_values"].numpy(),
        "states": np.stack([*found.hidden_states, found.last_hidden_state]),
        "log p": scores.numpy(),
    }


def differences(folder, case):
    """Return the largest differences of states and log-probabilities on this backend."""
    from keras import ops

    from serkeras.models import backbones
    from serkeras.ssl import classifier_from_preset

    stored, is_padded = np.load(folder / "expected.npz"), case == "padded"
    model, _ = classifier_from_preset(folder, padded=is_padded)
    (network,) = backbones.inside(model)
    lengths = stored["lengths"].astype("int32")

    def inputs(name):
        wave = stored[f"{case} {name}"]
        return {"waveform": wave, "lengths": lengths} if is_padded else wave

    found = network(inputs("level"), training=False)
    states = [*found["hidden_states"], found["last_hidden_state"]]
    computed = {
        "states": np.stack([ops.convert_to_numpy(each) for each in states]),
        "log p": np.log(ops.convert_to_numpy(model(inputs("waveform"), training=False))),
    }
    return [float(np.abs(computed[name] - stored[f"{case} {name}"]).max()) for name in FIGURES]


def compare(folder, networks):
    """Write the differences of networks by network and case, as the backend has them."""
    import keras

    found = {}
    for network in networks:
        found[network] = {}
        for case in CASES:
            found[network][case] = differences(folder / network, case)
            keras.backend.clear_session()
            gc.collect()  # the model before would stand beside the next
    (folder / f"{keras.backend.backend()}.json").write_text(json.dumps(found))


def process(backend, *arguments):
    """Run this file in a process of its own."""
    environment = {"TF_CPP_MIN_LOG_LEVEL": "2", **os.environ, "KERAS_BACKEND": backend}
    subprocess.run([sys.executable, __file__, *arguments], env=environment, check=True)


def rows(networks, options):
    """Yield (cells of a row, its figures) of networks that are on disk together."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        told = ["--networks", *networks, *(["--real"] if options.real else [])]
        process("torch", *told, "--write", name)
        for backend in options.backends:
            process(backend, *told, "--compare", name)
        found = [json.loads((folder / f"{each}.json").read_text()) for each in options.backends]
        for network in networks:
            stored = np.load(folder / network / "expected.npz")
            for case, words in CASES.items():
                largest = np.abs(stored[f"{case} states"]).max()
                figures = [figure for each in found for figure in each[network][case]]
                told = (network, f"{stored['parameters']:,}", words, f"{largest:.1f}")
                yield [*told, *(f"{figure:.1e}" for figure in figures)], figures


def show(cells):
    print("|", " | ".join(cells), "|", flush=True)


def parse(arguments):
    """Return the options."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    installed = [each for each in BACKENDS if importlib.util.find_spec(each)]
    parser.add_argument("--backends", nargs="+", choices=installed, default=installed)
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=NETWORKS)
    parser.add_argument("--real", action="store_true", help="networks of their published size")
    parser.add_argument("--write", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--compare", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


def table(options):
    """Print the table; return the largest figure, or that which is no number."""
    batches = [[each] for each in options.networks] if options.real else [options.networks]
    names = [f"{backend}: {each}" for backend in options.backends for each in FIGURES]
    head = ["network", "parameters", "clips", "largest state", *names]
    show(head)
    show(["---"] * len(head))
    found = []
    for batch in batches:
        for cells, figures in rows(batch, options):
            show(cells)
            found += figures
    return np.max(found)


def main(arguments=None):
    """Print the table and return the exit code."""
    options = parse(arguments)
    if options.write:
        for network in options.networks:
            write(options.write / network, network, options.real)
        return 0
    if options.compare:
        compare(options.compare, options.networks)
        return 0
    for package in ("torch", "transformers"):
        if importlib.util.find_spec(package) is None:
            print(f"The reference needs the package {package}: make backends installs it.")
            return 0
    worst = table(options)
    print(f"\nLargest: {worst:.1e}, limit {LIMIT:g}. {machine().partition(', ')[2]}.")
    return 0 if worst <= LIMIT else 1


if __name__ == "__main__":
    sys.exit(main())
