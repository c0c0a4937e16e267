"""The command that says for whom a model works."""

from serkeras.cli import options


def add_groups(subparsers):
    """Add the command `groups`."""
    command = options.add_command(
        subparsers,
        "groups",
        groups,
        "say for whom a run's model works: sex, speaker, corpus, intensity, statement, age",
        """
        python -m serkeras groups artifacts/runs/NAME
        python -m serkeras groups artifacts/runs/A artifacts/runs/B --out artifacts/groups
        Several runs of one test side: women and men in each, the gap, and the gap against the size.
        """,
    )
    command.add_argument("run_folders", metavar="RUN", nargs="+", help="folder of a finished run")
    command.add_argument(
        "--out",
        metavar="DIR",
        default="artifacts/groups",
        help="folder of the page of several runs",
    )


def groups(arguments):
    """Write the page of each run, or that of several."""
    from serkeras import groups as room
    from serkeras.ensembles import open_run
    from serkeras.evaluation import analysis
    from serkeras.groups import across

    if len(arguments.run_folders) == 1:
        run = open_run(arguments.run_folders[0])
        for gap in room.measure_groups(run)["gaps"]:
            print(f"{gap['by']:<11} {gap['first']} - {gap['second']}: UAR {_points(gap['uar'])}")
        print(f"page: {analysis.place(run, 'groups') / analysis.PAGE}")
        return
    result = room.compare_groups(arguments.run_folders, arguments.out)
    print(across.as_table(result).round(3).to_string(index=False))
    print(f"page: {arguments.out}/{analysis.PAGE}")


def _points(row):
    from serkeras.evaluation._markdown import points

    if row["value"] is None:
        return "-"
    if row["low"] is None:
        return f"{100 * row['value']:+.1f} points"
    return f"{points(row)} points, p {row['p']:.3g}, Holm {row['p_holm']:.3g}"
