"""Timelines of recordings: the stream's answers, tables, files that are whole, a figure to read."""

import io
import json

import numpy as np
import pandas as pd
import pytest
import soundfile

import serkeras
from serkeras import audio, cli
from serkeras.serving import Moment, Recogniser, Stream, Timeline, timeline, timeline_figure

RATE = 16000
LABELS = ["sad", "happy"]


class Listener(Recogniser):
    """Says "happy" of what is loud."""

    def __init__(self, seconds=3.0):
        self.labels, self.sample_rate, self.samples = LABELS, RATE, round(seconds * RATE)
        self.name, self.run, self.asked = "listener", None, []

    def probabilities(self, waves):
        self.asked.append(len(waves))
        loud = np.array([min(5 * np.abs(wave).mean(), 1) for wave in waves])
        return np.stack([1 - loud, loud], axis=1).astype(np.float32)


def moment(start_s, end_s, label, happy=np.nan, level_db=-20.0):
    said = np.array([1 - happy, happy], np.float32)
    return Moment(start_s, end_s, label, said, said, level_db)


@pytest.fixture
def made():
    """A timeline of two stretches with a gap between them, and silence in the first."""
    return Timeline(
        [
            moment(0.0, 1.0, "happy", 0.8),
            moment(0.0, 2.0, "happy", 0.6),
            moment(1.0, 3.0, "sad", 0.3),
            moment(2.0, 4.0, "silence", level_db=-120.0),
            moment(4.5, 6.5, "gap", level_db=np.nan),
            moment(6.5, 7.5, "sad", 0.25),
        ],
        LABELS,
        "made",
        "nobody",
    )


