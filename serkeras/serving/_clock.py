"""The time axis of sound that arrives in pieces: gaps, sound sent twice, clocks that drift."""

import math

_FOLLOW_S = 10.0  # time constant: the jitter of one capture time moves the axis by little
_KNOWN_AFTER_S = 60.0  # before, jitter of some milliseconds would be hundreds of ppm


class Clock:
    """Says when each sample was heard, from their number and from capture times.

    Samples are counted, and capture times correct the count slowly, so that neither jitter nor
    a sound card that is some millionths too quick looks like lost sound. A stretch is sound
    without a gap.

    Args:
        rate: hertz of the samples.
        largest_step_s: by which one capture time moves the axis at most.
    """

    def __init__(self, rate, largest_step_s):
        self._rate, self._largest = rate, largest_step_s
        self._squares = self._products = self._followed_s = 0.0
        self.started = False
        self.restart(0.0)
        self.started = False

    def restart(self, at):
        """Begin a stretch whose first sample was captured at `at` seconds."""
        self.started = True
        self._origin, self._offset, self._taken, self._last = at, 0.0, 0, 0
        # The first capture time is a point of the line too, where count and axis agree.
        self._seen, self._mean_count, self._mean_ahead = 1, 0.0, 0.0

    def take(self, count):
        """Count samples that arrived."""
        self._taken += count

    def time(self, seconds):
        """Return when the sound was captured that lies so many seconds into the stretch."""
        return self._origin + seconds + self._offset

    @property
    def now(self):
        """Time in seconds at which the next sample is expected."""
        return self.time(self._taken / self._rate)

    def follow(self, at):
        """Move the axis a little towards a capture time of the next sample, in seconds."""
        elapsed = (self._taken - self._last) / self._rate
        self._last = self._taken
        self._followed_s += elapsed
        counted = self._taken / self._rate
        self._regress(counted, at - self._origin - counted)
        step = (at - self.now) * -math.expm1(-elapsed / _FOLLOW_S)
        self._offset += min(max(step, -self._largest), self._largest)

    def _regress(self, counted, ahead):
        """Take one point into the line of how far capture times are ahead of the count.

        All stretches share the slope, each has a level of its own. Source: Welford (1962).
        """
        self._seen += 1
        apart = counted - self._mean_count
        self._mean_count += apart / self._seen
        self._mean_ahead += (ahead - self._mean_ahead) / self._seen
        self._squares += apart * (counted - self._mean_count)
        self._products += apart * (ahead - self._mean_ahead)

    @property
    def drift_ppm(self):
        """Millionths by which the capture clock is quicker than the count.

        None before a minute of capture times.
        """
        if self._followed_s < _KNOWN_AFTER_S or not self._squares:
            return None
        return 1e6 * self._products / self._squares
