"""The synthetic corpus: the same bytes every time, whole, clean, and neither easy nor hopeless."""

import json
import os
import shutil
import subprocess
import sys
import time

import numpy as np
import pytest
import soundfile
from scipy import signal

from serkeras.datasets import synthetic
from serkeras.datasets.synthetic import corpus, emotions, speakers, voice

FEW = 2
QUIET = {"progress": False, "speakers": FEW}
CALL = "from serkeras.datasets import synthetic; synthetic.generate({!r}, n_jobs=1, **{!r})"


def contents(root):
    """Bytes of every audio file below a folder, by name."""
    return {path.name: path.read_bytes() for path in sorted(root.rglob("*.flac"))}


def start(root, repo, **settings):
    """Generate in a process of its own."""
    code = CALL.format(str(root), {"progress": False, **settings})
    return subprocess.Popen([sys.executable, "-c", code], cwd=repo)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("synthetic") / "made"
    synthetic.generate(folder, n_jobs=1, **QUIET)
    return folder


@pytest.fixture(scope="module")
def clips(root):
    return synthetic.scan(root)


@pytest.fixture(scope="module")
def waves(clips):
    return [soundfile.read(path)[0] for path in clips["path"]]


def measured_f0(wave, around):
    """F0 in hertz of the clearly voiced 40-ms frames, by autocorrelation near a known pitch."""
    frames = np.lib.stride_tricks.sliding_window_view(wave, 640)[::160] * np.hanning(640)
    power = np.sum(frames**2, axis=1)
    frames = frames[power > 0.02 * power.max()]
    lags = np.fft.irfft(np.abs(np.fft.rfft(frames, 2048, axis=1)) ** 2, axis=1)
    taper = np.fft.irfft(np.abs(np.fft.rfft(np.hanning(640), 2048)) ** 2)
    shortest, longest = (int(voice.SAMPLE_RATE / (around * factor)) for factor in (2.2, 0.6))
    here = slice(shortest, longest)
    ratio = lags[:, here] / lags[:, :1] / (taper[here] / taper[0])
    best = ratio.argmax(axis=1)
    inside = (ratio.max(axis=1) > 0.75) & (best > 0) & (best < ratio.shape[1] - 1)
    return voice.SAMPLE_RATE / (best[inside] + shortest)


def mean_f0(seed, number, emotion):
    """Mean and 10-90 % range, semitones on 100 Hz, of a speaker's strong renderings."""
    rows = enumerate(corpus.plan())
    around = speakers.invent(seed, number).f0
    picked = [i for i, row in rows if row[1] == number and row[2] == emotion][1::2]
    found = np.concatenate([measured_f0(corpus.render(seed, i), around) for i in picked])
    semitones = 12 * np.log2(found / 100)
    return semitones.mean(), np.ptp(np.percentile(semitones, [10, 90]))


def test_same_bytes_with_two_workers(root, tmp_path):
    synthetic.generate(tmp_path, n_jobs=2, **QUIET)
    assert contents(tmp_path) == contents(root)


def test_another_seed_speaks_otherwise():
    assert np.array_equal(corpus.render(0, 3), corpus.render(0, 3))
    assert not np.array_equal(corpus.render(0, 3)[:4000], corpus.render(1, 3)[:4000])


def test_fewer_speakers_are_the_beginning_of_all():
    assert corpus.plan(FEW) == corpus.plan()[: FEW * corpus.PER_SPEAKER]


def test_plan_is_balanced():
    rows = corpus.plan()
    names, numbers, words, statements, _ = zip(*rows, strict=True)
    assert len(set(names)) == len(rows) == synthetic.CARD.clips == 672
    assert {word: words.count(word) for word in set(words)} == dict.fromkeys(emotions.EMOTIONS, 96)
    assert statements.count("boat") == statements.count("coat") == 336
    people = [speakers.invent(0, number) for number in sorted(set(numbers))]
    assert len(people) == synthetic.CARD.speaker_count == 24
    assert sum(person.female for person in people) == 12
    assert all(synthetic.parse(_Named(name)) for name in names)


class _Named:
    def __init__(self, stem):
        self.stem = stem


def test_manifest(clips):
    assert len(clips) == FEW * 28
    assert clips["clip"].is_unique
    assert set(clips["emotion"]) == set(emotions.EMOTIONS)
    assert (clips["speaker"].value_counts() == 28).all()
    assert dict(zip(clips["speaker"], clips["sex"], strict=True)) == {
        "synthetic-01": "male",
        "synthetic-02": "female",
    }
    neutral = clips[clips["emotion"] == "neutral"]
    assert set(neutral["intensity"]) == {"normal"}
    assert sorted(neutral["repetition"]) == [1, 1, 1, 1, 2, 2, 2, 2]
    per_cell = clips.groupby(["speaker", "emotion", "statement"]).size()
    assert (per_cell == 2).all()


