"""Packed runs open elsewhere, as runs and as Keras models, and carry nothing else along."""

import shutil
import subprocess
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import yaml

import serkeras
from serkeras import box, cli, sharing
from serkeras._files import read_json, write_json
from serkeras.evaluation import analysis
from serkeras.training.pipeline import as_experiment


@pytest.fixture(scope="module")
def packed(small_run, tmp_path_factory):
    return sharing.pack(small_run, tmp_path_factory.mktemp("packed") / "run")


def test_a_packed_run_predicts_as_the_run(packed, small_run):
    clips = list(small_run.predictions["path"].iloc[:3])
    ours, theirs = serkeras.predict(small_run, clips), serkeras.predict(str(packed), clips)
    np.testing.assert_allclose(theirs[small_run.labels], ours[small_run.labels], atol=1e-6)


def test_keras_opens_a_packed_run_by_its_own_convention(packed, small_run):
    script = (
        "import sys, keras, numpy as np\n"
        "model = keras.saving.load_model(sys.argv[1], safe_mode=True)\n"
        "shape = [2] + [n or 8 for n in model.input_shape[1:]]\n"
        "np.save(sys.argv[2], model.predict_on_batch(np.ones(shape, 'float32')))\n"
    )
    out = packed.parent / "said.npy"
    subprocess.run([sys.executable, "-c", script, str(packed), str(out)], check=True, timeout=120)
    shape = [2, *small_run.model.input_shape[1:]]
    wanted = small_run.model.predict_on_batch(np.ones(shape, np.float32))
    np.testing.assert_allclose(np.load(out), wanted, atol=1e-6)


def test_nothing_but_data_travels(packed):
    names = sorted(path.name for path in packed.rglob("*"))
    assert names == sorted(
        ["config.json", "metadata.json", "model.weights.h5", "experiment.json", "metrics.json",
         "split.json", "provenance.json", "README.md"]
    )  # fmt: skip


def test_places_and_names_of_recordings_stay_behind(small_run, tmp_path):
    mine = shutil.copytree(small_run.folder, tmp_path / "mine")
    noise = {"name": "recorded_noise", "paths": ["/secret/noise/a.wav"], "snr_db": 10.0}
    lists = "lists:/secret/lists/split.json"
    changes = {
        "experiment.json": {"split": lists, "augment": {"transforms": [noise]}},
        "metrics.json": {"run": {"weights": [{"weights": "/secret/w/model.keras", "file": "f"}]}},
        "provenance.json": {"clips": ["ours/anna 1"], "trained_clips": ["ours/anna 1"]},
        "split.json": {"kind": lists},
    }
    for name, changed in changes.items():
        values = read_json(mine / name)
        for key, value in changed.items():
            values[key] = {**values[key], **value} if isinstance(value, dict) else value
        for inner in {"experiment.json": [values], "metrics.json": [values.get("run")]}.get(
            name, ()
        ):
            inner["data"] = ["ravdess=/secret/place", "/secret/table.csv"]
        write_json(mine / name, values)
    out = sharing.pack(mine, tmp_path / "out")
    texts = [path.read_text("utf-8") for path in out.iterdir() if path.suffix in (".json", ".md")]
    assert not any("/secret" in text for text in texts)
    known = [*small_run.predictions["clip"], *small_run.clips("train"), "anna 1"]
    assert not any(clip in text for text in texts for clip in known)
    shared = serkeras.Run(out)
    assert shared.experiment.data == ("ravdess", "table.csv")
    assert shared.experiment.split == "lists:split.json"
    assert shared.experiment.augment.transforms[0]["paths"] == ["a.wav"]
    assert "ravdess + table.csv" in analysis.protocol_of(shared)


def test_the_card_is_the_model_card(packed, small_run):
    text = (packed / "README.md").read_text("utf-8")
    head = yaml.safe_load(text.split("---")[1])
    assert head["library_name"] == "keras"
    assert head["pipeline_tag"] == "audio-classification"
    assert f"{100 * small_run.metrics['uar']['value']:.1f}" in text


def test_a_packed_run_can_be_packed_again(packed, tmp_path):
    again = sharing.pack(packed, tmp_path / "again")
    for path in packed.iterdir():
        assert (again / path.name).read_bytes() == path.read_bytes()


def test_what_a_packed_run_lacks_is_named(packed):
    with pytest.raises(FileNotFoundError, match="predictions.csv.*packed to be shared"):
        _ = serkeras.Run(packed).predictions
    with pytest.raises(FileNotFoundError, match="side 'train'.*packed to be shared"):
        serkeras.Run(packed).clips("train")
    assert cli.main(["card", str(packed)]) == 2


