"""The checks of the exercises: they take every right answer and refuse wrong ones with a hint."""

import ast
import importlib
import importlib.util
import re
from pathlib import Path

import jupytext
import nbformat
import numpy as np
import pytest

from serkeras import labs
from serkeras.labs import checking

REPO = Path(__file__).resolve().parents[1]
CHECK = re.compile(r'labs\.check\("(\d+\.\d+)", (\w+)\)')


def _cases(number):
    """The tables of one notebook, a module; None where it has none."""
    path = REPO / "tests" / "labs" / f"cases_{int(number):02d}.py"
    if not path.exists():
        return None
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


LABS = sorted(path.stem[-2:] for path in (REPO / "serkeras" / "labs").glob("lab_*.py"))
TABLES = {number: _cases(number) for number in LABS}
RIGHT = [
    (number, place, answer)
    for table in TABLES.values()
    for number, answers in (table.RIGHT.items() if table else ())
    for place, answer in enumerate(answers)
]
WRONG = [
    (number, place, answer, hint)
    for table in TABLES.values()
    for number, answers in (table.WRONG.items() if table else ())
    for place, (answer, hint) in enumerate(answers)
]
SOURCES = sorted((REPO / "notebooks" / "src").glob("*.py"))


def _cells(path):
    """The code cells of a source."""
    cells = jupytext.read(path, fmt="py:percent").cells
    return [cell.source for cell in cells if cell.cell_type == "code"]


def _checked(path):
    """The numbers of a notebook's own exercises, in the order of their checks."""
    numbers = [match[1] for match in CHECK.finditer("\n".join(_cells(path)))]
    return [number for number in numbers if int(number.split(".")[0]) == int(path.stem[:2])]


CHECKED = [path for path in SOURCES if _checked(path)]


def _names(rows):
    return [f"{number}-{place}" for number, place, *_ in rows]


@pytest.fixture(autouse=True)
def _new_session():
    labs.forget()


@pytest.fixture
def sums(monkeypatch):
    """A notebook 99 of two exercises, registered for one test."""
    monkeypatch.setattr(checking, "_EXERCISES", dict(checking._EXERCISES))

    @labs.exercise("99.1", points=2)
    def add(answer):
        if labs.as_number(answer(2, 3)) != 5:
            raise labs.Hint("try it with your fingers")

    @labs.exercise("99.2")
    def halve(answer):
        if labs.as_array(answer([2, 4]), (2,)).tolist() != [1, 2]:
            raise labs.Hint("each by two")


# Every exercise.


@pytest.mark.parametrize(("number", "place", "answer"), RIGHT, ids=_names(RIGHT))
def test_right_answers_pass(number, place, answer, capsys):
    points = {entry.number: entry.points for entry in labs.exercises()}[number]
    assert labs.check(number, answer), capsys.readouterr().out
    assert capsys.readouterr().out == f"{number} pass ({points} of {points} points)\n"


@pytest.mark.parametrize(("number", "place", "answer", "hint"), WRONG, ids=_names(WRONG))
def test_wrong_answers_get_a_fitting_hint(number, place, answer, hint, capsys):
    result = labs.check(number, answer)
    assert not result
    assert result.state == "hint"
    assert hint in result.hint
    assert capsys.readouterr().out == f"{number} hint: {result.hint}\n"


@pytest.mark.parametrize("notebook", LABS)
def test_every_check_has_answers_to_prove_it(notebook):
    numbers = [entry.number for entry in labs.exercises(notebook)]
    table = TABLES[notebook]
    assert len(numbers) >= 2
    assert table is not None, f"tests/labs/cases_{notebook}.py is missing"
    assert set(numbers) == set(table.RIGHT) == set(table.WRONG)
    assert all(len(table.RIGHT[number]) >= 2 for number in numbers)
    assert all(len(table.WRONG[number]) >= 3 for number in numbers)


@pytest.mark.parametrize("entry", labs.exercises(), ids=lambda entry: entry.number)
def test_no_check_is_passed_by_what_fits_everywhere(entry, capsys):
    for value in (None, 0, 1.0, float("nan"), "", [], {}, np.zeros(3)):
        assert not labs.check(entry.number, lambda *given, value=value: value), repr(value)


# The notebooks.


