"""`tune`: from a recipe and a space to the best settings, judged without the test side."""

import os
from pathlib import Path

from tqdm import tqdm

from serkeras import recipes, runs
from serkeras._files import read_json, write_json
from serkeras.training import inherited
from serkeras.tuning.plan import Plan, check_names

PLAN, ABOUT = "plan.json", "about.json"
# Of keras-tuner: who a process is in a search of several.
_ADDRESS = "KERASTUNER_ORACLE_IP"


def tune(
    recipe,
    data=None,
    split=None,
    seed=None,
    label_scheme=None,
    settings=None,
    space=None,
    out=None,
    workers=1,
    confirm=0,
    progress=True,
    **asked,
):
    """Search for the settings of a recipe that do best on its validation side.

    The test side is left out before anything else is done. An interrupted call goes on when it is
    made again, within a trial from its last epoch. Another experiment, space, budget or data is
    another search, in a folder of its own.

    Args:
        recipe, data, split, seed, label_scheme, settings: see `serkeras.train`.
        space: dictionary, see `serkeras.tuning.space.check`; None is that of the recipe's own
            "search".
        out: folder; default `artifacts/searches/RECIPE-DATA-SPLIT-seedN-HASH`.
        workers: processes on this machine, each with trials of its own.
        confirm: so many of the best choices are fitted again, three times each, beside the
            recipe as it was; see `serkeras.tuning.confirm.confirm`.
        progress: show a bar.
        **asked: fields of `serkeras.tuning.plan.Plan`: tuner, objective, max_trials, max_epochs,
            min_epochs, factor, iterations, folds, repeats; otherwise those of the recipe's
            "search".

    Returns:
        `serkeras.tuning.Search`.

    Raises:
        ValueError: the recipe has no space and none is given, or a setting is outside its range;
            or see `serkeras.tuning.development.prepare`.
        FileNotFoundError: the recipe starts from a run of another one, and there is none.
        FileExistsError: `out` holds another search.
        RuntimeError: three trials failed one after another; the message has the last reason.
    """
    from serkeras.tuning import confirm as confirming
    from serkeras.tuning import development, report, trials
    from serkeras.tuning.results import Search

    plan = _plan(recipe, (data, split, seed, label_scheme, settings), space, asked)
    found = development.prepare(plan, progress=progress)
    folder = Path(out or plan.folder(found.digest))
    if _ADDRESS in os.environ:  # one of several, on this machine or on many
        if confirm:
            raise ValueError(
                "The best trials can be confirmed when a search is over. Received: "
                f"confirm={confirm} in one of its processes ({_ADDRESS} is set). Give the command "
                "with it once more when all have ended, without the variables of keras-tuner."
            )
        begin(folder, plan, found)
        run(folder, plan, found, progress=False)
        return Search(folder)
    with runs.locked(folder):
        begin(folder, plan, found)
        if workers > 1:
            from serkeras.tuning import fleet

            fleet.supervise(folder, workers, progress)
        else:
            run(folder, plan, found, progress)
        search = Search(folder)
        if confirm and search.best():
            confirming.confirm(search, found, confirm, progress=progress)
        trials.tidy(folder)
        report.write(search)
    return search


def _plan(recipe, changed, space, asked):
    from serkeras.training.pipeline import as_experiment

    experiment = inherited.resolve(as_experiment(recipe, *changed))
    own = {}
    if isinstance(recipe, (str, os.PathLike)):
        own = recipes.describe(recipe).get("search", {})
    values = {**own, **asked, **({} if space is None else {"space": space})}
    if "space" not in values:
        raise ValueError(
            "A search must have a space. Received: "
            f"the recipe {experiment.recipe}, which ships with none. Give one with space=... "
            "(--space FILE.json, or --tune NAME=VALUES)."
        )
    plan = Plan.from_dict({**values, "experiment": experiment})
    check_names(plan.space)
    return plan


def begin(folder, plan, development):
    """Write what the search is, or check that the folder holds this one.

    Raises:
        FileExistsError: it holds another one, or something else.
    """
    from serkeras.training import provenance

    told = {**plan.to_dict(), "data": development.digest}
    path = folder / PLAN
    if not path.is_file() or read_json(path) != told:
        if folder.exists() and any(not each.name.startswith(".tmp-") for each in folder.iterdir()):
            raise FileExistsError(
                "A folder holds one search: experiment, space, budget and data. Received: "
                f"{folder}, which holds another one. Choose another folder with --out."
            )
        write_json(path, told)
    # Behind the plan: a kill between the two, or another process, finds this search.
    if not (folder / ABOUT).is_file():
        write_json(folder / ABOUT, provenance.made_by(provenance.device()))


def load_plan(folder):
    """Return the `Plan` of a search's folder, and the hash of its data.

    Raises:
        FileNotFoundError: it holds no search.
    """
    path = Path(folder) / PLAN
    if not path.is_file():
        raise FileNotFoundError(
            f"A search must be a folder with {PLAN} in it. Received: {folder}. Give the folder "
            "that `tune` printed."
        )
    values = read_json(path)
    return Plan.from_dict({key: values[key] for key in values if key != "data"}), values["data"]


def run(folder, plan, development, progress=True):
    """Run trials until there is nothing left to try; as a chief, hand them out.

    Args:
        folder: `pathlib.Path` of the search, which has been begun.
        plan, development: of the search.
        progress: show a bar of the trials.
    """
    from keras_tuner import errors

    from serkeras.tuning.tuner import SearchTuner

    with tqdm(desc="search", unit="trial", disable=not progress) as bar:
        best, last = [], {}

        def tell(record):
            last.update(record)
            if record["state"] == "finished":
                best.append(record[plan.objective])
                choose = max if plan.direction == "max" else min
                bar.set_postfix({plan.objective: f"{choose(best):.3f}"})
            bar.update()

        try:
            SearchTuner(plan, development, folder, tell).search()
        except errors.FatalError as error:
            raise error.__cause__ from None
        except RuntimeError as error:  # of keras-tuner, with its and our traceback within
            raise RuntimeError(
                "Trials of a search must succeed. Received: three failures, one after another; "
                f"the last said {last.get('reason', error)!r}. Correct the space or the settings; "
                "what is finished is kept."
            ) from error
