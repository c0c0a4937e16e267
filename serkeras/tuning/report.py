"""What a search leaves to be read: table.csv, figures, TensorBoard's page and report.md."""

import json
import logging

from serkeras import recipes
from serkeras._files import atomic_write
from serkeras.evaluation import analysis, plots
from serkeras.evaluation._markdown import duration, percent, points, table
from serkeras.runs import whole_command
from serkeras.tuning import confirm, figures, hparams
from serkeras.tuning.plan import OBJECTIVES

_log = logging.getLogger(__name__)
_SHOWN = 15


def write(search):
    """Write all of it; a search without a finished trial has a table alone.

    Args:
        search: `serkeras.tuning.Search`.

    Returns:
        `pathlib.Path` of report.md, or of table.csv.
    """
    path = search.folder / "table.csv"
    with atomic_write(path) as file:
        search.table.to_csv(file, index=False)
    if not search.best():
        return path
    for name, value in search.edges.items():
        _log.warning("The best trial has the %s %s of its range: %s", *_edge(search, name, value))
    drawn = {
        "trials": figures.parallel_coordinates(search),
        "learning": figures.learning(search),
        "importance": figures.importance(search),
    }
    for name, figure in drawn.items():
        if figure is not None:
            plots.save(figure, search.folder / "figures" / f"{name}.png")
    hparams.write(search)
    path = search.folder / "report.md"
    with atomic_write(path) as file:
        file.write(_text(search, [name for name, figure in drawn.items() if figure]) + "\n")
    return path


def _edge(search, name, value):
    return value, name, json.dumps(search.best()[0][name])


def _title(experiment):
    return f"{analysis.subject(experiment)}, seed {experiment.seed}"


def _text(search, drawn):
    parts = [
        f"# A search for {_title(search.plan.experiment)}",
        _what(search),
        _best(search),
        _again(search),
        _confirmed(search),
        "## Trials\n\n" + "\n\n".join(f"![{name}](figures/{name}.png)" for name in drawn),
        _trials(search),
        "`tensorboard --logdir tensorboard` in this folder shows them on its page HParams.",
    ]
    return "\n\n".join(part for part in parts if part)


def _what(search):
    plan, experiment = search.plan, search.plan.experiment
    table_ = search.table
    done = table_["state"].eq("finished").sum()
    judged = (
        f"{plan.folds} folds of the training and the validation side"
        if plan.folds
        else "the split's validation side"
    )
    most = f" of at most {plan.max_epochs} epochs"
    seconds = duration(table_["seconds"].sum())
    return (
        f"{plan.tuner}, {done} trials{'' if plan.is_classical else most} "
        f"({len(table_) - done} failed), {plan.repeats} fit(s) each, judged by `{plan.objective}` "
        f"on {judged}; {', '.join(experiment.data)}, split `{experiment.split}`, seed "
        f"{experiment.seed}. {seconds} of fits on {search.about['device']}, "
        f"commit {search.about['commit'] or 'unknown'}. The test side was not read."
    )


def _best(search):
    first = search.table.iloc[0]
    rows = [(f"`{name}`", f"`{_short(value)}`") for name, value in search.best()[0].items()]
    edges = [
        f"`{name}` lies on the edge of its range ({value}): the best may lie beyond. Widen it."
        for name, value in search.edges.items()
    ]
    words = ", ".join(
        f"{name} {first[name]:.3f}" for name in OBJECTIVES if first[name] == first[name]
    )
    told = "\n\n".join([f"**{each}**" for each in edges])
    return (
        f"## The best trial, {first['trial']}\n\n{words}. It is the best of many on clips that "
        f"chose it: a figure that flatters.\n\n{table(('setting', 'value'), rows)}\n\n{told}"
    ).strip()


def _again(search):
    found = search.plan.experiment.with_settings(search.settings)
    if found.recipe not in recipes.names():
        return ""
    command = whole_command(found)
    fixed = (
        f" Trials were judged at their best epoch; this fits {found.training.epochs} epochs on "
        "training and validation side."
        if found.training.learns_validation
        else ""
    )
    return f"Trained on it, and judged by the test side once:{fixed}\n\n```sh\n{command}\n```"


def _confirmed(search):
    rows = []
    for row in confirm.read(search):
        gain = row["gain"]
        words = points(gain, "difference") if gain else "-"
        uar = percent(row["val_uar"])
        rows.append((row["choice"], _values(row["values"]), uar, words))
    if not rows:
        return ""
    head = ("choice", "settings", "UAR", "gain over untuned, points [95 %]")
    return (
        "## Fitted again\n\nThe best choices and the recipe as it was, with new first weights and "
        f"all epochs, on the same clips; intervals by speaker.\n\n{table(head, rows)}"
    )


def _trials(search):
    names = list(search.plan.space)
    rows = [
        (
            record["trial"],
            *(_short(record["values"][name]) if name in record["values"] else "" for name in names),
            record["budget"],
            f"{record[search.plan.objective]:.3f}",
        )
        for record in _ordered(search)[:_SHOWN]
    ]
    more = len(search.records) - len(rows)
    note = f"\n\n{more} more in table.csv." if more else ""
    head = ("trial", *(f"`{name}`" for name in names), "epochs, at most", search.plan.objective)
    return table(head, rows) + note


def _ordered(search):
    by_name = {record["trial"]: record for record in search.records}
    return [by_name[name] for name in search.table["trial"] if by_name[name]["state"] == "finished"]


def _values(values):
    return ", ".join(f"{name}={_short(value)}" for name, value in values.items()) or "its own"


def _short(value):
    return f"{value:.4g}" if isinstance(value, float) else json.dumps(value)
