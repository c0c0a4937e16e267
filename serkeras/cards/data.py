"""`data_card`: what a set of recordings consists of, and what a model could learn from that."""

from pathlib import Path

from serkeras import datasets
from serkeras.cards import _data_figures, _recordings
from serkeras.ensembles import Ensemble
from serkeras.evaluation import analysis
from serkeras.evaluation._markdown import table
from serkeras.runs import Run
from serkeras.training import provenance
from serkeras.training.pipeline import spec_of

NAME = "data"
_AMPLITUDES = ("highest", "lowest", "rms_db")


def data_card(data, out=None, label_scheme="own", n_jobs=None, progress=True):
    """Describe recordings: balance, rates, durations, amplitude, licences, what is missing.

    Args:
        data: list of corpora as `serkeras.train` takes them; or a `serkeras.Run` or
            `serkeras.Ensemble`, whose corpora and emotions are described.
        out: folder; default `RUN/analyses/data`, or `artifacts/cards/CORPORA`.
        label_scheme: "own", "seven" or "four"; of a run its own.
        n_jobs: threads; None is all cores.
        progress: show a bar.

    Returns:
        `pathlib.Path` of the page; result.json beside it has its numbers.

    Raises:
        ValueError, FileNotFoundError: see `serkeras.datasets.load_many`.

    Source:
        The statistics that report S2 gives of its corpora (its section 2.3), and more.
    """
    title, folder = "Data card", out
    if isinstance(data, (Run, Ensemble)):
        experiment = data.experiment
        title = f"{title} of {analysis.protocol_of(data)}"
        folder = out or analysis.place(data, NAME)
        data, label_scheme = list(experiment.data), experiment.label_scheme
    else:
        data = [spec_of(item) for item in datasets.as_list(data)]
        names = "+".join(datasets.short_name(spec) for spec in data)
        title, folder = f"{title}: {names}", out or Path("artifacts/cards") / names
    clips = datasets.load_many(data, label_scheme, progress=progress).reset_index(drop=True)
    found, failed = _recordings.measure(clips, n_jobs, progress)
    result = {
        **_counts(clips),
        "recordings": _all_measures(clips, found),
        "crossed": _crossed_measures(clips, found),
        "failed": [list(pair) for pair in failed],
        "cards": {name: _card(name) for name in sorted(set(clips["corpus"]))},
        "made_by": provenance.made_by(None),
    }
    figures = {
        "balance": _data_figures.balance(clips),
        "durations": _data_figures.durations(clips, found),
        "loudness": _data_figures.loudness(clips, found),
    }
    return analysis.write(Path(folder), title, result, _sections(result), figures)


def _counts(clips):
    """Return numbers of clips, speakers and statements, overall and by corpus."""
    speakers = clips.drop_duplicates("speaker").dropna(subset=["speaker"])
    told = clips.assign(sex=clips["sex"].fillna("unknown"))
    return {
        "clips": len(clips),
        "speakers": int(clips["speaker"].nunique()),
        "speakers_by_sex": speakers["sex"].fillna("unknown").value_counts().to_dict(),
        "statements": int(clips["statement"].nunique()),
        "emotions": _crossed(clips, "emotion", "corpus"),
        "sexes": _crossed(told, "emotion", "sex"),
    }


def _crossed(clips, rows, columns):
    """Return counts as a dictionary of dictionaries."""
    crossed = clips.groupby([rows, columns]).size().unstack(columns, fill_value=0)
    return {
        str(name): {str(key): int(value) for key, value in row.items()}
        for name, row in crossed.iterrows()
    }


def _all_measures(clips, found):
    """Return measures of all clips, and of each corpus and emotion that has some to read."""
    groups = {"all": {"all": found.index}}
    readable = clips.loc[found.dropna().index]
    for by in ("corpus", "emotion"):
        groups[by] = readable.groupby(by).groups
    return {
        by: {str(name): _measures(found.loc[index]) for name, index in own.items()}
        for by, own in groups.items()
    }


def _crossed_measures(clips, found):
    """Return measures of the clips of each emotion in each corpus that has some to read."""
    crossed = {}
    readable = clips.loc[found.dropna().index]
    for (emotion, corpus), index in readable.groupby(["emotion", "corpus"]).groups.items():
        crossed.setdefault(str(emotion), {})[str(corpus)] = _measures(found.loc[index])
    return crossed


def _measures(found):
    found = found.dropna()
    lasts = found["duration_s"]
    return {
        "clips": len(found),
        "rates": {str(int(rate)): int(n) for rate, n in found["rate"].value_counts().items()},
        "channels": {str(int(c)): int(n) for c, n in found["channels"].value_counts().items()},
        "hours": float(lasts.sum() / 3600),
        "duration_s": {
            "mean": float(lasts.mean()),
            "deviation": float(lasts.std(ddof=0)),
            "shortest": float(lasts.min()),
            "percentile_95": float(lasts.quantile(0.95)),
            "longest": float(lasts.max()),
        },
        "trailing_silence_s": float(found["trailing_silence_s"].mean()),
        **{name: float(found[name].mean()) for name in _AMPLITUDES},
    }


def _card(name):
    """Return licence and citation of a registered corpus, None of own recordings."""
    if name not in datasets.names():
        return None
    card = datasets.card(name)
    facts = ("title", "licence", "citation", "homepage", "language", "clips", "speaker_count")
    return {fact: getattr(card, fact) for fact in facts}


def _sections(result):
    return [part for part in (
        _summary(result),
        _origin(result),
        _balance(result),
        _lengths(result),
        _levels(result),
        _cautions(result),
        _failures(result),
    ) if part]  # fmt: skip


