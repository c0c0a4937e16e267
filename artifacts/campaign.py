"""Write one table and one figure over all recipes that were measured on RAVDESS.

    python artifacts/campaign.py            write docs/campaign.md and the figure
    python artifacts/campaign.py --check    fail if either would change

They are made from artifacts/results/protocols/*/result.json, as `python -m serkeras protocols`
writes it, and from the recipes' published figures: the table and the figure where that is of
RAVDESS alone with all of its eight emotions, a table of their own for results of several corpora.
A table of what a recipe's parts are worth is made from artifacts/results/studies, where
`python -m serkeras study compare STUDY --with ROW` has left one.
The CSV file beside the figure has the numbers that it was drawn from.
"""

import argparse
import re
import sys
from pathlib import Path

import pandas as pd

REPO = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(REPO), str(REPO / "artifacts")]

import _campaign_figure as drawing  # noqa: E402
import _campaign_mixed as mixed  # noqa: E402
import _campaign_parts as parts  # noqa: E402
from _campaign_lines import FOLDS, OTHER_FOLDS, lines  # noqa: E402

from serkeras import models, recipes  # noqa: E402
from serkeras._files import atomic_write  # noqa: E402
from serkeras.evaluation import plots  # noqa: E402
from serkeras.evaluation._markdown import limited  # noqa: E402
from serkeras.evaluation._markdown import table as markdown  # noqa: E402
from serkeras.protocols import origin  # noqa: E402
from serkeras.protocols.figure import newness  # noqa: E402
from serkeras.studies.rows import NEW  # noqa: E402

RESULTS = REPO / "artifacts" / "results" / "protocols"
PAGE = "docs/campaign.md"
FIGURE = "docs/figures/accuracy-against-parameters.png"
POINTS = FIGURE.replace(".png", ".csv")
WAY = "../artifacts/results/protocols"  # from the page to the results
STUDIES = "../artifacts/results/studies"
START, END = "<!-- campaign:start -->", "<!-- campaign:end -->"

_HEAD = (
    "recipe", "published", f"UAR, new speakers, `{FOLDS}`", "mean ± sd of the runs", "runs",
    f"UAR, new speakers, `{OTHER_FOLDS}`", "UAR, **known speakers**", "parameters",
    "training time a run", "device", "commit",
)  # fmt: skip
_NOTE = f"""
UAR in percent, pooled over all answers of all runs, with a 95 % interval that resamples whole
speakers; the lines stand in the order of `{FOLDS}`. The figures lead to their pages. **Known
speakers** are heard in training: where clips are divided at random, the figure is an upper bound
for new speakers. Published figures are of the clips and the division behind them, and few of them
are of new speakers. **Speakers enrolled**: all recordings of a test speaker, without their
emotions, give the scale of their features. Time (median, shortest and longest), device and commit
are of the runs behind the first figure of a line; times of different devices cannot be compared.

![UAR against the number of parameters]({FIGURE.removeprefix("docs/")})

A filled dot is `{FOLDS}` with its interval, a hollow one the same recipe with known speakers.
Networks of one size stand side by side. The horizontal lines are people and published figures, each
of its own division; a grey mark stands at the size of the network, where that is known:
"""


def table(found):
    """Return the Markdown table of a list of `Line`."""
    return markdown(_HEAD, [_row(line) for line in found])


def ensembles(found):
    """Return the section about seeds that were joined; nothing where there are none.

    Args:
        found: list of `Line`.
    """
    rows = [
        _ensemble(line, protocol, name, row)
        for line in found
        for protocol, (name, result) in line.results.items()
        for row in result.get("joined", [])
        if (row["recipe"], row["protocol"]) == (line.recipe, protocol)
    ]
    if not rows:
        return ""
    head = ("recipe", "protocol", "models", "parameters of all", "UAR of one", "UAR joined")
    head += ("gained, points",)
    return (
        "\n### Ensembles, apart from single models\n\nThe networks of all seeds of a fold answer "
        "together, by the mean of their probabilities.\n\n" + markdown(head, rows) + "\n"
    )


def _ensemble(line, protocol, name, row):
    parameters, members = line.parameters(), row["members"]
    return (
        named(line.recipe, line.settings), f"`{protocol}`", members,
        f"{members * parameters:,}" if parameters else "-", f"{100 * row['single_uar']:.1f}",
        f"[{limited(row, 'uar')}]({WAY}/{name}/page.md)", limited(row, "gain_uar", "+"),
    )  # fmt: skip


def _row(line):
    first, parameters = line.rows.get(FOLDS), line.parameters()
    known = line.known
    return (
        named(line.recipe, line.settings),
        published(line.recipe),
        _figure(line, FOLDS),
        _spread(first) if first else "-",
        _count(first) if first else "-",
        _figure(line, OTHER_FOLDS),
        f"{_figure(line, known)}, `{known}`: {_count(line.rows[known])}" if known else "-",
        f"{parameters:,}" if parameters else "-",
        *_origin(line),
    )


def _figure(line, protocol):
    """Return a figure that leads to its page, and says so where speakers may be known."""
    if protocol not in line.rows:
        return "-"
    row = line.rows[protocol]
    told = f"[{limited(row, 'uar')}]({WAY}/{line.results[protocol][0]}/page.md)"
    is_said = row["speakers"] == NEW or protocol == line.known  # in the head of the column
    return told if is_said else f"{told}, **{newness(row)}**"


