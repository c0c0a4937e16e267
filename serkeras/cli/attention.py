"""The command that shows what a network listened to."""

import sys
from pathlib import Path

from serkeras.cli import options


def add_attention(subparsers):
    """Add the command `attention`."""
    command = options.add_command(
        subparsers,
        "attention",
        attention,
        "draw what a run's network with attention listened to, over the waveform",
        """
        python -m serkeras attention artifacts/runs/NAME clip.wav
        python -m serkeras attention artifacts/runs/NAME recordings/ --out figures
        Recordings that cannot be read are named and left out; the exit code is then 1.
        """,
    )
    command.add_argument("run_folder", metavar="RUN", help="folder of a finished run")
    command.add_argument("paths", nargs="+", metavar="PATH", help="recordings or folders of them")
    command.add_argument("--out", default="attention", metavar="DIR", help="folder of the figures")


def attention(arguments):
    """Write one figure a recording."""
    from serkeras.audio import AudioError
    from serkeras.ensembles import open_run
    from serkeras.evaluation.plots import save
    from serkeras.serving.attention import show_attention
    from serkeras.serving.predict import find_recordings

    run, code = open_run(arguments.run_folder), 0
    for number, path in enumerate(find_recordings(arguments.paths), start=1):
        try:
            figure, _ = show_attention(run, path)
        except AudioError as error:
            print(f"left out: {error}", file=sys.stderr)
            code = 1
            continue
        # Recordings of different folders may share a name.
        out = Path(arguments.out) / f"{number:03d}-{path.stem}.png"
        save(figure, out)
        print(out)
    return code
