"""Robustness: every damage does what it says, and what is measured is what loops would measure."""

import functools
import io
import itertools
import json
import re
import shutil
import types

import numpy as np
import pandas as pd
import pytest
import soundfile
from tqdm import tqdm

import serkeras
from serkeras import robustness
from serkeras._files import read_json
from serkeras.cli import main
from serkeras.evaluation import metrics
from serkeras.robustness import asking, channels, comparing, figures, measuring, noises
from serkeras.robustness.answers import Answers
from serkeras.robustness.clips import Crowd, Recordings
from serkeras.robustness.listener import Listener
from serkeras.robustness.measures import Resamples, half_level, half_position, measure
from tests.recordings import write_corpus
from tests.test_speaker_norm import SETTINGS as SPEAKER_NORM

RATE = 16000
SMALL = {"audio.duration_s": 1.1, "features.n_mfcc": 20}
RANDOM = ("snr-white", "snr-pink", "snr-babble", "reverb")
# Damages that change the length, and how; the others must not.
LENGTHS = {
    "truncation": lambda n, rate, level: round(n * level / 100),
    "delay": lambda n, rate, level: n + round(level * rate),
    **dict.fromkeys(
        ("slower", "faster", "tempo-slow", "tempo-fast"), lambda n, rate, level: n / level
    ),
}


def voiced(seconds=1.0, rate=RATE, seed=0):
    """Harmonics of a moving pitch in bursts, with some breath: not unlike a voice."""
    rng = np.random.default_rng(seed)
    time = np.arange(round(seconds * rate)) / rate
    phase = 2 * np.pi * np.cumsum(120 + 30 * np.sin(2 * np.pi * 1.5 * time + seed)) / rate
    wave = sum(np.sin(n * phase) / n for n in range(1, 20))
    wave = wave * (0.6 + 0.4 * np.sin(2 * np.pi * 4 * time)) + 0.1 * rng.normal(size=len(time))
    return (0.1 * wave).astype(np.float32)


@functools.cache
def crowd_of(rate=RATE):
    return [voiced(0.4 + 0.1 * seed, rate, seed + 1) for seed in range(6)]


def apply(name, level, wave=None, rate=RATE, clip="a", seed=0):
    wave = voiced(rate=rate) if wave is None else wave
    rng = robustness.clip_rng(seed, name, clip)
    return robustness.DAMAGES[name].apply(wave, rate, level, rng, crowd_of(rate=rate))


def power(wave):
    return np.mean(np.square(wave, dtype=np.float64))


def decibels(ratio):
    return 10 * np.log10(ratio)


# The contract of every damage.


@pytest.mark.parametrize("name", robustness.names())
def test_the_first_level_changes_nothing_or_almost(name):
    damage, wave = robustness.DAMAGES[name], voiced()
    changed = apply(name, damage.levels[0])
    assert len(changed) == len(wave)
    assert decibels(power(wave) / max(power(changed - wave), 1e-30)) > 20
    assert len(set(damage.levels)) == len(damage.levels) > 2
    assert damage.title
    assert damage.axis
    assert damage.source


@pytest.mark.parametrize("rate", [8000, 16000, 22050, 44100])
@pytest.mark.parametrize("name", robustness.names())
def test_every_level_gives_finite_sound_of_the_length_it_should_have(name, rate):
    wave = voiced(0.3, rate)
    for level in robustness.DAMAGES[name].levels:
        changed = apply(name, level, wave, rate)
        assert changed.dtype == np.float32
        assert changed.ndim == 1
        assert np.isfinite(changed).all()
        wanted = LENGTHS.get(name, lambda n, rate, level: n)(len(wave), rate, level)
        assert abs(len(changed) - wanted) <= 1, (level, len(changed), wanted)


@pytest.mark.parametrize("name", robustness.names())
def test_silence_and_a_few_samples_pass(name):
    for wave in (np.zeros(3000, np.float32), voiced()[:40], np.zeros(1, np.float32)):
        for level in robustness.DAMAGES[name].levels:
            changed = apply(name, level, wave)
            assert len(changed)
            assert np.isfinite(changed).all()
            assert wave.any() or not changed.any()


@pytest.mark.parametrize("name", robustness.names())
def test_seed_clip_and_level_decide(name):
    level = robustness.DAMAGES[name].levels[-1]
    first = apply(name, level)
    np.testing.assert_array_equal(first, apply(name, level))
    for other in ({"clip": "b"}, {"seed": 1}):
        same = np.array_equal(first, apply(name, level, **other))
        assert same == (name not in RANDOM), other
    before = voiced()
    apply(name, level, before)
    np.testing.assert_array_equal(before, voiced())  # the wave itself stays as it is


@pytest.mark.parametrize("name", sorted(set(robustness.names()) - set(LENGTHS)))
def test_it_grows_worse_from_level_to_level(name):
    wave = voiced()
    apart = [power(apply(name, level) - wave) for level in robustness.DAMAGES[name].levels]
    assert all(one < two for one, two in itertools.pairwise(apart)), apart


# What each does.


