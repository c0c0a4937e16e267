"""The registered corpora: finding their folders and loading them."""

import importlib
import os
from pathlib import Path

from serkeras._files import cache_dir
from serkeras.datasets import _table
from serkeras.datasets.labels import relabel

_NAMES = ("ravdess", "savee", "tess", "cremad", "emodb", "synthetic")


def names():
    """Return the names of the registered corpora, a tuple of str."""
    return _NAMES


def module(name):
    """Return the module of a corpus; imported only now, so that `import serkeras` stays light.

    Raises:
        ValueError: the name is not registered.
    """
    if name not in _NAMES:
        raise ValueError(
            f"The corpus must be one of {', '.join(_NAMES)}. Received: {name!r}. Own "
            "recordings are loaded with `load_own` (a CSV file, or a folder per emotion)."
        )
    return importlib.import_module(f"serkeras.datasets.{name}")


def card(name):
    """Return the `Card` of a corpus: licence, citation, documented counts, download places."""
    return module(name).CARD


def load(name, root=None, label_scheme="own", progress=True):
    """Load a corpus as a manifest.

    Args:
        name: one of `names()`.
        root: folder of the corpus; its clips may lie at any depth, as .wav, .flac or .mp3.
            None takes `$SERKERAS_DATA/<name>`, else `corpora/<name>` of the cache folder,
            whichever holds clips of the corpus; the synthetic corpus is made there when it is
            missing.
        label_scheme: `"own"`, `"seven"` or `"four"`, see `relabel`.
        progress: show a bar while the synthetic corpus is made.

    Returns:
        DataFrame sorted by clip, RangeIndex, one row a clip, with the columns

        - path: absolute path
        - clip: id, unique over all corpora, `"<corpus>/<name without ending>"`
        - corpus, emotion
        - speaker: unique over all corpora, `"<corpus>-<speaker>"`
        - sex: `"female"`, `"male"` or <NA>
        - statement: what is said, as a short code or word
        - intensity: `"normal"`/`"strong"` (RAVDESS), `"low"`/`"medium"`/`"high"`/
          `"unspecified"` (CREMA-D), else <NA>
        - repetition: number, or <NA>

        and behind them what else the corpus knows (age, listeners' votes, ...).

    Raises:
        ValueError: unknown name or label scheme.
        FileNotFoundError: the corpus is not there, or holds no file named as published.
    """
    corpus = module(name)
    return relabel(corpus.scan(_find(name, corpus, root, progress)), label_scheme)


def home(name):
    """Return the folder in the cache where a downloaded or generated corpus lies."""
    return cache_dir() / "corpora" / name


def find(name):
    """Return the folder in which `load(name)` would look, or None if the corpus is not at hand.

    A folder without a single clip of the corpus, such as one with its lists only, is passed by.
    """
    parse = module(name).parse
    return next((place for place in _places(name) if _table.holds_clip(place, parse)), None)


def _places(name):
    data = os.environ.get("SERKERAS_DATA")
    return [*([Path(data, name)] if data else []), home(name)]


def _find(name, corpus, root, progress):
    """Find the folder of a corpus, or say where it was looked for and how to get it."""
    place = find(name) if root is None else Path(root).expanduser()
    if root is None and hasattr(corpus, "generate") and place in (None, home(name)):
        # A finished corpus is left alone, one of a killed run is completed.
        place = home(name)
        corpus.generate(place, progress=progress)
    if place is not None and place.is_dir():
        return place
    looked = " and ".join(map(str, _places(name) if root is None else [place]))
    raise FileNotFoundError(
        f"The corpus {name} must lie in a folder. Received: none with its clips at {looked}. "
        f"{how_to_get(name)} Then pass the folder as `root`, or set SERKERAS_DATA to the folder "
        f"that holds {name}/."
    )


def how_to_get(name):
    """Say in a few sentences how a corpus is obtained."""
    known = card(name)
    fetch = f'serkeras.datasets.download("{name}") fetches it. By hand: ' if known.archives else ""
    return fetch + known.by_hand
