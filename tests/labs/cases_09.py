"""Right and plausible wrong answers to the exercises of notebook 09."""

import numpy as np
import pandas as pd


def frames(samples, kernels, strides):
    for kernel, stride in zip(kernels, strides, strict=True):
        samples = (samples - kernel) // stride + 1
    return samples


def frames_at_once(samples, kernels, strides):
    jumps = np.cumprod([1, *strides])
    seen = 1 + sum((kernel - 1) * jump for kernel, jump in zip(kernels, jumps, strict=False))
    return np.int32((samples - seen) // jumps[-1] + 1)


def padded_frames(samples, kernels, strides):
    for stride in strides:
        samples = -(-samples // stride)
    return samples


def unrounded_frames(samples, kernels, strides):
    for kernel, stride in zip(kernels, strides, strict=True):
        samples = (samples - kernel) / stride + 1
    return samples


def least(count, kernels, strides):
    for kernel, stride in list(zip(kernels, strides, strict=True))[::-1]:
        count = (count - 1) * stride + kernel
    return count


def least_by_trying(count, kernels, strides):
    samples = 0
    while frames(samples, kernels, strides) < count:
        samples += 1
    return samples


def by_speaker(vectors, speakers):
    found = np.empty_like(vectors)
    for name in np.unique(speakers):
        rows = speakers == name
        found[rows] = (vectors[rows] - vectors[rows].mean(axis=0)) / vectors[rows].std(axis=0)
    return found


def by_pandas(vectors, speakers):
    groups = pd.DataFrame(vectors).groupby(np.asarray(speakers))
    return (vectors - groups.transform("mean")) / groups.transform("std")


def centred(vectors, speakers):
    return vectors - pd.DataFrame(vectors).groupby(speakers).transform("mean").to_numpy()


def in_another_order(vectors, speakers):
    found = by_speaker(vectors, speakers)
    return np.concatenate([found[speakers == name] for name in np.unique(speakers)])


def one_deviation(vectors, speakers):
    found = centred(vectors, speakers)
    for name in np.unique(speakers):
        found[speakers == name] /= found[speakers == name].std()
    return found


RIGHT = {
    "9.1": [frames, frames_at_once],
    "9.2": [least, least_by_trying],
    "9.3": [
        lambda blocks, width, targets, rank: 2 * blocks * targets * width * rank,
        lambda blocks, width, targets, rank: blocks * targets * (width * rank + rank * width) / 1.0,
    ],
    "9.4": [by_speaker, by_pandas],
}
WRONG = {
    "9.1": [
        (lambda samples, kernels, strides: samples // np.prod(strides), "right but for the ends"),
        (padded_frames, "a kernel must fit in as a whole"),
        (unrounded_frames, "a step is whole"),
        (lambda *given: frames(*given) - 1, "convolution by convolution"),
    ],
    "9.2": [
        (lambda count, kernels, strides: count * np.prod(strides), "frames overlap"),
        (lambda *given: least(*given) + 1, "fewer would too"),
        (lambda *given: least(*given) - 1, "another number"),
        (lambda count, kernels, strides: (count - 1) * np.prod(strides), "Walk backwards"),
    ],
    "9.3": [
        (lambda blocks, width, targets, rank: blocks * targets * width * rank, "two matrices"),
        (lambda blocks, width, targets, rank: 2 * blocks * width * rank, "matrices of its own"),
        (lambda blocks, width, targets, rank: 2 * targets * width * rank, "that is one block"),
        (lambda blocks, width, targets, rank: blocks * targets * width**2, "stays as it is"),
        (lambda blocks, width, targets, rank: rank, "A and B of one layer"),
    ],
    "9.4": [
        (lambda v, names: (v - v.mean(axis=0)) / v.std(axis=0), "normalised together"),
        (centred, "deviation of each number"),
        (one_deviation, "has its own"),
        (in_another_order, "changed their order"),
        (lambda v, names: v / by_speaker(v, names), "the mean of each number"),
        (lambda v, names: by_speaker(v, names)[names == "a"], "an array of shape (7, 3)"),
    ],
}
