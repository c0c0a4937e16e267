"""Copy finished runs to artifacts/results and write the table of results in the README anew.

    python artifacts/publish.py artifacts/runs/NAME [...]    add or replace these results
    python artifacts/publish.py                              only write the table

What is copied names data, split, seed, commit and device; model weights, predictions (they hold
paths of one machine) and TensorBoard logs stay in the run folder.
"""

import argparse
import re
import shutil
import sys
from pathlib import Path

REPO = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPO))

from serkeras import datasets, recipes  # noqa: E402
from serkeras._files import atomic_write, read_json  # noqa: E402
from serkeras.runs import Run  # noqa: E402

RESULTS = REPO / "artifacts" / "results"
START, END = "<!-- results:start -->", "<!-- results:end -->"
_MEASURES = {"uar": "UAR", "macro_f1": "macro F1"}
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
    shutil.copytree(run.folder / "figures", target / "figures")
    for name in KEPT:
        shutil.copy2(run.folder / name, target / name)


def table(results=RESULTS):
    """Return the Markdown table of all results, speaker-disjoint ones first."""
    rows = []
    for folder in sorted(results.iterdir()):
        if not (folder / "metrics.json").is_file():
            continue
        metrics = read_json(folder / "metrics.json")
        disjoint = read_json(folder / "split.json")["speaker_disjoint"]
        rows.append((not disjoint, folder.name, _row(folder, metrics, disjoint)))
    head = (
        "| recipe | data, classes | split | test clips | UAR | accuracy | macro F1 | published | "
        "trained |\n|---|---|---|---|---|---|---|---|---|"
    )
    return "\n".join([head, *(row for _, _, row in sorted(rows))])


def _row(folder, metrics, disjoint):
    changes = recipes.changes(Run(folder).experiment)
    changed = "".join(f", `{name}={value}`" for name, value in changes.items())
    facts = metrics["run"]
    speakers = "new speakers" if disjoint else "**the same speakers**"
    cells = [
        f"[`{facts['recipe']}`](artifacts/results/{folder.name}/report.md){changed}",
        f"{' + '.join(facts['data'])}, {len(metrics['labels'])}",
        f"`{facts['split']}`, seed {facts['seed']}: {speakers}",
        sum(map(sum, metrics["confusion_matrix"])),
        *(_figure(metrics[key]) for key in ("uar", "accuracy", "macro_f1")),
        _published(facts["recipe"]),
        f"{_effort(facts)} on {facts['device']}, commit {facts['commit'][:7]}",
    ]
    return f"| {' | '.join(map(str, cells))} |"


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


def _figure(value):
    return f"{100 * value['value']:.1f} [{100 * value['low']:.1f}, {100 * value['high']:.1f}]"


def write_readme(path=REPO / "README.md", results=RESULTS):
    """Put the table between the README's markers.

    Raises:
        ValueError: the markers are missing.
    """
    text = path.read_text(encoding="utf-8")
    if START not in text or END not in text:
        raise ValueError(
            f"The README must hold the markers {START} and {END}. Received: {path} without. "
            "Put them back where the table belongs."
        )
    before, rest = text.split(START, 1)
    after = rest.split(END, 1)[1]
    with atomic_write(path) as file:
        file.write(f"{before}{START}\n{table(results)}\n{END}{after}")


def main():
    """Publish the runs named and write the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("runs", nargs="*", metavar="RUN", help="folder of a finished run")
    for folder in parser.parse_args().runs:
        publish(folder)
    write_readme()


if __name__ == "__main__":
    main()
