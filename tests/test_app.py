"""The page in the browser: its answers, its limits, and what it keeps from others."""

import asyncio
import base64
import io
import json
import os
import re
import shutil
import socket
import sys
import time
import types
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import requests
import soundfile

import serkeras
from serkeras import app, cli
from serkeras.app import _gradio, about, actions, pictures, pieces, server, uploads, words
from serkeras.app import limits as bounds
from serkeras.app.desk import Desk
from serkeras.app.live import Live
from tests.visitor import Visitor

RATE = 16000
CLIP, LONG = "Recording (at most 50 MB, 2 min)", "Recording (at most 50 MB, 30 min)"


def speech(path, seconds, rate=RATE, hertz=150):
    """Write a loud harmonic tone."""
    time = np.arange(round(seconds * rate)) / rate
    wave = sum(np.sin(2 * np.pi * hertz * n * time) / n for n in range(1, 4))
    soundfile.write(path, 0.2 * wave, rate)
    return str(path)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a clip, a longer recording, an empty file and a text."""
    folder = tmp_path_factory.mktemp("app")
    speech(folder / "clip.wav", 1.0)
    speech(folder / "longer.wav", 4.0, rate=22050)
    (folder / "empty.wav").write_bytes(b"")
    (folder / "text.wav").write_text("These are words. " * 99)
    return folder


@pytest.fixture(scope="module")
def desk(small_run):
    return Desk(small_run, app.Limits(files=3))


@pytest.fixture(scope="module")
def exported(small_run, tmp_path_factory):
    """The same model as a Keras file."""
    path = tmp_path_factory.mktemp("exported") / "model.keras"
    serkeras.export(small_run, "keras", path, clips=4)
    return Desk(path)


@pytest.fixture(scope="module")
def address(small_run):
    pytest.importorskip("gradio", reason="needs the extra `app`")
    with app.running(small_run) as address:
        yield address.rstrip("/")


# Without a page.


@pytest.mark.parametrize("name", ["clip.wav", "longer.wav"])
def test_answers_are_those_of_predict(desk, small_run, folder, name):
    answer = desk.hear(folder / name)
    expected = serkeras.predict(small_run, [folder / name])[small_run.labels].to_numpy()[0]
    np.testing.assert_allclose(answer.probabilities, expected, atol=1e-5)
    assert answer.windows == {"clip.wav": 1, "longer.wav": 7}[name]
    shown = actions.hear(desk, str(folder / name))
    best = small_run.labels[int(expected.argmax())]
    assert f"labelled <strong>{best}</strong> ({pieces.percent(expected.max())})" in shown


def test_a_longer_recording_gets_the_mean_of_its_windows(desk, folder, monkeypatch):
    counted = lambda cut: np.array([[n, -n] for n in range(len(cut))], np.float32)  # noqa: E731
    monkeypatch.setattr(desk.recogniser, "probabilities", counted)
    assert desk.hear(folder / "longer.wav").probabilities.tolist() == [3, -3]


def test_a_file_that_cannot_be_heard_is_named_without_its_folder(desk, folder):
    for name, reason in (("empty.wav", "which is empty"), ("text.wav", "audio file")):
        shown = actions.hear(desk, str(folder / name))
        assert 'role="alert"' in shown
        assert reason in shown
        assert name in shown
        assert str(folder) not in shown
        assert actions.explain(desk, str(folder / name)) == ""


def test_limits_hold_before_anything_is_decoded(desk, folder, monkeypatch):
    monkeypatch.setattr("serkeras.audio.read", lambda *_: pytest.fail("it was decoded"))
    path, small = folder / "longer.wav", app.Limits(megabytes=0.1, clip_s=3)
    with pytest.raises(ValueError, match=r"at most 0.1 MB.*0.2 MB"):
        bounds.check(path, small, 60)
    with pytest.raises(ValueError, match=r"at most 3 s here.*4 s.*tab Live"):
        bounds.check(path, app.Limits(), 3)
    with pytest.raises(ValueError, match="Send a part of it"):
        bounds.check(path, app.Limits(timeline_min=0.01), 3)
    with pytest.raises(ValueError, match="files=0"):
        app.Limits(files=0)


def dense(path, rate=RATE, seconds=1.0, channels=1):
    """Write silence: a FLAC, which is small however long it is."""
    soundfile.write(path, np.zeros((round(rate * seconds), channels), np.int16), rate)
    return path


@pytest.mark.parametrize(
    ("made", "said"),
    [
        ({"rate": 655350}, "from 4,000 to 192,000 Hz. Received: .* with 655,350 Hz"),
        ({"rate": 1000}, "with 1,000 Hz"),
        ({"seconds": 3, "channels": 8, "rate": 96000}, "at most 288,000 samples.*2,304,000"),
    ],
)
def test_headers_that_promise_too_much_work_are_refused(made, said, tmp_path):
    with pytest.raises(ValueError, match=said):
        bounds.check(dense(tmp_path / "x.flac", **made), app.Limits(), 3)


def without_length(path):
    """Clear the length in the header of a FLAC, as a stream's writer leaves it."""
    data = bytearray(path.read_bytes())
    data[21] &= 0xF0
    data[22:26] = bytes(4)
    path.write_bytes(data)
    return path


