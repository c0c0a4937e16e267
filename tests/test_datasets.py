"""Every registered corpus: its card, its names, its layouts, its counts."""

import os
from pathlib import Path

import pandas as pd
import pytest

from serkeras import datasets
from serkeras.datasets import _table, labels, registry
from tests.recordings import quiet_load, sound

RECORDED = ("ravdess", "savee", "tess", "cremad", "emodb")

# A published name of each corpus and what it says.
NAMES = {
    "ravdess": (
        "03-01-06-02-01-02-12",
        {
            "emotion": "fear",
            "speaker": "ravdess-12",
            "sex": "female",
            "statement": "kids",
            "intensity": "strong",
            "repetition": 2,
        },
    ),
    "savee": (
        "JK_su07",
        {"emotion": "surprise", "speaker": "savee-JK", "sex": "male", "statement": "su07"},
    ),
    "tess": (
        "YAF_date_ps",
        {"emotion": "surprise", "speaker": "tess-YAF", "statement": "date", "age": 26},
    ),
    "cremad": (
        "1003_MTI_DIS_XX",
        {
            "emotion": "disgust",
            "speaker": "cremad-1003",
            "statement": "MTI",
            "intensity": "unspecified",
        },
    ),
    "emodb": (
        "16b09Ta",
        {
            "emotion": "sad",
            "speaker": "emodb-16",
            "sex": "female",
            "statement": "b09",
            "repetition": 1,
            "age": 31,
        },
    ),
}


@pytest.mark.parametrize("name", datasets.names())
def test_card_states_licence_citation_counts_and_place(name):
    card = datasets.card(name)
    assert card.name == name
    assert card.licence
    assert card.citation
    assert card.title
    assert card.by_hand
    assert set(card.emotions) <= set(labels.EMOTIONS)
    assert len(card.speakers) == card.speaker_count
    assert sum(card.speakers.values()) == card.clips
    assert all(speaker.startswith(f"{name}-") for speaker in card.speakers)
    if name in RECORDED:
        assert card.homepage.startswith("http")
        assert card.homepage in card.by_hand or card.archives
    for archive in card.archives:
        assert archive.url.startswith("http")
        assert archive.checksum is None or archive.checksum.split(":")[0] in ("md5", "sha256")


def test_documented_totals():
    totals = {name: datasets.card(name).clips for name in RECORDED}
    assert totals == {"ravdess": 1440, "savee": 480, "tess": 2800, "cremad": 7442, "emodb": 535}


@pytest.mark.filterwarnings("ignore:cremad")
@pytest.mark.parametrize("name", RECORDED)
@pytest.mark.parametrize("ending", [".wav", ".flac", ".mp3", ".WAV"])
def test_published_name_is_read(name, ending, tmp_path):
    stem, expected = NAMES[name]
    path = sound(tmp_path / "some" / "folder" / f"{stem}{ending.lower()}")
    path = path.rename(path.with_suffix(ending))
    clips = datasets.load(name, tmp_path)
    assert list(clips.columns[:9]) == list(_table.COLUMNS)
    assert len(clips) == 1
    row = clips.iloc[0]
    assert row["path"] == str(path)
    assert os.path.isabs(row["path"])
    assert row["clip"] == f"{name}/{stem}"
    assert row["corpus"] == name
    assert {key: row[key] for key in expected} == expected
    for column in ("sex", "intensity", "statement", "repetition"):
        if column not in expected and not (name == "tess" and column == "sex"):
            assert row[column] is pd.NA, column


@pytest.mark.filterwarnings("ignore:cremad")
@pytest.mark.parametrize("name", RECORDED)
def test_types_and_order_of_a_manifest(name, tmp_path):
    stems = {
        "ravdess": ["03-01-02-01-01-01-24", "03-01-01-01-01-01-01"],
        "savee": ["KL_n30", "DC_a01"],
        "tess": ["YAF_back_sad", "OAF_back_sad"],
        "cremad": ["1091_IEO_SAD_HI", "1001_IEO_SAD_LO"],
        "emodb": ["16a01Fa", "03a01Fa"],
    }[name]
    for number, stem in enumerate(stems):
        sound(tmp_path / f"{number}" / f"{stem}.wav")
    clips = datasets.load(name, tmp_path)
    assert list(clips["clip"]) == [f"{name}/{stem}" for stem in reversed(stems)]
    assert clips.index.equals(pd.RangeIndex(2))
    for column in _table.COLUMNS[:-1]:
        assert isinstance(clips[column].dtype, pd.StringDtype), column
    assert clips["repetition"].dtype == "Int64"


