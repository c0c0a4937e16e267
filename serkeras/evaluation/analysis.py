"""What is found out about a finished run: one form of numbers, page and figures for all of it."""

import re
import shutil
from pathlib import Path

from serkeras import datasets
from serkeras._files import atomic_write, write_json
from serkeras.evaluation import plots

FOLDER = "analyses"
RESULT, PAGE = "result.json", "page.md"

_VOICES = {
    True: "new speakers",
    False: "speakers known from training",
    None: "speakers perhaps known from training",
}


def subject(experiment):
    """Return recipe, data and split of an `Experiment`, as titles have them."""
    data = " + ".join(datasets.name_of(spec) for spec in experiment.data)
    return f"{experiment.recipe} on {data}, split {experiment.split}"


def protocol(experiment, speaker_disjoint):
    """Return how a run was tested, as titles have it.

    Args:
        experiment: `serkeras.config.Experiment` of the run.
        speaker_disjoint: of its split.json; None is unknown.

    Returns:
        Text such as "cnn2 on ravdess, split speaker (new speakers), seed 0".
    """
    return f"{subject(experiment)} ({_VOICES[speaker_disjoint]}), seed {experiment.seed}"


def protocol_of(run):
    """Return how a `serkeras.Run` was tested, see `protocol`."""
    return protocol(run.experiment, run.speaker_disjoint)


def place(run, name):
    """Return the folder of an analysis of a run: `RUN/analyses/NAME`."""
    return run.folder / FOLDER / name


def write(folder, title, result, sections, figures):
    """Write an analysis; an older one in the folder is replaced.

    Args:
        folder: `pathlib.Path`, see `place`.
        title: of the page, in one line; it names the protocol, see `protocol`.
        result: dictionary of plain values, ready for JSON: all numbers of the page.
        sections: list of Markdown texts. Figures are named in them as `figures/NAME.png`.
        figures: dictionary from NAME to `matplotlib.figure.Figure`.

    Returns:
        `pathlib.Path` of the page.

    Raises:
        ValueError: a figure is not shown on the page, or the page shows one that is not there.
    """
    text = "\n\n".join([f"# {title}", *sections]) + "\n"
    shown = re.findall(r"\]\(figures/([^)]+)\.png\)", text)
    if sorted(set(shown)) != sorted(figures):
        raise ValueError(
            "A page must show its figures, and no others. Received: figures "
            f"{sorted(figures)}, shown {sorted(set(shown))}. Name them in a section as "
            "![what it shows](figures/NAME.png)."
        )
    folder = Path(folder)
    # The page goes first and comes last: one that stands there has its figures.
    (folder / PAGE).unlink(missing_ok=True)
    shutil.rmtree(folder / "figures", ignore_errors=True)
    for name, figure in figures.items():
        plots.save(figure, folder / "figures" / f"{name}.png")
    write_json(folder / RESULT, result)
    with atomic_write(folder / PAGE) as file:
        file.write(text)
    return folder / PAGE
