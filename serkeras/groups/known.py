"""What is known of a run's test clips: the columns that groups are made of."""

import warnings

import numpy as np
import pandas as pd

from serkeras import datasets

COLUMNS = ("sex", "corpus", "intensity", "statement", "repetition", "age", "speaker")
_OF_PREDICTIONS = ("sex", "corpus", "speaker")
_DECADE = 10


def test_clips(run):
    """Return a run's answers with all that its corpora know of the clips.

    Args:
        run: `serkeras.Run`, finished.

    Returns:
        DataFrame as predictions.csv with the columns of `COLUMNS`, text or missing; ages are
        bands of ten years ("20 to 29"), words are kept; statements of several corpora carry the
        name of theirs. And a list of sentences on what is not known.
    """
    table = run.predictions.copy()
    experiment, notes = run.experiment, []
    try:
        with warnings.catch_warnings():  # `train` has said what there is to say of the corpora
            warnings.simplefilter("ignore")
            clips = datasets.load_many(experiment.data, experiment.label_scheme, progress=False)
        clips = clips.set_index("clip").reindex(table["clip"]).reset_index()
    except (OSError, ValueError) as error:
        rule = str(error).split(" Received:")[0].rstrip(".")
        notes.append(
            "Intensity, statement, repetition and age are not known here: the corpora could not be "
            f"read ({rule})."
        )
        clips = pd.DataFrame({"clip": table["clip"]})
    for name in COLUMNS:
        source = table if name in _OF_PREDICTIONS else clips
        table[name] = _words(source[name], name) if name in source else None
    if table["corpus"].nunique() > 1:  # codes such as a01 mean other words elsewhere
        keys = table["corpus"].astype(str) + "-" + table["statement"].astype(str)
        table["statement"] = keys.astype(object).where(table["statement"].notna(), None)
    without = [name for name in COLUMNS if table[name].isna().all()]
    if without and not notes:
        notes.append(f"These corpora do not know: {', '.join(without)}.")
    notes += [
        f"Of {int(table[name].isna().sum())} of {len(table)} clips the {name} is not known."
        for name in COLUMNS
        if table[name].isna().any() and name not in without
    ]
    return table, notes


def _words(values, name):
    known = values.notna()
    if name == "age":
        text = values[known].map(_band)
    else:
        text = values[known].astype(str)
    return text.reindex(values.index).astype(object).where(known, None)


def _band(age):
    """Return the ten years that an age belongs to; words ("adult", "20-29") are bands already."""
    number = pd.to_numeric(age, errors="coerce")
    if not np.isfinite(number):
        return str(age)
    start = int(number) // _DECADE * _DECADE
    return f"{start} to {start + _DECADE - 1}"