def test_a_file_without_a_length_is_said_to_be_one(tmp_path):
    path = without_length(dense(tmp_path / "x.flac"))
    for check in (lambda: bounds.check(path, app.Limits(), 3), lambda: bounds.check_portion(path)):
        with pytest.raises(ValueError, match="must state its length. Received: .*x.flac, a stream"):
            check()


def test_a_batch_goes_on_after_unreadable_files(desk, folder):
    names = ["clip.wav", "text.wav", "longer.wav"]
    table = desk.batch([folder / name for name in names])
    assert table["file"].tolist() == names
    assert (table["error"] != "").tolist() == [False, True, False]
    assert table["label"].notna().tolist() == [True, False, True]
    assert table["seconds"].tolist()[::2] == [1.0, 4.0]
    shown = actions.batch(desk, [folder / name for name in names])
    assert "2 of 3 recordings heard" in shown
    assert str(folder) not in shown
    with pytest.raises(ValueError, match="at most 3 files. Received: 4"):
        desk.batch([folder / "clip.wav"] * 4)


def test_downloads_hold_the_table(desk, folder):
    shown = actions.batch(desk, [folder / "clip.wav", folder / "empty.wav"])
    data = re.search(r'href="data:text/csv;base64,([^"]+)"', shown)[1]
    found = pd.read_csv(io.BytesIO(base64.b64decode(data)))
    expected = desk.batch([folder / "clip.wav", folder / "empty.wav"])
    assert found.columns.tolist() == expected.columns.tolist()
    assert found.loc[0, "label"] == expected.loc[0, "label"]
    numbers = ["seconds", *desk.recogniser.labels]
    np.testing.assert_array_equal(found[numbers], expected[numbers])
    assert found.loc[1, "error"] == expected.loc[1, "error"]


def test_names_are_text_not_markup(desk, folder):
    path = folder / "<img src=x onerror=alert(1)>.wav"
    shutil.copy(folder / "clip.wav", path)
    shutil.copy(folder / "text.wav", path.with_name("<b>.wav"))
    paths = [str(path), str(path.with_name("<b>.wav"))]
    shown = actions.batch(desk, paths) + "".join(
        do(desk, each) for do in (actions.hear, actions.timeline) for each in paths
    )
    assert "<img src=x" not in shown
    assert "<b>" not in shown


def test_labels_are_text_not_markup(folder, small_run):
    bad = "<img src=x onerror=alert(1)>"
    desk = Desk(small_run)
    desk.recogniser.labels = [f"{bad}{n}" for n in range(len(small_run.labels))]
    live = Live(fake_recogniser(), 60)
    live.labels = live._recogniser.labels = [bad, f"{bad}2"]
    live.feed(noise(2, 0.9), 8000)
    shown = [do(desk, str(folder / "longer.wav")) for do in (actions.hear, actions.timeline)]
    for html in (*shown, actions.now(live), actions.batch(desk, [folder / "clip.wav"])):
        assert "&lt;img src=x" in html
        assert "<img src=x" not in html


