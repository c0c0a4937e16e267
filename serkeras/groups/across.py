"""`compare_groups`: the gap between women and men of several models, and their size."""

import numpy as np
import pandas as pd

from serkeras.ensembles import open_run
from serkeras.evaluation import analysis, intervals, resampling
from serkeras.groups import across_page, figures, gaps
from serkeras.groups.measured import coded
from serkeras.runs import speaker_disjoint
from serkeras.studies.paired import holm
from serkeras.training import provenance

_FEWEST = 4  # models, for an interval of a correlation


def compare_groups(runs, out="artifacts/groups", n_boot=2000, seed=0):
    """Compare how several models do for women and men, and write a page.

    Args:
        runs: two or more `serkeras.Run` or `serkeras.Ensemble`, or paths of their folders, of the
            same test clips.
        out: folder of the page.
        n_boot: resamples of the intervals.
        seed: of the resampling.

    Returns:
        Dictionary of plain values, as in result.json: `models` (list: model, folder, commit,
        device, parameters, accuracy, accuracy_by_sex, gap), `mean_gap` (over the models),
        `correlations` (of gap and accuracy with log10 of the parameters: n, value, low, high, p;
        None for fewer than three models with parameters), `speakers`, `clips`, `made_by`. p of
        gaps are corrected over the models and their mean.

    Raises:
        ValueError: there are fewer than two runs, their test clips differ, or sex or speaker is
            unknown for a clip, or there is one sex.
    """
    runs = [open_run(run) for run in runs]
    tables = _aligned(runs)
    first = _women(tables[0])
    counts = [_counts(run, table) for run, table in zip(runs, tables, strict=True)]
    names = _names(runs)
    models = [
        _model(*each, first, n_boot, seed) for each in zip(names, runs, tables, counts, strict=True)
    ]
    mean_hits = np.mean([hits for _, hits in counts], axis=0)
    mean = gaps.between(counts[0][0], mean_hits, first, "accuracy", n_boot, seed)
    _correct([*(model["gap"] for model in models), mean])
    result = {
        "models": models,
        "mean_gap": mean,
        "correlations": _correlations(models, seed),
        "speakers": [int(first.sum()), int((~first).sum())],
        "clips": len(tables[0]),
        "made_by": provenance.made_by(None),
    }
    _write(runs, result, out)
    return result


def _aligned(runs):
    if len(runs) < 2:
        raise ValueError(
            f"Two runs or more are compared. Received: {len(runs)}. Name more, or analyse one."
        )
    columns = ["clip", "speaker", "sex", "emotion", "predicted"]
    tables = [run.predictions[columns].sort_values("clip", ignore_index=True) for run in runs]
    for run, table in zip(runs, tables, strict=True):
        if not table[["clip", "emotion"]].equals(tables[0][["clip", "emotion"]]):
            raise ValueError(
                "Runs that are compared must have the same test clips and emotions. Received: "
                f"{runs[0].folder} and {run.folder}, which differ. Train them on one split."
            )
    return tables


def _women(table):
    """Return which speakers, in the order of their units, are women."""
    codes, method = intervals.units(table["speaker"])
    sexes = table.groupby(codes)["sex"].agg(["nunique", "first"])
    both = set(sexes["first"].dropna()) == {"female", "male"}
    if table[["speaker", "sex"]].isna().any(axis=None) or not both or (sexes["nunique"] > 1).any():
        raise ValueError(
            "Women and men can be compared where speaker and sex of every test clip are known and "
            f"both are there. Received: {sorted(set(table['sex'].dropna()))}, method {method!r}. "
            "Choose runs of a corpus that knows them."
        )
    return (sexes["first"] == "female").to_numpy()


def _counts(run, table):
    truth, said = coded(table, run.labels)
    codes, _ = intervals.units(table["speaker"])
    return gaps.tally(codes, truth, truth == said, len(run.labels))


def _names(runs):
    """Return what tells the runs apart: the recipe, with the folder where that is not enough."""
    recipes = [run.experiment.recipe for run in runs]
    folders = [run.folder.resolve().name for run in runs]
    return [
        recipe if recipes.count(recipe) == 1 else folder
        for recipe, folder in zip(recipes, folders, strict=True)
    ]


