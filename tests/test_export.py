"""Exported files answer as their run does, say what they are, and need no run."""

import json
import shutil
import subprocess
import sys

import keras
import numpy as np
import pytest

import serkeras
from serkeras import audio, cli, exporting
from serkeras.config import AudioConfig
from serkeras.exporting import formats, graph
from serkeras.features.layers import Prepare, dft
from serkeras.features.spectral import MelSettings
from tests.recordings import SMALL

RATE = 16000
needs_tensorflow = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="these formats are written by TensorFlow"
)


def noise(batch, samples, seed=0):
    return np.random.default_rng(seed).normal(0, 0.1, (batch, samples)).astype(np.float32)


# The parts of the graph.


@pytest.mark.parametrize(
    ("n_fft", "hop_length", "win_length"),
    [(2048, 512, None), (400, 160, None), (512, 160, 400), (1000, 250, None), (254, 127, 200)],
)
def test_spectra_by_matrices_are_those_by_fourier_transform(n_fft, hop_length, win_length):
    settings = MelSettings.make(RATE, 20, n_fft, hop_length, 0.0, None, win_length)
    waves = noise(2, 5000)
    plain = np.asarray(dft.power_spectrogram(waves, settings))
    with dft.by_matrices():
        other = np.asarray(dft.power_spectrogram(waves, settings))
    assert other.shape == plain.shape
    assert np.abs(other - plain).max() < 2e-6 * plain.max()
    assert np.array_equal(plain, np.asarray(dft.power_spectrogram(waves, settings)))


def test_spectra_by_matrices_refuse_steps_without_a_common_divisor():
    settings = MelSettings.make(RATE, 20, 512, 161, 0.0, None, None)
    with dft.by_matrices(), pytest.raises(ValueError, match="common divisor.*hop_length=161"):
        dft.power_spectrogram(noise(1, 5000), settings)


