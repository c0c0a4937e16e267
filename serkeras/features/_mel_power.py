"""The mel power of many clips, quickly.

Three things make the speed: the mel bank is built once instead of once a clip, it is applied in
narrow blocks because nearly all of it is zero, and large arrays are reused, since fresh ones cost
page faults.
"""

import joblib
import numpy as np
import scipy.fft

from serkeras.features import checks, filters

# Frames transformed together: about 4 s, so that the buffers stay in the processor's cache
# and a recording of ten minutes needs no more memory than a short one.
_BLOCK_FRAMES = 128


class MelPower:
    """Mel power of one clip after another, in buffers that are reused; one for each thread."""

    def __init__(self, samples, settings):
        n_fft = settings.n_fft
        self.groups = filters.band_groups(
            settings.sample_rate, n_fft, settings.n_mels, settings.fmin, settings.fmax
        )
        self.padded = np.zeros(samples + 2 * (n_fft // 2), np.float32)
        self.inside = slice(n_fft // 2, n_fft // 2 + samples)
        windows = np.lib.stride_tricks.sliding_window_view(self.padded, n_fft)
        self.frames = windows[:: settings.hop_length]
        self.window = settings.window()
        block = min(len(self.frames), _BLOCK_FRAMES)
        self.windowed = np.empty((block, n_fft), np.float32)
        self.power = np.empty((block, n_fft // 2 + 1), np.float32)
        self.mel = np.empty((len(self.frames), settings.n_mels), np.float32)

    def __call__(self, wave):
        """Return power `(frames, n_mels)`; the next call overwrites it."""
        self.padded[self.inside] = wave
        for start in range(0, len(self.frames), _BLOCK_FRAMES):
            power = self._power(self.frames[start : start + _BLOCK_FRAMES])
            mel = self.mel[start : start + _BLOCK_FRAMES]
            for bands, bins, weights in self.groups:
                np.matmul(power[:, bins], weights, out=mel[:, bands])
        return self.mel

    def _power(self, frames):
        windowed = np.multiply(frames, self.window, out=self.windowed[: len(frames)])
        parts = scipy.fft.rfft(windowed, axis=-1).view(np.float32)
        np.square(parts, out=parts)
        return np.add(parts[:, 0::2], parts[:, 1::2], out=self.power[: len(frames)])


def each_clip(waves, settings, bins, finish, n_jobs):
    """Fill an array with something made of the mel power of every clip, in threads.

    Args:
        waves: float array `(clips, samples)`.
        settings: `serkeras.features.spectral.MelSettings`.
        bins: int, rows that `finish` returns.
        finish: function from power `(frames, n_mels)`, which it may overwrite, to `(bins,
            frames)`.
        n_jobs: int, threads; -1 for all cores.

    Returns:
        float32 array `(clips, bins, frames)`.

    Raises:
        ValueError: `waves` is not a finite float array `(clips, samples)`.
    """
    waves = checks.check_waves(waves)
    samples = waves.shape[1]
    out = np.empty((len(waves), bins, settings.frames(samples)), np.float32)

    def work(part):
        transform = MelPower(samples, settings)
        for index in part:
            out[index] = finish(transform(waves[index]))

    in_parts(work, len(waves), n_jobs)
    return out


def in_parts(work, count, n_jobs):
    """Call `work(indices)` on parts of `range(count)`, one a thread.

    NumPy and SciPy release the interpreter lock; processes would lose to copying.
    """
    jobs = min(joblib.effective_n_jobs(n_jobs), count)
    parts = np.array_split(np.arange(count), max(jobs, 1))
    joblib.Parallel(n_jobs=jobs or 1, backend="threading")(
        joblib.delayed(work)(part) for part in parts
    )
