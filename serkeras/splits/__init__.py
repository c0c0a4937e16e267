"""Training, validation and test sides, and a guard against leaks between them.

`make(clips, "speaker")` draws a split, `check` refuses one that leaks, `leaks` lists what
leaks, `kinds` names what `make` can do. A `Split` goes to JSON with `to_dict` and comes back
with `Split.from_dict`.
"""

from serkeras.splits._make import kinds, make
from serkeras.splits.guard import check, leaks
from serkeras.splits.split import Split

__all__ = ["Split", "check", "kinds", "leaks", "make"]
