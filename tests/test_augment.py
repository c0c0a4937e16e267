"""Each transform keeps the contract of all, and does exactly what its definition says."""

import importlib.util
import os
import random
import subprocess
import sys
import time

import joblib
import numpy as np
import pytest
import soundfile

from serkeras import augment
from serkeras.audio import AudioError
from serkeras.augment import recordings
from serkeras.config import AugmentConfig

RATE = 16000
CHAINED = {
    "audiomentations": {
        "transform": "SevenBandParametricEQ",
        "settings": {"min_gain_db": -6.0, "max_gain_db": 6.0},
    },
    "awgn": {"snr_db": [5, 20]},
    "colored_noise": {"exponent": [-1, 2], "snr_db": [5, 20]},
    "gain": {"gain_db": [-6, 6]},
    "pitch_shift": {"semitones": [-2, 2]},
    "recorded_noise": {"paths": "NOISES", "snr_db": [5, 20]},
    "reverb": {"rt60_s": [0.2, 0.6], "drr_db": [0, 10]},
    "tanh_distortion": {"drive": [1, 10]},
    "time_shift": {"shift_s": [-0.2, 0.2], "fill": "circular"},
    "time_stretch": {"rate": [0.8, 1.25]},
    "vtlp": {"alpha": [0.9, 1.1], "cutoff_hz": 4000.0},
}
# Settings outside their range; both ends of a range are looked at.
REFUSED = {
    "audiomentations": [("transform", "NoSuch"), ("settings", {"p": 0.5}), ("settings", {"x": 1})],
    "awgn": [("snr_db", np.nan), ("snr_db", "loud"), ("snr_db", [20, 5]), ("snr_db", [1, 2, 3])],
    "colored_noise": [("exponent", 5), ("exponent", [0, 5]), ("snr_db", np.inf)],
    "gain": [("gain_db", 121), ("gain_db", True)],
    "pitch_shift": [("semitones", -25), ("semitones", [-25, 0])],
    "recorded_noise": [("paths", []), ("paths", [1, 2]), ("paths", "nowhere"), ("snr_db", None)],
    "reverb": [("rt60_s", 0), ("rt60_s", [0, 1]), ("drr_db", 61)],
    "tanh_distortion": [("drive", 0), ("drive", [0, 1])],
    "time_shift": [("shift_s", np.inf), ("fill", "mirror")],
    "time_stretch": [("rate", 0.2), ("rate", [0.2, 1]), ("rate", [1, 4.1])],
    "vtlp": [("alpha", 2.1), ("alpha", [0.4, 1]), ("cutoff_hz", 0)],
}
needs_audiomentations = pytest.mark.skipif(
    importlib.util.find_spec("audiomentations") is None,
    reason="needs audiomentations: pip install 'serkeras[augment]'",
)
EACH = [
    pytest.param(name, marks=needs_audiomentations if name == "audiomentations" else ())
    for name in sorted(CHAINED)
]


def snr_db(wave, noisy):
    noise = noisy.astype("f8") - wave
    return 10 * np.log10(np.mean(wave.astype("f8") ** 2) / np.mean(noise**2))


def tone(samples=16000, level=0.3):
    return (level * np.sin(np.arange(samples) / 7)).astype("f4")


def sine(hertz, seconds=2.0, level=0.2):
    return (level * np.sin(2 * np.pi * hertz * np.arange(int(seconds * RATE)) / RATE)).astype("f4")


def rng(seed=0):
    return np.random.default_rng(seed)


def peak_hz(wave, points=1 << 19):
    """Frequency of the largest peak, to 0.03 Hz, the ends left out."""
    inner = wave[2000:-2000].astype("f8")
    spectrum = np.abs(np.fft.rfft(inner * np.hanning(inner.size), points))
    return spectrum.argmax() * RATE / points


def noise_file(path, seconds=1.0, rate=RATE, seed=7, level=0.1):
    wave = level * rng(seed).standard_normal(int(seconds * rate))
    soundfile.write(path, wave, rate, subtype="FLOAT")
    return path


@pytest.fixture(scope="module")
def noises(tmp_path_factory):
    folder = tmp_path_factory.mktemp("noises")
    for number, (seconds, rate) in enumerate([(0.3, 16000), (1.5, 44100), (2.5, 8000)]):
        noise_file(folder / f"{number}.wav", seconds, rate, seed=number)
    return folder


