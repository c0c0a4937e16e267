"""`run`: train what a study has left, then write its table and report."""

import fnmatch
import random
import sys
import time
import warnings
from pathlib import Path

from tqdm import tqdm

from serkeras import datasets, models, splits
from serkeras.studies import crew, recordings, report
from serkeras.studies import folder as folders
from serkeras.studies.cells import expand
from serkeras.studies.study import load
from serkeras.studies.work import work


def run(
    study,
    out=None,
    jobs=1,
    only=None,
    max_runs=None,
    shuffle=False,
    on_error="raise",
    n_jobs=None,
    progress=True,
):
    """Train every cell of a study that is not finished, then write the report.

    Any number of processes, on any number of machines that share the folder, may make the same
    call at the same time: each cell is trained by one of them. An interrupted call goes on from
    its last epoch when it is made again. A cell that fails is recorded and tried again by the
    next call.

    Args:
        study: `Study`, name or path, see `serkeras.studies.load`.
        out: folder; None is `artifacts/studies/NAME`.
        jobs: worker processes. 1 trains in this process, but for more than 25 runs in a worker
            too, which is replaced now and then.
        only: pattern with * and ? that the ids of the cells must match
            (`cnn5/*/speaker/seed0`), or a list of such patterns.
        max_runs: int, trainings at most; None is all.
        shuffle: take the cells in random order.
        on_error: "raise" makes a cell fail whose clips cannot be read; "skip" leaves them out.
        n_jobs: threads for the features; None is all cores, shared by the workers.
        progress: show a bar over the cells.

    Returns:
        List of `State` of the cells that were asked for.

    Raises:
        ValueError: the study is malformed, or its data cannot be split as it says.
        FileNotFoundError: a data set is not at hand.
        FileExistsError: `out` holds another study, or runs of other recordings.
    """
    since, study = time.time(), load(study)
    _check_counts(jobs, max_runs)
    out = Path(out or folders.default_folder(study))
    cells = _matching(expand(study), only)
    folders.check_free(study, out)
    before, _ = folders.look(cells, out)
    left = [state.cell for state in before if state.kind not in (folders.FINISHED, folders.FOREIGN)]
    clips = _check(study, left) if left else None
    folders.begin(study, out)
    if left:
        recordings.check(out, clips, n_jobs)
    if shuffle:
        random.Random().shuffle(left)
    options = {"since": since, "on_error": on_error, "n_jobs": n_jobs}
    with _Bar(out, len(cells), left, since, progress) as bar:
        if jobs == 1 and len(left) <= crew.RUNS_A_PROCESS:
            for cell, kind in work(left, out, max_runs=max_runs, announce=bar.show, **options):
                bar.ended(cell, kind)
        elif left:
            options = {name: value for name, value in options.items() if value is not None}
            crew.supervise(out, left, jobs, options, max_runs, bar.look)
            bar.look()
    report.write(study, out)
    return folders.look(cells, out)[0]


class _Bar:
    """A bar over the cells, and one line for each that fails."""

    def __init__(self, out, total, left, since, progress):
        self._out, self._left, self._since = out, {cell.id: cell for cell in left}, since
        self._bar = tqdm(
            total=total, initial=total - len(left), unit="run", desc="study", disable=not progress
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._bar.close()

    def show(self, cell):
        self._bar.set_postfix_str(cell.id)

    def ended(self, cell, kind):
        del self._left[cell.id]
        self._bar.update()
        if kind == folders.FAILED and not self._bar.disable:
            self._bar.write(f"failed: {cell.id}: {self._reason(cell)}", file=sys.stderr)

    def look(self):
        """Find out from the files what workers have ended."""
        for cell in list(self._left.values()):
            past = folders.record(self._out, cell)
            if past and past["state"] == folders.FAILED and past["time"] >= self._since:
                self.ended(cell, folders.FAILED)
            elif not past and (self._out / "runs" / cell.folder / "metrics.json").is_file():
                self.ended(cell, folders.FINISHED)
        self._bar.refresh()

    def _reason(self, cell):
        return (folders.record(self._out, cell) or {}).get("reason", "unknown")


def _check_counts(jobs, max_runs):
    for name, value in (("jobs", jobs), ("max_runs", 1 if max_runs is None else max_runs)):
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ValueError(
                f"`{name}` must be a whole number of 1 or more. Received: {value!r}. "
                "Give 1 or more."
            )


def _matching(cells, only):
    patterns = [only] if isinstance(only, str) else only
    if not patterns:
        return cells
    found = [c for c in cells if any(fnmatch.fnmatchcase(c.id, pattern) for pattern in patterns)]
    if not found:
        raise ValueError(
            f"`only` must match a cell of the study, such as {cells[0].id!r}. "
            f"Received: {patterns}. Put * where anything may stand."
        )
    return found


def _check(study, cells):
    """Refuse now what would make every cell of a kind fail; return the manifest of the data.

    Raises:
        ValueError: data, split or a setting of a network is wrong.
        FileNotFoundError: a data set is not at hand.
    """
    for cell in {(c.recipe, c.features): c for c in cells}.values():
        _check_network(cell)
    clips = datasets.load_many(list(study.data), study.label_scheme, progress=False)
    for cell in {(c.fold, c.seed): c for c in cells}.values():
        with warnings.catch_warnings():  # the run that is made of it warns
            warnings.simplefilter("ignore")
            splits.make(clips, cell.fold, seed=cell.seed)
    return clips


def _check_network(cell):
    model = cell.experiment.model
    if models.is_classical(model.name):
        return  # whose settings are scikit-learn's, checked when it is fitted
    try:
        models.check_settings(model.name, models.builder(model.name), model.settings)
    except ValueError as error:
        raise ValueError(f"{error} (In the cell {cell.id!r}.)") from error
