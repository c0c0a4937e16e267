"""Several corpora and own recordings in one manifest."""

import os
from pathlib import Path

import pandas as pd

from serkeras.datasets import _table, registry
from serkeras.datasets.labels import relabel
from serkeras.datasets.own import load_own


def load_many(specs, label_scheme="own", progress=True):
    """Load several data sets into one manifest.

    Args:
        specs: list of data sets, each one of

            - a registered name, `"ravdess"`
            - a registered name with its folder, `"ravdess=DIR"`
            - own recordings: a CSV file, a folder with a subfolder per emotion, or a
              DataFrame, see `load_own`. A str is a path when it has a path separator, ends in
              .csv or is an existing folder; a registered name comes first.

        label_scheme: `"own"`, `"seven"` or `"four"`, see `relabel`.
        progress: show a bar while the synthetic corpus is made.

    Returns:
        Manifest as of `load`, sorted by clip whatever the order of `specs`; columns that a
        data set does not know are <NA>.

    Raises:
        ValueError: an unknown name, no data set at all, or one clip id twice.
        FileNotFoundError: a data set is not there.
    """
    specs = as_list(specs)
    if not specs:
        raise ValueError(
            "At least one data set must be named. Received: an empty list. Name a corpus "
            f"({', '.join(registry.names())}), a CSV file or a folder."
        )
    tables = [_load_one(spec, progress) for spec in specs]
    clips = _table.arrange(pd.concat(tables, ignore_index=True))
    doubled = clips.loc[clips["clip"].duplicated(), "clip"]
    if len(doubled):
        raise ValueError(
            "The clips of all data sets together must have ids of their own. Received: "
            f"{len(doubled)} ids twice, such as {doubled.iloc[0]!r}, from {_describe(specs)}. "
            "Name each data set once; give own data sets different names."
        )
    return relabel(clips, label_scheme)


def as_list(specs):
    """Return data sets as a list; a lone name, path or DataFrame becomes a list of one."""
    return [specs] if isinstance(specs, (str, os.PathLike, pd.DataFrame)) else list(specs)


def name_of(spec):
    """Return the name of a data set: `tess` of "tess=DIR", `my.csv` of "DIR/my.csv"."""
    return Path(str(spec).partition("=")[0]).resolve().name


def short_name(spec):
    """Return the name of a data set as part of a folder's name: `my` of "DIR/my.csv"."""
    name = name_of(spec)
    return name[: -len(".csv")] if name.lower().endswith(".csv") else name


def _load_one(spec, progress):
    """Load what one spec names."""
    if not isinstance(spec, str):
        return load_own(spec)
    name, equals, folder = spec.partition("=")
    if name in registry.names():
        return registry.load(name, folder if equals else None, progress=progress)
    if _is_path(spec):
        return load_own(spec)
    raise ValueError(
        f"A data set must be one of {', '.join(registry.names())} (or such a name with its "
        f"folder, ravdess=DIR), a CSV file, or a folder. Received: {spec!r}, which is no such "
        "name and no folder here."
    )


def _is_path(spec):
    """Tell whether a spec can only be meant as a path."""
    separators = {os.sep, os.altsep or os.sep, "/"}
    return spec.lower().endswith(".csv") or os.path.isdir(spec) or bool(separators & set(spec))


def _describe(specs):
    """Write specs for a message; a table has no name of its own."""
    return ", ".join("a DataFrame" if isinstance(s, pd.DataFrame) else str(s) for s in specs)
