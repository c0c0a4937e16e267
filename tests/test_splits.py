import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import serkeras
from serkeras import splits
from serkeras.splits import published, units

EMOTIONS = ("angry", "happy", "neutral", "sad")
RAVDESS_PAIR = {"ravdess/03-01-03-01-02-01-07", "ravdess/03-01-03-01-02-02-07"}
EMOBOX_RAVDESS = (
    {1, 11, 20, 21},
    {4, 10, 12, 14},
    {8, 9, 19, 23},
    {3, 5, 7, 24},
    {2, 15, 16, 18},
    {6, 13, 17, 22},
)
FOLDS5 = (
    {2, 5, 14, 15, 16},
    {3, 6, 7, 13, 18},
    {10, 11, 12, 19, 20},
    {8, 17, 21, 23, 24},
    {1, 4, 9, 22},
)


def manifest(corpus="ravdess", speakers=24, takes=3, emotions=EMOTIONS, folder="/nowhere"):
    """A corpus without files; odd speakers are men."""
    rows = []
    for number in range(1, speakers + 1):
        for emotion in emotions:
            for take in range(1, takes + 1):
                name = f"{emotion}-{take}-{number:02d}"
                rows.append(
                    {
                        "path": f"{folder}/{corpus}/{name}.wav",
                        "clip": f"{corpus}/{name}",
                        "corpus": corpus,
                        "emotion": emotion,
                        "speaker": f"{corpus}-{number:02d}",
                        "sex": "male" if number % 2 else "female",
                        "statement": str(take),
                        "intensity": pd.NA,
                        "repetition": take,
                    }
                )
    return pd.DataFrame(rows)


def named(corpus, names, emotion="sad"):
    """A manifest of the given clip names, for published lists."""
    return pd.DataFrame(
        {
            "path": [f"/nowhere/{corpus}/{name}.flac" for name in names],
            "clip": [f"{corpus}/{name}" for name in names],
            "corpus": corpus,
            "emotion": emotion,
            "speaker": [f"{corpus}-{name.split('_')[0]}" for name in names],
            "sex": pd.NA,
        }
    )


def with_files(folder, clips):
    """Write one small file a clip; the first two clips are byte-identical."""
    for row, path in enumerate(clips["path"]):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_bytes(b"%04d" % max(row, 1))
    return clips


def speakers_of(split):
    return {side: set(clips["speaker"]) for side, clips in split.sides.items()}


def assert_partition(split, clips):
    found = pd.concat(split.sides.values())["clip"]
    assert sorted(found) == sorted(clips["clip"])
    for side in split.sides.values():
        assert side.index.equals(pd.RangeIndex(len(side)))
        assert side["clip"].is_monotonic_increasing


def assert_disjoint(split):
    train, validation, test = speakers_of(split).values()
    assert not train & validation
    assert not train & test
    assert not validation & test
    assert split.speaker_disjoint is True
    assert split.allowed == ()


@pytest.mark.parametrize(("speakers", "sizes"), [(24, (16, 4, 4)), (12, (8, 2, 2)), (3, (1, 1, 1))])
def test_speaker_split_sizes_and_sexes(speakers, sizes):
    clips = manifest(speakers=speakers)
    for seed in range(25):
        split = splits.make(clips, "speaker", seed=seed)
        assert_partition(split, clips)
        assert_disjoint(split)
        summary = split.summary()
        assert tuple(summary["speakers"]) == sizes
        assert (summary["female"] - summary["male"]).abs().max() <= speakers % 2
        assert tuple(summary["clips"]) == tuple(12 * size for size in sizes)


@pytest.mark.parametrize(("speakers", "sizes"), [(4, (1, 1, 2)), (5, (1, 2, 2)), (20, (2, 9, 9))])
def test_fractions_of_speakers_leave_one_on_each_side(speakers, sizes):
    clips = manifest(speakers=speakers)
    for seed in range(10):
        split = splits.make(clips, "speaker", seed=seed, fractions=(0.1, 0.45, 0.45))
        assert tuple(split.summary()["speakers"]) == sizes
        assert_disjoint(split)


def test_each_corpus_stands_on_every_side_and_moves_no_other():
    alone = manifest("ravdess")
    both = pd.concat([alone, manifest("emodb", 10), manifest("tess", 2)], ignore_index=True)
    with pytest.warns(UserWarning, match="tess has 2 speaker"):
        split = splits.make(both, "speaker", seed=4)
    assert_partition(split, both)
    assert_disjoint(split)
    for clips in (split.validation, split.test):
        assert set(clips["corpus"]) == {"ravdess", "emodb"}
    assert len(split.train[split.train["corpus"] == "tess"]) == 24
    assert "tess has 2" in split.notes[0]
    assert "tess has 2" in repr(split)
    ravdess = split.test[split.test["corpus"] == "ravdess"]
    assert set(ravdess["clip"]) == set(splits.make(alone, "speaker", seed=4).test["clip"])


