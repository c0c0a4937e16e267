"""Which corpora help: mixtures, lists, and one comparison on tiny corpora."""

import json
from functools import partial

import pandas as pd
import pytest

import serkeras
from serkeras.cli import main
from serkeras.corpora_help import plan
from tests.recordings import write_corpus


@pytest.fixture(scope="module")
def corpora(tmp_path_factory):
    """CSV files of a target and of two corpora to add, one of them with another emotion too."""
    found = []
    for number, name in enumerate(("target", "one", "two")):
        folder = tmp_path_factory.mktemp(name)
        path = write_corpus(folder, speakers=5, takes=2, seconds=0.5, seed=number)
        table = pd.read_csv(path)
        if name == "two":
            table.loc[:1, "emotion"] = "boredom"
        table.to_csv(folder / f"{name}.csv", index=False)
        found.append(str(folder / f"{name}.csv"))
    return found


SETTINGS = {"audio.duration_s": 0.5, "features.n_mels": 16, "features.n_mfcc": 16}


def test_mixtures_are_alone_each_all_and_all_but_each():
    found = plan.mixtures(["tess", "emodb", "cremad"], ("all", 256))
    assert [one.folder for one in found] == [
        "alone", "tess", "emodb", "cremad", "tess+emodb", "tess+cremad", "emodb+cremad",
        "tess+emodb+cremad", "tess-256", "emodb-256", "cremad-256", "tess+emodb-256",
        "tess+cremad-256", "emodb+cremad-256", "tess+emodb+cremad-256",
    ]  # fmt: skip
    assert found[-1].words == "+ tess + emodb + cremad, 256 clips each"
    assert [one.folder for one in plan.mixtures(["tess"])] == ["alone", "tess"]
    assert len(plan.mixtures(["tess", "emodb"])) == 4
    for names, clips in (([], ("all",)), (["a", "a"], ("all",)), (["a"], (0,))):
        with pytest.raises(ValueError, match="Corpora to add must be"):
            plan.mixtures(names, clips)


def test_lists_add_to_training_only(corpora):
    target, *extra = corpora
    material = plan.load(target, extra, "speaker", 0, "own")
    assert material.dropped == {"one": 0, "two": 2}
    alone = plan.lists(material, plan.Mixture(()), 0)
    both = plan.lists(material, plan.Mixture(("one", "two")), 0)
    some = plan.lists(material, plan.Mixture(("one", "two"), 5), 0)
    for side in ("validation", "test"):
        assert alone[side] == both[side] == some[side]
    assert set(both["train"]) - set(alone["train"]) == {
        *material.extra["one"]["clip"], *material.extra["two"]["clip"],
    }  # fmt: skip
    assert len(some["train"]) == len(alone["train"]) + 10
    assert set(some["train"]) < set(both["train"])
    assert plan.lists(material, plan.Mixture(("one", "two"), 5), 0) == some
    assert plan.lists(material, plan.Mixture(("one", "two"), 5), 1) != some


def test_a_corpus_of_the_targets_speakers_is_refused(corpora, tmp_path):
    table = pd.read_csv(corpora[0])
    table["path"] = [str(tmp_path / name) for name in table["path"]]
    folder = tmp_path
    write_corpus(folder, speakers=5, takes=2, seconds=0.5, seed=9)
    table["speaker"] = "target-" + table["speaker"].astype(str)
    table["corpus"], table["clip"] = "target", "again/" + table["path"].map(str)
    table.to_csv(folder / "again.csv", index=False)
    with pytest.raises(ValueError, match="5 speakers in common"):
        plan.load(corpora[0], [str(folder / "again.csv")], "speaker", 0, "own")


