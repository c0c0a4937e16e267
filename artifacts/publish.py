"""Copy finished runs to artifacts/results and write the tables of results anew.

    python artifacts/publish.py artifacts/runs/NAME [...]    add or replace these results
    python artifacts/publish.py                              only write the tables

The README's table has a line a recipe, that of docs/results.md a line a run. What is copied names
data, split, seed, commit and device; model weights, predictions (they hold paths of one machine)
and TensorBoard logs stay in the run folder.
"""

import argparse
import re
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

REPO = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPO))

from serkeras import datasets, recipes  # noqa: E402
from serkeras._files import atomic_path, atomic_write, read_json  # noqa: E402
from serkeras.evaluation._markdown import table as markdown  # noqa: E402
from serkeras.runs import Run  # noqa: E402

RESULTS = REPO / "artifacts" / "results"
START, END = "<!-- results:start -->", "<!-- results:end -->"
_MEASURES = {
    "uar": "UAR",
    "macro_f1": "macro F1",
    "validation_macro_f1": "validation macro F1",
}
# What the published data may say of its split, and the word for it in the table.
_SPLITS = {"random": "random", "fold over clips": "random"}
KEPT = ("experiment.json", "split.json", "history.csv", "metrics.json", "report.md")


def publish(folder, results=RESULTS):
    """Copy what a reader needs of one run.

    Args:
        folder: a finished run.
        results: folder that receives a folder of the run's name.

    Raises:
        ValueError: the run's code was not committed, or it names files of one machine.
    """
    run = Run(folder)
    facts = run.metrics["run"]
    if not re.fullmatch("[0-9a-f]{40}", facts["commit"] or ""):
        raise ValueError(
            "A published result must come from a commit. Received: "
            f"{folder}, trained by {facts['commit'] or 'code outside git'}. Commit and train again."
        )
    if not set(facts["data"]) <= set(datasets.names()):
        raise ValueError(
            "A published result must name its corpora, not folders of one machine. Received: "
            f"{facts['data']}. Set SERKERAS_DATA and train with the names alone."
        )
    target = results / run.folder.name
    shutil.rmtree(target, ignore_errors=True)
    for figure in sorted((run.folder / "figures").glob("*.png")):
        shrink(figure, target / "figures" / figure.name)
    for name in KEPT:
        shutil.copy2(run.folder / name, target / name)


def shrink(figure, target):
    """Write a figure with 128 colours: a quarter of the bytes, no difference to the eye."""
    with Image.open(figure) as image, atomic_path(target) as temporary:
        few = image.convert("RGB").quantize(128, dither=Image.Dither.NONE)
        few.save(temporary, "PNG", optimize=True)


@dataclass(frozen=True)
class _Result:
    """A committed result; `way` leads from the table's file to the results."""

    folder: Path
    metrics: dict
    changes: dict
    disjoint: bool

    @property
    def facts(self):
        return self.metrics["run"]

    @property
    def data(self):
        return f"{' + '.join(self.facts['data'])}, {len(self.metrics['labels'])}"

    @property
    def settings(self):
        return "".join(f", `{name}={value}`" for name, value in self.changes.items())

    def link(self, text, way):
        return f"[{text}]({way}/{self.folder.name}/report.md)"

    def figure(self, name):
        value, low, high = (100 * self.metrics[name][key] for key in ("value", "low", "high"))
        return f"{value:.1f} [{low:.1f}, {high:.1f}]"


def _results(folder):
    """Return the results, speaker-disjoint ones first."""
    found = []
    for path in sorted(folder.glob("*/metrics.json")):
        disjoint = read_json(path.parent / "split.json")["speaker_disjoint"]
        changes = recipes.changes(Run(path.parent).experiment)
        found.append(_Result(path.parent, read_json(path), changes, disjoint))
    return sorted(found, key=lambda result: (not result.disjoint, result.folder.name))


