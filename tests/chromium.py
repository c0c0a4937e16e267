"""Chromium for tests of pages; a module that imports it is skipped where something is missing."""

import shutil
from contextlib import contextmanager

import pytest

playwright = pytest.importorskip("playwright.sync_api", reason="needs the package playwright")
NAMES = ("chromium", "chromium-browser", "google-chrome")
PROGRAM = next(filter(None, map(shutil.which, NAMES)), None)
if PROGRAM is None:
    pytest.skip("needs Chromium", allow_module_level=True)
PHONE = {"width": 390, "height": 800}


@contextmanager
def phone(*arguments):
    """Yield an empty page as narrow as a phone, and the addresses that it asks for in `asked`.

    Args:
        arguments: of the command that starts Chromium.
    """
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=PROGRAM, args=["--no-sandbox", *arguments])
        page = browser.new_page(viewport=PHONE)
        page.asked = []
        page.on("request", lambda request: page.asked.append(request.url))
        try:
            yield page
        finally:
            browser.close()


def width(page):
    """Return how wide everything on a page is, in pixels."""
    return page.evaluate("document.documentElement.scrollWidth")
