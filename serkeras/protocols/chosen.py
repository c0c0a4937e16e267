"""Test speakers on whom a recipe's settings were chosen, told apart from those it never met."""

import pandas as pd

from serkeras import recipes
from serkeras.evaluation._markdown import limited
from serkeras.evaluation._markdown import table as markdown
from serkeras.protocols import pooled

_COLUMNS = ["recipe", "protocol", "chosen_on"]


def speakers(study):
    """Return {label of a recipe: set of the speakers on whom its settings were chosen}.

    Args:
        study: `serkeras.studies.Study`; what a recipe says of itself stands under "chosen_on".
    """
    return {
        entry.label: set(recipes.describe(entry.values[0]).get("chosen_on", ()))
        for entry in study.recipes
    }


def measure(said, known, labels, n_boot=2000):
    """Return pooled figures of the speakers who had a part in the choice, and of the others.

    Args:
        said: answers, see `serkeras.protocols.pooled.answers`.
        known: what `speakers` returns.
        labels: list of the classes.
        n_boot: resamples.

    Returns:
        DataFrame with two rows a recipe and protocol: `chosen_on` (whether of those who had a
        part), then the columns of `pooled.measure`, flat. Recipes without such test speakers are
        left out.
    """
    found = []
    for (recipe, protocol), table in said.groupby(["recipe", "protocol"], sort=False):
        met = table["speaker"].isin(known.get(recipe, ()))
        for chosen_on, part in ((False, table[~met]), (True, table[met])):
            if met.any() and len(part):
                measured = pooled.measure(part, labels, n_boot)
                facts = {name: measured[name] for name in ("unit", "units", "clips", "answers")}
                row = dict(zip(_COLUMNS, (recipe, protocol, chosen_on), strict=True))
                found.append({**row, **pooled.flat(measured), **facts})
    return pd.DataFrame(found)


def section(table):
    """Return the section of the page; nothing where no test speaker had a part in a choice."""
    if table.empty:
        return ""
    rows = [
        (row["recipe"], f"`{row['protocol']}`", "had a part" if row["chosen_on"] else "had none",
         row["clips"], limited(row, "uar"), limited(row, "accuracy"),
         f"{row['units']} {row['unit']}s")
        for row in table.to_dict("records")
    ]  # fmt: skip
    head = ("recipe", "protocol", "in the choice", "clips", "UAR", "accuracy", "resampled")
    return (
        "## Speakers on whom settings were chosen\n\nA recipe can name the speakers who validated "
        "its settings (`chosen_on`). Where they are tested, their figures are of voices that it "
        "was made to suit; the others had no part in the choice. Where the others are recognised "
        "worse by far, the settings do not hold for new voices.\n\n" + markdown(head, rows)
    )
