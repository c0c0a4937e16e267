"""The notebooks as pages: form, links and spelling; and the set-up cell in a bare environment."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import jupytext
import nbformat
import pytest
import setuptools
from spellchecker import SpellChecker

REPO = Path(__file__).resolve().parents[1]
FOLDER = REPO / "notebooks"
SOURCES = sorted((FOLDER / "src").glob("*.py"))
INDEX = "00_index"
PAGES = sorted(
    path
    for path in [REPO / "README.md", REPO / "CONTRIBUTING.md", *REPO.glob("docs/**/*.md")]
    if not any(part.startswith("_") for part in path.relative_to(REPO).parts)
)
# Where a page may send its reader.
HOSTS = {
    "arxiv.org",
    "colab.research.google.com",
    "doi.org",
    "github.com",
    "huggingface.co",
    "jupyter.org",
    "keras.io",
    "librosa.org",
    "scikit-learn.org",
    "www.tensorflow.org",
    "zenodo.org",
}


def _load_builder():
    spec = importlib.util.spec_from_file_location("notebook_build", FOLDER / "build.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


builder = _load_builder()
by_name = pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)


def _cells(source):
    return jupytext.read(source, fmt="py:percent").cells


def _prose(cells):
    return "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")


# Form.


def faults_of_form(cells, index=False):
    """List what a notebook of this course lacks.

    Args:
        cells: list of cells with `cell_type` and `source`, the second is the set-up cell.
        index: whether it is the map of the others, which has no exercises and breaks nothing.
    """
    text, code = _prose(cells), [c.source for c in cells if c.cell_type == "code"]
    wanted = {
        **{f"{name} in the first cell": f"**{name}:**" in cells[0].source for name in ENTRIES},
        "{badge} in the first cell": "{badge}" in cells[0].source.splitlines(),
        "What we learned": _heading(text, "What we learned") is not None,
        "Further reading": "**Further reading:**" in text,
    }
    if not index:
        found = exercises(text, int(cells[0].source.split()[1]))
        checks = sum(len(re.findall(r"\blabs\.check\(", source)) for source in code)
        wanted |= {
            "a section that breaks it": _heading(text, r"Break it\b") is not None,
            "three to five exercises, numbered from 1": (
                3 <= len(found) <= 5 and found == list(range(1, len(found) + 1))
            ),
            "two checks": checks >= 2,
            "labs.score() at the end": code[-1].strip().startswith("labs.score("),
        }
    missing = [name for name, there in wanted.items() if not there]
    return missing + [f"prose before {source!r}" for source in _bare(cells)]


ENTRIES = builder.ENTRIES


def _heading(text, words):
    return re.search(rf"^## (?:\d+\. )?{words}", text, re.M)


def exercises(text, notebook):
    """Return k of the exercises `**NN.k**` in the prose of notebook NN, in their order."""
    start = _heading(text, "Exercises")
    if start is None:
        return []
    section = re.split(r"^## ", text[start.end() :], maxsplit=1, flags=re.M)[0]
    return [int(number) for number in re.findall(rf"^\*\*{notebook}\.(\d+)\*\*", section, re.M)]


def _bare(cells):
    """Return the beginnings of code cells without prose before them.

    The cell that checks an exercise stands under the cell that the student writes.
    """
    return [
        after.source.strip().partition("\n")[0][:60]
        for before, after in zip(cells[1:], cells[2:], strict=False)
        if before.cell_type == after.cell_type == "code"
        and not re.search(r"\blabs\.(check|score|attempt)\(", after.source)
    ]


@by_name
def test_notebook_has_the_form(source):
    assert faults_of_form(_cells(source), source.stem == INDEX) == []


FORM = """# %% [markdown]
# # 99 Form
#
# {badge}
# **Question:** what?
#
# **Needs:** nothing. **Time:** none.
#
# **You will:** see.

# %% tags=["setup"]

# %% [markdown]
# ## 1. Break it: so

# %%
print(1)

# %% [markdown]
# ## 2. Exercises
#
# **99.1** One.

# %%
labs.check("99.1", one)

# %%
labs.check("99.2", two)

# %% [markdown]
# **99.2** Two.
#
# **99.3** (open) Three.

# %%
labs.score()

