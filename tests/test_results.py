"""Committed results are whole, agree with the README, and say how they came about."""

import importlib.util
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from serkeras.config import Experiment
from serkeras.evaluation import analysis

REPO = Path(__file__).resolve().parents[1]


def _script(name):
    spec = importlib.util.spec_from_file_location(name, REPO / "artifacts" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


publish, campaign = _script("publish"), _script("campaign")

RESULTS = sorted(path.parent for path in publish.RESULTS.glob("*/metrics.json"))


def test_there_are_results():
    assert RESULTS


@pytest.fixture(params=RESULTS, ids=lambda folder: folder.name)
def result(request):
    return request.param


def test_result_is_whole_and_names_its_origin(result):
    assert {path.name for path in result.iterdir()} == {*publish.KEPT, "figures"}
    facts = json.loads((result / "metrics.json").read_text())["run"]
    assert re.fullmatch("[0-9a-f]{40}", facts["commit"])
    assert facts["device"]
    assert facts["data"]
    assert facts["split"]
    assert isinstance(facts["seed"], int)


def test_figures_follow_from_the_confusion_matrix(result):
    metrics = json.loads((result / "metrics.json").read_text())
    matrix = np.array(metrics["confusion_matrix"])
    assert metrics["accuracy"]["value"] == pytest.approx(np.trace(matrix) / matrix.sum())
    recall = np.diag(matrix) / matrix.sum(axis=1)
    assert metrics["uar"]["value"] == pytest.approx(recall.mean())
    for name in ("accuracy", "uar", "macro_f1"):
        assert 0 <= metrics[name]["low"] <= metrics[name]["high"] <= 1


def test_sides_hold_what_the_split_claims(result):
    split = json.loads((result / "split.json").read_text())
    sides = [set(split[name]) for name in ("train", "validation", "test")]
    assert sum(map(len, sides)) == len(set.union(*sides))
    if split["speaker_disjoint"] and all("ravdess/" in clip for clip in sides[0]):
        actors = [{clip[-2:] for clip in side} for side in sides]
        assert sum(map(len, actors)) == len(set.union(*actors))


def test_title_names_the_protocol(result):
    experiment = Experiment.from_dict(json.loads((result / "experiment.json").read_text()))
    split = json.loads((result / "split.json").read_text())
    title = (result / "report.md").read_text().partition("\n")[0]
    assert title == f"# {analysis.protocol(experiment, split['speaker_disjoint'])}"


@pytest.mark.parametrize(
    "path",
    [
        *publish.RESULTS.glob("protocols/*/page.md"),
        *publish.RESULTS.glob("cross-corpus/*/page.md"),
        *publish.RESULTS.glob("studies/*/report.md"),
        *publish.RESULTS.glob("searches/*/report.md"),
    ],
    ids=lambda path: path.parent.name,
)
def test_titles_of_many_runs_name_their_protocols(path):
    title = path.read_text().partition("\n")[0]
    assert re.search(r", split [\w:-]+|, under ([\w-]+ \((new|known) |\d protocols$)", title)


def test_pictures_of_the_report_are_there(result):
    text = (result / "report.md").read_text()
    shown = re.findall(r"\]\((figures/[^)]+)\)", text)
    assert len(shown) >= 4
    assert all((result / name).is_file() for name in shown)


@pytest.mark.parametrize(
    ("page", "made"), [("README.md", publish.summary), ("docs/results.md", publish.table)]
)
def test_tables_are_those_of_the_results(page, made):
    text = (REPO / page).read_text(encoding="utf-8")
    shown = text.split(publish.START)[1].split(publish.END)[0].strip()
    assert shown == made()


def test_page_and_figure_of_the_campaign_are_those_of_the_results():
    assert campaign.outdated() == []


def test_table_puts_new_speakers_first_and_labels_the_others():
    rows = publish.table().splitlines()[2:]
    known = ["**the same speakers**" in row for row in rows]
    assert known == sorted(known)


def test_summary_has_each_recipe_once_and_the_best_first():
    rows = [row.split(" | ") for row in publish.summary().splitlines()[2:]]
    assert len({tuple(row[:2]) for row in rows}) == len(rows)
    eight = [row[2] for row in rows if row[1] == "ravdess, 8" and row[2] != "-"]
    eight = [float(cell[1:].split(" ")[0]) for cell in eight]
    assert eight == sorted(eight, reverse=True)


def _pretend(run, tmp_path, **facts):
    """Copy a run's metadata into a folder with other facts."""
    folder = tmp_path / "pretended"
    shutil.copytree(run.folder, folder)
    metrics = json.loads((folder / "metrics.json").read_text())
    metrics["run"] |= facts
    (folder / "metrics.json").write_text(json.dumps(metrics))
    return folder


@pytest.mark.parametrize(
    ("recipe", "words"),
    [
        ("cnn", "accuracy 67, macro F1 68 (random)"),
        ("fcn-attention-1d", "accuracy 51, UAR 42 (random)"),
        ("fcn-attention-2d", "accuracy 67 (IEMOCAP)"),
        ("svm", "-"),
    ],
)
def test_published_figures_say_what_they_are_of(recipe, words):
    assert publish._published(recipe) == words


def test_effort_of_a_classical_run_has_no_epochs():
    assert publish._effort({"epochs": {"search": 3, "final": 2}, "seconds": 90}) == (
        "3 + 2 epochs, 2 min"
    )
    assert publish._effort({"epochs": {}, "seconds": 3.2}) == "3 s"


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"commit": None}, "must come from a commit"),
        ({"commit": "0" * 40 + "+changes"}, "must come from a commit"),
        ({"commit": "0" * 40, "data": ["ravdess=RAV"]}, "must name its corpora"),
    ],
)
def test_what_cannot_be_made_again_is_not_published(small_run, tmp_path, facts, words):
    folder = _pretend(small_run, tmp_path, **facts)
    with pytest.raises(ValueError, match=words):
        publish.publish(folder, tmp_path / "results")
    assert not (tmp_path / "results").exists()


