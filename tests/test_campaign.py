"""The table and the figure over all recipes on RAVDESS, from made-up results."""

import importlib.util
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from serkeras._files import write_json

REPO = Path(__file__).resolve().parents[1]
_spec = importlib.util.spec_from_file_location("campaign", REPO / "artifacts" / "campaign.py")
campaign = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(campaign)
drawing = campaign.drawing

FOLDS = {"folds5": 5, "emobox": 6, "loso": 24, "kfold": 5, "random": 1, "corpus": 2}
KNOWN = {"speakers": "the same", "new": ""}
LABELS = ["angry", "calm", "disgust", "fear", "happy", "neutral", "sad", "surprise"]


def row(recipe, protocol, uar, seeds=3, missing=0, **facts):
    of = FOLDS[protocol] * seeds
    return {
        "recipe": recipe, "protocol": protocol, "speakers": "new", "new": "speakers",
        "folds": FOLDS[protocol], "seeds": seeds, "runs": of - missing, "of": of,
        "uar_mean": uar + 0.001, "uar_sd": 0.021 if of > 1 else None, "uar_value": uar,
        "uar_low": uar - 0.04, "uar_high": uar + 0.03, **facts,
    }  # fmt: skip


def result(name, rows, parameters=None, listed=True, folder="results", **facts):
    """Return a function that writes a result.json; its runs take 60, 61, ... seconds."""
    runs = [
        {"recipe": each["recipe"], "protocol": each["protocol"], "parameters": parameters,
         "seconds": 60.0 + number, "device": f"device of {each['protocol']}", "commit": "c" * 40}
        for each in rows for number in range(each["runs"])
    ]  # fmt: skip
    study = {"data": ["ravdess"], "label_scheme": "own", "settings": {}}
    study |= {key: facts.pop(key) for key in list(facts) if key in study}
    values = {"study": study, "labels": LABELS, "table": rows, **facts}
    values |= {"runs": runs} if listed else {}
    values["made_by"] = {"commit": "d" * 40, "device": None}
    return lambda repo: write_json(repo / folder / name / "result.json", values)


FIVE = [
    result("cnn5-a", [row("cnn5", "folds5", 0.41), row("cnn5", "random", 0.7, **KNOWN)], 1_200_000),
    result("fc-mfcc", [row("fc-mfcc", "folds5", 0.56), row("fc-mfcc", "emobox", 0.5)], 874_120),
    result("issa", [row("issa", "kfold", 0.6, **KNOWN)], 1_200_000),
    result(
        "older",
        [row("svm", "folds5", 0.46, seeds=1), row("svm", "kfold", 0.67, seeds=1, **KNOWN),
         row("svm", "random", 0.7, seeds=1, **KNOWN), row("svm", "loso", 0.9)],
        listed=False,
    ),
    result("hubert", [row("hubert-large-frozen", "folds5", 0.72, missing=2)], 316_000_000),
]  # fmt: skip


@pytest.fixture
def repo(tmp_path):
    """A repository with a page and the results of five recipes."""
    (tmp_path / "docs" / "figures").mkdir(parents=True)
    text = f"# T\n\n{campaign.START}\nwritten before\n{campaign.END}\n\n## What was tried\n"
    (tmp_path / "docs" / "campaign.md").write_text(text)
    for write in FIVE:
        write(tmp_path)
    return tmp_path


def cells(repo):
    """The table's lines by recipe, each a dictionary from the head to a cell."""
    text = campaign.table(campaign.lines(repo / "results"))
    head, _, *rows = [line.strip("| ").split(" | ") for line in text.splitlines()]
    return {line[0]: dict(zip(head, line, strict=True)) for line in rows}


NEW, KNOWN_HEAD = "UAR, new speakers, `folds5`", "UAR, **known speakers**"


def test_the_best_on_new_speakers_come_first(repo):
    names = ["hubert-large-frozen", "fc-mfcc", "svm", "cnn5", "issa"]
    assert list(cells(repo)) == [f"`{name}`" for name in names]


def test_a_line_has_the_figures_of_its_results(repo):
    found = cells(repo)
    line = found["`cnn5`"]
    way = "../artifacts/results/protocols/cnn5-a/page.md"
    assert line[NEW] == f"[41.0 [37.0, 44.0]]({way})"
    assert line["mean ± sd of the runs"] == "41.1 ± 2.1"
    assert line["runs"] == "5 folds x 3 seeds"
    known = f"[70.0 [66.0, 73.0]]({way}), `random`: 1 fold x 3 seeds"
    assert line[KNOWN_HEAD] == known
    assert line["parameters"] == "1,200,000"
    assert line["training time a run"] == "1.1 min (1.0 min to 1.2 min)"
    assert (line["device"], line["commit"]) == ("device of folds5", "ccccccc")
    words = "accuracy 13.2, validation accuracy 65.3 (RAVDESS, 8 classes, random 80/10/10)"
    assert line["published"] == words
    assert found["`fc-mfcc`"]["UAR, new speakers, `emobox`"].startswith("[50.0 [46.0, 53.0]](")
    assert found["`hubert-large-frozen`"]["runs"] == "5 folds x 3 seeds, **2 runs missing**"