def test_a_map_lies_over_the_bands_or_below_them(desk, folder, exported, monkeypatch):
    drawn = []
    monkeypatch.setattr(pictures, "png", lambda figure: drawn.append(figure) or b"")
    _, told = desk.explain(folder / "longer.wav")
    assert told.startswith("The picture shows the first 1.1 s. The size of the gradient")
    assert len(drawn[0].axes) == 3  # of MFCC, whose coefficients are no place on a spectrogram
    assert drawn[0].axes[0].get_xlim() == pytest.approx((0, 1.1))
    _, told = exported.explain(folder / "clip.wav")
    assert "no gradients" in told
    assert len(drawn[1].axes) == 2


def test_maps_are_those_of_the_explanation(desk, small_run, folder):
    from serkeras import explanation

    heard = explanation.hear(small_run, [folder / "clip.wav"])
    expected = explanation.make(heard, ["saliency"])["saliency"][0]
    found, _ = desk._salience.of(folder / "clip.wav", RATE)
    np.testing.assert_allclose(found.values, expected, rtol=1e-4, atol=1e-7)
    assert len(found.wave) == RATE  # and not the padding behind it


def test_a_timeline_and_its_files(desk, folder):
    found, files = desk.timeline(folder / "longer.wav")
    names = [ending for ending, _, _ in files]
    assert names == ["csv", "json", "audacity.txt"]
    assert len(files[0][1].decode().splitlines()) == len(found.table) + 1
    assert json.loads(files[1][1])["labels"] == desk.recogniser.labels
    shown = actions.timeline(desk, str(folder / "longer.wav"))
    assert 'download="longer.audacity.txt"' in shown
    assert 'role="alert"' in actions.timeline(desk, str(folder / "text.wav"))


# The microphone.


def fake_recogniser():
    """Loudness decides."""
    return types.SimpleNamespace(
        labels=["quiet", "loud"], sample_rate=8000, samples=8000,
        probabilities=lambda waves: np.array(
            [[0.1, 0.9] if np.abs(wave).max() > 0.5 else [0.8, 0.2] for wave in waves], np.float32
        ),
    )  # fmt: skip


def noise(seconds, size, rate=8000):
    return size * np.random.default_rng(0).uniform(-1, 1, round(seconds * rate)).astype(np.float32)


def test_live_keeps_the_newest_minute_only():
    live = Live(fake_recogniser(), 1e6)
    assert not live.feed(noise(0.3, 0.9), 8000)
    for _ in range(20):
        live.feed(noise(5, 0.9), 8000)
    assert len(live.moments) == live.moments.maxlen == 120
    shares, kinds = live.columns()
    assert shares.shape == (2, 120)
    assert (kinds == "speech").all()
    live.feed(noise(2, 0.0), 8000)
    shares, kinds = live.columns()
    assert kinds[-1] == "silence"
    assert np.isnan(shares[:, -1]).all()
    assert kinds[0] == "speech"


def test_live_begins_on_the_right_and_ends():
    live = Live(fake_recogniser(), 3.0)
    live.feed(noise(2, 0.9), 8000)
    kinds = live.columns()[1]
    assert (kinds[:-3] == "").all()
    assert (kinds[-3:] == "speech").all()
    assert "<strong>loud</strong>" in actions.now(live)
    assert live.feed(noise(2, 0.9), 8000)
    assert live.full
    assert not live.feed(noise(2, 0.9), 8000)
    assert "long enough" in actions.stop(live)
    assert "Nothing to hear" in actions.stop(None)


def test_live_hears_the_rest_when_it_is_stopped_and_starts_anew():
    live = Live(fake_recogniser(), 60)
    live.feed(noise(0.8, 0.9), 8000)
    assert not live.moments
    live.end()
    assert [moment.end_s for moment in live.moments] == pytest.approx([0.8])
    live.feed(noise(1.2, 0.2, 16000), 16000)
    assert [moment.end_s for moment in live.moments] == [1.0]


