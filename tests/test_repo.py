"""The repository as a whole: what may lie in it, and that its texts agree with its code."""

import ast
import contextlib
import importlib.metadata
import io
import json
import operator
import re
import subprocess
import sys
import tomllib
from functools import reduce
from pathlib import Path

import nbformat
import pytest
import yaml
from packaging.requirements import Requirement

REPO = Path(__file__).resolve().parents[1]
MAX_BYTES = 1_000_000
AUDIO_SUFFIXES = {".wav", ".flac", ".mp3", ".ogg", ".opus", ".aiff", ".aif", ".m4a", ".wma", ".au"}
AUDIO_STARTS = (b"RIFF", b"fLaC", b"OggS", b"FORM", b"ID3", b"\xff\xfb")

# Put together from parts, so that this file may name what no file may name.
HOSTS = [name + ".org" for name in ("pypi", "pythonhosted", "anaconda", "npmjs")]
FOLDERS = ("root", "home", "Users", "work", "mnt", "workspace", "var/folders")
MACHINE_PATH = re.compile(rf"(?<![\w.~+=/-])/(?:{'|'.join(FOLDERS)})/")

# Of extras, or imported by name only where a user has chosen that Keras backend.
OPTIONAL = {
    "ai_edge_litert", "audiomentations", "huggingface_hub", "jax", "onnx", "onnxruntime",
    "safetensors", "starlette", "tf2onnx", "torch",
}  # fmt: skip
# Import name -> name in the list, where the package index knows it by another.
LISTED_AS = {
    "PIL": "pillow",
    "grpc": "grpcio",
    "keras_hub": "keras-nlp",
    "markdown_it": "markdown-it-py",
    "sklearn": "scikit-learn",
    "yaml": "pyyaml",
}


def _files():
    """Files of the checkout that git does not ignore."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=REPO, capture_output=True, check=False)
    if listed.returncode:
        pytest.skip("needs git and a git checkout")
    paths = {REPO / name for name in listed.stdout.decode().split("\0") if name}
    return sorted(path for path in paths if path.is_file())


def _text(path):
    with contextlib.suppress(UnicodeDecodeError):
        return path.read_text(encoding="utf-8")
    return ""


def machine_words(text):
    """What a text says of one machine or of a package index; empty when nothing."""
    hosts = [host for host in HOSTS if host in text]
    return hosts + MACHINE_PATH.findall(text)


def is_audio(path):
    """Whether a file is sound, by its ending or by its first bytes."""
    with open(path, "rb") as file:
        return path.suffix.lower() in AUDIO_SUFFIXES or file.read(4).startswith(AUDIO_STARTS)


def _project():
    return tomllib.loads((REPO / "pyproject.toml").read_text())


def _requirements(name="requirements.txt"):
    lines = (REPO / name).read_text().splitlines()
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


def _modules():
    return sorted(p for folder in ("serkeras", "benchmarks") for p in (REPO / folder).rglob("*.py"))


# What lies in the repository.


def test_no_file_speaks_of_one_machine():
    found = {str(p.relative_to(REPO)): machine_words(_text(p)) for p in _files()}
    assert {name: words for name, words in found.items() if words} == {}


@pytest.mark.parametrize("text", [f"see {HOSTS[0]}/project", f'open("/{FOLDERS[1]}/me/a.wav")'])
def test_machine_words_are_found(text):
    assert machine_words(text)
    assert not machine_words("https://example.com/home/x, ~/code/x and /path/to/ravdess")


def test_no_file_is_large_and_none_is_sound():
    boxed = REPO / "serkeras" / "box" / "model"  # has a limit of its own, see test_sharing.py
    files = [path for path in _files() if path.parent != boxed]
    large = [str(path) for path in files if path.stat().st_size > MAX_BYTES]
    sound = [str(path) for path in _files() if is_audio(path)]
    assert (large, sound) == ([], [])


def test_sound_is_recognised(tmp_path):
    (tmp_path / "a.bin").write_bytes(b"RIFF....WAVE")
    (tmp_path / "b.FLAC").write_bytes(b"")
    (tmp_path / "c.txt").write_bytes(b"words")
    assert [is_audio(path) for path in sorted(tmp_path.iterdir())] == [True, True, False]


def test_structured_files_parse():
    for path in _files():
        if path.suffix == ".json":
            json.loads(path.read_text(encoding="utf-8"))
        elif path.suffix == ".toml":
            tomllib.loads(path.read_text(encoding="utf-8"))
        elif path.suffix == ".ipynb":
            nbformat.validate(nbformat.read(path, as_version=4))


def test_citation_file():
    citation = yaml.safe_load((REPO / "CITATION.cff").read_text())
    assert {"cff-version", "message", "title", "authors"} <= set(citation)
    assert citation["license"] == _project()["project"]["license"] == "Apache-2.0"
    assert (
        "Apache License\n                           Version 2.0" in (REPO / "LICENSE").read_text()
    )


# The package.


@pytest.mark.parametrize("path", _modules(), ids=lambda path: str(path.relative_to(REPO)))
def test_module_has_a_docstring(path):
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))


def test_every_import_is_declared():
    """What the package imports is in requirements.txt, not there by another package's grace."""
    declared = {requirement.name for requirement in _requirements()}
    known = set(sys.stdlib_module_names) | OPTIONAL | {"serkeras"}
    missing = set()
    for path in (REPO / "serkeras").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module]
            tops = {name.partition(".")[0] for name in names} - known
            wanted = {LISTED_AS.get(top, top.replace("_", "-")) for top in tops}
            missing |= {(path.name, name) for name in wanted - declared}
    assert missing == set()


