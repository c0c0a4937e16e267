"""What the folder of a study knows: the recordings of its runs, and whose run is whose."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from serkeras import recipes, runs, studies
from serkeras._files import write_json
from serkeras.studies import folder as folders
from serkeras.studies import recordings
from serkeras.training import inherited


@pytest.fixture
def clips(tmp_path):
    """A manifest of three recordings, the last of nobody known."""
    paths = [tmp_path / f"{name}.wav" for name in "abc"]
    for path in paths:
        path.write_bytes(path.name.encode())
    return pd.DataFrame({
        "clip": ["own/a", "own/b", "own/c"], "corpus": "own", "speaker": ["1", "2", np.nan],
        "emotion": ["sad", "happy", "sad"], "path": [str(path) for path in paths],
    }).astype({"speaker": "string"})  # fmt: skip


@pytest.fixture
def out(tmp_path):
    """The folder of a study with one run."""
    (tmp_path / "s" / "runs" / "svm").mkdir(parents=True)
    (tmp_path / "s" / "runs" / "svm" / "experiment.json").write_text("{}")
    return tmp_path / "s"


def test_the_same_recordings_are_taken_in_any_order_and_place(clips, out, tmp_path):
    recordings.check(out, clips)
    moved = clips.iloc[::-1].copy()
    for row in moved.itertuples():
        new = tmp_path / "moved" / f"{row.clip[-1]}.wav"
        new.parent.mkdir(exist_ok=True)
        shutil.copy(row.path, new)
        moved.loc[row.Index, "path"] = str(new)
    recordings.check(out, moved)


@pytest.mark.parametrize("column", ["clip", "emotion", "speaker", "bytes", "fewer"])
def test_other_recordings_emotions_and_speakers_are_refused(clips, out, column):
    recordings.check(out, clips)
    if column == "bytes":
        with open(clips.loc[1, "path"], "ab") as file:
            file.write(b"more")
    elif column == "fewer":
        clips = clips.iloc[:2]
    else:
        clips.loc[2, column] = "other"
    with pytest.raises(FileExistsError, match=r"begun with 3 clips.*Restore them"):
        recordings.check(out, clips)


def test_recordings_may_be_repaired_until_a_run_stands_on_them(clips, out, tmp_path):
    recordings.check(tmp_path / "new", clips)
    repaired = clips.assign(emotion="sad")
    recordings.check(tmp_path / "new", repaired)
    shutil.copytree(out / "runs", tmp_path / "new" / "runs")
    with pytest.raises(FileExistsError):
        recordings.check(tmp_path / "new", clips)


def finished(folder, experiment):
    """Make the folder of a finished run."""
    runs.prepare(folder, experiment, overwrite=True)
    write_json(folder / "metrics.json", {})


def test_a_run_folder_is_emptied_and_stays_the_same_folder(tmp_path, monkeypatch):
    """It may be a mount point, which cannot be removed."""
    experiment, own = recipes.load("svm"), tmp_path / "run"
    finished(own, experiment)
    (own / "figures").mkdir()
    (own / "figures" / "old.png").write_text("")
    for name in ("aa.csv", "zz.csv"):
        (own / name).write_text("")
    before, removed, unlink = own.stat().st_ino, [], Path.unlink

    def noted(path, **given):
        removed.append(path.name)
        unlink(path, **given)

    monkeypatch.setattr(Path, "unlink", noted)
    runs.prepare(own, experiment, overwrite=True)
    assert own.stat().st_ino == before
    assert [path.name for path in own.iterdir()] == ["experiment.json"]
    assert (removed[0], removed[3]) == ("metrics.json", "experiment.json")


def test_a_run_that_starts_from_another_one_belongs_to_its_cell(tmp_path, monkeypatch):
    """`train` keeps the folder of that run where the recipe says run:RECIPE."""
    monkeypatch.chdir(tmp_path)
    form = {"name": "own", "about": "", "source": "", "data": ["own.csv"], "splits": ["speaker"]}
    study = studies.Study.from_dict({**form, "recipes": ["multinet-d3r3a3"]})
    (cell,) = studies.expand(study)
    out = tmp_path / "s"

    def kind():
        return studies.states(study, out)[0][0].kind

    assert kind() == "left"
    first = cell.experiment.replace(recipe="densenet121")
    for name in {
        weights.partition(":")[2] for weights in cell.experiment.model.settings["weights"]
    }:
        wanted = recipes.load(name).replace(
            data=first.data, split=first.split, seed=first.seed, label_scheme=first.label_scheme
        )
        finished(runs.default_folder(wanted), wanted)
    kept = inherited.resolve(cell.experiment)
    assert kept != cell.experiment
    runs.prepare(out / "runs" / cell.folder, kept)
    assert kind() == "interrupted"
    finished(out / "runs" / cell.folder, kept)
    assert kind() == "finished"
    shutil.rmtree(tmp_path / "artifacts")  # moved away, or on another machine
    assert kind() == "finished"
    finished(out / "runs" / cell.folder, kept.with_settings({"training.epochs": 3}))
    assert kind() == folders.FOREIGN