def test_speaker_split_refuses_what_it_cannot_do():
    with pytest.raises(ValueError, match="at least three speakers.*'tess': 2.*kind 'random'"):
        splits.make(manifest("tess", 2))
    clips = manifest()
    clips.loc[3, "speaker"] = pd.NA
    for kind in ("speaker", "speaker-kfold:1/3", "loso:05", "emobox:1"):
        with pytest.raises(ValueError, match="1 of 288 clips without one.*kind 'random'"):
            splits.make(clips, kind)


@pytest.mark.parametrize(
    "kind",
    ["speaker", "random", "kfold:2/4", "speaker-kfold:2/4", "loso:05", "emobox:2", "folds5:2"],
)
def test_order_of_rows_decides_nothing_and_the_seed_something(kind):
    clips = manifest()
    first = splits.make(clips, kind, seed=3).to_dict()
    shuffled = clips.sample(frac=1, random_state=1)
    assert splits.make(shuffled, kind, seed=3).to_dict() == first
    assert splits.make(clips, kind, seed=np.int64(3)).to_dict() == first
    other = splits.make(clips, kind, seed=5).to_dict()
    assert other["validation"] != first["validation"]
    assert (other["test"] == first["test"]) == kind.startswith(("loso", "emobox", "folds5"))


def test_drawn_sides_stay_what_they_were():
    clips = manifest()
    speakers = speakers_of(splits.make(clips, "speaker", seed=0))
    assert sorted(speakers["test"]) == ["ravdess-01", "ravdess-10", "ravdess-18", "ravdess-23"]
    clip_ids = splits.make(clips, "random", seed=0).test["clip"].tolist()
    assert clip_ids[:3] == ["ravdess/angry-1-03", "ravdess/angry-1-05", "ravdess/angry-1-09"]


def test_random_split_is_stratified_and_says_that_speakers_leak():
    clips = manifest(takes=10)
    columns = ("emotion", "sex")
    for seed in range(10):
        split = splits.make(clips, "random", seed=seed, stratify=columns)
        assert_partition(split, clips)
        assert [len(side) for side in split.sides.values()] == [768, 96, 96]
        for side, share in (("train", 96), ("validation", 12), ("test", 12)):
            counts = split.sides[side].groupby(list(columns)).size()
            assert (counts == share).all()
            assert len(counts) == 8
    assert split.allowed == ("speaker",)
    assert split.to_dict()["speaker_disjoint"] is False
    assert "ravdess-01 on train (" in splits.leaks(split)["speaker"][0]


def test_random_split_takes_unknown_speakers_and_tiny_sets():
    clips = manifest(speakers=1, takes=4).assign(speaker=pd.NA, sex=pd.NA)
    split = splits.make(clips, "random")
    assert_partition(split, clips)
    assert split.speaker_disjoint is None
    assert [len(side) for side in split.sides.values()] == [8, 4, 4]
    assert split.summary().loc["train", ["speakers", "female", "male"]].tolist() == [0, 0, 0]


def test_random_split_names_strata_that_are_too_small():
    clips = manifest(speakers=1, takes=2)
    with pytest.raises(ValueError, match=r"3 clips in each stratum.*'angry': 2"):
        splits.make(clips, "random")
    with pytest.raises(ValueError, match="names of manifest columns.*mood"):
        splits.make(clips, "random", stratify=("mood",))
    with pytest.raises(ValueError, match="enough clips for every side.* 4 wanted for validation"):
        splits.make(manifest(speakers=1), "random", fractions=(0.2, 0.2, 0.6))


def test_identical_files_stay_together_under_random(tmp_path):
    clips = with_files(tmp_path, manifest(folder=tmp_path))
    pair = set(clips["clip"][:2])

    def torn(**settings):
        results = []
        for seed in range(30):
            split = splits.make(clips, "random", seed=seed, **settings)
            assert_partition(split, clips)
            results.append(any(len(pair & set(side["clip"])) == 1 for side in split.sides.values()))
        return any(results)

    assert not torn()
    assert torn(allow="identical")


@pytest.mark.parametrize("folds", [2, 5])
def test_folds_cover_each_clip_once(folds):
    clips = manifest()
    for kind, disjoint in (("kfold", False), ("speaker-kfold", True)):
        tested = []
        for fold in range(1, folds + 1):
            split = splits.make(clips, f"{kind}:{fold}/{folds}", seed=2)
            assert_partition(split, clips)
            tested += split.test["clip"].tolist()
            if disjoint:
                assert_disjoint(split)
                summary = split.summary()
                assert abs(summary.loc["test", "female"] - summary.loc["test", "male"]) <= 1
                assert summary.loc["validation", "speakers"] == 4
                assert abs(summary.loc["test", "speakers"] - 24 / folds) < 1
            else:
                assert split.allowed == ("speaker",)
                assert abs(len(split.test) - len(clips) / folds) <= 4
        assert sorted(tested) == sorted(clips["clip"])