@pytest.mark.parametrize("name", ["snr-white", "snr-pink", "snr-babble"])
@pytest.mark.parametrize("level", [40, 5, -5])
def test_the_snr_is_exact(name, level):
    wave = voiced()
    noise = apply(name, level).astype(np.float64) - wave
    assert decibels(power(wave) / power(noise)) == pytest.approx(level, abs=0.01)


def test_the_noise_of_a_clip_only_grows():
    wave = voiced()
    for name in ("snr-white", "snr-pink", "snr-babble"):
        quiet, loud = (apply(name, level).astype(np.float64) - wave for level in (10, -5))
        assert np.corrcoef(quiet, loud)[0, 1] > 0.999


def test_pink_falls_by_3_db_an_octave_and_white_does_not():
    wave = voiced(8.0)
    slopes = {}
    for name in ("snr-white", "snr-pink"):
        spectrum = np.abs(np.fft.rfft(apply(name, 0, wave).astype(np.float64) - wave)) ** 2
        hertz = np.fft.rfftfreq(len(wave), 1 / RATE)
        bands = [(low, 2 * low) for low in (125, 250, 500, 1000, 2000)]
        means = [spectrum[(hertz >= low) & (hertz < high)].mean() for low, high in bands]
        slopes[name] = np.diff(decibels(np.array(means))).mean()
    assert slopes["snr-pink"] == pytest.approx(-3.01, abs=0.3)
    assert slopes["snr-white"] == pytest.approx(0, abs=0.3)


@pytest.mark.parametrize("rt60_s", [0.2, 0.8, 2.0])
def test_the_reverberation_time_is_exact(rt60_s):
    """Schroeder's backward integral of the impulse response falls by 60 dB in RT60."""
    impulse = np.zeros(4 * RATE, np.float32)
    impulse[0] = 1
    found = []
    for clip in "abcd":
        response = apply("reverb", rt60_s, impulse, clip=clip).astype(np.float64)
        decay = decibels(np.cumsum(np.square(response[1:])[::-1])[::-1] + 1e-30)
        decay -= decay[0]
        part = (decay < -5) & (decay > -35)
        found.append(-60 / np.polyfit(np.flatnonzero(part) / RATE, decay[part], 1)[0])
    assert np.mean(found) == pytest.approx(rt60_s, rel=0.03)


def test_a_longer_reverberation_leaves_less_direct_sound_and_the_same_power():
    impulse = np.zeros(4 * RATE, np.float32)
    impulse[0] = 1
    ratios = []
    for rt60_s in (0.2, 0.8, 2.0):
        response = np.square(apply("reverb", rt60_s, impulse).astype(np.float64))
        assert response.sum() == pytest.approx(1, rel=1e-4)
        ratios.append(decibels(response[0] / response[1:].sum()))
    # 0.057 sqrt(60 m3 / T) metres: 0.99, 0.49 and 0.31, the talker at 1 metre.
    assert ratios == pytest.approx([-0.11, -6.13, -10.11], abs=0.05)


def test_mu_law_is_that_of_libsndfile():
    steps = np.arange(-8191, 8192) / 8192
    file = io.BytesIO()
    soundfile.write(file, steps, RATE, format="WAV", subtype="ULAW")
    file.seek(0)
    np.testing.assert_allclose(channels.mu_law(steps), soundfile.read(file)[0], atol=1e-7)


def test_mu_law_follows_the_continuous_formula_and_cuts_at_full_scale():
    x = np.linspace(-1, 1, 4001)
    codes = np.sign(x) * np.log1p(255 * np.abs(x)) / np.log(256)
    coded = np.round(codes * 127) / 127
    back = np.sign(coded) * (np.power(256.0, np.abs(coded)) - 1) / 255
    assert np.abs(channels.mu_law(x) - back).max() < 0.04
    assert np.abs(channels.mu_law(np.array([5.0, -5.0]))).max() < 1.0


def levels_between(name, level, bands, rate=RATE):
    """What a damage does to white noise in some bands, decibels."""
    noise = 0.05 * np.random.default_rng(3).standard_normal(8 * rate).astype(np.float32)
    before, after = (
        np.abs(np.fft.rfft(wave)) ** 2 for wave in (noise, apply(name, level, noise, rate))
    )
    hertz = np.fft.rfftfreq(len(noise), 1 / rate)
    return [
        decibels(after[inside].sum() / before[inside].sum())
        for inside in ((hertz >= low) & (hertz < high) for low, high in bands)
    ]


@pytest.mark.parametrize("cutoff", [1000, 2000, 4000, 6000])
def test_a_low_pass_keeps_what_is_below_and_removes_what_is_above(cutoff):
    below, above = levels_between("low-pass", cutoff, [(50, cutoff - 120), (cutoff + 120, 8000)])
    assert below == pytest.approx(0, abs=0.1)
    assert above < -40


def test_the_telephone_passes_300_to_3400_hz():
    low, inside, high = levels_between("telephone", 1, [(0, 200), (420, 3280), (3600, 8000)])
    assert inside == pytest.approx(0, abs=0.3)
    assert low < -25  # what mu-law adds is 38 dB down and lies everywhere below 4 kHz
    assert high < -30


