"""The leaky protocols, each beside the one that it must be compared with, seed by seed."""

import inspect

import pandas as pd

from serkeras import models
from serkeras.leaks import manifests, sides, statements
from serkeras.leaks.bench import Reading
from serkeras.leaks.found import Outcome

_OWN = {"augment.copies": 0}
_CLEAN = {"features.in_graph": False, "augment.on_the_fly": False}


def augment_before_split(bench):
    """Copies first, then a random split over all, against the same with families kept together."""
    # The recipe's own copies would be copies of copies.
    experiment, items = bench.experiment.with_settings(_OWN), bench.items("noisy")
    return _copied(bench, "augmented", items, experiment)


def duplicated_folder(bench):
    """Every file twice and a random split over both, against the same with twins together."""
    return _copied(bench, "duplicated", bench.items("twice"), bench.experiment)


def _copied(bench, name, items, experiment):
    found, seed = bench.pools, bench.seed
    leaky = manifests.freely(items, found, seed)
    apart = manifests.together(items, manifests.at_random(found, seed))
    said = bench.fit(f"{name}-split", leaky, _with_unseen(bench, leaky), experiment)
    other = bench.fit(f"{name}-together", apart, {"test": Reading(apart.test)}, experiment)
    share = _share_with_copies(items, leaky)
    return Outcome(
        said["test"],
        other["test"],
        said["unseen"],
        (f"Seed {seed}: {100 * share:.0f} % of the test items have a copy in training.",),
    )


def _share_with_copies(items, split):
    original = items.set_index("clip")["source"]
    tested, trained = original[split.test["clip"]], original[split.train["clip"]]
    return tested.isin(set(trained)).mean()


def _with_unseen(bench, split):
    return {"test": Reading(split.test), "unseen": Reading(bench.pools.unseen)}


def speaker_overlap(bench):
    """A random split of clips against the honest split of speakers."""
    split = manifests.at_random(bench.pools, bench.seed)
    said = bench.fit("random", split, _with_unseen(bench, split))
    return Outcome(said["test"], bench.honest(), said["unseen"])


def test_as_validation(bench):
    """The test side chooses epoch or settings, against a choice by validation speakers."""
    split, spare = manifests.by_test(bench.pools), bench.pools.honest.validation
    readings = {"test": Reading(split.test), "spare": Reading(spare)}
    said = bench.fit("chosen-by-test", split, readings)
    is_new = set(spare["speaker"]).isdisjoint(split.train["speaker"])
    return Outcome(said["test"], bench.honest(), said["spare"] if is_new else None)


def best_of_seeds(bench, count):
    """The best of several first weights on the test side, against their mean."""
    tables = {member: bench.honest(member) for member in range(count)}
    return _best(tables, f"Seed {bench.seed}: UAR by first weights", bench.seed)


def best_of_splits(benches):
    """The best of several draws of the speakers, against their mean."""
    return _best({bench.seed: bench.honest() for bench in benches}, "UAR by seed of the split", 0)


def _best(tables, words, run):
    uar = {name: _uar(table) for name, table in tables.items()}
    best = max(uar, key=uar.get)
    shown = ", ".join(f"{name}: {100 * value:.1f}" for name, value in uar.items())
    if _equal(tables):
        shown += ", the same answers: there is nothing to choose from"
    every = [table.assign(run=f"{run}/{name}") for name, table in tables.items()]
    return Outcome(
        tables[best],
        pd.concat(every, ignore_index=True),
        notes=(f"{words} (%): {shown}; reported is {100 * uar[best]:.1f}.",),
    )


def _uar(table):
    right = table["emotion"] == table["predicted"]
    return right.groupby(table["emotion"]).mean().mean()


def _equal(tables):
    first, *others = (table.set_index("clip")["predicted"] for table in tables.values())
    return all(first.equals(other) for other in others)


