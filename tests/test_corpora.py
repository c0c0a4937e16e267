"""The layouts and peculiarities of the single corpora, and the counts of the real ones."""

from pathlib import Path

import pandas as pd
import pytest

from serkeras import datasets
from serkeras.datasets import registry
from tests.recordings import quiet_load, sound


def test_kaggle_tess_is_read_once(tmp_path):
    top = "TESS Toronto emotional speech set data"
    for folder in (tmp_path / top, tmp_path / top / top):
        sound(folder / "OAF_angry" / "OAF_back_angry.wav")
        sound(folder / "OAF_Pleasant_surprise" / "OAF_back_ps.wav")
        sound(folder / "OAF_neutral" / "OA_bite_neutral.wav")
    with pytest.warns(UserWarning, match="tess: 3 second copies of clips") as caught:
        clips = datasets.load("tess", tmp_path)
    assert len(caught) == 1
    assert Path(caught[0].filename).name == Path(__file__).name
    ids = ["tess/OAF_back_angry", "tess/OAF_back_ps", "tess/OAF_bite_neutral"]
    assert list(clips["clip"]) == ids
    assert list(clips["emotion"]) == ["angry", "surprise", "neutral"]
    assert set(clips["speaker"]) == {"tess-OAF"}
    assert set(clips["age"]) == {64}
    # The shallower copy is kept, whatever order the file system lists.
    assert all(Path(path).parts.count(top) == 1 for path in clips["path"])


def test_tess_words_for_surprise(tmp_path):
    for word in ("ps", "pleasant_surprise", "pleasant_surprised"):
        path = tmp_path / f"YAF_pain_{word}.wav"
        assert registry.module("tess").parse(path)["name"] == "YAF_pain_ps"


def test_ravdess_second_copy_and_songs(tmp_path):
    name = "03-01-01-01-01-01-01.wav"
    sound(tmp_path / "Actor_01" / name)
    sound(tmp_path / "audio_speech_actors_01-24" / "Actor_01" / name)
    sound(tmp_path / "Audio_Song" / "Actor_01" / "03-02-05-01-01-01-01.wav")
    with pytest.warns(UserWarning, match="ravdess: ") as caught:
        clips = datasets.load("ravdess", tmp_path)
    texts = [str(warning.message) for warning in caught]
    assert len(texts) == 2
    assert "1 song clips (vocal channel 02) were left out (such as 03-02-05" in texts[0]
    assert "1 second copies" in texts[1]
    assert [Path(path).parent.parent for path in clips["path"]] == [tmp_path]


def test_ravdess_audio_cut_from_video_is_the_same_performance(tmp_path):
    sound(tmp_path / "01-01-03-01-01-01-02.wav")
    sound(tmp_path / "03-01-03-01-01-01-02.wav")
    with pytest.warns(UserWarning, match="1 second copies"):
        clips = datasets.load("ravdess", tmp_path)
    assert list(clips["clip"]) == ["ravdess/03-01-03-01-01-01-02"]


def test_only_songs_are_no_corpus(tmp_path):
    sound(tmp_path / "03-02-05-01-01-01-01.wav")
    with pytest.raises(FileNotFoundError, match="1 audio files .* none of them"):
        datasets.load("ravdess", tmp_path)


def test_one_clip_in_two_formats_prefers_wav(tmp_path):
    sound(tmp_path / "a" / "03a01Fa.flac")
    kept = sound(tmp_path / "b" / "deep" / "03a01Fa.wav")
    with pytest.warns(UserWarning, match="emodb: 1 second copies"):
        clips = datasets.load("emodb", tmp_path)
    assert list(clips["path"]) == [str(kept)]


@pytest.mark.parametrize("layout", ["{s}_{c}", "{s}/{c}", "{s}/{s}_{c}"])
def test_savee_layouts_give_one_manifest(layout, tmp_path):
    codes = [f"{e}{n:02d}" for e in ("a", "d", "f", "h", "sa", "su") for n in range(1, 16)]
    codes += [f"n{n:02d}" for n in range(1, 31)]
    tone = sound(tmp_path / "tone.wav").rename(tmp_path / "tone.bin")
    for speaker in ("DC", "JE", "JK", "KL"):
        for code in codes:
            path = tmp_path / "savee" / (layout.format(s=speaker, c=code) + ".wav")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.symlink_to(tone)
    clips = quiet_load("savee", tmp_path / "savee")
    card = datasets.card("savee")
    assert clips["emotion"].value_counts().to_dict() == card.emotions
    assert clips["speaker"].value_counts().to_dict() == card.speakers
    assert clips["clip"].iloc[0] == "savee/DC_a01"


