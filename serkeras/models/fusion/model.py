"""`mmfusion`: speech network, picture network and LSTM on one waveform, fused by attention."""

import inspect

import keras

from serkeras.models.fusion.blocks import NORMS, attention_block, unified
from serkeras.models.fusion.branches import chosen
from serkeras.models.parts import classifier


def build_mmfusion(
    input_shape,
    num_classes,
    branches=("mel", "mfcc", "waveform"),
    preset=None,
    config=None,
    frozen=1,
    remat=False,
    backbone="convnext-base",
    weights=None,
    size=None,
    value_range=(-80.0, 30.0),
    blocks=None,
    lstm_units=256,
    sample_rate=16000,
    n_fft=1024,
    hop_length=256,
    n_mels=128,
    n_mfcc=40,
    width=144,
    heads=3,
    gate_units=48,
    depth=2,
    norm="channels",
    block_dropout=0.1,
    units=128,
    dropout=0.3,
):
    """Branches out of one waveform, unified attention, mean over all steps, and a head.

    Features are computed in the network, so a saved model takes waveforms.

    Args:
        input_shape: `(samples, 1)`; the source has 5 s, 80,000 samples.
        num_classes: width of the softmax.
        branches: names in `serkeras.models.fusion.branches.BRANCHES`; their order is of no
            account.
        preset, config, frozen, remat: see `serkeras.models.fusion.waveform.WaveformBranch`.
        backbone, weights, size, value_range, blocks: see
            `serkeras.models.fusion.spectra.MelBranch`.
        lstm_units: see `serkeras.models.fusion.spectra.MFCCBranch`.
        sample_rate: of the waveform, hertz.
        n_fft, hop_length, n_mels, n_mfcc: see `serkeras.features.layers.MFCC`.
        width: of each step behind the embedding, d_z of the source.
        heads: of each attention, they divide `width`; a head has `width / heads` numbers.
        gate_units: width of the gates in each head, d_g of the source.
        depth: number of unified-attention blocks.
        norm: "channels" or "clip", see `serkeras.models.fusion.blocks.attention_block`.
        block_dropout: rate within the blocks' feed-forward parts.
        units: of the dense layer in front of the classes.
        dropout: rate in front of that layer.

    Returns:
        Uncompiled `keras.Model` from waveforms.

    Raises:
        ValueError: a setting is outside its range; see also the branches.
        FileNotFoundError, PermissionError, ConnectionError, ModuleNotFoundError: see
            `serkeras.ssl.presets.from_preset` and `serkeras.models.backbones.build`.

    Source:
        Report S2, section 3.5, after Zou et al. 2022 (the modalities) and Yu et al. 2019,
        arXiv:1908.04107 (the fusion). Its formula has a sigmoid for the gates and its text a
        softmax: here the sigmoid, as Yu et al. have it. It calls d_out = 48 the width of a head
        in one place and of all heads in another: here of a head, so that three make d_z = 144.
    """
    given = {
        "preset": preset, "config": config, "frozen": frozen, "remat": remat,
        "backbone": backbone, "weights": weights, "size": size, "value_range": value_range,
        "blocks": blocks, "lstm_units": lstm_units, "sample_rate": sample_rate, "n_fft": n_fft,
        "hop_length": hop_length, "n_mels": n_mels, "n_mfcc": n_mfcc,
    }  # fmt: skip
    _check_shape(input_shape)
    _check(width, heads, norm, depth)
    found = chosen(branches, given)
    inputs = keras.Input(input_shape, name="features")
    waveform = keras.layers.Reshape((-1,), dtype="float32", name="mono")(inputs)
    x = unified({branch.name: branch(waveform) for branch in found}, width)
    for number in range(1, depth + 1):
        x = attention_block(x, heads, gate_units, block_dropout, norm, f"block{number}")
    x = keras.layers.GlobalAveragePooling1D(dtype="float32", name="mean_of_steps")(x)
    x = keras.layers.Dropout(dropout, name="drop")(x)
    x = keras.layers.Dense(units, activation="relu", name="dense1")(x)
    return keras.Model(inputs, classifier(x, num_classes), name="mmfusion")


def first_weights(settings):
    """Return the files that the branches start from, see `serkeras.models.first_weights`.

    Args:
        settings: dictionary of this builder's keyword arguments.

    Raises:
        ValueError: see `build_mmfusion`.
    """
    arguments = inspect.signature(build_mmfusion).parameters.values()
    settings = {each.name: each.default for each in arguments} | dict(settings)
    found = chosen(settings["branches"], settings)
    return [row for branch in found for row in branch.first_weights()]


def _check_shape(input_shape):
    if len(input_shape) != 2 or input_shape[1] != 1 or input_shape[0] is None:
        raise ValueError(
            "`input_shape` must be (samples, 1), waveforms of one length. Received: "
            f"{input_shape}. Set features.name=waveform and audio.fit=pad."
        )


def _check(width, heads, norm, depth):
    rules = {
        "heads": (heads, heads > 0 and width % heads == 0, f"a divisor of `width` ({width})"),
        "norm": (norm, norm in NORMS, f"one of {sorted(NORMS)}"),
        "depth": (depth, depth >= 1, "1 or more"),
    }
    for name, (value, holds, words) in rules.items():
        if not holds:
            raise ValueError(
                f"`{name}` of the model 'mmfusion' must be {words}. Received: {value!r}. Correct "
                f"model.settings.{name}."
            )
