"""Folders in Hugging Face's layout: read, found, fetched from a hub on this machine, written."""

import hashlib
import http.server
import importlib.util
import json
import os
import shutil
import socket
import threading
import urllib.parse

import keras
import numpy as np
import pytest

from serkeras import _downloads
from serkeras.ssl import cards, checkpoints, hub, hub_files, presets, weights
from serkeras.ssl.backbone import build
from serkeras.ssl.config import SSLConfig
from serkeras.ssl.preparation import Preparation
from tests.references import import_transformers

NAME, COMMIT = "someone/tiny-speech", "0123456789abcdef0123456789abcdef01234567"
TOKEN = "hf_only-for-the-hub"
CONFIG = {"model_type": "wav2vec2", "hidden_size": 16}
SETTINGS = json.dumps(CONFIG).encode()
PREPARATION = json.dumps({"do_normalize": False, "sampling_rate": 16000}).encode()


def tensors(seed=0):
    rng = np.random.default_rng(seed)
    return {"a.weight": rng.normal(size=(3, 5)).astype("f4"), "a.bias": np.ones(3, "f4")}


def safetensors_bytes(state):
    return pytest.importorskip("safetensors.numpy").save(state, {"format": "pt"})


def write(folder, files):
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        content = json.dumps(content).encode() if isinstance(content, dict) else content
        (folder / name).write_bytes(content)
    return folder


def index(**places):
    return {"metadata": {}, "weight_map": {k.replace("_", "."): v for k, v in places.items()}}


# The folder


def test_tensors_are_read_one_at_a_time(tmp_path):
    state = tensors()
    folder = write(
        tmp_path / "x", {"config.json": CONFIG, "model.safetensors": safetensors_bytes(state)}
    )
    found = checkpoints.Checkpoint(folder)
    assert found.config == CONFIG
    assert found.shapes == {name: value.shape for name, value in state.items()}
    for name, value in state.items():
        np.testing.assert_array_equal(found.read(name), value)


@pytest.mark.parametrize("ending", ["safetensors", "bin"])
@pytest.mark.parametrize("kind", ["bfloat16", "float16", "float64"])
def test_other_floats_become_float32(kind, ending, tmp_path):
    torch = pytest.importorskip("torch")
    save = pytest.importorskip("safetensors.torch").save_file
    values = torch.tensor([[1.0, -2.5, 3e-3], [0.0, 65000.0, -1e-4]]).to(getattr(torch, kind))
    # One in front, so that the place in the file counts.
    state = {"0": torch.zeros(5, dtype=values.dtype), "a": values, "b": values[0].clone()}
    write(tmp_path, {"config.json": CONFIG})
    if ending == "bin":
        torch.save(state, tmp_path / "pytorch_model.bin")
    else:
        save(state, tmp_path / "model.safetensors")
    found = checkpoints.Checkpoint(tmp_path)
    for name, value in state.items():
        tensor = found.read(name)
        assert tensor.dtype == np.float32
        np.testing.assert_array_equal(tensor, value.float().numpy())


@pytest.mark.parametrize("ending", ["safetensors", "bin"])
def test_shards(ending, tmp_path):
    torch = pytest.importorskip("torch")
    state = tensors()
    parts = {f"part-{i}.{ending}": {name: state[name]} for i, name in enumerate(state)}
    whole = {"safetensors": "model.safetensors", "bin": "pytorch_model.bin"}[ending]
    places = {name: file for file, part in parts.items() for name in part}
    write(tmp_path, {"config.json": CONFIG, whole + ".index.json": {"weight_map": places}})
    for file, part in parts.items():
        if ending == "bin":
            torch.save({k: torch.tensor(v) for k, v in part.items()}, tmp_path / file)
        else:
            (tmp_path / file).write_bytes(safetensors_bytes(part))
    found = checkpoints.Checkpoint(tmp_path)
    assert {name: tuple(found.read(name).shape) for name in found.shapes} == found.shapes
    np.testing.assert_array_equal(found.read("a.weight"), state["a.weight"])
    (tmp_path / f"part-1.{ending}").unlink()
    with pytest.raises(FileNotFoundError, match=rf"All 2 shards.*without \['part-1.{ending}'\]"):
        checkpoints.Checkpoint(tmp_path)