# %% [markdown]
# ## What we learned
#
# - Much. **99.4** is no exercise.
#
# **Further reading:** none.
"""


def test_form_is_recognised():
    assert faults_of_form(jupytext.reads(FORM, fmt="py:percent").cells) == []


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("**Time:**", "Time:", "Time in the first cell"),
        ("**You will:**", "**You:**", "You will in the first cell"),
        ("# {badge}\n", "", "{badge} in the first cell"),
        ("Break it: so", "Careful", "a section that breaks it"),
        ("**99.3** (open) Three.", "", "three to five exercises, numbered from 1"),
        ("**99.3** (open)", "**99.4** (open)", "three to five exercises, numbered from 1"),
        ('labs.check("99.2", two)', "labs.score()", "two checks"),
        ("labs.score()", "print(2)", "labs.score() at the end"),
        ("## What we learned", "## End", "What we learned"),
        ("**Further reading:**", "Read:", "Further reading"),
        ("print(1)", "print(1)\n\n# %%\nprint(3)", "prose before 'print(3)'"),
    ],
)
def test_missing_parts_are_found(old, new, fault):
    assert FORM.count(old) >= 1
    cells = jupytext.reads(FORM.replace(old, new), fmt="py:percent").cells
    assert faults_of_form(cells) == [fault]


def test_more_than_five_exercises_are_too_many():
    more = "\n".join(f"#\n# **99.{number}** More." for number in (4, 5, 6))
    text = FORM.replace("# **99.3** (open) Three.", f"# **99.3** (open) Three.\n{more}")
    assert faults_of_form(jupytext.reads(text, fmt="py:percent").cells) == [
        "three to five exercises, numbered from 1"
    ]


# The map.


def test_map_lists_every_notebook_as_its_first_cell_says():
    cells = builder.convert(FOLDER / "src" / f"{INDEX}.py").cells
    table = next(cell.source for cell in cells if "| question |" in cell.source)
    for source in SOURCES:
        if source.stem != INDEX:
            said = builder.entries(source)
            (row,) = [line for line in table.splitlines() if f"({source.stem}.ipynb)" in line]
            assert said["title"] in row
            assert said["Question"] in row
            assert said["Time"].split(",")[0].rstrip(".") in row


def test_map_sends_nobody_to_a_notebook_that_is_not_there():
    text = _prose(_cells(FOLDER / "src" / f"{INDEX}.py"))
    section = text[_heading(text, "Which order").start() : _heading(text, "How a notebook").start()]
    known = {source.stem[:2] for source in SOURCES}
    assert set(re.findall(r"\b\d\d\b", section)) - known == set()


def test_overview_has_badges_where_there_is_an_address():
    source = FOLDER / "src" / f"{INDEX}.py"
    lines = builder.overview(source, "https://github.com/someone/serkeras").splitlines()
    assert lines[0].endswith("| on Colab |")
    assert len({line.count(" | ") for line in lines}) == 1
    assert "/blob/main/notebooks/01_quickstart.ipynb)" in lines[2]
    assert "colab" not in builder.overview(source)


# Links.


def links(text):
    """Return the targets of a Markdown text's links and pictures, code left out."""
    text = re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.S)
    return re.findall(r"\]\(\s*<?([^)\s>]+)", text) + re.findall(r"<(https?://[^>]+)>", text)


def bad_links(text, folder):
    """List links of a text that lead nowhere, or to a host that nobody has agreed to.

    Args:
        text: Markdown.
        folder: `pathlib.Path` from which relative links count.
    """
    found = []
    for target in links(text):
        parts = urlsplit(target)
        if parts.scheme or target.startswith("//"):
            if parts.scheme != "https" or parts.netloc not in HOSTS:
                found.append(target)
        elif parts.path and not (folder / parts.path).exists():
            found.append(target)
    return found


@by_name
def test_links_of_a_notebook_lead_somewhere(source):
    cells = builder.convert(source, "https://github.com/someone/serkeras").cells
    assert bad_links(_prose(cells), FOLDER) == []


@by_name
def test_badge_leads_to_its_own_notebook(source):
    first = builder.convert(source, "https://github.com/someone/serkeras").cells[0].source
    (target,) = [link for link in links(first) if not link.endswith(".svg")]
    path = urlsplit(target).path.partition("/github/someone/serkeras/blob/main/")[2]
    assert path == f"notebooks/{source.stem}.ipynb"
    assert (REPO / path).is_file()


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(REPO)))
def test_relative_links_of_a_page_lead_somewhere(page):
    bad = bad_links(page.read_text(encoding="utf-8"), page.parent)
    assert [target for target in bad if not urlsplit(target).scheme] == []