WRONG = {
    "ravdess": ["03-01-09-01-01-01-01", "03-01-01-01-01-01-25", "03-01-01-01-01-01-00", "a"],
    "savee": ["DC_a16", "DC_n31", "XX_a01", "DC_b01", "DC_a00"],
    "tess": ["OAF_back_calm", "BAF_back_sad", "OAF_sad"],
    "cremad": ["1092_IEO_SAD_HI", "1001_ABC_SAD_HI", "1001_IEO_CAL_HI", "1001_IEO_SAD_UP"],
    "emodb": ["07a01Fa", "03c01Fa", "03a01Xa", "03a01F"],
}


@pytest.mark.parametrize("name", RECORDED)
def test_foreign_names_are_no_clips(name):
    parse = registry.module(name).parse
    assert [stem for stem in WRONG[name] if parse(Path(f"{stem}.wav")) is not None] == []
    assert parse(Path(f"{NAMES[name][0]}.wav")) is not None


def test_hidden_and_foreign_files(tmp_path):
    sound(tmp_path / "03a01Fa.wav")
    sound(tmp_path / "._03a01Wa.wav")
    sound(tmp_path / "__MACOSX" / "03a02Wa.wav")
    (tmp_path / "readme.txt").write_text("x")
    assert len(quiet_load("emodb", tmp_path)) == 1
    sound(tmp_path / "take two.wav")
    with pytest.warns(UserWarning, match=r"emodb: 1 audio files .* passed over .*take two\.wav"):
        assert len(datasets.load("emodb", tmp_path)) == 1