def test_more_folds_than_speakers_are_refused():
    with pytest.raises(ValueError, match="25 folds, 24 speakers.*at most 24"):
        splits.make(manifest(), "speaker-kfold:1/25")


def test_leave_one_speaker_out():
    clips = manifest()
    split = splits.make(clips, "loso:05")
    assert_partition(split, clips)
    assert_disjoint(split)
    assert speakers_of(split)["test"] == {"ravdess-05"}
    assert tuple(split.summary()["speakers"]) == (19, 4, 1)
    assert splits.make(clips, "loso:ravdess-05").test.equals(split.test)
    with pytest.raises(ValueError, match="'99', which fits 0.*ravdess-01, ravdess-02"):
        splits.make(clips, "loso:99")
    two = pd.concat([clips, manifest("emodb", 10)], ignore_index=True)
    with pytest.raises(ValueError, match="'05', which fits 2.*emodb-05, ravdess-05.$"):
        splits.make(two, "loso:05")


@pytest.mark.parametrize(("kind", "folds"), [("emobox", EMOBOX_RAVDESS), ("folds5", FOLDS5)])
def test_published_ravdess_folds(kind, folds):
    assert sorted(actor for fold in folds for actor in fold) == list(range(1, 25))
    clips = manifest()
    for number, actors in enumerate(folds, start=1):
        for seed in (0, 1):
            split = splits.make(clips, f"{kind}:{number}", seed=seed)
            assert_partition(split, clips)
            assert_disjoint(split)
            assert speakers_of(split)["test"] == {f"ravdess-{actor:02d}" for actor in actors}
            assert split.summary().loc["validation", "speakers"] == 4
            assert split.notes == ()


def test_published_savee_folds_follow_the_speakers():
    names = [f"{speaker}_{take}" for speaker in ("DC", "JE", "JK", "KL") for take in range(3)]
    clips = named("savee", names).assign(sex="male")
    for fold, speaker in enumerate(("JE", "KL", "DC", "JK"), start=1):
        split = splits.make(clips, f"emobox:{fold}")
        assert_disjoint(split)
        assert speakers_of(split)["test"] == {f"savee-{speaker}"}
        assert tuple(split.summary()["speakers"]) == (2, 1, 1)


def test_published_lists_that_share_speakers_say_so_and_report_missing_clips():
    test = published.emobox_data()["folds"]["tess"][0]
    others = [f"OAF_other{n}_sad" for n in range(500)] + [f"YAF_other{n}_sad" for n in range(500)]
    clips = named("tess", test[2:] + others)
    split = splits.make(clips, "emobox:1", seed=1)
    assert_partition(split, clips)
    assert set(split.test["clip"]) == {f"tess/{name}" for name in test[2:]}
    assert len(split.validation) == 170
    assert split.allowed == ("speaker",)
    assert split.notes == (
        f"2 of 700 published tess test clips are not in the manifest, for instance {test[0]}.",
    )
    other = splits.make(clips, "emobox:1", seed=2)
    assert other.test.equals(split.test)
    assert not other.validation.equals(split.validation)


def test_published_kinds_refuse_other_corpora_and_folds():
    with pytest.raises(ValueError, match="K=7, corpus 'ravdess'.*'ravdess': 6"):
        splits.make(manifest(), "emobox:7")
    with pytest.raises(ValueError, match="corpus 'mine'"):
        splits.make(manifest("mine"), "emobox:1")
    with pytest.raises(ValueError, match="K from 1 to 5. Received: K=6"):
        splits.make(manifest(), "folds5:6")
    with pytest.raises(ValueError, match="'tfds' is published for 'cremad' only"):
        splits.make(manifest(), "tfds")


def cremad_names():
    """The 7,442 published names stand in the corpus's own table; here 91 actors x 82."""
    return [f"{actor}_IEO_SAD_{take:02d}" for actor in range(1001, 1092) for take in range(82)]


def test_tfds_split_is_the_shuffle_that_tfds_makes():
    actors = [str(actor) for actor in range(1001, 1092)]
    np.random.RandomState(0).shuffle(actors)
    clips = named("cremad", cremad_names() + ["1006_TIE_NEU_XX", "1013_WSI_DIS_XX"])
    split = splits.make(clips.assign(emotion="sad"), "tfds", seed=9)
    expected = {"train": actors[:63], "validation": actors[63:72], "test": actors[72:]}
    for side, names in expected.items():
        assert speakers_of(split)[side] == {f"cremad-{name}" for name in names}
    assert_disjoint(split)
    assert len(pd.concat(split.sides.values())) == 91 * 82
    assert split.notes == ("2 clip(s) that TFDS does not have are left out.",)