def test_bad_links_are_found(tmp_path):
    (tmp_path / "here.md").touch()
    good = "[a](here.md) [b](here.md#part) [c](#part) ![d](https://github.com/x) `[e](gone.md)`"
    assert bad_links(good, tmp_path) == []
    bad = ["gone.md", "http://github.com/x", "https://github.com.example.com/x", "//github.com"]
    assert bad_links(" ".join(f"[a]({target})" for target in bad), tmp_path) == bad


# What a committed notebook carries.


@pytest.mark.parametrize("path", sorted(FOLDER.glob("**/*.ipynb")), ids=lambda path: path.stem)
def test_notebook_carries_no_widget_and_no_code_of_its_own(path):
    notebook = nbformat.read(path, as_version=4)
    assert "widgets" not in notebook.metadata
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            kinds = set(output.get("data", {}))
            assert not any("widget" in kind or "javascript" in kind for kind in kinds), cell.source


# Spelling.

OWN_WORDS = {
    word
    for line in (REPO / "tests" / "notebook_words.txt").read_text(encoding="utf-8").splitlines()
    for word in line.partition("#")[0].split()
}
SPELLING = SpellChecker(language="en")
# The dictionary is American, this project's spelling British: how one becomes the other.
_AMERICAN = (
    ("our", "or"), ("is", "iz"), ("ys", "yz"), ("ll", "l"), ("tre", "ter"), ("ogue", "og"),
    ("ence", "ense"), ("grey", "gray"), ("gramme", "gram"), ("judgement", "judgment"),
)  # fmt: skip


def is_word(word):
    """Whether a lower-case word is in the dictionary, in either spelling, or one of the project."""
    if word in OWN_WORDS or word in SPELLING:
        return True
    spellings = {word.replace(old, new) for old, new in _AMERICAN if old in word}
    return any(spelling in SPELLING for spelling in spellings)


def plain(text):
    """Return the prose of a Markdown text: no code, formulas, links' targets, names, citations."""
    text = re.sub(r"```.*?```", " ", text, flags=re.S)
    text = re.sub(r"<!--.*?-->|`[^`]*`|\$\$.*?\$\$|\$[^$\n]+\$|<[^>\n]+>", " ", text, flags=re.S)
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r" \1 ", text)
    text = re.sub(r"\*\*Further reading:\*\*(?:.+\n?)*", "", text)  # names and titles
    text = re.sub(r"https?://\S+|\S*[/_=@\\]\S*|\S+\.(?:py|md|json|csv|wav|html)\b", " ", text)
    return text.replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")


def misspelt(text):
    """Return the sorted words of a Markdown text that nobody knows.

    Words with capitals or digits inside are names. A capital in front is one too, unless the word
    begins a sentence.
    """
    found, text = set(), "\n" + plain(text)
    for match in re.finditer(r"(?<![\w'-])[^\W\d_²³]+(?:'[^\W\d_²³]+)?(?![\w])", text):
        word, before = match[0], text[max(0, match.start() - 30) : match.start()]
        begins = re.search(r"(?:[.!?:|]|\n\s*[-#>*\d.]*)[\s*\"(]*$", before)
        if len(word) < 3 or word[1:] != word[1:].lower() or (word[0].isupper() and not begins):
            continue
        word = word.lower()
        base = re.sub(r"'s$", "", word)
        if not (is_word(word) or is_word(base)):
            found.add(word)
    return sorted(found)


@by_name
def test_notebook_is_spelt_right(source):
    assert misspelt(_prose(_cells(source))) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(REPO)))
def test_page_is_spelt_right(page):
    assert misspelt(page.read_text(encoding="utf-8")) == []


def test_own_words_are_needed_and_sorted():
    lines = (REPO / "tests" / "notebook_words.txt").read_text(encoding="utf-8").splitlines()
    words = [line for line in lines if line and not line.startswith("#")]
    assert words == sorted(set(words), key=str.casefold)
    assert [word for word in words if word in SPELLING] == []


