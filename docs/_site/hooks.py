"""What MkDocs calls while it builds the site: files from outside docs/, written pages, links."""

import logging
import posixpath
import re
import sys
from pathlib import Path

import commands
import decisions
import formulas
import links
import reference
from mkdocs.plugins import event_priority
from mkdocs.structure.files import File
from mkdocs.utils import get_relative_url

REPO = Path(__file__).resolve().parents[2]
NOTEBOOKS = "notebooks"

# Scripts for diagrams and formulas, which the plugin would have readers fetch from elsewhere.
_SCRIPTS = re.compile(
    r"<script(?=[^>]*(?:module|mathjax|src=))(?:(?!</script>).)*</script>", re.S | re.I
)

_log = logging.getLogger("mkdocs.plugins.serkeras")


def on_config(config):
    """Fill the entries of the navigation that name no file: the folders of other makers."""
    sys.path.insert(0, str(REPO))  # the checkout's package, whatever else is installed
    folders = {
        "notebooks/*": [{_title(path): path} for path in _notebooks()] + _about_labs(),
        "reference/*": ["command-line.md", *reference.pages(REPO / "serkeras")],
    }
    config.nav = [_filled(entry, folders) for entry in config.nav]
    config.watch.append(str(REPO / NOTEBOOKS))
    return config


def _filled(entry, folders):
    (title, inner), *_ = entry.items()
    return {title: folders.get(inner, inner) if isinstance(inner, str) else inner}


def _notebooks():
    """List the notebooks in their order, relative to the repository."""
    return sorted(path.relative_to(REPO).as_posix() for path in (REPO / NOTEBOOKS).glob("*.ipynb"))


def _about_labs():
    """List the pages about exercises, which stand behind the notebooks."""
    return sorted(path.name for path in (REPO / "docs").glob("lab*.md"))


def _title(path):
    """Return a notebook's own title."""
    return links.markdown_of(REPO / path).lstrip().partition("\n")[0].lstrip("# ")


# Before the plugin that turns files ending in .ipynb into pages.
@event_priority(100)
def on_files(files, config):
    """Add notebooks, the files that pages lead to, and pages that are written here."""
    pages = [f"docs/{file.src_uri}" for file in files if file.src_uri.endswith(".md")]
    students = [path.replace("/", "/labs/", 1) for path in _notebooks()]
    more = [path for path in students if (REPO / path).is_file()]
    for path in [*links.reachable(REPO, [*pages, *_notebooks()]), *more]:
        if path.startswith("notebooks/"):  # as a file on disk: the plugin knows no other
            folders = (str(REPO), config.site_dir, config.use_directory_urls)
            files.append(File(path, *folders))
        elif links.place(path).startswith("repository/"):
            files.append(File.generated(config, links.place(path), abs_src_path=str(REPO / path)))
    written = reference.pages(REPO / "serkeras") | {"command-line.md": commands.page()}
    for name, text in written.items():
        files.append(File.generated(config, name, content=text))
    return files


def _path(file):
    """Return where a file of the site lies in the repository, None where it was written here."""
    source = file.abs_src_path and Path(file.abs_src_path)
    return source.relative_to(REPO).as_posix() if source and source.is_relative_to(REPO) else None


def on_page_markdown(markdown, page, config, files):
    """Write links for the site, and what a page leaves to the build."""
    path = _path(page.file)
    if not path or path.endswith(".ipynb"):
        return markdown
    markdown = links.rewrite_markdown(markdown, path)
    return markdown.replace(decisions.MARK, decisions.table(REPO / "serkeras" / "recipes"))


def on_page_content(html, page, config, files):
    """Finish a notebook: links, formulas, and its files to take along."""
    path = _path(page.file)
    if not path or not path.endswith(".ipynb"):
        return html

    def url(target):
        file = files.get_file_from_path(links.place(target))
        if file is None:
            _log.warning("%s links to %s, which the site does not have.", path, target)
            return None
        return get_relative_url(file.url, page.url)

    html = links.rewrite_html(formulas.to_mathml(html), path, url)
    return _files_of(path, files) + _SCRIPTS.sub("", html)


def _files_of(path, files):
    """Write the line above a notebook that leads to its file and to the student version."""
    name = posixpath.basename(path)
    shown = f'<a href="{name}" download>notebook</a>'
    if files.get_file_from_path(f"notebooks/labs/{name}"):
        shown += f' · <a href="labs/{name}" download>version for students, without solutions</a>'
    return f'<p class="notebook-files">To run it yourself: {shown}</p>\n'