def normalise_over_all(bench):
    """Scaling fitted on all clips, against scaling fitted on the training side."""
    split = bench.pools.honest
    readings = {"test": Reading(split.test)}
    if models.is_classical(bench.experiment.model.name):
        from serkeras.leaks import classical

        said = bench.fit("scaled-by-all", split, readings, model=classical.fit)
    else:

        def change(given, extract):
            return sides.with_statistics_of_all(given, extract(_CLEAN))

        said = bench.fit("scaled-by-all", split, readings, change=change)
    return Outcome(said["test"], bench.honest())


def normalise_by_speaker(bench):
    """Features scaled speaker by speaker, with all clips of a test speaker, against none of it."""
    split = bench.pools.honest
    readings = {
        "test": Reading(split.test),
        "alone": Reading(split.test, side=lambda given: sides.by_training(given.test, given.train)),
    }
    # What a frozen part gives is kept by features on disk, and these are in memory.
    experiment = bench.experiment
    if not models.is_classical(experiment.model.name):
        experiment = experiment.with_settings({"training.cache_frozen": False})
    said = bench.fit(
        "scaled-by-speaker", split, readings, experiment, lambda given, _: sides.by_speaker(given)
    )
    return Outcome(said["test"], bench.honest(), said["alone"])


def word_overlap(bench):
    """Statements shared by training and test, against statements apart; new speakers in both."""
    return _words(bench, "words", statements.by_words(bench.pools, bench.clips, bench.seed))


def word_overlap_known(bench):
    """The same of speakers who stand on all sides, in both."""
    return _words(bench, "words-known", statements.by_words_known(bench.clips, bench.seed))


def _words(bench, name, splits):
    said = [
        bench.fit(f"{name}-{kind}", split, {"test": Reading(split.test)})["test"]
        for kind, split in zip(("shared", "apart"), splits, strict=True)
    ]
    tested = sorted(set(splits[0].test["statement"]))
    more = ", ..." if len(tested) > 5 else ""
    words = f"Seed {bench.seed}: the test says {', '.join(tested[:5])}{more} ({len(tested)})."
    return Outcome(*said, notes=(words,))


def batch_attention(bench):
    """Attention across the clips of a batch, scored in the order of names, against over time."""
    experiment = bench.experiment.with_settings({"model.settings.attention_axis": "batch"})
    return _in_batches(bench, "batch-attention", experiment, None)


def batch_decibels(bench):
    """Decibels floored at the loudest clip of a batch, against those of each clip."""
    features = bench.experiment.features
    n_mfcc = features.n_mfcc if features.name == "mfcc" else None
    experiment = bench.experiment.with_settings({"features.in_graph": False})

    def change(given, extract):
        return sides.with_batch_decibels(extract({"features.name": "mel"}), given, n_mfcc)

    return _in_batches(bench, "batch-decibels", experiment, change)


def _in_batches(bench, name, experiment, change):
    test = bench.pools.unseen
    readings = {
        "test": Reading(test, experiment.training.batch_size),
        "alone": Reading(test, batch_size=1),
    }
    said = bench.fit(name, bench.pools.honest, readings, experiment, change)
    return Outcome(said["test"], bench.honest(), said["alone"])


def by_seed(function):
    """Return a function of benches that joins what a function of one bench finds."""

    def over_all(benches, *rest):
        outcomes = [function(bench, *rest) for bench in benches]
        truths = [each.truth for each in outcomes if each.truth is not None]
        return Outcome(
            pd.concat([each.claim for each in outcomes], ignore_index=True),
            pd.concat([each.reference for each in outcomes], ignore_index=True),
            pd.concat(truths, ignore_index=True) if truths else None,
            tuple(dict.fromkeys(note for each in outcomes for note in each.notes)),
        )

    return over_all


def takes_batch_attention(model):
    """Whether a network has attention that can be turned across the clips of a batch."""
    known = inspect.signature(models.builder(model.name)).parameters
    return "attention_axis" in known