def write_cremad_lists(folder, votes="processedResults"):
    """Write small lists in the form of the originals."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "VideoDemographics.csv").write_text(
        '"ActorID","Age","Sex","Race","Ethnicity"\n'
        '1001,51,"Male","Caucasian","Not Hispanic"\n'
        '1040,42,"Female","Asian","Not Hispanic"\n'
    )
    (folder / votes).mkdir(exist_ok=True)
    (folder / votes / "summaryTable.csv").write_text(
        '"","FileName","VoiceVote","VoiceLevel","FaceVote","FaceLevel","MultiModalVote",'
        '"MultiModalLevel"\n'
        '"1","1001_IEO_NEU_XX","N","69.1","N","92.2","N","64.78"\n'
        '"2","1040_ITH_SAD_XX","A:D","37.2:58.6","A","45.5","S","44.2"\n'
    )


@pytest.mark.parametrize("inner", ["", "AudioWAV"])
def test_cremad_lists_beside_the_audio_or_in_the_root(inner, tmp_path):
    write_cremad_lists(tmp_path, votes="AudioWAV")
    sound(tmp_path / "AudioWAV" / "1001_IEO_NEU_XX.wav")
    # The published name lacks an X; the lists have both.
    sound(tmp_path / "AudioWAV" / "1040_ITH_SAD_X.wav")
    sound(tmp_path / "AudioWAV" / "1002_IEO_ANG_LO.wav")
    clips = quiet_load("cremad", tmp_path / inner).set_index("clip")
    sad = clips.loc["cremad/1040_ITH_SAD_XX"]
    assert (sad["sex"], sad["age"], sad["race"]) == ("female", 42, "Asian")
    assert (sad["voice_vote"], sad["voice_level"]) == ("angry:disgust", "37.2:58.6")
    assert (sad["multimodal_vote"], sad["multimodal_level"]) == ("sad", "44.2")
    assert sad["intensity"] == "unspecified"
    assert clips.loc["cremad/1001_IEO_NEU_XX", "voice_vote"] == "neutral"
    unlisted = clips.loc["cremad/1002_IEO_ANG_LO"]
    assert unlisted[["sex", "age", "voice_vote"]].isna().all()
    assert unlisted["intensity"] == "low"


def test_cremad_without_lists_says_so(tmp_path):
    sound(tmp_path / "1001_IEO_NEU_XX.wav")
    with pytest.warns(UserWarning, match="VideoDemographics.csv is not in") as caught:
        clips = datasets.load("cremad", tmp_path)
    assert Path(caught[0].filename).name == Path(__file__).name
    assert clips[["sex", "age", "race", "ethnicity"]].isna().all(axis=None)
    assert "voice_vote" not in clips


def test_emodb_rates_with_non_breaking_spaces_and_commas(tmp_path):
    sound(tmp_path / "wav" / "03a01Ab.wav")
    sound(tmp_path / "wav" / "03a01Fa.wav")
    (tmp_path / "erkennung.txt").write_bytes(
        b"Nr.\tSatz\terkannt\tnatuerlich\r\n1\xa0\t03a01Ab.wav\t65,00\xa0\xa0\t35,50\xa0\r\n"
    )
    clips = datasets.load("emodb", tmp_path)
    assert clips["recognised"][0] == 65.0
    assert clips["natural"][0] == 35.5
    assert clips["recognised"][1] is pd.NA


@pytest.mark.corpus
@pytest.mark.parametrize(("name", "missing"), [("ravdess", 0), ("tess", 2), ("emodb", 0)])
def test_counts_of_the_real_corpora(name, missing, corpora):
    clips = quiet_load(name, corpora / name)
    card = datasets.card(name)
    assert len(clips) == card.clips - missing
    counts = clips["emotion"].value_counts().to_dict()
    speakers = clips["speaker"].value_counts().to_dict()
    if name == "tess":
        counts = {word: counts[word] + (word in ("angry", "sad")) for word in counts}
        speakers = {speaker: count + 1 for speaker, count in speakers.items()}
    assert counts == card.emotions
    assert speakers == card.speakers
    assert clips["clip"].is_monotonic_increasing
    assert clips["clip"].is_unique
    assert not clips["sex"].isna().any()


@pytest.mark.corpus
def test_real_recognition_rates(corpora):
    clips = datasets.load("emodb", corpora / "emodb")
    # The published clips are those that at least 80 % of the listeners recognised.
    assert clips["recognised"].min() >= 80
    assert clips["recognised"].max() <= 100
    assert not clips["natural"].isna().any()


@pytest.mark.corpus
def test_all_names_of_cremad(corpora, tmp_path):
    names = pd.read_csv(corpora / "cremad" / "summaryTable.csv")["FileName"]
    parse = registry.module("cremad").parse
    rows = pd.DataFrame([parse(Path(f"{name}.wav")) for name in names])
    card = datasets.card("cremad")
    assert rows["emotion"].value_counts().to_dict() == card.emotions
    assert ("cremad-" + rows["speaker"]).value_counts().to_dict() == card.speakers
    tone = sound(tmp_path / "tone.wav").rename(tmp_path / "tone.bin")
    (tmp_path / "clips").mkdir()
    for name in names[::40]:
        (tmp_path / "clips" / f"{name}.wav").symlink_to(tone)
    for table in ("summaryTable.csv", "VideoDemographics.csv"):
        (tmp_path / "clips" / table).symlink_to(corpora / "cremad" / table)
    clips = quiet_load("cremad", tmp_path / "clips")
    assert len(clips) == len(names[::40])
    assert set(clips["sex"]) == {"female", "male"}
    assert not clips["age"].isna().any()
    assert not clips[["voice_vote", "multimodal_vote"]].isna().any(axis=None)