def test_publish_copies_and_writes_the_table(small_run, tmp_path):
    folder = _pretend(small_run, tmp_path, commit="0" * 40, data=["synthetic"])
    publish.publish(folder, tmp_path / "results")
    (tmp_path / "docs").mkdir()
    readme, page = tmp_path / "README.md", tmp_path / "docs" / "results.md"
    for path in (readme, page):
        path.write_text(f"before\n{publish.START}\nold\n{publish.END}\nafter\n")
    publish.write_tables(tmp_path, tmp_path / "results")
    for path in (readme, page):
        text = path.read_text()
        assert "old" not in text
        assert text.startswith("before\n")
        assert text.endswith("\nafter\n")
        assert "pretended/report.md" in text
        assert "`training.epochs=3`" in text
    figures = tmp_path / "results" / "pretended" / "figures"
    for figure in (folder / "figures").glob("*.png"):
        assert (figures / figure.name).stat().st_size < figure.stat().st_size
    readme.write_text("no markers")
    with pytest.raises(ValueError, match="must hold the markers"):
        publish.write_tables(tmp_path, tmp_path / "results")


ANALYSES = sorted(publish.RESULTS.glob("*/*/result.json"))
SEARCHES = sorted(publish.RESULTS.glob("searches/*/about.json"))


@pytest.mark.parametrize("path", ANALYSES, ids=lambda path: str(path.parent.name))
def test_analyses_name_their_origin_and_have_their_figures(path):
    made_by = json.loads(path.read_text())["made_by"]
    assert re.fullmatch("[0-9a-f]{40}", made_by["commit"])
    text = (path.parent / "page.md").read_text()
    shown = re.findall(r"\]\((figures/[^)]+)\)", text)
    assert shown
    assert all((path.parent / name).is_file() for name in shown)


@pytest.mark.parametrize("path", SEARCHES, ids=lambda path: str(path.parent.name))
def test_searches_name_their_origin_and_their_best(path):
    about = json.loads(path.read_text())
    assert re.fullmatch("[0-9a-f]{40}", about["commit"])
    assert about["device"]
    table = pd.read_csv(path.with_name("table.csv"), dtype={"trial": str})
    objective = json.loads(path.with_name("plan.json").read_text())["objective"]
    best = table.loc[table[objective].idxmax()]
    text = path.with_name("report.md").read_text()
    assert f"## The best trial, {best['trial']}" in text
    assert f"{objective} {best[objective]:.3f}" in text
