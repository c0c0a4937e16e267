"""The command that joins finished runs."""

from serkeras.cli import options
from serkeras.cli.runs import print_figures
from serkeras.config import COMBINATIONS


def add_ensemble(subparsers):
    """Add the command `ensemble`."""
    command = options.add_command(
        subparsers,
        "ensemble",
        ensemble,
        "join finished runs of one test side, measure them together, write a folder with a report",
        """
        python -m serkeras ensemble artifacts/runs/A artifacts/runs/B --out artifacts/runs/AB
        python -m serkeras ensemble artifacts/runs/*-speaker-seed0 --combine weighted --out all
        python -m serkeras predict artifacts/runs/AB clip.wav
        The runs must have the same labels and test clips; their recipes may differ. To train the
        members too: python -m serkeras train RECIPE --set members=4
        """,
    )
    command.add_argument("runs", nargs="+", metavar="RUN", help="folders of two finished runs up")
    command.add_argument(
        "--combine",
        choices=COMBINATIONS,
        default="mean",
        help="mean of the probabilities (default); geometric mean; or the mean with weights that "
        "the validation side decides",
    )
    command.add_argument("--out", required=True, metavar="DIR", help="folder of the ensemble")
    command.add_argument("--overwrite", action="store_true", help="replace an ensemble in --out")


def ensemble(arguments):
    """Join finished runs and print the figures."""
    import serkeras
    from serkeras.evaluation._markdown import points

    joined = serkeras.ensemble(
        arguments.runs, arguments.out, arguments.combine, overwrite=arguments.overwrite
    )
    print_figures(joined.metrics)
    gain = joined.gain["uar"]
    print(f"UAR over the mean of its {len(joined.weights)} members: {points(gain)} points")
    print(f"report: {joined.folder / 'report.md'}")
    return 0
