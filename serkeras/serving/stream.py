"""Emotions of sound that has no end yet: a window every so often, whatever arrives how."""

import dataclasses
import math

import numpy as np

from serkeras.serving._clock import Clock
from serkeras.serving._intake import Windows, checked, mono_pieces

SILENCE, GAP = "silence", "gap"
FLOOR_DB = -120.0  # level of digital silence, so that every level is a number

_FRAME_S = 0.02
_MOST_AT_ONCE = 32  # windows


@dataclasses.dataclass(frozen=True, eq=False)
class Moment:
    """What a stream says of one window.

    Attributes:
        start_s: where the window begins, in seconds of the stream's time; of a gap, where it does.
        end_s: where the window, or the gap, ends.
        label: the likeliest emotion of `probabilities`, "silence" or "gap".
        probabilities: float32 `(classes,)`, smoothed in time; NaN of silence and of a gap.
        raw: the same of this window alone.
        level_db: level of the newest `hop_s` of the window, root mean square in dBFS, -120 or
            more; NaN of a gap.
    """

    start_s: float
    end_s: float
    label: str
    probabilities: np.ndarray
    raw: np.ndarray
    level_db: float


@dataclasses.dataclass(frozen=True, eq=False)
class _Waiting:
    """A window that the model has not been asked about; no `wave` where nobody speaks."""

    start_s: float
    end_s: float
    level_db: float
    wave: np.ndarray | None


