"""The words of the page about what a network listened to."""

from serkeras.evaluation import resampling
from serkeras.evaluation._markdown import percent, table
from serkeras.evaluation.intervals import BY_SPEAKER
from serkeras.explanation import checks, faithfulness, means, methods


def sections(heard, found):
    """Return the sections of the page.

    Args:
        heard: `serkeras.explanation.maps.Heard`.
        found: dictionary of faithful, sanity, completeness, emotions (list of `MeanMap`),
            emotions_method and attention (list of names of figures).
    """
    parts = [
        _what(heard),
        _faithful(heard, found),
        _sane(found),
        _complete(found["completeness"]),
        _emotions(heard, found),
        _examples(found),
        _attention(found["attention"]),
        _limits(),
    ]
    return [part for part in parts if part]


def _what(heard):
    listener, names = heard.listener, ", ".join(sorted(set(heard.clips["emotion"])))
    whom = means.method(heard.speakers)
    count = f" of {whom['clusters']} speakers" if whom["method"] == BY_SPEAKER else ""
    text = (
        f"{len(heard.x)} test clips{count} ({names}), spread evenly, are explained. A map says how "
        "much each place of a clip's features counts for the score of the emotion that the model "
        "answered. The score is the "
        f"{listener.score}{_score(listener)}. What is taken out of a clip is replaced by "
        f"{heard.reference.about}."
    )
    if heard.run.experiment.model.mixes_clips:
        text += " This network mixes the clips of a batch; each is explained alone."
    return text


def _score(listener):
    if listener.score == "logit":
        return ", what goes into the softmax"
    return " that the model gives"


def _faithful(heard, found):
    head = ("method", "deletion", "insertion", "gap", "verdict")
    rows = [
        (name, *(_number(one[key]) for key in head[1:4]), _verdict(name, one))
        for name, one in found["faithful"].items()
    ]
    return "\n\n".join(
        [
            "## Which maps can be believed",
            "The cells of each clip are replaced by the baseline, those first that a map calls "
            "important (deletion); then the other way, they are restored first (insertion). If the "
            "map is right, the probability falls early and rises early: a small area under the "
            "first curve, a large one under the second, a large gap between the two. Random orders "
            "go in pairs with their reverse, so their gap is 0. Methods are ranked by their gap. "
            "Maps without signs (saliency, smoothgrad) also call important what speaks against the "
            "emotion, which by itself makes their gap smaller.",
            table(head, rows),
            _verdicts(found["faithful"]),
            resampling.sentence(means.method(heard.speakers)),
            "The left panel shows the gaps with 95 % intervals; a method whose interval reaches "
            "the dotted line, the gap of random order, is no better. It does not show that a map "
            "is the only possible reason."
            + (" The right panel belongs to the next section." if found["sanity"] else ""),
            "![Gap of each method](figures/ranking.png)",
            "The curves below are means over the clips; grey is random order with its interval. "
            "Even where all of a clip is the baseline the model answers something: only "
            "differences between curves count.",
            "![Deletion and insertion curves](figures/curves.png)",
        ]
    )


def _verdict(name, measured):
    return "" if name == checks.RANDOM else checks.verdict(measured)


def _verdicts(found):
    said = {}
    for name, one in found.items():
        if name != checks.RANDOM:
            said.setdefault(checks.verdict(one), []).append(f"`{name}`")
    lines = []
    for words, names in said.items():
        text = f"{_listed(names)} {'is' if len(names) == 1 else 'are'} {words}"
        trusted = words.startswith("better")
        lines.append(f"{text}." if trusted else f"**{text}: do not read such maps of this run.**")
    return " ".join(lines)


def _listed(names):
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _sane(found):
    head = "## Do the maps depend on what was learned"
    if not found["sanity"]:
        return f"{head}\n\nA classical model has no weights to draw at random: not checked."
    rows = [
        (name, _number(one["sizes"]), _number(one["signs"]) if "signs" in one else "-")
        for name, one in found["sanity"].items()
    ]
    return "\n\n".join(
        [
            head,
            "The same methods are applied to the same network with random weights (three draws, "
            f"at most {checks.SANITY_CLIPS} clips). A map that stays the same shows the clip, not "
            "what the network has learned from others. The number is the rank correlation of the "
            "two maps, of their sizes and, where values have signs, of the values: 1 is the same "
            "order of all places, near 0 is what a map of the model should have. Pauses, which "
            "both leave out, raise it. A low number alone proves nothing: noise has it too.",
            table(("method", "correlation of sizes", "with signs"), rows),
            _unchanged(found["sanity"]),
        ]
    )


