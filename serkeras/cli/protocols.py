"""The command that measures recipes under several protocols."""

import argparse

from serkeras.cli import options


def add_protocols(subparsers):
    """Add the command `protocols`."""
    command = options.add_command(
        subparsers,
        "protocols",
        protocols,
        "measure recipes under several protocols: new speakers, statements, corpora, or none",
        """
        python -m serkeras protocols svm logistic-sklearn --data ravdess
        python -m serkeras protocols svm --data ravdess --protocol loso --protocol kfold --seeds 3
        python -m serkeras protocols svm --data ravdess --data emodb --data tess \\
            --label-scheme seven --protocol corpus
        python -m serkeras protocols --list
        The same command goes on where it stopped. Given in several terminals, they share the work.
        """,
    )
    command.add_argument(
        "recipes", nargs="*", metavar="RECIPE", help="of `python -m serkeras recipes`, or files"
    )
    options.add_data(command)
    command.add_argument(
        "--protocol",
        action="append",
        metavar="NAME",
        help="one of --list; again for more (speaker, speaker-kfold, statement and random, as far "
        "as the clips allow them)",
    )
    command.add_argument(
        "--seeds",
        type=_seeds,
        default=1,
        metavar="N|S,S,...",
        help="how many seeds, or which: 3 and 0,1,2 are the same; 4, is seed 4 alone (1)",
    )
    options.add_set(command, "training.epochs=5", "a setting of all runs")
    options.add_scheme(command)
    command.add_argument("--out", metavar="DIR", help="folder (artifacts/protocols/RECIPES-DATA)")
    command.add_argument(
        "--workers", type=int, default=1, metavar="N", help="processes that train side by side (1)"
    )
    command.add_argument("--list", action="store_true", help="name the protocols and stop")
    options.add_work(command)


def _seeds(text):
    """Parse "3" into 3 and "0,1" into [0, 1]."""
    try:
        return [int(word) for word in text.split(",") if word] if "," in text else int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"must be a number or numbers with commas, received {text!r}"
        ) from None


def protocols(arguments):
    """Measure recipes, print the table."""
    from serkeras import protocols as named

    if arguments.list:
        for name, about in named.names().items():
            print(f"{name:18} {about}")
        return 0
    if not arguments.recipes:
        raise ValueError(
            "`protocols` needs one recipe or more. Received: none. Name some of "
            "`python -m serkeras recipes`."
        )
    table = named.evaluate_protocols(
        arguments.recipes,
        data=arguments.data,
        protocols=arguments.protocol,
        seeds=arguments.seeds,
        label_scheme=arguments.label_scheme or "own",
        settings=dict(arguments.settings),
        out=arguments.out,
        jobs=arguments.workers,
        on_error="skip" if arguments.skip_broken else "raise",
        n_jobs=arguments.jobs,
        progress=not arguments.quiet,
    )
    _print(table)
    print(f"\npage: {table.attrs['page']}")
    return int((table["runs"] < table["of"]).any())


def _print(table):
    """Print the pooled figures."""
    shown = table[["recipe", "protocol"]].copy()
    shown["speakers"] = table["speakers"]
    shown["runs"] = [f"{row.runs} of {row.of}" for row in table.itertuples()]
    for name, word in (("uar", "UAR"), ("accuracy", "accuracy")):
        value, low, high = (100 * table[f"{name}_{end}"] for end in ("value", "low", "high"))
        shown[word] = [
            "" if v != v else f"{v:.1f} [{x:.1f}, {y:.1f}]"
            for v, x, y in zip(value, low, high, strict=True)
        ]
    print(shown.to_string(index=False))
    print("pooled, in percent, with 95 % intervals by speaker (by clip where speakers are unknown)")
