"""Own recordings, and several data sets in one manifest."""

import os
import shutil
import warnings

import numpy as np
import pandas as pd
import pytest
import soundfile

from serkeras import datasets


def sound(path):
    """Write 0.6 s of noise of its own; returns the path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(len(str(path)) + sum(str(path).encode()))
    soundfile.write(path, rng.normal(0, 0.1, 9600).astype("float32"), 16000)
    return path


@pytest.fixture
def studio(tmp_path):
    """A folder with three clips and a list of them."""
    for name in ("a.wav", "b.wav", "deep/c.wav"):
        sound(tmp_path / "studio" / name)
    (tmp_path / "studio" / "list.csv").write_text(
        "path,emotion,speaker,sex,room\n"
        "b.wav,Anger,01,F,7\n"
        "a.wav,happiness,02,m,8\n"
        "deep/c.wav,Excited,01,female,9\n"
    )
    return tmp_path / "studio"


def test_csv_with_speakers_gives_a_quiet_manifest(studio, monkeypatch):
    monkeypatch.chdir(studio.parent)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        clips = datasets.load_own(studio / "list.csv")
    assert list(clips["clip"]) == ["list/a", "list/b", "list/deep/c"]
    assert list(clips["path"]) == [str(studio / name) for name in ("a.wav", "b.wav", "deep/c.wav")]
    assert list(clips["emotion"]) == ["happy", "angry", "Excited"]
    assert list(clips["speaker"]) == ["list-02", "list-01", "list-01"]
    assert list(clips["sex"]) == ["male", "female", "female"]
    assert list(clips["room"]) == [8, 7, 9]
    assert clips["repetition"].isna().all()
    assert clips["repetition"].dtype == "Int64"


def test_synonyms():
    given = ["anger", "FEARFUL", "happiness", "sadness", "surprised", "disgusted", " calm ", "joy"]
    from serkeras.datasets.labels import canonical

    words = ["angry", "fear", "happy", "sad", "surprise", "disgust", "calm", "joy"]
    assert [canonical(word) for word in given] == words


def test_a_saved_manifest_reads_back_as_it_was(tmp_path):
    sound(tmp_path / "03a01Fa.wav")
    sound(tmp_path / "08a01Na.wav")
    clips = datasets.load("emodb", tmp_path)
    clips.to_csv(tmp_path / "part.csv", index=False)
    again = datasets.load_own(tmp_path / "part.csv")
    pd.testing.assert_frame_equal(again.astype({"age": "Int64"}), clips)


def test_originals_are_paths_like_the_others(studio):
    (studio / "copies.csv").write_text(
        "path,emotion,original\nb.wav,sad,\na.wav,sad,b.wav\ndeep/c.wav,sad,../raw/x.wav\n"
    )
    with pytest.warns(UserWarning, match="speakers"):
        clips = datasets.load_own(studio / "copies.csv").set_index("clip")
    assert clips.loc["copies/a", "original"] == clips.loc["copies/b", "path"]
    assert clips.loc["copies/deep/c", "original"] == str(studio.parent / "raw" / "x.wav")
    assert clips["original"].isna().sum() == 1


@pytest.mark.parametrize(("written", "is_lone"), [("b.wav", False), ("bb.wav", True)])
def test_a_misspelt_original_is_named(studio, written, is_lone):
    (studio / "copies.csv").write_text(
        f"path,emotion,speaker,original\nb.wav,sad,1,\na.wav,sad,2,{written}\n"
        f"deep/c.wav,sad,2,{written}\n"
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        datasets.load_own(studio / "copies.csv")
    said = [str(each.message) for each in caught if "original" in str(each.message)]
    assert len(said) == is_lone
    assert not is_lone or ("2 values" in said[0] and "bb.wav" in said[0])


def test_semicolons_and_byte_order_mark(studio):
    (studio / "excel.csv").write_text("path;emotion;speaker\na.wav;sad;x\n", encoding="utf-8-sig")
    assert list(datasets.load_own(studio / "excel.csv")["emotion"]) == ["sad"]


def test_data_frame(studio, monkeypatch):
    monkeypatch.chdir(studio)
    table = pd.DataFrame({"path": ["a.wav"], "emotion": ["angry"], "speaker": [3]})
    before = table.copy()
    clips = datasets.load_own(table, name="mine")
    assert clips.loc[0, ["clip", "speaker"]].to_list() == ["mine/a", "mine-3"]
    pd.testing.assert_frame_equal(table, before)


def test_na_and_none_are_words(studio):
    (studio / "words.csv").write_text("path,emotion,speaker\na.wav,None,NA\nb.wav,sad,nan\n")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        clips = datasets.load_own(studio / "words.csv")
    assert list(clips["emotion"]) == ["None", "sad"]
    assert list(clips["speaker"]) == ["words-NA", "words-nan"]


@pytest.mark.parametrize("word", ["NA", "first", "1.5"])
def test_repetition_that_is_no_number(word, studio):
    (studio / "a.csv").write_text(f"path,emotion,speaker,repetition\na.wav,sad,x,{word}\n")
    with pytest.raises(ValueError, match=f"must be a whole number.*a.csv with {word}"):
        datasets.load_own(studio / "a.csv")
    (studio / "a.csv").write_text("path,emotion,speaker,repetition\na.wav,sad,x,2\nb.wav,sad,x,\n")
    repetitions = datasets.load_own(studio / "a.csv")["repetition"]
    assert repetitions[0] == 2
    assert repetitions[1] is pd.NA


def test_list_audio_knows_every_format_and_passes_hidden_files_by(tmp_path):
    for name in ("b.opus", "deep/a.WAV", "c.caf", "._a.wav", ".hidden/d.wav", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    names = [path.relative_to(tmp_path).as_posix() for path in datasets.list_audio(tmp_path)]
    assert names == ["b.opus", "c.caf", "deep/a.WAV"]


def test_prediction_finds_what_training_finds(studio, monkeypatch):
    from serkeras.serving.predict import find_recordings

    sound(studio / "d.flac").rename(studio / "d.opus")
    (studio / "._a.wav").touch()
    monkeypatch.chdir(studio / "deep")
    found = [str(path) for path in find_recordings(["..", "c.wav"])]
    assert found == ["../a.wav", "../b.wav", "../d.opus", "../deep/c.wav", "c.wav"]


def test_unknown_speakers_are_said(studio):
    (studio / "few.csv").write_text("path,emotion,speaker\na.wav,sad,\nb.wav,sad,x\n")
    with pytest.warns(UserWarning, match="1 of 2 clips are unknown; a speaker-disjoint split"):
        clips = datasets.load_own(studio / "few.csv")
    assert clips["speaker"][0] is pd.NA


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        ("path,label\na.wav,sad\n", ValueError, "missing: emotion. Rename"),
        ("path,emotion\n", ValueError, "at least one clip"),
        ("", ValueError, "No columns"),
        ("path,emotion\na.wav,\nb.wav,sad\n", ValueError, "1 rows without one .clips number 1"),
        ("path,emotion\na.wav,sad\nno.wav,sad\n", FileNotFoundError, r"1 of 2 files .*no\.wav"),
        ("path,emotion\na.wav,sad\n./a.wav,sad\n", ValueError, "file may be listed once"),
        ("path,emotion\na.wav,joy\nb.wav,Joy\n", ValueError, "Joy and joy"),
    ],
)
def test_faulty_lists(studio, text, error, words):
    (studio / "bad.csv").write_text(text)
    with pytest.raises(error, match=words):
        datasets.load_own(studio / "bad.csv")


def test_list_that_is_no_text(studio):
    (studio / "bad.csv").write_bytes(b"path,emotion\n\xff\xfe\x00,sad\n")
    with pytest.raises(ValueError, match="UTF-8"):
        datasets.load_own(studio / "bad.csv")
    with pytest.raises(FileNotFoundError, match="does not exist"):
        datasets.load_own(studio / "none.csv")


def test_one_clip_in_two_formats_is_refused(studio):
    sound(studio / "a.flac")
    (studio / "two.csv").write_text("path,emotion\na.wav,sad\na.flac,sad\n")
    with pytest.raises(ValueError, match="name of its own.*two/a"):
        datasets.load_own(studio / "two.csv")


def test_folder_per_emotion(tmp_path):
    sound(tmp_path / "voices" / "Anger" / "x" / "1.wav")
    sound(tmp_path / "voices" / "sad" / "1.ogg")
    sound(tmp_path / "voices" / "loose.wav")
    with pytest.warns(UserWarning, match="voices: ") as caught:
        clips = datasets.load_own(tmp_path / "voices")
    texts = sorted(str(warning.message) for warning in caught)
    assert len(texts) == 2
    assert "1 audio files lie outside" in texts[0]
    assert "voices: the speakers of 2 of 2 clips are unknown" in texts[1]
    assert list(clips["clip"]) == ["voices/Anger/x/1", "voices/sad/1"]
    assert list(clips["emotion"]) == ["angry", "sad"]


def test_faulty_folders(tmp_path):
    (tmp_path / "bare").mkdir()
    with pytest.raises(ValueError, match="subfolder per emotion"):
        datasets.load_own(tmp_path / "bare")
    sound(tmp_path / "half" / "sad" / "1.wav")
    (tmp_path / "half" / "happy").mkdir()
    with pytest.raises(ValueError, match="nothing in happy"):
        datasets.load_own(tmp_path / "half")


def test_a_published_corpus_is_not_taken_for_own_recordings(tmp_path):
    sound(tmp_path / "Actor_01" / "03-01-01-01-01-01-01.wav")
    with pytest.raises(ValueError, match="ravdess=") as caught:
        datasets.load_many([str(tmp_path)])
    assert "Actor_01" in str(caught.value)
    shutil.move(tmp_path / "Actor_01", tmp_path / "neutral")
    with pytest.warns(UserWarning, match="speakers"):
        assert len(datasets.load_own(tmp_path)) == 1


def test_load_many(studio, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    sound(tmp_path / "data" / "emodb" / "03a01La.wav")
    sound(tmp_path / "berlin" / "16b10Wb.wav")
    sound(tmp_path / "tess" / "OAF_back_ps.wav")
    monkeypatch.setenv("SERKERAS_DATA", str(tmp_path / "data"))
    specs = [os.path.join("studio", "list.csv"), "tess=tess", "emodb"]
    clips = datasets.load_many(specs)
    assert list(clips["corpus"]) == ["emodb", "list", "list", "list", "tess"]
    assert clips.equals(datasets.load_many(specs[::-1])[list(clips.columns)])
    assert clips.loc[4, "age"] == 64
    assert clips.loc[1, "age"] is pd.NA
    with pytest.warns(UserWarning, match="'Excited'"):
        seven = datasets.load_many(specs, "seven")
    assert list(seven["emotion"]) == ["happy", "angry", "surprise"]
    assert list(datasets.load_many("emodb=berlin")["clip"]) == ["emodb/16b10Wb"]


def test_what_counts_as_a_path(studio, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    sound(tmp_path / "voices" / "sad" / "1.wav")
    for spec in ("voices", "./voices", str(tmp_path / "voices"), tmp_path / "voices"):
        with pytest.warns(UserWarning, match="speakers"):
            assert list(datasets.load_many([spec])["clip"]) == ["voices/sad/1"]
    with pytest.raises(FileNotFoundError, match="gone.csv"):
        datasets.load_many(["gone.csv"])
    with pytest.raises(ValueError, match="no such name"):
        datasets.load_many(["ravdes"])
    with pytest.raises(ValueError, match="At least one"):
        datasets.load_many([])


def test_ids_must_be_unique_over_data_sets(studio):
    with pytest.raises(ValueError, match="3 ids twice, such as 'list/a'"):
        datasets.load_many([studio / "list.csv", str(studio / "list.csv")])
