"""What stands on every tab: what such a model cannot know, and what it was made of."""

from html import escape

WARNING = (
    "<strong>What this cannot know.</strong> The model names the label that a recording of "
    "<em>acted</em> speech would carry. It does not know what a person feels, it is often wrong, "
    "and more often with new voices, languages and microphones. Do not judge people by it. In the "
    "European Union it may not be used to infer the emotions of people at work or in education, "
    "but for medical or safety reasons (AI Act, article 5(1)(f)); elsewhere those it is used on "
    "must be told. The tab About says more."
)
SYNTHETIC = "trained on synthetic sounds, for teaching only"


def is_synthetic(data):
    """Whether a model learned from the synthetic corpus alone.

    Args:
        data: names of corpora, as `serkeras.train` takes them.
    """
    names = [str(spec).partition("=")[0] for spec in data]
    return bool(names) and all(name == "synthetic" for name in names)


def title(synthetic):
    """Return the title of the page."""
    return "A model of synthetic sounds" if synthetic else "Speech emotion recognition"


def header(name, labels, synthetic):
    """Return the head of the page, HTML."""
    about = f"Model <code>{escape(name)}</code>: {escape(', '.join(labels))}."
    mark = f'<p class="ser-mark">{SYNTHETIC.capitalize()}.</p>' if synthetic else ""
    return f'<div class="ser-head"><h1>{title(synthetic)}</h1>{mark}<p>{about}</p></div>'


def warning(synthetic):
    """Return the warning of a tab, HTML."""
    made = ""
    if synthetic:
        made = (
            f" <strong>This model was {SYNTHETIC}</strong>: it has never heard a person, and its "
            "answers to one mean nothing."
        )
    return f'<aside class="ser-warning"><p>{WARNING}{made}</p></aside>'
