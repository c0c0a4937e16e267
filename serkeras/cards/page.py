"""`write_page`: one HTML file that holds a run's report, analyses and cards, pictures included."""

import base64
import html
from importlib import resources
from pathlib import Path

from serkeras._files import atomic_write
from serkeras.cards import model
from serkeras.evaluation import analysis

FILE = "report.html"
# In this order; what else there is follows.
ANALYSES = ("groups", "confidence", "robustness", "enrolment", "explanation", "data")
_STYLE = resources.files(__package__) / "page.css"


def write_page(folder, out=None):
    """Write all that is known of a run into one page that needs nothing beside it.

    Args:
        folder: a run's, with report.md and what `serkeras.evaluation.analysis.write` and
            `model_card` have put there; or any other that holds a page.md.
        out: file; default `FOLDER/report.html`.

    Returns:
        `pathlib.Path` of the page.

    Raises:
        FileNotFoundError: there is nothing to show.
    """
    folder = Path(folder)
    pages = _pages(folder)
    if not pages:
        raise FileNotFoundError(
            "A page must be made of report.md or page.md. Received: "
            f"{folder}, which has neither. Give the folder of a finished run or analysis."
        )
    parts = [(f"part{number}", *_rendered(path)) for number, path in enumerate(pages)]
    out = Path(out or folder / FILE)
    with atomic_write(out) as file:
        file.write(_whole(parts))
    return out


def _pages(folder):
    """Return the Markdown files of a folder in their order."""
    below = folder / analysis.FOLDER
    names = [path.parent.name for path in sorted(below.glob(f"*/{analysis.PAGE}"))]
    names.sort(key=lambda name: ANALYSES.index(name) if name in ANALYSES else len(ANALYSES))
    found = [
        folder / "report.md",
        folder / analysis.PAGE,
        *(below / name / analysis.PAGE for name in names),
        folder / model.FILE,
    ]
    return [path for path in found if path.is_file()]


def _rendered(path):
    """Return the title of a Markdown file, and all of it as HTML."""
    from markdown_it import MarkdownIt

    text = path.read_text(encoding="utf-8")
    if path.name == model.FILE and text.startswith("---\n"):  # metadata for hubs
        text = text.partition("\n---\n")[2] or text
    # Text from names of clips and folders stays text: no HTML of its own.
    reader = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = reader.parse(text)
    for token in tokens:
        for each in token.children or ():
            if each.type == "image":
                each.attrSet("src", _inline(path.parent, each.attrGet("src")))
                each.attrSet("loading", "lazy")
    titles = [
        after.content
        for token, after in zip(tokens, tokens[1:], strict=False)
        if token.type == "heading_open" and token.tag == "h1"
    ]
    body = reader.renderer.render(tokens, reader.options, {})
    body = body.replace(" %", "\N{NO-BREAK SPACE}%")
    body = body.replace("<table>", '<div class="wide"><table>').replace(
        "</table>", "</table></div>"
    )
    return titles[0] if titles else path.stem, body


def _inline(folder, source):
    """Return a picture of a page as a data address.

    Raises:
        FileNotFoundError: it is not there.
    """
    path = folder / source
    if not path.is_file():
        raise FileNotFoundError(
            "A page's figures must lie where it says. Received: "
            f"{path}, which is missing. Make the page again by its command."
        )
    return "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode("ascii")


def _whole(parts):
    title = html.escape(parts[0][1])
    links = "".join(
        f'<li><a href="#{name}">{html.escape(_short(words))}</a></li>' for name, words, _ in parts
    )
    sections = "\n".join(f'<section id="{name}">\n{body}</section>' for name, _, body in parts)
    style = _STYLE.read_text(encoding="utf-8")
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>\n{style}</style>\n</head>\n<body>\n"
        f"<nav><ul>{links}</ul></nav>\n<main>\n{sections}\n</main>\n</body>\n</html>\n"
    )


def _short(title):
    """Return the words of a title before those of its protocol."""
    for mark in (" of ", ": "):
        if mark in title:
            return title.split(mark)[0]
    return "Report"
