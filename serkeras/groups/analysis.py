"""`measure_groups`: for whom a run's model works, and for whom it does not."""

from serkeras.ensembles import open_run
from serkeras.evaluation import analysis
from serkeras.groups import figures, known, measured, page
from serkeras.training import provenance

NAME = "groups"


def measure_groups(run, n_boot=2000, seed=0):
    """Measure a run's groups of clips and the gaps between them; write `RUN/analyses/groups/`.

    Args:
        run: `serkeras.Run`, `serkeras.Ensemble` or the path of its folder; a finished run. Its
            corpora are asked for what predictions.csv does not know; where they are not at hand
            the page says so.
        n_boot: resamples of the intervals.
        seed: of the resampling.

    Returns:
        Dictionary of plain values, as in result.json: `clips`, `labels`, `notes`, `groups` (see
        `serkeras.groups.measured.values`), `gaps` (see `serkeras.groups.measured.differences`) and
        `made_by`.

    Raises:
        FileNotFoundError: the run is not finished.
    """
    run = open_run(run)
    labels = run.labels
    table, notes = known.test_clips(run)
    notes += measured.not_compared(table, labels)
    rows = measured.values(table, labels, n_boot, seed)
    result = {
        "clips": len(table),
        "labels": labels,
        "notes": notes,
        "groups": _with_sex(rows, table),
        "gaps": measured.differences(table, labels, n_boot, seed),
        "made_by": provenance.made_by(None),
    }
    title = f"Groups: {analysis.protocol_of(run)}"
    sections = page.sections(result, run.speaker_disjoint)
    analysis.write(analysis.place(run, NAME), title, result, sections, _figures(rows))
    return result


def _with_sex(rows, table):
    """Tell the sex of speakers, for the figure."""
    sexes = table.dropna(subset=["speaker"]).drop_duplicates("speaker").set_index("speaker")["sex"]
    for row in rows:
        if row["by"] == "speaker":
            row["sex"] = sexes[row["group"]]
    return rows


def _figures(rows):
    others = [row for row in rows if row["by"] != "speaker"]
    speakers = [row for row in rows if row["by"] == "speaker"]
    drawn = {"groups": figures.dots(others, "Results of each group")}
    if speakers:
        drawn["speakers"] = figures.dots(speakers, "Results of each test speaker")
    return drawn
