"""A process that `crew` starts: `python -m serkeras.studies.worker`, with options on stdin."""

import json
import os
import sys
from pathlib import Path

from serkeras.config import Experiment
from serkeras.studies.cells import Cell
from serkeras.studies.crew import BEGAN
from serkeras.studies.work import work


def main(text):
    """Work on a study until nothing is left; returns the exit code.

    Args:
        text: JSON with `out` (folder of the study), `cells` (attributes of `Cell`, each
            experiment as its dictionary) and the other arguments of `serkeras.studies.work.work`.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    options = json.loads(text)
    out, cells = Path(options.pop("out")), [_cell(told) for told in options.pop("cells")]
    try:
        for cell, kind in work(cells, out, announce=_announce, **options):
            print(f"{kind}: {cell.id}", flush=True)
    except KeyboardInterrupt:
        return 130
    return 0


def _cell(told):
    return Cell(**{**told, "experiment": Experiment.from_dict(told["experiment"])})


def _announce(cell):
    print(f"{BEGAN}{cell.id}", flush=True)  # `crew` reads it when this process has died


if __name__ == "__main__":
    sys.exit(main(sys.stdin.read()))
