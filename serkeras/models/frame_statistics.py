"""Statistics over time of a clip's features: what classical models see of a clip."""

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin

QUANTILES = (0.0, 0.1, 0.5, 0.9, 1.0)


class FrameStatistics(TransformerMixin, BaseEstimator, auto_wrap_output_keys=None):
    """Turns features over time into one row of numbers a clip.

    For each bin (and channel): mean, standard deviation and quantiles over the frames, then the
    same of the difference between each frame and the next. Padding that a mask marks does not
    count; padding of the waveform (`audio.fit="pad"`) does, as it does for a network. Features
    without a time axis go in as they are.

    Args:
        frame_axis: axis of one clip's features that counts frames, None if there is none.
        quantiles: shares between 0 (the smallest) and 1 (the largest).
    """

    def __init__(self, frame_axis=1, quantiles=QUANTILES):
        self.frame_axis = frame_axis
        self.quantiles = quantiles

    def fit(self, x, y=None):
        """Return itself: there is nothing to learn."""
        return self

    def transform(self, x):
        """Return the statistics.

        Args:
            x: what a network would take: array `(clips, bins, frames, 1)` and the like, or a
                dictionary of "features" and "mask" `(clips, frames)`.

        Returns:
            float32 array `(clips, 2 * (2 + quantiles) * bins)`: all means, all deviations and
            so on. A clip of one frame has differences of 0.
        """
        x, mask = (x["features"], x["mask"]) if isinstance(x, dict) else (x, None)
        x = np.asarray(x, np.float64)
        if self.frame_axis is None:
            return x.reshape(len(x), -1).astype(np.float32)
        x = np.moveaxis(x, 1 + self.frame_axis, -1)
        x = x.reshape(len(x), -1, x.shape[-1])
        if mask is None:
            return self._describe(x)
        pairs = zip(x, np.asarray(mask, bool), strict=True)
        return np.concatenate([self._describe(clip[None, :, valid]) for clip, valid in pairs])

    def _describe(self, x):
        """Return the statistics of an array `(clips, bins, frames)`."""
        changes = np.diff(x) if x.shape[-1] > 1 else np.zeros_like(x)
        found = [
            part
            for series in (np.ascontiguousarray(x), changes)
            for part in (
                series.mean(axis=-1),
                series.std(axis=-1),
                *np.quantile(series, self.quantiles, axis=-1),
            )
        ]
        return np.concatenate(found, axis=1).astype(np.float32)
