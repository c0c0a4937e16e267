"""`model_card`: a trained run described in the form of model hubs, with its limits."""

import textwrap

import yaml

from serkeras import datasets
from serkeras._files import atomic_write
from serkeras.ensembles import Ensemble, open_run
from serkeras.evaluation import analysis
from serkeras.evaluation._markdown import percent, table, with_limits
from serkeras.runs import refuse_several, train_words, whole_command
from serkeras.training import provenance

FILE = "README.md"  # the name by which hubs know a card
_LANGUAGES = {"English": "en", "German": "de"}
_MEASURES = {
    "uar": ("recall", "UAR"),
    "accuracy": ("accuracy", "accuracy"),
    "macro_f1": ("f1", "macro F1"),
}
_VOICES = {True: "new speakers", False: "known speakers", None: "speakers perhaps known"}


def model_card(run):
    """Write a run's model card, README.md with the metadata that Hugging Face reads.

    Args:
        run: finished `serkeras.Run`, or the path of its folder.

    Returns:
        `pathlib.Path` of the card.

    Raises:
        FileNotFoundError: the folder holds no finished run.
        ValueError: it holds an ensemble; its members have cards of their own.

    Source:
        Mitchell et al. (2019), Model cards for model reporting; Regulation (EU) 2024/1689,
        articles 3(39), 5(1)(f) and 50(3), Annex III 1(c).
    """
    run = open_run(run)
    text = model_card_text(run)
    with atomic_write(run.folder / FILE) as file:
        file.write(text)
    return run.folder / FILE


def model_card_text(run):
    """Return the card that `model_card` writes; see there."""
    if isinstance(run, Ensemble):
        refuse_several(run.folder)
    sections = (
        _headline(run),
        _use(run),
        _law(),
        _learned_from(run),
        _measured(run),
        _groups(run),
        _limits(run),
        _how(run),
    )
    head = yaml.safe_dump(metadata(run), sort_keys=False, allow_unicode=True, width=100)
    return "\n\n".join([f"---\n{head}---", *(part for part in sections if part)]) + "\n"


def metadata(run):
    """Return the metadata of a run's card, a dictionary.

    Args:
        run: finished `serkeras.Run`.
    """
    cards = _cards(_learned(run))
    languages = {_LANGUAGES.get(card.language.split(" ")[0]) for card in cards.values() if card}
    return {
        "language": sorted(languages - {None}),
        "license": "other",
        "license_name": "see-the-corpora",
        "library_name": "keras",
        "pipeline_tag": "audio-classification",
        "tags": ["speech-emotion-recognition", "serkeras", run.experiment.recipe],
        # Names of own tables and folders mean nothing to others.
        "datasets": [name for name, card in cards.items() if card],
        "metrics": [kind for kind, _ in _MEASURES.values()],
        "model-index": [{"name": run.experiment.recipe, "results": [_result(run)]}],
    }


def _result(run):
    voices = _VOICES[run.speaker_disjoint]
    return {
        "task": {"type": "audio-classification", "name": "Speech emotion recognition"},
        "dataset": {
            "name": " + ".join(_tested_on(run)),
            "type": "+".join(_tested_on(run)),
            "split": f"test ({run.experiment.split}, seed {run.experiment.seed}, {voices})",
        },
        "metrics": [
            {
                "type": kind,
                "name": f"{name} ({voices})",
                "value": round(run.metrics[key]["value"], 4),
            }
            for key, (kind, name) in _MEASURES.items()
        ],
    }


def _cards(names):
    """Return {corpus: card, None of own recordings}."""
    return {name: datasets.card(name) if name in datasets.names() else None for name in names}


def _tested_on(run):
    return sorted(run.predictions["corpus"].dropna().unique())


def _learned(run):
    """Return the corpora of the training and the validation side, by the ids of their clips."""
    learned = [clip for side in ("train", "validation") for clip in run.clips(side)]
    return sorted({clip.split("/")[0] for clip in learned})


def _headline(run):
    found = run.metrics["run"]
    size = "" if found["parameters"] is None else f" with {found['parameters']:,} parameters"
    return (
        f"# Model card of {analysis.protocol_of(run)}\n\n"
        f"A model `{run.experiment.model.name}`{size} that names the emotion which a short "
        f"recording of speech was labelled with, one of {len(run.labels)}: "
        f"{', '.join(run.labels)}. It hears {run.experiment.audio.duration_s:g} s at "
        f"{run.experiment.audio.sample_rate:,} Hz."
    )


def _use(run):
    return textwrap.dedent(
        """
        ## What it is for

        For teaching, for research on speech, and for measuring how far such models carry. It
        was trained on emotions that were *acted* and labelled by the script or by listeners: it
        names the label of a recording, not what a person feels.

        **Not for** judging people: not for hiring, grading, supervising, policing, diagnosing,
        insuring or granting anything, and not for recordings of people who do not know of it.
        """
    ).strip()