@pytest.mark.parametrize("level", ["as_is", "standard", "peak"])
@pytest.mark.parametrize("trim", [False, True])
@pytest.mark.parametrize("samples", [3000, 16000, 30000])
def test_prepare_is_audio_fit(level, trim, samples):
    wave = 0.2 + noise(1, samples)[0] if level == "standard" else noise(1, samples)[0]
    wave[samples * 2 // 3 :] *= 1e-5
    settings = AudioConfig(duration_s=1.0, level=level, trim_silence=trim, trim_db=40.0)
    wanted = audio.fit(wave, settings)
    found = np.asarray(Prepare(16000, level, 40.0 if trim else None)(wave[None]))[0]
    assert np.count_nonzero(found) == np.count_nonzero(wanted)
    np.testing.assert_allclose(found, wanted, atol=2e-5)


@pytest.mark.parametrize("level", ["as_is", "standard", "peak"])
def test_prepare_leaves_silence_and_constants(level):
    for wave in (np.zeros((1, 4000), np.float32), np.full((1, 4000), 0.3, np.float32)):
        settings = AudioConfig(duration_s=0.5, level=level, trim_silence=True)
        found = np.asarray(Prepare(8000, level, 60.0)(wave))[0]
        np.testing.assert_allclose(found, audio.fit(wave[0], settings), atol=1e-6)


def test_the_graph_takes_any_batch_and_length_and_knows_bad_samples(small_run):
    model = graph.of(small_run)
    samples = small_run.experiment.audio.samples
    waves = noise(3, samples)
    together = model.predict_on_batch(waves)
    np.testing.assert_allclose(
        together, serkeras.waveform_model(small_run).predict_on_batch(waves), atol=1e-6
    )
    alone = model.predict_on_batch(waves[1:2, : samples // 2])
    padded = np.pad(waves[1:2, : samples // 2], [(0, 0), (0, samples)])
    np.testing.assert_allclose(alone, model.predict_on_batch(padded), atol=1e-6)
    waves[0, 5], waves[2, 7] = np.nan, np.inf
    spoiled = model.predict_on_batch(waves)
    assert np.isnan(spoiled[[0, 2]]).all()
    np.testing.assert_allclose(spoiled[1], together[1], atol=1e-6)


# Whole files.


@pytest.fixture(scope="module")
def trimmed_run(own_csv, tmp_path_factory):
    """A run whose clips are trimmed and brought to a level, all of which the graph must do."""
    settings = {
        **SMALL,
        "audio.trim_silence": True,
        "audio.level": "peak",
        "features.name": "log_mel+mfcc_delta",
        "features.n_fft": 512,
        "features.hop_length": 256,
    }
    out = tmp_path_factory.mktemp("export") / "trimmed"
    return serkeras.train("cnn", data=[own_csv], out=out, settings=settings, progress=False)


@pytest.fixture(scope="module")
def exported(trimmed_run, tmp_path_factory):
    """Exported files by format, each made once."""
    made, folder = {}, tmp_path_factory.mktemp("exported")

    def get(format):
        if format not in made:
            path = folder / f"{format}{exporting.FORMATS[format]}"
            made[format] = path, exporting.export(trimmed_run, format, path, clips=8)
        return made[format]

    return get


EXACT = [
    "keras",
    *(pytest.param(f, marks=needs_tensorflow) for f in ("saved_model", "onnx", "litert")),
]


@pytest.mark.parametrize("format", EXACT)
def test_an_export_answers_as_its_run(format, exported, trimmed_run):
    path, found = exported(format)
    assert found["clips"] == min(8, len(trimmed_run.predictions))
    assert found["largest_difference"] <= 1e-4
    assert found["agreement"] == 1.0
    assert found["uar_run"] == found["uar_export"]
    opened = exporting.Exported(path)
    assert opened.labels == trimmed_run.labels
    samples = trimmed_run.experiment.audio.samples
    model = graph.of(trimmed_run)
    for batch, length in ((1, samples), (3, samples), (2, samples // 3), (1, samples + 999)):
        waves = noise(batch, length, seed=length)
        given = waves
        if format == "litert":  # which cannot trim and level what it gets in one length only
            assert opened.about["input"]["prepared_before"]
            given = np.stack([audio.fit(wave, trimmed_run.experiment.audio) for wave in waves])
        np.testing.assert_allclose(opened.predict(given), model.predict_on_batch(waves), atol=1e-4)


@needs_tensorflow
def test_integers_lose_little_and_say_how_much(exported, trimmed_run):
    path, found = exported("tflite-int8")
    assert found["clips"] == len(trimmed_run.predictions)
    assert 1e-6 < found["largest_difference"] < 0.2
    assert found["agreement"] >= 0.75
    assert exporting.Exported(path).about["compared"]["agreement"] == found["agreement"]
    assert found["uar_export"] >= found["uar_run"] - 0.25
    assert path.stat().st_size < exported("litert")[0].stat().st_size


@pytest.mark.parametrize("format", EXACT)
def test_an_export_says_what_it_is(format, exported, trimmed_run):
    path, found = exported(format)
    about = exporting.Exported(path).about
    assert about["labels"] == trimmed_run.labels
    assert about["input"]["sample_rate"] == RATE
    assert about["input"]["any_length"] is (format != "litert")
    assert about["commit"] == trimmed_run.metrics["run"]["commit"]
    assert about["compared"]["largest_difference"] == found["largest_difference"]
    assert "new speakers" in about["protocol"]
    assert about["data"] == ["own.csv"]


ALONE = """
import importlib.abc, json, sys
import numpy as np

class Refuse(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("keras", "tensorflow", "serkeras", "jax", "torch"):
            raise ImportError(name + " must not be needed")

sys.meta_path.insert(0, Refuse())
import onnxruntime

session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
labels = json.loads(session.get_modelmeta().custom_metadata_map["labels"])
said = session.run(["probabilities"], {"waveform": np.load(sys.argv[2])})[0]
np.save(sys.argv[3], said)
print(labels[said[0].argmax()])
"""


@needs_tensorflow
def test_onnx_runs_without_keras(exported, trimmed_run, tmp_path):
    waves = noise(2, 12345)
    np.save(tmp_path / "waves.npy", waves)
    words = [exported("onnx")[0], tmp_path / "waves.npy", tmp_path / "said.npy"]
    done = subprocess.run(
        [sys.executable, "-c", ALONE, *map(str, words)], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    wanted = graph.of(trimmed_run).predict_on_batch(waves)
    np.testing.assert_allclose(np.load(tmp_path / "said.npy"), wanted, atol=1e-4)
    assert done.stdout.strip() == trimmed_run.labels[wanted[0].argmax()]


@needs_tensorflow
def test_the_example_in_python_names_the_emotion(exported, own_csv, repo):
    clip = own_csv.parent / "s0_sad_0.wav"
    opened = exporting.Exported(exported("onnx")[0])
    script = repo / "examples" / "onnx" / "predict.py"
    words = [sys.executable, str(script), str(opened.path), str(clip)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    said = opened.predict(audio.read(clip, RATE)[None])[0]
    told = done.stdout.splitlines()[1].removeprefix(f"{clip} ").split()[:2]
    assert told == [opened.labels[said.argmax()], f"{said.max():.2f}"]


READ = """
import * as fs from "node:fs";
const { properties, windows } = await import(process.argv[1]);
const found = properties(new Uint8Array(fs.readFileSync(process.argv[2])));
const cut = windows(new Float32Array(9).map((_, index) => index), 4);
console.log(JSON.stringify([JSON.parse(found.serkeras), cut.map((clip) => [...clip])]));
"""


@needs_tensorflow
@pytest.mark.skipif(shutil.which("node") is None, reason="needs Node")
def test_the_example_in_javascript_reads_the_description(exported, repo):
    module = (repo / "examples" / "onnx" / "web" / "model.js").as_uri()
    path = exported("onnx")[0]
    words = ["node", "--input-type=module", "-e", READ, module, str(path)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    about, cut = json.loads(done.stdout)
    assert about == exporting.Exported(path).about
    assert cut == [[0, 1, 2, 3], [2, 3, 4, 5], [4, 5, 6, 7], [5, 6, 7, 8]]


@pytest.mark.parametrize("format", [*EXACT, pytest.param("tflite-int8", marks=needs_tensorflow)])
def test_a_silent_or_bad_row_is_told_from_others(format, exported):
    opened = exporting.Exported(exported(format)[0])
    waves = noise(3, 17600)
    waves[0] = 0
    waves[1, 100] = np.nan
    said = opened.predict(waves)
    assert np.isfinite(said[[0, 2]]).all()
    assert np.isnan(said[1]).all()


@needs_tensorflow
def test_a_stretched_run_wants_stretched_clips(own_csv, tmp_path):
    settings = {**SMALL, "audio.fit": "stretch", "audio.level": "standard", "training.epochs": 1}
    run = serkeras.train(
        "cnn", data=[own_csv], out=tmp_path / "run", settings=settings, progress=False
    )
    found = exporting.export(run, "onnx", clips=4)
    opened = exporting.Exported(found["path"])
    assert opened.about["input"]["prepared_before"]
    assert not opened.about["input"]["any_length"]
    with pytest.raises(ValueError, match="to 17600 samples before. Received: 999"):
        opened.predict(noise(1, 999))


@needs_tensorflow
@pytest.mark.parametrize(
    ("changes", "format"),
    [
        ({"audio.level": "standard", "audio.duration_s": 1.5}, "litert"),
        ({"training.precision": "mixed_bfloat16"}, "onnx"),
    ],
)
def test_levels_and_mixed_precision_survive(changes, format, own_csv, tmp_path):
    settings = {**SMALL, "training.epochs": 1, **changes}
    run = serkeras.train(
        "cnn", data=[own_csv], out=tmp_path / "run", settings=settings, progress=False
    )
    opened = exporting.Exported(exporting.export(run, format, clips=6)["path"])
    rows, rate = run.predictions.head(6), run.experiment.audio.sample_rate
    wanted = rows[[f"p_{label}" for label in run.labels]].to_numpy()
    waves = [audio.read(path, rate) for path in rows["path"]]
    if opened.about["input"]["prepared_before"]:
        waves = [audio.fit(wave, run.experiment.audio) for wave in waves]
    said = np.concatenate([opened.predict(wave[None]) for wave in waves])
    np.testing.assert_allclose(said, wanted, atol=1e-4 if format == "litert" else 5e-2)
    assert said.dtype == np.float32


# What goes wrong.


def test_a_graph_that_answers_otherwise_is_not_kept(small_run, tmp_path, monkeypatch):
    honest = formats.write

    def spoiled(model, *rest):
        x = keras.Input(model.input_shape[1:])
        honest(keras.Model(x, 0.999 * model(x) + 0.0005), *rest)

    monkeypatch.setattr(formats, "write", spoiled)
    with pytest.raises(ValueError, match="must answer as its run does.*a difference of 0.000[45]"):
        exporting.export(small_run, "keras", tmp_path / "out.keras", clips=4)
    assert list(tmp_path.iterdir()) == []


def test_an_export_is_not_replaced_silently(small_run, tmp_path):
    path = tmp_path / "model.keras"
    path.write_text("mine")
    with pytest.raises(FileExistsError, match="never replaced silently"):
        exporting.export(small_run, "keras", path)
    assert path.read_text() == "mine"
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="replaces no folder but a SavedModel"):
        exporting.export(small_run, "saved_model", tmp_path / "thesis", overwrite=True)
    assert (tmp_path / "thesis" / "chapter.txt").read_text() == "mine"
    found = exporting.export(small_run, "keras", tmp_path / "model", clips=2, overwrite=True)
    assert (found["path"], found["clips"]) == (str(path), 2)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"audio.fit": "keep"}, "clips of one length"),
        ({"features.name": "mfcc+chroma"}, "mfcc.chroma.*has no layer"),
        ({"model.settings.attention_axis": "batch"}, "attention across the batch"),
    ],
)
def test_runs_that_no_graph_can_hold_are_refused(changes, words, small_run, monkeypatch):
    run = serkeras.Run(small_run.folder)
    monkeypatch.setattr(run, "experiment", run.experiment.with_settings(changes))
    with pytest.raises(ValueError, match=words):
        graph.of(run)


def test_runs_that_want_all_recordings_of_a_speaker_are_refused(small_run, monkeypatch):
    monkeypatch.setattr(graph.by_speaker, "layer", lambda model: object())
    with pytest.raises(ValueError, match="speaker_norm"):
        graph.of(small_run)


def test_changed_recordings_and_too_few_clips_are_refused(small_run, tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="1 clip or more. Received: 0"):
        exporting.export(small_run, "keras", tmp_path / "x", clips=0)
    run = serkeras.Run(small_run.folder)
    first, second = (f"p_{label}" for label in run.labels)
    swapped = run.predictions.rename(columns={first: second, second: first})
    monkeypatch.setattr(run, "predictions", swapped)
    with pytest.raises(ValueError, match="must give the run's own predictions"):
        exporting.export(run, "keras", tmp_path / "x", clips=4)
    assert not any(path.is_file() for path in tmp_path.iterdir())


def test_classical_models_ensembles_and_names_are_refused(own_csv, small_run, tmp_path):
    run = serkeras.train(
        "logistic-sklearn", data=[own_csv], out=tmp_path / "run",
        settings={"audio.duration_s": 1.1}, progress=False,
    )  # fmt: skip
    with pytest.raises(ValueError, match="Only networks.*'logistic-sklearn'"):
        exporting.export(run)
    joined = serkeras.ensemble([run, small_run], tmp_path / "joined")
    with pytest.raises(ValueError, match="must have one model"):
        exporting.export(joined)
    with pytest.raises(ValueError, match=r"one of \['keras'.*'pickle'"):
        exporting.export(small_run, "pickle")


def test_a_missing_package_and_another_backend_are_named(small_run, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "tf2onnx", None)
        with pytest.raises(ImportError, match=r"pip install 'serkeras\[export\]'"):
            formats.require("onnx")
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(ValueError, match="written by TensorFlow. Received: Keras on jax"):
        formats.require("litert")
    formats.require("keras")


def test_other_files_are_no_exports(tmp_path, small_run):
    with pytest.raises(FileNotFoundError, match="does not exist"):
        exporting.Exported(tmp_path / "none.onnx")
    for name in ("text.tflite", "text.onnx"):
        (tmp_path / name).write_text("not a model")
    texts = (tmp_path / "text.tflite", tmp_path / "text.onnx")
    for path in (*texts, small_run.folder / "model.keras", tmp_path):
        with pytest.raises(ValueError, match="serkeras export.*wrote"):
            exporting.Exported(path)


@pytest.mark.parametrize(
    "waves", [np.zeros(100), np.zeros((1, 100), np.int16), np.zeros((1, 0)), np.zeros((0, 100))]
)
def test_waveforms_of_another_form_are_refused(waves, exported):
    with pytest.raises(ValueError, match=r"floats \(batch, samples\)"):
        exporting.Exported(exported("keras")[0]).predict(waves)


def test_the_command_says_how_it_compares(small_run, tmp_path, capsys):
    path = tmp_path / "small.keras"
    words = ["export", str(small_run.folder), "--format", "keras", "--out", str(path)]
    assert cli.main([*words, "--clips", "3"]) == 0
    out = capsys.readouterr().out
    assert f"{path}  " in out
    assert "on 3 clips: largest difference " in out
    assert cli.main(words) == 2
    assert "--overwrite" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        cli.main(["export", "--help"])
    assert f"{{{','.join(exporting.FORMATS)}}}" in capsys.readouterr().out.replace("\n", "")


def test_predict_takes_an_exported_file(small_run, tmp_path, capsys):
    path = exporting.export(small_run, "keras", tmp_path / "model", clips=1)["path"]
    clips = list(small_run.predictions["path"].iloc[:3])
    (tmp_path / "broken.wav").write_text("no sound")
    ours = serkeras.predict(small_run, clips)
    theirs = serkeras.predict(path, [*clips, tmp_path / "broken.wav"], on_error="skip")
    np.testing.assert_allclose(theirs[small_run.labels], ours[small_run.labels], atol=1e-5)
    assert [name for name, _ in theirs.attrs["failed"]] == [str(tmp_path / "broken.wav")]
    assert cli.main(["predict", path, clips[0], "--quiet"]) == 0
    assert ours["label"][0] in capsys.readouterr().out
