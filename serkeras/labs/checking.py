"""How an exercise is registered, checked and scored."""

import dataclasses
import functools
import importlib
import pkgutil

from serkeras.labs.answers import Hint, brief

_EXERCISES = {}
_RESULTS = {}


@dataclasses.dataclass(frozen=True)
class Exercise:
    """One checked exercise.

    Attributes:
        number: str such as "5.1": notebook 05, exercise 1.
        points: int, what passing it is worth.
        judge: function `(answer) -> None` that raises `Hint` where the answer is wrong.
    """

    number: str
    points: int
    judge: object


@dataclasses.dataclass(frozen=True)
class Result:
    """What a check found; true only where the exercise is passed.

    Attributes:
        number: str such as "5.1".
        state: "todo", "hint" or "pass".
        points: int, what the exercise is worth.
        hint: str, what to look at; "" where there is nothing to say.
    """

    number: str
    state: str
    points: int
    hint: str = ""

    @property
    def earned(self):
        """Points that were earned: all or none."""
        return self.points if self else 0

    def __bool__(self):
        return self.state == "pass"

    def __str__(self):
        ends = {
            "todo": "todo",
            "hint": f"hint: {self.hint}",
            "pass": f"pass ({self.points} of {self.points} points)",
        }
        return f"{self.number} {ends[self.state]}"

    def _ipython_display_(self):
        """Show nothing as a cell's last value: `check` has printed the line."""


def exercise(number, points=1):
    """Register the decorated function as the check of an exercise.

    The function gets the student's function, calls it with arguments by position, and raises
    `Hint` where the outcome is wrong. What the student's function raises becomes a hint by itself.

    Args:
        number: str "NN.k" without leading zero; the check stands in `lab_NN.py`.
        points: int, one or more.

    Returns:
        Decorator that returns the function as it is.

    Raises:
        ValueError: the number is no such number, is taken, or `points` is below 1.
    """
    notebook, _, rest = number.partition(".")
    if not (notebook.isdigit() and rest.isdigit()) or notebook.startswith("0"):
        raise ValueError(
            f"An exercise must be numbered by notebook and place. Received: {number!r}. "
            'Write "5.1".'
        )
    if points < 1:
        raise ValueError(f"An exercise must be worth a point. Received: points={points}. Give 1.")

    def register(judge):
        known = _EXERCISES.get(number)
        # The same name again is a module that was loaded anew.
        if known and known.judge.__name__ != judge.__name__:
            raise ValueError(
                f"Each exercise must have one check. Received: {number!r} for {judge.__name__} "
                f"and {known.judge.__name__}. Take the next number."
            )
        _EXERCISES[number] = Exercise(number, points, judge)
        return judge

    return register


def exercises(notebook=None):
    """List the checked exercises.

    Args:
        notebook: int or str such as 5 or "05"; None for all notebooks.

    Returns:
        list of `Exercise` in the order of their numbers; empty where a notebook has none.
    """
    package = importlib.import_module("serkeras.labs")
    for found in pkgutil.iter_modules(package.__path__, "serkeras.labs."):
        part = found.name.rpartition(".lab_")[2]
        if part.isdigit() and (notebook is None or int(part) == int(notebook)):
            importlib.import_module(found.name)
    chosen = [
        entry
        for entry in _EXERCISES.values()
        if notebook is None or _order(entry.number)[0] == int(notebook)
    ]
    return sorted(chosen, key=lambda entry: _order(entry.number))


def _order(number):
    return tuple(int(part) for part in number.split("."))


def _find(number):
    """Return an exercise by its number.

    Raises:
        ValueError: there is none.
    """
    digits = str(number).partition(".")[0]
    known = {entry.number: entry for entry in exercises(digits if digits.isdigit() else None)}
    if str(number) not in known:
        numbers = list(known) or [entry.number for entry in exercises()]
        raise ValueError(
            f"An exercise must be one of the labs'. Received: {number!r}. Choose among {numbers}."
        )
    return known[str(number)]


def check(number, answer):
    """Judge one answer and print one line about it.

    Args:
        number: str such as "5.1".
        answer: the function that the student has written, not what it returns.

    Returns:
        `Result`, true only where the exercise is passed. The last one of each number counts for
        `score`.

    Raises:
        ValueError: there is no exercise of that number.
    """
    entry = _find(number)
    state, hint = _judge(entry, answer)
    result = Result(entry.number, state, entry.points, hint)
    _RESULTS[entry.number] = result
    print(result)
    return result


def _judge(entry, answer):
    if not callable(answer):
        return "hint", (
            f"the check wants the function itself and got {brief(answer)}: "
            f'labs.check("{entry.number}", name), without brackets behind the name'
        )
    try:
        entry.judge(_guarded(answer))
    except _NotYetError:
        return "todo", ""
    except Hint as hint:
        return "hint", str(hint)
    except Exception as error:
        # The check tripped over what it was given: still the student's to look at.
        return "hint", f"what your function returns cannot be judged ({_named(error)})"
    return "pass", ""


class _NotYetError(Exception):
    """The student has not begun."""


def _guarded(answer):
    """Wrap the student's function so that its exceptions become hints."""

    @functools.wraps(answer)
    def call(*args, **kwargs):
        try:
            return answer(*args, **kwargs)
        except Exception as error:
            if isinstance(error, NotImplementedError) and not error.args:
                raise _NotYetError from None
            raise Hint(f"your function raised {_named(error)}{_line(answer, error)}") from error

    return call


def _named(error):
    text = str(error).strip().splitlines()
    return type(error).__name__ + (f": {text[0][:200]}" if text else "")


def _line(answer, error):
    """Say on which line of the student's cell an exception arose, "" where that is unknown."""
    code = getattr(answer, "__code__", None)
    place, trace = "", error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code is code:
            place = f" (line {trace.tb_lineno} of its cell)"
        trace = trace.tb_next
    return place


def score(name=""):
    """Print the score line of this session's checks: what a student hands in.

    Every exercise of each notebook counts of which something was checked; those that were never
    checked count nothing.

    Args:
        name: str, who hands it in.
    """
    notebooks = sorted({_order(number)[0] for number in _RESULTS})
    results = [
        _RESULTS.get(entry.number, Result(entry.number, "todo", entry.points))
        for notebook in notebooks
        for entry in exercises(notebook)
    ]
    from serkeras import __version__

    earned, most = sum(r.earned for r in results), sum(r.points for r in results)
    parts = [f"{r.number} {r.state} {r.earned}/{r.points}" for r in results]
    fields = [f"serkeras {__version__} labs", *filter(None, [name.strip()])]
    print(" | ".join([*fields, f"{earned} of {most} points", *parts]))


def attempt(answer):
    """Call an answer to an open question, which no check judges, or print `todo`.

    So that a notebook runs from first to last cell before anything has been written.

    Args:
        answer: function without arguments.

    Returns:
        What the function returns, None where it is still to be written.
    """
    try:
        return answer()
    except NotImplementedError as error:
        if error.args:
            raise
        print(f"{answer.__name__} todo")
    return None


def forget():
    """Forget what this session has checked, as a new session would."""
    _RESULTS.clear()