def test_importing_the_package_is_light():
    heavy = ("tensorflow", "keras", "librosa", "matplotlib", "seaborn", "sklearn")
    code = f"import sys, serkeras, serkeras.cli; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=REPO, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_version_stands_in_one_place():
    """A literal in serkeras/__init__.py, which setuptools reads without importing it."""
    tree = ast.parse((REPO / "serkeras" / "__init__.py").read_text())
    assigned = {
        node.targets[0].id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }
    assert re.fullmatch(r"\d+\.\d+\.\d+", ast.literal_eval(assigned["__version__"]))
    project = _project()
    assert "version" in project["project"]["dynamic"]
    assert project["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "serkeras.__version__"}
    assert "version" not in yaml.safe_load((REPO / "CITATION.cff").read_text())


# The lists of requirements.


def test_requirements_are_one_list():
    project = _project()
    assert "dependencies" in project["project"]["dynamic"]
    assert "dependencies" not in project["project"]
    files = project["tool"]["setuptools"]["dynamic"]["dependencies"]
    assert files == {"file": ["requirements.txt"]}
    for lines in project["project"]["optional-dependencies"].values():
        assert [Requirement(line) for line in lines]


@pytest.mark.parametrize("requirement", _requirements(), ids=lambda requirement: requirement.name)
def test_requirement_has_a_lower_bound_and_a_major_cap(requirement):
    bounds = {specifier.operator: specifier.version for specifier in requirement.specifier}
    assert set(bounds) == {">=", "<"}
    assert re.fullmatch(r"\d+", bounds["<"])
    assert int(bounds["<"]) > int(bounds[">="].partition(".")[0])


def test_installed_packages_meet_the_requirements():
    for requirement in _requirements():
        # The Makefile installs the CPU wheel under another name.
        names = ["tensorflow", "tensorflow-cpu"] if requirement.name == "tensorflow" else None
        found = None
        for name in names or [requirement.name]:
            with contextlib.suppress(importlib.metadata.PackageNotFoundError):
                found = importlib.metadata.version(name)
        assert found, f"{requirement.name} is not installed"
        assert requirement.specifier.contains(found), f"{requirement}, installed: {found}"


def test_cpu_wheel_has_the_bounds_of_the_full_one():
    bounds = {item.name: item.specifier for item in _requirements("requirements-cpu.txt")}
    full = next(item.specifier for item in _requirements() if item.name == "tensorflow")
    assert bounds["tensorflow-cpu"] == bounds["tensorflow"] == full


# The texts.


def _code_blocks(name, language):
    text = (REPO / name).read_text(encoding="utf-8")
    return "\n".join(re.findall(rf"^```{language}\n(.*?)^```", text, re.M | re.S))


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
def test_make_targets_in_the_texts_exist(name):
    makefile = (REPO / "Makefile").read_text()
    phony = set(re.search(r"^\.PHONY: (.*)$", makefile, re.M).group(1).split())
    rules = set(re.findall(r"^([a-z]+):", makefile, re.M))
    assert phony == rules
    targets = set(re.findall(r"^make ([a-z]+)", _code_blocks(name, "sh"), re.M))
    assert targets
    assert targets <= rules


def _commands(name):
    return re.findall(r"python -m serkeras ([a-z-]+)(.*)$", _code_blocks(name, "sh"), re.M)


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
def test_commands_in_the_texts_exist(name):
    from serkeras import cli

    assert _commands(name)
    for command, rest in _commands(name):
        shown = io.StringIO()
        with contextlib.redirect_stdout(shown), pytest.raises(SystemExit) as ended:
            cli.main([command, "--help"])
        assert ended.value.code == 0, command
        options = re.findall(r"(?<=\s)--[a-z-]+", rest.partition("#")[0])
        assert [option for option in options if option not in shown.getvalue()] == []


def test_python_names_in_the_readme_exist():
    import serkeras

    names = set(re.findall(r"serkeras\.([\w.]+)\(", _code_blocks("README.md", "python")))
    assert len(names) > 5
    for name in names:
        assert callable(reduce(getattr, name.split("."), serkeras)), name


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"])
def test_links_between_files_lead_somewhere(name):
    text = (REPO / name).read_text(encoding="utf-8")
    links = re.findall(r"\]\((?!https?://|#)([^)#]+)", text)
    assert [link for link in links if not (REPO / link).exists()] == []


def test_readme_tables_name_every_recipe_and_corpus():
    from serkeras import datasets, recipes

    rows = set(re.findall(r"^\| `([^`]+)`", (REPO / "README.md").read_text(), re.M))
    assert rows == set(recipes.names()) | set(datasets.names())


def test_readme_recipes_stand_in_one_table():
    from serkeras import recipes

    text = (REPO / "README.md").read_text(encoding="utf-8")
    table = text.split("| recipe | what it is |")[1].split("\n\n")[0]
    assert set(re.findall(r"^\| `([^`]+)`", table, re.M)) == set(recipes.names())


def test_page_about_transfer_names_every_backbone():
    from serkeras.models import backbones

    text = (REPO / "docs" / "transfer.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([^`]+)` \| [^|]+ \| ([\d,]+) \|", text, re.M)
    assert rows == [
        (name, f"{backbones.card(name).parameters_without_top:,}") for name in backbones.names()
    ]


def test_readme_has_one_place_for_results():
    text = (REPO / "README.md").read_text(encoding="utf-8")
    start, end = "<!-- results:start -->", "<!-- results:end -->"
    assert (
        operator.countOf(text.splitlines(), start) == operator.countOf(text.splitlines(), end) == 1
    )
    assert text.index(start) < text.index(end)


def test_ci_runs_the_tests_and_is_executable():
    script = REPO / ".ci" / "run"
    assert script.stat().st_mode & 0o111
    assert "make test" in script.read_text()
