"""Every feature by its name: librosa's figures, hand-counted shapes, a clip alone or in a batch."""

import librosa
import numpy as np
import pytest

from serkeras import features
from serkeras.audio import AudioError
from serkeras.config import FeatureConfig
from serkeras.features import descriptors, multi, registry, whitening
from serkeras.features.delta import delta

RATE = 16000
SAMPLES = 24000
CONFIG = FeatureConfig(n_mfcc=20, n_mels=40, n_fft=1024, hop_length=256, fmin=50.0, fmax=7000.0)
FRAMES = 94


def voice(seed=0, samples=SAMPLES):
    """A gliding harmonic voice in syllables over faint noise."""
    rng = np.random.default_rng(seed)
    time_s = np.arange(samples) / RATE
    hertz = rng.uniform(110, 240) * (1 + 0.2 * np.sin(2 * np.pi * 1.3 * time_s))
    phase = 2 * np.pi * np.cumsum(hertz) / RATE
    wave = sum(np.sin(k * phase) / k for k in range(1, 25))
    wave = 0.1 * wave * np.maximum(0, np.sin(2 * np.pi * 3 * time_s)) + 1e-3 * rng.normal(
        size=samples
    )
    return wave.astype("f4")


WAVES = np.stack([voice(0), voice(1), np.zeros(SAMPLES, "f4"), voice(2) * np.float32(1e-3)])


def log_mel_by_librosa(wave, n_fft=1024, hop_length=256, win_length=None):
    return librosa.power_to_db(mel_by_librosa(wave, n_fft, hop_length, win_length), top_db=80.0)


def mel_by_librosa(wave, n_fft=1024, hop_length=256, win_length=None):
    return librosa.feature.melspectrogram(
        y=wave, sr=RATE, n_mels=40, n_fft=n_fft, hop_length=hop_length, win_length=win_length,
        fmin=50.0, fmax=7000.0,
    )  # fmt: skip


def mfcc_by_librosa(wave, n_mfcc=20):
    return librosa.feature.mfcc(S=log_mel_by_librosa(wave), sr=RATE, n_mfcc=n_mfcc)


def resized(x, width=256):
    """By the textbook: sample positions at pixel centres, linear in between, edges repeated."""
    places = (np.arange(width) + 0.5) * x.shape[1] / width - 0.5
    return np.stack([np.interp(places, np.arange(x.shape[1]), row) for row in x])