def test_missing_test_speakers_are_reported():
    clips = manifest(speakers=20)
    split = splits.make(clips, "emobox:1")
    assert speakers_of(split)["test"] == {"ravdess-01", "ravdess-11", "ravdess-20"}
    assert split.notes[0].startswith(
        "1 of 4 published ravdess test speakers are not in the manifest"
    )


def sides_of(clips, *, train, validation, test):
    """A split put together by hand from row numbers."""
    rows = {"train": train, "validation": validation, "test": test}
    return splits.Split(**{s: clips.iloc[r] for s, r in rows.items()}, kind="lists", seed=None)


@pytest.fixture
def three(tmp_path):
    """Three speakers with one clip each, all files different."""
    clips = manifest(speakers=3, takes=1, emotions=("sad",), folder=tmp_path)
    for number, path in enumerate(clips["path"]):
        Path(path).parent.mkdir(exist_ok=True)
        Path(path).write_bytes(b"%d" % number)
    return clips


def test_guard_catches_a_speaker_on_two_sides(three):
    three.loc[2, "speaker"] = "ravdess-01"
    split = sides_of(three, train=[0], validation=[1], test=[2])
    with pytest.raises(ValueError, match=r"A speaker must.*ravdess-01 on train \(1.*test \(1.*"):
        splits.check(split)
    splits.check(split, allow=("speaker",))
    splits.check(split, allow="speaker")
    with pytest.raises(ValueError, match="A speaker"):
        splits.check(split, allow=("clip", "identical"))


def test_guard_catches_a_clip_on_two_sides(three):
    split = sides_of(three, train=[0], validation=[1], test=[0, 2])
    with pytest.raises(ValueError, match="A clip must.*ravdess/sad-1-01 on train and test"):
        splits.check(split, allow=("speaker", "identical"))
    splits.check(split, allow=("speaker", "clip"))


def test_guard_catches_one_path_under_two_ids(three):
    three.loc[2, "path"] = three.loc[0, "path"]
    split = sides_of(three, train=[0], validation=[1], test=[2])
    with pytest.raises(ValueError, match=r"A clip must.*sad-1-01.wav on train and test"):
        splits.check(split)
    splits.check(split, allow=("clip",))


def test_guard_catches_identical_files(three):
    os.link(three.loc[0, "path"], three.loc[0, "path"] + ".copy.wav")
    three.loc[2, "path"] = three.loc[0, "path"] + ".copy.wav"
    split = sides_of(three, train=[0], validation=[1], test=[2])
    with pytest.raises(ValueError, match="Byte-identical.*sad-1-01 = .*sad-1-03 on train and test"):
        splits.check(split, allow=("speaker", "clip"))
    splits.check(split, allow=("identical",))
    assert splits.leaks(split) == {
        "clip": [],
        "identical": ["ravdess/sad-1-01 = ravdess/sad-1-03 on train and test"],
        "copy": [],
        "speaker": [],
    }


def test_guard_catches_copies_by_their_original(three):
    split = sides_of(three, train=[0], validation=[1], test=[2])
    split.test["original"] = split.train["path"]
    with pytest.raises(ValueError, match="Copies of one.*sad-1-01 ~ .*sad-1-03 on train and test"):
        splits.check(split, allow=("speaker", "clip", "identical"))
    splits.check(split, allow="copy")
    # Two copies of a recording that is not listed, one of them a copy of the other.
    split.validation["original"], split.test["original"] = "raw.wav", split.validation["path"]
    assert splits.leaks(split)["copy"] == [
        "ravdess/sad-1-02 ~ ravdess/sad-1-03 on validation and test"
    ]
    split.train["original"] = "raw.wav"
    assert len(splits.leaks(split)["copy"]) == 1
    split.train["original"], split.test["original"] = "other.wav", pd.NA
    assert splits.leaks(split)["copy"] == []
    # Without paths, as a manifest for planning may be.
    for side in split.sides.values():
        side["path"], side["original"] = pd.NA, "raw.wav"
    assert splits.leaks(split)["copy"] == [
        "ravdess/sad-1-01 ~ ravdess/sad-1-02 ~ ravdess/sad-1-03 on train and validation and test"
    ]


