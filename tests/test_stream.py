"""A stream says the same however its sound arrives, keeps little, and tells gaps from drift."""

import io
import math
import threading
import time
import tracemalloc
import types

import numpy as np
import pytest
import soxr

import serkeras
from serkeras import audio, cli, exporting
from serkeras.cli import listening
from serkeras.serving import Recogniser, Stream, microphone
from serkeras.serving.stream import level_db

RATE = 16000


class Listener(Recogniser):
    """Answers by simple figures of the sound, at once, and notes what it was asked."""

    def __init__(self, seconds=3.0, rate=RATE):
        self.labels, self.sample_rate, self.samples = ["low", "high", "long"], rate, 0
        self.samples, self.name, self.run = round(seconds * rate), "listener", None
        self.asked = []

    def probabilities(self, waves):
        self.asked.append([len(wave) for wave in waves])
        scores = [
            [20 * np.abs(w).mean(), 20 * np.abs(np.diff(w)).mean(), len(w) / self.samples]
            for w in waves
        ]
        shares = np.exp(np.array(scores))
        return (shares / shares.sum(axis=1, keepdims=True)).astype(np.float32)


def speech(seconds, rate=RATE, channels=1, seed=0):
    """Noise that is switched on and off, `(samples, channels)`."""
    rng = np.random.default_rng(seed)
    loud = np.repeat(rng.uniform(size=math.ceil(seconds / 0.4)) > 0.4, math.ceil(0.4 * rate))
    count = round(seconds * rate)
    return 0.1 * rng.normal(size=(count, channels)) * loud[:count, None]


def tone(seconds, rate=RATE):
    return 0.1 * np.sin(2 * np.pi * 200 * np.arange(round(seconds * rate)) / rate)


def times(moments):
    return [(round(each.start_s, 6), round(each.end_s, 6)) for each in moments]


def portions(samples, most, seed):
    rng, start = np.random.default_rng(seed), 0
    while start < len(samples):
        stop = start + int(rng.integers(0, most + 1))
        yield samples[start:stop]
        start = stop


# The same answers, whatever arrives how.


@pytest.mark.parametrize("rate", [8000, 16000, 44100, 48000])
@pytest.mark.parametrize("form", ["mono", "stereo", "int16"])
def test_the_answers_do_not_depend_on_the_portions(rate, form):
    sound = speech(12.34, rate, 2 if form == "stereo" else 1, seed=rate)
    sound[4 * rate : 8 * rate] *= 1e-3
    if form != "stereo":
        sound = sound[:, 0]
    sound = (sound * 32767).astype(np.int16) if form == "int16" else sound.astype(np.float32)
    whole = Stream(Listener(), rate)
    wanted = whole.feed(sound) + whole.end()
    assert {each.label for each in wanted} > {"silence"}
    for seed, (most, batch) in enumerate([(100, 1), (rate, 1), (5 * rate, 7)]):
        stream = Stream(Listener(), rate, batch=batch)
        found = [each for some in portions(sound, most, seed) for each in stream.feed(some)]
        found += stream.end()
        assert times(found) == times(wanted)
        assert [each.label for each in found] == [each.label for each in wanted]
        for name in ("probabilities", "raw", "level_db"):
            np.testing.assert_allclose(
                [getattr(each, name) for each in found],
                [getattr(each, name) for each in wanted],
                atol=1e-6,
            )


def test_channels_are_averaged_and_integers_scaled():
    left, right = speech(4, seed=1)[:, 0], speech(4, seed=2)[:, 0]
    for given in (
        np.stack([left, right], axis=1),
        (np.stack([left, right], axis=1) * 32768).round().astype(np.int16),
    ):
        found = Stream(Listener(), RATE).feed(given)
        wanted = Stream(Listener(), RATE).feed((left + right) / 2)
        raw = [[each.raw for each in some] for some in (found, wanted)]
        np.testing.assert_allclose(*raw, atol=1e-4)