@pytest.mark.parametrize("name", ["low-pass", "telephone", "mp3", "vorbis"])
@pytest.mark.parametrize("rate", [8000, 16000, 22050, 44100])
def test_nothing_on_the_way_delays_a_recording(name, rate):
    wave = voiced(0.5, rate)
    size = 2 * len(wave)
    for level in robustness.DAMAGES[name].levels:
        changed = apply(name, level, wave, rate)
        both = np.fft.rfft(changed, size) * np.conj(np.fft.rfft(wave, size))
        assert np.argmax(np.fft.irfft(both, size)) in (0, 1, size - 1), level


@pytest.mark.parametrize("rate", [8000, 16000])
def test_an_mp3_has_the_bit_rate_asked_for(rate, monkeypatch):
    sizes, coded = [], channels._coded
    channels.mp3(voiced(3.0, rate), rate, 64, None)  # its delay is measured and kept

    def noted(wave, *settings):
        found = coded(wave, *settings)
        if len(wave) > rate:
            sizes.append(8 * len(found) / (len(wave) / rate) / 1000)
        return found

    monkeypatch.setattr(channels, "_coded", noted)
    levels = robustness.DAMAGES["mp3"].levels
    for level in levels:
        channels.mp3(voiced(3.0, rate), rate, level, None)
    np.testing.assert_allclose(sizes, levels, rtol=0.1)


def test_gain_is_exact_and_clipping_cuts_the_share_it_says():
    wave = voiced()
    assert decibels(power(apply("quieter", -30)) / power(wave)) == pytest.approx(-30, abs=1e-3)
    assert decibels(power(apply("louder", 20)) / power(wave)) == pytest.approx(20, abs=1e-3)
    padded = np.concatenate([np.zeros(len(wave), np.float32), wave])  # zeros are not counted
    for level in (1, 10, 40):
        changed = apply("clipping", level, padded)
        at_the_top = np.abs(changed) >= np.abs(changed).max() * (1 - 1e-6)
        assert at_the_top.sum() / len(wave) == pytest.approx(level / 100, abs=1e-3)
        assert power(changed) == pytest.approx(power(padded), rel=1e-4)


