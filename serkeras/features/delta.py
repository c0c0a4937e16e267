"""Local slopes of features over time."""

import numpy as np
import scipy.signal


def delta(x, order=1, width=9):
    """Derivative of each bin over time, estimated by local polynomials.

    Equal to `librosa.feature.delta(x, width=width, order=order, mode="interp")`: a polynomial
    of degree `order` is fitted to `width` frames around each frame; the first and last frames
    use the polynomial of the outermost window.

    Args:
        x: float array `(..., frames)`.
        order: int >= 1, of the derivative.
        width: int, odd, at least 3 and larger than `order`: frames of the window.

    Returns:
        float32 array of the same shape, units of `x` per frame.

    Raises:
        ValueError: `x` has fewer frames than the window, or `order` or `width` lie outside
            their range.

    Source:
        Savitzky & Golay 1964; librosa 0.11 `feature.delta`.
    """
    x = np.asarray(x, np.float32)
    if order < 1 or width < 3 or width % 2 == 0 or order >= width:
        raise ValueError(
            "`width` must be odd, at least 3 and larger than `order`, which is 1 or more. "
            f"Received: width={width}, order={order}. Use for instance width=9, order=1."
        )
    if x.shape[-1] < width:
        raise ValueError(
            "A delta must have as many frames as its window. "
            f"Received: {x.shape[-1]} frames for a window of {width}. "
            "Use longer clips or a shorter hop."
        )
    return scipy.signal.savgol_filter(x, width, polyorder=order, deriv=order, mode="interp")
