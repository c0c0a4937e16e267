"""Build the notebooks: `src/NN_topic.py` -> executed `NN_topic.ipynb` and `labs/NN_topic.ipynb`.

    python notebooks/build.py                    build and execute all
    python notebooks/build.py 01 03_features     build and execute some, by the start of their names
    python notebooks/build.py --prose 01         new prose, the committed outputs of unchanged code
    python notebooks/build.py --check            compare what is committed with the sources
    python notebooks/build.py --nbgrader COURSE 01   write COURSE/source/01_.../ for nbgrader

A student version (labs/) has no outputs and `raise NotImplementedError` in place of what stands
between `# <solution>` and `# </solution>`.

A source is plain Python in py:percent form. Its first cell is Markdown; its second is empty and
tagged "setup" and receives `setup_cell.py`. `{repository}` in any cell becomes the address under
`[project.urls]` in pyproject.toml; a line that holds `{badge}` becomes a Colab badge, or goes where
there is no address; `{notebooks}` becomes a table of all other notebooks, from their first cells.
"""

import argparse
import asyncio
import copy
import hashlib
import os
import re
import sys
import tempfile
import tomllib
from pathlib import Path

import jupytext
import nbformat

NOTEBOOKS = Path(__file__).resolve().parent
MAX_BYTES = 1_000_000
AUDIO_TAG = "synthetic-audio"
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
SOLUTION = re.compile(
    r"^(?P<indent>[ \t]*)# <solution>[ \t]*\n.*?^[ \t]*# </solution>[ \t]*$",
    re.M | re.S,
)
# What the first cell of a notebook says, each up to the next or to an empty line.
ENTRIES = ("Question", "Needs", "Time", "You will")
_ENTRY = re.compile(
    rf"\*\*(?P<name>{'|'.join(ENTRIES)}):\*\*\s+(?P<text>.*?)(?=\s*\*\*\w[\w ]*:\*\*|\n\n|\Z)",
    re.S,
)
CHECK = re.compile(r'\blabs\.check\("(?P<number>\d+\.\d+)", (?P<name>\w+)\)')
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def sources(folder=NOTEBOOKS, wanted=()):
    """List source files, sorted; `wanted` keeps those whose name starts with one of its words.

    Raises:
        ValueError: a wanted name matches nothing.
    """
    found = sorted((folder / "src").glob("*.py"))
    for word in wanted:
        if not any(path.stem.startswith(word) for path in found):
            raise ValueError(
                f"A notebook must have a source. Received: {word!r}. "
                f"Choose among {[path.stem for path in found]}."
            )
    return [path for path in found if not wanted or path.stem.startswith(tuple(wanted))]


def convert(source, repository=""):
    """Turn one source file into a notebook without outputs, ids depending on content alone.

    Args:
        source: path of a py:percent file.
        repository: address for badge and set-up cell, "" where there is none.

    Returns:
        `nbformat.NotebookNode`.

    Raises:
        ValueError: the second cell is not an empty cell tagged "setup", or a solution marker
            has no partner.
    """
    notebook = jupytext.read(source, fmt="py:percent")
    setup = notebook.cells[1] if len(notebook.cells) > 1 else None
    if setup is None or setup.source or "setup" not in setup.metadata.get("tags", []):
        raise ValueError(
            f"The second cell of a notebook must be the set-up cell. Received: {source}. "
            'Write `# %% tags=["setup"]` with nothing under it after the first cell.'
        )
    setup.source = jupytext.read(NOTEBOOKS / "setup_cell.py", fmt="py:percent").cells[0].source
    seen = {}
    for cell in notebook.cells:
        cell.source = _fill(cell.source, source, repository)
        strip_solutions(cell.source)  # refuses unpaired markers before anything is executed
        key = f"{source.stem}\n{cell.cell_type}\n{cell.source}"
        seen[key] = seen.get(key, 0) + 1
        cell.id = hashlib.sha256(f"{key}\n{seen[key]}".encode()).hexdigest()[:12]
    notebook.metadata = nbformat.from_dict(METADATA)
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    return notebook


def _fill(text, source, repository):
    """Put the address and the table of notebooks in, or take the badge out."""
    address = repository.removesuffix(".git").rstrip("/")
    badge = f"{_badge(source.stem, address)}\n".lstrip("\n")
    text = re.sub(r"\{badge\}\n?", badge, text).replace("{repository}", address)
    return text.replace("{notebooks}", overview(source, address)) if "{notebooks}" in text else text


