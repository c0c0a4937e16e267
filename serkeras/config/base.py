"""Frozen dataclasses that travel to JSON and back, checked on the way."""

import dataclasses
import os
import types
import typing


class Config:
    """Dictionary conversion and changed copies, shared by all parts of an experiment."""

    def to_dict(self):
        """Return a plain dictionary that `json.dump` accepts."""
        return plain(dataclasses.asdict(self))

    @classmethod
    def from_dict(cls, values):
        """Build from a dictionary; unknown keys are an error, missing ones take defaults.

        Raises:
            ValueError: a key is unknown, or a value has the wrong type.
        """
        hints = typing.get_type_hints(cls)
        unknown = sorted(set(values) - set(hints))
        if unknown:
            raise ValueError(
                f"Settings of {cls.__name__} must be among {sorted(hints)}. "
                f"Received: {unknown}. Correct the spelling or remove them."
            )
        return cls(**{key: _convert(cls, key, hints[key], values[key]) for key in values})

    def replace(self, **changes):
        """Return a copy with some fields changed (same rules as `from_dict`)."""
        return type(self).from_dict({**self.to_dict(), **changes})


def require(config, rules):
    """Raise at the first rule `{field: (holds, words)}` that does not hold."""
    for name, (holds, words) in rules.items():
        if not holds:
            raise ValueError(
                f"`{name}` of {type(config).__name__} must be {words}. "
                f"Received: {getattr(config, name)!r}. Give another value."
            )


def plain(value):
    """Return a value as JSON has it: lists for tuples, text for paths."""
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value


def _element(kind):
    """Return the type of the elements of `tuple[float, float]` or `tuple[str, ...]`."""
    return typing.get_args(kind)[0]


def _convert(cls, key, hint, value):
    """Turn a JSON value into the type its field is declared with."""
    if dataclasses.is_dataclass(hint):
        return value if isinstance(value, hint) else hint.from_dict(value)
    allowed = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    for kind in allowed:
        origin = typing.get_origin(kind) or kind
        if origin is tuple and isinstance(value, (list, tuple)):
            return tuple(_convert(cls, key, _element(kind), item) for item in value)
        if origin is float and isinstance(value, int) and not isinstance(value, bool):
            return float(value)
        if isinstance(value, origin) and not (isinstance(value, bool) and origin is int):
            return value
    raise ValueError(
        f"`{key}` of {cls.__name__} must be {hint}. Received: {value!r} "
        f"({type(value).__name__}). Give a value of that type."
    )