def test_copies_stay_together_under_random(tmp_path):
    clips = with_files(tmp_path, manifest(folder=tmp_path))
    clips["original"] = pd.NA
    family = clips.index[clips["emotion"] == "sad"][:4]
    clips.loc[family[1:], "original"] = clips.loc[family[0], "path"]
    names = set(clips.loc[family, "clip"])

    def torn(kind, **settings):
        found = []
        for seed in range(3):
            split = splits.make(clips, kind, seed=seed, **settings)
            assert_partition(split, clips)
            found.append(all(names - set(side["clip"]) for side in split.sides.values()))
        return any(found)

    assert not torn("random")
    assert not torn("kfold:2/4")
    assert torn("random", allow="copy")


def test_guard_sees_a_file_that_changed_since_it_was_hashed(three):
    split = sides_of(three, train=[0], validation=[1], test=[2])
    splits.check(split)
    path = Path(three.loc[2, "path"])
    path.write_bytes(Path(three.loc[0, "path"]).read_bytes())
    os.utime(path, ns=(1, 1))
    with pytest.raises(ValueError, match="Byte-identical"):
        splits.check(split)


def test_guard_hashes_only_files_of_equal_size(three, monkeypatch):
    hashed = []
    monkeypatch.setattr(units, "_sha256", lambda path, *_: hashed.append(path) or path)
    Path(three.loc[1, "path"]).write_bytes(b"longer")
    units.content_keys(three)
    assert hashed == [three.loc[0, "path"], three.loc[2, "path"]]


def test_a_file_that_cannot_be_read_goes_by_its_path(three, monkeypatch):
    def broken(path, *_):
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(units, "_sha256", broken)
    assert units.content_keys(three).tolist() == three["path"].tolist()


def test_guard_refuses_unknown_names_empty_sides_and_unlearnable_emotions(three):
    split = sides_of(three, train=[0], validation=[1], test=[2])
    with pytest.raises(ValueError, match=r"Received: \['speekers'\]"):
        splits.check(split, allow=("speekers",))
    with pytest.raises(ValueError, match="none on validation and test"):
        splits.check(sides_of(three, train=[0, 1, 2], validation=[], test=[]))
    three.loc[2, "emotion"] = "fear"
    with pytest.raises(ValueError, match=r"none of \['fear'\] on the training side"):
        splits.check(sides_of(three, train=[0], validation=[1], test=[2]))


def test_make_stops_at_a_leak_between_speakers(tmp_path):
    clips = with_files(tmp_path, manifest(folder=tmp_path, takes=1))
    clips.loc[1, "path"] = clips.loc[5, "path"]
    seeds = [s for s in range(20) if _different_sides(clips, s)]
    assert seeds
    with pytest.raises(ValueError, match="A clip must"):
        splits.make(clips, "speaker", seed=seeds[0])
    split = splits.make(clips, "speaker", seed=seeds[0], allow=("clip",))
    assert split.allowed == ("clip",)


def _different_sides(clips, seed):
    split = splits.make(clips, "speaker", seed=seed, allow=("clip",))
    return len({s for s, c in split.sides.items() if {*c["clip"]} & {*clips["clip"][[1, 5]]}}) > 1


def test_missing_emotion_in_a_test_side_warns():
    clips = manifest(speakers=4)
    clips = clips[(clips["speaker"] != "ravdess-02") | (clips["emotion"] != "sad")]
    with pytest.warns(UserWarning, match="test side has no clip of sad"):
        split = splits.make(clips, "loso:02")
    assert split.notes == ("The test side has no clip of sad.",)


def test_lists_come_back_as_they_were(tmp_path):
    clips = manifest()
    split = splits.make(clips, "random", seed=6)
    values = json.loads(json.dumps(split.to_dict()))
    again = splits.Split.from_dict(values, clips.sample(frac=1, random_state=0))
    assert again.to_dict() == split.to_dict()
    for side, rows in split.sides.items():
        pd.testing.assert_frame_equal(again.sides[side], rows)
    (tmp_path / "split.json").write_text(json.dumps(values))
    kind = f"lists:{tmp_path / 'split.json'}"
    assert splits.make(clips, kind).to_dict() == split.to_dict()
    more = pd.concat([clips, manifest("emodb", 3)], ignore_index=True)
    assert splits.make(more, kind).notes == (
        "36 clip(s) of the manifest are in none of the lists.",
    )
    with pytest.raises(ValueError, match="12 of 288 missing.*ravdess/angry-1-24"):
        splits.make(clips[clips["speaker"] != "ravdess-24"], kind)