def _badge(name, address):
    """Return the Colab badge of a notebook, "" where there is no address on GitHub."""
    project = address.removeprefix("https://github.com/")
    target = f"https://colab.research.google.com/github/{project}/blob/main/notebooks/{name}.ipynb"
    image = "https://colab.research.google.com/assets/colab-badge.svg"
    return f"[![Open in Colab]({image})]({target})" if project != address else ""


def entries(source):
    """Read what the first cell of a source says.

    Returns:
        dict of "title", and of "Question", "Needs", "Time" and "You will" as far as they are there;
        each on one line.
    """
    first = jupytext.read(source, fmt="py:percent").cells[0].source
    found = {match["name"]: " ".join(match["text"].split()) for match in _ENTRY.finditer(first)}
    return {"title": first.partition("\n")[0].removeprefix("# "), **found}


def overview(source, address=""):
    """Return a Markdown table of the notebooks beside a source, with badges where there is one."""
    columns = ["notebook", "question", "time", "needs", "for students"]
    rows = []
    for path in sources(source.parents[1]):
        if path == source:
            continue
        said, name = entries(path), f"{path.stem}.ipynb"
        has_lab = strip_solutions(path.read_text(encoding="utf-8")) != path.read_text("utf-8")
        row = [
            f"[{said['title']}]({name})",
            said.get("Question", ""),
            re.split(r", |\. ", said.get("Time", ""))[0].rstrip("."),
            re.split(r"; |\. ", said.get("Needs", ""))[0].rstrip("."),
            f"[labs/{path.stem[:2]}](labs/{name})" if has_lab else "",
        ]
        rows.append([*row, _badge(path.stem, address)] if _badge(path.stem, address) else row)
    if rows and len(rows[0]) > len(columns):
        columns.append("on Colab")
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def repository():
    """Read the address under `[project.urls] Repository`, "" where there is none."""
    with open(NOTEBOOKS.parent / "pyproject.toml", "rb") as file:
        return tomllib.load(file)["project"].get("urls", {}).get("Repository", "")


def strip_solutions(text):
    """Replace what stands between solution markers by `raise NotImplementedError`.

    Raises:
        ValueError: a marker has no partner.
    """
    stripped = SOLUTION.sub(r"\g<indent>raise NotImplementedError", text)
    if re.search(r"^[ \t]*# </?solution>", stripped, re.M):
        raise ValueError(
            f"`# <solution>` and `# </solution>` must come in pairs. Received: {text!r}. "
            "Add the missing marker."
        )
    return stripped


def student(notebook):
    """Return the version without solutions and outputs, or None where there is no solution."""
    lab = copy.deepcopy(notebook)
    for cell in lab.cells:
        cell.source = strip_solutions(cell.source)
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    same = all(a.source == b.source for a, b in zip(lab.cells, notebook.cells, strict=True))
    return None if same else lab


def for_nbgrader(notebook, lab):
    """Return the version of which nbgrader makes, hands out and grades an assignment.

    Cells with solutions get nbgrader's own markers. Behind each cell with `labs.check(...)` comes
    a locked one that is worth the exercise's points if the check is passed.

    Args:
        notebook: from `convert`.
        lab: int or str such as "05"; checks of another notebook's exercises count nothing.

    Returns:
        `nbformat.NotebookNode` without outputs, cells marked as in nbgrader's schema 3; None where
        nothing is checked.
    """
    from serkeras import labs

    points = {entry.number: entry.points for entry in labs.exercises(lab)}
    course = copy.deepcopy(notebook)
    course.cells = []
    for cell in copy.deepcopy(notebook.cells):
        if SOLUTION.search(cell.source):
            cell.source = re.sub(r"# <solution>", "### BEGIN SOLUTION", cell.source)
            cell.source = re.sub(r"# </solution>", "### END SOLUTION", cell.source)
            cell.metadata["nbgrader"] = _marks(f"answer-{cell.id}", solution=True)
        course.cells.append(cell)
        for found in CHECK.finditer(cell.source if cell.cell_type == "code" else ""):
            number = found["number"]
            if number not in points:
                continue
            graded = nbformat.v4.new_code_cell(
                f"from serkeras import labs\n\nassert {found[0]}  # {points[number]} points",
                id=hashlib.sha256(f"nbgrader {number}".encode()).hexdigest()[:12],
            )
            marks = _marks(f"exercise-{number.replace('.', '-')}", grade=True, locked=True)
            graded.metadata["nbgrader"] = marks | {"points": points[number]}
            course.cells.append(graded)
    graded = any(cell.metadata.get("nbgrader", {}).get("grade") for cell in course.cells)
    return course if graded else None


