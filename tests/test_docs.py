"""The documentation: commands, snippets and links that hold; what the site adds to docs/."""

import argparse
import ast
import contextlib
import importlib
import io
import json
import posixpath
import re
import shlex
import sys
import types
from pathlib import Path

import pytest
import yaml

from serkeras import cli, recipes

REPO = Path(__file__).resolve().parents[1]
DOCS = REPO / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
TEXTS = [REPO / "README.md", *PAGES]

FENCE = re.compile(r"^```(\w+)\n(.*?)^```", re.M | re.S)
COMMAND = re.compile(r"python -m serkeras (.*)")


@pytest.fixture(autouse=True)
def site_modules(monkeypatch):
    """The modules of docs/_site, as the site's builder finds them."""
    monkeypatch.syspath_prepend(str(DOCS / "_site"))
    yield
    for name in ("links", "reference", "commands", "decisions", "formulas", "docstrings"):
        sys.modules.pop(name, None)


def _name(path):
    return path.relative_to(REPO).as_posix()


def commands(text):
    """List the words of every `python -m serkeras ...` line in blocks of sh, comments left out."""
    found = []
    for language, code in FENCE.findall(text):
        if language == "sh":
            code = code.replace("\\\n", " ")
            found += [words(line) for line in COMMAND.findall(code)]
    return found


