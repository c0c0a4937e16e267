"""The report of a made-up run folder: what it says, what it draws, what it refuses."""

import json
import re

import numpy as np
import pandas as pd
import pytest
import soundfile

from serkeras.config import Experiment
from serkeras.evaluation import metrics, report

LABELS = ["angry", "happy", "sad"]
FIGURES = ["clips.png", "confusion.png", "curves.png", "groups.png", "per_class.png"]


def make_clips(root, count, num_speakers):
    rng = np.random.default_rng(0)
    clips = pd.DataFrame(
        {
            "clip": [f"synthetic/{index:02d}" for index in range(count)],
            "path": [str(root / f"{index:02d}.wav") for index in range(count)],
            "corpus": "synthetic",
            "speaker": [f"synthetic-{index % num_speakers:02d}" for index in range(count)],
            "sex": ["female", "male"] * (count // 2),
            "emotion": [LABELS[index % 3] for index in range(count)],
        }
    )
    root.mkdir()
    for path in clips["path"]:
        soundfile.write(path, rng.normal(0, 0.1, 8000).astype("float32"), 16000)
    return clips


def make_run(folder, experiment=None, disjoint=True, num_speakers=4, sure=0.6, **split):
    """A run folder as training leaves it, with 24 test clips of half a second."""
    experiment = experiment or Experiment(split="speaker" if disjoint else "random")
    clips = make_clips(folder / "audio", 24, num_speakers)
    y_true = clips["emotion"].map(LABELS.index).to_numpy()
    probabilities = np.random.default_rng(1).dirichlet(np.ones(3), size=24) * (1 - sure)
    probabilities[np.arange(24), y_true] += sure
    predicted = [LABELS[index] for index in probabilities.argmax(axis=1)]
    columns = {f"p_{label}": probabilities[:, index] for index, label in enumerate(LABELS)}
    clips.assign(predicted=predicted, **columns).to_csv(folder / "predictions.csv", index=False)
    history = pd.DataFrame({"phase": ["search"] * 3 + ["final"] * 2, "epoch": [1, 2, 3, 1, 2]})
    for name in ("loss", "accuracy", "val_loss", "val_accuracy"):
        history[name] = [0.9, 0.5, 0.7, 0.9, 0.5]
    history.to_csv(folder / "history.csv", index=False)
    values = {
        "experiment.json": experiment.to_dict(),
        "split.json": {
            "kind": experiment.split,
            "seed": 0,
            "allowed": [] if disjoint else ["speaker"],
            "speaker_disjoint": disjoint,
            "notes": [],
            "train": [f"synthetic/t{index}" for index in range(70)],
            "validation": ["synthetic/v0", "synthetic/v1"],
            "test": clips["clip"].tolist(),
            **split,
        },
        "metrics.json": {
            **metrics.evaluate(y_true, probabilities, LABELS, clips, n_boot=100),
            "run": {
                "epochs": {"search": 3, "final": 2},
                "parameters": 848647,
                "seconds": 90.0,
                "device": "2 cores, tensorflow backend",
                "versions": {"python": "3.11.9", "keras": "3.15.1"},
                "commit": "0123abc",
            },
        },
    }
    for name, value in values.items():
        (folder / name).write_text(json.dumps(value), encoding="utf-8")
    return folder


@pytest.fixture(autouse=True)
def all_clips_shown(few_clips_shown, monkeypatch):
    monkeypatch.setattr(report, "CLIPS_SHOWN", few_clips_shown)


@pytest.fixture
def undrawn(monkeypatch):
    """Leave out the slow drawing in tests that read the text alone."""

    def touch(figure, path):
        path.parent.mkdir(exist_ok=True)
        path.touch()

    monkeypatch.setattr(report.plots, "save", touch)


def read_report(folder):
    return report.write(folder).read_text(encoding="utf-8")


def edit_json(path, **changes):
    values = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**values, **changes}), encoding="utf-8")


def test_report_says_what_was_run_and_found(tmp_path, undrawn):
    text = read_report(make_run(tmp_path))
    found = json.loads((tmp_path / "metrics.json").read_text(encoding="utf-8"))
    uar = found["uar"]
    value, limits = f"{100 * uar['value']:.1f} %", f"[{100 * uar['low']:.1f}, "
    assert f"| UAR | {value} | {limits}" in text
    assert "70 train, 2 validation, 24 test" in text
    assert "speaker-disjoint" in text
    assert "848,647 parameters" in text
    for fact in ("0123abc", "keras 3.15.1", "1.5 min", "3 in the search fit and 2 in the final"):
        assert fact in text
    row = found["per_class"]["sad"]
    assert f"| sad | {100 * row['precision']:.1f} % | {100 * row['recall']:.1f} % |" in text
    assert re.search(r"\| sex \| female \| 12 \| .* \| 2 speakers \|", text)
    assert "an accuracy of 33.3 % and a UAR of 33.3 %" in text


