"""What the controls of the page do: from what a visitor gives to what he sees, HTML."""

import time
from html import escape
from pathlib import Path

import numpy as np
import soundfile

from serkeras.app import limits as bounds
from serkeras.app import pictures, pieces
from serkeras.app.live import SPAN_S
from serkeras.app.uploads import forget_soon
from serkeras.serving.stream import GAP, SILENCE

_EMPTY = "Nothing to hear yet."


def _answered(work, path):
    """Return the HTML of a piece of work, or of the reason why it could not be done."""
    try:
        return work(path)
    except ValueError as error:
        return pieces.note(bounds.without_folder(error, path))


def hear(desk, path):
    """Return bars of a recording."""
    return _answered(lambda path: _heard(desk, path), path) if path else pieces.hint(_EMPTY)


def _heard(desk, path):
    answer, labels = desk.hear(path), desk.recogniser.labels
    best = int(answer.probabilities.argmax())
    seconds = desk.recogniser.samples / desk.recogniser.sample_rate
    lasts = bounds.spoken(len(answer.wave) / desk.recogniser.sample_rate)
    told = f"{answer.name}, {lasts}."
    if answer.windows > 1:
        told += (
            f" The model hears {seconds:g} s at once: the mean of {answer.windows} windows. The "
            "tab Live shows how it goes over time."
        )
    return (
        f'<p class="ser-answer">Sounds most like recordings labelled <strong>'
        f"{escape(labels[best])}</strong> ({pieces.percent(answer.probabilities[best])})</p>"
        f"{pieces.bars(labels, answer.probabilities)}{pieces.hint(told)}"
    )


def explain(desk, path):
    """Return the picture of a recording; nothing where it cannot be heard, which `hear` says."""
    if not path:
        return ""
    try:
        png, told = desk.explain(path)
    except ValueError:
        return ""
    shown = "Waveform and Mel spectrogram of the recording, and what counted for the answer."
    return pieces.picture(png, shown) + pieces.hint(told)


def batch(desk, paths):
    """Return a table of recordings and its file."""
    if not paths:
        return pieces.hint(_EMPTY)
    try:
        table = desk.batch([str(path) for path in paths])
    except ValueError as error:
        return pieces.note(str(error))
    labels = desk.recogniser.labels
    rows = [
        (row["file"], row["error"])
        if row["error"]
        else (row["file"], row["label"], *(pieces.percent(row[label]) for label in labels))
        for row in table.to_dict("records")
    ]
    failed = int((table["error"] != "").sum())
    told = f"{len(table) - failed} of {len(table)} recordings heard."
    data = table.to_csv(index=False, lineterminator="\n").encode()
    return (
        pieces.hint(told)
        + pieces.table(("file", "label", *labels), rows)
        + pieces.downloads([("emotions.csv", data, "text/csv")])
    )


def timeline(desk, path):
    """Return the timeline of a long recording and its files."""
    return _answered(lambda path: _followed(desk, path), path) if path else pieces.hint(_EMPTY)


def _followed(desk, path):
    found, files = desk.timeline(path)
    stem = Path(path).stem
    spans = found.spans
    lasts = spans["end_s"] - spans["start_s"]
    totals = lasts.groupby(found.table["label"]).sum().sort_values(ascending=False)
    told = ", ".join(f"{label} {bounds.spoken(seconds)}" for label, seconds in totals.items())
    whole = bounds.spoken(float(spans["end_s"].max()))
    figure = pieces.picture(pictures.png(found.figure()), f"Timeline of {Path(path).name}: {told}")
    return (
        f'<p class="ser-answer">{whole}: {escape(told)}</p>'
        '<div class="ser-wide ser-long" tabindex="0">'
        f"{figure}</div>"
        + pieces.downloads([(f"{stem}.{ending}", data, kind) for ending, data, kind in files])
    )


def listen(desk, live, path):
    """Take a portion of a visitor's microphone.

    Args:
        desk: `serkeras.app.desk.Desk`.
        live: `serkeras.app.live.Live` of the visitor, None before the first portion.
        path: file with the portion, which is removed soon after.

    Returns:
        The `Live`, and HTML; None where nothing has changed.
    """
    live = desk.live() if live is None else live
    if not path:
        return live, None
    try:
        bounds.check_portion(path)
        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
        changed = live.feed(samples, rate, arrived())
    except (ValueError, OSError, soundfile.LibsndfileError) as error:
        if not Path(path).exists():  # it waited too long and was swept: lost on the way
            return live, None
        return live, pieces.note(bounds.without_folder(error, path))
    finally:
        forget_soon(path)
    return live, now(live) if changed or live.full else None


def arrived():
    """Return the time now, in seconds of a clock that never jumps back."""
    return time.monotonic()


def stop(live):
    """Return what a visitor sees when his microphone is off."""
    if live is None:
        return pieces.hint(_EMPTY)
    live.end()
    return now(live)


def now(live):
    """Return the newest moment and the newest minute.

    Args:
        live: `serkeras.app.live.Live`.
    """
    if not live.moments:
        return pieces.hint("Listening; the first answer comes after a second.")
    last = live.moments[-1]
    level = max(last.level_db, -60.0) if np.isfinite(last.level_db) else -60.0
    others = {SILENCE: "silence: nobody speaks", GAP: "a gap: no sound came"}
    said = escape(others.get(last.label, last.label))
    over = pieces.hint("That was long enough: stop, and record again.") if live.full else ""
    return (
        f'<p class="ser-answer">{last.end_s:.1f} s: <strong>{said}</strong></p>'
        f'<p class="ser-level"><label>level <meter min="-60" max="0" value="{level:.0f}"></meter>'
        f" {last.level_db:.0f} dB</label></p>"
        f"{pieces.bars(live.labels, last.probabilities)}{_strip(live)}{over}"
    )


def _strip(live):
    shares, kinds = live.columns()
    names = "".join(f"<span>{escape(name)}</span>" for name in live.labels)
    source = pieces.address(pictures.strip(shares, kinds), "image/png")
    return (
        f'<figure class="ser-strip" style="--rows:{len(live.labels)}"><div class="ser-names">'
        f'{names}</div><img src="{source}" alt="Probabilities of the newest {SPAN_S} seconds">'
        f'<figcaption><span>{SPAN_S} s ago</span><span class="ser-scale">0 <i></i> 100 %, '
        f'<b class="ser-grey"></b> silence, white: nothing came</span><span>now</span>'
        "</figcaption></figure>"
    )