def test_old_files_of_torch_are_no_zip_files(tmp_path):
    torch = pytest.importorskip("torch")
    write(tmp_path, {"config.json": CONFIG})
    state = {"a": torch.arange(3.0)}
    torch.save(state, tmp_path / "pytorch_model.bin", _use_new_zipfile_serialization=False)
    assert list(checkpoints.Checkpoint(tmp_path).read("a")) == [0, 1, 2]


def test_a_pickle_that_would_run_code_is_refused(tmp_path):
    torch = pytest.importorskip("torch")

    class Evil:
        def __reduce__(self):
            return (os.mkdir, (str(tmp_path / "evil"),))

    write(tmp_path, {"config.json": CONFIG})
    torch.save({"a": Evil()}, tmp_path / "pytorch_model.bin")
    with pytest.raises(ValueError, match="must be whole.*pytorch_model.bin"):
        checkpoints.Checkpoint(tmp_path)
    assert not (tmp_path / "evil").exists()


def faulty(case):
    """Return the files of a folder with one fault, the error and its text."""
    good = safetensors_bytes(tensors())
    both = {"config.json": CONFIG, "model.safetensors": good}
    listed = {"config.json": CONFIG, "model.safetensors.index.json": index(a_weight="../x")}
    return {
        "no settings": ({"model.safetensors": good}, FileNotFoundError, "without config.json"),
        "broken settings": ({**both, "config.json": b"{"}, ValueError, "whole.*config.json"),
        "settings are a list": ({**both, "config.json": b"[]"}, ValueError, "no dictionary"),
        "no weights": (
            {"config.json": CONFIG, "vocab.txt": b""},
            FileNotFoundError,
            r"one of \['model.safetensors', 'pytorch_model.bin'\].*'vocab.txt'",
        ),
        "truncated": (
            {**both, "model.safetensors": good[:-4]},
            ValueError,
            "must be whole.*model.safetensors.*Fetch it again",
        ),
        "empty": ({**both, "model.safetensors": b""}, ValueError, "must be whole"),
        "no tensors": (
            {"config.json": CONFIG, "pytorch_model.bin": b"<html>"},
            ValueError,
            "must be whole.*pytorch_model.bin",
        ),
        "shard elsewhere": (listed, ValueError, "must be whole.*weight_map names.*x"),
    }[case]


@pytest.mark.parametrize(
    "case",
    [
        "no settings",
        "broken settings",
        "settings are a list",
        "no weights",
        "truncated",
        "empty",
        "no tensors",
        "shard elsewhere",
    ],
)
def test_faults_of_a_folder(case, tmp_path):
    files, error, words = faulty(case)
    if case == "no tensors":
        pytest.importorskip("torch")
    with pytest.raises(error, match=words):
        checkpoints.Checkpoint(write(tmp_path / "x", files))


def test_quantised_weights_are_refused(tmp_path):
    state = {"a": np.ones(3, "i1")}
    write(tmp_path, {"config.json": CONFIG, "model.safetensors": safetensors_bytes(state)})
    with pytest.raises(ValueError, match="must be float16.*a of I8.*unquantised"):
        checkpoints.Checkpoint(tmp_path).read("a")


@pytest.fixture
def without(monkeypatch):
    """Return a function after which a package seems not to be installed."""
    find_spec = importlib.util.find_spec

    def hide(package):
        monkeypatch.setattr(
            importlib.util, "find_spec", lambda name: None if name == package else find_spec(name)
        )

    return hide


@pytest.mark.parametrize(
    ("package", "file", "words"),
    [
        ("safetensors", "model.safetensors", r'pip install "serkeras\[transfer\]"'),
        ("torch", "pytorch_model.bin", "pip install torch, or take a revision with model.safe"),
    ],
)
def test_missing_reader(package, file, words, tmp_path, without):
    without(package)
    write(tmp_path, {"config.json": CONFIG, file: b"x"})
    with pytest.raises(ModuleNotFoundError, match=f"package {package}.*{file}.*{words}"):
        checkpoints.Checkpoint(tmp_path)