def words(line):
    """Split what follows `python -m serkeras` as a shell would."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars="();<>|&")
    lexer.whitespace_split, lexer.commenters = True, "#"
    taken = []
    with contextlib.suppress(ValueError):  # the quote that a whole command stands in
        for word in lexer:
            if word[0] in ";<>|&":
                break
            taken.append(word)
        return taken
    return words(line[: max(line.rfind("'"), line.rfind('"'))])


def refused(line):
    """Return what the command line says against some words, None where it takes them."""
    said = io.StringIO()
    with contextlib.redirect_stderr(said):
        try:
            cli._parser().parse_args(line)
        except SystemExit as ended:
            return said.getvalue() if ended.code else None
    return None


@pytest.mark.parametrize("path", TEXTS, ids=_name)
def test_commands_parse(path):
    found = commands(path.read_text(encoding="utf-8"))
    wrong = {" ".join(line): refused(line) for line in found if refused(line)}
    assert wrong == {}
    settings = [word for line in found for word in _settings(line)]
    assert [word for word in settings if "=" not in word] == []


def _settings(line):
    return [value for option, value in zip(line, line[1:], strict=False) if option == "--set"]


def test_commands_are_found_and_wrong_ones_refused():
    text = (
        "```sh\nA=1 python -m serkeras train svm \\\n  --data x.csv  # a, 'b\n"
        "bash -c 'x; python -m serkeras demo --quiet'\n"
        "python -m serkeras study show s0-features > my.json\n```\npython -m serkeras nothing"
    )
    assert commands(text) == [
        ["train", "svm", "--data", "x.csv"],
        ["demo", "--quiet"],
        ["study", "show", "s0-features"],
    ]
    assert [refused(line) for line in commands(text)] == [None] * 3
    assert "unrecognized arguments: --sped" in refused(["train", "svm", "--sped"])
    assert refused(["trian"])


@pytest.mark.parametrize("path", TEXTS, ids=_name)
def test_recipes_in_the_commands_exist(path):
    taking = {"train", "tune", "leaks", "batch-size", "recipes"}
    found = commands(path.read_text(encoding="utf-8"))
    named = {line[1] for line in found if line[0] in taking and len(line) > 1}
    named -= {name for name in named if name.endswith(".json") or name.startswith("-")}
    assert named - {"list"} <= set(recipes.names())


@pytest.mark.parametrize("path", TEXTS, ids=_name)
def test_python_compiles(path):
    for language, code in FENCE.findall(path.read_text(encoding="utf-8")):
        if language == "python":
            ast.parse(code)
        if language == "json":
            json.loads(code)


@pytest.mark.parametrize("path", TEXTS, ids=_name)
def test_names_of_the_package_exist(path):
    blocks = FENCE.findall(path.read_text(encoding="utf-8"))
    code = "\n".join(code for language, code in blocks if language == "python")
    assert [name for name in used(ast.parse(code)) if not _found(name)] == []


def used(tree):
    """List what Python takes of the package: what it imports, and dotted names from there."""
    known = {"serkeras": "serkeras"}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module.startswith("serkeras"):
            known |= {alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    dotted = [ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute)]
    plain = [name for name in dotted if re.fullmatch(r"[\w.]+", name)]
    roots = [(name.partition(".")[0], name) for name in plain]
    return [*known.values(), *(known[r] + n[len(r) :] for r, n in roots if r in known)]


def _found(dotted):
    """Whether a dotted name leads somewhere; what follows a function or class is not looked at."""
    parts = dotted.split(".")
    value = importlib.import_module(parts[0])
    for index, name in enumerate(parts[1:], start=2):
        if not isinstance(value, types.ModuleType):
            return True
        if not hasattr(value, name):
            with contextlib.suppress(ImportError):
                importlib.import_module(".".join(parts[:index]))
        if not hasattr(value, name):
            return False
        value = getattr(value, name)
    return True


def anchors(text):
    """Return the anchors that GitHub and the site give to the headings of Markdown."""
    plain = FENCE.sub("", text)
    titles = re.findall(r"^#+ (.*)$", plain, re.M)
    found = [re.sub(r"[^\w\s-]", "", title.lower()).strip() for title in titles]
    return {re.sub(r"\s", "-", title) for title in found}


@pytest.mark.parametrize("path", PAGES, ids=_name)
def test_links_lead_to_files_and_headings(path):
    import links

    wrong = []
    for target in links.markdown_targets(path.read_text(encoding="utf-8")):
        goal = REPO / links.resolve(_name(path), target)
        anchor = target.partition("#")[2]
        if not goal.is_file():
            wrong.append(target)
        elif anchor and anchor not in anchors(goal.read_text(encoding="utf-8")):
            wrong.append(target)
    assert wrong == []


def test_links_move_with_the_page():
    import links

    text = (
        "[a](../artifacts/results/x/page.md#b) ![p](figures/speed.png) [c](tuning.md) "
        "`[code](../README.md)` [out](https://example.com/a) [here](#part)\n"
        "```md\n[d](../README.md)\n```\n[![i](../artifacts/i.png)](../notebooks/01_a.ipynb)\n"
    )
    assert links.rewrite_markdown(text, "docs/how.md") == (
        "[a](repository/artifacts/results/x/page.md#b) ![p](figures/speed.png) [c](tuning.md) "
        "`[code](../README.md)` [out](https://example.com/a) [here](#part)\n"
        "```md\n[d](../README.md)\n```\n[![i](repository/artifacts/i.png)](notebooks/01_a.ipynb)\n"
    )
    assert links.rewrite_markdown("[x](../serkeras/config/__init__.py)", "docs/how.md") == (
        "[x](reference/config.md)"
    )
    assert links.rewrite_markdown("[x](../../docs/leaks.md)", "artifacts/a/page.md") == (
        "[x](../../../leaks.md)"
    )


def test_all_that_pages_link_to_is_in_the_site():
    import links
    import reference

    notebooks = [_name(path) for path in (REPO / "notebooks").glob("*.ipynb")]
    found = links.reachable(REPO, [*map(_name, PAGES), *notebooks])
    for path in found:
        for target in links.markdown_targets(links.markdown_of(REPO / path)):
            goal = links.resolve(path, target)
            assert goal in found or not (REPO / goal).exists()
    assert any(path.endswith(".png") and path.startswith("artifacts/results") for path in found)
    places = [links.place(path) for path in found]
    assert len(set(places)) == len(places)
    written = {*reference.pages(REPO / "serkeras"), "command-line.md"}
    rooms = {place for place, path in zip(places, found, strict=True) if path.endswith(".py")}
    assert {place for place in rooms if not place.startswith("repository/")} <= written


def test_every_page_stands_in_the_navigation():
    settings = yaml.safe_load((REPO / "mkdocs.yml").read_text(encoding="utf-8"))
    listed = [page for page in _leaves(settings["nav"]) if not page.endswith("*")]
    pages = [path.relative_to(DOCS).as_posix() for path in PAGES]
    # Pages about the labs stand behind the notebooks by themselves.
    assert sorted(listed) == [page for page in sorted(pages) if not page.startswith("lab")]
    assert [page for page in _leaves(settings["nav"]) if page.endswith("*")] == [
        "notebooks/*", "reference/*",
    ]  # fmt: skip


def _leaves(entry):
    if isinstance(entry, str):
        return [entry]
    inner = entry.values() if isinstance(entry, dict) else entry
    return [leaf for each in inner for leaf in _leaves(each)]


def test_the_site_fetches_nothing_from_elsewhere():
    settings = yaml.safe_load((REPO / "mkdocs.yml").read_text(encoding="utf-8"))
    assert settings["theme"]["font"] is False
    assert settings["use_directory_urls"] is False
    given = [*settings.get("extra_css", []), *settings.get("extra_javascript", [])]
    assert [name for name in given if "//" in name] == []


def test_reference_has_every_room_and_every_public_name():
    import reference

    import serkeras

    pages = reference.pages(REPO / "serkeras")
    for name in serkeras._PARTS:
        assert f"reference/{name}.md" in pages, name
    for name, module in serkeras._FUNCTIONS.items():
        home = reference.home(REPO / "serkeras", module, name)
        room = module.removeprefix("serkeras.")
        assert f"({room}.md#{home})" in pages["reference/serkeras.md"]
        assert f"::: {home}\n" in pages[f"reference/{room}.md"]
    written = "\n".join(pages.values())
    named = re.findall(r"^::: (.*)$", written, re.M)
    assert len(set(named)) == len(named) > 200
    for dotted in named:
        assert _defined(dotted), dotted


def _defined(dotted):
    """Whether the source of a module defines a name."""
    import reference

    module, _, name = dotted.rpartition(".")
    tree = ast.parse(reference.module_file(REPO / "serkeras", module).read_text(encoding="utf-8"))
    assigned = [t.id for n in ast.walk(tree) for t in getattr(n, "targets", []) if hasattr(t, "id")]
    return name in assigned or name in [getattr(node, "name", None) for node in tree.body]


def test_command_line_page_has_every_command_and_option():
    import commands

    page = commands.page()
    actions = cli._parser()._actions
    parsers = next(a for a in actions if isinstance(a, argparse._SubParsersAction)).choices
    for name, parser in parsers.items():
        section = page.split(f"\n## {name}\n")[1].split("\n## ")[0]
        names = [name for action in parser._actions[1:] for name in action.option_strings]
        assert [name for name in names if f"\n| `{name}" not in section] == []
    assert "\n### study run\n" in page


def test_decisions_of_all_recipes_are_gathered():
    import decisions

    table = decisions.table(REPO / "serkeras" / "recipes")
    for name in recipes.names():
        for decision in recipes.describe(name).get("decisions", []):
            rows = [row for row in table.splitlines() if decision[1:].replace("|", "\\|") in row]
            assert any(f"`{name}`" in row for row in rows), (name, decision)
    assert (DOCS / "decisions.md").read_text(encoding="utf-8").count(decisions.MARK) == 1


def test_formulas_become_mathml_and_code_keeps_its_dollars(monkeypatch):
    maker = types.SimpleNamespace(convert=lambda text, display: f"<math {display}>{text}</math>")
    monkeypatch.setitem(sys.modules, "latex2mathml", types.SimpleNamespace(converter=maker))
    monkeypatch.setitem(sys.modules, "latex2mathml.converter", maker)
    import formulas

    html = "<p>$$a &lt; b$$ and $x^2$, for $5 or $6</p><pre>$HOME $$</pre><code>$x$</code>"
    assert formulas.to_mathml(html) == (
        "<p><math block>a < b</math> and <math inline>x^2</math>, for $5 or $6</p>"
        "<pre>$HOME $$</pre><code>$x$</code>"
    )


def test_sentences_of_docstrings_stay_sentences(monkeypatch):
    monkeypatch.setitem(sys.modules, "griffe", types.SimpleNamespace(Extension=object))
    import docstrings

    text = "Do.\n\nArgs:\n    a: one.\n\nReturns:\n    Array. Not clipped: large.\n\n    - b\n"
    assert docstrings.plain(text + "\nRaises:\n    ValueError: no.\n\nSource:\n    Ann 2001.") == (
        "Do.\n\nArgs:\n    a: one.\n\n**Returns:**\n\nArray. Not clipped: large.\n\n- b\n\n\n"
        "Raises:\n    ValueError: no.\n\n**Source:**\n\nAnn 2001.\n\n"
    )


def test_notebooks_link_to_files():
    import links

    for path in (REPO / "notebooks").glob("*.ipynb"):
        targets = links.markdown_targets(links.markdown_of(path))
        goals = [posixpath.normpath(links.resolve(_name(path), target)) for target in targets]
        assert [goal for goal in goals if not (REPO / goal).exists()] == []


@pytest.mark.parametrize("path", PAGES, ids=_name)
def test_lists_and_tables_are_set_off(path):
    """The site's Markdown begins a list or a table behind an empty line only; GitHub's does not."""
    lines = FENCE.sub("", path.read_text(encoding="utf-8")).splitlines()
    begins = re.compile(r"(?:[-*] |\d+\. |\|)")
    for before, line in zip(lines, lines[1:], strict=False):
        inside = before == "" or begins.match(before) or before.startswith((" ", "<!--"))
        assert inside or not begins.match(line), line
