"""What a search may change: a space as data, as keras-tuner's hyper-parameters, and as settings."""

import json

_KEYS = {"values", "min", "max", "step", "log", "when"}
_PLAIN = (bool, int, float, str)


def check(space):
    """Refuse a space that is not of the form below, and return it with names in order.

    A space is a dictionary from dotted settings of an experiment, such as "training.learning_rate"
    or "model.settings.units.0" (the first number of a list), to what each may be:

    - `{"values": [...]}`: one of these, whatever JSON can hold;
    - `{"min": 0.1, "max": 0.6}`: a number between, whole if both are; with `"step"` only
      every such step, with `"log": true` drawn by its order of magnitude (a step is a factor then);
    - with `"when": {"other.setting": [values]}` only while that one has one of these values.

    Args:
        space: dictionary.

    Returns:
        dict, conditions behind what they are about.

    Raises:
        ValueError: it is empty, a key is unknown, a range is none, or a condition is about a
            setting that is not in the space or about a value that it cannot have.
    """
    if not isinstance(space, dict) or not space:
        raise ValueError(
            "A space must be a dictionary with one setting or more. Received: "
            f"{space!r}. Write for instance "
            '{"training.learning_rate": {"values": [0.01, 0.001]}}.'
        )
    for name, entry in space.items():
        fault = _fault(entry, space)
        if fault:
            raise ValueError(
                f"The entry of {name!r} in a space must {fault}. Received: {entry!r}. Correct it."
            )
    return {name: space[name] for name in _ordered(space)}


def _fault(entry, space):
    if not isinstance(entry, dict) or not set(entry) <= _KEYS:
        return f"be a dictionary with keys out of {sorted(_KEYS)}"
    if ("values" in entry) == ("min" in entry or "max" in entry):
        return "have either `values`, or `min` and `max`"
    if "values" in entry:
        if not isinstance(entry["values"], list) or not entry["values"]:
            return "have a list of one value or more"
        if {"step", "log"} & set(entry):
            return "have `step` and `log` with `min` and `max` only"
    elif not _is_range(entry):
        return "have numbers `min` below `max`, above 0 with `log`, and a `step` above 0 (1 if log)"
    return _condition_fault(entry.get("when", {}), space)


def _is_range(entry):
    numbers = [entry.get("min"), entry.get("max"), entry.get("step", 2)]
    if any(isinstance(x, bool) or not isinstance(x, (int, float)) for x in numbers):
        return False
    low, high, step = numbers
    log = entry.get("log", False)
    return low < high and step > (1 if log else 0) and (low > 0 or not log)


def _condition_fault(when, space):
    if not isinstance(when, dict) or len(when) > 1:
        return "have `when` with one setting"
    for parent, values in when.items():
        known = space.get(parent, {}).get("values") if isinstance(space.get(parent), dict) else None
        if not known or not isinstance(values, list) or any(each not in known for each in values):
            return "have `when` about a setting with `values` in the space, and some of them"
    return None


def _ordered(space):
    """Return the names, each behind the one that its condition is about.

    Raises:
        ValueError: conditions go round in a circle.
    """
    found, left = [], list(space)
    while left:
        free = [name for name in left if set(space[name].get("when", {})) <= set(found)]
        if not free:
            raise ValueError(
                "Conditions of a space must not go round in a circle. Received: "
                f"{left}. Take one `when` away."
            )
        found += free
        left = [name for name in left if name not in free]
    return found


def declare(hp, space):
    """Enter a space into keras-tuner's hyper-parameters, and return the values of a trial.

    Args:
        hp: `keras_tuner.HyperParameters`.
        space: see `check`.

    Returns:
        dict from names to values, of those that are active.
    """
    found = {}
    for name, entry in check(space).items():
        (parent, values), *_ = [*entry.get("when", {}).items(), (None, None)]
        if parent is None:
            found[name] = _drawn(hp, name, entry)
            continue
        coded = [_coded(value, space[parent]["values"]) for value in values]
        with hp.conditional_scope(parent, coded):
            value = _drawn(hp, name, entry)
            if parent in found and found[parent] in values:
                found[name] = value
    return found


def _drawn(hp, name, entry):
    if "values" in entry:
        values = entry["values"]
        drawn = hp.Choice(name, [_coded(each, values) for each in values])
        return drawn if _all_plain(values) else json.loads(drawn)
    whole = all(isinstance(entry[key], int) for key in ("min", "max"))
    settings = {"sampling": "log" if entry.get("log") else "linear"}
    if "step" in entry:
        settings["step"] = entry["step"]
    return (hp.Int if whole else hp.Float)(name, entry["min"], entry["max"], **settings)


def _all_plain(values):
    """Whether keras-tuner takes these values: of one plain type."""
    return len({type(each) for each in values}) == 1 and isinstance(values[0], _PLAIN)


def _coded(value, values):
    return value if _all_plain(values) else json.dumps(value)


def settings(values, experiment):
    """Return values of a trial as settings of an experiment.

    Args:
        values: dictionary as `declare` returns it.
        experiment: `serkeras.config.Experiment`; where a name ends in a number, its list is
            changed at that place.

    Returns:
        dict for `Experiment.with_settings`.

    Raises:
        ValueError: the experiment has no list there, or a shorter one.
    """
    found = {}
    for name, value in values.items():
        whole, _, place = name.rpartition(".")
        if not place.isdigit():
            found[name] = value
            continue
        now = found.get(whole, _value(experiment, whole))
        if not isinstance(now, (list, tuple)) or int(place) >= len(now):
            raise ValueError(
                f"A space may change {name!r} only where the experiment has such a list. "
                f"Received: {whole}={now!r}. Name all of the list, or set it with --set first."
            )
        found[whole] = [*now[: int(place)], value, *now[int(place) + 1 :]]
    return found


def _value(experiment, dotted):
    value = experiment.to_dict()
    for name in dotted.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def on_edges(values, space):
    """Return the settings of a trial that lie on the edge of their range.

    Args:
        values: dictionary as `declare` returns it.
        space: see `check`.

    Returns:
        dict from names to "lowest" or "highest". Values of a list count where they are numbers
        and more than two: the best may lie beyond.
    """
    found = {}
    for name, value in values.items():
        entry = space[name]
        numbers = entry.get("values", [entry.get("min"), entry.get("max")])
        numeric = all(isinstance(x, (int, float)) and not isinstance(x, bool) for x in numbers)
        if not numeric or ("values" in entry and len(set(numbers)) < 3):
            continue
        low, high = min(numbers), max(numbers)
        if value in (low, high):
            found[name] = "lowest" if value == low else "highest"
    return found