def test_mistakes_of_spelling_are_found():
    text = "Teh network lerns `xqz` from $qqx$ Demsar's clips, recieved at 16kHz [hier](xqz.md)."
    assert misspelt(text) == ["hier", "lerns", "recieved", "teh"]
    british = "Colour, neighbours and normalised behaviour of a speaker's voice; it doesn't matter."
    assert misspelt(british) == []


# The set-up cell, as Colab runs it.

CELL = jupytext.read(FOLDER / "setup_cell.py", fmt="py:percent").cells[0].source
PROBE = """
import importlib.util, pathlib
found = importlib.util.find_spec("serkeras")
place = pathlib.Path(found.origin).resolve().parent
print(place)
assert (place / "recipes" / "svm.json").is_file(), "the recipes are missing"
assert (place / "cards" / "page.css").is_file(), "the style of pages is missing"
"""


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """A clone of this checkout's files; beside it, `.git` at its name's end, what serves it."""
    if shutil.which("git") is None:
        pytest.skip("needs git")
    clone = tmp_path_factory.mktemp("clone") / "serkeras"
    for name in ("serkeras", "notebooks"):
        ignored = shutil.ignore_patterns("__pycache__", "*.ipynb", ".ipynb_checkpoints")
        shutil.copytree(REPO / name, clone / name, ignore=ignored)
    for name in ("pyproject.toml", "requirements.txt", "README.md", "LICENSE"):
        shutil.copy(REPO / name, clone / name)
    identity = ["-c", "user.name=test", "-c", "user.email=test@example.com"]
    for command in (["init", "--quiet"], ["add", "."], [*identity, "commit", "-m", "all"]):
        subprocess.run(["git", *command], cwd=clone, check=True, capture_output=True)
    # Bare, as on a server: only git can read it.
    served = ["git", "clone", "--quiet", "--bare", clone, f"{clone}.git"]
    subprocess.run(served, check=True, capture_output=True)
    return clone


@pytest.fixture
def bare(tmp_path):
    """Run a cell in a bare environment, offline: (code, folder, repository) -> finished process."""
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True, timeout=120)
    python = tmp_path / "venv" / ("Scripts" if os.name == "nt" else "bin") / "python"
    # pip fetches the build backend anew for each installation; offline it has to lie there.
    backend = tmp_path / "backend"
    shutil.copytree(Path(setuptools.__file__).parent, backend / "setuptools")
    env = {k: v for k, v in os.environ.items() if not k.startswith(("SERKERAS_", "PYTHON", "PIP_"))}
    env |= {"PYTHONPATH": str(backend), "PIP_NO_INDEX": "1", "PIP_NO_DEPS": "1"}
    env |= {"PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    env |= {"PIP_NO_BUILD_ISOLATION": "0"}  # pip reads it as "build_isolation": 0 is none

    def run(code, folder, repository=""):
        folder.mkdir(parents=True, exist_ok=True)
        code = "\n".join(line for line in code.splitlines() if not line.startswith("%"))
        return subprocess.run(
            [python, "-c", code],
            cwd=folder,
            env=env | {"SERKERAS_REPOSITORY": repository},
            capture_output=True,
            text=True,
            timeout=300,
        )

    return run


def test_set_up_cell_installs_what_colab_clones(bare, checkout, tmp_path):
    asked = bare(CELL + PROBE, tmp_path / "content", f"file://{checkout}.git")
    assert asked.returncode == 0, asked.stderr[-2000:]
    assert Path(asked.stdout.strip()).is_relative_to((tmp_path / "venv").resolve())
    again = bare(CELL + PROBE, tmp_path / "content")  # installed by now: nothing to be done
    assert (again.returncode, again.stdout) == (0, asked.stdout), again.stderr[-2000:]


def test_set_up_cell_installs_the_checkout_that_it_lies_in(bare, checkout, tmp_path):
    asked = bare(CELL + PROBE, checkout / "notebooks")
    assert asked.returncode == 0, asked.stderr[-2000:]
    assert Path(asked.stdout.strip()).is_relative_to((tmp_path / "venv").resolve())


def test_set_up_cell_says_what_is_missing(bare, tmp_path):
    asked = bare(CELL.replace("{repository}", ""), tmp_path / "content")
    assert asked.returncode != 0
    assert "RuntimeError: serkeras is not installed. Received: no checkout" in asked.stderr