def test_portions_lost_on_the_way_are_a_gap():
    live = Live(fake_recogniser(), 60)
    for now in (100.0, 100.6, 101.1, 101.4, 105.0, 105.5):  # late, early, and three seconds lost
        live.feed(noise(0.5, 0.9), 8000, now)
    gap = [moment for moment in live.moments if moment.label == "gap"]
    assert len(gap) == 1
    assert gap[0].end_s - gap[0].start_s == pytest.approx(3.0, abs=0.3)
    kinds = live.columns()[1]
    assert list(kinds[-8:-2]) == ["gap"] * 6
    live.feed(noise(0.5, 0.9), 8000, 106.0)
    assert live.columns()[1][-1] == "speech"


@pytest.fixture
def listening():
    return types.SimpleNamespace(live=lambda: Live(fake_recogniser(), 60))


def later(monkeypatch, seconds):
    """Let the clock of the uploads be ahead."""
    now = uploads.time.time()
    monkeypatch.setattr(uploads, "time", types.SimpleNamespace(time=lambda: now + seconds))


def test_portions_of_the_microphone_are_removed(listening, tmp_path, monkeypatch):
    portion, other = tmp_path / "portion.wav", tmp_path / "other.wav"
    soundfile.write(portion, noise(1.2, 0.9), 8000)
    live, shown = actions.listen(listening, None, str(portion))
    assert "loud" in shown
    other.write_text("no sound")
    assert 'role="alert"' in actions.listen(listening, live, str(other))[1]
    later(monkeypatch, 60)
    uploads.Uploads(tmp_path, 1e6).sweep()
    assert list(tmp_path.iterdir()) == []


def test_equal_portions_share_a_file_and_a_vanished_one_changes_nothing(listening, tmp_path):
    path = tmp_path / "muted.wav"
    soundfile.write(path, np.zeros(9600), 8000)
    for _ in range(2):  # two visitors
        live, shown = actions.listen(listening, None, str(path))
        assert "silence" in shown
    path.unlink()
    assert actions.listen(listening, live, str(path)) == (live, None)


@pytest.mark.parametrize(
    "made", [{"seconds": 60}, {"rate": 655350}, {"rate": 1000}, {"channels": 8}]
)
def test_a_portion_no_microphone_sends_is_not_decoded(listening, tmp_path, made, monkeypatch):
    path = dense(tmp_path / "bomb.flac", **made)
    monkeypatch.setattr("soundfile.read", lambda *_, **__: pytest.fail("it was decoded"))
    shown = actions.listen(listening, None, str(path))[1]
    assert 'role="alert"' in shown
    assert "Received: bomb.flac" in shown


def test_the_strip_shows_numbers_as_colours():
    from PIL import Image

    shares = np.array([[1.0, 0.0, np.nan, np.nan]], np.float32)
    png = pictures.strip(shares, np.array(["speech", "speech", "silence", "gap"]))
    pixels = np.asarray(Image.open(io.BytesIO(png)))
    assert pixels.shape == (1, 4, 3)
    assert pixels[0, 0].sum() > pixels[0, 1].sum()
    assert (pixels[0, 2] == 205).all()
    assert (pixels[0, 3] == 255).all()


# What the page says of itself.


def test_a_model_of_synthetic_sounds_says_so(small_run, tmp_path):
    copy = shutil.copytree(small_run.folder, tmp_path / "run")
    settings = json.loads((copy / "experiment.json").read_text())
    settings["data"] = ["synthetic"]
    (copy / "experiment.json").write_text(json.dumps(settings))
    synthetic = words.is_synthetic(about.data_of(Desk(copy)))
    assert synthetic
    for text in (words.header("run", ["sad"], synthetic), words.warning(synthetic)):
        assert "rained on synthetic sounds, for teaching only" in text
    assert "recogni" not in words.title(synthetic)


