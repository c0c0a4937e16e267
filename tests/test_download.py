"""Downloads from a server on this machine: whole, interrupted, wrong, malicious."""

import dataclasses
import hashlib
import http.server
import io
import shutil
import stat
import threading
import zipfile

import pytest

from serkeras import _downloads, datasets
from serkeras.datasets import _table, downloading, registry

CLIPS = ("wav/03a01Fa.wav", "wav/03a01Fb.wav", "erkennung.txt")


def bundle(members):
    """Return a zip file of {name: content} as bytes."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


CORPUS = bundle({name: (name.encode() + bytes(range(256))) * 400 for name in CLIPS})


class Server(http.server.ThreadingHTTPServer):
    """Serves one file; can break off, ignore ranges, and remembers what was asked."""

    def __init__(self, content):
        super().__init__(("127.0.0.1", 0), Handler)
        self.content = content
        self.breaks_after = None
        self.knows_ranges = True
        self.ranges = []
        self.asked, self.holds_back = threading.Event(), None
        self.url = f"http://127.0.0.1:{self.server_port}/emodb.zip"


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers GET with the server's content, from the byte asked for."""

    def do_GET(self):
        server, wanted = self.server, self.headers.get("Range")
        server.ranges.append(wanted)
        server.asked.set()
        if server.holds_back:
            server.holds_back.wait(30)
        start = 0
        if wanted and server.knows_ranges:
            start = int(wanted.removeprefix("bytes=").rstrip("-"))
        if start >= len(server.content):
            self.send_error(416)
            return
        body = server.content[start:]
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: server.breaks_after])

    def log_message(self, *arguments):
        """Stay quiet."""


@pytest.fixture
def server():
    running = Server(CORPUS)
    thread = threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield running
    running.shutdown()
    running.server_close()
    thread.join()


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SERKERAS_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("SERKERAS_DATA", raising=False)
    return tmp_path / "cache"


@pytest.fixture
def publish(server, monkeypatch):
    """Return a function that makes the server the home of a small EmoDB."""
    module = registry.module("emodb")
    card = module.CARD

    def make(content=CORPUS, checksum="right"):
        server.content = content
        if checksum == "right":
            checksum = "md5:" + hashlib.md5(content).hexdigest()
        archive = _table.Archive(server.url, "emodb.zip", checksum)
        small = dataclasses.replace(card, archives=(archive,), emotions={"happy": 2})
        monkeypatch.setattr(module, "CARD", small)

    return make


def leftovers(folder):
    """Temporary files and folders anywhere below."""
    return [p for p in folder.rglob("*") if p.name.startswith((".tmp", "tmp")) or ".part" in p.name]


@pytest.mark.parametrize("checksum", ["right", None])
def test_download_once_and_load(checksum, server, cache, publish, capsys):
    publish(checksum=checksum)
    folder = datasets.download("emodb")
    assert "emodb.zip" in capsys.readouterr().err, "the progress bar names the file"
    assert folder == cache / "corpora" / "emodb"
    clips = datasets.load("emodb")
    assert list(clips["clip"]) == ["emodb/03a01Fa", "emodb/03a01Fb"]
    assert stat.S_IMODE(folder.stat().st_mode) == 0o755
    assert leftovers(cache) == []
    assert datasets.download("emodb") == folder
    # Unpacked elsewhere, the archive is not fetched again.
    datasets.download("emodb", cache / "other", progress=False)
    assert server.ranges == [None]
    assert capsys.readouterr().err == ""


def test_interrupted_download_goes_on(server, cache, publish):
    publish()
    server.breaks_after = 100_000
    with pytest.raises(ConnectionError, match="Call download again. By hand: "):
        datasets.download("emodb", progress=False)
    part = cache / "downloads" / "emodb" / "emodb.zip.part"
    kept = part.read_bytes()
    assert 65536 <= len(kept) <= 100_000
    assert CORPUS.startswith(kept)
    assert not (cache / "corpora" / "emodb").exists()
    server.breaks_after = None
    folder = datasets.download("emodb", progress=False)
    assert server.ranges == [None, f"bytes={len(kept)}-"]
    assert (folder / CLIPS[0]).stat().st_size == 400 * (256 + len(CLIPS[0]))
    assert leftovers(cache) == []


