"""The command that looks for a batch size."""

from serkeras._files import write_json
from serkeras.cli import options


def add_batch_size(subparsers):
    """Add the command `batch-size`."""
    command = options.add_command(
        subparsers,
        "batch-size",
        batch_size,
        "measure how quickly a recipe's network learns at which batch size, on this machine",
        """
        python -m serkeras batch-size cnn2-transformer
        python -m serkeras batch-size cnn --set features.name=log_mel --most 64
        python -m serkeras batch-size cnn2 --data ravdess --json batch-sizes.json
        The network learns random features; weights of other trainings are left out.
        """,
    )
    command.add_argument("recipe", help="one of `python -m serkeras recipes`, or a recipe file")
    options.add_data(command)
    command.add_argument("--most", type=int, metavar="N", help="largest batch size to try")
    command.add_argument("--json", metavar="FILE", help="write the figures")
    options.add_set(command, "model.settings.dropout=0.2", "any setting of the experiment")
    options.add_scheme(command)
    command.add_argument("--quiet", action="store_true", help="no progress bar")


def batch_size(arguments):
    """Measure batch sizes and recommend one."""
    from serkeras import recipes
    from serkeras.training.batch_size import search

    experiment = recipes.load(arguments.recipe).with_settings(dict(arguments.settings))
    counts = _counts(arguments)
    found = search(experiment, **counts, progress=not arguments.quiet)
    _print(found)
    if arguments.json:
        write_json(arguments.json, found.to_dict())
    return 0


def _counts(arguments):
    """Return what the recordings decide: the classes, and no batch larger than all of them."""
    if not arguments.data:
        return {"most": arguments.most}
    from serkeras import datasets

    scheme = arguments.label_scheme or "own"
    clips = datasets.load_many(arguments.data, scheme, progress=not arguments.quiet)
    most = min(len(clips), arguments.most) if arguments.most is not None else len(clips)
    return {"classes": clips["emotion"].nunique(), "most": most}


def _print(found):
    shape = " x ".join("any" if side is None else str(side) for side in found.features)
    print(f"device:  {found.device}")
    print(f"network: {found.model}, {found.parameters:,} parameters, random weights, {shape}\n")
    print(f"{'batch size':>10} {'clips/s':>10} {'ms a step':>10} {'peak memory':>12}")
    for trial in found.trials:
        peak = "not known" if trial.peak_mb is None else f"{trial.peak_mb:,.0f} MB"
        figures = f"{trial.clips_per_s:>10,.1f} {trial.step_ms:>10,.1f} {peak:>12}"
        print(f"{trial.batch_size:>10} {figures}")
    print(f"\nended: {found.stopped}")
    print(f"use:   --set training.batch_size={found.recommended}")
    print("Another batch size is another experiment: its results are not those of the recipe.")