def test_the_readable_one_of_two_files_is_read(tmp_path, without):
    write(tmp_path, {"config.json": CONFIG, "model.safetensors": b"", "pytorch_model.bin": b""})
    assert checkpoints.weight_files(tmp_path) == ("safetensors", ["model.safetensors"])
    without("safetensors")
    pytest.importorskip("torch")
    assert checkpoints.weight_files(tmp_path) == ("torch", ["pytorch_model.bin"])


# The hub


class Server(http.server.ThreadingHTTPServer):
    """A host that answers as the hub does, or as its store of large files."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files = {}  # of the hub: name -> content
        self.store = None  # another Server, for files in `large`
        self.large = ("model.safetensors", "pytorch_model.bin", "part-0", "part-1")
        self.wants_token, self.is_down, self.holds_back = False, False, None
        self.broken = {}  # name -> content that comes instead
        self.breaks_after = None
        self.asked = []  # (method, path, Range, Authorization)
        self.address = f"http://127.0.0.1:{self.server_port}"


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers with small files or a way to the store; the store with bytes from one on."""

    def do_HEAD(self):
        self.answer()

    def do_GET(self):
        self.answer()

    def answer(self):
        server, token = self.server, self.headers.get("Authorization")
        address = urllib.parse.urlsplit(self.path)
        server.asked.append((self.command, address.path, self.headers.get("Range"), token))
        owner, name, what, revision, file = (address.path.strip("/").split("/", 4) + [""] * 5)[:5]
        if server.holds_back:
            server.holds_back.wait(5)
        if server.is_down:
            return self.reply(503)
        if server.wants_token and token != f"Bearer {TOKEN}":
            return self.reply(401)
        if what == "moved":  # a renamed preset, or the place of small files
            return self.serve(file)
        if f"{owner}/{name}" == "in/circles":
            return self.reply(307, headers={"Location": self.path})
        if f"{owner}/{name}" == "old/name":
            place = f"/{NAME}/moved/{revision}/{file}"
            return self.reply(307, headers={"Location": place})
        if f"{owner}/{name}" != NAME or revision not in ("main", COMMIT):
            return self.reply(404)
        return self.serve(file)

    def serve(self, file):
        server = self.server
        if file not in server.files:
            return self.reply(404)
        content = server.files[file]
        headers = {"X-Repo-Commit": COMMIT}
        if file in server.large and server.store:
            server.store.files[file] = server.broken.get(file, content)
            digest = hashlib.sha256(content).hexdigest()
            place = f"{server.store.address}/{NAME}/resolve/main/{file}?Signature=secret"
            headers |= {"X-Linked-Etag": f'"{digest}"', "Location": place}
            return self.reply(302, headers=headers)
        git = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
        headers["ETag"] = f'W/"{git}"'
        return self.reply(200, server.broken.get(file, content), headers)

    def reply(self, status, content=b"", headers=None):
        start = int((self.headers.get("Range") or "bytes=0-")[6:-1])
        self.send_response(206 if start else status)
        for key, value in (headers or {}).items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content[start:][: self.server.breaks_after])

    def log_message(self, *arguments):
        """Stay quiet."""


def serving(server):
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def store():
    yield from serving(Server())