@pytest.fixture
def item(noises):
    """Return the entry of a chain for a name, with settings changed."""

    def make(name, **changes):
        made = {"name": name, **CHAINED[name], **changes}
        if made.get("paths") == "NOISES":
            made["paths"] = str(noises)
        return made

    return make


# What holds for every transform.


def test_every_transform_is_under_contract():
    assert augment.names() == sorted(CHAINED) == sorted(REFUSED)


@pytest.mark.parametrize("name", EACH)
def test_contract(name, item):
    wave = tone(12345)
    kept = wave.copy()
    first, again, other = (augment.apply(wave, RATE, [item(name)], rng(s)) for s in (1, 1, 2))
    np.testing.assert_array_equal(wave, kept)
    np.testing.assert_array_equal(first, again)
    assert first.dtype == np.float32
    assert first.ndim == 1
    assert not np.shares_memory(first, wave)
    assert np.isfinite(first).all()
    assert not np.array_equal(first, other)
    assert not np.array_equal(first, wave)
    if name == "time_stretch":
        assert 12345 / 1.25 <= first.size <= 12345 / 0.8
    else:
        assert first.shape == wave.shape


@pytest.mark.parametrize("name", EACH)
@pytest.mark.parametrize("samples", [2, 700])
@pytest.mark.filterwarnings("error:n_fft")
def test_very_short_waves(name, samples, item):
    short = item(name, **({"shift_s": 0.00006} if name == "time_shift" else {}))
    changed = augment.apply(tone(samples) + np.float32(0.1), RATE, [short], rng())
    assert np.isfinite(changed).all()
    assert abs(changed.size - samples) <= (0.25 * samples if name == "time_stretch" else 0)


@pytest.mark.parametrize("name", EACH)
@pytest.mark.parametrize(
    ("wave", "reason"),
    [
        (np.ones((2, 100)), "must be 1-D"),
        (np.zeros(0), "must hold samples as floats"),
        (np.ones(100, np.int16), "must hold samples as floats"),
        (np.full(100, np.nan), "100 of 100 samples are NaN"),
        (np.array([0.1, np.inf]), "1 of 2 samples are NaN or infinite"),
    ],
    ids=["stereo", "empty", "integers", "nan", "infinite"],
)
def test_faulty_waves(name, wave, reason, item):
    with pytest.raises(ValueError, match=reason):
        augment.apply(wave, RATE, [item(name)], rng())


@pytest.mark.parametrize("name", EACH)
def test_settings_outside_their_range_are_refused_early(name, item):
    augment.check([item(name)])
    for setting, value in REFUSED[name]:
        with pytest.raises(ValueError, match=f"`{setting}`.*Received: "):
            augment.check([item(name, **{setting: value})])
    for probability in (-0.1, 1.1, np.nan, [0, 1], "often"):
        with pytest.raises(ValueError, match="`probability` must be a number from 0 to 1"):
            augment.check([item(name, probability=probability)])
    with pytest.raises(ValueError, match="Settings of the transform"):
        augment.check([item(name, loudness=1)])


@pytest.mark.parametrize("name", EACH)
def test_threads_give_what_one_gives(name, item):
    config = AugmentConfig(2, (item(name), item("awgn")))
    waves = {f"c/{n}": tone(6000 + 100 * n) for n in range(8)}

    def run(workers):
        return joblib.Parallel(n_jobs=workers, backend="threading")(
            joblib.delayed(augment.make_copies)(wave, RATE, clip, config, 3)
            for clip, wave in waves.items()
        )

    for one, many in zip(run(1), run(4), strict=True):
        for left, right in zip(one, many, strict=True):
            np.testing.assert_array_equal(left, right)


