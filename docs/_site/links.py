"""Where a file of the repository stands in the site, and its links with it.

On GitHub the pages of docs/ link to files outside docs/. The site holds these too, below
repository/ (and notebooks/), and every link is written anew for its place.
"""

import json
import os
import posixpath
import re

# Fenced blocks and code spans are taken whole, so that nothing in them counts as a link.
_MARKDOWN = re.compile(
    r"^(?P<fence>[ \t]*(`{3,}|~{3,})).*?^(?P=fence)[ \t]*$|(`+)[^`].*?\3"
    r"|\]\((?P<target>[^)\s]+)(?=[)\s])",
    re.M | re.S,
)
_HTML = re.compile(r'(?<=[ \n])(?P<name>href|src)="(?P<target>[^"]+)"')


def place(path):
    """Return where a file of the repository stands in the site's sources.

    Args:
        path: relative to the repository, with forward slashes. A package of serkeras stands for
            its page of the reference.
    """
    if path.startswith("docs/"):
        return path.removeprefix("docs/")
    room = re.fullmatch(r"serkeras/(.+)/__init__\.py", path)
    if room:
        name = room[1].replace("/", ".")
        return "command-line.md" if name == "cli" else f"reference/{name}.md"
    return path if path.startswith("notebooks/") else f"repository/{path}"


def leads_out(target):
    """Whether a link leads to another site, or stays on its own page."""
    return bool(re.match(r"[a-zA-Z][\w+.-]*:|//|#", target))


def resolve(path, target):
    """Return the file of the repository that a relative link in the file `path` leads to."""
    return posixpath.normpath(
        posixpath.join(posixpath.dirname(path), target.partition("#")[0].partition("?")[0])
    )


def markdown_targets(text):
    """List the targets of the links and pictures in Markdown that lead to other files."""
    found = [match["target"] for match in _MARKDOWN.finditer(text)]
    return [target for target in found if target and not leads_out(target)]


def rewrite_markdown(text, path):
    """Return Markdown with its links written for the place of `path` in the site.

    Args:
        text: the source of the page.
        path: where it lies in the repository.
    """

    def replace(match):
        target = match["target"]
        if not target or leads_out(target):
            return match[0]
        return f"]({relative(target, path)}"

    return _MARKDOWN.sub(replace, text)


def relative(target, path):
    """Return a relative link of the file `path`, as the site needs it."""
    wanted = place(resolve(path, target))
    anchor = target[target.index("#") :] if "#" in target else ""
    return posixpath.relpath(wanted, posixpath.dirname(place(path)) or ".") + anchor


def rewrite_html(html, path, url):
    """Return the HTML of a notebook with its links to files written for the site.

    Args:
        html: what stands in the page.
        path: where the notebook lies in the repository.
        url: function from the path of a file in the repository to its address as seen from the
            page, or to None where the site does not have it.
    """

    def replace(match):
        target = match["target"]
        address = None if leads_out(target) else url(resolve(path, target))
        if address is None:
            return match[0]
        anchor = target[target.index("#") :] if "#" in target else ""
        return f'{match["name"]}="{address}{anchor}"'

    return _HTML.sub(replace, html)


def reachable(repository, starts):
    """List the files that pages lead to, over as many Markdown pages as it takes.

    Args:
        repository: `pathlib.Path` of the checkout.
        starts: paths of Markdown pages and notebooks, relative to it.

    Returns:
        Sorted list of paths of files in the repository, `starts` among them. What does not exist
        or is a folder is left out, so that the site's own check of links names it.
    """
    found, waiting = set(starts), sorted(starts)
    while waiting:
        path = waiting.pop()
        for target in markdown_targets(markdown_of(repository / path)):
            goal = resolve(path, target)
            if goal not in found and (repository / goal).is_file():
                found.add(goal)
                waiting.append(goal)
    return sorted(found)


def markdown_of(path):
    """Return the Markdown in a file: a page, the text cells of a notebook, else nothing."""
    if path.suffix == ".md":
        return path.read_text(encoding="utf-8")
    if path.suffix != ".ipynb" or os.fspath(path.parent).endswith("labs"):
        return ""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return "\n\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")
