"""Feature layers beside the functions and librosa."""

from functools import partial

import keras
import librosa
import numpy as np

from serkeras import features
from serkeras.config import FeatureConfig
from serkeras.features import layers
from serkeras.features.delta import delta
from serkeras.features.multi import multi_resolution, spectrogram_mfcc_delta
from tests.layer_checks.augmentation import assert_snr
from tests.layer_checks.tools import RATE, SMALL, array, assert_close, clips, model_of, run, run_all

SETTINGS = {
    "default": {},
    "narrow": {"n_mels": 40, "n_fft": 512, "hop_length": 160, "win_length": 400},
    "odd": {"n_mels": 30, "n_fft": 401, "hop_length": 150, "fmin": 60.0, "win_length": 300},
    "hop beyond window": {"n_mels": 20, "n_fft": 256, "hop_length": 700, "fmax": 4096.0},
}


def check_mel_equals_the_functions():
    waves = clips()
    for settings in SETTINGS.values():
        n_mfcc = min(20, settings.get("n_mels", 128))
        makers = (layers.Mel, layers.LogMel, partial(layers.MFCC, n_mfcc=n_mfcc))
        found = run_all([maker(**settings) for maker in makers], waves)
        assert_close(found[0], features.mel(waves, RATE, **settings))
        assert_close(found[1], features.log_mel(waves, RATE, **settings))
        assert_close(found[2], features.mfcc(waves, RATE, n_mfcc=n_mfcc, **settings))


def check_mel_equals_librosa():
    for seconds in (0.1, 1.0):
        waves, n_fft = clips(seconds), 1024
        makers = (layers.Mel, layers.LogMel, partial(layers.MFCC, n_mfcc=20))
        found = run_all([maker(n_fft=n_fft) for maker in makers], waves)
        power = [librosa.feature.melspectrogram(y=w, sr=RATE, n_fft=n_fft) for w in waves]
        assert_close(found[0], np.stack(power))
        decibels = [librosa.power_to_db(each, top_db=80.0) for each in power]
        assert_close(found[1], np.stack(decibels))
        cepstra = [librosa.feature.mfcc(y=w, sr=RATE, n_mfcc=20, n_fft=n_fft) for w in waves]
        assert_close(found[2], np.stack(cepstra))


def check_outside_a_graph():
    assert_close(
        layers.LogMel(RATE, 24, 512, 160)(clips()), features.log_mel(clips(), RATE, 24, 512, 160)
    )


def check_a_floor_of_decibels():
    settings = {"n_mels": 24, "n_fft": 512, "hop_length": 160, "floor_db": -30.0}
    found = layers.LogMel(RATE, **settings)(clips())
    assert_close(found, features.log_mel(clips(), RATE, **settings))
    assert array(found).min() == -30


def check_any_number_of_samples():
    model = model_of(layers.MFCC(**SMALL), None)
    assert model.output_shape == (None, 13, None)
    for samples in (1, 159, 160, 8000):
        waves = clips()[:, 4000 : 4000 + samples]
        found = model.predict(waves, verbose=0)
        assert found.shape[2] == 1 + samples // 160
        assert_close(found, features.mfcc(waves, RATE, **SMALL))
        assert model_of(layers.MFCC(**SMALL), samples).output_shape == (None, *found.shape[1:])


def check_delta():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((3, 5, 40)).astype("f4") - 50
    for order, width in ((1, 9), (2, 9), (1, 3), (3, 5)):
        layer = layers.Delta(order, width)
        reference = librosa.feature.delta(x, order=order, width=width, mode="interp")
        np.testing.assert_array_equal(delta(x, order, width), reference)
        model = model_of(layer, 5, None)
        assert_close(model.predict(x, verbose=0), reference)
        least = x[..., :width]
        reference = librosa.feature.delta(least, order=order, width=width, mode="interp")
        assert_close(model.predict(least, verbose=0), reference)
    assert not array(layers.Delta()(np.full((1, 2, 9), -63.1, "f4"))).any()


def check_three_channels():
    waves = clips()
    settings = {"n_mels": 24, "width": 50}
    windows = {"n_fft": 600, "windows": (256, 512, 1024)}
    reference = multi_resolution(waves, RATE, **settings, **windows)
    assert_close(run(layers.MultiResolution(**settings, **windows), waves), reference)
    reference = spectrogram_mfcc_delta(waves, RATE, n_fft=512, hop_length=160, **settings)
    layer = layers.SpectrogramMFCCDelta(n_fft=512, hop_length=160, **settings)
    model = model_of(layer, waves.shape[1])
    assert model.output_shape == (None, 24, 50, 3)
    assert_close(model.predict(waves, verbose=0), reference)


def check_mixed_precision():
    waves, config = clips(), FeatureConfig("log_mel", **SMALL)
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = layers.front_end(config, RATE, waves.shape[1])
        assert keras.backend.standardize_dtype(model.output.dtype) == "float32"
        found = model.predict(waves, verbose=0)
        noisy = model_of(layers.AWGN(10), None)(waves, training=True)
    finally:
        keras.config.set_dtype_policy("float32")
    assert_close(found[..., 0], features.log_mel(waves, RATE, 24, 512, 160))
    assert_snr(waves, array(noisy), 10)