def test_lists_are_guarded_too(tmp_path):
    clips = manifest(speakers=3, takes=1, emotions=("sad",))
    first, second, third = clips["clip"]
    file = tmp_path / "lists.json"
    file.write_text(json.dumps({"train": [first], "validation": [second], "test": [third, first]}))
    with pytest.raises(ValueError, match="A clip must"):
        splits.make(clips, f"lists:{file}")
    file.write_text(json.dumps({"train": [first], "validation": [second], "test": [third]}))
    split = splits.make(clips, f"lists:{file}")
    assert (split.kind, split.seed) == ("lists", None)
    file.write_text(json.dumps([first]))
    with pytest.raises(ValueError, match="need the keys.*Received: list"):
        splits.make(clips, f"lists:{file}")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"kind": "speakers"}, r"(?s)Received: 'speakers'.*loso:SPEAKER"),
        ({"kind": "speaker:3"}, "Received: 'speaker:3'"),
        ({"kind": "emobox:x"}, "Received: 'emobox:x'"),
        ({"kind": "kfold:2"}, "Received: 'kfold:2'"),
        ({"kind": "kfold:6/5"}, "K from 1 to N. Received: '6/5'"),
        ({"kind": "kfold:1/1"}, "N of 2 or more"),
        ({"seed": -1}, "`seed` must be.*-1"),
        ({"seed": True}, "`seed` must be"),
        ({"fractions": (0.5, 0.5)}, "three positive shares"),
        ({"fractions": (0.8, 0.1, 0.2)}, "three positive shares"),
        ({"fractions": (0.8, 0.2, 0.0)}, "three positive shares"),
        ({"kind": "emobox:1", "fractions": (0.8, 0.1, 0.1)}, "'speaker' and 'random' only"),
        ({"kind": "speaker", "stratify": ("sex",)}, "`stratify` serves"),
        ({"allow": ("voice",)}, "names of leaks"),
    ],
)
def test_wrong_settings_are_named(settings, message):
    with pytest.raises(ValueError, match=message):
        splits.make(manifest(), **settings)


def test_manifest_must_have_columns_and_unique_clips():
    clips = manifest()
    with pytest.raises(ValueError, match=r"none called \['sex'\]"):
        splits.make(clips.drop(columns="sex"))
    with pytest.raises(ValueError, match="1 repeated, for instance.*drop_duplicates"):
        splits.make(pd.concat([clips, clips[:1]]))


def test_every_kind_is_listed_with_help():
    forms = splits.kinds()
    assert {"speaker", "random", "tfds", "lists:FILE"} < set(forms)
    assert all(forms.values())


@pytest.mark.corpus
def test_ravdess_pair_is_never_torn(corpora):
    clips = serkeras.datasets.load("ravdess", corpora / "ravdess")
    for seed in range(30):
        split = splits.make(clips, "random", seed=seed)
        assert_partition(split, clips)
        on = [side for side, c in split.sides.items() if RAVDESS_PAIR & set(c["clip"])]
        assert len(on) == 1
        assert sorted(len(c) for c in split.sides.values())[2] in (1151, 1152, 1153)


@pytest.mark.corpus
@pytest.mark.parametrize("scheme", ["own", "seven", "four"])
def test_real_ravdess_counts(corpora, scheme):
    clips = serkeras.datasets.load("ravdess", corpora / "ravdess", scheme)
    each = {"own": 60, "seven": 60, "four": 36}[scheme]
    for kind, speakers in (("speaker", 4), ("emobox:1", 4), ("folds5:1", 5), ("folds5:5", 4)):
        split = splits.make(clips, kind)
        assert_partition(split, clips)
        assert_disjoint(split)
        assert len(split.test) == each * speakers


@pytest.mark.corpus
def test_published_lists_against_the_corpora(corpora):
    file = corpora.parent / "folds" / "emobox.json"
    if not file.is_file():
        pytest.skip("needs the published lists beside the corpora")
    source = json.loads(file.read_text())
    data = published.emobox_data()
    disjoint = {name for name, value in source["speaker_disjoint"].items() if value}
    assert set(data["speaker_disjoint"]) == disjoint
    assert [{int(a) for a in f} for f in data["folds"]["ravdess"]] == list(EMOBOX_RAVDESS)
    assert [set(f) for f in source["ravdess_test_actors"]] == list(EMOBOX_RAVDESS)
    assert data["folds"]["savee"] == source["savee_test_speakers"]
    assert data["folds"]["cremad"] == [[Path(n).stem for n in source["cremad_test_files"]]]
    assert data["folds"]["tess"] == [[Path(n).stem for n in source["tess_test_files"]]]
    emodb = serkeras.datasets.load("emodb", corpora / "emodb")
    tested = []
    for number, names in enumerate(source["emodb_test_files"], start=1):
        split = splits.make(emodb, f"emobox:{number}")
        assert set(split.test["clip"]) == {f"emodb/{Path(name).stem}" for name in names}
        assert (len(split.test), split.notes) == (107, ())
        tested += split.test["clip"].tolist()
    assert sorted(tested) == sorted(emodb["clip"])
    tess = splits.make(serkeras.datasets.load("tess", corpora / "tess"), "emobox:1")
    assert set(tess.test["clip"]) == {f"tess/{Path(n).stem}" for n in source["tess_test_files"]}