def test_files_are_16_khz_16_bit_mono(clips):
    for path in clips["path"]:
        info = soundfile.info(path)
        assert (info.samplerate, info.channels, info.subtype) == (16000, 1, "PCM_16")
        assert 2.0 <= info.duration <= 3.0


def test_clips_are_clean(waves):
    for wave in waves:
        peak, power = np.abs(wave).max(), np.sqrt(np.mean(wave**2))
        assert np.isfinite(wave).all()
        assert 0.01 < peak <= 0.96
        assert abs(wave.mean()) < 1e-4
        # The ends are silent: no click where a player starts or stops, or zeros are padded.
        assert np.abs(wave[[0, -1]]).max() < 1e-3
        assert np.abs(wave[:800]).max() < 0.1 * peak
        # Filters whose coefficients jump showed spikes 29 dB above the mean power.
        assert 20 * np.log10(peak / power) < 26


def test_loudness_follows_the_table(clips, waves):
    levels = {
        word: np.mean(
            [np.mean(w**2) for w, e in zip(waves, clips["emotion"], strict=True) if e == word]
        )
        for word in ("angry", "neutral", "sad")
    }
    assert levels["angry"] > 1.6 * levels["neutral"] > 1.6 * 1.6 * levels["sad"]


@pytest.mark.parametrize("number", [1, 2, 5, 8])
def test_pitch_follows_speaker_and_emotion(number):
    who = speakers.invent(0, number)
    height, spread = {}, {}
    for word in ("angry", "fear", "neutral", "sad", "surprise"):
        height[word], spread[word] = mean_f0(0, number, word)
    assert height["neutral"] == pytest.approx(12 * np.log2(who.f0 / 100), abs=2.5)
    assert height["angry"] > height["sad"] + 1
    assert height["fear"] > height["neutral"] + 1.5
    assert spread["angry"] > spread["sad"]
    assert spread["surprise"] > spread["sad"] + 1


def profile(wave, around):
    """Length, RMS in thousandths, spectral centroid and mean F0 in hertz, level by thirds."""
    power = np.abs(np.fft.rfft(wave)) ** 2
    centroid = np.sum(power * np.fft.rfftfreq(len(wave), 1 / voice.SAMPLE_RATE)) / power.sum()
    thirds = [1000 * np.sqrt(np.mean(part**2)) for part in np.array_split(wave, 3)]
    rms = 1000 * np.sqrt(np.mean(wave**2))
    return [len(wave), rms, centroid, measured_f0(wave, around).mean(), *thirds]


# Of version 1, by place in the plan: rounded to five digits, which no other processor or
# version of NumPy or SciPy changes.
PROFILES = {
    0: [33946, 50.935, 690.12, 108.69, 53.261, 60.209, 36.348],
    33: [39627, 29.883, 754.26, 211.31, 34.286, 24.041, 30.423],
    66: [32000, 22.665, 613.32, 115.49, 25.783, 25.735, 14.627],
    99: [33585, 66.81, 1258.9, 301.41, 62.22, 92.534, 30.936],
    128: [35493, 19.71, 448.41, 97.737, 21.296, 21.754, 15.448],
    217: [46833, 9.5137, 654.77, 178.05, 10.609, 9.3862, 8.4184],
    670: [41436, 28.038, 798.76, 194.52, 29.726, 33.372, 19],
}


@pytest.mark.parametrize("index", PROFILES)
def test_sound_of_this_version(index):
    wave = corpus.render(0, index)
    assert corpus.VERSION == 1, "store the profiles of the new version"
    heard = profile(wave, speakers.invent(0, corpus.plan()[index][1]).f0)
    assert heard == pytest.approx(PROFILES[index], rel=1e-3), (
        "The sound of the synthetic corpus has changed: raise corpus.VERSION, so that clips made "
        "earlier are not mixed with these, and store the new profiles here."
    )


def test_glottal_pulse_has_no_net_flow():
    pulses = voice.glottal_pulses()
    assert np.isfinite(pulses).all()
    assert np.abs(pulses[:, :-1].mean(axis=1)).max() < 1e-3
    np.testing.assert_allclose(pulses.min(axis=1), -1, atol=0.03)
    # A lax voice opens longer and has relatively more of the fundamental.
    spectra = np.abs(np.fft.rfft(pulses[:, :-1], axis=1))
    assert (np.diff(spectra[:, 1] / spectra[:, 5]) > 0).all()