class Stream:
    """Hears sound in portions and names the emotion of its newest seconds again and again.

    A window ends at every multiple of `hop_s`, in whole samples, and is the newest
    `recogniser.samples` samples;
    the first ones grow from `min_s` on. The answers do not depend on how the sound was cut into
    portions, and no more of it is kept than one window and those that wait for their answer. A
    stream is for one thread.

    Args:
        recogniser: `serkeras.serving.Recogniser`.
        sample_rate: hertz of the sound that is fed; it is resampled (soxr, quality "HQ").
        hop_s: seconds from one window to the next, at most the length of a window.
        smooth_s: time constant in seconds of the exponential smoothing of the probabilities,
            which begins anew after silence and gaps; 0 for none.
        silence_db: level in dBFS above which a frame of 20 ms counts as voiced.
        gate: None, or a function `(wave, sample_rate) -> bool` that says whether somebody speaks
            in a window, in place of the level: float32 array `(samples,)` at the model's rate.
        gap_s: a capture time that is later than expected by more is a gap, earlier by more is
            sound sent twice; less is drift or jitter.
        min_s: seconds of the first window.
        min_voiced_s: a window with fewer seconds above `silence_db` is silence.
        batch: windows that wait for one another before the model is asked. 1 answers at once;
            up to 32 is quicker where nobody waits.

    Attributes:
        labels: emotion of each probability.
        window_s: seconds of a whole window.

    Raises:
        ValueError: a setting is out of its range.
    """

    def __init__(
        self,
        recogniser,
        sample_rate,
        hop_s=0.5,
        smooth_s=1.5,
        silence_db=-50.0,
        gate=None,
        gap_s=0.25,
        min_s=1.0,
        min_voiced_s=0.3,
        batch=1,
    ):
        self.labels = recogniser.labels
        self.window_s = recogniser.samples / recogniser.sample_rate
        _check(
            sample_rate, hop_s, smooth_s, silence_db, gap_s, min_s, min_voiced_s, batch,
            self.window_s,
        )  # fmt: skip
        self._recogniser, self._rate, self._smooth_s = recogniser, sample_rate, smooth_s
        self._gap_s, self._batch = gap_s, batch
        self._silence = silence_db, min_voiced_s
        self._gate = gate or self._is_voiced
        rate = recogniser.sample_rate
        self._hop = max(round(hop_s * rate), 1)
        least = min(max(round(min_s * rate), 1), recogniser.samples)
        self._cutting = sample_rate, rate, recogniser.samples, self._hop, least
        self._windows = Windows(*self._cutting)
        self._clock = Clock(sample_rate, largest_step_s=hop_s / 2)
        self._waiting, self._smoothed, self._before_s, self._ended = [], None, 0.0, False
        self._newest_s = -math.inf  # end of the newest moment: none ends before another

    @property
    def now_s(self):
        """Time in seconds up to which the stream has sound."""
        return self._clock.now

    @property
    def drift_ppm(self):
        """Millionths by which the clock of the capture times is quicker than the sound's own.

        Over all portions that came with a capture time; None before a minute of them.
        """
        return self._clock.drift_ppm

    def feed(self, samples, at=None):
        """Take one more portion of sound.

        Args:
            samples: float array of full scale 1.0, or int16, `(n,)` or `(n, channels)`; any n.
            at: capture time of the first sample in seconds, of a clock that never jumps back;
                None says that the portion follows on. The first one sets where the stream's time
                begins, otherwise at 0.

        Returns:
            List of `Moment`, in the order of time: the windows that the portion completed, and a
            gap before it. Sound that was there already is dropped.

        Raises:
            ValueError: the array is no sound (see docs/streaming.md), or `at` is no finite
                number, or of a clock that has jumped back; the stream is then as it was before.
            RuntimeError: the stream has ended.

        What the model or the gate raises comes through; the stream then begins anew behind the
        portion.
        """
        if self._ended:
            raise RuntimeError(
                "A stream takes sound until its end. Received: a portion after `end()`. Make a "
                "new Stream."
            )
        samples = checked(samples)
        if at is not None and not math.isfinite(at):
            raise ValueError(
                f"`at` must be a time in seconds. Received: {at!r}. Leave it out where it is "
                "unknown: the portion then follows on."
            )
        if not len(samples):
            return []
        behind_s = (self._clock.now if at is None else at) + len(samples) / self._rate
        self._require_going_on(at, behind_s)
        try:
            return self._hear(samples, at)
        except Exception:
            self._begin_anew(behind_s)
            raise

    def _require_going_on(self, at, behind_s):
        now = self._clock.now
        if at is not None and self._clock.started and behind_s < now - self.window_s:
            raise ValueError(
                "Capture times must be of a clock that goes on. Received: a portion that ends at "
                f"{behind_s:g} s where the stream is at {now:g} s. Make a new Stream where a "
                "device begins again, or leave `at` out."
            )

    def _begin_anew(self, at):
        """Forget all sound; the next portion is expected at a time in seconds."""
        self._waiting, self._smoothed = [], None
        self._windows = Windows(*self._cutting)
        self._clock.restart(at)

    def _hear(self, samples, at):
        moments = []
        if at is not None:
            samples = self._place(samples, at, moments)
        for piece in mono_pieces(samples):
            self._clock.started = True
            self._clock.take(len(piece))
            self._put(self._windows.add(piece), moments)
        if len(self._waiting) >= self._batch:
            moments += self._answer()
        return moments

    def end(self):
        """Hear what is left: a last window flush with the end, if sound there is unheard.

        Returns:
            List of `Moment`; empty where there was no sound, or at a second call.
        """
        moments = []
        if not self._ended:
            self._ended = True
            self._close(moments)
        return moments

    def _place(self, samples, at, moments):
        """Put a portion on the axis of time; return what of it is new."""
        late_s = at - self._clock.now
        if not self._clock.started:
            self._clock.restart(at)
        elif late_s > self._gap_s:
            self._close(moments)
            moments.append(self._unknown(self._later(self._clock.now), at, GAP, math.nan))
            self._newest_s = at
            self._windows = Windows(*self._cutting)
            self._clock.restart(at)
        elif late_s < -self._gap_s:
            return samples[round(-late_s * self._rate) :]
        else:
            self._clock.follow(at)
        return samples

    def _close(self, moments):
        """End a stretch of sound."""
        self._put(self._windows.end(), moments)
        moments += self._answer()
        self._smoothed = None

    def _put(self, windows, moments):
        """Let windows wait for the model, which is asked where enough of them do."""
        rate = self._recogniser.sample_rate
        for start, stop, wave in windows:
            speaks = self._gate(wave, rate)
            start_s = self._clock.time(start / rate)
            end_s = self._newest_s = self._later(self._clock.time(stop / rate))
            level = level_db(wave[-self._hop :])
            self._waiting.append(_Waiting(start_s, end_s, level, wave if speaks else None))
            if len(self._waiting) >= _MOST_AT_ONCE:
                moments += self._answer()

    def _later(self, time_s):
        return max(time_s, self._newest_s)

    def _answer(self):
        """Return the moments of all windows that wait."""
        waiting, self._waiting = self._waiting, []
        voiced = [each.wave for each in waiting if each.wave is not None]
        rows = self._recogniser.probabilities(voiced) if voiced else ()
        said = iter(_fixed(np.array(row, np.float32)) for row in rows)
        return [self._said(each, None if each.wave is None else next(said)) for each in waiting]

    def _said(self, window, raw):
        times = window.start_s, window.end_s
        if raw is None:
            self._smoothed = None
            return self._unknown(*times, SILENCE, window.level_db)
        smoothed = self._smooth(raw, window.end_s)
        label = self.labels[int(smoothed.argmax())]
        return Moment(*times, label, smoothed, raw, window.level_db)

    def _smooth(self, raw, end_s):
        if self._smoothed is None or not self._smooth_s:
            self._smoothed = raw
        else:
            weight = -math.expm1(-(end_s - self._before_s) / self._smooth_s)
            self._smoothed = _fixed(self._smoothed + np.float32(weight) * (raw - self._smoothed))
        self._before_s = end_s
        return self._smoothed

    def _unknown(self, start_s, end_s, label, level):
        unknown = _fixed(np.full(len(self.labels), np.nan, np.float32))
        return Moment(start_s, end_s, label, unknown, unknown, level)

    def _is_voiced(self, wave, rate):
        silence_db, least_s = self._silence
        frame = round(_FRAME_S * rate)
        wave = wave - wave.mean()  # a constant is no voice, and many a sound card has one
        frames = wave[len(wave) % frame :].reshape(-1, frame)
        power = np.einsum("ij,ij->i", frames, frames) / frame
        voiced = np.count_nonzero(power > 10 ** (silence_db / 10))
        return voiced >= min(round(least_s / _FRAME_S), max(len(frames), 1))