def _functions(cells, number):
    """The source of the function that the check of an exercise is given, and all imports."""
    name = next(m[2] for cell in cells for m in CHECK.finditer(cell) if m[1] == number)
    imports, found = [], None
    for cell in cells:
        body = ast.parse(re.sub(r"^%.*$", "", cell, flags=re.M)).body
        imports += [node for node in body if isinstance(node, (ast.Import, ast.ImportFrom))]
        found = next((n for n in body if isinstance(n, ast.FunctionDef) and n.name == name), found)
    return name, imports, found


@pytest.mark.parametrize("path", CHECKED, ids=lambda path: path.stem)
def test_notebook_checks_what_is_registered(path):
    assert _checked(path) == [entry.number for entry in labs.exercises(path.stem[:2])]


def test_every_lab_has_its_notebook():
    assert [path.stem[:2] for path in CHECKED] == LABS


@pytest.mark.parametrize("path", CHECKED, ids=lambda path: path.stem)
def test_solutions_of_a_notebook_pass(path):
    """By themselves: with the notebook's imports, without any of its variables."""
    cells = _cells(path)
    for entry in labs.exercises(path.stem[:2]):
        name, imports, function = _functions(cells, entry.number)
        assert ast.get_docstring(function), f"{name} needs a line that says what it does"
        scope = {}
        exec(compile(ast.Module([*imports, function], []), path.name, "exec"), scope)
        assert labs.check(entry.number, scope[name])


@pytest.mark.parametrize("path", CHECKED, ids=lambda path: path.stem)
def test_committed_notebook_passed_its_checks(path):
    notebook = nbformat.read(REPO / "notebooks" / f"{path.stem}.ipynb", as_version=4)
    printed = "".join(
        output.get("text", "")
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if output.output_type == "stream"
    )
    numbers = [entry.number for entry in labs.exercises(path.stem[:2])]
    assert re.findall(r"^(\d+\.\d+) pass", printed, re.M) == numbers
    points = sum(entry.points for entry in labs.exercises(path.stem[:2]))
    assert f"| {points} of {points} points |" in printed


@pytest.mark.parametrize("path", CHECKED, ids=lambda path: path.stem)
def test_student_version_runs_to_its_last_cell(path):
    """Nothing is left unwritten outside of functions, and those are called by `labs` alone."""
    lab = nbformat.read(REPO / "notebooks" / "labs" / f"{path.stem}.ipynb", as_version=4)
    code = [re.sub(r"^%.*$", "", c.source, flags=re.M) for c in lab.cells if c.cell_type == "code"]
    todo = set()
    for node in [node for cell in code for node in ast.parse(cell).body]:
        if isinstance(node, ast.FunctionDef) and "NotImplementedError" in ast.unparse(node):
            todo.add(node.name)
        else:
            assert "NotImplementedError" not in ast.unparse(node)
    checked = {match[2] for cell in code for match in CHECK.finditer(cell)}
    attempted = set(re.findall(r"labs\.attempt\((\w+)\)", "\n".join(code)))
    assert checked | attempted == todo
    for cell in code:
        for node in ast.parse(cell).body:
            _require_guarded(node, todo)
    assert code[-1].strip().startswith("labs.score(")


def _require_guarded(node, todo):
    """Refuse calls of an unwritten function but under `if labs.check(...)`."""
    if isinstance(node, ast.FunctionDef):
        return
    if isinstance(node, ast.If) and CHECK.search(ast.unparse(node.test).replace("'", '"')):
        return
    called = {n.func.id for n in ast.walk(node) if isinstance(n, ast.Call) if hasattr(n.func, "id")}
    assert not called & todo, f"line {node.lineno}: {called & todo}"


def test_guide_has_the_points_and_the_exercises():
    text = (REPO / "docs" / "labs.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| \d \| ([^|]+) \| [^|]+ \| ([\d +]+) \|$", text, re.M)
    assert len(rows) == 6
    for notebooks, points in rows:
        found = re.findall(r"\b\d\d\b", notebooks)
        counted = [sum(entry.points for entry in labs.exercises(number)) for number in found]
        assert counted == [int(number) for number in points.split("+")], notebooks
    answered = re.findall(r"^- (\d+\.\d+): ", text, re.M)
    sources = "".join(path.read_text(encoding="utf-8") for path in SOURCES)
    assert [number for number in answered if f"# **{number}**" not in sources] == []
    for number in (n for notebooks, _ in rows for n in re.findall(r"\b\d\d\b", notebooks)):
        assert {entry.number for entry in labs.exercises(number)} <= set(answered)


