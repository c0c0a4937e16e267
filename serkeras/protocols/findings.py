"""All figures of a page, from the finished runs of its study."""

import warnings
from dataclasses import dataclass

import pandas as pd

from serkeras.protocols import chosen, corpora, joined, origin, pooled
from serkeras.protocols.planning import Plan
from serkeras.studies import cells, comparison, rows
from serkeras.studies.folder import FINISHED

# Protocols whose folds a reader wants to see one by one.
BY_FOLD = ("corpus", "statement", "speaker-statement")
# With which the others are compared; those that test every speaker come first.
_REFERENCES = ("speaker-kfold", "folds5", "emobox", "loso", "speaker")
_MEASURES = ("uar", "accuracy")


@dataclass(frozen=True)
class Findings:
    """What came out.

    Attributes:
        plan: `serkeras.protocols.planning.Plan`.
        labels: list of the classes.
        states: list of `serkeras.studies.State` of all runs.
        table: DataFrame, one row a recipe and protocol, see `serkeras.evaluate_protocols`.
        untested: dictionary from protocols to corpora that none of their folds tests; protocols
            of which every recipe lacks runs are left out, for they might still.
        corpora: DataFrame of the corpora of a mixed test side, see
            `serkeras.protocols.corpora.measure`.
        by_fold: DataFrame of single corpora and statements, with the same pooled columns.
        recipes: DataFrame of pairs of recipes within a protocol, see
            `serkeras.studies.compare_all`, with the column protocol; empty for one recipe.
        reference: protocol that the others are compared with, None where there is none.
        protocols: DataFrame, one row a recipe and other protocol: how far it lies above the
            reference on the clips of both.
        runs: DataFrame, one row a finished run, see `serkeras.protocols.origin.runs`.
        joined: DataFrame of ensembles of the seeds, see `serkeras.protocols.joined.measure`.
        chosen: DataFrame of new test speakers on whom settings were chosen, see
            `serkeras.protocols.chosen.measure`.
        uncompared: DataFrame of pairs of recipes whose test clips differ within a protocol:
            protocol, a, b and reason (in which run, and how).
    """

    plan: Plan
    labels: list
    states: list
    table: pd.DataFrame
    untested: dict
    corpora: pd.DataFrame
    by_fold: pd.DataFrame
    recipes: pd.DataFrame
    reference: str | None
    protocols: pd.DataFrame
    runs: pd.DataFrame
    joined: pd.DataFrame
    chosen: pd.DataFrame
    uncompared: pd.DataFrame


def gather(plan, states, folder, n_boot=2000):
    """Compute all figures.

    Args:
        plan: `serkeras.protocols.planning.Plan`.
        states: list of `serkeras.studies.State` of its study.
        folder: of the study.
        n_boot: resamples.

    Returns:
        `Findings`.

    Raises:
        RuntimeError: no run is finished.

    Warns:
        UserWarning: the test clips of two recipes differ, so that they are not compared.
    """
    done = [state for state in states if state.kind == FINISHED]
    if not done:
        raise RuntimeError(
            "A page of protocols needs a finished run. Received: "
            f"{len(states)} runs, the first {states[0].kind}: {' '.join(states[0].note.split())}. "
            "Mend that and give the same command again."
        )
    labels, said = sorted(set(plan.clips["emotion"])), pooled.answers(done)
    table = _table(plan, done, said, labels, n_boot)
    pairs, uncompared = _recipes(plan, folder, n_boot)
    reference = _reference(table)
    return Findings(
        plan, labels, states, table, _untested(plan, table, said), _corpora(said, labels, n_boot),
        _by_fold(table, said, labels, n_boot), pairs, reference,
        _protocols(table, reference, said, n_boot), origin.runs(done),
        joined.measure(done, said, labels, n_boot),
        chosen.measure(_of_new(table, said), chosen.speakers(plan.study), labels, n_boot),
        uncompared,
    )  # fmt: skip


