"""Checks of notebook 12: what a listener keeps, how it smooths, whether it keeps up."""

from serkeras.labs.answers import Hint, as_array, as_number
from serkeras.labs.checking import exercise

# (kept, chunk, size): too few, just enough, a chunk longer than all, an empty one.
_PORTIONS = (
    ((1.0, 2.0), (3.0,), 8),
    ((1.0, 2.0, 3.0), (4.0, 5.0), 4),
    ((1.0, 2.0), (3.0, 4.0, 5.0, 6.0), 3),
    ((1.0, 2.0, 3.0), (), 3),
    ((), (1.0, 2.0), 1),
)
_SAID = ((0.9, 0.1), (0.1, 0.9), (0.1, 0.9), (0.4, 0.6))
_TIMES = ((0.02, 0.5), (0.3, 0.25), (0.005, 1.0))


@exercise("12.1", points=2)
def newest(answer):
    """Judge the newest samples of two portions."""
    import numpy as np

    for kept, chunk, size in _PORTIONS:
        together = np.array([*kept, *chunk])
        wanted = together[-size:]
        received = as_array(answer(np.array(kept), np.array(chunk), size), (None,))
        if len(received) == len(wanted) and np.allclose(received, wanted):
            continue
        if len(received) == len(wanted) and np.allclose(received, together[:size]):
            raise Hint("those are the oldest samples: a listener forgets from the front")
        if len(received) == len(wanted) and np.allclose(received[::-1], wanted):
            raise Hint("oldest first: the order of the samples is the order of time")
        if len(received) > size:
            raise Hint(f"never keep more than {size} samples: the buffer would grow for ever")
        if len(wanted) < size <= len(received):
            raise Hint("while there are fewer samples, return fewer: do not pad them here")
        raise Hint(
            "put the new samples behind those that were kept, then take what lies at the end"
        )


@exercise("12.2", points=2)
def smoothed(answer):
    """Judge the exponential smoothing of two classes."""
    import numpy as np

    said = np.array(_SAID)
    for hop_s, smooth_s in ((0.5, 1.5), (0.25, 3.0)):
        weight = -np.expm1(-hop_s / smooth_s)
        received = as_array(answer(said.copy(), hop_s, smooth_s), said.shape)
        if np.allclose(received, _by(weight, said), atol=1e-3):
            continue
        if not np.allclose(received[0], said[0], atol=1e-3):
            raise Hint("the first row has no past: it stays as it is")
        mistakes = {
            1 - weight: "the weight belongs to the new answer; you gave it to the past",
            hop_s / smooth_s: "hop_s / smooth_s is nearly right for short hops only: take the "
            "exponential function",
        }
        for other, hint in mistakes.items():
            if np.allclose(received, _by(other, said), atol=1e-3):
                raise Hint(hint)
        if np.allclose(received[1:], said[:-1] + weight * (said[1:] - said[:-1]), atol=1e-3):
            raise Hint("go on from the smoothed row before, not from the row that was said")
        raise Hint("new row = smoothed row before + weight * (said row - smoothed row before)")


def _by(weight, said):
    rows = [said[0]]
    for row in said[1:]:
        rows.append(rows[-1] + weight * (row - rows[-1]))
    return rows


@exercise("12.3", points=1)
def real_time_factor(answer):
    """Judge the real-time factor of a window a hop."""
    for compute_s, hop_s in _TIMES:
        received, wanted = as_number(answer(compute_s, hop_s)), compute_s / hop_s
        if abs(received - wanted) <= 1e-3 * wanted:
            continue
        if abs(received * wanted - 1) <= 1e-3:
            raise Hint("that is how many times quicker than sound it is: the factor is the inverse")
        if abs(received - compute_s) <= 1e-3 * compute_s:
            raise Hint("that is the time of one window; how many windows has a second of sound?")
        if abs(received - compute_s * hop_s) <= 1e-3 * compute_s * hop_s:
            raise Hint("a shorter hop means more windows a second, so more work: divide")
        raise Hint("one window is computed for each hop: compare these two times")
