"""What campaign.py tells of a recipe with one thing changed: what each of its parts is worth."""

import pandas as pd

from serkeras._files import read_json
from serkeras.evaluation._markdown import limited
from serkeras.evaluation._markdown import table as markdown
from serkeras.studies.differences import short

HEAD = ("changed", "runs", "UAR", "difference, points", "p", "p, corrected")


def section(results, way):
    """Return the section about ablations; nothing where there are none.

    Args:
        results: folder of folders of studies, each with a table of `study compare --with`.
        way: from the page to that folder.

    Returns:
        Markdown.
    """
    paths = sorted(results.glob("*/compare-*-with-*.csv"))
    tables = {path: pd.read_csv(path) for path in paths}
    # A split may be called "train with noise"; its table of all pairs has no column split.
    return "".join(_of(path, table, way) for path, table in tables.items() if "split" in table)


def _of(path, table, way):
    study = read_json(path.parent / "study.json")
    first = table.loc[table["runs"].idxmax()]
    lines = [(f"**{short(first['b'])}**", first["runs"], f"{100 * first['uar_b']:.1f}", "", "", "")]
    lines += [_line(row) for _, row in table.iterrows()]
    link = f"{way}/{path.parent.name}"
    settings = [f"`{name}={value}`" for name, value in study.get("settings", {}).items()]
    told = f" ({', '.join(settings)})" if settings else ""
    return (
        f"\n### What each part is worth: `{study['name']}`\n\n{markdown(HEAD, lines)}\n\n"
        f"UAR of split `{first['split']}`, mean of the runs, in percent{told}; differences "
        f"from the first line with 95 % intervals over {first['units']} {first['unit']}s, on the "
        "same clips; p of an exchange of their answers, then corrected by Holm's rule for all "
        f"lines ([runs]({link}/report.md), [all figures]({link}/{path.name})).\n\n"
        f"![Differences from {short(first['b'])}]({link}/{path.with_suffix('.png').name})\n"
    )


def _line(row):
    return (
        short(row["a"]), row["runs"], f"{100 * row['uar_a']:.1f}",
        limited(row, "uar", "+", "difference"),
        f"{row['uar_p']:.2g}", f"{row['uar_p_holm']:.2g}",
    )  # fmt: skip
