"""Why a finished run says what it says: maps of what counts in a clip, and whether to believe them.

`explain(run)` writes a page about a run's test side; `explain_recordings(run, paths)` draws
recordings. In a notebook `make(hear(run, paths), ["saliency"])` gives the maps as arrays.
"""

from serkeras.explanation.maps import Heard, hear, make
from serkeras.explanation.methods import names
from serkeras.explanation.work import CLIPS, NAME, explain, explain_recordings

__all__ = ["CLIPS", "NAME", "Heard", "explain", "explain_recordings", "hear", "make", "names"]