def test_what_was_not_measured_is_a_dash(repo):
    line = cells(repo)["`issa`"]
    assert [line[name] for name in (NEW, "mean ± sd of the runs", "runs")] == ["-"] * 3
    assert line["device"] == "device of kfold"
    line = cells(repo)["`svm`"]  # whose result lists no runs
    names = ("published", "parameters", "training time a run", "device")
    assert [line[name] for name in names] == ["-"] * 4
    assert line["commit"] == "ddddddd"
    assert "`kfold`: 5 folds x 1 seed" in line[KNOWN_HEAD]  # of more folds than `random`


def test_ensembles_stand_apart_from_single_models(repo):
    assert campaign.ensembles(campaign.lines(repo / "results")) == ""
    ends = {"value": 0.45, "low": 0.4, "high": 0.5}
    told = {f"{name}_{end}": value for name in ("uar", "gain_uar") for end, value in ends.items()}
    joined = [
        {"recipe": "cnn5", "protocol": protocol, "members": 4, "single_uar": 0.41, **told}
        for protocol in ("folds5", "loso")  # which is no protocol of the table
    ]
    rows = [row("cnn5", "folds5", 0.41, seeds=4)]
    result("cnn5-b", rows, 1_200_000, joined=joined)(repo)
    text = campaign.ensembles(campaign.lines(repo / "results"))
    assert text.splitlines()[-1] == (
        "| `cnn5` | `folds5` | 4 | 4,800,000 | 41.0 | "
        "[45.0 [40.0, 50.0]](../artifacts/results/protocols/cnn5-b/page.md) | "
        "+45.0 [+40.0, +50.0] |"
    )
    campaign.write(repo, repo / "results")
    assert "### Ensembles, apart" in (repo / "docs" / "campaign.md").read_text()


def test_only_ravdess_alone_with_all_its_emotions_counts(repo):
    before = cells(repo)
    best = [row("cnn5", "folds5", 0.99, seeds=9)]
    for number, facts in enumerate(
        [{"data": ["emodb"]}, {"data": ["ravdess", "tess"]}, {"labels": LABELS[:7]},
         {"label_scheme": "seven"}]
    ):  # fmt: skip
        result(f"other-{number}", best, **facts)(repo)
    assert cells(repo) == before


def test_recipes_of_several_corpora_have_a_table_of_their_own(repo):
    def part(recipe, protocol, uar, **where):
        ends = {"uar_value": uar, "uar_low": uar - 0.1, "uar_high": uar + 0.1}
        return {"recipe": recipe, "protocol": protocol, **ends, **where}

    def shown():
        return campaign.mixed.section(repo / "results", campaign.named, campaign.WAY)

    assert shown() == ""
    rows = [
        row("svm", "random", 0.9, seeds=1, **KNOWN), row("svm", "loso", 0.6, seeds=1, missing=2),
        row("cnn5", "loso", 0.7, seeds=1),
        {**row("cnn5", "random", 0.0, seeds=1, missing=1), "uar_value": None},  # not run yet
    ]  # fmt: skip
    corpora = [
        part("svm", "loso", value, corpus=name)
        for name, value in (("emodb", 0.3), ("tess", 0.5), (campaign.mixed.MEAN, 0.4))
    ]
    facts = {"data": ["tess", "emodb"], "label_scheme": "seven", "labels": LABELS[:7]}
    result("two", rows, corpora=corpora, by_fold=[], settings={"training.epochs": 3}, **facts)(repo)
    other = [part("cnn5", "corpus", 0.2, fold="corpus:emodb")]
    facts["data"] = ["emodb", "tess"]  # the order of the corpora is no difference
    result("three", [row("cnn5", "corpus", 0.25, seeds=1)], by_fold=other, **facts)(repo)
    head, *lines = shown().strip().splitlines()
    assert head == "### emodb + tess: 7 emotions, label scheme `seven`"
    way = "../artifacts/results/protocols"
    name = ", `training.epochs=3` |"
    assert [line for line in lines if line.startswith("| `")] == [
        "| `cnn5` | `corpus` | new speakers | 2 of 2 "
        f"| [25.0 [21.0, 28.0]]({way}/three/page.md) | - | emodb 20.0 [10.0, 30.0] |",
        f"| `cnn5`{name} `loso` | new speakers | 24 of 24 "
        f"| [70.0 [66.0, 73.0]]({way}/two/page.md) | - | - |",
        f"| `svm`{name} `loso` | new speakers | 22 of 24 | [60.0 [56.0, 63.0]]({way}/two/page.md) "
        "| 40.0 [30.0, 50.0] | emodb 30.0 [20.0, 40.0], tess 50.0 [40.0, 60.0] |",
        f"| `svm`{name} `random` | **known speakers** | 1 of 1 "
        f"| [90.0 [86.0, 93.0]]({way}/two/page.md) | - | - |",
    ]
    campaign.write(repo, repo / "results")
    assert head in (repo / "docs" / "campaign.md").read_text()


