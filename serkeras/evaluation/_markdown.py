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
    return _interval([measured[key] for key in (value, "low", "high")], "+")


def duration(seconds):
    """Return a time in minutes, below one minute in seconds."""
    return f"{seconds:.1f} s" if seconds < 60 else f"{seconds / 60:.1f} min"


def limited(row, name, sign="", value="value"):
    """Return a figure of a table with its interval in percent: "68.2 [63.7, 72.6]".

    Args:
        row: mapping with `NAME_value`, `NAME_low` and `NAME_high`, fractions.
        name: of the figure.
        sign: "+" for differences.
        value: what the figure's own column is called behind `NAME_`.
    """
    return _interval([row[f"{name}_{end}"] for end in (value, "low", "high")], sign)


def _interval(fractions, sign):
    # A zero with rounding errors has no sign; -0.04 keeps it, for its interval holds 0.
    value, low, high = (0.0 if abs(each) < 1e-9 else 100 * each for each in fractions)
    return f"{value:{sign}.1f} [{low:{sign}.1f}, {high:{sign}.1f}]"