def table(results=RESULTS, way="../artifacts/results"):
    """Return the Markdown table with a line a run, speaker-disjoint ones first."""
    head = ("recipe", "data, classes", "split", "test clips", "UAR", "accuracy", "macro F1",
            "published", "trained")  # fmt: skip
    return markdown(head, [_line(result, way) for result in _results(results)])


def _line(result, way):
    facts = result.facts
    speakers = "new speakers" if result.disjoint else "**the same speakers**"
    return (
        result.link(f"`{facts['recipe']}`", way) + result.settings,
        result.data,
        f"`{facts['split']}`, seed {facts['seed']}: {speakers}",
        sum(map(sum, result.metrics["confusion_matrix"])),
        *(result.figure(name) for name in ("uar", "accuracy", "macro_f1")),
        _published(facts["recipe"]),
        f"{_effort(facts)} on {facts['device']}, commit {facts['commit'][:7]}",
    )


def summary(results=RESULTS, way="artifacts/results"):
    """Return the Markdown table with a line a recipe, the best on new speakers first.

    Where a recipe has several runs of a kind, the first by name stands for them.
    """
    lines = {}
    for result in _results(results):
        key = len(result.metrics["labels"]), result.facts["recipe"], result.settings, result.data
        lines.setdefault(key, {}).setdefault(result.disjoint, result)
    head = ("recipe", "data, classes", "UAR, new speakers", "accuracy, new speakers",
            "accuracy, **the same speakers**", "published")  # fmt: skip
    ordered = sorted(lines.items(), key=lambda line: (-line[0][0], _rank(line[1]), line[0]))
    rows = []
    for (_, recipe, settings, data), found in ordered:
        new, known = found.get(True), found.get(False)
        rows.append(
            (
                f"`{recipe}`{settings}",
                data,
                new.link(new.figure("uar"), way) if new else "-",
                new.figure("accuracy") if new else "-",
                known.link(known.figure("accuracy"), way) if known else "-",
                _published(recipe),
            )
        )
    return markdown(head, rows)


def _rank(found):
    return -found[True].metrics["uar"]["value"] if True in found else 0.0


def _published(recipe):
    """Return the source's figures in percent, and in a word what sort of clips they are of."""
    told = recipes.describe(recipe).get("published") or {}
    figures = ", ".join(
        f"{_MEASURES.get(name, name.replace('_', ' '))} {100 * value:.0f}"
        for name, value in told.items()
        if isinstance(value, (int, float))
    )
    data = told.get("data", "")
    kind = next((word for key, word in _SPLITS.items() if key in data), data.partition(",")[0])
    return f"{figures} ({kind})" if figures and kind else figures or "-"


def _effort(facts):
    seconds = facts["seconds"]
    time = f"{seconds:.0f} s" if seconds < 60 else f"{seconds / 60:.0f} min"
    epochs = " + ".join(str(count) for count in facts["epochs"].values() if count)
    return f"{epochs} epochs, {time}" if epochs else time


def write_tables(repo=REPO, results=RESULTS):
    """Put the tables between the markers of README.md and docs/results.md.

    Raises:
        ValueError: the markers are missing.
    """
    for name, text in (("README.md", summary(results)), ("docs/results.md", table(results))):
        _write(repo / name, text)


def _write(path, table):
    text = path.read_text(encoding="utf-8")
    if START not in text or END not in text:
        raise ValueError(
            f"A page of results must hold the markers {START} and {END}. Received: {path} "
            "without. Put them back where the table belongs."
        )
    before, rest = text.split(START, 1)
    after = rest.split(END, 1)[1]
    with atomic_write(path) as file:
        file.write(f"{before}{START}\n{table}\n{END}{after}")


def main():
    """Publish the runs named and write the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("runs", nargs="*", metavar="RUN", help="folder of a finished run")
    for folder in parser.parse_args().runs:
        publish(folder)
    write_tables()


if __name__ == "__main__":
    main()
