import os

import librosa
import numpy as np
import pytest
import soundfile

from serkeras import _sound, audio
from serkeras.config import AudioConfig

RATE = 16000


def tone(seconds=0.5, rate=RATE, hertz=440.0, level=0.5):
    time_s = np.arange(round(seconds * rate)) / rate
    return (level * np.sin(2 * np.pi * hertz * time_s)).astype("f4")


def peak_hertz(wave, rate=RATE):
    spectrum = np.abs(np.fft.rfft(wave * np.hanning(len(wave))))
    return np.argmax(spectrum) * rate / len(wave)


def bytes_of(path, wave, **settings):
    soundfile.write(path, wave, RATE, **settings)
    return bytearray(path.read_bytes())


def write_cut(path, keep, **settings):
    data = bytes_of(path, tone(1.0), **settings)
    path.write_bytes(data[: int(len(data) * keep)])


def write_nan(path, value, subtype="FLOAT"):
    wave = tone()
    wave[[5, 9]] = value
    soundfile.write(path, wave, RATE, format="WAV", subtype=subtype)


def write_endless_flac(path):
    data = bytes_of(path, tone(), format="FLAC")
    data[21] &= 0xF0  # the 36 bits of STREAMINFO that hold the number of samples
    data[22:26] = bytes(4)
    path.write_bytes(data)


FAULTS = {
    "missing": (lambda path: None, "No such file"),
    "folder": (lambda path: path.mkdir(), "Is a directory"),
    "empty": (lambda path: path.touch(), "empty .0 bytes"),
    "text": (lambda path: path.write_text("not a sound\n" * 50), "Format not recognised"),
    "header only": (lambda path: write_cut(path, 0.001), "must be an audio file"),
    "no samples": (lambda path: soundfile.write(path, tone(0), RATE), "holds none"),
    "cut wav": (lambda path: write_cut(path, 0.5), "promises 16000 frames and 7989 are there"),
    "cut aiff": (lambda path: write_cut(path, 0.5, format="AIFF"), "promises 16000 frames and"),
    "cut flac": (lambda path: write_cut(path, 0.5, format="FLAC"), "lost sync"),
    "cut mp3": (lambda path: write_cut(path, 0.5, format="MP3"), "promises 16000 frames and"),
    "endless flac": (write_endless_flac, "unknown length"),
    "nan": (lambda path: write_nan(path, np.nan), "2 of 8000 are NaN or infinite"),
    "infinite": (lambda path: write_nan(path, np.inf, "DOUBLE"), "2 of 8000 are NaN or infinite"),
    "one sample": (lambda path: soundfile.write(path, tone(1 / 96000, 96000), 96000), "holds none"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_unusable_file_is_one_clear_error(fault, tmp_path):
    write, reason = FAULTS[fault]
    path = tmp_path / "clip.wav"
    write(path)
    with pytest.raises(audio.AudioError, match=reason) as caught:
        audio.read(path, RATE)
    assert str(path) in str(caught.value)
    assert "Received: " in str(caught.value)


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_of_the_place_are_told_from_faults_of_the_content(fault, tmp_path):
    path = tmp_path / "clip.wav"
    FAULTS[fault][0](path)
    with pytest.raises(audio.AudioError) as caught:
        audio.read(path, RATE)
    assert isinstance(caught.value, audio.AudioFileError) == (fault in ("missing", "folder"))


def test_file_that_vanishes_before_it_is_decoded(tmp_path, monkeypatch):
    monkeypatch.setattr(audio, "_check_file", lambda path: None)
    with pytest.raises(audio.AudioFileError, match="System error.*mounted drive") as caught:
        audio.read(tmp_path / "clip.wav", RATE)
    assert isinstance(caught.value, OSError)


# MP3 without a Xing header: libsndfile guesses the length from the first frame.


def write_bare_mp3(path, mode, silent_first=False):
    """Write an MP3 whose frame with the length is cut away; return its length in samples."""
    wave = np.concatenate([tone(0.5, level=0.5 * (not silent_first)), tone(2.5)])
    settings = {"format": "MP3", "bitrate_mode": mode, "compression_level": 0.5}
    data = bytes_of(path, wave, **settings)
    path.write_bytes(data[_sound._frame(data, 0)[0] :])
    return len(wave)


def test_constant_bit_rate_without_a_header_is_read_whole(tmp_path):
    path = tmp_path / "clip.mp3"
    samples = write_bare_mp3(path, "CONSTANT")
    assert samples <= len(audio.read(path, RATE)) <= samples + 3 * 576


# An ID3v2 tag of 130 bytes (seven bits a byte) with a picture of frames, and an ID3v1 tag.
ID3 = b"ID3\4\0\0\0\0\1\2" + bytes(126) + b"\xff\xf3\x84\xc4"


@pytest.mark.parametrize(("before", "behind"), [(b"", b""), (ID3, b"TAG" + b"\xff" * 125)])
def test_half_a_varying_bit_rate_is_no_recording(before, behind, tmp_path):
    path = tmp_path / "clip.mp3"
    samples = write_bare_mp3(path, "VARIABLE")
    path.write_bytes(before + path.read_bytes() + behind)
    assert soundfile.info(path).frames < samples / 2
    with pytest.raises(audio.AudioError, match=r"varying bit rate without a Xing.*ffmpeg"):
        audio.read(path, RATE)


def test_varying_bit_rate_that_is_read_whole_is_a_recording(tmp_path):
    path = tmp_path / "clip.mp3"
    samples = write_bare_mp3(path, "VARIABLE", silent_first=True)
    assert soundfile.info(path).frames > samples + RATE / 10
    assert len(audio.read(path, RATE)) == pytest.approx(samples, abs=3 * 576)


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 24000, 32000, 44100, 48000])
@pytest.mark.parametrize("channels", [1, 2])
def test_mp3_frames_are_counted_at_every_rate(rate, channels, tmp_path):
    path = tmp_path / "clip.mp3"
    wave = np.stack([tone(1.0, rate)] * channels, axis=1)
    soundfile.write(path, wave, rate, format="MP3", bitrate_mode="VARIABLE")
    data = path.read_bytes()
    assert _sound._count_mp3(data) is None
    size, samples, _ = _sound._frame(data, 0)
    counted = _sound._count_mp3(data[size:])
    # The encoder adds its delay and fills the last frame up; one frame is not counted.
    assert 0 <= counted - rate <= 3 * samples