def test_no_corpus_there(tmp_path, monkeypatch):
    monkeypatch.setenv("SERKERAS_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("SERKERAS_CACHE", str(tmp_path / "cache"))
    with pytest.raises(FileNotFoundError) as caught:
        datasets.load("savee")
    text = str(caught.value)
    assert str(tmp_path / "data" / "savee") in text
    assert str(tmp_path / "cache" / "corpora" / "savee") in text
    assert "registration" in text
    with pytest.raises(FileNotFoundError, match="download"):
        datasets.load("ravdess", tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match="0 audio files"):
        datasets.load("ravdess", tmp_path / "empty")
    with pytest.raises(ValueError, match="ravdess, savee.*Received: 'ravdes'"):
        datasets.load("ravdes")


def test_order_of_places(tmp_path, monkeypatch):
    monkeypatch.setenv("SERKERAS_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("SERKERAS_CACHE", str(tmp_path / "cache"))
    sound(tmp_path / "cache" / "corpora" / "emodb" / "03a01Fa.wav")
    assert list(datasets.load("emodb")["clip"]) == ["emodb/03a01Fa"]
    sound(tmp_path / "data" / "emodb" / "03a02Fc.wav")
    assert list(datasets.load("emodb")["clip"]) == ["emodb/03a02Fc"]
    sound(tmp_path / "mine" / "03a04Fd.wav")
    assert list(datasets.load("emodb", tmp_path / "mine")["clip"]) == ["emodb/03a04Fd"]


@pytest.mark.filterwarnings("ignore:cremad")
def test_folder_without_clips_is_no_corpus(tmp_path, monkeypatch):
    monkeypatch.setenv("SERKERAS_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("SERKERAS_CACHE", str(tmp_path / "cache"))
    lists = tmp_path / "data" / "cremad"
    lists.mkdir(parents=True)
    (lists / "summaryTable.csv").write_text("FileName\n1001_IEO_SAD_LO\n")
    sound(lists / "own take.wav")
    assert datasets.find("cremad") is None
    with pytest.raises(FileNotFoundError, match=r"none with its clips at .*git lfs install"):
        datasets.load("cremad")
    kept = sound(tmp_path / "cache" / "corpora" / "cremad" / "AudioWAV" / "1001_IEO_SAD_LO.wav")
    assert datasets.find("cremad") == tmp_path / "cache" / "corpora" / "cremad"
    assert list(datasets.load("cremad")["path"]) == [str(kept)]
    sound(lists / "deep" / "1002_IEO_SAD_LO.wav")
    assert datasets.find("cremad") == lists


def test_synthetic_is_made_when_missing(tmp_path, monkeypatch):
    module, made, asked = registry.module("synthetic"), [], []
    monkeypatch.setenv("SERKERAS_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("SERKERAS_CACHE", str(tmp_path / "cache"))

    def generate(root, progress):
        made.append(root)
        asked.append(progress)
        sound(root / "01-angry-boat-strong-1.wav")

    monkeypatch.setattr(module, "generate", generate)
    monkeypatch.setattr(module, "scan", lambda root: _table.scan(root, "synthetic", module.parse))
    assert list(datasets.load("synthetic")["speaker"]) == ["synthetic-01"]
    assert made == [tmp_path / "cache" / "corpora" / "synthetic"]
    datasets.load("synthetic", progress=False)
    datasets.load_many(["synthetic"], progress=False)
    assert asked == [True, False, False]
    sound(tmp_path / "data" / "synthetic" / "02-angry-boat-strong-1.wav")
    assert list(datasets.load("synthetic")["speaker"]) == ["synthetic-02"]
    with pytest.raises(FileNotFoundError, match="none with its clips at"):
        datasets.load("synthetic", tmp_path / "elsewhere")
    assert len(made) == 3, "made only where nothing is there and no root was named"


def test_links_are_followed_but_not_in_circles(tmp_path):
    sound(tmp_path / "far" / "03a01Fa.wav")
    (tmp_path / "near").mkdir()
    (tmp_path / "near" / "linked").symlink_to(tmp_path / "far")
    (tmp_path / "far" / "back").symlink_to(tmp_path / "near")
    assert len(quiet_load("emodb", tmp_path / "near")) == 1


def test_label_schemes(tmp_path):
    for code in range(1, 9):
        sound(tmp_path / f"03-01-0{code}-01-01-01-01.wav")
    own = datasets.load("ravdess", tmp_path)
    assert set(own["emotion"]) == set(labels.EMOTIONS) - {"boredom"}
    seven = datasets.load("ravdess", tmp_path, label_scheme="seven")
    assert seven["emotion"].value_counts()["neutral"] == 2
    assert len(seven) == 8
    assert "calm" not in set(seven["emotion"])
    four = datasets.relabel(own, "four")
    assert four["emotion"].value_counts().to_dict() == {
        "neutral": 2,
        "happy": 1,
        "sad": 1,
        "angry": 1,
    }
    assert four.index.equals(pd.RangeIndex(5))
    assert set(own["emotion"]) > set(four["emotion"]), "relabel must leave its argument alone"
    with pytest.raises(ValueError, match="own, seven, four. Received: 'six'"):
        datasets.relabel(own, "six")


def test_relabel_drops_boredom_silently_and_own_words_aloud():
    clips = pd.DataFrame({"emotion": pd.array(["boredom", "happy", "excited"], dtype="string")})
    with pytest.warns(UserWarning, match=r"'excited' \(1\)") as caught:
        kept = datasets.relabel(clips, "seven")
    assert len(caught) == 1
    assert list(kept["emotion"]) == ["happy"]
    with pytest.raises(ValueError, match="at least one clip"):
        datasets.relabel(clips[:1], "four")


@pytest.mark.parametrize(
    ("spec", "name", "short"),
    [
        ("ravdess", "ravdess", "ravdess"),
        ("tess=/data/TESS", "tess", "tess"),
        ("own=x", "own", "own"),
        ("/data/my.csv", "my.csv", "my"),
        ("/data/patients.2024/", "patients.2024", "patients.2024"),
    ],
)
def test_data_sets_have_names(spec, name, short):
    assert (datasets.name_of(spec), datasets.short_name(spec)) == (name, short)


def test_the_folder_that_one_stands_in_has_a_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert datasets.name_of(".") == tmp_path.name
