"""Pretrains backbones on TESS and EmoDB, then measures what they bring to RAVDESS.

SERKERAS_DATA=FOLDER python artifacts/transfer.py

The study `transfer` says how; the runs that its weights come from have the settings of its rows
with random weights. What is finished is kept: an interrupted call goes on.
"""

from pathlib import Path

import serkeras
from serkeras import studies
from serkeras.runs import Run

SOURCE = ["tess", "emodb"]


def pretrain(cell, folder):
    """Train the network of a cell on the other corpora, if that is not done."""
    if (folder / "experiment.json").is_file() and Run(folder).finished:
        return
    experiment = cell.experiment.with_settings({"data": SOURCE})
    print(f"{folder}: {cell.recipe} on {' and '.join(SOURCE)}", flush=True)
    print(serkeras.train(experiment, out=folder), flush=True)


def main():
    """Pretrain, run the study, write its report."""
    study = studies.load("transfer")
    for cell in studies.expand(study):
        if cell.seed == 0 and cell.recipe.endswith("random weights"):
            name = cell.recipe.split(",")[0]
            pretrain(cell, Path("artifacts/runs") / f"pretrained-{name}")
    studies.run(study)


if __name__ == "__main__":
    main()