def _fixed(array):
    """Return an array that nobody can change: moments and the stream share it."""
    array.flags.writeable = False
    return array


def level_db(wave):
    """Return the root mean square of sound in dBFS, -120 or more.

    Args:
        wave: float array `(samples,)`, at least one sample, full scale 1.0.
    """
    power = float(np.dot(wave, wave)) / len(wave)
    return 10 * math.log10(power) if power > 10 ** (FLOOR_DB / 10) else FLOOR_DB


def _check(sample_rate, hop_s, smooth_s, silence_db, gap_s, min_s, min_voiced_s, batch, window_s):
    """Refuse settings of a stream that are out of their range."""
    rules = {
        "`sample_rate` must be a positive number of hertz": (
            sample_rate,
            0 < sample_rate < math.inf,
        ),
        f"`hop_s` must be above 0 and at most a window, {window_s:g} s": (
            hop_s,
            0 < hop_s <= window_s,
        ),
        "`silence_db` must be a level in dBFS": (silence_db, not math.isnan(silence_db)),
        "`smooth_s` must be 0 or more": (smooth_s, smooth_s >= 0),
        "`gap_s` must be above 0": (gap_s, gap_s > 0),
        "`min_s` must be above 0": (min_s, min_s > 0),
        f"`min_voiced_s` must be 0 or more, and at most a window, {window_s:g} s": (
            min_voiced_s,
            0 <= min_voiced_s <= window_s,
        ),
        f"`batch` must be 1 to {_MOST_AT_ONCE}": (batch, 1 <= batch <= _MOST_AT_ONCE),
    }
    for rule, (value, holds) in rules.items():
        if not holds:  # NaN holds nowhere
            raise ValueError(f"{rule}. Received: {value!r}. Correct it, or leave it out.")