@pytest.fixture
def remote(store, monkeypatch, tmp_path):
    """A hub on this machine with one preset, empty caches, and a token."""
    server = Server()
    server.store = store
    weights = safetensors_bytes({"big": np.arange(50_000, dtype="f4")})
    server.files = {
        "config.json": SETTINGS,
        "preprocessor_config.json": PREPARATION,
        "model.safetensors": weights,
        "pytorch_model.bin": b"not wanted",
    }
    monkeypatch.setenv("SERKERAS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("HF_ENDPOINT", server.address + "/")
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
        monkeypatch.delenv(name, raising=False)
    yield from serving(server)


def home(tmp_path):
    return tmp_path / "cache" / "presets" / "models--someone--tiny-speech"


def test_fetched_once_verified_and_found(remote, store, tmp_path, capsys):
    assert hub.find(NAME, "main") is None
    folder = hub.fetch(NAME, "main")
    assert folder == home(tmp_path) / "snapshots" / COMMIT
    assert "model.safetensors" in capsys.readouterr().err, "the progress bar names the file"
    wanted = ["config.json", "model.safetensors", "preprocessor_config.json"]
    assert sorted(path.name for path in folder.iterdir()) == wanted
    assert all((folder / name).read_bytes() == remote.files[name] for name in wanted)
    assert hub.find(NAME, "main") == hub.find(NAME, COMMIT) == folder
    assert hub.find(NAME, "v2") is None
    count = len(remote.asked)
    hub.fetch(NAME, "main", progress=False)
    assert [ask[0] for ask in remote.asked[count:]] == ["HEAD"] * 3, "nothing is fetched again"
    assert len(store.asked) == 1


def test_the_token_goes_to_the_hub_alone(remote, store, capsys):
    remote.wants_token = True
    hub.fetch(NAME, "main")
    assert {token for *_, token in remote.asked} == {f"Bearer {TOKEN}"}
    assert [token for *_, token in store.asked] == [None]
    assert TOKEN not in "".join(capsys.readouterr())


def test_renamed_presets_are_followed_on_the_hub(remote, monkeypatch):
    folder = hub.fetch("old/name", "main", progress=False)
    assert folder.parent.parent.name == "models--old--name"
    assert (folder / "config.json").read_bytes() == SETTINGS
    assert {token for *_, token in remote.asked} == {f"Bearer {TOKEN}"}


def test_a_broken_download_goes_on(remote, store, tmp_path):
    store.breaks_after = 70_000
    with pytest.raises(ConnectionError) as caught:
        hub.fetch(NAME, "main", progress=False)
    assert "secret" not in str(caught.value)
    part = home(tmp_path) / "snapshots" / COMMIT / "model.safetensors.part"
    kept = part.stat().st_size
    assert 60_000 < kept <= 70_000
    assert hub.find(NAME, "main") is None, "half a preset is none"
    store.breaks_after = None
    folder = hub.fetch(NAME, "main", progress=False)
    assert store.asked[-1][2] == f"bytes={kept}-"
    assert (folder / "model.safetensors").read_bytes() == remote.files["model.safetensors"]
    assert not part.exists()


@pytest.mark.parametrize("file", ["config.json", "preprocessor_config.json", "model.safetensors"])
def test_wrong_checksum(file, remote, tmp_path):
    remote.broken[file] = b"{}" + remote.files[file][2:]
    with pytest.raises(ValueError, match=f"{file} must have the .*thrown away") as caught:
        hub.fetch(NAME, "main", progress=False)
    assert "secret" not in str(caught.value)
    assert hub.find(NAME, "main") is None
    assert not (home(tmp_path) / "snapshots" / COMMIT / file).exists()


def test_a_damaged_small_file_is_fetched_again(remote):
    folder = hub.fetch(NAME, "main", progress=False)
    (folder / "config.json").write_text("{}")
    hub.fetch(NAME, "main", progress=False)
    assert (folder / "config.json").read_bytes() == SETTINGS


def test_weights_of_torch_without_safetensors_on_the_hub(remote, without):
    del remote.files["model.safetensors"]
    without("torch")
    with pytest.raises(ModuleNotFoundError, match="package torch.*pytorch_model.bin of 'someone"):
        hub.fetch(NAME, "main", progress=False)
    assert remote.store.asked == [], "nothing large is fetched that could not be read"


def test_shards_are_fetched(remote):
    del remote.files["model.safetensors"], remote.files["preprocessor_config.json"]
    shards = index(a_weight="part-0", a_bias="part-1")
    remote.files |= {"model.safetensors.index.json": json.dumps(shards).encode()}
    remote.files |= {"part-0": b"0" * 100, "part-1": b"1" * 100}
    folder = hub.fetch(NAME, "main", progress=False)
    assert checkpoints.weight_files(folder) == ("safetensors", ["part-0", "part-1"])
    (folder / "part-1").unlink()
    assert hub.find(NAME, "main") is None
    del remote.files["part-1"]
    with pytest.raises(FileNotFoundError, match="All shards.*without part-1"):
        hub.fetch(NAME, "main", progress=False)


def test_what_the_hub_refuses(remote, monkeypatch):
    with pytest.raises(FileNotFoundError, match="no such folder, and http.*has none"):
        hub.fetch("someone/else", "main")
    with pytest.raises(FileNotFoundError, match=r"\(revision v9\)"):
        hub.fetch(NAME, "v9")
    remote.wants_token = True
    monkeypatch.setenv("HF_TOKEN", "hf_expired")
    with pytest.raises(PermissionError, match="401 for someone/.*with the token in HF_") as caught:
        hub.fetch(NAME, "main")
    assert "hf_expired" not in str(caught.value)
    monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(PermissionError, match="with no token.*HF_TOKEN"):
        hub.fetch(NAME, "main")
    remote.wants_token = False
    del remote.files["model.safetensors"], remote.files["pytorch_model.bin"]
    with pytest.raises(FileNotFoundError, match=r"one of \['model.safetensors', .*has none"):
        hub.fetch(NAME, "main")


def test_a_hub_with_a_fault(remote):
    with pytest.raises(ConnectionError, match="5 redirects for .*/in/circles/"):
        hub.fetch("in/circles", "main")
    remote.is_down = True
    with pytest.raises(ConnectionError, match="503 .*/resolve/main/config.json"):
        hub.fetch(NAME, "main")


def test_a_hub_that_is_silent(remote, monkeypatch):
    remote.holds_back = threading.Event()
    monkeypatch.setattr(_downloads, "TIMEOUT_S", (0.1, 0.1))
    with pytest.raises(ConnectionError, match="timed out"):
        hub.fetch(NAME, "main")
    remote.holds_back.set()


@pytest.mark.parametrize("name", ["../x", "/tmp/no such", "a/b/c", "a b", "x", "a/..", "file.bin"])
def test_what_is_no_id(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError, match="folder that exists or an id"):
        presets.find(name)


@pytest.mark.parametrize("revision", ["../x", "/tmp", "a b", "a/../b", "a?b"])
def test_what_is_no_revision(revision):
    with pytest.raises(ValueError, match="`revision` must be"):
        presets.find(NAME, revision)


def test_copies_of_other_libraries_are_found(remote, tmp_path, monkeypatch):
    weights = remote.files["model.safetensors"]
    for variable, place in [
        ("HF_HOME", tmp_path / "a" / "hub"),
        ("HUGGINGFACE_HUB_CACHE", tmp_path / "b"),
        ("HF_HUB_CACHE", tmp_path / "c"),
    ]:
        given = place.parent if variable == "HF_HOME" else place
        monkeypatch.setenv(variable, str(given))
        assert hub.find(NAME, "main") is None
        there = place / "models--someone--tiny-speech"
        write(there / "refs", {"main": COMMIT.encode()})
        snapshot = write(there / "snapshots" / COMMIT, {"config.json": SETTINGS})
        assert hub.find(NAME, "main") is None, "settings alone are no preset"
        write(snapshot, {"model.safetensors": weights})
        assert hub.find(NAME, "main") == snapshot
    assert remote.asked == []


def test_entity_tags():
    assert hub_files._checksum(f'"{"a" * 64}"') == "sha256:" + "a" * 64
    assert hub_files._checksum(f'W/"{"b" * 40}"') == "git:" + "b" * 40
    assert hub_files._checksum('"5d41402a-17"') is None
    assert hub_files._checksum(None) is None
    # What `git hash-object` says of a file with the line "what is up, doc?" and no end of line.
    assert hub_files._git_id(b"what is up, doc?") == "git:bd9dbf5aae1a3862dd1526723246b20206e5fc37"


def test_cards():
    assert len(cards.CARDS) == 12
    for name, card in cards.CARDS.items():
        assert card.id == name
        assert card.family in name
        assert card.sample_rate == 16000
    unprepared = [name for name, card in cards.CARDS.items() if not card.normalize]
    assert unprepared == ["microsoft/wavlm-base", "microsoft/wavlm-base-plus"]


# Networks


SMALL = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 24,
    "conv_dim": [12, 12],
    "conv_kernel": [10, 3],
    "conv_stride": [5, 2],
    "num_conv_pos_embeddings": 8,
    "num_conv_pos_embedding_groups": 2,
}
LAYER_NORM = {"feat_extract_norm": "layer", "do_stable_layer_norm": True, "conv_bias": True}
NETWORKS = {
    "wav2vec2": {},
    "wav2vec2-large": LAYER_NORM,
    "hubert": {},
    "hubert-large": LAYER_NORM,
    "wavlm": {"num_buckets": 16, "max_bucket_distance": 20},
    "wavlm-large": {**LAYER_NORM, "conv_bias": False, "num_buckets": 16, "max_bucket_distance": 20},
}


