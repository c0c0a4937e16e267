"""The parts of a study's form, read from JSON and checked."""

import json
import numbers
import re
from dataclasses import dataclass, field
from pathlib import Path

OWN = "own"  # label of the features that a recipe itself names
_RULE_KEYS = ("recipe", "features", "split", "seed", "settings", "skip")
# A study lays these out itself; a setting of that name would contradict it.
_LAID_OUT = ("recipe", "data", "label_scheme", "split", "seed")


@dataclass(frozen=True)
class Entry:
    """One line or column of a study: a recipe, features or a split.

    Attributes:
        label: what tables and folders call it.
        settings: dotted settings that it brings.
        values: the recipe's name in `(name,)`, the split's folds, or empty for features.
    """

    label: str
    settings: dict = field(default_factory=dict)
    values: tuple[str, ...] = ()


@dataclass(frozen=True)
class Rule:
    """What holds for some cells only: own settings, or a reason to leave them out.

    Attributes:
        labels: dictionary from "recipe", "features", "split" and "seed" to the values meant.
        settings: dotted settings of these cells.
        skip: why they are left out, or None.
    """

    labels: dict
    settings: dict
    skip: str | None

    def holds(self, place):
        """Whether the rule is about a cell at `place` (a dictionary with the four keys)."""
        return all(place[key] in wanted for key, wanted in self.labels.items())


@dataclass(frozen=True)
class Published:
    """Figures that others report for cells of a study.

    Attributes:
        measure: what they are, for instance "validation accuracy".
        values: dictionary from (recipe label, features label) to percent.
        split: label of the split that is like the authors' own; None shows them beside all.
    """

    measure: str = ""
    values: dict = field(default_factory=dict)
    split: str | None = None


def check_keys(form, keys, what):
    """Refuse what is no object, or has keys that nobody reads."""
    if not isinstance(form, dict):
        raise ValueError(f"{what} must be an object. Received: {form!r}. Write {{...}}.")
    unknown = sorted(set(form) - set(keys))
    if unknown:
        raise ValueError(
            f"{what} may have the keys {list(keys)}. Received: {unknown}. Correct the spelling or "
            "remove them."
        )


def list_of(values, what):
    """Return a list, or refuse what is none."""
    if not isinstance(values, list):
        raise ValueError(f"{what} must be a list. Received: {values!r}. Put it into [ ].")
    return values


def _filled(values, what):
    if not list_of(values, what):
        raise ValueError(f"{what} must not be empty. Received: []. Give one entry or more.")
    return values


def _unique(values, what):
    twice = sorted({str(value) for value in values if values.count(value) > 1})
    if twice:
        raise ValueError(
            f"{what} must differ. Received: {twice} more than once. Remove one of them, or tell "
            "them apart by a `label`."
        )
    return values


def text_of(form, key, default):
    """Return the text under a key."""
    value = form.get(key, default)
    if not isinstance(value, str):
        raise ValueError(f"`{key}` of a study must be text. Received: {value!r}. Put it in quotes.")
    return value


def name_of(form):
    """Return the name of a study, which is a folder name too."""
    name = form.get("name")
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,79}", name):
        raise ValueError(
            "`name` of a study must be letters, digits, - and _, since its folder is called so. "
            f'Received: {name!r}. Write for instance "my-study".'
        )
    return name


def words_of(values, what):
    """Return a list of different texts as a tuple."""
    _filled(values, what)
    wrong = [value for value in values if not isinstance(value, str) or not value]
    if wrong:
        raise ValueError(f"{what} must be a list of text. Received: {wrong[0]!r}. Correct it.")
    return tuple(_unique(values, what))


def seeds_of(values):
    """Return the seeds as a tuple."""
    _filled(values, "`seeds` of a study")
    for seed in values:
        if isinstance(seed, bool) or not isinstance(seed, numbers.Integral) or seed < 0:
            raise ValueError(
                "`seeds` of a study must be whole numbers of 0 or more. "
                f"Received: {seed!r}. Write for instance [0, 1, 2]."
            )
    return tuple(_unique(values, "`seeds` of a study"))


def settings_of(values, what):
    """Return dotted settings, none of which the study itself lays out."""
    if not isinstance(values, dict):
        raise ValueError(
            f"{what} must be an object of dotted settings. Received: {values!r}. Write for "
            'instance {"training.epochs": 20}.'
        )
    taken = sorted(set(values) & set(_LAID_OUT))
    if taken:
        raise ValueError(
            f"{what} must leave out {list(_LAID_OUT)}, which the study lays out itself. "
            f"Received: {taken}. Use the keys data, label_scheme, recipes, splits and seeds."
        )
    return dict(values)


def entries_of(form, key):
    """Return the entries of "recipes", "features" or "splits" as a tuple of `Entry`."""
    read, default = {
        "recipes": (_recipe, None),
        "features": (_features, [None]),
        "splits": (_split, ["speaker"]),
    }[key]
    what = f"`{key}` of a study"
    if key not in form and default is None:
        raise ValueError(f"{what} must be given. Received: none. Name one recipe or more.")
    entries = tuple(read(value) for value in _filled(form.get(key, default), what))
    _unique([entry.label for entry in entries], what)
    return entries