def _marks(grade_id, grade=False, solution=False, locked=False):
    return {
        "schema_version": 3,
        "grade_id": grade_id,
        "grade": grade,
        "solution": solution,
        "locked": locked,
        "task": False,
    }


def write_course(source, course, repository=""):
    """Write `course/source/NAME/NAME.ipynb` for nbgrader, see `for_nbgrader`.

    Returns:
        Path, or None where the notebook has nothing to grade.
    """
    notebook = for_nbgrader(convert(source, repository), source.stem[:2])
    if notebook is None:
        return None
    path = Path(course) / "source" / source.stem / f"{source.stem}.ipynb"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(nbformat.writes(notebook) + "\n", encoding="utf-8")
    return path


def execute(notebook, cache, fast=False, timeout=900):
    """Run a notebook in an empty folder, where only the built-in corpus can be found.

    Args:
        notebook: from `convert`; gets its outputs in place.
        cache: folder for corpora and features of this run.
        fast: set SERKERAS_FAST=1, which notebooks take as "a few epochs are enough".
        timeout: seconds a cell may take.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell failed.
    """
    from nbclient import NotebookClient

    env = {key: value for key, value in os.environ.items() if not key.startswith("SERKERAS_")}
    env |= {"SERKERAS_CACHE": str(cache), "TF_CPP_MIN_LOG_LEVEL": "3", "TQDM_DISABLE": "1"}
    # The checkout's package, whatever else is installed.
    search = [str(NOTEBOOKS.parent), *filter(None, [env.get("PYTHONPATH")])]
    env["PYTHONPATH"] = os.pathsep.join(search)
    if fast:
        env["SERKERAS_FAST"] = "1"
    with tempfile.TemporaryDirectory(prefix="serkeras-notebook-") as folder:
        client = NotebookClient(
            notebook,
            timeout=timeout,
            kernel_name="python3",
            record_timing=False,
            coalesce_streams=True,
            resources={"metadata": {"path": folder}},
        )
        asyncio.run(_execute(client, env))
        places = {folder: ".", str(cache): "~/.cache/serkeras", str(NOTEBOOKS.parent): "serkeras"}
        clean(notebook, places | {str(Path.home()): "~"})


async def _execute(client, env):
    """Run a client's notebook, looking for a lost answer once a second.

    pyzmq's asyncio sockets miss the one signal of a message where something else has asked for
    the socket's events meanwhile; on a busy machine nbclient then waits until the cell's timeout.
    Whoever asks to be told of messages again wakes all who wait.
    """

    async def look():
        while True:
            await asyncio.sleep(1)
            if client.kc is not None and client.kc.channels_running:
                await client.kc.shell_channel.socket.poll(1)

    looking = asyncio.create_task(look())
    try:
        await client.async_execute(env=env)
    finally:
        looking.cancel()


def clean(notebook, places):
    """Remove from the outputs what changes from run to run or belongs to one machine.

    Args:
        notebook: executed, changed in place.
        places: dict, text of a folder -> what to write instead, applied in order.
    """
    notebook.metadata = nbformat.from_dict(METADATA)  # the kernel wrote its version there
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type != "code":
            continue
        if AUDIO_TAG not in cell.metadata.get("tags", []):
            cell.outputs = [output for output in cell.outputs if not has_audio(output)]
        # A slider is dead without its kernel, as is a library's bar: an error would stand there.
        cell.outputs = [output for output in cell.outputs if not has_widget(output)]
        # Progress bars and notices of libraries: they differ from machine to machine.
        cell.outputs = [output for output in cell.outputs if output.get("name") != "stderr"]
        for output in cell.outputs:
            output.get("metadata", {}).clear()
            if "text" in output:
                output["text"] = _neutral(output["text"], places)
            for kind, value in output.get("data", {}).items():
                if kind.startswith("text/") and isinstance(value, str) and "base64," not in value:
                    output["data"][kind] = _neutral(value, places)


def _neutral(text, places):
    for place, name in places.items():
        text = text.replace(place, name)
    return re.sub(r"\bat 0x[0-9a-f]{6,}", "at 0x...", text)


def has_audio(output):
    """Whether an output embeds sound."""
    data = output.get("data", {})
    return any(kind.startswith("audio/") for kind in data) or any(
        "<audio" in value or "data:audio" in value
        for value in data.values()
        if isinstance(value, str)
    )


def has_widget(output):
    """Whether an output is the view of an ipywidgets widget."""
    return WIDGET_VIEW in output.get("data", {})