def _model(name, run, table, counts, first, n_boot, seed):
    right = (table["emotion"] == table["predicted"]).to_numpy()
    by_sex = {
        sex: _accuracy(right[mask], table["speaker"][mask], n_boot, seed)
        for sex, mask in ((sex, (table["sex"] == sex).to_numpy()) for sex in ("female", "male"))
    }
    parameters = run.metrics["run"]["parameters"]
    return {
        "model": name,
        "folder": run.folder.resolve().name,
        "commit": run.metrics["run"]["commit"],
        "device": run.metrics["run"]["device"],
        "parameters": None if parameters is None else int(parameters),
        "accuracy": _accuracy(right, table["speaker"], n_boot, seed),
        "accuracy_by_sex": by_sex,
        "gap": gaps.between(*counts, first, "accuracy", n_boot, seed),
    }


def _accuracy(right, speakers, n_boot, seed):
    drawn, _ = resampling.samples(lambda rows: right[rows].mean(), speakers, n_boot, seed)
    return resampling.measured(right.mean(), drawn)


def _correct(found):
    tested = [each for each in found if each["p"] is not None]
    adjusted = holm([each["p"] for each in tested])
    for each in found:
        each["p_holm"] = None
    for each, p in zip(tested, adjusted, strict=True):
        each["p_holm"] = float(p)


def _correlations(models, seed):
    known = [model for model in models if model["parameters"]]
    sizes = np.log10([model["parameters"] for model in known])
    if len(known) < 3 or np.ptp(sizes) == 0:
        return None
    return {
        name: _correlation(sizes, np.array([model[name]["value"] for model in known]), seed)
        for name in ("gap", "accuracy")
    }


def _correlation(sizes, values, seed):
    """Return Pearson's r with Fisher's interval, and p over the exchanges of the models."""
    from scipy import stats

    n = len(sizes)
    if np.ptp(values) == 0:
        return {"n": n, **dict.fromkeys(("value", "low", "high", "p"))}
    found = stats.pearsonr(sizes, values)
    around = found.confidence_interval() if n >= _FEWEST else (None, None)
    shuffled = stats.permutation_test(
        (values,),
        lambda drawn: stats.pearsonr(sizes, drawn).statistic,
        permutation_type="pairings",
        n_resamples=5000,
        rng=np.random.default_rng(seed),
    )
    low, high = (None if limit is None else float(limit) for limit in around)
    return {
        "n": n, "value": float(found.statistic), "low": low, "high": high,
        "p": float(shuffled.pvalue),
    }  # fmt: skip


def _write(runs, result, out):
    experiment = runs[0].experiment.replace(recipe=f"{len(runs)} models")
    # The title speaks for all runs, so the worst of them decides.
    disjoint = speaker_disjoint(runs)
    seeds = sorted({run.experiment.seed for run in runs})
    models = result["models"]
    drawn = {"women_and_men": figures.models_by_sex(models)}
    sized = [model for model in models if model["parameters"]]
    if len({model["parameters"] for model in sized}) >= 2:
        drawn["gap_and_size"] = figures.against_size(
            sized, "gap", "Gap and size", "accuracy of women - men (points)"
        )
        drawn["accuracy_and_size"] = figures.against_size(
            sized, "accuracy", "Accuracy and size", "accuracy (%)"
        )
    title = f"Women and men: {analysis.protocol(experiment, disjoint)}"
    analysis.write(out, title, result, across_page.sections(result, seeds, "gap_and_size" in drawn),
                   drawn)  # fmt: skip


def as_table(result):
    """Return the models of a result as a DataFrame, one row each, shares as numbers."""
    return pd.DataFrame(
        [
            {
                "model": model["model"],
                "parameters": model["parameters"],
                "accuracy": model["accuracy"]["value"],
                "women": model["accuracy_by_sex"]["female"]["value"],
                "men": model["accuracy_by_sex"]["male"]["value"],
                "gap": model["gap"]["value"],
                "low": model["gap"]["low"],
                "high": model["gap"]["high"],
                "p_holm": model["gap"]["p_holm"],
            }
            for model in result["models"]
        ]
    )