def test_report_shows_exactly_the_figures_it_wrote(tmp_path):
    text = read_report(make_run(tmp_path))
    assert sorted(path.name for path in (tmp_path / "figures").iterdir()) == FIGURES
    assert sorted(re.findall(r"\(figures/(\w+\.png)\)", text)) == FIGURES


def test_classical_run_has_fits_and_no_epochs(tmp_path, undrawn):
    folder = make_run(tmp_path)
    run = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))["run"]
    edit_json(folder / "metrics.json", run={**run, "epochs": {}, "parameters": None, "seconds": 4})
    fits = pd.DataFrame({"phase": "fit", "settings": ['{"C": 1, "gamma": "scale"}', '{"C": 10}']})
    for name in ("accuracy", "uar", "val_accuracy", "val_uar"):
        fits[name] = [0.5, 0.75]
    fits.to_csv(folder / "history.csv", index=False)
    text = read_report(folder)
    assert "| C=1, gamma=scale | 50.0 % | 50.0 % | 50.0 % |" in text
    assert "the best validation UAR is kept: C=10." in text
    assert "| training time | 4.0 s |" in text
    assert "parameters" not in text
    assert not (folder / "figures" / "curves.png").exists()
    fits.drop(columns="val_uar").to_csv(folder / "history.csv", index=False)
    with pytest.raises(ValueError, match=r"history.csv of a run must hold .* without \['val_uar'"):
        report.write(folder)


def test_report_is_the_same_twice(tmp_path):
    folder = make_run(tmp_path)
    first = read_report(folder), (folder / "figures" / "clips.png").read_bytes()
    second = read_report(folder), (folder / "figures" / "clips.png").read_bytes()
    assert first == second


def test_tables_are_whole(tmp_path, undrawn):
    lines = read_report(make_run(tmp_path)).splitlines()
    tables = [line for line in lines if line.startswith("|")]
    assert all(line.endswith("|") for line in tables)
    for above, below in zip(lines, lines[1:], strict=False):
        if above.startswith("|") and below.startswith("|"):
            assert above.count("|") == below.count("|")


def test_random_split_is_labelled_plainly(tmp_path, undrawn):
    text = read_report(make_run(tmp_path, disjoint=False))
    assert "**In the split `random` speakers stand on both sides.**" in text
    assert "**of speakers it was trained on**" in text
    assert "new speakers recorded" not in text
    assert "speaker-disjoint" not in text


def test_unknown_speakers_are_labelled_plainly(tmp_path, undrawn):
    text = read_report(make_run(tmp_path, disjoint=None))
    assert "Speakers are not all known" in text
    assert "speaker-disjoint" not in text


def test_notes_leaks_and_unread_clips_are_told(tmp_path, undrawn):
    folder = make_run(tmp_path, notes=["One fold lacks a clip."], allowed=["identical"])
    split = json.loads((folder / "split.json").read_text(encoding="utf-8"))
    edit_json(folder / "split.json", test=[*split["test"], "synthetic/broken"])
    text = read_report(folder)
    assert "One fold lacks a clip." in text
    assert "Leaks allowed by name: identical" in text
    assert "could not be read, so not in the figures: 1." in text


@pytest.mark.parametrize(
    ("num_speakers", "expected"),
    [(4, "**rough**"), (1, "clips were drawn"), (12, "100 resamples of 12 speakers.")],
)
def test_interval_is_explained(tmp_path, num_speakers, expected, undrawn):
    text = read_report(make_run(tmp_path, num_speakers=num_speakers))
    assert expected in text
    assert ("**rough**" in text) == (num_speakers == 4)


def test_interval_without_width_is_no_certainty(tmp_path, undrawn):
    assert "not certainty" in read_report(make_run(tmp_path, sure=0.95))


def test_command_repeats_the_experiment(tmp_path, undrawn):
    experiment = Experiment(
        data=("ravdess=/data/my corpus", "tess"), label_scheme="seven", seed=3
    ).with_settings({"training.epochs": 2, "model.settings.dropout": 0.2})
    text = read_report(make_run(tmp_path, experiment))
    line = next(line for line in text.splitlines() if line.startswith("python -m serkeras"))
    assert line.startswith(
        "python -m serkeras train cnn2-transformer --data 'ravdess=/data/my corpus' --data tess "
        "--label-scheme seven --split speaker --seed 3 --set "
    )
    assert "--set training.epochs=2" in line
    assert "--set model.settings.dropout=0.2" in line
    assert "learning_rate" not in line