def long_sound(path, seconds, rate=RATE, channels=1):
    """Write loud, faint and silent parts of 4 s each."""
    time = np.arange(round(seconds * rate))
    level = np.choose(time // (4 * rate) % 3, [0.3, 0.02, 0.0])
    wave = level * np.sin(2 * np.pi * 220 * time / rate)
    soundfile.write(path, np.stack([wave] * channels, axis=1), rate, subtype="PCM_16")
    return path


# What it says.


@pytest.mark.parametrize(("rate", "channels"), [(16000, 1), (44100, 2)])
def test_a_timeline_is_a_stream_over_a_file(rate, channels, tmp_path, monkeypatch):
    path = long_sound(tmp_path / "a.wav", 61.3, rate, channels)
    stream = Stream(Listener(), rate)
    wanted = stream.feed(soundfile.read(path, dtype="int16")[0]) + stream.end()
    monkeypatch.setattr(audio, "_BLOCK", 10007)
    listener = Listener()
    found = timeline(listener, path).table
    assert list(found.columns) == ["start_s", "end_s", "label", "level_db", *LABELS]
    assert found["label"].tolist() == [each.label for each in wanted]
    assert set(found["label"]) == {"sad", "happy", "silence"}
    np.testing.assert_allclose(found["end_s"], [each.end_s for each in wanted])
    np.testing.assert_allclose(found["level_db"], [each.level_db for each in wanted], atol=1e-4)
    np.testing.assert_allclose(found[LABELS], [each.probabilities for each in wanted], atol=1e-6)
    assert found["end_s"].iloc[-1] == pytest.approx(61.3)
    assert len(listener.asked) <= 4  # in batches


def test_settings_reach_the_stream(tmp_path):
    path = long_sound(tmp_path / "a.wav", 12)
    table = timeline(Listener(), path, hop_s=2.0, smooth_s=0, silence_db=-20).table
    assert table["end_s"].tolist() == [2.0, 4.0, 6.0, 8.0, 10.0, 12.0]
    assert table["label"].tolist() == ["happy", "happy", "sad", "silence", "silence", "silence"]
    table = timeline(Listener(), path, gate=lambda wave, rate: False).table
    assert set(table["label"]) == {"silence"}


def test_a_whole_run_may_listen(small_run, own_csv):
    path = sorted(own_csv.parent.glob("*.wav"))[0]
    found = timeline(small_run.folder, path)
    assert (found.name, found.model, found.labels) == (path.name, "small", small_run.labels)
    last = found.table.iloc[-1]
    wave = audio.read(path, RATE)[-small_run.experiment.audio.samples :]
    assert last["end_s"] == pytest.approx(1.2)
    wanted = Recogniser(small_run).probabilities([wave])[0]
    stream = Stream(Recogniser(small_run), RATE)
    assert stream.feed(audio.read(path, RATE)) is not None
    np.testing.assert_allclose(stream.end()[0].raw, wanted, atol=1e-6)
    assert serkeras.serving.timeline is timeline


def test_each_window_speaks_for_the_time_nearest_its_middle(made):
    spans = made.spans
    # Middles: 0.5, 1.0, 2.0, 3.0, then the gap, then the stretch after it.
    assert spans["start_s"].tolist() == [0.0, 0.75, 1.5, 2.5, 4.5, 6.5]
    assert spans["end_s"].tolist() == [0.75, 1.5, 2.5, 4.0, 6.5, 7.5]
    segments = made.segments
    assert segments["label"].tolist() == ["happy", "sad", "silence", "gap", "sad"]
    assert segments["start_s"].tolist() == [0.0, 1.5, 2.5, 4.5, 6.5]
    assert segments["end_s"].tolist() == [1.5, 2.5, 4.0, 6.5, 7.5]
    wanted = [0.7, 0.7, np.nan, np.nan, 0.75]
    np.testing.assert_allclose(segments["probability"], wanted, atol=1e-6)


def test_segments_stand_where_the_sound_changes(tmp_path):
    found = timeline(Listener(2.0), long_sound(tmp_path / "a.wav", 24), smooth_s=0).segments
    for start_s, label in [(0, "happy"), (4, "sad"), (8, "silence"), (12, "happy"), (16, "sad")]:
        # True within half a window of each change.
        (row,) = found[(found["start_s"] <= start_s + 1) & (found["end_s"] >= start_s + 3)].index
        assert found["label"][row] == label
    assert found["end_s"].iloc[-1] == pytest.approx(24)
    assert (found["start_s"].iloc[1:].to_numpy() == found["end_s"].iloc[:-1].to_numpy()).all()


# Files.


def test_csv_holds_the_table(made, tmp_path):
    made.to_csv(tmp_path / "new" / "a.csv")
    found = pd.read_csv(tmp_path / "new" / "a.csv")
    pd.testing.assert_frame_equal(found, made.table, check_dtype=False, atol=1e-6)


def test_json_holds_everything_and_null_where_nothing_is_known(made, tmp_path):
    made.to_json(tmp_path / "a.json")
    text = (tmp_path / "a.json").read_text()
    assert "NaN" not in text
    found = json.loads(text)
    assert (found["name"], found["model"], found["labels"]) == ("made", "nobody", LABELS)
    assert len(found["windows"]) == 6
    assert found["windows"][4]["happy"] is None
    assert found["windows"][4]["level_db"] is None
    assert found["windows"][0]["happy"] == pytest.approx(0.8)
    assert found["segments"][3] == {
        "start_s": 4.5, "end_s": 6.5, "label": "gap", "probability": None,
    }  # fmt: skip


def test_audacity_gets_a_label_track(made, tmp_path):
    made.to_audacity(tmp_path / "a.txt")
    lines = (tmp_path / "a.txt").read_text().splitlines()
    assert lines[:2] == ["0.000000\t1.500000\thappy", "1.500000\t2.500000\tsad"]
    assert len(lines) == 5


@pytest.mark.parametrize("method", ["to_csv", "to_json", "to_audacity"])
def test_files_are_written_whole_or_not_at_all(method, made, tmp_path, monkeypatch):
    path = tmp_path / "old"
    path.write_text("mine")

    class Full(io.TextIOWrapper):
        def write(self, text):
            super().write(text[:5])
            raise OSError(28, "No space left on device")

    def broken(path, mode="r", encoding=None):
        return Full(io.FileIO(path, "w"), encoding=encoding)

    monkeypatch.setattr("builtins.open", broken)
    with pytest.raises(OSError, match="No space"):
        getattr(made, method)(path)
    monkeypatch.undo()
    assert path.read_text() == "mine"
    assert list(tmp_path.iterdir()) == [path]


def test_a_timeline_of_nothing_is_empty(tmp_path):
    empty = Timeline([], LABELS, "nothing", "nobody")
    assert len(empty.table) == len(empty.segments) == 0
    empty.to_csv(tmp_path / "a.csv")
    assert pd.read_csv(tmp_path / "a.csv").columns.tolist() == empty.table.columns.tolist()
    empty.to_json(tmp_path / "a.json")
    empty.to_audacity(tmp_path / "a.txt")
    empty.figure().draw_without_rendering()


# What goes wrong.


def spoil(path, how):
    long_sound(path, 5)
    data = path.read_bytes()
    if how == "cut off":
        path.write_bytes(data[: len(data) // 2])
    elif how == "no audio":
        path.write_text("no sound")
    elif how == "no samples":
        soundfile.write(path, np.zeros(0), RATE)
    else:
        soundfile.write(path, np.full(RATE, np.nan), RATE, subtype="FLOAT")
    return path


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("cut off", "as long as it says. Received: .*bad.wav, cut off"),
        ("no audio", "an audio file that libsndfile reads. Received: .*bad.wav"),
        ("no samples", "at least one sample at 16000 Hz. Received: .*bad.wav"),
        ("not finite", "finite numbers. Received: .*bad.wav, where 16000 of 16000"),
    ],
)
def test_damaged_recordings_are_named(how, words, tmp_path):
    with pytest.raises(audio.AudioError, match=words):
        timeline(Listener(), spoil(tmp_path / "bad.wav", how))


def test_missing_recordings_are_named(tmp_path):
    with pytest.raises(audio.AudioFileError, match="readable file. Received: .*none.wav"):
        timeline(Listener(), tmp_path / "none.wav")


# The figure.


def test_the_figure_shows_a_long_recording_in_rows(tmp_path):
    found = timeline(Listener(), long_sound(tmp_path / "a.wav", 600))
    figure = found.figure()
    upper, lower = figure.axes[::2], figure.axes[1::2]
    assert [axis.get_xlim() for axis in upper] == [(120 * n, 120 * (n + 1)) for n in range(5)]
    assert figure.get_suptitle() == "a.wav, heard by listener"
    figure.draw_without_rendering()
    assert [text.get_text() for text in lower[-1].get_xticklabels()][:2] == ["8:00", "8:15"]
    assert {text.get_text() for text in upper[0].texts} <= set(LABELS)
    assert upper[0].texts
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names == [*LABELS, "silence"]


def test_areas_end_where_silence_and_gaps_begin(made):
    (upper, _) = made.figure().axes
    paths = [path for area in upper.collections[: len(LABELS)] for path in area.get_paths()]
    for time_s, filled in ((0.4, 1), (2.4, 1), (2.6, 0), (3.9, 0), (5.5, 0), (6.6, 1), (7.4, 1)):
        assert sum(path.contains_point((time_s, 0.5)) for path in paths) == filled
    hatched = [patch for patch in upper.patches if patch.get_hatch()]
    assert [(p.get_x(), p.get_x() + p.get_width()) for p in hatched] == [(4.5, 6.5)]
    grey = [patch for patch in upper.patches if not patch.get_hatch()]
    assert [(p.get_x(), p.get_x() + p.get_width()) for p in grey] == [(2.5, 4.0)]


def test_a_short_recording_has_one_row_of_its_length(made):
    figure = made.figure()
    assert len(figure.axes) == 2
    assert figure.axes[0].get_xlim() == (0.0, 7.5)
    assert "gap" in [text.get_text() for text in figure.legends[0].get_texts()]


def test_colours_are_distinct_and_stay_with_their_emotion():
    known = ["angry", "boredom", "calm", "disgust", "fear", "happy", "neutral", "sad", "surprise"]
    assert len(set(timeline_figure.colours(known).values())) == 9
    some = timeline_figure.colours(["sad", "proud", "bored stiff"])
    assert some["sad"] == timeline_figure.colours(known)["sad"]
    assert len(set(some.values())) == 3
    assert len(timeline_figure.colours([str(n) for n in range(20)])) == 20


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00"), (75, "1:15"), (3600, "1:00:00"), (7325.4, "2:02:05")]
)
def test_times_read_as_a_clock(seconds, text):
    assert timeline_figure._clock(seconds) == text