def test_parts_have_a_table_with_their_differences(repo):
    folder = repo / "studies" / "parts"
    assert campaign.parts.section(folder.parent, "..") == ""
    write_json(folder / "study.json", {"name": "parts", "settings": {"training.epochs": 60}})
    pd.DataFrame({
        "a": ["no masks/own"], "b": ["as it is/own"], "split": ["folds5"], "runs": [3],
        "units": [17], "unit": ["speaker"], "uar_a": [0.58], "uar_b": [0.6349],
        "uar_difference": [-0.0549], "uar_low": [-0.08], "uar_high": [-0.03], "uar_p": [0.004],
        "uar_p_holm": [0.0321],
    }).to_csv(folder / "compare-folds5-with-as-it-is-own.csv", index=False)  # fmt: skip
    told = campaign.parts.section(folder.parent, "..")
    assert "\n### What each part is worth: `parts`\n" in told
    assert [line for line in told.splitlines() if line.startswith("|")][2:] == [
        "| **as it is** | 3 | 63.5 |  |  |  |",
        "| no masks | 3 | 58.0 | -5.5 [-8.0, -3.0] | 0.004 | 0.032 |",
    ]
    for words in ("split `folds5`", "`training.epochs=60`", "17 speakers"):
        assert words in told
    assert "(../parts/compare-folds5-with-as-it-is-own.png)" in told
    campaign.write(repo, repo / "results")
    assert "### What each part is worth" in (repo / "docs" / "campaign.md").read_text()


def test_of_several_results_that_of_most_runs_counts_and_settings_stand_apart(repo):
    result("cnn5-zz", [row("cnn5", "folds5", 0.2, seeds=1)], 5)(repo)
    result("cnn5-z", [row("cnn5", "folds5", 0.5, seeds=5)], 1_200_000)(repo)
    short = {"training.epochs": 10}
    result("cnn5-short", [row("cnn5", "folds5", 0.3)], 1_200_000, settings=short)(repo)
    found = cells(repo)
    assert found["`cnn5`"][NEW].startswith("[50.0")
    assert found["`cnn5`"][KNOWN_HEAD].startswith("[70.0")  # of the other result
    assert found["`cnn5`, `training.epochs=10`"][NEW].startswith("[30.0")
    result("issa-short", [row("issa", "folds5", 0.2)], 9_000, settings=short)(repo)
    (repo / "results" / "issa" / "result.json").unlink()
    dots = campaign.points(campaign.lines(repo / "results"))["recipe"].unique()
    # In the figure settings tell lines of one recipe apart, and are left out elsewhere.
    assert {"cnn5", "cnn5, training.epochs=10", "issa"} <= set(dots)


def test_speakers_who_may_be_known_are_told(repo):
    facts = {"speakers": "unknown", "new": ""}
    result("fc", [row("fc-mfcc", "folds5", 0.6, seeds=9, **facts)], 5)(repo)
    assert cells(repo)["`fc-mfcc`"][NEW].endswith("page.md), **speakers perhaps known**")


def test_write_makes_page_figure_and_numbers_and_check_sees_a_change(repo):
    names = [campaign.PAGE, campaign.POINTS]
    assert campaign.outdated(repo, repo / "results") == [*names, campaign.FIGURE]
    campaign.write(repo, repo / "results")
    assert campaign.outdated(repo, repo / "results") == []
    text = (repo / campaign.PAGE).read_text()
    assert "written before" not in text
    assert text.startswith("# T\n")
    assert text.endswith(f"{campaign.END}\n\n## What was tried\n")
    assert all(f"- {level.words}: {level.source}" in text for level in drawing.LEVELS)
    result("cnn5-a", [row("cnn5", "folds5", 0.42)], 1_200_000)(repo)
    assert campaign.outdated(repo, repo / "results") == names
    campaign.write(repo, repo / "results")
    (repo / campaign.FIGURE).unlink()
    assert campaign.outdated(repo, repo / "results") == [campaign.FIGURE]
    (repo / campaign.PAGE).write_text("no markers")
    with pytest.raises(ValueError, match="must hold the markers"):
        campaign.outdated(repo, repo / "results")