def test_direct_calls_refuse_faults_too():
    stereo, silent = np.ones((2, 100)), np.zeros(100)
    direct = {
        "awgn": lambda wave: augment.add_awgn(wave, 10.0, rng()),
        "colored_noise": lambda wave: augment.add_colored_noise(wave, 1.0, 10.0, rng()),
        "recorded_noise": lambda wave: augment.add_recorded_noise(wave, RATE, "x", 10.0, rng()),
        "gain": lambda wave: augment.gain(wave, 3.0),
        "time_shift": lambda wave: augment.time_shift(wave, RATE, 0.001),
        "tanh_distortion": lambda wave: augment.tanh_distortion(wave, 2.0),
        "reverb": lambda wave: augment.reverb(wave, RATE, 0.3, 5.0, rng()),
        "pitch_shift": lambda wave: augment.pitch_shift(wave, RATE, 2.0),
        "time_stretch": lambda wave: augment.time_stretch(wave, RATE, 1.0),
        "vtlp": lambda wave: augment.vtlp(wave, RATE, 1.05),
    }
    assert {*direct, "audiomentations"} == set(augment.names())
    for name, call in direct.items():
        with pytest.raises(ValueError, match="must be 1-D"):
            call(stereo)
        if name.endswith(("awgn", "_noise")):
            with pytest.raises(ValueError, match="silence is undefined"):
                call(silent)
        else:
            np.testing.assert_array_equal(call(silent), np.zeros(100, np.float32))


# The chain.


def test_silent_clips_stay_and_clips_made_silent_go_no_further():
    silent = np.zeros(1000, np.float32)
    chain = [{"name": "awgn", "snr_db": 10.0}]
    assert not augment.apply(silent, RATE, chain, rng()).any()
    click = np.zeros(1000, np.float32)
    click[990] = 0.5
    chain.insert(0, {"name": "time_shift", "shift_s": 0.01})
    assert not augment.apply(click, RATE, chain, rng()).any()


def test_unknown_and_lacking_names():
    with pytest.raises(ValueError, match="A transform must be one of .*Received: 'echo'"):
        augment.check([{"name": "echo"}])
    with pytest.raises(ValueError, match=r"with \['exponent', 'snr_db'\] given. Received: \[\]"):
        augment.check([{"name": "colored_noise"}])


def test_probability():
    chain = [{"name": "gain", "gain_db": 6.0, "probability": 0.3}]
    wave = tone(10)
    changed = [augment.apply(wave, RATE, chain, rng(seed))[1] != wave[1] for seed in range(400)]
    assert np.mean(changed) == pytest.approx(0.3, abs=0.06)
    never = [{**chain[0], "probability": 0}]
    assert not any((augment.apply(wave, RATE, never, rng(s)) != wave).any() for s in range(20))


def test_two_files_are_no_range(noises):
    paths = [str(noises / "0.wav"), str(noises / "1.wav")]
    chain = [{"name": "recorded_noise", "paths": paths, "snr_db": 10.0}]
    assert snr_db(tone(), augment.apply(tone(), RATE, chain, rng())) == pytest.approx(10, abs=1e-3)
    assert augment.files([*chain, {"name": "gain", "gain_db": 1.0}]) == paths


# Noise.


@pytest.mark.parametrize("target", [-10.0, 0.0, 15.0, 30.0, 60.0])
@pytest.mark.parametrize("samples", [40, 1600, 48000])
def test_snr_is_exact(target, samples):
    wave = tone(samples)
    noisy = augment.add_awgn(wave, target, np.random.default_rng(1))
    assert noisy.dtype == np.float32
    assert noisy.shape == wave.shape
    assert snr_db(wave, noisy) == pytest.approx(target, abs=1e-3)


def test_noise_is_white_and_gaussian():
    wave = tone(200_000)
    noise = augment.add_awgn(wave, 10.0, np.random.default_rng(2)).astype("f8") - wave
    noise /= noise.std()
    assert np.mean(noise**4) == pytest.approx(3.0, abs=0.05)
    spectrum = np.abs(np.fft.rfft(noise)) ** 2
    halves = spectrum[:50_000].mean() / spectrum[50_000:].mean()
    assert halves == pytest.approx(1.0, abs=0.03)


def test_noise_follows_the_level_of_very_quiet_and_loud_waves():
    for level in (1e-30, 1e-6, 1e3):
        wave = tone(level=level)
        assert snr_db(wave, augment.add_awgn(wave, 20.0, np.random.default_rng(0))) == (
            pytest.approx(20.0, abs=1e-3)
        )