def test_headerless_file_is_an_audio_error(tmp_path):
    path = tmp_path / "clip.raw"
    path.write_bytes(bytes(1000))
    with pytest.raises(audio.AudioError, match=r"clip\.raw"):
        audio.read(path, RATE)


@pytest.mark.parametrize("container", ["WAV", "AIFF", "FLAC", "OGG", "MP3", "AU", "CAF"])
def test_content_decides_and_not_the_ending(container, tmp_path):
    path = tmp_path / "clip.wav"
    soundfile.write(path, tone(), RATE, format=container)
    wave = audio.read(path, RATE)
    assert wave.dtype == np.float32
    assert wave.shape == (8000,)
    assert peak_hertz(wave) == pytest.approx(440, abs=2)


@pytest.mark.parametrize("rate", [8000, 22050, 24414, 44100, 48000, 96000])
def test_resampling_keeps_length_pitch_and_level(rate, tmp_path):
    path = tmp_path / "clip.wav"
    soundfile.write(path, tone(rate=rate), rate)
    wave = audio.read(path, RATE)
    assert wave.dtype == np.float32
    assert len(wave) == pytest.approx(8000, abs=1)
    assert peak_hertz(wave) == pytest.approx(440, abs=2)
    assert np.abs(wave[2000:6000]).max() == pytest.approx(0.5, abs=0.005)


def test_channels_are_averaged(tmp_path):
    path = tmp_path / "clip.wav"
    left, right = tone(hertz=440), tone(hertz=1000)
    soundfile.write(path, np.stack([left, right], axis=1), RATE, subtype="FLOAT")
    np.testing.assert_allclose(audio.read(path, RATE), (left + right) / 2, atol=1e-7)


def test_silent_and_tenth_of_a_second_are_recordings(tmp_path):
    path = tmp_path / "clip.wav"
    soundfile.write(path, np.zeros(1600), RATE)
    wave = audio.read(path, RATE)
    assert wave.shape == (1600,)
    assert not wave.any()


