"""What one visitor's microphone brings: a stream, its newest moments, and how they look."""

import threading
from collections import deque

import numpy as np

from serkeras.serving.stream import GAP, SILENCE, Stream

SPAN_S = 60
HOP_S = 0.5
# Portions come when the network lets them; what is later than this was lost on the way.
_GAP_S = 1.0


class Live:
    """Listens for one visitor; whatever comes, it keeps one window and the newest minute.

    Args:
        recogniser: shared by all visitors.
        longest_s: seconds after which it stops listening.

    Attributes:
        labels: emotion of each probability.
        hop_s: seconds from one moment to the next.
        moments: `collections.deque` of the newest `serkeras.serving.stream.Moment`.
        full: whether `longest_s` is over.
    """

    def __init__(self, recogniser, longest_s):
        self._recogniser, self._longest_s = recogniser, longest_s
        self._stream, self._rate, self._lock = None, None, threading.Lock()
        self._begin = None
        self.labels = recogniser.labels
        self.hop_s = min(HOP_S, recogniser.samples / recogniser.sample_rate)
        self.moments, self.full = deque(maxlen=round(SPAN_S / self.hop_s)), False

    def feed(self, samples, rate, now=None):
        """Take a portion of sound.

        Args:
            samples: array `(n,)` or `(n, channels)`, floats of full scale 1.0.
            rate: hertz; with another one than before the stream begins anew.
            now: seconds of a clock that never jumps back, at which the portion arrived; None says
                that nothing was lost before it.

        Returns:
            Whether there is something new to show.
        """
        with self._lock:
            if self.full:
                return False
            if rate != self._rate:
                self._begin_anew(rate)
            return self._keep(self._stream.feed(samples, self._at(len(samples) / rate, now)))

    def _begin_anew(self, rate):
        self._stream = Stream(self._recogniser, rate, hop_s=self.hop_s, gap_s=_GAP_S)
        self._rate, self._begin = rate, None
        self.moments.clear()

    def _at(self, lasts_s, now):
        """Return when a portion began, on a clock that is 0 where the first one did."""
        if now is None:
            return None
        if self._begin is None:
            self._begin = now - lasts_s
        return now - lasts_s - self._begin

    def end(self):
        """Hear what is left of a recording that was stopped."""
        with self._lock:
            if self._stream is not None and not self.full:
                self._keep(self._stream.end())
            self.close()

    def close(self):
        """Let go of the sound; what was said of it stays."""
        self._stream, self._rate = None, None

    def _keep(self, moments):
        self.moments.extend(moments)
        if moments and moments[-1].end_s >= self._longest_s:
            self.full = True
            self.close()
        return bool(moments)

    def columns(self):
        """Return the newest minute on a grid of time.

        Returns:
            float32 array `(classes, columns)`, a column for each `hop_s`, the newest on the
            right; NaN where nobody spoke or nothing was heard. And strings `(columns,)`: "speech",
            "silence", "gap" or "" before the beginning.
        """
        moments = list(self.moments)
        count = self.moments.maxlen
        shares = np.full((len(self.labels), count), np.nan, np.float32)
        kinds = np.full(count, "", "<U7")
        end_s = moments[-1].end_s if moments else 0.0
        for moment in moments:
            last = count - 1 - round((end_s - moment.end_s) / self.hop_s)
            first = last
            if moment.label == GAP:
                first = last + 1 - round((moment.end_s - moment.start_s) / self.hop_s)
            kind = moment.label if moment.label in (GAP, SILENCE) else "speech"
            kinds[max(first, 0) : last + 1] = kind
            shares[:, max(first, 0) : last + 1] = moment.probabilities[:, None]
        return shares, kinds
