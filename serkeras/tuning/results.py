"""What a search has found: its trials as a table, the best of them, and what lies on an edge."""

from functools import cached_property
from pathlib import Path

import pandas as pd

from serkeras._files import read_json
from serkeras.tuning import space as spaces
from serkeras.tuning.plan import OBJECTIVES
from serkeras.tuning.search import ABOUT, load_plan
from serkeras.tuning.tuner import RECORD

FACTS = ("trial", "state", "budget", "from", "epochs", "seconds", "reason")


class Search:
    """A search, finished or not, read from its folder.

    Args:
        folder: path that `serkeras.tune` wrote.

    Attributes:
        folder: `pathlib.Path`.
        plan: `serkeras.tuning.plan.Plan`.

    Raises:
        FileNotFoundError: the folder holds no search.
    """

    def __init__(self, folder):
        self.folder = Path(folder)
        self.plan, self.data = load_plan(folder)

    @property
    def about(self):
        """Dictionary of the commit, device and versions that the search was begun with."""
        return read_json(self.folder / ABOUT)

    @cached_property
    def records(self):
        """List of dictionaries, one a trial that has ended, in their order."""
        paths = sorted(self.folder.glob(f"trials/*/{RECORD}"))
        return [read_json(path) for path in paths]

    @property
    def table(self):
        """DataFrame, the best trial first; failed ones last.

        Columns are those of `FACTS`, the objectives and the settings of the space. A trial that
        Hyperband let go on from another one is a row of its own; "from" names the other.
        """
        rows = [{**record, **record["values"]} for record in self.records]
        columns = [*FACTS, *OBJECTIVES, *self.plan.space]
        table = pd.DataFrame(rows).reindex(columns=columns)
        is_low = self.plan.direction == "min"
        return table.sort_values(self.plan.objective, ascending=is_low, kind="stable").reset_index(
            drop=True
        )

    def best(self, count=1):
        """Return the values of the best trials, a list of dictionaries, no two the same.

        Args:
            count: int, at most so many.
        """
        done = [record for record in self.records if record["state"] == "finished"]
        sign = -1 if self.plan.direction == "max" else 1
        found = []
        for record in sorted(done, key=lambda record: sign * record[self.plan.objective]):
            if record["values"] not in found:
                found.append(record["values"])
        return found[:count]

    @property
    def settings(self):
        """Settings of the best trial, as `serkeras.train` takes them."""
        return spaces.settings(self.best()[0], self.plan.experiment)

    @property
    def edges(self):
        """Settings of the best trial on the edge of their range, dict to "lowest" or "highest"."""
        return spaces.on_edges(self.best()[0], self.plan.space)

    def __repr__(self):
        done = sum(record["state"] == "finished" for record in self.records)
        return f"Search({str(self.folder)!r}, {self.plan.experiment.recipe}, {done} trials)"