def test_ten_minutes_in_stereo(tmp_path):
    path = tmp_path / "long.wav"
    wave = np.tile(tone(1.0, 8000), 600)
    soundfile.write(path, np.stack([wave, wave], axis=1), 8000)
    read = audio.read(path, 8000)
    assert read.shape == (4_800_000,)
    np.testing.assert_allclose(read[-8000:], wave[-8000:], atol=1e-4)


@pytest.mark.parametrize("size", [0xFFFFFFFF, 0x7FFFFFFF])
def test_length_unknown_to_a_streaming_writer_is_not_a_cut(size, tmp_path):
    path = tmp_path / "clip.wav"
    data = bytes_of(path, tone())
    data[40:44] = size.to_bytes(4, "little")
    path.write_bytes(data)
    assert audio.read(path, RATE).shape == (8000,)


def test_a_missing_crumb_is_tolerated(tmp_path):
    path = tmp_path / "clip.wav"
    data = bytes_of(path, tone())
    path.write_bytes(data[:-200])
    assert audio.read(path, RATE).shape == (7900,)


@pytest.mark.parametrize("rate", [0, -1, 16000.5, "16000", None])
def test_sample_rate_must_be_positive(rate):
    with pytest.raises(ValueError, match="sample_rate"):
        audio.read("clip.wav", rate)


@pytest.mark.parametrize("samples", [1, 7999, 8000, 8001, 20000])
def test_fix_length(samples):
    wave = tone()
    fixed = audio.fix_length(wave, samples)
    assert fixed.shape == (samples,)
    assert fixed.dtype == np.float32
    kept = min(samples, 8000)
    np.testing.assert_array_equal(fixed[:kept], wave[:kept])
    assert not fixed[kept:].any()


def faded(seed):
    rng = np.random.default_rng(seed)
    wave = rng.standard_normal(rng.integers(3000, 60000)).astype("f4") * 0.1
    end = rng.integers(1000, len(wave))
    wave[end:] *= np.float32(10 ** (-rng.uniform(20, 90) / 20))
    wave[: rng.integers(0, 1000)] = 0
    return wave


@pytest.mark.parametrize("top_db", [20.0, 40.0, 60.0])
@pytest.mark.parametrize("seed", range(8))
def test_trim_ends_where_librosa_ends(seed, top_db):
    wave = faded(seed)
    _, (_, end) = librosa.effects.trim(wave, top_db=top_db)
    trimmed = audio.trim_trailing_silence(wave, top_db)
    assert len(trimmed) == end
    np.testing.assert_array_equal(trimmed, wave[:end])


@pytest.mark.parametrize("top_db", [20.0, 40.0])
@pytest.mark.parametrize("seed", range(8))
def test_trim_of_both_ends_is_that_of_librosa(seed, top_db):
    wave = np.concatenate([faded(seed)[::-1], faded(seed + 1)])
    settings = AudioConfig(trim_silence=True, trim_start=True, trim_db=top_db)
    expected, (start, _) = librosa.effects.trim(wave, top_db=top_db)
    assert start > 0
    np.testing.assert_array_equal(audio.trim(wave, settings), expected)


def test_trim_of_the_start_alone_is_refused():
    with pytest.raises(ValueError, match="trim_start.*with trim_silence"):
        AudioConfig(trim_start=True)


def test_trim_leaves_the_start_and_the_middle():
    wave = np.concatenate([np.zeros(20000), tone(), np.zeros(20000), tone(), np.zeros(20000)])
    trimmed = audio.trim_trailing_silence(wave, 60)
    assert 56000 <= len(trimmed) <= 56000 + 2048


@pytest.mark.parametrize("wave", [np.zeros(0), np.zeros(100), np.zeros(50000), tone(0.01)])
def test_trim_of_silence_and_of_a_short_wave_changes_nothing(wave):
    np.testing.assert_array_equal(audio.trim_trailing_silence(wave, 60), wave)
    both = AudioConfig(trim_silence=True, trim_start=True)
    np.testing.assert_array_equal(audio.trim(wave, both), wave)


