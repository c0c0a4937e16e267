"""The command that says which other corpora help in training."""

from serkeras.cli import options


def add_corpora_help(subparsers):
    """Add the command `corpora-help`."""
    command = options.add_command(
        subparsers,
        "corpora-help",
        corpora_help,
        "train a recipe with and without other corpora, tested on the same clips",
        """
        python -m serkeras corpora-help svm --test ravdess --extra tess --extra emodb
        python -m serkeras corpora-help cnn --test ravdess --extra tess --clips all --clips 256
        Called again it goes on: finished runs are kept.
        """,
    )
    command.add_argument("recipe", metavar="RECIPE", help="name or file of a recipe")
    command.add_argument("--test", required=True, metavar="CORPUS", help="corpus to be good at")
    command.add_argument(
        "--extra", required=True, action="append", metavar="CORPUS",
        help="corpus to add to training; give it again for more",
    )  # fmt: skip
    command.add_argument(
        "--clips", action="append", type=_number, metavar="N|all",
        help="clips of each (all); give it again for more",
    )  # fmt: skip
    command.add_argument("--split", default="speaker", metavar="KIND", help=options.SPLIT_HELP)
    command.add_argument("--seeds", nargs="+", type=int, default=[0], metavar="N", help="seeds (0)")
    options.add_scheme(command)
    command.add_argument("--out", metavar="DIR", help="folder of runs and page")
    options.add_set(command, "training.epochs=5", "change a setting of the recipe")
    command.add_argument("--jobs", type=int, metavar="N", help="threads for features (all cores)")
    command.add_argument("--quiet", action="store_true", help="no progress bars")


def _number(text):
    return text if text == "all" else int(text)


def corpora_help(arguments):
    """Train what is left, write the page, print the differences."""
    from serkeras.corpora_help import compare_corpora
    from serkeras.evaluation._markdown import points

    result = compare_corpora(
        arguments.recipe,
        arguments.test,
        arguments.extra,
        clips=tuple(arguments.clips or ["all"]),
        split=arguments.split,
        seeds=arguments.seeds,
        label_scheme=arguments.label_scheme or "own",
        settings=dict(arguments.settings),
        out=arguments.out,
        n_jobs=arguments.jobs,
        progress=not arguments.quiet,
    )
    for row in result["rows"]:
        line = f"{row['mixture']:<28} {row['train_clips']:>6} clips  UAR {row['uar']['value']:.3f}"
        if "difference" in row:
            found = row["difference"]["uar"]
            gained = points(found, "difference")
            line += f"  {gained} points, p {found['p']:.3g}, Holm {found['p_holm']:.3g}"
        print(line)
