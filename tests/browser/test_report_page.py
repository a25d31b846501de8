"""The cost audit's page in a real Chromium: widths, schemes, print, sorting, copying, axe.

Skipped, and said so, where no Chromium or no Playwright is installed.
"""

from __future__ import annotations

import csv
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reconciler.cost.audit import report
from reconciler.cost.price_list import Prices
from reconciler.model import tags as t
from reconciler.model.resource import INSTANCE
from reconciler.output.audit.html import html
from reconciler.output.audit.view import View
from tests.support.large_world import large_report
from tests.support.page_time import USABLE, seconds_until_usable
from tests.support.shop_world import ALL, CLEAN, planned

playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed")
CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")

WIDTHS = (375, 768, 1200, 1600)

CUT_OFF = """() => [...document.querySelectorAll('.num, .big, .sentence')]
  .filter((one) => one.offsetParent !== null && one.textContent.trim())
  .filter((one) => {
    const box = one.getBoundingClientRect();
    return box.left < 0 || box.right > innerWidth + 0.5 || one.scrollWidth > one.clientWidth + 1;
  }).map((one) => one.textContent.trim())"""


INK = """() => [...document.querySelectorAll('figure:not([hidden]) canvas')].map((one) => {
  const dots = one.getContext('2d').getImageData(0, 0, one.width, one.height).data;
  for (let n = 0; n < dots.length; n += 4)
    if (dots[n + 3] > 200 && dots[n] + dots[n + 1] + dots[n + 2] < 330) return true;
  return false;
})"""
"""Whether each chart has something dark on it: its words."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """One Chromium for all tests."""
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a world with garbage, an unknown price, and names that mean harm."""
    odd = [replace(one, type="x9.huge") if one.id == "i-9" else one for one in ALL]
    marked = [
        replace(one, tags={**one.tags, t.RELEASE: "<script>alert(1)</script>"})
        if one.id == "i-17"
        else one
        for one in odd
    ]
    file = tmp_path_factory.mktemp("page") / "report.html"
    file.write_text(html(report(planned(CLEAN, marked), Prices()), View("kind")), encoding="utf-8")
    return file


def opened(browser: Any, file: Path, width: int = 1200, scheme: str = "light") -> Any:
    """The page, open at this width; every complaint of the browser is an error of the test."""
    context = browser.new_context(
        viewport={"width": width, "height": 900},
        color_scheme=scheme,
        permissions=["clipboard-read", "clipboard-write"],
        accept_downloads=True,
    )
    page = context.new_page()
    page.complaints = []
    page.on("console", lambda each: page.complaints.append(each.text))
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.on("request", lambda each: page.complaints.append(each.url) if foreign(each.url) else None)
    page.goto(file.as_uri())
    return page


def foreign(url: str) -> bool:
    """Whether a request leaves the file."""
    return not url.startswith(("file:", "blob:"))


@pytest.mark.parametrize("width", WIDTHS)
def test_no_money_is_cut_off(browser: Any, page_file: Path, width: int) -> None:
    """Every figure is inside of the window, and the page does not scroll sideways."""
    page = opened(browser, page_file, width)
    assert page.evaluate(CUT_OFF) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    seen = page.evaluate(
        "[...document.querySelectorAll('#deploys-table .num')].filter(o => o.offsetParent).length"
    )
    assert seen >= 9
    assert page.complaints == []
    page.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [375, 1200])
def test_axe_finds_nothing(browser: Any, page_file: Path, scheme: str, width: int) -> None:
    """Neither contrast nor names, heads nor order, in both schemes."""
    page = opened(browser, page_file, width, scheme)
    # The library is run by the test, from outside of the page and its policy.
    found = axe.Axe().run(page).response["violations"]
    assert [(each["id"], each["nodes"][0]["html"][:120]) for each in found] == []
    page.context.close()


def test_the_charts_are_drawn_and_the_policy_holds(browser: Any, page_file: Path) -> None:
    """Something is on each canvas; no script but the page's own runs, nothing is fetched."""
    page = opened(browser, page_file)
    drawn = page.evaluate(
        """[...document.querySelectorAll('figure:not([hidden]) canvas')].map((one) =>
        one.getContext('2d').getImageData(0, 0, one.width, one.height).data.some((x) => x))"""
    )
    assert drawn == [True, True]
    assert page.complaints == []
    page.evaluate(
        "() => { const s = document.createElement('script'); s.textContent = 'window.bad = 1';"
        " document.body.append(s); }"
    )
    assert page.evaluate("window.bad") is None
    assert any("Content Security Policy" in each for each in page.complaints)
    page.context.close()


def test_sorting_finding_copying_and_export(browser: Any, page_file: Path, tmp_path: Path) -> None:
    """By a figure the dearest first, by words, to the clipboard, to a file without formulas."""
    page = opened(browser, page_file)
    page.get_by_role("button", name="$/month").last.click()
    values = page.evaluate(
        "[...document.querySelectorAll('#resources-table tbody tr')].map("
        "row => Number(row.querySelector('[data-label=\"$/month\"]').dataset.value))"
    )
    assert values == sorted(values, reverse=True)
    page.get_by_label("Find").fill("snapshot garbage")
    assert page.locator("#resources-table tbody tr:visible").count() == 1
    page.get_by_role("button", name="copy reconciler sweep").click()
    assert page.evaluate("navigator.clipboard.readText()") == "reconciler sweep"
    with page.expect_download() as download:
        page.locator('[data-for="deploys-table"] .export').click()
    saved = tmp_path / "deploys.csv"
    download.value.save_as(saved)
    rows = list(csv.reader(saved.read_text().splitlines()))
    assert rows[0][0] == "service"
    assert len(rows) == 4
    assert page.complaints == []
    page.context.close()


def test_it_prints_on_paper(browser: Any, page_file: Path) -> None:
    """On A4: tables with every figure on the sheet, dark ink on white, whatever the scheme."""
    page = opened(browser, page_file, 718, "dark")  # A4 less its margins, at 96 dots an inch
    page.emulate_media(media="print")
    assert page.evaluate(CUT_OFF) == []
    assert page.evaluate("getComputedStyle(document.body).color") == "rgb(0, 0, 0)"
    paper = "getComputedStyle(document.querySelector('#deploys-table'))"
    assert page.evaluate(f"{paper}.backgroundColor") == "rgb(255, 255, 255)"
    assert page.evaluate(f"{paper}.display") == "table"
    assert page.evaluate(INK) == [True, True]
    pdf = page.pdf(format="A4", prefer_css_page_size=True)
    assert re.findall(rb"/MediaBox\s*\[0 0 (59\d)", pdf)
    page.context.close()


def test_ten_thousand_resources_are_usable_at_once(browser: Any, tmp_path: Path) -> None:
    """Until the page answers to a search."""
    audit = large_report(10_000)
    assert audit.total.resources == 10_000
    file = tmp_path / "large.html"
    file.write_text(html(audit), encoding="utf-8")
    best = min(seconds_until_usable(browser, file) for _ in range(3))
    assert best < USABLE
    assert {item.verdict.resource.kind for item in audit.rows[0].items} >= {INSTANCE}