# The command.


def test_the_command_writes_four_files_a_recording(small_run, tmp_path, capsys):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        long_sound(tmp_path / folder / "x.wav", 5)
    words = ["timeline", small_run.folder, tmp_path / "a", tmp_path / "b" / "x.wav"]
    settings = ["--out", tmp_path / "out", "--hop", "1", "--quiet"]
    assert cli.main([str(word) for word in [*words, *settings]]) == 0
    endings = ("audacity.txt", "csv", "json", "png")
    wanted = [f"{name}.{ending}" for name in ("x.wav-2", "x.wav") for ending in endings]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(wanted)
    assert len(pd.read_csv(tmp_path / "out" / "x.wav.csv")) == 5
    assert "x.wav-2: .csv, .json, .audacity.txt, .png" in capsys.readouterr().out


def test_the_command_goes_on_after_a_broken_recording(small_run, tmp_path, capsys):
    broken, good = spoil(tmp_path / "bad.wav", "cut off"), long_sound(tmp_path / "good.wav", 3)
    words = ["timeline", small_run.folder, broken, good, "--out", tmp_path / "out", "--quiet"]
    assert cli.main([str(word) for word in words]) == 1
    assert "left out: A recording must be as long as it says" in capsys.readouterr().err
    assert not list((tmp_path / "out").glob("bad*"))
    assert len(list((tmp_path / "out").glob("good*"))) == 4