# How answers are judged.


def test_what_is_not_written_yet_is_todo(sums, capsys):
    def add(a, b):
        """Add."""
        raise NotImplementedError

    result = labs.check("99.1", add)
    assert (bool(result), result.state, result.earned) == (False, "todo", 0)
    assert capsys.readouterr().out == "99.1 todo\n"


def test_exceptions_of_a_student_become_hints(sums):
    def add(a, b):
        b = a - a
        return a / b

    line = add.__code__.co_firstlineno + 2
    raised = "your function raised ZeroDivisionError: division by zero"
    assert labs.check("99.1", add).hint == f"{raised} (line {line} of its cell)"
    assert "TypeError" in labs.check("99.1", lambda a: a).hint
    assert "NotImplementedError: of a library" in labs.check("99.1", _refuse).hint


def _refuse(*given):
    raise NotImplementedError("of a library")


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        (None, "returned None: end it with `return`"),
        ("five", "should return numbers, not str 'five'"),
        ([1, 2], "one number, not one of shape (2,)"),
        (float("inf"), "nan or infinity"),
    ],
)
def test_answers_that_are_no_number(sums, value, hint):
    assert hint in labs.check("99.1", lambda a, b: value).hint


@pytest.mark.parametrize("value", [5, 5.0, np.float32(5), np.array([[5]]), [5]])
def test_one_number_may_come_in_any_form(sums, value):
    assert labs.check("99.1", lambda a, b: value)


def test_arrays_have_a_shape(sums):
    assert labs.check("99.2", lambda pair: tuple(x / 2 for x in pair))
    assert "shape (2,), not one of shape (3,)" in labs.check("99.2", lambda pair: [1, 2, 3]).hint
    assert labs.as_array([[1], [2]], (None, 1)).shape == (2, 1)


def test_the_function_itself_is_wanted(sums):
    assert 'got int 5: labs.check("99.1", name), without' in labs.check("99.1", 5).hint


def test_what_a_check_trips_over_is_a_hint(sums, monkeypatch):
    @labs.exercise("99.3")
    def third(answer):
        answer(1).missing  # noqa: B018

    assert "cannot be judged (AttributeError" in labs.check("99.3", lambda a: a).hint


@pytest.mark.parametrize("number", ["1.77", "88.1", "x", None])
def test_unknown_exercises_are_refused(number):
    with pytest.raises(ValueError, match="must be one of the labs'. Received: .* Choose among"):
        labs.check(number, print)


@pytest.mark.parametrize("number", ["5", "05.1", "5.a", "5.1.2"])
def test_numbers_have_a_form(number):
    with pytest.raises(ValueError, match="numbered by notebook and place"):
        labs.exercise(number)


def test_one_check_for_each_exercise(sums):
    def other(answer):
        """Judge nothing."""

    with pytest.raises(ValueError, match="'99.1' for other and add"):
        labs.exercise("99.1")(other)
    with pytest.raises(ValueError, match="points=0"):
        labs.exercise("99.4", points=0)


# The score line.


def test_score_counts_all_exercises_of_a_notebook(sums, capsys):
    labs.check("99.1", lambda a, b: a + b)
    capsys.readouterr()
    labs.score("Ada L.")
    line = capsys.readouterr().out
    assert re.fullmatch(
        r"serkeras \d+\.\d+\.\d+ labs \| Ada L\. \| 2 of 3 points "
        r"\| 99\.1 pass 2/2 \| 99\.2 todo 0/1\n",
        line,
    )


def test_the_last_check_counts(sums, capsys):
    for answer, earned in ((lambda a, b: a + b, 2), (lambda a, b: a - b, 0)):
        labs.check("99.1", answer)
        labs.score()
        assert f"| {earned} of 3 points | 99.1" in capsys.readouterr().out


def test_score_of_nothing(capsys):
    labs.score()
    assert capsys.readouterr().out.endswith("labs | 0 of 0 points\n")


def test_results_show_nothing_in_a_notebook(sums):
    result = labs.check("99.1", lambda a, b: 5)
    assert result._ipython_display_() is None


def test_open_questions_are_attempted(capsys):
    def later():
        raise NotImplementedError

    assert labs.attempt(lambda: 7) == 7
    assert labs.attempt(later) is None
    assert capsys.readouterr().out == "later todo\n"
    with pytest.raises(NotImplementedError, match="of a library"):
        labs.attempt(_refuse)
