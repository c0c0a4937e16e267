import subprocess
import sys

import numpy as np
import pytest

from serkeras import augment
from serkeras.config import AugmentConfig

RATE = 16000


def snr_db(wave, noisy):
    noise = noisy.astype("f8") - wave
    return 10 * np.log10(np.mean(wave.astype("f8") ** 2) / np.mean(noise**2))


def tone(samples=16000, level=0.3):
    return (level * np.sin(np.arange(samples) / 7)).astype("f4")


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
    "stereo": (np.ones((2, 100)), 20.0, "must be 1-D"),
    "silent": (np.zeros(100), 20.0, "silence is undefined"),
    "no samples": (np.zeros(0), 20.0, "silence is undefined"),
    "nan": (np.full(100, np.nan), 20.0, "mean power nan"),
    "infinite ratio": (np.ones(100), np.inf, "must be a finite number"),
    "nan ratio": (np.ones(100), np.nan, "must be a finite number"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_faulty_input(fault):
    wave, ratio, reason = FAULTS[fault]
    with pytest.raises(ValueError, match=reason):
        augment.add_awgn(wave, ratio, np.random.default_rng(0))


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