def _law():
    return textwrap.dedent(
        """
        ## Law and ethics

        In the European Union a system that infers emotions from voices is an *emotion recognition
        system* (Regulation (EU) 2024/1689, the AI Act, article 3(39): voices are biometric data).
        Since 2 February 2025 it **may not be placed on the market, put into service or used to
        infer the emotions of people at work and in education**, but for medical or safety
        reasons (article 5(1)(f)). Elsewhere such a system counts as high-risk (article 6(2) and
        Annex III, 1(c)), and those who use it must tell the people exposed to it (article 50(3),
        with an exception for criminal investigation). Data protection law applies beside it. The
        dates from which duties apply have been moved before: look them up. This is a pointer,
        not legal advice.

        How emotion sounds differs between people, languages and situations; that it can be read
        off a voice reliably is contested (Barrett et al. 2019). A figure on actors does not
        show it.
        """
    ).strip()


def _learned_from(run):
    rows = [
        (name, card.licence if card else "own recordings: ask their owner",
         card.citation if card else "")
        for name, card in _cards(_learned(run)).items()
    ]  # fmt: skip
    weights = run.metrics["run"]["weights"]
    begun = ", ".join(f"{each['weights']} ({each['file']})" for each in weights)
    known = provenance.read(run.folder)
    return (
        "## What it has learned from\n\n"
        f"{table(('corpus', 'licence', 'cite'), rows)}\n\nLicences of recordings can bind what is "
        "learned from them: where one forbids commercial use or derived works, ask before "
        "the model is used or passed on so. First weights: "
        f"{begun or 'random'}. Learned speakers (training and validation side): "
        f"{len(known['speakers'])}{'' if known['speakers_known'] else ', and unknown ones'}."
    )


def _measured(run):
    rows = [(name, with_limits(run.metrics[key])) for key, (_, name) in _MEASURES.items()]
    support = sum(sum(row) for row in run.metrics["confusion_matrix"])
    worst = sorted(run.metrics["per_class"].items(), key=lambda item: item[1]["recall"])
    worst = [(name, row) for name, row in worst if row["support"]][:3]
    named = ", ".join(f"{name} ({percent(row['recall'])})" for name, row in worst)
    return (
        f"## Figures\n\nOn {support} test clips of **{_VOICES[run.speaker_disjoint]}**, split "
        f"`{run.experiment.split}`, seed {run.experiment.seed}; 95 % intervals, "
        f"{run.metrics['intervals']['method']}.\n\n{table(('measure', 'value'), rows)}\n\n"
        f"Guessing would give a UAR of {percent(1 / len(run.labels))}. The emotions that it finds "
        f"least: {named}. The report of the run has the rest."
    )


def _groups(run):
    rows = [
        (kind, name, found["n"], with_limits(found["uar"]))
        for kind, groups in run.metrics["groups"].items()
        for name, found in groups.items()
    ]
    if not rows:
        return ""
    head = ("by", "group", "clips", "UAR")
    return f"## Groups\n\n{table(head, rows)}"


def _limits(run):
    lines = [
        "- acted speech of few people: expect clearly less on spontaneous speech, other "
        "microphones, rooms, ages and languages;",
        "- probabilities are not checked for being frequencies unless a page on confidence "
        "stands beside this card;",
        "- a recording without any of its emotions gets one of them all the same.",
    ]
    if run.speaker_disjoint is not True:
        lines.insert(
            0, "- **the figures are of speakers whom the model knows, or may know**: with new "
            "ones expect less;"
        )  # fmt: skip
    if run.experiment.model.by_speaker:
        lines.insert(
            0, "- **the figures are of speakers who were enrolled**: their recordings, without "
            "their emotions, gave the model their statistics; of a stranger's single recording "
            "expect clearly less;"
        )  # fmt: skip
    return "## Limits\n\n" + "\n".join(lines)


def _how(run):
    found, experiment = run.metrics["run"], run.experiment
    from serkeras import recipes

    known = experiment.recipe in recipes.names()
    command = whole_command(experiment) if known else " ".join(train_words(experiment))
    versions = ", ".join(f"{name} {version}" for name, version in found["versions"].items())
    by_speaker = experiment.model.by_speaker
    more = ', "more of the speaker.wav"], one_speaker=True' if by_speaker else "]"
    return (
        '## How to use it\n\n```python\nimport serkeras\n\nserkeras.predict("THIS FOLDER", '
        f'["my.wav"{more})\n```\n\n## How to make it again\n\n'
        f"```sh\n{command}\n```\n\nCommit {found['commit'] or 'unknown'}, {found['device']}; "
        f"{versions}."
    )