def test_windows_end_at_every_hop_and_the_last_one_flush():
    listener = Listener()
    stream = Stream(listener, RATE)
    found = stream.feed(tone(4.7)) + stream.end()
    grown = [(0.0, stop) for stop in (1.0, 1.5, 2.0, 2.5, 3.0)]
    assert times(found) == [*grown, (0.5, 3.5), (1.0, 4.0), (1.5, 4.5), (1.7, 4.7)]
    assert stream.end() == []
    # A whole number of hops leaves nothing unheard.
    stream = Stream(listener, RATE, hop_s=0.3)
    assert times(stream.feed(tone(1.5)) + stream.end()) == [(0.0, 1.2), (0.0, 1.5)]


def test_a_short_sound_has_one_window_and_none_has_none():
    listener = Listener()
    stream = Stream(listener, 48000)
    assert stream.feed(np.zeros(0)) == []
    assert stream.feed(tone(0.6, 48000)) == []
    assert times(stream.end()) == [(0.0, 0.6)]
    assert listener.asked == [[9600]]
    assert Stream(listener, RATE).end() == []


def test_a_window_is_what_the_model_is_asked(small_run):
    recogniser = Recogniser(small_run)
    sound = speech(3.0, seed=5)[:, 0].astype(np.float32)
    found = Stream(recogniser, RATE, min_voiced_s=0).feed(sound)
    assert len(found) == 5
    for moment in found:
        start, stop = round(moment.start_s * RATE), round(moment.end_s * RATE)
        assert stop - start == min(stop, recogniser.samples)
        wanted = recogniser.probabilities([sound[start:stop]])[0]
        np.testing.assert_allclose(moment.raw, wanted, atol=1e-6)
        assert moment.label == recogniser.labels[moment.probabilities.argmax()]


# Silence and smoothing.


def test_silence_is_not_asked_and_the_model_is_not_told():
    listener = Listener(1.0)
    sound = np.concatenate([tone(2), 1e-4 * tone(3), tone(2)])
    found = Stream(listener, RATE).feed(sound)
    silent = [each.end_s for each in found if each.label == "silence"]
    assert silent == [3.0, 3.5, 4.0, 4.5, 5.0]
    assert sum(map(len, listener.asked)) == len(found) - len(silent)
    assert all(np.isnan(each.probabilities).all() for each in found if each.label == "silence")
    assert all(each.level_db < -90 for each in found if each.label == "silence")
    loud = [each.level_db for each in found if each.end_s in (1.0, 2.0, 6.0)]
    np.testing.assert_allclose(loud, 20 * np.log10(0.1 / np.sqrt(2)), atol=0.01)
    (half,) = [each for each in found if each.end_s == 2.5]  # of which the older part is loud
    assert half.label != "silence"
    assert half.level_db < -90


@pytest.mark.parametrize(("voiced_s", "silent"), [(0.26, True), (0.32, False)])
def test_a_word_of_a_third_of_a_second_is_heard(voiced_s, silent):
    sound = np.concatenate([np.zeros(RATE), tone(voiced_s), np.zeros(RATE)])[: 2 * RATE]
    found = Stream(Listener(), RATE).feed(sound)
    assert (found[-1].label == "silence") is silent


def test_the_level_at_which_silence_ends_can_be_moved():
    faint = 0.01 * tone(2)  # -63 dBFS
    for silence_db, silent in ((-50.0, True), (-70.0, False), (-math.inf, False)):
        found = Stream(Listener(), RATE, silence_db=silence_db).feed(faint)
        assert {each.label == "silence" for each in found} == {silent}
    assert level_db(np.zeros(9)) == -120
    assert level_db(np.ones(9)) == 0


def test_channels_that_come_first_are_named():
    with pytest.raises(ValueError, match=r"\(2, 16000\), 16000 channels.*\.T"):
        Stream(Listener(), RATE).feed(np.zeros((2, 16000)))


