"""The decisions of the recipes, gathered from their files."""

import json

MARK = "<!-- decisions of the recipes -->"


def table(folder):
    """Write the decisions as lists under the reports they belong to.

    Args:
        folder: `pathlib.Path` of the recipes' JSON files.

    Returns:
        Markdown: a heading a source, a list entry a decision with the recipes that share it.
    """
    sources = {}
    for path in sorted(folder.glob("*.json")):
        recipe = json.loads(path.read_text(encoding="utf-8"))
        for decision in recipe.get("decisions", []):
            shared = sources.setdefault(source_of(recipe["source"]), {})
            shared.setdefault(decision, []).append(recipe["name"])
    lines = []
    for source in sorted(sources, key=lambda name: (not name.startswith("Report"), name)):
        lines += [f"### {source}", "", "| decision | recipes |", "|---|---|"]
        lines += [_row(*entry) for entry in _widest_first(sources[source])]
        lines += [""]
    return "\n".join(lines)


def source_of(text):
    """Return "Report S0" of whatever a recipe says about its source, else "Other sources"."""
    at = text.find("eport S")
    return f"Report {text[at + 6 : at + 8]}" if at >= 0 else "Other sources"


def _widest_first(decisions):
    return sorted(decisions.items(), key=lambda entry: (-len(entry[1]), entry[1]))


def _row(decision, names):
    words = decision.replace("|", "\\|")
    return f"| {words[0].upper()}{words[1:]} | {', '.join(f'`{name}`' for name in names)} |"
