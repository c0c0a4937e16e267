"""`compare_corpora`: train a recipe with and without other corpora, and test the difference."""

import itertools
from pathlib import Path

import pandas as pd

from serkeras import datasets, runs
from serkeras._files import read_json, write_json
from serkeras.corpora_help import page, plan
from serkeras.evaluation import analysis
from serkeras.runs import Run
from serkeras.studies import measured, paired
from serkeras.training import provenance, train
from serkeras.training.pipeline import as_experiment


def compare_corpora(
    recipe,
    test,
    extra,
    clips=(plan.ALL,),
    split="speaker",
    seeds=(0,),
    label_scheme="own",
    settings=None,
    out=None,
    n_jobs=None,
    progress=True,
    n_boot=2000,
):
    """Train a recipe on a corpus alone and with others, always tested on the same clips.

    The target is split once. Clips of other corpora are added to its training side; those of
    emotions that the target does not have are left out. One run folder a mixture and seed; called
    again, finished ones are kept and an interrupted one goes on.

    Args:
        recipe: as in `serkeras.train`.
        test: data set whose clips validate and test.
        extra: data set, or list of them, that are added: each alone, all, and all but each.
        clips: numbers of clips of each extra corpus, drawn at random; "all" for all there are. A
            number that no added corpus exceeds is "all".
        split: kind of split of the target.
        seeds: of the training, how many (0, 1, ...) or a list of them; the split is that of the
            first.
        label_scheme, settings, n_jobs, progress: as in `serkeras.train`.
        out: folder; None is `artifacts/corpora-help/RECIPE-TEST`.
        n_boot: resamples of the intervals.

    Returns:
        Dictionary of plain values, as in result.json: `rows` (list: mixture, corpora, clips_each,
        added (clips of each corpus), train_clips, uar and accuracy with intervals, and
        `difference` to the target alone: see `serkeras.studies.measured.measure`, with
        `p_holm`), `unit`, `units`, `dropped`, `made_by`.

    Raises:
        ValueError: see `serkeras.corpora_help.plan.load`; or `out` holds another comparison.
    """
    seeds = tuple(range(seeds)) if isinstance(seeds, int) else tuple(seeds)
    extra = datasets.as_list(extra)
    clips = (clips,) if isinstance(clips, (str, int)) else tuple(clips)
    planned = plan.mixtures([datasets.short_name(spec) for spec in extra], clips)
    experiment = as_experiment(recipe, [test, *extra], split, seeds[0], label_scheme, settings)
    name = datasets.short_name(test)
    out = Path(out or f"artifacts/corpora-help/{experiment.recipe}-{name}").resolve()
    material = plan.load(test, extra, split, seeds[0], label_scheme)
    chosen = plan.different(planned, material)
    for mixture in chosen:
        _keep_lists(out, mixture, plan.lists(material, mixture, seeds[0]))
    trained = {
        mixture: [_run(out, experiment, mixture, seed, n_jobs, progress) for seed in seeds]
        for mixture in chosen
    }
    result = _measure(trained, material, n_boot)
    result["made_by"] = provenance.made_by(
        provenance.joined(trained[chosen[0]][0].folder, "device")
    )
    told = experiment.replace(data=[test])
    title = f"Which corpora help: {analysis.protocol(told, result['speaker_disjoint'])}"
    sections = page.sections(result, name, seeds)
    analysis.write(out, title, result, sections, {"differences": page.figure(result)})
    return result


def _keep_lists(out, mixture, lists):
    path = out / "splits" / f"{mixture.folder}.json"
    if path.is_file() and read_json(path) != lists:
        raise ValueError(
            "A folder holds one comparison. Received: "
            f"{out}, whose clips for {mixture.folder} are others. Choose another folder with --out."
        )
    write_json(path, lists)


def _run(out, experiment, mixture, seed, n_jobs, progress):
    """Return the run of a mixture, trained where it is not finished."""
    lists = out / "splits" / f"{mixture.folder}.json"
    folder = out / "runs" / f"{mixture.folder}-seed{seed}"
    one = experiment.replace(split=_spelt(folder, lists), seed=seed)
    if runs.is_finished(folder, one):
        return Run(folder)
    return train(one, out=folder, n_jobs=n_jobs, progress=progress)


def _spelt(folder, lists):
    """Return the split; a run that was begun keeps its own way of writing the path."""
    if (folder / "experiment.json").is_file():
        begun = Run(folder).experiment.split
        if Path(begun.removeprefix("lists:")).resolve() == lists:
            return begun
    return f"lists:{lists}"


def _measure(trained, material, n_boot):
    alone, rows = next(iter(trained)), []
    for mixture, found in trained.items():
        pairs = pd.concat(
            [
                _aligned(run, base, number)
                for number, (run, base) in enumerate(zip(found, trained[alone], strict=True))
            ],
            ignore_index=True,
        )
        judged, unit = measured.judge(pairs)
        own = {name: _mean(found, name) for name in measured.MEASURES}
        row = {
            "mixture": plan.told(mixture, material),
            "corpora": list(mixture.names),
            "clips_each": mixture.clips,
            "added": plan.added(mixture, material),
            "train_clips": len(found[0].clips("train")),
            **own,
        }
        if mixture != alone:
            limits = paired.bootstrap(judged, n_boot)
            row["difference"] = {
                name: measured.measure(judged, name, limits[name]) for name in measured.MEASURES
            }
        rows.append(row)
    _correct([row["difference"] for row in rows if "difference" in row])
    return {
        "rows": rows,
        "runs": [[run.folder.name for run in found] for found in trained.values()],
        "unit": unit,
        "units": int(judged.units.max()) + 1,
        "test_clips": len(material.split.test),
        "speaker_disjoint": runs.speaker_disjoint(itertools.chain(*trained.values())),
        "dropped": material.dropped,
    }


def _aligned(run, base, number):
    columns = ["clip", "speaker", "emotion", "predicted"]
    a, b = (each.predictions[columns].set_index("clip") for each in (run, base))
    said = b["predicted"].reindex(a.index)
    if len(a) != len(b) or said.isna().any():
        raise ValueError(
            "All runs of a comparison must be tested on the same clips. Received: "
            f"{run.folder} and {base.folder}, which differ. Repair the recordings, train again."
        )
    return a.rename(columns={"predicted": "a"}).assign(b=said, run=number).reset_index()


def _mean(found, name):
    """Return the mean of a measure over the seeds, with the interval of the first one's test."""
    values = [run.metrics[name] for run in found]
    return {
        key: sum(each[key] for each in values) / len(values) for key in ("value", "low", "high")
    }


def _correct(differences):
    """Add Holm's p, over the mixtures and both measures."""
    found = [each[name] for each in differences for name in measured.MEASURES]
    for each, p in zip(found, paired.holm([one["p"] for one in found]), strict=True):
        each["p_holm"] = float(p)
