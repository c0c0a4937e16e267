import librosa
import numpy as np
import pytest
import soundfile

from serkeras import audio, features
from serkeras.config import AudioConfig, FeatureConfig
from serkeras.features import _mel_power, spectral

RATE = 16000

# librosa says so for the clip of 0.1 s; its result is right.
pytestmark = pytest.mark.filterwarnings("ignore:n_fft=:UserWarning")


def speech_like(seconds, seed=0):
    """Voiced syllables with pauses: harmonics, 60 dB of dynamics and a digitally silent tail."""
    rng = np.random.default_rng(seed)
    time_s = np.arange(round(seconds * RATE)) / RATE
    wave = sum(np.sin(2 * np.pi * 130 * k * time_s) / k**1.5 for k in range(1, 40))
    wave = wave * np.maximum(0, np.sin(2 * np.pi * 3 * time_s)) ** 2
    wave += 1e-3 * rng.standard_normal(len(wave))
    wave[int(0.8 * len(wave)) :] = 0
    return (0.2 * wave).astype("f4")


def click(seconds):
    wave = np.zeros(round(seconds * RATE), np.float32)
    wave[len(wave) // 3] = 0.9
    return wave


WAVES = {
    "speech": speech_like(3.0),
    "a tenth of a second": speech_like(0.1),
    "longer than a block": speech_like(9.3),
    "silent": np.zeros(16000, np.float32),
    "click": click(1.0),
    "very quiet": speech_like(1.0) * np.float32(1e-5),
    "far over full scale": speech_like(1.0) * np.float32(1e4),
}
SETTINGS = {
    "default": {},
    "narrow": {"n_mels": 40, "n_fft": 512, "hop_length": 160},
    "wide": {"n_mels": 256, "n_fft": 2048, "hop_length": 512, "fmax": 4096.0},
    "short window": {"n_mels": 64, "n_fft": 2048, "win_length": 501, "hop_length": 128},
    "odd window": {"n_mels": 30, "n_fft": 401, "hop_length": 150, "fmin": 60.0},
    "hop beyond window": {"n_mels": 20, "n_fft": 256, "hop_length": 700, "fmin": 300.0},
}


def ours(name, wave, settings):
    if name in ("log_mel", "mel"):
        return getattr(features, name)(wave[None], RATE, **settings)[0]
    coefficients = settings.get("n_mels", 128)
    return features.mfcc(wave[None], RATE, n_mfcc=coefficients, **settings)[0]


def theirs(name, wave, settings, rate=RATE):
    settings = {"n_mels": 128, **settings}
    if name == "mfcc":
        return librosa.feature.mfcc(y=wave, sr=rate, n_mfcc=settings["n_mels"], **settings)
    power = librosa.feature.melspectrogram(y=wave, sr=rate, **settings)
    if name == "mel":
        return power
    return librosa.power_to_db(power, ref=1.0, top_db=80.0)


def assert_parity(found, reference):
    """Within 1e-4 of the largest value, and element by element where that exceeds 1 dB."""
    assert found.dtype == np.float32
    assert found.shape == reference.shape
    difference = np.abs(found - reference)
    assert difference.max() <= 1e-4 * np.abs(reference).max()
    assert (difference / np.maximum(np.abs(reference), 1.0)).max() <= 1e-3


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("wave", WAVES)
@pytest.mark.parametrize("name", ["mfcc", "log_mel", "mel"])
def test_equal_to_librosa(name, wave, settings):
    found = ours(name, WAVES[wave], SETTINGS[settings])
    assert np.isfinite(found).all()
    assert_parity(found, theirs(name, WAVES[wave], SETTINGS[settings]))


@pytest.mark.parametrize("n_mfcc", [1, 13, 40, 128])
def test_fewer_coefficients_are_the_first_ones(n_mfcc):
    wave = WAVES["speech"]
    reference = librosa.feature.mfcc(y=wave, sr=RATE, n_mfcc=n_mfcc, n_mels=128)
    assert_parity(features.mfcc(wave[None], RATE, n_mfcc=n_mfcc)[0], reference)


def test_a_floor_of_decibels_is_that_of_librosa():
    wave = np.random.default_rng(0).standard_normal(8000) * np.linspace(0, 0.1, 8000) ** 2
    power = librosa.feature.melspectrogram(y=wave, sr=RATE, n_mels=40)
    expected = librosa.power_to_db(power, amin=1e-5, top_db=None)
    found = features.log_mel(wave[None], RATE, n_mels=40, floor_db=-50.0)[0]
    np.testing.assert_allclose(found, expected, atol=1e-4)
    assert np.isclose(found, -50).any()


@pytest.mark.parametrize("floor_db", [np.nan, -np.inf, -500.0, "-50"])
def test_a_floor_that_is_no_number_is_refused(floor_db):
    with pytest.raises(ValueError, match="number of decibels from"):
        features.log_mel(np.zeros((1, 8000)), RATE, floor_db=floor_db)


@pytest.mark.parametrize("n_jobs", [1, 2, 3])
@pytest.mark.parametrize("function", [features.mfcc, features.log_mel])
def test_a_clip_alone_is_the_clip_in_a_batch(function, n_jobs):
    waves = np.stack([speech_like(1.0, seed) for seed in range(5)])
    waves[1] *= 1e-4  # a floor over the batch would swallow this one
    waves[3] = 0
    together = function(waves, RATE, n_jobs=n_jobs)
    for index, wave in enumerate(waves):
        np.testing.assert_array_equal(function(wave[None], RATE)[0], together[index])


@pytest.mark.parametrize(
    ("samples", "hop", "frames"),
    [
        (48000, 512, 94),
        (80000, 512, 157),
        (511, 512, 1),
        (512, 512, 2),
        (1, 512, 1),
        (48000, 160, 301),
    ],
)
def test_frames_counted_by_hand(samples, hop, frames):
    waves = np.zeros((2, samples), np.float32)
    assert features.log_mel(waves, RATE, hop_length=hop).shape == (2, 128, frames)
    assert features.mfcc(waves, RATE, n_mfcc=20, hop_length=hop).shape == (2, 20, frames)


def test_silence_is_the_floor():
    waves = np.zeros((1, 8000), np.float32)
    np.testing.assert_allclose(features.log_mel(waves, RATE), -100.0)
    cepstrum = features.mfcc(waves, RATE)
    np.testing.assert_allclose(cepstrum[0, 0], -100 * np.sqrt(128), rtol=1e-6)
    np.testing.assert_allclose(cepstrum[0, 1:], 0, atol=1e-3)


def test_a_tone_is_loudest_in_its_band():
    time_s = np.arange(RATE) / RATE
    decibels = features.log_mel(np.sin(2 * np.pi * 1000 * time_s)[None], RATE)[0]
    edges = librosa.mel_frequencies(n_mels=130, fmin=0, fmax=8000)
    band = np.argmin(np.abs(edges[1:-1] - 1000))
    assert (np.argmax(decibels, axis=0) == band).all()
    assert decibels.max() - decibels.min() == pytest.approx(80.0, abs=1e-3)


def test_input_is_left_as_it_was_and_output_is_fresh():
    waves = np.stack([speech_like(0.5), speech_like(0.5, 1)])
    before = waves.copy()
    first = features.log_mel(waves, RATE)
    kept = first.copy()
    features.log_mel(waves[::-1] * 0.5, RATE)
    np.testing.assert_array_equal(waves, before)
    np.testing.assert_array_equal(first, kept)


def test_other_float_types_and_strides_give_the_same():
    wave = WAVES["speech"]
    expected = features.mfcc(wave[None], RATE)
    np.testing.assert_array_equal(features.mfcc(wave[None].astype("f8"), RATE), expected)
    wide = np.repeat(wave, 2)[None]
    np.testing.assert_array_equal(features.mfcc(wide[:, ::2], RATE), expected)
    np.testing.assert_array_equal(features.mfcc([wave.tolist()], RATE), expected)


def test_no_clips_give_no_rows():
    assert features.mfcc(np.zeros((0, 48000), np.float32), RATE, n_jobs=2).shape == (0, 128, 94)


@pytest.mark.parametrize(
    ("rate", "n_fft", "n_mels", "fmin", "fmax"),
    [
        (16000, 2048, 128, 0.0, None),
        (22050, 1024, 40, 50.0, 8000.0),
        (48000, 4096, 256, 0.0, 4096.0),
    ],
)
def test_mel_bank_is_librosas(rate, n_fft, n_mels, fmin, fmax):
    reference = librosa.filters.mel(sr=rate, n_fft=n_fft, n_mels=n_mels, fmin=fmin, fmax=fmax)
    found = features.mel_bank(rate, n_fft, n_mels, fmin, fmax)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, reference, rtol=1e-6, atol=1e-12)