def test_an_own_gate_decides():
    heard = []

    def gate(wave, rate):
        heard.append((len(wave), rate))
        return len(heard) % 2

    found = Stream(Listener(), RATE, gate=gate).feed(np.zeros(2 * RATE))
    assert [each.label == "silence" for each in found] == [False, True, False]
    assert heard == [(16000, RATE), (24000, RATE), (32000, RATE)]


def test_smoothing_is_exponential_and_begins_anew_after_silence():
    sound = np.concatenate([speech(4, seed=3)[:, 0], np.zeros(3 * RATE), tone(1.5)])
    found = Stream(Listener(1.0), RATE, smooth_s=2.0).feed(sound)
    weight, before = 1 - math.exp(-0.5 / 2.0), None
    for moment in found:
        if moment.label == "silence":
            before = None
            continue
        before = moment.raw if before is None else before + weight * (moment.raw - before)
        np.testing.assert_allclose(moment.probabilities, before, atol=1e-6)
        assert moment.probabilities.sum() == pytest.approx(1, abs=1e-5)
    assert any(not np.allclose(each.raw, each.probabilities, equal_nan=True) for each in found)
    for moment in Stream(Listener(1.0), RATE, smooth_s=0).feed(sound):
        assert np.array_equal(moment.raw, moment.probabilities, equal_nan=True)


# Clocks.


def captured(portion_s, count, ppm=0.0, jitter_s=0.0, start_s=1000.0):
    """Yield capture times of portions that follow one another without a gap."""
    rng = np.random.default_rng(0)
    for number in range(count):
        wobble = jitter_s * rng.uniform(-1, 1)
        yield start_s + number * portion_s * (1 + ppm * 1e-6) + (wobble if number else 0)


@pytest.mark.parametrize("ppm", [100.0, -30.0])
def test_an_hour_of_drift_is_no_gap_and_is_measured(ppm):
    stream = Stream(Listener(), 8000, hop_s=3.0)
    silence, found = np.zeros(4000, np.int16), []
    for at in captured(0.5, 7200, ppm, jitter_s=0.02):
        found += stream.feed(silence, at)
    assert {each.label for each in found} == {"silence"}
    assert stream.drift_ppm == pytest.approx(ppm, abs=2)
    assert stream.now_s == pytest.approx(1000 + 3600 * (1 + ppm * 1e-6), abs=0.015)
    ends = np.array([each.end_s for each in found])
    assert (np.diff(ends) > 0).all()
    unfollowed = 1000 + 3600
    assert abs(stream.now_s - unfollowed) > 0.08


def test_drift_is_unknown_before_a_minute_of_capture_times():
    stream = Stream(Listener(), 8000)
    for at in captured(1.0, 60, 50.0):
        stream.feed(np.zeros(8000), at)
    assert stream.drift_ppm is None
    stream.feed(np.zeros(8000), 1060 + 60 * 50e-6)
    assert stream.drift_ppm == pytest.approx(50, abs=0.01)
    silent = Stream(Listener(), 8000)
    silent.feed(np.zeros(800000))
    assert silent.drift_ppm is None


def test_drift_is_measured_across_gaps():
    stream, at = Stream(Listener(), 8000), 5.0
    for number in range(200):
        at += 100.0 if number % 50 == 49 else 1.0 + 80e-6
        stream.feed(np.zeros(8000), at)
    assert stream.drift_ppm == pytest.approx(80, abs=0.5)