def test_command_of_a_recipe_of_ones_own(tmp_path, undrawn):
    text = read_report(make_run(tmp_path, Experiment(recipe="mine")))
    assert "python -m serkeras train experiment.json --out again" in text


def test_recordings_out_of_reach_leave_no_clip_page(tmp_path, undrawn):
    folder = make_run(tmp_path)
    report.write(folder)
    for path in (folder / "audio").iterdir():
        path.unlink()
    text = read_report(folder)
    assert "There is no page of clips: the recordings are not reachable" in text
    assert str(tmp_path) not in text
    # A page of an earlier report would show other results.
    assert not (folder / "figures" / "clips.png").exists()


def test_broken_recording_leaves_no_clip_page(tmp_path, undrawn):
    folder = make_run(tmp_path)
    for path in (folder / "audio").iterdir():
        path.write_text("no audio", encoding="utf-8")
    assert re.search("the recording synthetic/.. cannot be read", read_report(folder))


def test_unknown_groups_leave_no_group_figure(tmp_path, undrawn):
    folder = make_run(tmp_path)
    edit_json(folder / "metrics.json", groups={"sex": {}, "corpus": {}})
    assert "Neither sex nor corpus is known" in read_report(folder)
    assert not (folder / "figures" / "groups.png").exists()


def test_clip_page_chooses_right_and_wrong_of_many_emotions(tmp_path):
    folder = make_run(tmp_path, sure=0.25)
    predictions = pd.read_csv(folder / "predictions.csv")
    chosen = report._choose(predictions, LABELS)
    right = chosen["emotion"] == chosen["predicted"]
    assert (right.sum(), (~right).sum()) == (4, 4)
    assert set(chosen[right]["emotion"]) == set(LABELS)
    answered_right = predictions["emotion"] == predictions["predicted"]
    surest = predictions[answered_right][[f"p_{label}" for label in LABELS]].max(axis=None)
    assert chosen.iloc[0]["surest"] == surest


def test_clip_page_of_a_faultless_model_is_full(tmp_path):
    predictions = pd.read_csv(make_run(tmp_path, sure=0.95) / "predictions.csv")
    assert len(report._choose(predictions, LABELS)) == report.CLIPS_SHOWN


@pytest.mark.parametrize(
    "name", ["experiment.json", "split.json", "history.csv", "predictions.csv", "metrics.json"]
)
@pytest.mark.parametrize("content", [None, b"", b'{"half": ', b"\xff\xfe\x00broken"])
def test_missing_or_broken_part_is_named(tmp_path, name, content):
    folder = make_run(tmp_path)
    if content is None:
        (folder / name).unlink()
    else:
        (folder / name).write_bytes(content)
    with pytest.raises(FileNotFoundError if content is None else ValueError, match="eceived") as e:
        report.write(folder)
    assert name.split(".")[0] in str(e.value)
    assert not (folder / "report.md").exists()


def test_part_without_a_key_is_named(tmp_path):
    folder = make_run(tmp_path)
    edit_json(folder / "metrics.json", run={"epochs": {}})
    with pytest.raises(ValueError, match=r"metrics.json of a run must hold .* without \['param"):
        report.write(folder)


def test_parts_of_two_runs_are_refused(tmp_path):
    folder = make_run(tmp_path)
    predictions = pd.read_csv(folder / "predictions.csv")
    predictions["predicted"] = predictions["predicted"].to_numpy()[::-1]
    predictions.to_csv(folder / "predictions.csv", index=False)
    with pytest.raises(ValueError, match="must be of one run"):
        report.write(folder)


def test_test_clips_of_another_split_are_refused(tmp_path):
    folder = make_run(tmp_path)
    edit_json(folder / "split.json", test=["synthetic/00"])
    with pytest.raises(ValueError, match="must be of one run"):
        report.write(folder)


def test_emotion_called_none_is_an_emotion(tmp_path, undrawn):
    folder = make_run(tmp_path)
    for name in ("predictions.csv", "metrics.json"):
        text = (folder / name).read_text(encoding="utf-8").replace("happy", "None")
        (folder / name).write_text(text, encoding="utf-8")
    assert "| None |" in read_report(folder)
