"""Checks of notebook 07: what Hyperband costs, a space with a condition, and luck."""

from serkeras.labs.answers import Hint, as_number, brief
from serkeras.labs.checking import exercise


@exercise("7.1", points=2)
def epochs_trained(answer):
    """Judge the epochs of one bracket in which trials go on from where they stood."""
    for rounds in ([(27, 1), (9, 3), (3, 9), (1, 27)], [(12, 9), (4, 27)], [(6, 27)]):
        received = as_number(answer(list(rounds)))
        before = [0, *(epochs for _, epochs in rounds)]
        trials = [count for count, _ in rounds]
        pairs = zip(rounds, before, strict=False)
        if received == sum(count * (epochs - was) for (count, epochs), was in pairs):
            continue
        if received == sum(count * epochs for count, epochs in rounds):
            raise Hint(
                f"for {rounds} each round is counted from epoch 0, but a trial goes on with its "
                "weights: only what it adds is trained"
            )
        if received == trials[0] * rounds[-1][1]:
            raise Hint(f"for {rounds} that is the grid, in which every trial goes all the way")
        if received == sum(epochs - was for (_, epochs), was in zip(rounds, before, strict=False)):
            raise Hint(f"for {rounds} you count one trial a round: how many are there in each?")
        raise Hint(
            f"for {rounds} you return {received:g}. A pair is (trials, epochs reached): how many "
            "epochs are new in each round, and for how many trials?"
        )


FIRST, SECOND = "model.settings.units.0", "model.settings.units.1"


@exercise("7.2", points=2)
def second_layer_only_behind_a_wide_one(answer):
    """Judge a space in which the second layer exists only behind 256 units or more."""
    from serkeras.tuning import space as spaces

    space = answer()
    if not isinstance(space, dict):
        raise Hint(f"return the space, a dictionary, not {brief(space)}")
    for name in (FIRST, SECOND):
        if name not in space:
            raise Hint(f"the space has no {name!r}: it is the number of units of a dense layer")
    try:
        spaces.check(space)
    except ValueError as error:
        raise Hint(f"spaces.check refuses it: {error}") from None
    condition = space[SECOND].get("when")
    if not condition:
        raise Hint(f"{SECOND!r} is always there: give it a `when`")
    if FIRST not in condition:
        raise Hint(f"{SECOND!r} depends on {list(condition)}, not on {FIRST!r}")
    values = set(space[FIRST]["values"])
    if not any(value < 256 for value in values):
        raise Hint("the first layer is never below 256 units, so the condition decides nothing")
    wanted, found = {value for value in values if value >= 256}, set(condition[FIRST])
    if found - wanted:
        raise Hint(f"with a first layer of {min(found - wanted)} units the second must be absent")
    if wanted - found:
        raise Hint(f"with a first layer of {min(wanted - found)} units the second must be there")
    if not wanted:
        raise Hint("the first layer never has 256 units or more: the second is never there")


@exercise("7.3", points=2)
def luck_of_the_best(answer):
    """Judge the mean of the best of some trials drawn without putting back."""
    import numpy as np

    values = np.random.default_rng(7).permutation(100).astype(float)
    if abs(as_number(answer(values.copy(), len(values))) - 99) > 1e-9:
        raise Hint(
            "of all 100 values the best is always the same, and yours differs. Do you put a value "
            "back before the next is drawn?"
        )
    for size in (2, 5, 20):
        received = as_number(answer(values.copy(), size))
        wanted = 101 * size / (size + 1) - 1
        spread = np.sqrt(size * 101 * (100 - size) / (size + 2)) / (size + 1)
        given = f"best of {size} out of 0, 1, ... 99"
        # One draw misses by `spread`, the mean of a hundred by a tenth of that.
        if abs(received - wanted) <= 0.5 * spread:
            continue
        if abs(received - 99) < 1e-9:
            raise Hint(f"{given}: that is the best of all, not of {size} drawn by chance")
        if abs(received - 49.5) < 5:
            raise Hint(f"{given}: that is about the mean value. Take the best of each draw first")
        raise Hint(
            f"{given}: {received:.1f} is further off than the mean of a hundred draws should be. "
            "Draw at least two hundred times and take the mean of the best ones"
        )
