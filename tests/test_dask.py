"""The workers of a Dask cluster compute features: the same rows, also when one is killed."""

import os
import pickle
import shutil
import signal

import joblib
import numpy as np
import pandas as pd
import pytest
import soundfile

from serkeras.config import AudioConfig, AugmentConfig, FeatureConfig
from serkeras.features import _fill, cache

distributed = pytest.importorskip("distributed", reason="needs the package dask.distributed")

CLIPS = 40
SETTINGS = {
    "audio": AudioConfig(duration_s=0.5, fit="keep"),
    "features": FeatureConfig(n_mfcc=13, n_mels=20, n_fft=512, hop_length=256),
    "augment": AugmentConfig(1),
    "progress": False,
}


@pytest.fixture(scope="module")
def cluster():
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


@pytest.fixture
def clips(tmp_path, monkeypatch):
    monkeypatch.setattr(_fill, "_CHUNK_CLIPS", 2)
    rows = []
    for index in range(CLIPS):
        path = tmp_path / f"{index:02d}.wav"
        rng = np.random.default_rng(index)
        soundfile.write(path, rng.standard_normal(3000 + 100 * index) * 0.1, 16000)
        rows.append((str(path), f"made/{index:02d}", "sad"))
    return pd.DataFrame(rows, columns=["path", "clip", "emotion"])


def log_work(folder, fatal=None):
    """In a worker: note its process for each clip; the first to meet `fatal` kills itself."""
    from serkeras import audio
    from serkeras.features import _fill_rows

    def load_clip(path, config):
        with open(os.path.join(folder, f"{os.getpid()}.log"), "a") as file:
            file.write(path + "\n")
        if path == fatal:
            try:
                os.mkdir(os.path.join(folder, "killed"))
            except FileExistsError:
                pass
            else:
                os.kill(os.getpid(), signal.SIGKILL)
        return audio.load_clip(path, config)

    _fill_rows.load_clip = load_clip


def extract_on_cluster(client, clips, root, fatal=None):
    (root / "log").mkdir(parents=True)
    client.wait_for_workers(2)
    client.run(log_work, str(root / "log"), fatal)
    with joblib.parallel_config("dask"):
        found = cache.extract(clips, cache_root=root, **SETTINGS)
    logs = (root / "log").glob("*.log")
    return found, {int(path.stem): path.read_text().splitlines() for path in logs}


def assert_same(found, expected):
    np.testing.assert_array_equal(found.x, expected.x)
    pd.testing.assert_frame_equal(found.rows, expected.rows)
    assert found.failed.empty


def test_workers_compute_the_rows_that_threads_do(cluster, clips, tmp_path):
    expected = cache.extract(clips, cache_root=tmp_path / "here", **SETTINGS)
    found, work = extract_on_cluster(cluster, clips, tmp_path / "there")
    assert_same(found, expected)
    assert os.getpid() not in work
    assert sorted(sum(work.values(), [])) == list(clips["path"])


def test_workers_in_another_folder_find_the_noises(cluster, clips, tmp_path, monkeypatch):
    (tmp_path / "noises").mkdir()
    noise = np.random.default_rng(0).standard_normal(9000) * 0.1
    soundfile.write(tmp_path / "noises" / "hum.wav", noise, 16000)
    monkeypatch.chdir(tmp_path)
    transforms = ({"name": "recorded_noise", "paths": "noises", "snr_db": 3.0},)
    settings = {**SETTINGS, "augment": AugmentConfig(1, transforms)}
    with joblib.parallel_config("dask"):
        found = cache.extract(clips[:4], cache_root=tmp_path / "there", **settings)
    expected = cache.extract(clips[:4], cache_root=tmp_path / "here", **settings)
    assert_same(found, expected)


def test_killed_worker_loses_nothing(cluster, clips, tmp_path):
    expected = cache.extract(clips, cache_root=tmp_path / "here", **SETTINGS)
    found, work = extract_on_cluster(cluster, clips, tmp_path / "there", clips["path"][21])
    assert (tmp_path / "there" / "log" / "killed").is_dir()
    assert set(sum(work.values(), [])) <= set(clips["path"])
    assert_same(found, expected)


def test_errors_of_workers_arrive(cluster, clips, tmp_path):
    with open(clips["path"][7], "wb") as file:
        file.write(b"not a sound " * 20)
    with joblib.parallel_config("dask"), pytest.raises(ValueError, match="1 of 40") as caught:
        cache.extract(clips, cache_root=tmp_path, **SETTINGS)
    assert clips["path"][7] in str(caught.value)
    shutil.rmtree(tmp_path / "features")
    cluster.wait_for_workers(2)
    cluster.run(_forget_files, clips["path"][9])
    with joblib.parallel_config("dask"), pytest.raises(OSError, match="Received: .*09.wav"):
        cache.extract(clips.drop(7), cache_root=tmp_path, **SETTINGS)


def _forget_files(path):
    """In a worker: one recording cannot be read, as where a drive is not mounted."""
    from serkeras import audio
    from serkeras.features import _fill_rows

    def load_clip(name, config):
        return audio.load_clip(name + "/none" if name == path else name, config)

    _fill_rows.load_clip = load_clip


def test_a_task_is_small_whatever_the_number_of_clips(clips, tmp_path, monkeypatch):
    tasks, delayed = [], joblib.delayed

    def noting(function):
        return lambda *arguments: tasks.append(arguments) or delayed(function)(*arguments)

    monkeypatch.setattr(_fill.joblib, "delayed", noting)
    sizes = []
    for count in (4, CLIPS):
        cache.extract(clips[:count], cache_root=tmp_path / f"{count:02d}", **SETTINGS)
        sizes.append(max(len(pickle.dumps(task)) for task in tasks))
    assert max(sizes) < 3000
    assert abs(sizes[1] - sizes[0]) < 20  # positions of more digits
