"""Tables and figures of reports in Markdown."""


def table(head, rows):
    """Return a Markdown table; bars in cells are escaped."""
    lines = [head, ["---"] * len(head), *rows]
    cells = [[str(cell).replace("|", "\\|").replace("\n", " ") for cell in line] for line in lines]
    return "\n".join(f"| {' | '.join(line)} |" for line in cells)


def percent(share):
    """Return a share between 0 and 1 as percent."""
    return f"{100 * share:.1f} %"


def limits(measured):
    """Return an interval, percent, of a measure `{"value", "low", "high"}`."""
    return f"[{100 * measured['low']:.1f}, {100 * measured['high']:.1f}]"


def with_limits(measured):
    """Return a measure `{"value", "low", "high"}` with its interval."""
    return f"{percent(measured['value'])} {limits(measured)}"


def points(measured, value="value"):
    """Return a difference with its interval, in points of a percent: "+1.2 [-0.1, +2.5]".

    Args:
        measured: mapping with `low`, `high` and the key that `value` names, fractions.
        value: key of the difference itself.
    """
    # Adding 0 turns a negative zero, of rounding errors, into a positive one.
    found, low, high = (round(100 * measured[key], 1) + 0.0 for key in (value, "low", "high"))
    return f"{found:+.1f} [{low:+.1f}, {high:+.1f}]"


def duration(seconds):
    """Return a time in minutes, below one minute in seconds."""
    return f"{seconds:.1f} s" if seconds < 60 else f"{seconds / 60:.1f} min"


def limited(row, name, sign=""):
    """Return a figure with its interval in percent: "68.2 [63.7, 72.6]".

    Args:
        row: mapping with `NAME_value`, `NAME_low` and `NAME_high`, fractions.
        name: of the figure.
        sign: "+" for differences.
    """
    value, low, high = (100 * row[f"{name}_{end}"] for end in ("value", "low", "high"))
    return f"{value:{sign}.1f} [{low:{sign}.1f}, {high:{sign}.1f}]"