FAULTS = {
    "silent": (np.zeros(100), 20.0, "silence is undefined"),
    "infinite ratio": (np.ones(100), np.inf, "must be a finite number"),
    "nan ratio": (np.ones(100), np.nan, "must be a finite number"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_faulty_input(fault):
    wave, ratio, reason = FAULTS[fault]
    with pytest.raises(ValueError, match=reason):
        augment.add_awgn(wave, ratio, np.random.default_rng(0))


def test_draws_are_those_of_committed_results():
    # Another order of draws gives other noise: results could no longer be made again.
    chain = ({"name": "awgn", "snr_db": [15.0, 30.0], "probability": 0.9},)
    copies = augment.make_copies(tone(100), RATE, "c/1", AugmentConfig(2, chain), seed=3)
    expected = []
    for number in (1, 2):
        own = augment.clip_rng(3, "c/1", number)
        assert own.random() < 0.9
        ratio = own.uniform(15.0, 30.0)
        noise = own.standard_normal(100)
        power = np.mean(tone(100).astype("f8") ** 2) / 10 ** (ratio / 10)
        expected.append(tone(100) + noise * np.sqrt(power / np.mean(noise**2)))
    np.testing.assert_allclose(copies, expected, atol=1e-7)


def test_copies_differ_and_stay_in_the_range():
    wave = tone()
    copies = np.stack(augment.make_copies(wave, RATE, "c/1", AugmentConfig(20), seed=0))
    ratios = [snr_db(wave, copy) for copy in copies]
    assert copies.shape == (20, 16000)
    assert copies.dtype == np.float32
    assert len({round(ratio, 3) for ratio in ratios}) == 20
    assert 15 <= min(ratios) < 19
    assert 26 < max(ratios) <= 30


def test_noise_depends_on_seed_clip_and_copy_only():
    config = AugmentConfig(2, ({"name": "awgn", "snr_db": 20.0},))
    first = augment.make_copies(tone(), RATE, "c/1", config, seed=0)
    np.testing.assert_array_equal(first, augment.make_copies(tone(), RATE, "c/1", config, seed=0))
    fewer = augment.make_copies(tone(), RATE, "c/1", config.replace(copies=1), seed=0)
    np.testing.assert_array_equal(first[:1], fewer)
    for clip, seed in (("c/2", 0), ("c/1", 1)):
        other = augment.make_copies(tone(), RATE, clip, config, seed=seed)
        assert not np.array_equal(first, other)


def test_generator_is_the_same_in_every_process():
    program = "from serkeras import augment; print(augment.clip_rng(3, 'c/ä', 1).integers(1 << 40))"
    found = {
        subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=True
        ).stdout.strip()
        for _ in range(2)
    }
    assert found == {"1061100551734"}


@pytest.mark.parametrize("exponent", [-2, -1, 0, 1, 2, 0.5])
def test_slope_and_ratio_of_coloured_noise(exponent):
    wave = tone(1 << 17)
    noisy = augment.add_colored_noise(wave.astype("f8"), exponent, 0.0, rng(3))
    assert snr_db(wave, noisy) == pytest.approx(0.0, abs=1e-3)
    power = np.abs(np.fft.rfft(noisy.astype("f8") - wave)) ** 2
    edges = 2 ** np.arange(7, 17)
    octaves = [power[low : 2 * low].mean() for low in edges[:-1]]
    slopes = np.diff(10 * np.log10(octaves))
    assert slopes.mean() == pytest.approx(-3.0103 * exponent, abs=0.1)
    assert np.abs(slopes + 3.0103 * exponent).max() < 1.0
    assert power[0] < 1e-6 * power.max()


def test_a_single_sample_has_no_colour():
    with pytest.raises(ValueError, match="two samples or more"):
        augment.add_colored_noise(np.ones(1), 1.0, 10.0, rng())


def test_recorded_noise_is_a_stretch_of_the_file(tmp_path):
    path = noise_file(tmp_path / "n.wav", seconds=4.0)
    recorded = soundfile.read(path)[0]
    added = [
        augment.add_recorded_noise(tone(8000), RATE, path, 3.0, rng(seed)).astype("f8") - tone(8000)
        for seed in range(5)
    ]
    starts = set()
    for noise in added:
        match = np.correlate(recorded, noise, "valid")
        start = int(match.argmax())
        cut = recorded[start : start + 8000]
        assert np.corrcoef(cut, noise)[0, 1] > 0.99999
        starts.add(start)
    assert len(starts) == 5


@pytest.mark.parametrize("target", [-5.0, 0.0, 20.0])
@pytest.mark.parametrize("samples", [100, 8000, 60000])
def test_ratio_of_recorded_noise(target, samples, noises):
    for seed in range(4):
        noisy = augment.add_recorded_noise(tone(samples), RATE, noises, target, rng(seed))
        assert snr_db(tone(samples), noisy) == pytest.approx(target, abs=1e-3)


def test_every_file_is_drawn(tmp_path):
    for hertz in (500, 900, 2000):
        folder = tmp_path / str(hertz)
        folder.mkdir()
        soundfile.write(folder / "tone.wav", sine(hertz, 1.0), RATE)
    heard = [
        peak_hz(augment.add_recorded_noise(tone(), RATE, tmp_path, -60.0, rng(seed)))
        for seed in range(12)
    ]
    assert {round(hertz, -1) for hertz in heard} == {500, 900, 2000}


def test_short_noise_is_looped_without_a_seam():
    # A slow ramp: its two ends are far apart, so that a hard seam would be a jump of 2.
    ramp = np.linspace(-1, 1, 4000)
    looped = recordings.stretch(ramp, 20000, RATE, rng())
    assert looped.size == 20000
    assert np.abs(np.diff(looped)).max() < 0.01
    np.testing.assert_allclose(looped[3200:], looped[:-3200])  # 4000 less a fade of 800
    noise = rng(4).standard_normal(4000)
    whole = recordings.stretch(noise, 32000, RATE, rng())
    assert whole.std() == pytest.approx(noise.std(), rel=0.03)
    assert recordings.stretch(np.ones(1), 5, RATE, rng()).tolist() == [1.0] * 5


def test_silent_stretches_are_passed_over():
    noise = np.zeros(100_000, np.float32)
    noise[[5, 99_990]] = 1.0
    for seed in range(20):
        cut = recordings.stretch(noise, 50, RATE, rng(seed))
        assert cut.size == 50
        assert cut.any()


def test_noise_files_that_cannot_be_used(tmp_path):
    def add(paths):
        return augment.add_recorded_noise(tone(), RATE, paths, 10.0, rng())

    silent, broken, empty = tmp_path / "silent.wav", tmp_path / "broken.wav", tmp_path / "folder"
    soundfile.write(silent, np.zeros(100), RATE)
    broken.write_text("no sound")
    empty.mkdir()
    with pytest.raises(AudioError, match="must not be silent. Received: .*silent.wav"):
        add(silent)
    with pytest.raises(AudioError, match="broken.wav"):
        add([broken])
    with pytest.raises(ValueError, match="Received: .*folder, with none in it"):
        add(str(empty))
    with pytest.raises(ValueError, match="missing.wav, which does not exist"):
        add([silent, tmp_path / "missing.wav"])


def test_noise_that_comes_or_goes_below_a_folder_is_noticed(tmp_path):
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    (tmp_path / "c").mkdir()
    first = noise_file(deep / "1.wav")
    for folder in (tmp_path, tmp_path / "a", deep, tmp_path / "c"):
        os.utime(folder, (1e9, 1e9))  # long ago: the listing is kept
    assert recordings.find(tmp_path) == (str(first),)
    second = noise_file(deep / "2.wav")
    third = noise_file(tmp_path / "c" / "3.wav")
    assert recordings.find(tmp_path) == (str(first), str(second), str(third))
    first.unlink()
    assert recordings.find(tmp_path) == (str(second), str(third))


def test_folders_of_noise_are_listed_once_while_nothing_changes(tmp_path, monkeypatch):
    (tmp_path / "deep").mkdir()
    path, listed, real = noise_file(tmp_path / "deep" / "1.wav"), [], recordings._listed
    monkeypatch.setattr(recordings, "_listed", lambda path: listed.append(path) or real(path))
    counts = []
    for age_s in (0, 60, 0):
        then = time.time() - age_s
        for folder in (tmp_path, tmp_path / "deep"):
            os.utime(folder, (then, then))
        listed.clear()
        for _ in range(3):
            assert recordings.find(tmp_path) == (str(path),)
        counts.append(len(listed))
    assert counts == [3, 1, 3]  # not trusted right after a change


@pytest.mark.parametrize("way", ["./noises", "~/noises", ["~/noises/1.wav", "noises/2.wav"]])
def test_paths_of_noises_mean_the_same_in_another_folder(way, tmp_path, monkeypatch):
    (tmp_path / "noises").mkdir()
    files = [str(noise_file(tmp_path / "noises" / f"{number}.wav")) for number in (1, 2)]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    given = (
        {"name": "recorded_noise", "paths": way, "snr_db": 3.0},
        {"name": "gain", "gain_db": 1},
    )
    assert augment.files(given) == files
    resolved = augment.resolve(given)
    assert resolved[1] == given[1]
    monkeypatch.chdir("/")
    monkeypatch.setenv("HOME", "/nowhere")
    assert augment.files(resolved) == files
    with pytest.raises(ValueError, match="does not exist"):
        augment.files(given)


def test_noise_is_resampled_and_read_once_until_it_changes(tmp_path, monkeypatch):
    read = []
    real = recordings.audio.read
    monkeypatch.setattr(
        recordings.audio, "read", lambda path, rate: read.append(path) or real(path, rate)
    )
    path = tmp_path / "tone.wav"
    soundfile.write(path, 0.3 * np.sin(2 * np.pi * 700 * np.arange(96000) / 48000), 48000)
    wave = rng().standard_normal(16000).astype("f4")
    first = augment.add_recorded_noise(wave, RATE, path, 0.0, rng(2))
    assert peak_hz(first - wave) == pytest.approx(700, abs=0.2)
    again = augment.add_recorded_noise(wave, RATE, path, 0.0, rng(2))
    np.testing.assert_array_equal(first, again)
    assert len(read) == 1
    soundfile.write(path, 0.3 * np.sin(2 * np.pi * 900 * np.arange(90000) / 48000), 48000)
    other = augment.add_recorded_noise(wave, RATE, path, 0.0, rng(2))
    assert peak_hz(other - wave) == pytest.approx(900, abs=0.2)
    with pytest.raises(ValueError, match="read-only"):
        recordings.read(str(path), RATE)[0] = 1.0


# Tempo, pitch, vocal tract.


@pytest.mark.parametrize("rate", [0.5, 0.8, 1.25, 2.0])
def test_time_stretch_changes_the_duration_and_keeps_the_pitch(rate):
    changed = augment.time_stretch(sine(440), RATE, rate)
    assert changed.size == round(32000 / rate)
    assert peak_hz(changed) == pytest.approx(440, abs=0.5)
    assert np.mean(changed**2) == pytest.approx(np.mean(sine(440) ** 2), rel=1e-4)
    bursts = np.zeros(32000, np.float32)
    bursts[6000:10000] = bursts[22000:26000] = 0.1 * rng().standard_normal(4000)
    power = np.square(augment.time_stretch(bursts, RATE, rate))
    middle = power.size // 2
    centres = [np.average(np.arange(n.size), weights=n) for n in (power[:middle], power[middle:])]
    assert middle + centres[1] - centres[0] == pytest.approx(16000 / rate, rel=0.03)


@pytest.mark.parametrize("semitones", [-12, -3.5, 1, 7])
def test_pitch_shift_moves_a_tone(semitones):
    changed = augment.pitch_shift(sine(440), RATE, semitones)
    assert changed.size == 32000
    assert np.mean(changed**2) == pytest.approx(np.mean(sine(440) ** 2), rel=1e-4)
    assert peak_hz(changed) == pytest.approx(440 * 2 ** (semitones / 12), rel=1e-3)


@pytest.mark.parametrize("alpha", [0.9, 0.97, 1.1, 1.2])
@pytest.mark.parametrize("hertz", [300, 1000, 3900, 4700, 5000, 6500])
def test_vtlp_moves_a_tone_by_the_formula(alpha, hertz):
    half, cut = 8000.0, 4800.0
    low = min(alpha, 1.0)
    if hertz <= cut * low / alpha:
        moved = alpha * hertz
    else:
        moved = half - (half - cut * low) / (half - cut * low / alpha) * (half - hertz)
    changed = augment.vtlp(sine(hertz), RATE, alpha)
    assert peak_hz(changed) == pytest.approx(moved, abs=0.5)
    inner, power = changed[2000:-2000], np.mean(sine(hertz) ** 2)
    assert np.mean(changed**2) == pytest.approx(power, rel=1e-3)
    spectrum = np.abs(np.fft.rfft(inner * np.hanning(inner.size))) ** 2
    near = np.abs(np.fft.rfftfreq(inner.size, 1 / RATE) - moved) < 20
    assert spectrum[near].sum() > 0.99 * spectrum.sum()


def test_vtlp_by_one_changes_nothing():
    wave = 0.1 * rng().standard_normal(10_001).astype("f4")
    np.testing.assert_allclose(augment.vtlp(wave, RATE, 1.0), wave, atol=1e-6)


def test_vtlp_needs_its_cut_below_half_the_rate():
    with pytest.raises(ValueError, match="below half the sample rate. Received: 4800.0 at 8000"):
        augment.vtlp(tone(), 8000, 1.1)


# Level, time, shape, room.


def test_gain():
    np.testing.assert_allclose(augment.gain(tone(), 20.0), 10 * tone(), rtol=1e-6)
    np.testing.assert_allclose(augment.gain(tone(), -6.0206), tone() / 2, rtol=1e-5)


def test_time_shift():
    wave = np.arange(1.0, 6.0)
    expected = {
        ("zero", 2): [0, 0, 1, 2, 3],
        ("zero", -1): [2, 3, 4, 5, 0],
        ("zero", 0): [1, 2, 3, 4, 5],
        ("circular", 2): [4, 5, 1, 2, 3],
        ("circular", -6): [2, 3, 4, 5, 1],
    }
    for (fill, shift), result in expected.items():
        assert augment.time_shift(wave, 100, shift / 100, fill).tolist() == result
    with pytest.raises(ValueError, match="less than the clip.*0.05 for a clip of 0.05 s"):
        augment.time_shift(wave, 100, 0.05)


@pytest.mark.parametrize("drive", [0.1, 3.0, 30.0])
def test_tanh_distortion_keeps_the_level_and_makes_odd_harmonics(drive):
    wave = sine(100, seconds=1.0, level=0.5)
    bent = augment.tanh_distortion(wave, drive)
    assert np.mean(bent**2) == pytest.approx(np.mean(wave**2), rel=1e-5)
    expected = np.tanh(drive * wave.astype("f8"))
    np.testing.assert_allclose(
        bent * np.abs(expected).max(), expected * np.abs(bent).max(), atol=1e-6
    )
    harmonics = np.abs(np.fft.rfft(bent))[::100]
    assert harmonics[[0, 2, 4, 6, 8]].max() < 1e-4 * harmonics[1]
    if drive > 1:
        assert harmonics[3] > 0.01 * harmonics[1]


@pytest.mark.parametrize(("rt60_s", "drr_db"), [(0.2, -5.0), (0.5, 5.0), (1.0, 15.0)])
def test_reverb_has_the_decay_and_the_ratio_it_is_asked_for(rt60_s, drr_db):
    click = np.zeros(3 * RATE, np.float32)
    click[0] = 1.0
    response = augment.reverb(click, RATE, rt60_s, drr_db, rng(5)).astype("f8")
    assert response[0] == pytest.approx(1.0, abs=1e-6)
    ratio = -10 * np.log10(np.sum(response[1:] ** 2))
    assert ratio == pytest.approx(drr_db, abs=1e-3)
    # Schroeder's backward integral, fitted from -5 to -35 dB as ISO 3382 does.
    decay = np.cumsum(response[:0:-1] ** 2)[::-1]
    level = 10 * np.log10(np.maximum(decay / decay[0], 1e-12))
    fitted = np.flatnonzero((level < -5) & (level > -35))
    slope = np.polyfit(fitted / RATE, level[fitted], 1)[0]
    assert -60 / slope == pytest.approx(rt60_s, rel=0.1)


def test_reverb_does_not_delay_and_is_cut_at_the_end():
    wave = np.zeros(RATE, np.float32)
    wave[8000] = 0.5
    changed = augment.reverb(wave, RATE, 3.0, 0.0, rng())
    assert changed.size == RATE
    assert not np.abs(changed[:8000]).max() > 1e-7
    assert changed[8000] == pytest.approx(0.5, abs=1e-6)
    whole = augment.reverb(np.pad(wave, (0, RATE)), RATE, 3.0, 0.0, rng())
    np.testing.assert_allclose(whole[:RATE], changed, atol=1e-7)


# The adapter.


@needs_audiomentations
def test_audiomentations_leaves_the_global_generators_alone():
    random.seed(1)
    np.random.seed(1)  # noqa: NPY002
    states = random.getstate(), np.random.get_state()[1].tolist()  # noqa: NPY002
    changed = augment.apply_audiomentations(tone(), RATE, "AddGaussianSNR", rng(1))
    with pytest.raises(ValueError, match="must be one of audiomentations'.*Received: 'Compose'"):
        augment.apply_audiomentations(tone(), RATE, "Compose", rng(1))
    assert (random.getstate(), np.random.get_state()[1].tolist()) == states  # noqa: NPY002
    random.seed(2)
    np.random.seed(2)  # noqa: NPY002
    np.testing.assert_array_equal(
        augment.apply_audiomentations(tone(), RATE, "AddGaussianSNR", rng(1)), changed
    )


@needs_audiomentations
def test_audiomentations_always_applies_and_takes_settings():
    settings = {"min_gain_db": -6.0206, "max_gain_db": -6.0206}
    for seed in range(10):
        changed = augment.apply_audiomentations(tone(), RATE, "Gain", rng(seed), settings)
        np.testing.assert_allclose(changed, tone() / 2, rtol=1e-4)


@needs_audiomentations
@pytest.mark.parametrize(
    ("transform", "settings", "samples"),
    [
        ("TimeStretch", {"min_rate": 0.8, "max_rate": 0.8, "leave_length_unchanged": False}, 40000),
        ("PitchShift", {"min_semitones": 4.0, "max_semitones": 4.0}, 32000),
    ],
)
def test_signalsmith_as_the_docstring_says(transform, settings, samples):
    item = {"name": "audiomentations", "transform": transform, "settings": settings}
    once, twice = (augment.apply(sine(440), RATE, [item], rng(1)) for _ in range(2))
    np.testing.assert_array_equal(once, twice)
    assert once.size == samples
    wanted = 440 * 2 ** (4 / 12) if transform == "PitchShift" else 440
    assert peak_hz(once) == pytest.approx(wanted, rel=5e-3)


def test_missing_audiomentations_names_the_remedy(monkeypatch):
    monkeypatch.setitem(sys.modules, "audiomentations", None)
    item = {"name": "audiomentations", "transform": "Gain"}
    for call in (augment.check, lambda chain: augment.apply(tone(), RATE, chain, rng())):
        with pytest.raises(ImportError, match=r"pip install 'serkeras\[augment\]'"):
            call([item])


# The figure.


@pytest.mark.parametrize("seconds", [0.01, 0.5, 1.5])
def test_before_after(seconds):
    wave, changed = sine(1000, 1.0, level=1.0), sine(500, seconds, level=0.1)
    figure = augment.before_after(wave, changed, RATE, "a title")
    upper_left, upper_right, left, right, colours = figure.axes
    assert figure.get_suptitle() == "a title"
    assert [upper_left.get_title(), upper_right.get_title()] == ["before", "after"]
    assert "s)" in left.get_xlabel()
    assert "kHz" in left.get_ylabel()
    assert "dB" in colours.get_ylabel()
    before, after = left.images[0], right.images[0]
    assert before.get_clim() == after.get_clim()
    # 0 dB is a full-scale tone (the bands are triangles: at most 3 dB less between two).
    assert -3.1 < before.get_array().max() < 1
    assert left.get_xlim() == right.get_xlim() == (0, max(1.0, seconds))
    row = before.get_array().mean(axis=1).argmax()
    names = [text.get_text() for text in left.get_yticklabels()]
    assert left.get_yticks()[names.index("1")] == pytest.approx(row + 0.5, abs=1)
    figure.canvas.draw()


def test_before_after_of_silence_and_faults():
    augment.before_after(np.zeros(100), np.zeros(100), RATE, "silence").canvas.draw()
    with pytest.raises(ValueError, match="must be 1-D"):
        augment.before_after(tone(), np.ones((2, 9)), RATE, "stereo")
