"""What comes out of a study: rows.csv, table.csv, table.md, heat maps and report.md."""

import math
import shlex
from pathlib import Path

import filelock
import pandas as pd

from serkeras import datasets
from serkeras._files import atomic_write
from serkeras.evaluation import plots
from serkeras.evaluation._markdown import table as markdown
from serkeras.studies import folder as folders
from serkeras.studies import heatmap
from serkeras.studies.cells import expand, left_out
from serkeras.studies.comparison import slug
from serkeras.studies.rows import NEW, SAME, runs_table, table
from serkeras.studies.study import load, names

_SPEAKERS = {NEW: "new speakers", SAME: "**the same speakers**", "": "-"}


def write(study, out=None):
    """Write the table and the figures of what is finished.

    Args:
        study: `Study`, name or path, see `serkeras.studies.load`.
        out: folder of the study; None is `artifacts/studies/NAME`.

    Returns:
        `pathlib.Path` of report.md.

    Raises:
        FileNotFoundError: the study was never run there.
    """
    study = load(study)
    out = Path(out or folders.default_folder(study))
    if not (out / "study.json").is_file():
        raise FileNotFoundError(
            f"A study must have been run before it can be reported. Received: {out} without "
            f"study.json. Run it: python -m serkeras study run {study.name}."
        )
    # Several processes may come to their end together: the last to write has looked last.
    with filelock.FileLock(out / ".report.lock"):
        cells = expand(study)
        states, strangers = folders.look(cells, out)
        runs = runs_table(states)
        rows = table(study, cells, runs)
        _write_csv(out / "rows.csv", runs)
        _write_csv(out / "table.csv", rows)
        _write_text(out / "table.md", _table(study, rows) + "\n")
        figures = _draw(study, out, rows)
        text = "\n\n".join(_sections(study, rows, runs, states, strangers, figures))
        _write_text(out / "report.md", text + "\n")
    return out / "report.md"


def _write_csv(path, frame):
    with atomic_write(path) as file:
        frame.to_csv(file, index=False)


def _write_text(path, text):
    with atomic_write(path) as file:
        file.write(text)


def _draw(study, out, rows):
    """Write a heat map for each split that has a figure; returns {split: file name}."""
    done = rows[rows["runs"] > 0]
    limits = _limits(100 * done["uar_mean"]) if len(done) else None
    files = {}
    for number, entry in enumerate(study.splits):
        name = f"heatmap-{_slug(entry.label, number, study)}.png"
        if (done["split"] == entry.label).any():
            figure = heatmap.draw(study, entry.label, rows, left_out(study), limits)
            plots.save(figure, out / name)
            files[entry.label] = name
        else:
            (out / name).unlink(missing_ok=True)  # of an earlier form of the study
    return files


def _limits(percent):
    low, high = math.floor(percent.min() / 5) * 5, math.ceil(percent.max() / 5) * 5
    return (low, high) if high > low else (low, low + 5)


def _slug(label, number, study):
    """Return a split's label as a part of a file name, numbered where two would share one."""
    words = [slug(entry.label) for entry in study.splits]
    return words[number] if words.count(words[number]) == 1 else f"{words[number]}-{number + 1}"


def _sections(study, rows, runs, states, strangers, figures):
    data = " + ".join(datasets.name_of(spec) for spec in study.data)
    splits = ", ".join(entry.label for entry in study.splits)
    yield f"# {study.name} on {data}, split {splits}"
    if study.about:
        yield study.about
    yield _what_was_run(study, runs)
    yield _standing(states, strangers)
    yield "## Table\n\n" + _table(study, rows)
    yield _about_table(study, rows)
    for split, name in figures.items():
        yield f"![Mean UAR of recipes and features, split {split}]({name})"
    reasons = left_out(study)
    if reasons:
        yield "## Left out\n\n" + "\n".join(
            f"- {' / '.join(row)}: {reason}" for row, reason in reasons.items()
        )
    yield _again(study)


