"""One JSON file per published system; a recipe is what an experiment starts from."""

from importlib import resources
from pathlib import Path

from serkeras._files import read_json
from serkeras.config import Experiment

# What a recipe has beside the parts of its experiment; "search" is for `serkeras.tune`, "chosen_on"
# for `serkeras.evaluate_protocols`: the speakers who validated its settings.
_FACTS = ("name", "about", "source", "published", "decisions", "chosen_on", "search")

_ABSENT = object()


def names():
    """Return the sorted names of the recipes that ship with the kit."""
    files = resources.files(__package__).iterdir()
    return sorted(file.name[: -len(".json")] for file in files if file.name.endswith(".json"))


def describe(name):
    """Return a recipe as a dictionary: its facts and the parts of the experiment it sets.

    Args:
        name: one of `names()`, or the path of a JSON file of the same form or of a run's
            experiment.json.

    Raises:
        ValueError: there is no such recipe.
    """
    if str(name).endswith(".json") and Path(name).is_file():
        return {"name": Path(name).stem, **read_json(name)}
    if name not in names():
        raise ValueError(
            f"A recipe must be one of {names()} or the path of a JSON file. "
            f"Received: {str(name)!r}. `python -m serkeras recipes` describes them."
        )
    return read_json(resources.files(__package__) / f"{name}.json")


def load(name):
    """Return the `Experiment` that a recipe describes; its data is the built-in corpus.

    Raises:
        ValueError: no such recipe, or it names settings that do not exist.
    """
    values = describe(name)
    if "recipe" in values:  # a run's experiment.json: all of it counts
        return Experiment.from_dict({key: values[key] for key in values if key != "name"})
    parts = {key: value for key, value in values.items() if key not in _FACTS}
    return Experiment.from_dict({"recipe": values["name"], **parts})


def changes(experiment):
    """Return the settings in which an experiment differs from its recipe.

    Args:
        experiment: `Experiment` whose recipe is one of `names()`. Data, label scheme, split
            and seed are not part of a recipe and do not count.

    Returns:
        Dictionary from dotted names ("training.epochs") to the experiment's values.
    """
    start, now = load(experiment.recipe).to_dict(), experiment.to_dict()
    free = ("recipe", "data", "label_scheme", "split", "seed")
    parts = [{key: each[key] for key in each if key not in free} for each in (start, now)]
    return dict(_changed(*parts))


def _changed(start, now, name=""):
    """Yield dotted names and values of `now` that differ from `start`.

    A dictionary that lacks something of the start's is given whole: names alone can only add to it.
    """
    if isinstance(start, dict) and isinstance(now, dict) and set(start) <= set(now):
        for key, value in now.items():
            yield from _changed(start.get(key, _ABSENT), value, f"{name}.{key}" if name else key)
    elif start is _ABSENT or start != now:
        yield name, now
