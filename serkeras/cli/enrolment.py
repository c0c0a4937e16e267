"""The command that says how many recordings of a speaker a model needs."""

from serkeras.cli import options


def add_enrolment(subparsers):
    """Add the command `enrolment`."""
    command = options.add_command(
        subparsers,
        "enrolment",
        enrolment,
        "say how a run that normalises by speaker does with few clips of each speaker",
        """
        python -m serkeras enrolment artifacts/runs/NAME
        python -m serkeras enrolment artifacts/runs/FOLD1 artifacts/runs/FOLD2 --out DIR
        Several runs, such as the folds of one recipe, are judged as one.
        """,
    )
    command.add_argument("run_folders", nargs="+", metavar="RUN", help="folder of a finished run")
    command.add_argument(
        "--clips", action="append", type=int, metavar="N",
        help="enrolled clips of each speaker; give it again for more (2, 3, 5, 10, 20, 40)",
    )  # fmt: skip
    command.add_argument("--draws", type=int, default=10, metavar="N", help="drawings of each (10)")
    command.add_argument("--seed", type=int, default=0, metavar="N", help="of the drawings (0)")
    command.add_argument("--out", metavar="DIR", help="folder of the page (RUN/analyses/enrolment)")


def enrolment(arguments):
    """Write the page and print its table."""
    from serkeras.enrolment import measure_enrolment
    from serkeras.enrolment.measuring import COUNTS
    from serkeras.evaluation._markdown import points

    result = measure_enrolment(
        arguments.run_folders,
        out=arguments.out,
        counts=arguments.clips or COUNTS,
        draws=arguments.draws,
        seed=arguments.seed,
    )
    for way in result["ways"]:
        found = way["uar"]
        told = f"UAR {found['value']:.3f} [{found['low']:.3f}, {found['high']:.3f}]"
        more = "" if way["name"] == "nobody" else f"   {points(way['gain'])} points"
        print(f"{way['name']:<20} {told}{more}")
