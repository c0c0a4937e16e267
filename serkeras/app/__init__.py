"""A page in the browser that shows what a model hears: one clip, the microphone, many files.

`serve(run)` is what `python -m serkeras app` does; `running(run)` is the same for a `with` block.
It needs the extra `app`.
"""

from serkeras.app.limits import Limits
from serkeras.app.server import running, serve

__all__ = ["Limits", "running", "serve"]
