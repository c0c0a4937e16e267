"""The page in a real browser; skipped where Playwright for Python or Chromium is missing."""

import re

import numpy as np
import pytest
import soundfile

from serkeras import app
from tests import chromium

pytest.importorskip("gradio", reason="needs the extra `app`")
WAIT = 60_000  # milliseconds


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("browser")
    time = np.arange(3 * 16000) / 16000
    soundfile.write(folder / "clip.wav", 0.3 * np.sin(2 * np.pi * 200 * time), 16000)
    (folder / "empty.wav").write_bytes(b"")
    (folder / "text.wav").write_text("These are words. " * 99)
    return folder


@pytest.fixture(scope="module")
def page(small_run, folder):
    """The page, narrow as a phone, and the addresses that it asked for in `page.asked`."""
    arguments = [
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-audio-capture={folder / 'clip.wav'}",
    ]
    with app.running(small_run) as address, chromium.phone(*arguments) as page:
        page.goto(address)
        page.get_by_role("tab", name="Clip").wait_for(timeout=WAIT)
        yield page


# At one instant: the page changes under the eyes of whoever reads it.
BOTH = """() => {
  const strip = document.querySelector(".ser-strip");
  return [strip.parentElement.querySelector(".ser-answer").innerText,
          strip.querySelector("img").src];
}"""


def open_tab(page, name):
    page.get_by_role("tab", name=name).click()
    page.locator(".ser-warning:visible").wait_for(timeout=WAIT)


def give(page, *paths):
    page.locator("input[type=file]").last.set_input_files(list(paths))


def test_a_clip_gets_its_emotion_and_its_picture(page, folder, small_run):
    open_tab(page, "Clip")
    give(page, folder / "clip.wav")
    page.locator(".ser-answer:visible").wait_for(timeout=WAIT)
    assert page.locator(".ser-answer:visible strong").inner_text() in small_run.labels
    assert page.locator(".ser-bar:visible").count() == len(small_run.labels)
    picture = page.locator(".ser-figure:visible")
    picture.wait_for(timeout=WAIT)
    assert picture.evaluate("image => image.naturalWidth") > 300


def test_the_microphone_moves_the_timeline(page):
    open_tab(page, "Live")
    page.get_by_role("button", name="Record").last.click()
    strip, seen = page.locator(".ser-strip:visible img"), {}
    strip.wait_for(timeout=WAIT)
    for _ in range(600):
        words, source = page.evaluate(BOTH)
        seen[float(re.match(r"[\d.]+", words)[0])] = source
        if len(seen) > 3:
            break
        page.wait_for_timeout(100)
    page.get_by_role("button", name="Stop").last.click()
    assert len(set(seen.values())) > 3
    assert sorted(seen) == list(seen)


def test_bad_files_are_named_and_the_rest_goes_on(page, folder):
    open_tab(page, "Batch")
    give(page, *(folder / name for name in ("clip.wav", "text.wav", "empty.wav")))
    page.get_by_text("1 of 3 recordings heard").wait_for(timeout=WAIT)
    failed = page.locator(".ser-failed:visible")
    assert [row.split("\t")[0] for row in failed.all_inner_texts()] == ["text.wav", "empty.wav"]
    with page.expect_download() as download:
        page.get_by_text("emotions.csv").click()
    assert download.value.path().read_text().startswith("file,label,seconds")


def test_cards_are_there_and_nothing_is_wider_than_a_phone(page):
    for tab in ("Clip", "Live", "Batch", "About"):
        open_tab(page, tab)
        assert chromium.width(page) <= chromium.PHONE["width"], tab
    assert page.get_by_text("Law and ethics").is_visible()


def test_no_request_left_for_another_host(page):
    hosts = {address.split("/")[2] for address in page.asked if address.startswith("http")}
    assert len(page.asked) > 10
    assert {host.split(":")[0] for host in hosts} == {"127.0.0.1"}
