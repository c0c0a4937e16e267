"""Figures of each corpus by itself, where several are mixed: a large one hides the others."""

import numpy as np
import pandas as pd

from serkeras.evaluation._markdown import limited
from serkeras.evaluation._markdown import table as markdown
from serkeras.protocols import pooled

MEAN = "mean of the corpora"


def measure(said, labels, n_boot=2000):
    """Return figures of each corpus, and their mean, in which every corpus counts alike.

    Args:
        said: what finished runs said, see `serkeras.protocols.pooled.answers`.
        labels: list of the classes; of a corpus those count that it has.
        n_boot: resamples.

    Returns:
        DataFrame with one row a recipe, protocol and corpus, and one for their mean (corpus is
        `MEAN`): value, low and high of `uar` and `accuracy`, clips, and resampled ("24 speakers").
        Protocols whose test sides hold one corpus are left out.
    """
    found = []
    for (recipe, protocol), table in said.groupby(["recipe", "protocol"], sort=False):
        if table["corpus"].nunique() > 1:
            where = {"recipe": recipe, "protocol": protocol}
            found += [{**where, **row} for row in _rows(table, labels, n_boot)]
    return pd.DataFrame(found)


def _rows(table, labels, n_boot):
    parts = dict(list(table.groupby("corpus")))
    measured = {name: pooled.measure(part, labels, n_boot) for name, part in parts.items()}
    for name, each in measured.items():
        resampled = f"{each['units']} {each['unit']}s"
        yield {"corpus": name, **pooled.flat(each), "clips": each["clips"], "resampled": resampled}
    units = pd.DataFrame(measured.values()).groupby("unit", sort=False)["units"].sum()
    yield {
        "corpus": MEAN,
        **pooled.flat(_mean(list(parts.values()), labels, n_boot)),
        "clips": table["clip"].nunique(),
        "resampled": ", ".join(f"{count} {unit}s" for unit, count in units.items()),
    }


def _mean(parts, labels, n_boot):
    """Return the mean of the corpora, whose speakers are drawn independently of each other."""
    seeds = np.random.SeedSequence(0).spawn(len(parts))
    found = [
        pooled.samples(part, labels, n_boot, seed) for part, seed in zip(parts, seeds, strict=True)
    ]
    return {
        name: pooled.limited(
            np.mean([whole[name] for whole, *_ in found]),
            np.mean([drawn[name] for _, drawn, *_ in found], axis=0),
        )
        for name in ("uar", "accuracy")
    }


def section(table):
    """Return the section of the page; nothing where no protocol tests several corpora."""
    if table.empty:
        return ""
    rows = [
        (row["recipe"], f"`{row['protocol']}`", row["corpus"], row["clips"], limited(row, "uar"),
         limited(row, "accuracy"), row["resampled"])
        for row in table.to_dict("records")
    ]  # fmt: skip
    head = ("recipe", "protocol", "tested on", "clips", "UAR", "accuracy", "resampled")
    return (
        "## The corpora apart\n\nOver all folds and seeds, trained on clips of all corpora. The "
        "pooled figure above counts every clip alike, so it is mostly that of the largest corpus; "
        "in the mean every corpus counts alike. UAR is over the emotions that a corpus has.\n\n"
        + markdown(head, rows)
    )