def _table(plan, done, said, labels, n_boot):
    study, found = plan.study, []
    counts = {entry.label: len(entry.values) for entry in study.splits}
    spread = rows.table(study, cells.expand(study), rows.runs_table(done))
    for row in spread.to_dict("records"):
        recipe, protocol = row["recipe"], row["split"]
        mine = [s for s in done if (s.cell.recipe, s.cell.split) == (recipe, protocol)]
        entry = {"recipe": recipe, "protocol": protocol, "speakers": row["speakers"]}
        entry["new"] = " ".join(pooled.new_on_test(mine, plan.clips)) if mine else ""
        entry |= {"folds": counts[protocol], "seeds": len(study.seeds)}
        names = [f"{name}_{end}" for name in _MEASURES for end in ("mean", "sd")]
        entry |= {name: row[name] for name in ("runs", "of", *names)}
        found.append(entry | _pooled(said, labels, n_boot, recipe=recipe, protocol=protocol))
    return pd.DataFrame(found)


def _pooled(said, labels, n_boot, **where):
    """Return the pooled figures of the answers that have these values, flat; {} of none."""
    table = _where(said, **where)
    if table.empty:
        return {}
    measured = pooled.measure(table, labels, n_boot)
    facts = ("unit", "units", "fewest", "clips", "answers")
    return pooled.flat(measured) | {name: measured[name] for name in facts}


def _where(said, **where):
    for name, value in where.items():
        said = said[said[name] == value]
    return said


def _of_new(table, said):
    """Return the answers under protocols whose speakers are new."""
    return said[said["protocol"].isin(table[table["speakers"] == rows.NEW]["protocol"])]


def _untested(plan, table, said):
    known = set(plan.clips["corpus"])
    whole = table[table["runs"] == table["of"]]["protocol"].unique()
    found = {name: sorted(known - set(_where(said, protocol=name)["corpus"])) for name in whole}
    return {name: corpora for name, corpora in found.items() if corpora}


def _corpora(said, labels, n_boot):
    return corpora.measure(said[~said["protocol"].isin(BY_FOLD)], labels, n_boot)


def _by_fold(table, said, labels, n_boot):
    found = []
    for row in table[(table["runs"] > 0) & table["protocol"].isin(BY_FOLD)].itertuples():
        where = {"recipe": row.recipe, "protocol": row.protocol}
        for fold in _where(said, **where)["fold"].unique():
            if not fold.startswith("statement-kfold"):
                figures = _pooled(said, labels, n_boot, **where, fold=fold)
                found.append({**where, "fold": fold, **figures})
    return pd.DataFrame(found)


def _recipes(plan, folder, n_boot):
    """Test every two recipes within each protocol; Holm's correction is over all of them.

    Returns:
        `recipes` and `uncompared` of `Findings`.
    """
    found, apart = [], []
    for protocol in plan.protocols:
        results, left_out = comparison.compare_pairs(
            plan.study, protocol, folder, n_boot, by_corpus=True
        )
        found += [(protocol, result) for result in results]
        apart += [(protocol, a, b, reason) for (a, b), reason in left_out.items()]
        if left_out:
            warnings.warn(
                f"Not compared under {protocol}, since their test clips differ: "
                f"{comparison.told(left_out)}.",
                UserWarning,
                stacklevel=4,
            )
    uncompared = _by_recipe(pd.DataFrame(apart, columns=["protocol", "a", "b", "reason"]))
    if not found:
        return pd.DataFrame(), uncompared
    table = comparison.corrected([result for _, result in found])
    table.insert(0, "protocol", [protocol for protocol, _ in found])
    return _by_recipe(table), uncompared


def _by_recipe(table):
    """Name rows by their recipe: a study of protocols has one kind of features."""
    names = {column: [name.rpartition("/")[0] for name in table[column]] for column in ("a", "b")}
    return table.assign(**names)


def _reference(table):
    new = set(table[(table["runs"] > 0) & (table["speakers"] == rows.NEW)]["protocol"])
    return next((name for name in _REFERENCES if name in new), None)


def _protocols(table, reference, said, n_boot):
    done, found = table[table["runs"] > 0], []
    for row in done[done["protocol"] != reference].itertuples():
        mine, other = (
            _where(said, recipe=row.recipe, protocol=name) for name in (row.protocol, reference)
        )
        measured = pooled.difference(mine, other, n_boot)
        if measured:
            facts = {name: measured[name] for name in ("unit", "units", "clips")}
            entry = {"recipe": row.recipe, "protocol": row.protocol, "minus": reference}
            found.append({**entry, **pooled.flat(measured), **facts})
    return pd.DataFrame(found)