def test_server_without_ranges_starts_anew(server, cache, publish):
    publish()
    part = cache / "downloads" / "emodb" / "emodb.zip.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(CORPUS[:5000])
    server.knows_ranges = False
    datasets.download("emodb", progress=False)
    assert server.ranges == ["bytes=5000-"]


def test_part_that_is_whole_already(server, cache, publish):
    publish()
    part = cache / "downloads" / "emodb" / "emodb.zip.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(CORPUS)
    datasets.download("emodb", progress=False)
    assert server.ranges == [f"bytes={len(CORPUS)}-"]


def test_without_checksum_a_part_is_not_gone_on_with(server, cache, publish):
    publish(checksum=None)
    server.breaks_after = 100_000
    for _ in range(2):
        with pytest.raises(ConnectionError):
            datasets.download("emodb", progress=False)
    assert server.ranges == [None, None]


def test_wrong_checksum(server, cache, publish):
    publish(checksum="md5:" + "0" * 32)
    with pytest.raises(ValueError, match="must have the md5 0000.*try again later"):
        datasets.download("emodb", progress=False)
    assert [path for path in cache.rglob("*") if path.is_file()] == []


def test_part_of_another_version_is_thrown_away(server, cache, publish):
    publish()
    part = cache / "downloads" / "emodb" / "emodb.zip.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(CORPUS[:4999] + b"?")
    datasets.download("emodb", progress=False)
    assert server.ranges == ["bytes=5000-", None]
    assert leftovers(cache) == []


def test_two_at_once_fetch_once(server, tmp_path):
    """The second waits, and takes what the first has fetched."""
    checksum = "sha256:" + hashlib.sha256(CORPUS).hexdigest()
    server.holds_back = threading.Event()
    calls = [
        threading.Thread(target=_downloads.fetch, args=(server.url, tmp_path / "x", checksum))
        for _ in range(2)
    ]
    for call in calls:
        call.start()
    server.asked.wait(30)
    server.holds_back.set()
    for call in calls:
        call.join()
    assert server.ranges == [None]
    assert (tmp_path / "x").read_bytes() == CORPUS


def test_first_digits_of_a_checksum_are_enough(server, tmp_path):
    digest = hashlib.sha256(CORPUS).hexdigest()
    _downloads.fetch(server.url, tmp_path / "x", f"sha256:{digest[:8]}", progress=False)
    assert (tmp_path / "x").read_bytes() == CORPUS
    wrong = "sha256:" + ("1" if digest[0] == "0" else "0") + digest[1:8]
    with pytest.raises(ValueError, match=f"sha256 that begins with {wrong[7:]}.*left as it is"):
        _downloads.fetch(server.url, tmp_path / "x", wrong)
    with pytest.raises(ValueError, match=f"{digest} from http.*thrown away"):
        _downloads.fetch(server.url, tmp_path / "y", wrong, progress=False)
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_without_a_server_the_answer_comes_soon(server, tmp_path):
    url = server.url
    server.shutdown()
    server.server_close()
    with pytest.raises(ConnectionError, match="refused"):
        _downloads.fetch(url, tmp_path / "x", progress=False)
    assert list(tmp_path.iterdir()) == []


def test_a_users_archive_is_taken_or_refused_but_never_touched(server, cache, publish):
    publish()
    mine = cache / "downloads" / "emodb" / "emodb.zip"
    mine.parent.mkdir(parents=True)
    mine.write_bytes(b"my only copy")
    with pytest.raises(ValueError, match="left as it is; move it away") as caught:
        datasets.download("emodb", progress=False)
    assert str(mine) in str(caught.value)
    assert mine.read_bytes() == b"my only copy"
    mine.write_bytes(CORPUS)
    datasets.download("emodb", progress=False)
    assert server.ranges == []