def test_lost_sound_is_one_gap_and_the_window_begins_anew():
    listener, found = Listener(), []
    stream, sound = Stream(listener, RATE), tone(10.3)
    for start in range(0, len(sound), 1600):
        lost_s = 2.0 if start >= 5.3 * RATE else 0.0
        found += stream.feed(sound[start : start + 1600], 7.0 + start / RATE + lost_s)
    found += stream.end()
    (gap,) = [each for each in found if each.label == "gap"]
    assert times([gap]) == [(12.3, 14.3)]
    assert math.isnan(gap.level_db)
    assert np.isnan(gap.raw).all()
    before, after = found[: found.index(gap)], found[found.index(gap) + 1 :]
    assert times(before)[-2:] == [(9.0, 12.0), (9.3, 12.3)]
    assert times(after)[:2] == [(14.3, 15.3), (14.3, 15.8)]
    assert times(after)[-1] == (16.3, 19.3)
    assert np.array_equal(after[0].raw, after[0].probabilities)
    assert max(len(wave) for wave in [after[0].raw]) == 3


def test_a_small_hole_is_jitter():
    stream, found = Stream(Listener(), RATE), []
    for number in range(50):
        late = 0.2 if number == 25 else 0.0
        found += stream.feed(tone(0.1), number * 0.1 + late)
    assert {each.label for each in found}.isdisjoint({"gap", "silence"})
    assert stream.now_s == pytest.approx(5.0, abs=0.01)
    assert Stream(Listener(), RATE, gap_s=0.15).feed(tone(1), 0.0)
    strict, found = Stream(Listener(), RATE, gap_s=0.15), []
    for number in range(50):
        found += strict.feed(tone(0.1), number * 0.1 + (0.2 if number >= 25 else 0.0))
    assert [each.label for each in found].count("gap") == 1


def test_sound_sent_twice_is_heard_once():
    sound = speech(8, seed=9)[:, 0]
    plain = Stream(Listener(), RATE)
    wanted = plain.feed(sound[: 5 * RATE], 3.0) + plain.feed(sound[5 * RATE :])
    twice = Stream(Listener(), RATE)
    found = twice.feed(sound[: 5 * RATE], 3.0)
    assert twice.feed(sound[2 * RATE : 4 * RATE], 5.0) == []
    found += twice.feed(sound[4 * RATE :], 7.0)
    assert times(found) == times(wanted)
    np.testing.assert_allclose(*([m.raw for m in some] for some in (found, wanted)), atol=1e-6)


def test_times_never_run_back():
    rng = np.random.default_rng(4)
    stream, found, at = Stream(Listener(), 8000, hop_s=0.1, gap_s=2.0), [], 0.0
    for _ in range(300):
        seconds = rng.uniform(0.01, 3)
        found += stream.feed(tone(seconds, 8000), at + rng.uniform(-1.9, 1.9))
        at += seconds + (5 if rng.uniform() < 0.05 else 0)
    found += stream.end()
    ends = np.array([each.end_s for each in found])
    assert [each.label for each in found].count("gap") > 3
    assert (np.diff(ends) >= 0).all()
    assert all(each.start_s <= each.end_s for each in found)


def test_a_last_window_ends_no_earlier_than_the_one_before():
    stream = Stream(Listener(), RATE)
    found = stream.feed(tone(10.05), 0.0) + stream.feed(tone(0.02), 10.05 - 0.24) + stream.end()
    assert stream.now_s < 9.95
    assert [each.end_s for each in found[-2:]] == [10.0, 10.0]


def test_other_rates_are_resampled_as_recordings_are():
    sound = speech(7.3, 44100, seed=6)[:, 0].astype(np.float32)
    whole, listener = soxr.resample(sound, 44100, RATE, quality="HQ"), Listener()
    stream = Stream(listener, 44100)
    found = [each for some in portions(sound, 3000, 0) for each in stream.feed(some)]
    for moment in found + stream.end():
        window = whole[round(moment.start_s * RATE) : round(moment.end_s * RATE)]
        np.testing.assert_allclose(moment.raw, listener.probabilities([window])[0], atol=1e-6)


# Memory.