def test_the_command_fails_on_what_would_change(monkeypatch, capsys):
    monkeypatch.setattr(campaign, "outdated", lambda: [])
    assert campaign.main(["--check"]) == 0
    monkeypatch.setattr(campaign, "outdated", lambda: ["docs/campaign.md"])
    assert campaign.main(["--check"]) == 1
    assert "not of the results: docs/campaign.md" in capsys.readouterr().out


# The figure.


def test_points_are_of_new_speakers_and_of_known_ones(repo):
    found = campaign.points(campaign.lines(repo / "results"))
    assert list(found) == drawing.COLUMNS
    keys = found.set_index(["recipe", "speakers"]).drop(columns="low").T.to_dict("list")
    assert keys["cnn5", "new"] == ["folds5", 1_200_000, 41.0, 44.0]
    assert keys["cnn5", "known"] == ["random", 1_200_000, 70.0, 73.0]
    assert keys["svm", "known"] == ["kfold", None, 67.0, 70.0]
    assert len(keys) == 7
    # A network of which nobody knows the size has no place in the figure.
    result("cnn2", [row("cnn2", "folds5", 0.5)], listed=False)(repo)
    assert "cnn2" not in set(campaign.points(campaign.lines(repo / "results"))["recipe"])


def drawn(points):
    figure = drawing.draw(points)
    strip, main = figure.axes
    named = {text.get_text(): text for axis in (strip, main) for text in axis.texts}
    return figure, strip, main, {name: named[name] for name in dict.fromkeys(points["recipe"])}


def test_the_figure_has_a_strip_for_what_is_no_network(repo):
    points = campaign.points(campaign.lines(repo / "results"))
    _, strip, main, names = drawn(points)
    assert {name for name, text in names.items() if text.axes is strip} == {"svm"}
    assert main.get_xscale() == "log"
    levels = [line.get_ydata()[0] for line in main.lines if len(set(line.get_xdata())) == 2]
    assert sorted(levels) == [54.3, 62.3, 67, 70.0, 75.3, 80.4, 90.0]
    hollow = [line for line in main.lines if line.get_markerfacecolor() == "white"]
    assert sorted(line.get_ydata()[0] for line in hollow if len(line.get_ydata())) == [60.0, 70.0]
    assert len(main.containers) == 3  # dots with intervals: the new speakers


def test_many_names_meet_neither_each_other_nor_dots():
    rng, sizes = np.random.default_rng(0), [874_120] * 6 + [10_000, 95_000_000] + [94_000_000] * 4
    sizes += [None] * 4
    rows = []
    for number, size in enumerate(sizes):
        uar = rng.uniform(14, 80)
        name = f"recipe-{number}" + "-of-a-long-name" * (number % 2)
        rows.append((name, "folds5", "new", size, uar, uar - 4, uar + 3))
        rows.append((name, "kfold", "known", size, uar + 10, uar + 6, uar + 13))
    points = pd.DataFrame(rows, columns=drawing.COLUMNS).astype({"parameters": "Int64"})
    figure, strip, main, names = drawn(points)
    figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in names.values()]
    frames = {axis: axis.get_window_extent() for axis in (strip, main)}
    for text, box in zip(names.values(), boxes, strict=True):
        frame = frames[text.axes]
        assert (frame.x0 < box.x0, box.x1 < frame.x1, frame.y0 < box.y0) == (True,) * 3
    assert len(boxes) == 16
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])
    dots = [
        line.axes.transData.transform(line.get_xydata()[0])
        for axis in (strip, main)
        for line in axis.lines
        if line.get_marker() == "o" and len(line.get_xydata())
    ]
    assert len(dots) == 32
    assert not any(box.padded(3).contains(*dot) for box in boxes for dot in dots)


def test_a_figure_needs_no_network():
    points = pd.DataFrame([("svm", "folds5", "new", None, 46.0, 42.0, 50.0)])
    points.columns = drawing.COLUMNS
    _, strip, main, _ = drawn(points.astype({"parameters": "Int64"}))
    assert len(strip.containers) == 1
    assert len(main.containers) == 0


@pytest.mark.parametrize("seed", range(4))
def test_neighbours_are_put_apart_in_their_order_and_as_little_as_it_takes(seed):
    rng = np.random.default_rng(seed)
    values = rng.uniform(0, 1, 12)
    moved = drawing.apart(values, 0.05)
    order = np.argsort(values)
    assert np.diff(moved[order]).min() > 0.05 - 1e-9
    assert moved.mean() == pytest.approx(values.mean())
    assert drawing.apart(values, 0.0) == pytest.approx(values)
    assert drawing.apart([1.0, 1.0, 5.0], 1.0) == pytest.approx([0.5, 1.5, 5.0])


def test_every_line_of_the_figure_says_what_it_is_of():
    for level in drawing.LEVELS:
        assert level.source
        assert re.fullmatch(r".+ \d+\.\d \(.+\)", level.words)
