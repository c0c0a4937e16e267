"""A study as its JSON file describes it, and the studies that ship with the kit."""

from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from serkeras._files import read_json
from serkeras.studies import form as forms

_SHELF = resources.files(__package__) / "shelf"
_KEYS = (
    "name", "about", "source", "data", "label_scheme", "recipes", "features", "seeds", "splits",
    "settings", "where", "published",
)  # fmt: skip
_PARTS = {"recipe": "recipes", "features": "features", "split": "splits"}


@dataclass(frozen=True)
class Study:
    """A study as its JSON file describes it; `serkeras.studies.expand` lists its cells.

    Attributes:
        name: of the study, and of its folder.
        about, source: sentences for the report.
        data: data sets, as `serkeras.train` takes them.
        label_scheme: "own", "seven" or "four".
        recipes, features, splits: tuples of `Entry`.
        seeds: tuple of int.
        settings: dotted settings of all cells.
        where: tuple of `Rule`.
        published: `Published`.
        form: the dictionary that it was read from.
    """

    name: str
    about: str
    source: str
    data: tuple[str, ...]
    label_scheme: str
    recipes: tuple[forms.Entry, ...]
    features: tuple[forms.Entry, ...]
    splits: tuple[forms.Entry, ...]
    seeds: tuple[int, ...]
    settings: dict
    where: tuple[forms.Rule, ...]
    published: forms.Published
    form: dict

    @classmethod
    def from_dict(cls, form):
        """Read and check the form of a study.

        Args:
            form: dictionary with `name` and `recipes`, and as needed `about`, `source`, `data`
                (["synthetic"]), `label_scheme` ("own"), `features` ([null], the recipe's own),
                `seeds` ([0]), `splits` (["speaker"]), `settings`, `where` and `published`.

        Raises:
            ValueError: a key is unknown, missing or has a value of another form, a list is
                empty, or an entry comes twice.
        """
        forms.check_keys(form, _KEYS, "A study")
        kinds = ("recipes", "features", "splits")
        entries = {kind: forms.entries_of(form, kind) for kind in kinds}
        seeds = forms.seeds_of(form.get("seeds", [0]))
        labels = {
            **{name: [entry.label for entry in entries[kind]] for name, kind in _PARTS.items()},
            "seed": seeds,
        }
        rules = forms.list_of(form.get("where", []), "`where` of a study")
        return cls(
            name=forms.name_of(form),
            about=forms.text_of(form, "about", ""),
            source=forms.text_of(form, "source", ""),
            data=forms.words_of(form.get("data", ["synthetic"]), "`data` of a study"),
            label_scheme=forms.text_of(form, "label_scheme", "own"),
            **entries,
            seeds=seeds,
            settings=forms.settings_of(form.get("settings", {}), "`settings` of a study"),
            where=tuple(forms.rule_of(rule, labels) for rule in rules),
            published=forms.published_of(form.get("published", {}), labels),
            form=form,
        )


def names():
    """Return the sorted names of the studies that ship with the kit."""
    return sorted(
        file.name[: -len(".json")] for file in _SHELF.iterdir() if file.name.endswith(".json")
    )


def load(name):
    """Return a study.

    Args:
        name: one of `names()`, the path of a JSON file, the folder of a study, or a `Study`.

    Raises:
        ValueError: there is no such study, or its form is wrong (see `Study.from_dict`).
    """
    if isinstance(name, Study):
        return name
    path = Path(name)
    path = path / "study.json" if path.is_dir() else path
    if not path.is_file():
        if str(name) not in names():
            raise ValueError(
                f"A study must be one of {names()}, the path of a JSON file, or the folder of a "
                f"study. Received: {str(name)!r}. `python -m serkeras study list` describes them."
            )
        path = _SHELF / f"{name}.json"
    try:
        return Study.from_dict(read_json(path))
    except ValueError as error:
        raise ValueError(f"{error} (In {path}.)") from error
