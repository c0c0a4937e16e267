"""`measure_robustness`: from finished runs to curves, areas, comparisons and a page."""

from pathlib import Path

import numpy as np

from serkeras import ensembles
from serkeras.evaluation import analysis
from serkeras.robustness import asking, comparing, damages
from serkeras.robustness import clips as recordings
from serkeras.robustness.answers import NAME
from serkeras.robustness.measures import MEASURES, Resamples, interval, measure

_GAINS = ("quieter", "louder")


def measure_robustness(
    runs, out=None, only=None, clips=None, seed=0, n_boot=2000, n_jobs=None, progress=True
):
    """Measure runs on their own test recordings, damaged in named ways at graded levels.

    A recording is damaged as it was read at the run's sample rate, before silence is trimmed and
    before level and length are set: as a recording would arrive that is damaged. Undamaged ones
    must give the run's own predictions, or there is an error. What was said of each damage is
    kept in `RUN/analyses/robustness/levels`; an interrupted call goes on from there.

    Args:
        runs: `Run` or `Ensemble`, the path of its folder, or a list of them with the same test
            clips, which are then compared.
        out: folder of the page; needed for several runs. None of one run is
            `RUN/analyses/robustness`.
        only: names of damages, see `serkeras.robustness.names`; None is all.
        clips: so many test clips, drawn by `seed`, the emotions in turn; None is all.
        seed: int, of noises, rooms, voices and resamples.
        n_boot: resamples of the intervals.
        n_jobs: threads for damages and features; None is one a core.
        progress: show a bar with the time left.

    Returns:
        Dictionary of result.json: "runs", "clean", "damages", "mean", "comparisons", "left_out"
        and what they stand on.

    Raises:
        FileNotFoundError: a run, or a recording of its test side, is not there.
        ValueError: a damage is unknown, the runs have different test clips, or undamaged
            recordings do not give a run's predictions.
    """
    runs = asking.opened(runs)
    folder = place(runs, out)
    wanted = damages.chosen(only)
    rows = recordings.of(runs[0], clips, seed)
    # One crowd for all: runs are compared in the same noise.
    crowd = recordings.Crowd(ensembles.answering(runs[0])[0], rows, seed)
    asked = asking.prepare(runs, rows, crowd, seed, n_jobs)
    if clips is not None:
        asking.check_whole_speakers(asked)
    wanted, left_out = asking.possible(wanted, asked)
    said = asking.ask(asked, runs, wanted, len(rows), progress)
    result = _measured(rows, said, wanted, runs, n_boot, seed)
    result |= {"left_out": left_out, "voices_from": crowd.side, "made_by": _made_by()}
    _write(folder, result)
    return result


def place(runs, out=None):
    """Return the folder that `measure_robustness` writes into.

    Args:
        runs, out: as there.

    Raises:
        ValueError: several runs and no folder.
    """
    runs = asking.opened(runs)
    if out is None and len(runs) > 1:
        raise ValueError(
            f"A comparison needs a folder of its own. Received: {len(runs)} runs without one. "
            "Name it with out (--out)."
        )
    return analysis.place(runs[0], NAME) if out is None else Path(out)


def _measured(rows, said, wanted, runs, n_boot, seed):
    labels = runs[0].labels
    truth = rows["emotion"].map(labels.index).to_numpy()
    said = {
        name: _in_words_of(labels, run, said[name]) for name, run in zip(said, runs, strict=True)
    }
    resamples = Resamples(truth, rows["speaker"], n_boot, seed)
    clean = {name: each[comparing.CLEAN] for name, each in said.items()}
    result = {
        "runs": {name: _about(run) for name, run in zip(said, runs, strict=True)},
        "clips": len(rows),
        "seed": seed,
        "intervals": resamples.described,
        "chance": resamples.chance,
        "clean": {name: _clean(resamples, each) for name, each in clean.items()},
        "damages": {},
    }
    areas = {name: [] for name in said}
    for damage, made in wanted.items():
        result["damages"][damage] = told = {
            "title": made.title, "axis": made.axis, "source": made.source, "runs": {},
        }  # fmt: skip
        for name, each in said.items():
            right, right_clean = each[damage] == truth, clean[name][0] == truth
            found, area = measure(resamples, right, right_clean, made.levels)
            unheard = (each[damage] < 0).sum(axis=1)
            for row, count in zip(found["levels"], unheard, strict=True):
                row["unheard"] = int(count)
            told["runs"][name] = found
            areas[name].append(area)
    result["mean"] = _means(resamples, areas, clean)
    result["gains"] = {name: _changed(each) for name, each in said.items()}
    result["comparisons"] = comparing.compare(resamples, said) if len(runs) > 1 else []
    return result


def _in_words_of(labels, run, said):
    """Bring the class numbers of a run to the order of the first run's labels."""
    order = [labels.index(label) if label in labels else len(labels) for label in run.labels]
    order = np.array([*order, -1])
    return {damage: order[each] for damage, each in said.items()}


def _clean(resamples, named_clean):
    found = resamples.of(named_clean == resamples.truth)
    return {name: interval(found[name][:, 0]) for name in MEASURES}


def _means(resamples, areas, clean):
    """Return mean area and mean loss of each run, over all damages."""
    means = {}
    for name, several in areas.items():
        mean = np.mean(several, axis=0)
        undamaged = resamples.of(clean[name] == resamples.truth)["uar"][:, 0]
        means[name] = {"area": interval(mean), "area_lost": interval(undamaged - mean)}
    return means


def _changed(said):
    """Return the share of answers that the severest level of each gain changed."""
    clean = said[comparing.CLEAN][0]
    return {name: float((said[name][-1] != clean).mean()) for name in _GAINS if name in said}


def _about(run):
    settings = run.experiment
    return {
        "folder": run.folder.resolve().name,
        "protocol": analysis.protocol_of(run),
        "members": len(ensembles.answering(run)),
        "audio": settings.audio.to_dict(),
        "whiten": settings.features.whiten,
        "by_speaker": settings.model.by_speaker,
        "speaker_disjoint": run.speaker_disjoint,
    }


def _made_by():
    from serkeras.training import provenance

    return provenance.made_by(provenance.device())


def _write(folder, result):
    from serkeras.robustness import figures, page

    drawn = {"curves": figures.curves(result), "table": figures.table(result)}
    if result["comparisons"]:
        drawn["differences"] = figures.differences(result)
    analysis.write(folder, page.title(result), result, page.sections(result), drawn)