def test_a_model_of_recordings_does_not(desk):
    synthetic = words.is_synthetic(about.data_of(desk))
    assert not synthetic
    assert "synthetic" not in words.header("run", ["sad"], synthetic) + words.warning(synthetic)
    assert not words.is_synthetic(["synthetic", "ravdess"])
    assert not words.is_synthetic([])


def test_about_has_cards_without_folders_of_this_machine(desk, exported, own_csv):
    shown = about.about(desk)
    assert "Law and ethics" in shown
    assert "own recordings: ask their owner" in shown
    assert str(own_csv.parent) not in shown
    shown = about.about(exported)
    assert "not what a person feels" in shown
    assert "own recordings: ask their owner" in shown


def test_about_takes_a_written_card_and_no_markup(small_run, tmp_path):
    copy = shutil.copytree(small_run.folder, tmp_path / "run")
    (copy / "README.md").write_text("---\nhub: yes\n---\n# Mine\n<script>bad</script> ![p](x.png)")
    shown = about.about(Desk(copy))
    assert "<h1>Mine</h1>" in shown
    assert "hub" not in shown
    assert "<script>" not in shown
    assert "<img" not in shown


# The page, over HTTP.


def test_a_clip_sent_to_the_page_gets_its_bars(address, small_run, folder):
    expected = serkeras.predict(small_run, [folder / "clip.wav"])["label"][0]
    visitor = Visitor(address)
    assert f"<strong>{expected}</strong>" in visitor.see(CLIP, folder / "clip.wav")
    shown = visitor.see(CLIP, folder / "clip.wav", event=1)
    assert shown.startswith('<img class="ser-figure"')


def test_the_microphone_moves_the_timeline(address, tmp_path, monkeypatch):
    clock = (0.5 * n for n in range(99))  # a portion each half second
    monkeypatch.setattr(actions, "arrived", lambda: next(clock))
    visitor, other = Visitor(address), Visitor(address)
    number = visitor.events("Microphone", "stream")[0]
    paths = [speech(tmp_path / f"{n}.wav", 0.5, hertz=150 + n) for n in range(5)]
    uploads = [visitor.upload(path) for path in paths]
    shown = "".join(map(str, visitor.stream(number, uploads, None)))
    assert re.findall(r"([\d.]+) s: <strong>", shown) == ["1.0", "1.5", "2.0", "2.5"]
    # Another one hears nothing of it.
    shown = "".join(map(str, other.stream(number, [other.upload(paths[0])], None)))
    assert " s: <strong>" not in shown


def test_bad_files_and_a_long_one_are_answered(address, folder, tmp_path):
    visitor = Visitor(address)
    long = tmp_path / "half-an-hour.wav"
    block = noise(10, 0.3)
    with soundfile.SoundFile(long, "w", 8000, 1) as file:
        for _ in range(180):
            file.write(block)
    assert "which is empty" in visitor.see(CLIP, folder / "empty.wav")
    assert "audio file" in visitor.see(CLIP, folder / "text.wav")
    refused = visitor.see(CLIP, long)
    assert "with 30 min. The tab Live makes a timeline of it" in refused
    followed = visitor.see(LONG, long)
    assert 'download="half-an-hour.csv"' in followed
    assert '<p class="ser-answer">30 min: ' in followed


def test_many_clips_at_once_all_get_their_own_answer(address, desk, tmp_path):
    paths = [speech(tmp_path / f"{n}.wav", 1.0, hertz=120 + 25 * n) for n in range(12)]

    def send(path):
        return Visitor(address).see(CLIP, path)

    with ThreadPoolExecutor(12) as pool:
        found = list(pool.map(send, paths))
    assert found == [actions.hear(desk, path) for path in paths]


