"""A process that `crew` starts: `python -m serkeras.studies.worker '{"out": DIR, ...}'`."""

import json
import os
import sys
from pathlib import Path

from serkeras.studies.cells import expand
from serkeras.studies.crew import BEGAN
from serkeras.studies.study import load
from serkeras.studies.work import work


def main(text):
    """Work on a study until nothing is left; returns the exit code.

    Args:
        text: JSON with `out` (folder with study.json), `cells` (ids) and the other arguments of
            `serkeras.studies.work.work`.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    options = json.loads(text)
    out, wanted = Path(options.pop("out")), options.pop("cells")
    cells = {cell.id: cell for cell in expand(load(out))}
    try:
        for cell, kind in work(
            [cells[name] for name in wanted], out, announce=_announce, **options
        ):
            print(f"{kind}: {cell.id}", flush=True)
    except KeyboardInterrupt:
        return 130
    return 0


def _announce(cell):
    print(f"{BEGAN}{cell.id}", flush=True)  # `crew` reads it when this process has died


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