def _unchanged(sanity):
    """Say which maps random weights hardly change."""
    high = {name: [kind for kind in one if one[kind]["low"] > 0.5] for name, one in sanity.items()}
    same = [f"`{name}`" for name, kinds in high.items() if len(kinds) == len(sanity[name])]
    sizes = [f"`{name}`" for name, kinds in high.items() if kinds == ["sizes"] != [*sanity[name]]]
    lines = []
    if same:
        lines.append(
            f"**Random weights hardly change the maps of {_listed(same)} (interval above 0.5): "
            "they show the clip at least as much as the model.**"
        )
    if sizes:
        lines.append(
            f"Of {_listed(sizes)} the sizes hardly change, but the signs do: where such a map is "
            "strong shows the clip, whether it is red or blue the model."
        )
    return " ".join(lines) or "No method has an interval above 0.5."


def _complete(found):
    if found is None:
        return None
    text = (
        "A map of integrated gradients must sum to the difference of the scores of clip and "
        f"baseline. Over {found['clips']} clips it misses that by {percent(found['median'])} in "
        f"the median; all errors are {percent(found['overall'])} of all differences "
        f"({methods.STEPS} steps)."
    )
    if max(found["median"], found["overall"]) > 0.1:
        text += " **That is much: take the values as rough.**"
    return f"## Integrated gradients add up\n\n{text}"


def _emotions(heard, found):
    head = "## What counts in each emotion"
    if not found["emotions"]:
        return f"{head}\n\nNo test clip is classified rightly."
    axes, method = heard.axes, found["emotions_method"]
    checked = found["faithful"][method]
    unit = axes.unit or ("s" if axes.places is None else "number")
    form = "{:.2f}" if unit == "s" else "{:.0f}" if unit == "Hz" else "{:.1f}"
    rows = [
        (one.emotion, one.clips, one.speakers, _number(one.centre, form))
        for one in found["emotions"]
    ]
    lines = "each row: left where, right how much of it falls on each bin"
    shown = lines if axes.kind == "image" else "each row: how much of it falls on each place"
    return "\n\n".join(
        [
            head,
            f"The mean map of `{method}` over the rightly classified clips of "
            f"each emotion, at most 40 of each, every clip with the same weight; {shown}, as a "
            "multiple of equal shares, with a 95 % interval. It shows where the model looks on "
            "the average; it does not show whether much or little energy there speaks for the "
            "emotion, and rows of few clips or speakers say little. The gap of "
            f"`{method}` above, {_number(checked['gap'])} ({checks.verdict(checked)}), says how "
            "far to trust it.",
            "![Mean map of each emotion](figures/emotions.png)",
            "The centre is the mean place, weighted by the map.",
            table(("emotion", "clips", "speakers", f"centre of the map ({unit})"), rows),
        ]
    )


def _examples(found):
    return (
        "## Clips\n\nThe surest right answers of different emotions, and a wrong one where there "
        "is one. Maps with signs are red where a place speaks for the emotion and blue where it "
        "speaks against it; maps without signs are bright where it counts. Each map has its own "
        "scale. A few chosen clips show what maps look like; they prove nothing about the others."
        "\n\n![Clips, features and maps](figures/examples.png)"
    )


def _attention(names):
    if not names:
        return None
    figures = "\n\n".join(f"![What the network attended to](figures/{name}.png)" for name in names)
    return (
        "## Attention\n\nThe network has an attention layer. The figures show its weights as "
        "multiples of equal ones. They say which parts are let through, not which decide: "
        f"compare with the maps above.\n\n{figures}"
    )


def _limits():
    return (
        "## Limits\n\nA map explains the network, not the emotion: a network that is wrong has "
        "maps too. Clips with parts replaced are unlike any that it was trained on, and it may "
        "react to the replacement itself; other baselines give other maps. Cells of deletion and "
        f"insertion are {faithfulness.GRID[0]} x {faithfulness.GRID[1]} patches of bins and "
        f"frames ({faithfulness.CELLS} parts of features with one axis), so finer detail is not "
        "checked. `occlusion-patches` is measured on just the patches that it removed, which "
        "favours it."
    )


def _number(measured, form="{:.2f}"):
    texts = [form.format(measured[key]) for key in ("value", "low", "high")]
    value, low, high = (text if float(text) else text.lstrip("-") for text in texts)
    return f"{value} [{low}, {high}]"
