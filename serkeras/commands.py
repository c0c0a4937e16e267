"""What the commands of the command line do; each takes parsed arguments."""

import json
import sys

from serkeras._files import atomic_write, write_json


def data(arguments):
    """List corpora, or show, download or tabulate one."""
    from serkeras import datasets

    if arguments.corpus is None:
        return _list_corpora()
    if arguments.download:
        print(datasets.download(arguments.corpus))
        return 0
    if arguments.corpus in datasets.names():
        print(datasets.card(arguments.corpus), end="\n\n")
        if arguments.corpus != "synthetic" and datasets.find(arguments.corpus) is None:
            print(f"Not at hand. {datasets.how_to_get(arguments.corpus)}")
            return 0
    clips = datasets.load_many([arguments.corpus], arguments.label_scheme or "own")
    if arguments.csv:
        _write_csv(arguments.csv, clips)
    print(f"{len(clips)} clips, {clips['speaker'].nunique()} speakers at hand")
    print(clips.groupby(["corpus", "emotion"]).size().unstack("corpus").to_string())
    return 0


def _list_corpora():
    from serkeras import datasets

    for name in datasets.names():
        place = datasets.find(name)
        where = place if place else "not at hand; `data " + name + "` says how to get it"
        print(f"{name:<10} {datasets.card(name).title}\n{'':<10} {where}")
    return 0


def _write_csv(path, table):
    with atomic_write(path) as file:
        table.to_csv(file, index=False)
    print(f"{len(table)} rows in {path}")


def audit(arguments):
    """Print what is wrong with the files of the corpora named."""
    from serkeras import datasets

    clips = datasets.load_many(arguments.data or ["synthetic"], progress=not arguments.quiet)
    findings = datasets.audit(clips, progress=not arguments.quiet)
    if arguments.csv:
        _write_csv(arguments.csv, findings)
    if findings.empty:
        print(f"{len(clips)} clips, nothing found")
        return 0
    print(f"{len(clips)} clips, {len(findings)} findings")
    for kind, group in findings.groupby("finding"):
        print(f"\n{kind} ({len(group)})")
        for row in group.head(10).itertuples():
            print(f"  {row.clip}: {row.detail}")
        if len(group) > 10:
            print(f"  ... and {len(group) - 10} more (--csv FILE has all)")
    return 1


def features(arguments):
    """Fill the feature cache."""
    from serkeras import datasets
    from serkeras.config import AudioConfig, FeatureConfig
    from serkeras.features import cache

    settings = FeatureConfig.from_dict({"name": arguments.feature, **dict(arguments.settings)})
    clips = datasets.load_many(arguments.data or ["synthetic"], progress=not arguments.quiet)
    found = cache.extract(
        clips,
        audio=AudioConfig(),
        features=settings,
        n_jobs=arguments.jobs,
        on_error="skip" if arguments.skip_broken else "raise",
        progress=not arguments.quiet,
    )
    print(
        f"{found.x.shape[0]} clips of {found.x.shape[1]} x {found.x.shape[2]}: {found.x.filename}"
    )
    return _name_failed(found.failed.itertuples(index=False))


def _name_failed(failed):
    """Print (path, reason) pairs to stderr; return exit code 1 if there are any."""
    code = 0
    for _, reason in failed:
        print(f"left out: {reason}", file=sys.stderr)
        code = 1
    return code


def recipes(arguments):
    """List the recipes, or print one whole."""
    from serkeras import recipes as shelf

    if arguments.recipe is None:
        for name in shelf.names():
            print(f"{name}\n    {shelf.describe(name)['about']}.")
        return 0
    facts = shelf.describe(arguments.recipe)
    experiment = shelf.load(arguments.recipe).to_dict()
    print(json.dumps({**facts, "experiment": experiment}, indent=2))
    return 0


def train(arguments):
    """Train a recipe."""
    import serkeras

    settings = dict(arguments.settings)
    if arguments.epochs is not None:
        settings["training.epochs"] = arguments.epochs
    run = serkeras.train(
        arguments.recipe,
        data=arguments.data,
        split=arguments.split,
        seed=arguments.seed,
        out=arguments.out,
        label_scheme=arguments.label_scheme,
        settings=settings,
        overwrite=arguments.overwrite,
        on_error="skip" if arguments.skip_broken else "raise",
        n_jobs=arguments.jobs,
        progress=not arguments.quiet,
    )
    _print_figures(run.metrics)
    print(f"report: {run.folder / 'report.md'}")
    return 1 if (run.folder / "failed.csv").is_file() else 0


def _print_figures(metrics):
    names = {"uar": "UAR", "accuracy": "accuracy", "macro_f1": "macro F1", "top2": "top-2"}
    for key, name in names.items():
        figure = metrics[key]
        print(f"{name:<9} {figure['value']:.3f}  [{figure['low']:.3f}, {figure['high']:.3f}]")
    print(f"95 % intervals: {metrics['intervals']['method']}")


def evaluate(arguments):
    """Show a run again, or measure it on other data."""
    import serkeras
    from serkeras.evaluation import report

    run = serkeras.Run(arguments.run_folder)
    if not arguments.data:
        metrics, code = run.metrics, 0
        report.write(run.folder)
        print(f"report: {run.folder / 'report.md'}")
    else:
        metrics = serkeras.evaluate(
            run,
            arguments.data,
            on_error="skip" if arguments.skip_broken else "raise",
            n_jobs=arguments.jobs,
            progress=not arguments.quiet,
        )
        code = _print_left_out(metrics["left_out"])
    _print_figures(metrics)
    if arguments.json:
        write_json(arguments.json, metrics)
    return code


def _print_left_out(left_out):
    """Name what was not judged; return exit code 1 if recordings could not be read."""
    for emotion, count in left_out["unknown_emotions"].items():
        print(f"left out: {count} clips of {emotion}, unknown to the model", file=sys.stderr)
    for path in left_out["unreadable"]:
        print(f"left out: {path}, unreadable", file=sys.stderr)
    return int(bool(left_out["unreadable"]))


def predict(arguments):
    """Print a table or JSON of what the model says."""
    import serkeras

    table = serkeras.predict(
        arguments.run_folder, arguments.paths, on_error="skip", progress=not arguments.quiet
    )
    if arguments.json:
        print(json.dumps(table.to_dict("records"), indent=2))
    elif len(table):
        print(table.to_string(index=False, float_format=lambda value: f"{value:.3f}"))
    return _name_failed(table.attrs["failed"])


def demo(arguments):
    """Train on the built-in corpus and show what came out."""
    import serkeras
    from serkeras.runs import Run

    try:
        run = Run(arguments.out)
    except FileNotFoundError:
        run = None
    if run is None or not run.finished or arguments.overwrite:
        run = serkeras.train(
            "cnn2-transformer",
            out=arguments.out,
            settings={"training.epochs": 40, "training.patience": 10, "training.retrain": False},
            overwrite=arguments.overwrite,
            progress=not arguments.quiet,
        )
    _print_figures(run.metrics)
    some = run.predictions["path"].iloc[:: max(1, len(run.predictions) // 5)].head(5)
    table = serkeras.predict(run, list(some))
    print(table.to_string(index=False, float_format=lambda value: f"{value:.2f}"))
    print(f"model:   {run.folder / 'model.keras'}")
    print(f"figures: {run.folder / 'figures'}")
    print(f"report:  {run.folder / 'report.md'}")
    return 0