def test_an_endless_sound_needs_no_more_memory():
    listener = Listener()
    listener.asked = types.SimpleNamespace(append=lambda lengths: None)
    stream, sound = Stream(listener, 44100), speech(1, 44100, 2).astype(np.float32)

    def hear(seconds):
        return sum(len(stream.feed(sound)) for _ in range(seconds))

    hear(30)
    tracemalloc.start()
    try:
        count = hear(60)
        after, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        count += hear(60)
        last, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert count == pytest.approx(240, abs=2)
    assert last < after + 100_000
    assert peak < 4e6


def test_one_huge_portion_is_heard_in_pieces():
    sound = np.zeros((20 * 60 * RATE, 1), np.int16)
    sound[::7] = 3000
    stream = Stream(Listener(), RATE, hop_s=0.25)
    tracemalloc.start()
    try:
        found = stream.feed(sound)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(found) == 20 * 60 * 4 - 3
    assert peak < 20e6 < sound.nbytes


def test_the_model_is_asked_in_batches_and_at_once():
    listener = Listener()
    Stream(listener, RATE).feed(tone(60))
    assert max(map(len, listener.asked)) == 32
    listener.asked = []
    stream, said = Stream(listener, RATE), []
    for _ in range(40):
        said.append(len(stream.feed(tone(0.1))))
    assert [number for number, count in enumerate(said, 1) if count] == [10, 15, 20, 25, 30, 35, 40]
    listener.asked = []
    waits = Stream(listener, RATE, batch=32)
    assert sum(len(waits.feed(tone(0.1))) for _ in range(100)) == 0
    assert len(waits.end()) == 19
    assert [len(some) for some in listener.asked] == [19]


# What goes wrong.


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (np.array([0.1, np.nan, np.inf]), "finite numbers. Received: 2 of 3"),
        (np.full((4, 2), 1e300), "finite numbers. Received: 4 of 4"),
        (np.zeros((2, 3, 4)), r"\(samples, channels\). Received: shape=\(2, 3, 4\)"),
        (np.zeros((2, 0)), r"shape=\(2, 0\)"),
        (np.zeros(5, np.int32), "floats of full scale 1.0, or int16. Received: int32"),
        (np.float32(0.5), r"shape=\(\)"),
    ],
)
def test_what_is_no_sound_is_refused_and_nothing_is_taken(given, words):
    sound = speech(5, seed=8)[:, 0]
    plain, stream = Stream(Listener(), 44100), Stream(Listener(), 44100)
    wanted, found = plain.feed(sound), stream.feed(sound[:70000])
    with pytest.raises(ValueError, match=words):
        stream.feed(given, 9.0)
    with pytest.raises(ValueError, match="`at` must be a time in seconds. Received: nan"):
        stream.feed(sound, math.nan)
    found += stream.feed(sound[70000:])
    assert times(found) == times(wanted)
    np.testing.assert_allclose([m.raw for m in found], [m.raw for m in wanted], atol=1e-6)


class Failing(Listener):
    """Raises while it is told to."""

    fails = False

    def probabilities(self, waves):
        if self.fails:
            raise audio.AudioError("too short")
        return super().probabilities(waves)


@pytest.mark.parametrize("rate", [RATE, 44100])
@pytest.mark.parametrize("at", [None, 100.0, 200.0])  # follows on, by the clock, after a gap
def test_a_model_that_fails_does_not_break_the_stream(rate, at):
    listener = Failing()
    stream = Stream(listener, rate)
    begun = None if at is None else 100.0 - 4.0
    stream.feed(tone(4.0, rate), begun)
    listener.fails = True
    for batch in (Stream(listener, rate), stream):
        with pytest.raises(audio.AudioError):
            batch.feed(tone(60.0, rate), at)
    listener.fails = False
    end = 64.0 if at is None else at + 60.0
    assert stream.now_s == pytest.approx(end, abs=1e-6)
    found = stream.feed(tone(2.2, rate), None if at is None else end)
    assert times(found)[0] == (round(end, 6), round(end + 1.0, 6))
    listener.fails = True
    with pytest.raises(audio.AudioError):
        stream.end()
    assert stream.end() == []


