"""Formulas of notebooks as MathML, which browsers draw without any script."""

import html
import re

import latex2mathml.converter

# Code keeps its dollars.
_PARTS = re.compile(
    r"<(?P<tag>pre|code|script|style)\b.*?</(?P=tag)>"
    r"|\$\$(?P<block>[^$]+)\$\$|(?<![\w$])\$(?P<line>[^$\s](?:[^$\n]*[^$\s])?)\$(?![\w$])",
    re.S,
)


def to_mathml(text):
    """Return HTML with every `$...$` and `$$...$$` outside code as MathML."""

    def replace(match):
        formula = match["block"] or match["line"]
        if not formula:
            return match[0]
        display = "block" if match["block"] else "inline"
        return latex2mathml.converter.convert(html.unescape(formula), display=display)

    return _PARTS.sub(replace, text)
