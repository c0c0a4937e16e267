"""What campaign.py knows of each recipe: its figures under the protocols, and their runs."""

import json
from dataclasses import dataclass, field

import pandas as pd

from serkeras import datasets
from serkeras._files import read_json
from serkeras.studies.rows import SAME

FOLDS, OTHER_FOLDS = "folds5", "emobox"
_EMOTIONS = 8


@dataclass
class Line:
    """What is known of one recipe with one choice of settings.

    Attributes:
        recipe: its name.
        settings: dictionary of dotted settings that are not the recipe's.
        rows: dictionary from protocol to its row in a result's table.
        results: dictionary from protocol to the (name, result.json) it was taken from.
    """

    recipe: str
    settings: dict
    rows: dict = field(default_factory=dict)
    results: dict = field(default_factory=dict)

    @property
    def label(self):
        """The recipe with its settings, for the figure."""
        return ", ".join([self.recipe, *(f"{k}={v}" for k, v in self.settings.items())])

    @property
    def known(self):
        """The protocol of most folds that tests known speakers on nothing new, or None."""
        found = [
            name
            for name, row in self.rows.items()
            if row["speakers"] == SAME and not row["new"] and name not in (FOLDS, OTHER_FOLDS)
        ]
        return max(found, key=lambda name: (self.rows[name]["folds"], name), default=None)

    @property
    def first(self):
        """The protocol of the line's first figure, or None."""
        return next((name for name in (FOLDS, OTHER_FOLDS, self.known) if name in self.rows), None)

    def runs(self, protocol):
        """Return the runs behind a figure; none where the result is of an older form."""
        listed = self.results[protocol][1].get("runs", [])
        wanted = self.recipe, protocol
        return pd.DataFrame(run for run in listed if (run["recipe"], run["protocol"]) == wanted)

    def parameters(self):
        """Return how many there are, None for a classical model or where nobody knows."""
        told = [runs["parameters"].dropna() for runs in map(self.runs, self.rows) if len(runs)]
        sizes = [size for each in told for size in each]
        return int(max(sizes)) if sizes else None

    def value(self, protocol):
        """Return a pooled UAR, -1 where it was not measured."""
        return self.rows[protocol]["uar_value"] if protocol in self.rows else -1.0


def lines(results):
    """Return a list of `Line`, the best on new speakers first.

    Where several results hold a recipe under a protocol, that of most runs counts. A recipe that
    none of the table's protocols measured is left out.

    Args:
        results: folder of folders with a result.json of `python -m serkeras protocols`.
    """
    found = {}
    for path in sorted(results.glob("*/result.json")):
        result = read_json(path)
        study = result["study"]
        if not _of_ravdess(result):
            continue
        for row in result["table"]:
            key = row["recipe"], json.dumps(study["settings"], sort_keys=True)
            line = found.setdefault(key, Line(row["recipe"], study["settings"]))
            name, before = row["protocol"], line.rows.get(row["protocol"], {"runs": 0})
            if row["runs"] > before["runs"]:
                line.rows[name], line.results[name] = row, (path.parent.name, result)
    return sorted((line for line in found.values() if line.first), key=_rank)


def _of_ravdess(result):
    study = result["study"]
    named = [datasets.name_of(spec) for spec in study["data"]]
    own = study["label_scheme"] == "own" and len(result["labels"]) == _EMOTIONS
    return named == ["ravdess"] and own


def _rank(line):
    return *(-line.value(name) for name in (FOLDS, OTHER_FOLDS, line.known)), line.label