def resolutions_by_librosa(wave):
    channels = [
        librosa.power_to_db(resized(mel_by_librosa(wave, 4096, w // 4, w)), top_db=80.0)
        for w in (1024, 2048, 4096)
    ]
    return np.stack(channels, axis=-1)


def stack_by_librosa(wave):
    cepstrum = mfcc_by_librosa(wave, 40)
    channels = (log_mel_by_librosa(wave), cepstrum, librosa.feature.delta(cepstrum))
    return np.stack([resized(channel) for channel in channels], axis=-1)


def pitch_by_librosa(wave):
    hertz, _, _ = librosa.pyin(wave, fmin=65, fmax=600, sr=RATE, frame_length=1024, hop_length=256)
    return np.nan_to_num(hertz)[None]


F = librosa.feature
SIZES = {"n_fft": 1024, "hop_length": 256}
CUT = {"frame_length": 1024, "hop_length": 256}
# Name -> (shape of a clip, librosa's answer). `tuning=0.0` is what silence gets.
EXPECTED = {
    "chroma": ((12, FRAMES), lambda w: F.chroma_stft(y=w, sr=RATE, **SIZES)),
    "log_mel": ((40, FRAMES), log_mel_by_librosa),
    "mel": ((40, FRAMES), mel_by_librosa),
    "mfcc": ((20, FRAMES), mfcc_by_librosa),
    "mfcc_delta": ((20, FRAMES), lambda w: F.delta(mfcc_by_librosa(w))),
    "mfcc_delta2": ((20, FRAMES), lambda w: F.delta(mfcc_by_librosa(w), order=2)),
    "pitch": ((1, FRAMES), pitch_by_librosa),
    "rms": ((1, FRAMES), lambda w: F.rms(y=w, **CUT)),
    "spectral_centroid": ((1, FRAMES), lambda w: F.spectral_centroid(y=w, sr=RATE, **SIZES)),
    "spectral_contrast": ((7, FRAMES), lambda w: F.spectral_contrast(y=w, sr=RATE, **SIZES)),
    "tonnetz": ((6, FRAMES), lambda w: F.tonnetz(y=w, sr=RATE, hop_length=256)),
    "zero_crossing_rate": ((1, FRAMES), lambda w: F.zero_crossing_rate(w, **CUT)),
    "multi_resolution": ((40, 256, 3), resolutions_by_librosa),
    "spectrogram_mfcc_delta": ((40, 256, 3), stack_by_librosa),
    "waveform": ((SAMPLES,), lambda w: w),
}
SILENCE = {"chroma": {"tuning": 0.0}, "tonnetz": {"tuning": 0.0}}


def compute(name, waves=WAVES, **changes):
    return features.compute(waves, CONFIG.replace(name=name, **changes), RATE)


def test_every_feature_has_a_reference():
    assert set(EXPECTED) | {"mel_image"} == set(features.names())


@pytest.mark.parametrize("name", EXPECTED)
@pytest.mark.filterwarnings("ignore:Trying to estimate tuning:UserWarning")
def test_equal_to_librosa(name):
    shape, reference = EXPECTED[name]
    found = compute(name)
    assert found.shape == (len(WAVES), *shape)
    assert found.dtype == np.float32
    for image, wave in zip(found, WAVES, strict=True):
        expected = reference(wave)
        largest = np.abs(expected).max()
        assert np.abs(image - expected).max() <= 1e-4 * max(largest, 1e-12)


@pytest.mark.parametrize("name", features.names())
def test_a_clip_alone_is_the_clip_in_a_batch(name):
    together = features.compute(WAVES, CONFIG.replace(name=name), RATE, n_jobs=2)
    for wave, image in zip(WAVES, together, strict=True):
        np.testing.assert_array_equal(compute(name, wave[None])[0], image)


@pytest.mark.parametrize("name", features.names())
def test_finite_and_input_left_alone(name):
    waves = WAVES.copy()
    assert np.isfinite(compute(name, waves)).all()
    np.testing.assert_array_equal(waves, WAVES)


def test_pitch_is_that_of_the_voice():
    time_s = np.arange(SAMPLES) / RATE
    wave = sum(np.sin(2 * np.pi * 200 * k * time_s) / k for k in range(1, 10)).astype("f4")
    wave[SAMPLES // 2 :] = 0
    hertz = compute("pitch", wave[None])[0, 0]
    assert np.median(hertz[5:40]) == pytest.approx(200, rel=0.01)
    assert (hertz[55:] == 0).all()


def test_contrast_has_fewer_bands_where_the_rate_is_low():
    assert descriptors.spectral_contrast(WAVES[:, :8000], 8000).shape[1] == 6


def test_stack_of_the_source_study():
    config = FeatureConfig(
        name="mel+mfcc+chroma+spectral_contrast+tonnetz", n_mels=256, n_mfcc=20, fmax=4096.0,
        frames=250,
    )  # fmt: skip
    found = features.compute(WAVES, config, RATE)
    frames = 1 + SAMPLES // 512
    assert found.shape == (len(WAVES), 256 + 20 + 12 + 7 + 6, 250)
    assert not found[:, :, frames:].any()
    rows = {"mel": 0, "mfcc": 256, "chroma": 276, "spectral_contrast": 288, "tonnetz": 295}
    for name, start in rows.items():
        alone = features.compute(WAVES, config.replace(name=name, frames=None), RATE)
        np.testing.assert_array_equal(
            found[:, start : start + alone.shape[1], :frames], alone, err_msg=name
        )


def test_longer_clips_are_cut_to_the_frames():
    np.testing.assert_array_equal(compute("mfcc", frames=50), compute("mfcc")[:, :, :50])


@pytest.mark.parametrize(("average", "axis"), [("time", 2), ("frequency", 1)])
def test_averages(average, axis):
    found = compute("mfcc+rms", average=average)
    np.testing.assert_array_equal(found, compute("mfcc+rms").mean(axis=axis))


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((40, 94), (40, 94, 1)), ((40, 256, 3), (40, 256, 3)), ((193,), (193, 1))],
)
def test_shape_for_a_network(shape, expected):
    assert registry.model_shape(shape) == expected


FAULTS = {
    "unknown": ({"name": "chrome"}, "chroma.*zero_crossing_rate.*Received: 'chrome'"),
    "unknown in a stack": ({"name": "mel+chrome"}, "Received: 'chrome'"),
    "picture in a stack": ({"name": "mel+mel_image"}, "Received: 'mel_image' in"),
    "frames of an average": ({"average": "time", "frames": 9}, "frames=9"),
    "average of a picture": ({"name": "mel_image", "average": "time"}, "'mel_image' with"),
    "frames of channels": ({"name": "multi_resolution", "frames": 9}, "frames=9"),
    "white waveform": ({"name": "waveform", "whiten": True}, "whiten=True"),
    "average of white": ({"whiten": True, "average": "time"}, "their mean is 0"),
    "no transform": ({"name": "rms", "n_fft": 0}, "n_fft=0"),
    "no hop": ({"name": "zero_crossing_rate", "hop_length": 0}, "hop_length=0"),
    "no such colours": ({"name": "mel_image", "colormap": "mud"}, "Received: 'mud'"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_faulty_names_and_settings(fault):
    changes, words = FAULTS[fault]
    with pytest.raises(ValueError, match=words):
        features.compute(WAVES, CONFIG.replace(**changes), RATE)


def test_too_short_for_a_delta():
    with pytest.raises(ValueError, match="Received: 5 frames for a window of 9"):
        compute("mfcc_delta", WAVES[:, :1100])


def test_librosas_refusal_is_explained():
    with pytest.raises(ValueError, match=r"librosa says: .*[^.]\. Change"):
        descriptors.pitch(WAVES[:1, :8000], 1000)


def test_tonnetz_says_what_rate_it_needs():
    with pytest.raises(ValueError, match="8000 Hz. Raise audio.sample_rate"):
        descriptors.tonnetz(WAVES[:, :8000], 8000)
    wave = voice(0, 8000)[None]
    assert np.isfinite(descriptors.tonnetz(wave, descriptors._TONNETZ_RATE)).all()


ALONE = {
    "too short": ({"name": "mfcc_delta"}, voice(0, 1500), AudioError, "long enough.*'c', 1500"),
    "not finite": ({}, np.full(1500, np.nan, "f4"), ValueError, "NaN or infinite"),
    "integers": ({}, np.zeros(1500, "i2"), ValueError, "Divide 16-bit samples"),
    "a wrong setting": ({"fmax": 9000.0}, voice(0, 1500), ValueError, "fmin < fmax"),
    "a wrong rate": ({"name": "tonnetz"}, voice(0, 1500), ValueError, "Raise audio.sample_rate"),
}


@pytest.mark.parametrize("fault", ALONE)
def test_the_length_of_a_clip_is_blamed_only_where_it_is_at_fault(fault):
    changes, wave, kind, words = ALONE[fault]
    rate = 8000 if fault == "a wrong rate" else RATE
    with pytest.raises(ValueError, match=words) as caught:
        features.compute_alone(wave, CONFIG.replace(**changes), rate, "'c'")
    assert type(caught.value) is kind


@pytest.mark.parametrize("name", ["mfcc", "tonnetz", "mel+rms", "multi_resolution", "waveform"])
def test_settings_that_decide_nothing_change_no_number(name):
    """What `decisive` leaves out is left out rightly, and what it keeps is kept for a reason."""
    config = FeatureConfig(name, n_mels=20, n_mfcc=13, n_fft=1024, width=40)
    kept = registry.decisive(config, RATE)
    changes = {
        "n_mfcc": 12, "n_mels": 22, "n_fft": 512, "hop_length": 300, "fmin": 60.0, "fmax": 7000.0,
        "win_length": 400, "windows": (256, 512, 1024), "width": 50, "image_size": 32,
        "image_range_db": (-70.0, 0.0), "colormap": "viridis", "in_graph": True,
    }  # fmt: skip
    before = features.compute(WAVES[:1], config, RATE)
    for setting, value in changes.items():
        other = config.replace(**{setting: value})
        after = features.compute(WAVES[:1], other, RATE)
        same = before.shape == after.shape and np.array_equal(before, after)
        assert same == (registry.decisive(other, RATE) == kept), setting


def test_defaults_and_their_numbers_are_one():
    said = FeatureConfig("mfcc", fmin=0, fmax=8000.0, win_length=2048)
    assert registry.decisive(said, RATE) == registry.decisive(FeatureConfig("mfcc"), RATE)
    assert registry.decisive(said, 32000) != registry.decisive(FeatureConfig("mfcc"), 32000)
    few = FeatureConfig("multi_resolution", n_fft=1024)
    assert registry.decisive(few, RATE) == registry.decisive(few.replace(n_fft=4096), RATE)
    assert "librosa" in registry.decisive(FeatureConfig("mel+chroma"), RATE)
    assert "librosa" not in registry.decisive(FeatureConfig("mel+mfcc"), RATE)


@pytest.mark.parametrize(("width", "order"), [(8, 1), (1, 1), (3, 3), (9, 0)])
def test_delta_refuses_windows_that_cannot_be(width, order):
    with pytest.raises(ValueError, match=f"Received: width={width}, order={order}"):
        delta(WAVES, order=order, width=width)


def test_delta_of_a_line_is_its_slope():
    np.testing.assert_allclose(delta(3.0 * np.arange(20)[None] + 7), 3.0, rtol=1e-5)


@pytest.mark.parametrize(("frames", "width"), [(94, 256), (300, 256), (1, 4), (256, 256), (7, 1)])
def test_resizing(frames, width):
    x = np.random.default_rng(0).normal(size=(3, frames)).astype("f4")
    found = x @ multi.resize_matrix(frames, width)
    np.testing.assert_allclose(found, resized(x, width), atol=1e-5)


def test_whitened_bins_are_uncorrelated_and_of_unit_variance():
    rng = np.random.default_rng(0)
    mixing = rng.normal(size=(10, 10))
    x = (mixing @ rng.normal(size=(10, 5000)) + 4)[None]
    white = whitening.whiten(x, epsilon=1e-9)[0]
    np.testing.assert_allclose(white.mean(axis=1), 0, atol=1e-5)
    np.testing.assert_allclose(np.cov(white), np.eye(10), atol=1e-4)


def test_whitening_leaves_each_bin_most_like_itself():
    """Of all whitening maps W = P^(-1/2) V^(-1/2) has the largest correlations with the bins."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(6, 6)) @ rng.normal(size=(6, 400)) * 10.0 ** np.arange(-3, 3)[:, None]
    covariance = np.cov(x)
    matrix = whitening.fit(covariance, epsilon=1e-12)
    np.testing.assert_allclose(matrix @ covariance @ matrix.T, np.eye(6), atol=1e-6)
    deviation = np.sqrt(np.diag(covariance))
    np.testing.assert_allclose(matrix * deviation, (matrix * deviation).T, atol=1e-6)
    variance, directions = np.linalg.eigh(covariance)
    others = {
        "plain ZCA": (directions / np.sqrt(variance)) @ directions.T,
        "PCA": (directions / np.sqrt(variance)).T,
        "Cholesky": np.linalg.inv(np.linalg.cholesky(covariance)),
    }

    def likeness(each):
        return np.trace(each @ covariance / deviation)

    assert all(likeness(matrix) > likeness(other) for other in others.values())
    white = whitening.whiten(x[None], epsilon=1e-12)[0]
    np.testing.assert_allclose(
        white, matrix @ (x - x.mean(axis=1, keepdims=True)), rtol=1e-4, atol=1e-4
    )


def test_units_decide_nothing_in_whitening():
    rng = np.random.default_rng(3)
    x = rng.normal(size=(8, 8)) @ rng.normal(size=(8, 300)) + 5
    units = 10.0 ** rng.uniform(-6, 4, size=8)
    expected = whitening.whiten(x[None])
    np.testing.assert_allclose(whitening.whiten((x * units[:, None])[None]), expected, atol=1e-4)
    matrix = whitening.fit(np.cov(x * units[:, None]))
    np.testing.assert_allclose(matrix * units, whitening.fit(np.cov(x)), rtol=1e-6)


def test_every_part_of_a_whitened_stack_counts():
    """Mel power and shares beside decibels by the hundred; 94 frames, 92 bins."""
    white = compute("mel+mfcc+chroma+mfcc_delta", whiten=True)[[0, 1, 3]]
    for part in np.split(white, [40, 60, 72], axis=1):
        deviations = part.std(axis=2)
        assert deviations.mean() > 0.5
        assert deviations.min() > 0.1


def test_bins_that_do_not_move_are_zero_and_rounding_errors_stay_small():
    x = compute("log_mel")[:1].copy()
    x[0, 3] = -80.0
    x[0, 5] = -80 + 1e-5 * np.random.default_rng(0).normal(size=FRAMES)
    white = whitening.whiten(x)[0]
    assert np.abs(white[3]).max() < 1e-9
    assert white[5].std() < 0.1
    assert white[6].std() > 0.3
    matrix = whitening.fit(np.diag([4.0, 0.0, 1.0]))
    np.testing.assert_allclose(matrix, np.diag([0.5, 0.0, 1.0]), rtol=1e-3)


def test_whitening_more_bins_than_frames_and_no_signal():
    x = np.random.default_rng(2).normal(size=(2, 128, 30)).astype("f4")
    x[1] = 3.0
    white = whitening.whiten(x)
    assert np.isfinite(white).all()
    assert 0.1 < white[0].std() < 1
    assert not white[1].any()


def test_channels_are_whitened_apart():
    x = compute("multi_resolution")
    white = compute("multi_resolution", whiten=True)
    np.testing.assert_array_equal(white[..., 1], whitening.whiten(x[..., 1]))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: whitening.whiten(np.zeros((3, 4))), r"shape=\(3, 4\)"),
        (lambda: whitening.whiten(np.zeros((1, 3, 4)), epsilon=0), "epsilon=0"),
        (lambda: whitening.fit(np.zeros((3, 4))), r"shape=\(3, 4\)"),
        (lambda: whitening.fit(np.full((2, 2), np.nan)), r"shape=\(2, 2\)"),
    ],
)
def test_whitening_refuses(call, words):
    with pytest.raises(ValueError, match=words):
        call()


def test_pictures_have_one_scale_of_colours():
    """The colour says how loud, whatever else is in the clip: half the level is 6 dB less."""
    config = CONFIG.replace(name="mel_image", image_size=40, image_range_db=(-100.0, 27.5))
    loud, quiet = features.compute(WAVES[:1] * np.float32(10), config, RATE), compute("log_mel")[:1]
    import matplotlib

    palette = matplotlib.colormaps["magma"](np.arange(256), bytes=True)[:, :3]
    assert loud.shape == (1, 40, 40, 3)
    assert loud.dtype == np.uint8
    expected = quiet[0, :, :] + 20.0
    columns = resized(expected, 40)[::-1]
    levels = np.rint(255 * np.clip((columns + 100) / 127.5, 0, 1)).astype(int)
    difference = np.abs(palette[levels].astype(int) - loud[0])
    assert np.percentile(difference, 99) <= 3


def test_pictures_of_silence_are_the_lowest_colour():
    pictures = compute("mel_image", image_size=8)
    assert (pictures[2] == pictures[2, 0, 0]).all()
    assert len(np.unique(pictures[0].reshape(-1, 3), axis=0)) > 10


def test_waveforms_of_integers_are_refused():
    with pytest.raises(ValueError, match="Divide 16-bit samples"):
        features.compute((WAVES * 32767).astype("i2"), CONFIG.replace(name="waveform"), RATE)


def test_processes_take_turns_at_the_first_use(tmp_path, monkeypatch):
    import tempfile

    import filelock

    from serkeras.features import _first_use

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(_first_use, "_compiled", set())
    path = tmp_path / f"serkeras-{_first_use.getpass.getuser()}.lock"
    with _first_use.first_use("pitch"), pytest.raises(filelock.Timeout):
        filelock.FileLock(path, timeout=0).acquire()
    with _first_use.first_use("pitch"):
        filelock.FileLock(path, timeout=0).acquire().lock.release()
