"""Studies: recipes x features x splits x seeds, from one JSON file to a table and paired tests.

`load(name)` reads a study, `expand` lists its cells, `run` trains what is left, `states` says how
far it is, `write_report` makes table, heat maps and report, `compare`, `compare_all` and
`compare_with` test rows.
"""

from serkeras.studies.cells import Cell, expand
from serkeras.studies.comparison import compare, compare_all, compare_with
from serkeras.studies.folder import State, default_folder, hours_left, states
from serkeras.studies.report import write as write_report
from serkeras.studies.runner import run
from serkeras.studies.study import Study, load, names

__all__ = [
    "Cell", "State", "Study", "compare", "compare_all", "compare_with", "default_folder", "expand",
    "hours_left", "load", "names", "run", "states", "write_report",
]  # fmt: skip