def test_vocal_tract_at_rest_is_the_filter_it_claims():
    frames = 120
    impulse = np.zeros(frames * voice.FRAME)
    impulse[2000] = 1
    fixed = np.ones((frames, 1))
    rest = np.full(frames, 270.0)
    answer = voice.vocal_tract(impulse, 700 * fixed, 80 * fixed, rest, rest)
    radius = np.exp(-np.pi * 80 / 16000)
    a = [1, -2 * radius * np.cos(2 * np.pi * 700 / 16000), radius**2]
    expected = signal.lfilter([sum(a)], a, impulse)
    np.testing.assert_allclose(answer, expected, atol=1e-6)


def test_emotions_can_be_told_from_unknown_speakers_but_not_all():
    from sklearn.model_selection import GroupKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    from serkeras import features

    rows = corpus.plan(6)
    wanted = np.array([row[2] for row in rows])
    groups = [row[1] for row in rows]
    x = []
    for index in range(len(rows)):
        wave = corpus.render(0, index)
        mfcc = features.mfcc(wave[None].astype(np.float32), n_mfcc=20)[0]
        x.append(np.concatenate([mfcc.mean(axis=1), mfcc.std(axis=1)]))
    machine = make_pipeline(StandardScaler(), SVC(C=5))
    folds = cross_val_predict(machine, np.array(x), wanted, groups=groups, cv=GroupKFold(3))
    accuracy = np.mean(folds == wanted)
    assert 0.4 < accuracy < 0.9


def test_killed_generation_is_not_a_corpus_and_is_completed(root, repo, tmp_path):
    process = start(tmp_path, repo, speakers=FEW)
    until = time.monotonic() + 60
    while not list(tmp_path.rglob("*angry*.flac")) and time.monotonic() < until:
        time.sleep(0.02)
    process.kill()
    process.wait()
    made = contents(tmp_path)
    assert 0 < len(made) < FEW * corpus.PER_SPEAKER
    with pytest.raises(FileNotFoundError, match="to the end"):
        synthetic.scan(tmp_path)
    before = {path: os.stat(path).st_mtime_ns for path in tmp_path.rglob("[0-9]*.flac")}
    synthetic.generate(tmp_path, n_jobs=1, **QUIET)
    assert {path: os.stat(path).st_mtime_ns for path in before} == before
    assert {k: v for k, v in contents(tmp_path).items() if k[0] != "."} == contents(root)
    assert len(synthetic.scan(tmp_path)) == FEW * corpus.PER_SPEAKER


def test_two_at_once_make_one_whole_corpus(root, repo, tmp_path):
    processes = [start(tmp_path, repo, speakers=1) for _ in range(2)]
    assert [process.wait(120) for process in processes] == [0, 0]
    made = contents(root)
    assert contents(tmp_path) == {name: made[name] for name in made if name[:2] == "01"}
    assert len(synthetic.scan(tmp_path)) == corpus.PER_SPEAKER


def test_lost_clip_is_reported_and_made_again(root, tmp_path):
    shutil.copytree(root, tmp_path, dirs_exist_ok=True)
    lost = next(tmp_path.rglob("01-sad-boat-strong-1.flac"))
    lost.unlink()
    with pytest.raises(FileNotFoundError, match=r"1 clips are missing \(such as 01-sad-boat-str"):
        synthetic.scan(tmp_path)
    synthetic.generate(tmp_path, n_jobs=1, **QUIET)
    assert contents(tmp_path) == contents(root)


def test_finished_corpus_is_left_alone(root, monkeypatch):
    monkeypatch.setattr(corpus, "render", None)
    synthetic.generate(root, n_jobs=1, **QUIET)


def test_two_seeds_in_one_folder_do_not_mix(root, tmp_path):
    for seed in (0, 1):
        folder = tmp_path / f"v{corpus.VERSION}-seed{seed}-1speakers"
        folder.mkdir()
        (folder / corpus.DONE).write_text(json.dumps({"speakers": 1}))
    with pytest.raises(ValueError, match="must hold one synthetic corpus"):
        synthetic.scan(tmp_path)


@pytest.mark.parametrize("wrong", [{"speakers": 0}, {"speakers": 25}, {"seed": -1}])
def test_settings_out_of_range(tmp_path, wrong):
    with pytest.raises(ValueError, match="must be 1 to 24"):
        synthetic.generate(tmp_path, progress=False, **wrong)
    assert not list(tmp_path.iterdir())
