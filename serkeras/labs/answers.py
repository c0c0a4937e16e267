"""What a check does with an answer: take numbers out of it, and say what is wrong with it."""


class Hint(Exception):
    """Raised by a check where an answer is wrong: says what to look at, not the answer."""


def as_number(value, what="your function"):
    """Take an answer that should be one number, of whatever type.

    Args:
        value: int, float, or array or tensor with one element.
        what: str, begins the hint.

    Returns:
        float.

    Raises:
        Hint: it is None, no finite number, or more than one.
    """
    return float(as_array(value, (), what))


def as_array(value, shape, what="your function"):
    """Take an answer that should be numbers of a shape, of whatever type.

    Args:
        value: list, tuple, NumPy array, pandas object or tensor.
        shape: tuple of int, None for a length that is free; () for a number, which may also come
            as an array with one element.
        what: str, begins the hint.

    Returns:
        float64 array of that shape.

    Raises:
        Hint: it is None, holds no finite numbers, or has another shape.
    """
    import numpy as np

    if value is None:
        raise Hint(f"{what} returned None: end it with `return`, printing is not enough")
    try:
        found = np.asarray(value, dtype=float)
    except (TypeError, ValueError):
        raise Hint(f"{what} should return numbers, not {brief(value)}") from None
    if shape == () and found.size == 1:
        found = found.reshape(())
    fits = len(found.shape) == len(shape) and all(
        wanted in (None, length) for wanted, length in zip(shape, found.shape, strict=True)
    )
    if not fits:
        wanted = f"an array of shape {shape}" if shape else "one number"
        raise Hint(f"{what} should return {wanted}, not one of shape {found.shape}")
    # Comparisons with what is no number are all false, and a wrong answer would pass.
    if not np.all(np.isfinite(found)):
        raise Hint(f"{what} returned nan or infinity: is something divided by zero?")
    return found


def brief(value):
    """Return the type of a value and the beginning of its text."""
    text = repr(value)
    return f"{type(value).__name__} {text if len(text) <= 40 else text[:37] + '...'}"
