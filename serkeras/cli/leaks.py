"""The command that measures what known leaks would claim for a recipe."""

import textwrap

from serkeras.cli import options


def add_leaks(subparsers):
    """Add the command `leaks`."""
    command = options.add_command(
        subparsers,
        "leaks",
        leaks,
        "measure what known mistakes would claim for a recipe, beside its honest figure",
        """
        python -m serkeras leaks list                        what can be measured
        python -m serkeras leaks --data ravdess              all of it, svm, three seeds
        python -m serkeras leaks cnn2-transformer --data ravdess --only batch-attention
        python -m serkeras leaks svm --data tess --only word-overlap --seeds 5
        Each fit is made once: the same command goes on where it was interrupted.
        """,
    )
    command.add_argument(
        "recipe",
        nargs="?",
        default="svm",
        help="one of `python -m serkeras recipes`, or a recipe file (svm); or the word list",
    )
    options.add_data(command)
    command.add_argument(
        "--only", action="append", metavar="NAME", help="a leak of `leaks list`; again for more"
    )
    command.add_argument(
        "--seeds", type=int, default=3, metavar="N", help="seeds 0, 1, ... of split and weights (3)"
    )
    command.add_argument(
        "--best-of",
        type=int,
        default=5,
        metavar="N",
        help="runs that the best-of leaks pick from (5)",
    )
    command.add_argument("--out", metavar="DIR", help="folder (artifacts/leaks/RECIPE-DATA)")
    options.add_set(command, "training.epochs=20", "any setting of the experiment")
    options.add_scheme(command)
    options.add_work(command)


def leaks(arguments):
    """Measure leaks, or list them."""
    if arguments.recipe == "list":
        return _list()
    from serkeras.leaks import measure_leaks

    result = measure_leaks(
        arguments.recipe,
        data=arguments.data,
        only=arguments.only,
        seeds=arguments.seeds,
        best_of=arguments.best_of,
        out=arguments.out,
        label_scheme=arguments.label_scheme,
        settings=dict(arguments.settings),
        on_error="skip" if arguments.skip_broken else "raise",
        n_jobs=arguments.jobs,
        progress=not arguments.quiet,
    )
    _print(result)
    return 0


def _list():
    """Print the leaks with what they are and where they come from."""
    from serkeras.leaks import LEAKS

    for leak in LEAKS.values():
        about = textwrap.fill(
            f"{leak.about} {leak.seen}", 90, initial_indent=4 * " ", subsequent_indent=4 * " "
        )
        print(f"{leak.name}\n{about}")
    return 0


def _print(result):
    from serkeras.evaluation._markdown import points
    from serkeras.leaks.page import ordered

    print(f"{'UAR (%)':<24} {'claim':>7} {'compared':>9}   cost [95 % interval]")
    for name in ordered(result):
        found = result["leaks"][name]
        claim, other = (100 * found[key]["uar"]["value"] for key in ("claim", "reference"))
        print(f"{name:<24} {claim:7.1f} {other:9.1f}   {points(found['cost']['uar'])}")
    for name, reason in result["skipped"].items():
        print(f"left out: {name}: {reason}")
    value, low, high = (100 * result["honest"]["uar"][key] for key in ("value", "low", "high"))
    print(f"honest: {value:.1f} [{low:.1f}, {high:.1f}]")
    print(f"page: {result['folder']}/page.md")
