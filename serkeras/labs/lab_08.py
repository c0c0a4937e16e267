"""Checks of notebook 08: counting a head, one scale for all pictures, a rate for each block."""

from serkeras.labs.answers import Hint, as_array, as_number
from serkeras.labs.checking import exercise


@exercise("8.1", points=2)
def parameters_of_the_first_dense_layer(answer):
    """Judge the parameters of a dense layer behind a backbone, flattened or averaged."""
    for side, channels, units in ((7, 512, 512), (2, 64, 10)):
        for pooling in ("flatten", "average"):
            received = as_number(answer(side, channels, units, pooling))
            inputs = channels * (side * side if pooling == "flatten" else 1)
            if received == (inputs + 1) * units:
                continue
            given = f"{side} x {side} x {channels} to {units} units, {pooling}"
            mistakes = {
                inputs * units: "the biases are missing: each unit has one",
                inputs * units + 1: "every unit has a bias, not the layer one",
                (side * channels + 1) * units: "a map has side x side places",
                (side * side * channels + 1) * units: "an average leaves one number a channel",
                (channels + 1) * units: "flattened, every place of every channel is an input",
            }
            if received in mistakes:
                raise Hint(f"{given}: {mistakes[received]}")
            raise Hint(
                f"{given}: you return {received:,.0f}. How many numbers enter each unit? Each has "
                "a weight, and the unit a bias"
            )


@exercise("8.2", points=2)
def one_scale_for_all(answer):
    """Judge decibels turned into 0 to 255 by limits that are the same for all pictures."""
    import numpy as np

    decibels = np.array([[-80.0, -25.0], [8.0, 30.0]])
    low, high = -80.0, 30.0
    received = as_array(answer(decibels.copy(), low, high), (2, 2))
    if received[0, 0] > received[1, 1]:
        raise Hint("the loudest should be 255 and the softest 0: yours is the other way round")
    if received.max() <= 1:
        raise Hint("give numbers from 0 to 255, as pictures have them")
    if np.abs(received - 255 * (decibels - low) / (high - low)).max() > 1.01:
        raise Hint("`low_db` should become 0, `high_db` 255, and between them evenly")
    softer = as_array(answer(decibels - 40, low, high), (2, 2))
    if np.abs(softer - received).max() < 1.01:
        raise Hint(
            "a clip 40 dB softer gives the same picture. Take the limits that are given, not the "
            "picture's own least and largest value"
        )
    if softer.min() < 0:
        raise Hint("what lies below `low_db` becomes negative: hold it at 0")
    if np.abs(softer - [[0, 255 * 15 / 110], [255 * 48 / 110, 255 * 70 / 110]]).max() > 1.01:
        raise Hint("what lies below `low_db` should be 0, and it is not: a byte begins anew at 256")
    louder = as_array(answer(decibels + 40, low, high), (2, 2))
    if np.abs(louder - [[255 * 40 / 110, 255 * 95 / 110], [255, 255]]).max() > 1.01:
        raise Hint("what lies above `high_db` should be 255: look at numbers past the limit")


@exercise("8.3", points=2)
def rate_of_each_block(answer):
    """Judge the learning rates of a backbone's blocks, the first block first."""
    import numpy as np

    for rate, backbone, decay, blocks in (
        (1e-3, 0.3, 0.5, 4),
        (2.0, 1.0, 0.1, 3),
        (1.0, 0.5, 1, 2),
    ):
        received = as_array(answer(rate, backbone, decay, blocks), (blocks,))
        right = rate * backbone * decay ** np.arange(blocks)[::-1]
        if np.allclose(received, right, rtol=1e-6):
            continue
        given = f"rate {rate:g}, backbone {backbone:g}, decay {decay:g}, {blocks} blocks"
        mistakes = (
            (right[::-1], "begin the list with the network's first block, which learns slowest"),
            (right / backbone, "the last block should learn at `backbone` times the head's rate"),
            (right * decay, "the last block is not slowed by `decay`: only those before it are"),
            (right / rate, "those are shares: multiply by the head's rate"),
            (np.full(blocks, rate * backbone), "each earlier block learns at `decay` times the "
             "rate of the block behind it"),
        )  # fmt: skip
        for values, hint in mistakes:
            if np.allclose(received, values, rtol=1e-6):
                raise Hint(f"{given}: {hint}")
        raise Hint(f"{given}: begin with the last block and go back, one factor a block")