@pytest.mark.corpus
def test_tfds_sizes_on_the_published_names(corpora):
    table = pd.read_csv(corpora / "cremad" / "summaryTable.csv", dtype=str)
    split = splits.make(named("cremad", table["FileName"].tolist()), "tfds")
    assert [len(side) for side in split.sides.values()] == [5144, 738, 1556]
    assert split.notes == ("4 clip(s) that TFDS does not have are left out.",)
    emobox = splits.make(named("cremad", table["FileName"].tolist()), "emobox:1")
    assert [len(side) for side in emobox.sides.values()] == [4842, 744, 1856]


# What is said, and in which corpus.


def said(split):
    return {side: set(clips["statement"]) for side, clips in split.sides.items()}


def test_one_statement_is_left_out_of_training_and_validation():
    clips = manifest(takes=10)
    split = splits.make(clips, "statement:4")
    assert_partition(split, clips)
    words = said(split)
    assert words["test"] == {"4"}
    assert [len(group) for group in words.values()] == [8, 1, 1]
    assert not words["train"] & words["validation"]
    assert split.allowed == ("speaker",)
    assert split.speaker_disjoint is False
    assert split.notes == (
        "The test side says 1 statement (ravdess-4) that neither training nor validation says.",
    )
    assert splits.make(clips, "statement:ravdess-4").test.equals(split.test)


def test_of_two_statements_validation_says_what_training_says_and_this_is_told():
    clips = manifest(takes=2)
    for seed in range(5):
        split = splits.make(clips, "statement:2", seed=seed)
        assert_partition(split, clips)
        assert said(split) == {"train": {"1"}, "validation": {"1"}, "test": {"2"}}
        assert len(split.validation) == 19  # 10 % of all 192
        assert set(split.validation["emotion"]) == set(EMOTIONS)
    assert "validation says what training says" in split.notes[0]


@pytest.mark.parametrize(("statements", "folds"), [(2, 2), (7, 5), (10, 5)])
def test_statement_folds_test_each_statement_once(statements, folds):
    clips = manifest(takes=statements)
    tested, sizes = [], []
    for fold in range(1, folds + 1):
        split = splits.make(clips, f"statement-kfold:{fold}/{folds}", seed=1)
        assert_partition(split, clips)
        words = said(split)
        assert not words["test"] & (words["train"] | words["validation"])
        tested += sorted(words["test"])
        sizes.append(len(words["test"]))
    assert sorted(tested) == sorted(set(clips["statement"]))
    assert max(sizes) - min(sizes) <= 1
    with pytest.raises(ValueError, match=f"{statements + 1} folds, {statements} statements"):
        splits.make(clips, f"statement-kfold:1/{statements + 1}")


def test_statements_that_belong_to_one_emotion_are_dealt_by_emotion():
    clips = manifest(takes=10)  # as in SAVEE, where every emotion has words of its own
    clips["statement"] = clips["emotion"] + clips["statement"]
    for seed in range(5):
        split = splits.make(clips, "statement-kfold:2/5", seed=seed)
        for side in ("validation", "test"):
            assert set(split.sides[side]["emotion"]) == set(EMOTIONS)


def test_equal_codes_of_two_corpora_are_two_statements():
    clips = pd.concat([manifest(), manifest("emodb", 10)], ignore_index=True)
    with pytest.raises(ValueError, match="'1', which fits 2 of 6.*emodb-1, ravdess-1.$"):
        splits.make(clips, "statement:1")
    split = splits.make(clips, "statement:emodb-1")
    assert set(split.test["corpus"]) == {"emodb"}
    assert "1" in said(split)["train"] | said(split)["validation"]


def test_statement_splits_refuse_what_they_cannot_do():
    clips = manifest(takes=2)
    with pytest.raises(ValueError, match="'9', which fits 0 of 2.*ravdess-1, ravdess-2"):
        splits.make(clips, "statement:9")
    with pytest.raises(ValueError, match="two statements or more"):
        splits.make(manifest(takes=1), "statement:1")
    clips.loc[3, "statement"] = pd.NA
    for broken in (clips, clips.drop(columns="statement")):
        with pytest.raises(ValueError, match="clips without one, for instance.*'statement'"):
            splits.make(broken, "statement:1")


@pytest.mark.parametrize("kind", ["statement:3", "statement-kfold:2/4", "speaker-statement:3"])
def test_order_of_rows_decides_no_statement(kind):
    clips = manifest(takes=10)
    first = splits.make(clips, kind, seed=3).to_dict()
    assert splits.make(clips.sample(frac=1, random_state=1), kind, seed=3).to_dict() == first
    other = splits.make(clips, kind, seed=4).to_dict()
    assert other["validation"] != first["validation"]
    assert (other["test"] == first["test"]) == (kind == "statement:3")