def with_nan():
    waves = np.zeros((3, 1600), np.float32)
    waves[2, 7] = np.nan
    return waves


FAULTS = {
    "one clip, not a batch": (np.zeros(1600), {}, r"shape=\(1600,\).*wave\[None\]"),
    "channels": (np.zeros((2, 1600, 2)), {}, r"shape=\(2, 1600, 2\)"),
    "no samples": (np.zeros((2, 0)), {}, r"shape=\(2, 0\)"),
    "integers": (np.zeros((2, 1600), np.int16), {}, "Divide 16-bit samples by 32768"),
    "nan": (with_nan(), {}, "samples in clip 2"),
    "different lengths": ([np.zeros(10), np.zeros(20)], {}, "fix_length"),
    "more coefficients than bands": (np.zeros((1, 1600)), {"n_mels": 40}, "n_mfcc=128, n_mels=40"),
    "no coefficients": (np.zeros((1, 1600)), {"n_mfcc": 0}, "n_mfcc=0"),
    "no hop": (np.zeros((1, 1600)), {"hop_length": 0}, "hop_length=0"),
    "no window": (np.zeros((1, 1600)), {"n_fft": 1}, "n_fft=1"),
    "window beyond transform": (np.zeros((1, 1600)), {"win_length": 4096}, "win_length=4096"),
    "no rate": (np.zeros((1, 1600)), {"sample_rate": 0}, "sample_rate=0"),
    "bank beyond the rate": (np.zeros((1, 1600)), {"fmax": 9000.0}, "fmax=9000.0"),
    "bank upside down": (np.zeros((1, 1600)), {"fmin": 500.0, "fmax": 400.0}, "fmin=500.0"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_faulty_input(fault):
    waves, settings, reason = FAULTS[fault]
    with pytest.raises(ValueError, match=reason) as caught:
        features.mfcc(waves, **settings)
    assert "Received: " in str(caught.value)


def test_long_recording_takes_little_memory():
    settings = spectral.MelSettings.make(RATE, 128, 2048, 512, 0.0, None, None)
    transform = _mel_power.MelPower(600 * RATE, settings)
    assert transform.windowed.nbytes + transform.power.nbytes < 2_000_000


@pytest.mark.corpus
@pytest.mark.parametrize("name", ["mfcc", "log_mel"])
def test_equal_to_librosa_on_real_recordings(name, corpora):
    paths = sorted((corpora / "originals").rglob("*.wav"))
    assert paths
    waves = np.stack([audio.load_clip(path, AudioConfig()) for path in paths])
    found = features.compute(waves, FeatureConfig(name=name), RATE, n_jobs=2)
    for image, wave in zip(found, waves, strict=True):
        assert_parity(image, theirs(name, wave, {}))


@pytest.mark.corpus
def test_a_real_recording_at_its_own_rate(corpora):
    path = corpora / "originals" / "tess" / "OAF_fear" / "OAF_food_fear.wav"
    wave, rate = soundfile.read(path, dtype="float32")
    assert rate == 96000
    assert_parity(features.mfcc(wave[None], rate)[0], theirs("mfcc", wave, {}, rate))
