"""Sound of any form and in any portions, cut into a model's windows."""

import numpy as np
import soxr

_PIECE = 1 << 16
_MOST_CHANNELS = 64
_NOTHING = np.zeros(0, np.float32)


def checked(samples):
    """Return one portion of sound as an array, if it is one.

    Args:
        samples: float or int16 array `(n,)` or `(n, channels)`.

    Raises:
        ValueError: the array has another shape or type, or a sample is NaN or infinite.
    """
    found = np.asarray(samples)
    if found.ndim not in (1, 2) or (found.ndim == 2 and not found.shape[1]):
        raise ValueError(
            "Sound must be an array (samples,) or (samples, channels). Received: shape="
            f"{found.shape}. Give one portion of one recording at a time."
        )
    if found.ndim == 2 and found.shape[1] > _MOST_CHANNELS:
        raise ValueError(
            "Sound must be an array (samples, channels). Received: shape="
            f"{found.shape}, {found.shape[1]} channels. Turn an array (channels, samples) with .T."
        )
    if found.dtype != np.int16 and not np.issubdtype(found.dtype, np.floating):
        raise ValueError(
            f"Samples must be floats of full scale 1.0, or int16. Received: {found.dtype}. "
            "Divide 32-bit integers by 2147483648.0; of bytes take (x - 128) / 128.0."
        )
    bad = sum(np.count_nonzero(~np.isfinite(piece)) for piece in mono_pieces(found))
    if bad:
        raise ValueError(
            f"Samples must be finite numbers. Received: {bad} of {len(found)} that are NaN or "
            "infinite. Nothing of this portion was taken; give it again through "
            "numpy.nan_to_num to hear it as silence."
        )
    return found


def mono_pieces(samples):
    """Yield float32 arrays `(at most 65536,)` of full scale 1.0, channels averaged.

    Args:
        samples: float or int16 array `(n,)` or `(n, channels)`.
    """
    for start in range(0, len(samples), _PIECE):
        piece = samples[start : start + _PIECE]
        with np.errstate(over="ignore"):  # of a float64 beyond float32, which is refused
            mono = piece.astype(np.float32)
        if samples.dtype == np.int16:
            mono *= np.float32(1 / 32768)
        yield mono if mono.ndim == 1 else mono.mean(axis=1)


class Windows:
    """Cuts one stretch of sound into windows; it keeps no more than the newest one.

    Args:
        rate: hertz of what comes in.
        model_rate: hertz of the windows.
        samples: of a window, at `model_rate`.
        hop: samples from the end of one window to that of the next.
        least: samples of the shortest window, with which the first ones grow.
    """

    def __init__(self, rate, model_rate, samples, hop, least):
        self._samples, self._hop = samples, hop
        self._next = -(-least // hop) * hop  # where the next window ends
        self._end = self._heard = 0  # samples that are there; end of the newest window
        self._buffer = _NOTHING
        self._resampler = None
        if rate != model_rate:
            self._resampler = soxr.ResampleStream(rate, model_rate, 1, "float32", quality="HQ")

    def add(self, mono):
        """Yield (start, stop, wave) of the windows that more sound completes, in its order.

        Args:
            mono: float32 array `(any,)`.
        """
        if self._resampler is not None:
            mono = self._resampler.resample_chunk(mono)
        yield from self._cut(mono)

    def end(self):
        """Yield the windows that are left: one flush with the end, if sound there is unheard."""
        if self._resampler is not None:
            yield from self._cut(self._resampler.resample_chunk(_NOTHING, last=True))
        if self._heard < self._end:
            yield self._window(self._end)

    def _cut(self, mono):
        # A new array, not a shift: windows are views of the old one and may still wait.
        self._buffer = np.concatenate([self._buffer, mono])
        self._end += len(mono)
        while self._next <= self._end:
            yield self._window(self._next)
            self._next += self._hop
        self._buffer = self._buffer[max(len(self._buffer) - self._samples, 0) :]

    def _window(self, stop):
        self._heard = stop
        start, first = max(stop - self._samples, 0), self._end - len(self._buffer)
        wave = self._buffer[start - first : stop - first]
        wave.flags.writeable = False  # windows overlap, and a gate of somebody else sees them
        return start, stop, wave