@pytest.mark.parametrize(
    ("told", "shared"),
    [
        ("/data/me/x.json", "x.json"),
        ("lists:/data/me/x.json", "lists:x.json"),
        ("~/my data/x.csv", "x.csv"),
        ("C:\\data\\x.csv", "x.csv"),
        ("https://doi.org/10.1/x", "https://doi.org/10.1/x"),
        ("hf:facebook/wav2vec2-base", "hf:facebook/wav2vec2-base"),
        ("recall of 1/7", "recall of 1/7"),
    ],
)
def test_folders_are_cut_off_and_nothing_else(told, shared):
    assert sharing._without_folders({"a": [told, 1, None]}) == {"a": [shared, 1, None]}


def test_only_packed_runs_are_replaced_and_only_when_asked(packed, small_run, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    for overwrite in (False, True):
        with pytest.raises(FileExistsError, match="replaces nothing but another"):
            sharing.pack(small_run, tmp_path, overwrite)
    assert (tmp_path / "mine.txt").read_text() == "mine"
    with pytest.raises(FileExistsError):
        sharing.pack(small_run, packed)
    copied = shutil.copytree(packed, tmp_path / "old")
    (copied / "config.json").write_text("{}")
    sharing.pack(small_run, copied, overwrite=True)
    assert (copied / "config.json").read_bytes() == (packed / "config.json").read_bytes()
    (copied / "notes.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="which holds notes.txt"):
        sharing.pack(small_run, copied, overwrite=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine.txt", "old"]


def test_a_failed_pack_leaves_nothing(small_run, tmp_path):
    broken = shutil.copytree(small_run.folder, tmp_path / "run")
    (broken / "model.keras").write_bytes(b"no archive")
    with pytest.raises(ValueError, match=r"whole model\.keras.*broken"):
        sharing.pack(broken, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_code_in_the_place_of_a_network_is_refused(packed, tmp_path):
    import keras

    evil = keras.Sequential([keras.Input((3,)), keras.layers.Lambda(lambda x: x + 1)])
    bad = shutil.copytree(packed, tmp_path / "bad")
    evil.save(tmp_path / "evil.keras")
    shutil.unpack_archive(tmp_path / "evil.keras", bad, format="zip")
    with pytest.raises(ValueError, match="unsafe|safe_mode"):
        _ = serkeras.Run(bad).model


# The hub, in the place of which stands a folder.


@pytest.fixture
def hub(monkeypatch, tmp_path):
    """A hub that keeps repositories as folders; it records what it was asked."""
    calls = []

    class HfApi:
        def __init__(self, library_name):
            calls.append(("library", library_name))

        def create_repo(self, name, private, exist_ok):
            calls.append(("create", name, private, exist_ok))
            return f"https://hub.invalid/{name}"

        def upload_folder(self, repo_id, folder_path, commit_message):
            shutil.copytree(folder_path, tmp_path / repo_id, dirs_exist_ok=True)

    def snapshot_download(name, revision, allow_patterns):
        calls.append(("download", name, revision, tuple(allow_patterns)))
        got = tmp_path / "got" / name
        got.mkdir(parents=True, exist_ok=True)
        for pattern in allow_patterns:
            for path in (tmp_path / name).glob(pattern):
                shutil.copy(path, got)
        return str(got)

    fake = types.SimpleNamespace(HfApi=HfApi, snapshot_download=snapshot_download)
    monkeypatch.setitem(sys.modules, "huggingface_hub", fake)
    return types.SimpleNamespace(calls=calls, folder=tmp_path)


def test_a_run_goes_to_the_hub_and_comes_back(hub, small_run, capsys):
    assert cli.main(["share", str(small_run.folder), "hf://me/voices"]) == 0
    assert capsys.readouterr().out.strip() == "https://hub.invalid/me/voices"
    assert ("create", "me/voices", True, True) in hub.calls  # private unless told otherwise
    (hub.folder / "me/voices/model.pkl").write_bytes(b"never taken")
    clips = list(small_run.predictions["path"].iloc[:2])
    table = serkeras.predict("hf://me/voices", clips)
    assert list(table["label"]) == list(serkeras.predict(small_run, clips)["label"])
    assert not (hub.folder / "got/me/voices/model.pkl").exists()


def test_a_foreign_repository_is_named(hub):
    (hub.folder / "me/other").mkdir(parents=True)
    (hub.folder / "me/other/config.json").write_text("{}")
    with pytest.raises(ValueError, match="hf://me/other without metadata.json"):
        sharing.fetch("hf://me/other")


@pytest.mark.parametrize("place", ["hf://me", "hf://", "hf://a/b/c", "me/voices"])
def test_a_wrong_address_is_named(hub, small_run, place):
    with pytest.raises(ValueError, match="hf://owner/name"):
        sharing.push(small_run, place)
    assert hub.calls == []


def test_a_hub_out_of_reach_is_one_clear_error(hub, small_run, monkeypatch, capsys):
    def fails(*args, **kwargs):
        raise RuntimeError("no line")

    monkeypatch.setattr(sys.modules["huggingface_hub"], "snapshot_download", fails)
    monkeypatch.setattr(sys.modules["huggingface_hub"].HfApi, "create_repo", fails)
    for words in (["share", str(small_run.folder), "hf://me/x"], ["evaluate", "hf://me/x"]):
        assert cli.main(words) == 2
        assert "hf://me/x, RuntimeError: no line" in capsys.readouterr().err


def test_the_hub_package_is_asked_for(monkeypatch, small_run):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(ImportError, match=r"serkeras\[hub\]"):
        sharing.push(small_run, "hf://me/voices")


def test_keras_itself_takes_the_same_files_from_the_hub():
    """What Keras downloads, and looks for, are the names that a packed run has."""
    from keras.src.saving import saving_lib

    names = (saving_lib._CONFIG_FILENAME, saving_lib._METADATA_FILENAME, saving_lib._VARS_FNAME_H5)
    assert set(names) == {"config.json", "metadata.json", "model.weights.h5"}


# The model in the box.


def test_the_synthetic_corpus_never_comes_into_the_box(tmp_path):
    with pytest.raises(ValueError, match="learned from people.*synthetic"):
        box.make(["ravdess", "synthetic"], out=tmp_path / "box")
    assert not (tmp_path / "box").exists()


def test_the_box_is_made_of_a_training_that_has_ended(small_run, tmp_path, monkeypatch):
    from serkeras import training

    monkeypatch.setattr("serkeras.runs.is_finished", lambda folder, experiment: True)
    monkeypatch.setattr(training, "train", lambda *args, **kwargs: pytest.fail("trained again"))
    made = box.make(run=small_run.folder, out=tmp_path / "box")
    assert made.labels == small_run.labels


def test_a_large_model_does_not_fit_into_the_box(small_run, tmp_path, monkeypatch):
    monkeypatch.setattr(box, "LARGEST", 1000)
    with pytest.raises(ValueError, match="0.001 MB at most"):
        box.put(small_run, tmp_path / "box")


def test_the_box_holds_what_the_kit_says_of_it():
    run = serkeras.Run(box.folder())
    assert sum(path.stat().st_size for path in Path(run.folder).iterdir()) < box.LARGEST
    asked = {"data": box.CORPORA, "label_scheme": "seven", "settings": box.SETTINGS}
    assert run.experiment == as_experiment(box.RECIPE, **asked)
    assert run.experiment.split == "speaker"
    assert len(run.labels) == 7
    assert run.metrics["uar"]["low"] > 1 / 7  # above guessing, with its interval
    card = (run.folder / "README.md").read_text("utf-8")
    assert "new speakers" in card
    assert "CC BY-NC-SA" in card


def test_predict_needs_no_run(tmp_path, capsys):
    import soundfile

    wave = np.random.default_rng(0).normal(0, 0.1, 40000).astype(np.float32)
    soundfile.write(tmp_path / "clip.wav", wave, 16000)
    assert cli.main(["predict", str(tmp_path / "clip.wav"), "--quiet"]) == 0
    assert "clip.wav" in capsys.readouterr().out
    assert cli.main(["predict", str(box.folder()), "--quiet"]) == 2
    assert "At least one recording" in capsys.readouterr().err


def test_a_packed_run_is_exported_though_it_has_no_recordings(packed, tmp_path, capsys):
    out = tmp_path / "model.keras"
    words = ["export", str(packed), "--format", "keras", "--clips", "3", "--out", str(out)]
    assert cli.main(words) == 0
    said = capsys.readouterr().out
    assert "on 3 clips" in said
    assert "UAR" not in said
    words[3:] = ["tflite-int8", "--out", str(tmp_path / "small.tflite")]
    assert cli.main(words) == 2
    assert "packed to be shared" in capsys.readouterr().err


def test_the_model_in_the_box_is_exported_to_a_named_place_only(capsys):
    assert cli.main(["export"]) == 2
    assert "--out" in capsys.readouterr().err
