"""Pieces of HTML: bars, notes, tables and files to download.

Downloads are data addresses inside the page, so that no file of a visitor's result lies on the
machine that serves it.
"""

import base64
from html import escape

import numpy as np


def note(text):
    """Return a message about what went wrong."""
    return f'<div class="ser-note" role="alert">{escape(text)}</div>'


def hint(text):
    """Return a message about what to do, or what is not shown."""
    return f'<p class="ser-hint">{escape(text)}</p>'


def percent(share):
    """Return a share as "62 %", with a space that does not break."""
    return f"{100 * share:.0f}\N{NO-BREAK SPACE}%"


def bars(labels, probabilities):
    """Return a bar for each emotion; the longest is marked by a sign and bold letters too.

    Args:
        labels: names.
        probabilities: float array `(classes,)`; NaN gives empty bars.
    """
    heard = np.isfinite(probabilities).all()
    best = int(np.argmax(probabilities)) if heard else -1
    rows = [
        _bar(label, float(share) if heard else 0.0, heard, index == best)
        for index, (label, share) in enumerate(zip(labels, probabilities, strict=True))
    ]
    return f'<div class="ser-bars" role="list">{"".join(rows)}</div>'


def _bar(label, share, heard, is_best):
    value = percent(share) if heard else "\N{EN DASH}"
    mark = "\N{BLACK RIGHT-POINTING SMALL TRIANGLE}" if is_best else ""
    return (
        f'<div class="ser-bar{" ser-best" if is_best else ""}" role="listitem">'
        f'<span class="ser-sign" aria-hidden="true">{mark}</span>'
        f'<span class="ser-name">{escape(label)}</span><span class="ser-track">'
        f'<span class="ser-fill" style="width:{100 * share:.1f}%"></span></span>'
        f'<span class="ser-value">{value}</span></div>'
    )


def table(head, rows):
    """Return a table that scrolls sideways on a narrow screen.

    Args:
        head: words.
        rows: tuples of words; a row of two cells spreads the second over the others.
    """
    cells = "".join(f"<th>{escape(word)}</th>" for word in head)
    body = "".join(_row(row, len(head)) for row in rows)
    return (
        f'<div class="ser-wide" tabindex="0"><table><thead><tr>{cells}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _row(row, width):
    if len(row) == 2 < width:
        name, reason = map(escape, row)
        return f'<tr class="ser-failed"><td>{name}</td><td colspan="{width - 1}">{reason}</td></tr>'
    return "<tr>" + "".join(f"<td>{escape(word)}</td>" for word in row) + "</tr>"


def picture(png, about):
    """Return a picture.

    Args:
        png: bytes.
        about: what it shows, for those who do not see it.
    """
    return f'<img class="ser-figure" alt="{escape(about)}" src="{address(png, "image/png")}">'


def downloads(files):
    """Return links to files.

    Args:
        files: list of (name of the file, its bytes, its media type).
    """
    links = "".join(
        f'<a class="ser-download" download="{escape(name)}" href="{address(data, kind)}">'
        f"{escape(name)}</a>"
        for name, data, kind in files
    )
    return f'<p class="ser-downloads">Download: {links}</p>'


def address(data, kind):
    """Return bytes as a data address."""
    return f"data:{kind};base64,{base64.b64encode(data).decode('ascii')}"