def test_trim_of_a_quiet_recording():
    wave = np.concatenate([tone(level=1e-3), np.zeros(50000, np.float32)])
    assert len(audio.trim_trailing_silence(wave, 60)) < 8000 + 2048


@pytest.mark.parametrize("top_db", [0, -60, np.nan])
def test_trim_needs_a_positive_threshold(top_db):
    with pytest.raises(ValueError, match="top_db"):
        audio.trim_trailing_silence(tone(), top_db)


def test_load_clip_trims_before_it_fixes_the_length(tmp_path):
    path = tmp_path / "clip.wav"
    soundfile.write(path, np.concatenate([tone(), np.full(16000, 1e-4, "f4")]), RATE)
    settings = AudioConfig(duration_s=1.0, trim_silence=True, trim_db=60.0)
    assert not audio.load_clip(path, settings)[12000:].any()
    assert audio.load_clip(path, settings.replace(trim_silence=False))[12000:].all()


@pytest.mark.corpus
def test_odd_original_files_are_read(corpora):
    paths = sorted((corpora / "originals").rglob("*.wav"))
    assert len(paths) == 16
    kinds = set()
    for path in paths:
        info = soundfile.info(path)
        kinds.add((info.format, info.samplerate, info.channels))
        wave = audio.read(os.fspath(path), RATE)
        assert len(wave) == pytest.approx(info.frames * RATE / info.samplerate, abs=1)
        assert 0.001 < np.abs(wave).max() < 1.5
    assert {("AIFF", 24414, 1), ("WAV", 96000, 1), ("WAV", 48000, 2)} <= kinds


def test_sixteen_bits_are_read_as_libsndfile_converts_them(tmp_path):
    path = tmp_path / "a.wav"
    every = np.arange(-32768, 32768, dtype=np.int16)
    soundfile.write(path, np.stack([every, every[::-1]], axis=1), 16000, subtype="PCM_16")
    expected = soundfile.read(path, dtype="float32")[0].mean(axis=1)
    found = audio.read(path, 16000)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, expected)


def test_stretched_clips_have_the_length_and_all_of_the_clip():
    config = AudioConfig(duration_s=2.0, fit="stretch")
    found = audio.fit(tone(1.25, hertz=200.0), config)
    assert found.shape == (32000,)
    assert found.dtype == np.float32
    spectrum = np.abs(np.fft.rfft(found * np.hanning(len(found))))
    # 250 periods, now in 2 s.
    assert np.argmax(spectrum) / 2.0 == pytest.approx(125, abs=0.5)


@pytest.mark.parametrize("samples", [1, 7, 15999, 16001, 100001])
def test_stretching_any_length(samples):
    assert audio.fit(np.ones(samples, "f4"), AudioConfig(fit="stretch")).shape == (48000,)


@pytest.mark.parametrize(("seconds", "kept"), [(0.5, 8000), (1.0, 16000), (4.0, 16000)])
def test_kept_clips_have_their_own_length_up_to_the_longest(seconds, kept):
    wave = tone(seconds)
    found = audio.fit(wave, AudioConfig(duration_s=1.0, fit="keep"))
    np.testing.assert_array_equal(found, wave[:kept])


def test_levels():
    wave = 0.1 * tone(1.0) + np.float32(0.05)
    standard = audio.set_level(wave, "standard")
    assert standard.mean(dtype="f8") == pytest.approx(0, abs=1e-6)
    assert standard.std(dtype="f8") == pytest.approx(1, abs=1e-6)
    assert np.abs(audio.set_level(wave, "peak")).max() == 1.0
    assert audio.set_level(wave, "as_is") is wave


@pytest.mark.parametrize("level", ["standard", "peak"])
@pytest.mark.parametrize("constant", [0.0, 0.3])
def test_silence_stays_finite_at_every_level(level, constant):
    found = audio.set_level(np.full(100, constant, "f4"), level)
    expected = 1.0 if level == "peak" and constant else 0.0
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_level_is_set_before_padding():
    found = audio.fit(tone(0.5), AudioConfig(duration_s=1.0, level="standard"))
    assert found[:8000].std() == pytest.approx(1, abs=1e-3)
    assert not found[8000:].any()