def _summary(result):
    whole = result["recordings"]["all"]["all"]
    sexes = ", ".join(f"{count} {sex}" for sex, count in result["speakers_by_sex"].items())
    return (
        f"{result['clips']:,} clips, {whole['hours']:.1f} hours, {len(result['emotions'])} "
        f"emotions, {result['speakers']} known speakers ({sexes or 'none'}), "
        f"{result['statements']} different statements."
    )


def _origin(result):
    rows = []
    for name, card in result["cards"].items():
        if card is None:
            rows.append((name, "own recordings: their licence is not known to the kit", "", ""))
        else:
            rows.append((name, card["licence"], card["language"], card["citation"]))
    return "## Where it comes from\n\n" + table(("corpus", "licence", "language", "cite"), rows)


def _balance(result):
    corpora = list(result["recordings"]["corpus"])
    sexes = sorted({sex for row in result["sexes"].values() for sex in row})
    rows = [
        (
            emotion,
            *(counts.get(corpus, 0) for corpus in corpora),
            *(result["sexes"][emotion].get(sex, 0) for sex in sexes),
            sum(counts.values()),
        )
        for emotion, counts in result["emotions"].items()
    ]
    head = ("emotion", *corpora, *sexes, "in all")
    return (
        "## Balance\n\nClips by emotion, corpus and sex of the speaker. Classes of different size "
        "are why UAR stands beside accuracy; an emotion that one sex speaks more often is one that "
        "a model can guess from the voice.\n\n"
        f"{table(head, rows)}\n\n![Clips of each emotion by sex, a panel a corpus]"
        "(figures/balance.png)"
    )


def _lengths(result):
    rows = []
    for by, own in result["recordings"].items():
        for name, found in own.items():
            lasts = found["duration_s"]
            rates = ", ".join(f"{rate} Hz ({n:,})" for rate, n in found["rates"].items())
            rows.append(
                (
                    name if by == "all" else f"{by}: {name}",
                    rates,
                    *(f"{lasts[key]:.2f}" for key in lasts),
                    f"{found['trailing_silence_s']:.2f}",
                )
            )
    head = (
        "", "sample rates", "mean (s)", "deviation", "shortest", "95th percentile", "longest",
        "silence at the end",
    )  # fmt: skip
    crossed = _by_corpus(result, "mean (s)", lambda own: f"{own['duration_s']['mean']:.2f}")
    return (
        "## Rates and durations\n\nAs the files lie there, before resampling and trimming. The "
        "histogram shows whether clips of a fixed length cut many off, or pad most of them; it "
        f"does not show how much of a clip is speech.\n\n{table(head, rows)}\n\n{crossed}"
        "![Histograms of durations](figures/durations.png)"
    )


def _levels(result):
    rows = [
        (
            name if by == "all" else f"{by}: {name}",
            f"{found['highest']:.3f}",
            f"{found['lowest']:.3f}",
            f"{found['rms_db']:.1f}",
        )
        for by, own in result["recordings"].items()
        for name, found in own.items()
    ]
    head = ("", "highest sample, mean", "lowest sample, mean", "RMS (dB), mean")
    crossed = _by_corpus(result, "RMS (dB), mean", lambda own: f"{own['rms_db']:.1f}")
    return (
        "## Amplitude\n\nFull scale is 1. Boxes hold the middle half of the clips, whiskers reach "
        "from the 5th to the 95th percentile. Loudness by emotion is a cue as long as the "
        "microphone stands still: a model that uses it suffers from any other gain.\n\n"
        f"{table(head, rows)}\n\n{crossed}"
        "![Boxes of levels by emotion and corpus](figures/loudness.png)"
    )


def _by_corpus(result, title, cell):
    """Return a table of emotions by corpora, nothing where there is one corpus."""
    corpora = list(result["recordings"]["corpus"])
    if len(corpora) == 1:
        return ""
    rows = [
        (emotion, *(cell(own[corpus]) if corpus in own else "-" for corpus in corpora))
        for emotion, own in result["crossed"].items()
    ]
    return (
        "The mean of an emotion over all corpora says mostly which of them have it; within each "
        f"corpus:\n\n{table((title, *corpora), rows)}\n\n"
    )


def _cautions(result):
    """Return what a model could learn here instead of emotions."""
    corpora, cautions = result["recordings"]["corpus"], []
    lacking = {
        emotion: [corpus for corpus in corpora if not counts.get(corpus)]
        for emotion, counts in result["emotions"].items()
    }
    lacking = {emotion: missing for emotion, missing in lacking.items() if missing}
    if lacking:
        words = "; ".join(f"{e} is not in {', '.join(c)}" for e, c in lacking.items())
        cautions.append(
            f"Not every corpus has every emotion ({words}): whoever recognises the corpus knows "
            "something of the emotion."
        )
    if len({tuple(sorted(found["rates"])) for found in corpora.values()}) > 1:
        cautions.append(
            "Sample rates differ between corpora: what lies above the lower one's half tells the "
            "corpus, unless all are resampled to the lowest."
        )
    if 0 < result["statements"] <= 20:
        cautions.append(
            f"Only {result['statements']} different statements are spoken: figures for other "
            "words are not known unless statements are held apart."
        )
    if 0 < result["speakers"] < 10:
        cautions.append(
            f"There are {result['speakers']} speakers: figures for new speakers rest on very few."
        )
    lines = "\n".join(f"- {caution}" for caution in cautions)
    return f"## What a model could learn instead\n\n{lines}" if lines else ""


def _failures(result):
    lines = "\n".join(f"- {clip}: {reason}" for clip, reason in result["failed"])
    return f"## Recordings that cannot be read\n\n{lines}" if lines else ""
