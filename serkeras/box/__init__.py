"""The model in the box: a run on real recordings that ships with the package, ready to listen.

`python -m serkeras box` makes it; `predict`, `timeline`, `listen` and `app` take it where no run is
named.
"""

from pathlib import Path

RECIPE = "serkeras-small"
CORPORA = ("ravdess", "tess", "emodb")
# The recipe counts epochs of 1,200 clips; of four times as many, 40 are more steps than its 100.
SETTINGS = {"training.epochs": 40}
LARGEST = 5e6  # bytes
_FOLDER = Path(__file__).parent / "model"


def folder():
    """Return the folder of the run in the box, a `pathlib.Path`.

    Raises:
        FileNotFoundError: this copy of the package was built without it.
    """
    if not (_FOLDER / "experiment.json").is_file():
        raise FileNotFoundError(
            "The package must hold its own model for a command without a run. Received: a copy "
            "without one. Name a run, or install the package again."
        )
    return _FOLDER


def make(data=CORPORA, run=None, out=None, progress=True):
    """Train the model of the box and put it there.

    Args:
        data: corpora, as in `serkeras.train`; those that learn to hear people, not tones.
        run: folder of the training, which goes on if it was interrupted.
        out: folder instead of the package's own.
        progress: show progress bars.

    Returns:
        `serkeras.Run` of the box.

    Raises:
        ValueError: the synthetic corpus is among the data, or what would go into the box is
            larger than `LARGEST`.
    """
    from serkeras import datasets, runs, training
    from serkeras.training.pipeline import as_experiment

    data = datasets.as_list(data)
    if "synthetic" in map(datasets.name_of, data):
        raise ValueError(
            "The model in the box must have learned from people. Received: the synthetic corpus "
            "among the data. Leave it out."
        )
    asked = {"data": data, "label_scheme": "seven", "settings": SETTINGS}
    experiment = as_experiment(RECIPE, **asked)
    folder = Path(run or runs.default_folder(experiment))
    if runs.is_finished(folder, experiment):
        trained = runs.Run(folder)
    else:
        trained = training.train(RECIPE, **asked, out=folder, progress=progress)
    return put(trained, out or _FOLDER)


def put(run, out):
    """Put a finished run into a box; see `make`."""
    from serkeras import sharing
    from serkeras.runs import Run

    size = (run.folder / "model.keras").stat().st_size
    if size > LARGEST:
        raise ValueError(
            f"The model in the box must have {LARGEST / 1e6:g} MB at most. Received: "
            f"{size / 1e6:.1f} MB. Make the network smaller."
        )
    return Run(sharing.pack(run, out, overwrite=True))
