"""The committed notebooks agree with their sources, run, and embed nothing they must not."""

import asyncio
import importlib.util
import os
import re
import shutil
import time
from pathlib import Path

import nbformat
import pytest
import zmq
from nbclient import NotebookClient

FOLDER = Path(__file__).resolve().parents[1] / "notebooks"
NAMES = sorted(path.stem for path in (FOLDER / "src").glob("*.py"))


def _load_builder():
    spec = importlib.util.spec_from_file_location("notebook_build", FOLDER / "build.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


builder = _load_builder()

SMALL = '''# %% [markdown]
# # Small
# {badge}
# What is two and two?

# %% tags=["setup"]

# %%
import os
from IPython.display import Audio, display
from matplotlib.figure import Figure

FAST = bool(os.environ.get("SERKERAS_FAST"))
print("fast" if FAST else "full", os.getcwd(), os.environ["SERKERAS_CACHE"], object())
figure = Figure((2, 1))
figure.subplots().plot([0, 1])
figure

# %%
display(Audio([0.0, 0.1] * 50, rate=16000))

# %% tags=["synthetic-audio"]
display(Audio([0.0, 0.2] * 50, rate=16000))

# %%
def add(a, b):
    """Add two numbers."""
    # <solution>
    return a + b
    # </solution>


# %%
print(add(2, 2))

# %% tags=["widget"]
import ipywidgets as widgets

print("beside the slider")
slider = widgets.IntSlider(3)
drawn = widgets.interactive_output(lambda n: print("inside", n), {"n": slider})
display(figure, slider, drawn)
'''

LAB = '''# %% [markdown]
# # Lab

# %% tags=["setup"]

# %%
def uar_of(matrix):
    """Return the UAR."""
    # <solution>
    return (matrix.diagonal() / matrix.sum(axis=1)).mean()
    # </solution>


# %%
from serkeras import labs

if labs.check("1.1", uar_of):
    print("well done")
'''


@pytest.fixture
def small(tmp_path):
    """Source of a small notebook in an own notebooks folder."""
    path = tmp_path / "notebooks" / "src" / "01_small.py"
    path.parent.mkdir(parents=True)
    path.write_text(SMALL)
    return path


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The small notebook, built once: (source, notebook, student version)."""
    root = tmp_path_factory.mktemp("built")
    path = root / "src" / "01_small.py"
    path.parent.mkdir()
    path.write_text(SMALL)
    builder.build(path, root / "cache", "https://github.com/someone/serkeras", fast=True)
    return (
        path,
        nbformat.read(root / "01_small.ipynb", as_version=4),
        nbformat.read(root / "labs" / "01_small.ipynb", as_version=4),
    )


def _outputs(notebook):
    return [o for cell in notebook.cells if cell.cell_type == "code" for o in cell.outputs]


# The committed notebooks.


def test_there_are_notebooks():
    assert "01_quickstart" in NAMES
    assert builder.orphans() == []


@pytest.mark.parametrize("name", NAMES)
def test_committed_cells_equal_the_source(name):
    source = FOLDER / "src" / f"{name}.py"
    assert builder.differences(source, builder.repository()) == []


@pytest.mark.parametrize("name", NAMES)
def test_committed_notebook_is_executed_and_clean(name):
    path = FOLDER / f"{name}.ipynb"
    assert path.stat().st_size < builder.MAX_BYTES
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert any("image/png" in output.get("data", {}) for output in _outputs(notebook))
    assert all(output.output_type != "error" for output in _outputs(notebook))
    assert not any(builder.has_widget(output) for output in _outputs(notebook))
    for cell in code:
        if builder.AUDIO_TAG not in cell.metadata.get("tags", []):
            assert not any(builder.has_audio(output) for output in cell.outputs), cell.source


@pytest.mark.parametrize("path", sorted(FOLDER.glob("labs/*.ipynb")), ids=lambda path: path.stem)
def test_student_version_gives_nothing_away(path):
    lab = nbformat.read(path, as_version=4)
    nbformat.validate(lab)
    assert _outputs(lab) == []
    assert not any("<solution>" in cell.source for cell in lab.cells)
    assert any("raise NotImplementedError" in cell.source for cell in lab.cells)


@pytest.mark.parametrize("name", NAMES)
def test_notebook_runs(name):
    notebook = builder.convert(FOLDER / "src" / f"{name}.py")
    # The cache of this run of the tests, where the synthetic corpus may lie already.
    builder.execute(notebook, os.environ["SERKERAS_CACHE"], fast=True, timeout=240)
    assert _outputs(notebook)


def test_an_answer_whose_signal_is_lost_is_found(tmp_path, monkeypatch):
    """Something asks for the events of the socket all the time, which takes the signals away."""
    notebook = nbformat.v4.new_notebook()
    notebook.cells = [nbformat.v4.new_code_cell("import time; time.sleep(0.3); print(1)")]
    run = NotebookClient.async_execute

    async def robbed(self, **given):
        async def rob():
            while True:
                await asyncio.sleep(0)
                if self.kc is not None and self.kc.shell_channel.socket._recv_futures:
                    until = time.monotonic() + 0.05
                    while time.monotonic() < until:
                        self.kc.shell_channel.socket._shadow_sock.get(zmq.EVENTS)

        robbing = asyncio.create_task(rob())
        try:
            return await asyncio.wait_for(run(self, **given), 20)
        finally:
            robbing.cancel()

    monkeypatch.setattr(NotebookClient, "async_execute", robbed)
    builder.execute(notebook, tmp_path, timeout=60)
    assert _outputs(notebook)[0].text == "1\n"


# The builder, on a small notebook of its own.


def test_build_keeps_figures_and_hides_the_machine(built):
    _, notebook, _ = built
    text = _outputs(notebook)[0]["text"]
    assert text.startswith("fast . ~/.cache/serkeras <object object at 0x...>")
    assert any("image/png" in output.get("data", {}) for output in _outputs(notebook))
    assert notebook.metadata == builder.METADATA


def test_build_keeps_sound_only_in_tagged_cells(built):
    _, notebook, _ = built
    sounding = [c for c in notebook.cells if any(map(builder.has_audio, c.get("outputs", [])))]
    assert [cell.metadata.tags for cell in sounding] == [[builder.AUDIO_TAG]]


def test_build_drops_sliders_and_keeps_what_is_beside_them(built):
    _, notebook, _ = built
    tagged = next(c for c in notebook.cells if "widget" in c.metadata.get("tags", []))
    assert tagged.outputs[0]["text"] == "beside the slider\n"
    assert [sorted(output.data) for output in tagged.outputs[1:]] == [["image/png", "text/plain"]]
    assert "widgets" not in notebook.metadata


def test_new_prose_keeps_outputs_and_new_code_is_refused(built, tmp_path):
    root = built[0].parents[1]
    shutil.copytree(root, tmp_path / "copy", ignore=shutil.ignore_patterns("cache"))
    source = tmp_path / "copy" / "src" / "01_small.py"
    text = source.read_text()
    gone = text.replace("# %%\ndisplay(Audio([0.0, 0.1] * 50, rate=16000))\n\n", "")
    assert len(gone) < len(text)
    source.write_text(gone.replace("two and two?", "two and two, again?"))
    builder.rewrite(source, "https://github.com/someone/serkeras")
    assert builder.differences(source, "https://github.com/someone/serkeras") == []
    notebook = nbformat.read(source.parents[1] / "01_small.ipynb", as_version=4)
    assert "again?" in notebook.cells[0].source
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    before = [o for o in _outputs(built[1]) if o.output_type == "stream"]
    assert [o.text for o in _outputs(notebook) if o.output_type == "stream"] == [
        o.text for o in before
    ]
    source.write_text(gone.replace("add(2, 2)", "add(2, 3)"))
    with pytest.raises(ValueError, match=r"has not changed. Received: 01_small.*add\(2, 3\)"):
        builder.rewrite(source, "https://github.com/someone/serkeras")


def test_student_version(built):
    _, notebook, lab = built
    assert "    return a + b\n" in "".join(cell.source for cell in notebook.cells)
    assert '    """Add two numbers."""\n    raise NotImplementedError' in lab.cells[5].source
    assert "return a + b" not in lab.cells[5].source
    assert _outputs(lab) == []


def test_badge_only_with_an_address(built, small):
    _, notebook, _ = built
    target = "colab.research.google.com/github/someone/serkeras/blob/main/notebooks/01_small.ipynb"
    assert target in notebook.cells[0].source
    assert builder.convert(small).cells[0].source == "# Small\nWhat is two and two?"


def test_setup_cell_is_the_common_one(built):
    _, notebook, _ = built
    common = (FOLDER / "setup_cell.py").read_text().removeprefix("# %%\n").rstrip()
    common = common.replace("{repository}", "https://github.com/someone/serkeras")
    assert notebook.cells[1].source == common.replace("# %matplotlib", "%matplotlib")


def test_ids_stay_when_a_cell_is_inserted(small):
    before = [cell.id for cell in builder.convert(small).cells]
    small.write_text(SMALL.replace("# %%\nprint(add", "# %%\nprint('new')\n\n# %%\nprint(add"))
    after = [cell.id for cell in builder.convert(small).cells]
    assert len(after) == len(before) + 1
    assert [name for name in after if name in before] == before
    small.write_text(SMALL + "\n# %%\nprint(add(2, 2))\n")
    repeated = [cell.id for cell in builder.convert(small).cells]
    assert len(set(repeated)) == len(repeated)


def test_differences_are_named(built):
    source, _, _ = built
    root, address = source.parents[1], "https://github.com/someone/serkeras"
    assert builder.differences(source, address) == []
    text = source.read_text()
    source.write_text(text.replace("add(2, 2)", "add(2, 3)"))
    assert builder.differences(source, address) == [
        "01_small.ipynb differs from src/01_small.py",
        "labs/01_small.ipynb differs from src/01_small.py",
    ]
    source.write_text(text.replace("# <solution>", "#").replace("# </solution>", "#"))
    assert "labs/01_small.ipynb has no solutions in its source" in builder.differences(source)
    source.write_text(text)
    shutil.copy(root / "01_small.ipynb", root / "02_lost.ipynb")
    assert builder.orphans(root) == ["02_lost.ipynb"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('# %% tags=["setup"]\n\n', "", "second cell of a notebook must be the set-up cell"),
        ('tags=["setup"]\n', 'tags=["setup"]\nx = 1\n', "second cell"),
        ("    # </solution>\n", "", "must come in pairs"),
        ("    # <solution>\n", "", "must come in pairs"),
    ],
)
def test_broken_sources_are_refused(small, old, new, message):
    assert old in SMALL
    small.write_text(SMALL.replace(old, new))
    with pytest.raises(ValueError, match=message):
        builder.convert(small)


def test_large_notebook_is_refused(small, tmp_path, monkeypatch):
    monkeypatch.setattr(builder, "execute", lambda *arguments: None)
    monkeypatch.setattr(builder, "MAX_BYTES", 1000)
    with pytest.raises(ValueError, match="must stay under 1,000 bytes. Received: 01_small"):
        builder.build(small, tmp_path)
    assert not (small.parents[1] / "01_small.ipynb").exists()


@pytest.fixture
def course(tmp_path):
    """What nbgrader gets of a notebook with one exercise."""
    path = tmp_path / "notebooks" / "src" / "01_lab.py"
    path.parent.mkdir(parents=True)
    path.write_text(LAB)
    written = builder.write_course(path, tmp_path / "course")
    assert written == tmp_path / "course" / "source" / "01_lab" / "01_lab.ipynb"
    return nbformat.read(written, as_version=4)


def test_nbgrader_gets_a_solution_cell_and_a_locked_one_with_points(course):
    nbformat.validate(course)
    marked = [cell for cell in course.cells if "nbgrader" in cell.metadata]
    fields = {"schema_version", "grade_id", "grade", "solution", "locked", "task"}
    answer, graded = (cell.metadata.nbgrader for cell in marked)
    assert set(answer) == fields
    assert set(graded) == fields | {"points"}
    assert answer["schema_version"] == graded["schema_version"] == 3
    assert (answer["solution"], answer["grade"], answer["locked"]) == (True, False, False)
    assert (graded["solution"], graded["grade"], graded["locked"]) == (False, True, True)
    assert (graded["grade_id"], graded["points"]) == ("exercise-1-1", 2)
    assert answer["grade_id"] != graded["grade_id"]
    assert marked[0].source.count("\n    ### BEGIN SOLUTION\n") == 1
    assert marked[0].source.endswith("\n    ### END SOLUTION")
    assert not any("<solution>" in cell.source for cell in course.cells)
    assert len({cell.id for cell in course.cells}) == len(course.cells)


@pytest.mark.parametrize("solved", [True, False])
def test_nbgraders_cells_pass_only_what_is_solved(course, solved):
    """As nbgrader runs a submission: the graded cell fails or it does not."""
    answer, graded = (cell.source for cell in course.cells if "nbgrader" in cell.metadata)
    if not solved:
        answer = re.sub(r"###.*###[^\n]*", "raise NotImplementedError()", answer, flags=re.DOTALL)
    scope = {}
    exec(answer, scope)
    if solved:
        exec(graded, scope)
    else:
        with pytest.raises(AssertionError):
            exec(graded, scope)


def test_a_notebook_without_exercises_of_its_own_is_not_for_nbgrader(small, tmp_path):
    assert builder.write_course(small, tmp_path) is None
    assert builder.for_nbgrader(builder.convert(small), "01") is None
    small.write_text(LAB)
    assert builder.for_nbgrader(builder.convert(small), "02") is None
    assert builder.for_nbgrader(builder.convert(small), 1) is not None
    assert not (tmp_path / "source").exists()


def test_unknown_name_is_refused(small):
    with pytest.raises(ValueError, match=r"Received: '02'. Choose among \['01_small'\]"):
        builder.sources(small.parents[1], wanted=["02"])
