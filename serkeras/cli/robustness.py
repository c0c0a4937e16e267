"""The command that damages a run's test recordings and measures it again."""

import sys

from serkeras.cli import options


def add_robustness(subparsers):
    """Add the command `robustness`."""
    command = options.add_command(
        subparsers,
        "robustness",
        robustness,
        "damage a run's test recordings (noise, rooms, codecs, ...) and measure it at each level",
        """
        python -m serkeras robustness artifacts/runs/NAME
        python -m serkeras robustness artifacts/runs/NAME --only snr-white reverb --clips 60
        python -m serkeras robustness artifacts/runs/A artifacts/runs/B --out artifacts/a-and-b
        Several runs of the same test side are compared. An interrupted call goes on from the
        last damage when the command is given again.
        """,
    )
    command.add_argument("runs", nargs="+", metavar="RUN", help="folders of finished runs")
    command.add_argument(
        "--only",
        nargs="+",
        metavar="DAMAGE",
        help="snr-white, snr-pink, snr-babble, reverb, low-pass, telephone, mp3, vorbis, quieter, "
        "louder, clipping, truncation, delay, slower, faster, tempo-slow, tempo-fast (all)",
    )
    command.add_argument("--clips", type=int, metavar="N", help="so many test clips (all)")
    command.add_argument("--seed", type=int, default=0, help="of noises, rooms and voices (0)")
    command.add_argument("--out", metavar="DIR", help="folder (RUN/analyses/robustness)")
    command.add_argument("--jobs", type=int, metavar="N", help="threads (all cores)")
    command.add_argument("--quiet", action="store_true", help="no progress bar")


def robustness(arguments):
    """Measure, print the damages and where the page is."""
    import serkeras
    from serkeras.robustness import place

    result = serkeras.measure_robustness(
        arguments.runs,
        out=arguments.out,
        only=arguments.only,
        clips=arguments.clips,
        seed=arguments.seed,
        n_jobs=arguments.jobs,
        progress=not arguments.quiet,
    )
    print_result(result)
    print(f"page: {place(arguments.runs, arguments.out) / 'page.md'}")
    for name, reason in result["left_out"].items():
        print(f"left out: {name}, {reason}", file=sys.stderr)
    return int(bool(result["left_out"]))


def print_result(result):
    """Print UAR undamaged, and its mean over the levels of each damage, with intervals."""
    for name, clean in result["clean"].items():
        print(f"{name}: UAR undamaged, then its mean over the levels of each damage")
        print(_line("undamaged", clean["uar"]))
        for damage, told in result["damages"].items():
            print(_line(damage, told["runs"][name]["area"]["uar"]))
        print(_line("mean of all", result["mean"][name]["area"]))
    for row in result["comparisons"]:
        measured = {key: 100 * value for key, value in row["difference"].items()}
        holm = f", Holm {row['p_holm']:.3g}" if "p_holm" in row else ""
        print(
            f"{row['a']} minus {row['b']}, {row['damage']}: {measured['value']:+.1f} points "
            f"[{measured['low']:+.1f}, {measured['high']:+.1f}], p = {row['p']:.3g}{holm}"
        )


def _line(name, measured):
    return f"  {name:<11} {measured['value']:.3f}  [{measured['low']:.3f}, {measured['high']:.3f}]"
