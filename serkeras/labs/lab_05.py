"""Checks of notebook 05: receptive fields, parameters of a convolution, early stopping."""

from serkeras.labs.answers import Hint, as_array, as_number
from serkeras.labs.checking import exercise


@exercise("5.1", points=2)
def receptive_field(answer):
    """Judge how many input cells one cell sees behind layers of (kernel, stride)."""
    cases = (
        ([(5, 1)], 5),
        ([(3, 1), (3, 1)], 5),
        ([(2, 2), (3, 1)], 6),
        ([(3, 1), (2, 2), (3, 1), (4, 4), (3, 1)], 30),
        ([(1, 3), (2, 1)], 4),
    )
    for layers, wanted in cases:
        received = as_number(answer(list(layers)))
        if received == wanted:
            continue
        mistakes = {
            1 + sum(kernel - 1 for kernel, _ in layers): "strides count too: behind a stride of 2 "
            "neighbouring cells are two input cells apart",
            _field(layers, own_stride=True): "a layer's own stride widens the steps of the layers "
            "*behind* it, not of its own kernel",
            _field(layers) - 1: "begin with the one cell itself",
            _product(
                layers
            ): "kernels overlap: do not multiply them, add what each reaches further",
        }
        for value, hint in mistakes.items():
            if received == value:
                raise Hint(f"{layers}: {hint}")
        raise Hint(
            f"{layers}: you return {received:g}. Go from layer to layer with two numbers: how wide "
            "the field is so far, and how far apart neighbouring cells are"
        )


def _field(layers, own_stride=False):
    size, step = 1, 1
    for kernel, stride in layers:
        if own_stride:
            step *= stride
        size += (kernel - 1) * step
        if not own_stride:
            step *= stride
    return size


def _product(layers):
    product = 1
    for kernel, _ in layers:
        product *= kernel
    return product


@exercise("5.2", points=1)
def conv_parameters(answer):
    """Judge the number of parameters of a convolution layer with bias."""
    for height, width, channels, filters in ((3, 3, 2, 16), (3, 5, 16, 32), (1, 1, 7, 2)):
        received = as_number(answer(height, width, channels, filters))
        wanted = (height * width * channels + 1) * filters
        if received == wanted:
            continue
        given = f"{height} x {width}, {channels} channels, {filters} filters"
        mistakes = {
            wanted - filters: "each filter has a bias too",
            wanted - filters + 1: "there is a bias for each filter, not one for all",
            wanted - filters + channels: "a bias belongs to a filter, not to an input channel",
            (height * width + 1) * filters: "a kernel has weights for each of the input channels",
            (height * width + 1) * channels * filters: "a filter has one bias, however many "
            "channels it looks at",
            (height**2 * channels + 1) * filters: "kernels need not be square",
        }
        for value, hint in mistakes.items():
            if received == value:
                raise Hint(f"{given}: {hint}")
        raise Hint(f"{given}: how many weights has one filter, with its bias? Then all filters")


@exercise("5.3", points=2)
def stop_early(answer):
    """Judge the epoch that is kept, and the last one that is trained."""
    cases = (
        ([1.0, 0.8, 0.9, 0.85, 0.7, 0.6], 2, (2, 4)),
        ([1.0, 0.8, 0.9, 0.7, 0.75, 0.72, 0.9], 3, (4, 7)),
        ([0.9, 0.9, 0.9, 0.5], 2, (1, 3)),
        ([1.0, 0.9, 0.8], 5, (3, 3)),
    )
    for losses, patience, wanted in cases:
        received = tuple(as_array(answer(list(losses), patience), (2,)))
        if received == wanted:
            continue
        given = f"losses {losses}, patience {patience}"
        kept, last = wanted
        if losses[0] == losses[1] and received[0] > kept:
            raise Hint(f"{given}: an equal loss is not a lower one")
        if received == (kept - 1, last - 1):
            raise Hint(f"{given}: count epochs from 1")
        if received == (last, kept):
            raise Hint(f"{given}: return the epoch that is kept first")
        if received[0] == losses.index(min(losses)) + 1 != kept:
            raise Hint(f"{given}: training had stopped before it could see that lower loss")
        if received[0] == last != kept:
            raise Hint(f"{given}: kept is the epoch with the lowest loss, not the last one")
        if received[0] == kept and received[1] == min(last + 1, len(losses)):
            raise Hint(f"{given}: the {patience}th epoch without a lower loss is the last one")
        raise Hint(
            f"{given}: you return {received[0]:g} and {received[1]:g}. Remember the best epoch, "
            "and after each epoch ask how long ago it was; a lower loss begins the count anew"
        )
