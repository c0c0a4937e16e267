"""The seeds of a fold joined into one answer: an ensemble, told apart from single models."""

import pandas as pd

from serkeras.evaluation._markdown import limited
from serkeras.evaluation._markdown import table as markdown
from serkeras.protocols import pooled
from serkeras.runs import Run


def measure(states, said, labels, n_boot=2000):
    """Return figures of the mean probabilities of all seeds, where these judged the same clips.

    Args:
        states: list of `serkeras.studies.State`, all finished.
        said: what they said, see `serkeras.protocols.pooled.answers`.
        labels: list of the classes.
        n_boot: resamples.

    Returns:
        DataFrame with one row a recipe and protocol: recipe, protocol, members (seeds of each
        fold), `single_uar` (pooled over the seeds, each by itself), and value, low and high of
        `uar` and `accuracy` of the joined answers and of `gain_uar`, by how much they are better
        than one seed, paired by clip. Protocols whose seeds differ in their test clips, or of which
        a fold has another number of seeds, are left out.
    """
    found = []
    groups = pd.DataFrame([vars(state.cell) for state in states]).assign(state=states)
    for (recipe, protocol), mine in groups.groupby(["recipe", "split"], sort=False):
        folds = [list(part["state"]) for _, part in mine.groupby("fold", sort=False)]
        members = {len(fold) for fold in folds}
        tables = [_mean(fold) for fold in folds] if members != {1} and len(members) == 1 else [None]
        if any(table is None for table in tables):
            continue
        alone = said[(said["recipe"] == recipe) & (said["protocol"] == protocol)]
        together = pd.concat(tables, ignore_index=True)
        own = pooled.measure(together, labels, n_boot)
        gain = pooled.difference(together, alone, n_boot)
        found.append(
            {
                **{"recipe": recipe, "protocol": protocol, "members": members.pop()},
                "single_uar": pooled.measure(alone, labels, 1)["uar"]["value"],
                **pooled.flat(own),
                **pooled.flat({"gain_uar": gain["uar"]}, ["gain_uar"]),
            }
        )
    return pd.DataFrame(found)


def _mean(states):
    """Return the joined answers of one fold's seeds, None where they judged different clips."""
    runs = [Run(state.folder) for state in states]
    tables = [run.predictions.set_index("clip") for run in runs]
    first = tables[0]
    if any(run.labels != runs[0].labels for run in runs):
        return None
    if any(set(table.index) != set(first.index) for table in tables[1:]):
        return None
    columns = [f"p_{label}" for label in runs[0].labels]
    mean = sum(table.loc[first.index, columns] for table in tables) / len(tables)
    said = mean.idxmax(axis=1).str.removeprefix("p_")
    return first.assign(predicted=said)[["corpus", "speaker", "emotion", "predicted"]].reset_index()


def section(table):
    """Return the section of the page; nothing where no seeds could be joined."""
    if table.empty:
        return ""
    rows = [
        (row["recipe"], f"`{row['protocol']}`", row["members"], f"{100 * row['single_uar']:.1f}",
         limited(row, "uar"), limited(row, "accuracy"), limited(row, "gain_uar", "+"))
        for row in table.to_dict("records")
    ]  # fmt: skip
    head = ("recipe", "protocol", "models", "UAR of one", "UAR joined", "accuracy", "gained")
    return (
        "## Seeds joined into ensembles\n\nThe networks of all seeds of a fold answer together, by "
        "the mean of their probabilities: as many models, and as much time, as the table says. "
        "*Gained* is the UAR joined less that of one seed, paired by clip, in points; intervals "
        "resample whole speakers (clips where speakers are unknown).\n\n" + markdown(head, rows)
    )