def test_cuts_and_delays_move_samples_and_change_none():
    wave = voiced()
    np.testing.assert_array_equal(apply("truncation", 20), wave[: len(wave) // 5])
    late = apply("delay", 0.4)
    np.testing.assert_array_equal(late[6400:], wave)
    assert not late[:6400].any()


@pytest.mark.parametrize(("name", "moves"), [("slower", 0.7), ("tempo-slow", 1.0)])
def test_speed_moves_the_pitch_and_tempo_does_not(name, moves):
    tone = 0.1 * np.sin(2 * np.pi * 1000 * np.arange(RATE) / RATE).astype(np.float32)
    changed = apply(name, 0.7, tone)
    peak = np.abs(np.fft.rfft(changed)).argmax() * RATE / len(changed)
    assert peak == pytest.approx(1000 * moves, rel=0.01)


def test_babble_is_the_sum_of_five_others_of_equal_power():
    wave, tones = voiced(), []
    hertz = [500, 900, 1300, 1700, 2100]
    for index, pitch in enumerate(hertz):
        time = np.arange(2 * RATE) / RATE
        tones.append((10.0**-index * np.sin(2 * np.pi * pitch * time)).astype(np.float32))
    noise = noises.babble(wave, RATE, 0, np.random.default_rng(0), tones).astype(np.float64) - wave
    spectrum = np.abs(np.fft.rfft(noise * np.hanning(len(noise))))
    peaks = [spectrum[pitch - 5 : pitch + 6].max() for pitch in hertz]
    assert max(peaks) / min(peaks) < 1.05
    with pytest.raises(ValueError, match="not silent"):
        noises.babble(wave, RATE, 0, np.random.default_rng(0), [])


def test_unknown_damages_are_refused():
    with pytest.raises(ValueError, match=r"among \['snr-white'.*Received: \['fog'\]"):
        robustness.damages.chosen(["snr-white", "fog"])
    assert list(robustness.damages.chosen(["reverb", "snr-white"])) == ["snr-white", "reverb"]


# Measures against loops.


def made_up(clips=90, units=7, classes=3, levels=4, seed=0):
    """Truth, speakers, and answers that are wrong more often from level to level."""
    rng = np.random.default_rng(seed)
    truth = np.concatenate([np.arange(classes), rng.integers(0, classes, clips - classes)])
    speakers = np.array([f"s{index}" for index in rng.integers(0, units, clips)], object)
    draw = rng.random(clips)
    wrong = (truth + 1) % classes
    said = [np.where(draw < 0.9 - 0.6 * level / levels, truth, wrong) for level in range(levels)]
    return truth, speakers, np.stack(said)


def naive_uar(truth, said, rows):
    found = []
    for label in sorted(set(truth[rows])):
        own = [row for row in rows if truth[row] == label]
        found.append(sum(said[row] == label for row in own) / len(own))
    return sum(found) / len(found)


def naive_draws(speakers, n_boot, seed):
    """Rows of each resample, drawn as `Resamples` says."""
    names = list(dict.fromkeys(speakers))
    counts = np.random.default_rng(seed).multinomial(
        len(names), np.full(len(names), 1 / len(names)), size=n_boot
    )
    for line in counts:
        yield [
            row
            for name, count in zip(names, line, strict=True)
            for row in np.flatnonzero(speakers == name).tolist() * count
        ]


def test_areas_losses_and_intervals_are_those_of_loops():
    truth, speakers, said = made_up()
    clean, damaged = said[0], said[1:]
    found, area = measure(
        Resamples(truth, speakers, 200, 3), damaged == truth, clean == truth, (1, 2, 3)
    )
    every = list(range(len(truth)))
    curve = [naive_uar(truth, each, every) for each in damaged]
    assert [row["uar"]["value"] for row in found["levels"]] == pytest.approx(curve)
    assert found["area"]["uar"]["value"] == pytest.approx(np.mean(curve)) == area[0]
    accuracy = [(each == truth).mean() for each in damaged]
    assert found["area"]["accuracy"]["value"] == pytest.approx(np.mean(accuracy))
    areas, losses, last = [], [], []
    for rows in naive_draws(speakers, 200, 3):
        several = [naive_uar(truth, each, rows) for each in damaged]
        areas.append(np.mean(several))
        losses.append(naive_uar(truth, clean, rows) - np.mean(several))
        last.append(naive_uar(truth, clean, rows) - several[-1])
    for drawn, measured in (
        (areas, found["area"]["uar"]),
        (losses, found["area_lost"]["uar"]),
        (last, found["levels"][-1]["uar_lost"]),
    ):
        limits = [measured["low"], measured["high"]]
        np.testing.assert_allclose(limits, np.quantile(drawn, [0.025, 0.975]))


def test_undamaged_clips_have_the_interval_of_metrics():
    truth, speakers, said = made_up()
    rows = pd.DataFrame({"speaker": speakers, "sex": None, "corpus": "x"})
    own = metrics.evaluate(truth, np.eye(3)[said[1]], ["a", "b", "c"], rows, 300, seed=5)
    found, _ = measure(
        Resamples(truth, speakers, 300, 5), said[1:] == truth, said[0] == truth, (1, 2, 3)
    )
    for name in ("uar", "accuracy"):
        assert found["levels"][0][name] == pytest.approx(own[name])


def test_areas_fall_as_a_model_grows_worse():
    areas = []
    for share in (0.0, 0.2, 0.4, 0.8):
        truth, speakers, said = made_up(seed=1)
        rng = np.random.default_rng(2)
        worse = np.where(rng.random(said.shape) < share, (truth + 1) % 3, said)
        areas.append(
            measure(Resamples(truth, speakers, 10), worse == truth, said[0] == truth, range(4))
        )
    values = [found["area"]["uar"]["value"] for found, _ in areas]
    assert values == sorted(values, reverse=True)
    assert len(set(values)) == 4


def naive_half(curve, clean, chance):
    half = (clean + chance) / 2
    for index, value in enumerate(curve):
        if value <= half:
            if index == 0:
                return 0.0
            return index - 1 + (curve[index - 1] - half) / (curve[index - 1] - value)
    return np.inf


def test_half_of_the_gain_is_lost_where_loops_find_it():
    rng = np.random.default_rng(0)
    curves, clean = rng.uniform(0.2, 0.9, (300, 5)), rng.uniform(0.3, 0.9, 300)
    wanted = [naive_half(*pair, 0.25) for pair in zip(curves, clean, strict=True)]
    np.testing.assert_allclose(half_position(curves, clean, 0.25), wanted)
    assert half_position(np.full((1, 3), 0.9), np.array([0.2]), 0.25) == 0  # nothing to lose
    found = half_level(np.tile([0.8, 0.6, 0.4], (9, 1)), np.full(9, 0.75), 0.25, (40, 20, 0))
    assert found == pytest.approx({"value": 10, "early": 10, "late": 10})
    never = half_level(np.full((9, 3), 0.8), np.full(9, 0.8), 0.25, (40, 20, 0))
    assert never == {"value": None, "early": None, "late": None}


def test_without_speakers_clips_are_drawn():
    truth, speakers, said = made_up()
    speakers[0] = None
    resamples = Resamples(truth, speakers, 50)
    assert resamples.described["method"] == "percentile bootstrap by clip"
    assert resamples.described["clusters"] == len(truth)
    assert resamples.of(said == truth)["uar"].shape == (51, 4)


def test_runs_are_compared_as_loops_over_all_exchanges_would():
    truth, speakers, said = made_up()
    rng = np.random.default_rng(7)
    other = np.where(
        rng.random(said.shape) < 0.4, (truth + rng.integers(0, 2, len(truth))) % 3, said
    )
    a = {"clean": said[:1], "fog": said[1:], "rain": said[2:]}
    b = {"clean": other[:1], "fog": other[1:], "rain": other[2:]}
    resamples = Resamples(truth, speakers, 100, 1)
    rows = {row["damage"]: row for row in comparing.compare(resamples, {"a": a, "b": b})}
    assert list(rows) == ["clean", "fog", "rain", comparing.MEAN]
    every = list(range(len(truth)))

    def area(answers, rows):
        return np.mean([naive_uar(truth, each, rows) for each in answers])

    def mean_difference(one, two, damages, rows):
        return np.mean([area(one[name], rows) - area(two[name], rows) for name in damages])

    names = sorted(set(speakers))
    for damage, damages in (("fog", ["fog"]), (comparing.MEAN, ["fog", "rain"])):
        seen, beyond = mean_difference(a, b, damages, every), 0
        for flips in itertools.product([False, True], repeat=len(names)):
            turned = np.isin(
                speakers, [name for name, is_on in zip(names, flips, strict=True) if is_on]
            )
            one = {name: np.where(turned, b[name], a[name]) for name in damages}
            two = {name: np.where(turned, a[name], b[name]) for name in damages}
            beyond += abs(mean_difference(one, two, damages, every)) >= abs(seen) - 1e-9
        row = rows[damage]
        assert row["difference"]["value"] == pytest.approx(seen)
        assert row["p"] == pytest.approx(beyond / 2 ** len(names))
        assert 0.1 < row["p"] < 0.9  # neither end, where other weights would give the same
        drawn = [mean_difference(a, b, damages, each) for each in naive_draws(speakers, 100, 1)]
        limits = [row["difference"]["low"], row["difference"]["high"]]
        np.testing.assert_allclose(limits, np.quantile(drawn, [0.025, 0.975]))
        clean = area(a["clean"], every) - area(b["clean"], every)
        assert row["lost"]["value"] == pytest.approx(seen - clean)
    smaller, larger = sorted([rows["fog"], rows["rain"]], key=lambda row: row["p"])
    assert smaller["p_holm"] == pytest.approx(min(1, 2 * smaller["p"]))
    assert larger["p_holm"] == pytest.approx(max(2 * smaller["p"], larger["p"]))
    assert "p_holm" not in rows["clean"]


def test_answers_are_brought_to_the_words_of_the_first_run():
    other = types.SimpleNamespace(labels=["bored", "happy", "sad"])
    said = {"fog": np.array([[0, 1, 2, -1]])}
    found = measuring._in_words_of(["happy", "sad"], other, said)
    assert found["fog"].tolist() == [[2, 0, 1, -1]]  # 2 is no class of the first: never right


# Whole runs.


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return write_corpus(tmp_path_factory.mktemp("robust"), speakers=10, takes=2)


def trained(corpus, folder, recipe="svm", **settings):
    return serkeras.train(
        recipe, data=[corpus], out=folder, settings={**SMALL, **settings}, progress=False
    )


@pytest.fixture(scope="module")
def original(corpus, tmp_path_factory):
    return trained(corpus, tmp_path_factory.mktemp("robust-run") / "plain")


@pytest.fixture
def run(original, tmp_path):
    """A copy of a finished run, to write into."""
    return serkeras.Run(shutil.copytree(original.folder, tmp_path / "plain"))


def ask(runs, **settings):
    given = {"only": ["snr-white", "snr-babble", "quieter"], "n_boot": 50, "progress": False}
    return robustness.measure_robustness(runs, **{**given, **settings})


def gone(*_, **__):
    raise FileNotFoundError("the corpus is gone")


def test_a_run_is_measured_and_described(run):
    result = ask(run)
    folder = run.folder / "analyses" / "robustness"
    assert read_json(folder / "result.json") == json.loads(json.dumps(result))
    text = (folder / "page.md").read_text()
    assert text.startswith("# Robustness: svm on own.csv, split speaker (new speakers), seed 0\n")
    assert "before silence is trimmed" in text
    assert "audio.level `as_is`" in text
    assert "Babble is made of recordings of the training side" in text
    assert re.findall(r"^# ", text, re.M) == ["# "]
    own = run.metrics["uar"]["value"]
    assert result["clean"]["svm"]["uar"]["value"] == pytest.approx(own)
    assert list(result["damages"]) == ["snr-white", "snr-babble", "quieter"]
    levels = result["damages"]["quieter"]["runs"]["svm"]["levels"]
    assert levels[0]["uar"] == pytest.approx(result["clean"]["svm"]["uar"])
    assert levels[0]["uar_lost"] == {"value": 0, "low": 0, "high": 0}
    areas = [told["runs"]["svm"]["area"]["uar"]["value"] for told in result["damages"].values()]
    assert result["mean"]["svm"]["area"]["value"] == pytest.approx(np.mean(areas))
    assert result["made_by"]["versions"]["numpy"] == np.__version__


def test_each_answer_is_of_its_clip_and_level_before_it_is_fitted(run, monkeypatch):
    """Of 1.2 s, which the run cuts to 1.1 s, every level must leave its share."""
    monkeypatch.setattr(Listener, "features", lambda self, wave, name: wave)
    monkeypatch.setattr(
        Listener, "listen", lambda self, found: np.array([[len(w), w[:99].sum()] for w in found])
    )
    rows, damage = run.predictions, robustness.DAMAGES["truncation"]
    answers = Answers(run, rows, Crowd(run, rows), Recordings(RATE))
    said = answers.of("truncation", damage, tqdm(disable=True))
    waves = [serkeras.audio.read(path, RATE) for path in rows["path"]]
    for level, one in zip(damage.levels, said, strict=True):
        np.testing.assert_allclose(one[:, 0], [19200 * level // 100] * len(rows))
        np.testing.assert_allclose(one[:, 1], [wave[:99].sum() for wave in waves], rtol=1e-5)
    said = np.float32(said)
    np.testing.assert_array_equal(answers.of("truncation", damage, tqdm(disable=True)), said)
    path = next((run.folder / "analyses" / "robustness" / "levels").glob("truncation.*.csv"))
    table = pd.read_csv(path)
    assert table["level"].tolist() == np.repeat(damage.levels, len(rows)).tolist()
    assert table["clip"].tolist() == rows["clip"].tolist() * len(damage.levels)
    assert set(table["predicted"]) == {run.labels[0]}  # so many samples are more than their sum


def test_an_interrupted_call_goes_on_and_ends_the_same(run, tmp_path, monkeypatch):
    asked, compute = [], Answers._computed

    def noted(self, name, damage, bar):
        asked.append(name)
        if len(asked) == 3:
            raise KeyboardInterrupt
        return compute(self, name, damage, bar)

    monkeypatch.setattr(Answers, "_computed", noted)
    with pytest.raises(KeyboardInterrupt):
        ask(run)
    assert not (run.folder / "analyses" / "robustness" / "page.md").exists()
    resumed = ask(run)
    assert asked == ["clean", "snr-white", "snr-babble", "snr-babble", "quieter"]
    assert ask(run) == resumed
    assert len(asked) == 5
    fresh = serkeras.Run(shutil.copytree(run.folder, tmp_path / "fresh" / "plain"))
    shutil.rmtree(fresh.folder / "analyses")
    anew = ask(fresh)
    assert anew["damages"] == resumed["damages"]
    ask(run, seed=1, only=["quieter"])  # another seed is other answers
    assert asked[9:] == ["clean", "quieter"]


def test_the_number_of_threads_decides_nothing(run, tmp_path):
    one = ask(run, n_jobs=1, only=["snr-babble", "reverb"])
    copy = serkeras.Run(shutil.copytree(run.folder, tmp_path / "copy" / "plain"))
    shutil.rmtree(copy.folder / "analyses")
    assert ask(copy, n_jobs=3, only=["snr-babble", "reverb"])["damages"] == one["damages"]


def test_recordings_that_changed_are_an_error_and_nothing_of_them_is_kept(run):
    table = run.predictions
    table.loc[2, [f"p_{label}" for label in run.labels]] = [0.9, 0.1]
    table.to_csv(run.folder / "predictions.csv", index=False)
    with pytest.raises(ValueError, match=rf"own predictions.*1 of {len(table)} clips"):
        ask(serkeras.Run(run.folder))
    assert not (run.folder / "analyses").exists()


def copied(rows, folder):
    """Return rows whose recordings are copies of their own."""
    folder.mkdir()
    paths = [folder / f"{number}.wav" for number in range(len(rows))]
    for path, copy in zip(rows["path"], paths, strict=True):
        shutil.copyfile(path, copy)
    return rows.assign(path=[str(path) for path in paths])


def replace_in_place(path):
    """Write another sound of as many bytes."""
    size, (wave, rate) = path.stat().st_size, soundfile.read(path)
    soundfile.write(path, np.random.default_rng(0).uniform(-0.5, 0.5, len(wave)), rate)
    assert path.stat().st_size == size


def test_recordings_that_changed_and_kept_their_size_are_heard_again(run, tmp_path):
    table = copied(run.predictions, tmp_path / "clips")
    table.to_csv(run.folder / "predictions.csv", index=False)
    ask(serkeras.Run(run.folder), only=["quieter"])
    replace_in_place(tmp_path / "clips" / "0.wav")
    with pytest.raises(ValueError, match=rf"own predictions.*1 of {len(table)} clips"):
        ask(serkeras.Run(run.folder), only=["quieter"])


def test_voices_that_changed_and_kept_their_size_are_other_answers(run, tmp_path):
    rows = run.predictions
    crowd = Crowd(run, rows)
    crowd.pool = copied(crowd.pool, tmp_path / "voices")

    def file(name):
        return Answers(run, rows, crowd, Recordings(RATE))._file(name, robustness.DAMAGES[name])

    before = [file(name) for name in ("snr-babble", "quieter")]
    replace_in_place(tmp_path / "voices" / "0.wav")
    assert file("snr-babble") != before[0]
    assert file("quieter") == before[1]


def test_recordings_are_found_by_the_manifest_or_missed_by_name(run, corpus, monkeypatch):
    table = run.predictions.assign(path="/nowhere/x.wav")
    table.to_csv(run.folder / "predictions.csv", index=False)
    found = ask(serkeras.Run(run.folder), only=["quieter"])
    assert found["clips"] == len(table)
    monkeypatch.setattr(serkeras.datasets, "load_many", gone)
    with pytest.raises(
        FileNotFoundError, match=r"must be reachable.*for instance own.*the corpus is gone"
    ):
        ask(serkeras.Run(run.folder))


def test_some_clips_are_drawn_with_the_emotions_in_turn(run):
    result = ask(run, clips=4, only=["quieter"])
    assert result["clips"] == 4
    path = next((run.folder / "analyses" / "robustness" / "levels").glob("quieter.*.csv"))
    counts = pd.read_csv(path).query("level == 0")["emotion"].value_counts()
    assert counts.tolist() == [2, 2]
    with pytest.raises(ValueError, match="must be 1 or more"):
        ask(run, clips=0)


def test_a_crowd_never_holds_the_clip_nor_its_speaker(run, monkeypatch):
    rows = run.predictions
    crowd = Crowd(run, rows)
    test_speakers = set(rows["speaker"])
    assert crowd.fewest() >= 20
    assert not set(crowd.pool["clip"]) & set(rows["clip"])
    assert not set(crowd.pool["speaker"]) & test_speakers
    assert crowd.side == "the training side"
    # Without the training side the test side must do.
    monkeypatch.setattr(serkeras.datasets, "load_many", gone)
    crowd = Crowd(run, rows)
    assert set(crowd.pool["clip"]) <= set(rows["clip"])
    for clip, speaker in zip(rows["clip"], rows["speaker"], strict=True):
        around = crowd.around(clip, speaker)
        assert clip not in set(around["clip"])
        assert speaker not in set(around["speaker"])
        assert len(crowd.around(clip, None)) == len(crowd.pool) - 1
    one_speaker = Crowd(run, rows[rows["speaker"] == rows["speaker"].iloc[0]])
    assert one_speaker.fewest() == 0


def test_babble_without_others_and_a_codec_without_an_encoder_are_left_out(
    run, monkeypatch, capsys
):
    monkeypatch.setattr(Crowd, "fewest", lambda self: 1)

    def refuse(*_, **__):
        raise TypeError("unexpected keyword 'bitrate_mode'")

    monkeypatch.setattr(channels, "_coded", refuse)
    words = ["--only", "snr-babble", "mp3", "vorbis", "quieter", "--quiet"]
    assert main(["robustness", str(run.folder), *words]) == 1
    out, err = capsys.readouterr()
    assert "page: " in out
    assert re.findall(r"left out: ([\w-]+)", err) == ["snr-babble", "mp3", "vorbis"]
    text = (run.folder / "analyses" / "robustness" / "page.md").read_text()
    assert "**Left out: mp3**, since libsndfile cannot write MP3" in text
    with pytest.raises(ValueError, match="must be possible"):
        ask(run, only=["mp3"])


def test_runs_are_compared_on_the_same_noise(run, corpus, tmp_path):
    other = trained(corpus, tmp_path / "other", **{"features.n_mfcc": 5})
    with pytest.raises(ValueError, match="folder of its own"):
        ask([run, other])
    result = ask([run, other], out=tmp_path / "both")
    assert list(result["runs"]) == ["plain", "other"]  # one recipe: folders tell them apart
    damages = [row["damage"] for row in result["comparisons"]]
    assert damages == ["clean", "snr-white", "snr-babble", "quieter", comparing.MEAN]
    text = (tmp_path / "both" / "page.md").read_text()
    assert text.count("seed 0") >= 2
    assert "`plain` minus `other`:\n\n| damage |" in text
    assert re.search(r"With \d speakers p cannot be below 0\.\d", text)
    assert sorted(path.name for path in (tmp_path / "both" / "figures").iterdir()) == [
        "curves.png", "differences.png", "table.png",
    ]  # fmt: skip
    alone = ask(run)
    of_both = result["damages"]["snr-babble"]["runs"]["plain"]
    assert alone["damages"]["snr-babble"]["runs"]["svm"] == of_both
    assert not (run.folder / "analyses" / "robustness" / "figures" / "differences.png").exists()
    with pytest.raises(ValueError, match="Name each once"):
        ask([run, run.folder], out=tmp_path / "twice")


def test_a_run_against_its_own_copy_differs_nowhere(run, tmp_path):
    copy = shutil.copytree(run.folder, tmp_path / "copy")
    result = ask([run, copy], out=tmp_path / "both", only=["snr-pink"])
    for row in result["comparisons"]:
        assert row["difference"] == {"value": 0, "low": 0, "high": 0}
        assert row["p"] == 1


def test_runs_with_other_test_clips_are_refused(run, corpus, tmp_path):
    other = serkeras.train(
        "svm", data=[corpus], split="random", out=tmp_path / "r", settings=SMALL, progress=False
    )
    with pytest.raises(ValueError, match=r"same test clips.*not in its test side"):
        ask([run, other], out=tmp_path / "both")
    relabelled = serkeras.Run(shutil.copytree(run.folder, tmp_path / "relabelled"))
    table = relabelled.predictions
    table.loc[0, "emotion"] = next(each for each in run.labels if each != table.loc[0, "emotion"])
    table.to_csv(relabelled.folder / "predictions.csv", index=False)
    with pytest.raises(ValueError, match="or other emotions"):
        ask([run, relabelled], out=tmp_path / "both")


@pytest.mark.parametrize("level", ["peak", "standard"])
def test_gain_is_nothing_to_a_front_end_that_sets_the_level(corpus, tmp_path, level):
    run = trained(corpus, tmp_path / "run", **{"audio.level": level})
    result = ask(run, only=["quieter", "louder"])
    assert result["gains"]["svm"] == {"quieter": 0.0, "louder": 0.0}
    for told in result["damages"].values():
        assert told["runs"]["svm"]["area_lost"]["uar"]["value"] == 0
    text = (run.folder / "analyses" / "robustness" / "page.md").read_text()
    assert f"audio.level `{level}`" in text
    assert "should be none" in text


def test_clips_too_short_for_the_features_count_as_wrong(corpus, tmp_path):
    run = trained(corpus, tmp_path / "run", **{"audio.fit": "keep"})
    result = ask(run, only=["truncation"])
    levels = result["damages"]["truncation"]["runs"]["svm"]["levels"]
    assert levels[0]["unheard"] == 0
    assert levels[-1]["unheard"] == result["clips"]  # 0.24 s are 8 frames, deltas need 9
    assert levels[-1]["accuracy"]["value"] == 0
    page = (run.folder / "analyses" / "robustness" / "page.md").read_text()
    assert "count as wrong answers" in page
    assert ask(run, only=["truncation"]) == result  # as it is kept


def test_a_network_that_takes_speakers_statistics_is_asked_speaker_by_speaker(corpus, tmp_path):
    run = serkeras.train(
        "hubert-large-frozen", data=[corpus], out=tmp_path / "run",
        settings={**SPEAKER_NORM, "training.epochs": 1}, progress=False,
    )  # fmt: skip
    result = ask(run, only=["quieter", "delay"])
    assert result["clean"]["hubert-large-frozen"]["uar"]["value"] == pytest.approx(
        run.metrics["uar"]["value"]
    )
    text = (run.folder / "analyses" / "robustness" / "page.md").read_text()
    assert "statistics of each speaker" in text
    with pytest.raises(ValueError, match="all test clips of a speaker"):
        ask(run, clips=4)


def test_an_ensemble_is_asked_as_a_whole(run, corpus, tmp_path):
    other = trained(corpus, tmp_path / "other", **{"features.n_mfcc": 5})
    joined = serkeras.ensemble([run.folder, other.folder], tmp_path / "joined")
    said = [np.random.default_rng(seed).dirichlet([1, 1], (3, 8)) for seed in (0, 1)]
    np.testing.assert_allclose(asking._joined(joined, said), (said[0] + said[1]) / 2)
    result = ask(joined, only=["quieter"])
    assert result["clean"]["svm"]["uar"]["value"] == pytest.approx(joined.metrics["uar"]["value"])
    assert result["runs"]["svm"]["members"] == 2
    assert (joined.folder / "analyses" / "robustness" / "page.md").is_file()


def test_a_network_that_mixes_clips_hears_one_at_a_time(run, monkeypatch):
    seen, predict = [], run.model.predict_on_batch
    mixing = run.experiment.with_settings({"model.settings.attention_axis": "batch"})
    assert mixing.model.mixes_clips
    monkeypatch.setattr(run, "experiment", mixing)
    monkeypatch.setattr(run.model, "predict_on_batch", lambda x: seen.append(len(x)) or predict(x))
    inner = Listener(run)
    waves = [voiced(1.2, seed=seed) for seed in range(3)]
    inner.listen([inner.features(wave, "x") for wave in waves])
    assert seen == [1, 1, 1]


def test_the_command_prints_what_it_found(run, capsys):
    words = ["robustness", str(run.folder), "--only", "quieter", "--clips", "6", "--quiet"]
    assert main(words) == 0
    out = capsys.readouterr().out
    assert re.search(r"undamaged +[01]\.\d{3}  \[", out)
    assert str(run.folder / "analyses" / "robustness" / "page.md") in out
    assert main(["robustness", str(run.folder), "--only", "fog"]) == 2
    assert "Damages must be among" in capsys.readouterr().err


def test_figures_have_a_panel_a_damage(run, tmp_path):
    copy = shutil.copytree(run.folder, tmp_path / "copy")
    result = ask([run, copy], out=tmp_path / "both", clips=6, only=["snr-pink", "louder"])
    panels = figures.curves(result).axes
    assert [axis.get_title() for axis in panels] == ["Pink noise", "Louder"]
    assert [text.get_text() for text in panels[1].get_xticklabels()] == ["0", "5", "10", "15", "20"]
    assert len(figures.differences(result).axes) == 1
