"""`evaluate_protocols`: train recipes under several protocols, then write one page about them."""

import json
import warnings
from pathlib import Path

import filelock
import pandas as pd

from serkeras import studies
from serkeras._files import atomic_write
from serkeras.evaluation import analysis
from serkeras.protocols import figure, findings, origin, page, planning
from serkeras.studies import recordings
from serkeras.training import provenance


def evaluate_protocols(
    recipes,
    data=None,
    protocols=None,
    seeds=1,
    label_scheme="own",
    settings=None,
    out=None,
    jobs=1,
    on_error="raise",
    n_jobs=None,
    n_boot=2000,
    progress=True,
):
    """Measure one recipe or several under named protocols, and say how far the figures hold.

    A protocol is a list of folds, see `serkeras.protocols.names`. The runs are those of a study in
    `out/study`: the same call goes on where it stopped, and several processes may make it at once.
    Beside it come page.md with its figure, table.csv, by_fold.csv, recipes.csv, protocols.csv,
    runs.csv and result.json.

    Args:
        recipes: name or path of a recipe, or a list of them.
        data: list of corpora as names or paths, see `serkeras.train`; default "synthetic".
        protocols: list of names; None is speaker, speaker-kfold, statement and random, as far as
            the clips allow them.
        seeds: how many (0, 1, ...), or a list of them.
        label_scheme: "own", "seven" or "four".
        settings: dictionary of dotted settings of all runs.
        out: folder; None is `artifacts/protocols/RECIPES-DATA`.
        jobs: processes that train side by side.
        on_error, n_jobs, progress: as in `serkeras.train`.
        n_boot: resamples of the intervals.

    Returns:
        DataFrame with one row a recipe and protocol, those with new speakers first: recipe,
        protocol, speakers (of the test side: "new", "unknown" or "the same" as in training), new
        (what neither training nor validation has: speakers, statements, corpora), folds, seeds,
        runs (finished), of (planned); uar_mean and uar_sd over the runs; uar_value, uar_low and
        uar_high, pooled over all answers, with a 95 % interval; the same of accuracy; unit and
        units that were resampled, fewest (units of the smallest corpus), clips, answers.
        `attrs["page"]` is the path of the page.

    Raises:
        ValueError: a recipe, protocol or setting is unknown, or the clips do not allow a protocol.
        FileExistsError: `out` holds figures of other data.
        RuntimeError: no run came to its end.

    Warns:
        UserWarning: the clips do not allow one of the default protocols.
    """
    plan = planning.make(recipes, data, protocols, seeds, label_scheme, settings, progress)
    for name, reason in plan.left_out.items():
        warnings.warn(f"The protocol {name} is left out. {reason}", UserWarning, stacklevel=2)
    out = Path(out or planning.default_folder(plan))
    states = studies.run(
        plan.study, out / "study", jobs, on_error=on_error, n_jobs=n_jobs, progress=progress
    )
    # Runs may be there already; what the page says of them it says of the clips at hand.
    recordings.check(out / "study", plan.clips, n_jobs)
    # Several processes may come to their end together.
    with filelock.FileLock(out / ".page.lock"):
        found = findings.gather(plan, states, out / "study", n_boot)
        found.table.attrs["page"] = str(_write(found, out))
    return found.table


def _write(found, out):
    tables = {
        "table": found.table,
        "corpora": found.corpora,
        "by_fold": found.by_fold,
        "recipes": found.recipes,
        "uncompared": found.uncompared,
        "protocols": found.protocols,
        "joined": found.joined,
        "chosen": found.chosen,
    }
    for name, table in {**tables, "runs": origin.flat(found.runs)}.items():
        path = out / f"{name}.csv"
        if table.empty:
            path.unlink(missing_ok=True)  # of an earlier call
            continue
        with atomic_write(path) as file:
            table.to_csv(file, index=False)
    kinds = pd.Series([state.kind for state in found.states]).value_counts()
    result = {
        "study": found.plan.study.form,
        "left_out": found.plan.left_out,
        "labels": found.labels,
        "untested": found.untested,
        "states": {kind: int(count) for kind, count in kinds.items()},
        "reference": found.reference,
        **{name: _records(table) for name, table in tables.items()},
        "runs": _records(found.runs),
        "made_by": provenance.made_by(origin.devices(found.runs)),
    }
    return analysis.write(
        out, page.title(found), result, page.sections(found), {"protocols": figure.draw(found)}
    )


def _records(table):
    """Return the rows as dictionaries; what is missing is None."""
    return json.loads(table.to_json(orient="records", double_precision=15))
