"""What campaign.py tells of recipes that learned several corpora together."""

from operator import itemgetter

from serkeras import datasets
from serkeras._files import read_json
from serkeras.evaluation._markdown import limited
from serkeras.evaluation._markdown import table as markdown
from serkeras.protocols.corpora import MEAN
from serkeras.protocols.figure import newness
from serkeras.studies.rows import NEW

HEAD = ("recipe", "protocol", "test side", "runs", "UAR, every clip alike")
HEAD += ("UAR, every corpus alike", "UAR of each corpus")
_NOTE = """\
Trained on clips of all these corpora together, under `corpus` on those of the others. Pooled UAR in
percent with a 95 % interval that resamples the speakers of each corpus; a corpus is judged on the
emotions that it has. Where every clip counts alike, the figure is mostly that of the largest
corpus. A corpus that is not named was learned from and not tested (TESS has two speakers, too few
to hold any out). The speakers of **bold** test sides are known from training.
"""


def section(results, named, way):
    """Return the section about recipes on several corpora; nothing where there are none.

    Args:
        results: folder of folders with a result.json of `python -m serkeras protocols`.
        named: function of a recipe and its settings to its Markdown name.
        way: from the page to that folder.
    """
    found = {}
    for path in sorted(results.glob("*/result.json")):
        result = read_json(path)
        study = result["study"]
        data = sorted(datasets.name_of(spec) for spec in study["data"])
        if len(data) == 1:
            continue
        rows = found.setdefault((tuple(data), study["label_scheme"], len(result["labels"])), [])
        for row in filter(itemgetter("runs"), result["table"]):
            name = named(row["recipe"], study["settings"])
            rows.append((_rank(row), _row(row, name, result, f"{way}/{path.parent.name}/page.md")))
    return "".join(_titled(key, found[key]) for key in sorted(found))


def _titled(key, rows):
    data, scheme, classes = key
    labels = "" if scheme == "own" else f", label scheme `{scheme}`"
    ordered = [cells for _, cells in sorted(rows, key=lambda row: row[0])]
    title = f"{' + '.join(data)}: {classes} emotions{labels}"
    return f"\n### {title}\n\n{_NOTE}\n{markdown(HEAD, ordered)}\n"


def _rank(row):
    """New speakers come first, then the best of a protocol."""
    return row["speakers"] != NEW, row["protocol"], -row["uar_value"]


def _row(row, name, result, page):
    each = {
        part.get("corpus") or part["fold"].removeprefix("corpus:"): part
        for part in [*result.get("corpora", []), *result["by_fold"]]
        if (part["recipe"], part["protocol"]) == (row["recipe"], row["protocol"])
    }
    mean, side = each.pop(MEAN, None), newness(row)
    return (
        name, f"`{row['protocol']}`", side if row["speakers"] == NEW else f"**{side}**",
        f"{row['runs']} of {row['of']}", f"[{limited(row, 'uar')}]({page})",
        limited(mean, "uar") if mean else "-",
        ", ".join(f"{corpus} {limited(part, 'uar')}" for corpus, part in each.items()) or "-",
    )  # fmt: skip
