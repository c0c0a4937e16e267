"""The one page of a run in a real browser, as narrow as a phone."""

import shutil

import pytest

import serkeras
from serkeras import cards
from serkeras.evaluation import analysis
from tests import chromium

NOT_DRAWN = "images => images.filter(image => !(image.complete && image.naturalWidth > 100)).length"
# Tables, figures and commands scroll in boxes of their own.
TOO_WIDE = """width => [...document.querySelectorAll("main *")].filter(each =>
  !each.closest(".wide, pre, p:has(> img)") && each.scrollWidth > Math.max(each.clientWidth, width)
).map(each => each.outerHTML.slice(0, 80))"""
DIGEST = "0123456789abcdef" * 4


@pytest.fixture(scope="module")
def page(small_run, tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    shutil.copytree(small_run.folder, folder / "run")
    run = serkeras.Run(folder / "run")
    cards.model_card(run)
    words = [f"## {DIGEST}", f"A digest: {DIGEST}.", f"- {DIGEST}"]
    analysis.write(analysis.place(run, "data"), "Digests", {}, words, {})
    with chromium.phone() as page:
        page.goto(cards.write_page(run.folder).as_uri())
        yield page


def test_all_figures_are_drawn_and_nothing_is_asked_for(page):
    pictures = page.locator("main img")
    assert pictures.count() >= 5
    for number in range(pictures.count()):  # drawn when they come into sight
        pictures.nth(number).scroll_into_view_if_needed()
    page.wait_for_function(f"({NOT_DRAWN})([...document.querySelectorAll('main img')]) === 0")
    assert [address for address in page.asked if not address.startswith("data:")] == [
        page.url.split("#")[0]
    ]


def test_nothing_is_wider_than_a_phone(page):
    assert page.evaluate(TOO_WIDE, chromium.PHONE["width"]) == []
    assert chromium.width(page) <= chromium.PHONE["width"]
    assert page.locator(".wide").count() > 1


def test_words_can_be_read_on_a_phone(page):
    sizes = page.locator("main p").evaluate_all(
        "all => all.map(each => parseFloat(getComputedStyle(each).fontSize))"
    )
    assert min(sizes) >= 14


def test_every_link_of_the_head_leads_to_its_part(page):
    links = page.locator("nav a")
    assert links.count() >= 2
    for number in range(links.count()):
        links.nth(number).click()
        part = links.nth(number).get_attribute("href")
        assert page.evaluate("location.hash") == part
        top = page.locator(f"{part} h1").evaluate("each => each.getBoundingClientRect().top")
        assert 0 <= top < chromium.PHONE["height"], part
