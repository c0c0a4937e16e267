"""Sound from a microphone, for a stream that may be slower than the sound now and then."""

import collections
import threading
import time

from serkeras.exporting.formats import needed

_BLOCK_S = 0.1
_PATIENCE_S = 1.0


class Backlog:
    """Portions of sound that wait for who hears them; the older half is dropped where it is full.

    Half of it and not one portion, so that what is lost is one gap and not a stutter.

    Args:
        most: portions that may wait, at least 2.
    """

    def __init__(self, most):
        self._most, self._waiting = most, collections.deque()
        self._changed, self._closed = threading.Condition(), False
        self.dropped = 0

    def put(self, portion):
        """Add one portion; never waits."""
        with self._changed:
            if len(self._waiting) >= self._most:
                for _ in range(self._most // 2):
                    self._waiting.popleft()
                self.dropped += self._most // 2
            self._waiting.append(portion)
            self._changed.notify()

    def close(self):
        """Say that no more will come."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    def __iter__(self):
        while True:
            with self._changed:
                # With a limit, since a wait without one hears no Ctrl-C on every system.
                while not self._waiting and not self._closed:
                    self._changed.wait(_PATIENCE_S)
                if not self._waiting:
                    return
                portion = self._waiting.popleft()
            yield portion


class Microphone:
    """Records in the background while it is open; iterate over it for the sound.

    Each item is an int16 array `(n, 1)` and the time at which its first sample was captured, in
    seconds since the first one: what `serkeras.serving.Stream.feed` takes. Where nobody takes the
    sound for `keep_s` seconds, the older half of what waits is dropped, and the times tell. It
    ends when PortAudio says that the device does.

    Args:
        device: number or part of the name of an input, as `python -m serkeras listen --devices`
            lists them; None for the system's own choice.
        keep_s: seconds of sound that may wait.

    Attributes:
        sample_rate: hertz, the device's own.
        name: of the device.

    Raises:
        ImportError: the package sounddevice is missing.
        OSError: the library PortAudio is missing, or there is no such input or it cannot be opened.
    """

    def __init__(self, device=None, keep_s=2.0):
        self._sounds = sounds()
        self._backlog = Backlog(max(round(keep_s / _BLOCK_S), 2))
        self._first_s = self._of_device = None
        try:
            about = self._sounds.query_devices(device, "input")
            self.name, self.sample_rate = about["name"], round(about["default_samplerate"])
            self._input = self._sounds.InputStream(
                samplerate=self.sample_rate,
                blocksize=round(_BLOCK_S * self.sample_rate),
                device=device,
                channels=1,
                dtype="int16",
                callback=self._take,
                finished_callback=self._backlog.close,
            )
        except (self._sounds.PortAudioError, ValueError) as error:
            raise _unusable(device, error) from error

    def __enter__(self):
        try:
            self._input.start()
        except self._sounds.PortAudioError as error:
            raise _unusable(self.name, error) from error
        return self

    def __exit__(self, *error):
        self._input.close()
        self._backlog.close()

    def __iter__(self):
        return iter(self._backlog)

    @property
    def dropped_s(self):
        """Seconds of sound that were dropped because nobody took them."""
        return self._backlog.dropped * _BLOCK_S

    def _take(self, samples, frames, times, status):
        """Keep a copy of one block; PortAudio calls it from a thread of its own."""
        captured = times.inputBufferAdcTime
        if self._of_device is None:
            # Some drivers do not tell and leave it at 0.
            self._of_device = captured > 0
        if not self._of_device:
            captured = time.monotonic() - frames / self.sample_rate
        if self._first_s is None:
            self._first_s = captured
        self._backlog.put((samples.copy(), captured - self._first_s))


def sounds():
    """Return the package sounddevice.

    Raises:
        ImportError: it is missing.
        OSError: the library that it calls is missing.
    """
    try:
        return needed("sounddevice", "microphone")
    except OSError as error:
        raise OSError(
            f"A microphone is reached by the library PortAudio. Received: {error}. Install it, "
            "on Debian and Ubuntu: apt install libportaudio2"
        ) from error


def _unusable(device, error):
    told = "the system's own choice" if device is None else repr(device)
    return OSError(
        f"A microphone must be an input that can be opened. Received: {told} ({error}). "
        "`python -m serkeras listen --devices` lists what there is."
    )