def test_moments_share_nothing_that_can_be_changed():
    seen = []
    stream = Stream(Listener(), RATE, gate=lambda wave, rate: seen.append(wave) or True)
    first, *_ = stream.feed(tone(2.0))
    for array in (first.probabilities, first.raw, seen[0]):
        with pytest.raises(ValueError, match="read-only"):
            array[:] = 9


def test_a_clock_that_jumps_back_is_named():
    stream = Stream(Listener(), RATE)
    stream.feed(tone(2.0), 1000.0)
    with pytest.raises(ValueError, match="clock that goes on.*ends at 1 s.*at 1002 s"):
        stream.feed(tone(1.0), 0.0)
    assert stream.feed(tone(1.0), 1002.0)


def test_drift_needs_more_than_one_point():
    stream = Stream(Listener(), RATE)
    stream.feed(tone(61.0), 0.0)
    stream.feed(tone(1.0), 61.0)
    assert stream.drift_ppm == pytest.approx(0.0, abs=1e-3)


def test_a_constant_is_silence_and_a_short_word_is_none():
    found = Stream(Listener(), RATE).feed(np.full(2 * RATE, 0.1))
    assert {each.label for each in found} == {"silence"}
    stream = Stream(Listener(), RATE)
    assert stream.feed(tone(0.25)) == []
    assert [each.label for each in stream.end()] != ["silence"]


def test_an_ended_stream_takes_no_more():
    stream = Stream(Listener(), RATE)
    stream.end()
    with pytest.raises(RuntimeError, match="takes sound until its end"):
        stream.feed(tone(1))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"sample_rate": 0}, "`sample_rate` must be a positive"),
        ({"sample_rate": math.inf}, "`sample_rate` must be a positive"),
        ({"silence_db": math.nan}, "`silence_db` must be a level"),
        ({"min_voiced_s": 3.5}, "`min_voiced_s` must be 0 or more, and at most a window, 3 s"),
        ({"hop_s": 0}, "`hop_s` must be above 0 and at most a window, 3 s. Received: 0"),
        ({"hop_s": 3.1}, "Received: 3.1"),
        ({"smooth_s": -1}, "`smooth_s` must be 0 or more"),
        ({"gap_s": math.nan}, "`gap_s` must be above 0. Received: nan"),
        ({"min_s": 0}, "`min_s`"),
        ({"min_voiced_s": -1}, "`min_voiced_s`"),
        ({"batch": 33}, "`batch` must be 1 to 32. Received: 33"),
    ],
)
def test_settings_out_of_range_are_refused(settings, words):
    with pytest.raises(ValueError, match=words):
        Stream(Listener(), **{"sample_rate": RATE, **settings})


# What answers.


def test_runs_and_exports_answer_alike_at_any_length(small_run, tmp_path):
    path = exporting.export(small_run, "keras", tmp_path / "model", clips=2)["path"]
    exported, run = Recogniser(path), Recogniser(small_run.folder)
    assert (exported.labels, exported.samples) == (run.labels, run.samples)
    assert (exported.run, run.name) == (None, small_run.folder.name)
    sound = speech(3, seed=2)[:, 0].astype(np.float32)
    waves = [sound[:length] for length in (17600, 9000, 17600, 30000, 9000)]
    alone = np.concatenate([exported.probabilities([wave]) for wave in waves])
    np.testing.assert_allclose(exported.probabilities(waves), alone, atol=1e-6)
    np.testing.assert_allclose(run.probabilities(waves), alone, atol=1e-4)
    assert exported.probabilities([]).shape == run.probabilities([]).shape == (0, 2)