def differences(source, repository=""):
    """Compare the committed notebook and student version of one source with the source.

    Returns:
        list of str, one a difference; empty when all is current.
    """
    built = convert(source, repository)
    folder, name = source.parents[1], f"{source.stem}.ipynb"
    found = []
    for path, wanted in ((folder / name, built), (folder / "labs" / name, student(built))):
        shown = path.relative_to(folder)
        if wanted is None:
            found += [f"{shown} has no solutions in its source"] if path.exists() else []
        elif not path.exists():
            found.append(f"{shown} is missing")
        elif _cells(nbformat.read(path, as_version=4)) != _cells(wanted):
            found.append(f"{shown} differs from src/{source.name}")
    return found


def _cells(notebook):
    return [(c.id, c.cell_type, c.source, c.metadata.get("tags")) for c in notebook.cells]


def orphans(folder=NOTEBOOKS):
    """List committed notebooks that have no source."""
    names = {path.stem for path in sources(folder)}
    built = [*folder.glob("*.ipynb"), *folder.glob("labs/*.ipynb")]
    return sorted(str(path.relative_to(folder)) for path in built if path.stem not in names)


def build(source, cache, repository="", fast=False):
    """Convert, execute and write one notebook and its student version.

    Raises:
        ValueError: the executed notebook would be larger than `MAX_BYTES`.
    """
    notebook = convert(source, repository)
    lab = student(notebook)
    execute(notebook, cache, fast)
    _write(source, notebook, lab)


def rewrite(source, repository=""):
    """Write new prose around the committed outputs; code may have gone, but none may be new.

    Raises:
        ValueError: a code cell does not stand in the committed notebook, in this order.
    """
    notebook = convert(source, repository)
    lab = student(notebook)
    committed = nbformat.read(source.parents[1] / f"{source.stem}.ipynb", as_version=4)
    before = iter([cell for cell in committed.cells if cell.cell_type == "code"])
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for number, cell in enumerate(code, start=1):
        old = next((each for each in before if each.source == cell.source), None)
        if old is None:
            raise ValueError(
                "Outputs are kept of code that has not changed. Received: "
                f"{source.stem} with the new cell {cell.source[:60]!r}. Build it without --prose."
            )
        cell.outputs, cell.execution_count = old.outputs, number
        for output in cell.outputs:
            if output.output_type == "execute_result":
                output.execution_count = number
    clean(notebook, {})
    _write(source, notebook, lab)


def _write(source, notebook, lab):
    text = nbformat.writes(notebook) + "\n"
    if len(text.encode()) > MAX_BYTES:
        raise ValueError(
            f"A notebook must stay under {MAX_BYTES:,} bytes. Received: {source.stem} with "
            f"{len(text.encode()):,}. Show fewer or smaller figures, or less sound."
        )
    folder = source.parents[1]
    (folder / f"{source.stem}.ipynb").write_text(text, encoding="utf-8")
    if lab is not None:
        (folder / "labs").mkdir(exist_ok=True)
        lab_path = folder / "labs" / f"{source.stem}.ipynb"
        lab_path.write_text(nbformat.writes(lab) + "\n", encoding="utf-8")


def main(arguments=None):
    """Run the command line; return its exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", help="beginnings of notebook names; default: all")
    parser.add_argument(
        "--prose", action="store_true", help="keep outputs: only prose has changed, or code gone"
    )
    parser.add_argument("--check", action="store_true", help="compare, do not execute or write")
    parser.add_argument(
        "--nbgrader", metavar="COURSE", help="write source/ of a course of nbgrader"
    )
    options = parser.parse_args(arguments)
    try:
        chosen = sources(wanted=options.names)
    except ValueError as error:
        parser.error(str(error))
    if options.check:
        found = [line for path in chosen for line in differences(path, repository())]
        found += [f"{name} has no source" for name in orphans()]
        print("\n".join(found) if found else f"{len(chosen)} notebooks agree with their sources.")
        return 1 if found else 0
    if options.nbgrader:
        for path in chosen:
            written = write_course(path, options.nbgrader, repository())
            print(written or f"{path.stem} has no checked exercises")
        return 0
    if options.prose:
        for path in chosen:
            rewrite(path, repository())
        return 0
    with tempfile.TemporaryDirectory(prefix="serkeras-notebooks-") as cache:
        for path in chosen:
            print(f"building {path.stem} ...", flush=True)
            build(path, cache, repository())
    return 0


if __name__ == "__main__":
    sys.exit(main())