@pytest.mark.parametrize("label", [CLIP, LONG, "Recordings"])
def test_a_forged_path_is_refused(address, small_run, label, tmp_path):
    speech(tmp_path / "secret.wav", 1.0)
    visitor = Visitor(address)
    number = visitor.events(label)[0]
    uploaded = visitor.upload(tmp_path / "secret.wav")["path"]
    around = str(Path(uploaded).parent / "../../../../../../.." / str(tmp_path)[1:] / "secret.wav")
    for path in (str(tmp_path / "secret.wav"), str(small_run.folder / "report.md"), around):
        for claim in (visitor.file(path), {"path": path}):
            claim = [claim] if label == "Recordings" else claim
            fine, data = visitor.ask(number, claim)
            assert not fine, (path, data)
            assert "ser-bar" not in str(data)


def test_files_of_this_machine_are_not_served(address, small_run, repo):
    assert requests.get(f"{address}/gradio_api/file=/etc/hosts", timeout=30).status_code == 403
    for path in (small_run.folder / "report.md", repo / "README.md", Path(app.__file__)):
        for start in ("gradio_api/file=", "file=", "gradio_api/static/../../..", "static/.."):
            found = requests.get(f"{address}/{start}{path}", timeout=30)
            assert found.status_code in (403, 404), (path, start)


def test_addresses_are_not_fetched():
    gradio = _gradio.load() if "gradio" in sys.modules else pytest.importorskip("gradio")
    part = _gradio.refuse_addresses(gradio.File())
    for address in ("http://example.com/a.wav", "https://example.com/a.wav", "ftp://x/y"):
        with pytest.raises(ValueError, match="file that was uploaded. Received: an address"):
            asyncio.run(part.async_move_resource_to_block_cache(address))


def test_too_large_an_upload_is_refused(address, tmp_path):
    path = tmp_path / "large.wav"
    with open(path, "wb") as file:
        file.truncate(51_000_000)
    with pytest.raises(requests.HTTPError, match="413"):
        Visitor(address).upload(path)


def test_uploads_that_were_broken_off_are_swept(address, tmp_path, monkeypatch):
    kept = Path(Visitor(address).upload(speech(tmp_path / "old.wav", 0.5))["path"])
    host, port = address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as half:
        half.sendall(
            f"POST /gradio_api/upload HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Length: 9999\r\n"
            "Content-Type: multipart/form-data; boundary=x\r\n\r\n--x\r\nContent-Disposition: "
            'form-data; name="files"; filename="a.wav"\r\n\r\nhalf of it'.encode()
        )
        broken = wait_for(lambda: list(kept.parents[1].glob("tmp*")))
    new = Path(Visitor(address).upload(speech(tmp_path / "new.wav", 0.6))["path"])
    later(monkeypatch, 880)
    os.utime(kept, (0, 0))
    uploads.Uploads(kept.parents[1], 1e6).sweep()
    assert new.exists()
    assert broken[0].exists()
    assert not kept.exists()
    later(monkeypatch, 60)
    uploads.Uploads(kept.parents[1], 1e6).sweep()
    assert not broken[0].exists()


def wait_for(found):
    """Return what a function finds, as soon as it finds something."""
    for _ in range(100):
        if said := found():
            return said
        time.sleep(0.05)
    return pytest.fail("nothing came")


def test_the_page_sweeps_by_itself(small_run, folder, monkeypatch):
    pytest.importorskip("gradio", reason="needs the extra `app`")
    monkeypatch.setattr(uploads, "_EVERY_S", 0.01)
    with app.running(small_run) as address:
        path = Path(Visitor(address).upload(folder / "clip.wav")["path"])
        assert path.exists()
        os.utime(path, (0, 0))
        wait_for(lambda: not path.exists())


def test_all_uploads_together_have_a_limit(tmp_path):
    kept = uploads.Uploads(tmp_path, 100)
    assert kept.take(60)
    assert not kept.take(60)
    kept.sweep()  # it is under way: nothing lies there yet
    assert not kept.take(60)
    kept.end(60)
    (tmp_path / "a.wav").write_bytes(bytes(30))
    kept.sweep()
    assert not kept.take(71)
    assert kept.take(70)


