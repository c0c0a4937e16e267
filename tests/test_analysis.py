"""The form that all analyses of a run share."""

import pytest

from serkeras._files import read_json
from serkeras.config import Experiment
from serkeras.evaluation import analysis, plots


def _figure():
    figure = plots.new_figure(1, 1)
    figure.subplots()
    return figure


def test_titles_name_the_protocol():
    experiment = Experiment(recipe="cnn2", data=("ravdess", "/data/own=x"), split="random", seed=3)
    assert analysis.protocol(experiment, False) == (
        "cnn2 on ravdess + own, split random (speakers known from training), seed 3"
    )
    assert "(new speakers)" in analysis.protocol(experiment, True)
    assert "perhaps known" in analysis.protocol(experiment, None)


def test_an_older_analysis_is_replaced_whole(tmp_path):
    folder = tmp_path / "analyses" / "groups"
    analysis.write(folder, "Old", {"a": 1}, ["![x](figures/old.png)"], {"old": _figure()})
    page = analysis.write(folder, "New", {"a": 2}, ["![x](figures/new.png)"], {"new": _figure()})
    assert page.read_text() == "# New\n\n![x](figures/new.png)\n"
    assert [path.name for path in (folder / "figures").iterdir()] == ["new.png"]
    assert read_json(folder / analysis.RESULT) == {"a": 2}


@pytest.mark.parametrize("text", ["", "![x](figures/a.png) ![x](figures/b.png)"])
def test_a_page_shows_just_its_figures(tmp_path, text):
    with pytest.raises(ValueError, match="must show its figures"):
        analysis.write(tmp_path, "Title", {}, [text], {"a": _figure()})
    assert not (tmp_path / analysis.PAGE).exists()
