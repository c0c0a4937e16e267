"""Corpora of emotional speech as tables: one row a clip, one file a corpus.

    clips = serkeras.datasets.load("ravdess", root)

`names()` lists what is registered, `card(name)` says what one has to know about a corpus,
`download(name)` fetches it where that is allowed, `load_own` and `load_many` take own
recordings, `list_audio` finds them in a folder, `relabel` changes the label scheme, `audit`
looks for broken and doubled files.
"""

from serkeras.datasets.auditing import audit
from serkeras.datasets.downloading import download
from serkeras.datasets.labels import relabel
from serkeras.datasets.many import as_list, load_many, name_of, short_name
from serkeras.datasets.own import ENDINGS, list_audio, load_own
from serkeras.datasets.registry import card, find, how_to_get, load, names

__all__ = [
    "as_list",
    "ENDINGS",
    "audit",
    "card",
    "download",
    "find",
    "how_to_get",
    "list_audio",
    "load",
    "load_many",
    "load_own",
    "name_of",
    "names",
    "relabel",
    "short_name",
]
