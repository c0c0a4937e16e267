"""From recipes, data and names of protocols to a study."""

import hashlib
import itertools
import json
import os
import re
import warnings
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from serkeras import datasets, splits, studies
from serkeras.protocols import named
from serkeras.studies import form as forms


@dataclass(frozen=True)
class Plan:
    """What is to be measured.

    Attributes:
        study: `serkeras.studies.Study`; its splits are the protocols.
        clips: manifest.
        left_out: dictionary from each default protocol that the clips do not allow to the reason.
        name: of data and label scheme, for folders.
    """

    study: studies.Study
    clips: pd.DataFrame
    left_out: dict
    name: str

    @property
    def protocols(self):
        """Names of the protocols, in the order of the page."""
        return [entry.label for entry in self.study.splits]


def make(recipes, data, protocols, seeds, label_scheme, settings, progress):
    """Lay out a study; arguments as of `serkeras.evaluate_protocols`.

    Returns:
        `Plan`.

    Raises:
        ValueError: a name is unknown, or the clips do not allow a protocol that was asked for.
    """
    wanted = [protocols] if isinstance(protocols, str) else list(protocols or ())
    named.check(wanted)
    seeds = list(forms.seeds_of(list(range(seeds)) if isinstance(seeds, int) else list(seeds)))
    specs = [os.fspath(item) for item in datasets.as_list("synthetic" if data is None else data)]
    clips = datasets.load_many(specs, label_scheme, progress=progress)
    folds, left_out = _asked(wanted, clips) if wanted else _default(clips, seeds)
    name = _name(specs, label_scheme)
    form = {
        "name": f"protocols-{name}",
        "about": "Recipes under several protocols; page.md one folder up has the figures.",
        "data": specs,
        "label_scheme": label_scheme,
        "recipes": [recipes] if isinstance(recipes, str) else list(recipes),
        "splits": [{"label": label, "folds": kinds} for label, kinds in folds.items()],
        "seeds": seeds,
        "settings": dict(settings or {}),
    }
    return Plan(studies.Study.from_dict(form), clips, left_out, name)


def default_folder(plan):
    """Return where the figures go when nobody says: `artifacts/protocols/RECIPES-DATA`.

    More than three recipes, and settings, are told apart by digits of a hash.
    """
    study = plan.study
    labels = [entry.label for entry in study.recipes]
    words = "+".join(labels) if len(labels) <= 3 else f"{len(labels)}-recipes"
    if len(labels) > 3 or study.settings:
        told = json.dumps([labels, study.settings], sort_keys=True)
        words += f"-{hashlib.sha256(told.encode()).hexdigest()[:6]}"
    return Path("artifacts/protocols") / re.sub(r"[^\w+=.-]+", "-", f"{words}-{plan.name}")


def _asked(wanted, clips):
    found = {name: named.folds(name, clips) for name in wanted}
    return {name: found[name] for name in named.names() if name in found}, {}


def _default(clips, seeds):
    """Return the folds of the default protocols that the clips allow, and why not of others.

    A later fold or seed may be refused where the first is not: one emotion of one speaker only.
    """
    found, left_out = {}, {}
    for name in named.DEFAULT:
        try:
            kinds = named.folds(name, clips)
            with warnings.catch_warnings():  # the runs will warn
                warnings.simplefilter("ignore")
                for kind, seed in itertools.product(kinds, seeds):
                    splits.make(clips, kind, seed=seed)
            found[name] = kinds
        except ValueError as error:
            left_out[name] = str(error)
    if not found:
        raise ValueError(
            "The clips must allow one protocol. Received: "
            + "; ".join(f"{name}: {reason}" for name, reason in left_out.items())
        )
    return found, left_out


def _name(specs, label_scheme):
    words = "+".join(Path(spec.split("=")[0]).stem for spec in specs)
    words += "" if label_scheme == "own" else f"-{label_scheme}"
    return re.sub(r"[^A-Za-z0-9]+", "-", words).strip("-")[:60] or "data"
