"""Checks of the exercises in the notebooks, and the score line that a student hands in.

    from serkeras import labs
    labs.check("1.1", uar_of)   # 1.1 todo | 1.1 hint: ... | 1.1 pass (2 of 2 points)
    labs.score()                # one line over all exercises of the notebook

An exercise is a function that the student writes. Its check calls it with inputs of its own; it
knows nothing of the notebook's run. `lab_NN.py` holds the checks of notebook NN.
"""

from serkeras.labs.answers import Hint, as_array, as_number
from serkeras.labs.checking import (
    Exercise,
    Result,
    attempt,
    check,
    exercise,
    exercises,
    forget,
    score,
)

__all__ = [
    "Exercise",
    "Hint",
    "Result",
    "as_array",
    "as_number",
    "attempt",
    "check",
    "exercise",
    "exercises",
    "forget",
    "score",
]
