"""`measure_leaks`: what known leaks would claim for a recipe, beside its honest figure."""

import re
from pathlib import Path

import pandas as pd
import tqdm

from serkeras import datasets, models, runs
from serkeras.features import cache
from serkeras.leaks import page, registry, statements
from serkeras.leaks.bench import Bench
from serkeras.leaks.found import Outcome, measure

FITS = "fits"


def measure_leaks(
    recipe="svm",
    data=None,
    only=None,
    seeds=3,
    best_of=5,
    out=None,
    label_scheme=None,
    settings=None,
    on_error="raise",
    n_jobs=None,
    progress=True,
):
    """Measure what leaks claim for a recipe, and write the page.

    Every fit is made once and kept in the folder `fits`: an interrupted call goes on, and one with
    more seeds or leaks adds to what is there. Fits of other settings or data are made again. The
    page shows the leaks and seeds of the last call.

    Args:
        recipe, data, label_scheme, settings, on_error, n_jobs, progress: as in `serkeras.train`.
        only: names of leaks (`serkeras.leaks.names()`); None is all.
        seeds: int; the seeds are 0, 1 and so on, of split, weights and order.
        best_of: int, first weights and splits that best-of-seeds and best-of-splits choose from.
        out: folder; None is `artifacts/leaks/RECIPE-DATA`.

    Returns:
        Dictionary of what `result.json` holds: `recipe`, `data`, `seeds`, `honest` (UAR and
        accuracy with limits), `leaks` (name to what `serkeras.leaks.found.measure` returns, and
        `notes`), `skipped` (name to reason), `notes` and so on; and `folder`.

    Raises:
        ValueError: a leak, recipe, setting or corpus is unknown, or speakers are, or the recipe
            starts from weights that have heard recordings.
        RuntimeError: another process works in `out`.
    """
    wanted = _wanted(only)
    _check_counts(seeds=seeds, best_of=best_of)
    experiment, notes = _experiment(recipe, data, label_scheme, settings)
    folder = Path(out or default_folder(experiment))
    with runs.locked(folder):
        clips = datasets.load_many(experiment.data, experiment.label_scheme, progress=progress)
        options = {"on_error": on_error, "n_jobs": n_jobs, "progress": progress}
        bench = _Benches(experiment, clips, folder / FITS, options)
        reasons = {leak.name: leak.cannot(experiment, clips) for leak in wanted}
        able = [leak for leak in wanted if reasons[leak.name] is None]
        honest = _honest([bench(seed) for seed in range(seeds)])
        measured, without_sides = _measured(able, bench, seeds, best_of, progress)
        reasons |= without_sides
        result = {
            **_described(experiment, clips, seeds, best_of),
            "only": [leak.name for leak in wanted] if only else None,
            "honest": honest,
            "leaks": measured,
            "skipped": {name: reason for name, reason in reasons.items() if reason},
            "notes": [*notes, *filter(None, [bench(0).pools.note])],
            "made_by": _made_by(experiment),
        }
        page.write(folder, result)
    return {**result, "folder": str(folder)}


class _Benches:
    """The benches of all seeds, made when they are asked for."""

    def __init__(self, experiment, clips, folder, options):
        self._made, self._experiment, self._clips = {}, experiment, clips
        hashes = cache.hash_files(clips["path"], options["n_jobs"])
        labels = sorted(set(clips["emotion"]))
        self._rest = {"labels": labels, "hashes": hashes, "folder": folder, **options}

    def __call__(self, seed):
        if seed not in self._made:
            own = self._experiment.with_settings({"seed": seed})
            self._made[seed] = Bench(own, self._clips, **self._rest)
        return self._made[seed]


def default_folder(experiment):
    """Return where the page of a recipe goes when nobody says."""
    data = "+".join(datasets.short_name(spec) for spec in experiment.data)
    return Path("artifacts/leaks") / re.sub(r"[^\w+=.-]+", "-", f"{experiment.recipe}-{data}")


def _wanted(only):
    only = [only] if isinstance(only, str) else only
    chosen = {registry.describe(name).name for name in only or registry.names()}
    return [leak for leak in registry.LEAKS.values() if leak.name in chosen]


def _check_counts(**counts):
    for name, value in counts.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ValueError(
                f"`{name}` must be a whole number of 1 or more. Received: {value!r}. Give 3, say."
            )


def _experiment(recipe, data, label_scheme, settings):
    """Return the sound, single recipe that all is compared with, and notes on what that changed.

    Raises:
        ValueError: a setting is wrong, or the first weights have heard recordings.
    """
    from serkeras.training import inherited, pipeline, reading

    asked = pipeline.as_experiment(recipe, data, "speaker", None, label_scheme, settings)
    sound, notes = {}, []
    if asked.members > 1:
        sound["members"] = 1
        notes.append(f"The recipe is an ensemble of {asked.members}; this is of one member.")
    if asked.model.mixes_clips:
        sound["model.settings.attention_axis"] = "time"
        notes.append("The recipe's attention runs across the batch; here it runs over time.")
    if asked.training.learns_validation:
        sound["training.fit_sides"] = "train"
        notes.append("The recipe learns from its validation side too; here it does not.")
    experiment = asked.with_settings(sound) if sound else asked
    reading.check(experiment)
    pipeline.way(experiment).check(experiment)
    resolved = inherited.resolve(experiment)
    if any(inherited.read(resolved).learned.values()):
        raise ValueError(
            "Leaks are measured with first weights that have heard none of the recordings. "
            f"Received: {experiment.recipe}, which starts from a run. Give it other weights "
            "(model.settings.weights=null are random ones), or choose another recipe."
        )
    return resolved, notes


def _measured(leaks, bench, seeds, best_of, progress):
    """Return {name: what `measure` returns, with notes}, and {name: why it cannot be measured}."""
    found, reasons = {}, {}
    bar = tqdm.tqdm(leaks, desc="leaks", unit="leak", disable=not progress)
    for leak in bar:
        bar.set_postfix_str(leak.name)
        count = best_of if leak.more == "seeds" else seeds
        rest = (best_of,) if leak.more == "members" else ()
        try:
            outcome = leak.function([bench(seed) for seed in range(count)], *rest)
        except statements.NoSides as error:
            reasons[leak.name] = str(error)
            continue
        found[leak.name] = {**measure(outcome), "notes": list(outcome.notes)}
    return found, reasons


def _honest(benches):
    table = pd.concat([bench.honest() for bench in benches], ignore_index=True)
    found = measure(Outcome(table, table))
    return {**found["claim"], "by_run": found["by_run"]["claim"], "intervals": found["intervals"]}


def _described(experiment, clips, seeds, best_of):
    return {
        "recipe": experiment.recipe,
        "data": list(experiment.data),
        "labels": sorted(set(clips["emotion"])),
        "clips": len(clips),
        "speakers": int(clips["speaker"].nunique()),
        "seeds": list(range(seeds)),
        "best_of": best_of,
        "experiment": experiment.to_dict(),
    }


def _made_by(experiment):
    from serkeras.training import provenance

    network = not models.is_classical(experiment.model.name)
    return provenance.made_by(provenance.device() if network else None)
