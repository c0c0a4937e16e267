"""Checks of notebook 09: frames of convolutions, the size of LoRA, normalising by speaker."""

from serkeras.labs.answers import Hint, as_array, as_number
from serkeras.labs.checking import exercise

KERNELS, STRIDES = (10, 3, 3, 3, 3, 2, 2), (5, 2, 2, 2, 2, 2, 2)
OTHERS = (4, 5), (3, 2)  # other convolutions: no constants learned by heart


def _frames(samples, kernels, strides):
    for kernel, stride in zip(kernels, strides, strict=True):
        samples = (samples - kernel) // stride + 1
    return samples


def _least(frames, kernels, strides):
    for kernel, stride in zip(reversed(kernels), reversed(strides), strict=True):
        frames = (frames - 1) * stride + kernel
    return frames


@exercise("9.1", points=2)
def frames_after_convolutions(answer):
    """Judge the number of frames that convolutions without padding leave."""
    for samples, kernels, strides in (
        (32000, KERNELS, STRIDES),
        (48000, KERNELS, STRIDES),
        (100, *OTHERS),
    ):
        received = as_number(answer(samples, list(kernels), list(strides)))
        wanted = _frames(samples, kernels, strides)
        if received == wanted:
            continue
        jump = 1
        for stride in strides:
            jump *= stride
        given = f"{samples} samples through kernels {kernels} and strides {strides}"
        if received == samples // jump:
            raise Hint(f"{given}: right but for the ends: a kernel must fit in as a whole")
        if received != int(received):
            raise Hint(f"{given}: you return {received:g}; a step is whole or it is not there")
        raise Hint(
            f"{given}: you return {received:g}. Go convolution by convolution: where does the "
            "kernel start first, where last, and how far does it jump?"
        )


@exercise("9.2", points=2)
def least_samples_for_frames(answer):
    """Judge the shortest clip that gives a number of frames."""
    for frames, kernels, strides in ((100, KERNELS, STRIDES), (1, KERNELS, STRIDES), (7, *OTHERS)):
        received = as_number(answer(frames, list(kernels), list(strides)))
        wanted = _least(frames, kernels, strides)
        if received == wanted:
            continue
        jump = 1
        for stride in strides:
            jump *= stride
        given = f"{frames} frames of kernels {kernels} and strides {strides}"
        if received == frames * jump:
            raise Hint(f"{given}: frames overlap, and the last one still has to see all it sees")
        if received == int(received) and _frames(received, kernels, strides) == frames:
            raise Hint(f"{given}: {received:g} samples do, and fewer would too")
        raise Hint(
            f"{given}: {received:g} samples give another number. Walk backwards through the "
            "convolutions: n steps need (n - 1) jumps and one kernel"
        )


@exercise("9.3", points=2)
def parameters_of_lora(answer):
    """Judge how many numbers LoRA learns."""
    for blocks, width, targets, rank in ((12, 768, 3, 8), (24, 1024, 1, 4)):
        received = as_number(answer(blocks, width, targets, rank))
        wanted = blocks * targets * 2 * width * rank
        if received == wanted:
            continue
        given = f"{blocks} blocks of width {width}, {targets} layers in each, rank {rank}"
        mistakes = {
            wanted / 2: "there are two matrices, A (width x rank) and B (rank x width)",
            wanted / targets: "each of the adapted layers of a block has matrices of its own",
            wanted / blocks: "that is one block",
            blocks * targets * width**2: "that is W, which stays as it is",
        }
        if received in mistakes:
            raise Hint(f"{given}: {mistakes[received]}")
        raise Hint(f"{given}: you return {received:,.0f}. Count A and B of one layer first")


@exercise("9.4", points=2)
def normalised_by_speaker(answer):
    """Judge vectors brought to mean 0 and deviation 1 speaker by speaker."""
    import numpy as np

    speakers = np.array(["a", "b", "a", "b", "a", "b", "b"])
    rng = np.random.default_rng(9)
    vectors = rng.normal(size=(7, 3)) * [1, 5, 20] + np.where(speakers == "a", 8, -3)[:, None]
    received = as_array(answer(vectors.copy(), speakers.copy()), (7, 3))
    if np.allclose(received, _standard(vectors), atol=0.02):
        raise Hint("all clips were normalised together: do it for each speaker's rows alone")
    wanted = vectors.copy()
    for name in ("a", "b"):
        wanted[speakers == name] = _standard(vectors[speakers == name])
    if np.allclose(np.sort(received, axis=0), np.sort(wanted, axis=0), atol=0.02) and not (
        np.allclose(received, wanted, atol=0.02)
    ):
        raise Hint("the rows have changed their order: put each where it came from")
    # Deviations with n - 1 differ by a factor that is not what the exercise is about.
    ratio = received / wanted
    means = [received[speakers == name].mean(axis=0) for name in ("a", "b")]
    if np.abs(means).max() > 0.02:
        raise Hint("the mean of each number over one speaker's clips should be 0 afterwards")
    if ratio.min() < 0.8 or ratio.max() > 1.02:
        raise Hint(
            "the deviation of each number over one speaker's clips should be 1 afterwards: each "
            "of the columns has its own"
        )


def _standard(rows):
    return (rows - rows.mean(axis=0)) / rows.std(axis=0)