def _what_was_run(study, runs):
    count = {name: len(getattr(study, name)) for name in ("recipes", "features", "splits")}
    splits = ", ".join(
        f"`{entry.label}`" + (f" ({len(entry.values)} folds)" if len(entry.values) > 1 else "")
        for entry in study.splits
    )
    facts = [
        ("data", f"{', '.join(study.data)} (label scheme `{study.label_scheme}`)"),
        ("recipes x features", f"{count['recipes']} x {count['features']}"),
        ("splits", splits),
        ("seeds", ", ".join(map(str, study.seeds))),
        ("test clips a run", _range(runs["test_clips"])),
        ("commits", _counted(runs["commit"].fillna("unknown (no git checkout)"))),
        ("devices", _counted(runs["device"])),
        ("hours of training", f"{runs['seconds'].sum() / 3600:.1f}"),
    ]
    if study.source:
        facts.insert(0, ("source", study.source))
    return "## What was run\n\n" + markdown(("", ""), facts)


def _range(values):
    if values.empty:
        return "-"
    low, high = values.min(), values.max()
    return str(low) if low == high else f"{low} to {high}"


def _counted(values):
    counts = values.value_counts()
    return "; ".join(f"{name} ({count} runs)" for name, count in counts.items()) or "-"


def _standing(states, strangers):
    kinds = pd.Series([state.kind for state in states]).value_counts()
    lines = ["## Standing", ", ".join(f"{count} {kind}" for kind, count in kinds.items()) + "."]
    told = [s for s in states if s.kind in (folders.FAILED, folders.FOREIGN)]
    if told:
        lines.append("\n".join(f"- {s.cell.id}: {s.kind}: {_line(s.note)}" for s in told))
    if strangers:
        shown = ", ".join(f"`{path.name}`" for path in strangers)
        lines.append(f"Run folders that belong to no cell of the study as it is now: {shown}.")
    return "\n\n".join(lines)


def _line(text):
    return " ".join(text.split())


def _table(study, rows):
    head = ["features", "recipe", "split", "test speakers", "runs", "UAR", "accuracy", "macro F1"]
    head.append("validation accuracy")
    if study.published.measure:
        head.append(f"published: {study.published.measure}")
    return markdown(head, [_cells(row, len(head)) for row in rows.to_dict("records")])


def _cells(row, count):
    figures = ("uar", "accuracy", "macro_f1", "validation_accuracy")
    speakers = _SPEAKERS.get(row["speakers"], "not all known")
    shown = [
        row["features"], row["recipe"], f"`{row['split']}`", speakers,
        f"{row['runs']} of {row['of']}", *(_spread(row, name) for name in figures),
        "" if pd.isna(row["published"]) else f"{row['published']:.1f}",
    ]  # fmt: skip
    return shown[:count]


def _spread(row, name):
    mean, deviation = 100 * row[f"{name}_mean"], 100 * row[f"{name}_sd"]
    if pd.isna(mean):
        return ""
    return f"{mean:.1f}" if pd.isna(deviation) else f"{mean:.1f} ± {deviation:.1f}"


def _about_table(study, rows):
    text = (
        "Figures are percent: mean and standard deviation over the runs of a row (seeds, folds). "
        "The seed decides the split as well, unless that is fixed: the deviation then holds the "
        "luck of the test side beside that of training. It is not a standard error, and "
        "two means that differ are no finding: `study compare` tests pairs on the same clips. "
        "The validation accuracy is that of the epoch that was chosen by the validation side, "
        "so it is too good."
    )
    if (rows["speakers"] == SAME).any():
        text += (
            " **Where test speakers are the same as in training, expect clearly less with "
            "new ones**; compare such figures only with each other."
        )
    if study.published.measure:
        text += (
            f" The published figure is a {study.published.measure} on its authors' split: "
            "a neighbour for orientation, not a reference."
        )
        waiting = sorted({recipe for recipe, _ in study.published.values} - set(rows["recipe"]))
        if waiting:
            text += f" Published figures of {', '.join(waiting)} wait for a recipe in the study."
    return text


def _again(study):
    words = ["python", "-m", "serkeras", "study", "run"]
    if study.name in names() and load(study.name).form == study.form:
        command = shlex.join([*words, study.name])
    else:
        command = shlex.join([*words, "study.json", "--out", "again"])
    return (
        f"## How to make it again\n\n```sh\n{command}\n```\n\nThe form of the study stands in "
        "study.json beside this file, all runs in rows.csv, each with its own report under runs/."
    )
