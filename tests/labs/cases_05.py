"""Right and plausible wrong answers to the exercises of notebook 05."""

import numpy as np


def field(layers):
    size, step = 1, 1
    for kernel, stride in layers:
        size, step = size + (kernel - 1) * step, step * stride
    return size


def field_from_behind(layers):
    size = 1
    for kernel, stride in reversed(layers):
        size = (size - 1) * stride + kernel
    return np.array([size])


def own_stride(layers):
    size, step = 1, 1
    for kernel, stride in layers:
        step *= stride
        size += (kernel - 1) * step
    return size


def parameters(height, width, channels, filters):
    return (height * width * channels + 1) * filters


def parameters_by_shape(height, width, channels, filters):
    return float(np.ones((height, width, channels, filters)).size + filters)


def stop(losses, patience):
    best = 1
    for epoch, loss in enumerate(losses, start=1):
        if loss < losses[best - 1]:
            best = epoch
        if epoch - best >= patience:
            return best, epoch
    return best, len(losses)


def stop_by_counting(losses, patience):
    lowest, waited, kept = float("inf"), 0, 0
    for epoch, loss in enumerate(losses):
        waited = 0 if loss < lowest else waited + 1
        if loss < lowest:
            lowest, kept = loss, epoch + 1
        if waited == patience:
            break
    return np.array([kept, epoch + 1])


def never_anew(losses, patience):
    waited = 0
    for epoch in range(1, len(losses)):
        waited += losses[epoch] >= min(losses[:epoch])
        if waited == patience:
            return int(np.argmin(losses[: epoch + 1])) + 1, epoch + 1
    return int(np.argmin(losses)) + 1, len(losses)


def against_the_last(losses, patience):
    for epoch in range(1, len(losses)):
        if losses[epoch] > losses[epoch - 1]:
            return epoch, epoch + 1
    return len(losses), len(losses)


def equal_is_better(losses, patience):
    best = 1
    for epoch, loss in enumerate(losses, start=1):
        if loss <= losses[best - 1]:
            best = epoch
        if epoch - best >= patience:
            return best, epoch
    return best, len(losses)


def one_too_late(losses, patience):
    best, last = stop(losses, patience)
    return best, min(last + 1, len(losses))


RIGHT = {
    "5.1": [field, field_from_behind],
    "5.2": [parameters, parameters_by_shape],
    "5.3": [stop, stop_by_counting],
}
WRONG = {
    "5.1": [
        (lambda layers: 1 + sum(kernel - 1 for kernel, _ in layers), "strides count too"),
        (own_stride, "*behind*"),
        (lambda layers: field(layers) - 1, "the one cell itself"),
        (lambda layers: int(np.prod([kernel for kernel, _ in layers])), "do not multiply"),
        (lambda layers: sum(kernel for kernel, _ in layers), "two numbers"),
        (lambda layers: None, "end it with `return`"),
    ],
    "5.2": [
        (lambda h, w, c, f: h * w * c * f, "has a bias too"),
        (lambda h, w, c, f: h * w * c * f + 1, "not one for all"),
        (lambda h, w, c, f: h * w * c * f + c if c > 1 else parameters(h, w, c, f), "belongs to"),
        (lambda h, w, c, f: (h * w + 1) * f, "each of the input channels"),
        (lambda h, w, c, f: (h * w + 1) * c * f, "one bias"),
        (lambda h, w, c, f: (h * h * c + 1) * f, "need not be square"),
        (lambda h, w, c, f: h * w * c, "how many weights"),
    ],
    "5.3": [
        (lambda losses, patience: [x - 1 for x in stop(losses, patience)], "from 1"),
        (lambda losses, patience: stop(losses, patience)[::-1], "kept first"),
        (lambda losses, patience: (np.argmin(losses) + 1, len(losses)), "had stopped before"),
        (lambda losses, patience: (stop(losses, patience)[1],) * 2, "not the last one"),
        (one_too_late, "is the last one"),
        (never_anew, "begins the count anew"),
        (equal_is_better, "not a lower one"),
        (against_the_last, "begins the count anew"),
    ],
}
