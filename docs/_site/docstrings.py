"""Sections of docstrings whose words are sentences, shown as sentences.

The parser of Google's style takes what stands before a colon under "Returns:" for a type, and makes
a folded box of a section that it does not know, such as "Source:".
"""

import re
import textwrap

import griffe

_SECTION = re.compile(r"^(Returns|Source):\n((?:[ \t]+.*\n|[ \t]*\n)+)", re.M)


def plain(text):
    """Return a docstring whose sections "Returns" and "Source" are paragraphs with a bold word."""

    def replace(match):
        return f"**{match[1]}:**\n\n{textwrap.dedent(match[2])}\n"

    return _SECTION.sub(replace, text + "\n")


class PlainSections(griffe.Extension):
    """Applies `plain` to all docstrings that are read."""

    def on_instance(self, *, obj, **ignored):
        """Rewrite the docstring of a module, class, function or attribute."""
        if obj.docstring:
            obj.docstring.value = plain(obj.docstring.value)