def settings(name):
    return {"model_type": name.split("-")[0], **SMALL, **NETWORKS[name]}


def reference(name):
    """Return transformers' network with random weights."""
    transformers, torch = import_transformers(), pytest.importorskip("torch")
    torch.manual_seed(0)
    kind = {"wav2vec2": "Wav2Vec2", "hubert": "Hubert", "wavlm": "WavLM"}[name.split("-")[0]]
    values = settings(name)
    del values["model_type"]
    model = getattr(transformers, f"{kind}Model")(getattr(transformers, f"{kind}Config")(**values))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn(parameter.shape) * 0.1)
    return model.eval()


def waves(samples=400):
    return np.random.default_rng(0).normal(size=(2, samples)).astype("f4")


def states(model, x):
    """Return all hidden states of a network of either library, and the last."""
    if isinstance(model, keras.Model):
        found = model(x)
        parts = [*found["hidden_states"], found["last_hidden_state"]]
        return [keras.ops.convert_to_numpy(part) for part in parts]
    import torch

    with torch.no_grad():
        found = model(torch.tensor(x), output_hidden_states=True)
    return [part.numpy() for part in (*found.hidden_states, found.last_hidden_state)]


def assert_same_states(one, other, tolerance=2e-5):
    for found, expected in zip(states(one, waves()), states(other, waves()), strict=True):
        np.testing.assert_allclose(found, expected, atol=tolerance, rtol=0)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_folder_of_transformers_and_back(name, tmp_path):
    transformers = import_transformers()
    theirs = reference(name)
    theirs.save_pretrained(tmp_path / "theirs")
    ours = presets.from_preset(tmp_path / "theirs")
    assert_same_states(ours, theirs)
    folder = presets.save_to(ours, tmp_path / "new" / "ours")
    back, report = transformers.AutoModel.from_pretrained(folder, output_loading_info=True)
    assert not any(report[key] for key in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    assert_same_states(back.eval(), theirs, tolerance=0)
    assert_same_states(presets.from_preset(folder), ours, tolerance=0)
    with pytest.importorskip("safetensors").safe_open(folder / "model.safetensors", "np") as file:
        assert file.metadata() == {"format": "pt"}, "transformers 4 asks for it"
    names = checkpoints.Checkpoint(folder).shapes
    assert names == {key: tuple(value.shape) for key, value in theirs.state_dict().items()}
    assert sorted(path.name for path in folder.parent.iterdir()) == ["ours"]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Folder of a small network, written here."""
    model = build(SSLConfig.from_dict(settings("wav2vec2-large")))
    return presets.save_to(model, tmp_path_factory.mktemp("whole") / "x")


@pytest.fixture
def copied(whole, tmp_path):
    """Return a function that copies `whole` with its tensors changed."""
    numpy = pytest.importorskip("safetensors.numpy")

    def change(edit):
        folder = tmp_path / "copied"
        shutil.copytree(whole, folder)
        state = numpy.load_file(folder / "model.safetensors")
        edit(state)
        numpy.save_file(state, folder / "model.safetensors", {"format": "pt"})
        return folder

    return change


BIAS = "encoder.layer_norm.bias"


def put(name, value):
    def edit(state):
        state[name] = value(state) if callable(value) else value

    return edit


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (lambda state: state.pop(BIAS), rf"1 missing \({BIAS}\)"),
        (put("encoder.layers.2.layer_norm.bias", np.ones(16, "f4")), r"1 unknown \(encoder.layers"),
        (put(BIAS, np.ones(15, "f4")), rf"1 of another shape \({BIAS}\)"),
        (put(BIAS, np.array([np.nan] + [0] * 15, "f4")), rf"1 not finite \({BIAS}\)"),
        (put(BIAS, np.full(16, np.inf, "f2")), rf"1 not finite \({BIAS}\)"),
        (
            lambda state: [state.pop(key) for key in list(state)[:9]],
            r"9 missing \(\S+, \S+, \S+, \.\.\.",
        ),
    ],
)
def test_tensors_that_do_not_fit(edit, words, copied):
    folder = copied(edit)
    model = build(SSLConfig.from_dict(settings("wav2vec2-large")))
    before = model.get_weights()
    with pytest.raises(ValueError, match=f"must hold the .* tensors.*{words}"):
        weights.load(model, checkpoints.Checkpoint(folder))
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_old_names_heads_and_a_missing_mask_embedding(whole, copied):
    def edit(state):
        del state["masked_spec_embed"]
        for part, old in (("original0", "weight_g"), ("original1", "weight_v")):
            stem = "encoder.pos_conv_embed.conv."
            state[stem + old] = state.pop(stem + "parametrizations.weight." + part)
        for key in list(state):
            state["wav2vec2." + key] = state.pop(key)
        state["lm_head.weight"] = np.full((4, 16), np.nan, "f4")
        state["quantizer.codevectors"] = np.ones((1, 8, 4), "f4")

    assert_same_states(presets.from_preset(copied(edit)), presets.from_preset(whole), tolerance=0)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"model_type": "whisper"}, "config.json: `model_type`.*'whisper'"),
        ({"add_adapter": True}, "config.json: `add_adapter`"),
        ({"hidden_size": "16"}, "config.json: `hidden_size`.*'16'"),
    ],
)
def test_settings_of_another_kind(change, words, whole, tmp_path):
    shutil.copytree(whole, tmp_path / "x")
    values = json.loads((whole / "config.json").read_text())
    write(tmp_path / "x", {"config.json": {**values, **change}})
    with pytest.raises(ValueError, match=words):
        presets.from_preset(tmp_path / "x")


def test_preset_by_id(remote, whole):
    remote.files = {path.name: path.read_bytes() for path in whole.iterdir()}
    model = presets.from_preset(NAME, progress=False)
    assert_same_states(model, presets.from_preset(whole), tolerance=0)
    count = len(remote.asked)
    presets.from_preset(NAME, revision=COMMIT)
    assert len(remote.asked) == count, "found on this machine"
    with pytest.raises(ValueError, match="`revision` is of presets on the hub"):
        presets.from_preset(whole, revision="main")


def test_without_network_the_answer_comes_soon(remote, monkeypatch, tmp_path):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{unused.getsockname()[1]}"
    monkeypatch.setenv("HF_ENDPOINT", address)
    with pytest.raises(ConnectionError) as caught:
        presets.from_preset("facebook/wav2vec2-base")
    text = str(caught.value)
    for words in (
        "config.json, preprocessor_config.json and model.safetensors",
        str(tmp_path / "cache" / "presets"),
        str(tmp_path / "hf" / "hub"),
        "`hf download facebook/wav2vec2-base --revision main --local-dir FOLDER`",
        f"{address}/facebook/wav2vec2-base/tree/main",
        "refused",
    ):
        assert words in text
    assert TOKEN not in text
    assert not (tmp_path / "cache").exists()


def test_a_broken_transfer_says_what_to_do(remote, store):
    store.breaks_after = 1000
    with pytest.raises(ConnectionError, match="Call again, which goes on with what came") as caught:
        presets.from_preset(NAME, progress=False)
    assert "secret" not in str(caught.value)


def test_preparation_by_file_card_and_rule(whole, tmp_path, remote):
    assert presets.preparation_for(whole) == Preparation(16000, True, True)
    folder = tmp_path / "x"
    shutil.copytree(whole, folder)
    told = {"do_normalize": False, "return_attention_mask": False, "sampling_rate": 8000}
    write(folder, {"preprocessor_config.json": told})
    model = presets.from_preset(folder)
    assert presets.preparation_for(folder) == Preparation(8000, False, False)
    assert presets.preparation_for(model) == Preparation(8000, False, False)
    (folder / "preprocessor_config.json").unlink()
    assert presets.preparation_for(folder) == Preparation(16000, True, True)
    values = json.loads((folder / "config.json").read_text())
    write(folder, {"config.json": {**values, "_name_or_path": "microsoft/wavlm-base"}})
    assert presets.preparation_for(folder) == Preparation(16000, False, True)
    write(folder, {"preprocessor_config.json": {"do_normalize": "yes"}})
    with pytest.raises(ValueError, match="true or false.*preprocessor_config.json with.*'yes'"):
        presets.preparation_for(folder)


def test_preparation_survives_saving(whole, tmp_path, remote):
    shutil.copytree(whole, tmp_path / "x")
    write(tmp_path / "x", {"preprocessor_config.json": {"do_normalize": False}})
    presets.from_preset(tmp_path / "x").save(tmp_path / "model.keras")
    model = keras.saving.load_model(tmp_path / "model.keras")
    presets.save_to(model, tmp_path / "y")
    assert presets.preparation_for(tmp_path / "y") == Preparation(16000, False, True)
    assert "serkeras" not in (tmp_path / "y" / "config.json").read_text()
    presets.save_to(model, tmp_path / "like", like=whole)
    assert presets.preparation_for(tmp_path / "like") == Preparation(16000, True, True)
    presets.save_to(model, tmp_path / "card", like="facebook/wav2vec2-base")
    assert presets.preparation_for(tmp_path / "card") == Preparation(16000, True, False)
    with pytest.raises(FileNotFoundError, match="`like` must be.*'someone/else'"):
        presets.save_to(model, tmp_path / "z", like="someone/else")
    assert not (tmp_path / "z").exists()
    assert remote.asked == []


def test_transformers_reads_the_preparation(whole):
    transformers = import_transformers()
    extractor = transformers.AutoFeatureExtractor.from_pretrained(whole)
    assert (extractor.do_normalize, extractor.return_attention_mask) == (True, True)
    assert extractor.sampling_rate == 16000


def test_settings_unknown_here_are_kept(tmp_path, whole):
    shutil.copytree(whole, tmp_path / "x")
    values = json.loads((whole / "config.json").read_text())
    more = {"ctc_loss_reduction": "sum", "torch_dtype": "float16", "architectures": ["A"]}
    write(tmp_path / "x", {"config.json": {**values, **more}})
    presets.save_to(presets.from_preset(tmp_path / "x"), tmp_path / "y")
    found = json.loads((tmp_path / "y" / "config.json").read_text())
    assert found == {**values, "ctc_loss_reduction": "sum"}
    assert found["architectures"] == ["Wav2Vec2Model"]


def test_written_whole_or_not_at_all(whole, tmp_path, monkeypatch, without):
    model = presets.from_preset(whole)
    mine = write(tmp_path / "mine", {"thesis.txt": b"x"})
    with pytest.raises(FileExistsError, match="new or empty folder.*Nothing was changed"):
        presets.save_to(model, mine)
    with pytest.raises(TypeError, match="speech network.*Sequential.*layer of it"):
        presets.save_to(keras.Sequential(), tmp_path / "x")

    def full(*arguments, **more):
        raise OSError("No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("safetensors.numpy.save_file", full)
        with pytest.raises(OSError, match="No space"):
            presets.save_to(model, tmp_path / "x")
    without("safetensors")
    with pytest.raises(ModuleNotFoundError, match="package safetensors"):
        presets.save_to(model, tmp_path / "x")
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]
    assert [path.name for path in mine.iterdir()] == ["thesis.txt"]


def test_an_empty_folder_is_taken(whole, tmp_path):
    (tmp_path / "x").mkdir()
    assert presets.save_to(presets.from_preset(whole), tmp_path / "x") == tmp_path / "x"
    modes = [path.stat().st_mode for path in (tmp_path / "x").iterdir()]
    assert len(modes) == 3
    assert len(set(modes)) == 1, "one rule for who may read them"