def _recipe(value):
    what = "A recipe of a study"
    value = {"recipe": value} if isinstance(value, str) else value
    check_keys(value, ("recipe", "settings", "label"), what)
    name = value.get("recipe")
    if not isinstance(name, str) or not name:
        raise ValueError(f"{what} must name a recipe. Received: {value!r}. Add recipe: NAME.")
    settings = settings_of(value.get("settings", {}), what)
    return Entry(_label(value, _described(Path(name).stem, settings)), settings, (name,))


def _features(value):
    what = "Features of a study"
    if value is None:
        return Entry(OWN)
    value = {"features.name": value} if isinstance(value, str) else value
    if not isinstance(value, dict):
        raise ValueError(
            f"{what} must be null, a name or an object of dotted settings. Received: {value!r}. "
            'Write for instance "mel+mfcc".'
        )
    settings = settings_of({key: item for key, item in value.items() if key != "label"}, what)
    others = {key: item for key, item in settings.items() if key != "features.name"}
    return Entry(_label(value, _described(settings.get("features.name", OWN), others)), settings)


def _split(value):
    if isinstance(value, str) and value:
        return Entry(value, values=(value,))
    what = "A split of a study"
    check_keys(value, ("label", "folds"), what)
    if "label" not in value or "folds" not in value:
        raise ValueError(
            f"{what} must be a kind of split, or have a label and folds. Received: {value!r}. "
            'Write for instance {"label": "5-fold", "folds": ["speaker-kfold:1/5", ...]}.'
        )
    return Entry(_label(value, ""), values=words_of(value["folds"], "`folds` of a split"))


def _described(start, settings):
    """Return a label made of a name and the settings that tell it from others."""
    changed = [f"{key.split('.')[-1]}={_plain(value)}" for key, value in settings.items()]
    return " ".join([str(start), *changed])


def _plain(value):
    return value if isinstance(value, str) else json.dumps(value)


def _label(value, default):
    label = value.get("label", default)
    if not isinstance(label, str) or not label.strip() or label != label.strip():
        raise ValueError(
            "A label must be text without space at its ends. "
            f'Received: {label!r}. Write for instance "cnn5, same padding".'
        )
    return label


def rule_of(rule, labels):
    """Return a `Rule`; `labels` has what the study knows of recipe, features, split and seed."""
    what = "A rule in `where`"
    check_keys(rule, _RULE_KEYS, what)
    if ("settings" in rule) == ("skip" in rule):
        raise ValueError(
            f"{what} must have either `settings` or `skip`. Received: {rule!r}. Give the settings "
            "of these cells, or the reason why they are left out."
        )
    if "skip" in rule and not (isinstance(rule["skip"], str) and rule["skip"].strip()):
        raise ValueError(
            "`skip` must say why cells are left out; the report shows it. "
            f"Received: {rule['skip']!r}. Write a sentence."
        )
    meant = {key: _meant(key, rule[key], labels[key]) for key in labels if key in rule}
    return Rule(meant, settings_of(rule.get("settings", {}), what), rule.get("skip"))


def _meant(key, wanted, known):
    """Return the values that one part of a rule means, as a list."""
    wanted = wanted if isinstance(wanted, list) else [wanted]
    wanted = [OWN if value is None and key == "features" else value for value in wanted]
    unknown = [value for value in wanted if value not in known]
    if unknown or not wanted:
        raise ValueError(
            f"`{key}` in `where` and `published` must be what the study has, of {list(known)}. "
            f"Received: {unknown or wanted}. Use the labels."
        )
    return wanted


def published_of(form, labels):
    """Read `{"measure": text, "columns": [recipe, ...], "rows": {features: [percent, ...]}}`.

    A "split" beside them says which of the study's is like the authors' own. A column may name a
    recipe that the study does not have (yet): its figures wait.
    """
    what = "`published` of a study"
    check_keys(form, ("measure", "columns", "rows", "split"), what)
    if not form:
        return Published()
    missing = [key for key in ("measure", "columns", "rows") if not form.get(key)]
    if missing or not isinstance(form["measure"], str) or not isinstance(form["rows"], dict):
        raise ValueError(
            f"{what} must have measure (text), columns (list) and rows (object). Received: "
            f"{sorted(form)}, of another form or without {missing}. Add them."
        )
    columns = words_of(form["columns"], "`columns` of `published`")
    _meant("features", list(form["rows"]), labels["features"])
    values = {}
    for features, row in form["rows"].items():
        numeric = isinstance(row, list) and all(_is_percent(value) for value in row)
        if not numeric or len(row) != len(columns):
            raise ValueError(
                f"A row of `published` must have a percentage or null for each of {columns}. "
                f"Received: {features!r}: {row!r}. Complete it."
            )
        given = zip(columns, row, strict=True)
        values.update({(name, features): value for name, value in given if value is not None})
    if "split" in form:
        _meant("split", form["split"], labels["split"])
    return Published(form["measure"], values, form.get("split"))


def _is_percent(value):
    number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    return value is None or (number and 0 <= value <= 100)