def test_a_users_folder_is_never_touched(server, cache, publish):
    publish()
    mine = cache / "mine"
    mine.mkdir(parents=True)
    (mine / "thesis.txt").write_text("x")
    with pytest.raises(FileExistsError, match="0 of 2 clips of emodb. Nothing was changed"):
        datasets.download("emodb", mine, progress=False)
    assert [p.name for p in mine.iterdir()] == ["thesis.txt"]
    assert server.ranges == []
    (cache / "empty").mkdir()
    assert datasets.download("emodb", cache / "empty", progress=False) == cache / "empty"


@pytest.mark.parametrize(
    "name", ["../evil.wav", "a/../../evil.wav", "/evil.wav", "C:\\evil.wav", "..\\evil.wav"]
)
def test_members_outside_the_folder_are_refused(name, cache, publish):
    publish(bundle({"wav/03a01Fa.wav": b"x", name: b"evil"}))
    with pytest.raises(ValueError, match="must unpack into its own folder.*evil.wav"):
        datasets.download("emodb", progress=False)
    assert list(cache.parent.rglob("*evil*")) == []
    assert not (cache / "corpora" / "emodb").exists()
    assert leftovers(cache) == []


def test_links_in_an_archive_are_refused(tmp_path):
    link = zipfile.ZipInfo("wav/link.wav")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr(link, "/etc/passwd")
    (tmp_path / "to").mkdir()
    with pytest.raises(ValueError, match=r"wav/link\.wav"):
        downloading.unpack(tmp_path / "x.zip", tmp_path / "to", progress=False)
    assert list((tmp_path / "to").iterdir()) == []


def test_broken_archive(cache, publish):
    flipped = bytearray(CORPUS)
    flipped[2000] ^= 0xFF
    for content in (CORPUS[:-50], b"<html>not found</html>", bytes(flipped)):
        publish(content, checksum=None)
        with pytest.raises(ValueError, match="whole zip file.*Move it away"):
            datasets.download("emodb", progress=False)
        assert not (cache / "corpora" / "emodb").exists()
        assert leftovers(cache) == []
        (cache / "downloads" / "emodb" / "emodb.zip").unlink()


def test_archive_without_all_clips(cache, publish):
    publish(bundle({"wav/03a01Fa.wav": b"x", "wav/._03a01Fb.wav": b"x"}))
    with pytest.warns(UserWarning, match="emodb: the archive held 1 of 2"):
        datasets.download("emodb", cache / "part", progress=False)
    publish(bundle({"readme.txt": b"x"}), checksum=None)
    (cache / "downloads" / "emodb" / "emodb.zip").unlink()
    with pytest.raises(ValueError, match="must hold its clips. Received: none"):
        datasets.download("emodb", progress=False)
    assert not (cache / "corpora" / "emodb").exists()
    assert leftovers(cache) == []


def test_full_disk(cache, publish, monkeypatch):
    publish()
    usage = shutil.disk_usage("/")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=10))
    with pytest.raises(ValueError, match="leave room on the disk.*10 free ones"):
        datasets.download("emodb", progress=False)
    assert leftovers(cache) == []


def test_server_that_says_no(server, cache, publish):
    publish()
    server.content = b""
    with pytest.raises(ConnectionError, match="416"):
        datasets.download("emodb", progress=False)


@pytest.mark.parametrize(
    ("name", "words"), [("savee", "registration"), ("cremad", "git lfs install")]
)
def test_what_to_do_by_hand(name, words, cache):
    with pytest.raises(PermissionError, match=words) as caught:
        datasets.download(name)
    assert f"load('{name}', root=FOLDER)" in str(caught.value)
    assert not cache.exists()