def test_speakers_and_statement_can_both_be_new():
    clips = manifest(takes=2)
    split, plain = splits.make(clips, "speaker-statement:2", seed=2), splits.make(clips, seed=2)
    assert_disjoint(split)
    assert said(split) == {"train": {"1"}, "validation": {"1"}, "test": {"2"}}
    for side, rows in plain.sides.items():
        wanted = rows[rows["statement"] == ("2" if side == "test" else "1")]["clip"]
        assert list(split.sides[side]["clip"]) == list(wanted)
    assert "96 clips stand on no side" in split.notes[0]


def three_corpora():
    both = [manifest("ravdess", 6), manifest("emodb", 10), manifest("tess", 2)]
    return pd.concat(both, ignore_index=True)


def test_a_corpus_is_tested_on_what_the_others_teach():
    clips = three_corpora()
    for corpus in ("ravdess", "emodb", "tess"):
        split = splits.make(clips, f"corpus:{corpus}", seed=1)
        assert_partition(split, clips)
        assert_disjoint(split)
        assert set(split.test["corpus"]) == {corpus}
        assert corpus not in set(pd.concat([split.train, split.validation])["corpus"])
        # Two speakers of TESS are too few to give one away, beside corpora that have more.
        assert "tess" not in set(split.validation["corpus"])
        assert "heard nothing of it" in split.notes[0]
    only = splits.make(clips[clips["corpus"] != "ravdess"], "corpus:emodb")
    assert tuple(only.summary()["speakers"]) == (1, 1, 10)


def test_speakers_of_the_tested_corpus_may_be_unknown():
    clips = three_corpora()
    is_test = clips["corpus"] == "ravdess"
    split = splits.make(clips.assign(speaker=clips["speaker"].mask(is_test)), "corpus:ravdess")
    assert split.speaker_disjoint is None
    with pytest.raises(ValueError, match="speaker of every clip"):
        splits.make(clips.assign(speaker=clips["speaker"].mask(is_test)), "corpus:emodb")


def test_emotions_that_training_cannot_know_are_refused_with_a_remedy():
    clips = three_corpora()
    calm = (clips["corpus"] == "ravdess") & (clips["emotion"] == "neutral")
    clips.loc[calm, "emotion"] = "calm"
    with pytest.raises(
        ValueError, match="calm in ravdess, not in emodb, tess. Use label scheme se"
    ):
        splits.make(clips, "corpus:ravdess")
    bored = (clips["corpus"] == "ravdess") & (clips["emotion"] == "sad")
    clips.loc[bored, "emotion"] = "surprise"
    with pytest.raises(ValueError, match="calm, surprise in.*Use label scheme four, or"):
        splits.make(clips, "corpus:ravdess")
    clips.loc[bored, "emotion"] = "pride"
    with pytest.raises(ValueError, match="calm, pride in.*Use label scheme seven or four, or"):
        splits.make(clips, "corpus:ravdess")
    with pytest.warns(UserWarning, match="test side has no clip of calm"):
        splits.make(clips, "corpus:tess")


def test_corpus_splits_refuse_what_they_cannot_do():
    with pytest.raises(ValueError, match=r"'savee', corpora \['emodb', 'ravdess', 'tess'\]"):
        splits.make(three_corpora(), "corpus:savee")
    with pytest.raises(ValueError, match="two corpora or more"):
        splits.make(manifest(), "corpus:ravdess")


def test_any_name_of_a_statement_gives_a_folder():
    experiment = serkeras.Experiment(split="statement:own-it's / done?")
    assert serkeras.runs.default_folder(experiment).parent == Path("artifacts/runs")
    assert "statementown-it-s-of-done-" in str(serkeras.runs.default_folder(experiment))
    usual = serkeras.Experiment(split="speaker-kfold:1/5")
    assert serkeras.runs.default_folder(usual).name.endswith("speaker-kfold1of5-seed0")


@pytest.mark.corpus
def test_real_statements_and_corpora(corpora):
    specs = [f"{name}={corpora / name}" for name in ("ravdess", "emodb", "tess")]
    clips = serkeras.datasets.load_many(specs, "seven")
    ravdess = clips[clips["corpus"] == "ravdess"]
    sizes = [len(side) for side in splits.make(ravdess, "statement:kids").sides.values()]
    assert sizes == [576, 144, 720]
    with pytest.warns(UserWarning, match="surprise"):
        split = splits.make(clips, "corpus:ravdess")
    assert len(split.test) == 1440
    assert split.speaker_disjoint is True