def test_the_window_of_a_clip_says_what_predict_says(small_run, own_csv):
    path = sorted(own_csv.parent.glob("*.wav"))[0]
    row = serkeras.predict(small_run, [path]).iloc[0]
    wave = audio.read(path, RATE)[: small_run.experiment.audio.samples]
    stream = Stream(Recogniser(small_run), RATE, min_s=9.0)
    (moment,) = stream.feed(wave) + stream.end()
    np.testing.assert_allclose(moment.raw, row[small_run.labels].to_numpy(float), atol=1e-5)


# A microphone, of which only the callback is real.


class FakeSounds:
    """As much of the package sounddevice as is used; `blocks` are (samples, capture time)."""

    class PortAudioError(Exception):
        pass

    def __init__(self, blocks, wait_s=0.0, fails=None):
        self.blocks, self.wait_s, self.fails, self.opened = blocks, wait_s, fails, None

    def query_devices(self, device=None, kind=None):
        if device == "none":
            raise ValueError("No input device matching 'none'")
        if kind is None:
            return "  0 Fake microphone, ALSA (1 in, 0 out)"
        return {"name": "Fake microphone", "default_samplerate": 44100.0}

    def InputStream(self, **settings):
        assert settings["channels"] == 1
        assert settings["dtype"] == "int16"
        self.opened = settings
        return self

    def start(self):
        if self.fails:
            raise self.PortAudioError(self.fails)
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self):
        buffer = np.zeros((4410, 1), np.int16)  # PortAudio's own, used again for every block
        for samples, at in self.blocks:
            buffer[:, 0] = samples
            self.opened["callback"](
                buffer, len(buffer), types.SimpleNamespace(inputBufferAdcTime=at), None
            )
            time.sleep(self.wait_s)
        self.opened["finished_callback"]()

    def close(self):
        self.thread.join()


def blocks(count, start_s=500.0, lost=()):
    sound = (tone(0.1, 44100) * 32768).astype(np.int16)
    return [(sound + n, start_s + n * 0.1) for n in range(count) if n not in lost]


@pytest.fixture
def fake(monkeypatch):
    def use(*arguments, **settings):
        made = FakeSounds(*arguments, **settings)
        monkeypatch.setattr(microphone, "needed", lambda name, extra: made)
        return made

    return use


def test_a_microphone_gives_copies_and_times_from_its_beginning(fake):
    fake(blocks(15))
    with microphone.Microphone(keep_s=5) as heard:
        found = list(heard)
    assert (heard.sample_rate, heard.name, heard.dropped_s) == (44100, "Fake microphone", 0)
    np.testing.assert_allclose([at for _, at in found], np.arange(15) * 0.1, atol=1e-9)
    assert [int(samples[0, 0]) for samples, _ in found] == list(range(15))
    assert found[0][0].shape == (4410, 1)


def test_a_driver_that_tells_no_times_has_those_of_the_computer(fake):
    fake([(samples, 0.0) for samples, _ in blocks(5)], wait_s=0.02)
    with microphone.Microphone(keep_s=5) as heard:
        found = [at for _, at in heard]
    assert found[0] == 0
    assert all(later > before for before, later in zip(found, found[1:], strict=False))


def test_sound_that_nobody_takes_is_dropped_by_halves_and_is_a_gap(fake):
    sounds = fake(blocks(53))
    listener = Listener()
    with microphone.Microphone(keep_s=2) as heard:
        sounds.thread.join()  # nobody has listened so far
        stream = Stream(listener, heard.sample_rate)
        found = [each for samples, at in heard for each in stream.feed(samples, at)]
    assert heard.dropped_s == pytest.approx(4.0)
    assert found[0].start_s == 4.0
    backlog = microphone.Backlog(4)
    for number in range(9):
        backlog.put(number)
    backlog.close()
    assert list(backlog) == [6, 7, 8]
    assert backlog.dropped == 6