def _spread(row):
    mean, deviation = row["uar_mean"], row["uar_sd"]
    told = f"{100 * mean:.1f}"
    return told if deviation is None else f"{told} ± {100 * deviation:.1f}"


def _count(row):
    words = [
        f"{row[name]} {name if row[name] > 1 else name[:-1]}" for name in ("folds", "seeds")
    ]  # fmt: skip
    missing = f", **{row['of'] - row['runs']} runs missing**" if row["runs"] < row["of"] else ""
    return " x ".join(words) + missing


def _origin(line):
    """Return time, device and commit of the runs, dashes where the result does not list them."""
    runs = line.runs(line.first)
    if runs.empty:
        made_by = line.results[line.first][1]["made_by"]
        return "-", "-", origin.short(made_by["commit"] or "-")
    commits = [origin.short(commit) for commit in runs["commit"].dropna().unique()]
    return origin.spread(runs["seconds"]), origin.devices(runs) or "-", ", ".join(commits) or "-"


def named(recipe, settings):
    """Return a recipe with its settings, and whether it needs recordings of its test speakers."""
    words = "".join(f", `{name}={value}`" for name, value in settings.items())
    if recipe in recipes.names():
        experiment = recipes.load(recipe).with_settings(settings)
        words += ", **speakers enrolled**" if experiment.model.by_speaker else ""
    return f"`{recipe}`{words}"


def published(recipe):
    """Return a source's figures in percent, and the clips and the division that they are of."""
    told = (recipes.describe(recipe).get("published") if recipe in recipes.names() else None) or {}
    figures = [
        f"{_measure(name)} {100 * value:.1f}"
        for name, value in told.items()
        if isinstance(value, (int, float))
    ]
    data = f" ({told['data']})" if "data" in told else ""
    return ", ".join(figures) + data if figures else "-"


def _measure(name):
    name = re.sub(r"\buar\b", "UAR", name.replace("_", " "))
    return name.replace("macro f1", "macro F1")


def points(found):
    """Return what the figure shows.

    Args:
        found: list of `Line`.

    Returns:
        DataFrame with one row a dot: recipe (with its settings where it comes twice), protocol,
        speakers ("new" or "known"), parameters (missing where there is no network), uar, low and
        high in percent.
    """
    rows, listed = [], [line.recipe for line in found]
    for line in filter(_has_place, found):
        # The table has the settings; here they only tell lines of one recipe apart.
        name = line.recipe if listed.count(line.recipe) == 1 else line.label
        for protocol, speakers in ((FOLDS, "new"), (line.known, "known")):
            if protocol in line.rows:
                row = line.rows[protocol]
                ends = (round(100 * row[f"uar_{end}"], 2) for end in ("value", "low", "high"))
                rows.append((name, protocol, speakers, line.parameters(), *ends))
    table = pd.DataFrame(rows, columns=drawing.COLUMNS)
    return table.astype({"parameters": "Int64"})


def _has_place(line):
    """Whether the number of parameters is known, or known to be none."""
    named = line.recipe in recipes.names()
    classical = named and models.is_classical(recipes.load(line.recipe).model.name)
    return classical or line.parameters() is not None


def made(repo=REPO, results=RESULTS):
    """Return the new texts of the page and of the figure's numbers.

    Returns:
        Dictionary from file, relative to `repo`, to its text.

    Raises:
        ValueError: the page lacks its markers.
    """
    found = lines(results)
    bars = "\n".join(f"- {level.words}: {level.source}" for level in drawing.LEVELS)
    inner = f"\n{table(found)}\n{_NOTE}\n{bars}\n{ensembles(found)}"
    inner += parts.section(results.parent / "studies", STUDIES)
    inner += mixed.section(results, named, WAY)
    numbers = pd.concat([points(found), drawing.published()])
    text = numbers.to_csv(index=False, lineterminator="\n")
    return {PAGE: _between(repo / PAGE, inner), POINTS: text}


def _between(path, inner):
    text = path.read_text(encoding="utf-8")
    if START not in text or END not in text:
        raise ValueError(
            f"The page of the campaign must hold the markers {START} and {END}. Received: {path} "
            "without. Put them back where the table belongs."
        )
    before, rest = text.split(START, 1)
    return f"{before}{START}\n{inner}\n{END}{rest.split(END, 1)[1]}"


def outdated(repo=REPO, results=RESULTS):
    """Return the files, relative to `repo`, that `write` would change or make."""
    texts = made(repo, results)
    found = [name for name, text in texts.items() if _text(repo / name) != text]
    return found if (repo / FIGURE).is_file() else [*found, FIGURE]


def _text(path):
    return path.read_text(encoding="utf-8") if path.is_file() else None


def write(repo=REPO, results=RESULTS):
    """Write the page, the figure and its numbers."""
    for name, text in made(repo, results).items():
        with atomic_write(repo / name) as file:
            file.write(text)
    plots.save(drawing.draw(points(lines(results))), repo / FIGURE)


def main(words=None):
    """Write, or look whether anything would change; return the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="only look, fail on a difference")
    if not parser.parse_args(words).check:
        write()
        return 0
    found = outdated()
    if found:
        print(f"These are not of the results: {', '.join(found)}. Run artifacts/campaign.py.")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
