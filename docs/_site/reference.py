"""The pages of the reference: one a room of the package, written from its source without import."""

import ast
import textwrap

# In the order of a clip's way through the package; rooms that are not named follow behind.
_ORDER = (
    "datasets", "splits", "audio", "augment", "features", "features.layers", "models", "recipes",
    "config", "training", "runs", "evaluation", "tuning", "studies", "ensembles", "serving",
    "sharing", "ssl", "protocols", "leaks", "groups", "corpora_help", "confidence", "robustness",
    "enrolment", "explanation",
)  # fmt: skip
# What a room's page has beside its own public names: modules with all that is public in them, or
# single functions.
_MORE = {
    "models": ["serkeras.models.backbones", "serkeras.models.classical", "serkeras.models.masks"],
    "training": ["serkeras.training.pipeline.train", "serkeras.training.losses"],
}


def rooms(package):
    """List the rooms of the package, "features.layers" for one within another.

    Args:
        package: `pathlib.Path` of serkeras/.
    """
    found = sorted(path.parent.name for path in package.glob("[a-z]*/__init__.py"))
    return [*_ORDER, *(name for name in found if name not in (*_ORDER, "cli"))]


def pages(package):
    """Write all pages.

    Args:
        package: `pathlib.Path` of serkeras/.

    Returns:
        Dictionary from page (`reference/NAME.md`) to Markdown for mkdocstrings.
    """
    written = {"reference/serkeras.md": _first_page(package)}
    for room in rooms(package):
        written[f"reference/{room}.md"] = _page(package, room, _MORE.get(room, []))
    return written


def module_file(package, module):
    """Return the file of a module, "serkeras.models.cnn" or "models.cnn"."""
    path = package.joinpath(*module.removeprefix("serkeras.").split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def public(package, module):
    """List the public names of a module: its `__all__`, or its own functions and classes."""
    tree = _tree(package, module)
    for node in tree.body:
        if isinstance(node, ast.Assign) and _names(node) == ["__all__"]:
            return sorted(ast.literal_eval(node.value), key=str.lower)
    kinds = (ast.FunctionDef, ast.ClassDef)
    return [n.name for n in tree.body if isinstance(n, kinds) and not n.name.startswith("_")]


def assigned(package, module, name):
    """Return the value of a constant of a module, read from its source."""
    values = [n.value for n in _tree(package, module).body if _names(n) == [name]]
    return ast.literal_eval(values[0])


def _tree(package, module):
    return ast.parse(module_file(package, module).read_text(encoding="utf-8"))


def _names(node):
    targets = node.targets if isinstance(node, ast.Assign) else []
    return [target.id for target in targets if isinstance(target, ast.Name)]


def _page(package, room, more):
    module = f"serkeras.{room}"
    lines = [f"# {module}", "", _docstring(package, module), ""]
    for name in public(package, module):
        lines += _entry(package, home(package, module, name))
    if room == "models":
        lines += ["## Builders", "", "What `build` calls for each name.", ""]
        for name, (place, function) in sorted(assigned(package, module, "_BUILDERS").items()):
            lines += _object(f"{place}.{function}", 3, f"`{name}`")
    for place in more:
        lines += _entry(package, place)
    return "\n".join(lines) + "\n"


def _entry(package, place):
    """Write what stands for a function or class, or for a module with all that is public in it."""
    is_module = module_file(package, place).is_file()
    return _module(package, place) if is_module else _object(place)


def home(package, module, name):
    """Return where a public name is defined: "serkeras.serving.predict.predict".

    Args:
        package: `pathlib.Path` of serkeras/.
        module: "serkeras.serving", whose source is read.
        name: what it defines or imports from within the package.

    Raises:
        ValueError: it does neither.
    """
    for node in ast.walk(_tree(package, module)):
        if getattr(node, "name", None) == name or name in _names(node):
            return f"{module}.{name}"
        for alias in node.names if isinstance(node, ast.ImportFrom) else []:
            if (alias.asname or alias.name) == name:
                inner = f"{node.module}.{alias.name}"
                # `from serkeras.evaluation import atlas` names a module, not what is in one.
                named = node.module == module and module_file(package, inner).is_file()
                return inner if named else home(package, node.module, alias.name)
    raise ValueError(
        "A public name must be defined in its module or imported from the package. "
        f"Received: {name!r} of {module}. Correct its `__all__`."
    )


def _module(package, module):
    lines = [f"## {module}", "", _docstring(package, module), ""]
    for name in public(package, module):
        lines += _object(home(package, module, name), 3)
    return lines


def _object(path, level=2, heading=""):
    lines = [f"::: {path}", "    options:", f"      heading_level: {level}"]
    if heading:
        lines.append(f'      heading: "{heading}"')
    return [*lines, ""]


def _docstring(package, module):
    """Return a module's docstring; paragraphs of Python become blocks of code."""
    text = ast.get_docstring(_tree(package, module)) or ""
    return "\n\n".join(_shown(paragraph) for paragraph in text.split("\n\n"))


def _shown(paragraph):
    try:
        ast.parse(textwrap.dedent(paragraph))
    except SyntaxError:
        return paragraph
    return f"```python\n{textwrap.dedent(paragraph)}\n```"


def _first_page(package):
    """Write the page of `serkeras` itself: its functions and rooms, one line each."""
    lines = ["# serkeras", "", _docstring(package, "__init__"), "", "## Functions", ""]
    lines += ["| name | what it does |", "|---|---|"]
    for name, module in assigned(package, "__init__", "_FUNCTIONS").items():
        place = home(package, module, name)
        words = _summary(package, place)
        page = module.removeprefix("serkeras.")
        lines.append(f"| [`serkeras.{name}`]({page}.md#{place}) | {words} |")
    lines += ["", "## Rooms", "", "| room | what is in it |", "|---|---|"]
    for room in rooms(package):
        words = _docstring(package, room).partition("\n")[0]
        lines.append(f"| [`serkeras.{room}`]({room}.md) | {words} |")
    return "\n".join(lines) + "\n"


def _summary(package, place):
    """Return the first line of the docstring of a function or class."""
    module, _, name = place.rpartition(".")
    nodes = [n for n in _tree(package, module).body if getattr(n, "name", None) == name]
    return (ast.get_docstring(nodes[0]) or "").partition("\n")[0].replace("|", "\\|")