def test_inputs_that_cannot_be_used_are_named(fake, monkeypatch):
    fake([])
    with pytest.raises(OSError, match="input that can be opened. Received: 'none' .No input"):
        microphone.Microphone("none")
    fake([], fails="Device unavailable [PaErrorCode -9985]")
    with pytest.raises(OSError, match="'Fake microphone' .Device unavailable"):
        microphone.Microphone().__enter__()

    def no_library(name, extra):
        raise OSError("PortAudio library not found")

    monkeypatch.setattr(microphone, "needed", no_library)
    with pytest.raises(OSError, match="library PortAudio. Received: PortAudio.*libportaudio2"):
        microphone.Microphone()
    monkeypatch.undo()
    monkeypatch.setitem(__import__("sys").modules, "sounddevice", None)
    with pytest.raises(ImportError, match=r"serkeras\[microphone\]"):
        microphone.Microphone()


def listen(*words):
    return cli.main(["listen", *map(str, words)])


def test_listen_follows_and_keeps_the_timeline(fake, small_run, tmp_path, capsys):
    fake(blocks(40, lost=range(15, 25)), wait_s=0.001)
    assert listen(small_run.folder, "--out", tmp_path, "--hop", 0.5) == 0
    shown = capsys.readouterr()
    assert "Fake microphone, 44100 Hz, heard by small. Ctrl-C ends it." in shown.out
    assert "gap" in next(line for line in shown.out.splitlines() if "0:02" in line)
    assert "warning" not in shown.err
    names = sorted(path.name.split(".", 1)[1] for path in tmp_path.iterdir())
    assert names == ["audacity.txt", "csv", "json", "png"]


def test_ctrl_c_ends_listening_cleanly(fake, small_run, tmp_path, capsys, monkeypatch):
    fake(blocks(12))
    hear = Stream.feed

    def interrupted(self, samples, at=None):
        if at > 0.75:
            raise KeyboardInterrupt
        return hear(self, samples, at)

    monkeypatch.setattr(Stream, "feed", interrupted)
    assert listen(small_run.folder, "--out", tmp_path) == 0
    (path,) = tmp_path.glob("*.csv")
    assert len(path.read_text().splitlines()) == 2  # what was heard until then is not lost
    assert "Traceback" not in capsys.readouterr().err


def test_listen_ends_by_itself_lists_inputs_and_tells_of_dropped_sound(
    fake, small_run, capsys, monkeypatch
):
    fake(blocks(60))
    assert listen("--devices") == 0
    assert "Fake microphone, ALSA" in capsys.readouterr().out
    assert listen(small_run.folder, "--seconds", 1.0) == 0
    fake(blocks(60))
    monkeypatch.setattr(microphone, "_BLOCK_S", 0.1)
    opened = microphone.Microphone.__enter__

    def slowly(self):
        entered = opened(self)
        self._sounds.thread.join()
        return entered

    monkeypatch.setattr(microphone.Microphone, "__enter__", slowly)
    assert listen(small_run.folder) == 0
    assert "4.0 s of sound were dropped" in capsys.readouterr().err


def test_the_line_stays_in_its_place_in_any_terminal(monkeypatch):
    stream = Stream(Listener(), RATE)
    (moment,) = stream.feed(tone(1))
    for encoding, bars in (("utf-8", listening._BARS), ("ascii", listening._PLAIN_BARS)):
        shown = io.TextIOWrapper(io.BytesIO(), encoding=encoding, newline="")
        monkeypatch.setattr(shown, "isatty", lambda: True, raising=False)
        monkeypatch.setattr("sys.stdout", shown)
        line = listening._Line(stream.labels)
        line.show(moment)
        line.show(moment)
        shown.seek(0)
        text = shown.read()
        monkeypatch.undo()
        assert text.count("\r") == 2
        assert "\n" not in text
        heights = [round((len(bars) - 1) * each) for each in moment.probabilities]
        pairs = zip(stream.labels, heights, strict=True)
        assert " ".join(name + bars[height] for name, height in pairs) in text
