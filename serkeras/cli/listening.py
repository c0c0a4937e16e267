"""The commands that follow emotions over time, in recordings and from a microphone."""

import shutil
import sys
from pathlib import Path

from serkeras.cli import options

_ENDINGS = (".csv", ".json", ".audacity.txt", ".png")
_BARS = " ▁▂▃▄▅▆▇█"
_PLAIN_BARS = "0123456789"  # where the terminal has no such signs


def _add_settings(command):
    """Add the settings of a stream."""
    command.add_argument(
        "--hop", type=float, default=0.5, metavar="S", help="seconds between two answers (0.5)"
    )
    command.add_argument(
        "--smooth",
        type=float,
        default=1.5,
        metavar="S",
        help="time constant of the smoothing in seconds, 0 for none (1.5)",
    )
    command.add_argument(
        "--silence",
        type=float,
        default=-50.0,
        metavar="DB",
        help="level in dBFS under which nobody is heard to speak (-50)",
    )


def add_timeline(subparsers):
    """Add the command `timeline`."""
    command = options.add_command(
        subparsers,
        "timeline",
        timeline,
        "say what emotions recordings of any length carry, and when",
        """
        python -m serkeras timeline interview.wav                     by the model in the box
        python -m serkeras timeline artifacts/runs/NAME calls/ --out timelines --hop 1
        python -m serkeras timeline model.onnx lecture.flac
        Of each recording: a table (CSV), the same with the segments (JSON), labels for Audacity
        (File, Import, Labels) and a figure. Recordings that cannot be read are named and left
        out; the exit code is then 1.
        """,
    )
    options.add_run_and_paths(command)
    command.add_argument("--out", default="timelines", metavar="DIR", help="folder (timelines)")
    _add_settings(command)
    command.add_argument("--quiet", action="store_true", help="no progress bars")


def timeline(arguments):
    """Write the files of each recording."""
    from serkeras import audio, serving

    run, paths = options.run_and_paths(arguments.words)
    recogniser, failed, used = serving.Recogniser(run), [], set()
    for path in serving.find_recordings(paths):
        settings = (arguments.hop, arguments.smooth, arguments.silence)
        try:
            found = serving.timeline(recogniser, path, *settings, progress=not arguments.quiet)
        except audio.AudioError as error:
            failed.append((str(path), str(error)))
            continue
        _write(found, Path(arguments.out), path.name, used)
    return options.name_failed(failed)


def _write(found, folder, name, used):
    """Write the four files of a timeline and name them; files of one name get numbers."""
    from serkeras.evaluation import plots

    alone, number = name, 1
    while name in used:
        number += 1
        name = f"{alone}-{number}"
    used.add(name)
    csv, json, audacity, png = (folder / f"{name}{ending}" for ending in _ENDINGS)
    found.to_csv(csv)
    found.to_json(json)
    found.to_audacity(audacity)
    plots.save(found.figure(), png)
    print(f"{folder / name}: {', '.join(_ENDINGS)}")


def add_listen(subparsers):
    """Add the command `listen`."""
    command = options.add_command(
        subparsers,
        "listen",
        listen,
        "follow the emotion of what a microphone hears; Ctrl-C ends it",
        """
        python -m serkeras listen                            by the model in the box
        python -m serkeras listen artifacts/runs/NAME --out timelines
        python -m serkeras listen --devices                  list the inputs
        Sound stays on this machine and is not kept; --out keeps the answers as a timeline.
        It needs the package sounddevice: pip install 'serkeras[microphone]'
        """,
    )
    command.add_argument(
        "run_folder",
        nargs="?",
        metavar="RUN",
        help="folder of a finished run, an exported file or hf://OWNER/NAME (the model in the box)",
    )
    command.add_argument("--device", metavar="INPUT", help="number or part of its name")
    command.add_argument("--devices", action="store_true", help="list the inputs and end")
    command.add_argument("--seconds", type=float, metavar="S", help="end after so many")
    command.add_argument("--out", metavar="DIR", help="write a timeline there at the end")
    _add_settings(command)


def listen(arguments):
    """Show what is heard until Ctrl-C; write the timeline if wanted."""
    from serkeras import serving
    from serkeras.serving import microphone

    if arguments.devices:
        print(microphone.sounds().query_devices())
        return 0
    device = arguments.device
    device = int(device) if device and device.isdigit() else device
    recogniser = serving.Recogniser(arguments.run_folder)
    with microphone.Microphone(device) as heard:
        settings = (arguments.hop, arguments.smooth, arguments.silence)
        stream = serving.Stream(recogniser, heard.sample_rate, *settings)
        print(f"{heard.name}, {heard.sample_rate} Hz, heard by {recogniser.name}. Ctrl-C ends it.")
        kept = [] if arguments.out else None
        try:
            _follow(heard, stream, arguments.seconds or float("inf"), kept)
        finally:  # whatever ended it: hours of answers are not to be lost
            if kept:
                found = serving.Timeline(kept, stream.labels, heard.name, recogniser.name)
                _write(found, Path(arguments.out), _named_by_time(), set())
    _tell_end(heard, stream)
    return 0


def _follow(heard, stream, seconds, kept):
    """Feed a stream until Ctrl-C or the end of the time; put its moments into a list, or None."""
    line = _Line(stream.labels)

    def tell(moments):
        for moment in moments:
            line.show(moment)
        if kept is not None:
            kept.extend(moments)

    try:
        for samples, at in heard:
            tell(stream.feed(samples, at))
            if stream.now_s >= seconds:
                break
    except KeyboardInterrupt:
        pass  # the way to end it
    tell(stream.end())
    line.end()


def _tell_end(heard, stream):
    if heard.dropped_s:
        print(
            f"serkeras: warning: {heard.dropped_s:.1f} s of sound were dropped because the model "
            "was slower than the sound; a larger --hop asks it less often.",
            file=sys.stderr,
        )
    if stream.drift_ppm is not None:
        print(f"clock of the sound card: {-stream.drift_ppm:+.0f} ppm")


def _named_by_time():
    import datetime

    return f"listen-{datetime.datetime.now():%Y%m%d-%H%M%S}"


class _Line:
    """The newest answer: in a terminal always in the same place, otherwise one line each."""

    def __init__(self, labels):
        self._labels, self._stays = labels, sys.stdout.isatty()
        try:
            _BARS.encode(sys.stdout.encoding or "ascii")
            self._bars = _BARS
        except UnicodeEncodeError:
            self._bars = _PLAIN_BARS

    def show(self, moment):
        minutes, seconds = divmod(int(moment.end_s), 60)
        words = [f"{minutes:3d}:{seconds:02d} {moment.level_db:4.0f} dB  {moment.label:8} "]
        words += map(self._bar, self._labels, moment.probabilities)
        text = " ".join(words)
        if self._stays:
            width = shutil.get_terminal_size().columns - 1
            print("\r" + text[:width].ljust(width), end="", flush=True)
        else:
            print(text, flush=True)

    def end(self):
        if self._stays:
            print()

    def _bar(self, label, probability):
        last = len(self._bars) - 1
        height = round(last * probability) if probability == probability else 0  # NaN: unknown
        return label + self._bars[height]