def test_comparison_is_paired_and_goes_on(corpora, tmp_path, capsys, monkeypatch):
    target, *extra = corpora
    words = ["corpora-help", "svm", "--test", target, "--out", str(tmp_path / "out"), "--quiet"]
    words += [word for spec in extra for word in ("--extra", spec)]
    words += [f"--set={name}={value}" for name, value in SETTINGS.items()]
    assert main(words) == 0
    printed = capsys.readouterr().out
    assert "+ one + two" in printed
    result = json.loads((tmp_path / "out" / "result.json").read_text(encoding="utf-8"))
    assert [row["mixture"] for row in result["rows"]] == ["alone", "+ one", "+ two", "+ one + two"]
    runs = [serkeras.Run(tmp_path / "out" / "runs" / name) for (name,) in result["runs"]]
    right = [(run.predictions["emotion"] == run.predictions["predicted"]).mean() for run in runs]
    for row, share in zip(result["rows"][1:], right[1:], strict=True):
        found = row["difference"]["accuracy"]
        assert found["difference"] == pytest.approx(share - right[0])
        assert found["p_holm"] >= found["p"]
    clips = [set(run.predictions["clip"]) for run in runs]
    assert all(each == clips[0] for each in clips)
    text = (tmp_path / "out" / "page.md").read_text(encoding="utf-8")
    assert text.startswith("# Which corpora help: svm on target.csv, split speaker (new speakers)")
    assert "Left out, of emotions that target does not have: 2 of two clips" in text

    def forbidden(*_, **__):
        raise AssertionError("a finished run was trained again")

    monkeypatch.setattr("serkeras.corpora_help.analysis.train", forbidden)
    assert main(words) == 0
    assert main([*words, "--split", "random"]) == 2
    assert "A folder holds one comparison" in capsys.readouterr().err


def test_a_number_that_takes_all_is_all_and_the_real_one_is_told(corpora):
    target, *extra = corpora
    material = plan.load(target, extra, "speaker", 0, "own")
    sizes = {name: len(clips) for name, clips in material.extra.items()}
    assert sizes["two"] == sizes["one"] - 2
    wanted = plan.mixtures(["one", "two"], ("all", 1000, sizes["one"] - 1))
    found = plan.different(wanted, material)
    assert [one.folder for one in found] == [
        "alone", "one", "two", "one+two", f"one-{sizes['one'] - 1}", f"one+two-{sizes['one'] - 1}",
    ]  # fmt: skip
    trained = [tuple(plan.lists(material, one, 0)["train"]) for one in found]
    assert len(set(trained)) == len(trained)
    assert plan.told(found[-1], material).endswith(f"clips each (two has {sizes['two']})")
    assert plan.told(found[1], material) == "+ one"
    assert plan.added(found[-1], material) == {"one": sizes["one"] - 1, "two": sizes["two"]}


def test_one_corpus_one_number_of_seeds_and_another_spelling(corpora, tmp_path, monkeypatch):
    asked = {"extra": corpora[1], "clips": 1000, "settings": SETTINGS, "n_boot": 50}
    monkeypatch.chdir(tmp_path)
    ask = partial(serkeras.compare_corpora, "svm", corpora[0], progress=False, **asked)
    result = ask(seeds=1, out="here")
    assert [row["mixture"] for row in result["rows"]] == ["alone", "+ one"]
    assert result["rows"][1]["added"] == {"one": 20}

    def forbidden(*_, **__):
        raise AssertionError("a finished run was trained again")

    monkeypatch.setattr("serkeras.corpora_help.analysis.train", forbidden)
    for out in ("./here/", tmp_path / "here", "../" + tmp_path.name + "/here"):
        assert ask(seeds=[0], out=out)["rows"] == result["rows"]
    # Runs of before, begun with a relative path, are known too.
    for path in (tmp_path / "here" / "runs").glob("*/experiment.json"):
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace(f"{tmp_path.resolve()}/", ""), encoding="utf-8")
    assert ask(seeds=1, out=tmp_path / "here")["rows"] == result["rows"]
    # One run whose test speakers are known is enough for the title.
    path = tmp_path / "here" / "runs" / "one-seed0" / "split.json"
    values = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**values, "speaker_disjoint": False}), encoding="utf-8")
    assert ask(seeds=1, out="here")["speaker_disjoint"] is False
    title = (tmp_path / "here" / "page.md").read_text(encoding="utf-8").splitlines()[0]
    assert "speakers known from training" in title
