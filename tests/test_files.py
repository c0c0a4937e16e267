"""Files appear whole, with the rights that the user's umask gives, whatever threads do."""

import os
import threading

import pytest

from serkeras import _files
from serkeras.config import Experiment
from serkeras.runs import Run


def test_text_appears_whole_or_not_at_all(tmp_path):
    path = tmp_path / "deep" / "a.txt"
    with _files.atomic_write(path) as file:
        file.write("old")
        assert not path.exists()
    with pytest.raises(TypeError), _files.atomic_write(path) as file:
        file.write(b"new")
    assert path.read_text() == "old"
    assert os.listdir(path.parent) == ["a.txt"]


def test_temporary_file_has_the_ending_and_a_name_of_its_own(tmp_path):
    path = tmp_path / "model.keras"
    with _files.atomic_path(path) as one, _files.atomic_path(path) as other:
        assert one != other
        assert {one.suffix, other.suffix} == {".keras"}
        assert one.parent == tmp_path


@pytest.mark.parametrize("umask", [0o022, 0o027, 0o077])
def test_rights_follow_the_umask(umask, tmp_path):
    before = os.umask(umask)
    try:
        _files.write_json(tmp_path / "a.json", {})
    finally:
        os.umask(before)
    assert (tmp_path / "a.json").stat().st_mode & 0o777 == 0o666 & ~umask


def test_threads_do_not_touch_the_umask(tmp_path, monkeypatch):
    touched = []
    monkeypatch.setattr(os, "umask", touched.append)
    threads = [
        threading.Thread(target=_files.write_json, args=(tmp_path / f"{n}.json", n))
        for n in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(list(tmp_path.glob("*.json"))) == 4
    assert touched == []


def test_broken_json_is_named(tmp_path):
    (tmp_path / "a.json").write_text("{")
    with pytest.raises(ValueError, match=r"valid JSON. Received: .*a\.json"):
        _files.read_json(tmp_path / "a.json")


def test_only_empty_cells_of_a_table_are_missing(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("speaker,emotion,number\n01,None,1.5\nNA,,\n")
    table = _files.read_csv(path, ("speaker", "emotion"))
    assert table["speaker"].to_list() == ["01", "NA"]
    assert table["emotion"][0] == "None"
    assert table.isna().to_numpy().tolist() == [[False] * 3, [False, True, True]]
    assert table["number"].dtype == float


def test_predictions_of_a_run_keep_words_that_look_missing(tmp_path):
    _files.write_json(tmp_path / "experiment.json", Experiment().to_dict())
    rows = "clip,speaker,emotion,predicted,p_None\n7,NA,None,None,0.5\n8,,null,nan,0.25\n"
    (tmp_path / "predictions.csv").write_text(rows)
    found = Run(tmp_path).predictions
    assert found["clip"].to_list() == ["7", "8"]
    assert found["emotion"].to_list() == ["None", "null"]
    assert found["predicted"].to_list() == ["None", "nan"]
    assert found["speaker"].isna().to_list() == [False, True]
    assert found["p_None"].sum() == 0.75