def test_an_upload_without_room_is_refused(small_run, folder):
    pytest.importorskip("gradio", reason="needs the extra `app`")
    limits = app.Limits(megabytes=0.1, folder_megabytes=0.1)
    with app.running(small_run, limits=limits) as address:
        url = f"{address}gradio_api/upload"
        sent = [requests.post(url, files={"files": bytes(90_000)}, timeout=30) for _ in range(3)]
        assert [each.status_code for each in sent] == [200, 200, 507]
        assert "at most 0.2 MB. Received: one of 0.1 MB" in sent[-1].text
        endless = requests.post(url, data=iter([b"x"]), timeout=30)
        assert endless.status_code == 411


@pytest.mark.parametrize("origin", ["https://evil.example.com", "null", "http://127.0.0.1:1"])
def test_pages_of_other_hosts_can_send_nothing(address, origin):
    url, files = f"{address}/gradio_api/upload", {"files": b"sound"}
    found = requests.post(url, files=files, headers={"Origin": origin}, timeout=30)
    assert found.status_code == 403
    assert "page of another host" in found.text
    found = requests.post(url, files=files, headers={"Origin": address}, timeout=30)
    assert found.status_code == 200


def test_another_name_of_this_machine_is_answered(small_run):
    pytest.importorskip("gradio", reason="needs the extra `app`")
    with app.running(small_run, host="127.0.0.2") as address:
        assert address.startswith("http://127.0.0.2:")
        assert requests.get(address, timeout=30).status_code == 200
    with pytest.raises(ValueError, match="IPv4 address. Received: ::1. Use 127.0.0.1"):
        app.running(small_run, host="::1").__enter__()


def test_the_page_calls_nobody_and_lists_no_calls(address):
    found = requests.get(address, timeout=30)
    policy = found.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "http" not in policy
    assert found.headers["x-content-type-options"] == "nosniff"
    settings = requests.get(f"{address}/config", timeout=30).json()
    assert settings["analytics_enabled"] is False
    assert os.environ["GRADIO_ANALYTICS_ENABLED"] == "False"
    listed = requests.get(f"{address}/gradio_api/info", timeout=30).json()
    assert listed["named_endpoints"] == {}
    assert not any(listed.get("unnamed_endpoints", {}).values())


def test_only_this_machine_is_answered(address):
    assert address.startswith("http://127.0.0.1:")
    found = requests.get(address, headers={"Host": "evil.example.com"}, timeout=30)
    assert found.status_code == 400


def test_every_tab_has_the_warning(address):
    parts = requests.get(f"{address}/config", timeout=30).json()["components"]
    shown = [str(part["props"].get("value")) for part in parts]
    assert sum("What this cannot know" in text for text in shown) == 4
    assert sum("does not know what a person feels" in text for text in shown) == 4


def test_nothing_stays_when_the_page_is_closed(small_run, folder, monkeypatch, tmp_path):
    pytest.importorskip("gradio", reason="needs the extra `app`")
    before = os.environ.get("GRADIO_TEMP_DIR")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with app.running(small_run) as address:
        visitor = Visitor(address)
        path = Path(visitor.upload(folder / "clip.wav")["path"])
        assert path.is_relative_to(tmp_path)
        assert path.exists()
        assert path.parents[1].stat().st_mode & 0o077 == 0
        visitor.see(CLIP, folder / "longer.wav")
    assert list(tmp_path.iterdir()) == []
    assert os.environ.get("GRADIO_TEMP_DIR") == before


def test_another_host_is_warned_of(capsys):
    server.warn_of("127.0.0.1")
    server.warn_of("localhost")
    server.warn_of("::1")
    assert capsys.readouterr().err == ""
    for host in ("0.0.0.0", "192.168.1.5", "my.machine"):
        server.warn_of(host)
        assert f"listens on {host}: whoever reaches" in capsys.readouterr().err


def test_without_gradio_one_message_says_what_to_install(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "gradio", None)
    assert cli.main(["app", "anything"]) == 2
    assert "pip install 'serkeras[app]'" in capsys.readouterr().err
