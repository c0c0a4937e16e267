"""The form that all analyses of a run share."""

import pytest

from serkeras._files import read_json
from serkeras.config import Experiment
from serkeras.evaluation import _markdown, analysis, plots


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


def test_differences_are_told_in_points():
    told = _markdown.points({"value": 0.01234, "low": -0.0004, "high": 0.02})
    assert told == "+1.2 [-0.0, +2.0]", "the sign says that the interval holds 0"
    # What rounding errors leave of nothing has no sign.
    nothing = {"difference": -1e-17, "low": -1e-17, "high": 0}
    assert _markdown.points(nothing, "difference") == "+0.0 [+0.0, +0.0]"
    row = {"uar_value": 0.682, "uar_low": 0.637, "uar_high": 0.7261, "uar_gain": -0.01}
    assert _markdown.limited(row, "uar") == "68.2 [63.7, 72.6]"
    assert _markdown.limited(row, "uar", "+", "gain") == "-1.0 [+63.7, +72.6]"


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
