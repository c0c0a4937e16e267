"""The tab About: cards of the model and its recordings, and licences, without the recordings."""

from html import escape

from serkeras import datasets
from serkeras.app import pieces
from serkeras.cards import model as model_cards
from serkeras.ensembles import Ensemble
from serkeras.evaluation import analysis
from serkeras.exporting import metadata

_OF_THE_PAGE = (
    "serkeras is under the Apache License 2.0. This page is served by Gradio (Apache License 2.0) "
    "on the machine that runs it: recordings go there and nowhere else, and are removed after a "
    "quarter of an hour or when the page is closed down, whichever comes first. Licences of the "
    "recordings a model learned from can bind what may be done with it: see the tables above."
)


def data_of(desk):
    """Return the names of the corpora that a desk's model learned from."""
    if desk.recogniser.run is None:
        return list(metadata.read(desk.model).get("data", ()))
    members = getattr(desk.recogniser.run, "members", [desk.recogniser.run])
    named = [datasets.name_of(spec) for run in members for spec in run.experiment.data]
    return list(dict.fromkeys(named))


def about(desk):
    """Return the tab, HTML.

    Args:
        desk: `serkeras.app.desk.Desk`.
    """
    run = desk.recogniser.run
    if run is None:
        cards = [("Model", _exported(metadata.read(desk.model)))]
    elif isinstance(run, Ensemble):
        cards = [(f"Model: member {each.folder.name}", _model(each)) for each in run.members]
    else:
        cards = [("Model", _model(run))]
    parts = [*cards, ("Recordings it learned from", _data(desk, run))]
    parts.append(("Licences of this page", f"<p>{escape(_OF_THE_PAGE)}</p>"))
    return "".join(
        f'<details class="ser-card"{" open" if number == 0 else ""}><summary>{escape(title)}'
        f"</summary>{body}</details>"
        for number, (title, body) in enumerate(parts)
    )


def _exported(facts):
    uar = facts["uar"]
    rows = [
        ("what it is", facts["protocol"]),
        ("UAR of the run", " ".join(pieces.percent(uar[key]) for key in ("value",))),
        ("made by", facts["made_by"]),
        ("mind", facts["warning"]),
    ]
    return pieces.table(("fact", "value"), rows)


def _model(run):
    """Return the run's card; its file where one was written, or made anew but not kept."""
    written = run.folder / model_cards.FILE
    try:
        if written.is_file():
            text = written.read_text(encoding="utf-8")
        else:
            text = model_cards.model_card_text(run)
    except (FileNotFoundError, ValueError) as error:
        return pieces.hint(f"There is no card of this model: {error}")
    for spec in run.experiment.data:  # folders of this machine are nobody else's business
        text = text.replace(spec, datasets.name_of(spec))
    return rendered(text)


def _data(desk, run):
    rows = [_corpus(name) for name in data_of(desk)]
    head = ("corpus", "licence", "language", "clips", "speakers", "cite")
    found = pieces.table(head, rows) if rows else pieces.hint("It is not known.")
    page = run and run.folder / analysis.FOLDER / "data" / analysis.PAGE
    if page and page.is_file():
        found += rendered(page.read_text(encoding="utf-8"))
    return found


def _corpus(name):
    if name not in datasets.names():
        return name, "own recordings: ask their owner", "", "", "", ""
    card = datasets.card(name)
    return (
        name, card.licence, card.language, f"{card.clips:,}", str(card.speaker_count),
        card.citation,
    )  # fmt: skip


def rendered(text):
    """Return Markdown as HTML, without metadata for hubs and without pictures.

    Text from names of clips and folders stays text: no HTML of its own comes through.
    """
    from markdown_it import MarkdownIt

    if text.startswith("---\n"):
        text = text.partition("\n---\n")[2] or text
    reader = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = reader.parse(text)
    for token in tokens:
        if token.children:
            token.children = [each for each in token.children if each.type != "image"]
    body = reader.renderer.render(tokens, reader.options, {})
    wide = '<div class="ser-wide" tabindex="0"><table>'
    return body.replace("<table>", wide).replace("</table>", "</table></div>")
